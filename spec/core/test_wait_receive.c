/* test_wait_receive.c - a wait for nothing but an answer is one receive that sleeps: it needs no
 * poll, and it ends as a wait with one does. */
#include "faults.h"

#include "../../core/client/client.h"
#include "loopback.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

typedef struct world {
  int listener, server;
  hc_client *client;
} world;

static void read_request(const world *w) {
  char bytes[4096];
  size_t have = 0;
  while (have < 4 || memcmp(bytes + have - 4, "\r\n\r\n", 4) != 0) {
    loopback_need(loopback_await(w->server, POLLIN), "a request in time");
    ssize_t got = recv(w->server, bytes + have, sizeof bytes - have, 0);
    loopback_need(got > 0, "recv");
    have += (size_t)got;
  }
}

/* The request is with the server; what it answers is to be waited for. */
static void ask(world *w) {
  hc_client_request_spec spec = {0};
  hc_failure why = {HC_OK, ""};
  spec.url = HC_SLICE("/");
  CHECK(hc_client_request(w->client, &spec, &why) == HC_OK);
  CHECK(hc_client_poll(w->client) == HC_OK);
  read_request(w);
}

static hc_status wait_status(const world *w, double seconds, bool *ready) {
  CHECK(hc_client_wait(w->client, seconds, ready) == HC_OK);
  return hc_client_get_status(w->client);
}

static void read_body(const world *w) {
  hc_slice view;
  hc_client_body_peek(w->client, &view);
  CHECK(view.size == 2 && memcmp(view.data, "hi", 2) == 0);
  hc_client_body_consume(w->client, view.size);
  CHECK(hc_client_get_status(w->client) == HC_STATUS_CONNECTED);
}

/* Connected, and one exchange old: the first still has a poll. */
static world open_world(void) {
  world w;
  unsigned port;
  bool ready;
  hc_failure why = {HC_OK, ""};
  w.listener = loopback_listen("127.0.0.1", 4, &port);
  loopback_need(w.listener >= 0, "listen");
  w.client = hc_client_new();
  loopback_need(w.client != NULL, "memory");
  CHECK(hc_client_connect(w.client, HC_SLICE("127.0.0.1"), (long long)port, HC_CONNECT_PLAIN, NULL,
                          &why) == HC_OK);
  w.server = loopback_accept(w.listener);
  while (hc_client_get_status(w.client) == HC_STATUS_CONNECTING)
    (void)hc_client_wait(w.client, 1, &ready);
  ask(&w);
  loopback_send(w.server, ANSWER);
  while (wait_status(&w, 10, &ready) == HC_STATUS_REQUESTING) continue;
  read_body(&w);
  return w;
}

static void close_world(world *w) {
  hc_client_delete(w->client);
  (void)close(w->server);
  (void)close(w->listener);
}

static void check_without_poll(void) {
  world w = open_world();
  bool ready;
  for (int i = 0; i < 3; i++) {
    ask(&w);
    loopback_send(w.server, ANSWER);
    fault_set_for_good("poll", EINVAL);
    CHECK(wait_status(&w, 10, &ready) == HC_STATUS_BODY && ready);
    CHECK(fault_end() == 0);
    read_body(&w);
  }
  close_world(&w);
}

/* Part of a head ends the wait, as an event does. */
static void check_part(void) {
  world w = open_world();
  bool ready;
  for (int i = 0; i < 2; i++) {
    ask(&w);
    loopback_send(w.server, "HTTP/1.1 200 OK\r\nContent-");
    CHECK(wait_status(&w, 10, &ready) == HC_STATUS_REQUESTING && ready);
    loopback_send(w.server, "Length: 2\r\n\r\nhi");
    CHECK(wait_status(&w, 10, &ready) == HC_STATUS_BODY && ready);
    read_body(&w);
  }
  close_world(&w);
}

/* Longer than one sleep of a receive, and over in time. */
static void check_time(void) {
  static const double times[] = {0, 0.05, 0.4};
  world w = open_world();
  ask(&w);
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    bool ready;
    uint64_t before = hc_clock_now();
    CHECK(wait_status(&w, times[i], &ready) == HC_STATUS_REQUESTING && !ready);
    double taken = (double)(hc_clock_now() - before) / 1e9;
    CHECK(taken >= times[i] && taken < times[i] + 5);
  }
  close_world(&w);
}

static void check_end(void) {
  world w = open_world();
  bool ready;
  ask(&w);
  (void)close(w.server);
  CHECK(hc_client_wait(w.client, 10, &ready) == HC_ERR_CONNECTION_ERROR && ready);
  CHECK(hc_client_get_status(w.client) == HC_STATUS_CONNECTION_ERROR);
  w.server = dup(w.listener);
  close_world(&w);
}

/* The response timeout is found as ever. */
static void check_response_timeout(void) {
  world w = open_world();
  bool ready = false;
  hc_client_get_settings(w.client)->response_timeout = 0.4;
  ask(&w);
  CHECK(hc_client_wait(w.client, 10, &ready) == HC_ERR_TIMEOUT && ready);
  close_world(&w);
}

int main(void) {
  check_without_poll();
  check_part();
  check_time();
  check_end();
  check_response_timeout();
  return check_report();
}
