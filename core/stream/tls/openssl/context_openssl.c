/* context_openssl.c - the SSL_CTX of an options object: what is offered, what is trusted, what is
 * shown.
 *
 * One SSL_CTX serves all connections of an options object, whose reference each of them holds. So
 * nothing here may be changed once a connection is being made, but for the store of authorities,
 * which OpenSSL reads at the moment when it verifies.
 *
 * An administrator's openssl.cnf is loaded by OpenSSL when it starts and has set defaults in every
 * SSL_CTX before we see it. Where a caller has said nothing these stand, unless they would weaken
 * what we promise (set_versions, set_behaviour). */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "../../../base/memory.h"
#include "../../../crypto/openssl/begin_openssl.h"
#include "openssl_internal.h"

/* The code is the same whatever OpenSSL says, and its queue is left empty. */
static hc_error no_memory_tls_context(hc_failure *why) {
  ERR_clear_error();
  return hc_failure_out_of_memory(why);
}

/* 12 to TLS1_2_VERSION. */
static int protocol_number(int version) { return TLS1_VERSION + (version - 10); }

/* --- what is trusted */

/* Every given certificate is an anchor, an intermediate or a server's own one as well: the caller
 * said so. */
static bool add_chain(X509_STORE *store, const STACK_OF(X509) * chain) {
  for (int i = 0; i < sk_X509_num(chain); i++) {
    if (X509_STORE_add_cert(store, sk_X509_value(chain, i)) != 1) return false;
  }
  return X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

/* With no verification asked for the certificates are only kept for the getter. The number tells
 * sessions that were verified against other authorities. */
static hc_error set_given_store(hc_tls_options *o, hc_failure *why) {
  if (o->verify == HC_TLS_VERIFY_NONE || !o->trusted_chain) return HC_OK;
  X509_STORE *store = X509_STORE_new();
  if (!store) return no_memory_tls_context(why);
  if (!add_chain(store, hc_tls_x509_list(hc_certificates_chain(o->trusted_chain)))) {
    X509_STORE_free(store);
    return no_memory_tls_context(why);
  }
  SSL_CTX_set_cert_store(o->context->handle, store); /* takes it over */
  o->store_number++;
  return HC_OK;
}

/* Any number of lists may stand in the file. One that is broken ends it all: a list that is
 * silently left out would let a revoked certificate pass. */
static hc_error read_crls(BIO *bio, STACK_OF(X509_CRL) * list, hc_failure *why) {
  bool asked = false;
  X509_CRL *crl;
  while ((crl = PEM_read_bio_X509_CRL(bio, NULL, hc_pem_refuse_passphrase, &asked)) != NULL) {
    if (sk_X509_CRL_push(list, crl) > 0) continue;
    X509_CRL_free(crl);
    return no_memory_tls_context(why);
  }
  int count = sk_X509_CRL_num(list);
  hc_error end = hc_pem_end();
  if (end == HC_ERR_OUT_OF_MEMORY) return no_memory_tls_context(why);
  if (end != HC_OK) {
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "crl_file: CRL number %d is malformed",
                          count + 1);
  }
  if (count == 0)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "crl_file: the file holds no CRL in PEM form");
  return HC_OK;
}

/* hc_pem_file_read has its own limit, far under INT_MAX. */
static hc_error parse_crls(hc_tls_options *o, const hc_buffer *text, hc_failure *why) {
  BIO *bio = BIO_new_mem_buf(hc_buffer_size(text) > 0 ? hc_buffer_head(text) : "",
                             (int)hc_buffer_size(text));
  STACK_OF(X509_CRL) *list = o->context->crls = sk_X509_CRL_new_null();
  hc_error error = !bio || !list ? no_memory_tls_context(why) : read_crls(bio, list, why);
  BIO_free(bio);
  return error;
}

/* `checks_revocation` is set before the file is read, and stays where reading fails: options that
 * could not be made are thrown away whole. The path is cut out of a longer text and so has to be
 * copied for its NUL. */
static hc_error load_crls(hc_tls_options *o, hc_slice path, hc_failure *why) {
  if (path.size == 0) return HC_OK;
  o->checks_revocation = true;
  hc_failure inner = {HC_OK, ""};
  hc_buffer text = {0};
  char *name = hc_memory_copy_text(path.data, path.size);
  hc_error error = !name ? no_memory_tls_context(&inner) : hc_pem_file_read(name, &text, &inner);
  hc_memory_release(name);
  if (error == HC_OK) error = parse_crls(o, &text, why);
  else if (error == HC_ERR_OUT_OF_MEMORY) no_memory_tls_context(why);
  else error = hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "crl_file: %s", inner.text);
  hc_buffer_free(&text);
  return error;
}

