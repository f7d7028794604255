/* test_connection.c - several clients on one connection: HTTP/1.1 serves them one after the
 * other. */
#include "connection_world.h"

static void check_turns(void) {
  world w;
  hc_failure why = {HC_OK, ""};
  open_world(&w);
  CHECK(hc_connection_room(w.a->place.connection) == 1);
  send_request(&w, w.a, "/a");
  CHECK(hc_connection_room(w.a->place.connection) == 0);
  CHECK(ask(w.b, "/b", &why) == HC_ERR_BUSY && strstr(why.text, "no room"));
  CHECK_CASE("the one who waits is none the worse",
             hc_client_poll(w.b) == HC_OK && hc_client_get_status(w.b) == HC_STATUS_CONNECTED);
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
  await_status(w.a, HC_STATUS_BODY);
  CHECK_CASE("bytes for the other are not looked at", hc_client_poll(w.b) == HC_OK);
  CHECK(ask(w.b, "/b", NULL) == HC_ERR_BUSY);
  read_body(w.a, "first");
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTED && hc_client_response_code(w.a) == 200);
  CHECK(hc_client_response_code(w.b) == 0 && !hc_client_has_response(w.b));
  send_request(&w, w.b, "/b");
  CHECK_CASE("the answer of the one before made room",
             hc_client_response_code(w.a) == 0 && !hc_client_sends_body(w.a));
  loopback_send(w.theirs, "HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\nsecond");
  read_body(w.b, "second");
  CHECK(hc_client_response_code(w.b) == 201 && hc_client_get_status(w.b) == HC_STATUS_CONNECTED);
  send_request(&w, w.a, "/again");
  loopback_send(w.theirs, EMPTY_ANSWER);
  read_body(w.a, "");
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTED);
  close_world(&w);
}

/* A request that can't be sent changes nothing, the answer of the other included. */
static void check_refused_request(void) {
  world w;
  open_world(&w);
  send_request(&w, w.a, "/");
  loopback_send(w.theirs, EMPTY_ANSWER);
  read_body(w.a, "");
  CHECK(ask(w.b, "no path", NULL) == HC_ERR_INVALID_PARAMETER &&
        hc_client_get_status(w.b) == HC_STATUS_CONNECTED);
  CHECK(hc_client_response_code(w.a) == 200 && hc_client_response_code(w.b) == 0);
  close_world(&w);
}

/* What comes for another wakes nobody, also when that one leaves it lying. */
static void check_waiting_beside(void) {
  world w;
  bool ready = true, any[2] = {false, false};
  open_world(&w);
  send_request(&w, w.a, "/");
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
  await_status(w.a, HC_STATUS_BODY);
  CHECK(hc_client_wait(w.b, 0.01, &ready) == HC_OK && !ready);
  hc_client *both[2] = {w.a, w.b};
  CHECK(hc_client_wait_any(both, 2, 10, any) == HC_OK && any[0] && !any[1]);
  read_body(w.a, "first");
  CHECK(hc_client_wait(w.b, 0, &ready) == HC_OK && !ready);
  hang_up(&w);
  CHECK_CASE("an end is for both",
             hc_client_wait(w.b, 10, &ready) == HC_ERR_CONNECTION_ERROR && ready);
  any[0] = any[1] = false;
  CHECK(hc_client_wait_any(both, 2, 10, any) == HC_OK && any[0]);
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR);
  close_world(&w);
}

static void check_leaving(void) {
  world w;
  open_world(&w);
  send_request(&w, w.a, "/");
  hc_client_close(w.b);
  CHECK(hc_client_get_status(w.b) == HC_STATUS_DISCONNECTED && !hc_client_get_stream(w.b));
  CHECK_CASE("the other goes on", hc_client_poll(w.a) == HC_OK && sees_nothing(&w));
  loopback_send(w.theirs, EMPTY_ANSWER);
  read_body(w.a, "");
  CHECK(hc_client_join(w.b, w.a, NULL) == HC_OK);
  hc_client_delete(w.a);
  w.a = NULL;
  CHECK_CASE("one is left", sees_nothing(&w));
  send_request(&w, w.b, "/");
  loopback_send(w.theirs, EMPTY_ANSWER);
  read_body(w.b, "");
  hc_client_close(w.b);
  CHECK_CASE("the last one ends the connection", sees_end(&w));
  close_world(&w);
}

