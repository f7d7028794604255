/* test_decoded_body.c - content that the client decodes on its way: the end comes with the decoded
 * bytes, what waits here is no idleness, and memory that runs out is told. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/base/memory.h"
#include "../../core/client/client.h"
#include "check.h"
#include "loopback.h"

/* "hello hello hello hello", and 100,000 zeros, by gzip -9n. */
#define CODED                                                                                      \
  "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\x01\xe3\x51\x3d"   \
  "\x8d\x17\x00\x00\x00"
#define PLAIN "hello hello hello hello"

typedef struct world {
  hc_client *client;
  int listener, server;
  hc_failure why;
} world;

static void advance(world *w, hc_status status) {
  for (int i = 0; i < 1000 && hc_client_get_status(w->client) < status; i++) {
    bool ready;
    (void)hc_client_wait(w->client, 10, &ready);
  }
  loopback_need(hc_client_get_status(w->client) == status, hc_status_name(status));
}

static void respond(world *w, hc_slice bytes) {
  loopback_need(send(w->server, bytes.data, bytes.size, MSG_NOSIGNAL) == (ssize_t)bytes.size,
                "send");
}

/* A client in BODY, whose server has sent `answer`. */
static void begin(world *w, hc_slice answer) {
  unsigned port = 0;
  hc_client_request_spec spec;
  memset(&spec, 0, sizeof spec);
  *w = (world){.listener = loopback_listen("127.0.0.1", 4, &port), .client = hc_client_new()};
  loopback_need(w->client != NULL, "client");
  loopback_need(hc_client_connect(w->client, HC_SLICE("127.0.0.1"), port, HC_CONNECT_PLAIN, NULL,
                                  &w->why) == HC_OK,
                "connect");
  advance(w, HC_STATUS_CONNECTED);
  w->server = loopback_accept(w->listener);
  spec.url = HC_SLICE("/");
  loopback_need(hc_client_request(w->client, &spec, &w->why) == HC_OK, "request");
  (void)hc_client_poll(w->client);
  respond(w, answer);
  advance(w, HC_STATUS_BODY);
}

static void end(world *w) {
  hc_client_delete(w->client);
  (void)close(w->server);
  (void)close(w->listener);
}

/* Reads to the end, `most` bytes at a time. */
static size_t read_all(world *w, size_t most, char *to, size_t room) {
  size_t size = 0;
  for (int i = 0; i < 1000 && hc_client_get_status(w->client) == HC_STATUS_BODY; i++) {
    hc_slice view;
    bool ready;
    hc_client_body_peek(w->client, &view);
    if (view.size > most) view.size = most;
    if (view.size > room - size) break;
    if (view.size > 0) memcpy(to + size, view.data, view.size);
    size += view.size;
    hc_client_body_consume(w->client, view.size);
    if (view.size == 0) (void)hc_client_wait(w->client, 0.01, &ready);
  }
  return size;
}

#define HEAD(length) "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " length "\r\n\r\n"

static void check_whole(size_t most) {
  world w;
  char text[64];
  begin(&w, HC_SLICE(HEAD("28") CODED));
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_OK && hc_client_decodes_body(w.client));
  CHECK(read_all(&w, most, text, sizeof text) == strlen(PLAIN));
  CHECK(memcmp(text, PLAIN, strlen(PLAIN)) == 0);
  CHECK(hc_client_get_status(w.client) == HC_STATUS_CONNECTED);
  CHECK(hc_client_body_received(w.client) == 28);
  CHECK(hc_client_response_is_complete(w.client) && !hc_client_decodes_body(w.client));
  end(&w);
}

/* All of the body has been received, and the decoded bytes wait: that is readable and ready. */
static void check_rest_is_ready(void) {
  world w;
  hc_slice view;
  hc_interest interest;
  bool ready;
  begin(&w, HC_SLICE(HEAD("28") CODED));
  hc_client_get_settings(w.client)->idle_timeout = 0.000001;
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_OK);
  hc_client_body_peek(w.client, &view);
  CHECK(view.size == strlen(PLAIN));
  CHECK(hc_client_body_is_next(w.client, view, 0) && !hc_client_body_is_next(w.client, view, 1));
  hc_client_body_consume(w.client, 5);
  CHECK(hc_client_body_taken(w.client) == 5);
  hc_client_interest(w.client, &interest);
  CHECK(interest.ready);
  CHECK(hc_client_wait(w.client, 10, &ready) == HC_OK && ready);
  CHECK(hc_client_poll(w.client) == HC_OK);
  CHECK(hc_client_get_status(w.client) == HC_STATUS_BODY);
  hc_client_body_consume(w.client, 1000);
  CHECK(hc_client_get_status(w.client) == HC_STATUS_CONNECTED);
  end(&w);
}

