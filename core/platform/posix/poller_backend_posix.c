/* poller_backend_posix.c - epoll on Linux, kqueue on the BSDs and macOS; poll elsewhere is in
 * poller_backend_list.c. */
#include "../poller_backend.h"

#include <errno.h>
#include <unistd.h>

#include "../../base/memory.h"
#include "../clock.h"
#include "../wait.h"

#if defined(HC_BACKEND_EPOLL)
#include <sys/epoll.h>
#elif defined(HC_BACKEND_KQUEUE)
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#endif

enum { BATCH_POLLER_BACKEND = 512 };

#if defined(HC_BACKEND_EPOLL) || defined(HC_BACKEND_KQUEUE)

struct hc_backend {
  int fd;
};

hc_backend *hc_backend_new(hc_failure *why) {
  hc_backend *b = hc_memory_allocate(sizeof *b);
  if (!b) {
    hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
    return NULL;
  }
#if defined(HC_BACKEND_EPOLL)
  b->fd = epoll_create1(EPOLL_CLOEXEC);
#else
  b->fd = kqueue();
#endif
  if (b->fd >= 0) return b;
  hc_failure_set(why, HC_ERR_CANT_ACQUIRE_RESOURCE, "no descriptor for the poller (error %d)",
                 errno);
  hc_memory_release(b);
  return NULL;
}

void hc_backend_delete(hc_backend *b) {
  if (!b) return;
  (void)close(b->fd);
  hc_memory_release(b);
}

hc_handle hc_backend_fd(const hc_backend *b) { return b->fd; }

#endif

#if defined(HC_BACKEND_EPOLL)

bool hc_backend_watch(hc_backend *b, hc_handle fd, unsigned events, uint64_t key) {
  struct epoll_event e = {0};
  e.events = (events & HC_EVENT_READ ? (uint32_t)EPOLLIN : 0u) |
             (events & HC_EVENT_WRITE ? (uint32_t)EPOLLOUT : 0u);
  e.data.u64 = key;
  if (epoll_ctl(b->fd, EPOLL_CTL_ADD, fd, &e) == 0) return true;
  return errno == EEXIST && epoll_ctl(b->fd, EPOLL_CTL_MOD, fd, &e) == 0;
}

void hc_backend_unwatch(hc_backend *b, hc_handle fd) {
  struct epoll_event unused = {0};
  (void)epoll_ctl(b->fd, EPOLL_CTL_DEL, fd, &unused);
}

size_t hc_backend_wait(hc_backend *b, hc_backend_event *events, size_t room, uint64_t deadline) {
  struct epoll_event got[BATCH_POLLER_BACKEND];
  int count;
  do
    count = epoll_wait(b->fd, got, room < BATCH_POLLER_BACKEND ? (int)room : BATCH_POLLER_BACKEND,
                       hc_clock_milliseconds_until(deadline));
  while (count < 0 && errno == EINTR);
  for (int i = 0; i < count; i++) events[i].key = got[i].data.u64;
  return count > 0 ? (size_t)count : 0;
}

#elif defined(HC_BACKEND_KQUEUE)

static bool change(hc_backend *b, hc_handle fd, int filter, unsigned on, uint64_t key) {
  struct kevent e;
  /* uintptr_t is 64 bits wide wherever 64-bit keys are used; narrower ones keep the slot, which is
   * in the low half. */
  EV_SET(&e, (uintptr_t)fd, (short)filter, on != 0 ? EV_ADD | EV_ENABLE : EV_DELETE, 0, 0,
         (void *)(uintptr_t)key);
  return kevent(b->fd, &e, 1, NULL, 0, NULL) == 0 || (on == 0 && errno == ENOENT);
}

bool hc_backend_watch(hc_backend *b, hc_handle fd, unsigned events, uint64_t key) {
  bool reads = change(b, fd, EVFILT_READ, events & HC_EVENT_READ, key);
  bool writes = change(b, fd, EVFILT_WRITE, events & HC_EVENT_WRITE, key);
  return reads && writes;
}

void hc_backend_unwatch(hc_backend *b, hc_handle fd) { (void)hc_backend_watch(b, fd, 0, 0); }

size_t hc_backend_wait(hc_backend *b, hc_backend_event *events, size_t room, uint64_t deadline) {
  struct kevent got[BATCH_POLLER_BACKEND];
  int count;
  do {
    uint64_t now = hc_clock_now();
    uint64_t left = deadline > now ? deadline - now : 0;
    struct timespec time = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    count =
        kevent(b->fd, NULL, 0, got, room < BATCH_POLLER_BACKEND ? (int)room : BATCH_POLLER_BACKEND,
               deadline == HC_NEVER ? NULL : &time);
  } while (count < 0 && errno == EINTR);
  for (int i = 0; i < count; i++) events[i].key = (uint64_t)(uintptr_t)got[i].udata;
  return count > 0 ? (size_t)count : 0;
}

#endif
