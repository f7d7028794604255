/* poller_backend_posix.c - epoll on Linux, kqueue on the BSDs and macOS; poll elsewhere is in
 * poller_backend_list.c. See poller_backend.h.
 *
 * Level-triggered in both: edge-triggered sets spare a few system calls, and in exchange every
 * reader has to read on until there is nothing left, which ours does not want to where a script
 * takes small pieces. */
#include "../poller_backend.h"

#include <errno.h>
#include <fcntl.h>
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

/* Events that one wait takes: 6 KiB of stack on x86-64 Linux, 16 and more elsewhere. What is over
 * comes with the next one: epoll puts what it has told behind the rest. */
enum { BATCH_POLLER_BACKEND = 512 };

#if defined(HC_BACKEND_EPOLL)

struct hc_backend {
  int fd;
};

/* Close-on-exec from the start, or a program that is started meanwhile would have it too. */
static int open_set(void) { return epoll_create1(EPOLL_CLOEXEC); }
static void free_parts(hc_backend *b) { (void)b; }

#elif defined(HC_BACKEND_KQUEUE)

struct hc_backend {
  int fd;
  /* By descriptor: what the kernel would keep with it has 32 bits on some systems. */
  uint64_t *keys;
  size_t capacity;
};

/* A fork has no part in it, but a program that is started in this process's place would. */
static int open_set(void) {
  int fd = kqueue();
  if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return fd;
  int number = errno;
  (void)close(fd);
  errno = number;
  return -1;
}

static void free_parts(hc_backend *b) { hc_memory_release(b->keys); }

#endif

#if defined(HC_BACKEND_EPOLL) || defined(HC_BACKEND_KQUEUE)

/* One descriptor for each poller, and one that a loop can wait for. */
hc_backend *hc_backend_new(hc_failure *why) {
  hc_backend *b = hc_memory_allocate_zeroed(1, sizeof *b);
  if (!b) {
    hc_failure_out_of_memory(why);
    return NULL;
  }
  b->fd = open_set();
  if (b->fd >= 0) return b;
  hc_failure_set(why, HC_ERR_CANT_ACQUIRE_RESOURCE, "no descriptor for the poller (error %d)",
                 errno);
  hc_memory_release(b);
  return NULL;
}

/* Whatever is watched leaves with the set; the connections themselves are not touched. */
void hc_backend_delete(hc_backend *b) {
  if (!b) return;
  (void)close(b->fd);
  free_parts(b);
  hc_memory_release(b);
}

hc_handle hc_backend_fd(const hc_backend *b) { return b->fd; }

#endif

#if defined(HC_BACKEND_EPOLL)

/* dup2 does not hand the close-on-exec flag on. Where that can't be set the number is an empty set
 * even so. */
bool hc_backend_renew(hc_backend *b) {
  int fresh = open_set();
  if (fresh < 0) return false;
  bool is_moved = dup2(fresh, b->fd) >= 0;
  (void)close(fresh);
  if (is_moved) (void)fcntl(b->fd, F_SETFD, FD_CLOEXEC);
  return is_moved;
}

#elif defined(HC_BACKEND_KQUEUE)

/* A queue does not come along by a fork: its number is free in the child, or somebody else's. */
bool hc_backend_renew(hc_backend *b) {
  int fresh = open_set();
  if (fresh >= 0) b->fd = fresh;
  return fresh >= 0;
}

#endif

#if defined(HC_BACKEND_EPOLL)

/* Whether the kernel has it still can't be known here, since closing takes a descriptor out. So it
 * is asked to add, and told to change where it says that it has it. Errors and hang-ups come
 * without being asked for. */
bool hc_backend_watch(hc_backend *b, hc_handle fd, unsigned events, uint64_t key) {
  struct epoll_event e = {0};
  e.events = (events & HC_EVENT_READ ? (uint32_t)EPOLLIN : 0u) |
             (events & HC_EVENT_WRITE ? (uint32_t)EPOLLOUT : 0u);
  e.data.u64 = key;
  if (epoll_ctl(b->fd, EPOLL_CTL_ADD, fd, &e) == 0) return true;
  return errno == EEXIST && epoll_ctl(b->fd, EPOLL_CTL_MOD, fd, &e) == 0;
}

/* The event is for kernels before 2.6.9, which wanted a pointer here. */
void hc_backend_unwatch(hc_backend *b, hc_handle fd) {
  struct epoll_event unused = {0};
  (void)epoll_ctl(b->fd, EPOLL_CTL_DEL, fd, &unused);
}

/* A signal begins the wait again, to the same deadline. A failure is "nothing came": the poller
 * looks at its connections by their deadlines all the same. */
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

/* Taking out what is not in is no failure: a filter may never have been set, or have gone with a
 * close. */
static bool change(hc_backend *b, hc_handle fd, int filter, unsigned on) {
  struct kevent e;
  EV_SET(&e, (uintptr_t)fd, (short)filter, on != 0 ? EV_ADD | EV_ENABLE : EV_DELETE, 0, 0, 0);
  return kevent(b->fd, &e, 1, NULL, 0, NULL) == 0 || (on == 0 && errno == ENOENT);
}

/* Grows with the largest descriptor, which the system keeps small by giving out the lowest that is
 * free. */
static bool keep_key(hc_backend *b, hc_handle fd, uint64_t key) {
  if ((size_t)fd >= b->capacity) {
    size_t capacity = ((size_t)fd | 63) + 1;
    if (capacity < 2 * b->capacity) capacity = 2 * b->capacity;
    uint64_t *keys = hc_memory_resize(b->keys, capacity * sizeof *keys);
    if (!keys) return false;
    b->keys = keys;
    b->capacity = capacity;
  }
  b->keys[fd] = key;
  return true;
}

/* Two filters, and each gives an event of its own. */
static bool set_filters(hc_backend *b, hc_handle fd, unsigned events) {
  bool reads = change(b, fd, EVFILT_READ, events & HC_EVENT_READ);
  bool writes = change(b, fd, EVFILT_WRITE, events & HC_EVENT_WRITE);
  return reads && writes;
}

bool hc_backend_watch(hc_backend *b, hc_handle fd, unsigned events, uint64_t key) {
  return keep_key(b, fd, key) && set_filters(b, fd, events);
}

void hc_backend_unwatch(hc_backend *b, hc_handle fd) { (void)set_filters(b, fd, 0); }

/* As with epoll. A descriptor that can be read and written gives two events here, with the same
 * key. */
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
  for (int i = 0; i < count; i++) events[i].key = b->keys[got[i].ident];
  return count > 0 ? (size_t)count : 0;
}

#endif
