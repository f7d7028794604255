/* socket_common.c - see socket_common.h. */
#include "socket_common.h"

#include <errno.h>
#include <string.h>

#include "file.h"
#include "system_error.h"

hc_io hc_socket_fail(hc_failure *why, hc_error code, const char *what, int number) {
  char space[HC_ERRNO_TEXT];
  hc_failure_set(why, code, "%s%s", what, hc_errno_text(number, space));
  return HC_IO_ERROR;
}

/* --- connecting */

hc_io hc_socket_connect(const hc_address *address, hc_socket *out, hc_failure *why) {
  return hc_socket_connect_from(NULL, address, out, why);
}

hc_error hc_socket_connect_code(int number) {
  bool has_no_way = number == EAFNOSUPPORT || number == EADDRNOTAVAIL;
  return has_no_way ? HC_ERR_UNAVAILABLE : HC_ERR_CANT_CONNECT;
}

/* TCP lets a socket connect to itself when the port that it is given happens to be the one it
 * looks for and nobody listens there (simultaneous open, RFC 9293 section 3.5): that is nobody's
 * server. */
static bool is_connected_to_itself(hc_socket s, const hc_address *remote) {
  hc_address local;
  char local_text[HC_ADDRESS_TEXT], remote_text[HC_ADDRESS_TEXT];
  if (!hc_socket_local_address(s, &local) || hc_address_port(&local) != hc_address_port(remote))
    return false;
  hc_address_text(&local, local_text);
  hc_address_text(remote, remote_text);
  return strcmp(local_text, remote_text) == 0;
}

hc_io hc_socket_check_connected(hc_socket s, const hc_address *remote, hc_failure *why) {
  return is_connected_to_itself(s, remote)
             ? hc_socket_fail(why, HC_ERR_CANT_CONNECT, "", ECONNREFUSED)
             : HC_IO_OK;
}

/* --- sending a file */

hc_io hc_socket_send_file_piece(hc_socket s, hc_file file, uint64_t *offset, char *piece,
                                size_t size, size_t *sent, hc_failure *why) {
  size_t got;
  *sent = 0;
  if (hc_file_read_at(file, *offset, piece, size, &got, why) != HC_OK) return HC_IO_ERROR;
  if (got == 0) return HC_IO_EOF;
  hc_slice part = {piece, got};
  hc_io io = hc_socket_send(s, &part, 1, sent, why);
  *offset += *sent;
  return io;
}
