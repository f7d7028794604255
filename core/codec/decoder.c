/* decoder.c - what all codings have in common. See decoder.h.
 *
 * Names, the choice of the file that knows a coding, and the sentences of failures. A decoder that
 * has failed stays so, and says why to all who ask later. */
#include "decoder.h"

#include <string.h>

#include "../base/chars.h"

/* --- names */

typedef struct coding_name {
  const char *name;
  hc_coding coding;
} coding_name;

static const coding_name names[] = {
    {"gzip", HC_CODING_GZIP}, {"x-gzip", HC_CODING_GZIP}, {"deflate", HC_CODING_DEFLATE},
#ifdef HC_WITH_BROTLI
    {"br", HC_CODING_BROTLI},
#endif
#ifdef HC_WITH_ZSTD
    {"zstd", HC_CODING_ZSTD},
#endif
};

bool hc_coding_of(hc_slice name, hc_coding *coding) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!hc_slice_equal_fold(name, hc_slice_of(names[i].name))) continue;
    *coding = names[i].coding;
    return true;
  }
  return false;
}

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

/* --- life */

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

hc_decoder *hc_decoder_new_for(const hc_codings *codings) {
  return codings->count == 1 ? hc_decoder_new(codings->list[0]) : hc_chain_decoder_new(codings);
}

void hc_decoder_delete(hc_decoder *d) {
  if (d) d->codec->close(d);
}

/* --- decoding */

hc_parse hc_decoder_feed(hc_decoder *d, hc_slice data, char *out, size_t room, size_t *used,
                         size_t *produced) {
  *used = *produced = 0;
  if (d->failure.code != HC_OK) return HC_PARSE_ERROR;
  if (!data.data) data = HC_SLICE("");
  return d->codec->feed(d, data, out, room, used, produced);
}

bool hc_decoder_is_done(const hc_decoder *d) {
  return d->failure.code == HC_OK && d->codec->is_done(d);
}

hc_error hc_decoder_finish(hc_decoder *d) {
  return d->failure.code == HC_OK ? d->codec->finish(d) : d->failure.code;
}

hc_error hc_decoder_finish_plain(hc_decoder *d) {
  if (d->codec->is_done(d)) return HC_OK;
  return hc_failure_set(&d->failure, HC_ERR_INVALID_DATA, "the %s data ends too early",
                        d->codec->name);
}

const hc_failure *hc_decoder_failure(const hc_decoder *d) { return &d->failure; }

hc_parse hc_decoder_fail(hc_decoder *d, const char *reason) {
  hc_failure_set(&d->failure, HC_ERR_INVALID_DATA, "the %s data is broken: %s", d->codec->name,
                 reason ? reason : "not in that format");
  return HC_PARSE_ERROR;
}

hc_parse hc_decoder_fail_memory(hc_decoder *d) {
  hc_failure_out_of_memory(&d->failure);
  return HC_PARSE_ERROR;
}
