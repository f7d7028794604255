/* begin_openssl.c - see begin_openssl.h. */
#include "begin_openssl.h"

#include <openssl/crypto.h>

#include "../../platform/thread.h"

static void begin_openssl(void) {
  if (!hc_thread_outlives_exit()) (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

void hc_openssl_begin(void) {
  static hc_once begun = HC_ONCE;
  hc_once_do(&begun, begin_openssl);
}
