/* test_file.c - files: what each call gives, and what it says when the system refuses; and the
 * texts of the system's errors. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/platform/file.h"
#include "../../core/platform/clock.h"
#include "../../core/platform/system_error.h"
#include "check.h"

static char folder[64];

static const char *in_folder(const char *name) {
  static char path[5000];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static bool says(const hc_failure *why, const char *text) {
  return strstr(why->text, text) != NULL;
}

/* The core's functions, and what they say of the owner. */
static bool is_own(const char *path, uint64_t *size) {
  int64_t owner;
  return hc_file_is_own(path, size, &owner) && owner == (int64_t)geteuid();
}

static hc_error create_new(const char *path, const char *old, hc_failure *why) {
  int64_t owner = -2;
  hc_error code = hc_file_create_new(path, old, &owner, why);
  CHECK(owner == (int64_t)geteuid());
  return code;
}

static void check_create(void) {
  hc_failure why = {HC_OK, ""};
  int file = -1;
  CHECK(hc_file_create(in_folder("new"), &file, &why) == HC_OK && file >= 0);
  CHECK((fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(hc_file_finish(file, &why) == HC_OK);
  char name[4500];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = '\0';
  const struct {
    const char *path;
    hc_error code;
    const char *text;
  } cases[] = {{in_folder("no/such"), HC_ERR_FILE_NOT_FOUND, "no such file or directory"},
               {"/dev/null/below", HC_ERR_FILE_NOT_FOUND, "a part of the path is no directory"},
               {folder, HC_ERR_FILE_CANT_OPEN, "is a directory"},
               {name, HC_ERR_FILE_CANT_OPEN, "the name is too long"},
               {"/proc/version", HC_ERR_FILE_NO_PERMISSION, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    /* in_folder has one place for all. */
    const char *path = i == 0 ? in_folder("no/such") : cases[i].path;
    if (i == 4 && (access(path, F_OK) != 0 || geteuid() == 0)) continue;
    hc_failure_clear(&why);
    CHECK_CASE(cases[i].text, hc_file_create(path, &file, &why) == cases[i].code &&
                                  says(&why, cases[i].text) && file < 0);
  }
  hc_failure_clear(&why);
  CHECK(create_new(in_folder("new"), NULL, &why) == HC_ERR_ALREADY_EXISTS &&
        says(&why, "there already"));
  uint64_t size = 9;
  CHECK(is_own(in_folder("new"), &size) && size == 0);
  CHECK(!is_own(folder, &size) && !is_own(in_folder("none"), &size));
  char original[128];
  snprintf(original, sizeof original, "%s", in_folder("new"));
  CHECK(link(original, in_folder("second name")) == 0 && !is_own(original, &size));
  CHECK(unlink(in_folder("second name")) == 0 && symlink(original, in_folder("link")) == 0 &&
        !is_own(in_folder("link"), &size));
  CHECK(unlink(in_folder("link")) == 0 && is_own(original, &size));
  if (geteuid() == 0)
    CHECK_CASE("somebody else's", chown(original, 1, (gid_t)-1) == 0 && !is_own(original, &size) &&
                                      chown(original, 0, (gid_t)-1) == 0);
}

static bool opens(const char *path, int64_t owner, hc_error code, int flags) {
  int file = -1;
  hc_failure why = {HC_OK, ""};
  bool is_right = hc_file_open_present(path, owner, &file, &why) == code && why.code == code;
  if (code == HC_OK)
    is_right = is_right &&
               (fcntl(file, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == (O_WRONLY | flags);
  else is_right = is_right && file < 0;
  hc_file_close(file);
  return is_right;
}

/* What is opened is what was looked at, whatever others put there in between. */
static void check_present(void) {
  char own[128], other[128];
  snprintf(own, sizeof own, "%s", in_folder("own"));
  snprintf(other, sizeof other, "%s", in_folder("other"));
  hc_failure why = {HC_OK, ""};
  const int64_t me = (int64_t)geteuid();
  size_t written;
  CHECK(opens(own, me, HC_ERR_FILE_NOT_FOUND, 0));
  CHECK(create_new(own, NULL, &why) == HC_OK && opens(own, me, HC_OK, 0));
  CHECK(opens(own, HC_FILE_OF_NOBODY, HC_ERR_FILE_CANT_OPEN, 0) &&
        opens("/dev/null", HC_FILE_OF_NOBODY, HC_OK, 0));
  CHECK(opens("/dev/null", me, HC_ERR_FILE_CANT_OPEN, 0) &&
        opens(folder, me, HC_ERR_FILE_CANT_OPEN, 0));
  CHECK(symlink(own, other) == 0 && opens(other, me, HC_ERR_FILE_CANT_OPEN, 0) &&
        opens(other, HC_FILE_OF_NOBODY, HC_ERR_FILE_CANT_OPEN, 0));
  CHECK(unlink(other) == 0 && mkfifo(other, 0600) == 0 &&
        opens(other, me, HC_ERR_FILE_CANT_OPEN, 0));
  CHECK(unlink(other) == 0 && link(own, other) == 0 && opens(own, me, HC_ERR_FILE_CANT_OPEN, 0) &&
        unlink(other) == 0);
  int file = open(own, O_WRONLY);
  CHECK(hc_file_write(file, HC_SLICE("part"), &written, &why) == HC_OK &&
        opens(own, me, HC_OK, O_APPEND));
  CHECK(hc_file_is_present(file, own, me) && !hc_file_is_present(file, folder, me) &&
        !hc_file_is_present(-1, own, me));
  CHECK(opens(own, me + 1, HC_ERR_FILE_CANT_OPEN, 0));
  if (me == 0)
    CHECK_CASE("on a file system that gives all to one",
               chown(own, 1, (gid_t)-1) == 0 && opens(own, 1, HC_OK, O_APPEND));
  if (me == 0) CHECK(opens(own, 0, HC_ERR_FILE_CANT_OPEN, 0) && chown(own, 0, (gid_t)-1) == 0);
  CHECK(unlink(own) == 0 && !hc_file_is_present(file, own, me));
  hc_file_close(file);
}

static mode_t mode_of(const char *path) {
  struct stat facts;
  return stat(path, &facts) == 0 ? facts.st_mode & 07777 : 0;
}

/* What `fresh` becomes beside an `old` of the mode, when it is made and when it takes its place. */
static void check_mode(const char *fresh, const char *old, mode_t mode, mode_t made, mode_t kept) {
  hc_failure why = {HC_OK, ""};
  char name[32];
  snprintf(name, sizeof name, "mode %04o", (unsigned)mode);
  (void)unlink(fresh);
  CHECK_CASE(name, chmod(old, mode) == 0 && create_new(fresh, old, &why) == HC_OK &&
                       mode_of(fresh) == made);
  CHECK_CASE(name, hc_file_keep_mode(fresh, old) && mode_of(fresh) == kept);
}

/* Of a group that the user is not in: what it could do nobody else can. */
static void check_foreign_group(const char *fresh, const char *old) {
  CHECK(chmod(folder, 0711) == 0 && chown(fresh, 65534, 0) == 0 && chown(old, 65534, 1) == 0 &&
        chmod(old, 0674) == 0);
  CHECK(seteuid(65534) == 0);
  bool is_kept = hc_file_keep_mode(fresh, old);
  CHECK(seteuid(0) == 0);
  CHECK(is_kept && mode_of(fresh) == 0644);
}

static void check_modes(void) {
  char fresh[128], old[128];
  snprintf(fresh, sizeof fresh, "%s", in_folder("fresh"));
  snprintf(old, sizeof old, "%s", in_folder("old"));
  hc_failure why = {HC_OK, ""};
  mode_t before = umask(022);
  CHECK(create_new(fresh, old, &why) == HC_OK && mode_of(fresh) == 0644);
  CHECK(!hc_file_keep_mode(fresh, old) && !hc_file_keep_mode(fresh, folder) &&
        mode_of(fresh) == 0644);
  CHECK(create_new(old, NULL, &why) == HC_OK);
  check_mode(fresh, old, 0600, 0600, 0600);
  check_mode(fresh, old, 0640, 0640, 0640);
  check_mode(fresh, old, 0666, 0644, 0666);
  check_mode(fresh, old, 0755, 0644, 0755);
  check_mode(fresh, old, 0444, 0644, 0444);
  check_mode(fresh, old, 04755, 0644, 0755);
  CHECK(unlink(fresh) == 0 && symlink(old, fresh) == 0 && chmod(old, 0640) == 0);
  CHECK_CASE("through a link", !hc_file_keep_mode(fresh, old) && !hc_file_keep_mode(old, fresh) &&
                                   mode_of(old) == 0640);
  if (geteuid() == 0) {
    CHECK(chown(old, 1, 1) == 0);
    check_mode(fresh, old, 0666, 0644, 0644);
    struct stat facts;
    CHECK_CASE("the group", stat(fresh, &facts) == 0 && facts.st_gid == 1 && facts.st_uid == 0);
    check_foreign_group(fresh, old);
  }
  CHECK(unlink(fresh) == 0 && unlink(old) == 0);
  (void)umask(before);
}

/* A file may grow to two bytes and no more: what found room is told. */
static void check_limit(int file) {
  struct rlimit before, two = {2, RLIM_INFINITY};
  hc_failure why = {HC_OK, ""};
  size_t written = 9;
  (void)signal(SIGXFSZ, SIG_IGN);
  if (getrlimit(RLIMIT_FSIZE, &before) != 0) return;
  two.rlim_max = before.rlim_max;
  CHECK(setrlimit(RLIMIT_FSIZE, &two) == 0 && ftruncate(file, 0) == 0 &&
        lseek(file, 0, SEEK_SET) == 0);
  CHECK(hc_file_write(file, HC_SLICE("abc"), &written, &why) == HC_ERR_FILE_CANT_WRITE);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(written == 2 && says(&why, "file too large"));
}

static void check_moving(void) {
  hc_failure why = {HC_OK, ""};
  int file = -1, full = open("/dev/full", O_WRONLY), reader = open("/dev/null", O_RDONLY);
  size_t count = 9;
  char bytes[8];
  CHECK(hc_file_create(in_folder("moved"), &file, &why) == HC_OK);
  CHECK(hc_file_write(file, HC_SLICE("abcde"), &count, &why) == HC_OK && count == 5);
  CHECK(hc_file_read_at(file, 0, bytes, sizeof bytes, &count, &why) == HC_ERR_FILE_CANT_READ);
  CHECK(count == 0 && says(&why, "not open for this"));
  check_limit(file);
  hc_file_close(file);
  file = open(in_folder("moved"), O_RDONLY);
  CHECK(hc_file_read_at(file, 1, bytes, sizeof bytes, &count, &why) == HC_OK && count == 1 &&
        bytes[0] == 'b');
  CHECK(hc_file_read_at(file, 2, bytes, sizeof bytes, &count, &why) == HC_OK && count == 0);
  CHECK(hc_file_read_at(file, UINT64_MAX, bytes, sizeof bytes, &count, &why) == HC_OK &&
        count == 0);
  hc_failure_clear(&why);
  CHECK(hc_file_write(reader, HC_SLICE("a"), &count, &why) == HC_ERR_FILE_CANT_WRITE &&
        says(&why, "not open for this"));
  hc_failure_clear(&why);
  if (full >= 0)
    CHECK(hc_file_write(full, HC_SLICE("a"), &count, &why) == HC_ERR_FILE_CANT_WRITE &&
          says(&why, "no space left"));
  hc_failure_clear(&why);
  CHECK(hc_file_finish(-1, &why) == HC_ERR_FILE_CANT_WRITE && says(&why, "not open"));
  for (int i = 0; i < 3; i++) hc_file_close(i == 0 ? file : i == 1 ? full : reader);
  hc_file_close(-1);
}

static void check_share(void) {
  hc_failure why = {HC_OK, ""};
  int shared = -1, ends[2], file = open(in_folder("moved"), O_RDONLY);
  uint64_t length = 9;
  CHECK(hc_file_share(file, 1, &shared, &length, &why) == HC_OK && length == 1 && shared >= 0);
  hc_file_close(shared);
  CHECK(hc_file_share(file, 3, &shared, &length, &why) == HC_OK && length == 0);
  hc_file_close(shared);
  CHECK(hc_file_share(-1, 0, &shared, &length, &why) == HC_ERR_INVALID_PARAMETER &&
        says(&why, "not open"));
  hc_failure_clear(&why);
  CHECK(pipe(ends) == 0 && hc_file_share(ends[0], 0, &shared, &length, &why) == HC_OK &&
        length == HC_FILE_NO_LENGTH);
  hc_file_close(shared);
  CHECK(hc_file_share(ends[1], 0, &shared, &length, &why) == HC_ERR_INVALID_PARAMETER &&
        says(&why, "not open for reading"));
  struct rlimit before, none;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = (rlim_t)ends[1] + 1;
  hc_failure_clear(&why);
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  CHECK(hc_file_share(file, 0, &shared, &length, &why) == HC_ERR_CANT_ACQUIRE_RESOURCE &&
        says(&why, "too many open files"));
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  hc_file_close(ends[0]);
  hc_file_close(ends[1]);
  hc_file_close(file);
}

/* Every error that a socket meets has a text of its own; others show their number. */
static void check_texts(void) {
  static const int numbers[] = {ECONNREFUSED, ECONNRESET,   ECONNABORTED, EPIPE,    ENOTCONN,
                                ETIMEDOUT,    EHOSTUNREACH, ENETUNREACH,  ENETDOWN, EADDRNOTAVAIL,
                                EADDRINUSE,   EAFNOSUPPORT, EACCES,       EPERM,    EMFILE,
                                ENFILE,       ENOBUFS,      ENOMEM,       EBADF,    EINVAL,
                                EIO,          EISDIR,       ESPIPE};
  enum { COUNT = sizeof numbers / sizeof *numbers };
  char space[HC_ERRNO_TEXT];
  const char *texts[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    texts[i] = hc_errno_text(numbers[i], space);
    CHECK(texts[i] != space && texts[i][0] != '\0');
    for (size_t j = 0; j < i; j++) CHECK(strcmp(texts[i], texts[j]) != 0);
  }
  CHECK(strcmp(hc_errno_text(9999, space), "errno 9999") == 0);
}

int main(void) {
  snprintf(folder, sizeof folder, "/tmp/httpclient-file.XXXXXX");
  if (!mkdtemp(folder)) return 1;
  check_create();
  check_present();
  check_modes();
  check_moving();
  check_share();
  check_texts();
  (void)unlink(in_folder("new"));
  (void)unlink(in_folder("moved"));
  (void)rmdir(folder);
  return check_report();
}
