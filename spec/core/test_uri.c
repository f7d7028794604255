/* test_uri.c - percent-encoding, hosts and authorities (RFC 3986 sections 2 and 3.2). */
#include "../../core/base/memory.h"
#include "../../core/http/uri.h"
#include "wire.h"

typedef hc_error (*coder)(hc_slice text, hc_buffer *out);

static bool codes(coder code, hc_slice text, hc_slice expected) {
  hc_buffer out = {0};
  hc_error error = hc_buffer_append_text(&out, "<", SIZE_MAX);
  if (error == HC_OK)
    error = code((hc_slice){wire_place(0, text.data, text.size), text.size}, &out);
  bool holds =
      error == HC_OK &&
      hc_slice_equal((hc_slice){hc_buffer_head(&out) + 1, hc_buffer_size(&out) - 1}, expected);
  hc_buffer_free(&out);
  return holds;
}

static bool encodes(const char *text, const char *expected) {
  return codes(hc_uri_encode, hc_slice_of(text), hc_slice_of(expected));
}
static bool decodes(const char *text, const char *expected) {
  return codes(hc_uri_decode, hc_slice_of(text), hc_slice_of(expected));
}

static void check_encoding(void) {
  char all[256];
  for (int i = 0; i < 256; i++) all[i] = (char)(unsigned char)i;
  hc_buffer out = {0}, back = {0};
  CHECK(hc_uri_encode((hc_slice){all, 256}, &out) == HC_OK && hc_buffer_size(&out) == 66 + 190 * 3);
  CHECK(hc_uri_decode((hc_slice){hc_buffer_head(&out), hc_buffer_size(&out)}, &back) == HC_OK);
  CHECK(hc_slice_equal((hc_slice){hc_buffer_head(&back), hc_buffer_size(&back)},
                       (hc_slice){all, 256}));
  hc_buffer_free(&out);
  hc_buffer_free(&back);
  CHECK(encodes("", ""));
  CHECK(encodes("AZaz09-._~", "AZaz09-._~"));
  CHECK(encodes("a b+c/d", "a%20b%2Bc%2Fd"));
  CHECK(encodes("\xc3\xa9*'\x7f\n", "%C3%A9%2A%27%7F%0A"));
  CHECK(codes(hc_uri_encode, HC_SLICE("\0"), HC_SLICE("%00")));
  CHECK(decodes("", ""));
  CHECK(decodes("a%20b%2Bc", "a b+c"));
  CHECK(decodes("%c3%A9", "\xc3\xa9"));
  CHECK(decodes("a+b", "a+b"));
  CHECK(decodes("%2541", "%41"));
  CHECK(decodes("%", "%") && decodes("%4", "%4") && decodes("a%", "a%"));
  CHECK(decodes("%zz%4g%g4%%41", "%zz%4g%g4%A"));
  CHECK(codes(hc_uri_decode, HC_SLICE("%00"), HC_SLICE("\0")));
  CHECK(codes(hc_uri_decode, HC_SLICE("a\0b"), HC_SLICE("a\0b")));
}

typedef struct literal_case {
  const char *text;
  bool is_v4, is_v6;
} literal_case;

