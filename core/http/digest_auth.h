/* digest_auth.h - Digest access authentication (RFC 7616): from a challenge and a password to what
 * stands in Authorization or Proxy-Authorization.
 *
 * Texts in, text out. Who is asked, who gets the answer, and which nonce counts next is for others
 * to know: proxy_auth.h for proxies, the Lua half for servers (policies/auth.lua). */
#ifndef HC_DIGEST_AUTH_H
#define HC_DIGEST_AUTH_H

#include "../base/buffer.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

typedef enum hc_digest_hash {
  HC_DIGEST_MD5, /* the better ones behind the others */
  HC_DIGEST_SHA_256,
  HC_DIGEST_SHA_512_256
} hc_digest_hash;

/* A challenge that can be answered. All zero: none. The slices are views of `text`. */
typedef struct hc_digest_challenge {
  hc_buffer text;
  hc_slice realm, nonce, opaque, algorithm; /* the last two may be empty: not given */
  /* "-sess": the first one, from which the session's key is made; empty: nonce */
  hc_slice session_nonce;
  hc_digest_hash hash;
  bool is_session; /* "-sess" */
  bool has_qop; /* "auth" is among them; else the way of RFC 2069 */
  bool has_opaque;
  bool hashes_user; /* userhash */
  bool knows_utf8; /* charset: a name that is not ASCII may go as username* */
  bool is_stale; /* only the nonce was wrong: user and password need not be asked for again */
} hc_digest_challenge;

typedef enum hc_digest_pick {
  HC_DIGEST_FIRST, /* the one that the server likes most (RFC 7616 section 3.7) */
  HC_DIGEST_BEST /* the one with the best hash, of those the first */
} hc_digest_pick;

/* Takes one of the field's Digest challenges that can be answered here. A challenge counts for
 * nothing if its realm or nonce is missing, written twice or has control bytes in it, if its
 * algorithm or qop is unknown, or if the build does not have its hash or may not use it.
 * HC_ERR_DOES_NOT_EXIST: there is none, and *challenge stays as it was; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_digest_find(hc_slice value, hc_digest_pick pick, hc_digest_challenge *challenge);
/* The value of Authentication-Info, or of its like for proxies: takes the nextnonce in it (RFC 7616
 * section 3.5), with which the count begins anew. HC_ERR_DOES_NOT_EXIST: there is none, or the same
 * one again; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_digest_take_info(hc_digest_challenge *challenge, hc_slice info);
/* Leaves it all zero: none. Twice is fine. */
void hc_digest_free(hc_digest_challenge *challenge);

/* What is asked for, and by whom. */
typedef struct hc_digest_request {
  hc_slice user, password; /* UTF-8 where the server says so; no control bytes */
  hc_slice method, uri; /* as in the request line */
  hc_slice cnonce; /* the same as long as the nonce is */
  unsigned count; /* of the requests with this nonce, this one among them: from 1 on */
} hc_digest_request;

/* Appends "Digest ...". HC_ERR_UNAVAILABLE: the build does not have the hash, or may not use it;
 * HC_ERR_INVALID_PARAMETER, control bytes; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_digest_write(const hc_digest_challenge *challenge, const hc_digest_request *request,
                         hc_buffer *out);

#define HC_CNONCE_SIZE 32u
/* A text that nobody can guess, with a NUL. HC_ERR_UNAVAILABLE. */
hc_error hc_digest_make_cnonce(char cnonce[HC_CNONCE_SIZE + 1]);

HC_INTERNAL_END

#endif
