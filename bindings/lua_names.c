/* lua_names.c - what messages call the functions of the module. luaL_argerror asks how a function
 * was reached: through a field it is "?" in most Luas, and so it is in a pcall. Here each is
 * remembered by the name that it was registered with.
 *
 * A message that names the method, and says where a dot should have been a colon, is what a
 * newcomer reads most of this library. It costs nothing before there is an error. */
#include <string.h>

#include "lua_binding.h"

/* function or class table -> its text; weak, so that a module loaded anew leaves nothing */
#define NAMES "httpclient.names"
#define LEVEL_MOST 4             /* a method calls its helpers through one or two protected calls */

/* The table enters the registry last: an error before leaves nothing behind. */
static void push_names(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, NAMES);
  if (lua_istable(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, NAMES);
}

/* A C function without upvalues is one value from 5.2 on, however often it is pushed: two names of
 * it share an entry, and the last one counts. That is why some functions of the bindings are
 * wrapped. */
void hcl_name_value(lua_State *L, const char *prefix, const char *name) {
  push_names(L);
  lua_pushvalue(L, -2);
  lua_pushfstring(L, "%s%s", prefix, name);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* luaL_setfuncs, and a name for each. */
void hcl_set_functions(lua_State *L, const char *prefix, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    hcl_name_value(L, prefix, functions->name);
    lua_setfield(L, -2, functions->name);
  }
}

/* Pushes the name of the value on the top in its place; NULL and nothing where it has none. */
static const char *name_of_top(lua_State *L) {
  push_names(L);
  lua_insert(L, -2);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  if (lua_type(L, -1) == LUA_TSTRING) return lua_tostring(L, -1);
  lua_pop(L, 1);
  return NULL;
}

/* The name of the function that runs, or of the one that has called it as its helper. Pushes it.
 * The search ends at the first function of Lua's: beyond it is the script, whose own function is
 * none of ours. The text lives as long as it is on the stack. */
static const char *running_name(lua_State *L, int *level) {
  lua_Debug at;
  for (*level = 0; *level < LEVEL_MOST && lua_getstack(L, *level, &at); ++*level) {
    (void)lua_getinfo(L, "f", &at);
    if (!lua_iscfunction(L, -1)) {
      lua_pop(L, 1);
      return NULL;
    }
    const char *name = name_of_top(L);
    if (name) return name;
  }
  return NULL;
}

/* "HTTPClient", pushed, where argument 1 is a class table; else NULL. */
static const char *class_of_first(lua_State *L) {
  if (!lua_istable(L, 1)) return NULL;
  lua_pushvalue(L, 1);
  return name_of_top(L);
}

/* What luaL_argerror would say, and what to write instead. */
static void push_self_text(lua_State *L, const char *full, const char *name, const char *problem) {
  const char *class_name = class_of_first(L);
  if (class_name) {
    lua_pushfstring(L, "calling '%s' on bad self (%s, the class %s): %s() needs an object", name,
                    problem, class_name, full);
  } else {
    lua_pushfstring(L, "calling '%s' on bad self (%s): use %s(), with a colon (':')", name, problem,
                    full);
  }
}

/* `full` is "HTTPClient.wait_any". */
static void push_argument_text(lua_State *L, int arg, const char *full, const char *name,
                               const char *problem) {
  const char *hint = "", *hint_end = "";
  if (class_of_first(L) && name != full) {
    hint = ": use ";
    hint_end = "(), with a dot ('.')";
  }
  lua_pushfstring(L, "bad argument #%d to '%s' (%s)%s%s%s", arg, name, problem, hint,
                  *hint ? full : "", hint_end);
}

/* A method's arguments are counted without the object, as in luaL_argerror: what a script writes
 * between the parentheses is number 1 first. */
int hcl_argument_error(lua_State *L, int arg, const char *problem) {
  int level;
  luaL_checkstack(L, 12, NULL);
  const char *full = running_name(L, &level);
  if (!full) return luaL_argerror(L, arg, problem);
  const char *mark = strpbrk(full, ":.");
  const char *name = mark ? mark + 1 : full;
  bool is_method = mark && *mark == ':';
  if (!is_method) push_argument_text(L, arg, full, name, problem);
  else if (arg == 1) push_self_text(L, full, name, problem);
  else lua_pushfstring(L, "bad argument #%d to '%s' (%s)", arg - 1, name, problem);
  luaL_where(L, level + 1);
  lua_insert(L, -2);
  lua_concat(L, 2);
  return lua_error(L);
}
