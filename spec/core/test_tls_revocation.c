/* test_tls_revocation.c - is the server's certificate still good? Revocation lists, stapled OCSP
 * responses; and that a refusal says why. */
#include "verify_world.h"

/* --- revocation lists */

static void test_crls(void) {
  char path[] = "/tmp/test_crl_XXXXXX";
  int file = mkstemp(path);
  NEED(file >= 0);
  identity direct = make_server("DNS:a.example", &all.root),
           deep = make_server("DNS:a.example", &all.middle);
  X509 *middle = all.middle.certificate;
  const struct {
    const char *name;
    const identity *server, *first;
    X509 *first_revokes;
    long first_to;
    const identity *second;
    X509 *second_revokes;
    const char *expected;
    // clang-format off: a case a line
  } cases[] = {
      {"not revoked", &direct, &all.root, NULL, DAY, NULL, NULL, NULL},
      {"revoked", &direct, &all.root, direct.certificate, DAY, NULL, NULL, "certificate revoked (subject CN=server)"},
      {"another one is revoked", &direct, &all.root, deep.certificate, DAY, NULL, NULL, NULL},
      {"out of date", &direct, &all.root, NULL, -3600, NULL, NULL, "CRL has expired"},
      {"no list of the issuer", &direct, &all.other, NULL, DAY, NULL, NULL, "unable to get certificate CRL"},
      {"a list of the intermediate only", &deep, &all.middle, NULL, DAY, NULL, NULL, NULL},
      {"a list of the root only", &deep, &all.root, NULL, DAY, NULL, NULL, "unable to get certificate CRL"},
      {"revoked by the intermediate", &deep, &all.middle, deep.certificate, DAY, NULL, NULL, "certificate revoked"},
      {"the intermediate is revoked", &deep, &all.middle, NULL, DAY, &all.root, middle,
       "certificate revoked (subject CN=Middle)"},
      {"lists of both, nothing revoked", &deep, &all.middle, NULL, DAY, &all.root, NULL, NULL},
  };
  // clang-format on
  hc_certificates *chain = certificates_of(all.root.certificate);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    append_crl(path, "wb",
               make_crl(cases[i].first, cases[i].first_revokes, -2 * DAY, cases[i].first_to));
    if (cases[i].second)
      append_crl(path, "ab", make_crl(cases[i].second, cases[i].second_revokes, -2 * DAY, DAY));
    server_spec spec = {.identity = cases[i].server, .intermediate = middle};
    hc_tls_settings settings = {.trusted_chain = chain, .crl_file = hc_slice_of(path)};
    outcome o = try(&spec, &settings, "a.example");
    expect(cases[i].name, &o, cases[i].expected);
  }
  hc_certificates_release(chain);
  identity_free(&direct);
  identity_free(&deep);
  remove(path);
  NEED(close(file) == 0);
}

/* What was revoked since must be seen: no session is offered again where a list is checked. */
static void test_no_resumption_with_crls(void) {
  char path[] = "/tmp/test_crl_XXXXXX";
  int file = mkstemp(path);
  NEED(file >= 0 && close(file) == 0);
  append_crl(path, "wb", make_crl(&all.root, NULL, -DAY, DAY));
  identity server = make_server("DNS:a.example", &all.root);
  hc_certificates *chain = certificates_of(all.root.certificate);
  for (int with_list = 0; with_list <= 1; with_list++) {
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
      server_spec spec = {.identity = &server, .max_version = version};
      SSL_CTX *context = server_context(&spec);
      hc_tls_settings settings = {.trusted_chain = chain};
      if (with_list) settings.crl_file = hc_slice_of(path);
      hc_tls_options *options = options_of(&settings);
      for (int i = 0; i < 2; i++) {
        world w;
        world_open(&w, context, options, "a.example");
        CHECK(world_shake(&w) == HC_IO_OK);
        server_step(&w);
        CHECK(hc_stream_peer_peek(w.client, NULL) == HC_IO_WANT_READ);
        CHECK(hc_tls_resumed(w.client) == (i == 1 && !with_list));
        hc_stream_peer_close(w.client);
        world_close(&w);
      }
      hc_tls_options_release(options);
      SSL_CTX_free(context);
    }
  }
  hc_certificates_release(chain);
  identity_free(&server);
  remove(path);
}

/* --- stapled OCSP responses */

