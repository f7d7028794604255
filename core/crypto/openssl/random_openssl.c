/* random_openssl.c - see random.h.
 *
 * OpenSSL's generator seeds itself, and anew in the child of a fork. RAND_bytes takes its count as
 * an int: more than that at once is refused rather than cut, and nobody asks for a thousandth of
 * it. */
#include "../random.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "begin_openssl.h"

hc_error hc_random_bytes(void *into, size_t size) {
  if (size > INT_MAX) return HC_ERR_UNAVAILABLE;
  hc_openssl_begin();
  ERR_set_mark();
  int made = RAND_bytes(into, (int)size);
  ERR_pop_to_mark();
  return made == 1 ? HC_OK : HC_ERR_UNAVAILABLE;
}
