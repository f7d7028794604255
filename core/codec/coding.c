/* coding.c - the codings by their names, and who knows how each is taken off. See decoder.h.
 *
 * The names are those of the registry (RFC 9110 section 8.4.1), and of Content-Encoding's list. A
 * coding whose library the build lacks has no name here, so its content is taken as it is. */
#include <string.h>

#include "../base/chars.h"
#include "decoder.h"

/* --- names */

typedef struct coding_name {
  const char *name;
  hc_coding coding;
} coding_name;

/* x-gzip is what some servers have called it since before there was a registry. */
static const coding_name coding_names[] = {
    {"gzip", HC_CODING_GZIP}, {"x-gzip", HC_CODING_GZIP}, {"deflate", HC_CODING_DEFLATE},
#ifdef HC_WITH_BROTLI
    {"br", HC_CODING_BROTLI},
#endif
#ifdef HC_WITH_ZSTD
    {"zstd", HC_CODING_ZSTD},
#endif
};

/* The names have no letter case (RFC 9110 section 8.4.1), and x-gzip means gzip (section
 * 8.4.1.3). */
bool hc_coding_of(hc_slice name, hc_coding *coding) {
  for (size_t i = 0; i < sizeof coding_names / sizeof *coding_names; i++) {
    if (!hc_slice_equal_fold(name, hc_slice_of(coding_names[i].name))) continue;
    *coding = coding_names[i].coding;
    return true;
  }
  return false;
}

/* One name that nobody knows makes all of the content unreadable here: what lies below it can't be
 * reached. So that is noted once, and the content is given as it came. */
static hc_error add_element(hc_codings *codings, hc_slice name, hc_failure *why) {
  hc_coding coding;
  if (name.size == 0 || hc_slice_equal_fold(name, HC_SLICE("identity"))) return HC_OK;
  if (!hc_coding_of(name, &coding)) {
    codings->has_unknown = true;
    return HC_OK;
  }
  if (codings->count == HC_CODINGS_MAX)
    return hc_failure_set(why, HC_ERR_INVALID_DATA, "the content is coded more than %u times",
                          HC_CODINGS_MAX);
  codings->list[codings->count++] = coding;
  return HC_OK;
}

/* A list may stand in one line or in several, with empty elements in it (RFC 9110 section 5.6.1.2);
 * one comma behind the other costs nothing but the look at it. */
hc_error hc_codings_add(hc_codings *codings, hc_slice value, hc_failure *why) {
  hc_error code = HC_OK;
  while (value.size > 0 && code == HC_OK) {
    const char *comma = memchr(value.data, ',', value.size);
    size_t size = comma ? (size_t)(comma - value.data) : value.size;
    code = add_element(codings, hc_slice_trim((hc_slice){value.data, size}), why);
    if (comma) size++;
    value = (hc_slice){value.data + size, value.size - size};
  }
  return code;
}

/* --- who takes it off */

/* A coding that this build lacks has no name above, so nobody can ask for one here. */
hc_decoder *hc_decoder_new(hc_coding coding) {
  switch (coding) {
  case HC_CODING_GZIP:
  case HC_CODING_DEFLATE: return hc_zlib_decoder_new(coding);
#ifdef HC_WITH_BROTLI
  case HC_CODING_BROTLI: return hc_brotli_decoder_new();
#else
  case HC_CODING_BROTLI: break;
#endif
#ifdef HC_WITH_ZSTD
  case HC_CODING_ZSTD: return hc_zstd_decoder_new();
#else
  case HC_CODING_ZSTD: break;
#endif
  }
  return NULL;
}
