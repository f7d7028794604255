/* test_client.c - the client's C API where no Lua stands before it: arguments that are refused,
 * options that are left out, calls at the wrong time; and several clients and pollers. */
#include "../../core/client/client_state.h"
#include "../../core/client/client.h"
#include "../../core/base/limits.h"
#include "../../core/base/memory.h"
#include "../../core/poller.h"
#include "loopback.h"

static const hc_slice none = {NULL, 0};

static bool says(const hc_failure *why, const char *text) {
  return strstr(why->text, text) != NULL;
}

static void check_proxies(hc_client *c) {
  static const struct {
    const char *host;
    long long port;
    const char *text;
  } wrong[] = {{"proxy.test", 0, "proxy port 0"},
               {"proxy.test", 65536, "proxy port 65536"},
               {"proxy.test", -2, "proxy port -2"},
               {"https://proxy.test", 80, "without TLS"},
               {"bad host", 80, "proxy: "}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    hc_failure why = {HC_OK, ""};
    hc_error code = hc_client_set_proxy(c, HC_PROXY_HTTP, hc_slice_of(wrong[i].host), wrong[i].port,
                                        none, none, &why);
    CHECK_CASE(wrong[i].text, code == HC_ERR_INVALID_PARAMETER && says(&why, wrong[i].text));
  }
  hc_failure why = {HC_OK, ""};
  CHECK(hc_client_set_proxy(c, HC_PROXY_HTTP, HC_SLICE("proxy.test"), 80, none, HC_SLICE("secret"),
                            &why) == HC_OK);
  CHECK(hc_client_set_proxy(c, HC_PROXY_HTTP, HC_SLICE("proxy.test"), 80, HC_SLICE("a:b"), none,
                            &why) != HC_OK);
  CHECK(hc_client_set_proxy(c, HC_PROXY_HTTP, HC_SLICE(""), 80, none, none, &why) == HC_OK);
  CHECK(hc_client_set_proxy(c, HC_PROXY_HTTPS, HC_SLICE("proxy.test"), 80, none, none, &why) ==
        HC_OK);
  CHECK(hc_client_set_proxy(c, HC_PROXY_HTTPS, HC_SLICE("proxy.test"), -1, none, none, &why) ==
        HC_OK);
}

static void check_connects(hc_client *c) {
  hc_failure why = {HC_OK, ""};
  CHECK(hc_client_connect(c, HC_SLICE("http://a.test"), 80, HC_CONNECT_TLS, NULL, &why) ==
        HC_ERR_INVALID_PARAMETER);
  CHECK(says(&why, "contradicts"));
  hc_failure_clear(&why);
  CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), 70000, HC_CONNECT_PLAIN, NULL, &why) ==
        HC_ERR_INVALID_PARAMETER);
  CHECK(says(&why, "port 70000") && hc_client_get_status(c) == HC_STATUS_DISCONNECTED);
  /* Without options all is verified; nobody listens at the discard port of this address. */
  CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), 9, HC_CONNECT_TLS, NULL, &why) == HC_OK);
  CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), -1, HC_CONNECT_TLS, NULL, &why) == HC_OK);
  hc_client_close(c);
}

static size_t write_nothing(void *context, hc_slice bytes, hc_failure *why) {
  (void)context, (void)bytes, (void)why;
  return 0;
}

