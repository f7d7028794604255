/* socket_posix.c - sockets on POSIX systems: the last of our own code that a byte of a request
 * sees, and the first that a byte of an answer does. See socket.h.
 *
 * Every call here can be made on a socket that nobody waits for: none of them sleeps, unless its
 * name says that it may. The non-blocking flag is not what that rests on. Sends and receives carry
 * MSG_DONTWAIT themselves, so that the flag can be taken off a socket on which a script waits in a
 * receive, and nothing else changes by it.
 *
 * What the systems differ in stands in front of the function that it concerns. Linux has the most
 * of it: TCP_INFO, TCP_INQ, IP_BIND_ADDRESS_NO_PORT. Each has a portable way beside it that is only
 * slower, because an old kernel or a sandbox may refuse any of them. */
#define HC_WANT_GNU /* musl declares struct tcp_info only then */
#include "../system_features.h"

#include "socket_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../base/limits.h"
#include "../address_system.h"
#include "../system_error.h"

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE does it there */
#endif

/* POSIX promises 16 parts a call (IOV_MAX is at least that). A head, a body and a few frames are
 * what one send has; what is behind the eighth goes with the next call. */
#define PARTS_MAX 8u

/* --- errors */

/* POSIX allows the two numbers to differ, and a comparison with both is a warning where they are
 * the same. */
bool hc_errno_would_block(int code) {
#if EAGAIN != EWOULDBLOCK
  if (code == EWOULDBLOCK) return true;
#endif
  return code == EAGAIN;
}

/* EPIPE means that the peer has ended its side in good order and we wrote all the same: what it
 * said before that is still to be read, so it has a code of its own. After a reset there is nothing
 * to be read. */
hc_io hc_socket_fail_moving(hc_failure *why, int number) {
  return hc_socket_fail(why, number == EPIPE ? HC_ERR_UNAVAILABLE : HC_ERR_CONNECTION_ERROR, "",
                        number);
}

/* --- addresses */

/* False for a Unix socket, whose family is none of the two. */
bool hc_socket_peer_address(hc_socket s, hc_address *address) {
  struct sockaddr_storage storage = {0};
  socklen_t size = sizeof storage;
  return getpeername(s, (struct sockaddr *)&storage, &size) == 0 &&
         hc_address_take(storage.ss_family, &storage, sizeof storage, address);
}

bool hc_socket_local_address(hc_socket s, hc_address *address) {
  struct sockaddr_storage storage = {0};
  socklen_t size = sizeof storage;
  return getsockname(s, (struct sockaddr *)&storage, &size) == 0 &&
         hc_address_take(storage.ss_family, &storage, sizeof storage, address);
}

/* --- connecting */

/* Between socket() and fcntl() another thread can fork and exec, and its program inherits the
 * descriptor: hence the flags of socket() itself wherever there are such. macOS has none, so there
 * the gap stays, as short as it can be. */
#if !defined(SOCK_CLOEXEC) || !defined(SOCK_NONBLOCK)
static bool set_flags(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
         fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}
#endif

/* A write to a connection that the peer has given up raises SIGPIPE, whose default is the end of
 * the host. Linux and the BSDs can say so with each send (MSG_NOSIGNAL), macOS only once for the
 * socket. */
static void avoid_sigpipe(hc_socket s) {
#if defined(SO_NOSIGPIPE)
  int value = 1;
  (void)setsockopt(s, SOL_SOCKET, SO_NOSIGPIPE, &value, sizeof value);
#else
  (void)s;
#endif
}

/* errno is the reason of what failed, not of the close behind it. */
static int open_socket(int family) {
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
  int fd = socket(family, SOCK_STREAM, 0);
  if (fd < 0 || set_flags(fd)) return fd;
  int number = errno;
  hc_socket_close(fd);
  errno = number;
  return -1;
#endif
}

int hc_socket_open(int family) {
  int fd = open_socket(family);
  if (fd >= 0) avoid_sigpipe(fd);
  return fd;
}

/* A Unix socket refuses it, and nobody minds. */
static void set_no_delay(hc_socket s, int value) {
  (void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value); /* a matter of speed only */
}

void hc_socket_send_at_once(hc_socket s) { set_no_delay(s, 1); }
void hc_socket_gather_small_sends(hc_socket s) { set_no_delay(s, 0); }

#if defined(__linux__) && !defined(IP_BIND_ADDRESS_NO_PORT)
#define IP_BIND_ADDRESS_NO_PORT 24 /* Linux 4.2 */
#endif

/* To the address alone. Linux is told that no port is needed before the connect: it can then use
 * one port towards many servers, and does not run out of them. */
