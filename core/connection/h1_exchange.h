/* h1_exchange.h - one request and its answer on an HTTP/1.1 connection: a sending and a
 * receiving side, two small state machines that do not know each other. It is embedded in its
 * connection, which can have one at a time. */
#ifndef HC_H1_EXCHANGE_H
#define HC_H1_EXCHANGE_H

#include "../base/internal.h"
#include "exchange.h"
#include "receiver.h"
#include "sender.h"

HC_INTERNAL_BEGIN

typedef struct hc_h1_exchange {
  hc_exchange common;  /* first: others point here */
  hc_sender sender;
  hc_receiver receiver;
} hc_h1_exchange;

extern const hc_protocol hc_protocol_h1;

void hc_h1_init(hc_h1_exchange *h, hc_connection *n); /* h1_protocol.c, beside the table */
void hc_h1_reset(hc_h1_exchange *h); /* for another connection; the memory of a usual head stays */
void hc_h1_free(hc_h1_exchange *h);

/* For the table, see protocol.h; those of the connection are in h1_protocol.c, the others in
 * h1_exchange.c. */
hc_progress hc_h1_exchange_advance(hc_exchange *x, hc_failure *why);
hc_progress hc_h1_peek(hc_exchange *x, hc_slice *view, hc_failure *why);
hc_progress hc_h1_consume(hc_exchange *x, size_t size);
hc_slice hc_h1_held(const hc_exchange *x);
hc_progress hc_h1_check_idle(hc_exchange *x, hc_failure *why);
bool hc_h1_is_readable(hc_exchange *x);
hc_upload hc_h1_upload(const hc_exchange *x);
bool hc_h1_awaits_head(const hc_exchange *x);
bool hc_h1_resume(hc_exchange *x);
/* h1_pump.c */
bool hc_h1_can_pump(hc_exchange *x, hc_pump *p);
hc_progress hc_h1_pump(hc_exchange *x, hc_pump *p, uint64_t most, hc_failure *why);
void hc_h1_end_pump(hc_exchange *x, hc_pump *p);
/* What the exchange alone waits for. */
unsigned hc_h1_events(const hc_h1_exchange *h);
void hc_h1_times(const hc_h1_exchange *h, hc_interest *out);
/* --- h1_look.c */

/* Is the connection as quiet as it has to be before a request? DONE, or BROKEN. */
hc_progress hc_h1_look(hc_connection *n, hc_failure *why);
/* Is that known without a look? HTTP/2 never knows. */
bool hc_h1_is_known_quiet(const hc_connection *n);

/* It has come to its end: what was not sent never will be. */
void hc_h1_retire(hc_h1_exchange *h);

HC_INTERNAL_END

#endif