static void check_wrong_times(hc_client *c) {
  hc_failure why = {HC_OK, ""};
  uint64_t moved = 9;
  hc_slice view = {"x", 1};
  CHECK(hc_client_body_to_writer(c, write_nothing, NULL, &moved, &why) ==
            HC_ERR_INVALID_PARAMETER &&
        moved == 0);
  CHECK(says(&why, "no body"));
  hc_client_body_peek(c, &view);
  hc_client_body_consume(c, 1);
  CHECK(view.size == 0 && hc_client_poll(c) == HC_ERR_UNCONFIGURED);
  CHECK(hc_client_response_code(c) == 0 && hc_client_response_reason(c).size == 0 &&
        !hc_client_has_response(c));
  CHECK(hc_client_response_body_length(c) == -1 && !hc_client_response_is_chunked(c));
  hc_client_request_spec spec = {.method = 0, .url = HC_SLICE("/")};
  CHECK(hc_client_request(c, &spec, &why) != HC_OK);
  CHECK(hc_client_set_stream(c, NULL) == HC_OK);
  CHECK(strcmp(hc_status_name((hc_status)99), "?") == 0 &&
        strcmp(hc_status_name(HC_STATUS_BODY), "BODY") == 0);
}

static void check_waits(hc_client *c) {
  bool ready = false;
  CHECK(hc_client_wait_any(&c, 0, 0, &ready) == HC_OK && !ready);
  CHECK(hc_client_wait_any(&c, 1, 0, &ready) == HC_OK && ready); /* nothing to wait for: at once */
  hc_settings *settings = hc_client_get_settings(c);
  settings->connect_timeout = 1e300; /* as good as never */
  CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), 9, HC_CONNECT_PLAIN, NULL, NULL) == HC_OK);
  hc_interest interest;
  hc_client_interest(c, &interest);
  CHECK(interest.fd >= 0 || interest.ready || interest.deadline != HC_NEVER);
  settings->connect_timeout = 0;
  hc_client_close(c);
}

static void check_pollers(hc_client *c) {
  hc_poller *one = NULL, *two = NULL;
  hc_failure why = {HC_OK, ""};
  int tag = 0;
  hc_interest interest;
  CHECK(hc_poller_new(&one, &why) == HC_OK && hc_poller_new(&two, &why) == HC_OK);
  CHECK(hc_poller_add(one, c, &tag, &why) == HC_OK && hc_poller_count(one) == 1);
  CHECK(hc_poller_add(one, c, &tag, &why) == HC_ERR_ALREADY_IN_USE);
  CHECK(hc_poller_add(two, c, &tag, &why) == HC_ERR_ALREADY_IN_USE);
  CHECK(hc_poller_remove(two, c) == HC_ERR_DOES_NOT_EXIST && hc_poller_count(two) == 0);
  CHECK(hc_poller_wait(one, 0) == HC_OK);
  hc_poller_interest(two, &interest);
  CHECK(interest.deadline == HC_NEVER && !interest.ready);
  CHECK(!hc_poller_next(two));
  CHECK(hc_poller_remove(one, c) == HC_OK && hc_poller_remove(one, c) == HC_ERR_DOES_NOT_EXIST);
  hc_poller_delete(one);
  hc_poller_delete(two);
  hc_poller_delete(NULL);
}

/* --- a stream that must read in order to write, and write in order to read, as TLS may */

typedef struct contrary {
  hc_stream_peer base;
  int fd;
  hc_io send_says, recv_says;
  const char *answer; /* what is still to be received, */
  unsigned looks; /* but only after so many looks in vain */
  size_t sent;
} contrary;

static hc_io contrary_advance(hc_stream_peer *self, hc_failure *why) {
  (void)self, (void)why;
  return HC_IO_OK;
}

static hc_io contrary_send(hc_stream_peer *self, const hc_slice *parts, size_t count, size_t *sent,
                           hc_failure *why) {
  contrary *s = (contrary *)self;
  (void)why;
  *sent = 0;
  if (s->send_says != HC_IO_OK) return s->send_says;
  for (size_t i = 0; i < count; i++) *sent += parts[i].size;
  s->sent += *sent;
  return HC_IO_OK;
}

static hc_io contrary_peek(hc_stream_peer *self, hc_failure *why) {
  contrary *s = (contrary *)self;
  (void)why;
  if (s->looks == 0) return s->recv_says;
  s->looks--;
  return HC_IO_WANT_READ;
}