/* HTTP/1.1 can not give up a request and keep the connection. */
static void check_leaving_in_the_middle(void) {
  for (int deleted = 0; deleted < 2; deleted++) {
    world w;
    open_world(&w);
    send_request(&w, w.a, "/");
    if (deleted) hc_client_delete(w.a);
    else hc_client_close(w.a);
    if (deleted) w.a = NULL;
    CHECK(sees_end(&w) && hc_client_poll(w.b) == HC_ERR_CONNECTION_ERROR);
    CHECK(hc_client_get_status(w.b) == HC_STATUS_CONNECTION_ERROR &&
          says(w.b, "the request of another client"));
    hc_client_close(w.b);
    CHECK(hc_client_last_error(w.b)->code == HC_OK);
    close_world(&w);
  }
}

static void check_server_ends(void) {
  world w;
  open_world(&w);
  send_request(&w, w.a, "/");
  loopback_send(w.theirs, EMPTY_ANSWER);
  read_body(w.a, "");
  hang_up(&w);
  await_status(w.b, HC_STATUS_CONNECTION_ERROR);
  await_status(w.a, HC_STATUS_CONNECTION_ERROR);
  CHECK_CASE("both in the same words",
             says(w.a, "closed the idle connection") && says(w.b, "closed the idle connection"));
  close_world(&w);
  /* In the middle of an answer: whose it was, and who only stood by. */
  open_world(&w);
  send_request(&w, w.a, "/");
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfi");
  hang_up(&w);
  read_body(w.a, "fi");
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR &&
        hc_client_poll(w.b) == HC_ERR_CONNECTION_ERROR);
  CHECK(says(w.a, "cut short: 2 of 5") && says(w.b, "cut short: 2 of 5"));
  close_world(&w);
}

/* "Connection: close": running out, then at its end. */
static void check_draining(void) {
  world w;
  hc_client *late = hc_client_new();
  open_world(&w);
  send_request(&w, w.a, "/");
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
  await_status(w.a, HC_STATUS_BODY);
  const hc_connection *n = w.a->place.connection;
  CHECK(n->state == HC_CONNECTION_DRAINING && hc_connection_room(n) == 0 &&
        ask(w.b, "/", NULL) == HC_ERR_BUSY);
  CHECK_CASE("nobody comes to stand on it",
             hc_client_join(late, w.a, NULL) == HC_ERR_INVALID_PARAMETER);
  loopback_send(w.theirs, "last");
  read_body(w.a, "last");
  CHECK(hc_client_get_status(w.a) == HC_STATUS_DISCONNECTED && n->state == HC_CONNECTION_CLOSED);
  CHECK(hc_client_response_code(w.a) == 200 && sees_end(&w));
  await_status(w.b, HC_STATUS_CONNECTION_ERROR);
  hc_client_delete(late);
  close_world(&w);
}

