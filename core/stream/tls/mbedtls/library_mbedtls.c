/* library_mbedtls.c - mbedTLS as a whole: its errors, its PEM blocks and keys, and authorities as
 * its lists of certificates. The other files here stand on it. */
#include "mbedtls_internal.h"

#include <mbedtls/error.h>
#include <mbedtls/pem.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000 && defined(MBEDTLS_PSA_CRYPTO_C)
#include <psa/crypto.h>
#endif
#include <stdio.h>
#include <string.h>

#include "../../../base/memory.h"
#include "../../../platform/entropy.h"

/* Where distributions keep all authorities in one file. */
static const char *const authority_files[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian */
    "/etc/pki/tls/certs/ca-bundle.crt", /* Fedora */
    "/etc/ssl/ca-bundle.pem", /* openSUSE */
    "/etc/ssl/cert.pem", /* Alpine, BSDs, macOS */
};

/* --- the library */

/* OpenSSL can be another one than was compiled against; mbedTLS changes its name with each
 * incompatible version (SONAME), so the loader has checked already. */
hc_error hc_tls_check(hc_failure *why) {
  (void)why;
  return HC_OK;
}

const char *hc_tls_openssl_version(void) { return NULL; }
const char *hc_tls_mbedtls_version(void) { return MBEDTLS_VERSION_STRING; }

void hc_tls_library_begin(void (*at_end)(void)) {
  (void)at_end; /* it has nothing that would be taken down */
#if MBEDTLS_VERSION_NUMBER >= 0x03000000 && defined(MBEDTLS_PSA_CRYPTO_C)
  (void)psa_crypto_init(); /* TLS 1.3 is built on it */
#endif
}

/* Nothing of it takes time at first, and nothing is kept for each thread. */
void hc_tls_library_warm_up(void) {}
void hc_tls_library_leave(void) {}

/* The system's bytes and no generator of mbedTLS's own: one would have to be seeded again in the
 * child of a fork, and locked. */
int hc_mbedtls_random(void *unused, unsigned char *into, size_t size) {
  (void)unused;
  return hc_entropy_get(into, size) ? 0 : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

/* An error is the sum of one of a lower and one of a higher module. */
bool hc_mbedtls_is_memory(int error) {
  int high = -(-error & 0x7F80), low = -(-error & 0x7F);
  return high == MBEDTLS_ERR_SSL_ALLOC_FAILED || high == MBEDTLS_ERR_X509_ALLOC_FAILED ||
         high == MBEDTLS_ERR_PK_ALLOC_FAILED || high == MBEDTLS_ERR_PEM_ALLOC_FAILED ||
         low == MBEDTLS_ERR_MPI_ALLOC_FAILED || low == MBEDTLS_ERR_ASN1_ALLOC_FAILED;
}

/* With mbedTLS's own sentence, in which a user can search. Memory has ours, whichever part of
 * mbedTLS it was that had none. */
hc_error hc_mbedtls_fail(hc_failure *why, hc_error code, const char *what, int error) {
  char reason[128];
  if (hc_mbedtls_is_memory(error)) return hc_failure_out_of_memory(why);
  mbedtls_strerror(error, reason, sizeof reason);
  return hc_failure_set(why, code, "%s: %s", what, reason);
}

/* --- PEM, and keys */

/* Text between the blocks is skipped (RFC 7468 section 2). Behind a broken block nobody can tell
 * where the next one begins, so callers stop there. */
int hc_mbedtls_next_block(const char **at, const char *header, const char *footer,
                          mbedtls_pem_context *block) {
  size_t used = 0;
  mbedtls_pem_init(block);
  const char *begin = strstr(*at, header);
  if (!begin) return 0;
  int error =
      mbedtls_pem_read_buffer(block, header, footer, (const unsigned char *)begin, NULL, 0, &used);
  *at = begin + used;
  if (error == 0 && used > 0) return 1;
  mbedtls_pem_free(block);
  return error != 0 ? error : MBEDTLS_ERR_PEM_INVALID_DATA;
}

/* PEM with its NUL counted in, or DER. Version 3 wants random bytes, to blind what it computes with
 * the private numbers. */
int hc_mbedtls_parse_key(mbedtls_pk_context *pk, const unsigned char *text, size_t size,
                         hc_slice passphrase) {
  const unsigned char *word = passphrase.size > 0 ? (const unsigned char *)passphrase.data : NULL;
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  return mbedtls_pk_parse_key(pk, text, size, word, passphrase.size, hc_mbedtls_random, NULL);
#else
  return mbedtls_pk_parse_key(pk, text, size, word, passphrase.size);
#endif
}

/* --- authorities */

/* The stamp is zero where there is no such file, so one call answers. */
static bool has_authority_file(const char *path) {
  static const hc_pem_file_stamp none = {0};
  hc_pem_file_stamp stamp = hc_pem_file_stamp_of(path);
  return memcmp(&stamp, &none, sizeof none) != 0;
}

/* OpenSSL has its place compiled in by the distribution. mbedTLS has none, so these are tried in
 * turn; where none is there the first one stands in the message. */
const char *hc_tls_default_file(void) {
  size_t count = sizeof authority_files / sizeof *authority_files;
  for (size_t i = 0; i < count; i++)
    if (has_authority_file(authority_files[i])) return authority_files[i];
  return authority_files[0];
}

/* The file has all. */
const char *hc_tls_default_directory(void) { return ""; }

/* One that mbedTLS can't read costs nobody else the connection; only memory stops it. */
bool hc_tls_anchors_add(void *anchors, hc_slice der) {
  hc_tls_anchors *list = anchors;
  int error = hc_mbedtls_parse_certificate(&list->first, (const unsigned char *)der.data, der.size);
  return !hc_mbedtls_is_memory(error);
}

/* What is malformed, or of a kind that mbedTLS does not know, is left out. */
static bool add_pem_authorities(hc_tls_anchors *anchors, const hc_buffer *pem) {
  char *text = hc_memory_copy_text(hc_buffer_head(pem), hc_buffer_size(pem));
  const char *at = text;
  mbedtls_pem_context block;
  bool done = text != NULL;
  while (done && hc_mbedtls_next_block(&at, "-----BEGIN CERTIFICATE-----",
                                       "-----END CERTIFICATE-----", &block) == 1) {
    done = hc_tls_anchors_add(anchors, (hc_slice){(const char *)block.buf, block.buflen});
    mbedtls_pem_free(&block);
  }
  hc_memory_release(text);
  return done;
}

/* A folder of authorities is read whole at once, since mbedTLS does not look up by hashed names as
 * OpenSSL does. */
hc_tls_anchors *hc_tls_anchors_new(const hc_buffer *pem, const char *directory) {
  hc_tls_anchors *anchors = hc_memory_allocate_zeroed(1, sizeof *anchors);
  if (!anchors) return NULL;
  mbedtls_x509_crt_init(&anchors->first);
  bool done = hc_buffer_size(pem) == 0 || add_pem_authorities(anchors, pem);
#if defined(MBEDTLS_FS_IO)
  if (done && directory[0] != '\0')
    done = !hc_mbedtls_is_memory(mbedtls_x509_crt_parse_path(&anchors->first, directory));
#else
  (void)directory;
#endif
  if (done) return anchors;
  hc_tls_anchors_free(anchors);
  return NULL;
}

/* Not counted: contexts have views of it, and hold the store that it belongs to. */
void hc_tls_anchors_free(hc_tls_anchors *anchors) {
  if (!anchors) return;
  mbedtls_x509_crt_free(&anchors->first);
  hc_memory_release(anchors);
}