/* All certificates of the chain are checked; the verify callback lets those pass whose issuer gave
 * no list, but for the server's own. */
static bool set_verification(hc_tls_options *o) {
  X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(o->context->handle);
  bool checks = o->verify != HC_TLS_VERIFY_NONE || o->pin_count > 0;
  SSL_CTX_set_verify(o->context->handle, checks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_cert_verify_callback(o->context->handle, hc_tls_verify_callback, NULL);
  if (!o->checks_revocation) return true;
  return X509_VERIFY_PARAM_set_flags(parameters,
                                     X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

/* --- what is offered */

/* The administrator's own restrictions (openssl.cnf) stand where the caller gives no version. */
static hc_error set_versions(hc_tls_options *o, const hc_tls_settings *s, hc_failure *why) {
  int low = protocol_number(o->min_version);
  bool given = s && s->min_version != 0;
  bool done = true;
  if (given || SSL_CTX_get_min_proto_version(o->context->handle) < low) {
    done = SSL_CTX_set_min_proto_version(o->context->handle, low) == 1;
  }
  if (done && s && s->max_version != 0) {
    done = SSL_CTX_set_max_proto_version(o->context->handle, protocol_number(o->max_version)) == 1;
  }
  return done ? HC_OK
              : hc_tls_failure_set(why, HC_ERR_INVALID_PARAMETER, "min_version, max_version");
}

/* TLS 1.0 and 1.1 sign their handshake with MD5 and SHA-1 (RFC 4346 section 7.4.3), which OpenSSL
 * takes at level 0 only. The certificates need no such thing: they stay at the level that was. */
static void lower_security(const hc_tls_options *o) {
  if (o->min_version >= 12) return;
  X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(o->context->handle),
                                   SSL_CTX_get_security_level(o->context->handle));
  SSL_CTX_set_security_level(o->context->handle, 0);
}

/* The list grows with the caller's text and so has no limit of its own. */
static hc_error append_word(hc_buffer *list, hc_slice word) {
  if (hc_buffer_size(list) > 0 && hc_buffer_append(list, HC_SLICE(":"), SIZE_MAX) != HC_OK) {
    return HC_ERR_OUT_OF_MEMORY;
  }
  return hc_buffer_append(list, word, SIZE_MAX);
}

/* OpenSSL takes the suites of TLS 1.3 (TLS_AES_128_GCM_SHA256) and the ciphers before by two calls.
 */
static hc_error split_ciphers(hc_slice text, hc_buffer *ciphers, hc_buffer *suites) {
  hc_slice word;
  while ((word = hc_tls_next_suite(&text)).size > 0) {
    bool is_suite = word.size > 4 && memcmp(word.data, "TLS_", 4) == 0;
    if (append_word(is_suite ? suites : ciphers, word) != HC_OK) return HC_ERR_OUT_OF_MEMORY;
  }
  /* A connection without server authentication or without encryption is none that anybody may ask
   * for by mistake. */
  if (hc_buffer_size(ciphers) > 0 && append_word(ciphers, HC_SLICE("!aNULL:!eNULL")) != HC_OK) {
    return HC_ERR_OUT_OF_MEMORY;
  }
  hc_slice end = {"", 1};
  if (hc_buffer_append(ciphers, end, SIZE_MAX) != HC_OK) return HC_ERR_OUT_OF_MEMORY;
  return hc_buffer_append(suites, end, SIZE_MAX);
}

/* "@SECLEVEL=0" would let weak keys in by a text that speaks of ciphers, so the level is compared
 * behind the call. An empty list or a list of none is refused by OpenSSL. */
static hc_error apply_ciphers(SSL_CTX *context, const hc_buffer *ciphers, const hc_buffer *suites,
                              hc_failure *why) {
  int level = SSL_CTX_get_security_level(context);
  const char *list = hc_buffer_head(ciphers), *names = hc_buffer_head(suites);
  if (list[0] == '\0' && names[0] == '\0') {
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "ciphers: the text names none");
  }
  if ((list[0] != '\0' && SSL_CTX_set_cipher_list(context, list) != 1) ||
      (names[0] != '\0' && SSL_CTX_set_ciphersuites(context, names) != 1)) {
    return hc_tls_failure_set(why, HC_ERR_INVALID_PARAMETER, "ciphers");
  }
  if (SSL_CTX_get_security_level(context) < level) {
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "ciphers: the security level may be raised, not lowered");
  }
  return HC_OK;
}

