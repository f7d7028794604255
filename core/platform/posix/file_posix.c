/* file_posix.c - files on POSIX: bodies that are sent, downloads that are written, and the places
 * where both are. See file.h.
 *
 * No function here trusts a path twice: between two calls with the same path somebody else can put
 * a link or another file there. What has to hold of a file is asked of its descriptor (fstat).
 * Where only the path is known, lstat looks at the link and not at where it leads. Descriptors are
 * close-on-exec from the start, and none is opened in a way that could wait: a pipe without a
 * reader, or a terminal, would hold up the one thread that everything runs on. */
#define HC_WANT_GNU /* O_PATH */
#include "../system_features.h"

#include "../file_common.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../base/limits.h"
#include "../clock.h"
#include "sigpipe_posix.h"
#include "../wait.h"

/* strerror is not thread-safe and follows the locale; these are what files really meet. */
static const char *reason(int number) {
  switch (number) {
  case ENOSPC: return "no space left on device";
  case EDQUOT: return "disk quota exceeded";
  case EFBIG: return "file too large";
  case EIO: return "input/output error";
  case EROFS: return "read-only file system";
  case ENOENT: return "no such file or directory";
  case ENOTDIR: return "a part of the path is no directory";
  case EEXIST: return "it is there already";
  case EISDIR: return "is a directory";
  case EACCES:
  case EPERM: return "permission denied";
  case EMFILE:
  case ENFILE: return "too many open files";
  case EPIPE: return "nobody reads it any more";
  case EBADF: return "the file is not open for this";
  case ELOOP: return "it is a link";
  case ENXIO: return "nobody reads it";
  case ENAMETOOLONG: return "the name is too long";
  default: return NULL;
  }
}

/* `number` is errno's, read by the caller before anything else could change it. */
static hc_error fail_file(hc_failure *why, hc_error code, const char *what, const char *path,
                          int number) {
  return hc_file_record(why, code, what, path, reason(number), (unsigned long)number);
}

/* pread and not lseek with read: the position belongs to the script's own handle, which shares it
 * with our descriptor (dup), and to whoever else sends the same file at this moment. What lies
 * behind the largest off_t is behind the end of any file. */
hc_error hc_file_read_at(hc_file file, uint64_t offset, char *into, size_t size, size_t *got,
                         hc_failure *why) {
  *got = 0;
  if (offset > (uint64_t)INT64_MAX) return HC_OK;
  for (;;) {
    ssize_t n = pread(file, into, size, (off_t)offset);
    if (n >= 0) {
      *got = (size_t)n;
      return HC_OK;
    }
    if (errno != EINTR)
      return fail_file(why, HC_ERR_FILE_CANT_READ, hc_error_string(HC_ERR_FILE_CANT_READ), "",
                       errno);
  }
}

/* *doubt: see sigpipe_posix.h. */
static bool write_all_file(hc_file file, hc_slice bytes, size_t *written, hc_sigpipe_doubt *doubt) {
  *doubt = HC_SIGPIPE_NONE;
  while (*written < bytes.size) {
    ssize_t n = write(file, bytes.data + *written, bytes.size - *written);
    if (n > 0) *written += (size_t)n;
    if (*written == bytes.size) break;
    *doubt = n < 0 && errno == EPIPE ? HC_SIGPIPE_CERTAIN : HC_SIGPIPE_POSSIBLE;
    if (n < 0 && errno != EINTR) return false;
  }
  return true;
}

/* The file may be a pipe that nobody reads. */
hc_error hc_file_write(hc_file file, hc_slice bytes, size_t *written, hc_failure *why) {
  hc_sigpipe_guard guard;
  hc_sigpipe_doubt doubt;
  *written = 0;
  (void)hc_sigpipe_block(&guard);
  bool is_done = write_all_file(file, bytes, written, &doubt);
  hc_sigpipe_restore(&guard, doubt);
  return is_done ? HC_OK
                 : fail_file(why, HC_ERR_FILE_CANT_WRITE, hc_error_string(HC_ERR_FILE_CANT_WRITE),
                             "", errno);
}

