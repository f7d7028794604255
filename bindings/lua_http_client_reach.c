/* lua_http_client_reach.c - HTTPClient: whom to connect to, by which addresses, and from where.
 *
 * A connect ends what was before, so its arguments are all checked first, while the old connection
 * still stands. The way there, with its proxies, lookups and handshakes, is the core's. It calls
 * back for one thing: allow_address is asked about each address before it is connected to. */
#include <stdio.h>
#include <string.h>

#include "lua_client_object.h"

/* --- allow_address */

/* One question. `address` is a view of the core's, for the time of the call. */
typedef struct ask_call {
  hcl_client *self;
  const char *address;
  unsigned port;
  hc_verdict verdict;
} ask_call;

/* Runs protected. An error is no permission: the verdict is FAILED until the function has answered.
 */
static int call_allow_address(lua_State *L) {
  ask_call *call = (ask_call *)lua_touserdata(L, 1);
  call->verdict = HC_VERDICT_FAILED;
  hcl_client_push_self(L, call->self);
  if (lua_isnil(L, -1)) return luaL_error(L, "the client is being collected");
  hcl_client_anchor_get(L, call->self, 2, HCL_CLIENT_ALLOW);
  if (!lua_isfunction(L, -1)) return luaL_error(L, "it was taken away while connecting");
  lua_pushstring(L, call->address);
  lua_pushinteger(L, (lua_Integer)call->port);
  lua_call(L, 2, 1);
  call->verdict = lua_toboolean(L, -1) ? HC_VERDICT_ALLOWED : HC_VERDICT_REFUSED;
  return 0;
}

/* On a thread of its own: who polls may be any coroutine, and the stream may be polled by
 * itself. */
static hc_verdict ask_lua(void *context, const char *address, unsigned port, hc_failure *why) {
  ask_call call = {(hcl_client *)context, address, port, HC_VERDICT_FAILED};
  lua_State *L = call.self->runtime->calls;
  int top = lua_gettop(L);
  int status = hcl_call_protected(L, call_allow_address, &call);
  if (status == 0) return call.verdict;
  const char *text =
      status > 0 && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "no error message";
  hc_failure_set(why, HC_ERR_CANT_CONNECT, "error in allow_address: %s", text);
  lua_settop(L, top);
  return HC_VERDICT_FAILED;
}

/* The core gets the client and not the function, which it finds in the anchor when it asks: so it
 * can be changed at any time. */
static void set_allow_address(lua_State *L, hcl_client *self, int arg) {
  bool is_set = !lua_isnil(L, arg);
  if (is_set && !self->runtime->calls) self->runtime->calls = hcl_calls_thread(L);
  hcl_anchor_reserve(L, 1, HCL_CLIENT_ALLOW);
  lua_pushvalue(L, arg);
  hcl_client_anchor_put(L, self, 1, HCL_CLIENT_ALLOW);
  hc_client *client = hcl_client_need(L, self);
  if (hc_client_set_address_filter(client, is_set ? ask_lua : NULL, self) != HC_OK)
    hcl_raise_memory(L);
}

/* --- the properties */

/* The text is on the C stack: making the string may run what it wants. */
static int push_local_address(lua_State *L, const hcl_client *self) {
  char text[HC_ADDRESS_SPACE];
  hc_client_get_local_address(self->client, text);
  lua_pushstring(L, text);
  return 1;
}

/* An IPv6 address is written in brackets, so that its colons are not taken for the port's (RFC 3986
 * section 3.2.2). */
static int push_connect_to(lua_State *L, const hcl_client *self) {
  hc_slice host;
  unsigned port;
  char digits[16] = "";
  hc_client_get_connect_to(self->client, &host, &port);
  if (port != 0) (void)snprintf(digits, sizeof digits, ":%u", port);
  bool needs_brackets = host.size > 0 && memchr(host.data, ':', host.size);
  lua_pushfstring(L, needs_brackets ? "[%s]%s" : "%s%s", host.size > 0 ? host.data : "", digits);
  return 1;
}

/* An empty slot that was reserved holds false, hence the question for a function. */
int hcl_client_get_own(lua_State *L, hcl_own which) {
  hcl_client *self = hcl_check_client(L, 1);
  switch (which) {
  case HCL_OWN_LOCAL_ADDRESS: return push_local_address(L, self);
  case HCL_OWN_CONNECT_TO: return push_connect_to(L, self);
  case HCL_OWN_ALLOW_ADDRESS: break;
  }
  hcl_client_anchor_get(L, self, 1, HCL_CLIENT_ALLOW);
  if (!lua_isfunction(L, -1)) lua_pushnil(L);
  return 1;
}

/* Apart from setting it, because the message for a wrong type hangs on how it was written
 * (refuse_type_http_client). */
const char *hcl_client_own_type(lua_State *L, hcl_own which, int arg) {
  if (which != HCL_OWN_ALLOW_ADDRESS) return lua_type(L, arg) == LUA_TSTRING ? NULL : "string";
  return lua_isfunction(L, arg) || lua_isnil(L, arg) ? NULL : "function or nil";
}

