/* test_file_release.c - the end of large files: by a thread, and on the caller's time where there
 * can be none. */
#include "faults.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../core/base/limits.h"
#include "../../core/platform/file_release.h"
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
static int make(const char *name, off_t size) {
  int file = open(in_folder(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, size) != 0) abort();
  return file;
}

static const off_t large = (off_t)HC_RELEASE_LEAST;

static bool is_open(int file) { return fcntl(file, F_GETFD) >= 0; }
static bool exists(const char *name) { return access(in_folder(name), F_OK) == 0; }

/* The lowest descriptor that is free: the same again where none has leaked. */
static int lowest(void) {
  int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (file < 0) abort();
  (void)close(file);
  return file;
}

static void check_thread(void) {
  int file = make("gone", large);
  (void)unlink(in_folder("gone"));
  long before = hc_file_releases();
  hc_file_release_stop();
  hc_file_release(file);
  CHECK_CASE("the caller has not closed it", is_open(file));
  hc_file_release_go();
  hc_file_release_settle();
  CHECK_CASE("and the thread has", !is_open(file) && hc_file_releases() == before + 1);
}

/* What is closed at once: small, or with a name, or no file. */
static void check_cheap(void) {
  int ends[2], files[4];
  files[0] = make("small", large - 1);
  (void)unlink(in_folder("small"));
  files[1] = make("named", large);
  files[2] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (pipe(ends) != 0) abort();
  files[3] = ends[0];
  long before = hc_file_releases();
  hc_file_release_stop();
  for (size_t i = 0; i < 4; i++) {
    hc_file_release(files[i]);
    CHECK(!is_open(files[i]));
  }
  hc_file_release(-1);
  hc_file_release_go();
  hc_file_release_settle();
  CHECK(hc_file_releases() == before);
  (void)close(ends[1]);
  (void)unlink(in_folder("named"));
}

static void check_replace(void) {
  hc_failure why = {HC_OK, ""};
  int first = lowest();
  (void)close(make("old", large));
  (void)close(make("new", 3));
  long before = hc_file_releases();
  hc_file_release_stop();
  CHECK(hc_file_replace(in_folder("new"), in_folder("old"), &why) == HC_OK);
  struct stat facts;
  CHECK_CASE("the new one is there while the old one waits", stat(in_folder("old"), &facts) == 0 &&
                                                                 facts.st_size == 3 &&
                                                                 !exists("new") && is_open(first));
  CHECK((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
  hc_file_release_go();
  hc_file_release_settle();
  CHECK(hc_file_releases() == before + 1 && lowest() == first);
  CHECK(hc_file_replace(in_folder("none"), in_folder("old"), &why) == HC_ERR_FILE_CANT_WRITE);
  CHECK(strcmp(why.text, "no such file or directory") == 0 && exists("old") && lowest() == first);
  (void)unlink(in_folder("old"));
}

static void check_remove(void) {
  int first = lowest();
  long before = hc_file_releases();
  (void)close(make("one", large));
  (void)close(make("other", large));
  if (link(in_folder("other"), in_folder("second name")) != 0 ||
      symlink("second name", in_folder("link")) != 0)
    abort();
  hc_file_release_stop();
  hc_file_remove(in_folder("one"));
  CHECK(!exists("one") && is_open(first));
  hc_file_release_go();
  hc_file_release_settle();
  CHECK(hc_file_releases() == before + 1);
  hc_file_remove(in_folder("other"));
  hc_file_remove(in_folder("link"));
  hc_file_remove(in_folder("none"));
  CHECK(!exists("other") && !exists("link") && exists("second name") && lowest() == first);
  CHECK_CASE("a link, and one of two names, are no file's end", hc_file_releases() == before + 1);
  (void)unlink(in_folder("second name"));
}

/* More than may wait are closed by who has them. */
static void check_crowd(void) {
  enum { COUNT = HC_RELEASE_MAX + 8 };
  int files[COUNT];
  size_t waiting = 0;
  long before = hc_file_releases();
  hc_file_release_stop();
  for (size_t i = 0; i < COUNT; i++) {
    files[i] = make("many", large);
    (void)unlink(in_folder("many"));
  }
  for (size_t i = 0; i < COUNT; i++) hc_file_release(files[i]);
  for (size_t i = 0; i < COUNT; i++) waiting += is_open(files[i]);
  /* with that which the thread holds */
  CHECK(waiting == HC_RELEASE_MAX || waiting == HC_RELEASE_MAX + 1);
  hc_file_release_go();
  hc_file_release_settle();
  for (size_t i = 0; i < COUNT; i++) CHECK(!is_open(files[i]));
  CHECK(hc_file_releases() == before + (long)waiting);
}

static void check_without_thread(void) {
  int file = make("gone", large);
  (void)unlink(in_folder("gone"));
  long before = hc_file_releases();
  fault_set_for_good("thread", EAGAIN);
  hc_file_release(file);
  CHECK(!is_open(file) && hc_file_releases() == before && fault_end() == 1);
  check_thread(); /* the next one is not spoilt */
}

/* A child holds none of what waits in its parent, and frees its own. */
static void check_fork(void) {
  int files[3];
  hc_file_release_stop();
  for (size_t i = 0; i < 3; i++) {
    files[i] = make("gone", large);
    (void)unlink(in_folder("gone"));
    hc_file_release(files[i]);
  }
  hc_file_release_await(); /* a quiet fork: see CAN_FORK_BESIDE_THREADS */
  pid_t child = fork();
  if (child == 0) {
    hc_file_release_go();
    bool is_right = !is_open(files[0]) && !is_open(files[1]) && !is_open(files[2]);
    int own = make("own", large);
    (void)unlink(in_folder("own"));
    hc_file_release(own);
    hc_file_release_settle();
    leave(is_right && !is_open(own) ? 0 : 1);
  }
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
  CHECK(is_open(files[0]) && is_open(files[1]) && is_open(files[2]));
  hc_file_release_go();
  hc_file_release_settle();
  CHECK(!is_open(files[0]) && !is_open(files[1]) && !is_open(files[2]));
}

/* At any moment of the thread's: the child never has one left, and never closes another's. */
static void check_forks(void) {
  if (!CAN_FORK_BESIDE_THREADS) return;
  int first = lowest();
  bool all = true;
  for (int i = 0; i < 60; i++) {
    int file = make("gone", large);
    (void)unlink(in_folder("gone"));
    hc_file_release(file);
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t child = fork();
    if (child == 0) leave(is_open(other) && (other == file || !is_open(file)) ? 0 : 1);
    int status = -1;
    all = all && child > 0 && waitpid(child, &status, 0) == child && status == 0;
    (void)close(other);
  }
  hc_file_release_settle();
  CHECK(all && lowest() == first);
}

int main(void) {
  snprintf(folder, sizeof folder, "/tmp/httpclient-release.XXXXXX");
  if (!mkdtemp(folder)) return 1;
  check_thread();
  check_cheap();
  check_replace();
  check_remove();
  check_crowd();
  check_without_thread();
  check_fork();
  check_forks();
  (void)rmdir(folder);
  return check_report();
}
#else
int main(void) { return check_report(); }
#endif
