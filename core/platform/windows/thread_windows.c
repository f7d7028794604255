/* thread_windows.c - threads and locks. See thread.h.
 *
 * SRWLOCK and CONDITION_VARIABLE are a pointer each, need no end, and can't fail. A lock is not
 * recursive: who takes it twice waits for himself. */
#include "system_windows.h"

#include "../thread.h"

#include <errno.h>

#include "../../base/memory.h"
#include "../clock.h"

_Static_assert(sizeof(hc_mutex) == sizeof(SRWLOCK), "a lock must fit");
_Static_assert(sizeof(hc_condition) == sizeof(CONDITION_VARIABLE), "a condition must fit");
_Static_assert(sizeof(hc_once) == sizeof(INIT_ONCE), "a once must fit");

/* --- locks */

static SRWLOCK *lock_of(hc_mutex *m) { return (SRWLOCK *)(void *)m; }
static CONDITION_VARIABLE *variable_of(hc_condition *c) { return (CONDITION_VARIABLE *)(void *)c; }

void hc_mutex_lock(hc_mutex *m) { AcquireSRWLockExclusive(lock_of(m)); }
void hc_mutex_unlock(hc_mutex *m) { ReleaseSRWLockExclusive(lock_of(m)); }

void hc_condition_init(hc_condition *c) { InitializeConditionVariable(variable_of(c)); }
void hc_condition_wake_one(hc_condition *c) { WakeConditionVariable(variable_of(c)); }
void hc_condition_wake_all(hc_condition *c) { WakeAllConditionVariable(variable_of(c)); }

/* May come back without a reason, as on POSIX: whoever waits looks again. */
void hc_condition_wait(hc_condition *c, hc_mutex *m) {
  (void)SleepConditionVariableSRW(variable_of(c), lock_of(m), INFINITE, 0);
}

/* A wait may end up to a tick of the system's timer late, 16 ms as it usually stands. */
bool hc_condition_wait_until(hc_condition *c, hc_mutex *m, uint64_t deadline) {
  int ms = hc_clock_milliseconds_until(deadline);
  return SleepConditionVariableSRW(variable_of(c), lock_of(m), ms < 0 ? INFINITE : (DWORD)ms, 0) !=
         0;
}

/* TRUE: it is done. With FALSE the next caller would try again. */
static BOOL CALLBACK run_once_thread(PINIT_ONCE once, void *work, void **unused) {
  (void)once, (void)unused;
  (*(void (**)(void))work)();
  return TRUE;
}

/* Others who come meanwhile wait until the work is done. The pointer to `work` lives as long as the
 * call, and so long enough. */
void hc_once_do(hc_once *once, void (*work)(void)) {
  (void)InitOnceExecuteOnce((INIT_ONCE *)(void *)once, run_once_thread, &work, NULL);
}

/* --- threads */

/* A thread's function has another shape here; what is to be called travels in a block that the
 * thread frees. */
typedef struct thread_start {
  void *(*work)(void *);
  void *argument;
} thread_start;

/* The block is freed first: the work may never come back. */
static DWORD WINAPI run(void *given) {
  thread_start s = *(thread_start *)given;
  hc_memory_release(given);
  (void)s.work(s.argument);
  return 0;
}

/* A library that is linked into the module may have a handler with the C library's exit, which
 * would come back to code that lua_close has unloaded. */
static void pin_this_object(void) {
  static const char here = 0;
  HMODULE module;
  (void)GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                           (LPCWSTR)(const void *)&here, &module);
}

/* Once is enough, since a module that is pinned stays so until the process ends. */
void hc_thread_keep_module(void) {
  static hc_once pinned = HC_ONCE;
  hc_once_do(&pinned, pin_this_object);
}

/* ExitProcess ends all other threads before the modules hear of it. */
bool hc_thread_outlives_exit(void) { return false; }

/* --- the end of a thread */

/* A fiber's value rather than a thread's, since only that comes with a call at its end. */
static struct {
  DWORD index;
  void (*work)(void);
  BOOLEAN(WINAPI *process_ends)(void);
} thread_end = {.index = FLS_OUT_OF_INDEXES};

/* The end of the process comes by here too, on the thread that ends it. The others have gone, maybe
 * with a lock that `work` wants. */
static void WINAPI at_thread_end(void *value) {
  (void)value;
  if (!thread_end.process_ends()) thread_end.work();
}

/* The call has to find this code, so the module stays. */
static BOOL CALLBACK prepare_thread_end(PINIT_ONCE once, void *work, void **unused) {
  (void)once, (void)unused;
  hc_thread_keep_module();
  thread_end.work = *(void (**)(void))work;
  thread_end.process_ends = (BOOLEAN(WINAPI *)(void))hc_windows_ntdll("RtlDllShutdownInProgress");
  if (thread_end.process_ends) thread_end.index = FlsAlloc(at_thread_end);
  return TRUE;
}

/* What could not be prepared is not done, and some memory stays with each thread that ends. */
void hc_thread_at_end(void (*work)(void)) {
  static INIT_ONCE prepared = INIT_ONCE_STATIC_INIT;
  (void)InitOnceExecuteOnce(&prepared, prepare_thread_end, &work, NULL);
  if (thread_end.index != FLS_OUT_OF_INDEXES) (void)FlsSetValue(thread_end.index, &thread_end);
}

/* --- starting one */

/* The size is of address space alone; without the flag that much memory would be committed.
 * CreateThread fails for want of memory or handles, which is EAGAIN as pthread_create says it. */
int hc_thread_start(void *(*work)(void *), void *argument, size_t stack_size) {
  hc_thread_keep_module();
  thread_start *s = hc_memory_allocate(sizeof *s);
  if (!s) return ENOMEM;
  *s = (thread_start){work, argument};
  HANDLE thread = CreateThread(NULL, stack_size, run, s, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (!thread) {
    hc_memory_release(s);
    return EAGAIN;
  }
  (void)CloseHandle(thread);
  return 0;
}

/* There are none. */
void hc_thread_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
  (void)before, (void)in_parent, (void)in_child;
}

unsigned hc_thread_forks(void) { return 0; }
