/* lua_http_client.c - the class HTTPClient: its end, its connection, poll, its properties, and the
 * table of all of its methods.
 *
 * It is the top of the class: lua_client_object.c at the bottom has the userdata, the files in
 * between have most methods, and nothing but the module's registration calls this one. What a
 * method does is the core's; here arguments are checked and results pushed. */
#include <math.h>
#include <string.h>

#include "../core/base/limits.h"
#include "lua_client_object.h"

#define FUNCTION_MARK "HTTPClient."
#define METHOD_MARK "client:"

/* --- its end */

/* Both ends call the methods of a script's own stream. */
static void enter_and_close(lua_State *L, hcl_client *self, void (*action)(hc_client *)) {
  lua_State *previous = hcl_client_enter(L, self);
  action(self->client);
  hcl_client_leave(self, previous);
}

/* The end of the object, by the collector, by __close, or by a script's own hand. Afterwards it is
 * one without a client, which the methods can deal with. */
static int client_gc(lua_State *L) {
  hcl_client *self = (hcl_client *)hcl_check_object(L, 1, HCL_HTTP_CLIENT);
  self->is_shown = false; /* the loop may be half taken down as well */
  /* By hand, or by a lua_close out of a callback: somebody further out still needs it. (One whose
   * stream alone is at work, for somebody else, may well be garbage.) */
  if (self->busy || (self->client && hc_client_is_at_work(self->client))) return 0;
  hcl_client_close_sink(self);
  /* A script's own stream may be collected in this same cycle. Its object is lent to the core, so
   * that the stream can still be closed by its methods. */
  hc_stream_peer *lent =
      self->client ? hcl_stream_lend(L, 1, HCL_CLIENT_HOLDER, hc_client_get_stream(self->client))
                   : NULL;
  if (self->client) enter_and_close(L, self, hc_client_delete);
  self->client = NULL;
  self->mark = 0;
  hcl_stream_take_back(L, lent);
  return 0;
}

/* __close. Where a method of the client is at work it raises, which a finalizer may not do: a
 * script that leaves the scope out of a callback wants to hear of it. */
static int client_go_out_of_scope(lua_State *L) {
  if (((hcl_client *)hcl_check_object(L, 1, HCL_HTTP_CLIENT))->client)
    (void)hcl_check_free_client(L, 1);
  return client_gc(L);
}

/* Ends the connection; the client and its settings stay, and can connect again. */
static int client_close(lua_State *L) {
  /* Another finalizer may call this after the client's own: what was made now, nobody would
   * free. */
  if (!hcl_client_as_it_is(L, 1)->client) return 0;
  hcl_client *self = hcl_check_free_client(L, 1);
  hcl_client_close_sink(self);
  enter_and_close(L, self, hc_client_close);
  hcl_client_drop_anchors(L, self);
  return 0;
}

/* The status too: what is printed is mostly printed because something is wrong. */
static int client_tostring(lua_State *L) {
  hcl_client *self = hcl_check_client(L, 1);
  return hcl_push_object_text(L, 1, hc_status_name(hc_client_get_status(self->client)));
}

/* --- connection */

/* The engine's two functions, which name a proxy by its parts. set_proxy of ours takes a URL
 * (lua_proxy.c). */
static int set_proxy(lua_State *L, hc_proxy_kind kind) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_slice host = hcl_opt_string(L, 2, HC_SLICE(""));
  /* Only no proxy at all has no port: with a host alone the requests would go out without one. */
  long long port = host.size == 0 ? hcl_opt_integer(L, 3, -1) : hcl_check_integer(L, 3);
  hc_slice user = hcl_opt_string(L, 4, HC_SLICE(""));
  hc_slice password = hcl_opt_string(L, 5, HC_SLICE(""));
  hc_failure why = {HC_OK, ""};
  return hcl_push_result(
      L, hc_client_set_proxy(self->client, kind, host, port, user, password, &why), &why);
}

static int client_set_http_proxy(lua_State *L) { return set_proxy(L, HC_PROXY_HTTP); }
static int client_set_https_proxy(lua_State *L) { return set_proxy(L, HC_PROXY_HTTPS); }

