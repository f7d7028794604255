/* socket_common.h - what is the same for the sockets of all systems, for the folders below.
 *
 * The numbers are errno's on every system: windows/ translates Winsock's first. */
#ifndef HC_SOCKET_COMMON_H
#define HC_SOCKET_COMMON_H

#include "../base/internal.h"
#include "socket.h"

HC_INTERNAL_BEGIN

/* Records `what` and the sentence for errno's value `number`; HC_IO_ERROR. */
hc_io hc_socket_fail(hc_failure *why, hc_error code, const char *what, int number);
/* The code for a socket that errno's value `number` has kept from connecting. */
hc_error hc_socket_connect_code(int number);
/* OK, or ERROR: a connected socket whose other end is itself has found nobody. */
hc_io hc_socket_check_ends(const hc_address *local, const hc_address *remote, hc_failure *why);
/* Sends at most `size` bytes from *offset by a read into `piece` and a send; otherwise as
 * hc_socket_send_file. */
hc_io hc_socket_send_file_piece(hc_socket s, hc_file file, uint64_t *offset, char *piece,
                                size_t size, size_t *sent, hc_failure *why);

/* The system's lists of parts serve both directions, and so lack the const. */
static inline void *hc_without_const(const char *data) {
  union {
    const char *from;
    void *to;
  } cast = {.from = data};
  return cast.to;
}

HC_INTERNAL_END

#endif
