/* chain_decoder.c - several codings, one on top of the other: "gzip, br" is what was first made
 * gzip of, and then br of that. See decoder.h.
 *
 * What was applied last is taken off first. Between two decoders stands a buffer of one size, so
 * that none can make the next one hold more: one that is full stops those before it. */
#include "decoder.h"

#include "../base/buffer.h"
#include "../base/memory.h"

typedef struct stage {
  hc_decoder *decoder;
  hc_buffer in; /* what the one before has made; the first takes the data itself */
} stage;

/* `stages[0]` is the outermost coding, the last one the content itself. */
typedef struct coding_chain {
  hc_decoder common;
  size_t count;
  stage stages[HC_CODINGS_MAX];
} coding_chain;

/* To the outside a chain is one more codec: whoever reads it need not know how many there are. */
static coding_chain *of_chain_decoder(hc_decoder *d) { return (coding_chain *)d; }

/* Where a stage writes to, and how much of that it did. */
typedef struct stage_target {
  char *at;
  size_t room, produced;
} stage_target;

/* The failure of one is that of the chain, word for word: it names the coding that was broken. */
static hc_parse feed_stage(coding_chain *c, size_t i, hc_slice data, stage_target *to,
                           size_t *used) {
  hc_decoder *decoder = c->stages[i].decoder;
  hc_parse result = hc_decoder_feed(decoder, data, to->at, to->room, used, &to->produced);
  if (result == HC_PARSE_ERROR) c->common.failure = *hc_decoder_failure(decoder);
  return result;
}

/* Between the stages: as much as there is room for. Returns how many bytes moved. How much moved
 * counts what was used and what was made: a stage may take a window full before it gives anything,
 * and that is progress all the same. */
static size_t run_inner(coding_chain *c, size_t i, hc_slice data, size_t *used) {
  hc_buffer *next = &c->stages[i + 1].in;
  stage_target to = {NULL, HC_CHAIN_ROOM - hc_buffer_size(next), 0};
  size_t available;
  if (to.room == 0) return 0;
  if (hc_buffer_reserve(next, to.room, HC_CHAIN_ROOM, &to.at, &available) != HC_OK) {
    (void)hc_decoder_fail_memory(&c->common);
    return 0;
  }
  (void)feed_stage(c, i, data, &to, used);
  hc_buffer_commit(next, to.produced);
  return *used + to.produced;
}

/* One look at every stage. From the first stage to the last, so that a byte can travel the whole
 * way in one round. */
static size_t run_once(coding_chain *c, hc_slice data, stage_target *out, size_t *used) {
  size_t moved = 0;
  for (size_t i = 0; i < c->count && c->common.failure.code == HC_OK; i++) {
    hc_buffer *in = &c->stages[i].in;
    hc_slice own = i == 0 ? (hc_slice){data.data + *used, data.size - *used}
                          : (hc_slice){hc_buffer_head(in), hc_buffer_size(in)};
    size_t taken = 0;
    if (i + 1 < c->count) {
      moved += run_inner(c, i, own, &taken);
    } else {
      stage_target to = {out->at + out->produced, out->room - out->produced, 0};
      (void)feed_stage(c, i, own, &to, &taken);
      out->produced += to.produced;
      moved += taken + to.produced;
    }
    if (i == 0) *used += taken;
    else hc_buffer_consume(in, taken);
  }
  return moved;
}

/* Also what stands between two stages has to be through, or a stream that was cut would pass for
 * whole. */
static bool chain_is_done(const hc_decoder *d) {
  const coding_chain *c = (const coding_chain *)d;
  for (size_t i = 0; i < c->count; i++)
    if (!hc_decoder_is_done(c->stages[i].decoder) || hc_buffer_size(&c->stages[i].in) > 0)
      return false;
  return true;
}

/* Until a round moves nothing: then either input is missing or the room is full. Each round moves
 * at least a byte, so it ends. */
static hc_parse chain_feed(hc_decoder *d, hc_slice data, char *at, size_t room, size_t *used,
                           size_t *produced) {
  coding_chain *c = of_chain_decoder(d);
  stage_target out = {at, room, 0};
  while (d->failure.code == HC_OK && out.produced < room && run_once(c, data, &out, used) > 0) {
  }
  *produced = out.produced;
  if (d->failure.code != HC_OK) return HC_PARSE_ERROR;
  return *used == data.size && chain_is_done(d) ? HC_PARSE_DONE : HC_PARSE_MORE;
}

/* The outermost first: if it was cut short, those within were as well, and would only tell of the
 * consequence. */
static hc_error chain_finish(hc_decoder *d) {
  coding_chain *c = of_chain_decoder(d);
  for (size_t i = 0; i < c->count; i++) {
    hc_decoder *decoder = c->stages[i].decoder;
    if (hc_decoder_finish(decoder) == HC_OK) continue;
    d->failure = *hc_decoder_failure(decoder);
    return d->failure.code;
  }
  return HC_OK;
}

/* Also of one that was only half made. */
static void chain_close(hc_decoder *d) {
  coding_chain *c = of_chain_decoder(d);
  for (size_t i = 0; i < c->count; i++) {
    hc_decoder_delete(c->stages[i].decoder);
    hc_buffer_free(&c->stages[i].in);
  }
  hc_memory_release(c);
}

static const hc_codec chain_codec = {"coded", chain_feed, chain_is_done, chain_finish, chain_close};

/* Codings are listed in the order in which they were applied (RFC 9110 section 8.4), so the last of
 * the list is the first to come off. */
static hc_decoder *make_chain(const hc_codings *codings) {
  coding_chain *c = hc_memory_allocate_zeroed(1, sizeof *c);
  if (!c) return NULL;
  c->common.codec = &chain_codec;
  for (size_t i = codings->count; i > 0; i--) {
    hc_decoder *decoder = hc_decoder_new(codings->list[i - 1]);
    if (!decoder) {
      chain_close(&c->common);
      return NULL;
    }
    c->stages[c->count++].decoder = decoder;
  }
  return &c->common;
}

/* One coding needs no chain, nor the buffer of one. */
hc_decoder *hc_decoder_new_for(const hc_codings *codings) {
  return codings->count == 1 ? hc_decoder_new(codings->list[0]) : make_chain(codings);
}
