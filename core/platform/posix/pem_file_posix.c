/* pem_file_posix.c - small files as a whole, in and out. Only system calls: stdio's buffers would
 * keep a copy of a private key. See pem_file.h.
 *
 * They are read when options are made, or on the thread that fills a store of authorities, and
 * never on the way of a request. */
#include "../system_features.h"

#include "../pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../base/limits.h"
#include "../../base/memory.h"
#include "../file_common.h"
#include "sigpipe_posix.h"

#define READ_SIZE 16384u

typedef int posix_strerror(int number, char *text, size_t size);
typedef char *gnu_strerror(int number, char *text, size_t size);

/* Two functions with the same arguments, of which _Generic below chooses by the type of the
 * system's strerror_r. */
static inline const char *posix_text(posix_strerror *call, int number, char *text, size_t size) {
  return call(number, text, size) == 0 ? text : "";
}

static inline const char *gnu_text(gnu_strerror *call, int number, char *text, size_t size) {
  return call(number, text, size); /* a constant, and `text` untouched, where the number is known */
}

/* The system's sentence for `number`, without the shared buffer of strerror. Under _GNU_SOURCE
 * glibc declares a strerror_r of its own. */
static const char *reason_text(int number, char *text, size_t size) {
  const char *found = _Generic(&strerror_r, posix_strerror *: posix_text, gnu_strerror *: gnu_text)(
      &strerror_r, number, text, size);
  return found[0] == '\0' ? "unknown reason" : found;
}

/* With the system's own sentence, since those are the words that people search for. */
static hc_error fail_pem_file(hc_failure *why, hc_error code, const char *what, const char *path,
                              int number) {
  char space[80];
  const char *reason = reason_text(number, space, sizeof space);
  /* a long path leaves room for the reason */
  return hc_failure_set(why, code, "%s %.130s: %s", what, path, reason);
}

/* A path that leads to a pipe waits here for its other end: whoever names such a file wants
 * that. */
static int open_file_pem_file(const char *path, int flags, mode_t mode) {
  int file;
  do {
    file = open(path, flags | O_CLOEXEC, mode);
  } while (file < 0 && errno == EINTR);
  return file;
}

/* As hc_buffer_reserve, but the memory that is left behind is wiped. Twice what is held, so that
 * reading stays linear. */
static hc_error reserve_wiping(hc_buffer *out, char **at, size_t *room) {
  if (out->capacity - out->end < READ_SIZE) {
    size_t held = hc_buffer_size(out);
    hc_buffer larger = {0};
    if (hc_buffer_reserve(&larger, 2 * held + READ_SIZE, SIZE_MAX, at, room) != HC_OK)
      return HC_ERR_OUT_OF_MEMORY;
    if (held > 0) {
      memcpy(*at, hc_buffer_head(out), held);
      hc_memory_wipe(out->data, out->capacity);
    }
    hc_buffer_commit(&larger, held);
    hc_buffer_free(out);
    *out = larger;
  }
  *at = out->data + out->end;
  *room = out->capacity - out->end;
  return HC_OK;
}

