/* inflate.h - the content codings gzip and deflate, decoded piece by piece (RFC 9110 section
 * 8.4.1).
 *
 * On the way of a byte in this comes last: the client hands out coded content, and whoever wants it
 * plain sends it through here. Memory in, memory out; only inflate.c knows zlib.
 *
 * gzip (RFC 1952): any number of members, one behind the other. Zero bytes behind a member are
 * padding; other bytes that begin no member are ignored, as in browsers and curl. deflate: the zlib
 * format (RFC 1950), or the bare one (RFC 1951) that some servers send under that name; the first
 * two bytes tell. What follows the end of such a stream is ignored. An empty body is complete,
 * since servers send that under these names when there is no content. */
#ifndef HC_INFLATE_H
#define HC_INFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../base/parse.h"

HC_INTERNAL_BEGIN

typedef enum hc_coding { HC_CODING_GZIP, HC_CODING_DEFLATE } hc_coding;

typedef struct hc_inflate hc_inflate;

/* Knows "gzip", "x-gzip" and "deflate", in any letter case. False for any other name. */
bool hc_coding_of(hc_slice name, hc_coding *coding);

hc_inflate *hc_inflate_new(hc_coding coding);  /* NULL: memory is out */
void hc_inflate_delete(hc_inflate *d);         /* NULL is fine */

/* Decodes `data` into out[0..room), where `room` is not 0. It consumes *used bytes and writes
 * *produced. It takes about 40 KiB of memory, whatever the size of input and output.
 *
 * DONE: everything was used, and the stream is complete; another gzip member can still follow. MORE
 * with *produced == room: there may be more output without more input. MORE otherwise: more input
 * is needed. ERROR, also from then on: HC_ERR_INVALID_DATA for broken data, HC_ERR_OUT_OF_MEMORY;
 * what was decoded before is still given. */
hc_parse hc_inflate_decode(hc_inflate *d, hc_slice data, char *out, size_t room, size_t *used,
                           size_t *produced);

/* Is the stream complete, if nothing more comes? */
bool hc_inflate_is_done(const hc_inflate *d);
/* Nothing more comes. HC_ERR_INVALID_DATA when the stream is not complete, which stays its
 * failure. */
hc_error hc_inflate_finish(hc_inflate *d);
const hc_failure *hc_inflate_failure(const hc_inflate *d);

/* The version of zlib that is loaded. */
const char *hc_zlib_version(void);

HC_INTERNAL_END

#endif
