/* wait.h - sleeping until something can be read or written, and being woken by another thread. */
#ifndef HC_WAIT_H
#define HC_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "handle.h"

HC_INTERNAL_BEGIN

typedef struct hc_wait_entry {
  hc_handle fd;        /* HC_NO_HANDLE: skipped */
  unsigned events;     /* HC_EVENT_… asked for */
  unsigned ready;      /* HC_EVENT_… that came; an error or hang-up sets all that was asked */
} hc_wait_entry;

/* Sleeps in the kernel (poll(2), WSAPoll) until one entry is ready or the deadline has come;
 * resumes after EINTR. *ready_count may be 0. HC_OK, or HC_ERR_… when poll fails. */
hc_error hc_wait(hc_wait_entry *entries, size_t count, uint64_t deadline, size_t *ready_count);

/* What becomes readable when it is raised once: an eventfd, or a pipe. Zeroed: closed. */
typedef struct hc_signal {
  hc_handle read_end, write_end;
} hc_signal;
hc_error hc_signal_open(hc_signal *signal);
void hc_signal_raise(const hc_signal *signal);  /* callable from any thread */
void hc_signal_close(hc_signal *signal);
/* May another program keep it from arriving? On Windows it is a datagram to ourselves. Whoever
 * waits for it looks now and then as well. */
bool hc_signal_can_be_lost(void);
/* what to watch for reading; HC_NO_HANDLE when it is closed */
hc_handle hc_signal_handle(const hc_signal *signal);
/* For the child of a fork, whose copy of the descriptor is the parent's too. It gets one of its own
 * under the same number, since an event loop may hold that, and a closed signal where none can be
 * had. Calls only what is allowed between fork and exec. */
void hc_signal_renew(hc_signal *signal);

/* What is readable when any of a few others has its event: an epoll or kqueue set, so that a client
 * with several connection attempts under way can show one. HC_NO_HANDLE in *group where the
 * platform has none. */
hc_error hc_group_open(hc_handle *group);
hc_error hc_group_add(hc_handle group, hc_handle fd, unsigned events);
void hc_group_close(hc_handle group);

HC_INTERNAL_END

#endif
