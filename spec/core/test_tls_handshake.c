/* test_tls_handshake.c - how a connection comes about, and why it may not. */
#include "tls_world.h"

static identity root, server_identity;
static hc_certificates *trusted;

static void test_slow_handshakes(void) {
  for (int swapped = 0; swapped <= 1; swapped++) {
    server_spec spec = {.identity = &server_identity};
    SSL_CTX *context = server_context(&spec);
    hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
    world w;
    world_open(&w, context, options, "a.example");
    w.wire.read_limit = 1;
    w.wire.write_room = 0;
    w.wire.swaps_wants = swapped != 0;
    CHECK(hc_tls_get_state(w.client) == HC_TLS_HANDSHAKING);
    CHECK(hc_tls_version(w.client).size == 0 && hc_tls_cipher(w.client).size == 0);
    hc_failure why = {HC_OK, ""};
    hc_io io = hc_stream_peer_advance(w.client, &why);
    CHECK_CASE("what the stream below asks for is handed on",
               io == (swapped ? HC_IO_WANT_READ : HC_IO_WANT_WRITE));
    hc_interest interest;
    hc_stream_peer_interest(w.client, &interest);
    CHECK(interest.events == (swapped ? HC_EVENT_READ : HC_EVENT_WRITE) && !interest.ready);
    for (int i = 0; i < 10000 && (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE); i++) {
      w.wire.write_room = 3;
      io = hc_stream_peer_advance(w.client, &why);
      server_step(&w);
    }
    CHECK(io == HC_IO_OK && hc_tls_get_state(w.client) == HC_TLS_CONNECTED);
    world_close(&w);
    hc_tls_options_release(options);
    SSL_CTX_free(context);
  }
}

/* What a client hears from a server that is none. */
static void broken_handshake(const char *name, const char *sends, bool ended, bool reset,
                             const char *expected) {
  wire below;
  hc_failure why = {HC_OK, ""};
  wire_open(&below);
  await_shared();
  hc_stream_peer *peer = hc_tls_new();
  NEED(hc_tls_connect(peer, &below.base, HC_SLICE("a.example"), 443, NULL, &why) == HC_OK);
  BIO_write(below.to_client, sends, (int)strlen(sends));
  below.ended = ended;
  hc_io io = hc_stream_peer_advance(peer, &why);
  below.reset = reset;
  if (io != HC_IO_ERROR) io = hc_stream_peer_advance(peer, &why);
  CHECK_CASE(name, io == HC_IO_ERROR && hc_tls_get_state(peer) == HC_TLS_ERROR &&
                       has_text(why.text, expected));
  if (!has_text(why.text, expected)) fprintf(stderr, "  %s: \"%s\"\n", name, why.text);
  CHECK_CASE(name, why.code == HC_ERR_CONNECTION_ERROR && ERR_peek_error() == 0);
  hc_failure again = {HC_OK, ""};
  CHECK_CASE("the failure stays", hc_stream_peer_advance(peer, &again) == HC_IO_ERROR &&
                                      strcmp(again.text, why.text) == 0);
  hc_stream_peer_close(peer);
  CHECK(hc_tls_get_state(peer) == HC_TLS_DISCONNECTED && below.closes == 1 &&
        below.base.references == 1);
  hc_stream_peer_release(peer);
  wire_free(&below);
}

static void test_broken_handshakes(void) {
  broken_handshake("an end at once", "", true, false,
                   "TLS handshake: the server closed the connection");
  broken_handshake("a reset", "", false, true, "TLS handshake: connection reset by peer");
  broken_handshake("a plain HTTP server", "HTTP/1.1 400 Bad Request\r\n\r\n", true, false,
                   "no TLS record");
  broken_handshake("an end inside a record", "\x16\x03\x03", true, false,
                   "TLS handshake: the server closed");
  broken_handshake("an SMTP server", "220 mail.example ESMTP\r\n", false, false, "no TLS record");
}

static void expect_shake(const char *name, server_spec *spec, const hc_tls_settings *settings,
                         const char *expected) {
  world w;
  SSL_CTX *context = server_context(spec);
  hc_tls_options *options = options_of(settings);
  world_open(&w, context, options, "a.example");
  hc_io io = world_shake(&w);
  if (io == HC_IO_OK) { /* TLS 1.3: the server judges the client after the client is done */
    server_step(&w);
    hc_failure why = {HC_OK, ""};
    char byte;
    size_t got;
    io = hc_stream_peer_recv(w.client, &byte, 1, &got, &why);
    w.failure = why;
  }
  bool right =
      !expected ? io == HC_IO_WANT_READ : io == HC_IO_ERROR && has_text(w.failure.text, expected);
  CHECK_CASE(name, right);
  if (!right) fprintf(stderr, "  %s: io %d, \"%s\"\n", name, (int)io, w.failure.text);
  CHECK(ERR_peek_error() == 0);
  world_close(&w);
  hc_tls_options_release(options);
  SSL_CTX_free(context);
}

