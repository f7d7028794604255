/* digest.h - digests and HMACs of bytes in memory, by OpenSSL and under its names. */
#ifndef HC_DIGEST_H
#define HC_DIGEST_H

#include <stddef.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

#define HC_DIGEST_MAX 64  /* EVP_MAX_MD_SIZE */

/* `out` has room for HC_DIGEST_MAX bytes; *size of them are written. HC_ERR_INVALID_PARAMETER for
 * an algorithm that this OpenSSL does not have, or that does not fit; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_digest(const char *algorithm, hc_slice data, unsigned char *out, size_t *size,
                   hc_failure *why);
hc_error hc_hmac(const char *algorithm, hc_slice key, hc_slice data, unsigned char *out,
                 size_t *size, hc_failure *why);

HC_INTERNAL_END

#endif
