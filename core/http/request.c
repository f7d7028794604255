/* request.c - the names of the methods (RFC 9110 section 9.3, RFC 5789). See request.h. */
#include "request.h"

#include <stddef.h>

#include "../base/chars.h"

const char *hc_method_name(int method) {
  static const char *const names[] = {"GET",     "HEAD",  "POST",    "PUT",  "DELETE",
                                      "OPTIONS", "TRACE", "CONNECT", "PATCH"};
  return method < 0 || method >= HC_METHOD_MAX ? NULL : names[method];
}

hc_method hc_method_of(hc_slice token) {
  for (int method = 0; method < HC_METHOD_MAX; method++) {
    if (hc_slice_equal(token, hc_slice_of(hc_method_name(method)))) return (hc_method)method;
  }
  return hc_is_token(token) ? HC_METHOD_OTHER : HC_METHOD_MAX;
}
