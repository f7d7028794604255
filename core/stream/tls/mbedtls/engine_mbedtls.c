/* engine_mbedtls.c - one connection. See tls_library.h.
 *
 * mbedTLS gives its state by return values alone; the last one is kept in `error` until somebody
 * wants a sentence. Private members are read where 2.28 and 3 have no function for it
 * (MBEDTLS_ALLOW_PRIVATE_ACCESS), each in one place. */
#include "mbedtls_internal.h"

#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <string.h>
#include <time.h>

#include "../../../base/memory.h"

/* What the two versions of mbedTLS say where a sentence of ours is better than theirs
 * (explain_handshake). */
#define RECORD_FAULT MBEDTLS_ERR_SSL_INVALID_RECORD
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define VERSION_FAULT MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION
#define CERTIFICATE_FAULT MBEDTLS_ERR_SSL_BAD_CERTIFICATE
#else
#define VERSION_FAULT MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
#define CERTIFICATE_FAULT MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE
#endif

/* --- the way to the stream below */

#define RECORD_HEADER 5u
#define RECORD_MOST (16384u + 2048u) /* RFC 5246 section 6.2.3 */
#define WARNINGS_MOST 5u /* in a row, as with OpenSSL */
#define TOO_MANY MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE

/* mbedTLS passes over each alert that is a warning, and in TLS 1.3 over each change of ciphers,
 * within one call, as many as there are: a server could have it do nothing else, or wait for ever.
 * It asks for a record's header and then for its content; when it asks for the next header, it has
 * seen what the last record was. */
static bool is_warned_enough(hc_tls_engine *e) {
  if (e->header_got > 0 || e->record_left > 0 || e->is_counted) return false;
  e->is_counted = true; /* it asks again while nothing has come */
  if (!hc_tls_carrier_count(e->carrier, HC_TLS_RECORD)) return true;
  bool is_idle = e->ssl.in_msgtype == MBEDTLS_SSL_MSG_ALERT ||
                 e->ssl.in_msgtype == MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC;
  e->warnings = is_idle ? e->warnings + 1 : 0;
  return e->warnings >= WARNINGS_MOST;
}

/* The header's last two bytes are the length (RFC 8446 section 5.1). Records come cut anywhere, so
 * this counts along byte by byte where a header is, and in one step where content is. */
static void follow_records(hc_tls_engine *e, const unsigned char *bytes, size_t size) {
  e->is_counted = false;
  for (size_t i = 0; i < size;) {
    if (e->record_left > 0) {
      size_t part = size - i < e->record_left ? size - i : e->record_left;
      e->record_left -= part;
      i += part;
    } else {
      if (e->header_got >= 3) e->record_size[e->header_got - 3] = bytes[i];
      i++;
      if (++e->header_got < RECORD_HEADER) continue;
      e->header_got = 0;
      e->record_left = (size_t)e->record_size[0] << 8 | e->record_size[1];
    }
  }
}

/* Called by mbedTLS in the midst of a handshake or a read. The failure is written before its number
 * goes back, since mbedTLS has none that would say this. */
static int carry_in(void *engine, unsigned char *into, size_t room) {
  hc_tls_engine *e = engine;
  size_t got;
  if (is_warned_enough(e)) {
    hc_tls_fail_by_flood(e->handshake);
    return TOO_MANY;
  }
  switch (hc_tls_carrier_read(e->carrier, (char *)into, room, &got)) {
  case HC_IO_OK: follow_records(e, into, got); return (int)got;
  case HC_IO_WANT_READ:
  case HC_IO_WANT_WRITE: return MBEDTLS_ERR_SSL_WANT_READ;
  case HC_IO_EOF: return 0;
  case HC_IO_ERROR: break;
  }
  return MBEDTLS_ERR_NET_RECV_FAILED;
}

/* mbedTLS comes back with what was not sent. What it sends within a read is the refusal of a new
 * handshake, and a record may hold thousands of wishes for one.
 *
 * With a record of ours under way it would not refuse but send the rest of that, from the one
 * buffer that it has, and the write that is tried again would then seal the same bytes once more:
 * so nothing leaves within a read until that record has. */
