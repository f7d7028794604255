/* test_h2_session.c - a session of HTTP/2: requests, windows, uploads, floods. What a
 * server may send and what it must not is in test_h2_rules.c. */
#include "h2_session_world.h"

#ifdef HC_WITH_NGHTTP2

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* --- requests */

typedef struct request_case {
  const char *name, *url;
  hc_method method;
  hc_content content;
  uint64_t size;
  const char *lines[4];
  const char *expected;
} request_case;

#define OURS "user-agent={ours} accept={*/*}"
#define AT_EXAMPLE ":method={GET} :scheme={https} :authority={example.test} "

// clang-format off: a case a line
static const request_case requests[] = {
    {"a path", "/a?b", HC_METHOD_GET, HC_CONTENT_NONE, 0, {NULL}, AT_EXAMPLE ":path={/a?b} " OURS},
    {"names become small", "/", HC_METHOD_GET, HC_CONTENT_NONE, 0, {"X-Ab: Cd", "Accept:  text/plain "}, AT_EXAMPLE ":path={/} x-ab={Cd} accept={text/plain} user-agent={ours}"},
    {"Host becomes :authority", "/", HC_METHOD_GET, HC_CONTENT_NONE, 0, {"hOST: other.test:8"}, ":method={GET} :scheme={https} :authority={other.test:8} :path={/} " OURS},
    {"an absolute URL", "HTTP://other.test?x", HC_METHOD_GET, HC_CONTENT_NONE, 0, {NULL}, ":method={GET} :scheme={http} :authority={other.test} :path={/?x} " OURS},
    {"one without a path", "https://other.test", HC_METHOD_GET, HC_CONTENT_NONE, 0, {NULL}, ":method={GET} :scheme={https} :authority={other.test} :path={/} " OURS},
    {"OPTIONS of all", "*", HC_METHOD_OPTIONS, HC_CONTENT_NONE, 0, {NULL}, ":method={OPTIONS} :scheme={https} :authority={example.test} :path={*} " OURS},
    {"OPTIONS of a site", "http://other.test", HC_METHOD_OPTIONS, HC_CONTENT_NONE, 0, {NULL}, ":method={OPTIONS} :scheme={http} :authority={other.test} :path={*} " OURS},
    {"fields of the connection", "/", HC_METHOD_GET, HC_CONTENT_NONE, 0, {"Connection: keep-alive, X-Hop", "Keep-Alive: 5", "X-Hop: 1", "Upgrade: h2c"}, AT_EXAMPLE ":path={/} " OURS},
    {"TE", "/", HC_METHOD_GET, HC_CONTENT_NONE, 0, {"TE: gzip, Trailers", "Proxy-Connection: x"}, AT_EXAMPLE ":path={/} te={trailers} " OURS},
    {"TE without trailers", "/", HC_METHOD_GET, HC_CONTENT_NONE, 0, {"TE: gzip"}, AT_EXAMPLE ":path={/} " OURS},
    {"a length", "/", HC_METHOD_POST, HC_CONTENT_SIZED, 12, {NULL}, ":method={POST} :scheme={https} :authority={example.test} :path={/} content-length={12} " OURS},
    {"the length 0", "/", HC_METHOD_PUT, HC_CONTENT_NONE, 0, {NULL}, ":method={PUT} :scheme={https} :authority={example.test} :path={/} content-length={0} " OURS},
    {"content of unknown length", "/", HC_METHOD_POST, HC_CONTENT_STREAM, 0, {"Transfer-Encoding: chunked"}, ":method={POST} :scheme={https} :authority={example.test} :path={/} " OURS},
    {"a length of the caller's", "/", HC_METHOD_POST, HC_CONTENT_STREAM, 0, {"Content-Length: 7", "Connection: content-length"}, ":method={POST} :scheme={https} :authority={example.test} :path={/} content-length={7} " OURS},
};
// clang-format on

