/* loopback.h - listeners and raw connections on the loopback interface, for the tests of the
 * transport. */
#ifndef SPEC_LOOPBACK_H
#define SPEC_LOOPBACK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/base/memory.h"
#include "../../core/platform/clock.h"
#include "../../core/platform/socket.h"
#include "../../core/platform/socket_file.h"
#include "../../core/platform/system_error.h"
#include "../../core/platform/wait.h"
#include "check.h"

#define PATIENCE_MS 20000 /* nothing here takes that long unless it hangs */

static inline void loopback_need(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(2);
}

static inline hc_address loopback_address(const char *literal, unsigned port) {
  hc_address address;
  loopback_need(hc_address_from_literal(hc_slice_of(literal), port, &address), literal);
  return address;
}

/* A socket bound to a free port; -1 where the machine has not got this address. */
static inline int loopback_bind(const char *literal, unsigned *port) {
  hc_address address = loopback_address(literal, 0), bound;
  int fd = socket(address.is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (bind(fd, (const struct sockaddr *)address.raw.bytes, (socklen_t)address.size) != 0) {
    (void)close(fd);
    return -1;
  }
  loopback_need(hc_socket_local_address(fd, &bound), "getsockname");
  *port = hc_address_port(&bound);
  return fd;
}

static inline int loopback_listen(const char *literal, int backlog, unsigned *port) {
  int fd = loopback_bind(literal, port);
  if (fd >= 0) loopback_need(listen(fd, backlog) == 0, "listen");
  return fd;
}

static inline bool loopback_has(const char *literal) {
  unsigned port;
  int fd = loopback_bind(literal, &port);
  if (fd < 0) return false;
  (void)close(fd);
  return true;
}

static inline bool loopback_await(int fd, short events) {
  struct pollfd entry = {.fd = fd, .events = events, .revents = 0};
  int found;
  do found = poll(&entry, 1, PATIENCE_MS);
  while (found < 0 && errno == EINTR);
  return found > 0;
}

static inline int loopback_accept(int listener) {
  loopback_need(loopback_await(listener, POLLIN), "accept in time");
  int fd = accept(listener, NULL, NULL);
  loopback_need(fd >= 0, "accept");
  return fd;
}

/* The port of nobody: bound, so that nobody else gets it, and not listening. The caller closes
 * *holder. */
static inline unsigned loopback_dead_port(const char *literal, int *holder) {
  unsigned port = 0;
  *holder = loopback_bind(literal, &port);
  loopback_need(*holder >= 0, "bind");
  return port;
}

/* Waits until a connect under way is decided. */
static inline hc_io loopback_finish(hc_socket s, const hc_address *remote, hc_failure *why) {
  loopback_need(loopback_await(s, POLLOUT), "connect in time");
  return hc_socket_connect_result(s, remote, why);
}

typedef struct loopback_pair {
  int listener;
  hc_socket ours;
  int theirs;
} loopback_pair;

static inline loopback_pair loopback_connect(const char *literal) {
  loopback_pair pair;
  unsigned port;
  hc_failure why = {HC_OK, ""};
  pair.listener = loopback_listen(literal, 4, &port);
  loopback_need(pair.listener >= 0, "listen");
  hc_address address = loopback_address(literal, port);
  hc_io io = hc_socket_connect(&address, &pair.ours, &why);
  if (io == HC_IO_WANT_WRITE) io = loopback_finish(pair.ours, &address, &why);
  loopback_need(io == HC_IO_OK, "connect");
  pair.theirs = loopback_accept(pair.listener);
  return pair;
}

/* The peer's end breaks off with a reset. */
static inline void loopback_reset(int fd) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  loopback_need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0, "SO_LINGER");
  (void)close(fd);
}

/* Does a reset by this program arrive as one? Under wine its own sockets say goodbye first, so that
 * the other side sees an end. */
static inline bool loopback_has_resets(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  char into;
  loopback_reset(pair.theirs);
  loopback_need(loopback_await((int)pair.ours, POLLIN), "reset");
  bool has = recv((int)pair.ours, &into, 1, 0) < 0;
  hc_socket_close(pair.ours);
  (void)close(pair.listener);
  return has;
}

static inline void loopback_close(loopback_pair *pair) {
  if (pair->theirs >= 0) (void)close(pair->theirs);
  hc_socket_close(pair->ours);
  (void)close(pair->listener);
}

static inline void loopback_send(int fd, const char *text) {
  size_t size = strlen(text);
  loopback_need(send(fd, text, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
}

/* Has this platform a descriptor that stands for several (epoll, kqueue)? */
static inline bool loopback_has_groups(void) {
  hc_handle group = HC_NO_HANDLE;
  bool has = hc_group_open(&group) == HC_OK && group != HC_NO_HANDLE;
  hc_group_close(group);
  return has;
}

/* A listener whose queue is full: it leaves new connects without an answer. False where that can
 * not be had. */
#define BLACKHOLE_MAX 8
typedef struct blackhole {
  int listener, filling[BLACKHOLE_MAX];
  size_t count;
  unsigned port;
} blackhole;

static inline bool blackhole_open(const char *literal, blackhole *b) {
  b->count = 0;
  b->listener = loopback_listen(literal, 0, &b->port);
  if (b->listener < 0) return false;
  hc_address address = loopback_address(literal, b->port);
  while (b->count < BLACKHOLE_MAX) {
    hc_socket s;
    hc_io io = hc_socket_connect(&address, &s, NULL);
    if (io == HC_IO_ERROR) break;
    b->filling[b->count++] = s;
    struct pollfd entry = {.fd = s, .events = POLLOUT, .revents = 0};
    if (io == HC_IO_WANT_WRITE && poll(&entry, 1, 100) == 0) return true;
  }
  return false;
}

static inline void blackhole_close(blackhole *b) {
  for (size_t i = 0; i < b->count; i++) hc_socket_close(b->filling[i]);
  if (b->listener >= 0) (void)close(b->listener);
}

/* Fills the way until it takes no more. */
static inline void loopback_fill(hc_socket s) {
  static const char zeros[65536];
  hc_slice part = {zeros, sizeof zeros};
  size_t moved, total = 0;
  hc_io io;
  while ((io = hc_socket_send(s, &part, 1, &moved, NULL)) == HC_IO_OK) total += moved;
  CHECK(io == HC_IO_WANT_WRITE && total > 0);
}

#endif