static int carry_out(void *engine, const unsigned char *bytes, size_t size) {
  hc_tls_engine *e = engine;
  size_t sent;
  if (e->is_reading && !hc_tls_carrier_count(e->carrier, HC_TLS_MESSAGE)) {
    hc_tls_fail_by_flood(e->handshake);
    return TOO_MANY;
  }
  if (e->is_reading && e->is_sealed) return MBEDTLS_ERR_SSL_WANT_WRITE;
  hc_io io = hc_tls_carrier_write(e->carrier, (hc_slice){(const char *)bytes, size}, &sent);
  if (io == HC_IO_OK) return (int)sent;
  return io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE ? MBEDTLS_ERR_SSL_WANT_WRITE
                                                         : MBEDTLS_ERR_NET_SEND_FAILED;
}

/* --- the configuration */

/* In 2.28 versions are SSL's: 3.1 is TLS 1.0, and so 10 becomes 1. */
static void set_version_range(mbedtls_ssl_config *config, const hc_tls_options *o) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  mbedtls_ssl_conf_min_tls_version(config, o->min_version >= 13 ? MBEDTLS_SSL_VERSION_TLS1_3
                                                                : MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_max_tls_version(config, o->max_version >= 13 ? MBEDTLS_SSL_VERSION_TLS1_3
                                                                : MBEDTLS_SSL_VERSION_TLS1_2);
#else
  mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, o->min_version - 9);
  mbedtls_ssl_conf_max_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, o->max_version - 9);
#endif
}

/* With pins alone the certificate is wanted and its chain is not: OPTIONAL has mbedTLS go on, and
 * our callback decides. */
static void set_mbedtls_verification(hc_tls_engine *e) {
  const hc_tls_options *o = e->handshake->options;
  hc_tls_context *c = o->context;
  bool checks = o->verify != HC_TLS_VERIFY_NONE;
  mbedtls_ssl_conf_authmode(&e->config, checks             ? MBEDTLS_SSL_VERIFY_REQUIRED
                                        : o->pin_count > 0 ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                           : MBEDTLS_SSL_VERIFY_NONE);
  if (checks)
    mbedtls_ssl_conf_ca_chain(&e->config, c->trusted, o->checks_revocation ? &c->crls : NULL);
  mbedtls_ssl_conf_verify(&e->config, hc_mbedtls_verify, e);
}

/* A view: mbedTLS shows certificate and key from where they stand in the context, which outlives
 * the connection. */
static bool set_shown(hc_tls_engine *e) {
  hc_tls_context *c = e->handshake->options->context;
  return !c->has_own || mbedtls_ssl_conf_own_cert(&e->config, &c->own, &c->key) == 0;
}

/* Without lists of our own mbedTLS's stand. */
static void set_offered(hc_tls_engine *e) {
  hc_tls_context *c = e->handshake->options->context;
  if (c->protocols.names) mbedtls_ssl_conf_alpn_protocols(&e->config, c->protocols.names);
  if (c->suites) mbedtls_ssl_conf_ciphersuites(&e->config, c->suites);
  mbedtls_ssl_conf_legacy_renegotiation(&e->config, c->legacy_renegotiation
                                                        ? MBEDTLS_SSL_LEGACY_NO_RENEGOTIATION
                                                        : MBEDTLS_SSL_LEGACY_BREAK_HANDSHAKE);
}

/* --- keys for those who look at their own traffic */

/* No NUL; the caller has made sure of the room. */
static void append_hex(char **at, const unsigned char *bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < size; i++) {
    *(*at)++ = digits[bytes[i] >> 4];
    *(*at)++ = digits[bytes[i] & 15];
  }
}

/* "label random secret", a line of the NSS key log format. One that would not fit is left out: no
 * label and no secret of TLS is so long. */
static void log_secret(const hc_tls_engine *e, const char *label, const unsigned char random[32],
                       hc_slice secret) {
  char line[256], *at = line;
  size_t size = strlen(label);
  if (size > 40 || secret.size > 64) return;
  memcpy(at, label, size);
  at += size;
  *at++ = ' ';
  append_hex(&at, random, 32);
  *at++ = ' ';
  append_hex(&at, (const unsigned char *)secret.data, secret.size);
  *at = '\0';
  hc_tls_keylog_write(e->handshake->options, line);
  hc_memory_wipe(line, sizeof line);
}

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
/* The labels of the NSS key log format, one for each secret that mbedTLS makes. */
static const char *label_of(mbedtls_ssl_key_export_type type) {
  switch (type) {
  case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET: return "CLIENT_RANDOM";
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET:
    return "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET:
    return "SERVER_HANDSHAKE_TRAFFIC_SECRET";
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
    return "CLIENT_TRAFFIC_SECRET_0";
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
    return "SERVER_TRAFFIC_SECRET_0";
#endif
  default: return NULL;
  }
}

