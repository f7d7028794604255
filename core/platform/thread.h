/* thread.h - what work in the background needs of the platform: threads, locks, places to wait, and
 * word of forks.
 *
 * Locks and conditions are plain values: static ones are ready by their initializer, and none is
 * ever destroyed. Threads of ours never touch a Lua state. */
#ifndef HC_THREAD_H
#define HC_THREAD_H

#if !defined(_WIN32)
#include <pthread.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/internal.h"

HC_INTERNAL_BEGIN

#if defined(_WIN32)
/* The system's own are one pointer each, and begin as NULL. */
typedef struct hc_mutex {
  void *word;
} hc_mutex;
typedef struct hc_condition {
  void *word;
} hc_condition;
typedef struct hc_once {
  void *word;
} hc_once;
#define HC_MUTEX {0}
#define HC_CONDITION {0}
#define HC_ONCE {0}
#else
typedef pthread_mutex_t hc_mutex;
#define HC_MUTEX PTHREAD_MUTEX_INITIALIZER
typedef pthread_cond_t hc_condition;
#define HC_CONDITION PTHREAD_COND_INITIALIZER
typedef pthread_once_t hc_once;
#define HC_ONCE PTHREAD_ONCE_INIT
#endif

void hc_mutex_lock(hc_mutex *m);
void hc_mutex_unlock(hc_mutex *m);

/* Before the first wait_until; and in the child of a fork, since it may count waiters that do not
 * exist there. */
void hc_condition_init(hc_condition *c);
/* With the lock held, as it is again afterwards; may return without a reason. */
void hc_condition_wait(hc_condition *c, hc_mutex *m);
/* The same until a time of hc_clock_now's at the latest: false when that has come. */
bool hc_condition_wait_until(hc_condition *c, hc_mutex *m, uint64_t deadline);
void hc_condition_wake_one(hc_condition *c);
void hc_condition_wake_all(hc_condition *c);

void hc_once_do(hc_once *once, void (*work)(void));

/* Starts a thread that nobody joins: it blocks all signals, which are for the host's threads. The
 * object that holds this code is never unloaded from then on, where the system can do that:
 * lua_close unloads the module while a thread may be at work, with its way back through here. A
 * program that holds the code itself needs nothing of this. The stack gets at least the size that
 * the system asks for; HC_STACK_USUAL: what it gives. 0, or an errno value. */
int hc_thread_start(void *(*work)(void *), void *argument, size_t stack_size);
#define HC_STACK_USUAL ((size_t)0)
/* Around each fork of the process: before it, afterwards in the parent, afterwards in the child.
 * Where there are no forks nothing is called. */
void hc_thread_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));
/* By how many forks this process has come of the one that called this first: what was noted before
 * a fork is another number in the child, and the same one in the parent. Always 0 where there are
 * no forks. */
unsigned hc_thread_forks(void);
/* The object that holds this code is never unloaded from now on. It has to be so from the start:
 * LuaJIT's lua_close unloads the module before the finalizers of what other finalizers have made,
 * and a library inside it may have left handlers with the C library. */
void hc_thread_keep_module(void);
/* Do threads run on while the process goes through its handlers of exit? On Windows they are gone
 * by then, in the middle of what they were at: nobody may wait for them, or want their locks. */
bool hc_thread_outlives_exit(void);
/* Calls `work`, always the same, when the thread of the caller ends, but not when the process does.
 * For what a library keeps for each thread, and can't know the end of: on Windows it would hear of
 * that in a DllMain, which this code has none of. Where threads outlive exit nothing is called. */
void hc_thread_at_end(void (*work)(void));

HC_INTERNAL_END

#endif
