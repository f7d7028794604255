/* test_h2_client.c - clients of HTTP/2 over a stream that is memory: what they wait for, and what
 * they keep. */
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
  while (hc_clock_now() < before + 60000000) continue;
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

int main(void) {
  check_receive_that_writes();
  check_wait_for_stream();
  check_answer_of_idle();
  check_rest_behind_a_go();
  check_rest_behind_a_read();
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