/* Each secret as it is made; those that have no label in the log's format are left out. */
static void export_key(void *engine, mbedtls_ssl_key_export_type type, const unsigned char *secret,
                       size_t size, const unsigned char client_random[32],
                       const unsigned char server_random[32], mbedtls_tls_prf_types kind) {
  (void)server_random, (void)kind;
  const char *label = label_of(type);
  if (label) log_secret(engine, label, client_random, (hc_slice){(const char *)secret, size});
}

/* Version 3 wants the callback with the connection, 2.28 with the configuration, and one that was
 * built without keys has neither: there check_abilities has refused the option. */
static void set_key_export(hc_tls_engine *e) {
  if (e->handshake->options->logs_keys) mbedtls_ssl_set_export_keys_cb(&e->ssl, export_key, e);
}
#elif defined(MBEDTLS_SSL_EXPORT_KEYS)
/* Up to TLS 1.2 there is one secret, of 48 bytes (RFC 5246 section 8.1). */
static int export_key(void *engine, const unsigned char *master, const unsigned char *block,
                      size_t mac_size, size_t key_size, size_t iv_size,
                      const unsigned char client_random[32], const unsigned char server_random[32],
                      mbedtls_tls_prf_types kind) {
  (void)block, (void)mac_size, (void)key_size, (void)iv_size, (void)server_random, (void)kind;
  log_secret(engine, "CLIENT_RANDOM", client_random, (hc_slice){(const char *)master, 48});
  return 0;
}

static void set_key_export(hc_tls_engine *e) {
  if (e->handshake->options->logs_keys)
    mbedtls_ssl_conf_export_keys_ext_cb(&e->config, export_key, e);
}
#else
static void set_key_export(hc_tls_engine *e) { (void)e; }
#endif

/* --- the beginning */

/* RFC 6066 section 3: an address is no server name. */
static bool set_server_name(hc_tls_engine *e) {
  const hc_tls_handshake *h = e->handshake;
  bool is_sent = !h->name_is_address && h->name[0] != '\0';
  return mbedtls_ssl_set_hostname(&e->ssl, is_sent ? h->name : NULL) == 0;
}

/* The engine keeps the ticket: what was resumed is told by comparing with it. */
static void offer_ticket(hc_tls_engine *e) {
  hc_tls_handshake *h = e->handshake;
  e->offered = h->name[0] != '\0' ? hc_tls_session_take(h) : NULL;
  h->offers_session = e->offered && mbedtls_ssl_set_session(&e->ssl, &e->offered->session) == 0;
}

/* The order is mbedTLS's: all of the configuration before mbedtls_ssl_setup, but for the callback
 * that exports keys, which version 3 keeps with the connection. */
static bool set_up(hc_tls_engine *e) {
  if (mbedtls_ssl_config_defaults(&e->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) != 0)
    return false;
  mbedtls_ssl_conf_rng(&e->config, hc_mbedtls_random, NULL);
  set_version_range(&e->config, e->handshake->options);
  set_mbedtls_verification(e);
  set_offered(e);
  if (!set_shown(e) || !hc_tls_engine_set_alpn(e, e->handshake)) return false;
#if MBEDTLS_VERSION_NUMBER < 0x03000000
  set_key_export(e);
#endif
  if (mbedtls_ssl_setup(&e->ssl, &e->config) != 0 || !set_server_name(e)) return false;
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  set_key_export(e);
#endif
  mbedtls_ssl_set_bio(&e->ssl, e, carry_out, carry_in, NULL);
  offer_ticket(e);
  return true;
}

/* On the heap and never moved: mbedTLS keeps pointers to the configuration and to us. */
hc_tls_engine *hc_tls_engine_new(hc_tls_handshake *h, hc_tls_carrier *carrier) {
  hc_tls_engine *e = hc_memory_allocate_zeroed(1, sizeof *e);
  if (!e) return NULL;
  e->handshake = h;
  e->carrier = carrier;
  mbedtls_ssl_init(&e->ssl);
  mbedtls_ssl_config_init(&e->config);
  if (set_up(e)) return e;
  hc_tls_engine_free(e);
  return NULL;
}

/* The connection before the configuration, to which it has a pointer. Handshake and carrier are the
 * stream's. */
