/* tls.c - TLS contexts from a table of options, and what a handshake came to. */
#include "native.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sn_tls_reason(char why[SN_WHY], const char *fallback) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
  snprintf(why, SN_WHY, "%s", reason ? reason : fallback);
  ERR_clear_error();
}

void sn_context_release(sn_context *context) {
  if (atomic_fetch_sub(&context->references, 1) != 1) return;
  SSL_CTX_free(context->ssl);
  sn_bytes_free(&context->ocsp);
  sn_bytes_free(&context->alpn);
  free(context);
}

/* --- certificates and keys from PEM text or a path */

static BIO *open_pem(const char *text, size_t size) {
  if (strstr(text, "-----BEGIN")) return BIO_new_mem_buf(text, (int)size);
  return BIO_new_file(text, "r");
}

static bool use_chain(SSL_CTX *ssl, const char *text, size_t size, bool has_leaf) {
  BIO *pem = open_pem(text, size);
  if (!pem) return false;
  bool fine = true;
  for (int i = 0; fine; i++) {
    X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    if (!certificate) {
      fine = i > 0;
      break;
    }
    fine = i == 0 && !has_leaf ? SSL_CTX_use_certificate(ssl, certificate) == 1
                               : SSL_CTX_add1_chain_cert(ssl, certificate) == 1;
    X509_free(certificate);
  }
  BIO_free(pem);
  ERR_clear_error();
  return fine;
}

static bool use_key(SSL_CTX *ssl, const char *text, size_t size) {
  BIO *pem = open_pem(text, size);
  EVP_PKEY *key = !pem ? NULL : PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
  bool fine = key && SSL_CTX_use_PrivateKey(ssl, key) == 1;
  EVP_PKEY_free(key);
  BIO_free(pem);
  return fine;
}

static bool use_authorities(SSL_CTX *ssl, const char *text, size_t size) {
  BIO *pem = open_pem(text, size);
  if (!pem) return false;
  X509 *certificate;
  while ((certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
    (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), certificate);
    (void)SSL_CTX_add_client_CA(ssl, certificate);
    X509_free(certificate);
  }
  BIO_free(pem);
  ERR_clear_error();
  return true;
}

/* --- callbacks */

static int staple(SSL *ssl, void *data) {
  const sn_context *context = data;
  if (context->ocsp.size == 0) return SSL_TLSEXT_ERR_NOACK;
  unsigned char *copy = OPENSSL_memdup(context->ocsp.data, context->ocsp.size);
  if (!copy) return SSL_TLSEXT_ERR_ALERT_FATAL;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)context->ocsp.size);
  return SSL_TLSEXT_ERR_OK;
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *offered, unsigned size, void *data) {
  const sn_context *context = data;
  unsigned char *chosen;
  (void)ssl;
  int outcome = SSL_select_next_proto(&chosen, out_size, (const unsigned char *)context->alpn.data,
                                      (unsigned)context->alpn.size, offered, size);
  *out = chosen;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* --- options */

static int version_number(lua_State *L, const char *text) {
  static const struct {
    const char *text;
    int number;
  } versions[] = {{"1.0", TLS1_VERSION},
                  {"1.1", TLS1_1_VERSION},
                  {"1.2", TLS1_2_VERSION},
                  {"1.3", TLS1_3_VERSION}};
  if (!text) return 0;
  for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
    if (strcmp(text, versions[i].text) == 0) return versions[i].number;
  return luaL_error(L, "unknown TLS version '%s'", text);
}

static void read_protocols(lua_State *L, int index, sn_bytes *wire) {
  lua_getfield(L, index, "alpn");
  for (int i = 1; lua_istable(L, -1); i++) {
    lua_rawgeti(L, -1, i);
    size_t size;
    const char *name = lua_tolstring(L, -1, &size);
    unsigned char length = (unsigned char)size;
    if (name) {
      sn_bytes_add(wire, &length, 1);
      sn_bytes_add(wire, name, length);
    }
    lua_pop(L, 1);
    if (!name) break;
  }
  lua_pop(L, 1);
}

static void need(lua_State *L, bool fine, const char *option) {
  if (fine) return;
  char why[SN_WHY];
  sn_tls_reason(why, "unusable");
  luaL_error(L, "TLS option '%s': %s", option, why);
}

static void read_identity(lua_State *L, int index, SSL_CTX *ssl) {
  size_t size;
  const char *text = sn_field_text(L, index, "cert", &size);
  bool has_leaf = text != NULL;
  if (has_leaf) need(L, use_chain(ssl, text, size, false), "cert");
  if ((text = sn_field_text(L, index, "chain", &size)) != NULL)
    need(L, use_chain(ssl, text, size, has_leaf), "chain");
  if ((text = sn_field_text(L, index, "key", &size)) != NULL)
    need(L, use_key(ssl, text, size), "key");
}

static void read_verification(lua_State *L, int index, SSL_CTX *ssl, bool is_client) {
  size_t size;
  const char *text = sn_field_text(L, index, "ca", &size);
  if (text) need(L, use_authorities(ssl, text, size), "ca");
  if (is_client && text) SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
  lua_getfield(L, index, "verify_client");
  bool is_optional = lua_type(L, -1) == LUA_TSTRING; /* "optional" */
  if (lua_toboolean(L, -1))
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (is_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
                       NULL);
  lua_pop(L, 1);
}

static void read_sessions(lua_State *L, int index, SSL_CTX *ssl) {
  (void)SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"spec", 4);
  lua_getfield(L, index, "session_tickets");
  if (lua_type(L, -1) == LUA_TNUMBER) {
    (void)SSL_CTX_set_num_tickets(ssl, (size_t)lua_tointeger(L, -1));
  } else if (!lua_isnil(L, -1) && !lua_toboolean(L, -1)) {
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  }
  lua_pop(L, 1);
}