static void test_versions(void) {
  server_spec any = {.identity = &server_identity},
              old = {.identity = &server_identity, .old_versions_only = true};
  server_spec tls12 = {.identity = &server_identity, .max_version = TLS1_2_VERSION};
  hc_tls_settings s = {.trusted_chain = trusted};
  expect_shake("any", &any, &s, NULL);
  expect_shake("1.2", &tls12, &s, NULL);
  expect_shake("1.0 is not offered", &old, &s, "protocol version");
  expect_shake("1.0 is not offered", &old, &s, "(offered: TLS 1.2 to 1.3)");
  s.min_version = 10;
  expect_shake("1.0 by wish", &old, &s, NULL);
  s.min_version = 13;
  expect_shake("1.3 only", &tls12, &s, "(offered: TLS 1.3)");
  s.min_version = 0, s.max_version = 12;
  expect_shake("1.2 only", &any, &s, NULL);
}

/* The security level goes down for the protocol alone: a weak certificate stays one. */
static void test_old_versions_trust_no_weak_keys(void) {
  const identity_spec weak = {"server", "DNS:a.example", NULL, 0, -DAY, DAY, NULL, 768};
  identity weak_identity = make_identity(&weak, &root);
  server_spec spec = {.identity = &weak_identity};
  hc_tls_settings s = {.trusted_chain = trusted, .min_version = 10};
  expect_shake("a weak key", &spec, &s, "key too weak");
  identity_free(&weak_identity);
}

static void test_client_certificates(void) {
  const identity_spec spec = {"client", NULL, "clientAuth", 0, -DAY, DAY, NULL, 0};
  identity own = make_identity(&spec, &root);
  hc_certificates *certificate = certificates_of(own.certificate);
  hc_key *key = key_of(own.key);
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    server_spec server = {
        .identity = &server_identity, .client_authority = root.certificate, .max_version = version};
    hc_tls_settings s = {.trusted_chain = trusted};
    expect_shake("none", &server, &s, "(it asked for a client certificate, and none was given)");
    s.certificate = certificate, s.private_key = key;
    expect_shake("shown", &server, &s, NULL);
  }
  hc_certificates_release(certificate);
  hc_key_release(key);
  identity_free(&own);
}

static void test_alpn(void) {
  const hc_slice names[] = {HC_SLICE("h2"), HC_SLICE("http/1.1")};
  hc_tls_settings s = {.trusted_chain = trusted, .alpn = names, .alpn_count = 2};
  server_spec none = {.identity = &server_identity};
  server_spec good = {
      .identity = &server_identity, .alpn = (const unsigned char *)"http/1.1", .alpn_size = 8};
  server_spec bad = {
      .identity = &server_identity, .alpn = (const unsigned char *)"http/1.0", .alpn_size = 8};
  expect_shake("none chosen", &none, &s, NULL);
  /* newer OpenSSL sees it before us */
  expect_shake("one that was not offered", &bad, &s, "TLS handshake: ");
  world w;
  SSL_CTX *context = server_context(&good);
  hc_tls_options *options = options_of(&s);
  world_open(&w, context, options, "a.example");
  CHECK(world_shake(&w) == HC_IO_OK && hc_slice_equal(hc_tls_alpn(w.client), HC_SLICE("http/1.1")));
  world_close(&w);
  hc_tls_options_release(options);
  SSL_CTX_free(context);
}

