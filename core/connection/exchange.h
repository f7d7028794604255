/* exchange.h - one request and its answer: what all of them have in common, whatever the version of
 * the wire.
 *
 * The functions say what happened and leave it to the caller what that means: a client makes
 * statuses of it, a poller wakes somebody. They change the exchange, and by way of its protocol the
 * connection under it, which may take no more requests afterwards or be over; of clients and
 * pollers they know nothing. What the connection may still be used for when an exchange has ended
 * is the connection's to say (connection.h).
 * An exchange stays readable after its end, until its user opens the next one or leaves the
 * connection. */
#ifndef HC_EXCHANGE_H
#define HC_EXCHANGE_H

#include "../base/internal.h"
#include "answer.h"
#include "protocol.h"
#include "sleep_slice.h"

HC_INTERNAL_BEGIN

/* The head of every exchange; what stands behind it belongs to its protocol. */
struct hc_exchange {
  const hc_protocol *protocol;
  hc_connection *connection;
  hc_place *place; /* of whom it is; NULL: nobody's any more */
  const hc_settings *settings;
  const hc_answer *answer; /* in its receiving side */
  bool is_under_way; /* from its opening to its end, good or bad */
  bool was_tried; /* its connection was found fit for it: something of it may have gone out */
  uint64_t sent; /* content bytes handed to the stream */
  uint64_t response_deadline, idle_deadline;
  uint64_t sleep_until; /* see hc_slice_end */
  /* A wait is in this call: the first receive may sleep until then, and makes it 0 when it brings
   * something. 0: no wait is. */
  uint64_t wait_until;
};

/* See protocol.h. */
static inline hc_progress hc_exchange_advance(hc_exchange *x, hc_failure *why) {
  return x->protocol->exchange_advance(x, why);
}
static inline hc_progress hc_exchange_peek(hc_exchange *x, hc_slice *view, hc_failure *why) {
  return x->protocol->peek(x, view, why);
}
static inline hc_progress hc_exchange_consume(hc_exchange *x, size_t size) {
  return x->protocol->consume(x, size);
}
static inline hc_slice hc_exchange_held(const hc_exchange *x) { return x->protocol->held(x); }
static inline hc_progress hc_exchange_check_idle(hc_exchange *x, hc_failure *why) {
  return x->protocol->check_idle(x, why);
}
static inline bool hc_exchange_is_readable(hc_exchange *x) { return x->protocol->is_readable(x); }
static inline hc_upload hc_exchange_upload(const hc_exchange *x) { return x->protocol->upload(x); }
static inline bool hc_exchange_awaits_head(const hc_exchange *x) {
  return x->protocol->awaits_head && x->protocol->awaits_head(x);
}
static inline bool hc_exchange_resume(hc_exchange *x) { return x->protocol->resume(x); }
static inline void hc_exchange_cancel(hc_exchange *x, const hc_failure *why) {
  x->protocol->cancel(x, why);
}
static inline hc_progress hc_exchange_finish(hc_exchange *x, hc_failure *why) {
  return x->protocol->finish(x, why);
}
static inline bool hc_exchange_can_pump(hc_exchange *x, hc_pump *pump) {
  return x->protocol->can_pump && x->protocol->can_pump(x, pump);
}
static inline hc_progress hc_exchange_pump(hc_exchange *x, hc_pump *pump, uint64_t most,
                                           hc_failure *why) {
  return x->protocol->pump(x, pump, most, why);
}
static inline void hc_exchange_end_pump(hc_exchange *x, hc_pump *pump) {
  if (x->protocol->end_pump) x->protocol->end_pump(x, pump);
}

/* --- for whoever calls: how long the next step may sleep in the kernel */

/* Until something comes. */
static inline void hc_exchange_sleep_whole(hc_exchange *x) { x->sleep_until = HC_NEVER; }
/* A slice of it, so that the caller can look after other things in between. */
static inline void hc_exchange_sleep_sliced(hc_exchange *x) { x->sleep_until = HC_SLICE_AHEAD; }
/* The next advance is all that a wait does, and may sleep until then. */
static inline void hc_exchange_begin_wait(hc_exchange *x, uint64_t until) { x->wait_until = until; }
/* The wait is over. Has anything come? */
static inline bool hc_exchange_end_wait(hc_exchange *x) {
  bool has_come = x->wait_until == 0;
  x->wait_until = 0;
  return has_come;
}

/* --- for the protocols: the times, which are the same for all */

void hc_exchange_init(hc_exchange *x, const hc_protocol *protocol, hc_connection *n,
                      const hc_answer *answer);
/* A byte moved: the idle timeout starts anew. The settings are live: a script may change a timeout
 * while its body comes, and the next byte counts by the new one. */
static inline void hc_exchange_touch(hc_exchange *x) {
  if (x->settings->idle_timeout > 0)
    x->idle_deadline = hc_clock_deadline(hc_clock_now(), x->settings->idle_timeout);
}
/* All is sent: the response timeout runs in place of the idle timeout. */
void hc_exchange_await_head(hc_exchange *x);
bool hc_exchange_is_idle_too_long(const hc_exchange *x);
/* Record the timeout in place of what `why` holds, and are BROKEN. */
hc_progress hc_exchange_end_by_response_timeout(const hc_exchange *x, hc_failure *why);
hc_progress hc_exchange_end_by_idle_timeout(const hc_exchange *x, hc_failure *why);
/* It is under way no longer, and its times end. */
void hc_exchange_retire(hc_exchange *x);
static inline void hc_exchange_begin(hc_exchange *x, const hc_settings *settings) {
  x->settings = settings;
  x->is_under_way = true;
  x->was_tried = false;
  x->sent = 0;
}
/* Of the connection: whose it is, or nobody's. */
static inline void hc_exchange_belong_to(hc_exchange *x, hc_place *place) { x->place = place; }
static inline void hc_exchange_note_try(hc_exchange *x) { x->was_tried = true; }
static inline void hc_exchange_note_sent(hc_exchange *x, uint64_t sent) { x->sent = sent; }
/* The silence that follows is asked for: it has a limit of its own and is no idleness. */
static inline void hc_exchange_stop_idle_time(hc_exchange *x) { x->idle_deadline = HC_NEVER; }
/* The final head is in. */
static inline void hc_exchange_end_response_wait(hc_exchange *x) {
  x->response_deadline = HC_NEVER;
}
/* What a wait waits for is here: nothing of this call sleeps any more. */
static inline void hc_exchange_note_arrival(hc_exchange *x) { x->wait_until = 0; }

HC_INTERNAL_END

#endif
