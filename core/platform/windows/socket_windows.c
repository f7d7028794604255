/* socket_windows.c - sockets by Winsock: the last of our own code that a byte of a request sees,
 * and the first that a byte of an answer does. See socket.h.
 *
 * They stay non-blocking for good: Winsock has no flag for a single call, so what is to sleep waits
 * for the socket first. Its errors are translated to errno's numbers at once, and all that stands
 * above knows those alone. */
#include "../address_system.h"

#include "../socket_common.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../../base/limits.h"
#include "../clock.h"
#include "../system_error.h"
#include "../wait.h"

#define PARTS_MAX 8u
/* Winsock takes whatever it is given, as a whole, into memory of its own. */
#define SEND_MAX 262144u

/* --- errors */

/* Behind the failed call and before any other: even closesocket changes the number. */
static int last_errno(void) { return hc_errno_of_winsock(WSAGetLastError()); }

/* --- addresses */

/* The same bytes as on POSIX, so address.c reads them. */
bool hc_socket_peer_address(hc_socket s, hc_address *address) {
  struct sockaddr_storage storage = {0};
  int size = sizeof storage;
  return getpeername((SOCKET)s, (struct sockaddr *)&storage, &size) == 0 &&
         hc_address_take(storage.ss_family, &storage, sizeof storage, address);
}

/* Before a connect or a bind Windows fails here (WSAEINVAL) where POSIX names an address of
 * zeros. */
bool hc_socket_local_address(hc_socket s, hc_address *address) {
  struct sockaddr_storage storage = {0};
  int size = sizeof storage;
  return getsockname((SOCKET)s, (struct sockaddr *)&storage, &size) == 0 &&
         hc_address_take(storage.ss_family, &storage, sizeof storage, address);
}

/* --- connecting */

/* Winsock's options are 32 bits wide. */
static bool set_option(SOCKET s, int level, int name, DWORD value) {
  return setsockopt(s, level, name, (const char *)&value, sizeof value) == 0;
}

/* Head and body are sent together; Nagle's algorithm could only hold their end back. */
void hc_socket_send_at_once(hc_socket s) {
  (void)set_option((SOCKET)s, IPPROTO_TCP, TCP_NODELAY, 1); /* a matter of speed only */
}

void hc_socket_gather_small_sends(hc_socket s) {
  (void)set_option((SOCKET)s, IPPROTO_TCP, TCP_NODELAY, 0);
}

/* A mapped address ("::ffff:10.0.0.1") is reached through IPv4, which Windows refuses to a socket
 * of IPv6 unless it is told. */
