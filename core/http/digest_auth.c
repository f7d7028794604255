/* digest_auth.c - Digest access authentication. See digest_auth.h.
 *
 * Three parts: reading challenges, of which one field may hold several; a new nonce in the place of
 * an old one; and the answer.
 *
 * A challenge is text of the server's, read by challenge.h and kept unquoted in one buffer, of
 * which all its slices are views. Nothing in it is repaired. What is malformed, given twice or
 * unknown makes that one challenge unanswerable, and the next may do: the alternative is to send
 * what was made from a password to somebody who has been misunderstood. */
#include "digest_auth.h"

#include <stdio.h>
#include <string.h>

#include "../base/chars.h"
#include "../base/memory.h"
#include "../crypto/digest.h"
#include "../crypto/random.h"
#include "challenge.h"

/* --- a challenge */

/* A line break in a realm or a nonce would go back to the server inside of our own field, as the
 * beginning of another. */
static bool has_control_digest_auth(hc_slice s) {
  for (size_t i = 0; i < s.size; i++) {
    if (hc_char_is_control(s.data[i])) return true;
  }
  return false;
}

/* The names of RFC 7616 section 6.1. The name is kept as the server wrote it, for it is sent back
 * so. An unknown one is false, and `hash` means nothing then. */
static bool read_algorithm(hc_slice name, hc_digest_challenge *c) {
  static const struct {
    hc_slice name;
    hc_digest_hash hash;
  } known[] = {{{"MD5", 3}, HC_DIGEST_MD5},
               {{"SHA-256", 7}, HC_DIGEST_SHA_256},
               {{"SHA-512-256", 11}, HC_DIGEST_SHA_512_256}};
  static const hc_slice session = {"-sess", 5};
  hc_slice base = name;
  c->algorithm = name;
  if (name.size > session.size) {
    hc_slice end = {name.data + name.size - session.size, session.size};
    c->is_session = hc_slice_equal_fold(end, session);
    if (c->is_session) base.size -= session.size;
  }
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    c->hash = known[i].hash;
    if (hc_slice_equal_fold(base, known[i].name)) return true;
  }
  return false;
}

/* What has been read of one challenge so far. */
typedef struct reading {
  hc_digest_challenge c;
  bool is_digest;  /* its scheme is */
  bool is_bad;     /* it can't be answered */
  unsigned seen;   /* a bit for each parameter */
} reading;

/* (windows.h has a macro OPAQUE.) */
enum {
  PARAM_REALM,
  PARAM_NONCE,
  PARAM_OPAQUE,
  PARAM_ALGORITHM,
  PARAM_QOP,
  PARAM_STALE,
  PARAM_USERHASH,
  PARAM_CHARSET,
  KNOWN_PARAMS
};
static const hc_slice param_names[KNOWN_PARAMS] = {
    [PARAM_REALM] = {"realm", 5},       [PARAM_NONCE] = {"nonce", 5},
    [PARAM_OPAQUE] = {"opaque", 6},     [PARAM_ALGORITHM] = {"algorithm", 9},
    [PARAM_QOP] = {"qop", 3},           [PARAM_STALE] = {"stale", 5},
    [PARAM_USERHASH] = {"userhash", 8}, [PARAM_CHARSET] = {"charset", 7}};

/* A qop list that does not have "auth" has "auth-int" alone, which hashes the content: that of a
 * function or a file is only known when it has gone out, behind the head. So such a challenge is
 * refused. The value is a view of r->c.text. */
static void set_param(reading *r, int which, hc_slice value) {
  hc_digest_challenge *c = &r->c;
  switch (which) {
  case PARAM_REALM: c->realm = value; break;
  case PARAM_NONCE: c->nonce = value; break;
  case PARAM_OPAQUE:
    c->opaque = value;
    c->has_opaque = true;
    break;
  case PARAM_ALGORITHM: r->is_bad = r->is_bad || !read_algorithm(value, c); break;
  case PARAM_QOP:
    c->has_qop = hc_list_has_token(value, HC_SLICE("auth"));
    r->is_bad = r->is_bad || !c->has_qop;
    break;
  case PARAM_STALE: c->is_stale = hc_slice_equal_fold(value, HC_SLICE("true")); break;
  case PARAM_USERHASH: c->hashes_user = hc_slice_equal_fold(value, HC_SLICE("true")); break;
  case PARAM_CHARSET: c->knows_utf8 = hc_slice_equal_fold(value, HC_SLICE("UTF-8")); break;
  default: break;
  }
}