#define MODE_USUAL 0666 /* less umask */

/* EINTR comes where the open sleeps, as on a network file system. The codes are those that a script
 * can act on; all others have the sentence alone. */
static hc_error open_file_file(const char *path, int flags, mode_t mode, hc_file *file,
                               hc_failure *why) {
  do *file = open(path, O_CLOEXEC | flags, mode);
  while (*file < 0 && errno == EINTR);
  if (*file >= 0) return HC_OK;
  int number = errno;
  hc_error code = HC_ERR_FILE_CANT_OPEN;
  if (number == EEXIST) code = HC_ERR_ALREADY_EXISTS;
  if (number == ENOENT || number == ENOTDIR) code = HC_ERR_FILE_NOT_FOUND;
  if (number == EACCES || number == EPERM || number == EROFS) code = HC_ERR_FILE_NO_PERMISSION;
  return fail_file(why, code, HC_CANT_OPEN, path, number);
}

/* Never for reading as well: a file that may be written need not be readable. */
static hc_error open_to_write(const char *path, int flags, mode_t mode, hc_file *file,
                              hc_failure *why) {
  return open_file_file(path, O_WRONLY | flags, mode, file, why);
}

/* O_NONBLOCK for pipes, whose open would wait for a writer; O_NOCTTY because a terminal that is
 * opened by a process without one would become its own. */
hc_error hc_file_open(const char *path, hc_file *file, hc_failure *why) {
  return open_file_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, file, why);
}

/* Follows links and empties what is there: for a path that the user has named himself. */
hc_error hc_file_create(const char *path, hc_file *file, hc_failure *why) {
  return open_to_write(path, O_CREAT | O_TRUNC, MODE_USUAL, file, why);
}

/* A link is not what it leads to: that one stays as it is. */
static bool is_replaceable(const char *path, struct stat *facts) {
  return lstat(path, facts) == 0 && S_ISREG(facts->st_mode);
}

/* The user must be able to write it, whatever the old one allows. */
static hc_error create_new(const char *path, mode_t mode, int64_t *owner, hc_failure *why) {
  hc_file file;
  *owner = (int64_t)geteuid();
  struct stat facts;
  hc_error code = open_to_write(path, O_CREAT | O_EXCL, mode, &file, why);
  if (code != HC_OK) return code;
  if (fstat(file, &facts) == 0) *owner = (int64_t)facts.st_uid;
  hc_file_close(file);
  return code;
}

/* The new file takes the place of the old one later, by a rename, so it begins with the old one's
 * rights. Else a file that nobody but its owner could read would be readable by all while it is
 * downloaded anew. */
hc_error hc_file_create_new(const char *path, const char *old, int64_t *owner, hc_failure *why) {
  struct stat facts;
  mode_t mode = MODE_USUAL;
  if (old && is_replaceable(old, &facts)) mode &= facts.st_mode | S_IRUSR | S_IWUSR;
  return create_new(path, mode, owner, why);
}

/* O_EXCL does not follow a link at the end of the path either (POSIX open), so nobody can have
 * prepared one. */
hc_error hc_file_create_private(const char *path, int64_t *owner, hc_failure *why) {
  return create_new(path, S_IRUSR | S_IWUSR, owner, why);
}

/* Set-user-id and its like belong to what the file has held, not to what comes. The group's rights
 * in a group that the user can't give the file to would be others' rights. */
static bool take_mode(hc_file file, const struct stat *old) {
  struct stat facts;
  if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_uid != geteuid())
    return false;
  mode_t mode = old->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
  if (old->st_uid != facts.st_uid) mode &= facts.st_mode;
  if (old->st_gid != facts.st_gid && fchown(file, (uid_t)-1, old->st_gid) != 0)
    mode &= S_IRWXU | S_IRWXO | (mode & S_IRWXO) << 3;
  return fchmod(file, mode) == 0;
}