/* Reserving a slot allocates, and a finalizer that this runs can let go of the stream. */
static hc_stream_peer *need_again(lua_State *L, int index) {
  hc_stream_peer *peer = hcl_stream_peer_again(L, index);
  if (!peer) luaL_error(L, "the StreamPeer has been let go meanwhile");
  return peer;
}

/* client:set_connection(peer or nil). A script may have wrapped the stream itself, or have made one
 * in Lua; then its holder goes into a slot, or the methods could be collected while the core calls
 * them. Between finding the peer and giving it to the core nothing may allocate: a finalizer could
 * let go of it. So the slots are reserved first, and the peer is looked up again after each step
 * that runs code. */
static int client_set_connection(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  lua_settop(L, 2);
  hc_stream_peer *peer = NULL;
  if (!lua_isnil(L, 2)) {
    peer = hcl_to_stream_peer(L, 2); /* pushes what is at 3 */
    if (!peer) return hcl_type_error(L, 2, "connection: StreamPeer");
  }
  hcl_anchor_reserve(L, 1, HCL_CLIENT_CONNECTION);
  hcl_anchor_reserve(L, 1, HCL_CLIENT_HOLDER);
  if (peer) peer = need_again(L, 3);
  hcl_stream_push_holder(L, peer);
  lua_State *previous = hcl_client_enter(L, self);
  if (peer) peer = hcl_stream_peer_again(L, 3);
  hcl_client_close_sink(self);
  hc_error code = hc_client_set_stream(self->client, peer);
  hcl_client_leave(self, previous);
  /* Nothing throws from here on: both slots are reserved. */
  hcl_client_anchor_put(L, self, 1, HCL_CLIENT_HOLDER);
  lua_pushvalue(L, 2);
  hcl_client_anchor_put(L, self, 1, HCL_CLIENT_CONNECTION);
  hcl_client_drop_anchor(L, self, HCL_CLIENT_BODY);
  hcl_client_drop_anchor(L, self, HCL_CLIENT_PIECE);
  hcl_client_drop_anchor(L, self, HCL_CLIENT_PATH);
  if (code != HC_OK) return hcl_raise_memory(L);
  return 0;
}

/* The object is kept: asked for twice, it is the same one, and the bytes that a script has put into
 * it are still there when a request wants to go out (see connection_has_unsent). */
static int make_connection(lua_State *L) {
  hcl_client *self = hcl_check_client(L, 1);
  hcl_push_stream_peer(L, hc_client_get_stream(self->client));
  lua_pushvalue(L, -1);
  hcl_client_anchor_put(L, self, 1, HCL_CLIENT_CONNECTION);
  return 1;
}

static int client_get_connection(lua_State *L) { return hcl_client_guarded(L, make_connection); }

/* Another client on the same connection, with the same settings. HTTP/1.1 can't have that: an
 * answer carries nothing that says which request it is for but its place in the row (RFC 9112
 * section 9.3.2), and the core sends no request before the answer to the one before it. */
static int client_share_connection(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  int version = hc_client_spoken_version(hcl_check_free_client(L, 1)->client);
  lua_settop(L, 1);
  if (version != 20) {
    lua_pushnil(L);
    lua_pushstring(L, version == 0
                          ? "there is no connection"
                          : "the connection speaks HTTP/1.1, which has one request at a time");
    lua_pushinteger(L, (lua_Integer)HC_ERR_UNAVAILABLE);
    return 3;
  }
  hcl_client_push_new(L);
  hcl_client *made = hcl_check_client(L, 2);
  hcl_anchor_reserve(L, 2, HCL_CLIENT_HOLDER);
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_client_copy_settings(made->client, self->client);
  hc_error code = hc_client_join(made->client, self->client, &why);
  if (code == HC_OK) {
    /* the script's own stream is at work for both */
    hcl_client_anchor_get(L, self, 1, HCL_CLIENT_HOLDER);
    hcl_client_anchor_put(L, made, 2, HCL_CLIENT_HOLDER);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, why.text);
  lua_pushinteger(L, (lua_Integer)code);
  return 3;
}