/* Parameters of other schemes than Digest pass by here too and are dropped, and so are unknown
 * ones. One that is given twice makes the challenge bad: two readers could take different
 * values. */
static hc_error take_param(reading *r, const hc_challenge_piece *piece) {
  int which = 0;
  while (which < KNOWN_PARAMS && !hc_slice_equal_fold(piece->name, param_names[which])) which++;
  if (which == KNOWN_PARAMS || !r->is_digest) return HC_OK;
  unsigned bit = 1u << which;
  size_t at = hc_buffer_size(&r->c.text);
  hc_error code = hc_challenge_append_value(piece, &r->c.text);
  if (code != HC_OK) return code;
  hc_slice value = {hc_buffer_head(&r->c.text) + at, hc_buffer_size(&r->c.text) - at};
  if ((r->seen & bit) || has_control_digest_auth(value)) r->is_bad = true;
  r->seen |= bit;
  set_param(r, which, value);
  return HC_OK;
}

/* Room for all that this value can bring, so that the views stay. The buffer is emptied and not
 * freed: a field with ten challenges takes one allocation. */
static hc_error restart_digest_auth(reading *r, hc_slice value) {
  char *at;
  size_t room;
  hc_buffer text = r->c.text;
  hc_buffer_consume(&text, hc_buffer_size(&text));
  memset(r, 0, sizeof *r);
  r->c.text = text;
  return hc_buffer_reserve(&r->c.text, value.size + 1, SIZE_MAX, &at, &room);
}

static const char *hash_name_digest_auth(hc_digest_hash which) {
  switch (which) {
  case HC_DIGEST_SHA_256: return "SHA2-256";
  case HC_DIGEST_SHA_512_256: return "SHA2-512/256";
  case HC_DIGEST_MD5: break;
  }
  return "MD5";
}

/* Is the hash there, and may it be used? OpenSSL has no MD5 in FIPS mode. Trying is the only way to
 * know, and costs one hash of nothing. */
static bool is_available(hc_digest_hash which) {
  unsigned char bytes[HC_DIGEST_MAX];
  size_t size;
  return hc_digest(hash_name_digest_auth(which), HC_SLICE(""), bytes, &size, NULL) == HC_OK;
}

/* An empty realm is a realm. An empty nonce is taken for none, since that is how "no challenge" is
 * told apart. */
static bool is_answerable(const reading *r) {
  const unsigned needed = 1u << PARAM_REALM | 1u << PARAM_NONCE;
  return r->is_digest && !r->is_bad && (r->seen & needed) == needed && r->c.nonce.size > 0;
}

/* What was read is a whole challenge: into *best with it, if it is better, and that one's buffer is
 * used again. Ties go to the first, so HC_DIGEST_BEST gives what the server likes most among
 * equals. */
static void weigh(reading *r, hc_digest_challenge *best) {
  bool has_one = best->nonce.size > 0;
  if (!is_answerable(r) || (has_one && r->c.hash <= best->hash) || !is_available(r->c.hash)) return;
  hc_digest_challenge last = *best;
  *best = r->c;
  r->c = last;
}

/* A challenge is over when the next scheme begins, or the text ends in good order. Behind a fault
 * nothing is believed, the challenge before it included, whose end may have been meant
 * otherwise. */
static hc_error find_digest_auth(hc_slice value, hc_digest_pick pick, reading *r,
                                 hc_digest_challenge *best) {
  hc_challenge_piece piece = {HC_CHALLENGE_SCHEME, {NULL, 0}, {NULL, 0}, false};
  hc_slice rest = value;
  hc_error code = restart_digest_auth(r, value);
  hc_parse parsed = HC_PARSE_DONE;
  while (code == HC_OK && (parsed = hc_challenge_next(&rest, &piece)) == HC_PARSE_DONE) {
    if (piece.kind == HC_CHALLENGE_SCHEME) {
      weigh(r, best);
      if (pick == HC_DIGEST_FIRST && best->nonce.size > 0) return HC_OK;
      code = restart_digest_auth(r, value);
      r->is_digest = hc_slice_equal_fold(piece.name, HC_SLICE("Digest"));
    } else if (piece.kind == HC_CHALLENGE_PARAM) {
      code = take_param(r, &piece);
    }
  }
  if (code == HC_OK && parsed == HC_PARSE_MORE) weigh(r, best);
  if (code != HC_OK) return code;
  return best->nonce.size > 0 ? HC_OK : HC_ERR_DOES_NOT_EXIST;
}

