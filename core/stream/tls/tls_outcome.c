/* tls_outcome.c - what a TLS library's word means for the stream: more to wait for, an end in good
 * order, or a failure, and whose.
 *
 * Opening and moving bytes ask it alike. The first failure stays in the handshake's record, and
 * every later caller is told it in the same words. */
#include "tls_peer.h"

/* A copy, since the record stays for the next one who asks. */
hc_io hc_tls_peer_report(const hc_tls_peer *t, hc_failure *why) {
  const hc_failure *failure = &t->handshake.failure;
  hc_failure_set(why, failure->code == HC_OK ? HC_ERR_CONNECTION_ERROR : failure->code, "%s",
                 failure->text);
  return HC_IO_ERROR;
}

/* All states from HC_TLS_ERROR on are failures. In the others nothing has gone wrong: there is no
 * connection yet, or none any more. */
hc_io hc_tls_peer_refuse(const hc_tls_peer *t, hc_failure *why) {
  if (t->state >= HC_TLS_ERROR) return hc_tls_peer_report(t, why);
  hc_failure_set(why, HC_ERR_UNCONFIGURED, "the TLS stream is not connected");
  return HC_IO_ERROR;
}

/* A name that does not match has a state of its own, so that a script can tell a wrong address from
 * a server that can't be trusted. */
void hc_tls_peer_fail(hc_tls_peer *t) {
  t->state = t->handshake.name_mismatch ? HC_TLS_ERROR_HOSTNAME_MISMATCH : HC_TLS_ERROR;
}

/* An end without close_notify may be an attacker's doing (RFC 8446 section 6.1), so it is no end in
 * good order. */
void hc_tls_peer_fail_truncated(hc_tls_peer *t) {
  bool in_handshake = t->state == HC_TLS_HANDSHAKING;
  hc_failure_set(&t->handshake.failure, HC_ERR_CONNECTION_ERROR,
                 in_handshake ? "TLS handshake: the server closed the connection"
                              : "connection closed without close_notify");
  t->truncated = !in_handshake && hc_tls_engine_is_between_records(t->engine);
  hc_tls_peer_fail(t);
}

/* What the library waits for is bytes in or bytes out; what the stream below wants for that may be
 * the other of the two, if it is TLS as well. The carrier has kept it. */
hc_io hc_tls_peer_outcome(hc_tls_peer *t, hc_tls_result result) {
  switch (result) {
  case HC_TLS_WANTS_READ: return t->carrier.read_wants;
  case HC_TLS_WANTS_WRITE: return t->carrier.write_wants;
  case HC_TLS_ENDED: t->ended = true; return HC_IO_EOF;
  case HC_TLS_BROKEN: t->fatal = true; break;
  default: break;
  }
  return HC_IO_ERROR;
}

/* The reason of the stream below is the reason. That it came in the handshake is put in front: a
 * reset there often is a server's way to refuse what it was offered. */
static void fail_below(hc_tls_peer *t, const hc_failure *below) {
  hc_failure_set(&t->handshake.failure,
                 below->code == HC_OK ? HC_ERR_CONNECTION_ERROR : below->code, "%s%s",
                 t->state == HC_TLS_HANDSHAKING ? "TLS handshake: " : "",
                 below->code == HC_OK ? "the stream below failed" : below->text);
  hc_tls_peer_fail(t);
}

/* Three kinds of failure: TLS itself went wrong, and the library knows how; the stream below ended
 * where TLS had not; or it failed. */
hc_io hc_tls_peer_receive_outcome(hc_tls_peer *t, hc_tls_result result, const hc_failure *below) {
  hc_io io = hc_tls_peer_outcome(t, result);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) t->drained = true;
  if (io != HC_IO_ERROR) return io;
  if (result == HC_TLS_BROKEN) {
    hc_tls_engine_explain(t->engine, &t->handshake,
                          t->state == HC_TLS_HANDSHAKING ? HC_TLS_PHASE_HANDSHAKE
                                                         : HC_TLS_PHASE_DATA);
    hc_tls_peer_fail(t);
  } else if (t->carrier.ended) {
    hc_tls_peer_fail_truncated(t);
  } else {
    fail_below(t, below);
  }
  return HC_IO_ERROR;
}

/* A burst for each call: whatever one of them has left over is not added to the next. */
void hc_tls_peer_begin(hc_tls_peer *t, hc_failure *failure) {
  t->carrier.failure = failure;
  t->carrier.burst = HC_TLS_READ_BURST;
  t->carrier.is_open = t->state == HC_TLS_CONNECTED;
}
