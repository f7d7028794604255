/* socket_file_posix.c - between files and sockets without a copy in the process. See socket_file.h.
 *
 * It is an optimization that may say no at any time: a file system without sendfile, a socket that
 * a sandbox has wrapped, a pipe that can't be had. Then it is read and sent, or received and
 * written, and nobody above notices. */
#define HC_WANT_GNU /* splice, pipe2 */
#include "../system_features.h"

#include "../socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Whose sendfile is there: the name is the same, the arguments are not. */
#if defined(HC_SENDFILE_FREEBSD) || defined(HC_SENDFILE_APPLE)
#elif defined(__linux__)
#define HC_SENDFILE_LINUX 1
#include <sys/sendfile.h>
#elif defined(__APPLE__)
#define HC_SENDFILE_APPLE 1
#elif defined(__FreeBSD__) || defined(__DragonFly__)
#define HC_SENDFILE_FREEBSD 1
#endif

#include "../../base/limits.h"
#include "sigpipe_posix.h"
#include "socket_posix.h"

#define FILE_PIECE_SIZE 16384u

/* --- sending a file */

/* One call of the system's sendfile: bytes moved, 0 at the file's end, -1 with errno; ENOSYS where
 * there is none. */
#if defined(HC_SENDFILE_LINUX)
static ssize_t kernel_send_file(hc_socket s, hc_file file, uint64_t offset, size_t length) {
  off_t at = (off_t)offset;
  return sendfile(s, file, &at, length);
}
#elif defined(HC_SENDFILE_APPLE)
static ssize_t kernel_send_file(hc_socket s, hc_file file, uint64_t offset, size_t length) {
  off_t moved = (off_t)length;
  int result = sendfile(file, s, (off_t)offset, &moved, NULL, 0);
  return result == 0 || moved > 0 ? (ssize_t)moved : -1;
}
#elif defined(HC_SENDFILE_FREEBSD)
static ssize_t kernel_send_file(hc_socket s, hc_file file, uint64_t offset, size_t length) {
  off_t moved = 0;
  int result = sendfile(file, s, (off_t)offset, length, NULL, &moved, 0);
  return result == 0 || moved > 0 ? (ssize_t)moved : -1;
}
#else
static ssize_t kernel_send_file(hc_socket s, hc_file file, uint64_t offset, size_t length) {
  (void)s, (void)file, (void)offset, (void)length;
  errno = ENOSYS;
  return -1;
}
#endif

/* Neither sendfile nor splice has MSG_DONTWAIT; a blocking receive may have cleared the flag. */
static bool restore_nonblocking(hc_socket s) {
  int flags = fcntl(s, F_GETFL);
  return flags >= 0 && ((flags & O_NONBLOCK) != 0 || fcntl(s, F_SETFL, flags | O_NONBLOCK) == 0);
}

/* A count that is less than asked for may be all that there was room for, or all that a peer who is
 * gone has let through. */
static hc_sigpipe_doubt doubt_of_socket_file(ssize_t moved, size_t length) {
  if (moved >= 0) return (size_t)moved == length ? HC_SIGPIPE_NONE : HC_SIGPIPE_POSSIBLE;
  if (errno == EPIPE) return HC_SIGPIPE_CERTAIN;
  return hc_errno_would_block(errno) ? HC_SIGPIPE_NONE : HC_SIGPIPE_POSSIBLE;
}

/* sendfile has no MSG_NOSIGNAL, so the signal is kept away by the thread's mask. */
static ssize_t guarded_send_file(hc_socket s, hc_file file, uint64_t offset, size_t length) {
  hc_sigpipe_guard guard;
  if (!restore_nonblocking(s)) return -1;
  bool is_blocked = hc_sigpipe_block(&guard);
  if (!is_blocked || guard.was_pending) { /* nobody could tell ours from the host's own */
    hc_sigpipe_restore(&guard, HC_SIGPIPE_NONE);
    errno = ENOSYS; /* the way by send() has its flag */
    return -1;
  }
  ssize_t moved;
  do moved = kernel_send_file(s, file, offset, length);
  while (moved < 0 && errno == EINTR);
  hc_sigpipe_restore(&guard, doubt_of_socket_file(moved, length));
  return moved;
}

/* Errors of the connection are final. All others may come from the file, or from a pair of
 * descriptors that the system's call does not serve: reading and sending tells them apart. */
static bool is_connection_error(int number) {
  return number == EPIPE || number == ECONNRESET || number == ETIMEDOUT || number == ENOTCONN ||
         number == EHOSTUNREACH || number == ENETUNREACH || number == ENETDOWN ||
         number == ECONNABORTED;
}

