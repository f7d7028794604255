/* poller.c - many clients, one wait: a slot for each, a list of those that are due, a heap of deadlines. */
#include "../poller.h"

#include <stddef.h>
#include <string.h>

#include "../base/handle_map.h"
#include "../base/limits.h"
#include "client_state.h"
#include "../base/memory.h"
#include "../platform/poller_backend.h"

enum { BATCH = 512, FEW = 32 };
/* So long what a look at all descriptors has shown counts for what is there: bytes are on their way for longer, even in a
 * local network, and nobody can see those. */
#define SWEPT_NS 200000u
#define NOWHERE SIZE_MAX

typedef struct entry {
  hc_watch watch;          /* first: the client points here */
  hc_stream_watcher watcher;
  hc_poller *poller;
  hc_client *client;
  void *tag;
  uint32_t slot, generation;
  int fd;                  /* watched by the backend; -1 none */
  unsigned events;
  uint64_t deadline;
  size_t heap_index;       /* NOWHERE: has no deadline */
  bool is_due;             /* in the due list */
  bool is_final;           /* was in a state that nothing but its owner can change */
  bool has_moved;          /* in the moved list */
  struct entry *next_due, *next_moved;
} entry;

typedef struct slot {
  entry *entry;
  uint32_t generation;
  uint32_t next_free;
} slot;

struct hc_poller {
  hc_backend *backend;
  slot *slots;
  uint32_t slot_count, slot_capacity, free_slot;  /* free_slot: index + 1, 0 none */
  size_t count, final_count;
  unsigned at_work;        /* calls under way that may run others' code */
  bool has_called_back;    /* a client has run others' code */
  bool is_shown;           /* a loop that is not ours may watch the descriptor */
  entry *due;              /* polled by the next round without an event */
  entry *polling;          /* what this round has still to poll of them */
  entry *moved, *moved_tail;
  entry **heap;            /* by deadline, the earliest first; room for every client */
  size_t heap_count;
  hc_handle_map watched;   /* by descriptor: whose it is */
};

hc_error hc_poller_new(hc_poller **out, hc_failure *why) {
  hc_poller *p = hc_memory_allocate_zeroed(1, sizeof *p);
  if (!p) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  hc_failure reason = {HC_OK, ""};
  p->backend = hc_backend_new(&reason);
  if (!p->backend) {
    hc_memory_release(p);
    return hc_failure_set(why, reason.code, "%s", reason.text);
  }
  *out = p;
  return HC_OK;
}

size_t hc_poller_count(const hc_poller *p) { return p->count; }
int hc_poller_fd(const hc_poller *p) { return hc_backend_fd(p->backend); }

/* --- deadlines: a binary heap ------------------------------------------------------------------------------------------- */

static void place(hc_poller *p, entry *e, size_t at) {
  p->heap[at] = e;
  e->heap_index = at;
}

static void sift(hc_poller *p, entry *e, size_t at) {
  while (at > 0 && p->heap[(at - 1) / 2]->deadline > e->deadline) {
    place(p, p->heap[(at - 1) / 2], at);
    at = (at - 1) / 2;
  }
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= p->heap_count) break;
    if (child + 1 < p->heap_count && p->heap[child + 1]->deadline < p->heap[child]->deadline) child++;
    if (p->heap[child]->deadline >= e->deadline) break;
    place(p, p->heap[child], at);
    at = child;
  }
  place(p, e, at);
}

static void set_deadline(hc_poller *p, entry *e, uint64_t deadline) {
  if (e->deadline == deadline) return;
  e->deadline = deadline;
  if (deadline != HC_NEVER) {
    if (e->heap_index == NOWHERE) e->heap_index = p->heap_count++;
    sift(p, e, e->heap_index);
    return;
  }
  size_t at = e->heap_index;
  e->heap_index = NOWHERE;
  entry *last = p->heap[--p->heap_count];
  if (last != e) sift(p, last, at);
}

/* --- what the client says ------------------------------------------------------------------------------------------------ */

static void mark_due(hc_poller *p, entry *e) {
  if (e->is_due) return;
  e->is_due = true;
  e->next_due = p->due;
  p->due = e;
}

static void mark_moved(hc_poller *p, entry *e) {
  if (e->has_moved) return;
  e->has_moved = true;
  e->next_moved = NULL;
  if (p->moved) p->moved_tail->next_moved = e;
  else p->moved = e;
  p->moved_tail = e;
}

static void on_dropped(hc_watch *w) {
  entry *e = (entry *)(void *)w;
  hc_stream_peer_watch(NULL, &e->watcher);
  if (e->fd < 0) return;
  hc_backend_unwatch(e->poller->backend, e->fd);
  hc_handle_map_remove(&e->poller->watched, (uint64_t)e->fd);
  e->fd = -1;
}

