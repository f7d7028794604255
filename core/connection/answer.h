/* answer.h - what is known of a response while it comes and afterwards, whatever version of the
 * wire it came by. The receiving side of an exchange writes it, and everybody else reads. */
#ifndef HC_ANSWER_H
#define HC_ANSWER_H

#include "../base/internal.h"
#include "../http/body.h"

HC_INTERNAL_BEGIN

/* What a server that did not answer has said of the same request, sent anew (RFC 9113). */
typedef enum hc_retry {
  HC_RETRY_UNKNOWN, /* nothing: it may have acted on it */
  HC_RETRY_ELSEWHERE, /* it did not act on it (section 8.7): another connection may take it */
  HC_RETRY_HTTP1 /* HTTP_1_1_REQUIRED */
} hc_retry;

typedef struct hc_answer {
  hc_response response;
  bool has_begun;              /* a byte of it has come */
  bool has_response;           /* the final head is in, and `plan` says what follows it */
  bool is_complete;            /* it has been read to its end */
  hc_retry retry;              /* of one that failed */
  hc_body_plan plan;
  uint64_t received;           /* content bytes handed out */
  const hc_headers *trailers;  /* NULL: none, or not yet */
} hc_answer;

HC_INTERNAL_END

#endif
