/* net.c - bytes, the clock, and non-blocking sockets with time limits. */
#include "native.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void *sn_allocate(size_t size) {
  void *block = calloc(1, size > 0 ? size : 1);
  if (!block) abort();
  return block;
}

void *sn_resize(void *block, size_t size) {
  void *moved = realloc(block, size > 0 ? size : 1);
  if (!moved) abort();
  return moved;
}

char *sn_copy(const char *text, size_t size) {
  char *copy = sn_allocate(size + 1);
  if (size > 0) memcpy(copy, text, size);
  return copy;
}

void sn_bytes_add(sn_bytes *b, const void *data, size_t size) {
  if (size == 0) return;
  if (b->capacity - b->size < size) {
    size_t capacity = b->capacity * 2 > b->size + size ? b->capacity * 2 : b->size + size;
    b->data = sn_resize(b->data, capacity);
    b->capacity = capacity;
  }
  memcpy(b->data + b->size, data, size);
  b->size += size;
}

void sn_bytes_drop(sn_bytes *b, size_t size) {
  if (size == 0) return;
  b->size -= size;
  memmove(b->data, b->data + size, b->size);
}

void sn_bytes_free(sn_bytes *b) {
  free(b->data);
  *b = (sn_bytes){0};
}

size_t sn_bytes_find_end(const sn_bytes *b, const char *text, size_t size) {
  for (size_t at = 0; size <= b->size && at <= b->size - size; at++)
    if (size == 0 || memcmp(b->data + at, text, size) == 0) return at + size;
  return 0;
}

double sn_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void sn_sleep(double seconds) {
  if (seconds <= 0) return;
  struct timespec left = {(time_t)seconds, 0};
  left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

sn_limit sn_limit_of(double seconds) { return (sn_limit){sn_now() + seconds, -1}; }

sn_result sn_wait(int fd, short events, sn_limit limit) {
  for (;;) {
    double left = limit.deadline - sn_now();
    int timeout = left <= 0 ? 0 : left > 1e6 ? 1000000000 : (int)(left * 1000) + 1;
    struct pollfd set[2] = {{fd, events, 0}, {limit.stop_fd, POLLIN, 0}};
    int count = poll(set, limit.stop_fd < 0 ? 1 : 2, timeout);
    if (count > 0) return set[1].revents != 0 ? SN_STOPPED : SN_OK;
    if (count < 0 && errno != EINTR && errno != EAGAIN) return SN_ERROR;
    if (left <= 0) return SN_TIMEOUT;
  }
}

void sn_prepare_fd(int fd) {
  int flags = fcntl(fd, F_GETFL);
  (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
  (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

int sn_pipe(int ends[2]) {
  if (pipe(ends) != 0) return -1;
  (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  return 0;
}

typedef union sn_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un local;
} sn_address;

/* A path, or "@name" for an abstract one. */
static socklen_t make_local_address(const char *path, sn_address *out) {
  size_t size = strlen(path);
  if (size >= sizeof out->local.sun_path) return 0;
  out->local.sun_family = AF_UNIX;
  memcpy(out->local.sun_path, path, size);
  if (path[0] == '@') out->local.sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (path[0] == '@' ? 0 : 1));
}

static socklen_t make_address(const char *host, int port, sn_address *out) {
  memset(out, 0, sizeof *out);
  if (host[0] == '/' || host[0] == '@') return make_local_address(host, out);
  if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons((uint16_t)port);
    return sizeof out->v6;
  }
  if (inet_pton(AF_INET, host, &out->v4.sin_addr) != 1) return 0;
  out->v4.sin_family = AF_INET;
  out->v4.sin_port = htons((uint16_t)port);
  return sizeof out->v4;
}

static int fail_with_errno(char why[SN_WHY], const char *what, int fd) {
  snprintf(why, SN_WHY, "%s: %s", what, strerror(errno));
  if (fd >= 0) close(fd);
  return -1;
}

int sn_listen(const char *host, int port, int backlog, char why[SN_WHY]) {
  sn_address address;
  socklen_t size = make_address(host, port, &address);
  if (size == 0) {
    snprintf(why, SN_WHY, "not an IP address: %s", host);
    return -1;
  }
  int fd = socket(address.any.sa_family, SOCK_STREAM, 0);
  if (fd < 0) return fail_with_errno(why, "socket", fd);
  int on = 1;
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* "::" takes IPv4 as well, which Windows does not do by itself */
  int off = 0;
  if (address.any.sa_family == AF_INET6)
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sn_prepare_fd(fd);
  if (bind(fd, &address.any, size) != 0) return fail_with_errno(why, "bind", fd);
  if (listen(fd, backlog) != 0) return fail_with_errno(why, "listen", fd);
  return fd;
}

int sn_port_of(int fd) {
  sn_address address;
  socklen_t size = sizeof address;
  memset(&address, 0, sizeof address);
  if (getsockname(fd, &address.any, &size) != 0) return -1;
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

void sn_peer_of(int fd, char text[SN_WHY]) {
  sn_address address;
  socklen_t size = sizeof address;
  memset(&address, 0, sizeof address);
  text[0] = '\0';
  if (getpeername(fd, &address.any, &size) != 0) return;
  if (address.any.sa_family == AF_INET) inet_ntop(AF_INET, &address.v4.sin_addr, text, SN_WHY);
  if (address.any.sa_family == AF_INET6) inet_ntop(AF_INET6, &address.v6.sin6_addr, text, SN_WHY);
}

sn_result sn_accept(int listener, sn_limit limit, int *out, char why[SN_WHY]) {
  for (;;) {
    *out = accept(listener, NULL, NULL);
    if (*out >= 0) {
      sn_prepare_fd(*out);
      return SN_OK;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED) {
      (void)fail_with_errno(why, "accept", -1);
      return SN_ERROR;
    }
    sn_result waited = sn_wait(listener, POLLIN, limit);
    if (waited != SN_OK) return waited;
  }
}

sn_result sn_connect(const char *host, int port, sn_limit limit, int *out, char why[SN_WHY]) {
  sn_address address;
  socklen_t size = make_address(host, port, &address);
  *out = size == 0 ? -1 : socket(address.any.sa_family, SOCK_STREAM, 0);
  if (*out < 0) {
    snprintf(why, SN_WHY, size == 0 ? "not an IP address: %s" : "no socket for %s", host);
    return SN_ERROR;
  }
  sn_prepare_fd(*out);
  if (connect(*out, &address.any, size) == 0) return SN_OK;
  sn_result waited = errno == EINPROGRESS ? sn_wait(*out, POLLOUT, limit) : SN_ERROR;
  int error = errno;
  socklen_t length = sizeof error;
  if (waited == SN_OK && getsockopt(*out, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0)
    return SN_OK;
  errno = error;
  *out = fail_with_errno(why, "connect", *out);
  return waited == SN_OK ? SN_ERROR : waited;
}
