/* lua_features.c - what the build has. */
#include "../core/features/features.h"
#include "../core/platform/system_name.h"
#include "lua_binding.h"

static void set_version_features(lua_State *L, const char *name, const char *version) {
  if (version) lua_pushstring(L, version);
  else lua_pushboolean(L, 0);
  lua_setfield(L, -2, name);
}

/* features() -> table: library -> its version, or false; and the platform */
int hcl_features(lua_State *L) {
  lua_newtable(L);
  for (const hc_feature *feature = hc_features(); feature->name; feature++)
    set_version_features(L, feature->name, feature->version ? feature->version() : NULL);
  lua_pushliteral(L, HC_SYSTEM_NAME);
  lua_setfield(L, -2, "platform");
  return 1;
}
