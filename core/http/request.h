/* request.h - a request as its caller means it: method, target, fields, content (RFC 9110 sections
 * 7 to 9).
 *
 * These are only records. request_check.h says whether such a request may be sent, http1/ and
 * http2/ how it is written.
 *
 * Nothing here is owned: a request is put together on the stack of whoever sends it, checked,
 * written, and gone. */
#ifndef HC_REQUEST_H
#define HC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/internal.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

/* hc_method_name, as a view: no data where there is none. */
hc_slice hc_method_text(int method);
/* The method that the token names; letter case counts. HC_METHOD_OTHER for a token that is none of
 * the nine, HC_METHOD_MAX for text that is no token. */
hc_method hc_method_of(hc_slice token);

typedef enum hc_content {
  HC_CONTENT_NONE,    /* no content */
  HC_CONTENT_SIZED,   /* content_length bytes will come, from a string or a file */
  /* from a function: as long as the caller's Content-Length says, or chunked without one */
  HC_CONTENT_STREAM
} hc_content;

/* What the head of a request is made from. The slices are views that live as long as the call. */
typedef struct hc_request {
  int method; /* hc_method; any other number, and HC_METHOD_MAX, is refused */
  /* for HC_METHOD_OTHER. One that names one of the nine is taken for it */
  hc_slice method_token;
  /* origin form, absolute form, "*" for OPTIONS, authority form for CONNECT */
  hc_slice url;
  const hc_slice *lines; /* the caller's "Name: value" lines */
  size_t line_count;
  hc_content content;
  uint64_t content_length; /* for HC_CONTENT_SIZED */
  /* host[:port] of the connection, for Host when the caller gives none: see hc_authority_write */
  hc_slice authority;
  /* it was made from a checked host, and not told by a stream of the script's */
  bool authority_is_checked;
  bool to_proxy; /* a proxy reads it next: "/path" becomes "http://authority/path" */
  /* for Proxy-Authorization, unless the caller gives one; empty: none */
  hc_slice proxy_credentials;
  /* the same where the proxy wants Digest, which is made for each request; NULL: it does not */
  struct hc_proxy_auth *proxy_digest;
} hc_request;

typedef enum hc_transfer {
  HC_TRANSFER_NONE, /* head only */
  HC_TRANSFER_LENGTH, /* content_length bytes follow */
  HC_TRANSFER_CHUNKED /* chunks follow */
} hc_transfer;

/* What the head has promised about the content, once it is written. */
typedef struct hc_request_head {
  hc_transfer transfer;
  bool closes; /* it says Connection: close */
  /* it says Expect: 100-continue, and content follows (RFC 9110 section 10.1.1) */
  bool expects_continue;
  uint64_t content_length; /* for HC_TRANSFER_LENGTH */
} hc_request_head;

/* Does content follow that is not empty? */
static inline bool hc_request_head_has_content(const hc_request_head *head) {
  return head->transfer == HC_TRANSFER_CHUNKED || head->content_length > 0;
}

HC_INTERNAL_END

#endif
