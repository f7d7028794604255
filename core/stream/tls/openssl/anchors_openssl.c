/* anchors_openssl.c - OpenSSL as a whole, and authorities as its stores.
 *
 * An X509_STORE is counted by OpenSSL itself, with atomic counts: the thread that filled it hands
 * it to any number of contexts on other threads, which only read it. It is never added to once it
 * has been handed over. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "../../../crypto/openssl/begin_openssl.h"
#include "../../../platform/thread.h"
#include "openssl_internal.h"

/* --- the library */

/* There is nothing to lack here: the linker has seen to OpenSSL. */
hc_error hc_tls_check(hc_failure *why) {
  (void)why;
  return HC_OK;
}

const char *hc_tls_openssl_version(void) { return OpenSSL_version(OPENSSL_VERSION_STRING); }
const char *hc_tls_mbedtls_version(void) { return NULL; }

/* A host may end OpenSSL itself, which calls what OPENSSL_atexit was given. The process's end must
 * be waited for earlier: what a thread that is loading adds to that list while it is being called
 * is lost. So atexit comes after OpenSSL's own, for which the cheapest of its beginnings is enough.
 * Where memory is out, only the end at the very moment of a load goes wrong.
 *
 * Where the threads have gone by then, there is nobody to wait for: see begin_openssl.h. */
void hc_tls_library_begin(void (*at_end)(void)) {
  hc_openssl_begin();
  if (!hc_thread_outlives_exit()) return;
  (void)OPENSSL_atexit(at_end);
  if (OPENSSL_init_crypto(OPENSSL_INIT_ATFORK, NULL) == 1) (void)atexit(at_end);
}

/* What a first connection would do for the first time: OpenSSL looks its algorithms up then. */
void hc_tls_library_warm_up(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl = !context ? NULL : SSL_new(context);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  if (ssl && in && out) {
    SSL_set_bio(ssl, in, out); /* takes them over */
    SSL_set_connect_state(ssl);
    (void)SSL_do_handshake(ssl);
  } else {
    BIO_free(in);
    BIO_free(out);
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  ERR_clear_error();
}

/* OpenSSL keeps tables for each thread, and frees them by a destructor when the thread ends. By
 * then a host may have unloaded what that destructor is in. */
void hc_tls_library_leave(void) { OPENSSL_thread_stop(); }

/* --- authorities */

/* The distribution has compiled these in, so they are right for the system where OpenSSL is the
 * system's. */
const char *hc_tls_default_file(void) { return X509_get_default_cert_file(); }
const char *hc_tls_default_directory(void) { return X509_get_default_cert_dir(); }

/* A file of authorities has comments, other blocks and now and then a revocation list between its
 * certificates; PEM_X509_INFO_read_bio takes all of that as it comes. An encrypted block would have
 * OpenSSL ask for a passphrase on the terminal. A certificate that is there twice is taken as
 * added. */
static bool add_pem(X509_STORE *store, const hc_buffer *text) {
  bool asked = false, done = true;
  /* its limit is far under INT_MAX */
  BIO *bio = BIO_new_mem_buf(hc_buffer_head(text), (int)hc_buffer_size(text));
  if (!bio) return false;
  STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio(bio, NULL, hc_pem_refuse_passphrase, &asked);
  BIO_free(bio);
  /* a malformed file gives nothing, as ever with OpenSSL */
  if (!all) return !hc_tls_memory_was_out();
  for (int i = 0; done && i < sk_X509_INFO_num(all); i++) {
    const X509_INFO *info = sk_X509_INFO_value(all, i);
    if (info->x509) done = X509_STORE_add_cert(store, info->x509) == 1;
    if (done && info->crl) done = X509_STORE_add_crl(store, info->crl) == 1;
  }
  sk_X509_INFO_pop_free(all, X509_INFO_free);
  return done;
}

/* Windows's store holds certificates that OpenSSL can't decode (odd versions, broken extensions).
 * One of those costs nobody else the connection: it is skipped, and only a lack of memory stops the
 * walk. */
bool hc_tls_anchors_add(void *anchors, hc_slice der) {
  const unsigned char *at = (const unsigned char *)der.data;
  X509 *certificate = der.size > LONG_MAX ? NULL : d2i_X509(NULL, &at, (long)der.size);
  bool done = certificate ? X509_STORE_add_cert(hc_tls_x509_store(anchors), certificate) == 1
                          : !hc_tls_memory_was_out();
  X509_free(certificate);
  ERR_clear_error();
  return done;
}

/* The directory's certificates are looked up one by one, when a chain asks for them. */
hc_tls_anchors *hc_tls_anchors_new(const hc_buffer *pem, const char *directory) {
  X509_STORE *store = X509_STORE_new();
  X509_LOOKUP *lookup = !store ? NULL : X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
  bool done = lookup != NULL;
  /* an empty name is none */
  if (done) (void)X509_LOOKUP_add_dir(lookup, directory, X509_FILETYPE_PEM);
  if (done && hc_buffer_size(pem) > 0) done = add_pem(store, pem);
  ERR_clear_error();
  if (done) return (hc_tls_anchors *)store;
  X509_STORE_free(store);
  return NULL;
}

/* Counted down: contexts that verify by it hold it too. */
void hc_tls_anchors_free(hc_tls_anchors *anchors) { X509_STORE_free((X509_STORE *)anchors); }