static bool bind_to(int fd, const hc_address *local) {
  struct sockaddr_storage storage = {0};
#if defined(__linux__)
  int on = 1;
  (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
  memcpy(&storage, local->raw.bytes, local->size);
  return bind(fd, (const struct sockaddr *)&storage, (socklen_t)local->size) == 0;
}

/* One of which the system names no address is taken as it is. */
static hc_io check_connected(hc_socket s, const hc_address *remote, hc_failure *why) {
  hc_address local;
  return hc_socket_local_address(s, &local) ? hc_socket_check_ends(&local, remote, why) : HC_IO_OK;
}

/* Mostly EINPROGRESS: the SYN is on its way. An address on this machine may be connected, or
 * refused, at once. */
hc_io hc_socket_connect_from(const hc_address *local, const hc_address *address, hc_socket *out,
                             hc_failure *why) {
  *out = HC_NO_SOCKET;
  struct sockaddr_storage storage = {0};
  memcpy(&storage, address->raw.bytes, address->size);
  int fd = hc_socket_open(address->is_ipv6 != 0 ? AF_INET6 : AF_INET);
  if (fd < 0)
    return hc_socket_fail(why, hc_socket_connect_code(errno), "can't open a socket: ", errno);
  if (local && !bind_to(fd, local)) {
    hc_io io =
        hc_socket_fail(why, hc_socket_connect_code(errno), "can't use the local address: ", errno);
    hc_socket_close(fd);
    return io;
  }
  bool is_done = connect(fd, (const struct sockaddr *)&storage, (socklen_t)address->size) == 0;
  /* After EINTR the connect goes on by itself (POSIX); calling again would only say EALREADY. */
  if (!is_done && errno != EINPROGRESS && errno != EINTR) {
    hc_io io = hc_socket_fail(why, hc_socket_connect_code(errno), "", errno);
    hc_socket_close(fd);
    return io;
  }
  if (is_done && check_connected(fd, address, why) != HC_IO_OK) {
    hc_socket_close(fd);
    return HC_IO_ERROR;
  }
  *out = fd;
  return is_done ? HC_IO_OK : HC_IO_WANT_WRITE;
}

/* What poll says of one descriptor at this moment; 0 when nothing, -1 with errno. */
static int look_socket(int fd, short events, int timeout) {
  struct pollfd entry = {.fd = fd, .events = events, .revents = 0};
  int count;
  do count = poll(&entry, 1, timeout);
  while (count < 0 && errno == EINTR);
  return count <= 0 ? count : entry.revents;
}

/* What is found out of a connect beyond "it may be written to". */
typedef enum standing { STANDING_UNKNOWN, STANDING_CONNECTED, STANDING_BY_ONE_SEGMENT } standing;

#if defined(__linux__)
/* Where linux/tcp.h has tcpi_segs_in in its struct tcp_info, which only grows; libc's may end
 * before. */
#define SEGMENTS_IN_OFFSET 140u

/* One call where the portable way needs three, and connections are mostly found established. A
 * single segment that came in is a server's answer to the SYN: who connects to himself gets
 * both. */
static standing look_closely(hc_socket s) {
  struct {
    struct tcp_info info;
    char more[SEGMENTS_IN_OFFSET];
  } facts = {0};
  uint32_t segments;
  socklen_t size = sizeof facts;
  if (getsockopt(s, IPPROTO_TCP, TCP_INFO, &facts, &size) != 0) return STANDING_UNKNOWN;
  if (facts.info.tcpi_state != TCP_ESTABLISHED && facts.info.tcpi_state != TCP_CLOSE_WAIT)
    return STANDING_UNKNOWN;
  if (size < SEGMENTS_IN_OFFSET + sizeof segments) return STANDING_CONNECTED;
  memcpy(&segments, (const char *)&facts + SEGMENTS_IN_OFFSET, sizeof segments);
  return segments == 1 ? STANDING_BY_ONE_SEGMENT : STANDING_CONNECTED;
}
#else
static standing look_closely(hc_socket s) {
  (void)s;
  return STANDING_UNKNOWN;
}
#endif

/* The portable way: writable says that it is over, SO_ERROR how it ended, and both ends whether it
 * is a connection with somebody else. */
hc_io hc_socket_connect_result(hc_socket s, const hc_address *remote, hc_failure *why) {
  standing found = look_closely(s);
  if (found == STANDING_BY_ONE_SEGMENT) return HC_IO_OK;
  if (found == STANDING_CONNECTED) return check_connected(s, remote, why);
  int events = look_socket(s, POLLOUT, 0);
  if (events < 0) return hc_socket_fail(why, HC_ERR_CANT_CONNECT, "", errno);
  if (events == 0) return HC_IO_WANT_WRITE;
  int number = 0;
  socklen_t size = sizeof number;
  if (getsockopt(s, SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
  return number == 0 ? check_connected(s, remote, why)
                     : hc_socket_fail(why, HC_ERR_CANT_CONNECT, "", number);
}

void hc_socket_close(hc_socket s) {
  /* After EINTR the descriptor's state is unspecified; a second close could hit another thread's
   * new one. */
  if (s >= 0) (void)close(s);
}

/* --- sending */

/* A single part goes by send, which spares the kernel the copy of the message's head. Zero bytes
 * are not sent at all: some systems would take the call for a wish to know whether the connection
 * stands. */
static ssize_t send_parts(hc_socket s, const hc_slice *parts, size_t count) {
  struct iovec vector[PARTS_MAX];
  uint8_t used = 0; /* fits msg_iovlen, which is a size_t or an int */
  for (size_t i = 0; i < count && used < PARTS_MAX; i++) {
    if (parts[i].size == 0) continue;
    vector[used].iov_base = hc_without_const(parts[i].data);
    vector[used].iov_len = parts[i].size;
    used++;
  }
  if (used == 0) return 0;
  if (used == 1) return send(s, vector[0].iov_base, vector[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
  struct msghdr message = {.msg_iov = vector, .msg_iovlen = used};
  return sendmsg(s, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One call, however much is left: whoever sends knows what else there is to do meanwhile, and the
 * loop here is for signals alone. */
hc_io hc_socket_send(hc_socket s, const hc_slice *parts, size_t count, size_t *sent,
                     hc_failure *why) {
  *sent = 0;
  for (;;) {
    ssize_t moved = send_parts(s, parts, count);
    if (moved >= 0) {
      *sent = (size_t)moved;
      return HC_IO_OK;
    }
    if (hc_errno_would_block(errno)) return HC_IO_WANT_WRITE;
    if (errno != EINTR) return hc_socket_fail_moving(why, errno);
  }
}

/* --- receiving */

#if defined(__linux__)
#if !defined(TCP_INQ)
#define TCP_INQ 36 /* Linux 4.18 */
#define TCP_CM_INQ TCP_INQ
#endif

/* From then on each recvmsg brings the count along, for those who give it room
 * (receive_counted). */
bool hc_socket_count_rest(hc_socket s) {
  int on = 1;
  return setsockopt(s, IPPROTO_TCP, TCP_INQ, &on, sizeof on) == 0;
}

/* The kernel's count is of the end of the call; behind a FIN it is 1. */
static bool says_empty(struct msghdr *message) {
  int rest = 1;
  const struct cmsghdr *fact = CMSG_FIRSTHDR(message);
  if (!fact || fact->cmsg_level != IPPROTO_TCP || fact->cmsg_type != TCP_CM_INQ) return false;
  memcpy(&rest, CMSG_DATA(fact), sizeof rest);
  return rest == 0;
}

/* The union is for alignment: a cmsghdr may not stand at just any byte, and an array of char
 * may. */
static ssize_t receive_counted(hc_socket s, char *into, size_t room, int flags, bool *is_empty) {
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
  } facts;
  struct iovec part = {.iov_base = into, .iov_len = room};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &facts, .msg_controllen = sizeof facts};
  ssize_t got = recvmsg(s, &message, flags);
  *is_empty = got > 0 && says_empty(&message);
  return got;
}
#else
bool hc_socket_count_rest(hc_socket s) {
  (void)s;
  return false;
}

static ssize_t receive_counted(hc_socket s, char *into, size_t room, int flags, bool *is_empty) {
  *is_empty = false;
  return recv(s, into, room, flags);
}
#endif

/* `is_empty` NULL: nobody asks. */
static ssize_t receive_once(hc_socket s, char *into, size_t room, int flags, bool *is_empty) {
  return !is_empty ? recv(s, into, room, flags) : receive_counted(s, into, room, flags, is_empty);
}

/* A signal that breaks a receive off before a byte has come is nobody's business here. */
static ssize_t receive_socket(hc_socket s, char *into, size_t room, int flags, bool *is_empty) {
  ssize_t got;
  do got = receive_once(s, into, room, flags, is_empty);
  while (got < 0 && errno == EINTR);
  return got;
}

/* POSIX has no other way to say that the peer has ended than a receive of nothing; that is why
 * nobody may ask for 0 bytes. */
static hc_io receive_result(ssize_t got, hc_failure *why) {
  if (got > 0) return HC_IO_OK;
  if (got == 0) return HC_IO_EOF;
  if (hc_errno_would_block(errno)) return HC_IO_WANT_READ;
  return hc_socket_fail(why, HC_ERR_CONNECTION_ERROR, "", errno);
}

hc_io hc_socket_recv(hc_socket s, char *into, size_t room, size_t *got, hc_failure *why) {
  ssize_t count = receive_socket(s, into, room, MSG_DONTWAIT, NULL);
  *got = count > 0 ? (size_t)count : 0;
  return receive_result(count, why);
}

/* A receive that found nothing has seen that the socket is empty, whatever it could count. */
hc_io hc_socket_recv_counted(hc_socket s, char *into, size_t room, size_t *got, bool *is_empty,
                             hc_failure *why) {
  ssize_t count = receive_socket(s, into, room, MSG_DONTWAIT, is_empty);
  *got = count > 0 ? (size_t)count : 0;
  hc_io io = receive_result(count, why);
  if (io == HC_IO_WANT_READ) *is_empty = true;
  return io;
}

static int flags_of(hc_fill fill) { return fill == HC_FILL_ALL ? MSG_WAITALL : 0; }

/* FIONBIO in one call, where fcntl needs two. */
static bool clear_nonblocking(hc_socket s) {
  int off = 0;
  return ioctl(s, FIONBIO, &off) == 0;
}

void hc_socket_expect_sleep(hc_socket s) {
  (void)clear_nonblocking(s); /* the receive tries again where it must */
}

/* Sleeps until more can be received. False when an error stands on the socket, or no sleep is
 * possible: a receive would take the error away, and the bytes that came before it must be handed
 * out first. */
static bool may_receive_more(hc_socket s) {
  int found = look_socket(s, POLLIN, -1);
  return found > 0 && (found & (POLLERR | POLLNVAL)) == 0;
}

/* The flag is cleared when it shows, by EAGAIN or by a short count, so that all later calls cost
 * one system call. A short count has other causes as well (a signal, the end, an error), so it only
 * leads to another look. */
static hc_io recv_blocking(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                           bool *is_empty, hc_failure *why) {
  *got = 0;
  for (;;) {
    ssize_t count = receive_socket(s, into + *got, room - *got, flags_of(fill), is_empty);
    if (count <= 0 && *got > 0 && !(count < 0 && hc_errno_would_block(errno))) return HC_IO_OK;
    if (count < 0 && hc_errno_would_block(errno)) {
      if (!clear_nonblocking(s)) return hc_socket_fail(why, HC_ERR_CONNECTION_ERROR, "", errno);
      continue;
    }
    if (count <= 0) return receive_result(count, why);
    *got += (size_t)count;
    if (fill == HC_FILL_SOME || *got == room || !clear_nonblocking(s) || !may_receive_more(s))
      return HC_IO_OK;
  }
}

hc_io hc_socket_recv_blocking(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                              hc_failure *why) {
  return recv_blocking(s, into, room, fill, got, NULL, why);
}

hc_io hc_socket_recv_blocking_counted(hc_socket s, char *into, size_t room, hc_fill fill,
                                      size_t *got, bool *is_empty, hc_failure *why) {
  return recv_blocking(s, into, room, fill, got, is_empty, why);
}

/* It bounds each sleep in a receive on this socket, and nothing else. */
bool hc_socket_limit_sleep(hc_socket s) {
  const struct timeval limit = {.tv_sec = 0, .tv_usec = HC_SLICE_NS / 1000};
  return setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0;
}

/* A signal ends the sleep too: a time that began anew with each would have no end. Where the socket
 * did not sleep, the next call will. */
hc_io hc_socket_recv_limited(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                             bool *is_empty, hc_failure *why) {
  ssize_t count = receive_once(s, into, room, flags_of(fill), is_empty);
  *got = count > 0 ? (size_t)count : 0;
  if (count < 0 && errno == EINTR) return HC_IO_WANT_READ;
  if (count < 0 && hc_errno_would_block(errno) && !clear_nonblocking(s))
    return hc_socket_fail(why, HC_ERR_CONNECTION_ERROR, "", errno);
  return receive_result(count, why);
}

/* Only to look: whether something is there, or the end, or an error. One byte is copied and stays
 * where it is. */
hc_io hc_socket_peek(hc_socket s, hc_failure *why) {
  char byte;
  return receive_result(receive_socket(s, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL), why);
}

/* FIONREAD counts what has come in order, as far as the kernel has it; on Linux without the end
 * that stands behind it. It answers "how much at least", and 0 where it does not answer. */
size_t hc_socket_available(hc_socket s) {
  int count = 0;
  return ioctl(s, FIONREAD, &count) == 0 && count > 0 ? (size_t)count : 0;
}
