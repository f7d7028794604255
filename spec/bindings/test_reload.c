/* test_reload.c - the module as a shared object, loaded and unloaded again and again: several Lua
 * states of one thread use it, and are closed in any order, with clients, lookups and tasks under
 * way in each. See reload.lua. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "../core/check.h"

#define STATES 3

int luaopen_spec_native(lua_State *L);

static void set_field(lua_State *L, const char *name, const char *text) {
  lua_getglobal(L, "package");
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Where the module stands beside this program, Lua's own loader finds it, and lets it go again when
 * the state is closed. */
static lua_State *open_state(const char *cpath) {
  lua_State *L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_spec_native);
  lua_setfield(L, -2, "spec_native");
  lua_pop(L, 2);
  set_field(L, "path", "lua/?.lua;lua/?/init.lua;?.lua");
  set_field(L, "cpath", cpath);
  int status = luaL_loadfile(L, "spec/bindings/reload.lua");
  if (status == 0) status = lua_pcall(L, 0, 0, 0);
  CHECK_CASE(status == 0 ? "a state" : lua_tostring(L, -1), status == 0);
  return L;
}

static void go_on(lua_State *L) {
  lua_getglobal(L, "go_on");
  int status = lua_pcall(L, 0, 0, 0);
  CHECK_CASE(status == 0 ? "another one goes on" : lua_tostring(L, -1), status == 0);
}

int main(int count, char **arguments) {
  static const int orders[][STATES] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}};
  char cpath[512] = "./?.so";
  const char *end = count > 0 ? strrchr(arguments[0], '/') : NULL;
  if (end) snprintf(cpath, sizeof cpath, "%.*s/?.so", (int)(end - arguments[0]), arguments[0]);
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    lua_State *states[STATES];
    for (int s = 0; s < STATES; s++) states[s] = open_state(cpath);
    for (int s = 0; s < STATES; s++) {
      lua_close(states[orders[i][s]]);
      for (int other = s + 1; other < STATES; other++) go_on(states[orders[i][other]]);
    }
  }
  return check_report();
}
