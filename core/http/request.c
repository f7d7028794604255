/* request.c - the names of the methods (RFC 9110 section 9.3, RFC 5789). See request.h.
 *
 * Nine have numbers because the engine's enum has them, and because what they mean for content and
 * answers is known. All others go by their token. */
#include "request.h"

#include <stddef.h>

#include "../base/chars.h"

/* In the order of hc_method. A number that is none, HC_METHOD_OTHER among them, has no name. */
const char *hc_method_name(int method) {
  static const char *const names[] = {"GET",     "HEAD",  "POST",    "PUT",  "DELETE",
                                      "OPTIONS", "TRACE", "CONNECT", "PATCH"};
  return method < 0 || method >= HC_METHOD_MAX ? NULL : names[method];
}

/* Letter case counts (RFC 9110 section 9.1): "get" is another method than GET, and a server may
 * even have it. */
hc_method hc_method_of(hc_slice token) {
  for (int method = 0; method < HC_METHOD_MAX; method++) {
    if (hc_slice_equal(token, hc_slice_of(hc_method_name(method)))) return (hc_method)method;
  }
  return hc_is_token(token) ? HC_METHOD_OTHER : HC_METHOD_MAX;
}
