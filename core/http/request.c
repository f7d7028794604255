/* request.c - the names of the methods (RFC 9110 section 9.3, RFC 5789). See request.h.
 *
 * Nine have numbers because the engine's enum has them, and because what they mean for content and
 * answers is known. All others go by their token. */
#include "request.h"

#include <stddef.h>

#include "../base/chars.h"

/* In the order of hc_method. A number that is none, HC_METHOD_OTHER among them, has no name. */
hc_slice hc_method_text(int method) {
  static const hc_slice names[] = {{"GET", 3},   {"HEAD", 4},    {"POST", 4},
                                   {"PUT", 3},   {"DELETE", 6},  {"OPTIONS", 7},
                                   {"TRACE", 5}, {"CONNECT", 7}, {"PATCH", 5}};
  return method < 0 || method >= HC_METHOD_MAX ? (hc_slice){NULL, 0} : names[method];
}

const char *hc_method_name(int method) { return hc_method_text(method).data; }

/* Letter case counts (RFC 9110 section 9.1): "get" is another method than GET, and a server may
 * even have it. */
hc_method hc_method_of(hc_slice token) {
  for (int method = 0; method < HC_METHOD_MAX; method++) {
    if (hc_slice_equal(token, hc_method_text(method))) return (hc_method)method;
  }
  return hc_is_token(token) ? HC_METHOD_OTHER : HC_METHOD_MAX;
}
