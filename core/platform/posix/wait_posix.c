/* wait_posix.c - waiting, signals between threads and groups of descriptors, on POSIX. See wait.h.
 *
 * poll for a few descriptors that are named anew each time; what many clients wait on for long is
 * the poller's backend (poller_backend_posix.c). poll and not select: that one can't take
 * descriptors over FD_SETSIZE, and a program with a thousand connections would write behind its
 * sets.
 *
 * A signal is what a lookup's thread raises and an event loop waits for: an eventfd where there is
 * such, one descriptor instead of a pipe's two. A group makes one descriptor of several, so that a
 * race over addresses looks like a single connection to a loop that knows only that. */
#include "../system_features.h"

#include "../wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "../../base/memory.h"
#include "../clock.h"
#include "../poller_backend.h"

#if defined(HC_BACKEND_EPOLL)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#elif defined(HC_BACKEND_KQUEUE)
#include <sys/types.h>
#include <sys/event.h>
#endif

/* One client waits on one or two; more than these are waited for together by wait_any alone. */
#define WAIT_ENTRIES_ON_STACK 16u

/* --- waiting */

static void fill_poll_entries(struct pollfd *to, const hc_wait_entry *from, size_t count) {
  for (size_t i = 0; i < count; i++) {
    unsigned events = from[i].events;
    /* Without events a hang-up would still wake the poll, and there would be nothing to report. */
    to[i].fd = events == 0 ? -1 : from[i].fd;
    to[i].events =
        (short)((events & HC_EVENT_READ ? POLLIN : 0) | (events & HC_EVENT_WRITE ? POLLOUT : 0));
    to[i].revents = 0;
  }
}

/* A hang-up or an error counts as whatever was asked for: only a read or a write can find out what
 * it is, and it would never come otherwise. */
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

/* The time is counted anew after each signal, to the same deadline: a host with a timer that fires
 * often would have the wait last for ever otherwise. poll itself takes 32 bits of milliseconds, so
 * a far deadline takes several of them. */
static hc_error poll_until(struct pollfd *entries, size_t count, uint64_t deadline) {
  for (;;) {
    int timeout = hc_clock_milliseconds_until(deadline);
    int found = poll(entries, (nfds_t)count, timeout);
    if (found > 0 || (found == 0 && timeout == 0)) return HC_OK;
    if (found < 0 && errno != EINTR) return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_FAILED;
  }
}

/* The entries are the caller's, in our words; the system's stand on the stack, or in a block where
 * they are many. */
hc_error hc_wait(hc_wait_entry *entries, size_t count, uint64_t deadline, size_t *ready_count) {
  *ready_count = 0;
  struct pollfd few[WAIT_ENTRIES_ON_STACK], *all = few;
  if (count > WAIT_ENTRIES_ON_STACK) all = hc_memory_allocate_zeroed(count, sizeof *all);
  if (!all) return HC_ERR_OUT_OF_MEMORY;
  fill_poll_entries(all, entries, count);
  hc_error error = poll_until(all, count, deadline);
  if (error == HC_OK) *ready_count = take_poll_results(entries, all, count);
  if (all != few) hc_memory_release(all);
  return error;
}

/* --- signals between threads */

/* Zero stands for "closed", so that a zeroed struct is valid: a descriptor 0 moves up. Programs
 * that have closed their standard input do get it. */
static int move_off_zero(int fd) {
  if (fd != 0) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  int error = errno;
  (void)close(fd);
  errno = error;
  return moved;
}

#if defined(HC_BACKEND_EPOLL)
/* One descriptor for both ends; its counter never runs full in practice, and a raise that finds it
 * so has been heard. */
