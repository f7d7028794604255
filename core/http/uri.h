/* uri.h - percent-encoding, host names and authorities (RFC 3986 sections 2.1 and 3.2).
 *
 * All that a caller writes about where to go passes through here before anything is looked up or
 * sent. Text in, views or text out; nothing is resolved.
 *
 * The Lua half has a parser of whole URLs, and hands over what it has cut out. */
#ifndef HC_URI_H
#define HC_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/buffer.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Appends `text`, with every byte that is not unreserved as "%XX", in upper case.
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_uri_encode(hc_slice text, hc_buffer *out);
/* Appends `text`, with each "%XX" decoded once. A '%' without two hex digits stays, and so does
 * '+'. */
hc_error hc_uri_decode(hc_slice text, hc_buffer *out);

typedef enum hc_host_kind { HC_HOST_NAME, HC_HOST_IPV4, HC_HOST_IPV6 } hc_host_kind;

/* A host as the caller wrote it, taken apart. The slices are views of the caller's text. */
typedef struct hc_host {
  hc_host_kind kind;
  /* without scheme and brackets; an IPv6 literal keeps its zone ("fe80::1%eth0") */
  hc_slice text;
  int scheme;      /* 0 none, 1 "http://", 2 "https://" */
} hc_host;

/* Takes off a scheme (in any letter case) and brackets, and checks that the rest is a name (a
 * reg-name of RFC 3986 without percent-encoding, at most 255 bytes), an IPv4 or an IPv6 address.
 * Otherwise HC_ERR_INVALID_PARAMETER, and `why` names what does not belong there: a port, path,
 * query, fragment, user info, space, control or non-ASCII byte, a bad IPv6 address, or nothing at
 * all. */
hc_error hc_host_parse(hc_slice text, hc_host *host, hc_failure *why);

/* The same with a port behind it or not: "host:port", "[::1]:80", ":80". *port is 0 when none is
 * written, and the host may be empty where there is one. */
hc_error hc_endpoint_parse(hc_slice text, hc_host *host, unsigned *port, hc_failure *why);

bool hc_is_ipv4_literal(hc_slice text);  /* four decimal numbers 0..255 without leading zeros */
bool hc_is_ipv6_literal(hc_slice text);  /* without brackets; a zone is allowed */

/* Appends the host, an IPv6 address in brackets and without its zone (which RFC 6874 keeps off the
 * wire), and ":port" unless that is `default_port`. With `default_port` 0 the port is always
 * written. */
hc_error hc_authority_write(hc_slice host, unsigned port, unsigned default_port, hc_buffer *out);

/* Is this a host, with or without a port, as in an absolute URL ("h", "h:80", "[::1]:80")? User
 * info is refused. *port is 0 when none is written. HC_ERR_INVALID_PARAMETER. */
hc_error hc_authority_check(hc_slice text, unsigned *port, hc_failure *why);

/* port = *DIGIT (RFC 3986 section 3.2.3): 1 to 65535, and 0 where none is written. NULL; else what
 * is wrong with it, and *port is left as it was. */
const char *hc_port_parse(hc_slice digits, unsigned *port);

HC_INTERNAL_END

#endif
