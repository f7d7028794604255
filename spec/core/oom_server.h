/* oom_server.h - the server of the tests in which memory runs out or system calls fail. It plays
 * the origin and, where the scenario goes by one, the proxy before it. It runs in the test's own
 * thread, and nothing of its own fails: while it works, both hooks are paused. */
#ifndef SPEC_OOM_SERVER_H
#define SPEC_OOM_SERVER_H

#include "faults.h"

#include <netinet/tcp.h>

#include "../../core/httpclient.h"
#include "crypto_memory.h"
#include "loopback.h"
#include "tls_world.h"

typedef enum upload { UPLOAD_NONE, UPLOAD_TEXT, UPLOAD_FILE, UPLOAD_FUNCTION } upload;

typedef struct scenario {
  const char *name;
  bool tls, strict, tunnel, plain_proxy, to_file, waits, expects;
  const char *way; /* scheme and credentials of a proxy's URL: "socks5h://user:word@" */
  bool is_challenged; /* the tunnel's first answer is a challenge by Digest */
  const char *host; /* the origin behind a proxy; NULL: origin.example */
  upload upload;
  const char *request_end; /* what the server reads until */
  const char *answer;
  const char *content;
  hc_status status; /* behind the answer */
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

#endif
