/* http_client_facts.c - HTTPClient: header fields, trailers, and what the connection turned out to be. */
#include <string.h>

#include "../core/chars.h"
#include "../core/headers.h"
#include "client_object.h"

/* --- header fields ------------------------------------------------------------------------------------------------------ */

/* A value, so that it can stand as an argument too. */
static int push_nil(lua_State *L) {
  lua_pushnil(L);
  return 1;
}

static int push_lines(lua_State *L, const hc_headers *headers) {
  lua_createtable(L, (int)headers->count, 0);
  for (size_t i = 0; i < headers->count; i++) {
    hcl_push_slice(L, hc_headers_line(headers, i));
    lua_rawseti(L, -2, (int)(i + 1));
  }
  return 1;
}

static int make_headers(lua_State *L) {
  return push_lines(L, hc_client_response_headers(hcl_check_client(L, 1)->client));
}

static int make_trailers(lua_State *L) {
  return push_lines(L, hc_client_response_trailers(hcl_check_client(L, 1)->client));
}

static int client_get_response_headers(lua_State *L) { return hcl_client_guarded(L, make_headers); }
static int client_get_response_trailers(lua_State *L) { return hcl_client_guarded(L, make_trailers); }

/* Pushes the values of all fields of that name, from index `first` on, with `separator` between. */
static void push_joined(lua_State *L, const hc_headers *headers, hc_slice name, size_t first, const char *separator) {
  size_t index = first, next;
  if (!hc_headers_find(headers, name, first + 1, &next)) {
    hcl_push_slice(L, hc_headers_value(headers, first));
    return;
  }
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (;;) {
    hc_slice value = hc_headers_value(headers, index);
    luaL_addlstring(&b, value.size ? value.data : "", value.size);
    if (!hc_headers_find(headers, name, index + 1, &index)) break;
    luaL_addstring(&b, separator);
  }
  luaL_pushresult(&b);
}

static int make_header(lua_State *L) {
  const hc_headers *headers = hc_client_response_headers(hcl_check_client(L, 1)->client);
  hc_slice name = hcl_to_slice(L, 2);
  size_t first;
  if (!hc_headers_find(headers, name, 0, &first)) return push_nil(L);
  push_joined(L, headers, name, first, ", ");
  return 1;
}

static int make_header_values(lua_State *L) {
  const hc_headers *headers = hc_client_response_headers(hcl_check_client(L, 1)->client);
  hc_slice name = hcl_to_slice(L, 2);
  int count = 0;
  lua_newtable(L);
  for (size_t i = 0; hc_headers_find(headers, name, i, &i); i++) {
    hcl_push_slice(L, hc_headers_value(headers, i));
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* Checked out here, where the error still finds the method's name. */
static void check_name(lua_State *L) {
  (void)hcl_check_client(L, 1);
  (void)hcl_check_string(L, 2);
}

static int client_get_response_header(lua_State *L) {
  check_name(L);
  return hcl_client_guarded(L, make_header);
}

static int client_get_response_header_values(lua_State *L) {
  check_name(L);
  return hcl_client_guarded(L, make_header_values);
}

/* --- the dictionary -------------------------------------------------------------------------------------------------------- */

/* __index: another letter case finds the entry too. */
static int dictionary_index(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  hc_slice wanted = hcl_to_slice(L, 2);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING && hc_slice_equal_fold(hcl_to_slice(L, -2), wanted)) return 1;
    lua_pop(L, 1);
  }
  return 0;
}

static void set_dictionary_metatable(lua_State *L) {
  hcl_push_metatable(L, "httpclient.headers", "__index", dictionary_index);
  lua_setmetatable(L, -2);
}

/* Up to so many fields are told apart without help from Lua. */
#define FEW_FIELDS 64u
#define NAME_SLOTS ((size_t)256) /* a power of two, more than FEW_FIELDS */
#define KNOWN_TEXTS "httpclient.texts"
#define KNOWN_TEXT_SIZE 40u /* longer ones are not kept */

/* The first field of each name by the name's hash; 0 none, else its index + 1. */
typedef struct name_set {
  uint8_t slots[NAME_SLOTS];
} name_set;

/* Of the length and of the bytes at both ends, letter case apart. Names that a server makes to collide cost a comparison
 * each, and there are few of them. */
