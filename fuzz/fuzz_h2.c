/* fuzz_h2.c - a session of HTTP/2 over memory: frames of a server's and calls of a client's from
 * the input, in any splits, with an output that takes little at a time. Checked against a plain
 * second reading, which knows three streams and what each frame means for them (RFC 9113): what was
 * delivered, which answers are complete, which streams fail; and everything that is sent, frame by
 * frame, against the windows that the server gave.
 *
 * An input is a head of two bytes (the size of the pieces that are fed; how much of the output goes
 * out at a time) and steps of four: what, of which stream, and two numbers. */
#include "../core/base/limits.h"
#include "../core/http2/h2_session.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#ifdef HC_WITH_NGHTTP2

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../spec/core/h2_frames.h"

#define STREAMS 3
#define CONTENT_MOST 400000u
#define UPLOAD_SIZE 200000u

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

/* --- the second reading: a stream is in one of these states, for the reasons beside them */

typedef enum expected_state {
  AWAITS_HEAD, /* 1xx may have come */
  AWAITS_CONTENT,
  IS_COMPLETE, /* END_STREAM */
  IS_BROKEN,
  IS_GONE /* closed by the client */
} expected_state;

typedef struct expected_stream {
  expected_state state;
  bool has_interim, has_ended; /* has_ended: END_STREAM came, with whatever else */
  int status;
  long announced; /* -1: no content-length */
  size_t size; /* of the content, all of which is to be delivered ... */
  size_t doubtful; /* ... and what may have been delivered of a frame that broke it */
  size_t consumed;
  /* upload */
  size_t offered, sent;
  size_t granted; /* by WINDOW_UPDATE */
  bool offered_last, sent_end, is_reset;
} expected_stream;

typedef struct world {
  hc_h2_session *session;
  hc_h2_stream streams[STREAMS];
  expected_stream expected[STREAMS];
  size_t out_size, out_read;
  size_t granted, sent; /* on the connection */
  size_t largest_window; /* of those that streams began with: what is on its way keeps it */
  long goaway;
  /* the server has done what may end the connection; what must */
  bool may_die, must_die;
  bool is_dead;
  size_t step, gulp;
} world;

static h2_bytes frames; /* of the server's, not yet fed */
static unsigned char out[1 << 19];
static char matter[CONTENT_MOST + 70000];
static char upload[UPLOAD_SIZE];

static void break_stream(expected_stream *e) {
  if (e->state == AWAITS_HEAD || e->state == AWAITS_CONTENT) e->state = IS_BROKEN;
}

static bool takes_frames(const world *w, const expected_stream *e) {
  return !w->must_die && (e->state == AWAITS_HEAD || e->state == AWAITS_CONTENT);
}

/* Of a stream that has ended on the server's side: we may take it for an error of the
 * connection. */
static void note_frame(world *w, const expected_stream *e) {
  if (e->has_ended) w->may_die = true;
}

static bool has_no_content(int status) { return status == 204 || status == 304; }

static void expect_end(expected_stream *e) {
  bool is_whole = e->announced < 0 || has_no_content(e->status) || e->size == (size_t)e->announced;
  e->state = is_whole ? IS_COMPLETE : IS_BROKEN;
}

/* --- what the server does */

static void put_fields(size_t i, const char *fields, bool is_last, unsigned pieces) {
  char word[200];
  unsigned id = 2 * (unsigned)i + 1;
  const char *end = is_last ? "e" : "";
  if (pieces == 0) snprintf(word, sizeof word, "H%u%s %s", id, end, fields);
  else snprintf(word, sizeof word, "H%u%sc %s|C%u x=y", id, end, fields, id);
  h2_write(&frames, word);
}

static void send_head(world *w, size_t i, unsigned a, unsigned b) {
  static const int statuses[] = {200, 204, 304, 404};
  expected_stream *e = &w->expected[i];
  int status = statuses[a & 3];
  bool is_last = a & 4, has_length = (a & 8) && status != 204;
  char fields[80];
  int size = snprintf(fields, sizeof fields, ":status=%d", status);
  if (has_length) snprintf(fields + size, sizeof fields - (size_t)size, ";content-length=%u", b);
  put_fields(i, fields, is_last, a >> 4 & 1);
  note_frame(w, e);
  if (takes_frames(w, e)) {
    if (e->state == AWAITS_CONTENT) break_stream(e);
    else {
      e->state = AWAITS_CONTENT;
      e->status = status;
      e->announced = has_length ? (long)b : -1;
      if (is_last) expect_end(e);
    }
  }
  e->has_ended = e->has_ended || is_last;
}