static SOCKET open_socket(int family) {
  u_long on = 1;
  if (!hc_network_start()) {
    WSASetLastError(WSAENETDOWN);
    return INVALID_SOCKET;
  }
  SOCKET s = WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (s == INVALID_SOCKET) return s;
  if (family == AF_INET6) (void)set_option(s, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (ioctlsocket(s, (long)FIONBIO, &on) == 0) return s;
  int number = WSAGetLastError();
  (void)closesocket(s);
  WSASetLastError(number);
  return INVALID_SOCKET;
}

/* The headers have these for some versions of Windows alone. */
#define CONTROL_SYN_REPEATS _WSAIOW(IOC_VENDOR, 17) /* SIO_TCP_INITIAL_RTO */
#define ROUND_TRIP_AS_SET_UP 0xffffu                /* TCP_INITIAL_RTO_UNSPECIFIED_RTT */
#define SYN_REPEATS_NONE 0xfeu                      /* TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS */
#define SYN_REPEATS_FEWEST 1u                       /* before Windows 10 1709 */

/* TCP_INITIAL_RTO_PARAMETERS */
typedef struct syn_repeats {
  USHORT round_trip;
  UCHAR count;
} syn_repeats;

static bool is_this_machine(const hc_address *address) {
  static const unsigned char loopback_ipv6[HC_ADDRESS_BYTES] = {[HC_ADDRESS_BYTES - 1] = 1};
  unsigned char bytes[HC_ADDRESS_BYTES];
  size_t size = hc_address_bytes(address, bytes);
  return size == HC_ADDRESS_BYTES ? memcmp(bytes, loopback_ipv6, size) == 0
                                  : size > 0 && bytes[0] == 127;
}

/* Windows asks again after it was refused, so that a connect to a port of nobody takes two seconds.
 * On this machine the first answer is the true one. Where this fails it takes as long as ever. */
static void ask_once(SOCKET s) {
  bool can_ask_once = hc_windows_build() >= HC_WINDOWS_10_1709;
  syn_repeats repeats = {ROUND_TRIP_AS_SET_UP,
                         can_ask_once ? SYN_REPEATS_NONE : SYN_REPEATS_FEWEST};
  DWORD size = 0;
  (void)WSAIoctl(s, CONTROL_SYN_REPEATS, &repeats, sizeof repeats, NULL, 0, &size, NULL, NULL);
}

/* Windows gives the port out here and not with the connect, so a machine that connects from one
 * address has some 16,000 connections at most. */
static bool bind_to(SOCKET s, const hc_address *local) {
  struct sockaddr_storage storage = {0};
  memcpy(&storage, local->raw.bytes, local->size);
  return bind(s, (const struct sockaddr *)&storage, (int)local->size) == 0;
}

/* One of which the system names no address is taken as it is. */
static hc_io check_connected(hc_socket s, const hc_address *remote, hc_failure *why) {
  hc_address local;
  return hc_socket_local_address(s, &local) ? hc_socket_check_ends(&local, remote, why) : HC_IO_OK;
}

/* Under way is WSAEWOULDBLOCK here, not EINPROGRESS. Whatever else comes is the reason, and nothing
 * is left open. */
hc_io hc_socket_connect_from(const hc_address *local, const hc_address *address, hc_socket *out,
                             hc_failure *why) {
  *out = HC_NO_SOCKET;
  struct sockaddr_storage storage = {0};
  memcpy(&storage, address->raw.bytes, address->size);
  SOCKET s = open_socket(address->is_ipv6 != 0 ? AF_INET6 : AF_INET);
  if (s == INVALID_SOCKET) {
    int number = last_errno();
    return hc_socket_fail(why, hc_socket_connect_code(number), "can't open a socket: ", number);
  }
  if (local && !bind_to(s, local)) {
    int reason = last_errno();
    (void)closesocket(s);
    return hc_socket_fail(why, hc_socket_connect_code(reason),
                          "can't use the local address: ", reason);
  }
  if (is_this_machine(address)) ask_once(s);
  bool is_done = connect(s, (const struct sockaddr *)&storage, (int)address->size) == 0;
  int number = is_done ? 0 : last_errno();
  hc_io io = is_done ? check_connected((hc_socket)s, address, why) : HC_IO_WANT_WRITE;
  if (number != 0 && number != EAGAIN)
    io = hc_socket_fail(why, hc_socket_connect_code(number), "", number);
  if (io == HC_IO_ERROR) (void)closesocket(s);
  else *out = (hc_socket)s;
  return io;
}

/* select and not WSAPoll, which before Windows 10 2004 does not say that a connect has failed. */
hc_io hc_socket_connect_result(hc_socket s, const hc_address *remote, hc_failure *why) {
  struct timeval none = {0, 0};
  fd_set writable, failed;
  int number = 0, size = sizeof number;
  FD_ZERO(&writable);
  FD_ZERO(&failed);
  writable.fd_array[writable.fd_count++] = failed.fd_array[failed.fd_count++] = (SOCKET)s;
  int found = select(0, NULL, &writable, &failed, &none);
  if (found < 0) return hc_socket_fail(why, HC_ERR_CANT_CONNECT, "", last_errno());
  if (found == 0) return HC_IO_WANT_WRITE;
  if (getsockopt((SOCKET)s, SOL_SOCKET, SO_ERROR, (char *)&number, &size) != 0)
    number = WSAGetLastError();
  if (number == 0 && failed.fd_count > 0) number = WSAECONNREFUSED;
  return number == 0 ? check_connected(s, remote, why)
                     : hc_socket_fail(why, HC_ERR_CANT_CONNECT, "", hc_errno_of_winsock(number));
}

/* Without SO_LINGER, so the close comes back at once and the system sends what is left. */
void hc_socket_close(hc_socket s) {
  if (s != HC_NO_SOCKET) (void)closesocket((SOCKET)s);
}

/* --- sending */

/* Reset or ended, nothing more goes out; whatever the peer sent before may still be there. */
static hc_error code_of_send(int number) {
  bool is_gone = number == EPIPE || number == ECONNRESET || number == ECONNABORTED;
  return is_gone ? HC_ERR_UNAVAILABLE : HC_ERR_CONNECTION_ERROR;
}

/* Without a limit one send would take a body of any size, copy it into the kernel and have it wait
 * there: no progress to be seen, and no end to its memory. */
static DWORD fill_parts(WSABUF *to, const hc_slice *parts, size_t count) {
  DWORD used = 0;
  size_t room = SEND_MAX;
  for (size_t i = 0; i < count && used < PARTS_MAX && room > 0; i++) {
    if (parts[i].size == 0) continue;
    size_t size = parts[i].size < room ? parts[i].size : room;
    to[used++] = (WSABUF){.len = (ULONG)size, .buf = hc_without_const(parts[i].data)};
    room -= size;
  }
  return used;
}

/* Without an OVERLAPPED this is a plain send of several parts, and takes a part alone where the
 * buffer is full. Winsock has neither SIGPIPE nor EINTR. */
hc_io hc_socket_send(hc_socket s, const hc_slice *parts, size_t count, size_t *sent,
                     hc_failure *why) {
  WSABUF vector[PARTS_MAX];
  DWORD moved = 0, used = fill_parts(vector, parts, count);
  *sent = 0;
  if (used == 0) return HC_IO_OK;
  if (WSASend((SOCKET)s, vector, used, &moved, 0, NULL, NULL) == 0) {
    *sent = moved;
    return HC_IO_OK;
  }
  int number = last_errno();
  return number == EAGAIN ? HC_IO_WANT_WRITE
                          : hc_socket_fail(why, code_of_send(number), "", number);
}

/* --- receiving */

/* recv counts in int, and a size_t does not fit. */
static hc_io receive(hc_socket s, char *into, size_t room, int flags, size_t *got,
                     hc_failure *why) {
  int count = recv((SOCKET)s, into, room > INT_MAX ? INT_MAX : (int)room, flags);
  *got = count > 0 ? (size_t)count : 0;
  if (count > 0) return HC_IO_OK;
  if (count == 0) return HC_IO_EOF;
  int number = last_errno();
  return number == EAGAIN ? HC_IO_WANT_READ
                          : hc_socket_fail(why, HC_ERR_CONNECTION_ERROR, "", number);
}

/* Winsock has nothing like TCP_INQ. Whoever wants to know looks (hc_socket_peek). */
bool hc_socket_count_rest(hc_socket s) {
  (void)s;
  return false;
}

/* It never sleeps, since no socket of ours does. */
hc_io hc_socket_recv(hc_socket s, char *into, size_t room, size_t *got, hc_failure *why) {
  return receive(s, into, room, 0, got, why);
}

/* Nobody calls this here, as hc_socket_count_rest says no. What it tells is true all the same. */
hc_io hc_socket_recv_counted(hc_socket s, char *into, size_t room, size_t *got, bool *is_empty,
                             hc_failure *why) {
  hc_io io = receive(s, into, room, 0, got, why);
  *is_empty = io == HC_IO_WANT_READ;
  return io;
}

/* True when there is something to receive, or what ends the wait with an error. */
static bool wait_readable(hc_socket s, uint64_t deadline) {
  hc_wait_entry entry = {.fd = s, .events = HC_EVENT_READ};
  size_t ready = 0;
  return hc_wait(&entry, 1, deadline, &ready) != HC_OK || ready > 0;
}

/* What came before the end or an error is handed out first; the error stands on the socket and is
 * found by the next call. */
static hc_io recv_until_socket(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                               uint64_t deadline, hc_failure *why) {
  hc_failure reason = {HC_OK, ""};
  *got = 0;
  for (;;) {
    size_t count;
    hc_io io = receive(s, into + *got, room - *got, 0, &count, &reason);
    *got += count;
    if (io == HC_IO_OK && fill == HC_FILL_ALL && *got < room) continue;
    if (io == HC_IO_WANT_READ && (*got == 0 || fill == HC_FILL_ALL) && wait_readable(s, deadline))
      continue;
    if (*got > 0) return HC_IO_OK;
    if (io == HC_IO_ERROR) hc_failure_set(why, reason.code, "%s", reason.text);
    return io;
  }
}

/* Two calls for each sleep, where POSIX needs one. */
hc_io hc_socket_recv_blocking(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                              hc_failure *why) {
  return recv_until_socket(s, into, room, fill, got, HC_NEVER, why);
}

hc_io hc_socket_recv_blocking_counted(hc_socket s, char *into, size_t room, hc_fill fill,
                                      size_t *got, bool *is_empty, hc_failure *why) {
  *is_empty = false;
  return recv_until_socket(s, into, room, fill, got, HC_NEVER, why);
}

/* Nothing to prepare: the wait before each receive has a deadline of its own. */
bool hc_socket_limit_sleep(hc_socket s) {
  (void)s;
  return true;
}

/* The socket stays non-blocking always. Taking that off, as on POSIX, would spare a call, but
 * SO_RCVTIMEO here leaves a socket in an undefined state when it has struck. */
hc_io hc_socket_recv_limited(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                             bool *is_empty, hc_failure *why) {
  if (is_empty) *is_empty = false;
  return recv_until_socket(s, into, room, fill, got, hc_clock_now() + HC_SLICE_NS, why);
}

/* No flag to be taken off. */
void hc_socket_expect_sleep(hc_socket s) { (void)s; }

/* As on POSIX: one byte, which stays where it is. */
hc_io hc_socket_peek(hc_socket s, hc_failure *why) {
  char byte;
  size_t got;
  return receive(s, &byte, 1, MSG_PEEK, &got, why);
}

/* At least so much; what else has come may not be counted yet. */
size_t hc_socket_available(hc_socket s) {
  u_long count = 0;
  return ioctlsocket((SOCKET)s, (long)FIONREAD, &count) == 0 ? count : 0;
}
