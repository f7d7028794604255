/* tls_opening.c - the way of a TLS stream until it can carry bytes: its options, the stream below,
 * the library's connection, the handshake.
 *
 * Three things may still be on their way when connect returns: the stream below, what all
 * connections share (tls_store.c), and the answers of the server. So the handshake is begun by
 * whichever advance finds the first two done. */
#include "tls_peer.h"

/* --- connecting */

/* The connection, as soon as what all connections share is there. */
static hc_io begin_handshake(hc_tls_peer *t, hc_failure *why) {
  hc_io io = hc_tls_options_prepare(t->handshake.options, why);
  if (io != HC_IO_OK) return io;
  t->engine = hc_tls_engine_new(&t->handshake, &t->carrier);
  if (t->engine) return HC_IO_OK;
  hc_failure_out_of_memory(why);
  return HC_IO_ERROR;
}

/* What is wrong with name or options is told here, by connect. The store of authorities may not be
 * loaded yet, which is no failure. */
static hc_error start_tls_here(hc_tls_peer *t, hc_slice name, hc_failure *why) {
  hc_failure own = {HC_OK, ""};
  hc_error error = hc_tls_handshake_take_name(&t->handshake, name, why);
  if (error != HC_OK) return error;
  /* what must be waited for, advance begins */
  if (begin_handshake(t, &own) != HC_IO_ERROR) return HC_OK;
  return hc_failure_set(why, own.code, "%s", own.text);
}

/* The options to use: the caller's, or plain ones. */
static hc_tls_options *own_options(hc_tls_options *given, hc_failure *why) {
  static const hc_tls_settings plain = {.verify = HC_TLS_VERIFY_FULL};
  hc_tls_options *made = NULL;
  if (given) return hc_tls_options_retain(given);
  return hc_tls_options_new(&plain, &made, why) == HC_OK ? made : NULL;
}

/* The stream below is retained before the old connection is closed: it may be what that one ran
 * over, and hold its last reference. Whatever can be refused is refused before anything is changed,
 * but for the name and the options' context. */
hc_error hc_tls_connect(hc_stream_peer *peer, hc_stream_peer *below, hc_slice name, unsigned port,
                        hc_tls_options *options, hc_failure *why) {
  hc_tls_peer *t = hc_tls_peer_of(peer);
  if (hc_tls_check(why) != HC_OK) return HC_ERR_UNAVAILABLE;
  if (!below)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no stream to run over");
  if (hc_stream_peer_is_in_call(peer) || hc_stream_peer_is_in_call(below)) {
    return hc_failure_set(why, HC_ERR_BUSY, "the stream is at work");
  }
  if (hc_stream_peer_stands_on(below, peer))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "a stream can't run over itself");
  hc_tls_options *own = own_options(options, why);
  if (!own) return HC_ERR_OUT_OF_MEMORY;
  hc_stream_peer_retain(below);
  hc_stream_peer_close(peer);
  t->handshake.options = own;
  t->handshake.port = port;
  hc_error error = start_tls_here(t, name, why);
  if (error != HC_OK) { /* the stream below stays open: it is the caller's */
    hc_stream_peer_release(below);
    hc_stream_peer_close(peer);
    return error;
  }
  t->carrier.below = below;
  t->carrier.read_wants = HC_IO_WANT_READ;
  t->carrier.write_wants = HC_IO_WANT_WRITE;
  t->wants = HC_IO_WANT_WRITE; /* the ClientHello */
  t->state = HC_TLS_HANDSHAKING;
  return HC_OK;
}

/* Between connect and the first advance. The library's connection may be there by then or not; one
 * that comes later reads the list from the handshake. */
hc_error hc_tls_offer_alpn(hc_stream_peer *peer, hc_slice list) {
  hc_tls_peer *t = hc_tls_peer_of(peer);
  t->handshake.alpn = list;
  return !t->engine || hc_tls_engine_set_alpn(t->engine, &t->handshake) ? HC_OK
                                                                        : HC_ERR_OUT_OF_MEMORY;
}

/* --- the handshake */

/* A session that led to a failure is not offered again. */
static hc_io fail_handshake(hc_tls_peer *t) {
  hc_tls_session_forget(t->handshake.options, t->handshake.name, t->handshake.port);
  hc_tls_peer_fail(t);
  return HC_IO_ERROR;
}

/* Several rounds, each as far as the stream below lets it go. The library checks the certificate in
 * the middle of it (verify_*.c); what it does not ask about is checked behind it, before a byte of
 * a request has gone out. */
static hc_io shake_hands(hc_tls_peer *t) {
  hc_failure below = {HC_OK, ""};
  hc_tls_peer_begin(t, &below);
  hc_tls_result result = hc_tls_engine_shake_hands(t->engine);
  if (result != HC_TLS_MADE) {
    t->wants = hc_tls_peer_receive_outcome(t, result, &below);
    /* close_notify before the end of the handshake: no stream that could end in order */
    if (t->wants == HC_IO_EOF) {
      t->ended = false;
      hc_tls_peer_fail_truncated(t);
    }
    return t->wants == HC_IO_WANT_READ || t->wants == HC_IO_WANT_WRITE ? t->wants
                                                                       : fail_handshake(t);
  }
  t->resumed = hc_tls_engine_was_resumed(t->engine);
  t->drained = false;
  if (!hc_tls_engine_check(t->engine, &t->handshake)) {
    t->fatal = true;
    return fail_handshake(t);
  }
  t->state = HC_TLS_CONNECTED;
  return HC_IO_OK;
}

/* A failure of TCP's keeps its own code and words: whoever reads them wants to know that no TLS was
 * spoken yet. */
static hc_io advance_below(hc_tls_peer *t) {
  hc_io io = hc_stream_peer_advance(t->carrier.below, &t->handshake.failure);
  t->below_is_ready = io == HC_IO_OK;
  if (io == HC_IO_ERROR || io == HC_IO_EOF) {
    hc_tls_peer_fail(t);
    return HC_IO_ERROR;
  }
  return io;
}

/* What connect could not begin, because the authorities were still being loaded. */
static hc_io begin_late(hc_tls_peer *t) {
  hc_io io = begin_handshake(t, &t->handshake.failure);
  if (io == HC_IO_ERROR) hc_tls_peer_fail(t);
  return io;
}

/* One stage after the other in the same call, as long as none has to wait. */
hc_io hc_tls_opening_advance(hc_stream_peer *self, hc_failure *why) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  if (t->state == HC_TLS_CONNECTED) return HC_IO_OK;
  if (t->state != HC_TLS_HANDSHAKING) return hc_tls_peer_refuse(t, why);
  hc_io io = t->below_is_ready ? HC_IO_OK : advance_below(t);
  if (io == HC_IO_OK && !t->engine) io = begin_late(t);
  if (io == HC_IO_OK) io = shake_hands(t);
  return io == HC_IO_ERROR ? hc_tls_peer_report(t, why) : io;
}
