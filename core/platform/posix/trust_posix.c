/* trust_posix.c - authorities are in files here. See trust.h.
 *
 * The environment is another's in a program that runs with more rights than its user (set-user-id):
 * SSL_CERT_FILE could then name authorities of that user's own. */
#include "../system_features.h"

#if defined(__linux__)
#include <sys/auxv.h>
#endif
#include <stdlib.h>
#include <unistd.h>

#include "../trust.h"

/* There is nothing to give, and that is no failure: tls_store.c reads the bundle. */
bool hc_trust_each(hc_trust_taker take, void *context) {
  (void)take, (void)context;
  return true;
}

/* AT_SECURE knows of capabilities and security modules as well, as glibc's secure_getenv does. */
static bool has_more_rights(void) {
#if defined(__linux__)
  return getauxval(AT_SECURE) != 0;
#else
  return getuid() != geteuid() || getgid() != getegid();
#endif
}

const char *hc_trust_variable(const char *name) { return has_more_rights() ? NULL : getenv(name); }