/* The path may have changed hands since the file was written, so rights are given to a descriptor
 * (fchmod), and only to a regular file of this user's. */
bool hc_file_keep_mode(const char *path, const char *old) {
  struct stat facts;
  if (!is_replaceable(old, &facts)) return false;
  hc_file file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return false;
  bool is_taken = take_mode(file, &facts);
  hc_file_close(file);
  return is_taken;
}

/* A second name (a hard link) would let what is written here appear elsewhere too, and the owner is
 * compared because in a sticky /tmp others can put files into the same folder. */
static bool find_file_here(const char *path, int64_t owner, struct stat *facts) {
  return lstat(path, facts) == 0 && S_ISREG(facts->st_mode) && facts->st_nlink == 1 &&
         (int64_t)facts->st_uid == owner;
}

/* By the effective user, as whom the file would be written. */
bool hc_file_is_own(const char *path, uint64_t *size, int64_t *owner) {
  struct stat facts;
  *owner = (int64_t)geteuid();
  if (!find_file_here(path, *owner, &facts)) return false;
  *size = (uint64_t)facts.st_size;
  return true;
}

/* Is the open file still the one that the path leads to? Device and inode together tell a file from
 * all others, as long as one of the two is open: the number of a file that is gone may be given out
 * again. */
bool hc_file_is_present(hc_file file, const char *path, int64_t owner) {
  struct stat found, opened;
  if (fstat(file, &opened) != 0) return false;
  if (owner == HC_FILE_OF_NOBODY) return S_ISCHR(opened.st_mode);
  return find_file_here(path, owner, &found) && found.st_dev == opened.st_dev &&
         found.st_ino == opened.st_ino;
}

/* Without O_NONBLOCK the open of a pipe would wait for its reader. */
#define PRESENT_FLAGS (O_APPEND | O_NONBLOCK | O_NOCTTY)

/* Opened first and looked at then, by the descriptor: nobody can exchange it in between. */
hc_error hc_file_open_present(const char *path, int64_t owner, hc_file *file, hc_failure *why) {
  hc_error code = open_to_write(path, PRESENT_FLAGS, 0, file, why);
  if (code != HC_OK) return code;
  off_t end = owner == HC_FILE_OF_NOBODY ? 0 : lseek(*file, 0, SEEK_END);
  /* What is empty is the caller's alone, and need not be appended to: so the kernel can move whole
   * pages there. */
  if (hc_file_is_present(*file, path, owner) && end >= 0 &&
      fcntl(*file, F_SETFL, end > 0 ? O_APPEND : 0) == 0)
    return HC_OK;
  hc_file_close(*file);
  *file = HC_NO_FILE;
  return hc_failure_set(why, HC_ERR_FILE_CANT_OPEN,
                        "can't open %.*s: something else is in its place", HC_SHOWN_PATH_MAX, path);
}

/* O_CREAT gives the mode only to a file that is new. One that is there may be readable by others,
 * and then the secrets of all connections would be. */
static bool make_private_file(hc_file file) {
  struct stat facts;
  if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_nlink != 1 ||
      facts.st_uid != geteuid())
    return false;
  return (facts.st_mode & (S_IRWXG | S_IRWXO)) == 0 || fchmod(file, S_IRUSR | S_IWUSR) == 0;
}

/* The key log has the keys of all connections in it: no link is followed, and what is no regular
 * file of this user's alone is refused. */
hc_error hc_file_open_log(const char *path, hc_file *file, hc_failure *why) {
  hc_error code =
      open_to_write(path, PRESENT_FLAGS | O_CREAT | O_NOFOLLOW, S_IRUSR | S_IWUSR, file, why);
  if (*file < 0 || make_private_file(*file)) return code;
  hc_file_close(*file);
  *file = HC_NO_FILE;
  return hc_failure_set(why, HC_ERR_FILE_CANT_OPEN,
                        "can't open %.*s: it is no regular file of this user's alone",
                        HC_SHOWN_PATH_MAX, path);
}