/* *challenge is only touched on success: a client that has a nonce which works keeps it, whatever
 * else a server writes. */
hc_error hc_digest_find(hc_slice value, hc_digest_pick pick, hc_digest_challenge *challenge) {
  reading r;
  hc_digest_challenge best;
  memset(&r, 0, sizeof r);
  memset(&best, 0, sizeof best);
  hc_error code = find_digest_auth(value, pick, &r, &best);
  hc_digest_free(&r.c);
  if (code != HC_OK) {
    hc_digest_free(&best);
    return code;
  }
  hc_digest_free(challenge);
  *challenge = best;
  return HC_OK;
}

/* The other texts are in the same buffer, so that moves with them. With "-sess" the key goes on
 * being made from the first nonce (RFC 7616 section 3.4.2), so that one is kept beside the new. */
static hc_error set_nonce(hc_digest_challenge *challenge, hc_slice nonce) {
  hc_digest_challenge next = *challenge;
  hc_slice *const texts[] = {&next.realm, &next.nonce, &next.opaque, &next.algorithm,
                             &next.session_nonce};
  const size_t count = sizeof texts / sizeof texts[0];
  char *at;
  size_t room, total = 1;
  next.text = (hc_buffer){0};
  if (next.is_session && next.session_nonce.size == 0) next.session_nonce = next.nonce;
  next.nonce = nonce;
  next.is_stale = false;
  for (size_t i = 0; i < count; i++) total += texts[i]->size;
  hc_error code = hc_buffer_reserve(&next.text, total, SIZE_MAX, &at, &room);
  if (code != HC_OK) return code;
  for (size_t i = 0; i < count; i++) {
    if (texts[i]->size > 0) memcpy(at, texts[i]->data, texts[i]->size);
    texts[i]->data = at;
    at += texts[i]->size;
  }
  hc_buffer_commit(&next.text, total - 1);
  hc_digest_free(challenge);
  *challenge = next;
  return HC_OK;
}

/* The same nonce again would have us begin to count at 1, which the server has seen already and
 * must take for a replay. */
static bool is_new_nonce(const hc_digest_challenge *challenge, hc_slice nonce) {
  return nonce.size > 0 && !has_control_digest_auth(nonce) &&
         !hc_slice_equal(nonce, challenge->nonce);
}

/* Authentication-Info is a list of parameters without a scheme (RFC 7615 section 3), which the same
 * reader takes. */
hc_error hc_digest_take_info(hc_digest_challenge *challenge, hc_slice info) {
  hc_challenge_piece piece = {HC_CHALLENGE_SCHEME, {NULL, 0}, {NULL, 0}, false};
  hc_buffer text = {0};
  hc_error code = HC_OK;
  bool is_next = false;
  while (!is_next && hc_challenge_next(&info, &piece) == HC_PARSE_DONE)
    is_next =
        piece.kind == HC_CHALLENGE_PARAM && hc_slice_equal_fold(piece.name, HC_SLICE("nextnonce"));
  if (is_next) code = hc_challenge_append_value(&piece, &text);
  hc_slice nonce = {hc_buffer_head(&text), hc_buffer_size(&text)};
  if (code == HC_OK)
    code = is_new_nonce(challenge, nonce) ? set_nonce(challenge, nonce) : HC_ERR_DOES_NOT_EXIST;
  hc_buffer_free(&text);
  return code;
}

/* What a server sends in a challenge is no secret, so nothing is wiped. */
void hc_digest_free(hc_digest_challenge *challenge) {
  hc_buffer_free(&challenge->text);
  memset(challenge, 0, sizeof *challenge);
}

/* --- the answer */

#define COLON HC_SLICE(":")
#define HEX_SIZE (2 * HC_DIGEST_MAX + 1) /* of a digest as text, with a NUL */

/* In lower case: the text is hashed once more, and both sides must hash the same. */
static void write_hex(const unsigned char *bytes, size_t size, char *hex) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < size; i++) {
    hex[2 * i] = digits[bytes[i] >> 4];
    hex[2 * i + 1] = digits[bytes[i] & 15];
  }
  hex[2 * size] = '\0';
}

