/* file_release.c - large files are freed by a thread. See file_release.h.
 *
 * Why the caller's thread is spared is in the header. Files wait in an array of fixed size, so that
 * giving one up needs no memory; the newest goes first, which matters to nobody. */
#include "file_release.h"

#include "../base/limits.h"
#include "thread.h"

/* The id is of the file and not of the descriptor: it tells in a fork whether the number still
 * means the same. */
typedef struct ending_file_release {
  hc_file file;
  hc_file_id id;
} ending_file_release;

#define NOTHING ((ending_file_release){HC_NO_FILE, {0, 0}})

/* The lock is never held while a file is closed. `at_work` is there for the child of a fork, which
 * inherits a descriptor that the parent's thread was just closing. */
static struct {
  hc_mutex lock;
  hc_condition changed;
  ending_file_release waiting[HC_RELEASE_MAX];
  size_t count;
  ending_file_release at_work; /* what the thread is closing */
  bool has_thread;
#ifdef HC_TEST_HOOKS
  bool is_stopped;
  long releases;
#endif
} shared_file_release = {
    .lock = HC_MUTEX, .changed = HC_CONDITION, .at_work = {HC_NO_FILE, {0, 0}}};

static void enter_file_release(void) { hc_mutex_lock(&shared_file_release.lock); }
static void leave_file_release(void) { hc_mutex_unlock(&shared_file_release.lock); }

#ifdef HC_TEST_HOOKS
/* A test can stop the thread here, between taking a file and closing it: the moment at which a fork
 * would be hardest. */
static void obey_test(void) {
  hc_condition_wake_all(&shared_file_release.changed);
  while (shared_file_release.is_stopped)
    hc_condition_wait(&shared_file_release.changed, &shared_file_release.lock);
  shared_file_release.releases++;
}
#else
static void obey_test(void) {}
#endif

/* Inside the lock, which is left while it closes. */
static void close_next(void) {
  shared_file_release.at_work = shared_file_release.waiting[--shared_file_release.count];
  obey_test();
  leave_file_release();
  hc_file_close(shared_file_release.at_work.file); /* written by this thread alone */
  enter_file_release();
  shared_file_release.at_work = NOTHING;
}

/* It ends as soon as there is nothing to do: large files are rare, and a thread that waited for the
 * next would outlive its use. */
static void *work_file_release(void *unused) {
  (void)unused;
  enter_file_release();
  while (shared_file_release.count > 0) close_next();
  shared_file_release.has_thread = false;
  hc_condition_wake_all(&shared_file_release.changed);
  leave_file_release();
  return NULL;
}

/* --- forks: the child has copies of the descriptors, and no thread */

static void before_fork_file_release(void) { enter_file_release(); }
/* The lock is held across the fork, so that the child gets list and count as they belong
 * together. */
static void after_fork_in_parent_file_release(void) { leave_file_release(); }

/* Whether the thread had closed it already can't be known; the number may be that of another file
 * by now. */
static void close_if_still(ending_file_release e) {
  hc_file_id id;
  if (e.file != HC_NO_FILE && hc_file_is_costly(e.file, &id) && id.device == e.id.device &&
      id.number == e.id.number)
    hc_file_close(e.file);
}

/* Inside the lock, as it was taken before the fork. The files that waited are the child's own
 * descriptors by now and end here; the file itself lives on in the parent. */
static void after_fork_in_child_file_release(void) {
  close_if_still(shared_file_release.at_work);
  while (shared_file_release.count > 0)
    hc_file_close(shared_file_release.waiting[--shared_file_release.count].file);
  shared_file_release.at_work = NOTHING;
  shared_file_release.has_thread = false;
  hc_condition_init(&shared_file_release.changed);
  leave_file_release();
}

/* With the first large file: most programs never have one, and their forks pay nothing. */
static void prepare_file_release(void) {
  hc_thread_watch_forks(before_fork_file_release, after_fork_in_parent_file_release,
                        after_fork_in_child_file_release);
}

/* --- the caller's side */

/* False: it stays the caller's. A thread that is about to end has taken has_thread back under the
 * lock, so either it sees this file or a new one is started. */
static bool hand_over_file_release(ending_file_release e) {
  static hc_once prepared = HC_ONCE;
  hc_once_do(&prepared, prepare_file_release);
  enter_file_release();
  if (!shared_file_release.has_thread)
    shared_file_release.has_thread = hc_thread_start(work_file_release, NULL, HC_STACK_USUAL) == 0;
  bool is_taken = shared_file_release.has_thread && shared_file_release.count < HC_RELEASE_MAX;
  if (is_taken) shared_file_release.waiting[shared_file_release.count++] = e;
  leave_file_release();
  return is_taken;
}

/* The two questions cost an fstat, which for a small file is all. */
void hc_file_release(hc_file file) {
  ending_file_release e = {file, {0, 0}};
  if (file != HC_NO_FILE && !(hc_file_is_costly(file, &e.id) && hand_over_file_release(e)))
    hc_file_close(file);
}

/* The old file is held while its name goes to the new one: without that the rename itself would
 * free its blocks. */
hc_error hc_file_replace(const char *from, const char *to, hc_failure *why) {
  hc_file old = hc_file_hold(to);
  hc_error code = hc_file_rename(from, to, why);
  hc_file_release(old);
  return code;
}

/* Held as in hc_file_replace, for the same reason. */
void hc_file_remove(const char *path) {
  hc_file old = hc_file_hold(path);
  hc_file_unlink(path);
  hc_file_release(old);
}

#ifdef HC_TEST_HOOKS
void hc_file_release_stop(void) {
  enter_file_release();
  shared_file_release.is_stopped = true;
  leave_file_release();
}

void hc_file_release_await(void) {
  enter_file_release();
  while (shared_file_release.at_work.file == HC_NO_FILE)
    hc_condition_wait(&shared_file_release.changed, &shared_file_release.lock);
  leave_file_release();
}

void hc_file_release_go(void) {
  enter_file_release();
  shared_file_release.is_stopped = false;
  hc_condition_wake_all(&shared_file_release.changed);
  leave_file_release();
}

void hc_file_release_settle(void) {
  enter_file_release();
  while (shared_file_release.has_thread)
    hc_condition_wait(&shared_file_release.changed, &shared_file_release.lock);
  leave_file_release();
}

long hc_file_releases(void) {
  enter_file_release();
  long releases = shared_file_release.releases;
  leave_file_release();
  return releases;
}
#endif
