/* lua_binding.c - classes, argument checks and result shapes that all files of the binding share.
 *
 * The bottom of the bindings, with lua_compat.c and lua_names.c below it: nothing of HTTP is known
 * here. One shape for each kind of result, so that a script learns it once: an Error and a message
 * (hcl_push_result), or nil, a message and the Error (hcl_push_refusal). */
#include "lua_binding.h"

#include <string.h>

#define BUFFER "httpclient.buffer"
#define CLASS_FIELD "class"

/* "HTTPClient" of "httpclient.HTTPClient". */
static const char *short_name(const char *full_name) {
  const char *dot = strchr(full_name, '.');
  return dot ? dot + 1 : full_name;
}

/* --- classes */

/* For classes that say nothing better of themselves. */
static int object_tostring(lua_State *L) { return hcl_push_object_text(L, 1, NULL); }

/* A plain table: scripts may add methods of their own to it, as to any class. */
static void push_class_table(lua_State *L, const hcl_class *class) {
  lua_newtable(L);
  hcl_name_value(L, "", short_name(class->full_name));
  if (class->functions) hcl_set_functions(L, class->function_mark, class->functions);
  if (class->methods) hcl_set_functions(L, class->method_mark, class->methods);
}

/* The metatable is on the top, and its functions in it. Lua calls them itself, and would have no
 * name to put into an error message. */
static void name_metamethods(lua_State *L, const luaL_Reg *meta) {
  for (; meta->name; meta++) {
    lua_getfield(L, -1, meta->name);
    hcl_name_value(L, "", meta->name);
    lua_pop(L, 1);
  }
}

/* Metatable at the top; it stays there. Anything here can run out of memory, which is why
 * CLASS_FIELD is what tells a whole metatable from one that was begun. */
static void fill_metatable(lua_State *L, const hcl_class *class) {
  push_class_table(L, class);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
  lua_pushstring(L, short_name(class->full_name));
  lua_setfield(L, -3, "__name");
  lua_pushboolean(L, 0); /* getmetatable gives false: __gc is not for scripts to call */
  lua_setfield(L, -3, "__metatable");
  lua_pushcfunction(L, object_tostring);
  hcl_name_value(L, "", "__tostring");
  lua_setfield(L, -3, "__tostring");
  lua_pushvalue(L, -2);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, class->meta, 1);
  name_metamethods(L, class->meta);
  /* A class that says nothing of __close (Lua 5.4) is closed as it would be collected. */
  lua_getfield(L, -1, "__close");
  bool has_own = !lua_isnil(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, -1, "__gc");
  if (has_own) lua_pop(L, 1);
  else lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
  /* Last: a metatable that an error left half filled is filled again. */
  lua_setfield(L, -2, CLASS_FIELD);
}

/* luaL_newmetatable finds the one of an earlier luaopen in this state: two would make objects of
 * which neither copy of the class takes those of the other. */
void hcl_class_new(lua_State *L, const hcl_class *class) {
  luaL_newmetatable(L, class->full_name);
  lua_getfield(L, -1, CLASS_FIELD);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    fill_metatable(L, class);
    lua_getfield(L, -1, CLASS_FIELD);
  }
  lua_remove(L, -2);
}

/* Called each time that such an object is wanted, since nothing registers these classes at the
 * start; from the second time on it is one look into the registry. */
void hcl_hidden_class_new(lua_State *L, const char *full_name, lua_CFunction gc) {
  const luaL_Reg meta[] = {{"__gc", gc}, {NULL, NULL}};
  const hcl_class class = {.full_name = full_name, .meta = meta};
  hcl_class_new(L, &class);
}

/* luaL_getmetatable pushes nil where nobody has registered the class, and nil is the answer
 * then. */
void hcl_class_push(lua_State *L, const char *full_name) {
  luaL_getmetatable(L, full_name);
  if (!lua_istable(L, -1)) return;
  lua_getfield(L, -1, CLASS_FIELD);
  lua_remove(L, -2);
}

/* The table enters the registry last: an error before that leaves nothing behind, and the next call
 * begins anew. */
