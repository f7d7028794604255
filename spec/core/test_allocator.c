/* test_allocator.c - a host's allocator: every byte that the library and zlib take comes from it
 * and goes back to it, and when it has no more, whatever the library was about ends in an error. */
#include <pthread.h>

#include "../../core/codec/decoder.h"
#include "../../core/poller.h"
#include "../../core/tls.h"
#include "loopback.h"

/* --- an allocator that keeps account */

#define MARK 0x616c6c6f63617465u
#define NEVER (-1)
/* see check_idle */
#define IDLE_BYTES ((size_t)1250)
#define IDLE_BLOCKS ((size_t)7)

typedef struct head {
  _Alignas(max_align_t) uint64_t mark;
  size_t size;
} head;

typedef struct account {
  pthread_mutex_t lock; /* lookups allocate on their own threads */
  size_t blocks, bytes, taken;
  long countdown;       /* the allocation number `countdown` from now fails; NEVER */
  bool stays;           /* and all behind it */
  bool is_wrong;        /* a block that is none of ours, or a size of 0 */
} account;

static account book = {.lock = PTHREAD_MUTEX_INITIALIZER, .countdown = NEVER};

/* Inside the lock. */
static bool is_out(account *a) {
  if (a->countdown < 0) return false;
  if (a->countdown > 0) {
    a->countdown--;
    return false;
  }
  if (!a->stays) a->countdown = NEVER;
  return true;
}

static void *make(account *a, head *old, size_t size) {
  size_t before = old ? old->size : 0;
  if (size == 0) a->is_wrong = true;
  head *h = is_out(a) ? NULL : realloc(old, sizeof *h + size);
  if (!h) return NULL;
  a->taken++;
  a->blocks += old ? 0 : 1;
  a->bytes += size - before;
  h->mark = MARK;
  h->size = size;
  return h + 1;
}

static head *head_of(account *a, void *block) {
  head *h = (head *)block - 1;
  if (h->mark != MARK) a->is_wrong = true;
  return h;
}

static void *book_allocate(void *user, size_t size) {
  account *a = user;
  (void)pthread_mutex_lock(&a->lock);
  void *block = make(a, NULL, size);
  (void)pthread_mutex_unlock(&a->lock);
  return block;
}

static void *book_resize(void *user, void *block, size_t size) {
  account *a = user;
  (void)pthread_mutex_lock(&a->lock);
  void *moved = make(a, block ? head_of(a, block) : NULL, size);
  (void)pthread_mutex_unlock(&a->lock);
  return moved;
}

static void book_release(void *user, void *block) {
  account *a = user;
  (void)pthread_mutex_lock(&a->lock);
  if (!block) a->is_wrong = true;
  head *h = head_of(a, block);
  a->blocks--;
  a->bytes -= h->size;
  h->mark = 0;
  free(h);
  (void)pthread_mutex_unlock(&a->lock);
}

static const hc_allocator keeper = {book_allocate, book_resize, book_release, &book};

static void fail_after(long countdown, bool stays) {
  (void)pthread_mutex_lock(&book.lock);
  book.countdown = countdown;
  book.stays = stays;
  (void)pthread_mutex_unlock(&book.lock);
}

static bool is_empty(void) {
  (void)pthread_mutex_lock(&book.lock);
  bool empty = book.blocks == 0 && book.bytes == 0 && !book.is_wrong;
  (void)pthread_mutex_unlock(&book.lock);
  return empty;
}

/* --- what is tried: each returns HC_OK when all went well, else how it ended */

static int listener;
static unsigned port;

/* A server for one connection: reads what comes, and once that is a whole request it answers and
 * closes. */
typedef struct server {
  int fd;
  char request[4096];
  size_t size;
} server;

static const char answer[] =
    "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\nx-two: 2\r\n\r\n"
    "5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n";

