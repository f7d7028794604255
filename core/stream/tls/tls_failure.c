/* tls_failure.c - why a connection failed, as sentences: they are the same whatever library finds
 * it out.
 *
 * All of them go to the handshake's record, from where the stream gives them to every caller. Words
 * of a server's are never in them, only numbers of its alerts, and names out of its certificate
 * that were cut and cleaned before (tls_text.c). */
#include <stdio.h>
#include <string.h>

#include "tls_internal.h"

/* "TLS 1.0 to 1.3" is 14 bytes, and two numbers that were out of range would still fit. */
#define VERSIONS_TEXT 48
#define PROTOCOLS_TEXT 96
/* The alerts of which more can be said than their names. */
#define ALERT_PROTOCOL_VERSION 70
#define ALERT_UNRECOGNIZED_NAME 112
#define ALERT_NO_APPLICATION_PROTOCOL 120

/* --- what the server said */

/* Only numbers of our own go in, 10 to 13, so it always fits. */
static void versions_text(const hc_tls_options *o, char text[VERSIONS_TEXT]) {
  int low = o->min_version, high = o->max_version;
  if (low == high) snprintf(text, VERSIONS_TEXT, "TLS %d.%d", low / 10, low % 10);
  else
    snprintf(text, VERSIONS_TEXT, "TLS %d.%d to %d.%d", low / 10, low % 10, high / 10, high % 10);
}

/* "h2, http/1.1", of a list as it is on the wire (RFC 7301 section 3.1); cut where it is longer. */
static void protocols_text(hc_slice list, char text[PROTOCOLS_TEXT]) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t at = 0; at < list.size; at += 1u + (unsigned char)list.data[at]) {
    int size = snprintf(text + used, PROTOCOLS_TEXT - used, "%s%.*s", used ? ", " : "",
                        (int)(unsigned char)list.data[at], list.data + at + 1);
    if (size < 0 || (size_t)size >= PROTOCOLS_TEXT - used) return;
    used += (size_t)size;
  }
}

typedef struct alert_name {
  int number;
  const char *name;
} alert_name;

/* RFC 8446 section 6 and appendix B.2, with those of RFC 5246, RFC 6066 and RFC 7507 that it
 * reserves or leaves out. Libraries' own lists lack some and spell others in their own way. */
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

/* A server may send any number; its name is looked up, and never its text taken. */
static const char *name_of_alert(int number) {
  for (size_t i = 0; i < sizeof alert_names / sizeof *alert_names; i++) {
    if (alert_names[i].number == number) return alert_names[i].name;
  }
  return "unknown alert";
}

/* An alert is the server's last word, and mostly a riddle to whoever reads it. What was offered, or
 * asked for, says in most cases what it meant. */
void hc_tls_fail_by_alert(hc_tls_handshake *h, int alert) {
  char offered[VERSIONS_TEXT], protocols[PROTOCOLS_TEXT];
  versions_text(h->options, offered);
  protocols_text(hc_tls_handshake_alpn(h), protocols);
  const char *name = name_of_alert(alert);
  if (alert == ALERT_PROTOCOL_VERSION) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "server alert: protocol version (offered: %s)", offered);
  } else if (alert == ALERT_UNRECOGNIZED_NAME) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "server alert: unrecognized name (%s)",
                   h->name);
  } else if (h->certificate_requested) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "server alert: %s (it asked for a client certificate, and none was given)",
                   name);
  } else if (alert == ALERT_NO_APPLICATION_PROTOCOL && protocols[0]) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "server alert: %s (%d); offered: %s", name,
                   alert, protocols);
  } else {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "server alert: %s (%d)", name, alert);
  }
}

/* The library's own complaint before anything could be agreed on. */
void hc_tls_fail_by_version(hc_tls_handshake *h, const char *reason) {
  char offered[VERSIONS_TEXT];
  versions_text(h->options, offered);
  hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                 "TLS handshake: protocol version: %s (offered: %s)", reason, offered);
}

/* What a server of plain HTTP looks like to TLS: its "HTTP/1.1 400" is no record's header. The
 * library's words are in brackets because people search for them. */
void hc_tls_fail_without_record(hc_tls_handshake *h) {
  hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                 "TLS handshake: what the server sent is no TLS record (wrong version number)");
}

/* Whatever it means by them, an answer does not come of it. */
void hc_tls_fail_by_flood(hc_tls_handshake *h) {
  hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                 "TLS: the server sends one record after the other that brings nothing");
}

/* --- what is wrong with its certificate */

/* The most frequent failure of all, and the one where a guess helps least: so it says which names
 * the certificate does have. */
void hc_tls_fail_by_name(hc_tls_handshake *h, const char *names, const char *subject) {
  h->name_mismatch = true;
  if (names[0] != '\0') {
    /* RFC 9525 section 6.4: an address that stands as a DNS name does not count. */
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "hostname mismatch: certificate is for %s, not %s%s", names, h->name,
                   h->name_is_address ? " (DNS names are for no address)" : "");
    return;
  }
  /* RFC 9525 section 2: a name in the subject does not count. */
  hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                 "hostname mismatch: certificate is for no host at all (its subject %s does not "
                 "count), not %s",
                 subject, h->name);
}

/* `reason` is the library's, so the words are those that people search for. */
void hc_tls_fail_by_date(hc_tls_handshake *h, const char *reason, const char *subject,
                         const char *preposition, const char *day) {
  hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s (subject %s, %s %s)", reason, subject,
                 preposition, day);
}

/* Mostly an intermediate certificate that the server does not send, or an authority of the user's
 * own that only curl was told of. The hint says where the library looked. */
void hc_tls_fail_by_authority(hc_tls_handshake *h, const char *reason, const char *issuer) {
  const hc_tls_options *o = h->options;
  const char *file = !o->trusted_chain ? hc_tls_store_file(o->store) : NULL;
  const char *hint = o->trusted_chain ? "it is not in the given trusted chain"
                     : file           ? "it is not in the store, where SSL_CERT_FILE is "
                            : "it is not in the system's store; SSL_CERT_FILE can name another";
  hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s (unknown authority: issuer %s; %s%s)",
                 reason, issuer, hint, file ? file : "");
}

/* For everything about one certificate that needs no sentence of its own. */
void hc_tls_fail_by_subject(hc_tls_handshake *h, const char *reason, const char *subject) {
  hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s (subject %s)", reason, subject);
}

/* No comparison in constant time: the server's public key is no secret. */
bool hc_tls_is_pinned(const hc_tls_options *o, const unsigned char digest[HC_PIN_SIZE]) {
  for (size_t i = 0; i < o->pin_count; i++) {
    if (memcmp(o->pins + i * HC_PIN_SIZE, digest, HC_PIN_SIZE) == 0) return true;
  }
  return false;
}
