/* test_tls_verify.c - is it the right server? Chain, names (RFC 9525), times, pins; and that a
 * refusal says why. Revocation is test_tls_revocation.c's. */
#include <unistd.h>

#include "verify_world.h"

/* --- names */

typedef struct name_case {
  const char *names; /* of the certificate */
  const char *host;
  const char *override;
  const char *sent; /* the server name that goes out */
  const char *expected;
} name_case;

#define MISMATCH "hostname mismatch: certificate is for "

// clang-format off: a case a line
static const name_case name_cases[] = {
    {"DNS:a.example", "a.example", NULL, "a.example", NULL},
    {"DNS:a.example", "A.Example", NULL, "A.Example", NULL},
    {"DNS:a.example", "a.example.", NULL, "a.example", NULL},
    {"DNS:a.example,DNS:b.example", "b.example", NULL, "b.example", NULL},
    {"DNS:a.example", "b.example", NULL, "b.example", MISMATCH "a.example, not b.example"},
    {"DNS:a.example,DNS:b.example", "c.example", NULL, "c.example", MISMATCH "a.example, b.example, not c.example"},
    {"DNS:a.example", "a.example.org", NULL, "a.example.org", MISMATCH},
    {"DNS:a.example", "xa.example", NULL, "xa.example", MISMATCH},
    {"DNS:*.w.example", "a.w.example", NULL, "a.w.example", NULL},
    {"DNS:*.w.example", "w.example", NULL, "w.example", MISMATCH},
    {"DNS:*.w.example", "a.b.w.example", NULL, "a.b.w.example", MISMATCH},
    {"DNS:f*.w.example", "foo.w.example", NULL, "foo.w.example", MISMATCH},
    {"DNS:*o.w.example", "foo.w.example", NULL, "foo.w.example", MISMATCH},
    {"DNS:*.w.example", "a_b.w.example", NULL, "a_b.w.example", NULL},
    {"DNS:x.example,DNS:*.W.EXAMPLE", "_a.w.example", NULL, "_a.w.example", NULL},
    {"DNS:*.w_x.example", "a.w_x.example", NULL, "a.w_x.example", NULL},
    {"DNS:*.w_x.example", "a.w_y.example", NULL, "a.w_y.example", MISMATCH},
    {"DNS:a_b.w.example", "a_b.w.example", NULL, "a_b.w.example", NULL},
    {"DNS:*.w.example", "a_b.v.example", NULL, "a_b.v.example", MISMATCH "*.w.example, not a_b.v.example"},
    {"DNS:*.w.example", "a_b.c.w.example", NULL, "a_b.c.w.example", MISMATCH},
    {"DNS:*.example", "a_b.example", NULL, "a_b.example", MISMATCH},
    {"DNS:f*.w.example,DNS:*_b.w.example", "a_b.w.example", NULL, "a_b.w.example", MISMATCH},
    {"DNS:a-b.w.example", "a_b.w.example", NULL, "a_b.w.example", MISMATCH},
    {"email:*.w.example", "a_b.w.example", NULL, "a_b.w.example", MISMATCH},
    {"DNS:a.*.example", "a.b.example", NULL, "a.b.example", MISMATCH},
    {"DNS:*", "localhost", NULL, "localhost", MISMATCH},
    {NULL, "server", NULL, "server", MISMATCH "no host at all (its subject CN=server"},
    {"email:a@b.example", "server", NULL, "server", MISMATCH "no host at all"},
    {"IP:127.0.0.1", "127.0.0.1", NULL, "", NULL},
    {"IP:127.0.0.1", "127.0.0.2", NULL, "", MISMATCH "127.0.0.1, not 127.0.0.2"},
    {"DNS:127.0.0.1", "127.0.0.1", NULL, "", MISMATCH "127.0.0.1, not 127.0.0.1 (DNS names are for no address)"},
    {"DNS:*.0.0.1", "127.0.0.1", NULL, "", MISMATCH},
    {"IP:::1", "::1", NULL, "", NULL},
    {"IP:::1", "[::1]", NULL, "", NULL},
    {"IP:::1", "0:0:0:0:0:0:0:1", NULL, "", NULL},
    {"IP:fe80::1", "fe80::1%eth0", NULL, "", NULL},
    {"IP:2001:db8::8:0:0:1", "::2", NULL, "", MISMATCH "2001:db8::8:0:0:1, not ::2"},
    {"DNS:a.example", "b.example", "a.example", "a.example", NULL},
    {"DNS:a.example", "a.example", "b.example", "b.example", MISMATCH "a.example, not b.example"},
    {"IP:127.0.0.1", "a.example", "127.0.0.1", "", NULL},
    {"DNS:a.example", "a.example", "127.0.0.1", "", MISMATCH "a.example, not 127.0.0.1"},
};
// clang-format on

