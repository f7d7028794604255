/* lua_enums.c - the reference's constants: read-only tables, and flat on the HTTPClient class.
 *
 * The engine has enums, which nobody can write to, and of which a wrong name is an error and not
 * nothing. So each is an empty table in front of its constants: reading what is not there raises,
 * and so does writing. Such a table can be walked by __pairs, which Lua 5.1 does not know; there
 * the constants are raw fields, made anew each time, since a script can overwrite them.
 *
 * The names are here, the values are the core's. It knows Lua and those values alone. */
#include <string.h>

#include "lua_binding.h"

typedef struct constant {
  const char *name;
  int value;
} constant;

/* The engine's numbers, which a script may have written down as such. METHOD_MAX says how many
 * methods there are. */
static const constant methods_enums[] = {
    {"METHOD_GET", 0},    {"METHOD_HEAD", 1},    {"METHOD_POST", 2},  {"METHOD_PUT", 3},
    {"METHOD_DELETE", 4}, {"METHOD_OPTIONS", 5}, {"METHOD_TRACE", 6}, {"METHOD_CONNECT", 7},
    {"METHOD_PATCH", 8},  {"METHOD_MAX", 9},
};

static const constant statuses[] = {
    {"STATUS_DISCONNECTED", HC_STATUS_DISCONNECTED},
    {"STATUS_RESOLVING", HC_STATUS_RESOLVING},
    {"STATUS_CANT_RESOLVE", HC_STATUS_CANT_RESOLVE},
    {"STATUS_CONNECTING", HC_STATUS_CONNECTING},
    {"STATUS_CANT_CONNECT", HC_STATUS_CANT_CONNECT},
    {"STATUS_CONNECTED", HC_STATUS_CONNECTED},
    {"STATUS_REQUESTING", HC_STATUS_REQUESTING},
    {"STATUS_BODY", HC_STATUS_BODY},
    {"STATUS_CONNECTION_ERROR", HC_STATUS_CONNECTION_ERROR},
    {"STATUS_SSL_HANDSHAKE_ERROR", HC_STATUS_TLS_HANDSHAKE_ERROR}, /* the 3.x name */
    {"STATUS_TLS_HANDSHAKE_ERROR", HC_STATUS_TLS_HANDSHAKE_ERROR},
};

