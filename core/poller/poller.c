/* poller.c - many clients, one wait.
 *
 * The kernel watches connections, because a connection owns the descriptor; what the poller
 * remembers about one is kept in its watch (connection.h). An event advances the connection once.
 * That marks the places for which something may have changed, and the clients on them are polled.
 * What belongs to a single client is its seat: the tag, the next deadline, whether it is due or has
 * moved. Beside the seats there are a slot for each watched descriptor (poller_watch.c), a list of
 * the seats that are due, and a heap of deadlines.
 *
 * Any client that is polled may run a script's code, and that may add and remove clients, close
 * connections, or wait with this very poller. So no loop here holds a pointer to the next seat over
 * a call: each takes the first of a list, and a seat that is removed leaves all lists. */
#include "../poller.h"

#include "../base/limits.h"
#include "../base/memory.h"
#include "../platform/thread.h"
#include "poller_state.h"

enum { BATCH_POLLER = 512, FEW = 32 };
/* A sweep's result stays valid this long. Bytes take longer than that to cross even a local
 * network, so a newer look would hardly know more. Saves a fifth of the system calls of requests
 * among 1000 connections (2.4 for each, and 3.0 where every client has a sweep of its own). */
#define SWEPT_NS 200000u

/* The backend's reason is taken over as it is: that the system has no descriptors left is worth
 * more to a user than "no poller". */
hc_error hc_poller_new(hc_poller **out, hc_failure *why) {
  hc_poller *p = hc_memory_allocate_zeroed(1, sizeof *p);
  if (!p) return hc_failure_out_of_memory(why);
  hc_failure reason = {HC_OK, ""};
  p->forks = hc_thread_forks();
  p->backend = hc_backend_new(&reason);
  if (!p->backend) {
    hc_memory_release(p);
    return hc_failure_set(why, reason.code, "%s", reason.text);
  }
  *out = p;
  return HC_OK;
}

size_t hc_poller_count(const hc_poller *p) { return p->count; }

/* --- the lists */

/* The list is in no order. Who is due is polled in the next round in any case, and a round polls
 * all of them. */
static void mark_due(hc_poller *p, seat *s) {
  if (s->is_due) return;
  s->is_due = true;
  s->next_due = p->due;
  p->due = s;
}

/* A seat is in at most one of two lists, and the caller doesn't know in which. */
static void unlink_due(seat **list, const seat *s) {
  while (*list && *list != s) list = &(*list)->next_due;
  if (*list) *list = s->next_due;
}

/* In no order: all of them are polled before the next event is taken. */
static void mark_touched(hc_poller *p, seat *s) {
  if (s->is_touched) return;
  s->is_touched = true;
  s->next_touched = p->touched;
  p->touched = s;
}

static void unlink_touched(hc_poller *p, const seat *s) {
  seat **at = &p->touched;
  while (*at != s) at = &(*at)->next_touched;
  *at = s->next_touched;
}

/* In the order in which they moved: a script that handles one at a time must not leave one waiting
 * for ever. */
static void mark_moved(hc_poller *p, seat *s) {
  if (s->has_moved) return;
  s->has_moved = true;
  s->next_moved = NULL;
  if (p->moved) p->moved_tail->next_moved = s;
  else p->moved = s;
  p->moved_tail = s;
}

/* The list is walked, which only a client that is removed with its news untold has to pay. */
static void unlink_moved(hc_poller *p, seat *s) {
  seat **at = &p->moved, *before = NULL;
  while (*at != s) {
    before = *at;
    at = &before->next_moved;
  }
  *at = s->next_moved;
  if (p->moved_tail == s) p->moved_tail = before;
}

/* While an event is handled, what it concerns is polled at once and in the same round; otherwise it
 * waits for the next. */
static void on_due(hc_seat *hook) {
  seat *s = (seat *)hook;
  if (s->poller->takes_event) mark_touched(s->poller, s);
  else mark_due(s->poller, s);
}

/* --- what a client waits for */

/* Nothing but a call of its owner's can change such a client. If all are like that, an endless wait
 * would never end. */
static bool is_final(hc_status status) {
  return status == HC_STATUS_DISCONNECTED || status == HC_STATUS_CANT_RESOLVE ||
         status == HC_STATUS_CANT_CONNECT || status == HC_STATUS_CONNECTION_ERROR ||
         status == HC_STATUS_TLS_HANDSHAKE_ERROR;
}

static void note_final(hc_poller *p, seat *s) {
  if (!s->is_final) p->final_count++;
  s->is_final = true;
}

