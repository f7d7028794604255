/* h1_look.c - is an HTTP/1.1 connection as quiet as it has to be between two requests? See
 * h1_exchange.h.
 *
 * Nothing may come between two requests: a byte there belongs to nobody, and would be taken for the
 * next answer. So somebody looks, before a request goes out and in each poll of an idle client.
 * Most looks are spared, because the last receive has just shown that nothing is there. */
#include "../base/limits.h"
#include "../http1/head_parser.h"
#include "connection.h"

/* Was the stream empty so short a time ago that nobody can have sent anything since, however
 * near he is? That counts three quarters of the time that a send takes at least, and for a look
 * at an idle connection half of it: a server in this very thread may be a little faster than the
 * client. That spares a look: one of the three system calls that a small GET on a kept connection
 * would need. */
bool hc_h1_is_known_quiet(const hc_connection *n) {
  const hc_h1_exchange *h = &n->h1;
  uint64_t step = 0, at = 0;
  if (n->stream && !n->h2 && !n->has_event && hc_buffer_size(&h->receiver.in) == 0)
    at = hc_stream_peer_empty_at(n->stream, &step);
  if (at == 0) return false;
  if (n->is_quiet) return true;
  if (step > HC_LOOK_NS) step = HC_LOOK_NS;
  return hc_clock_now() - at < (h->sender.state == HC_SEND_QUEUED ? step / 4 * 3 : step / 2);
}

/* The connection is lost with them: they are looked at for the reason's sake alone. */
static void tell_of_bytes(hc_connection *n, hc_failure *why) {
  char bytes[HC_HTTP2_START_SIZE];
  size_t got = 0;
  hc_failure ignored = {HC_OK, ""};
  bool is_first = !n->was_used && hc_buffer_size(&n->h1.receiver.in) == 0;
  bool is_read =
      is_first && hc_stream_peer_recv(n->stream, bytes, sizeof bytes, &got, &ignored) == HC_IO_OK;
  bool is_http2 = is_read && hc_is_http2_start((hc_slice){bytes, got});
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR,
                 is_http2 ? HC_HTTP2_ONLY : "the server sent unexpected bytes before a request");
}

/* A look is a peek: what is there stays there. Nothing and an end are told apart, because "the
 * server closed the idle connection" is what every pool meets each day, and bytes out of the blue
 * are a fault. */
hc_progress hc_h1_look(hc_connection *n, hc_failure *why) {
  if (hc_h1_is_known_quiet(n)) return HC_DONE;
  hc_io io = hc_buffer_size(&n->h1.receiver.in) ? HC_IO_OK : hc_stream_peer_peek(n->stream, why);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return HC_DONE;
  if (io == HC_IO_OK) tell_of_bytes(n, why);
  else if (io == HC_IO_EOF)
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR,
                   n->was_used ? "the server closed the idle connection"
                               : "the server closed the new connection before any request");
  return HC_BROKEN;
}
