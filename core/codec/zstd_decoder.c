/* zstd_decoder.c - the coding zstd, on top of libzstd. See decoder.h.
 *
 * The library goes on with the next frame by itself. Where one begins is looked at here all the
 * same: what begins no frame is refused at the start and ignored behind a frame, and a library may
 * have been built for formats that are older than RFC 8878. That its memory is ours (base/memory.h)
 * needs the part of its interface that it calls static: it has been the same since 2016. */
#include "decoder.h"

#ifdef HC_WITH_ZSTD /* else the file is empty */

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "../base/memory.h"

#define MAGIC_SIZE 4u
#define WINDOW_LOG_MAX 23 /* 8 MiB, RFC 9659 section 3 */

typedef enum zstd_state {
  AWAITS_FRAME, /* its first four bytes */
  IN_FRAME,
  BEHIND_ALL_ZSTD_DECODER /* what comes is ignored */
} zstd_state;

/* With a window of 8 MiB it is the largest of all decoders, and takes that only when a frame asks
 * for it. */
typedef struct zstd_decoder {
  hc_decoder common;
  ZSTD_DCtx *context;
  zstd_state state;
  bool had_frame;
  bool is_full; /* the last output filled its room: there may be more without input */
  unsigned char magic[MAGIC_SIZE]; /* looked at before the library gets them */
  size_t magic_size, magic_used;
} zstd_decoder;

static zstd_decoder *of_zstd_decoder(hc_decoder *d) { return (zstd_decoder *)d; }
static const zstd_decoder *of_const_zstd_decoder(const hc_decoder *d) {
  return (const zstd_decoder *)d;
}

/* As with the others: what it takes is counted and limited where the host wants that. */
static void *zstd_allocate(void *unused, size_t size) {
  (void)unused;
  return hc_memory_allocate(size);
}

static void zstd_release(void *unused, void *block) {
  (void)unused;
  hc_memory_release(block);
}

/* --- where a frame begins */

/* RFC 8878 sections 3.1.1 and 3.1.2: a frame, or one that is to be skipped. Anything else behind a
 * frame is not for us, and is ignored as with gzip. */
static bool is_magic(const unsigned char *m) {
  bool is_frame = m[0] == 0x28 && m[1] == 0xb5 && m[2] == 0x2f && m[3] == 0xfd;
  bool is_skippable = (m[0] & 0xf0) == 0x50 && m[1] == 0x2a && m[2] == 0x4d && m[3] == 0x18;
  return is_frame || is_skippable;
}

/* The four bytes may come one by one. Once they are known for a frame's they are given to the
 * library, which has to see them as well. */
static hc_parse look_zstd_decoder(zstd_decoder *z, hc_slice data, size_t *used) {
  while (z->magic_size < MAGIC_SIZE && *used < data.size)
    z->magic[z->magic_size++] = (unsigned char)data.data[(*used)++];
  if (z->magic_size < MAGIC_SIZE) return HC_PARSE_MORE;
  if (is_magic(z->magic)) {
    z->state = IN_FRAME;
    z->magic_used = 0;
    return HC_PARSE_MORE;
  }
  if (!z->had_frame) return hc_decoder_fail(&z->common, NULL);
  z->state = BEHIND_ALL_ZSTD_DECODER;
  return HC_PARSE_MORE;
}

/* --- inside */

/* A window of more than 8 MiB is no broken data, but a server that doesn't know of RFC 9659. */
static hc_parse fail_zstd_decoder(zstd_decoder *z, size_t result) {
  switch (ZSTD_getErrorCode(result)) {
  case ZSTD_error_memory_allocation: return hc_decoder_fail_memory(&z->common);
  case ZSTD_error_frameParameter_windowTooLarge:
    return hc_decoder_fail(&z->common, "it needs a window of more than 8 MiB");
  default: return hc_decoder_fail(&z->common, ZSTD_getErrorName(result));
  }
}

/* The bytes that were looked at go first, in a call of their own, so that `data` need not be copied
 * behind them. */
static hc_parse decode_piece(zstd_decoder *z, hc_slice data, ZSTD_outBuffer *out, size_t *used) {
  bool from_magic = z->magic_used < MAGIC_SIZE;
  ZSTD_inBuffer in = {from_magic ? (const void *)z->magic : data.data,
                      from_magic ? MAGIC_SIZE : data.size, from_magic ? z->magic_used : *used};
  size_t result = ZSTD_decompressStream(z->context, out, &in);
  if (from_magic) z->magic_used = in.pos;
  else *used = in.pos;
  z->is_full = out->pos == out->size;
  if (ZSTD_isError(result)) return fail_zstd_decoder(z, result);
  if (result == 0) {
    z->state = AWAITS_FRAME;
    z->magic_size = 0;
    z->had_frame = true;
  }
  return HC_PARSE_MORE;
}

/* As with zlib: bytes that were looked at and not yet given are input. */
static bool has_input_zstd_decoder(const zstd_decoder *z, hc_slice data, size_t used) {
  return used < data.size || (z->state == IN_FRAME && z->magic_used < MAGIC_SIZE);
}

/* Between two frames it is, and before the first if nothing has come. */
static bool zstd_is_done(const hc_decoder *d) {
  const zstd_decoder *z = of_const_zstd_decoder(d);
  return z->state == BEHIND_ALL_ZSTD_DECODER ||
         (z->state == AWAITS_FRAME && (z->had_frame || z->magic_size == 0));
}

/* Frames follow each other without end, so this loop is left by the input, the room or an error
 * alone. */
static hc_parse zstd_feed(hc_decoder *d, hc_slice data, char *room_at, size_t room, size_t *used,
                          size_t *produced) {
  zstd_decoder *z = of_zstd_decoder(d);
  ZSTD_outBuffer out = {room_at, room, 0};
  hc_parse result = HC_PARSE_MORE;
  /* Asked again and again with nothing to do, the library takes that for an error. */
  while (result == HC_PARSE_MORE && out.pos < room &&
         (z->is_full || has_input_zstd_decoder(z, data, *used))) {
    z->is_full = false;
    if (z->state == IN_FRAME) result = decode_piece(z, data, &out, used);
    else if (z->state == BEHIND_ALL_ZSTD_DECODER) *used = data.size;
    else result = look_zstd_decoder(z, data, used);
  }
  *produced = out.pos;
  if (result == HC_PARSE_ERROR) return result;
  return zstd_is_done(d) && !has_input_zstd_decoder(z, data, *used) ? HC_PARSE_DONE : HC_PARSE_MORE;
}

/* NULL is fine for the library, as it is for one that was only half made. */
static void zstd_close(hc_decoder *d) {
  (void)ZSTD_freeDCtx(of_zstd_decoder(d)->context);
  hc_memory_release(d);
}

static const hc_codec zstd_codec = {"zstd", zstd_feed, zstd_is_done, hc_decoder_finish_plain,
                                    zstd_close};

/* The limit of the window is set before the first byte: the library would otherwise take as much
 * memory as a frame says it needs, which is up to 128 MiB by its default. */
hc_decoder *hc_zstd_decoder_new(void) {
  zstd_decoder *z = hc_memory_allocate_zeroed(1, sizeof *z);
  if (!z) return NULL;
  z->common.codec = &zstd_codec;
  ZSTD_customMem memory = {zstd_allocate, zstd_release, NULL};
  z->context = ZSTD_createDCtx_advanced(memory);
  if (z->context &&
      !ZSTD_isError(ZSTD_DCtx_setParameter(z->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
    return &z->common;
  zstd_close(&z->common);
  return NULL;
}

const char *hc_zstd_version(void) { return ZSTD_versionString(); }

#endif
