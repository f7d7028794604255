/* lua_tls_options.c - the class TLSOptions: a checked table in, an immutable object out.
 *
 * They never change once they are made, so connections can share them and the sessions that they
 * own, and a wrong one is told where it is written, not at the handshake. A key that nobody knows
 * raises: a misspelt one must not leave a connection without what was asked for. What an option
 * means to the TLS library is stream/tls/'s business. */
#include <string.h>

#include "lua_binding.h"

#define CHAIN_SLOT 1
#define NAME_SLOT 2

typedef struct options_object {
  hc_tls_options *options;
} options_object;

/* What a constructor gathers. The slices point to Lua strings that the arguments keep alive, the
 * arrays of slices and the objects made from PEM text stand on the stack. */
typedef struct gathering {
  hc_tls_settings settings;
  int arg;         /* the place of `extra` */
  int passphrase;  /* its place on the stack; a string or nil */
  int chain, certificate, private_key; /* the places of these objects, 0 none: see take_objects */
  const char *key; /* the field of `extra` under examination */
} gathering;

/* Jumps. All that was gathered is on the stack or a view of it, so nothing has to be freed. The
 * value is never shown: it may be a key, or its passphrase. */
static int refuse_tls_options(lua_State *L, const gathering *g, const char *problem) {
  return hcl_argument_error(L, g->arg, lua_pushfstring(L, "extra.%s: %s", g->key, problem));
}

/* The type is shown, since that is the mistake; the value never. */
static int refuse_type_tls_options(lua_State *L, const gathering *g, int value,
                                   const char *expected) {
  const char *got = hcl_type_name(L, value);
  return refuse_tls_options(L, g, lua_pushfstring(L, "%s expected, got %s", expected, got));
}

/* A text that the TLS library or the file system gets as a C string. */
static hc_slice check_text(lua_State *L, const gathering *g, int value) {
  if (lua_type(L, value) != LUA_TSTRING) refuse_type_tls_options(L, g, value, "string");
  hc_slice text = hcl_to_slice(L, value);
  if (text.size == 0) refuse_tls_options(L, g, "the text is empty");
  if (memchr(text.data, '\0', text.size)) refuse_tls_options(L, g, "the text holds a NUL byte");
  return text;
}

/* 10 to 13, as hc_tls_settings counts them. Names and no numbers, since 1.0 and 1 are one number
 * and print alike. */
static int check_version_tls_options(lua_State *L, const gathering *g, int value) {
  static const char *const names[] = {"1.0", "1.1", "1.2", "1.3"};
  hc_slice text = check_text(L, g, value);
  for (int i = 0; i < 4; i++) {
    if (hc_slice_equal(text, hc_slice_of(names[i]))) return 10 + i;
  }
  return refuse_tls_options(L, g, "\"1.0\", \"1.1\", \"1.2\" or \"1.3\" expected");
}

/* Pushes the array of slices and what holds their strings: they live as long as it is on the stack.
 */