static void test_ciphers(void) {
  server_spec tls12 = {.identity = &server_identity, .max_version = TLS1_2_VERSION},
              any = {.identity = &server_identity};
  hc_tls_settings s = {
      .trusted_chain = trusted,
      .ciphers = HC_SLICE(" ECDHE-ECDSA-AES128-GCM-SHA256, ;TLS_CHACHA20_POLY1305_SHA256:")};
  server_spec *servers[] = {&tls12, &any};
  const char *expected[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_CHACHA20_POLY1305_SHA256"};
  for (int i = 0; i < 2; i++) {
    world w;
    SSL_CTX *context = server_context(servers[i]);
    hc_tls_options *options = options_of(&s);
    world_open(&w, context, options, "a.example");
    CHECK(world_shake(&w) == HC_IO_OK &&
          hc_slice_equal(hc_tls_cipher(w.client), hc_slice_of(expected[i])));
    world_close(&w);
    hc_tls_options_release(options);
    SSL_CTX_free(context);
  }
}

/* RFC 8446 section 4.6.2: a server may ask later only where the client has said so. */
static void test_post_handshake_auth(void) {
  for (int wished = 0; wished <= 1; wished++) {
    server_spec spec = {.identity = &server_identity};
    const hc_tls_settings s = {.trusted_chain = trusted, .post_handshake_auth = wished != 0};
    SSL_CTX *context = server_context(&spec);
    hc_tls_options *options = options_of(&s);
    world w;
    world_open(&w, context, options, "a.example");
    CHECK(world_shake(&w) == HC_IO_OK);
    server_step(&w);
    SSL_set_verify(w.server, SSL_VERIFY_PEER, NULL);
    CHECK((SSL_verify_client_post_handshake(w.server) == 1) == (wished != 0));
    ERR_clear_error();
    world_close(&w);
    hc_tls_options_release(options);
    SSL_CTX_free(context);
  }
}

/* The certificate is shown as soon as the client reads on. */
static void test_certificate_after_handshake(void) {
  identity_spec client_spec = {"client", NULL, "clientAuth", 0, -DAY, 30 * DAY, NULL, 0};
  identity own = make_identity(&client_spec, &root);
  hc_certificates *certificate = certificates_of(own.certificate);
  hc_key *key = key_of(own.key);
  server_spec spec = {.identity = &server_identity};
  const hc_tls_settings s = {.trusted_chain = trusted,
                             .certificate = certificate,
                             .private_key = key,
                             .post_handshake_auth = true};
  SSL_CTX *context = server_context(&spec);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.certificate);
  hc_tls_options *options = options_of(&s);
  world w;
  world_open(&w, context, options, "a.example");
  CHECK(world_shake(&w) == HC_IO_OK);
  server_step(&w);
  CHECK(!SSL_get0_peer_certificate(w.server));
  SSL_set_verify(w.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  CHECK(SSL_verify_client_post_handshake(w.server) == 1);
  server_step(&w);
  char byte;
  size_t got;
  CHECK(hc_stream_peer_recv(w.client, &byte, 1, &got, &w.failure) == HC_IO_WANT_READ);
  CHECK(SSL_read(w.server, &byte, 1) == -1);
  const X509 *shown = SSL_get0_peer_certificate(w.server);
  CHECK(shown && X509_cmp(shown, own.certificate) == 0);
  ERR_clear_error();
  world_close(&w);
  hc_tls_options_release(options);
  SSL_CTX_free(context);
  hc_certificates_release(certificate);
  hc_key_release(key);
  identity_free(&own);
}

static void test_legacy_renegotiation(void) {
  for (int wished = 0; wished <= 1; wished++) {
    const hc_tls_settings s = {.trusted_chain = trusted, .legacy_renegotiation = wished != 0};
    hc_tls_options *options = options_of(&s);
    CHECK(((SSL_CTX_get_options(options->context->handle) & SSL_OP_LEGACY_SERVER_CONNECT) != 0) ==
          (wished != 0));
    hc_tls_options_release(options);
  }
}

/* Ends the stream below behind `size` bytes of a record of five. True: the end may be tolerated. */
static bool is_tolerated(SSL_CTX *context, hc_tls_options *options, size_t size, size_t *whole) {
  world w;
  char held[256], byte;
  size_t got;
  hc_failure why = {HC_OK, ""};
  world_open(&w, context, options, "a.example");
  NEED(world_shake(&w) == HC_IO_OK);
  server_step(&w);
  while (hc_stream_peer_recv(w.client, &byte, 1, &got, &why) == HC_IO_OK) continue;
  NEED(SSL_write(w.server, "hello", 5) == 5);
  *whole = (size_t)BIO_read(w.wire.to_client, held, sizeof held);
  if (size > *whole) size = *whole;
  if (size > 0) BIO_write(w.wire.to_client, held, (int)size);
  w.wire.ended = true;
  hc_io io;
  do io = hc_stream_peer_recv(w.client, &byte, 1, &got, &why);
  while (io == HC_IO_OK);
  CHECK(io == HC_IO_ERROR && has_text(why.text, "close_notify"));
  bool is_tolerable = hc_stream_peer_is_tolerable_end(w.client);
  world_close(&w);
  return is_tolerable;
}

/* An end between two records may be a server's habit, one inside a record is a loss. */
static void test_missing_close_notify(void) {
  for (int i = 0; i < 4; i++) {
    server_spec spec = {.identity = &server_identity,
                        .max_version = i % 2 == 0 ? TLS1_2_VERSION : 0};
    const hc_tls_settings s = {.trusted_chain = trusted, .tolerate_missing_close_notify = i < 2};
    SSL_CTX *context = server_context(&spec);
    hc_tls_options *options = options_of(&s);
    size_t whole = 1;
    for (size_t size = 0; size <= whole; size++) {
      bool is_tolerable = is_tolerated(context, options, size, &whole);
      CHECK(is_tolerable == (i < 2 && (size == 0 || size == whole)));
    }
    hc_tls_options_release(options);
    SSL_CTX_free(context);
  }
}

int main(void) {
  root = make_authority("Root", NULL);
  server_identity = make_server("DNS:a.example", &root);
  trusted = certificates_of(root.certificate);
  test_slow_handshakes();
  test_broken_handshakes();
  test_versions();
  test_old_versions_trust_no_weak_keys();
  test_post_handshake_auth();
  test_certificate_after_handshake();
  test_legacy_renegotiation();
  test_missing_close_notify();
  test_client_certificates();
  test_alpn();
  test_ciphers();
  hc_certificates_release(trusted);
  identity_free(&root);
  identity_free(&server_identity);
  return check_report();
}
