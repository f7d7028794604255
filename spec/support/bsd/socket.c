/* socket.c - the calls of include/sys/socket.h: a send raises SIGPIPE unless the socket was told
 * otherwise, and sendfile says in its last arguments how much has gone. */
#include <errno.h>
#include <stdbool.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define SO_NOSIGPIPE 0x1022
#define DESCRIPTORS 65536u

int bsd_socket(int family, int type, int protocol);
int bsd_setsockopt(int s, int level, int name, const void *value, socklen_t size);
ssize_t bsd_send(int s, const void *bytes, size_t size, int flags);
ssize_t bsd_sendmsg(int s, const struct msghdr *message, int flags);
int bsd_sendfile(int file, int s, off_t offset, size_t size, void *more, off_t *sent, int flags);
int apple_sendfile(int file, int s, off_t offset, off_t *size, void *more, int flags);

static bool is_quiet[DESCRIPTORS];

int bsd_socket(int family, int type, int protocol) {
  int s = socket(family, type, protocol);
  if (s >= 0 && (unsigned)s < DESCRIPTORS) is_quiet[s] = false;
  return s;
}

int bsd_setsockopt(int s, int level, int name, const void *value, socklen_t size) {
  if (level != SOL_SOCKET || name != SO_NOSIGPIPE) return setsockopt(s, level, name, value, size);
  if (s < 0 || (unsigned)s >= DESCRIPTORS || size != sizeof(int)) return errno = EINVAL, -1;
  is_quiet[s] = *(const int *)value != 0;
  return 0;
}

static int flags_of(int s, int flags) {
  return s >= 0 && (unsigned)s < DESCRIPTORS && is_quiet[s] ? flags | MSG_NOSIGNAL : flags;
}

ssize_t bsd_send(int s, const void *bytes, size_t size, int flags) {
  return send(s, bytes, size, flags_of(s, flags));
}

ssize_t bsd_sendmsg(int s, const struct msghdr *message, int flags) {
  return sendmsg(s, message, flags_of(s, flags));
}

/* Goes on until all is sent, the file ends, or an error: what went before it is told beside it. */
static int send_all(int file, int s, off_t offset, size_t size, off_t *sent) {
  *sent = 0;
  while (*sent < (off_t)size) {
    off_t at = offset + *sent;
    ssize_t moved = sendfile(s, file, &at, size - (size_t)*sent);
    if (moved < 0) return -1;
    if (moved == 0) return 0;
    *sent += moved;
  }
  return 0;
}

int bsd_sendfile(int file, int s, off_t offset, size_t size, void *more, off_t *sent, int flags) {
  (void)more, (void)flags;
  return send_all(file, s, offset, size, sent);
}

int apple_sendfile(int file, int s, off_t offset, off_t *size, void *more, int flags) {
  (void)more, (void)flags;
  return send_all(file, s, offset, (size_t)*size, size);
}