void hcl_push_weak_table(lua_State *L, const char *name, const char *mode) {
  lua_getfield(L, LUA_REGISTRYINDEX, name);
  if (lua_istable(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

/* An error between making the table and filling it leaves it in the registry: whether it is whole
 * is asked of its one field. */
void hcl_push_metatable(lua_State *L, const char *name, const char *field, lua_CFunction function) {
  luaL_newmetatable(L, name);
  lua_getfield(L, -1, field);
  bool is_set = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (is_set) return;
  lua_pushcfunction(L, function);
  hcl_name_value(L, "", field);
  lua_setfield(L, -2, field);
}

/* Zeroed before it has a metatable: from lua_setmetatable on the finalizer can run, and for it all
 * zero is a closed object. On 5.1 the anchor is set in between, because there every userdata begins
 * with the environment of the function that made it. */
void *hcl_object_new(lua_State *L, const char *full_name, size_t size) {
  void *object = lua_newuserdata(L, size);
  memset(object, 0, size);
  luaL_getmetatable(L, full_name);
  hcl_init_anchor(L, -2);
  lua_setmetatable(L, -2);
  return object;
}

/* To set the metatable is what marks it for its finalizer. */
void hcl_object_revive(lua_State *L, int arg) {
  if (lua_getmetatable(L, arg)) (void)lua_setmetatable(L, arg);
}

/* By the metatable and not by __name, which a script can give to a table of its own. The pointer is
 * good for as long as the object is on the stack. */
void *hcl_check_object(lua_State *L, int arg, const char *full_name) {
  void *object = luaL_testudata(L, arg, full_name);
  if (!object) hcl_type_error(L, arg, short_name(full_name));
  return object;
}

/* The address tells two objects apart in a log, as print does of a table. */
int hcl_push_object_text(lua_State *L, int object, const char *detail) {
  const char *name = hcl_type_name(L, object);
  const void *address = lua_topointer(L, object);
  if (detail) {
    lua_pushfstring(L, "%s: %p (%s)", name, address, detail);
  } else {
    lua_pushfstring(L, "%s: %p", name, address);
  }
  return 1;
}

/* It can throw, for want of memory, and run finalizers: where either would leave the core with a
 * pointer to what nobody keeps, hcl_anchor_reserve comes first. The value is under the new table
 * until both are in place. */
void hcl_anchor_put(lua_State *L, int object, int slot) {
  object = lua_absindex(L, object);
  hcl_get_anchor(L, object);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    hcl_set_anchor(L, object);
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, slot);
  lua_pop(L, 1);
}

/* What is put later finds the key in the table already, and so no Lua has to enlarge it. */
void hcl_anchor_reserve(lua_State *L, int object, int slot) {
  object = lua_absindex(L, object);
  hcl_anchor_get(L, object, slot);
  bool is_empty = lua_isnil(L, -1);
  lua_pop(L, 1);
  if (!is_empty) return;
  lua_pushboolean(L, 0);
  hcl_anchor_put(L, object, slot);
}

/* Raw, so it allocates nothing and can't throw: finalizers and callbacks rely on that. */
void hcl_anchor_get(lua_State *L, int object, int slot) {
  hcl_get_anchor(L, object);
  if (!lua_istable(L, -1)) return; /* the nil is the answer */
  lua_rawgeti(L, -1, slot);
  lua_remove(L, -2);
}

/* --- arguments */

/* A light userdata has a metatable that all of them share, so its __name says nothing of this one.
 */
const char *hcl_type_name(lua_State *L, int index) {
  if (lua_isnone(L, index)) return "no value";
  if (lua_type(L, index) == LUA_TLIGHTUSERDATA)
    return hcl_is_null(L, index) ? "null" : "light userdata";
  const char *name = NULL;
  if (luaL_getmetafield(L, index, "__name")) {
    /* The metatable keeps the text alive. */
    if (lua_type(L, -1) == LUA_TSTRING) name = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  return name ? name : luaL_typename(L, index);
}

/* In the words of luaL_argerror, so that a script's own tests of messages go on to work. */
int hcl_type_error(lua_State *L, int arg, const char *expected) {
  const char *got = hcl_type_name(L, arg);
  return hcl_argument_error(L, arg, lua_pushfstring(L, "%s expected, got %s", expected, got));
}

/* Not for numbers: lua_tolstring would change one in place, and with it a key under lua_next. */
hc_slice hcl_to_slice(lua_State *L, int index) {
  hc_slice s;
  s.data = lua_tolstring(L, index, &s.size);
  return s;
}

/* A number is refused, unlike by luaL_checklstring: "8080" for a host is mostly a mistake. */
hc_slice hcl_check_string(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TSTRING) hcl_type_error(L, arg, "string");
  return hcl_to_slice(L, arg);
}

/* Scripts are ported from an engine that has paths of its own. */
const char *hcl_path_objection(hc_slice path) {
  if (memchr(path.data, '\0', path.size)) return "the path holds a NUL byte";
  if (strncmp(path.data, "user://", 7) == 0 || strncmp(path.data, "res://", 6) == 0)
    return "user:// and res:// are the engine's, a path of the system is needed";
  return NULL;
}

/* The text ends with a NUL, since every string of Lua's does. */
const char *hcl_check_path(lua_State *L, int arg) {
  hc_slice path = hcl_check_string(L, arg);
  const char *objection = hcl_path_objection(path);
  if (objection) hcl_argument_error(L, arg, objection);
  return path.data;
}

/* 2.0 is an integer, on every Lua: a script of 5.1 has no other, and one of 5.3 must behave the
 * same. The jumps of the two errors leave nothing behind. */
int64_t hcl_check_integer(lua_State *L, int arg) {
  int64_t value = 0;
  if (hcl_to_integer(L, arg, &value)) return value;
  if (lua_type(L, arg) != LUA_TNUMBER) hcl_type_error(L, arg, "number");
  hcl_argument_error(L, arg, "number has no integer representation");
  return value;
}

/* NaN compares with nothing, so a range that is checked behind this would let it pass. */
double hcl_check_number(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TNUMBER) hcl_type_error(L, arg, "number");
  double value = (double)lua_tonumber(L, arg);
  /* isnan costs MinGW's compiler a warning */
  bool is_number = value >= 0 || value < 0; // cppcheck-suppress incorrectLogicOperator
  if (!is_number) hcl_argument_error(L, arg, "number expected, got NaN");
  return value;
}

/* Not by truth: 0 and "false" are true to Lua, and to nobody who writes them. */
bool hcl_check_boolean(lua_State *L, int arg) {
  if (!lua_isboolean(L, arg)) hcl_type_error(L, arg, "boolean");
  return lua_toboolean(L, arg) != 0;
}

hc_slice hcl_opt_string(lua_State *L, int arg, hc_slice fallback) {
  return lua_isnoneornil(L, arg) ? fallback : hcl_check_string(L, arg);
}

int64_t hcl_opt_integer(lua_State *L, int arg, int64_t fallback) {
  return lua_isnoneornil(L, arg) ? fallback : hcl_check_integer(L, arg);
}

double hcl_opt_number(lua_State *L, int arg, double fallback) {
  return lua_isnoneornil(L, arg) ? fallback : hcl_check_number(L, arg);
}

/* Two functions, because a default that stands as an argument says nothing at the call. */
bool hcl_opt_true(lua_State *L, int arg) {
  return lua_isnoneornil(L, arg) || hcl_check_boolean(L, arg);
}
bool hcl_opt_false(lua_State *L, int arg) {
  return !lua_isnoneornil(L, arg) && hcl_check_boolean(L, arg);
}

/* A light userdata of NULL: Lua's tables can't hold nil, and a field that is there and has no value
 * needs something to say so. */
bool hcl_is_null(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TLIGHTUSERDATA && !lua_touserdata(L, index);
}

/* By lua_next and raw access alone, so that no code of a script runs while its table is walked. A
 * border (#t) is one of several where there are holes; counting the keys finds them. */
bool hcl_is_sequence(lua_State *L, int index, size_t *count) {
  size_t size = (size_t)lua_rawlen(L, index), seen = 0;
  index = lua_absindex(L, index);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    int64_t key;
    if (!hcl_to_integer(L, -2, &key) || key < 1 || (uint64_t)key > size) {
      lua_pop(L, 2);
      return false;
    }
    seen++;
  }
  *count = size;
  return seen == size;
}