/* How many more exchanges the connection has room for; the core knows the server's limit. */
static int client_get_free_streams(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)hc_client_free_streams(hcl_check_client(L, 1)->client));
  return 1;
}

/* Error, and the message where it is one. */
static int client_poll(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_error code = hcl_client_poll_once(L, self);
  if (hc_client_is_unfinished(self->client)) code = hcl_client_go_on_polling(L, 1, code);
  return hcl_push_result(L, code, hc_client_last_error(self->client));
}

/* One that is gone is asked, too: see hcl_object_revive. */
static int client_get_status(lua_State *L) {
  const hc_client *client = hcl_client_as_it_is(L, 1)->client;
  lua_pushinteger(L, client ? (lua_Integer)hc_client_get_status(client) : HC_STATUS_DISCONNECTED);
  return 1;
}

/* Both values each time, also of HC_OK, since it is a question and not the result of a call. */
static int client_get_last_error(lua_State *L) {
  /* a copy: see hcl_push_message */
  hc_failure last = *hc_client_last_error(hcl_check_client(L, 1)->client);
  lua_pushinteger(L, (lua_Integer)last.code);
  lua_pushstring(L, last.text);
  return 2;
}

/* --- properties */

/* A property can be reached in three ways, as in the engine and in Lua: client.name, get_name() and
 * set_name(). One table makes all of them, so that they take and refuse the same. */
typedef enum property_kind {
  PROPERTY_BOOLEAN,
  PROPERTY_SIZE,
  PROPERTY_SECONDS,
  PROPERTY_VERSION,
  PROPERTY_FAMILY,
  PROPERTY_OWN,
  PROPERTY_CONNECTION
} property_kind;

typedef struct property {
  const char *name;
  property_kind kind;
  size_t offset; /* in hc_settings; PROPERTY_OWN: which, an hcl_own */
  size_t least, most; /* PROPERTY_SIZE */
} property;

static const property properties[] = {
    {"blocking_mode_enabled", PROPERTY_BOOLEAN, offsetof(hc_settings, blocking), 0, 0},
    {"read_chunk_size", PROPERTY_SIZE, offsetof(hc_settings, read_chunk_size), HC_READ_CHUNK_MIN,
     HC_READ_CHUNK_MAX},
    {"max_header_size", PROPERTY_SIZE, offsetof(hc_settings, max_header_size), HC_MAX_HEADER_MIN,
     HC_MAX_HEADER_MAX},
    {"connect_timeout", PROPERTY_SECONDS, offsetof(hc_settings, connect_timeout), 0, 0},
    {"response_timeout", PROPERTY_SECONDS, offsetof(hc_settings, response_timeout), 0, 0},
    {"idle_timeout", PROPERTY_SECONDS, offsetof(hc_settings, idle_timeout), 0, 0},
    {"http_version", PROPERTY_VERSION, offsetof(hc_settings, version), 0, 0},
    {"address_family", PROPERTY_FAMILY, offsetof(hc_settings, address_family), 0, 0},
    {"local_address", PROPERTY_OWN, HCL_OWN_LOCAL_ADDRESS, 0, 0},
    {"connect_to", PROPERTY_OWN, HCL_OWN_CONNECT_TO, 0, 0},
    {"allow_address", PROPERTY_OWN, HCL_OWN_ALLOW_ADDRESS, 0, 0},
    {"connection", PROPERTY_CONNECTION, 0, 0, 0},
};

enum { PROPERTY_COUNT = sizeof properties / sizeof properties[0] };

/* A dozen names, and only for those that are no method: a method is found before. */
static const property *find_property(const char *name) {
  for (size_t i = 0; i < PROPERTY_COUNT; i++)
    if (strcmp(properties[i].name, name) == 0) return &properties[i];
  return NULL;
}

static const char *const version_names[] = {
    [HC_VERSION_1] = "1.1", [HC_VERSION_AUTO] = "auto", [HC_VERSION_2] = "2"};

