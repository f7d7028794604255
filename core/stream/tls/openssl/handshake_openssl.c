/* handshake_openssl.c - what one connection asks of its server, and the last look at what came of
 * it.
 *
 * A handshake takes several calls of advance. What has to outlive them (the name, the list of
 * protocols, the failure) stands in hc_tls_handshake, which the SSL finds as its app data: that is
 * how the callbacks know whose connection they are asked about. */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "openssl_internal.h"

/* --- the name */

/* RFC 9525 section 6.3: a wildcard stands for one whole label; section 2: only the alternative
 * names count. */
static bool set_verified_name(const hc_tls_handshake *h, SSL *ssl) {
  X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
  if (h->options->verify != HC_TLS_VERIFY_FULL) return true;
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return h->name_is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, h->name) == 1
                            : X509_VERIFY_PARAM_set1_host(parameters, h->name, 0) == 1;
}

/* RFC 6066 section 3: an address is no server name. */
static bool set_sent_name(const hc_tls_handshake *h, SSL *ssl) {
  return h->name_is_address || h->name[0] == '\0' || SSL_set_tlsext_host_name(ssl, h->name) == 1;
}

/* The options' list stands in the context already. */
bool hc_tls_engine_set_alpn(hc_tls_engine *e, const hc_tls_handshake *h) {
  SSL *ssl = hc_tls_ssl(e);
  return h->alpn.size == 0 ||
         SSL_set_alpn_protos(ssl, (const unsigned char *)h->alpn.data, (unsigned)h->alpn.size) == 0;
}

/* --- the beginning */

/* A session that OpenSSL does not take (its version is out of range now) is no reason to fail. */
static void offer_session(hc_tls_handshake *h, SSL *ssl) {
  if (h->name[0] == '\0') return;
  hc_tls_ticket *ticket = hc_tls_session_take(h);
  if (!ticket) return;
  h->offers_session = SSL_set_session(ssl, hc_tls_ssl_session(ticket)) == 1;
  hc_tls_ticket_release(ticket);
}

/* Everything that this connection alone asks for goes to its own SSL: the context is shared.
 * Without memory for a part of it there is no connection, since one without its name or its checks
 * must never begin. */
static SSL *begin_ssl(hc_tls_handshake *h, hc_tls_carrier *carrier) {
  const hc_tls_options *o = h->options;
  SSL *ssl = SSL_new(o->context->handle);
  BIO *bio = !ssl ? NULL : hc_tls_bio_new(o->context->bio_method, carrier);
  if (!bio) {
    SSL_free(ssl);
    return NULL;
  }
  SSL_set_bio(ssl, bio, bio); /* takes it over */
  SSL_set_connect_state(ssl);
  if (SSL_set_app_data(ssl, h) != 1 || !set_verified_name(h, ssl) || !set_sent_name(h, ssl) ||
      !hc_tls_engine_set_alpn(hc_tls_engine_of(ssl), h) ||
      (o->require_ocsp && SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp) != 1)) {
    SSL_free(ssl);
    return NULL;
  }
  offer_session(h, ssl);
  return ssl;
}

/* No byte moves yet. The ClientHello goes out with the first call of hc_tls_engine_shake_hands. */
hc_tls_engine *hc_tls_engine_new(hc_tls_handshake *h, hc_tls_carrier *carrier) {
  SSL *ssl = begin_ssl(h, carrier);
  ERR_clear_error();
  return hc_tls_engine_of(ssl);
}

/* --- the end */

/* RFC 7301 section 3.2: the server chooses from the list. */
static bool alpn_was_offered(const hc_tls_handshake *h, const SSL *ssl) {
  const unsigned char *chosen;
  unsigned size;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  if (size == 0) return true;
  return hc_alpn_list_has(hc_tls_handshake_alpn(h), (hc_slice){(const char *)chosen, size});
}

/* OpenSSL did its checks on the way: the second look costs nothing. A session brings no
 * certificates of its own. */
static const char *objection(const hc_tls_handshake *h, const SSL *ssl) {
  const hc_tls_options *o = h->options;
  bool must_show = o->verify != HC_TLS_VERIFY_NONE || o->pin_count > 0;
  if (must_show && !SSL_get0_peer_certificate(ssl))
    return "TLS handshake: the server showed no certificate";
  if (must_show && SSL_get_verify_result(ssl) != X509_V_OK)
    return "TLS handshake: the certificate was not verified";
  if (o->require_ocsp && !h->ocsp_passed) return "no stapled OCSP response";
  return alpn_was_offered(h, ssl)
             ? NULL
             : "TLS handshake: the server chose a protocol (ALPN) that was not offered";
}

/* Of a resumed connection the certificates are judged here, since OpenSSL has not asked about
 * them. */
bool hc_tls_engine_check(hc_tls_engine *e, hc_tls_handshake *h) {
  SSL *ssl = hc_tls_ssl(e);
  const char *reason = objection(h, ssl);
  if (reason) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s", reason);
    return false;
  }
  return SSL_session_reused(ssl) == 0 || hc_tls_verify_resumed(ssl, h);
}
