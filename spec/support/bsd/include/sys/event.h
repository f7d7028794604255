/* sys/event.h - kqueue, as the BSDs and macOS declare it. The part that the core uses: kqueue.c has
 * it over epoll. */
#ifndef SPEC_SYS_EVENT_H
#define SPEC_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

struct kevent {
  uintptr_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  intptr_t data;
  void *udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                   \
  (*(event) = (struct kevent){.ident = (ident_),                                         \
                              .filter = (filter_),                                       \
                              .flags = (flags_),                                         \
                              .fflags = (fflags_),                                       \
                              .data = (data_),                                           \
                              .udata = (udata_)})

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events,
           int room, const struct timespec *timeout);

#endif