static const hc_slice *check_strings(lua_State *L, const gathering *g, int value, size_t *count) {
  if (!lua_istable(L, value)) refuse_type_tls_options(L, g, value, "array of strings");
  if (!hcl_is_sequence(L, value, count) || *count > INT32_MAX)
    refuse_tls_options(L, g, "array of strings expected");
  value = lua_absindex(L, value);
  hc_slice *slices = (hc_slice *)lua_newuserdata(L, (*count + 1) * sizeof *slices);
  /* the caller's table may change before the options are made */
  lua_createtable(L, (int)*count, 0);
  for (size_t i = 0; i < *count; i++) {
    lua_rawgeti(L, value, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) refuse_type_tls_options(L, g, -1, "array of strings");
    slices[i] = hcl_to_slice(L, -1);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return slices;
}

/* The object itself, or a new one of the PEM text; pushes it. NULL for other types; raises for text
 * that is none. */
static hc_certificates *push_certificates(lua_State *L, int value, hc_failure *why) {
  value = lua_absindex(L, value);
  if (lua_type(L, value) != LUA_TSTRING) {
    lua_pushvalue(L, value);
    return hcl_to_certificates(L, -1);
  }
  hcl_push_new_certificate(L);
  hc_certificates *certificates = hcl_to_certificates(L, -1);
  hcl_load_certificate_text(certificates, hcl_to_slice(L, value), why);
  return certificates;
}

/* Pushes one value, which owns the certificates that it returns. */
static hc_certificates *check_certificate_tls_options(lua_State *L, const gathering *g, int value) {
  hc_failure why = {HC_OK, ""};
  hc_certificates *certificates = push_certificates(L, value, &why);
  if (!certificates) refuse_type_tls_options(L, g, value, "X509Certificate or PEM text");
  if (why.code != HC_OK) refuse_tls_options(L, g, why.text);
  return certificates;
}

/* A key that is an object was decrypted when it was loaded; of PEM text it is done here, with the
 * passphrase that was asked for before all else. */
static hc_key *check_key_tls_options(lua_State *L, const gathering *g, int value) {
  hc_failure why = {HC_OK, ""};
  value = lua_absindex(L, value);
  if (lua_type(L, value) != LUA_TSTRING) {
    hc_key *key = hcl_to_key(L, value);
    if (!key) refuse_type_tls_options(L, g, value, "CryptoKey or PEM text");
    lua_pushvalue(L, value);
    return key;
  }
  hcl_push_new_key(L);
  hc_key *key = hcl_to_key(L, -1);
  hc_slice passphrase = lua_isnil(L, g->passphrase) ? HC_SLICE("") : hcl_to_slice(L, g->passphrase);
  if (hcl_load_private_key_text(key, hcl_to_slice(L, value), passphrase, &why) != HC_OK)
    refuse_tls_options(L, g, why.text);
  return key;
}

/* --- the keys of `extra`; each taker may leave two values on the stack that must live until the
 * options are made */

static void take_min_version(lua_State *L, gathering *g, int v) {
  g->settings.min_version = check_version_tls_options(L, g, v);
}
static void take_max_version(lua_State *L, gathering *g, int v) {
  g->settings.max_version = check_version_tls_options(L, g, v);
}
/* Which names there are the TLS library knows, and refuses the others. */
static void take_ciphers(lua_State *L, gathering *g, int v) {
  g->settings.ciphers = check_text(L, g, v);
}
static void take_keylog_file(lua_State *L, gathering *g, int v) {
  g->settings.keylog_file = check_text(L, g, v);
}

/* The place and not the pointer is kept: see take_objects. */
static void take_certificate(lua_State *L, gathering *g, int v) {
  (void)check_certificate_tls_options(L, g, v);
  g->certificate = lua_gettop(L);
}

static void take_private_key(lua_State *L, gathering *g, int v) {
  (void)check_key_tls_options(L, g, v);
  g->private_key = lua_gettop(L);
}

/* The file is read when the options are made, and not again. */
static void take_crl_file(lua_State *L, gathering *g, int v) {
  g->settings.crl_file = check_text(L, g, v);
  if (hcl_holds_pem(g->settings.crl_file))
    refuse_tls_options(L, g, "a path is wanted, and this is PEM text");
}

/* Nothing but true and false: 0 is true in Lua, and whoever writes it means the opposite. */
static bool check_flag_tls_options(lua_State *L, const gathering *g, int v) {
  if (!lua_isboolean(L, v)) refuse_type_tls_options(L, g, v, "boolean");
  return lua_toboolean(L, v) != 0;
}

static void take_require_ocsp_stapling(lua_State *L, gathering *g, int v) {
  g->settings.require_ocsp_stapling = check_flag_tls_options(L, g, v);
}

static void take_post_handshake_auth(lua_State *L, gathering *g, int v) {
  g->settings.post_handshake_auth = check_flag_tls_options(L, g, v);
}

static void take_legacy_renegotiation(lua_State *L, gathering *g, int v) {
  g->settings.legacy_renegotiation = check_flag_tls_options(L, g, v);
}

static void take_tolerate_missing_close_notify(lua_State *L, gathering *g, int v) {
  g->settings.tolerate_missing_close_notify = check_flag_tls_options(L, g, v);
}

static void take_pinned_keys(lua_State *L, gathering *g, int v) {
  g->settings.pinned_keys = check_strings(L, g, v, &g->settings.pinned_key_count);
  /* A list that came out empty by mistake must not mean "anything goes". */
  if (g->settings.pinned_key_count == 0)
    refuse_tls_options(L, g, "the list is empty, so nothing could match it");
}

static void take_alpn_tls_options(lua_State *L, gathering *g, int v) {
  g->settings.alpn = check_strings(L, g, v, &g->settings.alpn_count);
}

/* It was taken before all others. */
static void take_passphrase(lua_State *L, gathering *g, int v) {
  (void)v;
  lua_pushliteral(L, "private_key");
  lua_rawget(L, g->arg);
  if (lua_isnil(L, -1)) refuse_tls_options(L, g, "there is no private_key that it could be for");
  lua_pop(L, 1);
}

typedef struct extra_key {
  const char *name;
  void (*take)(lua_State *L, gathering *g, int value);
} extra_key;

static const extra_key extra_keys[] = {
    {"min_version", take_min_version},
    {"max_version", take_max_version},
    {"pinned_keys", take_pinned_keys},
    {"crl_file", take_crl_file},
    {"certificate", take_certificate},
    {"require_ocsp_stapling", take_require_ocsp_stapling},
    {"private_key", take_private_key},
    {"ciphers", take_ciphers},
    {"alpn", take_alpn_tls_options},
    {"post_handshake_auth", take_post_handshake_auth},
    {"legacy_renegotiation", take_legacy_renegotiation},
    {"tolerate_missing_close_notify", take_tolerate_missing_close_notify},
    {"keylog_file", take_keylog_file},
    {"passphrase", take_passphrase},
};
#define EXTRA_KEY_COUNT (sizeof extra_keys / sizeof *extra_keys)

/* The list is short, and options are made seldom. */
static bool is_extra_key(hc_slice name) {
  for (size_t i = 0; i < EXTRA_KEY_COUNT; i++) {
    if (hc_slice_equal(name, hc_slice_of(extra_keys[i].name))) return true;
  }
  return false;
}

/* First, so that a misspelt key is told before another one's value is complained about. The walk is
 * raw, and reading a key that is a number would change it, hence the type's name. */
static void refuse_unknown_keys(lua_State *L, int arg) {
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      hcl_argument_error(L, arg,
                         lua_pushfstring(L, "extra: unknown key of type %s", luaL_typename(L, -2)));
    }
    if (!is_extra_key(hcl_to_slice(L, -2))) {
      hcl_argument_error(L, arg, lua_pushfstring(L, "extra.%s: unknown key", lua_tostring(L, -2)));
    }
  }
}