void hc_tls_engine_free(hc_tls_engine *e) {
  if (!e) return;
  mbedtls_ssl_free(&e->ssl);
  mbedtls_ssl_config_free(&e->config);
  hc_mbedtls_free_protocols(&e->protocols);
  hc_tls_ticket_release(e->offered);
  hc_memory_release(e);
}

/* mbedTLS keeps the pointer to the list, so the engine keeps the list. */
bool hc_tls_engine_set_alpn(hc_tls_engine *e, const hc_tls_handshake *h) {
  if (h->alpn.size == 0) return true;
  hc_mbedtls_free_protocols(&e->protocols);
  return hc_mbedtls_make_protocols(h->alpn, &e->protocols) &&
         mbedtls_ssl_conf_alpn_protocols(&e->config, e->protocols.names) == 0;
}

/* --- moving bytes */

/* A read that gives 0 is the end of the stream below. What failed there is the carrier's to tell,
 * whatever number mbedTLS has made of it. */
static hc_tls_result outcome_of_mbedtls(hc_tls_engine *e, int error) {
  const hc_tls_carrier *c = e->carrier;
  e->error = error;
  switch (error) {
  case MBEDTLS_ERR_SSL_WANT_READ: return HC_TLS_WANTS_READ;
  case MBEDTLS_ERR_SSL_WANT_WRITE: return HC_TLS_WANTS_WRITE;
  case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: return HC_TLS_ENDED;
  case MBEDTLS_ERR_SSL_CONN_EOF:
  case MBEDTLS_ERR_NET_RECV_FAILED:
  case MBEDTLS_ERR_NET_SEND_FAILED: return HC_TLS_BELOW;
  default: return c->read_failed || (c->ended && error == 0) ? HC_TLS_BELOW : HC_TLS_BROKEN;
  }
}

/* Resumed is what goes on with the secret of the session that was offered. */
static bool goes_on_with(const hc_tls_engine *e) {
  return e->offered && e->ssl.session &&
         memcmp(e->ssl.session->master, e->offered->session.master,
                sizeof e->ssl.session->master) == 0;
}

/* mbedTLS does as many steps as it has bytes for, and returns where it wants more. */
hc_tls_result hc_tls_engine_shake_hands(hc_tls_engine *e) {
  int error = mbedtls_ssl_handshake(&e->ssl);
  if (error != 0) return outcome_of_mbedtls(e, error);
  e->is_established = true;
  e->was_resumed = goes_on_with(e);
  return HC_TLS_MADE;
}

/* A connection that nobody has verified must not pass because some callback was not called: so the
 * outcome itself is asked for. */
static const char *objection_of_mbedtls(const hc_tls_engine *e) {
  const hc_tls_options *o = e->handshake->options;
  bool must_show = o->verify != HC_TLS_VERIFY_NONE || o->pin_count > 0;
  if (must_show && !mbedtls_ssl_get_peer_cert(&e->ssl))
    return "TLS handshake: the server showed no certificate";
  if (must_show && !hc_tls_verified_stands(o, &e->handshake->verified))
    return "TLS handshake: the certificate was not verified";
  return NULL;
}

/* By a ticket, or by the server's own memory. */
static bool can_be_resumed(const mbedtls_ssl_session *session) {
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
  if (session->ticket && session->ticket_len > 0) return true;
#endif
  return session->id_len > 0;
}

/* Keeps the session of a connection that stands, if it can be resumed. Those of TLS 1.3 are not:
 * see ticket_mbedtls.c. */
static void keep_session_mbedtls(hc_tls_engine *e) {
  const hc_tls_handshake *h = e->handshake;
  if (h->name[0] == '\0' || !hc_tls_options_keep_sessions(h->options)) return;
  if (strcmp(mbedtls_ssl_get_version(&e->ssl), "TLSv1.3") == 0) return;
  hc_tls_ticket *ticket = hc_memory_allocate_zeroed(1, sizeof *ticket);
  if (!ticket) return;
  ticket->references = 1;
  ticket->made = (int64_t)time(NULL);
  mbedtls_ssl_session_init(&ticket->session);
  if (mbedtls_ssl_get_session(&e->ssl, &ticket->session) == 0 && can_be_resumed(&ticket->session))
    hc_tls_session_store(h, ticket, e->was_resumed ? HC_TLS_RESUMED : HC_TLS_FULL);
  else hc_tls_ticket_release(ticket);
}

