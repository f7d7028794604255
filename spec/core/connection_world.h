/* connection_world.h - for the tests of several clients on one connection: the server's side, which
 * the test plays itself, and two clients that stand on the one connection to it. */
#ifndef SPEC_CONNECTION_WORLD_H
#define SPEC_CONNECTION_WORLD_H

#include "../../core/client/client_state.h"
#include "loopback.h"

#define EMPTY_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

typedef struct world {
  int listener, theirs;
  unsigned port;
  hc_client *a, *b;
} world;

static inline hc_client *connected_client(const world *w) {
  hc_client *c = hc_client_new();
  bool ready;
  loopback_need(c && hc_client_connect(c, HC_SLICE("127.0.0.1"), w->port, HC_CONNECT_PLAIN, NULL,
                                       NULL) == HC_OK,
                "connect");
  while (hc_client_get_status(c) == HC_STATUS_CONNECTING) (void)hc_client_wait(c, 10, &ready);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTED);
  return c;
}

static inline void open_world(world *w) {
  w->listener = loopback_listen("127.0.0.1", 16, &w->port);
  loopback_need(w->listener >= 0, "a listener");
  w->a = connected_client(w);
  w->theirs = loopback_accept(w->listener);
  w->b = hc_client_new();
  CHECK(hc_client_join(w->b, w->a, NULL) == HC_OK &&
        hc_client_get_status(w->b) == HC_STATUS_CONNECTED);
  CHECK(hc_client_get_stream(w->b) == hc_client_get_stream(w->a));
}

static inline void hang_up(world *w) {
  if (w->theirs >= 0) (void)close(w->theirs);
  w->theirs = -1;
}

static inline void close_world(world *w) {
  hc_client_delete(w->a);
  hc_client_delete(w->b);
  hang_up(w);
  (void)close(w->listener);
}

static inline hc_error ask(hc_client *c, const char *path, hc_failure *why) {
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = hc_slice_of(path)};
  return hc_client_request(c, &spec, why);
}

/* Sends what is queued, so that the server has it. */
static inline void send_request(const world *w, hc_client *c, const char *path) {
  char text[512] = "";
  size_t got = 0;
  CHECK(ask(c, path, NULL) == HC_OK && hc_client_get_status(c) == HC_STATUS_REQUESTING);
  CHECK(hc_client_poll(c) == HC_OK);
  while (!strstr(text, "\r\n\r\n") && loopback_await(w->theirs, POLLIN)) {
    ssize_t size = recv(w->theirs, text + got, sizeof text - 1 - got, 0);
    if (size <= 0) break;
    got += (size_t)size;
    text[got] = '\0';
  }
  CHECK_CASE(path, strncmp(text, "GET ", 4) == 0 && strncmp(text + 4, path, strlen(path)) == 0);
}

static inline void await_status(hc_client *c, hc_status status) {
  bool ready;
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
  while (hc_client_get_status(c) != status && hc_clock_now() < limit)
    (void)hc_client_wait(c, 1, &ready);
  CHECK_CASE(hc_status_name(status), hc_client_get_status(c) == status);
}

/* Reads the body to its end, which holds `text`. */
static inline void read_body(hc_client *c, const char *text) {
  char body[64] = "";
  size_t size = 0;
  bool ready;
  await_status(c, HC_STATUS_BODY);
  while (hc_client_get_status(c) == HC_STATUS_BODY) {
    hc_slice view;
    hc_client_body_peek(c, &view);
    if (view.size > 0 && size + view.size < sizeof body) memcpy(body + size, view.data, view.size);
    size += view.size;
    if (view.size == 0) (void)hc_client_wait(c, 1, &ready);
    else hc_client_body_consume(c, view.size);
  }
  CHECK_CASE(text, strcmp(body, text) == 0);
}

static inline bool says(const hc_client *c, const char *text) {
  return strstr(hc_client_last_error(c)->text, text) != NULL;
}

/* Has the server seen the end of the connection? */
static inline bool sees_end(const world *w) {
  char byte;
  return loopback_await(w->theirs, POLLIN) && recv(w->theirs, &byte, 1, MSG_DONTWAIT) == 0;
}
static inline bool sees_nothing(const world *w) {
  char byte;
  return recv(w->theirs, &byte, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

#endif