/* stat, which follows links: here it is the user who names where a download goes, and a link to a
 * folder is as good as the folder. */
hc_file_kind hc_file_kind_of(const char *path) {
  struct stat facts;
  if (stat(path, &facts) != 0) return HC_FILE_MISSING;
  if (S_ISREG(facts.st_mode)) return HC_FILE_REGULAR;
  if (S_ISDIR(facts.st_mode)) return HC_FILE_DIRECTORY;
  return S_ISCHR(facts.st_mode) ? HC_FILE_DEVICE : HC_FILE_OTHER;
}

/* What can't be asked is none: such a file is not sent or received by the kernel's short ways. */
bool hc_file_is_regular(hc_file file) {
  struct stat facts;
  return fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
}

/* A file that is appended to has no position of its own: each write goes to where the end is by
 * then. */
bool hc_file_is_positioned(hc_file file) {
  int flags = fcntl(file, F_GETFL);
  return flags >= 0 && (flags & O_APPEND) == 0 && hc_file_is_regular(file);
}

/* --- bodies that are sent */

/* A character device takes an offset and does not heed it, so it is none of these. */
static bool mode_has_positions(mode_t mode) { return S_ISREG(mode) || S_ISBLK(mode); }

/* What can't be asked is taken for a file, whose reads then fail with a reason. */
bool hc_file_has_positions(hc_file file) {
  struct stat facts;
  return fstat(file, &facts) != 0 || mode_has_positions(facts.st_mode);
}

/* Files that the kernel makes up when they are read have the size 0, or that of a page. For what is
 * so small a look at its last byte, and behind it, costs little beside a request. */
#define DOUBTED_SIZE 65536u

/* The last byte has to be there, and nothing behind it; else the size was none, and the body has no
 * length. */
static hc_error measure(hc_file file, uint64_t offset, uint64_t size, uint64_t *length,
                        hc_failure *why) {
  char bytes[2];
  size_t got;
  *length = size > offset ? size - offset : 0;
  if (*length > DOUBTED_SIZE) return HC_OK;
  size_t last = *length > 0 ? 1 : 0;
  hc_failure reason = {HC_OK, ""};
  hc_error code = hc_file_read_at(file, offset + *length - last, bytes, last + 1, &got, &reason);
  if (code != HC_OK)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "body file: %s", reason.text);
  if (got != last) *length = HC_FILE_NO_LENGTH;
  return HC_OK;
}

/* Of a pipe there is nothing to read ahead without taking it away; but whether it is open for
 * reading can be known before the head goes out. */
static hc_error check_readable(hc_file file, hc_failure *why) {
  int flags = fcntl(file, F_GETFL);
  if (flags < 0) return fail_file(why, HC_ERR_INVALID_PARAMETER, HC_BODY_FILE_WORDS, "", errno);
  bool is_readable = (flags & O_ACCMODE) != O_WRONLY;
  return is_readable ? HC_OK
                     : hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                                      "body file: it is not open for reading");
}

/* A descriptor of our own: the script may close its file at once, or lose it to the collector, and
 * the upload goes on. F_DUPFD_CLOEXEC because a plain dup would be inherited by whatever is started
 * meanwhile. */
