/* lua_compat.h - one Lua C API for Lua 5.1 to 5.4 and LuaJIT: the names of 5.2 on 5.1, and what
 * differs everywhere. */
#ifndef HCL_COMPAT_H
#define HCL_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The one function that the module shows. */
#if defined(_WIN32)
#define HCL_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define HCL_EXPORT __attribute__((visibility("default")))
#else
#define HCL_EXPORT
#endif

#include "../core/base/internal.h"

HC_INTERNAL_BEGIN

#if LUA_VERSION_NUM < 502
/* LuaJIT has some of these itself; one set for both keeps the two builds alike. */
#define lua_absindex hcl_absindex
#define lua_rawlen lua_objlen
#define luaL_setfuncs hcl_setfuncs
#define luaL_testudata hcl_testudata
#define luaL_tolstring hcl_tolstring
int hcl_absindex(lua_State *L, int index);
void hcl_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues);
void *hcl_testudata(lua_State *L, int index, const char *name);
const char *hcl_tolstring(lua_State *L, int index, size_t *size);
#endif

/* lua_rawget, and the type of what it pushed. */
static inline int hcl_rawget(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 503
  return lua_rawget(L, index);
#else
  lua_rawget(L, index);
  return lua_type(L, -1);
#endif
}

/* The anchor of a userdata: one table that keeps Lua values alive with it (user value, or
 * environment on 5.1). set pops the table from the stack; get pushes it, or nil when there is none.
 * init makes it so that there is none, before the userdata gets its metatable, which is on top of
 * the stack. */
void hcl_init_anchor(lua_State *L, int userdata);
void hcl_set_anchor(lua_State *L, int userdata);
void hcl_get_anchor(lua_State *L, int userdata);

/* The number at `index` as an integer. False for other types (strings too) and for numbers without
 * integer value. */
bool hcl_to_integer(lua_State *L, int index, int64_t *value);
/* As an integer where Lua has them, else as a float, exact up to 2^53. */
void hcl_push_integer(lua_State *L, int64_t value);

/* Does this interpreter's pairs() honour __pairs? LuaJIT decides that when it is built, so it is
 * tried. */
bool hcl_pairs_has_metamethod(lua_State *L);

/* The FILE of what luaL_testudata(LUA_FILEHANDLE) has found; NULL once it is closed. */
FILE *hcl_file_of(void *object);

/* Gives the script's hooks their chance, and with them the interpreter's Ctrl-C, which sets one
 * that raises. They can do whatever a script can. In plain Lua a coroutine has hooks of its own. */
void hcl_run_hooks(lua_State *L);

/* Calls function(L) with `context` as a light userdata argument; nothing, not even the push, can
 * throw out of it. 0; Lua's status with the error object pushed; or -1 with nothing pushed when
 * there is no stack left. */
int hcl_call_protected(lua_State *L, lua_CFunction function, void *context);

HC_INTERNAL_END

#endif
