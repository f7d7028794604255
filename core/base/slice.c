/* slice.c - views on bytes. See slice.h. */
#include "slice.h"

#include <string.h>

hc_slice hc_slice_of(const char *text) { return (hc_slice){text, strlen(text)}; }

bool hc_slice_equal(hc_slice a, hc_slice b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool is_blank_slice(char c) { return c == ' ' || c == '\t'; }

hc_slice hc_slice_trim(hc_slice s) {
  while (s.size > 0 && is_blank_slice(s.data[0])) {
    s.data++;
    s.size--;
  }
  while (s.size > 0 && is_blank_slice(s.data[s.size - 1])) s.size--;
  return s;
}