/* Only the change counts, so that the number stays right however often it is asked. */
static void note_status(hc_poller *p, seat *s, hc_status status) {
  if (is_final(status)) {
    note_final(p, s);
    return;
  }
  if (s->is_final) p->final_count--;
  s->is_final = false;
}

/* Is the seat's client still in this poller? A call may have run a script's code, which can have
 * removed the client, or removed it and added it again. The client itself can't be gone while it is
 * at work. */
static bool is_there(const hc_poller *p, const hc_place *place, const seat *s) {
  return place->seat == &s->hook && s->poller == p;
}

/* Registers what the client waits for now. If it needs no event, it is due again at once. Most
 * often nothing changes: the descriptor is watched for the same events as before, and the kernel
 * isn't asked. A stream without a descriptor, of a script's own, is looked at by the clock. */
static void arm(hc_poller *p, seat *s) {
  hc_interest interest;
  const hc_place *place = s->place;
  hc_connection *n = place->connection;
  note_status(p, s, hc_client_get_status(s->client));
  if (s->is_final) {
    hc_poller_set_deadline(p, s, HC_NEVER);
    return;
  }
  hc_client_waits_for(s->client, &interest);
  if (!is_there(p, place, s)) return;
  /* another loop can't see on the descriptor what a client has read already */
  if (p->is_shown) hc_connection_note_shown(n);
  if (interest.ready) mark_due(p, s);
  uint64_t deadline = interest.deadline;
  if (interest.fd == HC_NO_HANDLE && !interest.ready && deadline == HC_NEVER)
    deadline = hc_clock_now() + HC_BLIND_STEP_NS;
  hc_poller_set_deadline(p, s, deadline);
  /* others on the connection may still wait for its descriptor */
  if (interest.fd == HC_NO_HANDLE && hc_connection_is_crowded(n)) return;
  if (interest.fd == HC_NO_HANDLE) hc_poller_unwatch(n);
  else if (n->watch.dropped && interest.fd == n->watch.fd && interest.events == n->watch.events)
    return;
  else if (!hc_poller_watch(p, n, interest.fd, interest.events))
    hc_poller_set_deadline(
        p, s, hc_clock_now() + HC_BLIND_STEP_NS); /* can't be watched: poll it instead */
}

/* --- adding and removing */

/* Slots and heap have room for every client from its adding on, so that nothing that happens later
 * in a wait can fail for want of memory. */
static bool grow_poller(hc_poller *p) {
  if (p->count < p->capacity) return true;
  if (p->capacity > UINT32_MAX / 4) return false;
  uint32_t capacity = p->capacity ? 2 * p->capacity : 16;
  watch_slot *slots = hc_memory_resize(p->slots, capacity * sizeof *slots);
  if (!slots) return false;
  p->slots = slots;
  seat **heap = hc_memory_resize(p->heap, capacity * sizeof *heap);
  if (!heap) return false;
  p->heap = heap;
  p->capacity = capacity;
  return true;
}

/* Does another client in the poller need this connection's descriptor watched? */
static bool has_other_seat(const hc_connection *n, const hc_place *place) {
  for (const hc_place *other = n->places; other; other = other->next)
    if (other != place && other->seat) return true;
  return false;
}

/* All lists are left here, and the watch ends if nobody else needs it: afterwards nothing in the
 * kernel or in this poller knows the seat's memory. */
static void forget_poller(hc_poller *p, seat *s) {
  hc_place *place = s->place;
  if (place->connection && !has_other_seat(place->connection, place))
    hc_poller_unwatch(place->connection);
  hc_place_sit(place, NULL);
  hc_poller_set_deadline(p, s, HC_NEVER);
  if (s->is_due) {
    unlink_due(&p->due, s);
    unlink_due(&p->polling, s);
  }
  if (s->is_touched) unlink_touched(p, s);
  if (s->has_moved) unlink_moved(p, s);
  if (s->previous) s->previous->next = s->next;
  else p->seats = s->next;
  if (s->next) s->next->previous = s->previous;
  p->count--;
  if (s->is_final) p->final_count--;
  hc_memory_release(s);
}

static void on_gone(hc_seat *hook) {
  seat *s = (seat *)hook;
  forget_poller(s->poller, s);
}

/* A descriptor can be in the set of one poller only, so all clients on a connection have to be in
 * the same one. */
