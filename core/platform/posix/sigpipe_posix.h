/* sigpipe_posix.h - keeps the signal of a write that nobody reads from the host, where the call has
 * no flag against it.
 *
 * A library may not set SIGPIPE's action, which is the process's, nor leave it pending for the host
 * to find. sendmsg has MSG_NOSIGNAL; write, sendfile and splice do not. The mask is set and set
 * back, two system calls where all goes well, so a guard stands around calls that are large or
 * rare. */
#ifndef HC_SIGPIPE_POSIX_H
#define HC_SIGPIPE_POSIX_H

#include <signal.h>
#include <stdbool.h>

#include "../../base/internal.h"

HC_INTERNAL_BEGIN

/* The signal is blocked for this thread, and the one that a call has caused is taken out before it
 * is unblocked. One that was pending before stays. */
typedef struct hc_sigpipe_guard {
  sigset_t before;
  bool is_set, was_pending;
} hc_sigpipe_guard;

/* What the calls in between say of it. A call that moves some bytes and then meets a closed end
 * answers with a short count: the signal is there, and EPIPE is not. */
typedef enum hc_sigpipe_doubt {
  HC_SIGPIPE_NONE, /* each has moved all that it was given, or nothing for want of room */
  HC_SIGPIPE_POSSIBLE, /* one has moved less, or nobody can tell */
  HC_SIGPIPE_CERTAIN /* one has failed with EPIPE */
} hc_sigpipe_doubt;

/* Before the calls. False when that is not possible; restore then does nothing. */
bool hc_sigpipe_block(hc_sigpipe_guard *guard);
/* After them. errno stays. */
void hc_sigpipe_restore(const hc_sigpipe_guard *guard, hc_sigpipe_doubt doubt);

HC_INTERNAL_END

#endif
