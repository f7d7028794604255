/* slice.h - views of bytes that somebody else owns. The type and how to make one are public
 * (httpclient.h); here is what we do with them inside.
 *
 * A view is how text goes through the core: from the buffer that received it to the caller, without
 * a copy on the way. Whoever keeps one has to know how long its bytes live. */
#ifndef HC_SLICE_H
#define HC_SLICE_H

#include "../httpclient.h"
#include "internal.h"

HC_INTERNAL_BEGIN

/* The view of a string literal, without strlen. */
#define HC_SLICE(literal) ((hc_slice){(literal), sizeof(literal) - 1})

/* Byte by byte, letters in their case; for names of fields and hosts see hc_slice_equal_fold. It
 * stops at the first difference, so it is nothing for secrets. */
bool hc_slice_equal(hc_slice a, hc_slice b);
/* Without the SP and HTAB at both ends (OWS, RFC 9110 section 5.6.3). */
hc_slice hc_slice_trim(hc_slice s);

HC_INTERNAL_END

#endif
