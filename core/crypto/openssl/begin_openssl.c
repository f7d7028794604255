/* begin_openssl.c - see begin_openssl.h. */
#include "begin_openssl.h"

#include <openssl/crypto.h>

#include "../../platform/thread.h"

/* OpenSSL knows by itself what it has done already. What it keeps for each thread it frees when the
 * thread ends; linked into this code, on Windows, it does not hear of that. */
void hc_openssl_begin(void) {
  if (hc_thread_outlives_exit()) return;
  (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
  hc_thread_at_end(OPENSSL_thread_stop);
}
