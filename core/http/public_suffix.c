/* public_suffix.c - the list is built into the library, so asking takes no memory and no file. See
 * public_suffix.h. */
#include "public_suffix.h"

#ifdef HC_WITH_LIBPSL
#include <libpsl.h>

const char *hc_psl_version(void) { return psl_get_version(); }

/* A libpsl can be built without a list of its own (psl_builtin is NULL then). Nothing is known here
 * in that case, as in a build without libpsl. */
bool hc_is_public_suffix(const char *domain) {
  const psl_ctx_t *list = psl_builtin();
  return list && psl_is_public_suffix(list, domain);
}

#else
#include <stddef.h>

const char *hc_psl_version(void) { return NULL; }

bool hc_is_public_suffix(const char *domain) {
  (void)domain;
  return false;
}
#endif
