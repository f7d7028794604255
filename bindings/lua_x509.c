/* lua_x509.c - the classes X509Certificate and CryptoKey: PEM in, PEM out.
 *
 * Both hold a handle of the core's, and are made before they are loaded, as in the engine. Reading
 * and writing them is stream/tls/'s business, whichever library that is. A passphrase is a view for
 * the time of one call; a script that does not want it to lie about gives a function for it. */
#include <string.h>

#include "../core/stream/tls/x509.h"
#include "lua_binding.h"

/* A load makes a new core object and swaps it in: TLSOptions made before keep what they were given.
 */
typedef struct certificate_object {
  hc_certificates *certificates; /* NULL: empty */
} certificate_object;

typedef struct key_object {
  hc_key *key; /* NULL: empty */
} key_object;

/* --- paths and PEM text: a script easily gives one for the other */

/* Anywhere in the text: PEM allows for explanatory text in front of it (RFC 7468 section 2). A path
 * holds no such mark by accident. */
bool hcl_holds_pem(hc_slice text) {
  const hc_slice begin = HC_SLICE("-----BEGIN ");
  for (size_t i = 0; i + begin.size <= text.size; i++) {
    if (memcmp(text.data + i, begin.data, begin.size) == 0) return true;
  }
  return false;
}

/* False, with the reason, when the text can not be a path. What it says of PEM text shows nothing
 * of it: that may be a key. */
static bool is_path(hc_slice path, hc_failure *why) {
  const char *reason = NULL;
  if (path.size == 0) reason = "the path is empty";
  else if (hcl_holds_pem(path))
    reason = "a path is wanted, and this is PEM text, which load_from_string(text) takes";
  else reason = hcl_path_objection(path);
  if (!reason) return true;
  hc_failure_set(why, HC_ERR_FILE_BAD_PATH, "%s", reason);
  return false;
}

/* Only where the core could not read it and there is no mark of PEM in it: then it is most likely a
 * path. The core's sentence is kept as the first half. */
static hc_error explain_text(hc_slice text, hc_error code, const char *kind, const char *class_name,
                             hc_failure *why) {
  if (code != HC_ERR_INVALID_DATA || hcl_holds_pem(text)) return code;
  hc_failure plain = *why;
  hc_failure_clear(why);
  return hc_failure_set(
      why, code, "%s: PEM text is wanted (\"-----BEGIN %s-----\"), and %s:load(path) reads files",
      plain.text, kind, class_name);
}

hc_error hcl_load_certificate_text(hc_certificates *certificates, hc_slice text, hc_failure *why) {
  hc_error code = hc_certificates_load_text(certificates, text, why);
  return explain_text(text, code, "CERTIFICATE", "X509Certificate", why);
}

/* The hint names the half that was asked for. */
hc_error hcl_load_key_text(hc_key *key, hc_slice text, hc_key_half half, hc_failure *why) {
  hc_error code = hc_key_load_text(key, text, half, why);
  return explain_text(text, code, half == HC_KEY_PUBLIC ? "PUBLIC KEY" : "PRIVATE KEY", "CryptoKey",
                      why);
}

hc_error hcl_load_private_key_text(hc_key *key, hc_slice text, hc_slice passphrase,
                                   hc_failure *why) {
  hc_error code = hc_key_load_encrypted_text(key, text, passphrase, why);
  return explain_text(text, code, "PRIVATE KEY", "CryptoKey", why);
}

/* What the argument of a load names. */
typedef enum source_kind { SOURCE_TEXT, SOURCE_FILE } source_kind;

/* A result, as the engine's load has it, and no error that would have to be caught. */
static int no_memory_x509(lua_State *L) { return hcl_push_result(L, HC_ERR_OUT_OF_MEMORY, NULL); }

/* --- X509Certificate */

static certificate_object *check_certificate_x509(lua_State *L) {
  return (certificate_object *)hcl_check_object(L, 1, HCL_X509_CERTIFICATE);
}

/* Options and connections that use the certificates have references of their own. */
static int certificate_gc_x509(lua_State *L) {
  certificate_object *self = (certificate_object *)luaL_testudata(L, 1, HCL_X509_CERTIFICATE);
  if (!self) return 0;
  hc_certificates_release(self->certificates);
  self->certificates = NULL;
  return 0;
}

/* What it will hold is made with the first load, or when somebody asks for it
 * (hcl_to_certificates). */
void hcl_push_new_certificate(lua_State *L) {
  hcl_object_new(L, HCL_X509_CERTIFICATE, sizeof(certificate_object));
}

static int certificate_new(lua_State *L) {
  hcl_push_new_certificate(L);
  return 1;
}

