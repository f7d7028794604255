/* slice.h - a view on bytes that somebody else owns. */
#ifndef HC_SLICE_H
#define HC_SLICE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hc_slice {
  const char *data;
  size_t size;
} hc_slice;

/* The view of `size` bytes from `data` on; in headers, where C++ has no compound literals. */
static inline hc_slice hc_slice_make(const char *data, size_t size) {
  hc_slice slice;
  slice.data = data;
  slice.size = size;
  return slice;
}

/* The view of a NUL-terminated text; of a string literal, without strlen. */
hc_slice hc_slice_of(const char *text);
#define HC_SLICE(literal) ((hc_slice){(literal), sizeof(literal) - 1})
bool hc_slice_equal(hc_slice a, hc_slice b);
/* Without the SP and HTAB at both ends (OWS, RFC 9110 section 5.6.3). */
hc_slice hc_slice_trim(hc_slice s);

#ifdef __cplusplus
}
#endif

#endif