static const constant response_codes[] = {
    {"RESPONSE_CONTINUE", 100},
    {"RESPONSE_SWITCHING_PROTOCOLS", 101},
    {"RESPONSE_PROCESSING", 102},
    {"RESPONSE_OK", 200},
    {"RESPONSE_CREATED", 201},
    {"RESPONSE_ACCEPTED", 202},
    {"RESPONSE_NON_AUTHORITATIVE_INFORMATION", 203},
    {"RESPONSE_NO_CONTENT", 204},
    {"RESPONSE_RESET_CONTENT", 205},
    {"RESPONSE_PARTIAL_CONTENT", 206},
    {"RESPONSE_MULTI_STATUS", 207},
    {"RESPONSE_ALREADY_REPORTED", 208},
    {"RESPONSE_IM_USED", 226},
    {"RESPONSE_MULTIPLE_CHOICES", 300},
    {"RESPONSE_MOVED_PERMANENTLY", 301},
    {"RESPONSE_FOUND", 302},
    {"RESPONSE_SEE_OTHER", 303},
    {"RESPONSE_NOT_MODIFIED", 304},
    {"RESPONSE_USE_PROXY", 305},
    {"RESPONSE_SWITCH_PROXY", 306},
    {"RESPONSE_TEMPORARY_REDIRECT", 307},
    {"RESPONSE_PERMANENT_REDIRECT", 308},
    {"RESPONSE_BAD_REQUEST", 400},
    {"RESPONSE_UNAUTHORIZED", 401},
    {"RESPONSE_PAYMENT_REQUIRED", 402},
    {"RESPONSE_FORBIDDEN", 403},
    {"RESPONSE_NOT_FOUND", 404},
    {"RESPONSE_METHOD_NOT_ALLOWED", 405},
    {"RESPONSE_NOT_ACCEPTABLE", 406},
    {"RESPONSE_PROXY_AUTHENTICATION_REQUIRED", 407},
    {"RESPONSE_REQUEST_TIMEOUT", 408},
    {"RESPONSE_CONFLICT", 409},
    {"RESPONSE_GONE", 410},
    {"RESPONSE_LENGTH_REQUIRED", 411},
    {"RESPONSE_PRECONDITION_FAILED", 412},
    {"RESPONSE_REQUEST_ENTITY_TOO_LARGE", 413},
    {"RESPONSE_REQUEST_URI_TOO_LONG", 414},
    {"RESPONSE_UNSUPPORTED_MEDIA_TYPE", 415},
    {"RESPONSE_REQUESTED_RANGE_NOT_SATISFIABLE", 416},
    {"RESPONSE_EXPECTATION_FAILED", 417},
    {"RESPONSE_IM_A_TEAPOT", 418},
    {"RESPONSE_MISDIRECTED_REQUEST", 421},
    {"RESPONSE_UNPROCESSABLE_ENTITY", 422},
    {"RESPONSE_LOCKED", 423},
    {"RESPONSE_FAILED_DEPENDENCY", 424},
    {"RESPONSE_UPGRADE_REQUIRED", 426},
    {"RESPONSE_PRECONDITION_REQUIRED", 428},
    {"RESPONSE_TOO_MANY_REQUESTS", 429},
    {"RESPONSE_REQUEST_HEADER_FIELDS_TOO_LARGE", 431},
    {"RESPONSE_UNAVAILABLE_FOR_LEGAL_REASONS", 451},
    {"RESPONSE_INTERNAL_SERVER_ERROR", 500},
    {"RESPONSE_NOT_IMPLEMENTED", 501},
    {"RESPONSE_BAD_GATEWAY", 502},
    {"RESPONSE_SERVICE_UNAVAILABLE", 503},
    {"RESPONSE_GATEWAY_TIMEOUT", 504},
    {"RESPONSE_HTTP_VERSION_NOT_SUPPORTED", 505},
    {"RESPONSE_VARIANT_ALSO_NEGOTIATES", 506},
    {"RESPONSE_INSUFFICIENT_STORAGE", 507},
    {"RESPONSE_LOOP_DETECTED", 508},
    {"RESPONSE_NOT_EXTENDED", 510},
    {"RESPONSE_NETWORK_AUTH_REQUIRED", 511},
};

typedef struct enum_table {
  const char *path; /* as messages call it */
  const char *name; /* of the class's field */
  const constant *constants;
  size_t count;
} enum_table;

#define ENUM(path, name, table) {path, name, table, sizeof(table) / sizeof *(table)}
static const enum_table tables[HCL_ENUM_COUNT] = {
    ENUM("HTTPClient.Method", "Method", methods_enums),
    ENUM("HTTPClient.Status", "Status", statuses),
    ENUM("HTTPClient.ResponseCode", "ResponseCode", response_codes),
    {"httpclient.Error", "Error", NULL, HC_ERROR_COUNT}, /* the names are the core's */
};

/* By value: the errors have no table here that one could point into. */
static constant entry_of(const enum_table *t, size_t index) {
  if (t->constants) return t->constants[index];
  return (constant){hc_error_name((int)index), (int)index};
}

/* A walk: the longest list has some sixty names, and scripts read a constant seldom. */
static bool find_entry(const enum_table *t, const char *name, size_t *index) {
  for (*index = 0; *index < t->count; ++*index) {
    if (strcmp(entry_of(t, *index).name, name) == 0) return true;
  }
  return false;
}

/* The number is an upvalue of the metamethod, and not a field of the table, which a script could
 * set. */
static const enum_table *table_of_upvalue(lua_State *L) {
  return &tables[(size_t)lua_tointeger(L, lua_upvalueindex(1))];
}

/* A text for messages: the key if it is a string, else its type. */
static const char *key_text(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index);
}

/* nil for a name that is misspelt would compare as unequal to everything, and no error would ever
 * be seen. */
static int enum_index(lua_State *L) {
  const enum_table *t = table_of_upvalue(L);
  size_t index;
  if (lua_type(L, 2) != LUA_TSTRING || !find_entry(t, lua_tostring(L, 2), &index)) {
    return luaL_error(L, "no constant %s in %s", key_text(L, 2), t->path);
  }
  lua_pushinteger(L, entry_of(t, index).value);
  return 1;
}