/* Pushes it, or nil where no key needs it. It may be a function, which is called now: whatever that
 * does to the arguments, they are looked at afterwards. */
static void push_passphrase(lua_State *L, gathering *g) {
  lua_pushnil(L);
  g->passphrase = lua_gettop(L);
  if (!lua_istable(L, g->arg)) return;
  lua_pushliteral(L, "private_key");
  lua_rawget(L, g->arg);
  bool is_text = lua_type(L, -1) == LUA_TSTRING;
  lua_pushliteral(L, "passphrase");
  lua_rawget(L, g->arg);
  if (lua_isfunction(L, -1) && !is_text) {
    lua_settop(L, g->passphrase);
    return;
  }
  lua_replace(L, g->passphrase);
  lua_settop(L, g->passphrase);
  hcl_resolve_passphrase(L, g->passphrase, g->arg, "extra.passphrase");
}

/* Each taker leaves at most three values, its own and two: so much stack is asked for at once, and
 * no taker has to. In the order of the list, not of the table, whose order changes from run to run
 * and with it which mistake is told. */
static void take_extra(lua_State *L, gathering *g) {
  if (lua_isnoneornil(L, g->arg)) return;
  if (!lua_istable(L, g->arg)) hcl_type_error(L, g->arg, "table");
  luaL_checkstack(L, 3 * (int)EXTRA_KEY_COUNT + 20, "extra");
  refuse_unknown_keys(L, g->arg);
  for (size_t i = 0; i < EXTRA_KEY_COUNT; i++) {
    g->key = extra_keys[i].name;
    lua_pushstring(L, g->key);
    lua_rawget(L, g->arg);
    if (!lua_isnil(L, -1)) extra_keys[i].take(L, g, lua_gettop(L));
  }
}

