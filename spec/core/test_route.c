/* test_route.c - the route: each combination of TLS, proxy, Unix socket and HTTP version gives its
 * hops, or is refused. */
#include <string.h>

#include "../../core/connect/route.h"
#include "check.h"

#define PROXIES 5
#define VERSIONS 3

static const char *const proxy_names[PROXIES] = {"none", "http", "https", "socks5", "socks5h"};
static const char *const version_names[VERSIONS] = {"1.1", "auto", "2"};

/* A hop as text: kind, party, host and port, and what only some kinds have. */
static void describe_hop(const hc_hop *hop, char *at, size_t size) {
  static const char *const kinds[] = {"tcp", "unix", "connect", "socks5", "tls"};
  static const char *const offers[] = {"", " http/1.1", " h2,http/1.1", " h2"};
  (void)snprintf(at, size, "%s(%s %.*s:%u%s%s)", kinds[hop->kind],
                 hop->party == HC_PARTY_PROXY ? "proxy" : "origin", (int)hop->host.size,
                 hop->host.data, hop->port, hop->kind == HC_HOP_TLS ? offers[hop->alpn] : "",
                 hop->lookup == HC_LOOKUP_BY_PROXY ? " theirs" : "");
}

static void describe(const hc_route *route, char *text, size_t size) {
  static const char *const wires[] = {"h1", "by alpn", "h2"};
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < route->count; i++) {
    describe_hop(&route->hops[i], text + used, size - used);
    used = strlen(text);
    (void)snprintf(text + used, size - used, " ");
    used = strlen(text);
  }
  (void)snprintf(text + used, size - used, "%s %s to %s", wires[route->wire],
                 route->target == HC_TARGET_ABSOLUTE ? "absolute" : "origin form",
                 route->next == HC_PARTY_PROXY ? "proxy" : "origin");
}

static hc_wish wish_of(hc_security security, int proxy, int version) {
  hc_wish wish = {.host = HC_SLICE("o.example"),
                  .port = security == HC_SECURITY_TLS ? 443 : 80,
                  .security = security};
  wish.proxy = (hc_proxy_scheme)proxy;
  wish.version = (hc_version_wish)version;
  if (proxy != HC_PROXY_NONE) {
    wish.proxy_host = HC_SLICE("p.example");
    wish.proxy_port = 3128;
  }
  return wish;
}

/* What each is meant to be, put together from its parts the other way round: by security first. */
static void expect(hc_security security, int proxy, int version, char *text, size_t size) {
  // clang-format off: a case a line
  static const char *const to[PROXIES] = {
      "", "tcp(proxy p.example:3128) ", "tcp(proxy p.example:3128) tls(proxy p.example:3128 http/1.1) ",
      "tcp(proxy p.example:3128) socks5(proxy ", "tcp(proxy p.example:3128) socks5(proxy "};
  static const char *const alpn[VERSIONS] = {"", " h2,http/1.1", " h2"};
  const char *origin = security == HC_SECURITY_TLS ? "o.example:443" : "o.example:80";
  char begin[160];
  bool is_socks = proxy == HC_PROXY_SOCKS5 || proxy == HC_PROXY_SOCKS5H;
  const char *behind = proxy == HC_PROXY_SOCKS5 ? ") " : proxy == HC_PROXY_SOCKS5H ? " theirs) " : "";
  (void)snprintf(begin, sizeof begin, "%s%s%s", to[proxy], is_socks ? origin : "", behind);
  if (security == HC_SECURITY_PLAIN) {
    bool is_absolute = proxy == HC_PROXY_PLAIN || proxy == HC_PROXY_TLS;
    (void)snprintf(text, size, "%s%s%s %s", begin, proxy ? "" : "tcp(origin o.example:80) ", version == 2 ? "h2" : "h1",
                   is_absolute ? "absolute to proxy" : "origin form to origin");
    return;
  }
  const char *way = "";
  if (proxy == HC_PROXY_NONE) way = "tcp(origin o.example:443) ";
  if (proxy == HC_PROXY_PLAIN || proxy == HC_PROXY_TLS) way = "connect(proxy o.example:443) ";
  (void)snprintf(text, size, "%s%stls(origin o.example:443%s) %s origin form to origin", begin, way, alpn[version],
                 version == 0 ? "h1" : "by alpn");
}

