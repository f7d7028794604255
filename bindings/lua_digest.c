/* lua_digest.c - what stands in WWW-Authenticate, and the class DigestChallenge, for the Lua half,
 * which knows whom a challenge is from and how often it has been answered.
 *
 * Reading a challenge and computing the answer (RFC 7616) is http/'s and crypto/'s business; here
 * are arguments and results. A password is a view of the script's string for the time of one call,
 * and kept nowhere. */
#include "../core/base/chars.h"
#include "../core/http/challenge.h"
#include "../core/http/digest_auth.h"
#include "lua_binding.h"

/* --- a list of challenges */

/* Names of schemes and parameters have no letter case (RFC 9110 sections 11.1 and 11.2); one form
 * of them makes a table's key of it. */
static void push_lower_digest(lua_State *L, hc_slice text) {
  luaL_Buffer lower;
  luaL_buffinit(L, &lower);
  for (size_t i = 0; i < text.size; i++) luaL_addchar(&lower, hc_char_lower(text.data[i]));
  luaL_pushresult(&lower);
}

/* Only in quotes are there escapes to take out. `text` is used again for each value, and empty
 * between two. */
static void push_value(lua_State *L, const hc_challenge_piece *piece, hc_buffer *text) {
  if (!piece->is_quoted) {
    hcl_push_slice(L, piece->value);
    return;
  }
  if (hc_challenge_append_value(piece, text) != HC_OK) hcl_raise_memory(L);
  hcl_buffer_push(L, text);
}

enum { LIST = 2, TEXT, OWN, PARAMS }; /* on the stack: the last two of the challenge that is read */

/* The table is in the list at once, and is filled where it stands on the stack (OWN, PARAMS). */
static void begin_challenge(lua_State *L, hc_slice scheme, int number) {
  lua_settop(L, TEXT);
  lua_createtable(L, 0, 2);
  push_lower_digest(L, scheme);
  lua_setfield(L, OWN, "scheme");
  lua_newtable(L);
  lua_pushvalue(L, PARAMS);
  lua_setfield(L, OWN, "params");
  lua_pushvalue(L, OWN);
  lua_rawseti(L, LIST, number);
}

/* One that is written twice: nobody knows which is meant. */
static void add_param(lua_State *L, const hc_challenge_piece *piece, hc_buffer *text) {
  push_lower_digest(L, piece->name);
  lua_pushvalue(L, -1);
  lua_rawget(L, PARAMS);
  if (!lua_isnil(L, -1)) {
    lua_pushboolean(L, true);
    lua_setfield(L, OWN, "is_broken");
  }
  lua_pop(L, 1);
  push_value(L, piece, text);
  lua_rawset(L, PARAMS);
}

/* What is broken further on in the field does not take away what was read before it: a server that
 * sends a scheme nobody knows may have a good one in front. */
int hcl_read_challenges(lua_State *L) {
  hc_challenge_piece piece = {HC_CHALLENGE_SCHEME, {NULL, 0}, {NULL, 0}, false};
  hc_slice rest = hcl_check_string(L, 1);
  int count = 0;
  lua_settop(L, 1);
  lua_newtable(L);
  hc_buffer *text = hcl_buffer_new(L);
  while (hc_challenge_next(&rest, &piece) == HC_PARSE_DONE) {
    if (piece.kind == HC_CHALLENGE_SCHEME) {
      begin_challenge(L, piece.name, ++count);
    } else if (count == 0) {
      break; /* a parameter of nothing */
    } else if (piece.kind == HC_CHALLENGE_PARAM) {
      add_param(L, &piece, text);
    } else {
      hcl_push_slice(L, piece.value);
      lua_setfield(L, OWN, "token68");
    }
  }
  lua_settop(L, LIST);
  return 1;
}

/* --- DigestChallenge */

/* Also a zeroed one, in which nothing was found: the collector comes by here. */
static hc_digest_challenge *check_challenge(lua_State *L) {
  return (hc_digest_challenge *)hcl_check_object(L, 1, HCL_DIGEST_CHALLENGE);
}

