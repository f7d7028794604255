/* test_fork.c - a fork in the middle of a connection: it is in both processes then, and one of
 * them goes on with it. What the other one closes must not show. (Lookups under way are
 * test_resolver.c's.) */
#include "../../core/connection/connection.h"
#include "../../core/poller.h"
#include "loopback.h"
#include "tls_world.h"

#if HAS_POSIX
#include <sys/wait.h>

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define TURNS_MAX 20000

/* A client in a poller, and its server, which is this process too. */
typedef struct pair {
  int listener, theirs;
  unsigned port;
  hc_client *client;
  hc_poller *poller;
  SSL *ssl; /* NULL: in clear */
} pair;

static SSL_CTX *context;
static hc_tls_options *options;

static void turn(const pair *p) {
  (void)hc_poller_wait(p->poller, 0.001);
  while (hc_poller_next(p->poller)) continue;
}

/* Until the client is connected, by way of the poller. */
static void open_pair(pair *p, bool is_secure) {
  memset(p, 0, sizeof *p);
  p->listener = loopback_listen("127.0.0.1", 4, &p->port);
  p->client = hc_client_new();
  NEED(p->listener >= 0 && p->client && hc_poller_new(&p->poller, NULL) == HC_OK &&
       hc_client_connect(p->client, HC_SLICE("127.0.0.1"), p->port,
                         is_secure ? HC_CONNECT_TLS : HC_CONNECT_PLAIN, is_secure ? options : NULL,
                         NULL) == HC_OK &&
       hc_poller_add(p->poller, p->client, p, NULL) == HC_OK);
  p->theirs = loopback_accept(p->listener);
  NEED(fcntl(p->theirs, F_SETFL, O_NONBLOCK) == 0);
  if (is_secure) {
    p->ssl = SSL_new(context);
    NEED(p->ssl && SSL_set_fd(p->ssl, p->theirs) == 1);
    SSL_set_accept_state(p->ssl);
  }
  for (int i = 0; i < TURNS_MAX && hc_client_get_status(p->client) == HC_STATUS_CONNECTING; i++) {
    turn(p);
    if (p->ssl) (void)SSL_do_handshake(p->ssl);
  }
  ERR_clear_error();
  CHECK(hc_client_get_status(p->client) == HC_STATUS_CONNECTED);
}

static void close_pair(pair *p) {
  hc_client_delete(p->client);
  hc_poller_delete(p->poller);
  SSL_free(p->ssl);
  (void)close(p->theirs);
  (void)close(p->listener);
}

