/* failure_openssl.c - OpenSSL's errors as sentences. Every way out leaves the thread's error queue
 * empty: a host that uses OpenSSL itself must not find our errors in it.
 *
 * The queue holds the oldest error first. OpenSSL 3 wraps one in others on its way up, so the
 * oldest is the cause, while a shortage of memory may stand anywhere. */
#include <openssl/err.h>

#include "openssl_internal.h"

/* The whole queue is read, since that empties it, and the shortage may stand anywhere in it. */
bool hc_tls_memory_was_out(void) {
  bool found = false;
  for (unsigned long error; (error = ERR_get_error()) != 0;) {
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) found = true;
  }
  return found;
}

/* The reason is a constant of OpenSSL's, so it may be read before the queue is emptied. */
hc_error hc_tls_failure_set(hc_failure *failure, hc_error code, const char *what) {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  if (hc_tls_memory_was_out()) return hc_failure_out_of_memory(failure);
  return hc_failure_set(failure, code, "%s: %s", what, !reason ? "unknown reason" : reason);
}
