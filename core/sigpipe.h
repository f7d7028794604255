/* sigpipe.h - keeps the signal of a write that nobody reads from the host, where the call has no flag against it. */
#ifndef HC_SIGPIPE_H
#define HC_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

/* The signal is blocked for this thread, and the one that the call has caused is taken out before it is unblocked. One that
 * was pending before stays. */
typedef struct hc_sigpipe_guard {
  sigset_t before;
  bool is_set, was_pending;
} hc_sigpipe_guard;

/* Before the call. False when that is not possible; restore then does nothing. */
bool hc_sigpipe_block(hc_sigpipe_guard *guard);
/* After it. `is_caused`: it has failed with EPIPE. errno stays. */
void hc_sigpipe_restore(const hc_sigpipe_guard *guard, bool is_caused);

#endif
