/* test_h2_memory.c - a session of HTTP/2 without memory: nothing is left over, and nothing goes out
 * behind it. */
#include "check.h"

#if defined(HC_WITH_NGHTTP2) && defined(HC_TEST_HOOKS)

#include "h2_session_world.h"

/* A whole exchange with memory out at each allocation in turn, once or for good. */
static bool play(world *w) {
  static char text[] = "hello";
  if (!begin(w)) return false;
  bool is_good = open_stream(w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK;
  if (is_good) hc_h2_stream_offer(&w->streams[0], (hc_slice){text, 5}, HC_H2_LAST);
  is_good = is_good && open_stream(w, 1, HC_METHOD_GET, HC_H2_LAST) == HC_OK;
  w->sent.size = 0;
  send_all(w);
  is_good =
      is_good &&
      feed(w, "S|SA|H1 :status=103;a=b|H1 :status=200;c=d|D1 abc|H1e t=1|H3 :status=200|D3 x") ==
          HC_OK;
  hc_h2_stream_close(&w->streams[1]);
  is_good = is_good && hc_h2_stream_consume(&w->streams[0], 3) == HC_OK;
  send_all(w);
  is_good = is_good && w->streams[0].stage == HC_H2_COMPLETE && w->streams[0].trailers.count == 1;
  finish(w);
  return is_good;
}

static void check_memory_failures(void) {
  static world w;
  long before = hc_memory_live_blocks();
  for (int sticky = 0; sticky < 2; sticky++) {
    bool is_good = false;
    for (long n = 0; !is_good && n < 2000; n++) {
      hc_memory_fail_after(n, sticky);
      is_good = play(&w);
      hc_memory_fail_after(-1, 0);
      if (hc_memory_live_blocks() != before) {
        CHECK_CASE("no block is left", 0);
        return;
      }
    }
    CHECK(is_good);
  }
}

/* The output is shut: nothing more goes out, and whoever asks hears why. */
static bool is_shut(world *w) {
  for (int i = 0; i < 3; i++) {
    hc_slice parts[8];
    size_t count = 9;
    hc_failure why = {HC_OK, ""};
    if (!hc_h2_session_has_output(w->session)) return false;
    if (hc_h2_session_gather(w->session, parts, 8, &count, &why) != HC_ERR_OUT_OF_MEMORY ||
        count != 0 || why.code != HC_ERR_OUT_OF_MEMORY)
      return false;
    if (feed(w, "P") == HC_OK) return false;
  }
  return hc_h2_session_is_over(w->session);
}

/* Half of a frame is out and there is no memory for the rest: whatever followed, the server would
 * read it for the rest. */
static void check_close_without_memory(void) {
  static world w;
  static char text[50];
  hc_slice parts[8];
  size_t count;
  hc_failure why = {HC_OK, ""};
  CHECK(begin_behind(&w, "S|SA") && open_stream(&w, 0, HC_METHOD_POST, HC_H2_MORE) == HC_OK &&
        open_stream(&w, 1, HC_METHOD_POST, HC_H2_MORE) == HC_OK);
  send_all(&w);
  hc_h2_stream_offer(&w.streams[0], (hc_slice){text, 50}, HC_H2_LAST);
  CHECK(hc_h2_session_gather(w.session, parts, 8, &count, &why) == HC_OK && count == 2);
  hc_h2_session_sent(w.session, 20);
  hc_h2_stream_offer(&w.streams[1], (hc_slice){text, 50}, HC_H2_LAST);
  hc_memory_fail_after(0, 0);
  hc_h2_stream_close(&w.streams[0]);
  hc_memory_fail_after(-1, 0);
  CHECK(is_shut(&w));
  CHECK(w.streams[1].stage == HC_H2_BROKEN && w.streams[1].failure.code == HC_ERR_OUT_OF_MEMORY);
  hc_h2_stream_close(&w.streams[1]);
  CHECK(is_shut(&w));
  finish(&w);
}

/* The head of one request is lost on its way into the output, or the one that nghttp2 makes of it:
 * the next is told to go elsewhere and must not leave. The server could not even read it. */
static void check_gather_without_memory(void) {
  bool is_good = false, was_unsent = false;
  for (long n = 0; !is_good && n < 100; n++) {
    static world w;
    hc_slice parts[8];
    size_t count;
    hc_failure why = {HC_OK, ""};
    CHECK(begin_behind(&w, "S|SA") && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK &&
          open_stream(&w, 1, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
    hc_memory_fail_after(n, 0);
    is_good = hc_h2_session_gather(w.session, parts, 8, &count, &why) == HC_OK;
    hc_memory_fail_after(-1, 0);
    if (!is_good) CHECK(is_shut(&w));
    if (!is_good && w.streams[1].is_unprocessed) was_unsent = true;
    finish(&w);
  }
  CHECK(is_good && was_unsent);
}

/* The same for what comes in: whatever of it found no memory, nothing goes out behind that. */
static void check_feed_without_memory(void) {
  bool is_good = false;
  for (long n = 0; !is_good && n < 200; n++) {
    static world w;
    CHECK(begin_behind(&w, "S|SA") && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
    send_all(&w);
    CHECK(open_stream(&w, 1, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
    hc_memory_fail_after(n, 0);
    is_good = feed(&w, "P|H1 :status=200;a=b|D1 abc") == HC_OK;
    hc_memory_fail_after(-1, 0);
    if (!is_good) CHECK(is_shut(&w) && w.streams[1].stage == HC_H2_BROKEN);
    finish(&w);
  }
  CHECK(is_good);
}

/* Without a goodbye in front of it a request would still go out, though its stream was broken. */
static void check_goodbye_without_memory(void) {
  static world w;
  CHECK(begin_behind(&w, "S|SA") && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  hc_memory_fail_after(0, 0);
  hc_h2_session_goodbye(w.session);
  hc_memory_fail_after(-1, 0);
  CHECK(w.streams[0].stage == HC_H2_BROKEN && w.streams[0].is_unprocessed && is_shut(&w));
  w.sent.size = 0;
  send_all(&w);
  CHECK(h2_read(&w.sent, 0, sent_frames, sizeof sent_frames) && sent_frames[0] == '\0');
  finish(&w);
}

int main(void) {
  check_memory_failures();
  check_close_without_memory();
  check_gather_without_memory();
  check_feed_without_memory();
  check_goodbye_without_memory();
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