/* The core copies the text, so the script's string may go. */
hc_error hcl_client_set_own(lua_State *L, hcl_own which, int arg, hc_failure *why) {
  hcl_client *self = hcl_check_client(L, 1);
  switch (which) {
  case HCL_OWN_LOCAL_ADDRESS:
    return hc_client_set_local_address(self->client, hcl_to_slice(L, arg), why);
  case HCL_OWN_CONNECT_TO: return hc_client_set_connect_to(self->client, hcl_to_slice(L, arg), why);
  case HCL_OWN_ALLOW_ADDRESS: break;
  }
  set_allow_address(L, self, arg);
  return HC_OK;
}

/* --- what the connection goes to */

/* The address that was connected to: of a proxy, where there is one. Two values, or nil. */
static int client_get_remote_address(lua_State *L) {
  char text[HC_ADDRESS_SPACE];
  unsigned port;
  if (!hc_client_remote_address(hcl_check_client(L, 1)->client, text, &port)) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushstring(L, text);
  lua_pushinteger(L, (lua_Integer)port);
  return 2;
}

/* --- connecting */

typedef enum hcl_over { HCL_OVER_NETWORK, HCL_OVER_UNIX_SOCKET } hcl_over;

/* Nothing here can raise: the types were checked, and the string at 2 is a view. */
static hc_error start_to_connect(lua_State *L, hcl_client *self, hcl_over over,
                                 hc_connect_security security, hc_tls_options *options,
                                 hc_failure *why) {
  if (over == HCL_OVER_NETWORK)
    return hc_client_connect(self->client, hcl_to_slice(L, 2), hcl_opt_integer(L, 3, -1), security,
                             options, why);
  hc_slice host = hcl_opt_string(L, 3, HC_SLICE(""));
  return hc_client_connect_unix(self->client, hcl_to_slice(L, 2), host, security, options, why);
}

/* What begins at argument `tls`, a boolean or TLSOptions and whether to verify, is the same for
 * both; what stands before that is checked by the caller. What a script's body function or stream
 * had anchored is let go only behind the call, in which the core may still use it. */
static int connect_over_reach(lua_State *L, int tls, hcl_over over) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_slice host = hcl_opt_string(L, over == HCL_OVER_NETWORK ? 2 : 3, HC_SLICE(""));
  hc_tls_options *options = hcl_to_tls_options(L, tls);
  hc_connect_security security = HC_CONNECT_PLAIN;
  hc_tls_verify verify = hcl_opt_true(L, tls + 1) ? HC_TLS_VERIFY_FULL : HC_TLS_VERIFY_NONE;
  if (options) {
    security = HC_CONNECT_TLS;
  } else {
    if (!lua_isnoneornil(L, tls) && !lua_isboolean(L, tls))
      return hcl_type_error(L, tls, "boolean or TLSOptions");
    if (lua_toboolean(L, tls)) security = HC_CONNECT_TLS;
    /* Without a '/' there is no scheme that could ask for TLS. */
    if (security == HC_CONNECT_TLS || memchr(host.data, '/', host.size))
      options = hcl_default_tls_options(L, verify);
  }
  bool is_given = lua_isuserdata(L, tls);
  hcl_client_close_sink(self);
  hc_failure why = {HC_OK, ""};
  lua_State *previous = hcl_client_enter(L, self);
  if (is_given) options = hcl_to_tls_options(L, tls); /* a finalizer may have closed them */
  hc_error code = HC_ERR_INVALID_PARAMETER;
  if (is_given && !options) hc_failure_set(&why, code, "the TLSOptions are closed");
  else code = start_to_connect(L, self, over, security, options, &why);
  hcl_client_leave(self, previous);
  hcl_client_drop_anchors(L, self);
  return hcl_push_result(L, code, &why);
}

/* Everything is checked before the first step, so that a wrong argument changes nothing. */
static int client_connect_to_host(lua_State *L) {
  (void)hcl_check_free_client(L, 1);
  (void)hcl_check_string(L, 2);
  (void)hcl_opt_integer(L, 3, -1);
  return connect_over_reach(L, 4, HCL_OVER_NETWORK);
}

/* (path [, host [, use_tls or TLSOptions [, verify_host]]]) -> Error, message */
static int client_connect_to_unix_socket(lua_State *L) {
  (void)hcl_check_free_client(L, 1);
  (void)hcl_check_string(L, 2);
  (void)hcl_opt_string(L, 3, HC_SLICE(""));
  return connect_over_reach(L, 4, HCL_OVER_UNIX_SOCKET);
}

const luaL_Reg hcl_client_reach_methods[] = {
    {"get_remote_address", client_get_remote_address},
    {"connect_to_host", client_connect_to_host},
    {"connect_to_unix_socket", client_connect_to_unix_socket},
    {NULL, NULL},
};
