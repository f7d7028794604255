/* route.c - from a wish to a list of hops. See route.h.
 *
 * Hops stand in the order in which they are gone: to the server or the proxy, through the proxy,
 * TLS with the origin. An HTTP proxy is asked for a tunnel only where it can't be left to read the
 * request: for TLS, and where the request goes to another place than its own host. */
#include "route.h"

/* HC_ROUTE_HOPS is the longest way there is, so there always is room: whoever adds a kind of hop
 * counts again. */
static void add_route(hc_route *route, hc_hop_kind kind, hc_party party, hc_slice host,
                      unsigned port) {
  route->hops[route->count++] = (hc_hop){.kind = kind, .party = party, .host = host, .port = port};
}

/* The host is whom the certificate has to name, which is not always whom the socket goes to. */
static void add_tls(hc_route *route, hc_party party, hc_slice host, unsigned port, hc_alpn alpn) {
  add_route(route, HC_HOP_TLS, party, host, port);
  route->hops[route->count - 1].alpn = alpn;
}

/* What a handshake with the origin offers. Where HTTP/1.1 is all that is wanted the caller's own
 * list stands. */
static hc_alpn alpn_for(hc_version_wish version) {
  switch (version) {
  case HC_VERSION_AUTO: return HC_ALPN_BOTH;
  case HC_VERSION_2: return HC_ALPN_HTTP2;
  case HC_VERSION_1: break;
  }
  return HC_ALPN_CALLERS;
}

/* Without TLS there is nothing that the two sides could agree by, so HTTP/2 in clear is spoken only
 * where the caller knows that the server does (prior knowledge, RFC 9113 section 3.3). HTTP/1.1 it
 * is everywhere else. */
static hc_wire wire_for(const hc_wish *wish) {
  if (wish->version == HC_VERSION_1) return HC_WIRE_HTTP1;
  if (wish->security == HC_SECURITY_TLS) return HC_WIRE_BY_ALPN;
  return wish->version == HC_VERSION_2 ? HC_WIRE_HTTP2 : HC_WIRE_HTTP1;
}

/* Both read requests; that TLS carries them to one of the two is a hop of its own. */
static int is_http_proxy(const hc_wish *wish) {
  return wish->proxy == HC_PROXY_PLAIN || wish->proxy == HC_PROXY_TLS;
}

/* Combinations that would do something else than was asked for. A proxy reads HTTP/1.1 from us;
 * HTTP/2 through its tunnel is fine, with TLS. */
static hc_error check_route(const hc_wish *wish, hc_failure *why) {
  if (wish->unix_path.size > 0 && wish->proxy != HC_PROXY_NONE)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "a Unix socket and a proxy: there can only be one");
  if (is_http_proxy(wish) && wish->security == HC_SECURITY_PLAIN && wish->version == HC_VERSION_2)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "HTTP/2 without TLS can't go by way of an HTTP proxy");
  return HC_OK;
}

/* The name that is resolved and dialled. Host, SNI and the certificate go by `host` all the same,
 * as with curl's --connect-to. */
static hc_slice host_to_reach(const hc_wish *wish) {
  return wish->to_host.size > 0 ? wish->to_host : wish->host;
}

/* Each of the two may be led elsewhere without the other. */
static unsigned port_to_reach(const hc_wish *wish) {
  return wish->to_port != 0 ? wish->to_port : wish->port;
}

/* One of the two alone is enough: another port of the same host is another server. */
static int is_led_elsewhere(const hc_wish *wish) {
  return wish->to_host.size > 0 || wish->to_port != 0;
}

/* To the proxy, and through it where it is asked for a tunnel. */
static void add_proxy(hc_route *route, const hc_wish *wish) {
  add_route(route, HC_HOP_TCP, HC_PARTY_PROXY, wish->proxy_host, wish->proxy_port);
  if (wish->proxy == HC_PROXY_TLS)
    add_tls(route, HC_PARTY_PROXY, wish->proxy_host, wish->proxy_port, HC_ALPN_HTTP1);
  if (!is_http_proxy(wish)) {
    add_route(route, HC_HOP_SOCKS5, HC_PARTY_PROXY, host_to_reach(wish), port_to_reach(wish));
    if (wish->proxy == HC_PROXY_SOCKS5H) route->hops[route->count - 1].lookup = HC_LOOKUP_BY_PROXY;
  } else if (wish->security == HC_SECURITY_TLS || is_led_elsewhere(wish)) {
    /* a URL in absolute form would lead the proxy to the host itself */
    add_route(route, HC_HOP_HTTP_CONNECT, HC_PARTY_PROXY, host_to_reach(wish), port_to_reach(wish));
  } else {
    route->target = HC_TARGET_ABSOLUTE;
    route->next = HC_PARTY_PROXY;
  }
}

/* TLS with the origin comes last whatever stands below it, so nobody on the way sees more than
 * where it leads. */
hc_error hc_route_make(const hc_wish *wish, hc_route *route, hc_failure *why) {
  *route = (hc_route){.count = 0};
  hc_error code = check_route(wish, why);
  if (code != HC_OK) return code;
  if (wish->unix_path.size > 0) add_route(route, HC_HOP_UNIX, HC_PARTY_ORIGIN, wish->unix_path, 0);
  else if (wish->proxy != HC_PROXY_NONE) add_proxy(route, wish);
  else add_route(route, HC_HOP_TCP, HC_PARTY_ORIGIN, host_to_reach(wish), port_to_reach(wish));
  if (wish->security == HC_SECURITY_TLS)
    add_tls(route, HC_PARTY_ORIGIN, wish->host, wish->port, alpn_for(wish->version));
  route->wire = wire_for(wish);
  return HC_OK;
}
