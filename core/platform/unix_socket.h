/* unix_socket.h - sockets of this machine that have a path for an address (AF_UNIX). Once connected
 * they are sockets as all others: socket.h. */
#ifndef HC_UNIX_SOCKET_H
#define HC_UNIX_SOCKET_H

#include "../base/internal.h"
#include "socket.h"

HC_INTERNAL_BEGIN

/* A leading '@', or NUL, makes it an abstract name, which no file stands for; Linux has them.
 * HC_ERR_INVALID_PARAMETER: empty, too long for the system, or with a NUL inside that a file's path
 * can't have. HC_ERR_UNAVAILABLE: this system has no such names, or no such sockets. */
hc_error hc_unix_path_check(hc_slice path, hc_failure *why);

/* Starts a non-blocking connect to a path that the check has let pass. OK: connected. WANT_WRITE:
 * under way, see hc_unix_socket_connect_result. WANT_READ: those who wait for the server are too
 * many; nothing is open, try again after a moment. ERROR: HC_ERR_CANT_CONNECT. */
hc_io hc_unix_socket_connect(hc_slice path, hc_socket *out, hc_failure *why);
/* OK, WANT_WRITE, ERROR (the socket stays the caller's to close). */
hc_io hc_unix_socket_connect_result(hc_socket s, hc_failure *why);

HC_INTERNAL_END

#endif
