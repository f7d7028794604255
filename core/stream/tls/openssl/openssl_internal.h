/* openssl_internal.h - what the files of the OpenSSL side share: anchors_openssl.c (the library and
 * its authorities), x509_openssl.c, pkcs12_openssl.c, rounds_openssl.c (certificates, keys),
 * context_openssl.c (SSL_CTX), handshake_openssl.c (what one connection asks for),
 * verify_openssl.c, ocsp_openssl.c (is it the right server?), certificate_openssl.c (certificates
 * as text), failure_openssl.c (OpenSSL's errors as sentences), bio_openssl.c, engine_openssl.c (one
 * connection). Only they and core/crypto/openssl/ include OpenSSL.
 *
 * Most of what tls_library.h calls by a name of its own is an object of OpenSSL's here, without
 * anything around it. */
#ifndef HC_OPENSSL_INTERNAL_H
#define HC_OPENSSL_INTERNAL_H

#include <openssl/ssl.h>

/* When a session was made. The older function's time ends in 2038 on some systems, and 3.4 warns of
 * it. */
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
#define HC_SESSION_TIME SSL_SESSION_get_time_ex
#else
#define HC_SESSION_TIME SSL_SESSION_get_time
#endif

#include "../tls_internal.h"

HC_INTERNAL_BEGIN

struct hc_tls_context {
  SSL_CTX *handle;
  BIO_METHOD *bio_method;
  STACK_OF(X509_CRL) * crls; /* NULL: no revocation lists are checked */
};

static inline hc_tls_engine *hc_tls_engine_of(SSL *ssl) { return (hc_tls_engine *)ssl; }
static inline SSL *hc_tls_ssl(hc_tls_engine *e) { return (SSL *)e; }
static inline const SSL *hc_tls_ssl_view(const hc_tls_engine *e) { return (const SSL *)e; }
static inline hc_tls_ticket *hc_tls_ticket_of(SSL_SESSION *s) { return (hc_tls_ticket *)s; }
static inline SSL_SESSION *hc_tls_ssl_session(hc_tls_ticket *t) { return (SSL_SESSION *)t; }
static inline hc_tls_chain *hc_tls_chain_of(STACK_OF(X509) * list) { return (hc_tls_chain *)list; }
static inline const STACK_OF(X509) * hc_tls_x509_list(const hc_tls_chain *chain) {
  return (const STACK_OF(X509) *)chain;
}
static inline hc_tls_key *hc_tls_key_of(EVP_PKEY *key) { return (hc_tls_key *)key; }
/* OpenSSL counts references in a key that it is given. */
static inline EVP_PKEY *hc_tls_pkey(const hc_tls_key *key) { return (EVP_PKEY *)(uintptr_t)key; }
static inline X509_STORE *hc_tls_x509_store(hc_tls_anchors *a) { return (X509_STORE *)a; }

/* --- x509_openssl.c, and rounds_openssl.c for the first */

/* OpenSSL's passphrase callback: without one of our own it would ask on the terminal. `asked`, a
 * bool, becomes true. */
int hc_pem_refuse_passphrase(char *buffer, int size, int writing, void *asked);
/* Why the last PEM read gave nothing: HC_OK, there was no further block; HC_ERR_INVALID_DATA, a
 * broken one; HC_ERR_OUT_OF_MEMORY. Empties the error queue. */
hc_error hc_pem_end(void);

/* --- rounds_openssl.c */

/* Is a passphrase to be hashed more than HC_KEY_ROUNDS_MAX times? False also where that can't be
 * found out. Both empty the error queue. */
bool hc_pem_asks_too_much(hc_slice pem); /* at most INT_MAX bytes */
struct PKCS12_st;
/* All of its parts together. The passphrase has a NUL behind it, and at most INT_MAX bytes. */
bool hc_pkcs12_asks_too_much(const struct PKCS12_st *file, hc_slice passphrase);

/* --- verify_openssl.c, ocsp_openssl.c: on failure handshake->failure says why */

/* For SSL_CTX_set_cert_verify_callback; `unused` is NULL. */
int hc_tls_verify_callback(X509_STORE_CTX *context, void *unused);
/* A resumed handshake shows no certificates: those of the session are verified once more, unless
 * the outcome stands. */
bool hc_tls_verify_resumed(SSL *ssl, hc_tls_handshake *handshake);
/* For SSL_CTX_set_tlsext_status_cb. */
int hc_tls_ocsp_callback(SSL *ssl, void *unused);

/* --- certificate_openssl.c: texts that fit a message */

void hc_tls_name_text(const X509_NAME *name, char text[HC_TLS_NAME_TEXT]); /* "CN=..." */
/* "2024-01-31" */
void hc_tls_date_text(const ASN1_TIME *time, char text[HC_TLS_DATE_TEXT]);
/* "a.example, 127.0.0.1"; "" none */
void hc_tls_subject_names_text(X509 *certificate, char text[HC_TLS_NAME_TEXT]);
/* SHA-256 of the SubjectPublicKeyInfo. False when memory is out. */
bool hc_tls_public_key_digest(X509 *certificate, unsigned char digest[HC_PIN_SIZE]);
hc_error hc_tls_certificate_describe(X509 *certificate, hc_peer_certificate *out, hc_failure *why);

/* --- failure_openssl.c */

/* Empties OpenSSL's queue: did one of its errors say that memory is out? */
bool hc_tls_memory_was_out(void);
/* Records the oldest error of OpenSSL's queue as a sentence behind `what`, and empties the
 * queue. */
hc_error hc_tls_failure_set(hc_failure *failure, hc_error code, const char *what);

/* --- bio_openssl.c */

BIO_METHOD *hc_tls_bio_method_new(void);
/* A BIO over `carrier`, which outlives it. */
BIO *hc_tls_bio_new(const BIO_METHOD *method, hc_tls_carrier *carrier);
static inline hc_tls_carrier *hc_tls_bio_carrier(BIO *bio) { return BIO_get_data(bio); }

HC_INTERNAL_END

#endif