static hc_io contrary_recv(hc_stream_peer *self, char *into, size_t room, size_t *got,
                           hc_failure *why) {
  contrary *s = (contrary *)self;
  hc_io io = contrary_peek(self, why);
  *got = 0;
  if (io != HC_IO_OK) return io;
  *got = strlen(s->answer) < room ? strlen(s->answer) : room;
  memcpy(into, s->answer, *got);
  s->answer += *got;
  s->recv_says = HC_IO_WANT_WRITE;
  return HC_IO_OK;
}

static size_t contrary_available(hc_stream_peer *self) {
  (void)self;
  return 0;
}

static void contrary_interest(hc_stream_peer *self, hc_interest *out) {
  *out = (hc_interest){((contrary *)self)->fd, 0, false, HC_NEVER};
}

static void contrary_close(hc_stream_peer *self) { (void)self; }

static bool waits_for(hc_client *c, int fd, unsigned events) {
  hc_interest interest;
  hc_client_interest(c, &interest);
  return interest.fd == fd && interest.events == events && !interest.ready;
}

static const hc_stream_peer_ops ops = {.name = "contrary",
                                       .advance = contrary_advance,
                                       .send = contrary_send,
                                       .recv = contrary_recv,
                                       .peek = contrary_peek,
                                       .available = contrary_available,
                                       .interest = contrary_interest,
                                       .close = contrary_close,
                                       .destroy = contrary_close};

static void check_contrary_stream(hc_client *c) {
  int ends[2];
  loopback_need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  contrary s = {.fd = ends[0], .send_says = HC_IO_WANT_READ, .recv_says = HC_IO_WANT_WRITE};
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/")};
  hc_slice view;
  bool ready = true;
  hc_stream_peer_init(&s.base, &ops);
  CHECK(hc_client_set_stream(c, &s.base) == HC_OK && hc_client_request(c, &spec, NULL) == HC_OK);
  CHECK(hc_client_poll(c) == HC_OK && s.sent == 0);
  CHECK_CASE("a send that must read first", waits_for(c, ends[0], HC_EVENT_READ));
  s.send_says = HC_IO_WANT_WRITE;
  CHECK(hc_client_poll(c) == HC_OK && waits_for(c, ends[0], HC_EVENT_READ | HC_EVENT_WRITE));
  s.send_says = HC_IO_OK;
  CHECK(hc_client_poll(c) == HC_OK && s.sent > 0 && hc_client_poll(c) == HC_OK);
  CHECK_CASE("a head that must be written for", waits_for(c, ends[0], HC_EVENT_WRITE));
  s.answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na";
  s.recv_says = HC_IO_OK;
  CHECK(hc_client_poll(c) == HC_OK && hc_client_get_status(c) == HC_STATUS_BODY);
  hc_client_body_peek(c, &view);
  CHECK(hc_slice_equal(view, HC_SLICE("a")));
  hc_client_body_consume(c, 1);
  hc_client_body_peek(c, &view);
  CHECK_CASE("content that must be written for",
             view.size == 0 && waits_for(c, ends[0], HC_EVENT_WRITE));
  /* What nothing has come for does not count as ready. */
  CHECK(hc_client_begin_turn(c));
  hc_turn turn = hc_client_take_turn(c);
  CHECK(turn.status == HC_STATUS_BODY && !turn.has_moved && !hc_client_has_news(c));
  hc_client_end_turn(c);
  s.answer = "bc";
  s.recv_says = HC_IO_OK;
  CHECK(hc_client_wait(c, 0, &ready) == HC_OK && ready);
  hc_client_body_peek(c, &view);
  CHECK(hc_slice_equal(view, HC_SLICE("bc")));
  hc_client_body_consume(c, 2);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTED && hc_client_poll(c) == HC_OK);
  CHECK_CASE("between requests", waits_for(c, ends[0], HC_EVENT_READ) &&
                                     hc_client_get_status(c) == HC_STATUS_CONNECTED);
  hc_client_close(c);
  CHECK(s.base.references == 1);
}

