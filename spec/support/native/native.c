/* native.c - the spec_native module, and what its files need of Lua in all five versions. */
#define _GNU_SOURCE /* glibc declares dladdr only then */
#include "native.h"

#include <dlfcn.h>

#include <string.h>

/* What can't be opened is a program that this is linked into, as the C tests are, and stays anyway.
 */
bool sn_stay_loaded(void) {
  static const char here = 0;
  Dl_info where;
  if (dladdr(&here, &where) == 0) return false;
  (void)dlopen(where.dli_fname, RTLD_NOW | RTLD_NODELETE);
  return true;
}

void sn_set_functions(lua_State *L, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}

void sn_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  sn_set_functions(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

void *sn_object(lua_State *L, const char *name, size_t size) {
  void *object = lua_newuserdata(L, size);
  memset(object, 0, size);
  luaL_getmetatable(L, name);
  lua_setmetatable(L, -2);
  return object;
}

void *sn_test_object(lua_State *L, int index, const char *name) {
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, name);
  bool same = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  return same ? lua_touserdata(L, index) : NULL;
}

int sn_fail(lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

double sn_opt_seconds(lua_State *L, int arg) { return luaL_optnumber(L, arg, SN_DEFAULT_SECONDS); }

const char *sn_field_text(lua_State *L, int index, const char *name, size_t *size) {
  size_t ignored;
  if (!size) size = &ignored;
  *size = 0;
  lua_getfield(L, index, name);
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "option '%s' must be a string", name);
  const char *text = lua_tolstring(L, -1, size);
  lua_pop(L, 1);
  return text;
}

double sn_field_number(lua_State *L, int index, const char *name, double fallback) {
  lua_getfield(L, index, name);
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TNUMBER)
    luaL_error(L, "option '%s' must be a number", name);
  double number = lua_isnil(L, -1) ? fallback : (double)lua_tonumber(L, -1);
  lua_pop(L, 1);
  return number;
}

bool sn_field_true(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  bool is_true = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return is_true;
}

int luaopen_spec_native(lua_State *L);

__attribute__((visibility("default"))) int luaopen_spec_native(lua_State *L) {
  (void)sn_stay_loaded(); /* finalizers that others make objects in come late in LuaJIT */
  lua_newtable(L);
  sn_open_sockets(L);
  sn_open_tls(L);
  sn_open_script(L);
  sn_open_process(L);
  sn_open_system(L);
  sn_open_certificates(L);
  sn_open_starve(L);
  sn_open_crypto(L);
  sn_open_udp(L);
  return 1;
}
