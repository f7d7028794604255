/* test_tls_session.c - resumption (RFC 8446 section 2.2): what is offered again, to whom, and that
 * it proves no less. */
#include <time.h>

#include "../../core/stream/tls/tls_internal.h"
#include "tls_world.h"

static identity root, server_identity;
static hc_certificates *trusted;

/* One connection to `host`:`port` of one options object; was it resumed? */
static bool resumes(SSL_CTX *context, hc_tls_options *options, const char *host, unsigned port,
                    bool read_tickets) {
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
    CHECK_CASE("the chain is verified again, pins and all",
               resumes(context, options, "a.example", 1, true));
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

/* What has led to a failure is not offered again; the sessions with other hosts have nothing to do
 * with it. */
static void test_failed_handshake(void) {
  server_spec spec = {.identity = &server_identity, .max_version = TLS1_2_VERSION},
              old = {.identity = &server_identity, .old_versions_only = true};
  SSL_CTX *context = server_context(&spec), *broken = server_context(&old);
  hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  for (unsigned port = 1; port <= 3; port++)
    CHECK(!resumes(context, options, "a.example", port, true));
  world w;
  world_open_at(&w, broken, options, "a.example", 2);
  CHECK(world_shake(&w) == HC_IO_ERROR);
  world_close(&w);
  CHECK_CASE("the sessions of others are kept", resumes(context, options, "a.example", 1, true));
  CHECK_CASE("the one that failed is gone", !resumes(context, options, "a.example", 2, true));
  CHECK_CASE("the sessions of others are kept", resumes(context, options, "a.example", 3, true));
  hc_tls_options_release(options);
  SSL_CTX_free(context);
  SSL_CTX_free(broken);
}

static void test_many_hosts(void) {
  server_spec spec = {.identity = &server_identity};
  SSL_CTX *context = server_context(&spec);
  hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  for (unsigned port = 1; port <= 70; port++)
    CHECK(!resumes(context, options, "a.example", port, true));
  CHECK_CASE("the newest are kept", resumes(context, options, "a.example", 70, true));
  CHECK_CASE("the oldest are gone", !resumes(context, options, "a.example", 1, true));
  hc_tls_options_release(options);
  SSL_CTX_free(context);
}

/* The chain is not verified anew while its outcome stands; when it does not, the session is of no
 * use, or is judged again. */
static void test_outcome_of_verification(void) {
  enum { WHOLE, EXPIRED, NOT_YET, OTHER_STORE, UNKNOWN };
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    for (int change = WHOLE; change <= UNKNOWN; change++) {
      server_spec spec = {.identity = &server_identity, .max_version = version};
      SSL_CTX *context = server_context(&spec);
      hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
      CHECK(!resumes(context, options, "a.example", 1, true));
      int64_t now = (int64_t)time(NULL);
      for (hc_tls_session *entry = options->sessions; entry; entry = entry->next) {
        hc_tls_verified *v = &entry->verified;
        CHECK_CASE("the days of the server's and the root's certificate",
                   v->store == 1 && v->from <= now - DAY && v->from > now - 2 * DAY &&
                       v->until <= now + 10 * DAY && v->until > now + 9 * DAY);
        if (change == EXPIRED) v->until = now;
        if (change == NOT_YET) v->from = now + DAY;
        if (change == OTHER_STORE) v->store++;
        if (change == UNKNOWN) *v = (hc_tls_verified){0};
        CHECK(hc_tls_verified_stands(options, v) == (change == WHOLE));
      }
      /* The server's own certificate is good: what does not stand is looked at again, and stands
       * from then on. */
      CHECK(resumes(context, options, "a.example", 1, true));
      CHECK(options->sessions && hc_tls_verified_stands(options, &options->sessions->verified) ==
                                     (change == WHOLE || version == TLS1_3_VERSION));
      hc_tls_options_release(options);
      SSL_CTX_free(context);
    }
  }
}