static size_t hash_name(hc_slice name) {
  uint64_t first = 0, last = 0;
  size_t size = name.size < sizeof first ? name.size : sizeof first;
  memcpy(&first, name.data, size);
  memcpy(&last, name.data + name.size - size, size);
  uint64_t both = (first | UINT64_C(0x2020202020202020)) * UINT64_C(0x9e3779b97f4a7c15);
  both = (both ^ (last | UINT64_C(0x2020202020202020)) ^ name.size) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(both >> 56);
}

/* True: a field of that name came before, its index is in *first. False: field `i` is the first now. */
static bool name_set_add(name_set *set, const hc_headers *headers, size_t i, size_t at, size_t *first) {
  hc_slice name = hc_headers_name(headers, i);
  for (; set->slots[at] != 0; at = (at + 1) % NAME_SLOTS) {
    *first = set->slots[at] - 1u;
    if (hc_slice_equal_fold(hc_headers_name(headers, *first), name)) return true;
  }
  set->slots[at] = (uint8_t)(i + 1);
  return false;
}

/* Names as strings by their hash, and behind them the last value of each, since responses have nearly the same fields:
 * found again they need not be made again. */
static void push_known_texts(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, KNOWN_TEXTS);
  if (lua_istable(L, -1)) return;
  lua_pop(L, 1);
  lua_createtable(L, (int)(2 * NAME_SLOTS), 0);
  for (size_t i = 1; i <= 2 * NAME_SLOTS; i++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, (int)i);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, KNOWN_TEXTS);
}

static void push_text(lua_State *L, int known, hc_slice text, size_t place) {
  if (text.size > KNOWN_TEXT_SIZE) {
    hcl_push_slice(L, text);
    return;
  }
  int slot = (int)place + 1;
  size_t size;
  lua_rawgeti(L, known, slot);
  const char *kept = lua_tolstring(L, -1, &size); /* false is none */
  if (kept != NULL && size == text.size && memcmp(kept, text.data, size) == 0) return;
  lua_pop(L, 1);
  hcl_push_slice(L, text);
  lua_pushvalue(L, -1);
  lua_rawseti(L, known, slot);
}

/* The dictionary is on the top of the stack. */
static void fill_small(lua_State *L, const hc_headers *headers) {
  name_set set = {{0}};
  int dictionary = lua_gettop(L);
  push_known_texts(L);
  for (size_t i = 0; i < headers->count; i++) {
    size_t first, hash = hash_name(hc_headers_name(headers, i)) % NAME_SLOTS;
    if (!name_set_add(&set, headers, i, hash, &first)) {
      push_text(L, dictionary + 1, hc_headers_name(headers, i), hash);
      push_text(L, dictionary + 1, hc_headers_value(headers, i), NAME_SLOTS + hash);
    } else {
      hc_slice name = hc_headers_name(headers, first);
      hcl_push_slice(L, name);
      push_joined(L, headers, name, first, "; "); /* once more for each repetition, so that most fields cost nothing */
    }
    lua_rawset(L, dictionary);
  }
  lua_settop(L, dictionary);
}

static void push_lower(lua_State *L, hc_slice name) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < name.size; i++) luaL_addchar(&b, hc_char_lower(name.data[i]));
  luaL_pushresult(&b);
}

/* Many fields: lists by lower-case name first, so that the cost stays linear whatever a server sends. */
static void fill_large(lua_State *L, const hc_headers *headers) {
  int dictionary = lua_gettop(L);
  lua_newtable(L); /* lower-case name -> list of values */
  int lists = lua_gettop(L);
  for (size_t i = 0; i < headers->count; i++) {
    push_lower(L, hc_headers_name(headers, i));
    lua_pushvalue(L, -1);
    lua_rawget(L, lists);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, lists);
      hcl_push_slice(L, hc_headers_name(headers, i));
      lua_pushvalue(L, -2);
      lua_rawset(L, dictionary);
    }
    hcl_push_slice(L, hc_headers_value(headers, i));
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    lua_settop(L, lists);
  }
  lua_pushnil(L);
  while (lua_next(L, dictionary)) { /* an assignment to an existing field is allowed while walking */
    luaL_Buffer b;
    size_t count = lua_rawlen(L, -1);
    luaL_buffinit(L, &b);
    for (size_t i = 1; i <= count; i++) {
      if (i > 1) luaL_addstring(&b, "; ");
      lua_rawgeti(L, lists + 2, (int)i);
      luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    lua_pushvalue(L, lists + 1);
    lua_insert(L, -2);
    lua_rawset(L, dictionary);
    lua_settop(L, lists + 1);
  }
  lua_settop(L, dictionary);
}

