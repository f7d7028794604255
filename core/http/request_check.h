/* request_check.h - may this request be sent? If so, taken apart as far as a writer of heads needs it, whatever version of the
 * wire it is for. No I/O. */
#ifndef HC_REQUEST_CHECK_H
#define HC_REQUEST_CHECK_H

#include "../base/error.h"
#include "../base/internal.h"
#include "request.h"

HC_INTERNAL_BEGIN

/* The fields that decide something here; all others only pass. */
typedef enum hc_known_field {
  HC_FIELD_HOST,
  HC_FIELD_CONTENT_LENGTH,
  HC_FIELD_TRANSFER_ENCODING,
  HC_FIELD_USER_AGENT,
  HC_FIELD_ACCEPT,
  HC_FIELD_CONNECTION,
  HC_FIELD_EXPECT,
  HC_FIELD_PROXY_AUTHORIZATION,
  HC_FIELD_OTHER
} hc_known_field;

/* What the caller's lines say. */
typedef struct hc_survey {
  bool has[HC_FIELD_OTHER];
  size_t host_line;
  uint64_t content_length;
  bool closes;
  bool expects_continue;
} hc_survey;

/* The request target, in the pieces in which it is written. `authority` is what Host says by default. */
typedef struct hc_target {
  hc_slice scheme, site, path;
  hc_slice authority;
} hc_target;

/* A request that may be sent. All texts are those of the request, which outlives it. */
typedef struct hc_checked_request {
  const hc_request *request;
  int method;              /* hc_method; HC_METHOD_OTHER only for what is none of the nine */
  hc_target target;
  hc_survey survey;
  hc_request_head head;
} hc_checked_request;

/* HC_ERR_INVALID_PARAMETER with the offending part named in `why` (never its value when it could be secret: the header's name,
 * its index, the byte's position). A fragment is left out of the target. */
hc_error hc_request_check(const hc_request *request, hc_checked_request *checked, hc_failure *why);
/* Is Content-Length to be written although the caller has not, 0 included (RFC 9110 section 8.6)? */
bool hc_request_says_length(const hc_checked_request *checked);

HC_INTERNAL_END

#endif
