/* digest.h - digests and HMACs of bytes in memory, by OpenSSL where the build has it and by code of
 * our own elsewhere. The names are OpenSSL's in both.
 *
 * Digest authentication (http/digest_auth.c) and what a script asks for by name are all that needs
 * these; TLS brings its own. Everything is given at once and nothing is kept between two calls. Any
 * thread may call them. */
#ifndef HC_DIGEST_H
#define HC_DIGEST_H

#include <stddef.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

#define HC_DIGEST_MAX 64  /* EVP_MAX_MD_SIZE */

/* The algorithm goes by OpenSSL's name in any case ("SHA256", "SHA2-256", "SHA-512/256"), whatever
 * library is behind it, so that a script runs the same on every build. `out` has room for
 * HC_DIGEST_MAX bytes; *size of them are written, raw and not hex, and *size is 0 behind a failure.
 * HC_ERR_INVALID_PARAMETER for an algorithm that this build does not have, or that does not fit;
 * HC_ERR_OUT_OF_MEMORY. `why` may be NULL. */
hc_error hc_digest(const char *algorithm, hc_slice data, unsigned char *out, size_t *size,
                   hc_failure *why);
/* A key of no bytes is a key like any other, and one that is longer than the digest's block is
 * hashed first (RFC 2104 section 2). */
hc_error hc_hmac(const char *algorithm, hc_slice key, hc_slice data, unsigned char *out,
                 size_t *size, hc_failure *why);

HC_INTERNAL_END

#endif