static bool is_taken_by_another(const hc_poller *p, const hc_place *place) {
  const hc_place *other = place->connection ? place->connection->places : NULL;
  while (other && (!other->seat || other->seat->owner == p)) other = other->next;
  return other != NULL;
}

/* The place hears of its seat from the caller, when nothing can fail any more. */
static seat *make_seat(hc_poller *p, hc_client *c, void *tag) {
  seat *s = grow_poller(p) ? hc_memory_allocate_zeroed(1, sizeof *s) : NULL;
  if (!s) return NULL;
  *s = (seat){.hook = {on_due, on_gone, p},
              .poller = p,
              .client = c,
              .place = hc_client_place(c),
              .tag = tag,
              .deadline = HC_NEVER,
              .heap_index = NOWHERE,
              .next = p->seats};
  if (p->seats) p->seats->previous = s;
  p->seats = s;
  p->count++;
  return s;
}

/* Finding out what the client waits for may call a script's stream, hence the turn. False: the
 * client is at work already. */
static bool arm_in_turn(hc_poller *p, seat *s) {
  hc_client *c = s->client;
  if (!hc_client_begin_turn(c)) return false;
  p->at_work++;
  arm(p, s);
  hc_client_end_turn(c);
  p->at_work--;
  return true;
}

/* Otherwise it is due, since something may have come before anybody watched: a kernel's event tells
 * of what is there, but bytes that TLS has decrypted already are not in the kernel. */
hc_error hc_poller_add(hc_poller *p, hc_client *c, void *tag, hc_failure *why) {
  hc_place *place = hc_client_place(c);
  if (place->seat)
    return hc_failure_set(why, HC_ERR_ALREADY_IN_USE, "the client is in a poller already");
  if (is_taken_by_another(p, place))
    return hc_failure_set(why, HC_ERR_ALREADY_IN_USE,
                          "the client's connection is in another poller");
  seat *s = make_seat(p, c, tag);
  if (!s) return hc_failure_out_of_memory(why);
  hc_place_sit(place, &s->hook);
  /* If an idle client has read all there was, there is nothing to see before the next event. */
  if (!hc_client_is_known_empty(c) || !arm_in_turn(p, s)) mark_due(p, s);
  return HC_OK;
}

/* The owner is compared, so a client that is in another poller is as unknown as one that is in
 * none. */
hc_error hc_poller_remove(hc_poller *p, hc_client *c) {
  hc_seat *hook = hc_client_place(c)->seat;
  if (!hook || hook->owner != p) return HC_ERR_DOES_NOT_EXIST;
  forget_poller(p, (seat *)hook);
  return HC_OK;
}

/* Not while a wait is under way further up the stack: its loop would go on in freed memory. The
 * bindings keep it alive until then. */
void hc_poller_delete(hc_poller *p) {
  if (!p || p->at_work) return;
  hc_poller_silence(p);
  while (p->seats) forget_poller(p, p->seats);
  hc_backend_delete(p->backend);
  hc_memory_release(p->slots);
  hc_memory_release(p->heap);
  hc_handle_map_free(&p->watched);
  hc_memory_release(p);
}

/* --- waiting */

/* Does polling this client run a script's code (a body function, a stream's methods)? That may take
 * any amount of time, after which a sweep's result is worth nothing. */
static bool calls_back(const hc_place *place) {
  hc_stream_peer *stream = place->connection->stream;
  return (place->exchange && hc_exchange_upload(place->exchange) == HC_UPLOAD_HOSTS) ||
         (stream && !hc_stream_peer_is_tcp(hc_stream_peer_bottom(stream)));
}

/* Do other clients need the descriptor while this one is at work? */
static bool serves_others(const hc_place *place) {
  const hc_connection *n = place->connection;
  return n && n->protocol->takes_for_all && has_other_seat(n, place) &&
         !hc_stream_peer_is_in_call(n->stream);
}

/* The client is already at work further up the stack: something it has called led to this wait. It
 * can't have a turn now, so neither its descriptor nor its deadline may end the sleep. When that
 * outer call ends, it makes the client due. If only the client's stream is at work, there is no
 * such call, and the client is looked at again soon. */
static void put_off(hc_poller *p, seat *s) {
  if (!serves_others(s->place)) hc_poller_unwatch(s->place->connection);
  note_final(p, s);
  bool is_told = hc_client_put_off(s->client);
  hc_poller_set_deadline(p, s, is_told ? HC_NEVER : hc_clock_now() + HC_BLIND_STEP_NS);
}

