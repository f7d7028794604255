/* test_staged.c - large content that goes by way of a small block: every byte arrives once and in
 * its order, however little the socket takes at a time, and without memory for the block. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/base/limits.h"
#include "../../core/connection/sender.h"
#include "../../core/connection/staged.h"
#include "../../core/stream/stream_peer_tcp.h"
#include "check.h"
#include "loopback.h"

#define LARGE ((size_t)3 * 1024 * 1024 + 7)
#define HEAD "POST / HTTP/1.1\r\n\r\n"

static char *content; /* LARGE bytes, each told by its place */

static void make_content(void) {
  content = malloc(LARGE);
  loopback_need(content != NULL, "memory");
  for (size_t i = 0; i < LARGE; i++) content[i] = (char)(unsigned char)(i * 7 + i / 251);
}

static bool is_same(hc_slice a, const char *data, size_t size) {
  return a.size == size && memcmp(a.data, data, size) == 0;
}

/* --- the block by itself */

static void check_block(void) {
  hc_staged s = {0};
  hc_slice piece = {content, HC_STAGED_FROM - 1};
  hc_staged_fill(&s, piece);
  CHECK_CASE("a small piece goes from where it is",
             !s.memory && s.bytes.size == 0 && hc_staged_next(&s, piece).data == content);
  piece.size = HC_STAGED_FROM;
  hc_staged_fill(&s, piece);
  hc_slice next = hc_staged_next(&s, piece);
  CHECK_CASE("of a large one the first bytes are copied",
             next.data == s.memory && is_same(next, content, HC_STAGED_SIZE));
  hc_staged_pass(&s, 5);
  hc_staged_fill(&s, (hc_slice){content + 5, piece.size - 5});
  next = hc_staged_next(&s, piece);
  CHECK_CASE("what is left of them goes first",
             next.data == s.memory + 5 && is_same(next, content + 5, HC_STAGED_SIZE - 5));
  hc_staged_pass(&s, HC_STAGED_SIZE - 5);
  hc_staged_fill(&s, (hc_slice){content + HC_STAGED_SIZE, 10});
  CHECK_CASE("the rest of a large piece is copied, too",
             is_same(hc_staged_next(&s, piece), content + HC_STAGED_SIZE, 10));
  hc_staged_free(&s);
  CHECK(!s.memory && s.bytes.size == 0);
}

#ifdef HC_TEST_HOOKS
static void check_no_memory(void) {
  hc_staged s = {0};
  hc_slice piece = {content, LARGE};
  hc_memory_fail_after(0, 1);
  hc_staged_fill(&s, piece);
  hc_staged_pass(&s, 100);
  hc_slice next = hc_staged_next(&s, piece);
  hc_memory_fail_after(-1, 0);
  CHECK_CASE("without memory a large piece goes from where it is",
             next.data == content && next.size == LARGE && !s.memory);
}
#endif

/* --- on a socket */

typedef struct way {
  hc_stream_peer *peer;
  int listener, theirs;
} way;