/* Takes what `fill` makes of `source` in place of the old content; on failure the old content
 * stays. No Lua runs between making the new one and keeping it, so it can't be lost. Releasing the
 * old one frees nothing that somebody still uses. */
static int certificate_replace(lua_State *L, certificate_object *self, hc_slice source,
                               source_kind kind) {
  hc_failure why = {HC_OK, ""};
  if (kind == SOURCE_FILE && !is_path(source, &why)) return hcl_push_result(L, why.code, &why);
  hc_certificates *fresh = hc_certificates_new();
  if (!fresh) return no_memory_x509(L);
  hc_error code = kind == SOURCE_FILE ? hc_certificates_load_file(fresh, source.data, &why)
                                      : hcl_load_certificate_text(fresh, source, &why);
  if (code == HC_OK) {
    hc_certificates_release(self->certificates);
    self->certificates = fresh;
  } else {
    hc_certificates_release(fresh);
  }
  return hcl_push_result(L, code, &why);
}

/* Lua ends its strings with a NUL, and is_path refuses one inside: so the core gets the very string
 * as its path. */
static int certificate_load(lua_State *L) {
  certificate_object *self = check_certificate_x509(L);
  return certificate_replace(L, self, hcl_check_string(L, 2), SOURCE_FILE);
}

static int certificate_load_from_string(lua_State *L) {
  certificate_object *self = check_certificate_x509(L);
  return certificate_replace(L, self, hcl_check_string(L, 2), SOURCE_TEXT);
}

/* The path is checked before the content: a script that mixes up the two hears of that first. */
static int certificate_save(lua_State *L) {
  certificate_object *self = check_certificate_x509(L);
  hc_slice path = hcl_check_string(L, 2);
  hc_failure why = {HC_OK, ""};
  if (!is_path(path, &why)) return hcl_push_result(L, why.code, &why);
  if (!self->certificates) {
    hc_error code = hc_failure_set(&why, HC_ERR_UNCONFIGURED, "there is no certificate to save");
    return hcl_push_result(L, code, &why);
  }
  hc_error code = hc_certificates_save_file(self->certificates, path.data, &why);
  return hcl_push_result(L, code, &why);
}

/* "" for an empty object; on failure "" and a message. The engine's function gives a string and
 * nothing else; the message behind it is ours. */
static int push_saved(lua_State *L, hc_buffer *out, hc_error code, const hc_failure *why) {
  if (code != HC_OK) hc_buffer_free(out);
  hcl_buffer_push(L, out);
  if (code == HC_OK) return 1;
  hcl_push_message(L, code, why);
  return 2;
}

/* The buffer is a userdata's, so an error while the string is made loses nothing. */
static int certificate_save_to_string(lua_State *L) {
  certificate_object *self = check_certificate_x509(L);
  hc_failure why = {HC_OK, ""};
  hc_buffer *out = hcl_buffer_new(L);
  hc_error code =
      self->certificates ? hc_certificates_save_text(self->certificates, out, &why) : HC_OK;
  return push_saved(L, out, code, &why);
}

/* One is made where there is none yet, so that those who fill it need not ask. The pointer is
 * borrowed: a load puts another one in its place and releases this. */
hc_certificates *hcl_to_certificates(lua_State *L, int index) {
  certificate_object *self = (certificate_object *)luaL_testudata(L, index, HCL_X509_CERTIFICATE);
  if (!self) return NULL;
  if (!self->certificates) self->certificates = hc_certificates_new();
  if (!self->certificates) hcl_raise_memory(L);
  return self->certificates;
}

void hcl_x509_register(lua_State *L) {
  static const luaL_Reg functions[] = {{"new", certificate_new}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"load", certificate_load},
                                     {"save", certificate_save},
                                     {"load_from_string", certificate_load_from_string},
                                     {"save_to_string", certificate_save_to_string},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", certificate_gc_x509}, {NULL, NULL}};
  static const hcl_class class = {
      HCL_X509_CERTIFICATE, "X509Certificate.", "certificate:", functions, methods, meta};
  hcl_class_new(L, &class);
}

/* --- CryptoKey */

static key_object *check_key_x509(lua_State *L) {
  return (key_object *)hcl_check_object(L, 1, HCL_CRYPTO_KEY);
}

/* The key is wiped with its last owner. Options have taken what they need of it. */
static int key_gc(lua_State *L) {
  key_object *self = (key_object *)luaL_testudata(L, 1, HCL_CRYPTO_KEY);
  if (!self) return 0;
  hc_key_release(self->key);
  self->key = NULL;
  return 0;
}

