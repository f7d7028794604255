/* test_h2_client.c - clients of HTTP/2 over a stream that is memory: what they wait for, and what
 * they keep. */
#include "../../core/base/limits.h"
#include "../../core/connection/h2_link.h"
#if defined(__linux__)
#include <sys/epoll.h>
#endif

#include "h2_world.h"

#ifdef HC_WITH_NGHTTP2

/* Over TLS a receive may have to write first. */
static void check_receive_that_writes(void) {
  h2_world w;
  hc_interest interest;
  h2_world_open(&w);
  CHECK(h2_world_ask(w.a, HC_METHOD_GET) == HC_OK && hc_client_poll(w.a) == HC_OK);
  hc_client_interest(w.a, &interest);
  CHECK(interest.events == HC_EVENT_READ && !interest.ready);
  w.stream->when_empty = HC_IO_WANT_WRITE;
  CHECK(hc_client_poll(w.a) == HC_OK);
  hc_client_interest(w.a, &interest);
  CHECK(interest.events == (HC_EVENT_READ | HC_EVENT_WRITE) && !interest.ready);
  hc_client_interest(w.b, &interest);
  CHECK(interest.events == (HC_EVENT_READ | HC_EVENT_WRITE));
  w.stream->when_empty = HC_IO_WANT_READ;
  CHECK(hc_client_poll(w.a) == HC_OK);
  hc_client_interest(w.a, &interest);
  CHECK(interest.events == HC_EVENT_READ);
  h2_world_close(&w);
}

/* A request over a stream whose handshake goes nowhere has its idle timeout. */
static void check_wait_for_stream(void) {
  hc_client *c = hc_client_new();
  memory_stream *stream = memory_stream_new();
  hc_interest interest;
  stream->is_unusable = true;
  hc_client_get_settings(c)->version = HC_VERSION_2;
  hc_client_get_settings(c)->idle_timeout = 0.05;
  CHECK(hc_client_set_stream(c, &stream->common) == HC_OK);
  uint64_t before = hc_clock_now();
  CHECK(h2_world_ask(c, HC_METHOD_GET) == HC_OK && hc_client_poll(c) == HC_OK);
  hc_client_interest(c, &interest);
  CHECK(interest.deadline >= before + 50000000 && interest.deadline <= hc_clock_now() + 50000000);
  while (hc_clock_now() < interest.deadline) continue;
  CHECK(hc_client_poll(c) == HC_ERR_TIMEOUT);
  hc_client_delete(c);
  hc_stream_peer_release(&stream->common);
}

/* A client that others' goodbye ends keeps what it was told before. */
static void check_answer_of_idle(void) {
  h2_world w;
  h2_world_open(&w);
  CHECK(h2_world_ask(w.a, HC_METHOD_GET) == HC_OK && hc_client_poll(w.a) == HC_OK);
  memory_say(w.stream, "H1e :status=299;a=b");
  CHECK(hc_client_poll(w.a) == HC_OK && hc_client_get_status(w.a) == HC_STATUS_CONNECTED);
  CHECK(h2_world_ask(w.b, HC_METHOD_GET) == HC_OK && hc_client_poll(w.b) == HC_OK);
  memory_say(w.stream, "G 3 0");
  (void)hc_client_poll(w.b);
  (void)hc_client_poll(w.a);
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR);
  CHECK(hc_client_response_code(w.a) == 299 && hc_client_response_version(w.a) == 20);
  CHECK(hc_client_response_headers(w.a)->count == 1);
  CHECK(!hc_client_get_stream(w.a) && hc_client_free_streams(w.a) == 0);
  memory_say(w.stream, "H3e :status=200");
  CHECK(hc_client_poll(w.b) == HC_OK && hc_client_response_code(w.b) == 200);
  CHECK(hc_client_get_status(w.b) == HC_STATUS_DISCONNECTED);
  CHECK(hc_client_response_code(w.a) == 299);
  hc_client_close(w.a);
  CHECK(hc_client_response_code(w.a) == 0);
  h2_world_close(&w);
}

/* Content of streams that are gone, more than one go takes, and an answer behind it: one event is
 * all that tells of it. */
