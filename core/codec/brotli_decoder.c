/* brotli_decoder.c - the coding br, on top of libbrotlidec. See decoder.h.
 *
 * The large window of the library is an extension that RFC 7932 does not know: it stays off, which
 * is how the library begins. Its memory is ours (base/memory.h). */
#include "decoder.h"

#ifdef HC_WITH_BROTLI /* else the file is empty */

#include <brotli/decode.h>
#include <stdint.h>

#include "../base/memory.h"

/* The library keeps its own memory of what has come; nothing of the input is kept here. */
typedef struct brotli_decoder {
  hc_decoder common;
  BrotliDecoderState *state;
  bool has_begun, is_over;
} brotli_decoder;

static brotli_decoder *of_brotli_decoder(hc_decoder *d) { return (brotli_decoder *)d; }

/* By way of our allocator the host's limits hold for the window, too, which is most of what a
 * decoder takes. */
static void *brotli_allocate(void *unused, size_t size) {
  (void)unused;
  return hc_memory_allocate(size);
}

/* Never called with a block that is not ours. */
static void brotli_release(void *unused, void *block) {
  (void)unused;
  hc_memory_release(block);
}

/* The library counts the ways in which it can be out of memory; to a caller they are one, and a
 * very different one from broken data: it can be tried again. */
static hc_parse fail_brotli_decoder(hc_decoder *d) {
  BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(of_brotli_decoder(d)->state);
  if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
      code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
    return hc_decoder_fail_memory(d);
  return hc_decoder_fail(d, BrotliDecoderErrorString(code));
}

/* It is not called before the first byte, since an empty body is complete and no error. Behind the
 * end of the stream everything is taken and dropped. */
static hc_parse brotli_feed(hc_decoder *d, hc_slice data, char *out, size_t room, size_t *used,
                            size_t *produced) {
  brotli_decoder *b = of_brotli_decoder(d);
  size_t left = data.size, space = room;
  const uint8_t *in = (const uint8_t *)data.data;
  uint8_t *to = (uint8_t *)out;
  if (!b->is_over && (b->has_begun || data.size > 0)) {
    b->has_begun = true;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(b->state, &left, &in, &space, &to, NULL);
    *used = data.size - left;
    *produced = room - space;
    if (result == BROTLI_DECODER_RESULT_ERROR) return fail_brotli_decoder(d);
    b->is_over = result == BROTLI_DECODER_RESULT_SUCCESS;
  }
  if (b->is_over) *used = data.size;
  return b->is_over || !b->has_begun ? HC_PARSE_DONE : HC_PARSE_MORE;
}

/* An empty body is complete, as with all codings; see decoder.h. */
static bool brotli_is_done(const hc_decoder *d) {
  const brotli_decoder *b = (const brotli_decoder *)d;
  return b->is_over || !b->has_begun;
}

/* The library's state first, which was made with our functions and is freed by them. */
static void brotli_close(hc_decoder *d) {
  BrotliDecoderDestroyInstance(of_brotli_decoder(d)->state);
  hc_memory_release(d);
}

static const hc_codec brotli_codec = {"br", brotli_feed, brotli_is_done, hc_decoder_finish_plain,
                                      brotli_close};

/* The window's size comes with the stream, and so does its memory: a decoder that never sees a byte
 * is small. */
hc_decoder *hc_brotli_decoder_new(void) {
  brotli_decoder *b = hc_memory_allocate_zeroed(1, sizeof *b);
  if (!b) return NULL;
  b->common.codec = &brotli_codec;
  b->state = BrotliDecoderCreateInstance(brotli_allocate, brotli_release, NULL);
  if (b->state) return &b->common;
  hc_memory_release(b);
  return NULL;
}

uint32_t hc_brotli_version_number(void) { return BrotliDecoderVersion(); }

#endif
