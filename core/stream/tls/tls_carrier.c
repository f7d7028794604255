/* tls_carrier.c - a TLS library's reads and writes, carried to the stream below through its
 * function table, so that TLS runs over anything, TLS included.
 *
 * The library calls it from the midst of its own work, and learns no more than it has to: bytes,
 * nothing now, the end, or a failure. Why the stream below failed goes past the library, straight
 * to whoever began the operation. */
#include "tls_internal.h"

/* Bytes that a reader of the stream below gave back come first; the sleeping read knows nothing of
 * them. */
static hc_io receive_tls_carrier(hc_tls_carrier *c, char *into, size_t room, size_t *got) {
  hc_stream_peer *below = c->below;
  if (c->sleeping && below->ops->recv_blocking && hc_buffer_size(&below->unread) == 0) {
    return below->ops->recv_blocking(below, into, room, HC_FILL_SOME, c->sleep_until, got,
                                     c->failure);
  }
  return hc_stream_peer_recv(below, into, room, got, c->failure);
}

/* "Nothing there" is also the answer where the operation has taken its share (burst) or must not
 * read at all (dry): the library then comes back as if the network were slow. The end and a failure
 * are kept, since a library asks again after both. */
hc_io hc_tls_carrier_read(hc_tls_carrier *c, char *into, size_t room, size_t *got) {
  *got = 0;
  if (c->ended) return HC_IO_EOF;
  if (c->read_failed) return HC_IO_ERROR;
  c->read_wants = HC_IO_WANT_READ;
  if (c->dry || c->burst == 0) return HC_IO_WANT_READ;
  hc_io io = receive_tls_carrier(c, into, room < c->burst ? room : c->burst, got);
  switch (io) {
  case HC_IO_OK: c->burst -= *got; break;
  case HC_IO_WANT_READ:
  case HC_IO_WANT_WRITE: c->read_wants = io; break;
  case HC_IO_EOF: c->ended = true; break;
  case HC_IO_ERROR: c->read_failed = true; break;
  }
  return io;
}

/* A library may try to send an alert after a failure: nobody would read it. */
hc_io hc_tls_carrier_write(hc_tls_carrier *c, hc_slice bytes, size_t *sent) {
  *sent = 0;
  if (c->write_failed || c->read_failed || c->ended) return HC_IO_ERROR;
  hc_io io = hc_stream_peer_send(c->below, &bytes, 1, sent, c->failure);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) c->write_wants = io;
  else if (io != HC_IO_OK) c->write_failed = true;
  return io;
}

/* The time is looked at in the midst and at the end alone: with content between them, as nearly
 * always, counting costs no clock. */
static bool is_flood_tls_carrier(hc_tls_carrier *c) {
  if (c->idle == HC_TLS_IDLE_MAX / 2) c->halfway_at = hc_clock_now();
  if (c->idle <= HC_TLS_IDLE_MAX) return false;
  uint64_t now = hc_clock_now();
  if (now - c->halfway_at < HC_TLS_IDLE_NS) return true;
  c->idle = HC_TLS_IDLE_MAX / 2;
  c->halfway_at = now;
  return false;
}

/* Records that bring nothing are rare: a few session tickets behind the handshake, a key update
 * every some million records. A server that sends nothing else has the client work, and where a
 * caller has set no timeout nothing would end that. */
bool hc_tls_carrier_count(hc_tls_carrier *c, hc_tls_piece piece) {
  if (!c->is_open) return true;
  if (piece == HC_TLS_MESSAGE) c->messages++;
  c->idle++;
  if (is_flood_tls_carrier(c)) c->is_flooded = true;
  return !c->is_flooded;
}
