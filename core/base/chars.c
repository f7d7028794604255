/* chars.c - byte classes by table, and comma-separated lists. See chars.h. */
#include "chars.h"

#include <string.h>

/* The bits are those of chars.h added up: 23 is a digit (token, unreserved, digit, host), 19 a
 * letter, 8 a control byte. One row for 16 bytes; those from 80 on belong to no class, so UTF-8 is
 * neither a token nor part of a host. A table and not comparisons: a head is looked at byte by
 * byte, and most bytes fall in the middle of any chain of them. */
const unsigned char hc_char_classes[256] = {
    8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  /* 00 */
    8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  /* 10 */
    0,  17, 0,  1,  17, 1,  17, 17, 16, 16, 17, 17, 16, 19, 19, 0,  /* 20 */
    23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 0,  16, 0,  16, 0,  0,  /* 30 */
    0,  19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19,  /* 40 */
    19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 0,  0,  0,  1,  19,  /* 50 */
    1,  19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19,  /* 60 */
    19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 0,  1,  0,  19, 8,  /* 70 */
};

static unsigned class_at(const char *text) { return hc_char_classes[(unsigned char)*text]; }

/* Most bytes are equal as they stand, so lowering comes second. Not in constant time, and not to be
 * used on secrets. */
bool hc_bytes_equal_fold(const char *a, const char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i] && hc_char_lower(a[i]) != hc_char_lower(b[i])) return false;
  }
  return true;
}

/* 10^18 is less than 2^63, so only from the 19th digit on can the number be too large. */
#define DIGITS_ALWAYS_FIT 18u

/* 2^63-1 and not 2^64-1, since a file's place is a signed number on every system. Leading zeros are
 * digits like others (RFC 9110 section 8.6 has 1*DIGIT), and any number of them costs no more than
 * reading them. */
bool hc_parse_decimal(hc_slice digits, uint64_t *number) {
  const uint64_t most = INT64_MAX;
  uint64_t value = 0;
  for (size_t i = 0; i < digits.size; i++) {
    unsigned digit = (unsigned char)digits.data[i] - (unsigned)'0';
    if (digit > 9) return false;
    if (i >= DIGITS_ALWAYS_FIT && value > (most - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *number = value;
  return digits.size > 0;
}

/* Four bytes at a time with one branch: a field's name has ten or more. */
size_t hc_token_size(const char *text, size_t size) {
  size_t i = 0;
  while (size - i >= 4 && (class_at(text + i) & class_at(text + i + 1) & class_at(text + i + 2) &
                           class_at(text + i + 3) & HC_CHAR_TOKEN) != 0)
    i += 4;
  while (i < size && hc_char_is_token(text[i])) i++;
  return i;
}

bool hc_is_token(hc_slice s) { return s.size > 0 && hc_token_size(s.data, s.size) == s.size; }

/* Every comma separates, even one inside a quoted string. None of the lists that we read may
 * contain quoted strings, and it is better to see an element too many than to miss one behind a
 * quote that is never closed. */
bool hc_list_next(hc_slice *rest, hc_slice *element) {
  if (!rest->data) return false;
  const char *comma = rest->size > 0 ? memchr(rest->data, ',', rest->size) : NULL;
  if (!comma) {
    *element = hc_slice_trim(*rest);
    *rest = (hc_slice){NULL, 0};
    return true;
  }
  size_t size = (size_t)(comma - rest->data);
  *element = hc_slice_trim((hc_slice){rest->data, size});
  *rest = (hc_slice){comma + 1, rest->size - size - 1};
  return true;
}

/* "gzip;q=0.5" and "chunked ; x" name gzip and chunked. */
static hc_slice without_parameters(hc_slice element) {
  const char *semicolon = element.size > 0 ? memchr(element.data, ';', element.size) : NULL;
  if (semicolon) element.size = (size_t)(semicolon - element.data);
  return hc_slice_trim(element);
}

bool hc_list_has_token(hc_slice list, hc_slice token) {
  hc_slice element;
  while (hc_list_next(&list, &element)) {
    if (hc_slice_equal_fold(without_parameters(element), token)) return true;
  }
  return false;
}