/* Somebody else closes the client's stream, and the client does not know yet. */
static void on_closing(hc_stream_watcher *w) {
  entry *e = (entry *)(void *)((char *)w - offsetof(entry, watcher));
  on_dropped(&e->watch);
  mark_due(e->poller, e);
}

static void on_due(hc_watch *w) {
  entry *e = (entry *)(void *)w;
  mark_due(e->poller, e);
}

static void unlink_entry(entry **list, entry *e, bool due) {
  for (entry **at = list; *at; at = due ? &(*at)->next_due : &(*at)->next_moved) {
    if (*at != e) continue;
    *at = due ? e->next_due : e->next_moved;
    return;
  }
}

static void forget(hc_poller *p, entry *e) {
  on_dropped(&e->watch);
  set_deadline(p, e, HC_NEVER);
  if (e->is_due) {
    unlink_entry(&p->due, e, true);
    unlink_entry(&p->polling, e, true);
  }
  if (e->has_moved) {
    unlink_entry(&p->moved, e, false);
    p->moved_tail = p->moved;
    while (p->moved_tail && p->moved_tail->next_moved) p->moved_tail = p->moved_tail->next_moved;
  }
  p->slots[e->slot].entry = NULL;
  p->slots[e->slot].generation++;
  p->slots[e->slot].next_free = p->free_slot;
  p->free_slot = e->slot + 1;
  p->count--;
  if (e->is_final) p->final_count--;
  e->client->connection->watch = NULL;
  hc_memory_release(e);
}

static void on_gone(hc_watch *w) {
  entry *e = (entry *)(void *)w;
  forget(e->poller, e);
}

/* --- what the client waits for ------------------------------------------------------------------------------------------- */

static bool is_final(hc_status status) {
  return status == HC_STATUS_DISCONNECTED || status == HC_STATUS_CANT_RESOLVE || status == HC_STATUS_CANT_CONNECT ||
         status == HC_STATUS_CONNECTION_ERROR || status == HC_STATUS_TLS_HANDSHAKE_ERROR;
}

static void note_final(hc_poller *p, entry *e, bool now) {
  if (e->is_final && !now) p->final_count--;
  if (!e->is_final && now) p->final_count++;
  e->is_final = now;
}

static bool watch_descriptor(hc_poller *p, entry *e, int fd, unsigned events) {
  if (e->fd != fd) on_dropped(&e->watch);
  entry *before = hc_handle_map_get(&p->watched, (uint64_t)fd);
  if (before && before != e) {
    /* A script's own stream has closed it, and the number was given away anew. */
    before->fd = -1;
    hc_stream_peer_watch(NULL, &before->watcher);
    mark_due(p, before);
  }
  if (before != e && hc_handle_map_put(&p->watched, (uint64_t)fd, e) != HC_OK) return false;
  e->fd = fd;
  if (!hc_backend_watch(p->backend, fd, events, (uint64_t)e->generation << 32 | e->slot)) {
    on_dropped(&e->watch);
    return false;
  }
  hc_stream_peer_watch(e->client->connection->stream, &e->watcher);
  e->events = events;
  return true;
}

/* Who a call of a client's is made for: what it calls back may take the client out of the poller. */
typedef struct tenant {
  entry *entry;
  uint32_t slot, generation;
} tenant;

static tenant tenant_of(entry *e) { return (tenant){e, e->slot, e->generation}; }

static bool is_there(const hc_poller *p, tenant t) {
  return p->slots[t.slot].entry == t.entry && p->slots[t.slot].generation == t.generation;
}

/* Registers what the client waits for now. A client that needs no event is due again. */
static void arm(hc_poller *p, entry *e) {
  hc_interest interest;
  tenant who = tenant_of(e);
  note_final(p, e, is_final(e->client->status));
  if (e->is_final) {
    set_deadline(p, e, HC_NEVER);
    return;
  }
  hc_client_waits_for(e->client, &interest);
  if (!is_there(p, who)) return;
  if (p->is_shown) e->client->connection->is_shown = true; /* what lies in a client does not show on the descriptor */
  if (interest.ready) mark_due(p, e);
  uint64_t deadline = interest.deadline;
  if (interest.fd < 0 && !interest.ready && deadline == HC_NEVER) deadline = hc_clock_now() + HC_BLIND_STEP_NS;
  set_deadline(p, e, deadline);
  if (interest.fd < 0) on_dropped(&e->watch);
  else if (interest.fd == e->fd && interest.events == e->events) return;
  else if (!watch_descriptor(p, e, interest.fd, interest.events))
    set_deadline(p, e, hc_clock_now() + HC_BLIND_STEP_NS); /* not watched: looked at instead */
}

/* --- adding and removing ------------------------------------------------------------------------------------------------- */

