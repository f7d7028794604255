/* thread_posix.c - threads, locks and forks by POSIX threads. See thread.h. */
#define HC_WANT_GNU /* glibc declares dladdr only then */
#include "../system_features.h"

#include "../thread.h"

#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>

/* These fail only for a lock that is broken or used wrongly. */
void hc_monitor_enter(hc_monitor *m) { (void)pthread_mutex_lock(&m->lock); }
void hc_monitor_leave(hc_monitor *m) { (void)pthread_mutex_unlock(&m->lock); }
void hc_monitor_wait(hc_monitor *m) { (void)pthread_cond_wait(&m->changed, &m->lock); }
void hc_monitor_tell(hc_monitor *m) { (void)pthread_cond_broadcast(&m->changed); }
void hc_monitor_renew(hc_monitor *m) { (void)pthread_cond_init(&m->changed, NULL); }

void hc_once_do(hc_once *once, void (*work)(void)) { (void)pthread_once(once, work); }

/* lua_close unloads the module while a thread may be at work, with its way back through this code. */
static void pin_this_object(void) {
#if defined(RTLD_NOLOAD) && defined(RTLD_NODELETE)
  static const char here = 0;
  Dl_info where;
  if (dladdr(&here, &where) == 0 || where.dli_fname == NULL) return;
  /* The handle is kept: it holds the object as well where RTLD_NODELETE is not heeded for a loaded one. */
  (void)dlopen(where.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

static int start_detached(void *(*work)(void *), void *argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (error == 0) error = pthread_create(&thread, &attributes, work, argument);
  (void)pthread_attr_destroy(&attributes);
  return error;
}

int hc_thread_start(void *(*work)(void *), void *argument) {
  static hc_once pinned = HC_ONCE;
  sigset_t all, before;
  hc_once_do(&pinned, pin_this_object);
  (void)sigfillset(&all); /* can not fail */
  int error = pthread_sigmask(SIG_SETMASK, &all, &before);
  if (error != 0) return error;
  error = start_detached(work, argument);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* fails for a bad first argument only */
  return error;
}

/* Fails when memory is out; then only a fork at a bad moment goes wrong. */
void hc_thread_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
  (void)pthread_atfork(before, in_parent, in_child);
}