static void read_versions(lua_State *L, int index, SSL_CTX *ssl) {
  int min = version_number(L, sn_field_text(L, index, "min", NULL));
  int max = version_number(L, sn_field_text(L, index, "max", NULL));
  need(L, SSL_CTX_set_min_proto_version(ssl, min) == 1, "min");
  need(L, SSL_CTX_set_max_proto_version(ssl, max) == 1, "max");
  int oldest = min != 0 && (max == 0 || min < max) ? min : max;
  /* A server may well show what no client should take. */
  if ((oldest != 0 && oldest < TLS1_2_VERSION) || sn_field_true(L, index, "weak"))
    SSL_CTX_set_security_level(ssl, 0);
  const char *text = sn_field_text(L, index, "ciphers", NULL);
  if (text) need(L, SSL_CTX_set_cipher_list(ssl, text) == 1, "ciphers");
  if ((text = sn_field_text(L, index, "ciphersuites", NULL)) != NULL)
    need(L, SSL_CTX_set_ciphersuites(ssl, text) == 1, "ciphersuites");
}

static void read_options(lua_State *L, int index, sn_context *context) {
  size_t size;
  const char *text;
  read_versions(L, index, context->ssl);
  read_identity(L, index, context->ssl);
  read_verification(L, index, context->ssl, context->is_client);
  read_sessions(L, index, context->ssl);
  if ((text = sn_field_text(L, index, "ocsp_response", &size)) != NULL)
    sn_bytes_add(&context->ocsp, text, size);
  if (!context->is_client) {
    (void)SSL_CTX_set_tlsext_status_cb(context->ssl, staple);
    (void)SSL_CTX_set_tlsext_status_arg(context->ssl, context);
  }
  read_protocols(L, index, &context->alpn);
  if (context->alpn.size > 0 && !context->is_client)
    SSL_CTX_set_alpn_select_cb(context->ssl, select_protocol, context);
  if (context->alpn.size > 0 && context->is_client)
    (void)SSL_CTX_set_alpn_protos(context->ssl, (const unsigned char *)context->alpn.data,
                                  (unsigned)context->alpn.size);
}

/* native.tls_context{cert=, key=, chain=, ca=, verify_client=, min=, max=, ciphers=, ciphersuites=,
 * alpn=, ocsp_response=, session_tickets=, weak=, client=}: one context for several connections,
 * which may resume its sessions. */
int sn_context_new_lua(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  sn_context **slot = sn_object(L, SN_CONTEXT, sizeof *slot);
  sn_context *context = sn_allocate(sizeof *context);
  atomic_init(&context->references, 1);
  *slot = context;
  context->is_client = sn_field_true(L, 1, "client");
  sn_crypto_begin();
  context->ssl = SSL_CTX_new(context->is_client ? TLS_client_method() : TLS_server_method());
  need(L, context->ssl != NULL, "context");
  SSL_CTX_set_mode(context->ssl,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  read_options(L, 1, context);
  return 1;
}

sn_context *sn_check_context(lua_State *L, int index) {
  sn_context **slot = sn_test_object(L, index, SN_CONTEXT);
  if (!slot) {
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushcfunction(L, sn_context_new_lua);
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    slot = lua_touserdata(L, -1);
    atomic_fetch_add(&(*slot)->references, 1);
    lua_pop(L, 1);
    return *slot;
  }
  atomic_fetch_add(&(*slot)->references, 1);
  return *slot;
}

static int context_gc(lua_State *L) {
  sn_context **slot = luaL_checkudata(L, 1, SN_CONTEXT);
  if (*slot) sn_context_release(*slot);
  *slot = NULL;
  return 0;
}

/* --- what the handshake came to */

void sn_tls_info_take(SSL *ssl, bool is_client, sn_tls_info *info) {
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const unsigned char *protocol;
  unsigned size;
  snprintf(info->sni, sizeof info->sni, "%s", name && !is_client ? name : "");
  snprintf(info->version, sizeof info->version, "%s", SSL_get_version(ssl));
  snprintf(info->cipher, sizeof info->cipher, "%s", SSL_get_cipher_name(ssl));
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  snprintf(info->alpn, sizeof info->alpn, "%.*s", (int)size,
           size > 0 ? (const char *)protocol : "");
  X509 *peer = SSL_get0_peer_certificate(ssl);
  if (peer) X509_NAME_oneline(X509_get_subject_name(peer), info->peer, (int)sizeof info->peer);
  info->reused = SSL_session_reused(ssl) == 1;
  info->done = true;
}

void sn_tls_info_push(lua_State *L, const sn_tls_info *info) {
  if (!info->done) {
    lua_pushnil(L);
    return;
  }
  const struct {
    const char *name, *value;
  } fields[] = {{"sni", info->sni},
                {"version", info->version},
                {"cipher", info->cipher},
                {"alpn", info->alpn},
                {"peer", info->peer}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushstring(L, fields[i].value);
    lua_setfield(L, -2, fields[i].name);
  }
  lua_pushboolean(L, info->reused);
  lua_setfield(L, -2, "reused");
}

void sn_open_tls(lua_State *L) {
  static const luaL_Reg methods[] = {{NULL, NULL}};
  sn_class(L, SN_CONTEXT, methods, context_gc);
  lua_pushcfunction(L, sn_context_new_lua);
  lua_setfield(L, -2, "tls_context");
}
