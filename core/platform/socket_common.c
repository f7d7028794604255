/* socket_common.c - what is the same for the sockets of all systems: sentences for errors, and the
 * one kind of connection that must not count as one. See socket_common.h. */
#include "socket_common.h"

#include <errno.h>
#include <string.h>

#include "system_error.h"

/* Returns what every caller returns, so that a failure is one statement. */
hc_io hc_socket_fail(hc_failure *why, hc_error code, const char *what, int number) {
  char space[HC_ERRNO_TEXT];
  hc_failure_set(why, code, "%s%s", what, hc_errno_text(number, space));
  return HC_IO_ERROR;
}

/* --- connecting */

/* A machine without IPv6 fails for each such address at once. That must not be the reason that is
 * told where another address has a better one. */
hc_error hc_socket_connect_code(int number) {
  bool has_no_way = number == EAFNOSUPPORT || number == EADDRNOTAVAIL;
  return has_no_way ? HC_ERR_UNAVAILABLE : HC_ERR_CANT_CONNECT;
}

/* TCP lets a socket connect to itself when the port that it is given happens to be the one it
 * looks for and nobody listens there (simultaneous open, RFC 9293 section 3.5): that is nobody's
 * server. */
static bool is_same_end(const hc_address *local, const hc_address *remote) {
  char local_text[HC_ADDRESS_TEXT], remote_text[HC_ADDRESS_TEXT];
  if (hc_address_port(local) != hc_address_port(remote)) return false;
  hc_address_text(local, local_text);
  hc_address_text(remote, remote_text);
  return strcmp(local_text, remote_text) == 0;
}

/* Connection refused it is, as it would have been a moment earlier or later. */
hc_io hc_socket_check_ends(const hc_address *local, const hc_address *remote, hc_failure *why) {
  return is_same_end(local, remote) ? hc_socket_fail(why, HC_ERR_CANT_CONNECT, "", ECONNREFUSED)
                                    : HC_IO_OK;
}