static void serve(server *s) {
  if (s->fd == -1) s->fd = accept(listener, NULL, NULL);
  if (s->fd < 0) return;
  ssize_t got = recv(s->fd, s->request + s->size, sizeof s->request - 1 - s->size, MSG_DONTWAIT);
  if (got > 0) s->size += (size_t)got;
  s->request[s->size] = '\0';
  if (!strstr(s->request, "\r\n0\r\n\r\n")) return;
  loopback_send(s->fd, answer);
  (void)close(s->fd);
  s->fd = -2;
}

static hc_pull_result pull(void *context, hc_slice *piece, hc_failure *why) {
  (void)why;
  unsigned *left = context;
  if (*left == 0) return HC_PULL_END;
  (*left)--;
  *piece = hc_slice_of("piece");
  return HC_PULL_DATA;
}

static size_t write_bytes(void *context, hc_slice bytes, hc_failure *why) {
  (void)why;
  *(size_t *)context += bytes.size;
  return bytes.size;
}

/* The code of whatever ended the client's way to this status; HC_OK: it is there. */
static hc_error reach(hc_client *c, hc_poller *p, server *s, hc_status wanted) {
  for (;;) {
    hc_status status = hc_client_get_status(c);
    if (status == wanted) return HC_OK;
    if (hc_client_last_error(c)->code != HC_OK) return hc_client_last_error(c)->code;
    if (status == HC_STATUS_DISCONNECTED) return HC_FAILED;
    hc_error code = hc_poller_wait(p, 0.005);
    if (code != HC_OK) return code;
    while (hc_poller_next(p)) continue;
    serve(s);
  }
}

static hc_error read_answer(hc_client *c, hc_poller *p, server *s) {
  size_t written = 0;
  uint64_t moved;
  hc_failure why = {HC_OK, ""};
  while (hc_client_get_status(c) == HC_STATUS_BODY) {
    hc_error code = hc_client_body_to_writer(c, write_bytes, &written, &moved, &why);
    if (code == HC_OK && hc_client_get_status(c) == HC_STATUS_BODY) code = hc_poller_wait(p, 0.005);
    if (code != HC_OK) return code;
    serve(s);
  }
  return written == 5 ? HC_OK : HC_FAILED;
}

static hc_error exchange(hc_client *c, hc_poller *p, server *s) {
  unsigned pieces = 3;
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_client_set_proxy(c, HC_PROXY_HTTPS, HC_SLICE("proxy.test"), 8080,
                                      HC_SLICE("me"), HC_SLICE("it"), &why);
  if (code == HC_OK)
    code = hc_client_connect(c, HC_SLICE("localhost"), port, HC_CONNECT_PLAIN, NULL, &why);
  if (code == HC_OK) code = reach(c, p, s, HC_STATUS_CONNECTED);
  const hc_slice lines[] = {HC_SLICE("X-Name: value")};
  const hc_client_request_spec spec = {
      .method = HC_METHOD_POST,
      .url = HC_SLICE("/path"),
      .lines = lines,
      .line_count = 1,
      .body = {.kind = HC_BODY_PULL, .pull = pull, .context = &pieces}};
  if (code == HC_OK) code = hc_client_request(c, &spec, &why);
  if (code == HC_OK) code = reach(c, p, s, HC_STATUS_BODY);
  return code == HC_OK ? read_answer(c, p, s) : code;
}

static hc_error try_exchange(void) {
  server s = {.fd = -1};
  hc_poller *p = NULL;
  hc_failure why = {HC_OK, ""};
  hc_client *c = hc_client_new();
  if (!c) return HC_ERR_OUT_OF_MEMORY;
  hc_error code = hc_poller_new(&p, &why);
  if (code == HC_OK) code = hc_poller_add(p, c, c, &why);
  if (code == HC_OK) code = exchange(c, p, &s);
  if (p) (void)hc_poller_remove(p, c);
  hc_poller_delete(p);
  hc_client_delete(c);
  if (s.fd >= 0) (void)close(s.fd);
  for (int left; (left = accept(listener, NULL, NULL)) >= 0;) (void)close(left);
  return code;
}

