/* zlib_decoder.c - the codings gzip and deflate, on top of zlib. See decoder.h.
 *
 * zlib decodes one member; where one begins, what may stand between two, and which format "deflate"
 * means this time, is found out here. zlib's memory is ours too (base/memory.h). */
#include "decoder.h"

#define ZLIB_CONST
#include <zlib.h>

#include "../base/chars.h"
#include "../base/memory.h"

/* zlib counts in unsigned int. */
#define PIECE ((size_t)1 << 30)

/* zlib's windowBits: 15 is the largest window, and the sign, or 16 added to it, says which
 * format. */
#define WINDOW_ZLIB 15
#define WINDOW_RAW (-15)
#define WINDOW_GZIP (15 + 16)

/* deflate goes from the first to the second and ends; gzip goes round between the second and the
 * third. */
typedef enum inflate_state {
  AWAITS_START,   /* the first two bytes, which tell the format */
  IN_STREAM,
  BEHIND_MEMBER,  /* padding, another member, or the end */
  BEHIND_ALL_ZLIB_DECODER      /* what comes is ignored */
} inflate_state;

/* zlib's own state is some KiB, and a window of 32 KiB comes with the first output. */
typedef struct zlib_decoder {
  hc_decoder common;
  z_stream zlib;
  hc_coding coding;
  inflate_state state;
  unsigned char head[2];  /* bytes that were looked at before zlib gets them */
  unsigned head_size, head_used;
} zlib_decoder;

/* What all decoders have in common is the first member. */
static zlib_decoder *of_zlib_decoder(hc_decoder *d) { return (zlib_decoder *)d; }

/* Zeroed, because some versions of zlib read what they never wrote, which valgrind tells of. */
static voidpf zlib_allocate(voidpf unused, uInt count, uInt size) {
  (void)unused;
  return hc_memory_allocate_zeroed(count, size);
}

static void zlib_release(voidpf unused, voidpf block) {
  (void)unused;
  hc_memory_release(block);
}

/* A preset dictionary is part of RFC 1950, and of no protocol that we know of: without words of its
 * own it would look like a broken server. */
static void fail_zlib_decoder(zlib_decoder *d, int result) {
  if (result == Z_MEM_ERROR) (void)hc_decoder_fail_memory(&d->common);
  else if (result == Z_NEED_DICT)
    hc_failure_set(&d->common.failure, HC_ERR_INVALID_DATA,
                   "the deflate data needs a dictionary, which HTTP has no way to agree on");
  else (void)hc_decoder_fail(&d->common, d->zlib.msg);
}

/* --- where a stream begins */

/* RFC 1950 section 2.2: method 8, a window of at most 32 KiB, and a check that makes the two bytes
 * a multiple of 31. In the bare format such a first byte would be a stored block with a bit set in
 * its padding, which no encoder writes. A name that means two things: by RFC 9110 section 8.4.1.2
 * it is the zlib format, and old servers send the bare one. */
static bool is_zlib_head(const unsigned char head[2]) {
  return (head[0] & 0x0f) == 8 && head[0] >> 4 <= 7 && ((unsigned)head[0] << 8 | head[1]) % 31 == 0;
}

/* Takes as many bytes as it needs to know what begins here. Behind a member of gzip that is:
 * padding, another member, or something else, which is dropped as browsers do. They can come one
 * byte at a time, so they are kept until there are two, and given to zlib before the rest. */
static size_t look_zlib_decoder(zlib_decoder *d, hc_slice data) {
  size_t used = 0;
  while (d->head_size < 2 && used < data.size) {
    unsigned char byte = (unsigned char)data.data[used++];
    if (d->state == BEHIND_MEMBER) {
      if (byte == 0 && d->head_size == 0) continue;
      if (byte != (d->head_size == 0 ? 0x1f : 0x8b)) {
        d->state = BEHIND_ALL_ZLIB_DECODER;
        return used;
      }
    }
    d->head[d->head_size++] = byte;
  }
  if (d->head_size < 2) return used;
  int window = d->coding == HC_CODING_GZIP ? WINDOW_GZIP
               : is_zlib_head(d->head)     ? WINDOW_ZLIB
                                           : WINDOW_RAW;
  int result = inflateReset2(&d->zlib, window);
  d->head_used = 0;
  d->state = IN_STREAM;
  if (result != Z_OK) fail_zlib_decoder(d, result);
  return used;
}

/* --- inside */

/* gzip alone knows several members in a row (RFC 1952 section 2.2). */
static void end_stream(zlib_decoder *d) {
  d->head_size = d->head_used = 0;
  d->state = d->coding == HC_CODING_GZIP ? BEHIND_MEMBER : BEHIND_ALL_ZLIB_DECODER;
}