static bool open_pair(int ends[2]) {
  ends[0] = ends[1] = move_off_zero(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return ends[0] > 0;
}
#else
/* POSIX 2008 has no pipe2, so the flags come afterwards, end by end. */
static bool open_pair(int ends[2]) {
  if (pipe(ends) != 0) return false;
  for (int i = 0; i < 2; i++) {
    ends[i] = move_off_zero(ends[i]);
    if (ends[i] < 0 || fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(ends[i], F_SETFL, O_NONBLOCK) != 0) {
      if (ends[0] >= 0) (void)close(ends[0]);
      if (ends[1] >= 0) (void)close(ends[1]);
      return false;
    }
  }
  return true;
}
#endif

/* Neither end ever blocks: whoever raises it may be holding a lock, and whoever reads it is an
 * event loop. */
hc_error hc_signal_open(hc_signal *signal) {
  int ends[2];
  *signal = (hc_signal){0};
  if (!open_pair(ends))
    return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_ERR_CANT_ACQUIRE_RESOURCE;
  *signal = (hc_signal){.read_end = ends[0], .write_end = ends[1]};
  return HC_OK;
}

/* Called with the resolver's lock held, too: write is all that it does. */
void hc_signal_raise(const hc_signal *signal) {
  const uint64_t one = 1; /* what an eventfd takes; to a pipe any bytes will do */
  if (signal->write_end <= 0) return;
  /* EAGAIN means that it is raised already. */
  while (write(signal->write_end, &one, sizeof one) < 0 && errno == EINTR) continue;
}

/* An eventfd is both ends, and closed once. */
void hc_signal_close(hc_signal *signal) {
  if (signal->read_end > 0) (void)close(signal->read_end);
  if (signal->write_end > 0 && signal->write_end != signal->read_end)
    (void)close(signal->write_end);
  *signal = (hc_signal){0};
}

bool hc_signal_can_be_lost(void) { return false; }

/* The same number as long as the signal is open, also after a fork (hc_signal_renew). */
hc_handle hc_signal_handle(const hc_signal *signal) {
  return signal->read_end > 0 ? signal->read_end : HC_NO_HANDLE;
}

/* dup2 does not hand the close-on-exec flag on. */
static bool take_number(int fresh, int kept) {
  return dup2(fresh, kept) >= 0 && fcntl(kept, F_SETFD, FD_CLOEXEC) == 0;
}

/* In the child of a fork the parent's descriptors are the same open files: a raise here would wake
 * the parent. New ones take the old numbers, since an event loop in the child knows them by
 * these. */
void hc_signal_renew(hc_signal *signal) {
  hc_signal fresh;
  if (signal->read_end <= 0) return;
  if (hc_signal_open(&fresh) != HC_OK) {
    hc_signal_close(signal);
    return;
  }
  bool is_pair = signal->read_end != signal->write_end;
  bool is_moved = take_number(fresh.read_end, signal->read_end) &&
                  (!is_pair || take_number(fresh.write_end, signal->write_end));
  hc_signal_close(&fresh);
  if (!is_moved) hc_signal_close(signal);
}

/* --- groups of descriptors */

#if defined(HC_BACKEND_EPOLL)
/* A set of the kernel's has a descriptor of its own, which is readable when any of its members has
 * its event. */
hc_error hc_group_open(hc_handle *group) {
  *group = epoll_create1(EPOLL_CLOEXEC);
  if (*group >= 0) return HC_OK;
  return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_ERR_CANT_ACQUIRE_RESOURCE;
}

/* A member that is closed leaves by itself. */
hc_error hc_group_add(hc_handle group, hc_handle fd, unsigned events) {
  struct epoll_event event = {.events = (events & HC_EVENT_READ ? (uint32_t)EPOLLIN : 0u) |
                                        (events & HC_EVENT_WRITE ? (uint32_t)EPOLLOUT : 0u)};
  event.data.fd = fd;
  return epoll_ctl(group, EPOLL_CTL_ADD, fd, &event) == 0 ? HC_OK : HC_ERR_CANT_ACQUIRE_RESOURCE;
}
#elif defined(HC_BACKEND_KQUEUE)
/* Close-on-exec in a second call, since kqueue takes no flags: a program that is started has no use
 * for it. */
hc_error hc_group_open(hc_handle *group) {
  *group = kqueue();
  if (*group < 0) return errno == ENOMEM ? HC_ERR_OUT_OF_MEMORY : HC_ERR_CANT_ACQUIRE_RESOURCE;
  if (fcntl(*group, F_SETFD, FD_CLOEXEC) == 0) return HC_OK;
  (void)close(*group);
  *group = HC_NO_HANDLE;
  return HC_ERR_CANT_ACQUIRE_RESOURCE;
}

hc_error hc_group_add(hc_handle group, hc_handle fd, unsigned events) {
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
/* Without such a set several attempts have no descriptor in common: the connector asks for a short
 * sleep instead. */
hc_error hc_group_open(hc_handle *group) {
  *group = HC_NO_HANDLE;
  return HC_OK;
}

hc_error hc_group_add(hc_handle group, hc_handle fd, unsigned events) {
  (void)group, (void)fd, (void)events;
  return HC_ERR_UNAVAILABLE;
}
#endif

void hc_group_close(hc_handle group) {
  if (group >= 0) (void)close(group);
}
