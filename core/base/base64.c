/* base64.c - see base64.h.
 *
 * It turns bytes into the credentials of Basic (RFC 7617), into pins, and into what scripts ask
 * for: short texts, so that it is written to be read and not for speed. Base64url (section 5) is
 * another alphabet and not known here. */
#include "base64.h"

#include <string.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static unsigned byte_at_base64(hc_slice s, size_t i) { return (unsigned char)s.data[i]; }

/* Up to three bytes of the rest become four characters, the last one or two of them '=' where bytes
 * lack. */
static void encode_group(hc_slice rest, char *at) {
  unsigned group = byte_at_base64(rest, 0) << 16;
  if (rest.size > 1) group |= byte_at_base64(rest, 1) << 8;
  if (rest.size > 2) group |= byte_at_base64(rest, 2);
  at[0] = base64_digits[group >> 18];
  at[1] = base64_digits[(group >> 12) & 63];
  at[2] = (char)(rest.size > 1 ? base64_digits[(group >> 6) & 63] : '=');
  at[3] = (char)(rest.size > 2 ? base64_digits[group & 63] : '=');
}

void hc_base64_write(hc_slice bytes, char *at) {
  for (size_t i = 0; i < bytes.size; i += 3, at += 4)
    encode_group((hc_slice){bytes.data + i, bytes.size - i}, at);
}

/* The room is taken once, so that text which may hold a password is not left behind in blocks that
 * the buffer grew out of. Half of SIZE_MAX keeps the sum from wrapping. */
hc_error hc_base64_encode(hc_slice bytes, hc_buffer *out) {
  char *at;
  size_t available;
  if (bytes.size > SIZE_MAX / 2) return HC_ERR_OUT_OF_MEMORY;
  size_t size = hc_base64_size(bytes.size);
  hc_error code = hc_buffer_reserve(out, size, SIZE_MAX, &at, &available);
  if (code != HC_OK) return code;
  hc_base64_write(bytes, at);
  hc_buffer_commit(out, size);
  return HC_OK;
}

/* -1: no digit */
static int value_of_base64(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* How many bytes four characters stand for, written to `at`; 0: they are none. Padding belongs to
 * the last four alone. */
static size_t decode_group(const char *text, size_t padding, char *at) {
  unsigned group = 0;
  for (size_t i = 0; i < 4 - padding; i++) {
    int value = value_of_base64(text[i]);
    if (value < 0) return 0;
    group |= (unsigned)value << (18 - 6 * i);
  }
  unsigned over = padding == 0 ? 0 : padding == 1 ? 0xffu : 0xffffu;
  if ((group & over) != 0) return 0;
  for (size_t i = 0; i < 3 - padding; i++) at[i] = (char)(group >> (16 - 8 * i) & 255);
  return 3 - padding;
}

/* The caller has made sure that there are four characters or none. */
static size_t padding_of(hc_slice text) {
  if (text.size == 0 || text.data[text.size - 1] != '=') return 0;
  return text.data[text.size - 2] == '=' ? 2 : 1;
}

bool hc_base64_read(hc_slice text, char *at, size_t *size) {
  *size = 0;
  if (text.size % 4 != 0) return false;
  for (size_t i = 0; i < text.size; i += 4) {
    size_t got = decode_group(text.data + i, text.size - i > 4 ? 0 : padding_of(text), at + *size);
    if (got == 0) return false;
    *size += got;
  }
  return true;
}

/* Written behind what the buffer holds, and only held once all of it was right. */
hc_error hc_base64_decode(hc_slice text, hc_buffer *out) {
  char *at;
  size_t available, size;
  hc_error code = hc_buffer_reserve(out, text.size / 4 * 3, SIZE_MAX, &at, &available);
  if (code != HC_OK) return code;
  if (!hc_base64_read(text, at, &size)) return HC_ERR_INVALID_DATA;
  hc_buffer_commit(out, size);
  return HC_OK;
}