/* What made a client's turn come. */
typedef enum cause {
  BY_DEADLINE,
  BY_EVENT,
  BY_ITSELF,
  BY_ITSELF_QUIET /* and its descriptor has nothing */
} cause;

/* One turn of one client. The hint of what is known of its descriptor goes to the connection first;
 * it can spare the look in front of a request. The seat is looked up again behind the turn, because
 * the turn may have removed it. */
static void poll_seat(hc_poller *p, seat *s, cause why) {
  hc_client *c = s->client;
  const hc_place *place = s->place;
  if (!hc_client_begin_turn(c)) {
    put_off(p, s);
    return;
  }
  note_status(p, s, hc_client_get_status(c));
  if (!s->is_final) {
    if (why == BY_EVENT) hc_connection_note_event(place->connection);
    else if (why == BY_ITSELF_QUIET) hc_connection_note_quiet(place->connection);
    if (calls_back(place)) p->has_called_back = true;
    hc_turn turn = hc_client_take_turn(c);
    bool has_moved = turn.has_moved || (why != BY_DEADLINE && turn.status == HC_STATUS_BODY) ||
                     hc_client_has_news(c);
    if (is_there(p, place, s)) {
      if (has_moved) mark_moved(p, s);
      arm(p, s);
    }
  }
  hc_client_end_turn(c);
}

/* Advances the connection, and then polls the clients that this concerned. An event belongs to the
 * connection and is taken once, however many clients stand on it; with HTTP/2 that one step may
 * have brought something for each of them. */
static void take_event(hc_poller *p, hc_connection *n) {
  p->takes_event = true;
  hc_connection_take_event(n);
  p->takes_event = false;
  while (p->touched) {
    seat *s = p->touched;
    p->touched = s->next_touched;
    s->is_touched = false;
    poll_seat(p, s, BY_EVENT);
  }
}

/* The guard ends a round in which a client's new deadline is always past: others have to have their
 * turn. */
static void poll_late(hc_poller *p) {
  if (!p->heap_count) return;
  uint64_t now = hc_clock_now();
  for (size_t guard = p->heap_count; guard && p->heap_count && p->heap[0]->deadline <= now;
       guard--) {
    seat *s = p->heap[0];
    hc_poller_set_deadline(p, s, HC_NEVER);
    poll_seat(p, s, BY_DEADLINE);
  }
}

/* Has a wait with a time limit used it up? A game gives a wait some milliseconds of its frame, and
 * the rest of the clients have theirs in the next. */
static bool has_done_enough(const hc_poller *p) {
  return p->rest_at != 0 && hc_clock_now() >= p->rest_at;
}

/* Returns how many events came. When time runs out the kernel will report the rest again, and the
 * next round begins with them. The events are a copy of what was so a moment ago. A client that has
 * been polled since may have closed the connection of a later one, and its slot may be somebody
 * else's: the generation tells. */
static size_t poll_events(hc_poller *p, uint64_t deadline) {
  hc_backend_event events[BATCH_POLLER];
  (void)hc_poller_take_over(p);
  size_t count = hc_backend_wait(p->backend, events, BATCH_POLLER, deadline);
  size_t first = p->first_event;
  p->first_event = 0;
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && has_done_enough(p)) {
      p->first_event = first + i;
      break;
    }
    uint64_t key = events[(first + i) % count].key;
    uint32_t index = (uint32_t)key;
    uint32_t generation = (uint32_t)(key >> 32);
    if (index >= p->slot_count || !p->slots[index].connection ||
        p->slots[index].generation != generation)
      continue;
    take_event(p, p->slots[index].connection);
  }
  return count;
}

/* Handles events until only few are left, and returns the time of the last look at all descriptors.
 * 0: too many have events again and again, for example bytes that nobody reads. With fewer than a
 * few events the kernel has told of everything there is; with a full batch there may be more behind
 * it. */
static uint64_t sweep(hc_poller *p) {
  for (size_t tries = p->count / BATCH_POLLER + 2; tries > 0; tries--) {
    uint64_t now = hc_clock_now();
    p->has_called_back = false;
    if (poll_events(p, 0) < FEW && !p->has_called_back) return now;
    if (has_done_enough(p)) break;
  }
  return 0;
}

/* With HTTP/2 nobody has to look before sending: whatever comes is an event, now or later. */
static bool needs_no_look(const hc_connection *n) {
  return hc_connection_is_watched(n) && n->protocol->takes_for_all;
}

/* It is not due any more before it is polled: if the poll makes it due again, that is for the next
 * round. */