static void check_rest_behind_a_go(void) {
  static char words[16400];
  h2_world w;
  hc_poller *p = NULL;
  h2_world_open(&w);
  CHECK(hc_poller_new(&p, NULL) == HC_OK);
  CHECK(h2_world_ask(w.a, HC_METHOD_GET) == HC_OK && hc_client_poll(w.a) == HC_OK);
  hc_client_close(w.a);
  CHECK(h2_world_ask(w.b, HC_METHOD_GET) == HC_OK && hc_client_poll(w.b) == HC_OK);
  CHECK(hc_poller_add(p, w.b, w.b, NULL) == HC_OK);
  for (int i = 0; i < 3; i++) CHECK(hc_poller_wait(p, 0) == HC_OK);
  int size = snprintf(words, sizeof words, "D1 ");
  memset(words + size, 'x', 16384);
  for (int i = 0; i < 100; i++) memory_say(w.stream, words);
  memory_say(w.stream, "H3e :status=200");
  memory_ring(w.stream);
  uint64_t before = hc_clock_now();
  while (hc_client_get_status(w.b) == HC_STATUS_REQUESTING &&
         hc_clock_now() - before < UINT64_C(3000000000))
    CHECK(hc_poller_wait(p, 1) == HC_OK);
  CHECK(hc_client_response_code(w.b) == 200);
  CHECK(hc_clock_now() - before < UINT64_C(900000000));
  hc_poller_delete(p);
  h2_world_close(&w);
}

/* The same where the one who takes it is not asked by the poller. */
static void check_rest_behind_a_read(void) {
  static char words[16400];
  h2_world w;
  hc_poller *p = NULL;
  hc_slice view;
  h2_world_open(&w);
  CHECK(hc_poller_new(&p, NULL) == HC_OK);
  CHECK(h2_world_ask(w.a, HC_METHOD_GET) == HC_OK && hc_client_poll(w.a) == HC_OK);
  CHECK(h2_world_ask(w.b, HC_METHOD_GET) == HC_OK && hc_client_poll(w.b) == HC_OK);
  memory_say(w.stream, "H1 :status=200");
  CHECK(hc_client_poll(w.a) == HC_OK && hc_client_get_status(w.a) == HC_STATUS_BODY);
  hc_client *gone = hc_client_new();
  CHECK(hc_client_join(gone, w.a, NULL) == HC_OK && h2_world_ask(gone, HC_METHOD_GET) == HC_OK &&
        hc_client_poll(gone) == HC_OK);
  hc_client_delete(gone);
  CHECK(hc_poller_add(p, w.b, w.b, NULL) == HC_OK && hc_poller_add(p, w.a, w.a, NULL) == HC_OK);
  for (int i = 0; i < 3; i++) CHECK(hc_poller_wait(p, 0) == HC_OK);
  int size = snprintf(words, sizeof words, "D5 ");
  memset(words + size, 'x', 16384);
  for (int i = 0; i < 100; i++) memory_say(w.stream, words);
  memory_say(w.stream, "H3e :status=200");
  hc_client_body_peek(w.a, &view);
  uint64_t before = hc_clock_now();
  while (hc_client_get_status(w.b) == HC_STATUS_REQUESTING &&
         hc_clock_now() - before < UINT64_C(3000000000))
    CHECK(hc_poller_wait(p, 1) == HC_OK);
  CHECK(hc_client_response_code(w.b) == 200);
  CHECK(hc_clock_now() - before < UINT64_C(900000000));
  hc_poller_delete(p);
  h2_world_close(&w);
}

static bool moves(hc_poller *p, const hc_client *c) {
  CHECK(hc_poller_wait(p, 0) == HC_OK);
  return hc_poller_next(p) == c;
}

/* Whoever waits for room hears when the server takes more, or no more, though it is another's step
 * that takes the news off the stream. */
static void check_news_of_room(void) {
  h2_world w;
  hc_poller *p = NULL;
  h2_world_open(&w);
  CHECK(hc_poller_new(&p, NULL) == HC_OK && hc_poller_add(p, w.b, w.b, NULL) == HC_OK);
  CHECK(h2_world_ask(w.a, HC_METHOD_GET) == HC_OK && hc_client_poll(w.a) == HC_OK);
  while (moves(p, w.b)) continue; /* the first settings */
  memory_say(w.stream, "S 3=1");
  CHECK(hc_client_poll(w.a) == HC_OK && !moves(p, w.b));
  CHECK(hc_client_free_streams(w.b) == 0);
  memory_say(w.stream, "S 3=5|S 3=5");
  CHECK(hc_client_poll(w.a) == HC_OK && moves(p, w.b) && !moves(p, w.b));
  CHECK(hc_client_free_streams(w.b) == 4);
  memory_say(w.stream, "S 4=1|P|S 3=5");
  CHECK(hc_client_poll(w.a) == HC_OK && !moves(p, w.b));
  memory_say(w.stream, "G 2147483647 0");
  CHECK(hc_client_poll(w.a) == HC_OK && moves(p, w.b));
  CHECK(hc_client_get_status(w.b) == HC_STATUS_CONNECTION_ERROR);
  CHECK(hc_client_get_status(w.a) == HC_STATUS_REQUESTING);
  memory_say(w.stream, "H1e :status=204");
  CHECK(hc_client_poll(w.a) == HC_OK && hc_client_response_code(w.a) == 204);
  hc_poller_delete(p);
  h2_world_close(&w);
}