static void send_interim(world *w, size_t i, unsigned a) {
  expected_stream *e = &w->expected[i];
  bool is_last = (a & 6) == 6;
  put_fields(i, a & 1 ? ":status=100" : ":status=103;link=x", is_last, 0);
  note_frame(w, e);
  if (takes_frames(w, e)) {
    e->has_interim = true;
    if (is_last || e->state == AWAITS_CONTENT) break_stream(e);
  }
  e->has_ended = e->has_ended || is_last;
}

static void send_trailers(world *w, size_t i, unsigned a) {
  expected_stream *e = &w->expected[i];
  bool is_last = (a & 3) != 3;
  put_fields(i, a & 4 ? "Bad=1" : "t=1", is_last, a >> 3 & 1);
  note_frame(w, e);
  if (takes_frames(w, e)) {
    if (e->state == AWAITS_HEAD || !is_last || (a & 4)) break_stream(e);
    else expect_end(e);
  }
  e->has_ended = e->has_ended || is_last;
}

static void expect_data(world *w, expected_stream *e, size_t size, bool is_last) {
  note_frame(w, e);
  if (!takes_frames(w, e)) return;
  if (e->state == AWAITS_HEAD) {
    if (!e->has_interim) w->must_die = true;
    break_stream(e);
    return;
  }
  size_t total = e->size + size;
  bool is_too_much =
      (has_no_content(e->status) && size > 0) ||
      (!has_no_content(e->status) && e->announced >= 0 && total > (size_t)e->announced);
  if (is_too_much) {
    e->doubtful = size;
    break_stream(e);
    return;
  }
  e->size = total;
  if (is_last) expect_end(e);
}

static void send_data(world *w, size_t i, unsigned a, unsigned b) {
  static h2_bytes payload;
  expected_stream *e = &w->expected[i];
  size_t size = a & 32 ? b * 32u : b;
  unsigned padding = a & 8 ? (a >> 4 & 1) * 7u : 0;
  if (e->size + size > CONTENT_MOST) return;
  payload.size = 0;
  if (a & 8) h2_put_number(&payload, padding, 1);
  h2_put(&payload, matter + e->size, size);
  for (unsigned k = 0; k < padding; k++) h2_put_number(&payload, 0, 1);
  h2_put_frame(&frames, 0, (a & 4 ? 1u : 0u) | (a & 8), 2 * i + 1, &payload);
  expect_data(w, e, size, a & 4);
  e->has_ended = e->has_ended || (a & 4);
}

static void send_reset(world *w, size_t i, unsigned a) {
  char word[40];
  snprintf(word, sizeof word, "R%u %u", 2 * (unsigned)i + 1, a & 15);
  h2_write(&frames, word);
  if (takes_frames(w, &w->expected[i])) break_stream(&w->expected[i]);
  w->expected[i].has_ended = true;
}

static void send_window(world *w, size_t i, unsigned a, unsigned b) {
  char word[40];
  unsigned size = (a & 127) * 256 + b;
  bool is_of_stream = a & 128;
  if (size == 0) return;
  snprintf(word, sizeof word, "W%u %u", is_of_stream ? 2 * (unsigned)i + 1 : 0, size);
  h2_write(&frames, word);
  if (is_of_stream) w->expected[i].granted += size;
  else w->granted += size;
}

static void send_settings(world *w, unsigned a, unsigned b) {
  char word[60];
  size_t initial = a * 512u + b;
  snprintf(word, sizeof word, "S 4=%zu", initial);
  h2_write(&frames, word);
  if (initial > w->largest_window) w->largest_window = initial;
}

static void send_goaway(world *w, unsigned a) {
  char word[60];
  long last = a & 7;
  snprintf(word, sizeof word, "G %ld %u bye", last, a >> 3 & 15);
  h2_write(&frames, word);
  if (last > w->goaway || last % 2 == 0) w->may_die = true; /* grew, or is no stream of ours */
  if (last < w->goaway) w->goaway = last;
  for (size_t i = 0; i < STREAMS; i++)
    if ((long)(2 * i + 1) > last && !w->must_die) {
      break_stream(&w->expected[i]);
      w->expected[i].has_ended = true;
    }
}

/* What no server sends: an error of the connection. */
static void send_nonsense(world *w, unsigned a) {
  static const char *const words[] = {"D0 x",   "H2e :status=200", "Z 3 0 0 00000001",
                                      "C1 a=b", "Z 6 0 0 00",      "Z 4 0 0 00",
                                      "R9 1",   "Z 1 5 1 ffff01"};
  h2_write(&frames, words[a & 7]);
  w->must_die = true;
}

/* --- bytes */