static way connect_way(void) {
  way w = {hc_tcp_new(), -1, -1};
  unsigned port;
  int small = 8192;
  hc_failure why = {HC_OK, ""};
  w.listener = loopback_listen("127.0.0.1", 4, &port);
  loopback_need(w.peer && w.listener >= 0, "listen");
  loopback_need(setsockopt(w.listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0, "rcvbuf");
  loopback_need(hc_tcp_connect(w.peer, HC_SLICE("127.0.0.1"), port, &why) == HC_OK, "connect");
  w.theirs = loopback_accept(w.listener);
  while (hc_stream_peer_advance(w.peer, &why) == HC_IO_WANT_WRITE) continue;
  hc_interest interest;
  hc_stream_peer_interest(w.peer, &interest);
  loopback_need(setsockopt((int)interest.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0,
                "sndbuf");
  return w;
}

static void close_way(way *w) {
  hc_stream_peer_release(w->peer);
  (void)close(w->theirs);
  (void)close(w->listener);
}

/* What comes is compared with what is wanted, a little at a time. */
typedef struct reading {
  const char *want;
  size_t size, at;
  bool holds;
} reading;

static void read_some(const way *w, reading *r) {
  static char room[70001];
  loopback_need(loopback_await(w->theirs, POLLIN), "bytes in time");
  ssize_t got = recv(w->theirs, room, 1 + r->at % sizeof room, 0);
  r->holds = r->holds && got > 0 && (size_t)got <= r->size - r->at &&
             memcmp(room, r->want + r->at, (size_t)got) == 0;
  if (got > 0) r->at += (size_t)got;
}

static bool is_out_of_memory; /* while something is sent */

static void fail_memory(long countdown) {
#ifdef HC_TEST_HOOKS
  hc_memory_fail_after(countdown, 1);
#else
  (void)countdown;
#endif
}

/* Sends all of a request; whenever the socket takes no more, some of it is read. */
static bool send_all_of(const hc_request_head *head, const hc_body_source *body, const char *want,
                        size_t size, unsigned *stops) {
  way w = connect_way();
  hc_sender s = {.state = HC_SEND_IDLE};
  hc_buffer text = {0};
  hc_failure why = {HC_OK, ""};
  reading r = {want, size, 0, true};
  size_t moved;
  hc_progress progress = HC_MOVED;
  loopback_need(hc_buffer_append_text(&text, HEAD, 4096) == HC_OK, "memory");
  loopback_need(hc_sender_queue(&s, HC_METHOD_POST, &text, head, body) == HC_OK, "queue");
  if (is_out_of_memory) fail_memory(0);
  while (r.holds && (progress == HC_MOVED || progress == HC_WAIT)) {
    progress = hc_sender_advance(&s, w.peer, &moved, &why);
    if (progress == HC_WAIT && ++*stops > 0) read_some(&w, &r);
  }
  fail_memory(-1);
  bool is_all =
      progress == HC_DONE &&
      s.sent == (head->transfer == HC_TRANSFER_LENGTH ? head->content_length : 2 * HC_STAGED_FROM);
  CHECK_CASE("nothing of the block is kept", !s.content || !s.content->staged.memory);
  while (r.holds && r.at < r.size) read_some(&w, &r);
  hc_sender_reset(&s);
  hc_buffer_free(&text);
  close_way(&w);
  return is_all && r.holds;
}

static bool send_string(unsigned *stops) {
  const hc_request_head head = {.transfer = HC_TRANSFER_LENGTH, .content_length = LARGE};
  const hc_body_source body = {.kind = HC_BODY_BYTES, .bytes = {content, LARGE}};
  size_t size = strlen(HEAD) + LARGE;
  char *want = malloc(size);
  loopback_need(want != NULL, "memory");
  memcpy(want, HEAD, strlen(HEAD));
  memcpy(want + strlen(HEAD), content, LARGE);
  bool holds = send_all_of(&head, &body, want, size, stops);
  free(want);
  return holds;
}

static hc_pull_result pull_large(void *context, hc_slice *piece, hc_failure *why) {
  unsigned *calls = context;
  (void)why;
  if (++*calls > 2) return HC_PULL_END;
  *piece = (hc_slice){content + (*calls - 1) * 100, HC_STAGED_FROM};
  return HC_PULL_DATA;
}

static size_t put(char *at, const char *bytes, size_t size) {
  memcpy(at, bytes, size);
  return size;
}

/* Between a large piece's size line and its CRLF, however it is cut up. */
static bool send_chunks(unsigned *stops) {
  unsigned calls = 0;
  const hc_request_head head = {.transfer = HC_TRANSFER_CHUNKED};
  const hc_body_source body = {.kind = HC_BODY_PULL, .pull = pull_large, .context = &calls};
  char *want = malloc(2 * HC_STAGED_FROM + 256), line[32];
  loopback_need(want != NULL, "memory");
  size_t size = put(want, HEAD, strlen(HEAD));
  for (size_t i = 0; i < 2; i++) {
    int length = snprintf(line, sizeof line, "%zx\r\n", HC_STAGED_FROM);
    size += put(want + size, line, (size_t)length);
    size += put(want + size, content + i * 100, HC_STAGED_FROM);
    size += put(want + size, "\r\n", 2);
  }
  size += put(want + size, "0\r\n\r\n", 5);
  bool holds = send_all_of(&head, &body, want, size, stops);
  free(want);
  return holds;
}

static void check_socket(void) {
  unsigned stops = 0;
  CHECK_CASE("a large string arrives as it is", send_string(&stops));
  CHECK_CASE("and was cut up on its way", stops > 1);
  CHECK_CASE("so do the large pieces of a function", send_chunks(&stops));
}

static void check_socket_without_memory(void) {
  unsigned stops = 0;
  is_out_of_memory = true;
  CHECK_CASE("a large string arrives without the block, too", send_string(&stops));
  is_out_of_memory = false;
}

int main(void) {
  make_content();
  check_block();
  check_socket();
  check_socket_without_memory();
#ifdef HC_TEST_HOOKS
  check_no_memory();
#endif
  free(content);
  return check_report();
}