static void check_requests(void) {
  static wire_log log;
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    const request_case *c = &requests[i];
    hc_slice lines[4];
    hc_request r = {
        .method = (int)c->method, .content = c->content, .content_length = c->size, .lines = lines};
    hc_checked_request checked;
    hc_h2_fields list = {0};
    hc_failure why = {HC_OK, ""};
    r.url = hc_slice_of(c->url);
    for (; r.line_count < 4 && c->lines[r.line_count]; r.line_count++)
      lines[r.line_count] = hc_slice_of(c->lines[r.line_count]);
    check_request(&r, &checked);
    log.size = 0;
    CHECK(hc_h2_request_list(&checked, HC_H2_HTTPS, &list, &why) == HC_OK);
    for (size_t k = 0; k < list.count; k++) {
      bool is_agent = hc_slice_equal(list.fields[k].name, HC_SLICE("user-agent"));
      wire_add(&log, "%s%.*s={%.*s}", k > 0 ? " " : "", (int)list.fields[k].name.size,
               list.fields[k].name.data, is_agent ? 4 : (int)list.fields[k].value.size,
               is_agent ? "ours" : list.fields[k].value.data);
    }
    hc_h2_fields_free(&list);
    if (strcmp(log.text, c->expected) != 0)
      fprintf(stderr, "%s:\n  expected %s\n  got      %s\n", c->name, c->expected, log.text);
    CHECK_CASE(c->name, strcmp(log.text, c->expected) == 0);
  }
}

/* --- windows, content, ends */

/* The frames that went out since the last call. */
static const char *went_out(world *w) {
  w->sent.size = 0;
  send_all(w);
  if (!h2_read(&w->sent, 0, sent_frames, sizeof sent_frames)) return "(a frame is cut)";
  return sent_frames;
}

static bool begin_quietly(world *w) { return begin_behind(w, "S|SA"); }

static void check_introduction(void) {
  static world w;
  CHECK(begin(&w));
  send_all(&w);
  CHECK(w.sent.size > 24 && memcmp(w.sent.data, PREFACE, 24) == 0);
  CHECK(h2_read(&w.sent, 24, sent_frames, sizeof sent_frames) &&
        strcmp(sent_frames, "SETTINGS WINDOW") == 0);
  CHECK(hc_h2_session_room(w.session) == HC_H2_STREAMS_MAX);
  finish(&w);
}

static void check_room(void) {
  static world w;
  CHECK(begin(&w));
  CHECK(feed(&w, "S 3=2") == HC_OK && hc_h2_session_room(w.session) == 2);
  CHECK(open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK &&
        open_stream(&w, 1, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  CHECK(hc_h2_session_room(w.session) == 0 &&
        open_stream(&w, 2, HC_METHOD_GET, HC_H2_LAST) == HC_ERR_BUSY);
  CHECK(!w.streams[2].session);
  send_all(&w);
  CHECK(feed(&w, "H1e :status=200") == HC_OK && hc_h2_session_room(w.session) == 1);
  CHECK(feed(&w, "S 3=0") == HC_OK && hc_h2_session_room(w.session) == 0);
  CHECK(feed(&w, "S 3=1000") == HC_OK && hc_h2_session_room(w.session) == HC_H2_STREAMS_MAX - 1);
  CHECK(feed(&w, "G 3 0") == HC_OK && hc_h2_session_room(w.session) == 0 &&
        hc_h2_session_is_draining(w.session));
  CHECK(open_stream(&w, 2, HC_METHOD_GET, HC_H2_LAST) == HC_ERR_BUSY &&
        !hc_h2_session_is_over(w.session));
  finish(&w);
}

/* A push that comes before the server knows our settings takes nobody's place. */
static void check_room_beside_push(void) {
  static world w;
  CHECK(begin(&w) && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  send_all(&w);
  CHECK(feed(&w, "S|Z 5 4 1 0000000282848641016b|Z 5 4 1 0000000482848641016b|H2e :status=200") ==
        HC_OK);
  send_all(&w);
  CHECK(hc_h2_session_room(w.session) == HC_H2_STREAMS_MAX - 1);
  finish(&w);
}

static void check_upload(void) {
  static world w;
  char text[] = "hello";
  CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  CHECK(strcmp(went_out(&w), "HEADERS01") == 0);
  CHECK(hc_h2_stream_takes_content(&w.streams[0]) && !hc_h2_session_has_output(w.session));
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, 5}, HC_H2_MORE);
  CHECK(!hc_h2_stream_takes_content(&w.streams[0]) && hc_h2_session_has_output(w.session));
  CHECK(strcmp(went_out(&w), "DATA01(5)") == 0 && hc_h2_stream_takes_content(&w.streams[0]));
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, 2}, HC_H2_LAST);
  CHECK(strcmp(went_out(&w), "DATA01(2)e") == 0 && !hc_h2_stream_takes_content(&w.streams[0]));
  CHECK(feed(&w, "H1e :status=200") == HC_OK && w.streams[0].stage == HC_H2_COMPLETE);
  hc_h2_stream_close(&w.streams[0]);
  CHECK(strcmp(went_out(&w), "") == 0);
  finish(&w);
}

