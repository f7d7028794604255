/* unix_connector.c - the way to a Unix socket. See unix_connector.h.
 *
 * The counterpart of connector.c for one address. Only a server with a full queue makes it wait,
 * and then nothing is open in between: the next attempt begins anew. */
#include "unix_connector.h"

#include <string.h>

#include "../base/memory.h"
#include "../platform/wait.h"

/* Where the server's queue is full nothing tells when there is room again. */
#define RETRY_NS_UNIX_CONNECTOR 10000000u

struct hc_unix_connector {
  hc_socket socket;    /* under way */
  uint64_t retry_at;   /* without one: when the next attempt is made */
  size_t size;
  char path[];
};

/* A path that can't be one is refused here, before anything is waited for. */
hc_error hc_unix_connector_new(hc_slice path, hc_unix_connector **out, hc_failure *why) {
  *out = NULL;
  hc_error code = hc_unix_path_check(path, why);
  if (code != HC_OK) return code;
  hc_unix_connector *c = hc_memory_allocate_zeroed(1, sizeof *c + path.size);
  if (!c) return hc_failure_out_of_memory(why);
  c->socket = HC_NO_SOCKET;
  c->size = path.size;
  memcpy(c->path, path.data, path.size);
  *out = c;
  return HC_OK;
}

/* Every 10 ms at most, however often it is polled. */
static hc_io start_unix_connector(hc_unix_connector *c, uint64_t now, hc_failure *why) {
  if (now < c->retry_at) return HC_IO_WANT_WRITE;
  hc_io io = hc_unix_socket_connect((hc_slice){c->path, c->size}, &c->socket, why);
  if (io != HC_IO_WANT_READ) return io;
  c->retry_at = now + RETRY_NS_UNIX_CONNECTOR;
  return HC_IO_WANT_WRITE;
}

/* A failure leaves the socket here, for delete to close. */
hc_io hc_unix_connector_poll(hc_unix_connector *c, uint64_t now, hc_socket *connected,
                             hc_failure *why) {
  *connected = HC_NO_SOCKET;
  hc_io io = c->socket == HC_NO_SOCKET ? start_unix_connector(c, now, why)
                                       : hc_unix_socket_connect_result(c->socket, why);
  if (io != HC_IO_OK) return io;
  *connected = c->socket;
  c->socket = HC_NO_SOCKET;
  return io;
}

/* Between two attempts the deadline is all that there is to wait for. */
void hc_unix_connector_interest(const hc_unix_connector *c, hc_handle *fd, unsigned *events,
                                uint64_t *deadline) {
  *fd = c->socket;
  *events = c->socket == HC_NO_SOCKET ? 0 : HC_EVENT_WRITE;
  *deadline = c->socket == HC_NO_SOCKET ? c->retry_at : HC_NEVER;
}

/* A socket that was handed over is the caller's, and none of ours any more. */
void hc_unix_connector_delete(hc_unix_connector *c) {
  if (!c) return;
  hc_socket_close(c->socket);
  hc_memory_release(c);
}
