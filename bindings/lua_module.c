/* lua_module.c - httpclient.core, the table that the Lua side of the module builds on.
 *
 * It is the top of the bindings: it knows every class and asks each to register itself; nobody
 * knows it. Scripts see the classes. The functions beside them are for the Lua half, and may change
 * with it (lua/httpclient/init.lua lists them). */
#include <string.h>

#include "../core/platform/file_release.h"
#include "../core/platform/thread.h"
#include "lua_client_object.h"

/* Whatever integer comes, also one beyond an int, there is a sentence for it. */
static int module_error_string(lua_State *L) {
  int64_t code = hcl_check_integer(L, 1);
  lua_pushstring(L, hc_error_string(code < 0 || code >= HC_ERROR_COUNT ? -1 : (int)code));
  return 1;
}

/* Seconds on a clock that nobody sets; only differences mean something. */
static int module_monotonic_time(lua_State *L) {
  lua_pushnumber(L, (lua_Number)hc_clock_now() / 1e9);
  return 1;
}

/* create_new_file(path [, old]) -> owner; nil, message, Error where it is there already, or can't
 * be made. See file.h. */
static int module_create_new_file(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  int64_t owner;
  const char *old = lua_isnoneornil(L, 2) ? NULL : hcl_check_path(L, 2);
  hc_error code = hc_file_create_new(hcl_check_path(L, 1), old, &owner, &why);
  if (code == HC_OK) {
    hcl_push_integer(L, owner);
    return 1;
  }
  return hcl_push_refusal(L, code, &why);
}

/* create_private_file(path) -> as create_new_file */
static int module_create_private_file(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  int64_t owner;
  hc_error code = hc_file_create_private(hcl_check_path(L, 1), &owner, &why);
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  hcl_push_integer(L, owner);
  return 1;
}

/* keep_file_mode(path, old) -> boolean: `path` has the permissions of `old` now, which it is to
 * replace */
static int module_keep_file_mode(lua_State *L) {
  lua_pushboolean(L, hc_file_keep_mode(hcl_check_path(L, 1), hcl_check_path(L, 2)));
  return 1;
}

/* replace_file(from, to) -> true; nil, the reason alone, Error. See file_release.h. */
static int module_replace_file(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_file_replace(hcl_check_path(L, 1), hcl_check_path(L, 2), &why);
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  lua_pushboolean(L, true);
  return 1;
}

/* No result: it cleans up behind something whose failure is told already. */
static int module_remove_file(lua_State *L) {
  hc_file_remove(hcl_check_path(L, 1));
  return 0;
}

/* process_number() -> of the calling process */
static int module_process_number(lua_State *L) {
  hcl_push_integer(L, (int64_t)hc_process_number());
  return 1;
}

/* own_file_size(path) -> bytes, owner; nil where there is none, or one that others may have put
 * there */
static int module_own_file_size(lua_State *L) {
  uint64_t size;
  int64_t owner;
  if (!hc_file_is_own(hcl_check_path(L, 1), &size, &owner)) return 0;
  hcl_push_integer(L, (int64_t)size);
  hcl_push_integer(L, owner);
  return 2;
}

/* file_kind(path) -> "regular", "directory", "device" or "other"; nil where there is nothing */
static int module_file_kind(lua_State *L) {
  static const char *const names[] = {
      [HC_FILE_REGULAR] = "regular",
      [HC_FILE_DIRECTORY] = "directory",
      [HC_FILE_DEVICE] = "device",
      [HC_FILE_OTHER] = "other",
  };
  lua_pushstring(L, names[hc_file_kind_of(hcl_check_path(L, 1))]);
  return 1;
}

/* prepare_tls() -> boolean: is all that a first TLS connection needs there? Begins to load what is
 * not. */
static int module_prepare_tls(lua_State *L) {
  lua_pushboolean(L, hc_tls_start_loading());
  return 1;
}

/* For allow_address: is it an address of the Internet, and not one of this machine or its
 * network? */
static int module_is_public_address(lua_State *L) {
  lua_pushboolean(L, hc_is_public_address(hcl_check_string(L, 1)));
  return 1;
}

/* Where enums are raw tables, each access mends Error (see hcl_push_enum); so it must not be a
 * plain field. */
static int module_index(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING || !hc_slice_equal(hcl_to_slice(L, 2), HC_SLICE("Error")))
    return 0;
  hcl_push_enum(L, HCL_ENUM_ERROR);
  return 1;
}

/* Where Lua can guard the table it is a plain field; else module_index gives it, mended, at each
 * access. */