/* --- the constructors */

/* Empty until the core's options are in it; its finalizer takes both. */
static void push_options(lua_State *L) {
  hcl_object_new(L, HCL_TLS_OPTIONS, sizeof(options_object));
}

/* Pushes the chain's object, or nil. PEM text is loaded into a new object, which the getter then
 * gives. */
static void take_chain(lua_State *L, gathering *g, int arg) {
  hc_failure why = {HC_OK, ""};
  if (lua_isnoneornil(L, arg)) {
    lua_pushnil(L);
    return;
  }
  hc_certificates *chain = push_certificates(L, arg, &why);
  if (!chain) hcl_type_error(L, arg, "X509Certificate or PEM text");
  if (why.code == HC_OK && hc_certificates_count(chain) == 0) {
    hc_failure_set(&why, HC_ERR_INVALID_PARAMETER, "the trusted chain holds no certificate");
  }
  if (why.code != HC_OK) hcl_argument_error(L, arg, why.text);
  g->chain = lua_gettop(L);
}

/* A script that runs in between, as a finalizer does, may have loaded the objects anew: what they
 * hold now counts, and nothing runs any more until the options are made. */
static void take_objects(lua_State *L, gathering *g) {
  if (g->chain) g->settings.trusted_chain = hcl_to_certificates(L, g->chain);
  if (g->certificate) g->settings.certificate = hcl_to_certificates(L, g->certificate);
  if (g->private_key) g->settings.private_key = hcl_to_key(L, g->private_key);
}

/* The anchor keeps chain and name for the getters alone; what the options need of them the core has
 * copied or retained. */
static int finish_tls_options(lua_State *L, gathering *g) {
  hc_failure why = {HC_OK, ""};
  push_options(L);
  options_object *self = (options_object *)lua_touserdata(L, -1);
  if (g->chain) {
    lua_pushvalue(L, g->chain);
    hcl_anchor_put(L, -2, CHAIN_SLOT);
  }
  hcl_push_slice(L, g->settings.common_name_override);
  hcl_anchor_put(L, -2, NAME_SLOT);
  take_objects(L, g);
  hc_error code = hc_tls_options_new(&g->settings, &self->options, &why);
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  if (code != HC_OK) {
    hcl_push_message(L, code, &why);
    return luaL_error(L, "%s", lua_tostring(L, -1));
  }
  return 1;
}

/* TLSOptions.client([chain [, common_name_override [, extra]]]), as in the engine, but for
 * `extra`. */
static int options_client(lua_State *L) {
  gathering g;
  memset(&g, 0, sizeof g);
  g.arg = 3;
  lua_settop(L, 3);
  hc_slice override = hcl_opt_string(L, 2, HC_SLICE(""));
  if (override.size && memchr(override.data, '\0', override.size)) {
    return hcl_argument_error(L, 2, "the name holds a NUL byte");
  }
  g.settings.verify = HC_TLS_VERIFY_FULL;
  g.settings.common_name_override = override;
  push_passphrase(L, &g);
  take_chain(L, &g, 1);
  take_extra(L, &g);
  return finish_tls_options(L, &g);
}

