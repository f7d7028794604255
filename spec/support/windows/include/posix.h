/* posix.h - what the tests' own servers are written in, POSIX's sockets, over Winsock: for the
 * tests alone, and only as far as they go. The headers in include/ bring it under POSIX's names; it
 * is also the first that each file includes, so that what is called here `close` is so for all of a
 * file.
 *
 * A descriptor is here what the system gives, a SOCKET or a HANDLE, as an int: those that are in
 * use fit. There is none of the C library's, whose numbers would get in the way of theirs. */
#ifndef SPEC_POSIX_H
#define SPEC_POSIX_H

#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#define NOMINMAX
#define _FILE_OFFSET_BITS 64 /* before all headers, as on the systems where off_t is wide */

#include <winsock2.h>
#include <ws2tcpip.h>
/* Behind the two. */
#include <windows.h>
#undef interface
#undef near
#undef far
#undef small

#include <direct.h>
#include <errno.h>
#include_next <fcntl.h>
#include <io.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include_next <unistd.h>

#define SOCK_CLOEXEC 0x2000000 /* nothing is inherited anyway */
#define SOCK_NONBLOCK 0x1000000
#define MSG_NOSIGNAL 0
#define MSG_DONTWAIT 0x4000000
#define SHUT_RD SD_RECEIVE
#define SHUT_WR SD_SEND
#define SHUT_RDWR SD_BOTH
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define FD_CLOEXEC 1
#define O_NONBLOCK 0x40000000
#define O_CLOEXEC 0x20000000

typedef unsigned long nfds_t;
/* There are no signals to hold back. */
typedef int sigset_t;
#define sigfillset(set) (*(set) = 0)
#undef pthread_sigmask
#define pthread_sigmask(how, set, before) ((void)(set), (void)(before), 0)

static inline int posix_error(int code) {
  switch (code) {
  case WSAEWOULDBLOCK: return EAGAIN;
  case WSAEINPROGRESS: return EINPROGRESS;
  case WSAEALREADY: return EALREADY;
  case WSAEISCONN: return EISCONN;
  case WSAENOTCONN: return ENOTCONN;
  case WSAECONNREFUSED: return ECONNREFUSED;
  case WSAECONNRESET: return ECONNRESET;
  case WSAECONNABORTED: return ECONNABORTED;
  case WSAESHUTDOWN: return EPIPE;
  case WSAEADDRINUSE: return EADDRINUSE;
  case WSAEADDRNOTAVAIL: return EADDRNOTAVAIL;
  case WSAETIMEDOUT: return ETIMEDOUT;
  case WSAENETUNREACH: return ENETUNREACH;
  case WSAEHOSTUNREACH: return EHOSTUNREACH;
  case WSAENOTSOCK: return ENOTSOCK;
  case WSAEINVAL: return EINVAL;
  case WSAEINTR: return EINTR;
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND: return ENOENT;
  case ERROR_FILE_EXISTS:
  case ERROR_ALREADY_EXISTS: return EEXIST;
  case ERROR_ACCESS_DENIED: return EACCES;
  default: return EIO;
  }
}

/* Of these the C library knows no words. */
static inline const char *posix_strerror(int number) {
  switch (number) {
  case ECONNREFUSED: return "Connection refused";
  case ECONNRESET: return "Connection reset by peer";
  case ECONNABORTED: return "Connection aborted";
  case ETIMEDOUT: return "Connection timed out";
  case EADDRINUSE: return "Address already in use";
  default: return strerror(number);
  }
}

static inline int posix_fail(void) {
  errno = posix_error(WSAGetLastError()); /* which is GetLastError */
  return -1;
}

static inline SOCKET posix_socket_of(int fd) { return (SOCKET)(INT_PTR)fd; }
static inline HANDLE posix_handle_of(int fd) { return (HANDLE)(INT_PTR)fd; }
static inline int posix_outcome(int result) { return result == SOCKET_ERROR ? posix_fail() : 0; }

