/* route.h - the way to a server as a plain list of hops, made from a wish by one pure function.
 *
 * A hop says what has to be done and with whom; how that is done is the business of the steps
 * (walk.h), and what it means to a caller is the client's. So every combination of proxy, TLS,
 * socket and HTTP version can be tested without a socket, and a new kind of proxy is a line here
 * and a step there. No I/O, no memory: all texts are the wish's. */
#ifndef HC_ROUTE_H
#define HC_ROUTE_H

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/slice.h"
#include "../httpclient.h"

HC_INTERNAL_BEGIN

typedef enum hc_hop_kind {
  HC_HOP_TCP,           /* look the host up and connect to it */
  HC_HOP_UNIX,          /* connect to the socket at a path of this machine */
  HC_HOP_HTTP_CONNECT,  /* ask an HTTP proxy for a tunnel to the host (RFC 9110 section 9.3.6) */
  HC_HOP_SOCKS5,        /* ask a SOCKS proxy for one (RFC 1928) */
  HC_HOP_TLS            /* shake hands with the one whose certificate names the host */
} hc_hop_kind;

/* Whom a hop reaches: the one who is named when it fails. */
typedef enum hc_party { HC_PARTY_ORIGIN, HC_PARTY_PROXY } hc_party;

/* What a handshake offers by ALPN (RFC 7301). */
typedef enum hc_alpn {
  HC_ALPN_CALLERS,  /* what the TLS options say, nothing of our own */
  HC_ALPN_HTTP1,    /* http/1.1 alone */
  HC_ALPN_BOTH,     /* h2, and http/1.1 where the server does not have it */
  HC_ALPN_HTTP2     /* h2 alone */
} hc_alpn;

/* Who looks the host's name up. */
typedef enum hc_lookup_by { HC_LOOKUP_HERE, HC_LOOKUP_BY_PROXY } hc_lookup_by;

typedef struct hc_hop {
  hc_hop_kind kind;
  hc_party party;
  hc_slice host;    /* HC_HOP_UNIX: the path */
  unsigned port;    /* HC_HOP_UNIX: 0 */
  hc_alpn alpn;     /* HC_HOP_TLS alone */
  hc_lookup_by lookup;  /* HC_HOP_SOCKS5 alone */
} hc_hop;

typedef enum hc_proxy_scheme {
  HC_PROXY_NONE,
  HC_PROXY_PLAIN,    /* http:// */
  HC_PROXY_TLS,      /* https://: TLS to the proxy itself */
  HC_PROXY_SOCKS5,   /* socks5://: we look the name up */
  HC_PROXY_SOCKS5H   /* socks5h://: the proxy does */
} hc_proxy_scheme;

typedef enum hc_security { HC_SECURITY_PLAIN, HC_SECURITY_TLS } hc_security;

/* What the caller wants. Hosts are as hc_host_parse gives them. */
typedef struct hc_wish {
  hc_slice host;
  unsigned port;
  hc_security security;
  /* whom to connect to in the host's place, which is still the one that is verified and asked; an
   * empty host and a port of 0: the same */
  hc_slice to_host;
  unsigned to_port;
  hc_slice unix_path; /* empty: over the network */
  hc_proxy_scheme proxy;
  hc_slice proxy_host;
  unsigned proxy_port;
  hc_version_wish version;
} hc_wish;

/* How the request line names the resource (RFC 9112 section 3.2). */
typedef enum hc_target_form {
  HC_TARGET_ORIGIN, /* "/path": whoever gets it is the origin */
  HC_TARGET_ABSOLUTE /* "http://host/path": a proxy gets it */
} hc_target_form;

/* What is spoken once the way is there. */
typedef enum hc_wire {
  HC_WIRE_HTTP1,
  HC_WIRE_BY_ALPN, /* what the last handshake agreed on */
  HC_WIRE_HTTP2
} hc_wire;

#define HC_ROUTE_HOPS 4  /* tcp, tls with the proxy, tunnel, tls with the origin */

typedef struct hc_route {
  hc_hop hops[HC_ROUTE_HOPS];
  size_t count;
  hc_target_form target;
  hc_wire wire;
  /* who reads the request first: credentials for a proxy are for that one alone */
  hc_party next;
} hc_route;

/* HC_ERR_INVALID_PARAMETER with both sides of the contradiction in `why`: a Unix socket and a
 * proxy; HTTP/2 in clear by way of an HTTP proxy, which would have to translate it. */
hc_error hc_route_make(const hc_wish *wish, hc_route *route, hc_failure *why);

HC_INTERNAL_END

#endif