/* --- what a call came to */

static size_t write_all(void *context, hc_slice bytes, hc_failure *why) {
  (void)context, (void)why;
  return bytes.size;
}

/* With a request sent, whose answer has begun like this. */
static void begin_answer(hc_client *c, contrary *s, const char *answer) {
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/")};
  *s = (contrary){.fd = -1, .send_says = HC_IO_OK, .recv_says = HC_IO_WANT_READ};
  hc_stream_peer_init(&s->base, &ops);
  CHECK(hc_client_set_stream(c, &s->base) == HC_OK && hc_client_request(c, &spec, NULL) == HC_OK);
  CHECK(hc_client_poll(c) == HC_OK);
  s->answer = answer;
  s->recv_says = HC_IO_OK;
}

static bool moves(hc_client *c, hc_body_writer write, hc_error expected, uint64_t size) {
  hc_body_move move = {9, false};
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_client_move_to_writer(c, write, NULL, &move, &why);
  CHECK(code == expected && why.code == expected && move.moved == size);
  CHECK(move.is_over == (hc_client_get_status(c) != HC_STATUS_BODY));
  return !move.is_over;
}

static void check_moves(hc_client *c) {
  contrary s;
  begin_answer(c, &s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  CHECK(hc_client_poll(c) == HC_OK);
  CHECK_CASE("a writer that refuses", moves(c, write_nothing, HC_ERR_FILE_CANT_WRITE, 0));
  CHECK_CASE("more will come", moves(c, write_all, HC_OK, 2) && moves(c, write_all, HC_OK, 0));
  s.answer = "cd";
  s.recv_says = HC_IO_OK;
  CHECK_CASE("the last bytes", !moves(c, write_all, HC_OK, 2));
  CHECK_CASE("behind them", !moves(c, write_all, HC_ERR_INVALID_PARAMETER, 0));
  begin_answer(c, &s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  CHECK(hc_client_poll(c) == HC_OK && moves(c, write_all, HC_OK, 2));
  s.recv_says = HC_IO_EOF;
  CHECK_CASE("content that is cut short", !moves(c, write_all, HC_ERR_CONNECTION_ERROR, 0));
  hc_client_close(c);
}

/* A refusal is no reason to make the call again, so it does not look unfinished either, even where
 * its slice is over. */
static size_t refuse_late(void *context, hc_slice bytes, hc_failure *why) {
  uint64_t begin = hc_clock_now();
  (void)context, (void)bytes, (void)why;
  while (hc_clock_now() - begin <= HC_SLICE_NS) continue;
  return 0;
}

static void check_refusal_in_slices(hc_client *c) {
  contrary s;
  begin_answer(c, &s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
  CHECK(hc_client_poll(c) == HC_OK && moves(c, write_nothing, HC_ERR_FILE_CANT_WRITE, 0));
  hc_client_get_settings(c)->blocking = hc_client_get_settings(c)->in_slices = true;
  CHECK(moves(c, refuse_late, HC_ERR_FILE_CANT_WRITE, 0) && !hc_client_is_unfinished(c));
  hc_client_get_settings(c)->blocking = hc_client_get_settings(c)->in_slices = false;
  hc_client_close(c);
}

/* The poll in which an answer ends its connection says that all went well, and a poll tells of a
 * timeout once. */
static void check_polls(hc_client *c) {
  contrary s;
  begin_answer(c, &s, "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
  CHECK(hc_client_poll(c) == HC_OK && hc_client_get_status(c) == HC_STATUS_DISCONNECTED);
  CHECK(hc_client_poll(c) == HC_ERR_UNCONFIGURED);
  hc_client_get_settings(c)->response_timeout = 0.01;
  begin_answer(c, &s, "");
  s.recv_says = HC_IO_WANT_READ;
  hc_error code = HC_OK;
  while (code == HC_OK) code = hc_client_poll(c);
  CHECK(code == HC_ERR_TIMEOUT && hc_client_poll(c) == HC_ERR_CONNECTION_ERROR);
  CHECK(hc_client_last_error(c)->code == HC_ERR_TIMEOUT);
  hc_client_get_settings(c)->response_timeout = 0;
  hc_client_close(c);
}

/* --- failures */

static void end_by_server(hc_client *c) {
  contrary s;
  begin_answer(c, &s, "");
  s.recv_says = HC_IO_EOF;
  CHECK(hc_client_poll(c) == HC_ERR_CONNECTION_ERROR);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTION_ERROR);
}

/* A client without a failure has no room for its sentence; one that had one keeps that room, since
 * a caller may hold it. */
static void check_failure_record(void) {
  hc_client *c = hc_client_new();
  if (!c) return;
  CHECK(sizeof *c < sizeof(hc_failure));
  end_by_server(c);
  const hc_failure *first = hc_client_last_error(c);
  CHECK(first->code == HC_ERR_CONNECTION_ERROR && says(first, "without an answer"));
  hc_client_close(c);
  CHECK(hc_client_last_error(c)->code == HC_OK && first->code == HC_OK && !*first->text);
  end_by_server(c);
  CHECK(hc_client_last_error(c) == first && says(first, "without an answer"));
  hc_client_delete(c);
}

/* Where that room can't be had, the code is kept. */
static void check_failure_without_memory(void) {
#ifdef HC_TEST_HOOKS
  hc_client *c = hc_client_new();
  contrary s;
  if (!c) return;
  begin_answer(c, &s, "");
  s.recv_says = HC_IO_EOF;
  hc_memory_fail_after(0, 1);
  CHECK(hc_client_poll(c) == HC_ERR_CONNECTION_ERROR);
  hc_memory_fail_after(-1, 0);
  CHECK(hc_client_last_error(c)->code == HC_ERR_CONNECTION_ERROR);
  CHECK(says(hc_client_last_error(c), hc_error_string(HC_ERR_CONNECTION_ERROR)));
  hc_client_close(c);
  CHECK(hc_client_last_error(c)->code == HC_OK);
  end_by_server(c);
  CHECK(says(hc_client_last_error(c), "without an answer"));
  hc_client_delete(c);
#endif
}

/* --- streams without a descriptor */

/* A stream that has no descriptor and names no time is looked at again and again, whatever one
 * waits in. */
static void check_blind_stream(hc_client *c) {
  for (int way = 0; way < 4; way++) {
    contrary s = {.fd = -1, .send_says = HC_IO_OK, .recv_says = HC_IO_WANT_READ};
    hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/")};
    hc_poller *poller = NULL;
    bool ready = false;
    hc_stream_peer_init(&s.base, &ops);
    CHECK(hc_client_set_stream(c, &s.base) == HC_OK && hc_client_request(c, &spec, NULL) == HC_OK);
    CHECK(hc_client_poll(c) == HC_OK && s.sent > 0);
    s.answer = "HTTP/1.1 204 No\r\n\r\n";
    s.recv_says = HC_IO_OK;
    s.looks = 3;
    uint64_t begin = hc_clock_now();
    hc_client_get_settings(c)->blocking = way == 3;
    switch (way) {
    case 0: CHECK(hc_client_wait(c, -1, &ready) == HC_OK && ready); break;
    case 1: CHECK(hc_client_wait_any(&c, 1, -1, &ready) == HC_OK && ready); break;
    case 2:
      CHECK(hc_poller_new(&poller, NULL) == HC_OK && hc_poller_add(poller, c, &s, NULL) == HC_OK);
      CHECK(hc_poller_wait(poller, -1) == HC_OK && hc_poller_next(poller) == &s);
      hc_poller_delete(poller);
      break;
    default: CHECK(hc_client_poll(c) == HC_OK); break;
    }
    CHECK(s.looks == 0 && hc_client_response_code(c) == 204 &&
          hc_client_get_status(c) == HC_STATUS_CONNECTED);
    CHECK_CASE("it sleeps between two looks", hc_clock_now() - begin > 2000000);
    hc_client_get_settings(c)->blocking = false;
    hc_client_close(c);
  }
}

/* --- in slices */

static bool comes_back(hc_client *c, uint64_t began) {
  return hc_client_is_unfinished(c) && hc_clock_now() - began >= HC_SLICE_NS &&
         hc_clock_now() - began < 8 * HC_SLICE_NS;
}

static void check_sliced_poll(hc_client *c, int theirs) {
  static const char *const pieces[] = {"HTTP/1.1 2", "00 OK\r\nContent-", NULL};
  for (size_t i = 0; i < 3; i++) {
    uint64_t began = hc_clock_now();
    CHECK(hc_client_poll(c) == HC_OK && comes_back(c, began) &&
          hc_client_get_status(c) == HC_STATUS_REQUESTING);
    if (pieces[i]) loopback_send(theirs, pieces[i]);
  }
  loopback_send(theirs, "Length: 6\r\n\r\nabc");
  CHECK(hc_client_poll(c) == HC_OK && !hc_client_is_unfinished(c) &&
        hc_client_get_status(c) == HC_STATUS_BODY);
}

/* A view keeps what has come of it; a host that sets no slices on the same socket gets all of it in
 * one call. */
static void check_sliced_read(hc_client *c, int theirs) {
  hc_slice view;
  for (int i = 0; i < 2; i++) {
    uint64_t began = hc_clock_now();
    hc_client_body_peek(c, &view);
    CHECK(view.size == 0 && comes_back(c, began));
  }
  CHECK(hc_client_poll(c) == HC_OK && !hc_client_is_unfinished(c));
  loopback_send(theirs, "def");
  hc_client_get_settings(c)->in_slices = false;
  hc_client_body_peek(c, &view);
  CHECK(view.size == 6 && memcmp(view.data, "abcdef", 6) == 0 && !hc_client_is_unfinished(c));
  hc_client_body_consume(c, 6);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTED);
}

static void check_slices(hc_client *c) {
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/")};
  hc_poller *poller = NULL;
  unsigned port = 0;
  bool ready;
  int listener = loopback_listen("127.0.0.1", 1, &port);
  CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), port, HC_CONNECT_PLAIN, NULL, NULL) == HC_OK);
  int theirs = loopback_accept(listener);
  while (hc_client_get_status(c) == HC_STATUS_CONNECTING) (void)hc_client_wait(c, 10, &ready);
  CHECK(hc_poller_new(&poller, NULL) == HC_OK && hc_poller_add(poller, c, c, NULL) == HC_OK);
  CHECK(hc_poller_wait_part(poller, -1, 0.001) == HC_ERR_TIMEOUT && !hc_poller_next(poller));
  CHECK(hc_poller_wait_part(poller, 10, 0.001) == HC_ERR_TIMEOUT &&
        hc_poller_wait_part(poller, 0.001, 10) == HC_OK);
  hc_poller_delete(poller);
  CHECK(hc_client_request(c, &spec, NULL) == HC_OK);
  hc_client_get_settings(c)->blocking = hc_client_get_settings(c)->in_slices = true;
  check_sliced_poll(c, theirs);
  check_sliced_read(c, theirs);
  hc_client_get_settings(c)->blocking = false;
  hc_client_close(c);
  hc_socket_close(theirs);
  hc_socket_close(listener);
}

int main(void) {
  hc_client *c = hc_client_new();
  if (!c) return 1;
  check_wrong_times(c);
  check_proxies(c);
  check_connects(c);
  check_waits(c);
  check_pollers(c);
  check_contrary_stream(c);
  check_moves(c);
  check_refusal_in_slices(c);
  check_polls(c);
  check_failure_record();
  check_failure_without_memory();
  check_blind_stream(c);
  check_slices(c);
  hc_client_delete(c);
  hc_client_delete(NULL);
  return check_report();
}
