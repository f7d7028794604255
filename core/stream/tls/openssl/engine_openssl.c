/* engine_openssl.c - one connection, and the sessions that may be resumed: an SSL and its
 * SSL_SESSIONs. See tls_library.h.
 *
 * SSL_get_error reads the error queue of the thread as well as the SSL: hence ERR_clear_error in
 * front of every call that can fail, and no call between one and its outcome. */
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "openssl_internal.h"

/* Reason codes from here on are alerts of the peer: this plus the alert's number (RFC 8446 section
 * 6). */
#define ALERT_BASE SSL_AD_REASON_OFFSET
#define ALERT_NUMBERS 256

/* --- moving bytes */

/* The one place that maps what OpenSSL says; `result` is not a success. Only what broke the
 * protocol leaves something in the queue, for hc_tls_engine_explain. */
static hc_tls_result outcome(const SSL *ssl, int result) {
  const hc_tls_carrier *c = hc_tls_bio_carrier(SSL_get_rbio(ssl));
  if (c->is_flooded) return HC_TLS_BROKEN;
  switch (SSL_get_error(ssl, result)) {
  case SSL_ERROR_WANT_READ: return HC_TLS_WANTS_READ;
  case SSL_ERROR_WANT_WRITE: return HC_TLS_WANTS_WRITE;
  case SSL_ERROR_ZERO_RETURN: return HC_TLS_ENDED;
  case SSL_ERROR_SSL: return HC_TLS_BROKEN;
  /* SSL_ERROR_SYSCALL: the stream below; others need callbacks that are not set */
  default: ERR_clear_error(); return HC_TLS_BELOW;
  }
}

/* An older error in the queue would be taken for the call's own. */
hc_tls_result hc_tls_engine_shake_hands(hc_tls_engine *e) {
  ERR_clear_error();
  int result = SSL_do_handshake(hc_tls_ssl(e));
  if (result != 1) return outcome(hc_tls_ssl(e), result);
  ERR_clear_error();
  return HC_TLS_MADE;
}

/* SSL_read_ex and not SSL_read: sizes over INT_MAX, and a count that is apart from the result. */
hc_tls_result hc_tls_engine_read(hc_tls_engine *e, char *into, size_t room, size_t *got) {
  ERR_clear_error();
  int result = SSL_read_ex(hc_tls_ssl(e), into, room, got);
  return result == 1 ? HC_TLS_MADE : outcome(hc_tls_ssl(e), result);
}

/* Looking at one byte has OpenSSL work on tickets and key updates that stand in front of it. */
hc_tls_result hc_tls_engine_peek(hc_tls_engine *e) {
  char byte;
  size_t got;
  ERR_clear_error();
  int result = SSL_peek_ex(hc_tls_ssl(e), &byte, 1, &got);
  return result == 1 ? HC_TLS_MADE : outcome(hc_tls_ssl(e), result);
}

/* SSL_write moves no more than one record, in the mode that is set. */
hc_tls_result hc_tls_engine_write(hc_tls_engine *e, hc_slice piece, size_t *written) {
  ERR_clear_error();
  int result = SSL_write_ex(hc_tls_ssl(e), piece.data, piece.size, written);
  return result == 1 ? HC_TLS_MADE : outcome(hc_tls_ssl(e), result);
}

/* RFC 8446 section 6.1. Without either call OpenSSL would hold the session for a bad one. */
void hc_tls_engine_close(hc_tls_engine *e, hc_tls_goodbye goodbye) {
  SSL *ssl = hc_tls_ssl(e);
  if (SSL_is_init_finished(ssl) == 0) return;
  if (goodbye == HC_TLS_GOODBYE_LEFT_OUT) {
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
    return;
  }
  ERR_clear_error();
  SSL_shutdown(ssl);
  ERR_clear_error();
}

/* The BIO goes with it, the carrier does not. */
void hc_tls_engine_free(hc_tls_engine *e) { SSL_free(hc_tls_ssl(e)); }

/* --- state */

bool hc_tls_engine_is_established(const hc_tls_engine *e) {
  return SSL_is_init_finished(hc_tls_ssl_view(e)) != 0;
}

/* The server may decline a session that was offered: this is what came of it. */
bool hc_tls_engine_was_resumed(const hc_tls_engine *e) {
  return SSL_session_reused(hc_tls_ssl_view(e)) == 1;
}

/* Of the record that is decrypted now; others may wait behind it, undecrypted. */
size_t hc_tls_engine_pending(const hc_tls_engine *e) {
  int pending = SSL_pending(hc_tls_ssl_view(e));
  return pending > 0 ? (size_t)pending : 0;
}

/* Decrypted or not, of a whole record or of a part: a read ahead may have brought any of these. */
bool hc_tls_engine_has_buffered(const hc_tls_engine *e) {
  return SSL_has_pending(hc_tls_ssl_view(e)) == 1;
}

/* OpenSSL has taken a head out of its buffer already while it waits for the rest. */
bool hc_tls_engine_is_between_records(const hc_tls_engine *e) {
  return !hc_tls_engine_has_buffered(e) && strcmp(SSL_rstate_string(hc_tls_ssl_view(e)), "RB") != 0;
}

/* OpenSSL releases its buffers after each use, but for one of 16 KiB that it makes when a session
 * ticket comes in. Where bytes are in them it keeps them. */
void hc_tls_engine_rest(hc_tls_engine *e) { (void)SSL_free_buffers(hc_tls_ssl(e)); }

/* --- facts */