/* More than is gathered at once: what is left is to be sent as well, whoever asks when. */
static void check_long_upload(void) {
  static world w;
  static char text[3 * HC_H2_GATHER_SIZE];
  hc_slice parts[32];
  size_t count = 0, left = 0;
  hc_failure why = {HC_OK, ""};
  CHECK(begin(&w));
  send_all(&w);
  CHECK(feed(&w, "S 4=2147483647|SA|W0 2000000000") == HC_OK &&
        open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, sizeof text}, HC_H2_LAST);
  for (left = 0; hc_h2_session_has_output(w.session) && left < 100; left++) {
    size_t size = 0;
    CHECK(hc_h2_session_gather(w.session, parts, 32, &count, &why) == HC_OK && count > 0);
    for (size_t i = 0; i < count; i++) size += parts[i].size;
    hc_h2_session_sent(w.session, size);
  }
  CHECK(left < 100 && w.streams[0].offered.size == 0 && !w.streams[0].has_content);
  finish(&w);
}

/* Much is gathered at once, as views: what a record of TLS does not hold goes into the next, so
 * that only the last one is not full. */
static void check_wide_gather(void) {
  static world w;
  static char text[1 << 18];
  hc_slice parts[HC_H2_PARTS_MAX];
  size_t count = 0, size = 0;
  hc_failure why = {HC_OK, ""};
  CHECK(begin(&w));
  send_all(&w);
  CHECK(feed(&w, "S 4=2147483647|SA|W0 2000000000") == HC_OK &&
        open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, sizeof text}, HC_H2_LAST);
  CHECK(hc_h2_session_gather(w.session, parts, HC_H2_PARTS_MAX, &count, &why) == HC_OK);
  for (size_t i = 0; i < count; i++) size += parts[i].size;
  CHECK(size > sizeof text && w.streams[0].in_flight == sizeof text);
  hc_h2_session_sent(w.session, size);
  finish(&w);
}

/* An offer to a stream whose session has gone meanwhile. */
static void check_offer_to_nobody(void) {
  static world w;
  static char text[] = "hello";
  CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  (void)went_out(&w);
  hc_h2_session_delete(w.session);
  w.session = NULL;
  CHECK(w.streams[0].stage == HC_H2_BROKEN && !hc_h2_stream_takes_content(&w.streams[0]));
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, 5}, HC_H2_MORE);
  finish(&w);
}

static void check_empty_end(void) {
  static world w;
  CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){NULL, 0}, HC_H2_LAST);
  CHECK(strcmp(went_out(&w), "HEADERS01 DATA01(0)e") == 0);
  finish(&w);
}

/* Content stops at the smaller of the two windows, and goes on when the server opens it. */
static void check_peer_window(void) {
  static world w;
  static char text[100];
  CHECK(begin(&w));
  send_all(&w);
  CHECK(feed(&w, "S 4=10|SA") == HC_OK && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, sizeof text}, HC_H2_LAST);
  CHECK(strcmp(went_out(&w), "SETTINGS+ HEADERS01 DATA01(10)") == 0);
  CHECK(!hc_h2_session_has_output(w.session) && !hc_h2_stream_takes_content(&w.streams[0]));
  CHECK(feed(&w, "W1 20") == HC_OK && strcmp(went_out(&w), "DATA01(20)") == 0);
  CHECK(feed(&w, "S 4=0") == HC_OK &&
        strcmp(went_out(&w), "SETTINGS+") == 0); /* the window is below 0 now */
  CHECK(feed(&w, "W1 5") == HC_OK && strcmp(went_out(&w), "") == 0);
  CHECK(feed(&w, "W1 75") == HC_OK && strcmp(went_out(&w), "DATA01(70)e") == 0);
  finish(&w);
}

/* An early answer: what is left of the content is never sent, and nothing pretends that it was all.
 */
