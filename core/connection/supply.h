/* supply.h - the content of a request, piece by piece, from wherever it comes.
 *
 * On the way of a byte out this is the first place: a string is one piece, a file is read, a pipe
 * is read as far as it has something, a function of the host's is asked. It keeps to the length
 * that the head has announced. It knows no framing and no stream; what puts the pieces on the wire
 * is the sender (HTTP/1.1) or the exchange's stream (h2_exchange.c). */
#ifndef HC_SUPPLY_H
#define HC_SUPPLY_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../http/request.h"
#include "body_source.h"

HC_INTERNAL_BEGIN

/* Zeroed but for `body` is a valid start. */
typedef struct hc_supply {
  hc_body_source body;
  hc_buffer file_piece;    /* where what was read of a file stands */
  uint64_t pulled;         /* content bytes given out */
  uint64_t ask_at;         /* the source had nothing, and is not asked before this; 0: at once */
  uint8_t empty_asks;      /* how often in a row it had nothing, as far as that matters */
  bool is_resumed;         /* hc_supply_resume was called since it was last asked */
} hc_supply;

typedef enum hc_supply_step {
  HC_SUPPLY_PIECE,   /* *piece lives until the next call */
  HC_SUPPLY_END,     /* that was all, and as much as was announced */
  HC_SUPPLY_LATER,   /* the source has nothing now, see ask_at */
  HC_SUPPLY_FAILED   /* `why` says it: the source, or a length that is not the announced one */
} hc_supply_step;

hc_supply_step hc_supply_next(hc_supply *u, const hc_request_head *announced, hc_slice *piece,
                              hc_failure *why);
/* So many bytes of a file have gone without having been given out. */
void hc_supply_pass(hc_supply *u, size_t size);
/* The function or pipe has something again. False: it is none. */
bool hc_supply_resume(hc_supply *u);
void hc_supply_drop(hc_supply *u);  /* lets the source go; zeroed afterwards */

HC_INTERNAL_END

#endif