static int make_dictionary(lua_State *L) {
  const hc_headers *headers = hc_client_response_headers(hcl_check_client(L, 1)->client);
  luaL_checkstack(L, 12, NULL);
  bool small = headers->count <= FEW_FIELDS;
  lua_createtable(L, 0, small ? (int)headers->count : 0);
  if (small) fill_small(L, headers);
  else fill_large(L, headers);
  set_dictionary_metatable(L);
  return 1;
}

static int client_get_response_headers_as_dictionary(lua_State *L) { return hcl_client_guarded(L, make_dictionary); }

/* --- the connection ---------------------------------------------------------------------------------------------------------- */

static const hc_stream_peer *tls_of(lua_State *L) {
  const hc_stream_peer *peer = hc_client_get_stream(hcl_check_client(L, 1)->client);
  return peer && hc_stream_peer_is_tls(peer) ? peer : NULL;
}

static int push_fact(lua_State *L, hc_slice (*fact)(const hc_stream_peer *)) {
  const hc_stream_peer *peer = tls_of(L);
  hc_slice text = peer ? fact(peer) : HC_SLICE("");
  if (!text.size) return push_nil(L);
  hcl_push_slice(L, text);
  return 1;
}

static int client_get_tls_version(lua_State *L) { return push_fact(L, hc_tls_version); }
static int client_get_tls_cipher(lua_State *L) { return push_fact(L, hc_tls_cipher); }
static int client_get_alpn(lua_State *L) { return push_fact(L, hc_tls_alpn); }

static int client_get_remote_address(lua_State *L) {
  hc_stream_peer *peer = hc_client_get_stream(hcl_check_client(L, 1)->client);
  while (peer && !hc_stream_peer_is_tcp(peer)) peer = peer->ops->below ? peer->ops->below(peer) : NULL;
  hc_address address;
  if (!peer || !hc_tcp_remote_address(peer, &address)) return push_nil(L);
  char text[HC_ADDRESS_TEXT];
  hc_address_text(&address, text);
  lua_pushstring(L, text);
  lua_pushinteger(L, (lua_Integer)hc_address_port(&address));
  return 2;
}

static int certificate_gc(lua_State *L) {
  hc_peer_certificate_free((hc_peer_certificate *)lua_touserdata(L, 1));
  return 0;
}

/* Owned by a userdata, since pushing its texts can throw. */
static hc_peer_certificate *new_certificate(lua_State *L) {
  hc_peer_certificate *c = (hc_peer_certificate *)lua_newuserdata(L, sizeof *c);
  memset(c, 0, sizeof *c);
  hcl_push_metatable(L, "httpclient.peer_certificate", "__gc", certificate_gc);
  lua_setmetatable(L, -2);
  return c;
}

static void set_text(lua_State *L, const char *name, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static int client_get_peer_certificate(lua_State *L) {
  const hc_stream_peer *peer = tls_of(L);
  hc_failure why = {HC_OK, ""};
  if (!peer) return push_nil(L);
  hc_peer_certificate *c = new_certificate(L);
  if (hc_tls_peer_certificate(peer, c, &why) != HC_OK) {
    lua_pushnil(L);
    lua_pushstring(L, why.text);
    return 2;
  }
  lua_newtable(L);
  set_text(L, "subject", c->subject);
  set_text(L, "issuer", c->issuer);
  set_text(L, "fingerprint", c->fingerprint);
  set_text(L, "public_key_pin", c->public_key_pin);
  set_text(L, "pem", c->pem);
  hcl_push_integer(L, c->not_before);
  lua_setfield(L, -2, "not_before");
  hcl_push_integer(L, c->not_after);
  lua_setfield(L, -2, "not_after");
  lua_createtable(L, (int)c->name_count, 0);
  for (size_t i = 0; i < c->name_count; i++) {
    lua_pushstring(L, c->names[i]);
    lua_rawseti(L, -2, (int)(i + 1));
  }
  lua_setfield(L, -2, "names");
  return 1;
}

const luaL_Reg hcl_client_fact_methods[] = {
    {"get_response_headers", client_get_response_headers},
    {"get_response_headers_as_dictionary", client_get_response_headers_as_dictionary},
    {"get_response_header", client_get_response_header},
    {"get_response_header_values", client_get_response_header_values},
    {"get_response_trailers", client_get_response_trailers},
    {"get_tls_version", client_get_tls_version},
    {"get_tls_cipher", client_get_tls_cipher},
    {"get_alpn", client_get_alpn},
    {"get_remote_address", client_get_remote_address},
    {"get_peer_certificate", client_get_peer_certificate},
    {NULL, NULL},
};