/* --- results */

/* Some Lua collect before they copy the text: a finalizer may free what `why` stands in. */
void hcl_push_message(lua_State *L, hc_error code, const hc_failure *why) {
  hc_failure own = {code, ""};
  if (why) own = *why;
  lua_pushstring(L, own.text[0] ? own.text : hc_error_string((int)code));
}

int hcl_push_result(lua_State *L, hc_error code, const hc_failure *why) {
  lua_pushinteger(L, (lua_Integer)code);
  if (code == HC_OK) return 1;
  hcl_push_message(L, code, why);
  return 2;
}

/* As Lua's own io has it, with the Error in the place of errno. */
int hcl_push_refusal(lua_State *L, hc_error code, const hc_failure *why) {
  lua_pushnil(L);
  hcl_push_message(L, code, why);
  lua_pushinteger(L, (lua_Integer)code);
  return 3;
}

/* The arguments are copied above themselves, because a protected call consumes what it is given and
 * the error has to find the stack as the caller knows it. `busy` is put back before the error goes
 * on: a longjmp out of here would leave the object locked for ever. */
int hcl_call_busy(lua_State *L, bool *busy, lua_CFunction function) {
  int count = lua_gettop(L);
  bool was_busy = *busy;
  luaL_checkstack(L, count + 1, NULL);
  lua_pushcfunction(L, function);
  for (int i = 1; i <= count; i++) lua_pushvalue(L, i);
  *busy = true;
  int status = lua_pcall(L, count, LUA_MULTRET, 0);
  *busy = was_busy;
  return status != 0 ? lua_error(L) : lua_gettop(L) - count;
}

