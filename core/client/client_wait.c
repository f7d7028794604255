/* client_wait.c - a client's own wait, a wait for several, and what a poller's wait is made of.
 *
 * A wait is a sleep and a step, again and again, until something has happened that the client's
 * user wants to know: the step has moved it, or there is something for him to take. Timeouts come
 * with what is waited for, so they end a sleep as an event does. Where only the head of an answer
 * is missing, the sleep is in the receive itself, which spares a system call.
 *
 * This file is the top of the room: it stands on poll (client.c) and on the sleep, and nobody here
 * calls it. A poller has a wait of its own for all of its clients, and takes from here what it does
 * with one of them: a turn, see client_turn.h. */
#include "../base/limits.h"
#include "../base/memory.h"
#include "../platform/wait.h"
#include "client_state.h"

/* --- one client */

/* Negative: no end. 0 is a look without a sleep, and has to look at the clock all the same, to be
 * over at once. */
static uint64_t deadline_after(double seconds) {
  if (seconds < 0) return HC_NEVER;
  uint64_t now = hc_clock_now();
  return seconds > 0 ? hc_clock_deadline(now, seconds) : now;
}

/* HTTP/2: its user may have waited for the server to say how many requests it takes. That is news
 * once, for each client on the connection. */
static bool learns_room(hc_client *c) {
  if (c->place.knows_room || !hc_connection_is_settled(c->place.connection)) return false;
  hc_place_learn_room(&c->place);
  return true;
}

bool hc_client_has_news(hc_client *c) {
  /* Here poll does not look at the stream, so no step has told of it. */
  if (c->status == HC_STATUS_BODY)
    return (c->content && hc_decoded_is_readable(c->content)) ||
           hc_exchange_is_readable(c->place.exchange);
  if (c->status != HC_STATUS_CONNECTED) return false;
  /* Bytes behind an upgrade are for the script that has the stream. */
  return learns_room(c) ||
         (c->place.exchange && hc_connection_has_upgraded_bytes(c->place.connection));
}

/* Does an event of the descriptor's alone say that this client can do something? Not where others
 * wait for the same. */
static bool has_own_events(const hc_client *c) {
  return !c->place.connection || !hc_connection_is_crowded(c->place.connection);
}

/* A receive may sleep up to HC_SLICE_NS, whatever is wanted: for what ends sooner there is poll. */
#define RECEIVE_FOR_NS (HC_SLICE_NS / 8 * 9)

/* The exchange in whose advance the wait can be: a receive that sleeps, where a small GET with a
 * wait would need a poll and a receive (a third of its system calls). NULL: none. */
static hc_exchange *receives_meanwhile(const hc_client *c, const hc_interest *interest,
                                       uint64_t until) {
  hc_exchange *x = c->place.exchange;
  if (c->status != HC_STATUS_REQUESTING || interest->ready || interest->events != HC_EVENT_READ)
    return NULL;
  if (c->settings.blocking || !hc_exchange_awaits_head(x)) return NULL;
  return until == HC_NEVER || until >= hc_clock_now() + RECEIVE_FOR_NS ? x : NULL;
}

/* One sleep, and the step behind it. *event: what was waited for came. The result: can there be no
 * sleep? */
static hc_error sleep_and_advance(hc_client *c, uint64_t deadline, bool *event, hc_step *step) {
  hc_interest interest;
  hc_connection *n = c->place.connection;
  hc_client_waits_for(c, &interest);
  uint64_t until = hc_clock_earlier(deadline, interest.deadline);
  hc_exchange *x = receives_meanwhile(c, &interest, until);
  /* A near server may have taken the connection by now. Then a step finds it made, and no sleep is
   * needed. */
  *event = !n || !n->has_just_begun;
  if (x) {
    hc_exchange_begin_wait(x, until);
    *step = hc_client_advance(c);
    *event = hc_exchange_end_wait(x);
    return HC_OK;
  }
  if (!interest.ready && *event) {
    hc_error failed = hc_client_sleep_for(&interest, deadline, event);
    if (failed != HC_OK) return failed;
    if (n && *event) hc_connection_note_event(n);
  }
  *step = hc_client_advance(c);
  return HC_OK;
}

static hc_error wait_for_one(hc_client *c, double seconds, bool *ready) {
  uint64_t deadline = deadline_after(seconds);
  for (;;) {
    bool event;
    hc_step step = {HC_OK, false};
    hc_error failed = sleep_and_advance(c, deadline, &event, &step);
    if (failed != HC_OK) return failed;
    *ready = (event && has_own_events(c)) || step.has_moved || hc_client_has_news(c);
    if (*ready || hc_clock_now() >= deadline) return step.code;
  }
}

hc_error hc_client_wait(hc_client *c, double seconds, bool *ready) {
  *ready = false;
  if (c->at_work) return HC_ERR_BUSY;
  hc_client_begin(c);
  hc_error code = wait_for_one(c, seconds, ready);
  hc_client_end(c);
  return code;
}

