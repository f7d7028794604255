/* library_none.c - no TLS library. Nothing of TLS begins, so most of this is never called: who asks
 * for TLS is told by hc_tls_check. See tls_library.h.
 *
 * It exists so that no file above has to ask whether there is TLS. Each function does the harmless
 * thing all the same: a caller that comes here by mistake gets a failure, never a connection in
 * clear. */
#include "../tls_internal.h"

/* Two halves: what is the matter, and what can't be done for that reason. */
static hc_error lack(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_UNAVAILABLE, "this build is without TLS: %s", what);
}

/* The question that everybody above asks first, and the one answer that counts in this file. */
hc_error hc_tls_check(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_UNAVAILABLE, "this build is without TLS");
}

/* --- the library as a whole */

const char *hc_tls_openssl_version(void) { return NULL; }
const char *hc_tls_mbedtls_version(void) { return NULL; }
void hc_tls_library_begin(void (*at_end)(void)) { (void)at_end; }
void hc_tls_library_warm_up(void) {}
void hc_tls_library_leave(void) {}

/* --- certificates and keys */

hc_error hc_tls_chain_read(hc_slice pem, hc_tls_chain **out, hc_failure *why) {
  (void)pem, (void)out;
  return lack(why, "it can't read certificates");
}

hc_error hc_tls_chain_write(const hc_tls_chain *chain, hc_buffer *out, hc_failure *why) {
  (void)chain, (void)out;
  return lack(why, "it can't write certificates");
}

size_t hc_tls_chain_count(const hc_tls_chain *chain) {
  (void)chain;
  return 0;
}

/* Whatever ends is NULL here: none was ever made. */
void hc_tls_chain_free(hc_tls_chain *chain) { (void)chain; }

hc_error hc_tls_key_read(hc_slice pem, hc_key_half half, hc_slice passphrase, hc_tls_key **out,
                         hc_failure *why) {
  (void)pem, (void)half, (void)passphrase, (void)out;
  return lack(why, "it can't read keys");
}

hc_error hc_tls_key_write(const hc_tls_key *key, hc_key_half half, hc_buffer *out,
                          hc_failure *why) {
  (void)key, (void)half, (void)out;
  return lack(why, "it can't write keys");
}

void hc_tls_key_free(hc_tls_key *key) { (void)key; }

hc_error hc_tls_pkcs12_read(hc_slice der, hc_slice passphrase, hc_tls_chain **own, hc_tls_key **key,
                            hc_tls_chain **chain, hc_failure *why) {
  (void)der, (void)passphrase, (void)own, (void)key, (void)chain;
  return lack(why, "it can't read PKCS#12 files");
}

/* --- authorities, options */

/* No path: a store of authorities would read nothing. */
const char *hc_tls_default_file(void) { return ""; }
const char *hc_tls_default_directory(void) { return ""; }

hc_tls_anchors *hc_tls_anchors_new(const hc_buffer *pem, const char *directory) {
  (void)pem, (void)directory;
  return NULL;
}

bool hc_tls_anchors_add(void *anchors, hc_slice der) {
  (void)anchors, (void)der;
  return false;
}

void hc_tls_anchors_free(hc_tls_anchors *anchors) { (void)anchors; }

/* Options with settings of their own fail here. Plain ones can be made, held and given away, as
 * with any library, and fail with the first connection. */
hc_error hc_tls_context_make(hc_tls_options *o, const hc_tls_settings *settings, hc_failure *why) {
  (void)o, (void)settings;
  return hc_tls_check(why);
}

void hc_tls_context_trust(hc_tls_context *context, hc_tls_anchors *anchors) {
  (void)context, (void)anchors;
}

void hc_tls_context_free(hc_tls_context *context) { (void)context; }

/* --- sessions */

hc_tls_ticket *hc_tls_ticket_retain(hc_tls_ticket *ticket) { return ticket; }
void hc_tls_ticket_release(hc_tls_ticket *ticket) { (void)ticket; }

/* No ticket is ever offered. */
bool hc_tls_ticket_is_fresh(const hc_tls_ticket *ticket) {
  (void)ticket;
  return false;
}

bool hc_tls_ticket_has_current_certificate(const hc_tls_ticket *ticket) {
  (void)ticket;
  return false;
}

bool hc_tls_ticket_is_single(const hc_tls_ticket *ticket) {
  (void)ticket;
  return true;
}

/* --- a connection: there never is one */

hc_tls_engine *hc_tls_engine_new(hc_tls_handshake *h, hc_tls_carrier *carrier) {
  (void)h, (void)carrier;
  return NULL;
}

void hc_tls_engine_free(hc_tls_engine *e) { (void)e; }

bool hc_tls_engine_set_alpn(hc_tls_engine *e, const hc_tls_handshake *h) {
  (void)e, (void)h;
  return false;
}

/* BROKEN and not "wait": nobody may be left waiting for what can't come. */
hc_tls_result hc_tls_engine_shake_hands(hc_tls_engine *e) {
  (void)e;
  return HC_TLS_BROKEN;
}

bool hc_tls_engine_check(hc_tls_engine *e, hc_tls_handshake *h) {
  (void)e, (void)h;
  return false;
}

hc_tls_result hc_tls_engine_read(hc_tls_engine *e, char *into, size_t room, size_t *got) {
  (void)e, (void)into, (void)room, (void)got;
  return HC_TLS_BROKEN;
}

hc_tls_result hc_tls_engine_peek(hc_tls_engine *e) {
  (void)e;
  return HC_TLS_BROKEN;
}

hc_tls_result hc_tls_engine_write(hc_tls_engine *e, hc_slice piece, size_t *written) {
  (void)e, (void)piece, (void)written;
  return HC_TLS_BROKEN;
}

/* The same sentence as from hc_tls_check. */
void hc_tls_engine_explain(hc_tls_engine *e, hc_tls_handshake *h, hc_tls_phase phase) {
  (void)e, (void)phase;
  hc_tls_check(&h->failure);
}

void hc_tls_engine_explain_write(hc_tls_engine *e, hc_failure *why) {
  (void)e;
  hc_tls_check(why);
}

void hc_tls_engine_close(hc_tls_engine *e, hc_tls_goodbye goodbye) { (void)e, (void)goodbye; }

bool hc_tls_engine_is_established(const hc_tls_engine *e) {
  (void)e;
  return false;
}

bool hc_tls_engine_was_resumed(const hc_tls_engine *e) {
  (void)e;
  return false;
}

size_t hc_tls_engine_pending(const hc_tls_engine *e) {
  (void)e;
  return 0;
}

bool hc_tls_engine_has_buffered(const hc_tls_engine *e) {
  (void)e;
  return false;
}

bool hc_tls_engine_is_between_records(const hc_tls_engine *e) {
  (void)e;
  return true;
}

void hc_tls_engine_rest(hc_tls_engine *e) { (void)e; }

hc_slice hc_tls_engine_version(const hc_tls_engine *e) {
  (void)e;
  return HC_SLICE("");
}

hc_slice hc_tls_engine_cipher(const hc_tls_engine *e) {
  (void)e;
  return HC_SLICE("");
}

hc_slice hc_tls_engine_alpn(const hc_tls_engine *e) {
  (void)e;
  return HC_SLICE("");
}

hc_error hc_tls_engine_describe(const hc_tls_engine *e, hc_peer_certificate *out, hc_failure *why) {
  (void)e, (void)out, (void)why;
  return HC_ERR_UNAVAILABLE;
}