static inline bool posix_is_socket(int fd) {
  int type, size = sizeof type;
  return getsockopt(posix_socket_of(fd), SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0;
}

/* --- sockets */

static inline int posix_set_blocking(int fd, u_long never_blocks) {
  return posix_outcome(ioctlsocket(posix_socket_of(fd), (long)FIONBIO, &never_blocks));
}

static inline int posix_socket(int family, int type, int protocol) {
  WSADATA unused;
  (void)WSAStartup(MAKEWORD(2, 2), &unused); /* it is counted */
  SOCKET s = WSASocketW(family, type & 0xff, protocol, NULL, 0,
                        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (s == INVALID_SOCKET) return posix_fail();
  if (type & SOCK_NONBLOCK) (void)posix_set_blocking((int)s, 1);
  return (int)s;
}

/* Windows hands the listener's ways on to what it accepts. */
static inline int posix_accept(int listener, struct sockaddr *from, int *size) {
  SOCKET s = accept(posix_socket_of(listener), from, size);
  if (s == INVALID_SOCKET) return posix_fail();
  (void)posix_set_blocking((int)s, 0);
  return (int)s;
}

static inline int posix_bind(int fd, const struct sockaddr *to, int size) {
  return posix_outcome(bind(posix_socket_of(fd), to, size));
}

static inline int posix_listen(int fd, int backlog) {
  return posix_outcome(listen(posix_socket_of(fd), backlog));
}

static inline int posix_connect(int fd, const struct sockaddr *to, int size) {
  if (connect(posix_socket_of(fd), to, size) == 0) return 0;
  (void)posix_fail();
  if (errno == EAGAIN) errno = EINPROGRESS;
  return -1;
}

static inline int posix_shutdown(int fd, int how) {
  return posix_outcome(shutdown(posix_socket_of(fd), how));
}

static inline int posix_setsockopt(int fd, int level, int name, const void *value, int size) {
  if (level == SOL_SOCKET && name == SO_REUSEADDR) return 0; /* there it would let in others */
  return posix_outcome(setsockopt(posix_socket_of(fd), level, name, value, size));
}

static inline int posix_getsockopt(int fd, int level, int name, void *value, int *size) {
  memset(value, 0, (size_t)*size); /* a yes or no is one byte there */
  int result = posix_outcome(getsockopt(posix_socket_of(fd), level, name, value, size));
  int number;
  if (result != 0 || level != SOL_SOCKET || name != SO_ERROR) return result;
  memcpy(&number, value, sizeof number);
  if (number != 0) number = posix_error(number);
  memcpy(value, &number, sizeof number);
  return 0;
}

static inline int posix_getsockname(int fd, struct sockaddr *out, int *size) {
  return posix_outcome(getsockname(posix_socket_of(fd), out, size));
}

static inline int posix_getpeername(int fd, struct sockaddr *out, int *size) {
  return posix_outcome(getpeername(posix_socket_of(fd), out, size));
}

/* --- waiting */

typedef struct posix_pollfd {
  int fd;
  short events, revents;
} posix_pollfd;

static inline int posix_poll(posix_pollfd *list, nfds_t count, int timeout) {
  WSAPOLLFD asked[16], *all = count <= 16 ? asked : calloc(count, sizeof *all);
  ULONG used = 0;
  int found = 0;
  if (!all) abort();
  for (nfds_t i = 0; i < count; i++) {
    if (list[i].fd < 0) continue;
    all[used++] = (WSAPOLLFD){.fd = posix_socket_of(list[i].fd),
                              .events = (short)(list[i].events & (POLLRDNORM | POLLWRNORM))};
  }
  if (used > 0) found = WSAPoll(all, used, timeout);
  else Sleep(timeout < 0 ? INFINITE : (DWORD)timeout);
  int number = found < 0 ? WSAGetLastError() : 0;
  used = 0;
  for (nfds_t i = 0; i < count; i++)
    list[i].revents = list[i].fd < 0 || found <= 0 ? 0 : all[used++].revents;
  if (all != asked) free(all);
  if (found >= 0) return found;
  errno = posix_error(number);
  return -1;
}

/* Is there something at once? */
static inline bool posix_is_ready(int fd, short events) {
  posix_pollfd entry = {fd, events, 0};
  return posix_poll(&entry, 1, 0) > 0;
}

/* --- bytes */

static inline ssize_t posix_recv(int fd, void *into, size_t size, int flags) {
  if ((flags & MSG_DONTWAIT) && !posix_is_ready(fd, POLLRDNORM)) {
    errno = EAGAIN;
    return -1;
  }
  int moved = recv(posix_socket_of(fd), into, (int)size, flags & 0xff);
  return moved < 0 ? posix_fail() : moved;
}

static inline ssize_t posix_send(int fd, const void *data, size_t size, int flags) {
  if ((flags & MSG_DONTWAIT) && !posix_is_ready(fd, POLLWRNORM)) {
    errno = EAGAIN;
    return -1;
  }
  int moved = send(posix_socket_of(fd), data, (int)size, flags & 0xff);
  return moved < 0 ? posix_fail() : moved;
}

static inline ssize_t posix_recvfrom(int fd, void *into, size_t size, int flags,
                                     struct sockaddr *from, int *from_size) {
  int moved = recvfrom(posix_socket_of(fd), into, (int)size, flags, from, from_size);
  return moved < 0 ? posix_fail() : moved;
}

static inline ssize_t posix_sendto(int fd, const void *data, size_t size, int flags,
                                   const struct sockaddr *to, int to_size) {
  int moved = sendto(posix_socket_of(fd), data, (int)size, flags, to, to_size);
  return moved < 0 ? posix_fail() : moved;
}

static inline ssize_t posix_read(int fd, void *into, size_t size) {
  DWORD moved = 0;
  if (posix_is_socket(fd)) return posix_recv(fd, into, size, 0);
  if (ReadFile(posix_handle_of(fd), into, (DWORD)size, &moved, NULL)) return (ssize_t)moved;
  return GetLastError() == ERROR_HANDLE_EOF ? 0 : posix_fail();
}

static inline ssize_t posix_write(int fd, const void *data, size_t size) {
  DWORD moved = 0;
  if (posix_is_socket(fd)) return posix_send(fd, data, size, 0);
  return WriteFile(posix_handle_of(fd), data, (DWORD)size, &moved, NULL) ? (ssize_t)moved
                                                                         : posix_fail();
}

static inline int posix_close(int fd) {
  if (posix_is_socket(fd)) return posix_outcome(closesocket(posix_socket_of(fd)));
  return CloseHandle(posix_handle_of(fd)) ? 0 : posix_fail();
}

static inline int posix_fcntl(int fd, int command, int value) {
  DWORD flags;
  if (command == F_SETFL) return posix_set_blocking(fd, (value & O_NONBLOCK) != 0);
  if (command != F_GETFD) return 0;
  if (!GetHandleInformation(posix_handle_of(fd), &flags)) return posix_fail();
  return flags & HANDLE_FLAG_INHERIT ? 0 : FD_CLOEXEC;
}

/* Two ends of one connection. */
static inline int posix_socketpair(int family, int type, int protocol, int ends[2]) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int size = sizeof here, listener = posix_socket(AF_INET, SOCK_STREAM, 0);
  (void)family, (void)protocol;
  if (listener < 0 || posix_bind(listener, (struct sockaddr *)&here, size) != 0 ||
      posix_listen(listener, 1) != 0 ||
      posix_getsockname(listener, (struct sockaddr *)&here, &size) != 0)
    return -1;
  ends[1] = posix_socket(AF_INET, SOCK_STREAM, 0);
  if (ends[1] < 0 || posix_connect(ends[1], (struct sockaddr *)&here, size) != 0) return -1;
  ends[0] = posix_accept(listener, NULL, NULL);
  (void)posix_close(listener);
  if (type & SOCK_NONBLOCK)
    for (int i = 0; i < 2; i++) (void)posix_set_blocking(ends[i], 1);
  return ends[0] < 0 ? -1 : 0;
}

/* One direction of such a pair, which can be waited for as a pipe can on POSIX. */
static inline int posix_pipe(int ends[2]) { return posix_socketpair(0, SOCK_STREAM, 0, ends); }

/* --- files */

static inline int posix_open(const char *path, int flags, ...) {
  DWORD access = flags & O_RDWR     ? GENERIC_READ | GENERIC_WRITE
                 : flags & O_WRONLY ? GENERIC_WRITE
                                    : GENERIC_READ;
  DWORD how = !(flags & O_CREAT) ? (flags & O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING)
              : flags & O_EXCL   ? CREATE_NEW
              : flags & O_TRUNC  ? CREATE_ALWAYS
                                 : OPEN_ALWAYS;
  const char *name = strcmp(path, "/dev/null") == 0 ? "NUL" : path;
  HANDLE file = CreateFileA(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                            NULL, how, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_BACKUP_SEMANTICS, NULL);
  return file == INVALID_HANDLE_VALUE ? posix_fail() : (int)(INT_PTR)file;
}

/* Puts other letters in the place of the template's X. */
static inline void posix_draw(char *path) {
  static unsigned count;
  LARGE_INTEGER ticks;
  (void)QueryPerformanceCounter(&ticks);
  unsigned long long number = (unsigned long long)ticks.QuadPart * 131u + count++ * 7u +
                              (unsigned long long)GetCurrentProcessId() * 65537u;
  for (char *at = path + strlen(path) - 6; *at; at++, number /= 26) *at = (char)('a' + number % 26);
}

static inline int posix_mkstemp(char *path) {
  posix_draw(path);
  return posix_open(path, O_RDWR | O_CREAT | O_EXCL);
}

static inline char *posix_mkdtemp(char *path) {
  posix_draw(path);
  return CreateDirectoryA(path, NULL) ? path : NULL;
}

static inline int posix_unlink(const char *path) { return DeleteFileA(path) ? 0 : posix_fail(); }

static inline int posix_rmdir(const char *path) {
  return RemoveDirectoryA(path) ? 0 : posix_fail();
}

static inline off_t posix_lseek(int fd, off_t offset, int from) {
  LARGE_INTEGER by = {.QuadPart = offset}, at;
  return SetFilePointerEx(posix_handle_of(fd), by, &at, (DWORD)from) ? (off_t)at.QuadPart
                                                                     : posix_fail();
}

static inline int posix_setenv(const char *name, const char *value, int replaces) {
  (void)replaces;
  return _putenv_s(name, value);
}

static inline int posix_unsetenv(const char *name) { return _putenv_s(name, ""); }

#define strerror posix_strerror
#define socket posix_socket
#define accept(fd, from, size) posix_accept(fd, from, (int *)(size))
#define bind(fd, to, size) posix_bind(fd, to, (int)(size))
#define listen posix_listen
#define connect(fd, to, size) posix_connect(fd, to, (int)(size))
#define shutdown posix_shutdown
#define setsockopt(fd, level, name, value, size) posix_setsockopt(fd, level, name, value, (int)(size))
#define getsockopt(fd, level, name, value, size) \
  posix_getsockopt(fd, level, name, value, (int *)(size))
#define getsockname(fd, out, size) posix_getsockname(fd, out, (int *)(size))
#define getpeername(fd, out, size) posix_getpeername(fd, out, (int *)(size))
#define recv posix_recv
#define send posix_send
#define recvfrom(fd, into, room, flags, from, size) \
  posix_recvfrom(fd, into, room, flags, from, (int *)(size))
#define sendto(fd, data, size, flags, to, to_size) \
  posix_sendto(fd, data, size, flags, to, (int)(to_size))
#define pollfd posix_pollfd
#define poll posix_poll
#define read posix_read
#define write posix_write
#define close posix_close
#define fcntl(fd, ...) POSIX_FCNTL(fd, __VA_ARGS__, 0, 0)
#define POSIX_FCNTL(fd, command, value, ...) posix_fcntl(fd, command, value)
#define socketpair posix_socketpair
#define pipe posix_pipe
#define open posix_open
#define mkstemp posix_mkstemp
#define mkdtemp posix_mkdtemp
#define unlink posix_unlink
#define rmdir posix_rmdir
#define lseek posix_lseek
#define setenv posix_setenv
#define unsetenv posix_unsetenv

#endif
