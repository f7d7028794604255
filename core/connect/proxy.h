/* proxy.h - a proxy as its user names it: how it is spoken to, where it is, and who asks.
 *
 * Counted, within one thread: a client holds the one that was set, each connection the one by whose
 * way it goes. What the proxy wants to be told (see http/proxy_auth.h) is learned here, so all who
 * use the same one know it. */
#ifndef HC_PROXY_H
#define HC_PROXY_H

#include "../base/internal.h"
#include "../http/proxy_auth.h"
#include "../stream/tls/tls_options.h"
#include "route.h"

HC_INTERNAL_BEGIN

typedef struct hc_proxy {
  size_t references;
  hc_proxy_scheme scheme;
  unsigned port;
  hc_slice host;          /* without brackets; it and the next two are views of `text` */
  hc_slice authority;     /* host:port, as messages name it */
  hc_slice shown;         /* scheme://host:port, without credentials */
  hc_buffer text;
  hc_proxy_auth auth;     /* for HTTP proxies */
  hc_buffer user, password;  /* for SOCKS */
  hc_tls_options *options; /* for TLS with the proxy; NULL until it is needed, if none were given */
} hc_proxy;

/* Of a URL: "http://", "https://", "socks5://" or "socks5h://" in any letter case (without one:
 * http), user and password with percent-encoding, host, port (80, 443, 1080); what stands behind a
 * '/' counts for nothing. *out has one reference. HC_ERR_INVALID_PARAMETER, and `why` has no word
 * of the credentials; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_proxy_from_url(hc_slice url, const hc_proxy_settings *settings, hc_proxy **out,
                           hc_failure *why);
/* Of its parts: an http:// one. `host` may have brackets or "http://". Errors as above, and for a
 * port that is not from 1 to 65535. */
hc_error hc_proxy_from_parts(hc_slice host, long long port, hc_slice user, hc_slice password,
                             hc_proxy **out, hc_failure *why);
hc_proxy *hc_proxy_retain(hc_proxy *p); /* returns its argument */
void hc_proxy_release(hc_proxy *p); /* NULL is fine */

/* Does it read HTTP, so that it can be asked without a tunnel and told Proxy-Authorization? Else it
 * is SOCKS. */
static inline bool hc_proxy_is_http(const hc_proxy *p) {
  return p->scheme == HC_PROXY_PLAIN || p->scheme == HC_PROXY_TLS;
}
/* The options for TLS with the proxy, which are made where none were given; a view, as long as the
 * proxy. They are never the origin's: who trusts a private authority for one server has not said so
 * of the proxy. HC_ERR_OUT_OF_MEMORY, or what the library says to plain options. */
hc_error hc_proxy_tls_options(hc_proxy *p, hc_tls_options **out, hc_failure *why);

HC_INTERNAL_END

#endif