/* OpenSSL reads up to a NUL, and would use half of what was asked for. */
static hc_error set_ciphers(hc_tls_options *o, hc_slice text, hc_failure *why) {
  if (text.size == 0) return HC_OK;
  if (memchr(text.data, '\0', text.size)) {
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "ciphers: the text holds a NUL byte");
  }
  hc_buffer ciphers = {0}, suites = {0};
  hc_error error = split_ciphers(text, &ciphers, &suites);
  error = error == HC_OK ? apply_ciphers(o->context->handle, &ciphers, &suites, why)
                         : no_memory_tls_context(why);
  hc_buffer_free(&ciphers);
  hc_buffer_free(&suites);
  return error;
}

/* 0 is success here, unlike everywhere else in OpenSSL. */
static hc_error set_alpn(hc_tls_options *o, hc_failure *why) {
  size_t size = hc_buffer_size(&o->alpn);
  if (size == 0) return HC_OK;
  const unsigned char *names = (const unsigned char *)hc_buffer_head(&o->alpn);
  return SSL_CTX_set_alpn_protos(o->context->handle, names, (unsigned)size) == 0
             ? HC_OK
             : no_memory_tls_context(why);
}

/* --- what is shown */

/* The first certificate is the client's own, the others lead to its authority. */
static hc_error set_client_certificate(hc_tls_options *o, const hc_tls_settings *s,
                                       hc_failure *why) {
  if (!s->certificate) return HC_OK;
  const STACK_OF(X509) *list = hc_tls_x509_list(hc_certificates_chain(s->certificate));
  STACK_OF(X509) *chain = sk_X509_dup(list);
  if (!chain) return no_memory_tls_context(why);
  X509 *own = sk_X509_shift(chain); /* the references stay the list's */
  EVP_PKEY *key = hc_tls_pkey(hc_key_handle(s->private_key));
  hc_error error = HC_OK;
  if (X509_check_private_key(own, key) != 1) {
    ERR_clear_error();
    error = hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                           "private_key: the key does not fit the certificate");
  } else if (SSL_CTX_use_cert_and_key(o->context->handle, own, key, chain, 1) != 1) {
    error = hc_tls_failure_set(why, HC_ERR_INVALID_PARAMETER, "certificate");
  }
  sk_X509_free(chain);
  return error;
}

/* Only called when there is no certificate to show. */
static int note_request(SSL *ssl, X509 **certificate, EVP_PKEY **key) {
  (void)certificate, (void)key;
  hc_tls_handshake *handshake = SSL_get_app_data(ssl);
  if (handshake) handshake->certificate_requested = true;
  return 0;
}

/* --- the whole */

/* Called by OpenSSL for each secret of a handshake. An SSL that has no app data yet is not ours. */
static void write_line(const SSL *ssl, const char *line) {
  const hc_tls_handshake *h = SSL_get_app_data(ssl);
  if (h) hc_tls_keylog_write(h->options, line);
}

/* The callback is set only where there is a file: with one OpenSSL writes every secret out as
 * text. */
static hc_error open_keylog(hc_tls_options *o, hc_slice path, hc_failure *why) {
  hc_error error = hc_tls_keylog_open(o, path, why);
  if (o->logs_keys) SSL_CTX_set_keylog_callback(o->context->handle, write_line);
  return error;
}

/* OpenSSL calls it when a ticket comes in, which with TLS 1.3 is in the midst of a read. 1: the
 * reference is ours now. */
static int keep_session(SSL *ssl, SSL_SESSION *session) {
  hc_tls_handshake *h = SSL_get_app_data(ssl);
  if (!h || h->name[0] == '\0') return 0;
  hc_tls_session_store(h, hc_tls_ticket_of(session),
                       SSL_session_reused(ssl) == 1 ? HC_TLS_RESUMED : HC_TLS_FULL);
  return 1;
}

/* No cache of OpenSSL's own: it would keep sessions by their id, and a client looks them up by
 * host. */
static void set_sessions(const hc_tls_options *o) {
  SSL_CTX *handle = o->context->handle;
  if (!hc_tls_options_keep_sessions(o)) {
    SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
    return;
  }
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(handle, keep_session);
}

/* Called by OpenSSL for each record and each message, in its midst and unable to say that something
 * is wrong. A shutdown is what it looks for before it goes on to the next: it returns with nothing,
 * and `outcome` knows why. */