/* As hcl_push_new_certificate. */
void hcl_push_new_key(lua_State *L) { hcl_object_new(L, HCL_CRYPTO_KEY, sizeof(key_object)); }

static int key_new(lua_State *L) {
  hcl_push_new_key(L);
  return 1;
}

/* An empty one is refused, since it is most likely a mistake; a NUL would end it early for the TLS
 * library. */
void hcl_resolve_passphrase(lua_State *L, int index, int arg, const char *what) {
  if (lua_isnil(L, index)) return;
  bool is_function = lua_isfunction(L, index);
  if (is_function) {
    lua_pushvalue(L, index);
    lua_call(L, 0, 1);
    lua_replace(L, index);
  }
  const char *problem = NULL;
  if (lua_type(L, index) != LUA_TSTRING) {
    const char *format = is_function ? "string expected of the function, got %s"
                                     : "string or function expected, got %s";
    problem = lua_pushfstring(L, format, hcl_type_name(L, index));
  } else {
    hc_slice text = hcl_to_slice(L, index);
    if (text.size == 0) problem = "the text is empty";
    if (memchr(text.data, '\0', text.size)) problem = "the text holds a NUL byte";
  }
  if (problem) hcl_argument_error(L, arg, lua_pushfstring(L, "%s: %s", what, problem));
}

/* The arguments behind the source: public_only, passphrase, or the passphrase alone. Behind it the
 * stack is: 1 object, 2 source, 3 public_only or nil, 4 the passphrase as a string or nil. The
 * function that gives it has run by now. */
static void check_passphrase(lua_State *L) {
  lua_settop(L, 4);
  if (lua_type(L, 3) == LUA_TSTRING || lua_isfunction(L, 3)) {
    lua_pushvalue(L, 3);
    lua_replace(L, 4);
    lua_pushnil(L); /* nothing is said of the half */
    lua_replace(L, 3);
  }
  (void)hcl_opt_false(L, 3);
  hcl_resolve_passphrase(L, 4, 4, "passphrase");
}

/* With a passphrase a private key is meant, unless public_only says otherwise. */
static hc_error load_private(lua_State *L, hc_key *key, hc_slice source, source_kind kind,
                             hc_failure *why) {
  hc_slice passphrase = hcl_to_slice(L, 4);
  return kind == SOURCE_FILE ? hc_key_load_encrypted_file(key, source.data, passphrase, why)
                             : hcl_load_private_key_text(key, source, passphrase, why);
}

/* The way without a passphrase. A key that is encrypted all the same is refused with a sentence
 * that says so. */
static hc_error load_half(hc_key *key, hc_slice source, hc_key_half half, source_kind kind,
                          hc_failure *why) {
  return kind == SOURCE_FILE ? hc_key_load_file(key, source.data, half, why)
                             : hcl_load_key_text(key, source, half, why);
}

/* With nothing said about the half (argument 3), a text that holds no private key may hold a public
 * one; a file is read once more for that. Where it holds neither, the first reason is told, since
 * most are meant to be private. */
static hc_error load_key(lua_State *L, hc_key *key, hc_slice source, source_kind kind,
                         hc_failure *why) {
  bool is_said = !lua_isnoneornil(L, 3);
  if (lua_isstring(L, 4) && !lua_toboolean(L, 3)) return load_private(L, key, source, kind, why);
  hc_key_half half = hcl_opt_false(L, 3) ? HC_KEY_PUBLIC : HC_KEY_PRIVATE;
  hc_error code = load_half(key, source, half, kind, why);
  if (code != HC_ERR_INVALID_DATA || is_said) return code;
  hc_failure ignored = {HC_OK, ""};
  if (load_half(key, source, HC_KEY_PUBLIC, kind, &ignored) != HC_OK) return code;
  hc_failure_clear(why);
  return HC_OK;
}

/* `source` is a view of argument 2, which stays on the stack, whatever the passphrase's function
 * has done. */
static int key_replace(lua_State *L, key_object *self, hc_slice source, source_kind kind) {
  hc_failure why = {HC_OK, ""};
  if (kind == SOURCE_FILE && !is_path(source, &why)) return hcl_push_result(L, why.code, &why);
  hc_key *fresh = hc_key_new();
  if (!fresh) return no_memory_x509(L);
  hc_error code = load_key(L, fresh, source, kind, &why);
  if (code == HC_OK) {
    hc_key_release(self->key);
    self->key = fresh;
  } else {
    hc_key_release(fresh);
  }
  return hcl_push_result(L, code, &why);
}

/* The function that gives the passphrase runs before anything is loaded: it may do whatever it
 * likes, also with this object. */
