/* slice.c - views on bytes. See slice.h. */
#include "slice.h"

#include <string.h>

/* For text that ends with a NUL; the view has not got it. */
hc_slice hc_slice_of(const char *text) { return (hc_slice){text, strlen(text)}; }

/* An empty slice may have no pointer at all, which memcmp must not be given even for zero bytes
 * (C11 7.24.1). */
bool hc_slice_equal(hc_slice a, hc_slice b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool is_blank_slice(char c) { return c == ' ' || c == '\t'; }

/* OWS of RFC 9110 section 5.6.3: blank and tab, and nothing of what isspace() calls space in some
 * locale. */
hc_slice hc_slice_trim(hc_slice s) {
  while (s.size > 0 && is_blank_slice(s.data[0])) {
    s.data++;
    s.size--;
  }
  while (s.size > 0 && is_blank_slice(s.data[s.size - 1])) s.size--;
  return s;
}