/* By offset, where hc_settings has it as a plain value. */
static int get_property(lua_State *L, const property *p) {
  if (p->kind == PROPERTY_CONNECTION) return client_get_connection(L);
  if (p->kind == PROPERTY_OWN) return hcl_client_get_own(L, (hcl_own)p->offset);
  hcl_client *self = hcl_check_client(L, 1);
  const void *field = (const char *)hc_client_get_settings(self->client) + p->offset;
  if (p->kind == PROPERTY_BOOLEAN) {
    lua_pushboolean(L, *(const bool *)field);
  } else if (p->kind == PROPERTY_SIZE || p->kind == PROPERTY_FAMILY) {
    lua_pushinteger(L, (lua_Integer) * (const size_t *)field);
  } else if (p->kind == PROPERTY_VERSION) {
    lua_pushstring(L, version_names[*(const hc_version_wish *)field]);
  } else {
    double seconds = *(const double *)field;
    /* 0 is read back as the integer 0, so that it prints as it was written. */
    if (seconds == floor(seconds) && seconds < 1e15) hcl_push_integer(L, (int64_t)seconds);
    else lua_pushnumber(L, seconds);
  }
  return 1;
}

#define FIELD_VALUE 3 /* the argument of __newindex that is the value; a setter's is 2 */

/* An assignment has no argument that a message could name by its number, so it names the field. */
static int refuse_type_http_client(lua_State *L, int arg, const property *p, const char *expected) {
  if (arg != FIELD_VALUE) return hcl_type_error(L, arg, expected);
  return luaL_error(L, "HTTPClient.%s: %s expected, got %s", p->name, expected,
                    hcl_type_name(L, arg));
}

static int refuse_value(lua_State *L, int arg, const property *p, const char *problem) {
  if (arg == FIELD_VALUE) return luaL_error(L, "HTTPClient.%s %s", p->name, problem);
  return hcl_argument_error(L, arg, lua_pushfstring(L, "%s %s", p->name, problem));
}

static bool check_flag_http_client(lua_State *L, int arg, const property *p) {
  if (!lua_isboolean(L, arg)) refuse_type_http_client(L, arg, p, "boolean");
  return lua_toboolean(L, arg) != 0;
}

/* A number that is no integer would be cut silently, and 0 would make reads that never end. */
static size_t check_size(lua_State *L, int arg, const property *p) {
  int64_t value = 0;
  if (lua_type(L, arg) != LUA_TNUMBER) refuse_type_http_client(L, arg, p, "number");
  if (!hcl_to_integer(L, arg, &value)) refuse_value(L, arg, p, "must be an integer");
  if (value < (int64_t)p->least || value > (int64_t)p->most) {
    /* As text: lua_pushfstring of 5.1 has no %I, and %d is an int. */
    refuse_value(L, arg, p,
                 lua_pushfstring(L, "must be from %d to %d", (int)p->least, (int)p->most));
  }
  return (size_t)value;
}

/* NaN fails the first question. More than 1e18 seconds, infinity among them, is a mistake rather
 * than a wish: 0 says that there is no limit. */
static double check_seconds(lua_State *L, int arg, const property *p) {
  if (lua_type(L, arg) != LUA_TNUMBER) refuse_type_http_client(L, arg, p, "number");
  double value = (double)lua_tonumber(L, arg);
  if (!(value >= 0)) refuse_value(L, arg, p, "must be 0 or more seconds");
  if (value > 1e18) refuse_value(L, arg, p, "is over 1e18 seconds; 0 means no limit");
  return value;
}

/* Text and no number, since "auto" is one of them and 1.1 is no exact number. */
static hc_version_wish check_version_http_client(lua_State *L, int arg, const property *p) {
  if (lua_type(L, arg) != LUA_TSTRING) refuse_type_http_client(L, arg, p, "string");
  for (int i = 0; i < 3; i++)
    if (strcmp(version_names[i], lua_tostring(L, arg)) == 0) return (hc_version_wish)i;
  refuse_value(L, arg, p, "must be \"1.1\", \"auto\" or \"2\"");
  return HC_VERSION_1;
}