// clang-format off: a case a line
static const literal_case literals[] = {
    {"127.0.0.1", 1, 0}, {"0.0.0.0", 1, 0}, {"255.255.255.255", 1, 0}, {"256.0.0.1", 0, 0}, {"1.2.3", 0, 0},
    {"1.2.3.4.5", 0, 0}, {"1.2.3.", 0, 0}, {".1.2.3", 0, 0}, {"1..2.3", 0, 0}, {"01.2.3.4", 0, 0}, {"00.0.0.0", 0, 0},
    {"1.2.3.4 ", 0, 0}, {"1.2.3.4a", 0, 0}, {"1.2.3.1000", 0, 0}, {"0x1.2.3.4", 0, 0}, {"", 0, 0}, {"1.2.3.4.", 0, 0},
    {"::", 0, 1}, {"::1", 0, 1}, {"1::", 0, 1}, {"1::8", 0, 1}, {"1:2:3:4:5:6:7:8", 0, 1}, {"1:2:3:4:5:6:7::", 0, 1},
    {"::2:3:4:5:6:7:8", 0, 1}, {"1:2:3:4::5:6:7:8", 0, 0}, {"1:2:3:4:5:6:7", 0, 0}, {"1:2:3:4:5:6:7:8:9", 0, 0},
    {"1:2:3:4:5:6:7:8::", 0, 0}, {"::1:2:3:4:5:6:7:8", 0, 0}, {"1::2::3", 0, 0}, {":::", 0, 0}, {"::1:", 0, 0},
    {":", 0, 0}, {":1", 0, 0}, {"1:", 0, 0}, {":1:2:3:4:5:6:7:8", 0, 0}, {"12345::", 0, 0}, {"::g", 0, 0},
    {"FE80::aBcD", 0, 1}, {"::127.0.0.1", 0, 1}, {"::ffff:1.2.3.4", 0, 1}, {"1:2:3:4:5:6:1.2.3.4", 0, 1},
    {"1:2:3:4:5:6:7:1.2.3.4", 0, 0}, {"1:2:3:4:5:1.2.3.4", 0, 0}, {"1:2:3:4:5::1.2.3.4", 0, 1},
    {"1:2:3:4:5:6::1.2.3.4", 0, 0}, {"::1.2.3", 0, 0}, {"::1.2.3.4:5", 0, 0}, {"::1.2.3.400", 0, 0}, {"::01.2.3.4", 0, 0},
    {"fe80::1%eth0", 0, 1}, {"fe80::1%", 0, 0}, {"fe80::1%a/b", 0, 0}, {"%eth0", 0, 0}, {"fe80::1%25eth0", 0, 1},
    {"[::1]", 0, 0}, {"host", 0, 0},
};
// clang-format on

static void check_literals(void) {
  for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
    hc_slice text = wire_slice(0, literals[i].text);
    CHECK_CASE(literals[i].text, hc_is_ipv4_literal(text) == literals[i].is_v4 &&
                                     hc_is_ipv6_literal(text) == literals[i].is_v6);
  }
}

typedef struct host_case {
  const char *text;
  const char *expected; /* the host; or '!' and a part of the refusal */
  hc_host_kind kind;
  int scheme;
} host_case;

static const host_case hosts[] = {
    {"example.com", "example.com", HC_HOST_NAME, 0},
    {"EXAMPLE.com.", "EXAMPLE.com.", HC_HOST_NAME, 0},
    {"a", "a", HC_HOST_NAME, 0},
    {"a_b-c~1", "a_b-c~1", HC_HOST_NAME, 0},
    {"http://a", "a", HC_HOST_NAME, 1},
    {"HtTpS://a", "a", HC_HOST_NAME, 2},
    {"127.0.0.1", "127.0.0.1", HC_HOST_IPV4, 0},
    {"https://127.0.0.1", "127.0.0.1", HC_HOST_IPV4, 2},
    {"256.0.0.1", "256.0.0.1", HC_HOST_NAME, 0},
    {"::1", "::1", HC_HOST_IPV6, 0},
    {"[::1]", "::1", HC_HOST_IPV6, 0},
    {"http://[fe80::1%eth0]", "fe80::1%eth0", HC_HOST_IPV6, 1},
    {"https://::1", "::1", HC_HOST_IPV6, 2},
    {"", "!empty", 0, 0},
    {"http://", "!empty", 0, 0},
    {"https://", "!empty", 0, 0},
    {"[]", "!brackets", 0, 0},
    {"[", "!without", 0, 0},
    {"[::1", "!without", 0, 0},
    {"[1.2.3.4]", "!brackets", 0, 0},
    {"[a]", "!brackets", 0, 0},
    {"::1]", "!port", 0, 0},
    {"a]", "!no host name", 0, 0},
    {"a:80", "!port", 0, 0},
    {"a:", "!port", 0, 0},
    {"1.2.3.4:80", "!port", 0, 0},
    {"[::1]:80", "!port", 0, 0},
    {"[::1]:", "!port", 0, 0},
    {"[::1]x", "!byte that no host name", 0, 0},
    {"[::1]/", "!path", 0, 0},
    {"::g", "!port", 0, 0},
    {"a/", "!path", 0, 0},
    {"http://a/b", "!path", 0, 0},
    {"a\\b", "!path", 0, 0},
    {"a?b", "!query", 0, 0},
    {"a#b", "!fragment", 0, 0},
    {"u@a", "!user info", 0, 0},
    {"u:p@a", "!user info", 0, 0},
    {"a b", "!space", 0, 0},
    {" a", "!space", 0, 0},
    {"a\t", "!control", 0, 0},
    {"a\r\n", "!control", 0, 0},
    {"\x7f", "!control", 0, 0},
    {"\xc3\xa9", "!outside ASCII", 0, 0},
    {"a%41", "!percent", 0, 0},
    {"ftp://a", "!scheme", 0, 0},
    {"http://http://a", "!scheme", 0, 0},
    {"http:a", "!port", 0, 0},
    {"<a>", "!no host name", 0, 0},
};