/* Also for a name that is there: the table itself is empty, so every write comes by here. */
static int enum_newindex(lua_State *L) {
  return luaL_error(L, "%s is read-only (write to %s)", table_of_upvalue(L)->path, key_text(L, 2));
}

/* The iterator: the entry behind the one that the control variable names. */
static int enum_next(lua_State *L) {
  const enum_table *t = table_of_upvalue(L);
  size_t index = 0;
  if (!lua_isnil(L, 2)) {
    if (lua_type(L, 2) != LUA_TSTRING || !find_entry(t, lua_tostring(L, 2), &index)) {
      return luaL_error(L, "no constant %s in %s", key_text(L, 2), t->path);
    }
    index++;
  }
  if (index >= t->count) return 0;
  constant entry = entry_of(t, index);
  lua_pushstring(L, entry.name);
  lua_pushinteger(L, entry.value);
  return 2;
}

/* In the order of the reference: a hash would give another one each time. */
static int enum_pairs(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, enum_next, 1);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* Raw, because __newindex of these tables refuses every write. */
static void set_raw(lua_State *L, int table, const enum_table *t) {
  table = lua_absindex(L, table);
  for (size_t i = 0; i < t->count; i++) {
    constant entry = entry_of(t, i);
    lua_pushstring(L, entry.name);
    lua_pushinteger(L, entry.value);
    lua_rawset(L, table);
  }
}

/* Pushes the enum's table, an empty one in front of the constants. __metatable is false, so that no
 * script can take the rules away. */
static void push_new_table(lua_State *L, hcl_enum which) {
  static const luaL_Reg meta[] = {{"__index", enum_index},
                                  {"__newindex", enum_newindex},
                                  {"__pairs", enum_pairs},
                                  {NULL, NULL}};
  lua_newtable(L);
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)which);
  luaL_setfuncs(L, meta, 1);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
}

/* Pushes this state's tables: an array, with the field `raw`. Whether pairs takes a metamethod is
 * asked once in a state. An error before the last line leaves nothing in the registry. */
static void push_tables(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "httpclient.enums");
  if (lua_istable(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  for (int which = 0; which < HCL_ENUM_COUNT; which++) {
    push_new_table(L, (hcl_enum)which);
    lua_rawseti(L, -2, which + 1);
  }
  lua_pushboolean(L, !hcl_pairs_has_metamethod(L));
  lua_setfield(L, -2, "raw");
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, "httpclient.enums");
}

/* Of all tables alike: it hangs on the interpreter alone. */
bool hcl_enums_are_raw(lua_State *L) {
  push_tables(L);
  lua_getfield(L, -1, "raw");
  bool raw = lua_toboolean(L, -1) != 0;
  lua_pop(L, 2);
  return raw;
}

/* The same table each time, so that a script can compare two of them. */
void hcl_push_enum(lua_State *L, hcl_enum which) {
  bool raw = hcl_enums_are_raw(L);
  push_tables(L);
  lua_rawgeti(L, -1, (int)which + 1);
  lua_remove(L, -2);
  /* Without __pairs only raw fields can be walked; a script may have written to them since. */
  if (raw) set_raw(L, -1, &tables[which]);
}

/* Error is not among them: it is the module's, not the class's. */
bool hcl_push_class_enum(lua_State *L, const char *name) {
  for (int which = 0; which < HCL_ENUM_ERROR; which++) {
    if (strcmp(tables[which].name, name) != 0) continue;
    hcl_push_enum(L, (hcl_enum)which);
    return true;
  }
  return false;
}

/* On the module: httpclient.ERR_TIMEOUT and its like. */
void hcl_set_error_constants(lua_State *L, int table) {
  set_raw(L, table, &tables[HCL_ENUM_ERROR]);
}

/* On the class, as the engine has them: HTTPClient.STATUS_BODY. */
void hcl_set_constants(lua_State *L, int table) {
  for (int which = 0; which < HCL_ENUM_ERROR; which++) set_raw(L, table, &tables[which]);
}