static void test_ocsp(void) {
  identity server = make_server("DNS:a.example", &all.middle),
           neighbour = make_server("DNS:b.example", &all.middle);
  const identity_spec responder_spec = {"responder", NULL, "OCSPSigning", 0, -DAY, DAY, NULL, 0};
  identity responder = make_identity(&responder_spec, &all.middle),
           stranger = make_identity(&responder_spec, &all.other);
  const int good = V_OCSP_CERTSTATUS_GOOD;
  X509 *leaf = server.certificate;
  const char *unsigned_text = "OCSP response: its signature can't be verified";
  // clang-format off: a case a line
  const ocsp_case cases[] = {
      {"good", &all.middle, leaf, good, -60, DAY, 0, NULL},
      {"good, by a delegated responder", &responder, leaf, good, -60, DAY, 0, NULL},
      {"good, without an end", &all.middle, leaf, good, -60, 0, 0, NULL},
      {"old, without an end", &all.middle, leaf, good, -30 * DAY, 0, 0, "OCSP response: it has expired"},
      {"our clock is a little behind", &all.middle, leaf, good, 120, DAY, 0, NULL},
      {"none", NULL, NULL, 0, 0, 0, 0, "no stapled OCSP response"},
      {"revoked", &all.middle, leaf, V_OCSP_CERTSTATUS_REVOKED, -60, DAY, 0, "OCSP response: certificate is revoked"},
      {"unknown", &all.middle, leaf, V_OCSP_CERTSTATUS_UNKNOWN, -60, DAY, 0, "does not know the certificate"},
      {"expired", &all.middle, leaf, good, -2 * DAY, -DAY, 0, "OCSP response: it has expired"},
      {"from the future", &all.middle, leaf, good, DAY, 2 * DAY, 0, "OCSP response: it is not yet valid"},
      {"about another certificate", &all.middle, neighbour.certificate, good, -60, DAY, 0, "about another certificate"},
      {"signed by a stranger", &stranger, leaf, good, -60, DAY, 0, unsigned_text},
      {"signed by the server itself", &server, leaf, good, -60, DAY, 0, unsigned_text},
      {"signed by a neighbour", &neighbour, leaf, good, -60, DAY, 0, unsigned_text},
      {"it ends before it begins", &all.middle, leaf, good, 120, -120, 0, "OCSP response: its times are malformed"},
      {"try later", &all.middle, leaf, good, -60, DAY, OCSP_RESPONSE_STATUS_TRYLATER, "answered only \"trylater\""},
  };
  // clang-format on
  hc_certificates *chain = certificates_of(all.root.certificate);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
      const EVP_MD *digest = version == TLS1_2_VERSION ? EVP_sha1() : EVP_sha256();
      unsigned char *der = NULL;
      int size = !cases[i].signer ? 0 : make_ocsp(&cases[i], all.middle.certificate, digest, &der);
      server_spec spec = {.identity = &server,
                          .intermediate = all.middle.certificate,
                          .max_version = version,
                          .ocsp = der,
                          .ocsp_size = size};
      hc_tls_settings settings = {.trusted_chain = chain, .require_ocsp_stapling = true};
      outcome o = try(&spec, &settings, "a.example");
      expect(cases[i].name, &o, cases[i].expected);
      settings.require_ocsp_stapling = false;
      o = try(&spec, &settings, "a.example");
      expect("it is not asked for", &o, NULL);
      OPENSSL_free(der);
    }
  }
  static const struct {
    const char *name;
    unsigned char bytes[8];
    int size;
  } broken[] = {{"garbage", "garbage", 7},
                {"a success without a response in it", {0x30, 3, 0x0a, 1, 0}, 5},
                {"bytes behind it", {0x30, 3, 0x0a, 1, 3, 0}, 6}};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    server_spec spec = {.identity = &server,
                        .intermediate = all.middle.certificate,
                        .ocsp = broken[i].bytes,
                        .ocsp_size = broken[i].size};
    hc_tls_settings settings = {.trusted_chain = chain, .require_ocsp_stapling = true};
    outcome o = try(&spec, &settings, "a.example");
    expect(broken[i].name, &o, "OCSP response: it is malformed");
  }
  hc_certificates_release(chain);
  identity_free(&server);
  identity_free(&neighbour);
  identity_free(&responder);
  identity_free(&stranger);
}

/* A server's own certificate as anchor: its issuer is known only where it signed itself. */
static void test_ocsp_of_an_anchor(void) {
  const identity_spec spec = {"server", "DNS:a.example", NULL, 0, -DAY, DAY, NULL, 0};
  identity own = make_identity(&spec, NULL), issued = make_identity(&spec, &all.other);
  const struct {
    const identity *server, *signer;
    const char *expected;
  } cases[] = {{&own, &own, NULL},
               {&issued, &all.other, "it can't be checked, the certificate's issuer is not known"}};
  for (size_t i = 0; i < 2; i++) {
    const ocsp_case good = {
        "good", cases[i].signer, cases[i].server->certificate, V_OCSP_CERTSTATUS_GOOD, -60, DAY, 0,
        NULL};
    unsigned char *der = NULL;
    int size = make_ocsp(&good, cases[i].signer->certificate, EVP_sha256(), &der);
    hc_certificates *chain = certificates_of(cases[i].server->certificate);
    server_spec server = {.identity = cases[i].server, .ocsp = der, .ocsp_size = size};
    hc_tls_settings settings = {.trusted_chain = chain, .require_ocsp_stapling = true};
    outcome o = try(&server, &settings, "a.example");
    expect(i == 0 ? "it signed itself" : "its issuer is unknown", &o, cases[i].expected);
    OPENSSL_free(der);
    hc_certificates_release(chain);
  }
  identity_free(&own);
  identity_free(&issued);
}

int main(void) {
  make_authorities();
  test_crls();
  test_no_resumption_with_crls();
  test_ocsp();
  test_ocsp_of_an_anchor();
  free_authorities();
  return check_report();
}
