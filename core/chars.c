/* chars.c - byte classes by table, and comma-separated lists. See chars.h. */
#include "chars.h"

#include <string.h>

/* One row for 16 bytes; those from 80 on belong to no class. */
const unsigned char hc_char_classes[256] = {
     8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  /* 00 */
     8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  /* 10 */
     0, 17,  0,  1, 17,  1, 17, 17, 16, 16, 17, 17, 16, 19, 19,  0,  /* 20 */
    23, 23, 23, 23, 23, 23, 23, 23, 23, 23,  0, 16,  0, 16,  0,  0,  /* 30 */
     0, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19,  /* 40 */
    19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19,  0,  0,  0,  1, 19,  /* 50 */
     1, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19,  /* 60 */
    19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19,  0,  1,  0, 19,  8,  /* 70 */
};

bool hc_is_token(hc_slice s) {
  for (size_t i = 0; i < s.size; i++) {
    if (!hc_char_is_token(s.data[i])) return false;
  }
  return s.size > 0;
}

/* Every comma separates, also one inside a quoted string: none of the lists that are read here may hold quoted
 * strings, and an element is better found once too often than hidden behind a quote that is never closed. */
bool hc_list_next(hc_slice *rest, hc_slice *element) {
  if (rest->data == NULL) return false;
  const char *comma = rest->size > 0 ? memchr(rest->data, ',', rest->size) : NULL;
  if (comma == NULL) {
    *element = hc_slice_trim(*rest);
    *rest = (hc_slice){NULL, 0};
    return true;
  }
  size_t size = (size_t)(comma - rest->data);
  *element = hc_slice_trim((hc_slice){rest->data, size});
  *rest = (hc_slice){comma + 1, rest->size - size - 1};
  return true;
}

static hc_slice without_parameters(hc_slice element) {
  const char *semicolon = element.size > 0 ? memchr(element.data, ';', element.size) : NULL;
  if (semicolon != NULL) element.size = (size_t)(semicolon - element.data);
  return hc_slice_trim(element);
}

bool hc_list_has_token(hc_slice list, hc_slice token) {
  hc_slice element;
  while (hc_list_next(&list, &element)) {
    if (hc_slice_equal_fold(without_parameters(element), token)) return true;
  }
  return false;
}