static ssize_t hear(const pair *p, char *into, size_t room) {
  if (!p->ssl) return recv(p->theirs, into, room, 0);
  size_t got = 0;
  ERR_clear_error();
  int result = SSL_read_ex(p->ssl, into, room, &got);
  if (result == 1) return (ssize_t)got;
  return SSL_get_error(p->ssl, result) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static void say(const pair *p, const char *text) {
  size_t size = strlen(text);
  if (p->ssl) NEED(SSL_write(p->ssl, text, (int)size) == (int)size);
  else NEED(send(p->theirs, text, size, MSG_NOSIGNAL) == (ssize_t)size);
}

/* A request, and its answer, of which the poller has to tell while nothing else goes on. */
static bool exchanges(const pair *p) {
  char text[512] = "";
  size_t got = 0;
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/")};
  if (hc_client_request(p->client, &spec, NULL) != HC_OK) return false;
  for (int i = 0; i < TURNS_MAX && !strstr(text, "\r\n\r\n"); i++) {
    turn(p);
    ssize_t size = hear(p, text + got, sizeof text - 1 - got);
    if (size == 0) return false;
    if (size > 0) got += (size_t)size;
  }
  turn(p);
  say(p, ANSWER);
  if (hc_poller_wait(p->poller, 10) != HC_OK || hc_poller_next(p->poller) != p) return false;
  hc_slice body = {"", 0};
  for (int i = 0; i < TURNS_MAX && body.size == 0; i++) {
    turn(p);
    if (hc_client_get_status(p->client) == HC_STATUS_BODY) hc_client_body_peek(p->client, &body);
  }
  bool is_whole = body.size == 5 && memcmp(body.data, "hello", 5) == 0;
  if (is_whole) hc_client_body_consume(p->client, 5);
  return is_whole && hc_client_get_status(p->client) == HC_STATUS_CONNECTED;
}

static bool holds_in_child(bool (*body)(pair *), pair *p) {
  pid_t child = fork();
  loopback_need(child >= 0, "fork");
  if (child == 0) {
    (void)alarm(PATIENCE_MS / 1000);
    leave(body(p) ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- what the child does */

static bool closes(pair *p) {
  hc_client_close(p->client);
  hc_client_delete(p->client);
  hc_poller_delete(p->poller);
  return true;
}

static bool closes_poller_first(pair *p) {
  return hc_poller_remove(p->poller, p->client) == HC_OK && closes(p);
}

static bool exits(pair *p) {
  (void)p;
  return true;
}

/* What it has inherited stays open beside them. */
static bool uses_new_clients(pair *p) {
  for (int i = 0; i < 4; i++) {
    pair fresh;
    open_pair(&fresh, p->ssl && i % 2 == 0);
    bool is_right = exchanges(&fresh) && exchanges(&fresh);
    close_pair(&fresh);
    if (!is_right) return false;
  }
  return true;
}

/* In the inherited poller, from which it takes what is the parent's: a wait would read it. */
static bool adds_to_the_poller(pair *p) {
  pair fresh;
  open_pair(&fresh, p->ssl != NULL);
  hc_poller *own = fresh.poller;
  NEED(hc_poller_remove(p->poller, p->client) == HC_OK &&
       hc_poller_remove(own, fresh.client) == HC_OK &&
       hc_poller_add(p->poller, fresh.client, &fresh, NULL) == HC_OK);
  fresh.poller = p->poller;
  bool is_right = exchanges(&fresh);
  hc_poller_delete(own);
  hc_client_delete(fresh.client);
  return is_right;
}

/* It has used it, so what it says at the end is meant. */
static bool takes_over(pair *p) {
  char byte;
  if (!exchanges(p) || !exchanges(p)) return false;
  (void)closes(p);
  return !p->ssl || hear(p, &byte, 1) == 0;
}

/* --- the tests */

static void test_parent_goes_on(bool is_secure) {
  const struct {
    const char *name;
    bool (*child)(pair *);
  } cases[] = {{"the child closes", closes},
               {"the child takes it out of the poller, and closes", closes_poller_first},
               {"the child exits", exits},
               {"the child uses new clients", uses_new_clients},
               {"the child adds one to the poller", adds_to_the_poller}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int later = 0; later < 2; later++) { /* before any request, and between two */
      pair p;
      open_pair(&p, is_secure);
      CHECK(!later || exchanges(&p));
      CHECK_CASE(cases[i].name, holds_in_child(cases[i].child, &p));
      CHECK_CASE(cases[i].name, exchanges(&p) && exchanges(&p));
      close_pair(&p);
    }
  }
}

static void test_child_goes_on(bool is_secure) {
  pair p;
  open_pair(&p, is_secure);
  CHECK(exchanges(&p) && holds_in_child(takes_over, &p));
  close_pair(&p);
}

/* No GOAWAY of the child's, which would be the next frame of a connection that is not its own. */
static void test_http2(void) {
  char bytes[512];
  pair p;
  bool ready;
  if (!hc_http2_is_built()) return;
  memset(&p, 0, sizeof p);
  p.listener = loopback_listen("127.0.0.1", 4, &p.port);
  p.client = hc_client_new();
  NEED(p.client && hc_client_set(p.client, HC_SETTING_HTTP_VERSION, 2) == HC_OK &&
       hc_client_connect(p.client, HC_SLICE("127.0.0.1"), p.port, HC_CONNECT_PLAIN, NULL, NULL) ==
           HC_OK);
  p.theirs = loopback_accept(p.listener);
  NEED(fcntl(p.theirs, F_SETFL, O_NONBLOCK) == 0 &&
       send(p.theirs, "\0\0\0\4\0\0\0\0\0", 9, 0) == 9);
  while (hc_client_get_status(p.client) == HC_STATUS_CONNECTING)
    (void)hc_client_wait(p.client, 10, &ready);
  CHECK(hc_client_get_status(p.client) == HC_STATUS_CONNECTED);
  for (int i = 0; i < 20; i++) (void)hc_client_poll(p.client);
  while (recv(p.theirs, bytes, sizeof bytes, 0) > 0) continue;
  CHECK(holds_in_child(closes, &p));
  CHECK(recv(p.theirs, bytes, sizeof bytes, 0) < 0);
  hc_client_close(p.client);
  CHECK_CASE("the parent's own goodbye", recv(p.theirs, bytes, sizeof bytes, 0) > 9);
  hc_client_delete(p.client);
  (void)close(p.theirs);
  (void)close(p.listener);
}

#if CAN_FORK_BESIDE_THREADS
static void test_over_tls(void) {
  identity authority = make_authority("Root", NULL);
  identity server = make_server("IP:127.0.0.1", &authority);
  hc_certificates *trusted = certificates_of(authority.certificate);
  server_spec spec = {.identity = &server};
  context = server_context(&spec);
  options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  await_shared();
  test_parent_goes_on(true);
  test_child_goes_on(true);
  hc_tls_options_release(options);
  SSL_CTX_free(context);
  hc_certificates_release(trusted);
  identity_free(&authority);
  identity_free(&server);
}
#endif

int main(void) {
  (void)alarm(600);
  test_http2();
  test_parent_goes_on(false);
  test_child_goes_on(false);
#if CAN_FORK_BESIDE_THREADS
  test_over_tls();
#endif
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