static void set_error_enum(lua_State *L) {
  if (!hcl_enums_are_raw(L)) {
    hcl_push_enum(L, HCL_ENUM_ERROR);
    lua_setfield(L, -2, "Error");
    return;
  }
  lua_newtable(L);
  lua_pushcfunction(L, module_index);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

/* What the Lua half has to find again when it is loaded anew, and this half with it: a table of the
 * registry. */
static void set_kept(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "httpclient.kept");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, "httpclient.kept");
  }
  lua_setfield(L, -2, "kept");
}

/* Functions of their own, so that messages name what was called. */
static int module_http_escape(lua_State *L) { return hcl_uri_encode(L); }
static int module_http_unescape(lua_State *L) { return hcl_uri_decode(L); }

/* `push` registers the class and pushes its class table. */
typedef struct class_entry {
  const char *name;
  void (*push)(lua_State *L);
} class_entry;

static const class_entry classes[] = {
    {"TLSOptions", hcl_tls_options_register},
    {"X509Certificate", hcl_x509_register},
    {"CryptoKey", hcl_crypto_key_register},
    {"StreamPeerTCP", hcl_stream_peer_tcp_register},
    {"StreamPeerTLS", hcl_stream_peer_tls_register},
    {"StreamPeerSSL", hcl_stream_peer_tls_register}, /* the 3.x name */
    {"HTTPClient", hcl_http_client_register},
    {"Poller", hcl_poller_register},
    {"Inflater", hcl_inflater_register},
    {"Signal", hcl_signal_register},
    {"OwnFile", hcl_own_file_register},
    {"FileReplacement", hcl_file_replacement_register},
    {"DigestChallenge", hcl_digest_challenge_register},
};

static const luaL_Reg functions_module[] = {
    {"error_string", module_error_string},
    {"monotonic_time", module_monotonic_time},
    {"join", hcl_join_parts},
    {"gather", hcl_gather_parts},
    {"create_new_file", module_create_new_file},
    {"create_private_file", module_create_private_file},
    {"keep_file_mode", module_keep_file_mode},
    {"replace_file", module_replace_file},
    {"remove_file", module_remove_file},
    {"own_file_size", module_own_file_size},
    {"process_number", module_process_number},
    {"file_kind", module_file_kind},
    {"prepare_tls", module_prepare_tls},
    {"load_pkcs12", hcl_load_pkcs12},
    {"is_public_suffix", hcl_is_public_suffix},
    {"read_challenges", hcl_read_challenges},
    {"new_proxy", hcl_new_proxy},
    {"new_proxy_of_parts", hcl_new_proxy_of_parts},
    {"use_proxy", hcl_use_proxy},
    {"can_satisfy_proxy", hcl_can_satisfy_proxy},
    {"is_untried", hcl_is_untried},
    {"response_fields", hcl_response_fields},
    {"announced_length", hcl_announced_length},
    {"begin_transcript", hcl_begin_transcript},
    {"take_transcript", hcl_take_transcript},
    {"end_transcript", hcl_end_transcript},
    {"retry_of", hcl_retry_of},
    {"sharing_of", hcl_sharing_of},
    {"wake_poller", hcl_wake_poller},
    {"poller_round", hcl_poller_round},
    {"open_body_file", hcl_open_body_file},
    {"decode_body", hcl_decode_body},
    {"read_body_into", hcl_read_body_into},
    {"memory_string", hcl_memory_string},
    {"features", hcl_features},
    {"query_string_from_dict", hcl_query_string_from_dict},
    {"uri_encode", hcl_uri_encode},
    {"uri_decode", hcl_uri_decode},
    {"idn_to_ascii", hcl_idn_to_ascii},
    {"is_public_address", module_is_public_address},
    {"http_escape", module_http_escape}, /* the 3.x names */
    {"http_unescape", module_http_unescape},
    {NULL, NULL},
};

/* hc_thread_keep_module comes first: from here on a thread may run code of this library, and
 * lua_close unloads it without asking. */
int luaopen_httpclient_core(lua_State *L) {
  hc_thread_keep_module();
  lua_newtable(L);
  hcl_set_functions(L, "", functions_module);
  hcl_set_functions(L, "", hcl_encoding_functions);
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
    classes[i].push(L);
    lua_setfield(L, -2, classes[i].name);
  }
  lua_getfield(L, -1, "HTTPClient");
  lua_getfield(L, -1, "new");
  lua_setfield(L, -3, "new");
  lua_pop(L, 1);
  set_error_enum(L);
  hcl_set_error_constants(L, lua_gettop(L));
  set_kept(L);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  lua_pushliteral(L, "httpclient " HC_VERSION);
  lua_setfield(L, -2, "_VERSION");
  return 1;
}