/* 4 and 6 as everybody calls them, not the system's numbers. */
static size_t check_family(lua_State *L, int arg, const property *p) {
  int64_t value = 0;
  if (lua_type(L, arg) != LUA_TNUMBER) refuse_type_http_client(L, arg, p, "number");
  bool is_whole = hcl_to_integer(L, arg, &value);
  if (!is_whole || (value != 0 && value != 4 && value != 6))
    refuse_value(L, arg, p, "must be 4, 6 or 0 for any");
  return (size_t)value;
}

/* Those that lie in memory of their own in the core, and may be refused there. */
static void set_own(lua_State *L, int arg, const property *p) {
  hcl_own which = (hcl_own)p->offset;
  (void)hcl_check_client(L, 1);
  const char *expected = hcl_client_own_type(L, which, arg);
  if (expected) refuse_type_http_client(L, arg, p, expected);
  hc_failure why = {HC_OK, ""};
  hc_error code = hcl_client_set_own(L, which, arg, &why);
  if (code == HC_ERR_OUT_OF_MEMORY) hcl_raise_memory(L);
  if (code != HC_OK) refuse_value(L, arg, p, lua_pushfstring(L, "is refused: %s", why.text));
}

/* The value is checked before the field is written to, so a wrong one changes nothing. */
static void set_property(lua_State *L, int arg, const property *p) {
  if (p->kind == PROPERTY_OWN) {
    set_own(L, arg, p);
    return;
  }
  hcl_client *self = hcl_check_client(L, 1);
  void *field = (char *)hc_client_get_settings(self->client) + p->offset;
  if (p->kind == PROPERTY_BOOLEAN) *(bool *)field = check_flag_http_client(L, arg, p);
  else if (p->kind == PROPERTY_SIZE) *(size_t *)field = check_size(L, arg, p);
  else if (p->kind == PROPERTY_FAMILY) *(size_t *)field = check_family(L, arg, p);
  else if (p->kind == PROPERTY_VERSION)
    *(hc_version_wish *)field = check_version_http_client(L, arg, p);
  else *(double *)field = check_seconds(L, arg, p);
}

/* Both are closures over the property. */
static int property_getter(lua_State *L) {
  return get_property(L, (const property *)lua_touserdata(L, lua_upvalueindex(1)));
}

static int property_setter(lua_State *L) {
  set_property(L, 2, (const property *)lua_touserdata(L, lua_upvalueindex(1)));
  return 0;
}

/* Lua 5.1's lua_pushlightuserdata takes no pointer to a constant; nobody writes through it. */
static void add_accessor(lua_State *L, const char *prefix, const property *p,
                         lua_CFunction function) {
  union {
    const void *constant;
    void *pointer;
  } address = {p};
  lua_pushfstring(L, "%s%s", prefix,
                  p->kind == PROPERTY_BOOLEAN && prefix[0] == 's' ? "blocking_mode" : p->name);
  lua_pushlightuserdata(L, address.pointer);
  lua_pushcclosure(L, function, 1);
  hcl_name_value(L, METHOD_MARK, lua_tostring(L, -2));
  lua_rawset(L, -3);
}

/* The engine's names: set_read_chunk_size, is_blocking_mode_enabled. */
static void add_accessors(lua_State *L) {
  for (size_t i = 0; i < PROPERTY_COUNT; i++) {
    const property *p = &properties[i];
    if (p->kind == PROPERTY_CONNECTION) continue;
    add_accessor(L, "set_", p, property_setter);
    add_accessor(L, p->kind == PROPERTY_BOOLEAN ? "is_" : "get_", p, property_getter);
  }
}