static void check_combination(hc_security security, int proxy, int version) {
  char name[160], expected[400], found[400];
  hc_route route;
  hc_failure why = {HC_OK, ""};
  hc_wish wish = wish_of(security, proxy, version);
  const char *clear = security == HC_SECURITY_TLS ? "tls" : "plain";
  hc_error code = hc_route_make(&wish, &route, &why);
  bool is_refused = security == HC_SECURITY_PLAIN && version == 2 && (proxy == HC_PROXY_PLAIN || proxy == HC_PROXY_TLS);
  (void)snprintf(name, sizeof name, "%s, proxy %s, version %s", clear, proxy_names[proxy], version_names[version]);
  if (is_refused) {
    CHECK_CASE(name, code == HC_ERR_INVALID_PARAMETER && strstr(why.text, "HTTP proxy"));
    return;
  }
  expect(security, proxy, version, expected, sizeof expected);
  describe(&route, found, sizeof found);
  CHECK_CASE(name, code == HC_OK && strcmp(found, expected) == 0);
  if (strcmp(found, expected) != 0) (void)printf("  found    %s\n  expected %s\n", found, expected);
}

static void check_unix(hc_security security, int version, const char *expected) {
  char found[400];
  hc_route route;
  hc_failure why = {HC_OK, ""};
  hc_wish wish = wish_of(security, HC_PROXY_NONE, version);
  wish.unix_path = HC_SLICE("/run/d.sock");
  CHECK(hc_route_make(&wish, &route, &why) == HC_OK);
  describe(&route, found, sizeof found);
  CHECK_CASE(expected, strcmp(found, expected) == 0);
}

static void check_led(hc_security security, int proxy, const char *expected) {
  char found[400];
  hc_route route;
  hc_failure why = {HC_OK, ""};
  hc_wish wish = wish_of(security, proxy, 0);
  wish.to_host = HC_SLICE("t.example");
  wish.to_port = 81;
  CHECK(hc_route_make(&wish, &route, &why) == HC_OK);
  describe(&route, found, sizeof found);
  CHECK_CASE(expected, strcmp(found, expected) == 0);
}

/* A host or a port in place of the wish's own: TLS is about the wish's all the same, and no proxy
 * is asked in a form that would lead it back. */
static void check_led_elsewhere(void) {
  hc_route route;
  hc_wish wish = wish_of(HC_SECURITY_PLAIN, HC_PROXY_NONE, 0);
  check_led(HC_SECURITY_PLAIN, HC_PROXY_NONE, "tcp(origin t.example:81) h1 origin form to origin");
  check_led(HC_SECURITY_TLS, HC_PROXY_NONE,
            "tcp(origin t.example:81) tls(origin o.example:443) h1 origin form to origin");
  check_led(HC_SECURITY_PLAIN, HC_PROXY_PLAIN,
            "tcp(proxy p.example:3128) connect(proxy t.example:81) h1 origin form to origin");
  check_led(HC_SECURITY_TLS, HC_PROXY_PLAIN,
            "tcp(proxy p.example:3128) connect(proxy t.example:81) tls(origin o.example:443) h1 origin form to origin");
  check_led(HC_SECURITY_PLAIN, HC_PROXY_SOCKS5H,
            "tcp(proxy p.example:3128) socks5(proxy t.example:81 theirs) h1 origin form to origin");
  wish.to_port = 82;
  CHECK(hc_route_make(&wish, &route, NULL) == HC_OK && route.hops[0].port == 82 &&
        hc_slice_equal(route.hops[0].host, HC_SLICE("o.example")));
  wish.to_port = 0;
  wish.to_host = HC_SLICE("t.example");
  CHECK(hc_route_make(&wish, &route, NULL) == HC_OK && route.hops[0].port == 80 &&
        hc_slice_equal(route.hops[0].host, HC_SLICE("t.example")));
}

static void check_contradictions(void) {
  for (int proxy = 1; proxy < PROXIES; proxy++) {
    hc_route route;
    hc_failure why = {HC_OK, ""};
    hc_wish wish = wish_of(HC_SECURITY_TLS, proxy, 0);
    wish.unix_path = HC_SLICE("/run/d.sock");
    CHECK_CASE(proxy_names[proxy], hc_route_make(&wish, &route, &why) == HC_ERR_INVALID_PARAMETER);
    CHECK(strstr(why.text, "Unix socket") && strstr(why.text, "proxy"));
  }
}

int main(void) {
  for (int security = 0; security < 2; security++)
    for (int proxy = 0; proxy < PROXIES; proxy++)
      for (int version = 0; version < VERSIONS; version++) check_combination((hc_security)security, proxy, version);
  check_unix(HC_SECURITY_PLAIN, 0, "unix(origin /run/d.sock:0) h1 origin form to origin");
  check_unix(HC_SECURITY_PLAIN, 1, "unix(origin /run/d.sock:0) h1 origin form to origin");
  check_unix(HC_SECURITY_PLAIN, 2, "unix(origin /run/d.sock:0) h2 origin form to origin");
  check_unix(HC_SECURITY_TLS, 0, "unix(origin /run/d.sock:0) tls(origin o.example:443) h1 origin form to origin");
  check_unix(HC_SECURITY_TLS, 2, "unix(origin /run/d.sock:0) tls(origin o.example:443 h2) by alpn origin form to origin");
  check_led_elsewhere();
  check_contradictions();
  return check_report();
}

  // clang-format on
