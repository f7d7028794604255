/* decoded_body.c - see decoded_body.h.
 *
 * Bytes of the exchange go through the decoder into `out`, until something is there to hand out or
 * this call has had its share of them: much that is coded can become little, or nothing. */
#include "decoded_body.h"

#include "../base/memory.h"

/* The decoder is this one's in any case, so a caller without memory has nothing left to free. */
hc_decoded_body *hc_decoded_new(hc_decoder *decoder) {
  hc_decoded_body *k = decoder ? hc_memory_allocate_zeroed(1, sizeof *k) : NULL;
  if (k) k->decoder = decoder;
  else hc_decoder_delete(decoder);
  return k;
}

/* What was decoded and not read goes with it. The exchange below is not touched: whoever owns that
 * cancels or finishes it. */
void hc_decoded_delete(hc_decoded_body *k) {
  if (!k) return;
  hc_decoder_delete(k->decoder);
  hc_buffer_free(&k->out);
  hc_memory_release(k);
}

hc_slice hc_decoded_held(const hc_decoded_body *k) {
  return (hc_slice){hc_buffer_head(&k->out), hc_buffer_size(&k->out)};
}

bool hc_decoded_is_broken(const hc_decoded_body *k) { return k->failure.code != HC_OK; }

/* Also where only a look can say: work that was put off is work that no event will announce. */
bool hc_decoded_is_readable(const hc_decoded_body *k) {
  return hc_buffer_size(&k->out) > 0 || k->has_more || k->is_postponed || k->is_received ||
         hc_decoded_is_broken(k);
}

/* --- decoding */

/* All has come and gone through the decoder: was that a whole stream? The message may be complete
 * and the coding within it not: a server that died while it compressed. That is an error, or half a
 * file would pass for a whole one. */
static void end_decoded_body(hc_decoded_body *k) {
  if (hc_decoder_finish(k->decoder) == HC_OK) k->is_over = true;
  else k->failure = *hc_decoder_failure(k->decoder);
}

/* The room is fixed. A few bytes of a hostile body can become gigabytes, which may not pile up
 * here: what has not been taken holds up what comes next. */
static void decode_decoded_body(hc_decoded_body *k, hc_slice coded, size_t *used) {
  char *at;
  size_t room, produced = 0;
  if (hc_buffer_reserve(&k->out, HC_DECODED_ROOM, HC_DECODED_ROOM, &at, &room) != HC_OK) {
    hc_failure_out_of_memory(&k->failure);
    return;
  }
  hc_parse result = hc_decoder_feed(k->decoder, coded, at, room, used, &produced);
  hc_buffer_commit(&k->out, produced);
  k->has_more = result == HC_PARSE_MORE && produced == room;
  if (result == HC_PARSE_ERROR) k->failure = *hc_decoder_failure(k->decoder);
}

/* Takes what one look at the exchange gives through the decoder. MOVED; else what the look gave.
 * Input is asked for only when the decoder has none left to work on. The quota counts coded bytes,
 * so that content of which nothing comes can't keep this call busy. */
static hc_progress decode_once(hc_decoded_body *k, hc_exchange *x, size_t *quota, hc_failure *why) {
  hc_slice coded = {NULL, 0};
  size_t used = 0;
  if (!k->has_more && !k->is_received) {
    hc_progress progress = hc_exchange_peek(x, &coded, why);
    if (progress == HC_DONE) k->is_received = true;
    else if (progress != HC_MOVED) return progress;
  }
  decode_decoded_body(k, coded, &used);
  if (hc_decoded_is_broken(k)) used = coded.size; /* it has come, though nobody can use it */
  *quota -= used < *quota ? used : *quota;
  if (used > 0 && hc_exchange_consume(x, used) == HC_DONE) k->is_received = true;
  if (k->is_received && !k->has_more && !hc_decoded_is_broken(k)) end_decoded_body(k);
  return HC_MOVED;
}

/* Nothing is left to hand out. The end and the failure are told behind the last byte that was
 * decoded. */
static hc_progress ending_decoded_body(const hc_decoded_body *k, hc_failure *why) {
  if (k->is_over) return HC_DONE;
  if (!hc_decoded_is_broken(k)) return HC_MOVED;
  hc_failure_set(why, k->failure.code, "%s", k->failure.text);
  return HC_BROKEN;
}

/* --- reading */

/* With the quota used up it says WAIT and is readable all the same, so a loop comes back at once
 * and others have their turn in between. */
hc_progress hc_decoded_peek(hc_decoded_body *k, hc_exchange *x, hc_slice *view, hc_failure *why) {
  size_t quota = HC_DECODE_BURST, most = x->settings->read_chunk_size;
  k->is_postponed = false;
  while (hc_buffer_size(&k->out) == 0) {
    hc_progress progress = ending_decoded_body(k, why);
    if (progress == HC_MOVED && quota == 0) {
      k->is_postponed = true;
      return HC_WAIT;
    }
    if (progress == HC_MOVED) progress = decode_once(k, x, &quota, why);
    if (progress != HC_MOVED) return progress;
  }
  *view = hc_decoded_held(k);
  if (view->size > most) view->size = most;
  return HC_MOVED;
}

/* The end is told with the last byte, as an exchange does it, so a reader needs no extra call to
 * hear of it. */
hc_progress hc_decoded_consume(hc_decoded_body *k, size_t size, hc_failure *why) {
  size_t held = hc_buffer_size(&k->out);
  if (size > held) size = held;
  hc_buffer_consume(&k->out, size);
  k->taken += size;
  return size == held && !hc_decoded_is_broken(k) ? ending_decoded_body(k, why) : HC_MOVED;
}
