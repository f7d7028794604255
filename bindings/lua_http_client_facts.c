/* lua_http_client_facts.c - HTTPClient: header fields, trailers, and what the connection turned out
 * to be.
 *
 * Questions only. What they push is a copy of what the core has, and making a string can run a
 * finalizer that closes this very client: so each of them runs guarded (hcl_client_guarded), with
 * the client marked as busy, and the views stay until the last string is made. */
#include <string.h>

#include "../core/http/fields.h"
#include "lua_client_object.h"
#include "lua_header_dictionary.h"

/* --- header fields */

/* A value, so that it can stand as an argument too. */
static int push_nil(lua_State *L) {
  lua_pushnil(L);
  return 1;
}

/* As they came, in their order and with their capitals: what a script may want to log or sign. */
static int push_lines(lua_State *L, const hc_headers *headers) {
  lua_createtable(L, (int)headers->count, 0);
  for (size_t i = 0; i < headers->count; i++) {
    hcl_push_slice(L, hc_headers_line(headers, i));
    lua_rawseti(L, -2, (int)(i + 1));
  }
  return 1;
}

/* The client is looked up in here, and not handed in: it was busy from before this call on, so what
 * is found stays. */
static int make_headers(lua_State *L) {
  return push_lines(L, hc_client_response_headers(hcl_check_client(L, 1)->client));
}

/* What came behind a chunked body (RFC 9112 section 7.1.2), or in a last HEADERS frame. They are
 * never merged into the headers: a server could contradict with them what it has said there (RFC
 * 9110 section 6.5.1). */
static int make_trailers(lua_State *L) {
  return push_lines(L, hc_client_response_trailers(hcl_check_client(L, 1)->client));
}

static int client_get_response_headers(lua_State *L) { return hcl_client_guarded(L, make_headers); }
static int client_get_response_trailers(lua_State *L) {
  return hcl_client_guarded(L, make_trailers);
}

/* Values of one name are one list (RFC 9110 section 5.2). For Set-Cookie, which has commas of its
 * own, there is get_response_header_values. */
static int make_header(lua_State *L) {
  const hc_headers *headers = hc_client_response_headers(hcl_check_client(L, 1)->client);
  hc_slice name = hcl_to_slice(L, 2);
  size_t first;
  if (!hc_headers_find(headers, name, 0, &first)) return push_nil(L);
  hcl_push_joined(L, headers, name, first, ", ");
  return 1;
}

/* Each for itself, for those whose values can't be joined. */
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
static void check_name_facts(lua_State *L) {
  (void)hcl_check_client(L, 1);
  (void)hcl_check_string(L, 2);
}

static int client_get_response_header(lua_State *L) {
  check_name_facts(L);
  return hcl_client_guarded(L, make_header);
}

static int client_get_response_header_values(lua_State *L) {
  check_name_facts(L);
  return hcl_client_guarded(L, make_header_values);
}

/* A new table each time, which is the script's to change. */
static int push_dictionary(lua_State *L, hcl_join join) {
  hcl_push_header_dictionary(L, hc_client_response_headers(hcl_check_client(L, 1)->client), join);
  return 1;
}

static int make_dictionary(lua_State *L) { return push_dictionary(L, HCL_JOIN_REFERENCE); }
static int make_list_dictionary(lua_State *L) { return push_dictionary(L, HCL_JOIN_LISTS); }
int hcl_response_fields(lua_State *L) { return hcl_client_guarded(L, make_list_dictionary); }

/* NULL: nobody has begun one. */
static hc_transcript *transcript_of(lua_State *L) {
  return hc_client_get_settings(hcl_check_client(L, 1)->client)->transcript;
}

/* Without memory there is none, and nothing is shown. */
int hcl_begin_transcript(lua_State *L) {
  (void)hc_client_begin_transcript(hcl_check_client(L, 1)->client);
  return 0;
}

/* It is cleared when the string is there, which may take a finalizer that uses the client. */
static int make_transcript(lua_State *L) {
  const hc_transcript *t = transcript_of(L);
  hcl_push_slice(L, t ? hc_transcript_text(t) : HC_SLICE(""));
  hc_transcript *after = transcript_of(L);
  if (after) hc_transcript_clear(after);
  return 1;
}

int hcl_take_transcript(lua_State *L) { return hcl_client_guarded(L, make_transcript); }

/* What was noted and not taken goes with it. Credentials are in it, so it is not kept for later. */
int hcl_end_transcript(lua_State *L) {
  hc_client_end_transcript(hcl_check_client(L, 1)->client);
  return 0;
}

