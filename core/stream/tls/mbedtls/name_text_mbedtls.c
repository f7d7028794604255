/* name_text_mbedtls.c - are two values in names of certificates the same? They may be in different
 * kinds of text: it is the characters that count, with letters of ASCII in either case, and space
 * as RFC 4518 has it (none at the ends, one in between). What is compared has come with a
 * certificate, and may be broken. */
#include "mbedtls_internal.h"

#include <mbedtls/asn1.h>
#include <string.h>

#include "../../../base/chars.h"

#define TAG_VISIBLE_STRING 0x1A
#define TEXT_END UINT32_MAX
#define BROKEN_BYTE 0x80000000u /* and the byte: like itself alone */

/* What is left of one value, and how its bytes are to be read. */
typedef struct name_text {
  const unsigned char *at, *end;
  unsigned tag;
} name_text;

/* Values of other kinds are compared as bytes. */
static bool is_text(unsigned tag) {
  switch (tag) {
  case MBEDTLS_ASN1_UTF8_STRING:
  case MBEDTLS_ASN1_PRINTABLE_STRING:
  case MBEDTLS_ASN1_T61_STRING:
  case MBEDTLS_ASN1_IA5_STRING:
  case MBEDTLS_ASN1_UNIVERSAL_STRING:
  case MBEDTLS_ASN1_BMP_STRING:
  case TAG_VISIBLE_STRING: return true;
  default: return false;
  }
}

/* Lengths that UTF-8 forbids are taken for what they say: nobody slips past a rule by them. */
static uint32_t take_utf8(name_text *t) {
  unsigned first = *t->at++;
  if (first < 0x80) return first;
  size_t more = first >= 0xF8 ? 0 : first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  if (more == 0 || (size_t)(t->end - t->at) < more) return BROKEN_BYTE | first;
  uint32_t c = first & (0x3Fu >> more);
  for (size_t i = 0; i < more; i++) {
    if ((t->at[i] & 0xC0) != 0x80) return BROKEN_BYTE | first;
    c = c << 6 | (t->at[i] & 0x3Fu);
  }
  t->at += more;
  return c;
}

/* Big end first (X.690 section 8.23). Surrogates of a BMPString stay halves on both sides. */
static uint32_t take_wide(name_text *t, size_t width) {
  uint32_t c = 0;
  if ((size_t)(t->end - t->at) < width) return BROKEN_BYTE | *t->at++;
  for (size_t i = 0; i < width; i++) c = c << 8 | *t->at++;
  return c;
}

/* Never at the end: whoever calls has seen that a byte is left. */
static uint32_t take_character(name_text *t) {
  switch (t->tag) {
  case MBEDTLS_ASN1_UTF8_STRING: return take_utf8(t);
  case MBEDTLS_ASN1_BMP_STRING: return take_wide(t, 2);
  case MBEDTLS_ASN1_UNIVERSAL_STRING: return take_wide(t, 4);
  default: return *t->at++; /* T61String is Latin-1 in all that is found */
  }
}

/* Those of ASCII. Other kinds of space are characters like any. */
static bool is_space(uint32_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Moves behind all space. Was there some? By copies, since only a character that was taken shows
 * what it is. */
static bool skip_space(name_text *t) {
  bool was_there = false;
  for (name_text next = *t; next.at < next.end && is_space(take_character(&next)); *t = next)
    was_there = true;
  return was_there;
}

/* Any run of space counts as one blank, and none at the end. */
static uint32_t take_folded(name_text *t) {
  bool was_space = skip_space(t);
  if (t->at == t->end) return TEXT_END;
  if (was_space) return ' ';
  uint32_t c = take_character(t);
  return c < 0x80 ? (unsigned char)hc_char_lower((char)c) : c;
}

/* Character by character, without a copy of either. A broken byte is the same only as itself, so
 * nothing that is broken passes for a good name. */
bool hc_mbedtls_is_same_text(unsigned tag_a, hc_slice a, unsigned tag_b, hc_slice b) {
  const unsigned char *at_a = (const unsigned char *)a.data, *at_b = (const unsigned char *)b.data;
  name_text x = {at_a, at_a + a.size, tag_a}, y = {at_b, at_b + b.size, tag_b};
  if (!is_text(tag_a) || !is_text(tag_b))
    return tag_a == tag_b && a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
  (void)skip_space(&x);
  (void)skip_space(&y);
  for (;;) {
    uint32_t c = take_folded(&x);
    if (c != take_folded(&y)) return false;
    if (c == TEXT_END) return true;
  }
}
