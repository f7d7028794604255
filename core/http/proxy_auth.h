/* proxy_auth.h - what an HTTP proxy is told about its user: Basic (RFC 7617), or Digest (RFC 7616)
 * once it has asked for that.
 *
 * Basic goes along with the first request, unasked, as it needs no answer of the proxy's. A proxy
 * that refuses with a Digest challenge gets Digest from then on, and never Basic again. Where Basic
 * is not to be sent at all, the first request has no credentials. */
#ifndef HC_PROXY_AUTH_H
#define HC_PROXY_AUTH_H

#include "../base/internal.h"
#include "digest_auth.h"
#include "fields.h"

HC_INTERNAL_BEGIN

/* All zero: no credentials. */
typedef struct hc_proxy_auth {
  hc_proxy_schemes schemes;
  hc_buffer secret;              /* user and password, one behind the other */
  hc_slice user, password;       /* views of it */
  hc_buffer basic;               /* "Basic ..." */
  hc_digest_challenge challenge; /* the last; its nonce is empty before the first */
  char cnonce[HC_CNONCE_SIZE + 1];
  unsigned count;                /* requests with this nonce */
} hc_proxy_auth;

/* Copies. HC_ERR_INVALID_PARAMETER for a ':' in the user name and for control bytes in either text;
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_proxy_auth_init(hc_proxy_auth *a, hc_slice user, hc_slice password,
                            hc_proxy_schemes schemes, hc_failure *why);
void hc_proxy_auth_free(hc_proxy_auth *a); /* wipes */

static inline bool hc_proxy_auth_is_digest(const hc_proxy_auth *a) {
  return a->challenge.nonce.size > 0;
}
/* What goes along where no Digest is wanted; empty: nothing. */
static inline hc_slice hc_proxy_auth_basic(const hc_proxy_auth *a) {
  return hc_slice_make(hc_buffer_head(&a->basic), hc_buffer_size(&a->basic));
}
/* Appends the answer to the challenge for the next request, which has these in its first line.
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_proxy_auth_write_digest(hc_proxy_auth *a, hc_slice method, hc_slice target,
                                    hc_buffer *out);

/* What the request that was refused had with it. */
typedef enum hc_auth_sent {
  HC_AUTH_SENT_NONE,
  HC_AUTH_SENT_BASIC,
  HC_AUTH_SENT_DIGEST
} hc_auth_sent;
static inline hc_auth_sent hc_proxy_auth_next(const hc_proxy_auth *a) {
  if (hc_proxy_auth_is_digest(a)) return HC_AUTH_SENT_DIGEST;
  return hc_buffer_size(&a->basic) > 0 ? HC_AUTH_SENT_BASIC : HC_AUTH_SENT_NONE;
}

/* The fields of a 407. OK: the same request again may go better, with what was learned here.
 * HC_ERR_UNAUTHORIZED: it would not. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_proxy_auth_take(hc_proxy_auth *a, const hc_headers *fields, hc_auth_sent sent);
/* The fields of any other answer: a nonce for the next request (RFC 7616 section 3.5).
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_proxy_auth_note(hc_proxy_auth *a, const hc_headers *fields);

HC_INTERNAL_END

#endif