static void check_early_answer(void) {
  static world w;
  char text[] = "hello";
  CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, 5}, HC_H2_MORE);
  CHECK(strcmp(went_out(&w), "HEADERS01 DATA01(5)") == 0);
  CHECK(feed(&w, "H1e :status=413") == HC_OK && w.streams[0].stage == HC_H2_COMPLETE);
  CHECK(!hc_h2_stream_takes_content(&w.streams[0]));
  CHECK(strcmp(went_out(&w), "RST01(0)") == 0 &&
        hc_h2_session_room(w.session) == HC_H2_STREAMS_MAX);
  hc_h2_stream_close(&w.streams[0]);
  CHECK(strcmp(went_out(&w), "") == 0);
  finish(&w);
}

/* A frame that is half out is sent to its end, though its stream and the content's memory are gone.
 */
static void check_close_inside_frame(void) {
  static world w;
  hc_slice parts[8];
  size_t count;
  hc_failure why = {HC_OK, ""};
  char *text = malloc(50);
  if (!text) abort();
  memset(text, 'x', 50);
  CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  (void)went_out(&w);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, 50}, HC_H2_MORE);
  CHECK(hc_h2_session_gather(w.session, parts, 8, &count, &why) == HC_OK && count == 2 &&
        parts[1].size == 50);
  w.sent.size = 0;
  h2_put(&w.sent, parts[0].data, 9);
  h2_put(&w.sent, parts[1].data, 11);
  hc_h2_session_sent(w.session, 20);
  CHECK(w.streams[0].in_flight == 39 && !hc_h2_stream_takes_content(&w.streams[0]));
  hc_h2_stream_close(&w.streams[0]);
  memset(text, '?', 50);
  free(text);
  send_all(&w);
  CHECK(h2_read(&w.sent, 0, sent_frames, sizeof sent_frames) &&
        strcmp(sent_frames, "DATA01(50) RST01(8)") == 0);
  size_t good = 0;
  while (good < 50 && w.sent.data[9 + good] == 'x') good++;
  CHECK(good == 50);
  finish(&w);
}

#define CANCELLED (HC_H2_CONNECTION_WINDOW / 16384 + 100)

/* Content that nobody reads, of a stream that goes, gives its part of the connection's window back.
 */