/* Before the connection stands: both get there, or both hear in what it failed. */
static void check_connecting(void) {
  int holder;
  unsigned dead = loopback_dead_port("127.0.0.1", &holder);
  world w;
  open_world(&w);
  for (int fails = 0; fails < 2; fails++) {
    bool ready;
    hc_client *c = hc_client_new(), *beside = hc_client_new();
    CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), fails ? dead : w.port, HC_CONNECT_PLAIN, NULL,
                            NULL) == HC_OK);
    CHECK(hc_client_join(beside, c, NULL) == HC_OK &&
          hc_client_get_status(beside) == hc_client_get_status(c));
    while (hc_client_get_status(beside) == HC_STATUS_CONNECTING)
      (void)hc_client_wait(beside, 10, &ready);
    (void)hc_client_poll(c);
    hc_status expected = fails ? HC_STATUS_CANT_CONNECT : HC_STATUS_CONNECTED;
    CHECK(hc_client_get_status(beside) == expected && hc_client_get_status(c) == expected);
    CHECK(strcmp(hc_client_last_error(c)->text, hc_client_last_error(beside)->text) == 0);
    hc_client_delete(c);
    hc_client_delete(beside);
  }
  close_world(&w);
  (void)close(holder);
}

static void check_refusals(void) {
  world w;
  hc_failure why = {HC_OK, ""};
  hc_client *c = hc_client_new();
  open_world(&w);
  CHECK(hc_client_join(w.a, c, &why) == HC_ERR_INVALID_PARAMETER &&
        strstr(why.text, "no connection"));
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTED);
  CHECK(hc_client_join(w.a, w.a, NULL) == HC_ERR_BUSY);
  hc_client_begin(w.a);
  CHECK(hc_client_join(c, w.a, NULL) == HC_ERR_BUSY &&
        hc_client_join(w.a, w.b, NULL) == HC_ERR_BUSY);
  hc_client_end(w.a);
  hc_client_delete(c);
  close_world(&w);
}

/* One that leaves a shared connection gets one of its own for the next. */
static void check_going_elsewhere(void) {
  world w;
  bool ready;
  open_world(&w);
  hc_stream_peer *stream = hc_client_get_stream(w.a);
  CHECK(hc_client_connect(w.b, HC_SLICE("127.0.0.1"), w.port, HC_CONNECT_PLAIN, NULL, NULL) ==
        HC_OK);
  while (hc_client_get_status(w.b) == HC_STATUS_CONNECTING) (void)hc_client_wait(w.b, 10, &ready);
  int second = loopback_accept(w.listener);
  CHECK(hc_client_get_stream(w.b) != stream && hc_client_get_stream(w.a) == stream &&
        sees_nothing(&w));
  CHECK(hc_client_set_stream(w.b, stream) == HC_OK && hc_client_get_stream(w.b) == stream);
  CHECK(hc_client_get_status(w.b) == HC_STATUS_CONNECTED);
  (void)close(second);
  close_world(&w);
}

/* A caller who says more than he was shown means what he was shown, and no byte behind it: what
 * stands there may be another answer, or content that he has not seen. */
static void check_consuming_more(void) {
  world w;
  hc_slice view;
  open_world(&w);
  send_request(&w, w.a, "/");
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst" EMPTY_ANSWER);
  await_status(w.a, HC_STATUS_BODY);
  hc_client_body_consume(w.a, SIZE_MAX);
  CHECK_CASE("nothing was shown yet", hc_client_get_status(w.a) == HC_STATUS_BODY);
  hc_client_body_peek(w.a, &view);
  CHECK(hc_slice_equal(view, HC_SLICE("first")));
  hc_client_body_consume(w.a, SIZE_MAX);
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTED);
  hc_client_body_consume(w.a, SIZE_MAX);
  CHECK(hc_client_body_taken(w.a) == 5);
  close_world(&w);
}

