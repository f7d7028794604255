/* socket.h - the platform: non-blocking sockets, waiting, the monotonic clock. The only door to the socket headers
 * beside resolver.c and poller.c; socket_posix.c is the POSIX side, a Winsock side would stand next to it. */
#ifndef HC_SOCKET_H
#define HC_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buffer.h"
#include "../base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int hc_socket;
#define HC_NO_SOCKET (-1)

/* What a non-blocking operation came to. Counts come back by pointer. */
typedef enum hc_io {
  HC_IO_OK,          /* done; for data: at least one byte moved */
  HC_IO_WANT_READ,   /* nothing can be done until the descriptor is readable */
  HC_IO_WANT_WRITE,  /* nothing can be done until the descriptor is writable */
  HC_IO_EOF,         /* the peer ended its side in good order (FIN; over TLS close_notify) */
  HC_IO_ERROR        /* reset, truncated, failed: see the failure record */
} hc_io;

/* Events of a descriptor, as a bit set. */
#define HC_EVENT_READ 1u
#define HC_EVENT_WRITE 2u

/* An address and port; opaque bytes, so that its users need no socket header. */
typedef struct hc_address {
  uint32_t size;
  uint32_t is_ipv6;
  union {
    uint64_t align;
    unsigned char bytes[32];
  } raw;
} hc_address;

#define HC_ADDRESS_TEXT 64
/* The address without port, as text, "::1" without brackets. */
void hc_address_text(const hc_address *address, char text[HC_ADDRESS_TEXT]);
unsigned hc_address_port(const hc_address *address);
/* An IPv4 or IPv6 literal (zone allowed, no brackets) without any lookup. False when it is none. */
bool hc_address_from_literal(hc_slice text, unsigned port, hc_address *address);

#define HC_ERRNO_TEXT 32
/* A short sentence for an errno value, independent of the locale; `space` holds it where there is none of its own. */
const char *hc_errno_text(int code, char space[HC_ERRNO_TEXT]);

/* Nanoseconds on the monotonic clock. Deadlines are such times; HC_NEVER is no deadline. */
uint64_t hc_clock_now(void);
#define HC_NEVER UINT64_MAX
/* now + seconds without overflow; seconds <= 0 gives HC_NEVER (0 means: no timeout). */
uint64_t hc_clock_deadline(uint64_t now, double seconds);

/* Starts a non-blocking connect on a new close-on-exec socket. OK: connected at once; WANT_WRITE: under way, *out is
 * valid; ERROR: refused at once or out of descriptors (HC_ERR_CANT_CONNECT), or this machine has no way to such an address
 * (HC_ERR_UNAVAILABLE), nothing to close. Sets TCP_NODELAY and, where MSG_NOSIGNAL
 * is missing, SO_NOSIGPIPE. */
hc_io hc_socket_connect(const hc_address *address, hc_socket *out, hc_failure *why);
/* Asks how a connect to `remote` under way stands: OK, WANT_WRITE, ERROR (the socket stays the caller's to close). A socket
 * that has connected to itself is refused, as nobody listens there. */
hc_io hc_socket_connect_result(hc_socket s, const hc_address *remote, hc_failure *why);
/* One sendmsg of up to 8 parts, never a SIGPIPE. OK with *sent > 0 (0 only when the parts are empty), WANT_WRITE, ERROR:
 * HC_ERR_CONNECTION_ERROR, or HC_ERR_UNAVAILABLE when the peer had ended its side before and is gone (EPIPE): what it
 * sent can still be read to its true end. */
hc_io hc_socket_send(hc_socket s, const hc_slice *parts, size_t count, size_t *sent, hc_failure *why);
/* File to socket in the kernel (sendfile or the like; a read and send where there is none). Moves at most `length`
 * bytes from *offset and advances it; never a SIGPIPE. OK, WANT_WRITE, EOF (the file is shorter), ERROR: as send, or
 * HC_ERR_FILE_CANT_READ, which leaves the connection as it was. */
hc_io hc_socket_send_file(hc_socket s, int file, uint64_t *offset, size_t length, size_t *sent, hc_failure *why);
/* OK with *got > 0, WANT_READ, EOF, ERROR. `room` > 0. */
hc_io hc_socket_recv(hc_socket s, char *into, size_t room, size_t *got, hc_failure *why);
/* From now on the receives below tell what they leave behind. False where the system has nothing of the kind. A count short
 * of the room does not tell: urgent data stops a receive. */
