/* unix_socket_posix.c - Unix sockets. See unix_socket.h.
 *
 * Like TCP in most respects: a descriptor, bytes in both directions, an end. But there is no
 * address to choose and none to race for, and connecting either works at once or finds the server's
 * queue full. */
#include "../system_features.h"

#include "../unix_socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../system_error.h"
#include "socket_posix.h"

/* A path needs the NUL behind it; an abstract name has one in front. */
#define NAME_MAX_SIZE (sizeof((struct sockaddr_un){0}.sun_path) - 1)

#if defined(__linux__)
#define HAS_ABSTRACT_NAMES 1
#else
#define HAS_ABSTRACT_NAMES 0
#endif

/* The check has seen that there is a first byte. */
static bool is_abstract(hc_slice path) { return path.data[0] == '@' || path.data[0] == '\0'; }

/* A path that is too long would be cut by the system and lead to another socket, or be refused with
 * a number that says nothing; so the limit is named (107 bytes on Linux, 103 on the BSDs). */
hc_error hc_unix_path_check(hc_slice path, hc_failure *why) {
  if (path.size == 0)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the path of the Unix socket is empty");
  size_t size = is_abstract(path) ? path.size - 1 : path.size;
  if (size > NAME_MAX_SIZE)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the path of the Unix socket has %zu bytes; the system takes at most %zu",
                          size, NAME_MAX_SIZE);
  if (!is_abstract(path)) {
    if (!memchr(path.data, '\0', path.size)) return HC_OK;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the path of the Unix socket holds a NUL byte");
  }
  if (size == 0)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the abstract name of the Unix socket is empty");
  if (HAS_ABSTRACT_NAMES) return HC_OK;
  return hc_failure_set(why, HC_ERR_UNAVAILABLE,
                        "abstract names of Unix sockets are Linux's (a file's path: ./@name)");
}

/* An abstract name is as long as the size says, zeros included, so the size ends right behind it
 * and not behind sun_path. */
static socklen_t make_address(hc_slice path, struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  memcpy(address->sun_path, path.data, path.size);
  bool has_name = is_abstract(path);
  if (has_name) address->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.size + (has_name ? 0 : 1));
}

/* The first failure is of the path, and names it. */
static hc_io fail_unix_socket(hc_slice path, int number, hc_failure *why) {
  char space[HC_ERRNO_TEXT], shown[NAME_MAX_SIZE + 2];
  memcpy(shown, path.data, path.size);
  shown[path.size] = '\0';
  for (size_t i = 0; i < path.size; i++)
    if (shown[i] == '\0') shown[i] = i == 0 ? '@' : '?';
  hc_failure_set(why, HC_ERR_CANT_CONNECT, "%s (Unix socket %s)", hc_errno_text(number, space),
                 shown);
  return HC_IO_ERROR;
}

/* Linux says EAGAIN where the server's queue is full, which is not the EINPROGRESS of TCP: nothing
 * is under way then, and waiting for the descriptor would wait for ever. */
hc_io hc_unix_socket_connect(hc_slice path, hc_socket *out, hc_failure *why) {
  struct sockaddr_un address;
  socklen_t size = make_address(path, &address);
  *out = HC_NO_SOCKET;
  int fd = hc_socket_open(AF_UNIX);
  if (fd < 0) return fail_unix_socket(path, errno, why);
  if (connect(fd, (const struct sockaddr *)&address, size) == 0) {
    *out = fd;
    return HC_IO_OK;
  }
  int number = errno;
  if (number == EINPROGRESS || number == EINTR) {
    *out = fd;
    return HC_IO_WANT_WRITE;
  }
  hc_socket_close(fd);
  return hc_errno_would_block(number) ? HC_IO_WANT_READ : fail_unix_socket(path, number, why);
}

/* Only after EINPROGRESS or EINTR: a connect that works does so at once. */
hc_io hc_unix_socket_connect_result(hc_socket s, hc_failure *why) {
  static const hc_address none; /* it can not be its own */
  return hc_socket_connect_result(s, &none, why);
}
