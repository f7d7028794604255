/* oom_world.h - for the tests in which memory runs out or system calls fail: one exchange from the
 * connect to the close, with the server of oom_server.h. Whoever includes this has its table of
 * scenarios and says which trials each goes through. */
#ifndef SPEC_OOM_WORLD_H
#define SPEC_OOM_WORLD_H

#include "faults.h"

#include <signal.h>

#include "../../core/client/client_state.h"
#include "../../core/http/fields.h"
#include "oom_server.h"

#define STEPS_MAX 200000
#define ROUNDS_MAX 2000

static hc_certificates *trusted, *own_certificate;
static hc_key *own_key;
static hc_slice pin;
static char fingerprint[96]; /* of the server's certificate */
static char crl_path[] = "/tmp/test_oom_crl_XXXXXX";

/* --- one exchange */

typedef struct run {
  const scenario *play;
  server server;
  hc_client *client;
  hc_tls_options *options;
  int pieces;
  char content[64];
  size_t content_size;
  hc_error refused;        /* what a call said, where not OK */
  hc_failure why;
} run;

static inline hc_pull_result pull(void *argument, hc_slice *piece, hc_failure *why) {
  run *r = argument;
  (void)why;
  if (r->pieces == 3) return HC_PULL_END;
  *piece = r->pieces++ < 2 ? HC_SLICE("piece ") : HC_SLICE("END");
  return HC_PULL_DATA;
}

static inline bool is_under_way(hc_status status, hc_status goal) {
  if (status == goal) return false;
  return status == HC_STATUS_CONNECTING || status == HC_STATUS_REQUESTING;
}

static inline void advance_until(run *r, hc_status goal) {
  for (int i = 0; i < STEPS_MAX && is_under_way(hc_client_get_status(r->client), goal); i++) {
    bool ready = false;
    hc_error code =
        r->play->waits ? hc_client_wait(r->client, 0.0005, &ready) : hc_client_poll(r->client);
    if (code == HC_ERR_OUT_OF_MEMORY && is_under_way(hc_client_get_status(r->client), goal))
      continue;
    server_advance(&r->server);
  }
}