static void feed(world *w) {
  size_t at = 0;
  hc_failure why = {HC_OK, ""};
  while (at < frames.size && !w->is_dead) {
    size_t left = frames.size - at, size = left < w->step ? left : w->step;
    char *piece = malloc(size);
    if (!piece) abort();
    memcpy(piece, frames.data + at, size);
    hc_error code = hc_h2_session_feed(w->session, (hc_slice){piece, size}, &why);
    free(piece);
    check((code == HC_OK) == (why.code == HC_OK), "a refusal has a message");
    w->is_dead = code != HC_OK || hc_h2_session_is_over(w->session);
    at += size;
  }
  frames.size = 0;
}

/* Takes some of the output. */
static void drain(world *w, size_t most) {
  hc_slice parts[4];
  size_t count = 1;
  hc_failure why = {HC_OK, ""};
  while (most > 0 && hc_h2_session_gather(w->session, parts, 4, &count, &why) == HC_OK && count) {
    size_t took = 0;
    for (size_t i = 0; i < count && took < most; i++) {
      size_t size = parts[i].size < most - took ? parts[i].size : most - took;
      check(size <= sizeof out - w->out_size, "the output is bounded");
      memcpy(out + w->out_size, parts[i].data, size);
      w->out_size += size;
      took += size;
    }
    hc_h2_session_sent(w->session, took);
    most -= took;
  }
}

static void check_content_frame(world *w, expected_stream *e, const unsigned char *f, size_t size) {
  check(!e->sent_end && !e->is_reset, "no content behind the end of a stream");
  check(e->sent + size <= e->offered, "no content that was not offered");
  check(memcmp(f + 9, upload + e->sent, size) == 0, "the content that was offered");
  e->sent += size;
  w->sent += size;
  check(e->sent <= w->largest_window + e->granted, "within the stream's window");
  check(w->sent <= 65535 + w->granted, "within the connection's window");
  if (f[4] & 1) {
    check(e->offered_last && e->sent == e->offered, "the end behind all of the content");
    e->sent_end = true;
  }
}

/* All whole frames that went out. */
static void read_output(world *w) {
  while (w->out_size - w->out_read >= 9) {
    const unsigned char *f = out + w->out_read;
    size_t size = h2_number(f, 3), id = h2_number(f + 5, 4);
    if (w->out_size - w->out_read < 9 + size) break;
    check(size <= 16384 && f[3] <= 9, "a frame of a known kind and size");
    check(id == 0 || (id % 2 == 1 && id < 2 * STREAMS), "of a stream that was opened");
    expected_stream *e = id > 0 ? &w->expected[id / 2] : NULL;
    if (f[3] == 0) check_content_frame(w, e, f, size);
    if (f[3] == 3) e->is_reset = true;
    w->out_read += 9 + size;
  }
  w->out_size -= w->out_read;
  memmove(out, out + w->out_read, w->out_size);
  w->out_read = 0;
}

/* --- what the client does */

static void open_streams(world *w) {
  for (size_t i = 0; i < STREAMS; i++) {
    hc_request r = {.method = HC_METHOD_POST, .url = HC_SLICE("/")};
    hc_checked_request c;
    hc_failure why = {HC_OK, ""};
    r.authority = HC_SLICE("a.test");
    r.content = i > 0 ? HC_CONTENT_STREAM : HC_CONTENT_NONE;
    check(hc_request_check(&r, &c, &why) == HC_OK, "the request can be sent");
    check(hc_h2_stream_open(w->session, &w->streams[i], &c, HC_H2_HTTPS,
                            i > 0 ? HC_H2_MORE : HC_H2_LAST, &why) == HC_OK,
          "a stream is opened");
    w->expected[i].announced = -1;
  }
}

static void offer(world *w, size_t i, unsigned a, unsigned b) {
  hc_h2_stream *stream = &w->streams[i];
  expected_stream *e = &w->expected[i];
  size_t size = (a & 127) * 64 + b;
  if (e->state == IS_GONE || !hc_h2_stream_takes_content(stream)) return;
  if (e->offered + size > UPLOAD_SIZE) return;
  if (size == 0 && !(a & 128)) return;
  hc_h2_stream_offer(stream, (hc_slice){upload + e->offered, size},
                     a & 128 ? HC_H2_LAST : HC_H2_MORE);
  e->offered += size;
  e->offered_last = a & 128;
}

static void check_content(const hc_h2_stream *stream, const expected_stream *e) {
  size_t held = hc_buffer_size(&stream->content);
  check(held <= HC_H2_STREAM_WINDOW, "no more is held than the window");
  check(e->consumed + held <= e->size + e->doubtful, "nothing is delivered that did not come");
  check(memcmp(hc_buffer_head(&stream->content) ? hc_buffer_head(&stream->content) : "",
               matter + e->consumed, held) == 0,
        "the content that came");
}