/* In Lua's own words. Its own error of memory can't be raised by the API. */
int hcl_raise_memory(lua_State *L) { return luaL_error(L, "not enough memory"); }

/* Usually nothing is left to free: hcl_buffer_push has done it. It is for the errors in between. */
static int buffer_gc(lua_State *L) {
  hc_buffer *buffer = (hc_buffer *)luaL_testudata(L, 1, BUFFER);
  if (buffer) hc_buffer_free(buffer);
  return 0;
}

/* By the metatable, so no other userdata is taken for one. */
hc_buffer *hcl_buffer_at(lua_State *L, int index) {
  return (hc_buffer *)luaL_testudata(L, index, BUFFER);
}

/* The buffer itself grows outside of Lua, so that no allocation of it runs a finalizer: only this
 * call and hcl_buffer_push do. */
hc_buffer *hcl_buffer_new(lua_State *L) {
  hcl_hidden_class_new(L, BUFFER, buffer_gc);
  lua_pop(L, 1);
  return (hc_buffer *)hcl_object_new(L, BUFFER, sizeof(hc_buffer));
}

/* Freed at once and not by the collector, which does not know how much memory hangs on so small a
 * userdata. */
void hcl_buffer_push(lua_State *L, hc_buffer *buffer) {
  size_t size = hc_buffer_size(buffer);
  lua_pushlstring(L, size ? hc_buffer_head(buffer) : "", size);
  hc_buffer_free(buffer);
}

/* -1 as in C, for loops that compare with it. */
void hcl_push_handle(lua_State *L, hc_handle handle) {
  lua_pushinteger(L, handle == HC_NO_HANDLE ? -1 : (lua_Integer)handle);
}

/* A number that no handle of this system can have is none. */
hc_handle hcl_handle_of(int64_t number) {
  hc_handle handle = (hc_handle)number;
  return number >= 0 && (int64_t)handle == number ? handle : HC_NO_HANDLE;
}
