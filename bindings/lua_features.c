/* lua_features.c - what the build has: a script asks before it relies on HTTP/2, a coding or a TLS
 * option, since each of the libraries behind them may have been left out. */
#include "../core/features/features.h"
#include "../core/platform/system_name.h"
#include "lua_binding.h"

/* Some libraries tell their version as a text, others as a number of 8, 12 and 12 bits. It is the
 * one that is loaded, where the library can tell. false: this build is without it. */
static void push_version(lua_State *L, const hc_feature *feature) {
  if (feature->version && feature->version()) {
    lua_pushstring(L, feature->version());
  } else if (feature->number) {
    uint32_t number = feature->number();
    lua_pushfstring(L, "%d.%d.%d", (int)(number >> 24), (int)(number >> 12 & 0xfff),
                    (int)(number & 0xfff));
  } else {
    lua_pushboolean(L, 0);
  }
}

/* features() -> table: library -> its version, or false; and the platform */
int hcl_features(lua_State *L) {
  lua_newtable(L);
  for (const hc_feature *feature = hc_features(); feature->name; feature++) {
    push_version(L, feature);
    lua_setfield(L, -2, feature->name);
  }
  lua_pushliteral(L, HC_SYSTEM_NAME);
  lua_setfield(L, -2, "platform");
  return 1;
}
