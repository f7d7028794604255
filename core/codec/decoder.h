/* decoder.h - content codings, taken off piece by piece (RFC 9110 section 8.4.1).
 *
 * On the way of a byte in this comes last: a connection hands out coded content, and whoever wants
 * it plain sends it through here. Memory in, memory out. Each coding is one table of functions
 * below, in a file that alone knows its library; br and zstd are there where the build has these.
 *
 * What all of them have in common: an empty body is complete, since servers send that under these
 * names when there is no content. What follows the end of a stream and begins no further part of it
 * is ignored, as in browsers. A stream that ends too early is an error.
 *
 * gzip (RFC 1952): any number of members, one behind the other, with zero bytes as padding.
 * deflate: the zlib format (RFC 1950), or the bare one (RFC 1951) that some servers send under that
 * name; the first two bytes tell. br (RFC 7932): one stream, with a window of at most 16 MiB. zstd
 * (RFC 8878): any number of frames, skippable ones among them, with a window of at most 8 MiB, as
 * RFC 9659 has it for HTTP. */
#ifndef HC_DECODER_H
#define HC_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/limits.h"
#include "../base/parse.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

typedef enum hc_coding {
  HC_CODING_GZIP,
  HC_CODING_DEFLATE,
  HC_CODING_BROTLI,
  HC_CODING_ZSTD
} hc_coding;

/* Knows "gzip", "x-gzip", "deflate", "br" and "zstd", in any letter case. False for any other name,
 * and for one that this build can't decode. */
bool hc_coding_of(hc_slice name, hc_coding *coding);

typedef struct hc_decoder hc_decoder;

/* One coding. `feed` and `finish` are only called as long as nothing has failed, and write a
 * failure into the decoder. */
typedef struct hc_codec {
  const char *name;
  hc_parse (*feed)(hc_decoder *d, hc_slice data, char *out, size_t room, size_t *used,
                   size_t *produced);
  bool (*is_done)(const hc_decoder *d);
  hc_error (*finish)(hc_decoder *d);
  void (*close)(hc_decoder *d);
} hc_codec;

/* How each of them begins; what stands behind it is its codec's. */
struct hc_decoder {
  const hc_codec *codec;
  hc_failure failure;
};

hc_decoder *hc_decoder_new(hc_coding coding); /* NULL: memory is out */
void hc_decoder_delete(hc_decoder *d); /* NULL is fine */

/* Decodes `data` into out[0..room), where `room` is not 0. It consumes *used bytes and writes
 * *produced. Its memory is bounded by the coding, whatever the size of input and output.
 *
 * DONE: everything was used, and the stream is complete; another member or frame can still follow.
 * MORE with *produced == room: there may be more output without more input. MORE otherwise: more
 * input is needed. ERROR, also from then on: HC_ERR_INVALID_DATA for broken data,
 * HC_ERR_OUT_OF_MEMORY; what was decoded before is still given. */
hc_parse hc_decoder_feed(hc_decoder *d, hc_slice data, char *out, size_t room, size_t *used,
                         size_t *produced);

/* Is the stream complete, if nothing more comes? */
bool hc_decoder_is_done(const hc_decoder *d);
/* Nothing more comes. HC_ERR_INVALID_DATA when the stream is not complete, which stays its
 * failure. */
hc_error hc_decoder_finish(hc_decoder *d);
const hc_failure *hc_decoder_failure(const hc_decoder *d);

/* --- several codings, one on top of the other */

/* What the fields Content-Encoding say, in the order in which the codings were applied. Zeroed:
 * nothing yet. */
typedef struct hc_codings {
  hc_coding list[HC_CODINGS_MAX];
  size_t count;
  bool has_unknown; /* content is taken as it is then */
} hc_codings;

/* Adds what one field line says; "identity" and empty elements are none. HC_ERR_INVALID_DATA: more
 * than HC_CODINGS_MAX, each of which may multiply the size by a thousand. */
hc_error hc_codings_add(hc_codings *codings, hc_slice value, hc_failure *why);
/* One decoder for all of them; `count` is not 0. NULL: memory is out. */
hc_decoder *hc_decoder_new_for(const hc_codings *codings);

/* --- for the codecs */

hc_decoder *hc_zlib_decoder_new(hc_coding coding);
hc_decoder *hc_brotli_decoder_new(void);
hc_decoder *hc_zstd_decoder_new(void);

/* A codec's `finish`, where nothing else is to be done. */
hc_error hc_decoder_finish_plain(hc_decoder *d);
/* Record what is wrong, and are HC_PARSE_ERROR. */
hc_parse hc_decoder_fail(hc_decoder *d, const char *reason);
hc_parse hc_decoder_fail_memory(hc_decoder *d);

/* The versions of the libraries that are loaded; NULL: the build is without it. */
const char *hc_zlib_version(void);
uint32_t hc_brotli_version_number(void); /* as hc_feature has it */
const char *hc_zstd_version(void);

HC_INTERNAL_END

#endif
