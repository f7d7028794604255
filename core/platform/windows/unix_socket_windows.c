/* unix_socket_windows.c - Unix sockets: Windows has a kind of them since 10, which is not used
 * here. See unix_socket.h.
 *
 * A path is refused where it is first looked at, so the two functions below are there for the
 * linker. */
#include "../unix_socket.h"

static hc_error refuse(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_UNAVAILABLE, "Unix sockets are not supported on this system");
}

hc_error hc_unix_path_check(hc_slice path, hc_failure *why) {
  (void)path;
  return refuse(why);
}

hc_io hc_unix_socket_connect(hc_slice path, hc_socket *out, hc_failure *why) {
  (void)path;
  *out = HC_NO_SOCKET;
  (void)refuse(why);
  return HC_IO_ERROR;
}

hc_io hc_unix_socket_connect_result(hc_socket s, hc_failure *why) {
  (void)s;
  (void)refuse(why);
  return HC_IO_ERROR;
}
