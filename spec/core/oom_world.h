/* oom_world.h - for the tests in which memory runs out or system calls fail: one exchange from the
 * connect to the close, with a server in the same thread that plays the origin and, where the
 * scenario goes by one, the proxy before it. Whoever includes this has its table of scenarios and
 * says which trials each goes through. */
#ifndef SPEC_OOM_WORLD_H
#define SPEC_OOM_WORLD_H

#include "faults.h"

#include <netinet/tcp.h>
#include <signal.h>

#include "../../core/client/client_state.h"
#include "../../core/http/fields.h"
#include "crypto_memory.h"
#include "loopback.h"
#include "tls_world.h"

#define STEPS_MAX 200000
#define ROUNDS_MAX 2000

typedef enum upload { UPLOAD_NONE, UPLOAD_TEXT, UPLOAD_FILE, UPLOAD_FUNCTION } upload;

typedef struct scenario {
  const char *name;
  bool tls, strict, tunnel, plain_proxy, to_file, waits, expects;
  const char *way;    /* scheme and credentials of a proxy's URL: "socks5h://user:word@" */
  bool is_challenged; /* the tunnel's first answer is a challenge by Digest */
  const char *host;   /* the origin behind a proxy; NULL: origin.example */
  upload upload;
  const char *request_end;   /* what the server reads until */
  const char *answer;
  const char *content;
  hc_status status;          /* behind the answer */
} scenario;

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define FIELDS "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\nI: 9\r\n folded\r\n"
#define BLANK "\r\n\r\n"
#define CHUNKS "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\nU: 2\r\n\r\n"

/* --- the server: one connection, in this thread, never blocking */

typedef struct server {
  const scenario *play;
  int fd;
  SSL *outer; /* with a proxy that is reached by TLS */
  SSL *ssl;
  bool tunnel_is_open, has_challenged, has_answered;
  char in[8192];
  size_t size;
} server;

static int listener;
static unsigned port;
static SSL_CTX *context, *strict_context;
static hc_certificates *trusted, *own_certificate;
static hc_key *own_key;
static hc_slice pin;
static char fingerprint[96]; /* of the server's certificate */
static char crl_path[] = "/tmp/test_oom_crl_XXXXXX";

static inline SSL *server_top(const server *s) { return s->ssl ? s->ssl : s->outer; }

static inline void server_read(server *s) {
  size_t room = sizeof s->in - s->size, got = 0;
  SSL *top = server_top(s);
  if (top) {
    if (SSL_read_ex(top, s->in + s->size, room, &got) != 1) got = 0;
    ERR_clear_error();
  } else {
    ssize_t size = recv(s->fd, s->in + s->size, room, MSG_DONTWAIT);
    if (size > 0) got = (size_t)size;
  }
  s->size += got;
}

static inline bool server_has(const server *s, const char *end) {
  size_t size = strlen(end);
  return s->size >= size && memcmp(s->in + s->size - size, end, size) == 0;
}

/* Over the socket, or inside the proxy's. */
static inline SSL *server_new_tls(server *s) {
  SSL *ssl = SSL_new(s->play->strict ? strict_context : context);
  NEED(ssl);
  if (s->outer) {
    BIO *below = BIO_new(BIO_f_ssl());
    NEED(below);
    (void)BIO_set_ssl(below, s->outer, BIO_NOCLOSE);
    SSL_set_bio(ssl, below, below);
  } else {
    NEED(SSL_set_fd(ssl, s->fd) == 1);
  }
  SSL_set_accept_state(ssl);
  return ssl;
}

/* A client that is gone takes no answer; that is its affair. */
static inline void server_write(server *s, const char *text, size_t size) {
  size_t written;
  SSL *top = server_top(s);
  if (top) (void)SSL_write_ex(top, text, size, &written);
  else (void)send(s->fd, text, size, MSG_NOSIGNAL);
  ERR_clear_error();
}

static inline bool goes_by(const scenario *p, const char *scheme) {
  return p->way && strncmp(p->way, scheme, strlen(scheme)) == 0;
}

static inline bool has_tunnel(const scenario *p) {
  return p->tunnel || goes_by(p, "socks5") || (goes_by(p, "http") && p->tls);
}

static inline void server_say(server *s, const char *bytes, size_t size) {
  server_write(s, bytes, size);
  s->size = 0;
}

/* RFC 1928 and 1929. Returns true when the way to the origin is open. */
static inline bool server_be_socks(server *s) {
  static const char done[] = "\5\0\0\1\177\0\0\1\0\120";
  unsigned char first = s->size > 0 ? (unsigned char)s->in[0] : 0;
  if (first == 1) {
    if (s->size < 11) return false; /* user and word */
    server_say(s, "\1\0", 2);
  } else if (s->size >= 3 && first == 5 && s->size == 2 + (size_t)s->in[1]) {
    bool has_user = memchr(s->in + 2, 2, s->size - 2) != NULL;
    server_say(s, has_user ? "\5\2" : "\5\0", 2);
  } else if (s->size > 4) {
    size_t size = s->in[3] == 1 ? 10 : s->in[3] == 4 ? 22 : 7 + (size_t)(unsigned char)s->in[4];
    if (s->size < size) return false;
    server_say(s, done, sizeof done - 1);
    return true;
  }
  return false;
}

static inline bool server_be_http_proxy(server *s) {
  static const char opened[] = "HTTP/1.1 200 Connection established\r\n\r\n",
                    challenge[] = "HTTP/1.1 407 No\r\nContent-Length: 0\r\n"
                                  "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", "
                                  "algorithm=SHA-256, qop=\"auth\"\r\n\r\n";
  if (!server_has(s, BLANK)) return false;
  bool is_refused = s->play->is_challenged && !s->has_challenged;
  if (is_refused) server_say(s, challenge, sizeof challenge - 1);
  else server_say(s, opened, sizeof opened - 1);
  s->has_challenged = true;
  return !is_refused;
}

static inline void server_drop(server *s) {
  SSL_free(s->ssl);
  SSL_free(s->outer);
  s->ssl = s->outer = NULL;
  if (s->fd >= 0) (void)close(s->fd);
  s->fd = -1;
}

/* A client that is to authenticate may do that on another connection. */
static inline void server_accept(server *s) {
  const scenario *p = s->play;
  int now = 1, fd = accept(listener, NULL, NULL);
  if (fd < 0) return;
  server_drop(s);
  s->fd = fd;
  s->size = 0;
  s->tunnel_is_open = false;
  NEED(fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0 &&
       setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now) == 0);
  if (goes_by(p, "https")) s->outer = server_new_tls(s);
  if (p->tls && !has_tunnel(p)) s->ssl = server_new_tls(s);
}

static inline void server_do(server *s) {
  const scenario *p = s->play;
  if (s->fd < 0 || p->is_challenged) server_accept(s);
  if (s->fd < 0) return;
  server_read(s);
  if (has_tunnel(p) && !s->tunnel_is_open) {
    s->tunnel_is_open = goes_by(p, "socks5") ? server_be_socks(s) : server_be_http_proxy(s);
    if (s->tunnel_is_open && p->tls) s->ssl = server_new_tls(s);
  } else if (!s->has_answered && server_has(s, p->request_end)) {
    server_write(s, p->answer, strlen(p->answer));
    s->has_answered = true;
  }
}

static inline void server_advance(server *s) {
  crypto.server_works = fault.is_paused = true;
  server_do(s);
  crypto.server_works = fault.is_paused = false;
}

static inline void server_close(server *s) {
  (void)fault_end();
  server_drop(s);
  /* A connection that the client gave up before it was accepted. */
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) (void)close(fd);
}

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