bool hc_socket_count_rest(hc_socket s);
/* As recv. *is_empty: it has left nothing behind; true only where that is known. */
hc_io hc_socket_recv_counted(hc_socket s, char *into, size_t room, size_t *got, bool *is_empty, hc_failure *why);
/* As recv, but sleeps in recv(2) itself until there is a byte (fill: until `room` is full), the end or an error: one
 * system call. Clears O_NONBLOCK on the socket; the other functions here do not rely on it. */
hc_io hc_socket_recv_blocking(hc_socket s, char *into, size_t room, bool fill, size_t *got, hc_failure *why);
hc_io hc_socket_recv_blocking_counted(hc_socket s, char *into, size_t room, bool fill, size_t *got, bool *is_empty,
                                      hc_failure *why);
/* A receive that sleeps on this socket comes back after HC_SLICE_NS from now on. False where the system refuses. */
bool hc_socket_limit_sleep(hc_socket s);
/* On such a socket, as recv_blocking, but whatever ends the sleep ends the call: it may bring less than `fill` asks for, and
 * WANT_READ after the time or a signal. `is_empty` as of recv_counted; NULL: nobody asks. */
hc_io hc_socket_recv_limited(hc_socket s, char *into, size_t room, bool fill, size_t *got, bool *is_empty,
                             hc_failure *why);
/* Spares the first of many blocking receives an attempt that fails; nothing else depends on it. */
void hc_socket_expect_sleep(hc_socket s);
/* Bytes on their way from a socket to a file that no copy in the process is made of. Zeroed: closed. */
typedef struct hc_pipe {
  int ends[2];
  bool is_open;
  size_t held;  /* bytes in it */
} hc_pipe;

/* HC_ERR_UNAVAILABLE where the system has nothing of the kind, HC_ERR_CANT_ACQUIRE_RESOURCE. */
hc_error hc_pipe_open(hc_pipe *pipe);
/* Takes up to `size` bytes off the socket into the empty pipe. OK with held > 0, or with 0: this socket can't be emptied in
 * this way, nothing was taken. WANT_READ, EOF, ERROR as recv. */
hc_io hc_socket_fill_pipe(hc_socket s, hc_pipe *pipe, size_t size, hc_failure *why);
/* Moves what is held to the file's position, as much as the file takes; how much that was. */
size_t hc_pipe_to_file(hc_pipe *pipe, int file);
/* Takes held bytes back; 0 when that fails. */
size_t hc_pipe_take(hc_pipe *pipe, char *into, size_t room);
void hc_pipe_close(hc_pipe *pipe);
/* Is there anything to read, without taking it? OK: bytes; WANT_READ: nothing; EOF; ERROR. */
hc_io hc_socket_peek(hc_socket s, hc_failure *why);
/* Bytes waiting in the kernel (FIONREAD); 0 on any doubt. */
size_t hc_socket_available(hc_socket s);
void hc_socket_close(hc_socket s);
void hc_socket_set_no_delay(hc_socket s, bool on);
bool hc_socket_peer_address(hc_socket s, hc_address *address);
bool hc_socket_local_address(hc_socket s, hc_address *address);

typedef struct hc_wait_entry {
  int fd;              /* -1: skipped */
  unsigned events;     /* HC_EVENT_… asked for */
  unsigned ready;      /* HC_EVENT_… that came; an error or hang-up sets all that was asked */
} hc_wait_entry;

/* Sleeps in poll(2) until one entry is ready or the deadline has come; resumes after EINTR. *ready_count may be 0.
 * HC_OK, or HC_ERR_… when poll fails. */
hc_error hc_socket_wait(hc_wait_entry *entries, size_t count, uint64_t deadline, size_t *ready_count);

/* A descriptor that becomes readable when it is signalled once: eventfd, or a pipe. Zeroed: closed. */
typedef struct hc_signal {
  int read_fd, write_fd;
} hc_signal;
hc_error hc_signal_open(hc_signal *signal);
void hc_signal_raise(const hc_signal *signal);  /* callable from any thread */
void hc_signal_close(hc_signal *signal);

/* A descriptor that is readable when any of a few others has its event: an epoll or kqueue set, so that a client with
 * several connection attempts under way can show one. -1 in *fd where the platform has none. */
hc_error hc_group_open(int *fd);
hc_error hc_group_add(int group, int fd, unsigned events);
void hc_group_close(int group);

#ifdef __cplusplus
}
#endif

#endif
