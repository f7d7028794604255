/* request_check.h - may this request be sent? If so, taken apart as far as a writer of heads needs
 * it.
 *
 * On the way of a request out this comes first. Nothing that two readers could understand in two
 * ways leaves here: no line break in a field, no second Host, no length that contradicts the body.
 * It knows no version of the wire and writes nothing. */
#ifndef HC_REQUEST_CHECK_H
#define HC_REQUEST_CHECK_H

#include "../base/error.h"
#include "../base/internal.h"
#include "request.h"

HC_INTERNAL_BEGIN

/* The fields that matter here; all others just pass. */
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

/* What the caller's fields say. */
typedef struct hc_survey {
  bool has[HC_FIELD_OTHER];
  size_t host_line;
  uint64_t content_length;
  bool closes;
  bool expects_continue;
} hc_survey;

/* The request target, in the pieces from which it is written. `authority` is for Host, if the
 * caller gives none. */
typedef struct hc_target {
  hc_slice scheme, site, path;
  hc_slice authority;
} hc_target;

/* A request that may be sent. Its texts are views of the request, which has to live longer. */
typedef struct hc_checked_request {
  const hc_request *request;
  int method;              /* hc_method; HC_METHOD_OTHER only for what is none of the nine */
  hc_target target;
  hc_survey survey;
  hc_request_head head;
} hc_checked_request;

/* HC_ERR_INVALID_PARAMETER, and `why` names the faulty part: a field by its name or number, a byte
 * by its position, but no value that could be secret. A fragment is left out of the target. */
hc_error hc_request_check(const hc_request *request, hc_checked_request *checked, hc_failure *why);
/* The method as it stands in the head. */
hc_slice hc_request_method(const hc_checked_request *checked);
/* Does the head need a Content-Length that the caller did not give? It may be 0 (RFC 9110 section
 * 8.6). */
bool hc_request_says_length(const hc_checked_request *checked);

HC_INTERNAL_END

#endif
