/* server.c - the small server that ships with the examples: HTTP/1.1, plain and TLS, for `make
 * demo` and for trying things out. It listens on two free ports of 127.0.0.1, prints "plain PORT"
 * and "tls PORT", writes the certificate that signs its own into the file that it is given, and
 * ends when its standard input does. One process for each connection.
 *
 *   GET  /, /hello       a short text (HEAD /hello: its head)
 *   POST /form           what was posted, back (of up to 1 MiB)
 *   PUT  /upload         how many bytes of content came, with a Content-Length or in chunks
 *   GET  /chunked        64 chunks of 16 KiB
 *   GET  /large          64 MiB with a Content-Length
 *
 * and for the game of examples/love:
 *
 *   GET  /planet.png     a picture, where a second argument says which file it is
 *   GET  /scores         the best eight, one a line: name, tab, score
 *   POST /scores         a form of name and score is put among them; the same answer
 *   GET  /pack           200 MiB, or what of them stands behind a Range's beginning
 *   GET  /stall          nothing, for as long as the client waits */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  LARGE_MIB = 64,
  PACK_MIB = 200,
  CHUNKS = 64,
  CHUNK = 16384,
  HEAD_LIMIT = 16384,
  BODY_LIMIT = 1 << 20
};

typedef struct peer {
  int fd;
  SSL *tls; /* NULL: plain */
  char input[16384];
  int at, held; /* what of the input is read already, and all of it */
} peer;

typedef struct request {
  char head[HEAD_LIMIT];
  char body[BODY_LIMIT + 1]; /* the first bytes of the content, with a NUL behind them */
  size_t kept, content;  /* how many of them; and of all */
} request;

static void fail(const char *what) {
  fprintf(stderr, "server: %s\n", what);
  exit(1);
}

/* --- certificates */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  if (!extension || !X509_add_ext(certificate, extension, -1)) fail("certificate extension");
  X509_EXTENSION_free(extension);
}

/* issuer NULL: signs itself, and may sign others. */
static X509 *make_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
  X509 *certificate = X509_new();
  if (!certificate) fail("out of memory");
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             (const unsigned char *)name, -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
  X509_set_pubkey(certificate, key);
  add_extension(certificate, issuer ? issuer : certificate, NID_basic_constraints,
                issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (issuer) add_extension(certificate, issuer, NID_subject_alt_name, "DNS:localhost");
  if (!X509_sign(certificate, issuer_key, EVP_sha256())) fail("can't sign the certificate");
  return certificate;
}

static SSL_CTX *make_context(const char *authority_path) {
  EVP_PKEY *root_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
  if (!root_key || !key) fail("can't make keys");
  X509 *root = make_certificate("Demo CA", root_key, NULL, root_key);
  X509 *own = make_certificate("localhost", key, root, root_key);
  FILE *file = fopen(authority_path, "w");
  if (!file || !PEM_write_X509(file, root) || fclose(file) != 0)
    fail("can't write the certificate");
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context || !SSL_CTX_use_certificate(context, own) || !SSL_CTX_use_PrivateKey(context, key))
    fail("can't set up TLS");
  X509_free(root);
  X509_free(own);
  EVP_PKEY_free(root_key);
  EVP_PKEY_free(key);
  return context;
}

/* --- bytes */

static int receive(peer *p, char *into, int room) {
  return p->tls ? SSL_read(p->tls, into, room) : (int)recv(p->fd, into, (size_t)room, 0);
}

static bool send_all(peer *p, const char *bytes, size_t size) {
  while (size) {
    int want = size > 65536 ? 65536 : (int)size;
    int sent = p->tls ? SSL_write(p->tls, bytes, want) : (int)send(p->fd, bytes, (size_t)want, 0);
    if (sent <= 0) return false;
    bytes += sent;
    size -= (size_t)sent;
  }
  return true;
}

static bool send_text(peer *p, const char *text) { return send_all(p, text, strlen(text)); }

/* --- requests */

static bool answer_text(peer *p, const char *status, const char *body, size_t size) {
  char head[256];
  snprintf(head, sizeof head,
           "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", status, size);
  return send_text(p, head) && send_all(p, body, size);
}

static bool send_much(peer *p, size_t size) {
  static char block[65536];
  memset(block, 'x', sizeof block);
  for (; size >= sizeof block; size -= sizeof block)
    if (!send_all(p, block, sizeof block)) return false;
  return send_all(p, block, size);
}

static bool answer_large(peer *p, size_t size) {
  char head[128];
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
  return send_text(p, head) && send_much(p, size);
}

