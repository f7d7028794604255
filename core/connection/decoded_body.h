/* decoded_body.h - the content of an answer with its codings taken off, in place of the content as
 * it travels.
 *
 * It stands between an exchange and whoever reads it, and is read like one: peek, consume. Coded
 * bytes are taken off the exchange as they are used, so the peer is held back by a slow reader as
 * always. Its end is that of the decoded bytes, which may come long after the exchange has given
 * its last: whoever reads must not finish the exchange before. */
#ifndef HC_DECODED_BODY_H
#define HC_DECODED_BODY_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../codec/decoder.h"
#include "exchange.h"

HC_INTERNAL_BEGIN

typedef struct hc_decoded_body {
  hc_decoder *decoder;
  hc_buffer out; /* decoded, and not handed out yet */
  uint64_t taken; /* decoded bytes that were handed out */
  bool is_received; /* the exchange has given all */
  bool has_more; /* the decoder may have more without new input */
  bool is_postponed; /* much was taken and nothing came of it: the next look goes on */
  bool is_over; /* the coding has ended as it should */
  hc_failure failure; /* of the coding, found behind the bytes in `out` */
} hc_decoded_body;

hc_decoded_body *hc_decoded_new(hc_decoder *decoder); /* takes it over; NULL: memory is out */
void hc_decoded_delete(hc_decoded_body *k); /* NULL is fine */

/* As hc_exchange_peek and its kin. BROKEN: also what can't be decoded (hc_decoded_is_broken). */
hc_progress hc_decoded_peek(hc_decoded_body *k, hc_exchange *x, hc_slice *view, hc_failure *why);
hc_progress hc_decoded_consume(hc_decoded_body *k, size_t size, hc_failure *why);
hc_slice hc_decoded_held(const hc_decoded_body *k);
/* Would a read give something without the exchange? */
bool hc_decoded_is_readable(const hc_decoded_body *k);
bool hc_decoded_is_broken(const hc_decoded_body *k);

HC_INTERNAL_END

#endif
