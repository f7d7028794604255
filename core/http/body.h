/* body.h - how the body of a response is framed: decided once, when its head is complete.
 *
 * On the way of a byte in, this stands between the head and the content: it says by which of five
 * rules the end of the content will be found (RFC 9112 section 6.3), and whether the connection can
 * be used again (section 9.3). A wrong answer here is what response splitting lives on, so every
 * doubt is an error or ends the connection. It looks at fields, and reads nothing. */
#ifndef HC_BODY_H
#define HC_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/internal.h"
#include "request.h"
#include "response.h"

HC_INTERNAL_BEGIN

typedef enum hc_framing {
  /* the status says there is no body: 1xx, 204, 304, 2xx to CONNECT. The fields do not matter */
  HC_FRAMING_NONE,
  /* the answer to HEAD: no body either, but the client passes through BODY */
  HC_FRAMING_HEAD,
  HC_FRAMING_LENGTH,      /* Content-Length, may be 0 */
  HC_FRAMING_CHUNKED,     /* Transfer-Encoding: chunked */
  HC_FRAMING_UNTIL_CLOSE  /* until the server ends the connection */
} hc_framing;

typedef struct hc_body_plan {
  hc_framing framing;
  bool upgraded; /* 101, or 2xx to CONNECT: the bytes that follow are not HTTP any more */
  /* can the connection serve another request (RFC 9112 section 9.3)? Any doubt says no */
  bool keeps_alive;
  uint64_t length;        /* for HC_FRAMING_LENGTH */
} hc_body_plan;

/* What the request said of its connection. */
typedef enum hc_body_after {
  HC_AFTER_KEEP,
  HC_AFTER_CLOSE /* Connection: close */
} hc_body_after;

/* Decides for a complete final head. HC_ERR_INVALID_DATA with the reason in `why`: differing or
 * malformed Content-Length, over 2^63-1, any Transfer-Encoding but one single "chunked". Both
 * fields: chunked wins, keeps_alive is false. */
hc_error hc_body_decide(const hc_response *response, hc_method method, hc_body_after after,
                        hc_body_plan *plan, hc_failure *why);

/* What Content-Length says, whether or not there is a body: the answer to HEAD has one and no body.
 * -1 when it is not there or makes no sense. */
int64_t hc_body_announced_length(const hc_response *response);

/* "12", or a list of equal numbers ("5, 5", "05,5"), each in plain decimal and at most 2^63-1.
 * False for anything else. */
bool hc_content_length_parse(hc_slice value, uint64_t *length);

HC_INTERNAL_END

#endif