static bool answer_chunked(peer *p) {
  static char block[CHUNK];
  char size[16];
  memset(block, '.', sizeof block);
  if (!send_text(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return false;
  snprintf(size, sizeof size, "%x\r\n", CHUNK);
  for (int i = 0; i < CHUNKS; i++)
    if (!send_text(p, size) || !send_all(p, block, sizeof block) || !send_text(p, "\r\n"))
      return false;
  return send_text(p, "0\r\nX-Chunks: 64\r\n\r\n");
}

/* The value of the field in the head, "" without one. `name` is "\r\nName:". */
static const char *field(const char *head, const char *name) {
  for (; *head; head++) {
    if (strncasecmp(head, name, strlen(name)) == 0)
      return head + strlen(name) + strspn(head + strlen(name), " \t");
  }
  return head;
}

/* -1 at the end of the connection. */
static int next_byte(peer *p) {
  if (p->at == p->held) {
    p->at = 0;
    p->held = receive(p, p->input, sizeof p->input);
    if (p->held <= 0) p->held = 0;
    if (p->held == 0) return -1;
  }
  return (unsigned char)p->input[p->at++];
}

/* Appends a line with its CR LF. False: too long, or the end. */
static bool read_line(peer *p, char *into, size_t room) {
  for (size_t used = 0; used + 1 < room;) {
    int byte = next_byte(p);
    if (byte < 0) return false;
    into[used++] = (char)byte;
    into[used] = 0;
    if (byte == '\n') return true;
  }
  return false;
}

static bool read_head(peer *p, request *r) {
  size_t used = 0;
  r->kept = r->content = 0;
  r->head[0] = 0;
  do {
    if (!read_line(p, r->head + used, sizeof r->head - used)) return false;
    size_t line = strlen(r->head + used);
    used += line;
    if (line <= 2) return true;
  } while (used < sizeof r->head);
  return false;
}

static bool read_content(peer *p, request *r, unsigned long size) {
  for (; size; size--) {
    int byte = next_byte(p);
    if (byte < 0) return false;
    if (r->kept < BODY_LIMIT) r->body[r->kept++] = (char)byte;
    r->content++;
  }
  return true;
}

static bool read_body(peer *p, request *r) {
  char line[256];
  if (strncasecmp(field(r->head, "\r\nTransfer-Encoding:"), "chunked", 7) != 0)
    return read_content(p, r, strtoul(field(r->head, "\r\nContent-Length:"), NULL, 10));
  for (;;) {
    if (!read_line(p, line, sizeof line)) return false;
    unsigned long size = strtoul(line, NULL, 16);
    if (size == 0) break;
    if (!read_content(p, r, size) || !read_line(p, line, sizeof line)) return false;
  }
  do {
    if (!read_line(p, line, sizeof line)) return false;
  } while (strlen(line) > 2);
  return true;
}

static bool is_for(const request *r, const char *start) {
  return strncmp(r->head, start, strlen(start)) == 0;
}

/* --- what the game asks for */

static const char *picture_path = "";

static bool answer_picture(peer *p) {
  static char bytes[1 << 20];
  FILE *file = fopen(picture_path, "rb");
  if (!file) return answer_text(p, "404 Not Found", "no picture\n", 11);
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  return answer_text(p, "200 OK", bytes, size);
}

enum { SCORES = 8, NAME = 16 };

typedef struct score {
  char name[NAME];
  long points;
} score;

/* In memory that all processes share; one of them at a time has the lock. */
static score *scores;
static int score_lock = -1;

static void make_scores(void) {
  static const score first[SCORES] = {{"ADA", 31},   {"GRACE", 24},   {"HEDY", 18},
                                      {"ALAN", 11},  {"MARGARET", 6}, {"LINUS", 2},
                                      {"EDSGER", 1}, {"NIKLAUS", 1}};
  char path[] = "/tmp/httpclient-demo-XXXXXX";
  score_lock = mkstemp(path);
  if (score_lock < 0) fail("can't make a lock");
  unlink(path);
  scores =
      (score *)mmap(NULL, sizeof first, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (scores == MAP_FAILED) fail("out of memory");
  memcpy(scores, first, sizeof first);
}

/* Letters, digits and blanks of the form's value; the rest is left out. */
static void read_value(const char *body, const char *field_name, char *into, size_t room) {
  const char *from = strstr(body, field_name);
  size_t used = 0;
  for (from = from ? from + strlen(field_name) : ""; *from && *from != '&' && used + 1 < room;
       from++)
    if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", *from))
      into[used++] = *from;
  into[used] = 0;
}

static void take_score(const char *body) {
  char name[NAME], points[8];
  read_value(body, "name=", name, sizeof name);
  read_value(body, "score=", points, sizeof points);
  score new = {"", strtol(points, NULL, 10)};
  snprintf(new.name, sizeof new.name, "%s", *name ? name : "NOBODY");
  for (int i = 0; i < SCORES; i++) {
    if (new.points <= scores[i].points) continue;
    score lower = scores[i];
    scores[i] = new;
    new = lower;
  }
}

static bool answer_scores(peer *p, const char *posted) {
  char text[SCORES * (NAME + 24)];
  size_t used = 0;
  flock(score_lock, LOCK_EX);
  if (posted) take_score(posted);
  for (int i = 0; i < SCORES; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s\t%ld\n", scores[i].name,
                             scores[i].points);
  flock(score_lock, LOCK_UN);
  return answer_text(p, "200 OK", text, used);
}

/* A download that was broken off goes on (RFC 9110 section 14). */
static bool answer_pack(peer *p, const char *asked) {
  static const size_t size = (size_t)PACK_MIB * 1024 * 1024;
  const char *range = field(asked, "\r\nRange:");
  size_t first = strncmp(range, "bytes=", 6) == 0 ? strtoul(range + 6, NULL, 10) : 0;
  bool is_part = first > 0 && first < size;
  char head[256], where[96] = "";
  if (is_part)
    snprintf(where, sizeof where, "Content-Range: bytes %zu-%zu/%zu\r\n", first, size - 1, size);
  else first = 0;
  snprintf(head, sizeof head, "HTTP/1.1 %s\r\nETag: \"aurora\"\r\nContent-Length: %zu\r\n%s\r\n",
           is_part ? "206 Partial Content" : "200 OK", size - first, where);
  return send_text(p, head) && send_much(p, size - first);
}

/* False, since it ends with the connection. */
static bool stall(peer *p) {
  while (next_byte(p) >= 0) continue;
  return false;
}

/* One request: head, body, answer. False: the connection ends. */
static bool serve_one(peer *p) {
  static request r;
  char text[64];
  if (!read_head(p, &r) || !read_body(p, &r)) return false;
  r.body[r.kept] = 0;
  if (is_for(&r, "GET / ") || is_for(&r, "GET /?") || is_for(&r, "GET /hello "))
    return answer_text(p, "200 OK", "Hello from the demo server.\n", 28);
  if (is_for(&r, "HEAD /hello "))
    return send_text(p,
                     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 28\r\n\r\n");
  if (is_for(&r, "POST /form ")) return answer_text(p, "200 OK", r.body, r.kept);
  if (is_for(&r, "GET /chunked ")) return answer_chunked(p);
  if (is_for(&r, "GET /large ")) return answer_large(p, (size_t)LARGE_MIB * 1024 * 1024);
  if (is_for(&r, "GET /planet.png ")) return answer_picture(p);
  if (is_for(&r, "GET /scores ")) return answer_scores(p, NULL);
  if (is_for(&r, "POST /scores ")) return answer_scores(p, r.body);
  if (is_for(&r, "GET /pack ")) return answer_pack(p, r.head);
  if (is_for(&r, "GET /stall ")) return stall(p);
  if (!is_for(&r, "PUT /upload ")) return answer_text(p, "404 Not Found", "not here\n", 9);
  return answer_text(p, "201 Created", text,
                     (size_t)snprintf(text, sizeof text, "%zu bytes\n", r.content));
}

static void serve(int fd, SSL_CTX *context) {
  static peer p;
  p.fd = fd;
  if (context) {
    p.tls = SSL_new(context);
    if (!p.tls || !SSL_set_fd(p.tls, fd) || SSL_accept(p.tls) != 1) return;
  }
  while (serve_one(&p)) continue;
  if (p.tls) SSL_shutdown(p.tls);
}

/* --- listening */

static int listen_on_free_port(const char *what) {
  struct sockaddr_in address = {0};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 16))
    fail("can't listen");
  if (getsockname(fd, (struct sockaddr *)&address, &size)) fail("no port");
  printf("%s %d\n", what, ntohs(address.sin_port));
  return fd;
}

static void accept_one(int listener, SSL_CTX *context, int other) {
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) return;
  if (fork() == 0) {
    close(listener);
    close(other);
    serve(fd, context);
    close(fd);
    _exit(0);
  }
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) fail("usage: server AUTHORITY.pem [PICTURE.png]");
  if (argc == 3) picture_path = argv[2];
  make_scores();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  SSL_CTX *context = make_context(argv[1]);
  int plain = listen_on_free_port("plain"), tls = listen_on_free_port("tls");
  fflush(stdout);
  struct pollfd watched[3] = {{0, POLLIN, 0}, {plain, POLLIN, 0}, {tls, POLLIN, 0}};
  for (;;) {
    char unused[64];
    if (poll(watched, 3, -1) < 0) continue;
    if (watched[1].revents) accept_one(plain, NULL, tls);
    if (watched[2].revents) accept_one(tls, context, plain);
    if (watched[0].revents && read(0, unused, sizeof unused) <= 0) break;
  }
  SSL_CTX_free(context);
  return 0;
}
