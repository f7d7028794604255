/* test_h2_attacks.c - a session of HTTP/2 whose server means harm, or takes nothing: what the
 * session holds stays bounded, and nothing points to what is gone. */
#include "h2_session_world.h"

#ifdef HC_WITH_NGHTTP2

/* So many of the gathered bytes are out; returns how many there were. */
static size_t send_some(world *w, size_t most) {
  hc_slice parts[HC_H2_PARTS_MAX];
  size_t count = 0, size = 0;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_h2_session_gather(w->session, parts, HC_H2_PARTS_MAX, &count, &why) == HC_OK);
  for (size_t i = 0; i < count; i++) size += parts[i].size;
  if (size > most) size = most;
  hc_h2_session_sent(w->session, size);
  return size;
}

static bool begin_with_windows(world *w) {
  return begin_behind(w, "S 4=2147483647|SA|W0 2000000000");
}

static bool is_zeroed(const hc_h2_stream *stream) {
  static const hc_h2_stream zeroed;
  return memcmp(stream, &zeroed, sizeof zeroed) == 0;
}

/* The head of a request waits in nghttp2 behind content that fills the output. Its stream goes when
 * the session is over, but before the last of that content is out. */
static void check_close_behind_goodbye(void) {
  static world w;
  static char text[2 * HC_H2_GATHER_SIZE];
  CHECK(begin_with_windows(&w) && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, sizeof text}, HC_H2_MORE);
  (void)send_some(&w, 0);
  CHECK(open_stream(&w, 1, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  hc_h2_session_goodbye(w.session);
  hc_h2_stream_close(&w.streams[1]);
  while (send_some(&w, 16384) > 0) continue;
  CHECK(is_zeroed(&w.streams[1]));
  finish(&w);
}

/* A push before our settings are known is refused by a frame, and its server reads none. Content in
 * between says that it works, so it is not the count of idle frames that ends it. */
static void check_refusals_that_nobody_reads(void) {
  static world w;
  unsigned id = 2;
  size_t fed = 0;
  const size_t most = 200000;
  CHECK(begin(&w) && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  send_all(&w);
  CHECK(feed(&w, "S|H1 :status=200") == HC_OK);
  for (; fed < most && w.streams[0].stage == HC_H2_CONTENT; fed++, id += 2) {
    char words[64];
    snprintf(words, sizeof words, "Z 5 4 1 %08x82848641016b%s", id, fed % 999 == 0 ? "|D1 x" : "");
    if (feed(&w, words) != HC_OK) break;
    if (fed % 999 == 0) CHECK(hc_h2_stream_consume(&w.streams[0], 1) == HC_OK);
  }
  CHECK(fed < most / 2 && hc_h2_session_is_over(w.session));
  CHECK(strcmp(w.streams[0].failure.text,
               "HTTP/2: the server does not read what it asks for (ENHANCE_YOUR_CALM)") == 0);
  finish(&w);
}

/* The same from one that reads costs nothing that lasts. */
static void check_refusals_that_are_read(void) {
  static world w;
  unsigned id = 2;
  CHECK(begin(&w) && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  send_all(&w);
  CHECK(feed(&w, "S|H1 :status=200") == HC_OK);
  for (int i = 0; i < 9000; i++, id += 2) {
    char words[64];
    snprintf(words, sizeof words, "Z 5 4 1 %08x82848641016b", id);
    CHECK(feed(&w, words) == HC_OK);
    w.sent.size = 0;
    send_all(&w);
  }
  CHECK(feed(&w, "D1e x") == HC_OK && w.streams[0].stage == HC_H2_COMPLETE);
  finish(&w);
}

/* --- heads of requests */

static hc_error open_with_field(world *w, size_t index, hc_slice line, hc_failure *why) {
  hc_request r = {.method = HC_METHOD_GET, .lines = &line, .line_count = 1};
  hc_checked_request c;
  check_request(&r, &c);
  return hc_h2_stream_open(w->session, &w->streams[index], &c, HC_H2_HTTPS, HC_H2_LAST, why);
}

static hc_slice large_line(size_t size) {
  static char *text;
  free(text);
  text = malloc(size);
  if (!text) abort();
  memset(text, 'v', size);
  memcpy(text, "x-large:", 8);
  return (hc_slice){text, size};
}

/* nghttp2's own limit of 64 KiB would look like a reset, and be tried again elsewhere. */
static void check_large_head(void) {
  static world w;
  static unsigned char sent[400000];
  hc_failure why = {HC_OK, ""};
  hc_slice parts[HC_H2_PARTS_MAX];
  size_t count = 0, size = 0, frames = 0, at = 0, before;
  CHECK(begin_with_windows(&w) && open_with_field(&w, 0, large_line(300000), &why) == HC_OK);
  do {
    before = size;
    CHECK(hc_h2_session_gather(w.session, parts, HC_H2_PARTS_MAX, &count, &why) == HC_OK);
    for (size_t i = 0; i < count && size + parts[i].size <= sizeof sent; i++) {
      memcpy(sent + size, parts[i].data, parts[i].size);
      size += parts[i].size;
    }
    hc_h2_session_sent(w.session, size - before);
  } while (size > before);
  for (; at < size; frames++) {
    CHECK(sent[at + 3] == (frames == 0 ? 1 : 9));
    at += 9 + h2_number(sent + at, 3);
  }
  CHECK(at == size && frames > 10 && w.streams[0].stage == HC_H2_HEAD);
  CHECK(feed(&w, "H1e :status=431") == HC_OK && w.streams[0].stage == HC_H2_COMPLETE);
  finish(&w);
}

static void check_head_over_the_limit(void) {
  static world w;
  hc_failure why = {HC_OK, ""};
  CHECK(begin_with_windows(&w));
  CHECK(open_with_field(&w, 0, large_line(HC_H2_HEAD_MAX), &why) == HC_ERR_INVALID_PARAMETER);
  CHECK(strcmp(why.text, "the request's head is larger than the limit of 16777216 bytes") == 0);
  CHECK(is_zeroed(&w.streams[0]) && hc_h2_session_room(w.session) == HC_H2_STREAMS_MAX);
  finish(&w);
}

/* How many of such frames the session takes. */
static int count_fed(world *w, const char *frame, int most) {
  int fed = 0;
  while (fed < most && feed(w, frame) == HC_OK) {
    fed++;
    w->sent.size = 0;
    send_all(w);
  }
  return fed;
}

/* A server that asks for days whether somebody is there floods nobody. */
static void check_patience(void) {
  static world w;
  int most = (int)HC_H2_IDLE_FRAMES_MAX;
  CHECK(begin_behind(&w, "S|SA") && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  send_all(&w);
  CHECK(feed(&w, "H1 :status=200") == HC_OK && count_fed(&w, "P", most) == most);
  hc_h2_session_forgive(w.session, 1);
  CHECK(count_fed(&w, "P", (int)HC_H2_IDLE_FRAMES_A_SECOND) == (int)HC_H2_IDLE_FRAMES_A_SECOND);
  hc_h2_session_forgive(w.session, UINT64_C(1) << 40);
  CHECK(count_fed(&w, "P", 2 * most) == most && hc_h2_session_is_over(w.session));
  finish(&w);
}

/* What was under way for a stream that we reset is a window full, and not the server's fault. */
static void check_content_of_given_up(void) {
  static world w;
  static const char frame[] = "D3 0123456789012345678901234567890123456789012345678901234567890123";
  int window = HC_H2_STREAM_WINDOW / 64, most = (int)HC_H2_IDLE_FRAMES_MAX;
  CHECK(begin_behind(&w, "S|SA") && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK &&
        open_stream(&w, 1, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  send_all(&w);
  CHECK(feed(&w, "H1 :status=200|H3 :status=200") == HC_OK);
  hc_h2_stream_close(&w.streams[1]);
  send_all(&w);
  CHECK(count_fed(&w, frame, window + 2 * most) == window + most);
  finish(&w);
}

/* How many heads of requests are among what still goes out? */
static unsigned heads_to_come(world *w) {
  hc_slice parts[32];
  size_t count = 0;
  unsigned heads = 0;
  hc_failure why = {HC_OK, ""};
  while (hc_h2_session_gather(w->session, parts, 32, &count, &why) == HC_OK && count > 0) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += parts[i].size;
    CHECK(count == 1); /* all the session's own */
    for (size_t at = 0; at + 9 <= size;) {
      const unsigned char *frame = (const unsigned char *)parts[0].data + at;
      if (frame[3] == 1) heads++;
      at += 9 + h2_number(frame, 3);
    }
    hc_h2_session_sent(w->session, size);
  }
  return heads;
}

/* A request that the end found unsent is told to go elsewhere. So it may not go out here any more,
 * also where the server is told of no fault of the protocol. */
static void check_unsent_behind_flood(void) {
  static world w;
  int fed = 0;
  CHECK(begin_behind(&w, "S|SA"));
  /* answers that fill the output, so that what comes next stays in nghttp2 */
  for (; fed < 2 * (int)HC_H2_GATHER_SIZE / 17 + 2; fed++) {
    hc_h2_session_forgive(w.session, 1000);
    CHECK(feed(&w, "P") == HC_OK);
  }
  CHECK(open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  for (fed = 0; fed < 20000 && feed(&w, "P") == HC_OK; fed++)
    hc_h2_session_forgive(w.session, 1000);
  CHECK(hc_h2_session_is_over(w.session) && w.streams[0].stage == HC_H2_BROKEN);
  CHECK(w.streams[0].is_unprocessed && heads_to_come(&w) == 0);
  finish(&w);
}

int main(void) {
  (void)sent_frames;
  check_close_behind_goodbye();
  check_refusals_that_nobody_reads();
  check_refusals_that_are_read();
  check_large_head();
  check_head_over_the_limit();
  check_patience();
  check_content_of_given_up();
  check_unsent_behind_flood();
  return check_report();
}

#else /* built without libnghttp2 */

int main(void) { return check_report(); }

#endif
