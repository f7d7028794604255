/* failure_openssl.c - OpenSSL's errors as sentences. Every way out leaves the thread's error queue
 * empty: a host that uses OpenSSL itself must not find our errors in it. */
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include "openssl_internal.h"

/* Reason codes from here on are alerts of the peer: this plus the alert's number (RFC 8446 section
 * 6). */
#define ALERT_BASE SSL_AD_REASON_OFFSET
#define ALERT_NUMBERS 256

bool hc_tls_memory_was_out(void) {
  bool found = false;
  for (unsigned long error; (error = ERR_get_error()) != 0;) {
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) found = true;
  }
  return found;
}

hc_error hc_tls_failure_set(hc_failure *failure, hc_error code, const char *what) {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  if (hc_tls_memory_was_out()) return hc_failure_out_of_memory(failure);
  return hc_failure_set(failure, code, "%s: %s", what, !reason ? "unknown reason" : reason);
}

static bool is_version_trouble(int reason) {
  return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_SSL_VERSION ||
         reason == SSL_R_VERSION_TOO_LOW || reason == SSL_R_VERSION_TOO_HIGH ||
         reason == SSL_R_NO_PROTOCOLS_AVAILABLE;
}

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

void hc_tls_engine_explain(hc_tls_engine *e, hc_tls_handshake *h, hc_tls_phase phase) {
  (void)e;
  unsigned long error = ERR_peek_error();
  int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= ALERT_BASE &&
      reason < ALERT_BASE + ALERT_NUMBERS) {
    hc_tls_fail_by_alert(h, reason - ALERT_BASE);
  } else if (hc_tls_memory_was_out()) {
    hc_failure_out_of_memory(&h->failure);
  } else {
    reason_failure(h, error, phase);
  }
  ERR_clear_error();
}

void hc_tls_engine_explain_write(hc_tls_engine *e, hc_failure *why) {
  (void)e;
  if (why->code == HC_OK) hc_tls_failure_set(why, HC_ERR_CONNECTION_ERROR, "TLS");
  ERR_clear_error();
}
