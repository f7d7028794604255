/* inflate.h - the content codings gzip and deflate, decoded as a stream (RFC 9110 section 8.4.1). No I/O.
 *
 * gzip (RFC 1952): any number of members, one behind the other. Zero bytes behind a member are padding; other bytes that
 * begin no member are ignored, as browsers and curl do. deflate: the zlib format (RFC 1950), or the bare one (RFC 1951)
 * that some servers send under that name; the first two bytes tell. What follows the end of such a stream is ignored.
 * An empty body is complete: it is what servers send under these names for no content. */
#ifndef HC_INFLATE_H
#define HC_INFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../base/parse.h"

HC_INTERNAL_BEGIN

typedef enum hc_coding {
  HC_CODING_GZIP,
  HC_CODING_DEFLATE
} hc_coding;

typedef struct hc_inflate hc_inflate;

/* "gzip", "x-gzip" or "deflate" in any letter case; false for any other name. */
bool hc_coding_of(hc_slice name, hc_coding *coding);

hc_inflate *hc_inflate_new(hc_coding coding);  /* NULL: memory is out */
void hc_inflate_delete(hc_inflate *d);         /* NULL is fine */

/* Decodes data[0..size) into out[0..room): *used bytes of the input are consumed, *produced are written. `room` is not 0.
 * The memory in use does not grow with the input or the output (about 40 KiB).
 * DONE: all was used, and the stream is complete; yet another gzip member may follow.
 * MORE: all that could be was used. With *produced == room there may be more without any input; else more input is needed.
 * ERROR (it stays): broken data, HC_ERR_INVALID_DATA, or HC_ERR_OUT_OF_MEMORY; bytes decoded before it are still given. */
hc_parse hc_inflate_decode(hc_inflate *d, hc_slice data, char *out, size_t room, size_t *used, size_t *produced);

/* Would the stream be complete if it ended here? */
bool hc_inflate_is_done(const hc_inflate *d);
/* The input has ended. HC_ERR_INVALID_DATA when the stream is not complete: the failure says so, and stays. */
hc_error hc_inflate_finish(hc_inflate *d);
const hc_failure *hc_inflate_failure(const hc_inflate *d);

HC_INTERNAL_END

#endif
