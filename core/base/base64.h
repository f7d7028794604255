/* base64.h - bytes as text of 64 characters (RFC 4648 section 4), with padding. */
#ifndef HC_BASE64_H
#define HC_BASE64_H

#include "buffer.h"
#include "internal.h"

HC_INTERNAL_BEGIN

/* How long the text for so many bytes is; half of SIZE_MAX at most. */
static inline size_t hc_base64_size(size_t bytes) { return (bytes + 2) / 3 * 4; }
/* Writes that text to `at`. The bytes may stand at the end of its room: each is read before
 * anything is written over it. */
void hc_base64_write(hc_slice bytes, char *at);
/* Writes the bytes to `at`, at most three for four characters, and says how many they were. False,
 * whatever was written: a byte of another alphabet, padding that is missing or stands elsewhere
 * than at the end, or bits that a last digit has over; there is one text for the same bytes
 * (section 3.5). */
bool hc_base64_read(hc_slice text, char *at, size_t *size);

/* Both append to `out`. HC_ERR_OUT_OF_MEMORY; nothing is appended then. */
hc_error hc_base64_encode(hc_slice bytes, hc_buffer *out);
hc_error hc_base64_decode(hc_slice text, hc_buffer *out); /* HC_ERR_INVALID_DATA also */

HC_INTERNAL_END

#endif
