/* socket.h - non-blocking TCP sockets. Unix sockets are the same once they are connected
 * (unix_socket.h); what goes between sockets and files without us is in socket_file.h. */
#ifndef HC_SOCKET_H
#define HC_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/io.h"
#include "../base/slice.h"
#include "address.h"
#include "handle.h"

HC_INTERNAL_BEGIN

typedef hc_handle hc_socket;
#define HC_NO_SOCKET HC_NO_HANDLE

/* Starts a non-blocking connect on a new close-on-exec socket. OK: connected at once; WANT_WRITE:
 * under way, *out is valid; ERROR: refused at once or out of descriptors (HC_ERR_CANT_CONNECT), or
 * this machine has no way to such an address (HC_ERR_UNAVAILABLE), nothing to close. Sets
 * SO_NOSIGPIPE where there is such, and leaves Nagle's algorithm on, as the system has it. From the
 * address `local`, whose port does not count; NULL: from where the system likes. */
hc_io hc_socket_connect_from(const hc_address *local, const hc_address *address, hc_socket *out,
                             hc_failure *why);
/* The same from where the system likes. */
static inline hc_io hc_socket_connect(const hc_address *address, hc_socket *out, hc_failure *why) {
  return hc_socket_connect_from(NULL, address, out, why);
}
/* Asks how a connect to `remote` under way stands: OK, WANT_WRITE, ERROR (the socket stays the
 * caller's to close). A socket that has connected to itself is refused, as nobody listens there. */
hc_io hc_socket_connect_result(hc_socket s, const hc_address *remote, hc_failure *why);
/* One sendmsg of up to 8 parts, never a SIGPIPE. OK with *sent > 0 (0 only when the parts are
 * empty), WANT_WRITE, ERROR: HC_ERR_CONNECTION_ERROR, or HC_ERR_UNAVAILABLE when the peer had ended
 * its side before and is gone (EPIPE): what it sent can still be read to its true end. */
hc_io hc_socket_send(hc_socket s, const hc_slice *parts, size_t count, size_t *sent,
                     hc_failure *why);
/* OK with *got > 0, WANT_READ, EOF, ERROR. `room` > 0. */
hc_io hc_socket_recv(hc_socket s, char *into, size_t room, size_t *got, hc_failure *why);
/* From now on the receives below tell what they leave behind. False where the system has nothing of
 * the kind. A count short of the room does not tell: urgent data stops a receive. */
bool hc_socket_count_rest(hc_socket s);
/* As recv. *is_empty: it has left nothing behind; true only where that is known. */
hc_io hc_socket_recv_counted(hc_socket s, char *into, size_t room, size_t *got, bool *is_empty,
                             hc_failure *why);
/* As recv, but sleeps in recv(2) itself until there is a byte (HC_FILL_ALL: until `room` is full),
 * the end or an error: one system call. Clears O_NONBLOCK on the socket; the other functions here
 * do not rely on it. */
hc_io hc_socket_recv_blocking(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                              hc_failure *why);
hc_io hc_socket_recv_blocking_counted(hc_socket s, char *into, size_t room, hc_fill fill,
                                      size_t *got, bool *is_empty, hc_failure *why);
/* A receive that sleeps on this socket comes back after HC_SLICE_NS from now on. False where the
 * system refuses. */
bool hc_socket_limit_sleep(hc_socket s);
/* On such a socket, as recv_blocking, but whatever ends the sleep ends the call: it may bring less
 * than HC_FILL_ALL asks for, and WANT_READ after the time or a signal. `is_empty` as of
 * recv_counted; NULL: nobody asks. */
hc_io hc_socket_recv_limited(hc_socket s, char *into, size_t room, hc_fill fill, size_t *got,
                             bool *is_empty, hc_failure *why);
/* Spares the first of many blocking receives an attempt that fails; nothing else depends on it. */
void hc_socket_expect_sleep(hc_socket s);
/* Is there anything to read, without taking it? OK: bytes; WANT_READ: nothing; EOF; ERROR. */
hc_io hc_socket_peek(hc_socket s, hc_failure *why);
/* Bytes waiting in the kernel (FIONREAD); 0 on any doubt. */
size_t hc_socket_available(hc_socket s);
void hc_socket_close(hc_socket s);
/* Without Nagle's algorithm, or with it, as new sockets are. */
void hc_socket_send_at_once(hc_socket s);
void hc_socket_gather_small_sends(hc_socket s);
bool hc_socket_peer_address(hc_socket s, hc_address *address);
bool hc_socket_local_address(hc_socket s, hc_address *address);

HC_INTERNAL_END

#endif
