/* poller_backend.h - what the poller needs of the kernel: epoll, kqueue, or poll over all.
 *
 * A set belongs to one poller, and so to one thread. It knows handles and numbers, nothing of
 * connections: `key` comes back as it was given. The poller has a generation in it, so that an
 * event of a connection which has gone since finds nobody.
 *
 * Which one it is, is decided when this is compiled. Whether the set itself can be waited for, as
 * an event loop wants it, hc_backend_fd says. */
#ifndef HC_POLLER_BACKEND_H
#define HC_POLLER_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "handle.h"

/* HC_WITH_KQUEUE: by libkqueue or its like, where the system's own way is another. */
#if defined(__linux__) && !defined(HC_WITH_KQUEUE)
#define HC_BACKEND_EPOLL 1
#elif defined(HC_WITH_KQUEUE) || defined(__APPLE__) || defined(__FreeBSD__) ||                     \
    defined(__NetBSD__) || defined(__OpenBSD__) || defined(__DragonFly__)
#define HC_BACKEND_KQUEUE 1
#else
#define HC_BACKEND_LIST 1 /* WSAPoll, on Windows */
#endif

HC_INTERNAL_BEGIN

typedef struct hc_backend hc_backend;

typedef struct hc_backend_event {
  uint64_t key;
} hc_backend_event;

hc_backend *hc_backend_new(hc_failure *why);
void hc_backend_delete(hc_backend *b);
/* For the child of a fork: an empty set of its own, under the same number, in the place of the one
 * that is its parent's too. False: none can be had, and all is as before. */
bool hc_backend_renew(hc_backend *b);
hc_handle hc_backend_fd(const hc_backend *b);  /* HC_NO_HANDLE where there is none */
/* Watches `fd` under `key`; a descriptor that is watched already gets the new key and events.
 * Level-triggered: what was not dealt with is told again by the next wait, so nothing is lost where
 * a connection stops half way. A closed descriptor leaves by itself. False when memory or
 * descriptors are out. */
bool hc_backend_watch(hc_backend *b, hc_handle fd, unsigned events, uint64_t key);
/* One that is not watched is fine. */
void hc_backend_unwatch(hc_backend *b, hc_handle fd);
/* Up to `room` events; sleeps until one comes or the deadline. */
size_t hc_backend_wait(hc_backend *b, hc_backend_event *events, size_t room, uint64_t deadline);

HC_INTERNAL_END

#endif
