/* file_replacement.c - large files that take the place of others. See file_replacement.h.
 *
 * One thread for each, which is for files of some MiB, at the end of a download. The thread touches
 * nothing but its own record: the download may be forgotten meanwhile, and the Lua state closed. */
#include "file_replacement.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/memory.h"
#include "file_release.h"
#include "thread.h"

/* Its owner and the thread have it; who leaves last frees it. */
struct hc_file_replacement {
  hc_mutex lock;
  hc_condition changed;
  uint64_t process;
  bool is_done, is_left;
  hc_error code;
  hc_failure why;
  const char *from, *to; /* in the memory behind this */
};

/* The lock is left before the record is freed, and after `is_left` was read under it: whoever comes
 * second frees, and there is always one who does. */
static void work_on(hc_file_replacement *r) {
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_file_replace(r->from, r->to, &why);
  hc_mutex_lock(&r->lock);
  r->code = code;
  r->why = why;
  r->is_done = true;
  bool is_left = r->is_left;
  hc_condition_wake_all(&r->changed);
  hc_mutex_unlock(&r->lock);
  if (is_left) hc_memory_release(r);
}

static void *work_file_replacement(void *r) {
  work_on(r);
  return NULL;
}

/* Both paths stand behind the struct, in one allocation: a script's strings may be gone before the
 * thread has read them. */
static hc_file_replacement *new_replacement(const char *from, const char *to) {
  size_t from_size = strlen(from) + 1, to_size = strlen(to) + 1;
  hc_file_replacement *r = hc_memory_allocate_zeroed(1, sizeof *r + from_size + to_size);
  if (!r) return NULL;
  char *texts = (char *)(r + 1);
  r->lock = (hc_mutex)HC_MUTEX;
  hc_condition_init(&r->changed);
  r->process = hc_process_number();
  r->from = memcpy(texts, from, from_size);
  r->to = memcpy(texts + from_size, to, to_size);
  return r;
}

/* A file of somebody else's, or one with two names, is renamed on the spot. That is right too, only
 * slower. */
static bool is_worth_a_thread(const char *from, const char *to) {
  uint64_t size;
  int64_t owner;
  return hc_file_kind_of(to) == HC_FILE_REGULAR && hc_file_is_own(from, &size, &owner) &&
         size >= HC_RELEASE_LEAST;
}

/* No thread and no memory are no failures: the rename is made here then, as it would be for a small
 * file. */
hc_error hc_file_replacement_begin(const char *from, const char *to, hc_file_replacement **out,
                                   hc_failure *why) {
  hc_file_replacement *r = is_worth_a_thread(from, to) ? new_replacement(from, to) : NULL;
  *out = NULL;
  if (!r || hc_thread_start(work_file_replacement, r, HC_STACK_USUAL) != 0) {
    hc_memory_release(r);
    return hc_file_replace(from, to, why);
  }
  *out = r;
  return HC_OK;
}

/* A fork has a copy of it, perhaps with the lock taken, and no thread. So a child neither waits nor
 * frees what a thread of the parent's has; its own copy of the memory it does free. */
static bool is_of_this_process(const hc_file_replacement *r) {
  return r->process == hc_process_number();
}

/* The lock is held for moments only, never during the rename. */
bool hc_file_replacement_is_done(hc_file_replacement *r) {
  if (!is_of_this_process(r)) return true;
  hc_mutex_lock(&r->lock);
  bool is_done = r->is_done;
  hc_mutex_unlock(&r->lock);
  return is_done;
}

/* Can be called again, and says the same. */
hc_error hc_file_replacement_await(hc_file_replacement *r, hc_failure *why) {
  if (!is_of_this_process(r))
    return hc_failure_set(why, HC_ERR_BUSY, "the process that this one is a fork of does it");
  hc_mutex_lock(&r->lock);
  while (!r->is_done) hc_condition_wait(&r->changed, &r->lock);
  hc_error code = r->code;
  if (code != HC_OK && why) *why = r->why;
  hc_mutex_unlock(&r->lock);
  return code;
}

/* Under the lock, so that exactly one of owner and thread finds that the other has gone. */
void hc_file_replacement_free(hc_file_replacement *r) {
  if (!r) return;
  bool is_last = !is_of_this_process(r);
  if (!is_last) {
    hc_mutex_lock(&r->lock);
    r->is_left = true;
    is_last = r->is_done;
    hc_mutex_unlock(&r->lock);
  }
  if (is_last) hc_memory_release(r);
}
