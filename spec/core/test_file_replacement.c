/* test_file_replacement.c - large files that take the place of others: on a thread, and at once
 * where that is cheap or no thread can be had. */
#include "faults.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../core/base/limits.h"
#include "../../core/base/memory.h"
#include "../../core/platform/file_release.h"
#include "../../core/platform/file_replacement.h"
#include "check.h"

#ifdef HC_TEST_HOOKS
static char folder[64];

static const char *in_folder(const char *name) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* Its blocks need not be there: what a file costs is judged by its size. */
static void make(const char *name, off_t size) {
  int file = open(in_folder(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, size) != 0) abort();
  (void)close(file);
}

static const off_t large = (off_t)HC_RELEASE_LEAST;

static off_t size_of(const char *name) {
  struct stat facts;
  return stat(in_folder(name), &facts) == 0 ? facts.st_size : -1;
}

static hc_error begin(hc_file_replacement **r, hc_failure *why) {
  return hc_file_replacement_begin(in_folder("new"), in_folder("old"), r, why);
}

static void check_on_thread(void) {
  hc_file_replacement *r = NULL;
  hc_failure why = {HC_OK, ""};
  make("old", large);
  make("new", large + 1);
  CHECK(begin(&r, &why) == HC_OK && r);
  CHECK(hc_file_replacement_await(r, &why) == HC_OK && hc_file_replacement_is_done(r));
  CHECK(size_of("old") == large + 1 && size_of("new") == -1);
  CHECK_CASE("and once more", hc_file_replacement_await(r, &why) == HC_OK);
  hc_file_replacement_free(r);
  hc_file_replacement_free(NULL);
  (void)unlink(in_folder("old"));
}

static void check_at_once(const char *what, off_t old, off_t new) {
  hc_file_replacement *r = NULL;
  hc_failure why = {HC_OK, ""};
  if (old >= 0) make("old", old);
  make("new", new);
  CHECK_CASE(what, begin(&r, &why) == HC_OK && !r && size_of("old") == new);
  (void)unlink(in_folder("old"));
}

static void check_without(void) {
  fault_set_for_good("thread", EAGAIN);
  check_at_once("no thread", large, large + 1);
  CHECK(fault_end() >= 1); /* the end of the old one may ask for one, too */
  hc_memory_fail_after(0, 0);
  check_at_once("no memory", large, large + 1);
  hc_memory_fail_after(-1, 0);
}

static void check_failure(void) {
  hc_file_replacement *r = NULL;
  hc_failure why = {HC_OK, ""};
  CHECK(begin(&r, &why) == HC_ERR_FILE_CANT_WRITE && !r);
  CHECK(strcmp(why.text, "no such file or directory") == 0);
  make("old", large);
  make("new", large);
  fault_set_for_good("thread", EAGAIN); /* of this thread alone: the other one is not made */
  CHECK(begin(&r, &why) == HC_OK && !r && fault_end() >= 1);
  if (mkdir(in_folder("directory"), 0700) != 0) abort();
  make("new", large);
  CHECK(hc_file_replacement_begin(in_folder("new"), in_folder("directory"), &r, &why) ==
            HC_ERR_FILE_CANT_WRITE &&
        !r && size_of("new") == large);
  (void)rmdir(in_folder("directory"));
  (void)unlink(in_folder("new"));
  (void)unlink(in_folder("old"));
}

/* The thread has the memory as well, whoever leaves first. */
static void check_left(void) {
  for (int i = 0; i < 200; i++) {
    hc_file_replacement *r = NULL;
    make("old", large);
    make("new", large + 1);
    CHECK(begin(&r, NULL) == HC_OK);
    if (i % 2 == 0)
      while (!hc_file_replacement_is_done(r)) continue;
    hc_file_replacement_free(r);
    while (size_of("old") != large + 1) continue;
    (void)unlink(in_folder("old"));
  }
}

static void check_fork(void) {
  if (!CAN_FORK_BESIDE_THREADS) return;
  hc_file_replacement *r = NULL;
  hc_failure why = {HC_OK, ""};
  make("old", large);
  make("new", large + 1);
  CHECK(begin(&r, &why) == HC_OK && r);
  pid_t child = fork();
  if (child == 0) {
    bool is_right =
        hc_file_replacement_is_done(r) && hc_file_replacement_await(r, &why) == HC_ERR_BUSY;
    hc_file_replacement_free(r);
    leave(is_right ? 0 : 1);
  }
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
  CHECK(hc_file_replacement_await(r, &why) == HC_OK && size_of("old") == large + 1);
  hc_file_replacement_free(r);
  (void)unlink(in_folder("old"));
}

int main(void) {
  snprintf(folder, sizeof folder, "/tmp/httpclient-replacement.XXXXXX");
  if (!mkdtemp(folder)) return 1;
  check_on_thread();
  check_at_once("nothing is replaced", -1, large);
  check_at_once("the new one is small", large, large - 1);
  check_without();
  check_failure();
  check_left();
  check_fork();
  hc_file_release_settle();
  (void)rmdir(folder);
  return check_report();
}
#else
int main(void) { return check_report(); }
#endif
