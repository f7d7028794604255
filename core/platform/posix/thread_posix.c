/* thread_posix.c - threads, locks and forks by POSIX threads. See thread.h.
 *
 * Signals are masked in each thread that is started, by masking them around pthread_create: a mask
 * is inherited, and one that the thread set itself would come too late for a signal that is on its
 * way. */
#define HC_WANT_GNU /* glibc declares dladdr only then */
#include "../system_features.h"

#include "../thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"

#define NANOSECONDS_THREAD 1000000000u

/* --- locks */

/* These fail only for a lock that is broken or used wrongly. */
void hc_mutex_lock(hc_mutex *m) { (void)pthread_mutex_lock(m); }
void hc_mutex_unlock(hc_mutex *m) { (void)pthread_mutex_unlock(m); }
void hc_condition_wait(hc_condition *c, hc_mutex *m) { (void)pthread_cond_wait(c, m); }
void hc_condition_wake_one(hc_condition *c) { (void)pthread_cond_signal(c); }
void hc_condition_wake_all(hc_condition *c) { (void)pthread_cond_broadcast(c); }

#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0

/* Deadlines are by the monotonic clock, so nobody sleeps longer because the machine's clock was
 * set. */
void hc_condition_init(hc_condition *c) {
  pthread_condattr_t attributes;
  bool is_made = pthread_condattr_init(&attributes) == 0;
  /* checked when this was compiled */
  if (is_made) (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  (void)pthread_cond_init(c, is_made ? &attributes : NULL);
  if (is_made) (void)pthread_condattr_destroy(&attributes);
}

bool hc_condition_wait_until(hc_condition *c, hc_mutex *m, uint64_t deadline) {
  const struct timespec until = {(time_t)(deadline / NANOSECONDS_THREAD),
                                 (long)(deadline % NANOSECONDS_THREAD)};
  return pthread_cond_timedwait(c, m, &until) == 0;
}

#else

void hc_condition_init(hc_condition *c) { (void)pthread_cond_init(c, NULL); }

/* On the clock of the wall, which somebody may set: then the wait ends early or late. */
bool hc_condition_wait_until(hc_condition *c, hc_mutex *m, uint64_t deadline) {
  struct timespec until;
  uint64_t now = hc_clock_now();
  if (deadline <= now || clock_gettime(CLOCK_REALTIME, &until) != 0) return false;
  uint64_t at = (uint64_t)until.tv_nsec + (deadline - now);
  until.tv_sec += (time_t)(at / NANOSECONDS_THREAD);
  until.tv_nsec = (long)(at % NANOSECONDS_THREAD);
  return pthread_cond_timedwait(c, m, &until) == 0;
}

#endif

void hc_once_do(hc_once *once, void (*work)(void)) { (void)pthread_once(once, work); }

/* --- threads */

/* In a program that has the core linked in, dladdr finds the program, and the dlopen of it changes
 * nothing. */
static void pin_this_object(void) {
#if defined(RTLD_NOLOAD) && defined(RTLD_NODELETE)
  static const char here = 0;
  Dl_info where;
  if (dladdr(&here, &where) == 0 || !where.dli_fname) return;
  /* The handle is kept: it holds the object as well where RTLD_NODELETE is not heeded for a loaded
   * one. */
  (void)dlopen(where.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

void hc_thread_keep_module(void) {
  static hc_once pinned = HC_ONCE;
  hc_once_do(&pinned, pin_this_object);
}

/* Detached, since nobody could join: whoever has started it may be gone. */
static int start_detached(void *(*work)(void *), void *argument, size_t stack_size) {
  pthread_attr_t attributes;
  pthread_t thread;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (error == 0 && stack_size != HC_STACK_USUAL)
    error = pthread_attr_setstacksize(&attributes, stack_size);
  if (error == 0) error = pthread_create(&thread, &attributes, work, argument);
  (void)pthread_attr_destroy(&attributes);
  return error;
}

/* PTHREAD_STACK_MIN may be a call and no constant (glibc 2.34). */
static size_t enough_stack(size_t size) {
#if defined(PTHREAD_STACK_MIN)
  if (size > 0 && size < (size_t)PTHREAD_STACK_MIN) return (size_t)PTHREAD_STACK_MIN;
#endif
  return size;
}

/* The mask is the caller's own again before this returns, so a signal waits for a moment and is not
 * lost. */
int hc_thread_start(void *(*work)(void *), void *argument, size_t stack_size) {
  sigset_t all, before;
  hc_thread_keep_module();
  (void)sigfillset(&all); /* can not fail */
  int error = pthread_sigmask(SIG_SETMASK, &all, &before);
  if (error != 0) return error;
  error = start_detached(work, argument, enough_stack(stack_size));
  /* Too small where a program has much thread-local data. */
  if (error == EINVAL) error = start_detached(work, argument, HC_STACK_USUAL);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* fails for a bad first argument only */
  return error;
}

bool hc_thread_outlives_exit(void) { return true; }

/* Libraries have destructors of their own here. */
void hc_thread_at_end(void (*work)(void)) { (void)work; }

/* Fails when memory is out; then only a fork at a bad moment goes wrong. */
void hc_thread_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
  (void)pthread_atfork(before, in_parent, in_child);
}

/* Written in the child, before it has a second thread. */
static unsigned fork_count;

static void count_fork(void) { fork_count++; }

/* The handler is the C library's to call from now on, so the code has to stay. */
static void begin_counting_forks(void) {
  hc_thread_keep_module();
  hc_thread_watch_forks(NULL, NULL, count_fork);
}

unsigned hc_thread_forks(void) {
  static hc_once begun = HC_ONCE;
  hc_once_do(&begun, begin_counting_forks);
  return fork_count;
}