static void count_pieces(int is_written, int version, int type, const void *bytes, size_t size,
                         SSL *ssl, void *unused) {
  (void)version, (void)bytes, (void)size, (void)unused;
  if (is_written || (type != SSL3_RT_HEADER && type != SSL3_RT_HANDSHAKE)) return;
  hc_tls_piece piece = type == SSL3_RT_HEADER ? HC_TLS_RECORD : HC_TLS_MESSAGE;
  if (!hc_tls_carrier_count(hc_tls_bio_carrier(SSL_get_rbio(ssl)), piece))
    SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
}

/* What is cleared first may have been set by openssl.cnf. An end without close_notify must show, or
 * content that was cut off would look whole. Compressed secrets can be guessed by their length
 * (CRIME), and a renegotiation would put a second handshake into the midst of an answer.
 *
 * PARTIAL_WRITE: a write comes back with each record. MOVING_WRITE_BUFFER: what is tried again may
 * stand elsewhere by then, since buffers grow. RELEASE_BUFFERS: an idle connection does without 34
 * KiB. Read-ahead takes a record's head and content by one receive. */
static void set_behaviour(const hc_tls_options *o) {
  SSL_CTX *context = o->context->handle;
  SSL_CTX_clear_options(context,
                        SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, HC_TLS_READ_AHEAD);
  SSL_CTX_set_client_cert_cb(context, note_request);
  SSL_CTX_set_msg_callback(context, count_pieces);
  if (o->require_ocsp) SSL_CTX_set_tlsext_status_cb(context, hc_tls_ocsp_callback);
  set_sessions(o);
}

/* lower_security comes behind the ciphers, whose level is compared with that which stands
 * before. */
static hc_error fill_tls_context(hc_tls_options *o, const hc_tls_settings *s, hc_failure *why) {
  hc_error error = !s ? HC_OK : load_crls(o, s->crl_file, why);
  if (error == HC_OK) error = set_given_store(o, why);
  if (error == HC_OK) error = set_versions(o, s, why);
  if (error == HC_OK) error = set_alpn(o, why);
  if (error == HC_OK && s) error = set_ciphers(o, s->ciphers, why);
  if (error == HC_OK && s) error = set_client_certificate(o, s, why);
  if (error == HC_OK && s) error = open_keylog(o, s->keylog_file, why);
  if (error == HC_OK && !set_verification(o)) error = no_memory_tls_context(why);
  if (error != HC_OK) return error;
  if (s && s->post_handshake_auth) SSL_CTX_set_post_handshake_auth(o->context->handle, 1);
  if (s && s->legacy_renegotiation)
    SSL_CTX_set_options(o->context->handle, SSL_OP_LEGACY_SERVER_CONNECT);
  lower_security(o);
  set_behaviour(o);
  return HC_OK;
}

/* The method of our BIO is one for each context: it must live as long as any SSL of it. */
static hc_error make_tls_context(hc_tls_options *o, const hc_tls_settings *settings,
                                 hc_failure *why) {
  hc_tls_context *context = o->context = hc_memory_allocate_zeroed(1, sizeof *context);
  if (!context) return no_memory_tls_context(why);
  context->bio_method = hc_tls_bio_method_new();
  context->handle = !context->bio_method ? NULL : SSL_CTX_new(TLS_client_method());
  return context->handle ? fill_tls_context(o, settings, why) : no_memory_tls_context(why);
}

/* A context that is half made is of no use: it goes again, and the options are as before. What a
 * host's own use of OpenSSL has left in the queue must not be taken for an error of ours. */
hc_error hc_tls_context_make(hc_tls_options *o, const hc_tls_settings *settings, hc_failure *why) {
  hc_openssl_begin();
  ERR_clear_error();
  hc_error error = make_tls_context(o, settings, why);
  if (error != HC_OK) {
    hc_tls_context_free(o->context);
    o->context = NULL;
  }
  ERR_clear_error();
  return error;
}

/* The store is counted up. Handshakes under way verify by whichever store stands here when they
 * come to that. */
void hc_tls_context_trust(hc_tls_context *context, hc_tls_anchors *anchors) {
  SSL_CTX_set1_cert_store(context->handle, hc_tls_x509_store(anchors));
}

/* SSLs that are still alive have their own references to the SSL_CTX, but not to our method:
 * connections hold the options for that. */
void hc_tls_context_free(hc_tls_context *context) {
  if (!context) return;
  SSL_CTX_free(context->handle);
  BIO_meth_free(context->bio_method);
  sk_X509_CRL_pop_free(context->crls, X509_CRL_free);
  hc_memory_release(context);
}
