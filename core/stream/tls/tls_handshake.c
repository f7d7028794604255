/* tls_handshake.c - what one connection asks of its server, and the last look at what came of it. */
#include <openssl/x509v3.h>
#include <string.h>

#include "../../base/memory.h"
#include "tls_internal.h"
#include "../../http/uri.h"

/* --- the name */

static hc_error refuse_name_tls_handshake(hc_failure *why, const char *reason) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "common name: %s", reason);
}

/* The name as it is verified: without brackets, zone (RFC 6874) and the final dot of an absolute
 * name. */
static hc_slice bare_name(const hc_host *host) {
  hc_slice text = host->text;
  if (host->kind == HC_HOST_IPV6) {
    const char *zone = memchr(text.data, '%', text.size);
    if (zone) text.size = (size_t)(zone - text.data);
  } else if (host->kind == HC_HOST_NAME && text.size > 0 && text.data[text.size - 1] == '.') {
    text.size--;
  }
  return text;
}

/* Of a name without brackets, scheme or leading dot; "" stays. */
static hc_error parse_name(hc_slice name, hc_host *host, hc_slice *bare, hc_failure *why) {
  hc_failure inner = {HC_OK, ""};
  *host = (hc_host){HC_HOST_NAME, {"", 0}, 0};
  if (name.size > 0 && hc_host_parse(name, host, &inner) != HC_OK)
    return refuse_name_tls_handshake(why, inner.text);
  if (host->scheme != 0) return refuse_name_tls_handshake(why, "it has a scheme");
  *bare = bare_name(host);
  /* OpenSSL takes a leading dot for "any host of the domain". */
  if (name.size > 0 && (bare->size == 0 || bare->data[0] == '.'))
    return refuse_name_tls_handshake(why, "it starts with a dot");
  return HC_OK;
}

hc_error hc_tls_handshake_take_name(hc_tls_handshake *h, hc_slice name, hc_failure *why) {
  hc_host host, asked;
  hc_slice text = HC_SLICE(""), asked_text = HC_SLICE("");
  bool is_overridden = h->options->override[0] != '\0';
  hc_error code =
      parse_name(is_overridden ? hc_slice_of(h->options->override) : name, &host, &text, why);
  if (code != HC_OK) return code;
  if (text.size == 0 && h->options->verify == HC_TLS_VERIFY_FULL) {
    return refuse_name_tls_handshake(why, "it is empty, and there is nothing to verify");
  }
  /* What is not verified may be anything; what is no host is just not remembered as one. */
  if (is_overridden && parse_name(name, &asked, &asked_text, NULL) != HC_OK)
    asked_text = HC_SLICE("");
  h->name = hc_memory_copy_text(text.data, text.size);
  h->host = asked_text.size > 0 ? hc_memory_copy_text(asked_text.data, asked_text.size) : NULL;
  if (!h->name || (!h->host && asked_text.size > 0)) {
    return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  }
  h->name_is_address = host.kind != HC_HOST_NAME;
  return HC_OK;
}

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

static hc_slice offered_alpn(const hc_tls_handshake *h) {
  const hc_buffer *list = &h->options->alpn;
  return h->alpn.size > 0 ? h->alpn : (hc_slice){hc_buffer_head(list), hc_buffer_size(list)};
}

/* The options' list stands in the context already. */
bool hc_tls_handshake_set_alpn(const hc_tls_handshake *h, SSL *ssl) {
  return h->alpn.size == 0 ||
         SSL_set_alpn_protos(ssl, (const unsigned char *)h->alpn.data, (unsigned)h->alpn.size) == 0;
}

/* --- the beginning */

/* A session that OpenSSL does not take (its version is out of range now) is no reason to fail. */
static void offer_session(hc_tls_handshake *h, SSL *ssl) {
  if (h->name[0] == '\0') return;
  SSL_SESSION *session = hc_tls_session_take(h);
  if (!session) return;
  h->offers_session = SSL_set_session(ssl, session) == 1;
  SSL_SESSION_free(session);
}

SSL *hc_tls_handshake_begin(hc_tls_handshake *h, hc_tls_carrier *carrier) {
  const hc_tls_options *o = h->options;
  SSL *ssl = SSL_new(o->context);
  BIO *bio = !ssl ? NULL : hc_tls_bio_new(o->bio_method, carrier);
  if (!bio) {
    SSL_free(ssl);
    return NULL;
  }
  SSL_set_bio(ssl, bio, bio); /* takes it over */
  SSL_set_connect_state(ssl);
  if (SSL_set_app_data(ssl, h) != 1 || !set_verified_name(h, ssl) || !set_sent_name(h, ssl) ||
      !hc_tls_handshake_set_alpn(h, ssl) ||
      (o->require_ocsp && SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp) != 1)) {
    SSL_free(ssl);
    return NULL;
  }
  offer_session(h, ssl);
  return ssl;
}

/* --- the end */

bool hc_alpn_list_has(hc_slice list, hc_slice name) {
  if (!list.data) return false;
  for (size_t at = 0; at < list.size; at += 1u + (unsigned char)list.data[at]) {
    if ((unsigned char)list.data[at] == name.size &&
        memcmp(list.data + at + 1, name.data, name.size) == 0)
      return true;
  }
  return false;
}

/* RFC 7301 section 3.2: the server chooses from the list. */
static bool alpn_was_offered(const hc_tls_handshake *h, const SSL *ssl) {
  const unsigned char *chosen;
  unsigned size;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  if (size == 0) return true;
  return hc_alpn_list_has(offered_alpn(h), (hc_slice){(const char *)chosen, size});
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

bool hc_tls_handshake_check(hc_tls_handshake *h, SSL *ssl) {
  const char *reason = objection(h, ssl);
  if (reason) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "%s", reason);
    return false;
  }
  return SSL_session_reused(ssl) == 0 || hc_tls_verify_resumed(ssl, h);
}
