/* fuzz_chunked.c - the chunked coding. Checked: whatever the splits and the room, the body is
 * complete, open or refused just as a slow second reading says, with the same content and trailers,
 * and what was decoded before an error is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/http1/chunked.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

typedef struct decoding {
  const char *bytes;
  size_t size, step, room, limit;
  hc_chunked decoder;
  size_t come, total;      /* bytes that have come, that were used */
  char *content;
  size_t content_size;
} decoding;

/* What has come and is not used, in a block of just its size. */
static hc_parse decode_piece(decoding *d, size_t *used) {
  size_t size = d->come - d->total, produced = 0;
  char *piece = malloc(size ? size : 1);
  hc_failure why = {HC_OK, ""};
  if (!piece) abort();
  if (size) memcpy(piece, d->bytes + d->total, size);
  hc_parse result =
      hc_chunked_decode(&d->decoder, piece, size, d->room, d->limit, used, &produced, &why);
  check(produced <= d->room && produced <= *used && *used <= size, "the counts are possible");
  check(memcmp(piece + *used, d->bytes + d->total + *used, size - *used) == 0,
        "unused bytes are not touched");
  check((result == HC_PARSE_ERROR) == (why.code != HC_OK && why.text[0] != 0),
        "a refusal has a message, and nothing else has");
  if (produced) memcpy(d->content + d->content_size, piece, produced);
  d->content_size += produced;
  d->total += *used;
  free(piece);
  return result;
}

static void run(decoding *d, reference_verdict verdict, const reference_reading *wanted) {
  static const hc_parse results[] = {HC_PARSE_DONE, HC_PARSE_MORE, HC_PARSE_ERROR};
  hc_parse result = HC_PARSE_MORE;
  size_t used = 0;
  d->content = malloc(d->size + 1);
  if (!d->content) abort();
  while (result == HC_PARSE_MORE && (used > 0 || d->come < d->size)) {
    if (used == 0) d->come = d->size - d->come < d->step ? d->size : d->come + d->step;
    result = decode_piece(d, &used);
  }
  check(result == results[verdict], "the body is complete, open or refused");
  check(d->content_size == wanted->content_size, "as much content");
  check(d->content_size == 0 || memcmp(d->content, wanted->content, d->content_size) == 0,
        "the same content");
  check(result != HC_PARSE_DONE || d->total == wanted->used, "the body ends where it ends");
  check(result != HC_PARSE_DONE || d->decoder.trailers.count == wanted->field_count,
        "as many trailers");
  check(d->decoder.trailers.text.capacity <= 4 * d->limit + 4096,
        "the trailers' memory is bounded");
  free(d->content);
  hc_chunked_reset(&d->decoder);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  if (size < 2) return 0;
  size_t limit = data[0] & 1 ? (size_t)(data[0] >> 1) + 1 : 512;
  size_t step = (size_t)(data[1] & 15) + 1, room = (size_t)(data[1] >> 4) + 1;
  const char *bytes = (const char *)data + 2;
  size -= 2;
  reference_reading wanted;
  reference_open(&wanted, size);
  reference_verdict verdict = reference_chunked(bytes, size, limit, &wanted);
  const size_t steps[] = {SIZE_MAX, SIZE_MAX, step, 1, 1},
               rooms[] = {SIZE_MAX, room, room, 1, SIZE_MAX};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    decoding d = {.bytes = bytes, .size = size, .step = steps[i], .room = rooms[i], .limit = limit};
    run(&d, verdict, &wanted);
  }
  reference_close(&wanted);
  return 0;
}
