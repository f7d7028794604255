/* sigpipe_posix.c - SIGPIPE by the masks of POSIX threads. See sigpipe_posix.h.
 *
 * What POSIX gives: a signal that is blocked stays pending, for the thread whose write has caused
 * it, and can be taken out by that thread. macOS and OpenBSD have no sigtimedwait, so there it is
 * looked whether one is pending before sigwait, which would sleep otherwise. */
#include "../system_features.h"

#include "sigpipe_posix.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* For the thread or for the whole process: POSIX does not tell the two apart. */
static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void make_set(sigset_t *set) {
  (void)sigemptyset(set); /* these fail for a bad signal number only */
  (void)sigaddset(set, SIGPIPE);
}

/* Around a write that has no MSG_NOSIGNAL. The host's own mask and its own pending signal are
 * noted, and are as they were afterwards. */
bool hc_sigpipe_block(hc_sigpipe_guard *guard) {
  sigset_t set;
  make_set(&set);
  guard->is_set = pthread_sigmask(SIG_BLOCK, &set, &guard->before) == 0;
  /* What was not blocked can not be pending. */
  guard->was_pending = guard->is_set && sigismember(&guard->before, SIGPIPE) == 1 && is_pending();
  return guard->is_set;
}

/* Takes one out, if there is one. The thread's own comes before one of the whole process, and a
 * write's is the thread's own. */
static void swallow(void) {
  sigset_t set;
  make_set(&set);
#if defined(_POSIX_REALTIME_SIGNALS) && _POSIX_REALTIME_SIGNALS > 0
  const struct timespec none = {0};
  siginfo_t facts;
  int number;
  do number = sigtimedwait(&set, &facts, &none);
  while (number < 0 && errno == EINTR);
  /* Another process has sent it meanwhile: that one is the host's. */
  if (number == SIGPIPE && facts.si_code == SI_USER && facts.si_pid != getpid())
    (void)kill(getpid(), SIGPIPE);
#else
  int number;
  if (is_pending()) (void)sigwait(&set, &number);
#endif
}

/* Beside the host's own there are two if that one was sent to the process, and one if it was the
 * thread's, too: they are not counted. */
static void swallow_beside(void) {
  swallow();
  if (!is_pending()) (void)raise(SIGPIPE);
}

/* errno is that of the write, which the caller has yet to look at. */
void hc_sigpipe_restore(const hc_sigpipe_guard *guard, hc_sigpipe_doubt doubt) {
  int number = errno;
  if (!guard->is_set) return;
  /* What was there before is not put at risk for what may not have come. */
  if (guard->was_pending && doubt == HC_SIGPIPE_CERTAIN) swallow_beside();
  else if (!guard->was_pending && doubt != HC_SIGPIPE_NONE) swallow();
  /* fails for a bad first argument only */
  (void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
  errno = number;
}