/* TLSOptions.client_unsafe([chain [, extra]]): the name is never verified, and the chain only
 * against one that is given. */
static int options_client_unsafe(lua_State *L) {
  gathering g;
  memset(&g, 0, sizeof g);
  g.arg = 2;
  lua_settop(L, 2);
  push_passphrase(L, &g);
  take_chain(L, &g, 1);
  g.settings.verify = g.chain ? HC_TLS_VERIFY_CHAIN : HC_TLS_VERIFY_NONE;
  take_extra(L, &g);
  return finish_tls_options(L, &g);
}

/* One for the whole state, because the options own the sessions: with new ones for each call no
 * connection could be resumed. The registry keeps it, so the pointer is good until the state ends.
 */
hc_tls_options *hcl_default_tls_options(lua_State *L, hc_tls_verify verify) {
  const char *name = verify == HC_TLS_VERIFY_FULL ? "httpclient.options.verified"
                                                  : "httpclient.options.unverified";
  lua_getfield(L, LUA_REGISTRYINDEX, name);
  hc_tls_options *options = hcl_to_tls_options(L, -1);
  lua_pop(L, 1);
  if (options) return options;
  gathering g;
  memset(&g, 0, sizeof g);
  g.settings.verify = verify;
  int top = lua_gettop(L);
  finish_tls_options(L, &g);
  options = hcl_to_tls_options(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
  lua_settop(L, top);
  return options;
}

/* --- the object */

/* Also __close. Connections that were made with them have references. */
static int options_gc(lua_State *L) {
  options_object *self = (options_object *)luaL_testudata(L, 1, HCL_TLS_OPTIONS);
  if (!self) return 0;
  hc_tls_options_release(self->options);
  self->options = NULL;
  return 0;
}

/* NULL for other values, and for options that are closed. */
hc_tls_options *hcl_to_tls_options(lua_State *L, int index) {
  options_object *self = (options_object *)luaL_testudata(L, index, HCL_TLS_OPTIONS);
  return self ? self->options : NULL;
}

hc_tls_options *hcl_check_tls_options(lua_State *L, int arg) {
  options_object *self = (options_object *)hcl_check_object(L, arg, HCL_TLS_OPTIONS);
  if (!self->options) hcl_argument_error(L, arg, "the TLSOptions are closed");
  return self->options;
}

/* Anything less than the whole verification is unsafe. */
static int options_is_unsafe_client(lua_State *L) {
  lua_pushboolean(L, hc_tls_options_is_unsafe(hcl_check_tls_options(L, 1)));
  return 1;
}

static int options_get_common_name_override(lua_State *L) {
  (void)hcl_check_tls_options(L, 1);
  hcl_anchor_get(L, 1, NAME_SLOT);
  return 1;
}

/* The very object that was given, also of options that are closed. */
static int options_get_trusted_ca_chain(lua_State *L) {
  hcl_check_object(L, 1, HCL_TLS_OPTIONS);
  hcl_anchor_get(L, 1, CHAIN_SLOT);
  return 1;
}

/* The engine's class has both kinds; here are clients alone. */
static int options_is_server(lua_State *L) {
  hcl_check_object(L, 1, HCL_TLS_OPTIONS);
  lua_pushboolean(L, 0);
  return 1;
}

/* There is no `new`: the constructors say in their names what they make. */
void hcl_tls_options_register(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"client", options_client}, {"client_unsafe", options_client_unsafe}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"is_unsafe_client", options_is_unsafe_client},
                                     {"get_common_name_override", options_get_common_name_override},
                                     {"get_trusted_ca_chain", options_get_trusted_ca_chain},
                                     {"is_server", options_is_server},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", options_gc}, {NULL, NULL}};
  static const hcl_class class = {
      HCL_TLS_OPTIONS, "TLSOptions.", "options:", functions, methods, meta};
  hcl_class_new(L, &class);
}
