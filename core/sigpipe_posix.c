/* sigpipe_posix.c - SIGPIPE by the masks of POSIX threads. See sigpipe.h. */
#include "sigpipe.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void make_set(sigset_t *set) {
  (void)sigemptyset(set); /* these fail for a bad signal number only */
  (void)sigaddset(set, SIGPIPE);
}

bool hc_sigpipe_block(hc_sigpipe_guard *guard) {
  sigset_t set;
  make_set(&set);
  guard->is_set = pthread_sigmask(SIG_BLOCK, &set, &guard->before) == 0;
  /* What was not blocked can not be pending. */
  guard->was_pending = guard->is_set && sigismember(&guard->before, SIGPIPE) == 1 && is_pending();
  return guard->is_set;
}

static void swallow(void) {
  sigset_t set;
  make_set(&set);
#if defined(_POSIX_REALTIME_SIGNALS) && _POSIX_REALTIME_SIGNALS > 0
  struct timespec none = {0};
  while (sigtimedwait(&set, NULL, &none) < 0 && errno == EINTR) continue;
#else
  int number;
  if (is_pending()) (void)sigwait(&set, &number);
#endif
}

void hc_sigpipe_restore(const hc_sigpipe_guard *guard, bool is_caused) {
  int number = errno;
  if (!guard->is_set) return;
  if (is_caused && !guard->was_pending) swallow();
  (void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL); /* fails for a bad first argument only */
  errno = number;
}
