/* lua_compat.c - one Lua C API for five interpreters. See lua_compat.h.
 *
 * The other files are written for Lua 5.2's API. What 5.1 lacks of it is made here out of what
 * there is; what no version has (an anchor, a protected call that can't throw, the hooks' chance)
 * is made for all of them. Nothing of HTTP is known here, and no class. */
#include "lua_compat.h"

#if LUA_VERSION_NUM < 502

/* Pseudo-indices are below LUA_REGISTRYINDEX, upvalues among them, and are absolute already. */
int hcl_absindex(lua_State *L, int index) {
  return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

/* As 5.2 has it: each function gets copies of the upvalues on the top, and these are popped at the
 * end. */
void hcl_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues) {
  luaL_checkstack(L, upvalues + 1, "too many upvalues");
  for (; functions->name; functions++) {
    for (int i = 0; i < upvalues; i++) lua_pushvalue(L, -upvalues);
    lua_pushcclosure(L, functions->func, upvalues);
    lua_setfield(L, -(upvalues + 2), functions->name);
  }
  lua_pop(L, upvalues);
}

/* Also for a value that is no userdata at all: lua_touserdata gives NULL then, and nothing was
 * pushed. A light userdata has no metatable of ours, so it is none either. */
void *hcl_testudata(lua_State *L, int index, const char *name) {
  void *object = lua_touserdata(L, index);
  if (!object || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, name);
  if (!lua_rawequal(L, -1, -2)) object = NULL;
  lua_pop(L, 2);
  return object;
}

/* In the form of print. */
static void push_text_of(lua_State *L, int index) {
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
  case LUA_TSTRING: lua_pushvalue(L, index); break;
  case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); break;
  case LUA_TNIL: lua_pushliteral(L, "nil"); break;
  default: lua_pushfstring(L, "%s: %p", luaL_typename(L, index), lua_topointer(L, index)); break;
  }
}

/* A __tostring that gives no string yields NULL, or the text of a number; later versions raise. */
const char *hcl_tolstring(lua_State *L, int index, size_t *size) {
  index = lua_absindex(L, index);
  if (!luaL_callmeta(L, index, "__tostring")) push_text_of(L, index);
  return lua_tolstring(L, -1, size);
}

#endif

#if LUA_VERSION_NUM < 502
/* Every userdata of 5.1 has an environment, first that of the running function. The metatable
 * stands for "none". */
void hcl_init_anchor(lua_State *L, int userdata) {
  userdata = lua_absindex(L, userdata);
  lua_pushvalue(L, -1);
  lua_setfenv(L, userdata);
}

/* Nothing else uses the environment of a userdata, and no C function inherits it. */
void hcl_set_anchor(lua_State *L, int userdata) { lua_setfenv(L, userdata); }

/* The environment is the anchor, unless it is the metatable, which init has put there for
 * "none". */
void hcl_get_anchor(lua_State *L, int userdata) {
  lua_getfenv(L, userdata);
  if (!lua_getmetatable(L, userdata < 0 ? userdata - 1 : userdata)) return;
  bool none = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 1);
  if (!none) return;
  lua_pop(L, 1);
  lua_pushnil(L);
}
#else
void hcl_init_anchor(lua_State *L, int userdata) { (void)L, (void)userdata; }

#if LUA_VERSION_NUM >= 504
void hcl_set_anchor(lua_State *L, int userdata) { (void)lua_setiuservalue(L, userdata, 1); }
#else
void hcl_set_anchor(lua_State *L, int userdata) { lua_setuservalue(L, userdata); }
#endif

/* The user value, nil until one is set. Older versions have one for each userdata, 5.4 has the
 * first of several. */
void hcl_get_anchor(lua_State *L, int userdata) {
#if LUA_VERSION_NUM >= 504
  (void)lua_getiuservalue(L, userdata, 1);
#else
  lua_getuservalue(L, userdata);
#endif
}
#endif

/* From 5.2 on a closed file keeps its pointer, and closef alone tells. 5.1 and LuaJIT set the
 * pointer to NULL; LuaJIT has a type behind it, which is not looked at. */
FILE *hcl_file_of(void *object) {
#if LUA_VERSION_NUM >= 502
  if (!((luaL_Stream *)object)->closef) return NULL;
#endif
  return *(FILE **)object;
}

/* The type is asked first, since lua_tonumber would take a string. From 5.3 on an integer beyond
 * 2^53 must not go by way of a double, which would round it. */
bool hcl_to_integer(lua_State *L, int index, int64_t *value) {
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, index)) {
    *value = lua_tointeger(L, index);
    return true;
  }
#endif
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  double number = (double)lua_tonumber(L, index);
  /* -2^63 and 2^63 are exact doubles; the comparison is false for NaN. */
  if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0)) return false;
  *value = (int64_t)number;
  return (double)*value == number;
}

/* A double is exact up to 2^53: sizes and counts of bytes stay below that. */
void hcl_push_integer(lua_State *L, int64_t value) {
#if LUA_VERSION_NUM >= 503
  lua_pushinteger(L, (lua_Integer)value);
#else
  lua_pushnumber(L, (lua_Number)value);
#endif
}

/* Notes in the table that it was called; returning nothing ends the loop that nobody runs. */
static int probe_pairs(lua_State *L) {
  lua_pushboolean(L, 1);
  lua_setfield(L, lua_upvalueindex(1), "called");
  return 0;
}

/* A script may have put a pairs of its own into the globals, and that is the one whose answer
 * counts: it is the one that will be called. It may raise, hence the protected call; the table is
 * thrown away. */
bool hcl_pairs_has_metamethod(lua_State *L) {
  int top = lua_gettop(L);
  lua_getglobal(L, "pairs");
  if (!lua_isfunction(L, -1)) {
    lua_settop(L, top);
    return LUA_VERSION_NUM >= 502;
  }
  lua_newtable(L); /* the table to walk, its own metatable */
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, probe_pairs, 1);
  lua_setfield(L, -2, "__pairs");
  lua_pushvalue(L, -1);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_insert(L, -3);
  bool called = false;
  if (lua_pcall(L, 1, 0, 0) == 0) {
    lua_getfield(L, -1, "called");
    called = lua_toboolean(L, -1) != 0;
  }
  lua_settop(L, top);
  return called;
}

/* In a C function of its own, so that the call hook has something to be called for. */
static int do_nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* A count of instructions alone does not go on here, but the interpreters' handlers ask for calls
 * as well. */
void hcl_run_hooks(lua_State *L) {
  lua_pushcfunction(L, do_nothing);
  lua_call(L, 0, 0);
}

/* For callers in the middle of the core, over whose frames nothing may jump. LUA_MINSTACK is what a
 * C function is promised, and the core may have been entered with most of it in use: so the room is
 * asked for, and not with luaL_checkstack, which throws. */
int hcl_call_protected(lua_State *L, lua_CFunction function, void *context) {
#if LUA_VERSION_NUM < 502
  /* Here pushing a C function allocates, so the push must be inside too. */
  return lua_cpcall(L, function, context);
#else
  if (!lua_checkstack(L, 4)) return -1;
  lua_pushcfunction(L, function);
  lua_pushlightuserdata(L, context);
  return lua_pcall(L, 1, 0, 0);
#endif
}