/* Without verification an outcome stands as long as the session. */
bool hc_tls_engine_check(hc_tls_engine *e, hc_tls_handshake *h) {
  const char *reason = objection_of_mbedtls(e);
  if (reason) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s", reason);
    return false;
  }
  if (h->verified.store == 0)
    h->verified = (hc_tls_verified){h->options->store_number, INT64_MIN, INT64_MAX};
  keep_session_mbedtls(e);
  return true;
}

/* Before version 3 no ticket of TLS 1.3 comes, since it does not speak that. */
static bool is_ticket(int result) {
#if defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
  return result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
#else
  (void)result;
  return false;
#endif
}

/* A record may hold nothing (RFC 5246 section 6.2.1, RFC 8446 section 5.1). mbedTLS passes over one
 * of them, and gives 0 for the next, as it does for the end of the stream below. */
static bool is_empty_record(const hc_tls_engine *e, int result) {
  return result == 0 && !e->carrier->ended && mbedtls_ssl_get_bytes_avail(&e->ssl) == 0;
}

/* A wish for a new handshake is worked off, and its refusal has not left. Whoever reads need not
 * wait for that: a server may take nothing before all that it sends has been read. */
static bool is_unrefused(hc_tls_engine *e, int result) {
  if (result != MBEDTLS_ERR_SSL_WANT_WRITE) return false;
  if (e->is_sealed) e->owes_refusal = true;
  return true;
}

/* Tickets of TLS 1.3 come in between; some, and not for ever. So do empty records and wishes for a
 * new handshake, which carry_in and carry_out have counted. */
static int read_mbedtls(hc_tls_engine *e, char *into, size_t room) {
  int got;
  e->is_reading = true;
  do got = mbedtls_ssl_read(&e->ssl, (unsigned char *)into, room);
  while (is_empty_record(e, got) || is_unrefused(e, got) ||
         (is_ticket(got) && hc_tls_carrier_count(e->carrier, HC_TLS_MESSAGE)));
  e->is_reading = false;
  if (!is_ticket(got)) return got;
  hc_tls_fail_by_flood(e->handshake);
  return TOO_MANY;
}

/* 0 and below is no data: an end, or an error's number. */
hc_tls_result hc_tls_engine_read(hc_tls_engine *e, char *into, size_t room, size_t *got) {
  int result = read_mbedtls(e, into, room);
  *got = result > 0 ? (size_t)result : 0;
  return result > 0 ? HC_TLS_MADE : outcome_of_mbedtls(e, result);
}

/* A read of no bytes works off records until there is something. */
hc_tls_result hc_tls_engine_peek(hc_tls_engine *e) {
  char none;
  int result = read_mbedtls(e, &none, 0);
  return result == 0 && mbedtls_ssl_get_bytes_avail(&e->ssl) > 0 ? HC_TLS_MADE
                                                                 : outcome_of_mbedtls(e, result);
}

/* An alert that has not left whole: mbedTLS would take the next bytes, or a goodbye, for that. A
 * write of nothing sends it and nothing else. 0: it has left. */
static int send_alert_left(hc_tls_engine *e) {
  if (e->is_sealed || e->ssl.out_left == 0) return 0;
  return mbedtls_ssl_write(&e->ssl, (const unsigned char *)"", 0);
}

/* As much as leaves now; the rest stays for send_alert_left. */
static void refuse_handshake(hc_tls_engine *e) {
  e->owes_refusal = false;
  (void)mbedtls_ssl_send_alert_message(&e->ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                                       MBEDTLS_SSL_ALERT_MSG_NO_RENEGOTIATION);
}

/* At most one record. After WANT_WRITE mbedTLS wants the same call again, and takes the bytes for
 * those that it has sealed already. */
hc_tls_result hc_tls_engine_write(hc_tls_engine *e, hc_slice piece, size_t *written) {
  int result = send_alert_left(e);
  *written = 0;
  if (result != 0) return outcome_of_mbedtls(e, result);
  result = mbedtls_ssl_write(&e->ssl, (const unsigned char *)piece.data, piece.size);
  e->is_sealed = result == MBEDTLS_ERR_SSL_WANT_WRITE;
  if (result <= 0) return outcome_of_mbedtls(e, result);
  *written = (size_t)result;
  if (e->owes_refusal) refuse_handshake(e);
  return HC_TLS_MADE;
}

/* mbedTLS needs nothing for a goodbye that is left out: its sessions are copies. */
void hc_tls_engine_close(hc_tls_engine *e, hc_tls_goodbye goodbye) {
  if (e->is_established && goodbye == HC_TLS_GOODBYE_SAID && send_alert_left(e) == 0)
    (void)mbedtls_ssl_close_notify(&e->ssl);
}

