/* socket_wait_posix.c - the clock, waiting, signals between threads and groups of descriptors. See socket.h. */
#include "../system_features.h"

#include "../socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__DragonFly__) || defined(__NetBSD__) || \
    defined(__OpenBSD__)
#include <sys/types.h>
#include <sys/event.h>
#define HAS_KQUEUE 1
#endif

#include "../../base/memory.h"

#define NANOSECONDS 1000000000u
#define NANOSECONDS_PER_MS 1000000u
#define WAIT_ENTRIES_ON_STACK 16u

/* ---- the clock ---- */

uint64_t hc_clock_now(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0; /* POSIX 2008 requires this clock */
  return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

uint64_t hc_clock_deadline(uint64_t now, double seconds) {
  if (!(seconds > 0)) return HC_NEVER; /* a NaN too */
  /* 2^63 ns are 292 years: what is beyond never comes, and the conversion below stays defined. */
  double nanoseconds = seconds * NANOSECONDS;
  if (nanoseconds >= 9223372036854775808.0) return HC_NEVER;
  uint64_t span = (uint64_t)nanoseconds;
  return span > HC_NEVER - now ? HC_NEVER : now + span;
}

/* ---- waiting ---- */

static void fill_poll_entries(struct pollfd *to, const hc_wait_entry *from, size_t count) {
  for (size_t i = 0; i < count; i++) {
    unsigned events = from[i].events;
    /* Without events a hang-up would still wake the poll, and there would be nothing to report. */
    to[i].fd = events == 0 ? -1 : from[i].fd;
    to[i].events = (short)((events & HC_EVENT_READ ? POLLIN : 0) | (events & HC_EVENT_WRITE ? POLLOUT : 0));
    to[i].revents = 0;
  }
}

static size_t take_poll_results(hc_wait_entry *to, const struct pollfd *from, size_t count) {
  size_t ready = 0;
  for (size_t i = 0; i < count; i++) {
    int found = from[i].fd < 0 ? 0 : from[i].revents;
    bool is_broken = (found & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    unsigned events = (found & POLLIN ? HC_EVENT_READ : 0) | (found & POLLOUT ? HC_EVENT_WRITE : 0);
    to[i].ready = to[i].events & (is_broken ? ~0u : events);
    if (to[i].ready != 0) ready++;
  }
  return ready;
}

/* Rounded up: a rounded down timeout would wake too early and make the caller spin through the last millisecond. */
static int poll_timeout(uint64_t deadline) {
  if (deadline == HC_NEVER) return -1;
  uint64_t now = hc_clock_now();
  if (deadline <= now) return 0;
  uint64_t ms = (deadline - now - 1) / NANOSECONDS_PER_MS + 1;
  return ms > INT_MAX ? INT_MAX : (int)ms;
}

static hc_error poll_until(struct pollfd *entries, size_t count, uint64_t deadline) {
  for (;;) {
    int timeout = poll_timeout(deadline);
    int found = poll(entries, (nfds_t)count, timeout);
    if (found > 0 || (found == 0 && timeout == 0)) return HC_OK;
    if (found < 0 && errno != EINTR) return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_FAILED;
  }
}

hc_error hc_socket_wait(hc_wait_entry *entries, size_t count, uint64_t deadline, size_t *ready_count) {
  *ready_count = 0;
  struct pollfd few[WAIT_ENTRIES_ON_STACK], *all = few;
  if (count > WAIT_ENTRIES_ON_STACK) all = hc_memory_allocate_zeroed(count, sizeof *all);
  if (all == NULL) return HC_ERR_OUT_OF_MEMORY;
  fill_poll_entries(all, entries, count);
  hc_error error = poll_until(all, count, deadline);
  if (error == HC_OK) *ready_count = take_poll_results(entries, all, count);
  if (all != few) hc_memory_release(all);
  return error;
}

/* ---- signals between threads ---- */

/* Zero stands for "closed", so that a zeroed struct is valid: a descriptor 0 moves up. */
static int move_off_zero(int fd) {
  if (fd != 0) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  (void)close(fd);
  return moved;
}

#if defined(__linux__)
static bool open_pair(int ends[2]) {
  ends[0] = ends[1] = move_off_zero(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return ends[0] > 0;
}
#else
static bool open_pair(int ends[2]) {
  if (pipe(ends) != 0) return false;
  for (int i = 0; i < 2; i++) {
    ends[i] = move_off_zero(ends[i]);
    if (ends[i] < 0 || fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) != 0) {
      if (ends[0] >= 0) (void)close(ends[0]);
      if (ends[1] >= 0) (void)close(ends[1]);
      return false;
    }
  }
  return true;
}
#endif

hc_error hc_signal_open(hc_signal *signal) {
  int ends[2];
  *signal = (hc_signal){0};
  if (!open_pair(ends)) return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_ERR_CANT_ACQUIRE_RESOURCE;
  *signal = (hc_signal){.read_fd = ends[0], .write_fd = ends[1]};
  return HC_OK;
}

void hc_signal_raise(const hc_signal *signal) {
  const uint64_t one = 1; /* what an eventfd takes; to a pipe any bytes will do */
  if (signal->write_fd <= 0) return;
  /* EAGAIN means that it is raised already. */
  while (write(signal->write_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
}

void hc_signal_close(hc_signal *signal) {
  if (signal->read_fd > 0) (void)close(signal->read_fd);
  if (signal->write_fd > 0 && signal->write_fd != signal->read_fd) (void)close(signal->write_fd);
  *signal = (hc_signal){0};
}

/* ---- groups of descriptors ---- */

#if defined(__linux__)
hc_error hc_group_open(int *fd) {
  *fd = epoll_create1(EPOLL_CLOEXEC);
  if (*fd >= 0) return HC_OK;
  return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_ERR_CANT_ACQUIRE_RESOURCE;
}

hc_error hc_group_add(int group, int fd, unsigned events) {
  struct epoll_event event = {.events = (events & HC_EVENT_READ ? (uint32_t)EPOLLIN : 0u) |
                                        (events & HC_EVENT_WRITE ? (uint32_t)EPOLLOUT : 0u)};
  event.data.fd = fd;
  return epoll_ctl(group, EPOLL_CTL_ADD, fd, &event) == 0 ? HC_OK : HC_ERR_CANT_ACQUIRE_RESOURCE;
}
#elif defined(HAS_KQUEUE)
hc_error hc_group_open(int *fd) {
  *fd = kqueue();
  if (*fd < 0) return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_ERR_CANT_ACQUIRE_RESOURCE;
  if (fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0) return HC_OK;
  (void)close(*fd);
  *fd = -1;
  return HC_ERR_CANT_ACQUIRE_RESOURCE;
}

hc_error hc_group_add(int group, int fd, unsigned events) {
  struct kevent changes[2];
  int count = 0;
  if (events & HC_EVENT_READ) {
    EV_SET(&changes[count], (uintptr_t)fd, EVFILT_READ, EV_ADD, 0, 0, 0);
    count++;
  }
  if (events & HC_EVENT_WRITE) {
    EV_SET(&changes[count], (uintptr_t)fd, EVFILT_WRITE, EV_ADD, 0, 0, 0);
    count++;
  }
  return kevent(group, changes, count, NULL, 0, NULL) == 0 ? HC_OK : HC_ERR_CANT_ACQUIRE_RESOURCE;
}
#else
hc_error hc_group_open(int *fd) {
  *fd = -1;
  return HC_OK;
}

hc_error hc_group_add(int group, int fd, unsigned events) {
  (void)group, (void)fd, (void)events;
  return HC_ERR_UNAVAILABLE;
}
#endif

void hc_group_close(int group) {
  if (group >= 0) (void)close(group);
}