static bool grow(hc_poller *p) {
  if (p->free_slot || p->slot_count < p->slot_capacity) return true;
  if (p->slot_capacity > UINT32_MAX / 4) return false;
  uint32_t capacity = p->slot_capacity ? 2 * p->slot_capacity : 16;
  slot *slots = hc_memory_resize(p->slots, capacity * sizeof *slots);
  if (!slots) return false;
  p->slots = slots;
  entry **heap = hc_memory_resize(p->heap, capacity * sizeof *heap);
  if (!heap) return false;
  p->heap = heap;
  p->slot_capacity = capacity;
  return true;
}

static uint32_t take_slot(hc_poller *p) {
  if (p->free_slot) {
    uint32_t index = p->free_slot - 1;
    p->free_slot = p->slots[index].next_free;
    return index;
  }
  memset(&p->slots[p->slot_count], 0, sizeof p->slots[0]);
  return p->slot_count++;
}

/* What the client waits for may be asked of a script's stream. */
static void arm_guarded(hc_poller *p, entry *e) {
  hc_client *c = e->client;
  p->at_work++;
  hc_client_begin(c);
  arm(p, e);
  hc_client_end(c);
  p->at_work--;
}

hc_error hc_poller_add(hc_poller *p, hc_client *c, void *tag, hc_failure *why) {
  if (c->connection->watch) return hc_failure_set(why, HC_ERR_ALREADY_IN_USE, "the client is in a poller already");
  entry *e = grow(p) ? hc_memory_allocate_zeroed(1, sizeof *e) : NULL;
  if (!e) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  e->watch = (hc_watch){on_dropped, on_due, on_gone};
  e->watcher.closing = on_closing;
  e->poller = p;
  e->client = c;
  e->tag = tag;
  e->slot = take_slot(p);
  e->generation = p->slots[e->slot].generation;
  e->fd = -1;
  e->deadline = HC_NEVER;
  e->heap_index = NOWHERE;
  p->slots[e->slot].entry = e;
  p->count++;
  c->connection->watch = &e->watch;
  /* An idle client that has taken all that came needs no look: what comes now is an event. */
  uint64_t step;
  if (c->status == HC_STATUS_CONNECTED && !hc_client_is_taken(c) && hc_stream_peer_empty_at(c->connection->stream, &step) != 0) arm_guarded(p, e);
  else mark_due(p, e);
  return HC_OK;
}

hc_error hc_poller_remove(hc_poller *p, hc_client *c) {
  entry *e = (entry *)(void *)c->connection->watch;
  if (!e || e->poller != p) return HC_ERR_DOES_NOT_EXIST;
  forget(p, e);
  return HC_OK;
}

void hc_poller_delete(hc_poller *p) {
  if (!p || p->at_work) return;
  for (uint32_t i = 0; i < p->slot_count; i++)
    if (p->slots[i].entry) forget(p, p->slots[i].entry);
  hc_backend_delete(p->backend);
  hc_memory_release(p->slots);
  hc_memory_release(p->heap);
  hc_handle_map_free(&p->watched);
  hc_memory_release(p);
}

/* --- waiting --------------------------------------------------------------------------------------------------------------- */

/* Does a poll run others' code, a body function or a stream's methods? Whatever they do, it takes time. */
static bool calls_back(const hc_client *c) {
  return (c->exchange && hc_exchange_upload(c->exchange) == HC_UPLOAD_HOSTS) ||
         (c->connection->stream && !hc_stream_peer_is_tcp(hc_stream_peer_bottom(c->connection->stream)));
}

/* The client is at work further out: what it calls has come to this wait. It is nobody's turn then, so nothing is left that
 * could end a sleep, neither descriptor nor deadline; and its call, when it ends, makes it due. One whose stream alone is at
 * work has no such call, and is looked at again soon. */
static void put_off(hc_poller *p, entry *e) {
  hc_client *c = e->client;
  on_dropped(&e->watch);
  note_final(p, e, true);
  if (c->at_work) c->is_missed = true;
  set_deadline(p, e, c->at_work ? HC_NEVER : hc_clock_now() + HC_BLIND_STEP_NS);
}

/* What made a client's turn come. */
typedef enum cause {
  BY_DEADLINE,
  BY_EVENT,
  BY_ITSELF,
  BY_ITSELF_QUIET  /* and its descriptor has nothing */
} cause;

static void poll_entry(hc_poller *p, entry *e, cause why) {
  hc_client *c = e->client;
  tenant who = tenant_of(e);
  if (hc_client_is_taken(c)) {
    put_off(p, e);
    return;
  }
  hc_standing before = hc_client_standing(c);
  note_final(p, e, is_final(before.status));
  if (e->is_final) return;
  if (why == BY_EVENT) c->connection->has_event = true;
  else c->connection->is_quiet = why == BY_ITSELF_QUIET;
  if (calls_back(c)) p->has_called_back = true;
  hc_client_begin(c);
  (void)hc_client_advance(c);
  bool has_moved = (why != BY_DEADLINE && c->status == HC_STATUS_BODY) || hc_client_has_moved(c, before);
  if (is_there(p, who)) {
    if (has_moved) mark_moved(p, e);
    arm(p, e);
  }
  hc_client_end(c);
}

