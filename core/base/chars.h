/* chars.h - what kind of character a byte is, by RFC 9110 and RFC 3986, and the small rules that
 * all parsers share: tokens, decimal numbers, comma-separated lists.
 *
 * <ctype.h> is not used, since it follows the host's locale. Everything here looks at bytes that
 * somebody else owns; it allocates nothing and keeps nothing. */
#ifndef HC_CHARS_H
#define HC_CHARS_H

#include <stdbool.h>
#include <stdint.h>

#include "internal.h"
#include "slice.h"

HC_INTERNAL_BEGIN

/* The classes of each byte value, as bits: one look answers several questions at once, and a loop
 * over a name can fold four bytes into one test. Use the functions below to read it. */
extern const unsigned char hc_char_classes[256];
enum {
  HC_CHAR_TOKEN = 1,
  HC_CHAR_UNRESERVED = 2,
  HC_CHAR_DIGIT = 4,
  HC_CHAR_CONTROL = 8,
  HC_CHAR_HOST = 16
};

static inline bool hc_char_has_class(char c, unsigned wanted) {
  return (hc_char_classes[(unsigned char)c] & wanted) != 0;
}

/* tchar, RFC 9110 section 5.6.2 */
static inline bool hc_char_is_token(char c) { return hc_char_has_class(c, HC_CHAR_TOKEN); }
/* RFC 3986 section 2.3 */
static inline bool hc_char_is_unreserved(char c) {
  return hc_char_has_class(c, HC_CHAR_UNRESERVED);
}
/* unreserved or sub-delims: what a host's name may consist of, percent-encoding aside (RFC 3986
 * section 3.2.2) */
static inline bool hc_char_is_host(char c) { return hc_char_has_class(c, HC_CHAR_HOST); }
static inline bool hc_char_is_digit(char c) { return hc_char_has_class(c, HC_CHAR_DIGIT); }
/* 00-1F and 7F */
static inline bool hc_char_is_control(char c) { return hc_char_has_class(c, HC_CHAR_CONTROL); }
/* A-Z only */
static inline char hc_char_lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c); }

/* 0..15, or -1 */
static inline int hc_char_hex_value(char c) {
  if (hc_char_is_digit(c)) return c - '0';
  char lower = hc_char_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Letters are equal in either case; only ASCII letters, whatever the locale. */
bool hc_bytes_equal_fold(const char *a, const char *b, size_t size);
static inline bool hc_slice_equal_fold(hc_slice a, hc_slice b) {
  return a.size == b.size && hc_bytes_equal_fold(a.data, b.data, a.size);
}

/* One or more digits and nothing else, for a number up to 2^63-1: what a length on the wire may
 * be. */
bool hc_parse_decimal(hc_slice digits, uint64_t *number);

/* How many bytes at the start of the text are tchar: `size` of them, or the place of the first that
 * is none. Nothing behind `size` is read. */
size_t hc_token_size(const char *text, size_t size);
/* At least one byte, all of them tchar. */
bool hc_is_token(hc_slice s);

/* Walks a comma-separated list (RFC 9110 section 5.6.1): takes the next element from *rest, without
 * white space at its ends; it may be empty. False when *rest is used up. Start with the whole
 * value; the value "" gives one empty element. */
bool hc_list_next(hc_slice *rest, hc_slice *element);
/* Is this token in the list, in any letter case? Parameters (";...") are no part of a token. */
bool hc_list_has_token(hc_slice list, hc_slice token);

HC_INTERNAL_END

#endif
