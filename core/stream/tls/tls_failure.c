/* tls_failure.c - OpenSSL's errors as sentences. Every way out leaves the thread's error queue
 * empty: a host that uses OpenSSL itself must not find our errors in it. */
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <stdio.h>
#include <string.h>

#include "tls_internal.h"

/* Reason codes from here on are alerts of the peer: this plus the alert's number (RFC 8446 section
 * 6). */
#define ALERT_BASE SSL_AD_REASON_OFFSET
#define ALERT_NUMBERS 256
#define VERSIONS_TEXT 48

bool hc_tls_memory_was_out(void) {
  bool found = false;
  for (unsigned long error; (error = ERR_get_error()) != 0;) {
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) found = true;
  }
  return found;
}

hc_error hc_tls_failure_set(hc_failure *failure, hc_error code, const char *what) {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  if (hc_tls_memory_was_out())
    return hc_failure_set(failure, HC_ERR_OUT_OF_MEMORY, "out of memory");
  return hc_failure_set(failure, code, "%s: %s", what, !reason ? "unknown reason" : reason);
}

static void versions_text(const hc_tls_options *o, char text[VERSIONS_TEXT]) {
  int low = o->min_version, high = o->max_version;
  if (low == high) snprintf(text, VERSIONS_TEXT, "TLS %d.%d", low / 10, low % 10);
  else
    snprintf(text, VERSIONS_TEXT, "TLS %d.%d to %d.%d", low / 10, low % 10, high / 10, high % 10);
}

typedef struct alert_name {
  int number;
  const char *name;
} alert_name;

/* RFC 8446 section 6 and appendix B.2, with those of RFC 5246, RFC 6066 and RFC 7507 that it
 * reserves or leaves out. OpenSSL's own list lacks some and spells others in its own way. */
static const alert_name alert_names[] = {
    {0, "close notify"},
    {10, "unexpected message"},
    {20, "bad record mac"},
    {21, "decryption failed"},
    {22, "record overflow"},
    {30, "decompression failure"},
    {40, "handshake failure"},
    {41, "no certificate"},
    {42, "bad certificate"},
    {43, "unsupported certificate"},
    {44, "certificate revoked"},
    {45, "certificate expired"},
    {46, "certificate unknown"},
    {47, "illegal parameter"},
    {48, "unknown ca"},
    {49, "access denied"},
    {50, "decode error"},
    {51, "decrypt error"},
    {52, "too many cids requested"},
    {60, "export restriction"},
    {70, "protocol version"},
    {71, "insufficient security"},
    {80, "internal error"},
    {86, "inappropriate fallback"},
    {90, "user canceled"},
    {100, "no renegotiation"},
    {109, "missing extension"},
    {110, "unsupported extension"},
    {111, "certificate unobtainable"},
    {112, "unrecognized name"},
    {113, "bad certificate status response"},
    {114, "bad certificate hash value"},
    {115, "unknown psk identity"},
    {116, "certificate required"},
    {120, "no application protocol"},
    {121, "ech required"},
};

static const char *name_of_alert(int number) {
  for (size_t i = 0; i < sizeof alert_names / sizeof *alert_names; i++) {
    if (alert_names[i].number == number) return alert_names[i].name;
  }
  return "unknown alert";
}

static void alert_failure(hc_tls_handshake *h, int alert) {
  char offered[VERSIONS_TEXT];
  versions_text(h->options, offered);
  const char *name = name_of_alert(alert);
  if (alert == SSL_AD_PROTOCOL_VERSION) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "server alert: protocol version (offered: %s)", offered);
  } else if (alert == SSL_AD_UNRECOGNIZED_NAME) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "server alert: unrecognized name (%s)",
                   h->name);
  } else if (h->certificate_requested) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "server alert: %s (it asked for a client certificate, and none was given)",
                   name);
  } else {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "server alert: %s (%d)", name, alert);
  }
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
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "TLS handshake: what the server sent is no TLS record (wrong version number)");
  } else if (is_version_trouble(reason)) {
    char offered[VERSIONS_TEXT];
    versions_text(h->options, offered);
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "TLS handshake: protocol version: %s (offered: %s)", text, offered);
  } else {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s: %s",
                   phase == HC_TLS_PHASE_HANDSHAKE ? "TLS handshake" : "TLS",
                   !text ? "protocol error" : text);
  }
}

void hc_tls_failure_of_connection(hc_tls_handshake *handshake, hc_tls_phase phase) {
  unsigned long error = ERR_peek_error();
  int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= ALERT_BASE &&
      reason < ALERT_BASE + ALERT_NUMBERS) {
    alert_failure(handshake, reason - ALERT_BASE);
  } else if (hc_tls_memory_was_out()) {
    hc_failure_set(&handshake->failure, HC_ERR_OUT_OF_MEMORY, "out of memory");
  } else {
    reason_failure(handshake, error, phase);
  }
  ERR_clear_error();
}