/* The kernel's way first. Where that fails for a reason that is not the connection's, one piece
 * goes by a read and a send, which finds out whose reason it is. */
hc_io hc_socket_send_file(hc_socket s, hc_file file, uint64_t *offset, size_t length, size_t *sent,
                          hc_failure *why) {
  *sent = 0;
  if (length == 0) return HC_IO_OK;
  if (*offset > INT64_MAX - (uint64_t)SSIZE_MAX / 2)
    return hc_socket_fail(why, HC_ERR_FILE_CANT_READ, "file offset: ", EINVAL);
  if (length > SSIZE_MAX / 2) length = SSIZE_MAX / 2;
  ssize_t moved = guarded_send_file(s, file, *offset, length);
  if (moved == 0) return HC_IO_EOF;
  if (moved > 0) {
    *sent = (size_t)moved;
    *offset += *sent;
    return HC_IO_OK;
  }
  if (hc_errno_would_block(errno)) return HC_IO_WANT_WRITE;
  if (is_connection_error(errno)) return hc_socket_fail_moving(why, errno);
  char piece[FILE_PIECE_SIZE];
  size_t size = length < sizeof piece ? length : sizeof piece;
  return hc_socket_send_file_piece(s, file, offset, piece, size, sent, why);
}

/* --- receiving to a file */

#if defined(HC_SENDFILE_LINUX) /* and splice with it */

/* A pipe of 1 MiB where the user's share allows it (/proc/sys/fs/pipe-user-pages-soft), else what
 * the system gives, 64 KiB. */
hc_error hc_pipe_open(hc_pipe *pipe) {
  *pipe = (hc_pipe){.is_open = false};
  if (pipe2(pipe->ends, O_CLOEXEC) != 0) return HC_ERR_CANT_ACQUIRE_RESOURCE;
  pipe->is_open = true;
  /* a matter of speed only; users have a limit for all */
  (void)fcntl(pipe->ends[1], F_SETPIPE_SZ, (int)HC_PIPE_SIZE);
  return HC_OK;
}

/* What splice can't do with this socket looks like OK with nothing held, and the caller goes the
 * usual way from then on. */
hc_io hc_socket_fill_pipe(hc_socket s, hc_pipe *pipe, size_t size, hc_failure *why) {
  if (size == 0 || !restore_nonblocking(s)) return HC_IO_OK;
  ssize_t moved;
  do moved = splice(s, NULL, pipe->ends[1], NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (moved < 0 && errno == EINTR);
  if (moved > 0) pipe->held += (size_t)moved;
  if (moved > 0) return HC_IO_OK;
  if (moved == 0) return HC_IO_EOF;
  if (hc_errno_would_block(errno)) return HC_IO_WANT_READ;
  return is_connection_error(errno) ? hc_socket_fail(why, HC_ERR_CONNECTION_ERROR, "", errno)
                                    : HC_IO_OK;
}

/* Pages move rather than bytes where the file system can take them over. What stays held, on a full
 * disk, is the caller's to take back by hc_pipe_take. */
size_t hc_pipe_to_file(hc_pipe *pipe, hc_file file) {
  size_t total = 0;
  while (pipe->held > 0) {
    ssize_t moved = splice(pipe->ends[0], NULL, file, NULL, pipe->held, SPLICE_F_MOVE);
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) break;
    pipe->held -= (size_t)moved;
    total += (size_t)moved;
  }
  return total;
}

#else

/* Without splice there is no pipe, and the content goes to the file by way of this process's
 * memory. */
hc_error hc_pipe_open(hc_pipe *pipe) {
  *pipe = (hc_pipe){.is_open = false};
  return HC_ERR_UNAVAILABLE;
}

hc_io hc_socket_fill_pipe(hc_socket s, hc_pipe *pipe, size_t size, hc_failure *why) {
  (void)s, (void)pipe, (void)size, (void)why;
  return HC_IO_OK;
}

size_t hc_pipe_to_file(hc_pipe *pipe, hc_file file) {
  (void)pipe, (void)file;
  return 0;
}

#endif

/* Never sleeps: it asks for no more than is known to be in. */
size_t hc_pipe_take(hc_pipe *pipe, char *into, size_t room) {
  ssize_t got;
  do got = read(pipe->ends[0], into, room < pipe->held ? room : pipe->held);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return 0;
  pipe->held -= (size_t)got;
  return (size_t)got;
}

/* What is still held goes with it: the caller has taken it back before, or has given the body
 * up. */
void hc_pipe_close(hc_pipe *pipe) {
  for (int i = 0; pipe->is_open && i < 2; i++) (void)close(pipe->ends[i]);
  *pipe = (hc_pipe){.is_open = false};
}
