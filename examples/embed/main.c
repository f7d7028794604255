/* main.c - a host program: embeds Lua, links the client in, and runs a script that can
 * require("httpclient").
 *
 *   make -C examples/embed LUA=lua5.4 host
 *   examples/embed/host examples/embed/script.lua [ARGUMENT...] */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

/* The C half of the module, out of libhttpclient_lua.a. */
int luaopen_httpclient_core(lua_State *L);

/* Lua 5.2 and later have luaL_requiref; on 5.1 the opener goes into package.preload by hand. */
static void preload_core(lua_State *L) {
#if LUA_VERSION_NUM >= 502
  luaL_requiref(L, "httpclient.core", luaopen_httpclient_core, 0);
  lua_pop(L, 1);
#else
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_httpclient_core);
  lua_setfield(L, -2, "httpclient.core");
  lua_pop(L, 2);
#endif
}

static void set_arguments(lua_State *L, int argc, char **argv) {
  lua_newtable(L);
  for (int i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setglobal(L, "arg");
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: host SCRIPT [ARGUMENT...]\n");
    return 2;
  }
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  luaL_openlibs(L);
  preload_core(L);
  set_arguments(L, argc, argv);
  /* The Lua half (lua/httpclient) is found through package.path; a host can ship it in any way it
   * likes. */
  int failed = luaL_loadfile(L, argv[1]) || lua_pcall(L, 0, 0, 0);
  if (failed) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  lua_close(L);
  return failed ? 1 : 0;
}