/* --- why it failed */

/* In the order of what says more. */
static void explain_handshake(hc_tls_engine *e, hc_tls_handshake *h) {
  char reason[128];
  mbedtls_strerror(e->error, reason, sizeof reason);
  if (e->error == RECORD_FAULT) hc_tls_fail_without_record(h);
  else if (e->record_left > RECORD_MOST)
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR,
                   "TLS handshake: a record's length, %zu bytes, is more than any may have",
                   e->record_left);
  else if (e->error == VERSION_FAULT) hc_tls_fail_by_version(h, reason);
  else if (e->error == CERTIFICATE_FAULT && e->subject[0] != '\0')
    hc_tls_fail_by_subject(h, "unsuitable certificate purpose", e->subject);
  else hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "TLS handshake: %s", reason);
}

/* Version 3 does not tell. */
static bool was_asked(const hc_tls_engine *e) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  (void)e;
  return false;
#else
  return e->ssl.client_auth != 0;
#endif
}

/* Where verification failed, the sentence is there already. */
void hc_tls_engine_explain(hc_tls_engine *e, hc_tls_handshake *h, hc_tls_phase phase) {
  if (e->error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
    h->certificate_requested = was_asked(e) && !h->options->context->has_own;
    hc_tls_fail_by_alert(h, e->ssl.in_msg[1]);
  } else if (hc_mbedtls_is_memory(e->error)) {
    hc_failure_out_of_memory(&h->failure);
  } else if (phase == HC_TLS_PHASE_HANDSHAKE) {
    explain_handshake(e, h);
  } else {
    hc_mbedtls_fail(&h->failure, HC_ERR_CONNECTION_ERROR, "TLS", e->error);
  }
}

/* Where the stream below has said why, that stands. */
void hc_tls_engine_explain_write(hc_tls_engine *e, hc_failure *why) {
  if (why->code == HC_OK) hc_mbedtls_fail(why, HC_ERR_CONNECTION_ERROR, "TLS", e->error);
}

/* --- state and facts */

bool hc_tls_engine_is_established(const hc_tls_engine *e) { return e->is_established; }
bool hc_tls_engine_was_resumed(const hc_tls_engine *e) { return e->was_resumed; }

/* Of the record that is open. The rest is has_buffered's to tell. */
size_t hc_tls_engine_pending(const hc_tls_engine *e) {
  return mbedtls_ssl_get_bytes_avail(&e->ssl);
}

/* Of the record that mbedTLS has at hand, what has not been taken yet. */
bool hc_tls_engine_has_buffered(const hc_tls_engine *e) {
  return mbedtls_ssl_check_pending(&e->ssl) != 0;
}

/* in_left counts what of a record has come and is not decrypted yet. */
bool hc_tls_engine_is_between_records(const hc_tls_engine *e) { return e->ssl.in_left == 0; }

void hc_tls_engine_rest(hc_tls_engine *e) { (void)e; /* its buffers stay */ }

/* "TLSv1" is what the first one is called elsewhere. */
hc_slice hc_tls_engine_version(const hc_tls_engine *e) {
  const char *name = mbedtls_ssl_get_version(&e->ssl);
  return strcmp(name, "TLSv1.0") == 0 ? HC_SLICE("TLSv1") : hc_slice_of(name);
}

/* mbedTLS's own spelling, with hyphens: a constant. */
hc_slice hc_tls_engine_cipher(const hc_tls_engine *e) {
  const char *name = mbedtls_ssl_get_ciphersuite(&e->ssl);
  return name ? hc_slice_of(name) : HC_SLICE("");
}

/* One of the names that were offered: it stands in the list of the engine or of the context. */
hc_slice hc_tls_engine_alpn(const hc_tls_engine *e) {
  const char *name = mbedtls_ssl_get_alpn_protocol(&e->ssl);
  return name ? hc_slice_of(name) : HC_SLICE("");
}

/* The server's own certificate, as mbedTLS keeps it with the session. */
hc_error hc_tls_engine_describe(const hc_tls_engine *e, hc_peer_certificate *out, hc_failure *why) {
  const mbedtls_x509_crt *certificate = mbedtls_ssl_get_peer_cert(&e->ssl);
  return certificate ? hc_mbedtls_describe(certificate, out, why) : HC_ERR_UNAVAILABLE;
}
