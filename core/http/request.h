/* request.h - a request as the caller means it: method, target, fields, content (RFC 9110 sections 7 to 9). No I/O. */
#ifndef HC_REQUEST_H
#define HC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/internal.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

/* The method that the token names, HC_METHOD_OTHER for one that is none of the nine (letter case counts), HC_METHOD_MAX for
 * what is no token at all. */
hc_method hc_method_of(hc_slice token);

typedef enum hc_content {
  HC_CONTENT_NONE,    /* no content */
  HC_CONTENT_SIZED,   /* content_length bytes are known to come: a string or a file */
  HC_CONTENT_STREAM   /* from a function: its Content-Length when the caller gave one, else chunked */
} hc_content;

/* What a request head is made of. All slices are views that live through the call. */
typedef struct hc_request {
  int method;                  /* hc_method; HC_METHOD_MAX, and what is outside of the enum, is refused */
  hc_slice method_token;       /* for HC_METHOD_OTHER, which becomes one of the nine where it names one */
  hc_slice url;                /* origin form, absolute form, "*" for OPTIONS, authority form for CONNECT */
  const hc_slice *lines;       /* the caller's "Name: value" lines */
  size_t line_count;
  hc_content content;
  uint64_t content_length;     /* for HC_CONTENT_SIZED */
  hc_slice authority;          /* the connection's own host[:port], the default Host: see hc_authority_write */
  bool authority_is_checked;   /* it was made of a checked host, not told by a stream that a script wrote */
  bool to_proxy;               /* the next hop is a forward proxy: origin form becomes "http://" authority path */
  hc_slice proxy_credentials;  /* the value of Proxy-Authorization, sent when not empty and the caller gave none */
} hc_request;

typedef enum hc_transfer {
  HC_TRANSFER_NONE,    /* head only */
  HC_TRANSFER_LENGTH,  /* content_length bytes follow */
  HC_TRANSFER_CHUNKED  /* chunks follow */
} hc_transfer;

/* What the written head has announced. */
typedef struct hc_request_head {
  hc_transfer transfer;
  uint64_t content_length;  /* for HC_TRANSFER_LENGTH */
  bool closes;              /* Connection: close is in it */
  bool expects_continue;    /* Expect: 100-continue is in it, and content follows (RFC 9110 section 10.1.1) */
} hc_request_head;

HC_INTERNAL_END

#endif