/* One call of zlib. Returns how much of `data` it took, and adds to what was written. The two bytes
 * that were looked at come first, in a call of their own: then `data` can be given without a copy.
 * zlib keeps no pointers of ours over the end of a call, which is why they are cleared. */
static size_t inflate_piece(zlib_decoder *d, hc_slice data, char *out, size_t room,
                            size_t *produced) {
  bool from_head = d->head_used < d->head_size;
  size_t size = data.size < PIECE ? data.size : PIECE;
  size_t space = room - *produced < PIECE ? room - *produced : PIECE;
  if (from_head) size = d->head_size - d->head_used;
  d->zlib.next_in = from_head ? d->head + d->head_used : (const unsigned char *)data.data;
  d->zlib.avail_in = (uInt)size;
  d->zlib.next_out = (unsigned char *)out + *produced;
  d->zlib.avail_out = (uInt)space;
  int result = inflate(&d->zlib, Z_NO_FLUSH);
  size_t used = size - d->zlib.avail_in;
  *produced += space - d->zlib.avail_out;
  d->zlib.next_in = NULL;
  d->zlib.next_out = NULL;
  if (from_head) d->head_used += (unsigned)used;
  if (result == Z_STREAM_END) end_stream(d);
  else if (result != Z_OK && result != Z_BUF_ERROR) fail_zlib_decoder(d, result);
  return from_head ? 0 : used;
}

/* The bytes that were looked at are input too, though `data` has none left. */
static bool has_input_zlib_decoder(const zlib_decoder *d, hc_slice data, size_t used) {
  return used < data.size || (d->state == IN_STREAM && d->head_used < d->head_size);
}

/* Nothing at all is done, too: an empty body. */
static bool zlib_is_done(const hc_decoder *common) {
  const zlib_decoder *d = (const zlib_decoder *)common;
  return d->state == BEHIND_MEMBER || d->state == BEHIND_ALL_ZLIB_DECODER ||
         (d->state == AWAITS_START && d->head_size == 0);
}

/* At least one call, even without input: the library may hold output for which there was no room
 * the last time. */
static hc_parse zlib_feed(hc_decoder *common, hc_slice data, char *out, size_t room, size_t *used,
                          size_t *produced) {
  zlib_decoder *d = of_zlib_decoder(common);
  bool first = true;
  while (common->failure.code == HC_OK && *produced < room &&
         (first || has_input_zlib_decoder(d, data, *used))) {
    hc_slice rest = {data.data + *used, data.size - *used};
    first = false;
    if (d->state == IN_STREAM) *used += inflate_piece(d, rest, out, room, produced);
    else if (d->state == BEHIND_ALL_ZLIB_DECODER) *used = data.size;
    else *used += look_zlib_decoder(d, rest);
  }
  if (common->failure.code != HC_OK) return HC_PARSE_ERROR;
  return zlib_is_done(common) && !has_input_zlib_decoder(d, data, *used) ? HC_PARSE_DONE
                                                                         : HC_PARSE_MORE;
}

/* --- life */

/* Its result is only about streams that were not at their end, which is no fault here. */
static void zlib_close(hc_decoder *common) {
  (void)inflateEnd(&of_zlib_decoder(common)->zlib);
  hc_memory_release(common);
}

static const hc_codec gzip_codec = {"gzip", zlib_feed, zlib_is_done, hc_decoder_finish_plain,
                                    zlib_close};
static const hc_codec deflate_codec = {"deflate", zlib_feed, zlib_is_done, hc_decoder_finish_plain,
                                       zlib_close};

/* zlib's own default would allocate by malloc, past the host's allocator. */
hc_decoder *hc_zlib_decoder_new(hc_coding coding) {
  zlib_decoder *d = hc_memory_allocate_zeroed(1, sizeof *d);
  if (!d) return NULL;
  bool is_gzip = coding == HC_CODING_GZIP;
  d->common.codec = is_gzip ? &gzip_codec : &deflate_codec;
  d->coding = coding;
  d->zlib.zalloc = zlib_allocate;
  d->zlib.zfree = zlib_release;
  /* Which format "deflate" means is not known yet; a reset tells zlib later. */
  if (inflateInit2(&d->zlib, is_gzip ? WINDOW_GZIP : WINDOW_ZLIB) == Z_OK) return &d->common;
  hc_memory_release(d);
  return NULL;
}

const char *hc_zlib_version(void) { return zlibVersion(); }