static void check_hosts(void) {
  static char name[300];
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    const host_case *c = &hosts[i];
    hc_host host;
    hc_failure why = {0};
    hc_error error = hc_host_parse(wire_slice(0, c->text), &host, &why);
    bool holds = c->expected[0] == '!'
                     ? error == HC_ERR_INVALID_PARAMETER && why.code == error &&
                           strstr(why.text, c->expected + 1)
                     : error == HC_OK && hc_slice_equal(host.text, hc_slice_of(c->expected)) &&
                           host.kind == c->kind && host.scheme == c->scheme;
    if (!holds) fprintf(stderr, "host \"%s\": \"%s\"\n", c->text, why.text);
    CHECK_CASE(c->text, holds);
  }
  hc_host host;
  memset(name, 'a', sizeof name);
  CHECK(hc_host_parse((hc_slice){name, 255}, &host, NULL) == HC_OK);
  CHECK(hc_host_parse((hc_slice){name, 256}, &host, NULL) == HC_ERR_INVALID_PARAMETER);
  CHECK(hc_host_parse(HC_SLICE("a\0b"), &host, NULL) == HC_ERR_INVALID_PARAMETER);
  CHECK(hc_host_parse((hc_slice){NULL, 0}, &host, NULL) == HC_ERR_INVALID_PARAMETER);
}

typedef struct endpoint_case {
  const char *text, *expected; /* as of host_case */
  unsigned port;
} endpoint_case;

static const endpoint_case endpoints[] = {
    {"a", "a", 0},
    {"a:80", "a", 80},
    {"a:", "a", 0},
    {"a:0080", "a", 80},
    {"a:65535", "a", 65535},
    {"1.2.3.4:1", "1.2.3.4", 1},
    {"::1", "::1", 0},
    {"[::1]", "::1", 0},
    {"[::1]:80", "::1", 80},
    {"[::1]:", "::1", 0},
    {"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
    {"http://a:80", "a", 80},
    {"https://[::1]:80", "::1", 80},
    {":80", "", 80},
    {"", "!empty", 0},
    {":", "!empty", 0},
    {"http://", "!empty", 0},
    {"a:0", "!port is 0", 0},
    {"a:65536", "!over 65535", 0},
    {"a:8a", "!no number", 0},
    {"a:80:80", "!no number", 0},
    {"a:-1", "!no number", 0},
    {"u@a:80", "!user info", 0},
    {"a/b:80", "!path", 0},
    {"a b:80", "!space", 0},
    {"ftp://a", "!no number", 0},
    {"[::1", "!without", 0},
    {"[::1]80", "!byte that no host name", 0},
    {"[a]:80", "!brackets", 0},
};

static void check_endpoints(void) {
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    const endpoint_case *c = &endpoints[i];
    hc_host host;
    unsigned port = 7;
    hc_failure why = {0};
    hc_error error = hc_endpoint_parse(wire_slice(0, c->text), &host, &port, &why);
    bool holds = c->expected[0] == '!'
                     ? error == HC_ERR_INVALID_PARAMETER && strstr(why.text, c->expected + 1)
                     : error == HC_OK && hc_slice_equal(host.text, hc_slice_of(c->expected)) &&
                           port == c->port;
    if (!holds) fprintf(stderr, "endpoint \"%s\": \"%s\"\n", c->text, why.text);
    CHECK_CASE(c->text, holds);
  }
}