/* --- several clients */

/* Fills the entries; returns the time by which somebody must be polled, 0 for at once. */
static uint64_t gather_client_wait(hc_client *const *clients, size_t count, hc_wait_entry *entries,
                                   uint64_t *due) {
  uint64_t until = HC_NEVER;
  for (size_t i = 0; i < count; i++) {
    hc_interest interest;
    hc_client_waits_for(clients[i], &interest);
    if (interest.fd == HC_NO_HANDLE && !interest.ready && interest.deadline == HC_NEVER)
      interest.deadline = hc_clock_now() + HC_BLIND_STEP_NS;
    entries[i] = (hc_wait_entry){interest.fd, interest.events, 0};
    due[i] = interest.ready ? 0 : interest.deadline;
    until = hc_clock_earlier(until, due[i]);
  }
  return until;
}

/* Only those that an event, or their own time, concerns: the others would find nothing. */
static bool poll_ready(hc_client *const *clients, size_t count, const hc_wait_entry *entries,
                       const uint64_t *due, bool *ready) {
  uint64_t now = hc_clock_now();
  bool any = false;
  for (size_t i = 0; i < count; i++) {
    bool is_told = entries[i].ready || due[i] == 0;
    if (!is_told && due[i] > now) continue;
    if (clients[i]->place.connection && entries[i].ready)
      hc_connection_note_event(clients[i]->place.connection);
    hc_step step = hc_client_advance(clients[i]);
    ready[i] =
        (is_told && has_own_events(clients[i])) || step.has_moved || hc_client_has_news(clients[i]);
    any = any || ready[i];
  }
  return any;
}

/* For a handful of clients: all of them are asked before each sleep, and the arrays live as long as
 * the call. Many are a poller's business, which asks only those that have an event. */
static hc_error wait_for_any(hc_client *const *clients, size_t count, double seconds, bool *ready) {
  uint64_t deadline = deadline_after(seconds);
  /* One more than needed: an allocation of nothing may be NULL, and means no failure then. */
  hc_wait_entry *entries = hc_memory_allocate_zeroed(count + 1, sizeof *entries);
  uint64_t *due = hc_memory_allocate_zeroed(count + 1, sizeof *due);
  hc_error code = entries && due ? HC_OK : HC_ERR_OUT_OF_MEMORY;
  while (code == HC_OK) {
    size_t events = 0;
    uint64_t until = gather_client_wait(clients, count, entries, due);
    code = hc_wait(entries, count, hc_clock_earlier(until, deadline), &events);
    if (code != HC_OK || poll_ready(clients, count, entries, due, ready) ||
        hc_clock_now() >= deadline)
      break;
  }
  hc_memory_release(entries);
  hc_memory_release(due);
  return code;
}

/* All are held before the first is looked at: what one of them calls can't close another in the
 * list. */
hc_error hc_client_wait_any(hc_client *const *clients, size_t count, double seconds, bool *ready) {
  bool is_refused = false;
  for (size_t i = 0; i < count; i++) {
    ready[i] = false;
    is_refused = is_refused || clients[i]->at_work;
  }
  if (is_refused) return HC_ERR_BUSY;
  for (size_t i = 0; i < count; i++) hc_client_begin(clients[i]);
  hc_error code = wait_for_any(clients, count, seconds, ready);
  for (size_t i = 0; i < count; i++) hc_client_end(clients[i]);
  return code;
}

/* --- a poller's turn, see client_turn.h */

hc_place *hc_client_place(hc_client *c) { return &c->place; }

/* Saves the first look of a client that is put into a poller. */
bool hc_client_is_known_empty(const hc_client *c) {
  uint64_t step;
  return c->status == HC_STATUS_CONNECTED && !hc_client_is_taken(c) &&
         c->place.connection->stream &&
         hc_stream_peer_empty_at(c->place.connection->stream, &step) != 0;
}

bool hc_client_is_known_quiet(const hc_client *c) {
  return c->status == HC_STATUS_REQUESTING && !hc_client_is_taken(c) &&
         hc_connection_is_known_quiet(c->place.connection);
}

bool hc_client_begin_turn(hc_client *c) {
  if (hc_client_is_taken(c)) return false;
  hc_client_begin(c);
  return true;
}

hc_turn hc_client_take_turn(hc_client *c) {
  hc_step step =
      hc_client_advance(c); /* its code is no news for a poller's user, who polls again */
  return (hc_turn){c->status, step.has_moved};
}

void hc_client_end_turn(hc_client *c) { hc_client_end(c); }

/* A client at work can't be polled, and asking again and again would be a busy loop: the end of its
 * call tells the poller (hc_client_end). */
bool hc_client_put_off(hc_client *c) {
  if (c->at_work) c->is_missed = true;
  return c->at_work;
}