hc_error hc_file_share(hc_file file, uint64_t offset, hc_file *shared, uint64_t *length,
                       hc_failure *why) {
  struct stat facts;
  if (fstat(file, &facts) != 0)
    return fail_file(why, HC_ERR_INVALID_PARAMETER, HC_BODY_FILE_WORDS, "", errno);
  if (S_ISDIR(facts.st_mode))
    return fail_file(why, HC_ERR_INVALID_PARAMETER, HC_BODY_FILE_WORDS, "", EISDIR);
  *length = HC_FILE_NO_LENGTH;
  hc_error code = S_ISREG(facts.st_mode)
                      ? measure(file, offset, (uint64_t)facts.st_size, length, why)
                      : check_readable(file, why);
  if (code != HC_OK) return code;
  *shared = fcntl(file, F_DUPFD_CLOEXEC, 0);
  if (*shared < 0)
    return fail_file(why, HC_ERR_CANT_ACQUIRE_RESOURCE, HC_BODY_FILE_WORDS, "", errno);
  return HC_OK;
}

/* The script's descriptor and ours share their flags: O_NONBLOCK would be set for both, so each
 * read is preceded by a look. */
hc_error hc_file_read_what_comes(hc_file file, char *into, size_t size, size_t *got,
                                 hc_failure *why) {
  hc_wait_entry entry = {file, HC_EVENT_READ, 0};
  size_t ready = 0;
  if (hc_wait(&entry, 1, hc_clock_now(), &ready) != HC_OK || ready == 0) return HC_ERR_BUSY;
  ssize_t n = read(file, into, size);
  if (n > 0) *got = (size_t)n;
  if (n >= 0) return HC_OK;
  if (errno == EINTR || errno == EAGAIN) return HC_ERR_BUSY;
  return fail_file(why, HC_ERR_FILE_CANT_READ, hc_error_string(HC_ERR_FILE_CANT_READ), "", errno);
}

/* Network file systems report a full disk only here. After EINTR the descriptor's state is
 * unspecified by POSIX; Linux has closed it, and a second close could hit somebody else's. */
hc_error hc_file_finish(hc_file file, hc_failure *why) {
  if (close(file) == 0 || errno == EINTR) return HC_OK;
  return fail_file(why, HC_ERR_FILE_CANT_WRITE, hc_error_string(HC_ERR_FILE_CANT_WRITE), "", errno);
}

void hc_file_close(hc_file file) {
  if (file >= 0) (void)close(file);
}

/* Within one folder rename replaces the old file in one step: whoever opens the path sees the whole
 * old file or the whole new one. */
hc_error hc_file_rename(const char *from, const char *to, hc_failure *why) {
  if (rename(from, to) == 0) return HC_OK;
  return fail_file(why, HC_ERR_FILE_CANT_WRITE, "", "", errno);
}

/* One that is gone already is as good. */
void hc_file_unlink(const char *path) { (void)unlink(path); }

/* A small file's end costs less than handing it to a thread. */
static bool is_large(const struct stat *facts) {
  return S_ISREG(facts->st_mode) && facts->st_size >= (off_t)HC_RELEASE_LEAST;
}

/* The kernel gives the blocks of a deleted file back when its last descriptor is closed, and that
 * takes time in proportion to its size: hundreds of milliseconds for some GiB on ext4. Such a close
 * is left to a thread (file_release.c). */
bool hc_file_is_costly(hc_file file, hc_file_id *id) {
  struct stat facts;
  if (fstat(file, &facts) != 0 || facts.st_nlink > 0) return false;
  *id = (hc_file_id){(uint64_t)facts.st_dev, (uint64_t)facts.st_ino};
  return is_large(&facts);
}

/* O_PATH needs no right to read, and its end takes no lock off the file that the host holds. */
#if defined(O_PATH)
#define HOLD_FLAGS O_PATH
#else
#define HOLD_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)
#endif

/* A file with a second name lives on without this, and a small one is freed in no time. */
hc_file hc_file_hold(const char *path) {
  struct stat facts;
  if (lstat(path, &facts) != 0 || facts.st_nlink != 1 || !is_large(&facts)) return HC_NO_FILE;
  return open(path, HOLD_FLAGS | O_NOFOLLOW | O_CLOEXEC);
}

/* Asked anew each time: a copy would be the parent's in a fork. */
uint64_t hc_process_number(void) { return (uint64_t)getpid(); }
