/* decoder.c - what all codings have in common. See decoder.h.
 *
 * The way into a decoder's table, and the sentences of failures. A decoder that has failed stays
 * so, and says why to all who ask later. Which codings there are is not known here: they stand
 * above and call this. */
#include "decoder.h"

/* In whatever state it is, at any time; the codec frees the whole block. */
void hc_decoder_delete(hc_decoder *d) {
  if (d) d->codec->close(d);
}

/* --- decoding */

/* Once broken, always broken: libraries differ in what they do when they are called again behind an
 * error, and are not asked. Nor do all of them take NULL for no input. */
hc_parse hc_decoder_feed(hc_decoder *d, hc_slice data, char *out, size_t room, size_t *used,
                         size_t *produced) {
  *used = *produced = 0;
  if (d->failure.code != HC_OK) return HC_PARSE_ERROR;
  if (!data.data) data = HC_SLICE("");
  return d->codec->feed(d, data, out, room, used, produced);
}

/* May be asked between two pieces: it says whether the content may end here, not that it does. */
bool hc_decoder_is_done(const hc_decoder *d) {
  return d->failure.code == HC_OK && d->codec->is_done(d);
}

/* Asked once, when the framing has found the end of the content. */
hc_error hc_decoder_finish(hc_decoder *d) {
  return d->failure.code == HC_OK ? d->codec->finish(d) : d->failure.code;
}

/* A connection that ended in the middle of the content is told by the framing. This finds what the
 * framing can't: content that was whole as bytes, and cut short before it was sent. */
hc_error hc_decoder_finish_plain(hc_decoder *d) {
  if (d->codec->is_done(d)) return HC_OK;
  return hc_failure_set(&d->failure, HC_ERR_INVALID_DATA, "the %s data ends too early",
                        d->codec->name);
}

const hc_failure *hc_decoder_failure(const hc_decoder *d) { return &d->failure; }

hc_parse hc_decoder_fail(hc_decoder *d, const char *reason) {
  hc_failure_set(&d->failure, HC_ERR_INVALID_DATA, "the %s data is broken: %s", d->codec->name,
                 reason ? reason : "not in that format");
  return HC_PARSE_ERROR;
}

/* Kept apart from broken data: a caller can try again with less going on. */
hc_parse hc_decoder_fail_memory(hc_decoder *d) {
  hc_failure_out_of_memory(&d->failure);
  return HC_PARSE_ERROR;
}
