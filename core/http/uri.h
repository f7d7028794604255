/* uri.h - percent-encoding, hosts and authorities (RFC 3986 sections 2.1 and 3.2). No I/O. */
#ifndef HC_URI_H
#define HC_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/buffer.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Appends `text` with every byte but the unreserved ones percent-encoded, upper-case hex. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_uri_encode(hc_slice text, hc_buffer *out);
/* Appends `text` with each "%XX" decoded once; a '%' without two hex digits stays as it is; '+' stays '+'. */
hc_error hc_uri_decode(hc_slice text, hc_buffer *out);

typedef enum hc_host_kind { HC_HOST_NAME, HC_HOST_IPV4, HC_HOST_IPV6 } hc_host_kind;

/* A host as the caller wrote it, taken apart. All slices are views into the caller's text. */
typedef struct hc_host {
  hc_host_kind kind;
  hc_slice text;   /* without scheme and brackets; an IPv6 literal keeps its zone ("fe80::1%eth0") */
  int scheme;      /* 0 none, 1 "http://", 2 "https://" */
} hc_host;

/* Strips a scheme prefix (any letter case) and brackets, and checks the rest: a name (RFC 3986 reg-name without
 * percent-encoding, at most 255 bytes), an IPv4 or an IPv6 literal. HC_ERR_INVALID_PARAMETER, the offending part named
 * in `why`: empty, a port, path, query, fragment, user info, space, control or non-ASCII byte, a bad IPv6 literal. */
hc_error hc_host_parse(hc_slice text, hc_host *host, hc_failure *why);

bool hc_is_ipv4_literal(hc_slice text);  /* four decimal numbers 0..255 without leading zeros */
bool hc_is_ipv6_literal(hc_slice text);  /* without brackets; a zone is allowed */

/* Appends "host", or "[v6]" without the zone (RFC 6874 keeps it off the wire), and ":port" unless
 * port == default_port. default_port 0: the port is always written. */
hc_error hc_authority_write(hc_slice host, unsigned port, unsigned default_port, hc_buffer *out);

/* Is this a host with optional port, as in an absolute URL or authority form ("h", "h:80", "[::1]:80")? User info is
 * refused. *port is 0 where none is written. HC_ERR_INVALID_PARAMETER. */
hc_error hc_authority_check(hc_slice text, unsigned *port, hc_failure *why);

HC_INTERNAL_END

#endif