/* A store that no longer trusts the authority ends what was verified against the one before. */
static void test_session_of_other_store(void) {
  identity other = make_authority("Other", NULL);
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    server_spec spec = {.identity = &server_identity, .max_version = version};
    SSL_CTX *context = server_context(&spec);
    hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
    CHECK(!resumes(context, options, "a.example", 1, true));
    X509_STORE *store = X509_STORE_new();
    NEED(store && X509_STORE_add_cert(store, other.certificate) == 1);
    SSL_CTX_set_cert_store(options->context->handle, store);
    options->store_number++;
    world w;
    world_open_at(&w, context, options, "a.example", 1);
    CHECK(world_shake(&w) == HC_IO_ERROR);
    CHECK(has_text(w.failure.text, "unknown authority"));
    CHECK_CASE("and no other session is left", !options->sessions);
    world_close(&w);
    hc_tls_options_release(options);
    SSL_CTX_free(context);
  }
  identity_free(&other);
}

/* A server that never takes a session back is not offered one for a while, and then again. */
static void test_pause(void) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    server_spec spec = {.identity = &server_identity, .max_version = version};
    hc_tls_options *options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
    for (unsigned i = 0; i < HC_TLS_DECLINES_MAX + 3; i++) {
      SSL_CTX *forgetful = server_context(&spec);
      CHECK(!resumes(forgetful, options, "a.example", 1, true));
      CHECK(options->sessions->declined.count ==
            (i < HC_TLS_DECLINES_MAX ? i : HC_TLS_DECLINES_MAX));
      SSL_CTX_free(forgetful);
    }
    SSL_CTX *context = server_context(&spec);
    CHECK(!resumes(context, options, "a.example", 1, true));
    CHECK_CASE("the pause", !resumes(context, options, "a.example", 1, true));
    CHECK_CASE("of one host", !resumes(context, options, "a.example", 2, true));
    CHECK_CASE("of one host", resumes(context, options, "a.example", 2, true));
    for (hc_tls_session *s = options->sessions; s; s = s->next)
      s->declined.at -= HC_TLS_DECLINED_SECONDS;
    CHECK_CASE("its end", resumes(context, options, "a.example", 1, true));
    CHECK_CASE("forgotten", version < TLS1_3_VERSION || options->sessions->declined.count == 0);
    CHECK(resumes(context, options, "a.example", 1, true));
    hc_tls_options_release(options);
    SSL_CTX_free(context);
  }
}

/* Two clocks meet there, of which one may be a tick ahead. */
static void test_age(void) {
  static const unsigned char id[] = {1, 2, 3, 4};
  static const struct {
    int ahead;
    bool is_fresh;
  } cases[] = {{-3600, true}, {0, true}, {1, true}, {60, false}, {-7300, false}};
  SSL_SESSION *session = SSL_SESSION_new();
  CHECK(session && SSL_SESSION_set1_id(session, id, sizeof id) == 1);
  SSL_SESSION_set_timeout(session, 7200);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    SSL_SESSION_set_time(session, (long)time(NULL) + cases[i].ahead);
    CHECK(hc_tls_ticket_is_fresh((const hc_tls_ticket *)session) == cases[i].is_fresh);
  }
  SSL_SESSION_free(session);
}

int main(void) {
  identity_spec ten_days = {"Root", NULL, NULL, 1, -2 * DAY, 10 * DAY, NULL, 0};
  root = make_identity(&ten_days, NULL);
  server_identity = make_server("DNS:a.example,IP:10.0.0.1", &root);
  trusted = certificates_of(root.certificate);
  test_resumption();
  test_forgotten_session();
  test_failed_handshake();
  test_many_hosts();
  test_outcome_of_verification();
  test_session_of_other_store();
  test_pause();
  test_age();
  hc_certificates_release(trusted);
  identity_free(&root);
  identity_free(&server_identity);
  return check_report();
}