static void poll_late(hc_poller *p) {
  if (!p->heap_count) return;
  uint64_t now = hc_clock_now();
  for (size_t guard = p->heap_count; guard && p->heap_count && p->heap[0]->deadline <= now; guard--) {
    entry *e = p->heap[0];
    set_deadline(p, e, HC_NEVER);
    poll_entry(p, e, BY_DEADLINE);
  }
}

/* Returns how many events came. */
static size_t poll_events(hc_poller *p, uint64_t deadline) {
  hc_backend_event events[BATCH];
  size_t count = hc_backend_wait(p->backend, events, BATCH, deadline);
  for (size_t i = 0; i < count; i++) {
    uint32_t index = (uint32_t)events[i].key;
    uint32_t generation = (uint32_t)(events[i].key >> 32);
    if (index >= p->slot_count || !p->slots[index].entry || p->slots[index].generation != generation) continue;
    poll_entry(p, p->slots[index].entry, BY_EVENT);
  }
  return count;
}

/* Works off the events until few are left. Returns when all descriptors were looked at; 0: too many have one again and
 * again, such as bytes that nobody reads. */
static uint64_t sweep(hc_poller *p) {
  for (size_t tries = p->count / BATCH + 2; tries > 0; tries--) {
    uint64_t now = hc_clock_now();
    p->has_called_back = false;
    if (poll_events(p, 0) < FEW && !p->has_called_back) return now;
  }
  return 0;
}

/* Events first: they spare each client that is about to send a look of its own, since one that is watched and was due before
 * had none. False: nobody was due. */
static bool poll_due(hc_poller *p) {
  /* What is marked again while it is polled waits for the next round; what goes away meanwhile leaves both lists. */
  p->polling = p->due;
  p->due = NULL;
  if (!p->polling) return false;
  uint64_t swept_at = sweep(p);
  while (p->polling) {
    uint64_t now = hc_clock_now();
    if (swept_at != 0 && (p->has_called_back || now - swept_at >= SWEPT_NS)) {
      swept_at = sweep(p);
      now = hc_clock_now();
    }
    entry *e = p->polling;
    if (!e) break;
    p->polling = e->next_due;
    e->is_due = false;
    bool is_fresh = swept_at != 0 && now - swept_at < SWEPT_NS;
    poll_entry(p, e, is_fresh && e->fd >= 0 && (e->events & HC_EVENT_READ) != 0 ? BY_ITSELF_QUIET : BY_ITSELF);
  }
  return true;
}

void hc_poller_interest(hc_poller *p, hc_interest *out) {
  for (uint32_t i = 0; !p->is_shown && i < p->slot_count; i++)
    if (p->slots[i].entry) p->slots[i].entry->client->connection->is_shown = true;
  p->is_shown = true;
  *out = (hc_interest){hc_poller_fd(p), HC_EVENT_READ, p->due || p->moved, HC_NEVER};
  if (p->heap_count) out->deadline = p->heap[0]->deadline;
  /* Where the kernel has no descriptor for all of them, the clients are looked at now and then. */
  if (out->fd >= 0 || p->count == p->final_count) return;
  uint64_t soon = hc_clock_now() + HC_BLIND_STEP_NS;
  if (soon < out->deadline) out->deadline = soon;
}

static void clear_moved(hc_poller *p) {
  while (hc_poller_next(p)) continue;
}

static uint64_t time_after(uint64_t now, double seconds) {
  if (seconds < 0) return HC_NEVER;
  return seconds > 0 ? hc_clock_deadline(now, seconds) : now;
}

/* HC_ERR_TIMEOUT: at `part`, before the end. */
static hc_error wait_for_some(hc_poller *p, uint64_t end, uint64_t part) {
  if (part > end) part = end;
  clear_moved(p);
  for (;;) {
    bool has_looked = poll_due(p);
    /* With nobody left who could move, nothing would ever end the sleep. */
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

hc_error hc_poller_wait_part(hc_poller *p, double seconds, double most) {
  if (p->at_work) return HC_ERR_BUSY;
  uint64_t now = hc_clock_now();
  p->at_work++;
  hc_error code = wait_for_some(p, time_after(now, seconds), time_after(now, most));
  p->at_work--;
  return code;
}

hc_error hc_poller_wait(hc_poller *p, double seconds) { return hc_poller_wait_part(p, seconds, -1); }

void *hc_poller_next(hc_poller *p) {
  entry *e = p->moved;
  if (!e) return NULL;
  p->moved = e->next_moved;
  e->has_moved = false;
  return e->tag;
}