/* In parts, with more in memory than a view shows. */
static void check_consuming_in_parts(void) {
  world w;
  hc_slice view;
  open_world(&w);
  hc_settings *settings = hc_client_get_settings(w.a);
  settings->read_chunk_size = HC_READ_CHUNK_MIN;
  send_request(&w, w.a, "/");
  char answer[2 * HC_READ_CHUNK_MIN + 128];
  int head = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                      2 * HC_READ_CHUNK_MIN);
  memset(answer + head, 'x', 2 * HC_READ_CHUNK_MIN);
  answer[(size_t)head + 2 * HC_READ_CHUNK_MIN] = '\0';
  loopback_send(w.theirs, answer);
  await_status(w.a, HC_STATUS_BODY);
  hc_client_body_peek(w.a, &view);
  CHECK(view.size > 10 && view.size <= HC_READ_CHUNK_MIN);
  size_t shown = view.size;
  hc_client_body_consume(w.a, 10);
  hc_client_body_consume(w.a, SIZE_MAX);
  hc_client_body_consume(w.a, SIZE_MAX);
  CHECK(hc_client_body_taken(w.a) == shown && hc_client_get_status(w.a) == HC_STATUS_BODY);
  close_world(&w);
}

/* --- the end of the connection by way of the other one */

static void end_by_other(world *w) {
  hc_stream_peer *stream = hc_client_get_stream(w->b);
  CHECK(hc_client_set_stream(w->b, stream) == HC_OK);
  hc_client_close(w->b);
}

static void check_end_while_requesting(void) {
  world w;
  bool ready = false;
  open_world(&w);
  send_request(&w, w.a, "/");
  end_by_other(&w);
  CHECK(hc_client_wait(w.a, 10, &ready) == HC_ERR_CONNECTION_ERROR && ready);
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR && says(w.a, "another"));
  close_world(&w);
}

static void check_end_in_body(bool is_blocking) {
  world w;
  hc_slice view = {"x", 1};
  open_world(&w);
  send_request(&w, w.a, "/");
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst");
  await_status(w.a, HC_STATUS_BODY);
  hc_client_get_settings(w.a)->blocking = is_blocking;
  end_by_other(&w);
  hc_client_body_peek(w.a, &view);
  CHECK(view.size == 0 && hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR);
  close_world(&w);
}

typedef struct ender {
  world *w;
  unsigned calls;
} ender;

static hc_pull_result end_and_give(void *context, hc_slice *piece, hc_failure *why) {
  ender *e = (ender *)context;
  (void)why;
  e->calls++;
  end_by_other(e->w);
  *piece = HC_SLICE("piece");
  return HC_PULL_DATA;
}

static void check_end_by_source(void) {
  world w;
  open_world(&w);
  ender e = {&w, 0};
  hc_client_request_spec spec = {
      .method = HC_METHOD_POST,
      .url = HC_SLICE("/"),
      .body = {.kind = HC_BODY_PULL, .pull = end_and_give, .context = &e}};
  CHECK(hc_client_request(w.a, &spec, NULL) == HC_OK);
  for (int i = 0; i < 10 && hc_client_get_status(w.a) == HC_STATUS_REQUESTING; i++)
    (void)hc_client_poll(w.a);
  CHECK(e.calls == 1 && hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR);
  CHECK(says(w.a, "another"));
  close_world(&w);
}

/* Whoever keeps a connection besides its clients keeps it open. */
static void check_kept(void) {
  world w;
  open_world(&w);
  hc_connection *n = w.a->place.connection;
  hc_connection_retain(n);
  hc_client_close(w.a);
  hc_client_delete(w.b);
  w.b = hc_client_new();
  CHECK(sees_nothing(&w) && n->state == HC_CONNECTION_OPEN && n->references == 1);
  hc_connection_release(n);
  CHECK(sees_end(&w));
  close_world(&w);
}

#ifdef HC_TEST_HOOKS
static void check_memory(void) {
  long before = hc_memory_live_blocks();
  world w;
  open_world(&w);
  hc_memory_fail_after(0, 1);
  hc_client_close(w.b);
  CHECK_CASE("joining needs no memory", hc_client_join(w.b, w.a, NULL) == HC_OK);
  hc_failure why = {HC_OK, ""};
  hc_error code =
      hc_client_connect(w.b, HC_SLICE("127.0.0.1"), w.port, HC_CONNECT_PLAIN, NULL, &why);
  CHECK(code == HC_ERR_OUT_OF_MEMORY && hc_client_get_status(w.b) == HC_STATUS_DISCONNECTED);
  CHECK(hc_client_set_stream(w.b, hc_client_get_stream(w.a)) == HC_ERR_OUT_OF_MEMORY);
  hc_memory_fail_after(-1, 0);
  CHECK(sees_nothing(&w) && hc_client_get_status(w.a) == HC_STATUS_CONNECTED);
  CHECK(hc_client_join(w.b, w.a, NULL) == HC_OK);
  close_world(&w);
  CHECK(hc_memory_live_blocks() == before);
}