static seat *take_polling(hc_poller *p) {
  seat *s = p->polling;
  p->polling = s->next_due;
  s->is_due = false;
  return s;
}

/* No time is left for the others, so the next round begins with them. In the order they had, before
 * those that have become due since. */
static void put_back(hc_poller *p) {
  seat **end = &p->polling;
  while (*end) end = &(*end)->next_due;
  *end = p->due;
  p->due = p->polling;
  p->polling = NULL;
}

/* Handles events first. A watched client that had none has nothing to read, so it can send without
 * a look of its own. False: there was no need to look at the events. First those who need no look,
 * since their last receive was a moment ago. As soon as one of the others comes, all descriptors
 * are looked at in one system call, which counts for all that follow; that is cheaper than a look
 * for each. */
static bool poll_due(hc_poller *p) {
  bool has_looked = false, is_swept = true;
  uint64_t swept_at = 0;
  /* A seat that becomes due again meanwhile waits for the next round, and one that is removed
   * leaves both lists. */
  p->polling = p->due;
  p->due = NULL;
  while (p->polling && hc_client_is_known_quiet(p->polling->client)) {
    poll_seat(p, take_polling(p), BY_ITSELF);
    if (p->polling && has_done_enough(p)) put_back(p);
  }
  while (p->polling) {
    if (is_swept && !needs_no_look(p->polling->place->connection) &&
        (p->has_called_back || hc_clock_now() - swept_at >= SWEPT_NS)) {
      swept_at = sweep(p);
      is_swept = swept_at != 0;
      has_looked = true;
      if (!p->polling) break;
    }
    seat *s = take_polling(p);
    const hc_connection *n = s->place->connection;
    bool is_quiet = needs_no_look(n) || (is_swept && hc_connection_is_watched(n));
    poll_seat(p, s, is_quiet ? BY_ITSELF_QUIET : BY_ITSELF);
    if (p->polling && has_done_enough(p)) put_back(p);
  }
  return has_looked;
}

static uint64_t time_after(uint64_t now, double seconds) {
  if (seconds < 0) return HC_NEVER;
  return seconds > 0 ? hc_clock_deadline(now, seconds) : now;
}

/* HC_ERR_TIMEOUT: it was `part` that ended the wait, not `end`. What has moved and was not fetched
 * is forgotten: a wait tells what moved during itself. A round is: who is due, then events, then
 * who is late. It sleeps only where none of these has anything. */
static hc_error wait_for_some(hc_poller *p, uint64_t end, uint64_t part) {
  if (part > end) part = end;
  while (hc_poller_next(p)) continue;
  hc_poller_silence(p);
  for (;;) {
    bool has_looked = poll_due(p);
    /* If no client can move any more, nothing would ever end the sleep. */
    bool endless = end == HC_NEVER && p->count == p->final_count;
    bool at_once = p->moved || p->due || endless;
    uint64_t until = part;
    if (p->heap_count && p->heap[0]->deadline < until) until = p->heap[0]->deadline;
    if (!at_once || !has_looked) (void)poll_events(p, at_once ? 0 : until);
    poll_late(p);
    if (p->moved || endless) return HC_OK;
    if (part == HC_NEVER) continue;
    uint64_t now = hc_clock_now();
    if (now >= part) return now >= end ? HC_OK : HC_ERR_TIMEOUT;
  }
}

/* A wait inside of a wait of the same poller would take the outer one's lists apart. */
hc_error hc_poller_wait_part(hc_poller *p, double seconds, double most) {
  if (p->at_work) return HC_ERR_BUSY;
  uint64_t now = hc_clock_now();
  p->at_work++;
  hc_error code = wait_for_some(p, time_after(now, seconds), time_after(now, most));
  p->at_work--;
  return code;
}

/* No sleep: what is ready is done, as far as the time goes. */
hc_error hc_poller_wait_within(hc_poller *p, double most) {
  if (p->at_work) return HC_ERR_BUSY;
  p->rest_at = time_after(hc_clock_now(), most);
  hc_error code = hc_poller_wait_part(p, 0, 0);
  p->rest_at = 0;
  return code;
}

hc_error hc_poller_wait(hc_poller *p, double seconds) {
  return hc_poller_wait_part(p, seconds, -1);
}

/* The tag is the host's own word for the client, so the core hands out nothing that the host has to
 * look up. */
void *hc_poller_next(hc_poller *p) {
  seat *s = p->moved;
  if (!s) return NULL;
  p->moved = s->next_moved;
  s->has_moved = false;
  return s->tag;
}