static void check_window_of_cancelled(void) {
  static world w;
  static char piece[16385];
  static h2_bytes frames;
  memset(piece, 'x', 16384);
  CHECK(begin_quietly(&w));
  unsigned long given = 0;
  /* more than the connection's window in all */
  for (unsigned round = 0; round < CANCELLED; round++) {
    char words[64];
    CHECK(open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
    int id = w.streams[0].id;
    w.sent.size = 0;
    send_all(&w);
    snprintf(words, sizeof words, "H%d :status=200", id);
    CHECK(feed(&w, words) == HC_OK);
    frames.size = 0;
    h2_put_number(&frames, 16384, 3);
    h2_put_number(&frames, 0, 2);
    h2_put_number(&frames, (unsigned long)id, 4);
    h2_put(&frames, piece, 16384);
    hc_failure why = {HC_OK, ""};
    if (hc_h2_session_feed(w.session, (hc_slice){(char *)frames.data, frames.size}, &why) != HC_OK)
      break;
    hc_h2_stream_close(&w.streams[0]);
    given++;
  }
  CHECK(given == CANCELLED && !hc_h2_session_is_over(w.session));
  finish(&w);
}

/* A window that is read is opened again; one that is not is the end of the server's sending. */
static void check_own_window(void) {
  static world w;
  static char words[16400];
  CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  (void)went_out(&w);
  CHECK(feed(&w, "H1 :status=200") == HC_OK);
  int size = snprintf(words, sizeof words, "D1 ");
  memset(words + size, 'x', 16384);
  for (int i = 0; i < 64; i++) CHECK(feed(&w, words) == HC_OK);
  CHECK(strcmp(went_out(&w), "") == 0 &&
        hc_buffer_size(&w.streams[0].content) == HC_H2_STREAM_WINDOW);
  CHECK(hc_h2_stream_consume(&w.streams[0], 700000) == HC_OK);
  CHECK(strcmp(went_out(&w), "WINDOW01") == 0);
  for (int i = 0; i < 42; i++) CHECK(feed(&w, words) == HC_OK);
  /* past the window: a fault of the server's */
  CHECK(feed(&w, words) != HC_OK || w.streams[0].stage == HC_H2_BROKEN);
  finish(&w);
}

/* Padding counts in the window (section 6.1), and nobody reads it: it is given back like content
 * that was. */
static void check_padding_window(void) {
  static world w;
  static h2_bytes frame;
  const size_t size = 257, frames = 3 * HC_H2_STREAM_WINDOW / 257;
  hc_failure why = {HC_OK, ""};
  CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  (void)went_out(&w);
  CHECK(feed(&w, "H1 :status=200") == HC_OK);
  frame.size = 0;
  h2_put_number(&frame, size, 3);
  h2_put(&frame, "\0\010\0\0\0\001\377x", 8);
  for (size_t i = 0; i < 255; i++) h2_put(&frame, "", 1);
  size_t fed = 0;
  while (fed < frames && w.streams[0].stage == HC_H2_CONTENT &&
         hc_h2_session_feed(w.session, (hc_slice){(const char *)frame.data, frame.size}, &why) ==
             HC_OK) {
    CHECK(hc_h2_stream_consume(&w.streams[0], 1) == HC_OK);
    w.sent.size = 0;
    send_all(&w);
    fed++;
  }
  CHECK(fed == frames && why.code == HC_OK);
  finish(&w);
}

static void check_floods(void) {
  static const char *const floods[] = {
      "P", "S", "SA", "W0 1", "W1 1", "X 99 0 1 x", "D1 ", "X 2 0 1 12345", "H1 :status=103"};
  for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
    static world w;
    CHECK(begin_quietly(&w) && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
    (void)went_out(&w);
    if (floods[i][0] == 'D') CHECK(feed(&w, "H1 :status=200") == HC_OK);
    int fed = 0;
    while (fed < 200000 && feed(&w, floods[i]) == HC_OK && w.streams[0].stage != HC_H2_BROKEN) {
      fed++;
      w.sent.size = 0;
      send_all(&w);
    }
    CHECK_CASE(floods[i],
               fed <= (int)HC_H2_IDLE_FRAMES_MAX + 1 && w.streams[0].stage == HC_H2_BROKEN);
    finish(&w);
  }
}

/* The same where nothing of ours leaves: what is to be said stays bounded. */
static void check_blocked_flood(void) {
  static world w;
  CHECK(begin_quietly(&w));
  int fed = 0;
  while (fed < 200000 && feed(&w, "P") == HC_OK) fed++;
  CHECK(fed < 20000 && hc_h2_session_is_over(w.session));
  finish(&w);
}

static void check_end(void) {
  static world w;
  const hc_failure lost = {HC_ERR_CONNECTION_ERROR, "the connection was lost"};
  CHECK(begin_quietly(&w));
  CHECK(open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK &&
        open_stream(&w, 1, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  send_all(&w);
  CHECK(open_stream(&w, 2, HC_METHOD_GET, HC_H2_LAST) == HC_OK &&
        feed(&w, "H1e :status=200") == HC_OK);
  hc_h2_session_end(w.session, &lost);
  CHECK(w.streams[0].stage == HC_H2_COMPLETE && w.streams[1].stage == HC_H2_BROKEN &&
        !w.streams[1].is_unprocessed);
  CHECK(w.streams[2].stage == HC_H2_BROKEN && strcmp(w.streams[1].failure.text, lost.text) == 0);
  hc_failure why = {HC_OK, ""};
  CHECK(hc_h2_session_feed(w.session, HC_SLICE("x"), &why) != HC_OK);
  finish(&w);
}

static void check_ping(void) {
  static world w;
  CHECK(begin_quietly(&w) && hc_h2_session_ping(w.session) == HC_OK &&
        hc_h2_session_awaits_pong(w.session));
  CHECK(strcmp(went_out(&w), "PING") == 0 &&
        feed(&w, "X 6 1 0 \001\001\001\001\001\001\001\001") == HC_OK);
  CHECK(!hc_h2_session_awaits_pong(w.session));
  hc_h2_session_goodbye(w.session);
  CHECK(strcmp(went_out(&w), "GOAWAY(0)") == 0 && hc_h2_session_is_over(w.session));
  finish(&w);
}

int main(void) {
  check_introduction();
  check_requests();
  check_room();
  check_room_beside_push();
  check_upload();
  check_long_upload();
  check_wide_gather();
  check_offer_to_nobody();
  check_empty_end();
  check_peer_window();
  check_early_answer();
  check_close_inside_frame();
  check_window_of_cancelled();
  check_own_window();
  check_padding_window();
  check_floods();
  check_blocked_flood();
  check_end();
  check_ping();
  return check_report();
}

#else /* built without libnghttp2 */

int main(void) { return check_report(); }

#endif