/* The code is kept in any case; the words for it need memory. */
static void check_end_without_memory(void) {
  world w;
  open_world(&w);
  hang_up(&w);
  hc_interest interest;
  hc_client_interest(w.a, &interest);
  (void)loopback_await((int)interest.fd, POLLIN);
  hc_memory_fail_after(0, 1);
  hc_error first = hc_client_poll(w.a), second = hc_client_poll(w.b);
  hc_memory_fail_after(-1, 0);
  CHECK(first == HC_ERR_CONNECTION_ERROR && second == HC_ERR_CONNECTION_ERROR);
  CHECK_CASE("who finds it out has the words of the code",
             says(w.a, hc_error_string(HC_ERR_CONNECTION_ERROR)));
  CHECK_CASE("and so has the other one", says(w.b, hc_error_string(HC_ERR_CONNECTION_ERROR)));
  close_world(&w);
}
#endif

/* --- a body that is asked for piece by piece, of a size that is known */

static hc_pull_result give_letter(void *context, hc_slice *piece, hc_failure *why) {
  (void)why;
  const char **next = (const char **)context;
  if (**next == '\0') return HC_PULL_END;
  *piece = (hc_slice){(*next)++, 1};
  return HC_PULL_DATA;
}

static bool ask_to_post(const world *w, const char **text, uint64_t length, const char *end) {
  char seen[512] = "";
  size_t got = 0;
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
  hc_client_request_spec spec = {
      .method = HC_METHOD_POST,
      .url = HC_SLICE("/"),
      .body = {.kind = HC_BODY_PULL, .pull = give_letter, .context = text, .file_length = length}};
  CHECK(hc_client_request(w->a, &spec, NULL) == HC_OK);
  while (!strstr(seen, end) && hc_clock_now() < limit) {
    (void)hc_client_poll(w->a);
    ssize_t size = recv(w->theirs, seen + got, sizeof seen - 1 - got, MSG_DONTWAIT);
    if (size > 0) got += (size_t)size;
    seen[got] = '\0';
  }
  CHECK_CASE(seen, strstr(seen, end) != NULL);
  return strstr(seen, "Content-Length: 3\r\n") && !strstr(seen, "chunked");
}

static void check_pull_of_known_length(void) {
  world w;
  const char *text = "abc";
  open_world(&w);
  CHECK(ask_to_post(&w, &text, 3, "\r\n\r\nabc"));
  loopback_send(w.theirs, EMPTY_ANSWER);
  await_status(w.a, HC_STATUS_BODY);
  close_world(&w);
  open_world(&w);
  text = "abc";
  CHECK_CASE("0: nobody knows", !ask_to_post(&w, &text, 0, "\r\n0\r\n\r\n"));
  close_world(&w);
}

int main(void) {
  check_pull_of_known_length();
  check_turns();
  check_refused_request();
  check_waiting_beside();
  check_leaving();
  check_leaving_in_the_middle();
  check_server_ends();
  check_draining();
  check_connecting();
  check_refusals();
  check_consuming_more();
  check_consuming_in_parts();
  check_end_while_requesting();
  check_end_in_body(false);
  check_end_in_body(true);
  check_end_by_source();
  check_going_elsewhere();
  check_kept();
#ifdef HC_TEST_HOOKS
  check_memory();
  check_end_without_memory();
#endif
  return check_report();
}
