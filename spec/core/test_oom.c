/* test_oom.c - memory runs out at every allocation in turn, the library's own and OpenSSL's, once
 * or for good, and every system call fails in turn, on the whole way of an exchange: connect,
 * tunnel, handshake, request, response, file, close. Each time the exchange either comes to its
 * full and right end, or to an error with a message; nothing stays behind. */
#include "faults.h"

#include <netinet/tcp.h>
#include <signal.h>

#include "../../core/client/client_state.h"
#include "../../core/http/fields.h"
#include "crypto_memory.h"
#include "loopback.h"
#include "tls_world.h"

#ifdef HC_TEST_HOOKS

#define STEPS_MAX 200000
#define ROUNDS_MAX 2000

typedef enum upload { UPLOAD_NONE, UPLOAD_TEXT, UPLOAD_FILE, UPLOAD_FUNCTION } upload;

typedef struct scenario {
  const char *name;
  bool tls, strict, tunnel, plain_proxy, to_file, waits, expects;
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

// clang-format off: a case a line
static const scenario scenarios[] = {
    {"a length", .request_end = BLANK, .answer = OK_HEAD FIELDS "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"chunks", .request_end = BLANK, .answer = OK_HEAD FIELDS CHUNKS, .content = "abcde", .status = HC_STATUS_CONNECTED},
    {"an answer that closes", .request_end = BLANK, .answer = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", .content = "hi", .status = HC_STATUS_DISCONNECTED},
    {"1xx before it", .request_end = BLANK, .answer = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"an upgrade", .request_end = BLANK, .answer = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nbehind", .content = "", .status = HC_STATUS_CONNECTED},
    {"into a file", .to_file = true, .request_end = BLANK, .answer = OK_HEAD CHUNKS, .content = "abcde", .status = HC_STATUS_CONNECTED},
    {"waiting in the kernel", .waits = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"a text up", .upload = UPLOAD_TEXT, .request_end = "END", .answer = OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"a file up", .upload = UPLOAD_FILE, .request_end = "END", .answer = OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"a function up", .upload = UPLOAD_FUNCTION, .request_end = "END\r\n0\r\n\r\n", .answer = OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"a refusal of an upload", .upload = UPLOAD_TEXT, .expects = true, .request_end = BLANK, .answer = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_DISCONNECTED},
    {"a proxy", .plain_proxy = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS", .tls = true, .request_end = BLANK, .answer = OK_HEAD CHUNKS, .content = "abcde", .status = HC_STATUS_CONNECTED},
    {"TLS with all its checks", .tls = true, .strict = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS, a file up", .tls = true, .upload = UPLOAD_FILE, .request_end = "END", .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS through a tunnel", .tls = true, .tunnel = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
};
// clang-format on

/* --- the server: one connection, in this thread, never blocking */

typedef struct server {
  const scenario *play;
  int fd;
  SSL *ssl;
  bool tunnel_is_open, has_answered;
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

static void server_read(server *s) {
  size_t room = sizeof s->in - s->size, got = 0;
  if (s->ssl) {
    if (SSL_read_ex(s->ssl, s->in + s->size, room, &got) != 1) got = 0;
    ERR_clear_error();
  } else {
    ssize_t size = recv(s->fd, s->in + s->size, room, MSG_DONTWAIT);
    if (size > 0) got = (size_t)size;
  }
  s->size += got;
}

static bool server_has(const server *s, const char *end) {
  size_t size = strlen(end);
  return s->size >= size && memcmp(s->in + s->size - size, end, size) == 0;
}

static void server_open_tls(server *s) {
  s->ssl = SSL_new(s->play->strict ? strict_context : context);
  NEED(s->ssl && SSL_set_fd(s->ssl, s->fd) == 1);
  SSL_set_accept_state(s->ssl);
}

/* A client that is gone takes no answer; that is its affair. */
static void server_write(server *s, const char *text) {
  size_t size = strlen(text), written;
  if (s->ssl) (void)SSL_write_ex(s->ssl, text, size, &written);
  else (void)send(s->fd, text, size, MSG_NOSIGNAL);
  ERR_clear_error();
}

static void server_do(server *s) {
  if (s->fd < 0) {
    s->fd = accept(listener, NULL, NULL);
    if (s->fd < 0) return;
    int now = 1;
    NEED(fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0 &&
         setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now) == 0);
    if (s->play->tls && !s->play->tunnel) server_open_tls(s);
  }
  server_read(s);
  if (s->play->tunnel && !s->tunnel_is_open && server_has(s, BLANK)) {
    server_write(s, "HTTP/1.1 200 Connection established\r\n\r\n");
    s->tunnel_is_open = true;
    s->size = 0;
    server_open_tls(s);
  } else if (!s->has_answered && (!s->play->tunnel || s->tunnel_is_open) &&
             server_has(s, s->play->request_end)) {
    server_write(s, s->play->answer);
    s->has_answered = true;
  }
}

static void server_advance(server *s) {
  crypto.server_works = fault.is_paused = true;
  server_do(s);
  crypto.server_works = fault.is_paused = false;
}

static void server_close(server *s) {
  (void)fault_end();
  SSL_free(s->ssl);
  if (s->fd >= 0) (void)close(s->fd);
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

static hc_pull_result pull(void *argument, hc_slice *piece, hc_failure *why) {
  run *r = argument;
  (void)why;
  if (r->pieces == 3) return HC_PULL_END;
  *piece = r->pieces++ < 2 ? HC_SLICE("piece ") : HC_SLICE("END");
  return HC_PULL_DATA;
}

static bool is_under_way(hc_status status, hc_status goal) {
  if (status == goal) return false;
  return status == HC_STATUS_CONNECTING || status == HC_STATUS_REQUESTING;
}

static void advance_until(run *r, hc_status goal) {
  for (int i = 0; i < STEPS_MAX && is_under_way(hc_client_get_status(r->client), goal); i++) {
    bool ready = false;
    hc_error code =
        r->play->waits ? hc_client_wait(r->client, 0.0005, &ready) : hc_client_poll(r->client);
    if (code == HC_ERR_OUT_OF_MEMORY && is_under_way(hc_client_get_status(r->client), goal))
      continue;
    server_advance(&r->server);
  }
}

static int make_file(const char *text) {
  char path[] = "/tmp/test_oom_XXXXXX";
  fault.is_paused = true;
  int fd = mkstemp(path);
  NEED(fd >= 0 && unlink(path) == 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  fault.is_paused = false;
  return fd;
}

/* A client certificate, a revocation list, a stapled OCSP response, a pin, a protocol, and the
 * ciphers by name. */
static void demand_all(hc_tls_settings *s) {
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
static hc_error ask_certificate(run *r) {
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

static hc_error connect_client(run *r) {
  const scenario *p = r->play;
  hc_error code = HC_OK;
  hc_slice host = HC_SLICE("127.0.0.1");
  if (p->tls) {
    hc_tls_settings settings = {.trusted_chain = trusted,
                                .common_name_override = HC_SLICE("a.example")};
    if (p->strict) demand_all(&settings);
    code = hc_tls_options_new(&settings, &r->options, &r->why);
  }
  if (code == HC_OK && (p->plain_proxy || p->tunnel)) {
    hc_proxy_kind kind = p->tunnel ? HC_PROXY_HTTPS : HC_PROXY_HTTP;
    code = hc_client_set_proxy(r->client, kind, host, port, HC_SLICE("user"), HC_SLICE("word"),
                               &r->why);
    host = HC_SLICE("origin.example");
  }
  if (code != HC_OK) return code;
  return hc_client_connect(r->client, host, port, p->tls ? HC_CONNECT_TLS : HC_CONNECT_PLAIN,
                           r->options, &r->why);
}

static hc_error ask(run *r) {
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

static void read_content(run *r) {
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

static void read_file(run *r) {
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
static void exchange(run *r) {
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

static bool is_error(hc_status status) {
  return status == HC_STATUS_CANT_CONNECT || status == HC_STATUS_CONNECTION_ERROR ||
         status == HC_STATUS_TLS_HANDSHAKE_ERROR;
}

typedef struct outcome {
  bool is_whole, is_refused;
} outcome;

static outcome judge(const run *r) {
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

static outcome play(const scenario *p) {
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
static bool hook_is_waiting(long n) {
  bool waiting = false;
  for (long i = 0; i <= n && !waiting; i++) {
    void *block = hc_memory_allocate(1);
    waiting = !block;
    hc_memory_release(block);
  }
  return waiting;
}

static int next_descriptor(void) {
  int fd = dup(listener);
  NEED(fd >= 0);
  (void)close(fd);
  return fd;
}

static void try_all(const scenario *p, int sticky) {
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
static void try_crypto(const scenario *p, bool stays) {
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
static void try_system(const scenario *p, int number) {
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

static void fingerprint_text(const X509 *certificate) {
  unsigned char digest[32];
  NEED(X509_digest(certificate, EVP_sha256(), digest, NULL) == 1);
  for (size_t i = 0; i < sizeof digest; i++)
    snprintf(fingerprint + 3 * i, 4, i < 31 ? "%02x:" : "%02x", digest[i]);
}

static SSL_CTX *make_strict_context(identity *authority, identity *server_identity) {
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

static void try_scenario(const scenario *p) {
  outcome o = play(p); /* with memory: also what OpenSSL and the library make once is there then */
  CHECK_CASE(p->name, o.is_whole);
  if (!o.is_whole) return;
  try_all(p, 0);
  try_all(p, 1);
  try_system(p, EINTR);
  try_system(p, EIO);
  try_system(p, ENOMEM);
  if (!p->tls) return;
  try_crypto(p, false);
  try_crypto(p, true);
}

int main(void) {
  NEED(crypto_memory_take());
  static char pin_space[64];
  const identity_spec client_spec = {"client", NULL, "clientAuth", 0, -DAY, DAY, NULL, 0};
  identity authority = make_authority("test", NULL),
           server_identity = make_server("DNS:a.example,IP:::1", &authority);
  identity client_identity = make_identity(&client_spec, &authority);
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
  for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) try_scenario(&scenarios[i]);
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
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
