/* kqueue.c - kqueue over epoll, so that what the core does with it runs on Linux too. What kqueue
 * has of its own holds here as well: read and write are two filters, each with an event of its own;
 * one that is not there can't be deleted; a queue is not closed by exec; a closed descriptor leaves
 * by itself. */
#include "include/sys/event.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define DESCRIPTORS 65536u

enum { READ = 1, WRITE = 2 };

typedef struct watch {
  void *data[2];
  unsigned char filters;
} watch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static watch *queues[DESCRIPTORS]; /* each has DESCRIPTORS watches */

int kqueue(void) {
  watch *watches = calloc(DESCRIPTORS, sizeof *watches);
  int queue = watches ? epoll_create1(0) : -1;
  if (queue < 0 || (unsigned)queue >= DESCRIPTORS) {
    free(watches);
    errno = watches ? EMFILE : ENOMEM;
    return -1;
  }
  (void)pthread_mutex_lock(&lock);
  free(queues[queue]); /* of one that has been closed */
  queues[queue] = watches;
  (void)pthread_mutex_unlock(&lock);
  return queue;
}

static int control(int queue, int operation, int fd, unsigned filters) {
  struct epoll_event event = {.data.fd = fd};
  if (filters & READ) event.events |= EPOLLIN | EPOLLRDHUP;
  if (filters & WRITE) event.events |= EPOLLOUT;
  return epoll_ctl(queue, operation, fd, &event) == 0 ? 0 : errno;
}

/* What was noted of a descriptor that is closed by now is none of a new one's with its number. */
static int add(int queue, int fd, watch *w, unsigned filter) {
  unsigned filters = w->filters | filter;
  int error = w->filters != 0 ? control(queue, EPOLL_CTL_MOD, fd, filters) : ENOENT;
  if (error == ENOENT) error = control(queue, EPOLL_CTL_ADD, fd, filters = filter);
  w->filters = (unsigned char)(error == 0 ? filters : 0);
  return error;
}

static int take_away(int queue, int fd, watch *w, unsigned filter) {
  unsigned filters = w->filters & ~filter;
  if (filters == w->filters) return ENOENT;
  int error = control(queue, filters != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, fd, filters);
  w->filters = (unsigned char)(error == 0 ? filters : 0);
  return error;
}

static int change(int queue, const struct kevent *c) {
  if (c->ident >= DESCRIPTORS) return EBADF;
  if (c->filter != EVFILT_READ && c->filter != EVFILT_WRITE) return EINVAL;
  watch *w = &queues[queue][c->ident];
  unsigned filter = c->filter == EVFILT_READ ? READ : WRITE;
  if (c->flags & EV_DELETE) return take_away(queue, (int)c->ident, w, filter);
  int error = add(queue, (int)c->ident, w, filter);
  if (error == 0) w->data[filter - 1] = c->udata;
  return error;
}

static int to_milliseconds(const struct timespec *time) {
  if (!time) return -1;
  if (time->tv_sec > 1000000) return 1000000000;
  return (int)time->tv_sec * 1000 + (int)((time->tv_nsec + 999999) / 1000000);
}

static void tell(struct kevent *out, int fd, const watch *w, unsigned filter, bool is_end) {
  *out = (struct kevent){.ident = (uintptr_t)fd,
                         .filter = filter == READ ? EVFILT_READ : EVFILT_WRITE,
                         .flags = is_end ? EV_EOF : 0,
                         .udata = w->data[filter - 1]};
}

/* An epoll event may be two here. */
static int take(int queue, const struct epoll_event *got, int count, struct kevent *events,
                int room) {
  int told = 0;
  for (int i = 0; i < count; i++) {
    const watch *w = &queues[queue][got[i].data.fd];
    unsigned seen = got[i].events;
    bool is_broken = (seen & (EPOLLHUP | EPOLLERR)) != 0;
    bool reads = is_broken || (seen & (EPOLLIN | EPOLLRDHUP)) != 0;
    bool writes = is_broken || (seen & EPOLLOUT) != 0;
    if ((w->filters & READ) && reads && told < room)
      tell(&events[told++], got[i].data.fd, w, READ, is_broken || (seen & EPOLLRDHUP) != 0);
    if ((w->filters & WRITE) && writes && told < room)
      tell(&events[told++], got[i].data.fd, w, WRITE, is_broken);
  }
  return told;
}

int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events,
           int room, const struct timespec *timeout) {
  struct epoll_event got[64];
  int error = 0;
  if (queue < 0 || (unsigned)queue >= DESCRIPTORS || !queues[queue]) return errno = EBADF, -1;
  (void)pthread_mutex_lock(&lock);
  for (int i = 0; i < change_count && error == 0; i++) error = change(queue, &changes[i]);
  (void)pthread_mutex_unlock(&lock);
  if (error != 0) return errno = error, -1;
  if (room == 0) return 0;
  int count = epoll_wait(queue, got, room < 128 ? (room + 1) / 2 : 64, to_milliseconds(timeout));
  if (count < 0) return -1;
  (void)pthread_mutex_lock(&lock);
  int told = take(queue, got, count, events, room);
  (void)pthread_mutex_unlock(&lock);
  return told;
}