/* The object owns the copies from its first one on: where memory runs out half-way, its finalizer
 * frees them. */
static int find_digest(lua_State *L, hc_digest_pick pick) {
  hc_slice value = hcl_check_string(L, 1);
  hc_digest_challenge *self =
      (hc_digest_challenge *)hcl_object_new(L, HCL_DIGEST_CHALLENGE, sizeof *self);
  hc_error code = hc_digest_find(value, pick, self);
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  if (code != HC_OK) lua_pushnil(L);
  return 1;
}

/* DigestChallenge.first(value) -> the first in the field that can be answered; nil */
static int challenge_first(lua_State *L) { return find_digest(L, HC_DIGEST_FIRST); }
/* DigestChallenge.best(value) -> the one with the best hash; nil */
static int challenge_best(lua_State *L) { return find_digest(L, HC_DIGEST_BEST); }

/* A copy of the challenge's own: the object may go before the table. */
static void set_text_digest(lua_State *L, const char *name, hc_slice text) {
  hcl_push_slice(L, text);
  lua_setfield(L, -2, name);
}

/* challenge:facts() -> table of realm, nonce, opaque and algorithm (nil: not given), has_qop,
 * is_stale, and strength, the greater the better: the numbers of the hashes rise with what they are
 * worth. */
static int challenge_facts(lua_State *L) {
  const hc_digest_challenge *self = check_challenge(L);
  lua_createtable(L, 0, 7);
  set_text_digest(L, "realm", self->realm);
  set_text_digest(L, "nonce", self->nonce);
  if (self->has_opaque) set_text_digest(L, "opaque", self->opaque);
  if (self->algorithm.size > 0) set_text_digest(L, "algorithm", self->algorithm);
  lua_pushboolean(L, self->has_qop);
  lua_setfield(L, -2, "has_qop");
  lua_pushboolean(L, self->is_stale);
  lua_setfield(L, -2, "is_stale");
  lua_pushinteger(L, (lua_Integer)self->hash);
  lua_setfield(L, -2, "strength");
  return 1;
}

/* challenge:authorization(user, password, method, uri, cnonce, count) -> "Digest ..."; nil,
 * message, Error */
static int challenge_authorization(lua_State *L) {
  const hc_digest_challenge *self = check_challenge(L);
  hc_digest_request request = {
      .user = hcl_check_string(L, 2),
      .password = hcl_check_string(L, 3),
      .method = hcl_check_string(L, 4),
      .uri = hcl_check_string(L, 5),
      .cnonce = hcl_check_string(L, 6),
      .count = (unsigned)hcl_check_integer(L, 7),
  };
  hc_buffer *text = hcl_buffer_new(L);
  hc_error code = hc_digest_write(self, &request, text);
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  if (code != HC_OK) return hcl_push_refusal(L, code, NULL);
  hcl_buffer_push(L, text);
  return 1;
}

/* challenge:take_info(value of Authentication-Info) -> did it bring another nonce? */
static int challenge_take_info(lua_State *L) {
  hc_error code = hc_digest_take_info(check_challenge(L), hcl_check_string(L, 2));
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  lua_pushboolean(L, code == HC_OK);
  return 1;
}

/* Freeing twice is fine, and so is one that was never filled. */
static int challenge_gc(lua_State *L) {
  hc_digest_free(check_challenge(L));
  return 0;
}

static const luaL_Reg digest_functions[] = {
    {"first", challenge_first}, {"best", challenge_best}, {NULL, NULL}};
static const luaL_Reg challenge_methods[] = {{"facts", challenge_facts},
                                             {"authorization", challenge_authorization},
                                             {"take_info", challenge_take_info},
                                             {NULL, NULL}};
static const luaL_Reg challenge_meta[] = {{"__gc", challenge_gc}, {NULL, NULL}};

void hcl_digest_challenge_register(lua_State *L) {
  static const hcl_class class = {HCL_DIGEST_CHALLENGE, "DigestChallenge.", "challenge:",
                                  digest_functions,     challenge_methods,  challenge_meta};
  hcl_class_new(L, &class);
}