#if defined(__linux__)
static unsigned waits;

/* Before the C library's. */
int epoll_wait(int set, struct epoll_event *events, int room, int timeout) {
  waits++;
  return epoll_pwait(set, events, room, timeout, NULL);
}

/* A request goes out without a look at the events before it. */
static void check_request_without_look(void) {
  h2_world w;
  hc_poller *p = NULL;
  h2_world_open(&w);
  CHECK(hc_poller_new(&p, NULL) == HC_OK && hc_poller_add(p, w.a, w.a, NULL) == HC_OK);
  while (moves(p, w.a)) continue;
  CHECK(h2_world_ask(w.a, HC_METHOD_GET) == HC_OK);
  waits = 0;
  CHECK(hc_poller_wait(p, 0.001) == HC_OK && waits == 1);
  CHECK(strcmp(memory_heard(w.stream), "HEADERS01e") == 0);
  hc_poller_delete(p);
  h2_world_close(&w);
}
#endif

/* --- a connection that was idle for long */

static void be_idle(const h2_world *w, double seconds) {
  w->a->place.connection->h2->heard_at -= (uint64_t)(seconds * 1e9);
}

/* The time between frames that bring nothing is taken off what counts as a flood. */
static void check_pings_of_days(void) {
  h2_world w;
  h2_world_open(&w);
  CHECK(h2_world_ask(w.a, HC_METHOD_GET) == HC_OK && hc_client_poll(w.a) == HC_OK);
  for (unsigned i = 0; i < 20 && hc_client_get_status(w.a) == HC_STATUS_REQUESTING; i++) {
    for (unsigned k = 0; k < HC_H2_IDLE_FRAMES_MAX / 10; k++) memory_say(w.stream, "W0 1");
    w.a->place.connection->h2->forgiven_at -= UINT64_C(10000000000);
    CHECK(hc_client_poll(w.a) == HC_OK);
  }
  memory_say(w.stream, "H1e :status=200");
  CHECK(hc_client_poll(w.a) == HC_OK && hc_client_response_code(w.a) == 200);
  h2_world_close(&w);
}

static void answer_ping(memory_stream *m) {
  static const unsigned char head[] = {0, 0, 8, 6, 1, 0, 0, 0, 0};
  static const unsigned char payload[8] = {0};
  memory_put(m, head, sizeof head);
  memory_put(m, payload, sizeof payload);
}

typedef struct probe_case {
  const char *name;
  hc_method method;
  double idle;
  hc_body_kind body;
  const char *heard; /* at first, and ... */
  const char *then; /* ... when the PING has been answered */
} probe_case;

static hc_pull_result no_content(void *context, hc_slice *piece, hc_failure *why) {
  (void)piece;
  (void)why;
  ++*(int *)context;
  return HC_PULL_END;
}

