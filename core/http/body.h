/* body.h - the framing decision, taken once after the head, in the order of RFC 9112 section 6.3. No I/O. */
#ifndef HC_BODY_H
#define HC_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/internal.h"
#include "request.h"
#include "response.h"

HC_INTERNAL_BEGIN

typedef enum hc_framing {
  HC_FRAMING_NONE,        /* no body by the status: 1xx final, 204, 304, 2xx to CONNECT. The fields are not looked at. */
  HC_FRAMING_HEAD,        /* the answer to HEAD: no body, but the exchange passes through STATUS_BODY */
  HC_FRAMING_LENGTH,      /* Content-Length, may be 0 */
  HC_FRAMING_CHUNKED,     /* Transfer-Encoding: chunked */
  HC_FRAMING_UNTIL_CLOSE  /* to the end of the connection */
} hc_framing;

typedef struct hc_body_plan {
  hc_framing framing;
  uint64_t length;        /* for HC_FRAMING_LENGTH */
  bool upgraded;          /* 101, or 2xx to CONNECT: the bytes that follow are no HTTP of this exchange */
  bool keeps_alive;       /* may the connection serve another request (RFC 9112 section 9.3)? any doubt clears it */
} hc_body_plan;

/* What the request said of its connection. */
typedef enum hc_body_after {
  HC_AFTER_KEEP,
  HC_AFTER_CLOSE  /* Connection: close */
} hc_body_after;

/* Decides for a complete final head.
 * HC_ERR_INVALID_DATA with the reason in `why`: differing or malformed Content-Length, over 2^63-1, any
 * Transfer-Encoding but one single "chunked". Both fields: chunked wins, keeps_alive is false. */
hc_error hc_body_decide(const hc_response *response, hc_method method, hc_body_after after, hc_body_plan *plan,
                        hc_failure *why);

/* What Content-Length says, whether or not the response has a body: that to HEAD has none. -1 where it says nothing, or
 * nothing that could be meant. */
int64_t hc_body_announced_length(const hc_response *response);

/* "12", or a list of equal numbers ("5, 5", "05,5"), each plain decimal and at most 2^63-1. False otherwise. */
bool hc_content_length_parse(hc_slice value, uint64_t *length);

HC_INTERNAL_END

#endif