/* A constant of OpenSSL's, "TLSv1.3". */
hc_slice hc_tls_engine_version(const hc_tls_engine *e) {
  return hc_slice_of(SSL_get_version(hc_tls_ssl_view(e)));
}

/* OpenSSL's names: those of TLS 1.3 are the registry's (TLS_AES_128_GCM_SHA256), the older ones its
 * own. */
hc_slice hc_tls_engine_cipher(const hc_tls_engine *e) {
  return hc_slice_of(SSL_CIPHER_get_name(SSL_get_current_cipher(hc_tls_ssl_view(e))));
}

/* A view of the SSL's memory, without a NUL behind it. */
hc_slice hc_tls_engine_alpn(const hc_tls_engine *e) {
  const unsigned char *name = NULL;
  unsigned size = 0;
  SSL_get0_alpn_selected(hc_tls_ssl_view(e), &name, &size);
  return size == 0 ? HC_SLICE("") : (hc_slice){(const char *)name, size};
}

/* Borrowed from the SSL; on a resumed connection it is the session's. */
hc_error hc_tls_engine_describe(const hc_tls_engine *e, hc_peer_certificate *out, hc_failure *why) {
  X509 *certificate = SSL_get0_peer_certificate(hc_tls_ssl_view(e));
  return certificate ? hc_tls_certificate_describe(certificate, out, why) : HC_ERR_UNAVAILABLE;
}

/* --- sessions */

static const SSL_SESSION *session_of(const hc_tls_ticket *ticket) {
  return (const SSL_SESSION *)ticket;
}

hc_tls_ticket *hc_tls_ticket_retain(hc_tls_ticket *ticket) {
  return SSL_SESSION_up_ref(hc_tls_ssl_session(ticket)) == 1 ? ticket : NULL;
}

void hc_tls_ticket_release(hc_tls_ticket *ticket) { SSL_SESSION_free(hc_tls_ssl_session(ticket)); }

/* OpenSSL knows the lifetime that the server gave, and for TLS 1.2 its own two hours. A session of
 * this moment may bear the next second: from 3.2 on OpenSSL reads the exact clock, and time() may
 * be a tick of the system behind it. One from further ahead was made before the clock went back. */
bool hc_tls_ticket_is_fresh(const hc_tls_ticket *ticket) {
  const SSL_SESSION *session = session_of(ticket);
  long long age = (long long)time(NULL) - (long long)HC_SESSION_TIME(session);
  return SSL_SESSION_is_resumable(session) && age >= -1 && age < SSL_SESSION_get_timeout(session);
}

/* The server's own one alone, as a cheap look before the session is offered. The whole chain is
 * verified behind the handshake (hc_tls_verify_resumed). */
bool hc_tls_ticket_has_current_certificate(const hc_tls_ticket *ticket) {
  X509 *certificate = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)ticket);
  return certificate && X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

/* Before TLS 1.3 a session can be offered again and again, and some servers keep only one. */
bool hc_tls_ticket_is_single(const hc_tls_ticket *ticket) {
  return SSL_SESSION_get_protocol_version(session_of(ticket)) >= TLS1_3_VERSION;
}

/* --- why it failed */

/* All of these mean that the two sides have no version in common; which one it is hangs on who
 * noticed first. */
static bool is_version_trouble(int reason) {
  return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_SSL_VERSION ||
         reason == SSL_R_VERSION_TOO_LOW || reason == SSL_R_VERSION_TOO_HIGH ||
         reason == SSL_R_NO_PROTOCOLS_AVAILABLE;
}

/* OpenSSL's own sentence for the rest: the reason alone, without file and line, which would change
 * with each of its versions. */
static void reason_failure(hc_tls_handshake *h, unsigned long error, hc_tls_phase phase) {
  int reason = ERR_GET_REASON(error);
  const char *text = ERR_reason_error_string(error);
  if (phase == HC_TLS_PHASE_HANDSHAKE && reason == SSL_R_WRONG_VERSION_NUMBER) {
    hc_tls_fail_without_record(h);
  } else if (is_version_trouble(reason)) {
    hc_tls_fail_by_version(h, text);
  } else {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s: %s",
                   phase == HC_TLS_PHASE_HANDSHAKE ? "TLS handshake" : "TLS",
                   !text ? "protocol error" : text);
  }
}

/* The oldest error in the queue is the cause; what stands behind it are those who passed it on. */
void hc_tls_engine_explain(hc_tls_engine *e, hc_tls_handshake *h, hc_tls_phase phase) {
  unsigned long error = ERR_peek_error();
  int reason = ERR_GET_REASON(error);
  if (hc_tls_bio_carrier(SSL_get_rbio(hc_tls_ssl(e)))->is_flooded) {
    hc_tls_fail_by_flood(h);
  } else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= ALERT_BASE &&
             reason < ALERT_BASE + ALERT_NUMBERS) {
    hc_tls_fail_by_alert(h, reason - ALERT_BASE);
  } else if (hc_tls_memory_was_out()) {
    hc_failure_out_of_memory(&h->failure);
  } else {
    reason_failure(h, error, phase);
  }
  ERR_clear_error();
}

/* A record that can't be written is the request's failure; what the server has sent before may
 * still be read. */
void hc_tls_engine_explain_write(hc_tls_engine *e, hc_failure *why) {
  (void)e;
  if (why->code == HC_OK) hc_tls_failure_set(why, HC_ERR_CONNECTION_ERROR, "TLS");
  ERR_clear_error();
}
