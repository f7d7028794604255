/* poller_watch.c - the poller's descriptors: which connection's is in the kernel's set, for which
 * events, and how an event that comes late is known to mean nobody. See poller_state.h.
 *
 * Kernels know descriptors by number, and numbers are given away anew as soon as they are closed.
 * So a watch always ends before its descriptor, whoever closes that, and an event names a slot with
 * its generation and no pointer. */
#include <stddef.h>

#include "poller_state.h"

#include "../platform/thread.h"

static uint64_t key_of(const hc_poller *p, uint32_t index) {
  return (uint64_t)p->slots[index].generation << 32 | index;
}

/* After a fork the kernel's set is in both processes, and what one of them takes out the other one
 * would miss. What can't be put into the new set is polled by the clock, as ever. */
bool hc_poller_take_over(hc_poller *p) {
  unsigned forks = hc_thread_forks();
  if (p->forks == forks) return true;
  if (!hc_backend_renew(p->backend)) return false;
  p->forks = forks;
  for (uint32_t i = 0; i < p->slot_count; i++) {
    const hc_connection *n = p->slots[i].connection;
    if (n) (void)hc_backend_watch(p->backend, n->watch.fd, n->watch.events, key_of(p, i));
  }
  hc_signal_renew(&p->bell);
  hc_handle bell = hc_signal_handle(&p->bell);
  if (bell != HC_NO_HANDLE) {
    hc_signal_raise(&p->bell);
    (void)hc_backend_watch(p->backend, bell, HC_EVENT_READ, HC_POLLER_BELL);
  }
  return true;
}

/* There is a slot for each client, and there are no more connections than clients. Should that ever
 * not hold, the connection is polled by the clock. */
static bool take_slot(hc_poller *p, hc_connection *n) {
  uint32_t index = p->slot_count;
  if (p->free_slot) {
    index = p->free_slot - 1;
    p->free_slot = p->slots[index].next_free;
  } else {
    if (index == p->capacity) return false;
    p->slots[p->slot_count++] = (watch_slot){NULL, 0, 0};
  }
  p->slots[index].connection = n;
  n->watch.slot = index;
  return true;
}

/* The watch ends: the slot is free, and an event that is under way already means nobody. That is
 * what the generation is for: the kernel has the slot's number, and may report it once more. */
static void forget_watch(hc_poller *p, hc_watch *w) {
  watch_slot *s = &p->slots[w->slot];
  hc_stream_peer_watch(NULL, &w->watcher);
  s->connection = NULL;
  s->generation++;
  s->next_free = p->free_slot;
  p->free_slot = w->slot + 1;
  w->dropped = NULL;
}

/* In this order: the kernel first, while the descriptor is still open. Afterwards the number could
 * belong to another file. */
static void on_dropped(hc_watch *w) {
  hc_poller *p = w->poller;
  if (hc_poller_take_over(p)) hc_backend_unwatch(p->backend, w->fd);
  hc_handle_map_remove(&p->watched, (uint64_t)w->fd);
  forget_watch(p, w);
}

void hc_poller_unwatch(hc_connection *n) {
  if (n && n->watch.dropped) n->watch.dropped(&n->watch);
}

/* Somebody else closes the connection's stream, and who stands on it does not know yet. They are
 * noticed, so that the next round tells them. */
static void on_closing(hc_stream_watcher *watcher) {
  hc_watch *w = (void *)((char *)watcher - offsetof(hc_watch, watcher));
  hc_poller *p = w->poller;
  hc_connection *n = p->slots[w->slot].connection;
  on_dropped(w);
  hc_connection_notice_all(n);
}

/* A script's own stream has closed the descriptor, and the number was given away anew. The kernel
 * has taken a closed descriptor out of its set by itself, and to take out that number now would
 * take out the new one's. */
static void forget_stale(hc_poller *p, hc_connection *n) {
  hc_handle_map_remove(&p->watched, (uint64_t)n->watch.fd);
  forget_watch(p, &n->watch);
  hc_connection_notice_all(n);
}

/* The map comes last, as it alone can be out of memory. */
static bool start_watch(hc_poller *p, hc_connection *n, hc_handle fd) {
  if (!take_slot(p, n)) return false;
  n->watch.poller = p;
  n->watch.fd = fd;
  n->watch.dropped = on_dropped;
  n->watch.watcher.closing = on_closing;
  if (hc_handle_map_put(&p->watched, (uint64_t)fd, n) == HC_OK) return true;
  forget_watch(p, &n->watch);
  return false;
}

/* A stream may change its descriptor: a host's own one, or the race over addresses, which watches
 * one attempt after the other. */
bool hc_poller_watch(hc_poller *p, hc_connection *n, hc_handle fd, unsigned events) {
  hc_watch *w = &n->watch;
  if (!hc_poller_take_over(p)) return false;
  if (w->dropped && w->fd != fd) on_dropped(w);
  hc_connection *before = hc_handle_map_get(&p->watched, (uint64_t)fd);
  if (before && before != n) forget_stale(p, before);
  if (!w->dropped && !start_watch(p, n, fd)) return false;
  if (!hc_backend_watch(p->backend, fd, events, key_of(p, w->slot))) {
    on_dropped(w);
    return false;
  }
  hc_stream_peer_watch(n->stream, &w->watcher);
  w->events = events;
  return true;
}