/* One hash for all parts of the answer. The first failure stays. The text of a digest stands in the
 * caller's `hex`, of which the result is a view. */
typedef struct hasher {
  const char *name;
  hc_error code;
} hasher;

/* Joined in memory, since hc_digest takes one piece. The room is reserved at once, so the password
 * is in one block, which is wiped. */
static hc_slice hash(hasher *h, const hc_slice *parts, size_t count, char hex[HEX_SIZE]) {
  hc_buffer all = {0};
  unsigned char bytes[HC_DIGEST_MAX];
  char *at;
  size_t room, total = 1, size = 0;
  for (size_t i = 0; i < count; i++) total += parts[i].size;
  if (h->code == HC_OK) h->code = hc_buffer_reserve(&all, total, SIZE_MAX, &at, &room);
  for (size_t i = 0; i < count && h->code == HC_OK; i++)
    h->code = hc_buffer_append(&all, parts[i], SIZE_MAX);
  const hc_slice text = {hc_buffer_head(&all), hc_buffer_size(&all)};
  if (h->code == HC_OK && hc_digest(h->name, text, bytes, &size, NULL) != HC_OK)
    h->code = HC_ERR_UNAVAILABLE;
  write_hex(bytes, h->code == HC_OK ? size : 0, hex);
  if (all.data) hc_memory_wipe(all.data, all.capacity); /* a password may be in it */
  hc_buffer_free(&all);
  return hc_slice_of(hex);
}

/* H(A1) of RFC 7616 section 3.4.2. With "-sess" it is hashed once more, together with the nonces
 * that the session began with. */
static hc_slice hash_secret(hasher *h, const hc_digest_challenge *c, const hc_digest_request *r,
                            char hex[HEX_SIZE]) {
  char first[HEX_SIZE];
  const hc_slice a1[] = {r->user, COLON, c->realm, COLON, r->password};
  hc_slice secret = hash(h, a1, 5, hex);
  if (!c->is_session) return secret;
  memcpy(first, hex, sizeof first);
  hc_slice nonce = c->session_nonce.size > 0 ? c->session_nonce : c->nonce;
  const hc_slice session[] = {hc_slice_of(first), COLON, nonce, COLON, r->cnonce};
  secret = hash(h, session, 5, hex);
  hc_memory_wipe(first, sizeof first);
  return secret;
}

/* RFC 7616 section 3.4.1. A2 is the one of qop "auth" (section 3.4.3): method and target, and
 * nothing of the content. */
static hc_slice hash_response(hasher *h, const hc_digest_challenge *c, const hc_digest_request *r,
                              const char *count, char hex[HEX_SIZE]) {
  char secret[HEX_SIZE], request[HEX_SIZE];
  const hc_slice a2[] = {r->method, COLON, r->uri};
  hc_slice of_secret = hash_secret(h, c, r, secret), of_request = hash(h, a2, 3, request), result;
  if (c->has_qop) {
    const hc_slice all[] = {of_secret, COLON, c->nonce,         COLON, hc_slice_of(count), COLON,
                            r->cnonce, COLON, HC_SLICE("auth"), COLON, of_request};
    result = hash(h, all, sizeof all / sizeof all[0], hex);
  } else {
    const hc_slice all[] = {of_secret, COLON, c->nonce, COLON, of_request};
    result = hash(h, all, sizeof all / sizeof all[0], hex);
  }
  hc_memory_wipe(secret, sizeof secret);
  return result;
}

/* The first failure stays, and nothing is written behind it: the caller looks once, at the end. */
static void put_digest_auth(hc_buffer *out, hc_slice text, hc_error *code) {
  if (*code == HC_OK) *code = hc_buffer_append(out, text, SIZE_MAX);
}

/* The names of parameters are ours and the values the server's or the user's: a quote in one of
 * those is escaped, so that it can't end the value early. */
static void put_quoted(hc_buffer *out, const char *before, hc_slice value, hc_error *code) {
  put_digest_auth(out, hc_slice_of(before), code);
  if (*code == HC_OK) *code = hc_quoted_append(value, out);
}

/* A name in ASCII goes as plain `username`, which servers older than RFC 7616 read as well. */
static bool is_ascii_digest_auth(hc_slice s) {
  for (size_t i = 0; i < s.size; i++) {
    if ((unsigned char)s.data[i] > 127) return false;
  }
  return true;
}