/* Upvalue 1 is the class table. Every method call comes by here. */
static int client_index(lua_State *L) {
  lua_pushvalue(L, 2);
  if (hcl_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  if (lua_type(L, 2) != LUA_TSTRING) return 1;
  const char *name = lua_tostring(L, 2);
  const property *p = find_property(name);
  if (p) return get_property(L, p);
  return hcl_push_class_enum(L, name) ? 1 : 0;
}

/* `client.connection = peer` is a call of the setter, but for the name in its error message. The
 * value is looked at twice, here for its message and there for its stream. */
static int write_connection(lua_State *L, const property *p) {
  (void)hcl_check_free_client(L, 1);
  lua_settop(L, FIELD_VALUE);
  if (!lua_isnil(L, FIELD_VALUE) && !hcl_to_stream_peer(L, FIELD_VALUE))
    refuse_type_http_client(L, FIELD_VALUE, p, "StreamPeer");
  lua_settop(L, FIELD_VALUE);
  lua_remove(L, 2);
  return client_set_connection(L);
}

/* A name that nobody has is a misspelling: kept in silence, it would be a setting that does
 * nothing. */
static int client_newindex(lua_State *L) {
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
  const property *p = name ? find_property(name) : NULL;
  if (!p)
    return luaL_error(L, "HTTPClient has no field '%s' to write",
                      name ? name : luaL_typename(L, 2));
  if (p->kind == PROPERTY_CONNECTION) return write_connection(L, p);
  set_property(L, FIELD_VALUE, p);
  return 0;
}

/* --- the class */

/* HTTPClient.new(), and HTTPClient(), whose argument, the class, is ignored. */
static int client_new(lua_State *L) {
  hcl_client_push_new(L);
  return 1;
}

static const luaL_Reg functions_http_client[] = {{"new", client_new}, {NULL, NULL}};

/* With a dot or a colon. */
static const luaL_Reg either[] = {{"query_string_from_dict", hcl_query_string_from_dict},
                                  {NULL, NULL}};

static const luaL_Reg methods_http_client[] = {
    {"close", client_close},
    {"poll", client_poll},
    {"get_status", client_get_status},
    {"get_last_error", client_get_last_error},
    {"set_proxy", hcl_client_set_proxy},
    {"set_http_proxy", client_set_http_proxy},
    {"set_https_proxy", client_set_https_proxy},
    {"set_connection", client_set_connection},
    {"get_connection", client_get_connection},
    {"share_connection", client_share_connection},
    {"get_free_streams", client_get_free_streams},
    {NULL, NULL},
};

/* __close has a function of its own, which raises where a method of the client is running; __gc may
 * not. */
static const luaL_Reg meta_http_client[] = {
    {"__gc", client_gc},
    {"__index", client_index},
    {"__newindex", client_newindex},
    {"__tostring", client_tostring},
    {"__close", client_go_out_of_scope},
    {NULL, NULL},
};

/* HTTPClient.Method and its like; made anew where the tables can be written to. */
static int class_index(lua_State *L) {
  return lua_type(L, 2) == LUA_TSTRING && hcl_push_class_enum(L, lua_tostring(L, 2)) ? 1 : 0;
}

/* The one place where the files of the class come together. Constants are fields of the class, and
 * so of every object by __index. */
void hcl_http_client_register(lua_State *L) {
  static const hcl_class class = {HCL_HTTP_CLIENT,       FUNCTION_MARK,       METHOD_MARK,
                                  functions_http_client, methods_http_client, meta_http_client};
  hcl_class_new(L, &class);
  hcl_set_functions(L, FUNCTION_MARK, hcl_client_wait_functions);
  hcl_set_functions(L, "", either);
  hcl_set_functions(L, METHOD_MARK, hcl_client_exchange_methods);
  hcl_set_functions(L, METHOD_MARK, hcl_client_file_methods);
  hcl_set_functions(L, METHOD_MARK, hcl_client_fact_methods);
  hcl_set_functions(L, METHOD_MARK, hcl_client_wait_methods);
  hcl_set_functions(L, METHOD_MARK, hcl_client_reach_methods);
  add_accessors(L);
  hcl_set_constants(L, lua_gettop(L));
  lua_newtable(L);
  lua_pushcfunction(L, class_index);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, client_new); /* HTTPClient() */
  lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
}