static hc_error decode(hc_decoder *d, hc_slice coded) {
  char out[64];
  size_t used, produced;
  if (hc_decoder_feed(d, coded, out, sizeof out, &used, &produced) == HC_PARSE_ERROR)
    return hc_decoder_failure(d)->code;
  return hc_decoder_finish(d);
}

static hc_error try_inflate(void) {
  static const char coded[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00"
                              "\x86\xa6\x10\x36\x05\x00\x00\x00";
  hc_decoder *d = hc_decoder_new(HC_CODING_GZIP);
  if (!d) return HC_ERR_OUT_OF_MEMORY;
  hc_error code = decode(d, (hc_slice){coded, sizeof coded - 1});
  hc_decoder_delete(d);
  return code;
}

/* OpenSSL's own memory is not the allocator's; ours around it is. */
static hc_error try_tls(void) {
  const hc_slice pins[] = {HC_SLICE("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")},
                 alpn[] = {HC_SLICE("http/1.1")};
  const hc_tls_settings settings = {.common_name_override = HC_SLICE("a.example"),
                                    .pinned_keys = pins,
                                    .pinned_key_count = 1,
                                    .alpn = alpn,
                                    .alpn_count = 1};
  hc_tls_options *o = NULL;
  hc_certificates *empty = hc_certificates_new();
  hc_failure why = {HC_OK, ""};
  hc_error code = empty ? hc_tls_options_new(&settings, &o, &why) : HC_ERR_OUT_OF_MEMORY;
  hc_certificates_release(empty);
  hc_tls_options_release(o);
  return code;
}

/* --- the checks */

typedef hc_error (*attempt)(void);

static void check_returned(const char *name, attempt try) {
  size_t before = book.taken;
  CHECK_CASE(name, try() == HC_OK);
  CHECK_CASE("it took its memory from the host", book.taken > before);
  CHECK_CASE("every byte came back", is_empty());
}

static void check_shortage(const char *name, attempt try, bool stays) {
  hc_error code = HC_FAILED;
  bool each_ends = true, each_is_empty = true;
  long n = 0;
  for (; n < 1000 && each_ends && each_is_empty; n++) {
    fail_after(n, stays);
    code = try();
    bool is_over = book.countdown >= 0 && !(stays && book.countdown == 0);
    fail_after(NEVER, false);
    each_ends = code == HC_OK || code == HC_ERR_OUT_OF_MEMORY;
    each_is_empty = is_empty();
    if (!each_ends || !each_is_empty)
      fprintf(stderr, "%s, allocation %ld: error %d\n", name, n, (int)code);
    if (code == HC_OK && is_over) break; /* it needs no more than these */
  }
  CHECK_CASE(name, code == HC_OK && n > 1);
  CHECK_CASE("without memory each ends with an error", each_ends);
  CHECK_CASE("and gives back what it had", each_is_empty);
}

static void check_rules(void) {
  const hc_allocator lacking = {book_allocate, NULL, book_release, &book};
  CHECK(hc_set_allocator(&lacking) == HC_ERR_INVALID_PARAMETER);
  hc_client *c = hc_client_new();
  CHECK(c && book.blocks > 0 && hc_set_allocator(NULL) == HC_ERR_BUSY &&
        hc_set_allocator(&keeper) == HC_ERR_BUSY);
  hc_client_delete(c);
  CHECK(hc_set_allocator(&keeper) == HC_OK && hc_set_allocator(NULL) == HC_OK &&
        hc_set_allocator(&keeper) == HC_OK);
}

/* --- what an idle client holds */

static const char kept_answer[] = "HTTP/1.1 200 OK\r\nServer: test/1.22.1\r\n"
                                  "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                                  "Content-Type: text/plain\r\nContent-Length: 5\r\n"
                                  "Connection: keep-alive\r\n\r\nhello";

/* Polls, and has the server answer once the request is whole, until the status is this one. */
static bool poll_to(hc_client *c, server *s, hc_status wanted) {
  for (int step = 0; step < PATIENCE_MS; step++) {
    if (hc_client_poll(c) != HC_OK) return false;
    if (hc_client_get_status(c) == wanted) return true;
    if (s->fd == -1) s->fd = accept(listener, NULL, NULL);
    ssize_t got = s->fd < 0 ? -1
                            : recv(s->fd, s->request + s->size, sizeof s->request - 1 - s->size,
                                   MSG_DONTWAIT);
    if (got > 0) s->size += (size_t)got;
    s->request[s->size] = '\0';
    if (strstr(s->request, "\r\n\r\n")) {
      s->size = 0;
      loopback_send(s->fd, kept_answer);
    }
    (void)poll(NULL, 0, 1);
  }
  return false;
}

static bool get_once(hc_client *c, server *s) {
  const hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/small")};
  hc_slice view;
  hc_failure why = {HC_OK, ""};
  if (hc_client_request(c, &spec, &why) != HC_OK || !poll_to(c, s, HC_STATUS_BODY)) return false;
  while (hc_client_get_status(c) == HC_STATUS_BODY) {
    hc_client_body_peek(c, &view);
    hc_client_body_consume(c, view.size);
  }
  return hc_client_get_status(c) == HC_STATUS_CONNECTED;
}

/* Thousands of them may wait at a time. The numbers are those of 64-bit systems, where pointers are
 * largest; who needs more says for what. */
static void check_idle(void) {
  server s = {.fd = -1};
  hc_failure why = {HC_OK, ""};
  hc_client *c = hc_client_new();
  CHECK(c &&
        hc_client_connect(c, HC_SLICE("127.0.0.1"), port, HC_CONNECT_PLAIN, NULL, &why) == HC_OK);
  CHECK(poll_to(c, &s, HC_STATUS_CONNECTED) && get_once(c, &s) && get_once(c, &s));
  if (book.bytes > IDLE_BYTES || book.blocks > IDLE_BLOCKS)
    fprintf(stderr, "an idle client holds %zu bytes in %zu blocks\n", book.bytes, book.blocks);
  CHECK_CASE("an idle client is small", book.bytes <= IDLE_BYTES && book.blocks <= IDLE_BLOCKS);
  hc_client_delete(c);
  CHECK(is_empty());
  if (s.fd >= 0) (void)close(s.fd);
}

/* Loaded once for all who need them, and kept until somebody says otherwise. */
static void check_authorities(void) {
  while (!hc_tls_start_loading()) (void)poll(NULL, 0, 1);
  CHECK(!is_empty());
  hc_tls_forget_authorities();
  CHECK(is_empty());
}

static void check_back_to_the_library(void) {
  size_t before = book.taken;
  CHECK(hc_set_allocator(NULL) == HC_OK);
  hc_client_delete(hc_client_new());
  CHECK(book.taken == before && hc_set_allocator(&keeper) == HC_ERR_BUSY);
}

int main(void) {
  CHECK(hc_set_allocator(&keeper) == HC_OK);
  listener = loopback_listen("127.0.0.1", 16, &port);
  loopback_need(listener >= 0 && fcntl(listener, F_SETFL, O_NONBLOCK) == 0, "listen");
  check_rules();
  static const struct {
    const char *name;
    attempt try;
  } attempts[] = {
      {"an exchange in a poller", try_exchange}, {"zlib", try_inflate}, {"TLS options", try_tls}};
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    check_returned(attempts[i].name, attempts[i].try);
    check_shortage(attempts[i].name, attempts[i].try, false);
    check_shortage(attempts[i].name, attempts[i].try, true);
  }
  check_idle();
  check_authorities();
  check_back_to_the_library();
  (void)close(listener);
  return check_report();
}