static void test_names(void) {
  hc_certificates *chain = certificates_of(all.root.certificate);
  for (size_t i = 0; i < sizeof name_cases / sizeof *name_cases; i++) {
    const name_case *c = &name_cases[i];
    char name[160];
    snprintf(name, sizeof name, "%s for %s (%s)", !c->names ? "none" : c->names, c->host,
             c->override ? c->override : "-");
    identity server = make_server(c->names, &all.root);
    server_spec spec = {.identity = &server};
    hc_tls_settings settings = {.trusted_chain = chain};
    if (c->override) settings.common_name_override = hc_slice_of(c->override);
    outcome o = try(&spec, &settings, c->host);
    expect(name, &o, c->expected);
    CHECK_CASE(name, strcmp(o.server_name, c->sent) == 0);
    if (c->expected) CHECK_CASE(name, o.state == HC_TLS_ERROR_HOSTNAME_MISMATCH);
    settings.verify = HC_TLS_VERIFY_CHAIN;
    o = try(&spec, &settings, c->host);
    expect("the chain only: any name", &o, NULL);
    identity_free(&server);
  }
  hc_certificates_release(chain);
}

static void test_refused_names(void) {
  static const char *const bad[] = {"",    ".",         ".a.example", "a b",
                                    "a/b", "https://a", "a:1",        "\xC3\xA4.example"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    wire below;
    hc_failure why = {HC_OK, ""};
    wire_open(&below);
    hc_stream_peer *peer = hc_tls_new();
    CHECK_CASE(bad[i], hc_tls_connect(peer, &below.base, hc_slice_of(bad[i]), 1, NULL, &why) ==
                           HC_ERR_INVALID_PARAMETER);
    CHECK_CASE(bad[i], has_text(why.text, "common name: ") &&
                           hc_tls_get_state(peer) == HC_TLS_DISCONNECTED);
    CHECK(below.closes == 0 && below.base.references == 1 && !hc_tls_below(peer));
    hc_stream_peer_release(peer);
    wire_free(&below);
  }
}

/* --- chains and times */

typedef struct chain_case {
  const char *name;
  identity_spec spec;
  const identity *issuer;
  bool sends_middle;
  const identity *trusted;
  const char *expected;
} chain_case;

static void test_chains(void) {
  const identity_spec good = {"server", "DNS:a.example", "serverAuth", 0, -DAY, DAY, NULL, 0};
  identity_spec expired = good, early = good, client = good, no_usage = good, weak = good,
                sha1 = good;
  expired.from = -10 * DAY, expired.to = -2 * DAY;
  early.from = 2 * DAY, early.to = 10 * DAY;
  client.usage = "clientAuth";
  no_usage.usage = NULL;
  weak.rsa_bits = 768;
  sha1.digest = EVP_sha1();
  // clang-format off: a case a line
  const chain_case cases[] = {
      {"good", good, &all.root, false, &all.root, NULL},
      {"no usage named", no_usage, &all.root, false, &all.root, NULL},
      {"expired", expired, &all.root, false, &all.root, "certificate has expired (subject CN=server, on 20"},
      {"not yet valid", early, &all.root, false, &all.root, "certificate is not yet valid (subject CN=server, from 20"},
      {"for clients", client, &all.root, false, &all.root, "unsuitable certificate purpose (subject CN=server)"},
      {"unknown authority", good, &all.other, false, &all.root,
       "unable to get local issuer certificate (unknown authority: issuer CN=Other"},
      {"with its intermediate", good, &all.middle, true, &all.root, NULL},
      {"without its intermediate", good, &all.middle, false, &all.root, "(unknown authority: issuer CN=Middle"},
      {"an intermediate as anchor", good, &all.middle, false, &all.middle, NULL},
      {"self-signed", good, NULL, false, &all.root, "self-signed certificate (unknown authority: issuer CN=server"},
      {"a weak key", weak, &all.root, false, &all.root, "EE certificate key too weak"},
      {"a weak digest", sha1, &all.root, false, &all.root, "digest algorithm too weak (subject CN=server)"},
  };
  // clang-format on
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const chain_case *c = &cases[i];
    hc_certificates *chain = certificates_of(c->trusted->certificate);
    identity server = make_identity(&c->spec, c->issuer);
    server_spec spec = {.identity = &server,
                        .intermediate = c->sends_middle ? all.middle.certificate : NULL};
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
      hc_tls_settings settings = {.trusted_chain = chain};
      spec.max_version = version;
      outcome o = try(&spec, &settings, "a.example");
      expect(c->name, &o, c->expected);
      settings.verify = HC_TLS_VERIFY_CHAIN;
      o = try(&spec, &settings, "b.example");
      expect(c->name, &o, c->expected);
      hc_tls_settings none = {.verify = HC_TLS_VERIFY_NONE};
      o = try(&spec, &none, "b.example");
      expect("nothing is verified", &o, NULL);
    }
    identity_free(&server);
    hc_certificates_release(chain);
  }
}

