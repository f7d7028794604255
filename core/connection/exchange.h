/* exchange.h - one request and its answer on an HTTP/1.1 connection: a sending and a receiving side, and their times.
 *
 * Its functions say what happened and leave it to the caller what that means: a client makes statuses of it, a poller
 * wakes somebody. They change the exchange alone. What the connection may still be used for when an exchange has ended is
 * the connection's to know (connection.h). */
#ifndef HC_EXCHANGE_H
#define HC_EXCHANGE_H

#include "receiver.h"
#include "sender.h"

struct hc_connection;

typedef struct hc_exchange {
  struct hc_connection *connection;  /* it is embedded there */
  const hc_settings *settings;       /* of whoever asks: live */
  hc_sender sender;
  hc_receiver receiver;
  uint64_t response_deadline, idle_deadline;
  uint64_t sleep_until;              /* when receives have to come back from their sleep, about; HC_NEVER */
} hc_exchange;

/* Begins one that has been queued in x->sender; what the last one has left is forgotten. */
void hc_exchange_begin(hc_exchange *x);
/* From the request to the final head. DONE: the head is in, and x->receiver.plan says what follows. BROKEN: also when a
 * timeout has run out (code HC_ERR_TIMEOUT). */
hc_progress hc_exchange_advance(hc_exchange *x, hc_failure *why);
/* Content, see hc_receiver_peek; and the idle timeout, which finds its end here. */
hc_progress hc_exchange_peek(hc_exchange *x, hc_slice *view, hc_failure *why);
hc_progress hc_exchange_consume(hc_exchange *x, size_t size);
/* Without a look at the stream: has the idle timeout run out over a body that nobody sends on? BROKEN, else WAIT. */
hc_progress hc_exchange_check_idle(hc_exchange *x, hc_failure *why);
/* What the exchange waits for, of a stream that is usable. */
void hc_exchange_interest(const hc_exchange *x, hc_interest *out);
/* A byte moved: the idle timeout starts anew. */
void hc_exchange_touch(hc_exchange *x);
static inline bool hc_exchange_is_sent(const hc_exchange *x) { return hc_sender_is_done(&x->sender); }
/* The times end, and what was not sent never will be; the answer stays. */
void hc_exchange_end(hc_exchange *x);

#endif