/* Of the content as it travels: where it is decoded, what is read may be more. */
int hcl_announced_length(lua_State *L) {
  hcl_push_integer(L, hc_client_announced_length(hcl_check_client(L, 1)->client));
  return 1;
}

/* Whether a request that failed may be sent again without a doubt is for the protocol to know: the
 * Lua half asks before it tries. */
int hcl_retry_of(lua_State *L) {
  switch (hc_client_retry(hcl_check_client(L, 1)->client)) {
  case HC_RETRY_UNKNOWN: return push_nil(L);
  case HC_RETRY_ELSEWHERE: lua_pushliteral(L, "elsewhere"); break;
  case HC_RETRY_HTTP1: lua_pushliteral(L, "http1"); break;
  }
  return 1;
}

/* nil for a connection that nobody can share: HTTP/1.1, or none. The order is that of hc_sharing.
 */
int hcl_sharing_of(lua_State *L) {
  static const char *const names[] = {NULL, "settling", "open", "ending"};
  lua_pushstring(L, names[hc_client_sharing(hcl_check_client(L, 1)->client)]);
  return 1;
}

static int client_get_response_headers_as_dictionary(lua_State *L) {
  return hcl_client_guarded(L, make_dictionary);
}

/* --- the connection */

/* The top of the streams is what speaks to the origin: TLS to a proxy alone does not count. */
static const hc_stream_peer *tls_of(lua_State *L) {
  const hc_stream_peer *peer = hc_client_get_stream(hcl_check_client(L, 1)->client);
  return peer && hc_stream_peer_is_tls(peer) ? peer : NULL;
}

/* nil for what a connection does not have: no TLS, no ALPN agreed on. */
static int push_fact(lua_State *L, hc_slice (*fact)(const hc_stream_peer *)) {
  const hc_stream_peer *peer = tls_of(L);
  hc_slice text = peer ? fact(peer) : HC_SLICE("");
  if (!text.size) return push_nil(L);
  hcl_push_slice(L, text);
  return 1;
}

static int make_tls_version(lua_State *L) { return push_fact(L, hc_tls_version); }
static int make_tls_cipher(lua_State *L) { return push_fact(L, hc_tls_cipher); }
static int make_alpn(lua_State *L) { return push_fact(L, hc_tls_alpn); }
static int client_get_tls_version(lua_State *L) { return hcl_client_guarded(L, make_tls_version); }
static int client_get_tls_cipher(lua_State *L) { return hcl_client_guarded(L, make_tls_cipher); }
static int client_get_alpn(lua_State *L) { return hcl_client_guarded(L, make_alpn); }

/* "" without a response. */
static int client_get_response_version(lua_State *L) {
  int version = hc_client_response_version(hcl_check_client(L, 1)->client);
  lua_pushstring(L, version == 20 ? "2" : version == 11 ? "1.1" : version == 10 ? "1.0" : "");
  return 1;
}

static int certificate_gc_facts(lua_State *L) {
  hc_peer_certificate_free((hc_peer_certificate *)lua_touserdata(L, 1));
  return 0;
}

/* Owned by a userdata, since pushing its texts can throw. */
static hc_peer_certificate *new_certificate(lua_State *L) {
  hc_peer_certificate *c = (hc_peer_certificate *)lua_newuserdata(L, sizeof *c);
  memset(c, 0, sizeof *c);
  hcl_push_metatable(L, "httpclient.peer_certificate", "__gc", certificate_gc_facts);
  lua_setmetatable(L, -2);
  return c;
}

/* A fact that the certificate lacks is left out, and so nil. */
static void set_text(lua_State *L, const char *name, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* nil without TLS; nil and a message where the certificate can't be read, or memory is out. The
 * stream is looked up again after the userdata is made, and is safe from then on: the copy is
 * complete before the next allocation. */
static int client_get_peer_certificate(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  hc_peer_certificate *c = tls_of(L) ? new_certificate(L) : NULL;
  const hc_stream_peer *peer = tls_of(L); /* now that no finalizer can take it away */
  if (!peer || !c) return push_nil(L);
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
    {"get_response_version", client_get_response_version},
    {"get_tls_version", client_get_tls_version},
    {"get_tls_cipher", client_get_tls_cipher},
    {"get_alpn", client_get_alpn},
    {"get_peer_certificate", client_get_peer_certificate},
    {NULL, NULL},
};