static void check_cut(void) {
  world w;
  char text[64];
  begin(&w, HC_SLICE("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 24\r\n\r\n"
                     "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27"
                     "\x01\xe3\x51\x3d\x8d"));
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_OK);
  CHECK(read_all(&w, 64, text, sizeof text) == strlen(PLAIN));
  CHECK(hc_client_get_status(w.client) == HC_STATUS_CONNECTION_ERROR);
  CHECK(hc_client_last_error(w.client)->code == HC_ERR_INVALID_DATA);
  CHECK(strcmp(hc_client_last_error(w.client)->text, "the gzip data ends too early") == 0);
  CHECK(!hc_client_response_is_complete(w.client));
  end(&w);
}

static void check_refusals(void) {
  world w;
  hc_slice view;
  begin(&w,
        HC_SLICE("HTTP/1.1 200 OK\r\nContent-Encoding: gzip, lzma\r\nContent-Length: 2\r\n\r\nab"));
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_OK && !hc_client_decodes_body(w.client));
  hc_client_body_peek(w.client, &view);
  CHECK(view.size == 2);
  hc_client_body_consume(w.client, 1);
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_ERR_INVALID_PARAMETER);
  hc_client_close(w.client);
  CHECK(hc_client_decode_body(w.client, NULL) == HC_ERR_INVALID_PARAMETER);
  end(&w);
  begin(&w, HC_SLICE("HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip, gzip\r\n"
                     "Content-Encoding: gzip, gzip, gzip\r\nContent-Length: 2\r\n\r\nab"));
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_ERR_INVALID_DATA);
  CHECK(hc_client_get_status(w.client) == HC_STATUS_BODY && !hc_client_decodes_body(w.client));
  end(&w);
}

/* The client goes away with bytes that nobody took. */
static void check_close(void) {
  world w;
  hc_slice view;
  begin(&w, HC_SLICE(HEAD("100") CODED));
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_OK);
  hc_client_body_peek(w.client, &view);
  CHECK(view.size == strlen(PLAIN));
  hc_client_close(w.client);
  CHECK(!hc_client_decodes_body(w.client));
  end(&w);
  begin(&w, HC_SLICE(HEAD("100") CODED));
  CHECK(hc_client_decode_body(w.client, &w.why) == HC_OK);
  end(&w);
}

#ifdef HC_TEST_HOOKS
/* Each allocation from the decoder's making to the end fails once. */
static void check_memory(void) {
  bool is_through = false;
  for (long at = 0; at < 50 && !is_through; at++) {
    world w;
    char text[64];
    size_t size = 0;
    begin(&w, HC_SLICE(HEAD("28") CODED));
    hc_memory_fail_after(at, 0);
    hc_error code = hc_client_decode_body(w.client, &w.why);
    if (code == HC_OK) size = read_all(&w, 64, text, sizeof text);
    hc_memory_fail_after(-1, 0);
    hc_status status = hc_client_get_status(w.client);
    is_through = size == strlen(PLAIN) && status == HC_STATUS_CONNECTED;
    if (code != HC_OK) CHECK(code == HC_ERR_OUT_OF_MEMORY && status == HC_STATUS_BODY);
    else if (!is_through) CHECK(hc_client_last_error(w.client)->code == HC_ERR_OUT_OF_MEMORY);
    end(&w);
  }
  CHECK(is_through);
}
#endif

int main(void) {
  long before = 0;
#ifdef HC_TEST_HOOKS
  before = hc_memory_live_blocks();
#endif
  check_whole(64);
  check_whole(1);
  check_rest_is_ready();
  check_cut();
  check_refusals();
  check_close();
#ifdef HC_TEST_HOOKS
  check_memory();
  CHECK(hc_memory_live_blocks() == before);
#endif
  (void)before;
  return check_report();
}