static inline int make_file(const char *text) {
  char path[] = "/tmp/test_oom_XXXXXX";
  fault.is_paused = true;
  int fd = mkstemp(path);
  NEED(fd >= 0 && unlink(path) == 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  fault.is_paused = false;
  return fd;
}

/* A client certificate, a revocation list, a stapled OCSP response, a pin, a protocol, and the
 * ciphers by name. */
static inline void demand_all(hc_tls_settings *s) {
  static const hc_slice protocol = {"http/1.1", 8};
  s->certificate = own_certificate;
  s->private_key = own_key;
  s->crl_file = hc_slice_of(crl_path);
  s->require_ocsp_stapling = true;
  s->pinned_keys = &pin;
  s->pinned_key_count = 1;
  s->alpn = &protocol;
  s->alpn_count = 1;
  s->ciphers = HC_SLICE("ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256");
}

/* The facts of the server's certificate, all of them or an error. */
static inline hc_error ask_certificate(run *r) {
  hc_peer_certificate facts;
  hc_error code = hc_tls_peer_certificate(r->client->place.connection->stream, &facts, &r->why);
  if (code != HC_OK) return code;
  bool is_whole = strcmp(facts.subject, "CN=server") == 0 && strcmp(facts.issuer, "CN=test") == 0 &&
                  facts.name_count == 2 && strcmp(facts.names[0], "a.example") == 0 &&
                  strcmp(facts.names[1], "::1") == 0 &&
                  hc_slice_equal(hc_slice_of(facts.public_key_pin), pin) &&
                  has_text(facts.pem, "END CERTIFICATE") &&
                  strcmp(facts.fingerprint, fingerprint) == 0 &&
                  facts.not_after > facts.not_before && facts.not_before > 0;
  hc_peer_certificate_free(&facts);
  return is_whole ? HC_OK : HC_FAILED;
}

/* A proxy that is named by a URL; one with TLS has the same certificate as the origin. */
static inline hc_error set_way(run *r) {
  char url[128];
  hc_proxy_settings settings = {.tls_options = r->options};
  (void)snprintf(url, sizeof url, "%s127.0.0.1:%u", r->play->way, port);
  return hc_client_set_proxy_url(r->client, hc_slice_of(url), &settings, &r->why);
}

static inline hc_error set_parts(run *r) {
  hc_proxy_kind kind = r->play->tunnel ? HC_PROXY_HTTPS : HC_PROXY_HTTP;
  return hc_client_set_proxy(r->client, kind, HC_SLICE("127.0.0.1"), port, HC_SLICE("user"),
                             HC_SLICE("word"), &r->why);
}

static inline hc_error connect_client(run *r) {
  const scenario *p = r->play;
  hc_error code = HC_OK;
  hc_slice host = HC_SLICE("127.0.0.1");
  if (p->tls || goes_by(p, "https")) {
    hc_tls_settings settings = {.trusted_chain = trusted,
                                .common_name_override = HC_SLICE("a.example")};
    if (p->strict) demand_all(&settings);
    code = hc_tls_options_new(&settings, &r->options, &r->why);
  }
  if (p->way || p->plain_proxy || p->tunnel)
    host = p->host ? hc_slice_of(p->host) : HC_SLICE("origin.example");
  if (code == HC_OK && p->way) code = set_way(r);
  if (code == HC_OK && (p->plain_proxy || p->tunnel)) code = set_parts(r);
  if (code != HC_OK) return code;
  return hc_client_connect(r->client, host, port, p->tls ? HC_CONNECT_TLS : HC_CONNECT_PLAIN,
                           r->options, &r->why);
}

static inline hc_error ask(run *r) {
  static const hc_slice expect = {"Expect: 100-continue", 20};
  hc_client_request_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.method = r->play->upload == UPLOAD_NONE ? HC_METHOD_GET : HC_METHOD_POST;
  spec.url = HC_SLICE("/path?query");
  spec.lines = &expect;
  spec.line_count = r->play->expects ? 1 : 0;
  if (r->play->upload == UPLOAD_TEXT) {
    spec.body.kind = HC_BODY_BYTES;
    spec.body.bytes = HC_SLICE("text END");
  } else if (r->play->upload == UPLOAD_FILE) {
    spec.body.kind = HC_BODY_FILE;
    spec.body.file = make_file("file END");
    spec.body.file_length = 8;
  } else if (r->play->upload == UPLOAD_FUNCTION) {
    spec.body.kind = HC_BODY_PULL;
    spec.body.pull = pull;
    spec.body.context = r;
  }
  return hc_client_request(r->client, &spec, &r->why);
}

static inline void read_content(run *r) {
  for (int i = 0; i < STEPS_MAX && hc_client_get_status(r->client) == HC_STATUS_BODY; i++) {
    hc_slice view;
    hc_client_body_peek(r->client, &view);
    if (view.size > sizeof r->content - r->content_size) break;
    if (view.size > 0) memcpy(r->content + r->content_size, view.data, view.size);
    r->content_size += view.size;
    hc_client_body_consume(r->client, view.size);
    server_advance(&r->server);
  }
}

static inline void read_file(run *r) {
  int fd = make_file("");
  for (int i = 0; i < STEPS_MAX && hc_client_get_status(r->client) == HC_STATUS_BODY; i++) {
    uint64_t moved = 0;
    r->refused = hc_client_body_to_file(r->client, fd, &moved, &r->why);
    if (r->refused != HC_OK) break;
    server_advance(&r->server);
  }
  fault.is_paused = true;
  NEED(lseek(fd, 0, SEEK_SET) == 0);
  ssize_t size = read(fd, r->content, sizeof r->content);
  if (size > 0) r->content_size = (size_t)size;
  (void)close(fd);
  fault.is_paused = false;
}

/* Ends early where a call is refused or the client gets into an error state. */
static inline void exchange(run *r) {
  r->refused = connect_client(r);
  if (r->refused != HC_OK) return;
  advance_until(r, HC_STATUS_CONNECTED);
  if (hc_client_get_status(r->client) != HC_STATUS_CONNECTED) return;
  if (r->play->strict) r->refused = ask_certificate(r);
  if (r->refused == HC_OK) r->refused = ask(r);
  if (r->refused != HC_OK) return;
  advance_until(r, HC_STATUS_BODY);
  if (hc_client_get_status(r->client) != HC_STATUS_BODY) return;
  if (r->play->to_file) read_file(r);
  else read_content(r);
}

static inline bool is_error(hc_status status) {
  return status == HC_STATUS_CANT_CONNECT || status == HC_STATUS_CONNECTION_ERROR ||
         status == HC_STATUS_TLS_HANDSHAKE_ERROR;
}

typedef struct outcome {
  bool is_whole, is_refused;
} outcome;

static inline outcome judge(const run *r) {
  outcome o = {false, false};
  hc_status status = hc_client_get_status(r->client);
  const hc_failure *last = hc_client_last_error(r->client);
  bool same = r->content_size == strlen(r->play->content) &&
              memcmp(r->content, r->play->content, r->content_size) == 0;
  o.is_whole =
      r->refused == HC_OK && status == r->play->status && same && hc_client_has_response(r->client);
  /* OpenSSL's own reason where it does not say that memory was out. */
  bool is_known = r->refused == HC_ERR_OUT_OF_MEMORY || crypto.is_tried || fault.fired > 0;
  if (r->refused != HC_OK) o.is_refused = is_known && r->why.text[0] != '\0';
  else o.is_refused = is_error(status) && last->code != HC_OK && last->text[0] != '\0';
  if (!o.is_whole && !o.is_refused)
    fprintf(stderr, "%s: refused %d %s, STATUS_%s, %d %s, %zu bytes\n", r->play->name,
            (int)r->refused, r->why.text, hc_status_name(status), (int)last->code, last->text,
            r->content_size);
  return o;
}

static inline outcome play(const scenario *p) {
  static run r;
  memset(&r, 0, sizeof r);
  r.play = r.server.play = p;
  r.server.fd = -1;
  r.client = hc_client_new();
  outcome o = {false, true};
  if (r.client) {
    exchange(&r);
    o = judge(&r);
    hc_client_close(r.client);
    if (hc_client_get_status(r.client) != HC_STATUS_DISCONNECTED) o = (outcome){false, false};
  }
  hc_client_delete(r.client);
  hc_tls_options_release(r.options);
  server_close(&r.server);
  return o;
}

/* --- every allocation in turn */

/* Is the hook still waiting for its allocation? Then the exchange needed fewer. */
static inline bool hook_is_waiting(long n) {
  bool waiting = false;
  for (long i = 0; i <= n && !waiting; i++) {
    void *block = hc_memory_allocate(1);
    waiting = !block;
    hc_memory_release(block);
  }
  return waiting;
}

static inline int next_descriptor(void) {
  int fd = dup(listener);
  NEED(fd >= 0);
  (void)close(fd);
  return fd;
}

static inline void try_all(const scenario *p, int sticky) {
  long before = hc_memory_live_blocks(), n = 0, refusals = 0;
  int descriptor = next_descriptor();
  bool all_end = true, nothing_stays = true, done = false;
  for (; n < ROUNDS_MAX && !done; n++) {
    hc_memory_fail_after(n, sticky);
    outcome o = play(p);
    if (sticky) {
      done = o.is_whole;
    } else {
      done = hook_is_waiting(n);
      if (done && !o.is_whole) all_end = false;
    }
    hc_memory_fail_after(-1, 0);
    all_end = all_end && (o.is_whole || o.is_refused);
    nothing_stays =
        nothing_stays && hc_memory_live_blocks() == before && next_descriptor() == descriptor;
    if (o.is_refused) refusals++;
    if (!all_end || !nothing_stays) break;
  }
  CHECK_CASE(p->name, done && refusals > 2);
  if (!all_end)
    fprintf(stderr, "%s, allocation %ld%s\n", p->name, n, sticky ? " and all behind it" : "");
  CHECK_CASE("each ends whole, or with an error", all_end);
  CHECK_CASE("nothing stays behind", nothing_stays);
}

/* OpenSSL makes thousands of allocations for a connection: the first ones in turn, and then a
 * sample. */
static inline void try_crypto(const scenario *p, bool stays) {
  long before = hc_memory_live_blocks(), refusals = 0;
  int descriptor = next_descriptor();
  bool all_end = true, nothing_stays = true, done = false;
  for (long n = 0; n < 100000 && !done && all_end && nothing_stays;
       n += 1 + n / (p->strict ? 200 : 10)) {
    crypto.left = n;
    crypto.stays = stays;
    crypto.is_tried = true;
    outcome o = play(p);
    done = crypto.left > 0;
    crypto.left = -1;
    crypto.is_tried = false;
    all_end = o.is_whole || o.is_refused;
    nothing_stays = hc_memory_live_blocks() == before && next_descriptor() == descriptor;
    if (o.is_refused) refusals++;
    if (!all_end) fprintf(stderr, "%s, OpenSSL's allocation %ld\n", p->name, n);
  }
  CHECK_CASE(p->name, done && refusals > 20);
  CHECK_CASE("each ends whole, or with an error, when OpenSSL has no memory", all_end);
  CHECK_CASE("nothing stays behind when OpenSSL has no memory", nothing_stays);
}

/* A call that a signal has broken off is made again. */
static inline void try_system(const scenario *p, int number) {
  long before = hc_memory_live_blocks(), n = 0, refusals = 0;
  int descriptor = next_descriptor();
  bool all_end = true, nothing_stays = true, done = false;
  for (; n < ROUNDS_MAX && !done && all_end && nothing_stays; n++) {
    fault_set(NULL, n, number);
    outcome o = play(p);
    done = fault.fired == 0;
    all_end = number == EINTR || done ? o.is_whole : o.is_whole || o.is_refused;
    nothing_stays = hc_memory_live_blocks() == before && next_descriptor() == descriptor;
    if (o.is_refused) refusals++;
    if (!all_end || !nothing_stays)
      fprintf(stderr, "%s, system call %ld, %s, error %d\n", p->name, n, fault.last, number);
  }
  CHECK_CASE(p->name, done && (number == EINTR ? refusals == 0 : refusals > 2));
  CHECK_CASE("each ends as it must when a system call fails", all_end);
  CHECK_CASE("nothing stays behind when a system call fails", nothing_stays);
}

static inline void fingerprint_text(const X509 *certificate) {
  unsigned char digest[32];
  NEED(X509_digest(certificate, EVP_sha256(), digest, NULL) == 1);
  for (size_t i = 0; i < sizeof digest; i++)
    snprintf(fingerprint + 3 * i, 4, i < 31 ? "%02x:" : "%02x", digest[i]);
}

static inline SSL_CTX *make_strict_context(identity *authority, identity *server_identity) {
  static unsigned char *staple_der;
  static server_spec spec;
  const ocsp_case good = {
      "good", authority, server_identity->certificate, V_OCSP_CERTSTATUS_GOOD, -60, DAY, 0, NULL};
  spec = (server_spec){.identity = server_identity,
                       .client_authority = authority->certificate,
                       .alpn = (const unsigned char *)"http/1.1",
                       .alpn_size = 8};
  spec.ocsp_size = make_ocsp(&good, authority->certificate, EVP_sha256(), &staple_der);
  spec.ocsp = staple_der;
  int file = mkstemp(crl_path);
  NEED(file >= 0 && close(file) == 0);
  append_crl(crl_path, "wb", make_crl(authority, NULL, -DAY, DAY));
  return server_context(&spec);
}

static identity authority, server_identity, client_identity;

static inline void set_up(void) {
  NEED(crypto_memory_take());
  static char pin_space[64];
  const identity_spec client_spec = {"client", NULL, "clientAuth", 0, -DAY, DAY, NULL, 0};
  authority = make_authority("test", NULL);
  server_identity = make_server("DNS:a.example,IP:::1", &authority);
  client_identity = make_identity(&client_spec, &authority);
  server_spec spec = {.identity = &server_identity};
  context = server_context(&spec);
  strict_context = make_strict_context(&authority, &server_identity);
  trusted = certificates_of(authority.certificate);
  own_certificate = certificates_of(client_identity.certificate);
  own_key = key_of(client_identity.key);
  pin_text(server_identity.certificate, pin_space);
  pin = hc_slice_of(pin_space);
  fingerprint_text(server_identity.certificate);
  (void)signal(SIGPIPE, SIG_IGN); /* for the server, whose OpenSSL writes without care */
  listener = loopback_listen("127.0.0.1", 16, &port);
  NEED(listener >= 0 && fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
}

static inline void take_down(void) {
  (void)close(listener);
  (void)remove(crl_path);
  hc_certificates_release(trusted);
  hc_certificates_release(own_certificate);
  hc_key_release(own_key);
  SSL_CTX_free(context);
  SSL_CTX_free(strict_context);
  identity_free(&server_identity);
  identity_free(&client_identity);
  identity_free(&authority);
}

#endif
