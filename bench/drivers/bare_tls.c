/* bare_tls.c - the bare loops over TLS: OpenSSL with its defaults, a blocking socket, the peer's
 * certificate checked. */
#include "bare.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

typedef struct tls {
  SSL *ssl;
  int fd;
} tls;

static char buffer[BENCH_BUFFER_SIZE];
static SSL_SESSION *session;   /* the newest ticket, for the resumed handshakes */

static void die_tls(const char *what) {
  bench_die("%s: %s", what, ERR_reason_error_string(ERR_get_error()));
}

static int keep_session(SSL *ssl, SSL_SESSION *fresh) {
  (void)ssl;
  SSL_SESSION_free(session);
  session = fresh;
  return 1;
}

static SSL_CTX *make_context(const bench_options *options) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context || SSL_CTX_load_verify_locations(context, options->ca, NULL) != 1)
    die_tls("context");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  return context;
}

static void keep_sessions(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
}

static tls tls_connect(SSL_CTX *context, int port) {
  tls connection = {.ssl = SSL_new(context), .fd = bare_connect(port)};
  if (!connection.ssl || SSL_set_fd(connection.ssl, connection.fd) != 1) die_tls("SSL");
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection.ssl), "127.0.0.1") != 1)
    die_tls("name");
  if (session && SSL_set_session(connection.ssl, session) != 1) die_tls("session");
  if (SSL_connect(connection.ssl) != 1) die_tls("handshake");
  return connection;
}

static void tls_close(tls connection) {
  SSL_shutdown(connection.ssl);
  SSL_free(connection.ssl);
  close(connection.fd);
}

static size_t receive(const tls *connection, char *room, size_t size) {
  int got = SSL_read(connection->ssl, room, (int)size);
  if (got <= 0) die_tls("SSL_read");
  return (size_t)got;
}

static void send_request(const tls *connection, const bare_exchange *exchange) {
  if (SSL_write(connection->ssl, exchange->request, (int)exchange->request_size) <= 0)
    die_tls("SSL_write");
}

/* Asks, and leaves what has come of the answer, head and maybe more, in the buffer. */
static void ask(const tls *connection, bare_exchange *exchange, size_t *got) {
  *got = 0;
  send_request(connection, exchange);
  do {
    *got += receive(connection, buffer + *got, sizeof buffer - *got);
    exchange->answer_size = bare_answer_size(buffer, *got);
  } while (exchange->answer_size == 0 && *got < sizeof buffer);
}

static void learn(const tls *connection, bare_exchange *exchange) {
  size_t got;
  ask(connection, exchange, &got);
  while (got < exchange->answer_size) got += receive(connection, buffer, sizeof buffer);
}

static void repeat(const tls *connection, const bare_exchange *exchange) {
  size_t got = 0;
  send_request(connection, exchange);
  while (got < exchange->answer_size) got += receive(connection, buffer, sizeof buffer);
}

void bare_tls_stream(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  size_t got;
  tls connection = tls_connect(make_context(options), options->port);
  if (strcmp(SSL_get_version(connection.ssl), "TLSv1.3") != 0) bench_die("not TLS 1.3");
  bench_meter_start(&meter);
  ask(&connection, &exchange, &got);
  uint64_t total = got;
  while (total < exchange.answer_size) total += receive(&connection, buffer, sizeof buffer);
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count, .bytes = total, .memory = -1});
}

/* The server says in the body whether the session was resumed: "r" or ".". */
static void run_new(const bench_options *options, SSL_CTX *context, int resumed) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  tls connection = tls_connect(context, options->port);
  learn(&connection, &exchange);
  tls_close(connection);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    connection = tls_connect(context, options->port);
    if (SSL_session_reused(connection.ssl) != resumed)
      bench_die("the handshake is of the wrong kind");
    repeat(&connection, &exchange);
    tls_close(connection);
  }
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count,
                              .bytes = options->count * exchange.answer_size,
                              .memory = -1});
}

void bare_tls_new(const bench_options *options) { run_new(options, make_context(options), 0); }

void bare_tls_resumed(const bench_options *options) {
  SSL_CTX *context = make_context(options);
  keep_sessions(context);
  run_new(options, context, 1);
}

void bare_tls_poll(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  struct epoll_event event = {.events = EPOLLIN};
  tls connection = tls_connect(make_context(options), options->port);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, connection.fd, &event) != 0)
    bench_die("epoll: %s", strerror(errno));
  learn(&connection, &exchange);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    if (epoll_wait(poller, &event, 1, 0) != 0) bench_die("the connection is not idle");
  }
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter, (bench_result){.ops = options->count, .memory = -1});
}

void bare_tls_memory(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  SSL_CTX *context = make_context(options);
  tls *connections = bench_allocate(options->connections, sizeof *connections);
  tls first = tls_connect(context, options->port);
  learn(&first, &exchange);
  uint64_t before = bench_resident();
  bench_meter_start(&meter);
  for (size_t i = 0; i < options->connections; i++) {
    connections[i] = tls_connect(context, options->port);
    repeat(&connections[i], &exchange);
  }
  bench_meter_stop(&meter);
  double grown = (double)bench_resident() - (double)before;
  bench_report(
      "bare", options, &meter,
      (bench_result){.ops = options->connections, .memory = grown / (double)options->connections});
}