static void check_probes(void) {
  static const probe_case cases[] = {
      {"POST", HC_METHOD_POST, 31, HC_BODY_NONE, "PING", "HEADERS01e"},
      {"POST soon", HC_METHOD_POST, 29, HC_BODY_NONE, "HEADERS01e", ""},
      {"PATCH", HC_METHOD_PATCH, 3600, HC_BODY_NONE, "PING", "HEADERS01e"},
      {"GET", HC_METHOD_GET, 3600, HC_BODY_NONE, "HEADERS01e", ""},
      {"PUT", HC_METHOD_PUT, 3600, HC_BODY_NONE, "HEADERS01e", ""},
      {"PUT of a function", HC_METHOD_PUT, 31, HC_BODY_PULL, "PING", "HEADERS01 DATA01(0)e"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const probe_case *c = &cases[i];
    h2_world w;
    int asked = 0;
    hc_client_request_spec spec = {.method = (int)c->method, .url = HC_SLICE("/")};
    h2_world_open(&w);
    be_idle(&w, c->idle);
    spec.body.kind = c->body;
    spec.body.pull = no_content;
    spec.body.context = &asked;
    CHECK(hc_client_request(w.a, &spec, NULL) == HC_OK && hc_client_poll(w.a) == HC_OK);
    CHECK_CASE(c->name, strcmp(memory_heard(w.stream), c->heard) == 0);
    CHECK_CASE(c->name, c->heard[0] == 'H' || asked == 0);
    if (c->then[0]) answer_ping(w.stream);
    for (int k = 0; k < 3; k++) CHECK(hc_client_poll(w.a) == HC_OK);
    CHECK_CASE(c->name, strcmp(memory_heard(w.stream), c->then) == 0);
    memory_say(w.stream, "H1e :status=200");
    CHECK(hc_client_poll(w.a) == HC_OK && hc_client_response_code(w.a) == 200);
    h2_world_close(&w);
  }
}

/* What another client asks for meanwhile waits as well; nothing but the answer lets them go. */
static void check_probe_of_others(void) {
  h2_world w;
  h2_world_open(&w);
  be_idle(&w, 60);
  CHECK(h2_world_ask(w.a, HC_METHOD_POST) == HC_OK && h2_world_ask(w.b, HC_METHOD_GET) == HC_OK);
  CHECK(hc_client_free_streams(w.a) == HC_H2_STREAMS_MAX - 2);
  memory_say(w.stream, "S|P|W0 10");
  CHECK(hc_client_poll(w.a) == HC_OK && hc_client_poll(w.b) == HC_OK);
  CHECK(!strstr(memory_heard(w.stream), "HEADERS"));
  hc_client_close(w.b);
  answer_ping(w.stream);
  CHECK(hc_client_poll(w.a) == HC_OK && hc_client_poll(w.a) == HC_OK);
  CHECK(strcmp(memory_heard(w.stream), "HEADERS01e") == 0);
  CHECK(hc_client_free_streams(w.a) == HC_H2_STREAMS_MAX - 1);
  h2_world_close(&w);
}

static void check_lost_probe(void) {
  h2_world w;
  hc_interest interest;
  h2_world_open(&w);
  be_idle(&w, 60);
  CHECK(h2_world_ask(w.a, HC_METHOD_POST) == HC_OK && hc_client_poll(w.a) == HC_OK);
  CHECK(strcmp(memory_heard(w.stream), "PING") == 0);
  hc_client_interest(w.a, &interest);
  CHECK(interest.deadline <= hc_clock_now() + HC_H2_PROBE_NS);
  w.a->place.connection->h2->probe_deadline = hc_clock_now();
  CHECK(hc_client_poll(w.a) == HC_ERR_CONNECTION_ERROR);
  CHECK(strstr(hc_client_last_error(w.a)->text, "the request was not sent"));
  CHECK(hc_client_retry(w.a) == HC_RETRY_ELSEWHERE && !hc_client_has_response_begun(w.a));
  CHECK(!strstr(memory_heard(w.stream), "HEADERS"));
  CHECK(hc_client_poll(w.b) == HC_ERR_CONNECTION_ERROR);
  h2_world_close(&w);
}

/* A goodbye in place of the answer. */
static void check_goodbye_to_probe(void) {
  h2_world w;
  h2_world_open(&w);
  be_idle(&w, 60);
  CHECK(h2_world_ask(w.a, HC_METHOD_POST) == HC_OK && hc_client_poll(w.a) == HC_OK);
  memory_say(w.stream, "G 0 0");
  w.stream->has_ended = true;
  for (int i = 0; i < 3; i++) (void)hc_client_poll(w.a);
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR);
  CHECK(hc_client_retry(w.a) == HC_RETRY_ELSEWHERE);
  h2_world_close(&w);
}

#ifdef HC_TEST_HOOKS
static void check_probe_without_memory(void) {
  long before = hc_memory_live_blocks();
  bool is_good = false;
  for (long n = 0; n < 200 && !is_good; n++) {
    h2_world w;
    h2_world_open(&w);
    be_idle(&w, 60);
    hc_memory_fail_after(n, 0);
    is_good = h2_world_ask(w.a, HC_METHOD_POST) == HC_OK && hc_client_poll(w.a) == HC_OK;
    answer_ping(w.stream);
    is_good = hc_client_poll(w.a) == HC_OK && is_good;
    memory_say(w.stream, "H1e :status=200");
    is_good = hc_client_poll(w.a) == HC_OK && hc_client_response_code(w.a) == 200 && is_good;
    hc_memory_fail_after(-1, 0);
    h2_world_close(&w);
    CHECK(hc_memory_live_blocks() == before);
  }
  CHECK(is_good);
}