static int key_load(lua_State *L) {
  key_object *self = check_key_x509(L);
  hc_slice path = hcl_check_string(L, 2);
  check_passphrase(L);
  return key_replace(L, self, path, SOURCE_FILE);
}

static int key_load_from_string(lua_State *L) {
  key_object *self = check_key_x509(L);
  hc_slice text = hcl_check_string(L, 2);
  check_passphrase(L);
  return key_replace(L, self, text, SOURCE_TEXT);
}

/* Without the argument all that there is is saved. */
static hc_key_half opt_half(lua_State *L, int arg, const key_object *self) {
  bool is_all_there_is = self->key && hc_key_is_public_only(self->key);
  bool is_public = is_all_there_is ? hcl_opt_true(L, arg) : hcl_opt_false(L, arg);
  return is_public ? HC_KEY_PUBLIC : HC_KEY_PRIVATE;
}

/* The core makes the file of a private key readable by its owner alone. */
static int key_save(lua_State *L) {
  key_object *self = check_key_x509(L);
  hc_slice path = hcl_check_string(L, 2);
  hc_key_half half = opt_half(L, 3, self);
  hc_failure why = {HC_OK, ""};
  if (!is_path(path, &why)) return hcl_push_result(L, why.code, &why);
  if (!self->key) {
    hc_error code = hc_failure_set(&why, HC_ERR_UNCONFIGURED, "there is no key to save");
    return hcl_push_result(L, code, &why);
  }
  hc_error code = hc_key_save_file(self->key, path.data, half, &why);
  return hcl_push_result(L, code, &why);
}

/* From here on the text is a string of Lua's, which nobody can wipe. */
static int key_save_to_string(lua_State *L) {
  key_object *self = check_key_x509(L);
  hc_key_half half = opt_half(L, 2, self);
  hc_failure why = {HC_OK, ""};
  hc_buffer *out = hcl_buffer_new(L);
  hc_error code = self->key ? hc_key_save_text(self->key, half, out, &why) : HC_OK;
  return push_saved(L, out, code, &why);
}

/* false of an empty one. */
static int key_is_public_only(lua_State *L) {
  key_object *self = check_key_x509(L);
  lua_pushboolean(L, self->key && hc_key_is_public_only(self->key));
  return 1;
}

/* As hcl_to_certificates. */
hc_key *hcl_to_key(lua_State *L, int index) {
  key_object *self = (key_object *)luaL_testudata(L, index, HCL_CRYPTO_KEY);
  if (!self) return NULL;
  if (!self->key) self->key = hc_key_new();
  if (!self->key) hcl_raise_memory(L);
  return self->key;
}

/* --- PKCS#12 */

/* The three objects are at 3, 4 and 5, and own what is loaded from its first byte on: an error
 * leaves them to the collector. RFC 7292 has a file of these in one, usually with the certificates
 * that lead to the root. */
int hcl_load_pkcs12(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  lua_settop(L, 2);
  hc_slice path = hcl_check_string(L, 1);
  if (!lua_isnil(L, 2) && lua_type(L, 2) != LUA_TSTRING && !lua_isfunction(L, 2))
    return hcl_type_error(L, 2, "string or function");
  /* many such files have an empty one */
  bool is_empty = lua_type(L, 2) == LUA_TSTRING && hcl_to_slice(L, 2).size == 0;
  if (!is_empty) hcl_resolve_passphrase(L, 2, 2, "passphrase");
  if (!is_path(path, &why)) return hcl_push_refusal(L, why.code, &why);
  hcl_push_new_certificate(L);
  hcl_push_new_key(L);
  hcl_push_new_certificate(L);
  hc_certificates *own = hcl_to_certificates(L, 3), *chain = hcl_to_certificates(L, 5);
  hc_key *key = hcl_to_key(L, 4);
  hc_slice passphrase = lua_isnil(L, 2) ? HC_SLICE("") : hcl_to_slice(L, 2);
  hc_error code = hc_pkcs12_load_file(path.data, passphrase, own, key, chain, &why);
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  if (hc_certificates_count(chain) == 0) {
    lua_pushnil(L);
    lua_replace(L, 5);
  }
  return 3;
}

void hcl_crypto_key_register(lua_State *L) {
  static const luaL_Reg functions[] = {{"new", key_new}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"load", key_load},
                                     {"save", key_save},
                                     {"load_from_string", key_load_from_string},
                                     {"save_to_string", key_save_to_string},
                                     {"is_public_only", key_is_public_only},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", key_gc}, {NULL, NULL}};
  static const hcl_class class = {HCL_CRYPTO_KEY, "CryptoKey.", "key:", functions, methods, meta};
  hcl_class_new(L, &class);
}
