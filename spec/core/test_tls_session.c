/* test_tls_session.c - resumption (RFC 8446 section 2.2): what is offered again, to whom, and that it proves no less. */
#include "tls_world.h"

static identity root, server_identity;
static hc_certificates *trusted;

/* One connection to `host`:`port` of one options object; was it resumed? */
static bool resumes(SSL_CTX *context, hc_tls_options *options, const char *host, unsigned port, bool read_tickets) {
  world w;
  world_open_at(&w, context, options, host, port);
  CHECK(world_shake(&w) == HC_IO_OK);
  server_step(&w);
  if (read_tickets) CHECK(hc_stream_peer_peek(w.client, NULL) == HC_IO_WANT_READ);
  bool resumed = hc_tls_resumed(w.client);
  hc_stream_peer_close(w.client);
  world_close(&w);
  return resumed;
}

static void test_resumption(void) {
  char pin[64];
  pin_text(root.certificate, pin);
  hc_slice pins[] = {hc_slice_of(pin)};
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    server_spec spec = {.identity = &server_identity, .max_version = version};
    SSL_CTX *context = server_context(&spec);
    hc_tls_settings s = {.trusted_chain = trusted, .pinned_keys = pins, .pinned_key_count = 1};
    hc_tls_options *options = options_of(&s), *others = options_of(&s);
    CHECK(!resumes(context, options, "a.example", 1, true));
    CHECK_CASE("the chain is verified again, pins and all", resumes(context, options, "a.example", 1, true));
    CHECK(resumes(context, options, "a.example", 1, true));
    CHECK_CASE("another port", !resumes(context, options, "a.example", 2, true));
    CHECK_CASE("another name", !resumes(context, options, "10.0.0.1", 1, true));
    CHECK_CASE("other options", !resumes(context, others, "a.example", 1, true));
    hc_tls_options_release(options);
    hc_tls_options_release(others);
    SSL_CTX_free(context);
  }
}

/* A server that knows nothing of the session makes a full handshake. */
static void test_forgotten_session(void) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    server_spec spec = {.identity = &server_identity, .max_version = version};
    SSL_CTX *first = server_context(&spec), *second = server_context(&spec);
    hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
    CHECK(!resumes(first, options, "a.example", 1, true));
    CHECK(!resumes(second, options, "a.example", 1, true));
    CHECK(resumes(second, options, "a.example", 1, true));
    hc_tls_options_release(options);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
  }
}

static void test_many_hosts(void) {
  server_spec spec = {.identity = &server_identity};
  SSL_CTX *context = server_context(&spec);
  hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  for (unsigned port = 1; port <= 70; port++) CHECK(!resumes(context, options, "a.example", port, true));
  CHECK_CASE("the newest are kept", resumes(context, options, "a.example", 70, true));
  CHECK_CASE("the oldest are gone", !resumes(context, options, "a.example", 1, true));
  hc_tls_options_release(options);
  SSL_CTX_free(context);
}

int main(void) {
  root = make_authority("Root", NULL);
  server_identity = make_server("DNS:a.example,IP:10.0.0.1", &root);
  trusted = certificates_of(root.certificate);
  test_resumption();
  test_forgotten_session();
  test_many_hosts();
  hc_certificates_release(trusted);
  identity_free(&root);
  identity_free(&server_identity);
  return check_report();
}