static hc_error upload(hc_client *c, const char *text) {
  hc_client_request_spec spec = {.method = HC_METHOD_PUT, .url = HC_SLICE("/")};
  hc_slice line = HC_SLICE("Host: example.test");
  spec.lines = &line;
  spec.line_count = 1;
  spec.body.kind = HC_BODY_BYTES;
  spec.body.bytes = hc_slice_of(text);
  return hc_client_request(c, &spec, NULL);
}

#define LEFT_OVER 10
static const char first_text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/* How much a first upload sends in all. */
static size_t size_of_upload(void) {
  h2_world w;
  h2_world_open(&w);
  CHECK(upload(w.a, first_text) == HC_OK && hc_client_poll(w.a) == HC_OK);
  size_t size = w.stream->out.size;
  h2_world_close(&w);
  return size;
}

/* Nothing more can be written, and no event says that it could. */
static void block_writes(memory_stream *m) {
  static const char bytes[4096];
  m->takes_nothing = true;
  while (send(m->pair[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  while (send(m->pair[0], bytes, 1, MSG_DONTWAIT) > 0) continue;
}

/* The server has all but the last bytes of the first one's frame when that ends, by its user or by
 * an early answer, and an allocation fails. Either the rest of the frame goes out next or nothing
 * does, and then the other one hears of it, without an event. Returns whether it did. */
static bool end_inside_frame(bool is_answered, size_t size, long n) {
  h2_world w;
  hc_poller *p = NULL;
  h2_world_open(&w);
  CHECK(hc_poller_new(&p, NULL) == HC_OK && hc_poller_add(p, w.b, w.b, NULL) == HC_OK);
  w.stream->takes_little = size - LEFT_OVER;
  CHECK(upload(w.a, first_text) == HC_OK && hc_client_poll(w.a) == HC_OK);
  CHECK(w.stream->out.size == size - LEFT_OVER);
  block_writes(w.stream);
  CHECK(upload(w.b, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb") == HC_OK);
  if (is_answered) {
    for (int i = 0; i < 9; i++) (void)moves(p, w.b);
    memory_say(w.stream, "H1 :status=200|D1e abc"); /* nobody reads it */
  } else w.stream->takes_nothing = false;
  hc_memory_fail_after(n, 0);
  if (is_answered) (void)hc_client_poll(w.a);
  else hc_client_close(w.a);
  hc_memory_fail_after(-1, 0);
  for (int i = 0; i < 9; i++) (void)moves(p, w.b);
  bool is_lost = hc_client_get_status(w.b) != HC_STATUS_REQUESTING;
  w.stream->takes_nothing = false;
  (void)hc_client_poll(w.a);
  (void)hc_client_poll(w.b);
  size_t more = w.stream->out.size - (size - LEFT_OVER);
  const unsigned char *rest = w.stream->out.data + size - LEFT_OVER;
  if (is_lost) CHECK(more == 0 && hc_client_last_error(w.b)->code == HC_ERR_OUT_OF_MEMORY);
  else CHECK(more > LEFT_OVER && memcmp(rest, first_text, LEFT_OVER) == 0);
  hc_poller_delete(p);
  h2_world_close(&w);
  return is_lost;
}

static void check_end_inside_frame(void) {
  size_t size = size_of_upload();
  for (int is_answered = 0; is_answered < 2; is_answered++) {
    unsigned lost = 0;
    for (long n = 0; n < 30; n++) lost += end_inside_frame(is_answered, size, n);
    CHECK(lost > 0 && lost < 30);
  }
}
#endif

int main(void) {
  check_receive_that_writes();
  check_wait_for_stream();
  check_answer_of_idle();
  check_rest_behind_a_go();
  check_rest_behind_a_read();
  check_news_of_room();
#if defined(__linux__)
  check_request_without_look();
#endif
  check_pings_of_days();
  check_probes();
  check_probe_of_others();
  check_lost_probe();
  check_goodbye_to_probe();
#ifdef HC_TEST_HOOKS
  check_probe_without_memory();
  check_end_inside_frame();
#endif
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