static bool writes(const char *host, unsigned port, unsigned default_port, const char *expected) {
  hc_buffer out = {0};
  bool holds =
      hc_authority_write(wire_slice(0, host), port, default_port, &out) == HC_OK &&
      hc_slice_equal((hc_slice){hc_buffer_head(&out), hc_buffer_size(&out)}, hc_slice_of(expected));
  hc_buffer_free(&out);
  return holds;
}

static bool accepts(const char *text, unsigned expected) {
  unsigned port = 7;
  return hc_authority_check(wire_slice(0, text), &port, NULL) == HC_OK && port == expected;
}

static bool refuses(const char *text, const char *part) {
  unsigned port;
  hc_failure why = {0};
  return hc_authority_check(wire_slice(0, text), &port, &why) == HC_ERR_INVALID_PARAMETER &&
         strstr(why.text, part);
}

static void check_authorities(void) {
  CHECK(writes("h", 80, 80, "h"));
  CHECK(writes("h", 81, 80, "h:81"));
  CHECK(writes("h", 80, 0, "h:80"));
  CHECK(writes("::1", 443, 443, "[::1]"));
  CHECK(writes("::1", 80, 443, "[::1]:80"));
  CHECK(writes("fe80::1%eth0", 65535, 80, "[fe80::1]:65535"));
  CHECK(accepts("h", 0));
  CHECK(accepts("h:", 0));
  CHECK(accepts("h:80", 80));
  CHECK(accepts("h:0080", 80));
  CHECK(accepts("h:65535", 65535));
  CHECK(accepts("[::1]", 0));
  CHECK(accepts("[::1]:80", 80));
  CHECK(accepts("[1:2:3:4:5:6:7:8]", 0));
  CHECK(refuses("[::1g]", "IPv6"));
  CHECK(accepts("1.2.3.4:1", 1));
  CHECK(accepts("a%20b", 0));
  CHECK(refuses("", "empty"));
  CHECK(refuses(":80", "empty"));
  CHECK(refuses("h:0", "port is 0"));
  CHECK(refuses("h:65536", "over 65535"));
  CHECK(refuses("h:99999999999999999999", "over 65535"));
  CHECK(refuses("h:8a", "no number"));
  CHECK(refuses("h:80:80", "no number"));
  CHECK(refuses("h:-1", "no number"));
  CHECK(refuses("u@h", "user info"));
  CHECK(refuses("u:p@h:80", "user info"));
  CHECK(refuses("@h", "user info"));
  CHECK(refuses("::1", "empty"));
  CHECK(refuses("[::1", "without"));
  CHECK(refuses("[::1]80", "behind"));
  CHECK(refuses("[::1]]", "behind"));
  CHECK(refuses("[]", "brackets"));
  CHECK(refuses("[fe80::1%25eth0]", "zone"));
  CHECK(refuses("h/", "path"));
  CHECK(refuses("a b", "space"));
  CHECK(refuses("a%2", "percent"));
  CHECK(refuses("\xff", "outside ASCII"));
}

#ifdef HC_TEST_HOOKS
static void check_memory_failures(void) {
  hc_buffer out = {0};
  hc_memory_fail_after(0, 1);
  CHECK(hc_uri_encode(HC_SLICE("a"), &out) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_uri_decode(HC_SLICE("a"), &out) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_authority_write(HC_SLICE("::1"), 1, 0, &out) == HC_ERR_OUT_OF_MEMORY &&
        hc_buffer_size(&out) == 0);
  hc_memory_fail_after(-1, 0);
  hc_buffer_free(&out);
}
#endif

int main(void) {
  check_encoding();
  check_literals();
  check_hosts();
  check_authorities();
  check_endpoints();
#ifdef HC_TEST_HOOKS
  check_memory_failures();
#endif
  return check_report();
}
