/* base64.h - bytes as text of 64 characters (RFC 4648 section 4), with padding. */
#ifndef HC_BASE64_H
#define HC_BASE64_H

#include "buffer.h"
#include "internal.h"

HC_INTERNAL_BEGIN

/* Both append to `out`. HC_ERR_OUT_OF_MEMORY; nothing is appended then. */
hc_error hc_base64_encode(hc_slice bytes, hc_buffer *out);
/* HC_ERR_INVALID_DATA also for a byte of another alphabet, for padding that is missing or stands
 * elsewhere than at the end, and for bits that a last digit has over: one text for the same bytes
 * (section 3.5). */
hc_error hc_base64_decode(hc_slice text, hc_buffer *out);

HC_INTERNAL_END

#endif
