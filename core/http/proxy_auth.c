/* proxy_auth.c - what a proxy is told about its user. See proxy_auth.h.
 *
 * Basic is made once and sent as it is; Digest is made anew for each request, and so the password
 * has to stay in memory as long as the proxy is set. Both are wiped when that ends.
 *
 * Nothing here knows a connection. Every connection with the proxy asks the same record, and a
 * nonce that one has learned serves all of them: the count goes on over all (RFC 7616 section 3.4,
 * nc). */
#include "proxy_auth.h"

#include <string.h>

#include "../base/chars.h"
#include "../base/memory.h"
#include "credentials.h"

/* The whole capacity: an older, longer text may have stood behind the present one's end. */
static void wipe_proxy_auth(hc_buffer *b) {
  if (b->data) hc_memory_wipe(b->data, b->capacity);
  hc_buffer_free(b);
}

/* Twice is fine. The challenge holds nothing secret. */
void hc_proxy_auth_free(hc_proxy_auth *a) {
  wipe_proxy_auth(&a->secret);
  wipe_proxy_auth(&a->basic);
  hc_digest_free(&a->challenge);
  memset(a, 0, sizeof *a);
}

/* Where Basic is not to be sent its text is made all the same, as a check of both texts, and wiped.
 * The room for the secret is taken once, since two views point into it. */
hc_error hc_proxy_auth_init(hc_proxy_auth *a, hc_slice user, hc_slice password,
                            hc_proxy_schemes schemes, hc_failure *why) {
  memset(a, 0, sizeof *a);
  a->schemes = schemes;
  if (user.size == 0 && password.size == 0) return HC_OK;
  hc_error code = hc_basic_credentials(user, password, &a->basic, why); /* checks them, too */
  char *at;
  size_t room;
  if (code == HC_OK)
    code = hc_buffer_reserve(&a->secret, user.size + password.size, SIZE_MAX, &at, &room);
  if (code == HC_OK) code = hc_buffer_append(&a->secret, user, SIZE_MAX);
  if (code == HC_OK) code = hc_buffer_append(&a->secret, password, SIZE_MAX);
  if (code != HC_OK) {
    hc_proxy_auth_free(a);
    return code == HC_ERR_OUT_OF_MEMORY ? hc_failure_out_of_memory_for(why, "the credentials")
                                        : code;
  }
  const char *secret = hc_buffer_head(&a->secret);
  a->user = (hc_slice){secret, user.size};
  a->password = (hc_slice){secret + user.size, password.size};
  if (schemes == HC_PROXY_DIGEST_ONLY) wipe_proxy_auth(&a->basic);
  return HC_OK;
}

/* Counted also where writing fails: a number that is left out is allowed, one that comes twice is
 * not. */
hc_error hc_proxy_auth_write_digest(hc_proxy_auth *a, hc_slice method, hc_slice target,
                                    hc_buffer *out) {
  a->count++;
  const hc_digest_request request = {
      .user = a->user,
      .password = a->password,
      .method = method,
      .uri = target,
      .cnonce = hc_slice_of(a->cnonce),
      .count = a->count,
  };
  return hc_digest_write(&a->challenge, &request, out);
}

/* The first challenge that can be answered, of all fields. Several fields of that name are one
 * list, in the order in which they stand (RFC 9110 section 5.3). */
static hc_error find_proxy_auth(const hc_headers *fields, hc_digest_challenge *found) {
  static const hc_slice name = {"Proxy-Authenticate", 18};
  hc_error code = HC_ERR_DOES_NOT_EXIST;
  for (size_t i = 0; hc_headers_find(fields, name, i, &i); i++) {
    code = hc_digest_find(hc_headers_value(fields, i), HC_DIGEST_FIRST, found);
    if (code != HC_ERR_DOES_NOT_EXIST) return code;
  }
  return code;
}

/* A Digest answer that is refused without "stale" means that the password is wrong, and asking
 * again would only lock the account. Basic that is refused may be followed by Digest, once. */
hc_error hc_proxy_auth_take(hc_proxy_auth *a, const hc_headers *fields, hc_auth_sent sent) {
  hc_digest_challenge found;
  memset(&found, 0, sizeof found);
  if (a->user.size == 0 && a->password.size == 0) return HC_ERR_UNAUTHORIZED;
  hc_error code = find_proxy_auth(fields, &found);
  bool is_refused = sent == HC_AUTH_SENT_DIGEST && !found.is_stale;
  if (code == HC_OK && !is_refused) code = hc_digest_make_cnonce(a->cnonce);
  if (code != HC_OK || is_refused) {
    hc_digest_free(&found);
    return code == HC_ERR_OUT_OF_MEMORY ? code : HC_ERR_UNAUTHORIZED;
  }
  hc_digest_free(&a->challenge);
  a->challenge = found;
  a->count = 0;
  return HC_OK;
}

/* A proxy that hands out a new nonce with each answer spares itself a 407 for each request.
 * Anything wrong with it is passed over: then the old one is used until it is refused. */
hc_error hc_proxy_auth_note(hc_proxy_auth *a, const hc_headers *fields) {
  static const hc_slice name = {"Proxy-Authentication-Info", 25};
  size_t i;
  if (!hc_proxy_auth_is_digest(a) || !hc_headers_find(fields, name, 0, &i)) return HC_OK;
  hc_error code = hc_digest_take_info(&a->challenge, hc_headers_value(fields, i));
  if (code == HC_OK) a->count = 0;
  return code == HC_ERR_OUT_OF_MEMORY ? code : HC_OK;
}