/* One read of what is left: the size is 0 at the end of the file. */
static hc_error read_piece_pem_file(int file, const char *path, hc_buffer *out, size_t *size,
                                    hc_failure *why) {
  char *at;
  size_t room;
  if (hc_buffer_size(out) > HC_PEM_FILE_MAX) {
    return hc_failure_set(why, HC_ERR_FILE_CANT_READ,
                          "can't read %s: the file is too large for a PEM file", path);
  }
  if (reserve_wiping(out, &at, &room) != HC_OK) return hc_failure_out_of_memory(why);
  ssize_t got;
  do {
    got = read(file, at, room);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail_pem_file(why, HC_ERR_FILE_CANT_READ, "can't read", path, errno);
  hc_buffer_commit(out, (size_t)got);
  *size = (size_t)got;
  return HC_OK;
}

/* Until a read gives nothing, and not by the size that fstat says: files in /proc and pipes have
 * none. The limit is looked at between two pieces. */
hc_error hc_pem_file_read(const char *path, hc_buffer *out, hc_failure *why) {
  int file = open_file_pem_file(path, O_RDONLY, 0);
  if (file < 0) {
    return fail_pem_file(why, errno == ENOENT ? HC_ERR_FILE_NOT_FOUND : HC_ERR_FILE_CANT_OPEN,
                         HC_CANT_OPEN, path, errno);
  }
  size_t size = 0;
  hc_error error;
  do {
    error = read_piece_pem_file(file, path, out, &size, why);
  } while (error == HC_OK && size > 0);
  close(file); /* nothing was written: there is no failure that could matter */
  return error;
}

/* 0, or what went wrong. A short count is no failure, and its reason shows with the next write. */
static int write_or_errno(int file, hc_slice text) {
  while (text.size > 0) {
    ssize_t put = write(file, text.data, text.size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    text.data += put;
    text.size -= (size_t)put;
  }
  return 0;
}

/* Follows links: a distribution's bundle often is one. The times are in seconds; tools that update
 * the bundle write a new file and rename it, so the inode changes too. */
hc_pem_file_stamp hc_pem_file_stamp_of(const char *path) {
  struct stat status;
  if (stat(path, &status) != 0) return (hc_pem_file_stamp){0};
  return (hc_pem_file_stamp){.device = (uint64_t)status.st_dev,
                             .inode = (uint64_t)status.st_ino,
                             .size = (uint64_t)status.st_size,
                             .modified = (int64_t)status.st_mtime,
                             .changed = (int64_t)status.st_ctime};
}

/* The path may lead to a pipe that nobody reads any more. */
static hc_error write_all_pem_file(int file, const char *path, hc_slice text, hc_failure *why) {
  hc_sigpipe_guard guard;
  (void)hc_sigpipe_block(&guard);
  int number = write_or_errno(file, text);
  hc_sigpipe_restore(&guard, number == EPIPE ? HC_SIGPIPE_CERTAIN : HC_SIGPIPE_POSSIBLE);
  return number == 0 ? HC_OK
                     : fail_pem_file(why, HC_ERR_FILE_CANT_WRITE, "can't write", path, number);
}

/* A file that was there before may be open to others. A device or a pipe has no mode of its own to
 * change. */
static hc_error make_private_pem_file(int file, const char *path, hc_failure *why) {
  struct stat status;
  if (fstat(file, &status) != 0)
    return fail_pem_file(why, HC_ERR_FILE_CANT_WRITE, "can't examine", path, errno);
  if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return HC_OK;
  if (fchmod(file, S_IRUSR | S_IWUSR) == 0) return HC_OK;
  return fail_pem_file(why, HC_ERR_FILE_CANT_WRITE, "can't make private", path, errno);
}

/* A full disk may show only now. */
static hc_error finish_pem_file(int file, const char *path, hc_error error, hc_failure *why) {
  if (close(file) == 0 || error != HC_OK || errno == EINTR) return error;
  return fail_pem_file(why, HC_ERR_FILE_CANT_WRITE, "can't write", path, errno);
}

/* In place, not by a new file and a rename: a file with a second name or rights of its own stays
 * that file. Who reads at this moment may see half of it. */
hc_error hc_pem_file_write(const char *path, hc_slice text, hc_failure *why) {
  int file = open_file_pem_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0) return fail_pem_file(why, HC_ERR_FILE_CANT_OPEN, HC_CANT_OPEN, path, errno);
  return finish_pem_file(file, path, write_all_pem_file(file, path, text, why), why);
}

/* O_CREAT's mode alone would leave a file that is there as it is, so it is made private while it is
 * still empty. */
hc_error hc_pem_file_write_private(const char *path, hc_slice text, hc_failure *why) {
  int file = open_file_pem_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0) return fail_pem_file(why, HC_ERR_FILE_CANT_OPEN, HC_CANT_OPEN, path, errno);
  hc_error error = make_private_pem_file(file, path, why);
  if (error == HC_OK) error = write_all_pem_file(file, path, text, why);
  return finish_pem_file(file, path, error, why);
}
