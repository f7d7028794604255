/* begin_openssl.c - see begin_openssl.h. */
#include "begin_openssl.h"

#include <openssl/crypto.h>

#include "../../platform/thread.h"

/* OpenSSL knows by itself what it has done already. */
void hc_openssl_begin(void) {
  if (!hc_thread_outlives_exit()) (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
