/* trust_posix.c - authorities are in files here. See trust.h. */
#include "../system_features.h"

#if defined(__linux__)
#include <sys/auxv.h>
#endif
#include <stdlib.h>
#include <unistd.h>

#include "../trust.h"

bool hc_trust_each(hc_trust_taker take, void *context) {
  (void)take, (void)context;
  return true;
}

static bool has_more_rights(void) {
#if defined(__linux__)
  return getauxval(AT_SECURE) != 0;
#else
  return getuid() != geteuid() || getgid() != getegid();
#endif
}

const char *hc_trust_variable(const char *name) { return has_more_rights() ? NULL : getenv(name); }