static void test_own_certificate_as_anchor(void) {
  const identity_spec spec = {"server", "DNS:a.example", NULL, 0, -DAY, DAY, NULL, 0};
  identity server = make_identity(&spec, NULL), issued = make_identity(&spec, &all.other);
  const identity *both[] = {&server, &issued};
  for (int i = 0; i < 2; i++) {
    server_spec spec_of_server = {.identity = both[i]};
    hc_certificates *chain = certificates_of(both[i]->certificate);
    hc_tls_settings settings = {.trusted_chain = chain};
    outcome o = try(&spec_of_server, &settings, "a.example");
    expect("a server's own certificate is an anchor", &o, NULL);
    o = try(&spec_of_server, &settings, "b.example");
    expect("its name counts all the same", &o, MISMATCH);
    hc_certificates_release(chain);
  }
  identity_free(&server);
  identity_free(&issued);
}

/* --- the system's store */

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  NEED(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void test_environment(void) {
  char directory[] = "/tmp/test_tls_XXXXXX";
  char path[64], empty[64];
  NEED(mkdtemp(directory) != NULL);
  snprintf(path, sizeof path, "%s/root.pem", directory);
  snprintf(empty, sizeof empty, "%s/empty", directory);
  char *pem = certificate_pem(all.root.certificate);
  write_text(path, pem);
  free(pem);
  identity server = make_server("DNS:a.example", &all.root);
  server_spec spec = {.identity = &server};
  SSL_CTX *context = server_context(&spec);
  const hc_tls_settings plain = {.verify = HC_TLS_VERIFY_FULL};
  hc_tls_options *options = options_of(&plain);
  /* The same options object follows the environment, and back. */
  const char *files[] = {empty, path, empty, path};
  for (int i = 0; i < 4; i++) {
    NEED(setenv("SSL_CERT_FILE", files[i], 1) == 0 && setenv("SSL_CERT_DIR", empty, 1) == 0);
    world w;
    world_open(&w, context, options, "a.example");
    hc_io io = world_shake(&w);
    CHECK(io == (files[i] == path ? HC_IO_OK : HC_IO_ERROR));
    CHECK(files[i] == path || has_text(w.failure.text, "SSL_CERT_FILE"));
    CHECK(!hc_tls_resumed(w.client));
    world_close(&w);
  }
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  outcome o = try(&spec, &plain, "a.example");
  expect("a private authority is none of the system's", &o,
         "unable to get local issuer certificate");
  hc_tls_options_release(options);
  SSL_CTX_free(context);
  identity_free(&server);
  remove(path);
  rmdir(directory);
}

/* --- pins */

static void test_pins(void) {
  identity server = make_server("DNS:a.example", &all.middle);
  char leaf[64], root[64], other[64], curl[72];
  pin_text(server.certificate, leaf);
  pin_text(all.root.certificate, root);
  pin_text(all.other.certificate, other);
  snprintf(curl, sizeof curl, "sha256//%s", leaf + 7);
  const char *refusal = "public key does not match any of the pinned keys";
  hc_certificates *chain = certificates_of(all.root.certificate);
  const struct {
    const char *name, *pins[2], *expected, *expected_unverified;
  } cases[] = {
      {"the leaf", {leaf, NULL}, NULL, NULL},
      {"the leaf, as curl writes it", {curl, NULL}, NULL, NULL},
      {"the authority", {root, NULL}, NULL, refusal},
      {"neither", {other, NULL}, refusal, refusal},
      {"one of two", {other, leaf}, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    /* The server sends an authority's certificate that has nothing to do with its own: that proves
     * nothing. */
    server_spec spec = {.identity = &server, .intermediate = all.middle.certificate};
    hc_slice pins[2];
    hc_tls_settings settings = {.trusted_chain = chain, .pinned_keys = pins};
    for (; settings.pinned_key_count < 2 && cases[i].pins[settings.pinned_key_count];
         settings.pinned_key_count++) {
      pins[settings.pinned_key_count] = hc_slice_of(cases[i].pins[settings.pinned_key_count]);
    }
    outcome o = try(&spec, &settings, "a.example");
    expect(cases[i].name, &o, cases[i].expected);
    CHECK(o.state != HC_TLS_ERROR_HOSTNAME_MISMATCH);
    settings.verify = HC_TLS_VERIFY_NONE;
    o = try(&spec, &settings, "a.example");
    expect(cases[i].name, &o, cases[i].expected_unverified);
  }
  hc_certificates_release(chain);
  identity_free(&server);
}

int main(void) {
  make_authorities();
  test_names();
  test_refused_names();
  test_chains();
  test_own_certificate_as_anchor();
  test_environment();
  test_pins();
  free_authorities();
  return check_report();
}