/* What stands for itself in an extended value (RFC 8187 section 3.2.1, attr-char). */
static bool is_attr_char(char c) {
  return hc_char_is_token(c) && c != '*' && c != '\'' && c != '%';
}

/* RFC 8187 and not a quoted string, which has no way to say in which characters it is written. */
static void put_extended(hc_buffer *out, const char *before, hc_slice value, hc_error *code) {
  static const char digits[] = "0123456789ABCDEF";
  put_digest_auth(out, hc_slice_of(before), code);
  put_digest_auth(out, HC_SLICE("UTF-8''"), code);
  for (size_t i = 0; i < value.size; i++) {
    unsigned char byte = (unsigned char)value.data[i];
    const char coded[] = {'%', digits[byte >> 4], digits[byte & 15]};
    bool is_plain = is_attr_char(value.data[i]);
    put_digest_auth(out, is_plain ? hc_slice_make(value.data + i, 1) : hc_slice_make(coded, 3),
                    code);
  }
}

/* With userhash the name is a hash in hex by now, and goes as it is. */
static void put_user(hc_buffer *out, const hc_digest_challenge *c, hc_slice user, hc_error *code) {
  if (c->knows_utf8 && !is_ascii_digest_auth(user))
    put_extended(out, "Digest username*=", user, code);
  else put_quoted(out, "Digest username=", user, code);
}

/* Quotes stand where RFC 7616 section 3.4 has them, and nowhere else: servers are known to fail on
 * a quoted algorithm, qop or nc. */
static hc_error put_all_digest_auth(const hc_digest_challenge *c, const hc_digest_request *r,
                                    hc_slice user, hc_slice response, const char *count,
                                    hc_buffer *out) {
  hc_error code = HC_OK;
  put_user(out, c, user, &code);
  put_quoted(out, ", realm=", c->realm, &code);
  put_quoted(out, ", nonce=", c->nonce, &code);
  put_quoted(out, ", uri=", r->uri, &code);
  if (c->algorithm.size > 0) {
    put_digest_auth(out, HC_SLICE(", algorithm="), &code);
    put_digest_auth(out, c->algorithm, &code);
  }
  put_quoted(out, ", response=", response, &code);
  if (c->has_qop) {
    put_digest_auth(out, HC_SLICE(", qop=auth, nc="), &code);
    put_digest_auth(out, hc_slice_of(count), &code);
  }
  if (c->has_qop || c->is_session) put_quoted(out, ", cnonce=", r->cnonce, &code);
  if (c->has_opaque) put_quoted(out, ", opaque=", c->opaque, &code);
  if (c->hashes_user) put_digest_auth(out, HC_SLICE(", userhash=true"), &code);
  return code;
}

/* Eight hex digits of a count, as the server expects them. Where it fails `out` is as long as it
 * was before. */
hc_error hc_digest_write(const hc_digest_challenge *challenge, const hc_digest_request *request,
                         hc_buffer *out) {
  hasher h = {hash_name_digest_auth(challenge->hash), HC_OK};
  char response_hex[HEX_SIZE], user_hex[HEX_SIZE], count[9];
  size_t held = hc_buffer_size(out);
  if (has_control_digest_auth(request->user) || has_control_digest_auth(request->uri) ||
      has_control_digest_auth(request->method) || has_control_digest_auth(request->cnonce))
    return HC_ERR_INVALID_PARAMETER;
  (void)snprintf(count, sizeof count, "%08x", request->count);
  hc_slice response = hash_response(&h, challenge, request, count, response_hex);
  hc_slice user = request->user;
  if (challenge->hashes_user) {
    const hc_slice name[] = {request->user, COLON, challenge->realm};
    user = hash(&h, name, 3, user_hex);
  }
  hc_error code = h.code;
  if (code == HC_OK) code = put_all_digest_auth(challenge, request, user, response, count, out);
  if (code != HC_OK) out->end = out->start + held;
  return code;
}

/* 128 bits, so that a server can't choose the nonce in such a way that hashes made beforehand would
 * give the password away. */
hc_error hc_digest_make_cnonce(char cnonce[HC_CNONCE_SIZE + 1]) {
  unsigned char bytes[HC_CNONCE_SIZE / 2];
  hc_error code = hc_random_bytes(bytes, sizeof bytes);
  write_hex(bytes, code == HC_OK ? sizeof bytes : 0, cnonce);
  return code;
}
