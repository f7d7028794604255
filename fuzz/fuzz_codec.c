/* fuzz_codec.c - the content codings, alone and on top of each other: a stream in pieces gives what
 * it gives whole, within the bounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/base/buffer.h"
#include "../core/codec/decoder.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define OUTPUT_MAX ((size_t)1 << 20)

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

typedef struct outcome {
  hc_buffer bytes;
  hc_error code;
} outcome;

/* The codings by the first byte; NULL: one that the build does not have. */
static hc_decoder *decoder_for(unsigned which) {
  static const char *const fields[] = {"deflate",  "gzip",       "br",         "zstd",
                                       "gzip, br", "gzip, zstd", "gzip, gzip", "br, zstd"};
  hc_codings codings = {.count = 0};
  hc_failure why = {HC_OK, ""};
  check(hc_codings_add(&codings, hc_slice_of(fields[which % 8]), &why) == HC_OK, "a list");
  return codings.has_unknown ? NULL : hc_decoder_new_for(&codings);
}

static void decode(unsigned which, hc_slice data, size_t piece, size_t room, outcome *out) {
  hc_decoder *d = decoder_for(which);
  hc_parse result = HC_PARSE_MORE;
  size_t at = 0, used, produced, available;
  char *into;
  if (!d) return; /* the build is without it */
  for (bool full = false; (at < data.size || full) && result != HC_PARSE_ERROR &&
                          hc_buffer_size(&out->bytes) < OUTPUT_MAX;) {
    size_t left = data.size - at;
    hc_slice part = {data.data + at, left < piece ? left : piece};
    check(hc_buffer_reserve(&out->bytes, room, SIZE_MAX, &into, &available) == HC_OK,
          "there is memory");
    result = hc_decoder_feed(d, part, into, room, &used, &produced);
    check(used <= part.size && produced <= room, "bounds are kept");
    check(result != HC_PARSE_DONE || (used == part.size && hc_decoder_is_done(d)),
          "done means done");
    check(result != HC_PARSE_MORE || used == part.size || produced == room,
          "all is used while there is room");
    hc_buffer_commit(&out->bytes, produced);
    full = produced == room && result == HC_PARSE_MORE;
    at += used;
  }
  out->code = hc_decoder_finish(d);
  hc_decoder_delete(d);
}

/* The first two bytes choose the codings, the pieces and the room. How much of what is broken is
 * given hangs on the room, so only whole streams are of one size. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  if (size < 2) return 0;
  outcome whole = {{0}, HC_OK}, split = {{0}, HC_OK};
  hc_slice stream = {(const char *)data + 2, size - 2};
  decode(data[0], stream, SIZE_MAX, 4096, &whole);
  decode(data[0], stream, 1 + data[0] / 8u, 1 + (size_t)data[1], &split);
  size_t a = hc_buffer_size(&whole.bytes), b = hc_buffer_size(&split.bytes);
  size_t common = a < b ? a : b;
  check(common == 0 ||
            memcmp(hc_buffer_head(&whole.bytes), hc_buffer_head(&split.bytes), common) == 0,
        "the same bytes");
  if (a < OUTPUT_MAX && b < OUTPUT_MAX) {
    check(whole.code == split.code, "the same end");
    check(whole.code != HC_OK || a == b, "the same size");
  }
  hc_buffer_free(&whole.bytes);
  hc_buffer_free(&split.bytes);
  return 0;
}
