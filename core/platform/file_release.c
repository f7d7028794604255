/* file_release.c - large files are freed by a thread. See file_release.h. */
#include "file_release.h"

#include "../base/limits.h"
#include "thread.h"

typedef struct ending {
  hc_file file;
  hc_file_id id;
} ending;

#define NOTHING ((ending){HC_NO_FILE, {0, 0}})

/* The lock is never held while a file is closed. */
static struct {
  hc_mutex lock;
  hc_condition changed;
  ending waiting[HC_RELEASE_MAX];
  size_t count;
  ending at_work; /* what the thread is closing */
  bool has_thread;
#ifdef HC_TEST_HOOKS
  bool is_stopped;
  long releases;
#endif
} shared = {.lock = HC_MUTEX, .changed = HC_CONDITION, .at_work = {HC_NO_FILE, {0, 0}}};

static void enter(void) { hc_mutex_lock(&shared.lock); }
static void leave(void) { hc_mutex_unlock(&shared.lock); }

#ifdef HC_TEST_HOOKS
static void obey_test(void) {
  while (shared.is_stopped) hc_condition_wait(&shared.changed, &shared.lock);
  shared.releases++;
}
#else
static void obey_test(void) {}
#endif

/* Inside the lock, which is left while it closes. */
static void close_next(void) {
  shared.at_work = shared.waiting[--shared.count];
  obey_test();
  leave();
  hc_file_close(shared.at_work.file); /* written by this thread alone */
  enter();
  shared.at_work = NOTHING;
}

static void *work(void *unused) {
  (void)unused;
  enter();
  while (shared.count > 0) close_next();
  shared.has_thread = false;
  hc_condition_wake_all(&shared.changed);
  leave();
  return NULL;
}

/* --- forks: the child has copies of the descriptors, and no thread */

static void before_fork(void) { enter(); }
static void after_fork_in_parent(void) { leave(); }

/* Whether the thread had closed it already can't be known; the number may be that of another file
 * by now. */
static void close_if_still(ending e) {
  hc_file_id id;
  if (e.file != HC_NO_FILE && hc_file_is_costly(e.file, &id) && id.device == e.id.device &&
      id.number == e.id.number)
    hc_file_close(e.file);
}

static void after_fork_in_child(void) {
  close_if_still(shared.at_work);
  while (shared.count > 0) hc_file_close(shared.waiting[--shared.count].file);
  shared.at_work = NOTHING;
  shared.has_thread = false;
  hc_condition_init(&shared.changed);
  leave();
}

static void prepare(void) {
  hc_thread_watch_forks(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* --- the caller's side */

/* False: it stays the caller's. */
static bool hand_over(ending e) {
  static hc_once prepared = HC_ONCE;
  hc_once_do(&prepared, prepare);
  enter();
  if (!shared.has_thread) shared.has_thread = hc_thread_start(work, NULL, HC_STACK_USUAL) == 0;
  bool is_taken = shared.has_thread && shared.count < HC_RELEASE_MAX;
  if (is_taken) shared.waiting[shared.count++] = e;
  leave();
  return is_taken;
}

void hc_file_release(hc_file file) {
  ending e = {file, {0, 0}};
  if (file != HC_NO_FILE && !(hc_file_is_costly(file, &e.id) && hand_over(e))) hc_file_close(file);
}

hc_error hc_file_replace(const char *from, const char *to, hc_failure *why) {
  hc_file old = hc_file_hold(to);
  hc_error code = hc_file_rename(from, to, why);
  hc_file_release(old);
  return code;
}

void hc_file_remove(const char *path) {
  hc_file old = hc_file_hold(path);
  hc_file_unlink(path);
  hc_file_release(old);
}

#ifdef HC_TEST_HOOKS
void hc_file_release_stop(void) {
  enter();
  shared.is_stopped = true;
  leave();
}

void hc_file_release_go(void) {
  enter();
  shared.is_stopped = false;
  hc_condition_wake_all(&shared.changed);
  leave();
}

void hc_file_release_settle(void) {
  enter();
  while (shared.has_thread) hc_condition_wait(&shared.changed, &shared.lock);
  leave();
}

long hc_file_releases(void) {
  enter();
  long releases = shared.releases;
  leave();
  return releases;
}
#endif
