/* thread.h - what work in the background needs of the platform: a thread, a lock, and a place to wait. */
#ifndef HC_THREAD_H
#define HC_THREAD_H

#include <pthread.h>

/* A lock, and one condition for all that may change under it. */
typedef struct hc_monitor {
  pthread_mutex_t lock;
  pthread_cond_t changed;
} hc_monitor;
#define HC_MONITOR {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER}

void hc_monitor_enter(hc_monitor *m);
void hc_monitor_leave(hc_monitor *m);
void hc_monitor_wait(hc_monitor *m);    /* inside; may return without a reason */
void hc_monitor_tell(hc_monitor *m);    /* inside: wakes all who wait */
/* In the child of a fork, inside: the condition may count waiters that do not exist there. */
void hc_monitor_renew(hc_monitor *m);

typedef pthread_once_t hc_once;
#define HC_ONCE PTHREAD_ONCE_INIT
void hc_once_do(hc_once *once, void (*work)(void));

/* Starts a thread that nobody joins: it blocks all signals, which are for the host's threads. The object that holds this
 * code is never unloaded from then on. 0, or an errno value. */
int hc_thread_start(void *(*work)(void *), void *argument);
/* Around each fork of the process: before it, afterwards in the parent, afterwards in the child. */
void hc_thread_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

#endif
