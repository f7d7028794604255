/* digest_openssl.c - see digest.h.
 *
 * OpenSSL's queue of errors belongs to the thread, and so to whatever else uses OpenSSL in it: what
 * fails here leaves nothing in it.
 *
 * Marks in place of ERR_clear_error keep even what the host itself had left in the queue. An
 * algorithm is fetched anew at each call: for a handful of short texts a request that is cheap
 * beside a table of our own, and the host's providers (FIPS, legacy) have their say. */
#include "../digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "begin_openssl.h"

_Static_assert(HC_DIGEST_MAX >= EVP_MAX_MD_SIZE, "room for any digest");

/* The name comes from a script or from a server's challenge, and is cut so that the sentence fits.
 * That memory was out is told by the same code: the caller can do no more about one than about the
 * other. */
static hc_error refuse_digest(hc_failure *why, const char *what, const char *algorithm) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "OpenSSL has no %s with '%.40s'", what,
                        algorithm);
}

hc_error hc_digest(const char *algorithm, hc_slice data, unsigned char *out, size_t *size,
                   hc_failure *why) {
  unsigned written = 0;
  hc_openssl_begin();
  ERR_set_mark();
  EVP_MD *digest = EVP_MD_fetch(NULL, algorithm, NULL);
  int made = digest && EVP_Digest(data.data, data.size, out, &written, digest, NULL);
  EVP_MD_free(digest);
  ERR_pop_to_mark();
  *size = written;
  return made ? HC_OK : refuse_digest(why, "digest", algorithm);
}

hc_error hc_hmac(const char *algorithm, hc_slice key, hc_slice data, unsigned char *out,
                 size_t *size, hc_failure *why) {
  /* Without a key that is there, even of no bytes, OpenSSL takes the MAC for one without a key. */
  const void *bytes = key.size > 0 ? key.data : "";
  hc_openssl_begin();
  ERR_set_mark();
  unsigned char *made =
      EVP_Q_mac(NULL, "HMAC", NULL, algorithm, NULL, bytes, key.size,
                (const unsigned char *)data.data, data.size, out, HC_DIGEST_MAX, size);
  ERR_pop_to_mark();
  return made ? HC_OK : refuse_digest(why, "HMAC", algorithm);
}