static void consume(world *w, size_t i, unsigned a) {
  hc_h2_stream *stream = &w->streams[i];
  expected_stream *e = &w->expected[i];
  if (e->state == IS_GONE) return;
  check_content(stream, e);
  size_t held = hc_buffer_size(&stream->content), size = held * (a + 1) / 256;
  check(hc_h2_stream_consume(stream, size) == HC_OK, "content is consumed");
  e->consumed += size;
}

/* The content's memory is the caller's again. */
static void give_up(world *w, size_t i) {
  if (w->expected[i].state == IS_GONE) return;
  hc_h2_stream_close(&w->streams[i]);
  w->expected[i].state = IS_GONE;
}

static void take_step(world *w, const unsigned char *step) {
  size_t i = step[1] % STREAMS;
  unsigned a = step[2], b = step[3];
  switch (step[0] % 16) {
  case 0: send_head(w, i, a, b); break;
  case 1: send_interim(w, i, a); break;
  case 2:
  case 3: send_data(w, i, a, b); break;
  case 4: send_trailers(w, i, a); break;
  case 5: send_reset(w, i, a); break;
  case 6: send_window(w, i, a, b); break;
  case 7: send_settings(w, a, b); break;
  case 8: send_goaway(w, a); break;
  case 9: h2_write(&frames, a & 1 ? "P" : "X 99 255 0 abc"); break;
  case 10:
    if (a == 77) send_nonsense(w, b);
    break;
  case 11: consume(w, i, a); break;
  case 12:
    if (a < 40) give_up(w, i);
    break;
  case 13:
  case 14: offer(w, i, a, b); break;
  default: drain(w, w->gulp * (a + 1)); break;
  }
}

/* --- the comparison */

static bool all_are_over(const world *w) {
  for (size_t i = 0; i < STREAMS; i++)
    if (takes_frames(w, &w->expected[i])) return false;
  return true;
}

static void compare(const world *w) {
  static const hc_h2_stage stages[] = {HC_H2_HEAD, HC_H2_CONTENT, HC_H2_COMPLETE, HC_H2_BROKEN};
  bool may_be_over = w->may_die || (w->goaway < 100 && all_are_over(w));
  check(!w->must_die || w->is_dead, "an error of the connection ends it");
  check(!w->is_dead || w->must_die || may_be_over, "a good connection goes on");
  for (size_t i = 0; i < STREAMS; i++) {
    const expected_stream *e = &w->expected[i];
    const hc_h2_stream *stream = &w->streams[i];
    if (e->state == IS_GONE) continue;
    check_content(stream, e);
    if (w->is_dead && stream->stage == HC_H2_BROKEN && (e->state < IS_COMPLETE || w->may_die))
      continue;
    check(stream->stage == stages[e->state], "each stream stands where it should");
    check(e->state == IS_BROKEN || e->consumed + hc_buffer_size(&stream->content) == e->size,
          "all of the content is delivered");
    check((stream->stage == HC_H2_BROKEN) == (stream->failure.text[0] != 0),
          "a broken stream says why, and no other");
  }
}

static void prepare(void) {
  if (matter[0]) return;
  for (size_t i = 0; i < sizeof matter; i++) matter[i] = (char)('a' + i % 23);
  for (size_t i = 0; i < sizeof upload; i++) upload[i] = (char)('A' + i % 29);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static world w;
  if (size < 2 || size > 2000) return 0;
  prepare();
  frames.size = 0;
  memset(&w, 0, sizeof w);
  w.step = data[0] & 64 ? 60000 : (size_t)(data[0] & 63) + 1;
  w.gulp = (size_t)data[1] + 1;
  w.largest_window = 65535;
  w.goaway = 1000;
  w.session = hc_h2_session_new(65536);
  check(w.session != NULL, "a session");
  drain(&w, 100000);
  w.out_read = 24;
  h2_write(&frames, "S|SA");
  feed(&w);
  open_streams(&w);
  drain(&w, 100000);
  read_output(&w);
  for (size_t at = 2; at + 4 <= size && !w.is_dead; at += 4) {
    take_step(&w, data + at);
    feed(&w);
    read_output(&w);
    compare(&w);
  }
  drain(&w, 400000);
  read_output(&w);
  for (size_t i = 0; i < STREAMS; i++) give_up(&w, i);
  drain(&w, 400000);
  read_output(&w);
  hc_h2_session_delete(w.session);
  return 0;
}

#else

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  (void)data;
  (void)size;
  return 0;
}

#endif
