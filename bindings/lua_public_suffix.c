/* lua_public_suffix.c - which domains belong to nobody (publicsuffix.org), for the cookies of the Lua
 * half. libpsl has the list; a build without it knows none. */
#include "lua_binding.h"

#ifdef HC_WITH_LIBPSL
#include <libpsl.h>

/* The list is built into the library, so asking takes no memory and no file. */
static bool is_public_suffix(const char *domain) {
  const psl_ctx_t *list = psl_builtin();
  return list && psl_is_public_suffix(list, domain);
}

const char *hcl_libpsl_version(void) { return psl_get_version(); }
#else
static bool is_public_suffix(const char *domain) {
  (void)domain;
  return false;
}

const char *hcl_libpsl_version(void) { return NULL; }
#endif

int hcl_is_public_suffix(lua_State *L) {
  lua_pushboolean(L, is_public_suffix(hcl_check_string(L, 1).data));
  return 1;
}
