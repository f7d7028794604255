/* lua_proxy.c - proxies: client:set_proxy for scripts; for the Lua half a proxy as an object that
 * many clients use, so that they share what one of them has learned of it.
 *
 * What it learns is a nonce: with Digest each new one costs a 407 and a request made twice (RFC
 * 7616 section 3.3), which the next client is spared. The URL is taken apart in the core
 * (connect/proxy.c); what is checked here is the table of options. */
#include "../core/connect/proxy.h"
#include "lua_client_object.h"

#define PROXY "httpclient.Proxy"

typedef struct proxy_object {
  hc_proxy *proxy;
} proxy_object;

/* --- client:set_proxy(url [, options]) */

/* "digest" is for those who do not want the password sent to a proxy that asks for Basic. */
static hc_proxy_schemes check_schemes(lua_State *L, int index, int arg) {
  hc_slice name = lua_type(L, index) == LUA_TSTRING ? hcl_to_slice(L, index) : HC_SLICE("");
  if (hc_slice_equal(name, HC_SLICE("digest"))) return HC_PROXY_DIGEST_ONLY;
  if (!lua_isnil(L, index) && !hc_slice_equal(name, HC_SLICE("any")))
    (void)hcl_argument_error(L, arg, "auth: \"any\" or \"digest\" expected");
  return HC_PROXY_ANY_SCHEME;
}

/* Borrowed; the value stays on the stack until the proxy has retained it. */
static hc_tls_options *check_tls_options(lua_State *L, int index, int arg) {
  hc_tls_options *options = hcl_to_tls_options(L, index);
  if (!options && !lua_isnil(L, index))
    (void)hcl_argument_error(L, arg, "tls_options: TLSOptions expected");
  return options;
}

/* Unknown keys raise, so that nothing is left undone in silence. */
static void check_keys(lua_State *L, int index, int arg) {
  lua_pushnil(L);
  while (lua_next(L, index)) {
    hc_slice key = lua_type(L, -2) == LUA_TSTRING ? hcl_to_slice(L, -2) : HC_SLICE("");
    if (!hc_slice_equal(key, HC_SLICE("auth")) && !hc_slice_equal(key, HC_SLICE("tls_options")))
      (void)hcl_argument_error(L, arg, "it has a field that is neither 'auth' nor 'tls_options'");
    lua_pop(L, 1);
  }
}

/* Pushes two values, which keep alive what *settings points to. */
static void read_settings(lua_State *L, int arg, hc_proxy_settings *settings) {
  *settings = (hc_proxy_settings){NULL, HC_PROXY_ANY_SCHEME};
  if (lua_isnoneornil(L, arg)) return;
  if (!lua_istable(L, arg)) (void)hcl_type_error(L, arg, "table");
  check_keys(L, arg, arg);
  lua_pushliteral(L, "auth");
  lua_rawget(L, arg);
  settings->schemes = check_schemes(L, lua_gettop(L), arg);
  lua_pushliteral(L, "tls_options");
  lua_rawget(L, arg);
  settings->tls_options = check_tls_options(L, lua_gettop(L), arg);
}

/* For one client alone: it keeps the proxy, and shares it with nobody. "" is none. */
int hcl_client_set_proxy(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_slice url = hcl_opt_string(L, 2, HC_SLICE(""));
  hc_proxy_settings settings;
  hc_failure why = {HC_OK, ""};
  lua_settop(L, 3);
  read_settings(L, 3, &settings);
  return hcl_push_result(L, hc_client_set_proxy_url(self->client, url, &settings, &why), &why);
}

/* --- for the Lua half */

/* Made by new_object_proxy alone; scripts never see it. */
static proxy_object *check_proxy(lua_State *L, int arg) {
  return (proxy_object *)hcl_check_object(L, arg, PROXY);
}

/* Clients and connections that use the proxy have counted themselves. */
static int proxy_gc(lua_State *L) {
  proxy_object *self = (proxy_object *)lua_touserdata(L, 1);
  hc_proxy_release(self->proxy);
  self->proxy = NULL;
  return 0;
}

/* Pushes a new one, which holds nothing yet. */
static proxy_object *new_object_proxy(lua_State *L) {
  hcl_hidden_class_new(L, PROXY, proxy_gc);
  lua_pop(L, 1);
  return (proxy_object *)hcl_object_new(L, PROXY, sizeof(proxy_object));
}

/* The URL as it may be shown: without the password. */
static int push_made(lua_State *L, const proxy_object *self, int index, hc_error code,
                     const hc_failure *why) {
  if (code != HC_OK) return hcl_push_refusal(L, code, why);
  lua_pushvalue(L, index);
  hcl_push_slice(L, self->proxy->shown);
  return 2;
}

/* The object comes first, so that the proxy has an owner as soon as there is one. */
int hcl_new_proxy(lua_State *L) {
  hc_slice url = hcl_check_string(L, 1);
  hc_proxy_settings settings;
  hc_failure why = {HC_OK, ""};
  lua_settop(L, 2);
  proxy_object *self = new_object_proxy(L);
  read_settings(L, 2, &settings); /* last: a finalizer may close its TLSOptions */
  return push_made(L, self, 3, hc_proxy_from_url(url, &settings, &self->proxy, &why), &why);
}

/* As hcl_new_proxy, for the engine's names of parts. */
int hcl_new_proxy_of_parts(lua_State *L) {
  hc_slice host = hcl_check_string(L, 1);
  long long port = (long long)hcl_check_integer(L, 2);
  hc_slice user = hcl_opt_string(L, 3, HC_SLICE(""));
  hc_slice password = hcl_opt_string(L, 4, HC_SLICE(""));
  hc_failure why = {HC_OK, ""};
  lua_settop(L, 4);
  proxy_object *self = new_object_proxy(L);
  hc_error code = hc_proxy_from_parts(host, port, user, password, &self->proxy, &why);
  return push_made(L, self, 5, code, &why);
}

/* The client retains it, so the object may go first. */
int hcl_use_proxy(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_client_use_proxy(self->client, lua_isnoneornil(L, 2) ? NULL : check_proxy(L, 2)->proxy);
  return 0;
}

/* A 407 that asks for Digest: would the same request, made again, have what was asked for? */
int hcl_can_satisfy_proxy(lua_State *L) {
  lua_pushboolean(L, hc_client_can_satisfy_proxy(hcl_check_client(L, 1)->client));
  return 1;
}

int hcl_is_untried(lua_State *L) {
  lua_pushboolean(L, hc_client_is_untried(hcl_check_client(L, 1)->client));
  return 1;
}
