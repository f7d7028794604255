/* test_h2_rules.c - a session of HTTP/2 against frames written by hand, whole and in all splits:
 * what a server may send, and what it must not, by the sections of RFC 9113. */
#include "h2_session_world.h"

#ifdef HC_WITH_NGHTTP2

/* --- answers */

typedef struct answer_case {
  const char *name;
  const char *frames;
  /* stream 1, then how the session stands: "ok", "draining", "over", "!" and its error */
  const char *expected;
  const char *sent; /* behind the two requests; NULL: not looked at */
  hc_method method;
} answer_case;

static void log_stream(const hc_h2_stream *stream, wire_log *log) {
  static const char *const stages[] = {"idle", "head", "content", "complete", "broken"};
  wire_add(log, "%s", stages[stream->stage]);
  if (stream->stage == HC_H2_CONTENT || stream->stage == HC_H2_COMPLETE) {
    wire_add(log, " %d", stream->response.code);
    wire_add_headers(log, &stream->response.headers);
    wire_add(log, " [");
    wire_add_bytes(log, hc_buffer_head(&stream->content), hc_buffer_size(&stream->content));
    wire_add(log, "]");
    wire_add_headers(log, &stream->trailers);
  }
  if (stream->has_continued) wire_add(log, " continued");
  if (stream->stage == HC_H2_BROKEN) wire_add(log, " !%s", stream->failure.text);
  if (stream->is_unprocessed) wire_add(log, " unprocessed");
  if (stream->wants_http1) wire_add(log, " http1");
}

static void run_answer(const void *test_case, size_t split, wire_log *log) {
  const answer_case *c = test_case;
  static world w;
  static h2_bytes frames;
  hc_failure why = {HC_OK, ""};
  frames.size = 0;
  h2_write(&frames, c->frames);
  if (!begin(&w) || open_stream(&w, 0, c->method, HC_H2_LAST) != HC_OK ||
      open_stream(&w, 1, c->method, HC_H2_LAST) != HC_OK)
    abort();
  send_all(&w);
  size_t before = w.sent.size, fed = 0;
  while (fed < frames.size && why.code == HC_OK && !hc_h2_session_is_over(w.session)) {
    size_t until = split == WIRE_BYTE_BY_BYTE           ? fed + 1
                   : fed < split && split < frames.size ? split
                                                        : frames.size;
    (void)hc_h2_session_feed(
        w.session,
        (hc_slice){wire_place(0, (const char *)frames.data + fed, until - fed), until - fed}, &why);
    fed = until;
  }
  log_stream(&w.streams[0], log);
  if (why.code != HC_OK) wire_add(log, " / !%s", why.text);
  else
    wire_add(log, " / %s",
             hc_h2_session_is_over(w.session)       ? "over"
             : hc_h2_session_is_draining(w.session) ? "draining"
                                                    : "ok");
  send_all(&w);
  if (!h2_read(&w.sent, before, sent_frames, sizeof sent_frames))
    wire_add(log, " (a frame is cut)");
  if (c->sent && strcmp(c->sent, sent_frames) != 0) wire_add(log, " (sent %s)", sent_frames);
  finish(&w);
}

#define RESET "broken !HTTP/2: the server ended the stream before its answer was complete "
#define MALFORMED "broken !response head: the field "
#define BROKE "HTTP/2: the server broke the protocol "

// clang-format off: a case a line
static const answer_case answers[] = {
    {.name = "head and content", .frames = "S|H1 :status=200;a=b|D1 hel|D1e lo", .expected = "complete 200{a: b} [hello] / ok", .sent = "SETTINGS+"},
    {.name = "no content", .frames = "S|H1e :status=204", .expected = "complete 204 [] / ok"},
    {.name = "an empty end", .frames = "S|H1 :status=200|D1 x|D1e ", .expected = "complete 200 [x] / ok"},
    {.name = "trailing fields", .frames = "S|H1 :status=200|D1 x|H1e t=1;u=2", .expected = "complete 200 [x]{t: 1}{u: 2} / ok"},
    {.name = "no end yet", .frames = "S|H1 :status=200|D1 x", .expected = "content 200 [x] / ok"},
    {.name = "100 and 103 before it", .frames = "S|H1 :status=100;x=y|H1 :status=103;link=z|H1 :status=200;a=b|D1e x", .expected = "complete 200{a: b} [x] continued / ok"},
    {.name = "a head in pieces", .frames = "S|H1c :status=200;a=b|C1c c=d|C1 e=f|D1e x", .expected = "complete 200{a: b}{c: d}{e: f} [x] / ok"},
    {.name = "the length that was announced", .frames = "S|H1 :status=200;content-length=3|D1e abc", .expected = "complete 200{content-length: 3} [abc] / ok"},
    {.name = "an answer to HEAD", .frames = "S|H1e :status=200;content-length=300", .expected = "complete 200{content-length: 300} [] / ok", .method = HC_METHOD_HEAD},
    {.name = "304 with a length", .frames = "S|H1e :status=304;content-length=300", .expected = "complete 304{content-length: 300} [] / ok"},
    {.name = "several cookies", .frames = "S|H1e :status=200;set-cookie=a=1;set-cookie=b=2", .expected = "complete 200{set-cookie: a=1}{set-cookie: b=2} [] / ok"},
    {.name = "an unknown frame", .frames = "S|X 77 0 1 abc|X 78 255 0 abc|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "an unknown setting", .frames = "S 4096=1|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "PING is answered", .frames = "S|P|H1e :status=200", .expected = "complete 200 [] / ok"},

    {.name = "less than announced", .frames = "S|H1 :status=200;content-length=5|D1e abc", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "more than announced", .frames = "S|H1 :status=200;content-length=2|D1 abc", .expected = "broken !~"},
    {.name = "content of an answer to HEAD", .frames = "S|H1 :status=200|D1e abc", .expected = "broken !~", .method = HC_METHOD_HEAD},
    {.name = "two lengths", .frames = "S|H1 :status=200;content-length=2;content-length=3|D1e abc", .expected = "broken !~"},
    {.name = "a length that is none", .frames = "S|H1e :status=200;content-length=2,2", .expected = "broken !~"},
    {.name = "a name with capitals", .frames = "S|H1e :status=200;Ab=c", .expected = "broken !HTTP/2: the server's answer is malformed (Invalid HTTP header field was received) / ok", .sent = "SETTINGS+ RST01(1)"},
    {.name = "a name with a blank", .frames = "S|H1e :status=200;a_b=c", .expected = MALFORMED "\"a b\" is malformed / ok"},
    {.name = "a value with a control byte", .frames = "S|H1e :status=200;a=b\001c", .expected = MALFORMED "\"a\" is malformed / ok"},
    {.name = "a value with CR", .frames = "S|H1e :status=200;a=b\rc", .expected = MALFORMED "\"a\" is malformed / ok"},
    {.name = "a value with LF", .frames = "S|H1e :status=200;a=b\nc", .expected = MALFORMED "\"a\" is malformed / ok"},
    {.name = "a field of the connection", .frames = "S|H1e :status=200;connection=close", .expected = "broken !~"},
    {.name = "a coding", .frames = "S|H1e :status=200;transfer-encoding=chunked", .expected = "broken !~"},
    {.name = "no status", .frames = "S|H1e a=b", .expected = "broken !~"},
    {.name = "two of it", .frames = "S|H1e :status=200;:status=200", .expected = "broken !~"},
    {.name = "a status that is none", .frames = "S|H1e :status=2x0", .expected = "broken !~"},
    {.name = "a status of two digits", .frames = "S|H1e :status=20", .expected = "broken !~"},
    {.name = "a request's pseudo-field", .frames = "S|H1e :status=200;:path=/", .expected = "broken !~"},
    {.name = "a pseudo-field behind others", .frames = "S|H1e a=b;:status=200", .expected = "broken !~"},
    {.name = "a pseudo-field behind the content", .frames = "S|H1 :status=200|D1 x|H1e :status=200", .expected = "broken !~"},
    {.name = "trailing fields without an end", .frames = "S|H1 :status=200|D1 x|H1 a=b|D1e y", .expected = "broken !~"},
    {.name = "content before the head", .frames = "S|D1 x", .expected = "broken !" BROKE "~"},
    {.name = "content behind a 1xx", .frames = "S|H1 :status=103|D1 x", .expected = "broken !HTTP/2: the server's answer is malformed (PROTOCOL_ERROR) / ok"},
    {.name = "an end with a 1xx", .frames = "S|H1e :status=103", .expected = "broken !~"},
    {.name = "101", .frames = "S|H1e :status=101", .expected = "broken !~"},
    {.name = "a head that is too large", .frames = "S|H1e :status=200;a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9;j=10;k=11;l=12", .expected = "broken !response head: it is larger than the limit of 400 bytes / ok", .sent = "SETTINGS+ RST01(8)"},
    {.name = "trailing fields that are too large", .frames = "S|H1 :status=200|H1e a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9;j=10;k=11;l=12", .expected = "broken !response head: it is larger than the limit of 400 bytes / ok"},
    {.name = "1xx without end", .frames = "S|H1 :status=103|H1 :status=103|H1 :status=103|H1 :status=103|H1 :status=103|H1 :status=103|H1 :status=103|H1 :status=103|H1 :status=103|H1 :status=103", .expected = "broken !response head: it is larger than the limit of 400 bytes / ok"},

    {.name = "a reset", .frames = "S|R1 8", .expected = RESET "(CANCEL) / ok"},
    {.name = "a reset in the content", .frames = "S|H1 :status=200|D1 x|R1 2", .expected = RESET "(INTERNAL_ERROR) / ok"},
    {.name = "NO_ERROR with half of the content", .frames = "S|H1 :status=200|D1 x|R1 0", .expected = RESET "(NO_ERROR) / ok"},
    {.name = "NO_ERROR with all of it", .frames = "S|H1 :status=200|D1e x|R1 0", .expected = "complete 200 [x] / ok"},
    {.name = "refused", .frames = "S|R1 7", .expected = RESET "(REFUSED_STREAM) unprocessed / ok"},
    {.name = "HTTP/1.1 is wanted", .frames = "S|R1 13", .expected = RESET "(HTTP_1_1_REQUIRED) http1 / ok"},
    {.name = "an unknown code", .frames = "S|R1 4711", .expected = RESET "(unknown) / ok"},
    {.name = "a goodbye below it", .frames = "S|G 0 0", .expected = RESET "(REFUSED_STREAM) unprocessed / over"},
    {.name = "a goodbye above it", .frames = "S|G 1 0|H1e :status=200", .expected = "complete 200 [] / over"},
    {.name = "a first goodbye", .frames = "S|G 2147483647 0|H1e :status=200", .expected = "complete 200 [] / draining"},
    {.name = "a goodbye that says why", .frames = "S|G 0 11 too hot", .expected = "broken !HTTP/2: the server ends the connection (ENHANCE_YOUR_CALM: too hot) unprocessed / over"},
    {.name = "the other stream's reset", .frames = "S|R3 2|H1e :status=200", .expected = "complete 200 [] / ok"},

    {.name = "no settings first", .frames = "H1e :status=200", .expected = "broken !~", .sent = "GOAWAY(1)"},
    {.name = "something else", .frames = "X 72 84 80808080 HTTP/1.1 200 OK", .expected = "broken !~"},
    {.name = "a push", .frames = "S|SA|X 5 4 1 \001\001\001\002", .expected = "broken !~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "a frame for stream 0", .frames = "S|D0 x", .expected = "broken !" BROKE "~"},
    {.name = "a stream that was not opened", .frames = "S|H7e :status=200", .expected = "broken !" BROKE "~"},
    {.name = "a stream of the server's", .frames = "S|H2e :status=200", .expected = "broken !" BROKE "~"},
    {.name = "a head that is not continued", .frames = "S|H1c :status=200|D1 x", .expected = "broken !" BROKE "~"},
    {.name = "a piece of a head alone", .frames = "S|C1 a=b", .expected = "broken !" BROKE "~"},
    {.name = "HPACK that is none", .frames = "S|X 1 5 1 zzzzzzz", .expected = "broken !" BROKE "~"},
    {.name = "a window past its end", .frames = "S|W0 2147483647", .expected = "broken !" BROKE "(FLOW_CONTROL_ERROR~"},
    {.name = "a stream's window past its end", .frames = "S|W1 2147483647", .expected = "broken !~"},
    {.name = "a window of nothing", .frames = "S|W0 0", .expected = "broken !" BROKE "~"},
    {.name = "a frame that is too long", .frames = "S|X 6 0 0 123456789", .expected = "broken !" BROKE "(FRAME_SIZE_ERROR~"},
    {.name = "settings that are out of range", .frames = "S 4=2147483648", .expected = "broken !" BROKE "(FLOW_CONTROL_ERROR~"},
    {.name = "frames behind the end", .frames = "S|H1e :status=200|D1 x", .expected = "complete 200 [] / ok"},

    /* Section 4.2, 4.3 */
    {.name = "4.2 a frame over the largest size", .frames = "S|Z 0 0 1 +16385", .expected = "broken !" BROKE "(FRAME_SIZE_ERROR~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "4.3 an index that is none", .frames = "S|Z 1 5 1 ffff01", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 a table larger than allowed", .frames = "S|Z 1 5 1 3fe1ff0388", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 a table's size behind a field", .frames = "S|Z 1 5 1 8820", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 a string that is cut", .frames = "S|Z 1 5 1 8800056162", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 Huffman's padding of a byte", .frames = "S|Z 1 5 1 88000161831cffff", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 an unknown frame inside a head", .frames = "S|H1c :status=200|X 77 0 1 a|C1 a=b", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "4.3 another stream's frame inside a head", .frames = "S|H1c :status=200|D3 a", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "4.3 a PING inside a head", .frames = "S|H1c :status=200|P", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "4.3 the other stream's head is decoded though it is reset", .frames = "S|R3 8|Z 1 5 3 884001610162|Z 1 5 1 88be", .expected = "complete 200{a: b} [] / ok"},

    /* Section 5.1: states */
    {.name = "5.1 content on an idle stream", .frames = "S|D7 x", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "5.1 a reset of an idle stream", .frames = "S|R7 8", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "5.1 a window of an idle stream", .frames = "S|W7 1", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "5.1 a priority of an idle stream", .frames = "S|Z 2 0 7 0000000010|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "5.1 a priority of an ended stream", .frames = "S|H1e :status=200|Z 2 0 1 0000000010", .expected = "complete 200 [] / ok"},
    {.name = "5.1 a window of an ended stream", .frames = "S|H1e :status=200|W1 5", .expected = "complete 200 [] / ok"},
    {.name = "5.1 a reset of an ended stream", .frames = "S|H1e :status=200|R1 8", .expected = "complete 200 [] / ok"},
    {.name = "5.1 a head on an ended stream", .frames = "S|H1e :status=200|H1e a=b", .expected = "complete 200 [] / ok"},
    {.name = "5.1 content on a stream that the server has reset", .frames = "S|R3 8|D3 x|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "5.1 frames on a stream that we have reset", .frames = "S|H1 :status=200;Ab=c|D1 x|W1 4|H1e :status=200|H3e :status=200", .expected = "broken !HTTP/2: the server's answer is malformed (Invalid HTTP header field was received) / ok"},
    {.name = "5.1.1 a head on stream 0", .frames = "S|H0e :status=200", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "5.1.1 content on a stream of the server's", .frames = "S|D2 x", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "5.5 an unknown frame of no stream", .frames = "S|X 200 255 0 abc|X 201 1 9 abc|H1e :status=200", .expected = "complete 200 [] / ok"},

    /* Section 6.1, 6.2: DATA, HEADERS */
    {.name = "6.1 padding", .frames = "S|H1 :status=200|Z 0 9 1 0261620000", .expected = "complete 200 [ab] / ok"},
    {.name = "6.1 padding alone", .frames = "S|H1 :status=200|Z 0 9 1 020000", .expected = "complete 200 [] / ok"},
    {.name = "6.1 padding without a byte", .frames = "S|H1 :status=200|Z 0 9 1 00", .expected = "complete 200 [] / ok"},
    {.name = "6.1 padding as long as the frame", .frames = "S|H1 :status=200|Z 0 9 1 0361620000", .expected = "complete 200 [a] / ok"},
    {.name = "6.1 padding longer than the frame", .frames = "S|H1 :status=200|Z 0 9 1 0561620000", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.1 a padded frame without its length", .frames = "S|H1 :status=200|Z 0 9 1 ", .expected = "broken !" BROKE "~"},
    {.name = "6.1 a content-length does not count padding", .frames = "S|H1 :status=200;content-length=2|Z 0 9 1 0261620000", .expected = "complete 200{content-length: 2} [ab] / ok"},
    {.name = "6.2 padding", .frames = "S|Z 1 13 1 02880000", .expected = "complete 200 [] / ok"},
    {.name = "6.2 padding longer than the frame", .frames = "S|Z 1 13 1 04880000", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.2 a priority in it", .frames = "S|Z 1 37 1 000000001088", .expected = "complete 200 [] / ok"},
    {.name = "6.2 a priority and padding", .frames = "S|Z 1 45 1 01000000001088 00", .expected = "complete 200 [] / ok"},
    {.name = "6.2 a priority that is cut", .frames = "S|Z 1 37 1 000000", .expected = "broken !" BROKE "~"},

    /* Section 6.3, 6.4: PRIORITY, RST_STREAM */
    {.name = "6.3 a priority of stream 0", .frames = "S|Z 2 0 0 0000000010", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.3 a priority of four bytes", .frames = "S|Z 2 0 1 00000000", .expected = "broken !~"},
    {.name = "6.4 a reset of stream 0", .frames = "S|R0 8", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.4 a reset of three bytes", .frames = "S|Z 3 0 1 000008", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "6.4 a reset of five bytes", .frames = "S|Z 3 0 1 0000000800", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},

    /* Section 6.5: SETTINGS */
    {.name = "6.5 of a stream", .frames = "S|Z 4 0 1 ", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.5 of five bytes", .frames = "S|Z 4 0 0 0001000000", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "6.5 an acknowledgement with something in it", .frames = "S|Z 4 1 0 000300000001", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "6.5 one setting twice: the last counts", .frames = "S 3=0 3=100|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "6.5.2 push is switched on", .frames = "S 2=1", .expected = "broken !" BROKE "~", .sent = "GOAWAY(1)"},
    {.name = "6.5.2 push is 2", .frames = "S 2=2", .expected = "broken !" BROKE "~", .sent = "GOAWAY(1)"},
    {.name = "6.5.2 push is 0", .frames = "S 2=0|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "6.5.2 the largest window", .frames = "S 4=2147483647|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "6.5.2 a window that is too large", .frames = "S 4=2147483648", .expected = "broken !" BROKE "~", .sent = "GOAWAY(3)"},
    {.name = "6.5.2 frames that are too small", .frames = "S 5=16383", .expected = "broken !" BROKE "~", .sent = "GOAWAY(1)"},
    {.name = "6.5.2 frames that are too large", .frames = "S 5=16777216", .expected = "broken !" BROKE "~", .sent = "GOAWAY(1)"},
    {.name = "6.5.2 the largest frames", .frames = "S 5=16777215 1=0 6=0|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "6.5.3 an acknowledgement of nothing", .frames = "S|SA|SA|H1e :status=200", .expected = "~"},

    /* Section 6.6 to 6.10 */
    {.name = "6.6 a push before our settings are known", .frames = "S|Z 5 4 1 0000000282848641016b|D2 x|H1e :status=200", .expected = "complete 200 [] / ok", .sent = "SETTINGS+ RST02(8)"},
    {.name = "6.6 a push on stream 0", .frames = "S|SA|Z 5 4 0 0000000288", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.7 of a stream", .frames = "S|X 6 0 1 12345678", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.7 of seven bytes", .frames = "S|X 6 0 0 1234567", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "6.7 an answer is not answered", .frames = "S|X 6 1 0 12345678|H1e :status=200", .expected = "complete 200 [] / ok", .sent = "SETTINGS+"},
    {.name = "6.7 PING is answered", .frames = "S|P|P", .expected = "head / ok", .sent = "SETTINGS+ PING+ PING+"},
    {.name = "6.8 of a stream", .frames = "S|Z 7 0 1 0000000100000000", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.8 of seven bytes", .frames = "S|Z 7 0 0 00000001000000", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "6.8 two of them, the second leaves it out", .frames = "S|G 2147483647 0|G 0 0", .expected = RESET "(REFUSED_STREAM) unprocessed / over"},
    {.name = "6.8 the last stream grows", .frames = "S|G 1 0|G 3 0|H1e :status=200", .expected = "~"},
    {.name = "6.9 of three bytes", .frames = "S|Z 8 0 0 000001", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "6.9 of nothing, for a stream", .frames = "S|W1 0|H3e :status=200", .expected = "broken !~"},
    {.name = "6.9 its reserved bit", .frames = "S|Z 8 0 1 80000001|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "6.9.1 the connection's window past its end", .frames = "S|W0 2147483647", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(3)"},
    {.name = "6.9.1 a stream's window past its end", .frames = "S|W1 2147483647", .expected = "broken !~", .sent = "SETTINGS+ RST01(3)"},
    {.name = "6.9.2 a window past its end by settings", .frames = "S|W1 2147418112|S 4=65537", .expected = "broken !~"},
    {.name = "6.10 behind a whole head", .frames = "S|H1 :status=200|C1 a=b", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.10 of another stream", .frames = "S|H1c :status=200|C3 a=b", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.10 of stream 0", .frames = "S|H1c :status=200|C0 a=b", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.10 empty ones", .frames = "S|H1c :status=200|C1c |C1c |C1 a=b|D1e x", .expected = "complete 200{a: b} [x] / ok"},
    {.name = "6.10 an end with the head's beginning", .frames = "S|H1ec :status=200|C1 a=b", .expected = "complete 200{a: b} [] / ok"},

    /* Section 8.1, 8.2: messages and fields */
    {.name = "8.1 trailing fields behind nothing", .frames = "S|H1 :status=200|H1e a=b", .expected = "complete 200 []{a: b} / ok"},
    {.name = "8.1 content behind trailing fields", .frames = "S|H1 :status=200|H1e a=b|D1 x", .expected = "complete 200 []{a: b} / ok"},
    {.name = "8.1 an empty frame of content behind a 1xx", .frames = "S|H1 :status=103|D1 |H1e :status=200", .expected = "broken !HTTP/2: the server's answer is malformed (content before the head) / ok", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1 a second final head", .frames = "S|H1 :status=200|H1 :status=200", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 more than announced, in the last frame", .frames = "S|H1 :status=200;content-length=1|D1 a|D1e b", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 less than announced, ended by fields", .frames = "S|H1 :status=200;content-length=2|D1 a|H1e t=1", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 nothing of what was announced", .frames = "S|H1e :status=200;content-length=2", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 a negative length", .frames = "S|H1e :status=200;content-length=-1", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 a length past all numbers", .frames = "S|H1 :status=200;content-length=99999999999999999999", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 no content behind 204", .frames = "S|H1 :status=204|D1e x", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 no content behind 304", .frames = "S|H1 :status=304;content-length=1|D1e x", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.2.1 an empty name", .frames = "S|H1e :status=200;=b", .expected = "broken !~"},
    {.name = "8.2.1 a name with a colon", .frames = "S|H1e :status=200;a:b=c", .expected = "broken !~"},
    {.name = "8.2.1 a name with a control byte", .frames = "S|H1e :status=200;a\001=c", .expected = "broken !~"},
    {.name = "8.2.1 a name beyond ASCII", .frames = "S|H1e :status=200;a\351=c", .expected = "broken !~"},
    {.name = "8.2.1 a name with DEL", .frames = "S|H1e :status=200;a\177=c", .expected = "broken !~"},
    {.name = "8.2.1 a value that begins with a blank", .frames = "S|H1e :status=200;a=_b", .expected = "broken !~"},
    {.name = "8.2.1 a value that ends with a blank", .frames = "S|H1e :status=200;a=b_", .expected = "broken !~"},
    {.name = "8.2.1 a value with NUL", .frames = "S|Z 1 5 1 880001610100", .expected = "broken !~"},
    {.name = "8.2.1 an empty value", .frames = "S|H1e :status=200;a=", .expected = "complete 200{a: } [] / ok"},
    {.name = "8.2.1 a value beyond ASCII", .frames = "S|H1e :status=200;a=\351", .expected = "complete 200{a: \351} [] / ok"},
    {.name = "8.2.1 trailing fields with capitals", .frames = "S|H1 :status=200|D1 x|H1e Ab=c", .expected = "broken !~"},
    {.name = "8.2.2 keep-alive", .frames = "S|H1e :status=200;keep-alive=5", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.2.2 proxy-connection", .frames = "S|H1e :status=200;proxy-connection=x", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.2.2 upgrade", .frames = "S|H1e :status=200;upgrade=h3", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.2.2 te", .frames = "S|H1e :status=200;te=gzip", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3 a pseudo-field that nobody knows", .frames = "S|H1e :status=200;:more=1", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3 a pseudo-field with the trailing ones", .frames = "S|H1 :status=200|D1 x|H1e :more=1", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3.2 a status of four digits", .frames = "S|H1e :status=2000", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3.2 an empty status", .frames = "S|H1e :status=", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3.2 a status below 100", .frames = "S|H1e :status=099", .expected = "broken !response head: the status is below 100 / ok", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3.2 a status above all classes", .frames = "S|H1e :status=999", .expected = "complete 999 [] / ok"},
    {.name = "8.7 refused behind a 1xx", .frames = "S|H1 :status=103|R1 7", .expected = RESET "(REFUSED_STREAM) unprocessed / ok"},
    /* What section 4.1 lets a peer send without a meaning, and extensions */
    {.name = "4.1 the reserved bit before a stream's number", .frames = "S|Z 1 4 2147483649 88|Z 0 1 2147483649 78", .expected = "complete 200 [x] / ok"},
    {.name = "4.1 flags without a meaning: HEADERS, DATA", .frames = "S|Z 1 214 1 88|Z 0 247 1 78", .expected = "complete 200 [x] / ok"},
    {.name = "4.1 flags without a meaning: SETTINGS", .frames = "S|Z 4 254 0 |H1e :status=200", .expected = "complete 200 [] / ok", .sent = "SETTINGS+ SETTINGS+"},
    {.name = "4.1 flags without a meaning: PING", .frames = "S|X 6 254 0 12345678|H1e :status=200", .expected = "complete 200 [] / ok", .sent = "SETTINGS+ PING+"},
    {.name = "4.1 flags without a meaning: RST_STREAM", .frames = "S|Z 3 255 3 00000008|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "4.1 flags without a meaning: WINDOW_UPDATE", .frames = "S|Z 8 255 0 00000001|Z 8 255 1 00000001|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "4.1 flags without a meaning: GOAWAY", .frames = "S|Z 7 255 0 0000000300000000|H1e :status=200", .expected = "complete 200 [] / draining"},
    {.name = "4.1 flags without a meaning: CONTINUATION", .frames = "S|H1c :status=200|Z 9 255 1 000161016200|D1e x", .expected = "~"},
    {.name = "5.5 ALTSVC, ORIGIN and PRIORITY_UPDATE", .frames = "S|X 10 0 0 abcdef|X 12 0 0 abc|X 16 0 0 abcdef|X 10 0 1 abc|H1e :status=200", .expected = "complete 200 [] / ok"},
    {.name = "4.2 an unknown frame over the largest size", .frames = "S|Z 77 0 0 +16385", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "4.2 a goodbye over the largest size", .frames = "S|Z 7 0 0 +16385", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "4.2 a head over the largest size", .frames = "S|Z 1 4 1 +16385", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "4.3 a table's size before the fields", .frames = "S|Z 1 5 1 203f21 88", .expected = "complete 200 [] / ok"},
    {.name = "4.3 the index 0", .frames = "S|Z 1 5 1 80", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 a number without an end", .frames = "S|Z 1 5 1 ffffffffffffffffffffff", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 Huffman's end of string", .frames = "S|Z 1 5 1 8800016184ffffffff", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 an empty head", .frames = "S|Z 1 5 1 ", .expected = "broken !~"},
    {.name = "4.3 HPACK that is none in trailing fields", .frames = "S|H1 :status=200|D1 x|Z 1 5 1 ffff01", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(9)"},
    {.name = "4.3 HPACK that is none on the stream that was reset", .frames = "S|H1 :status=200;Ab=c|Z 1 5 1 ffff01", .expected = "~"},
    {.name = "6.2 a stream that depends on itself", .frames = "S|Z 1 37 1 000000011088", .expected = "~"},
    {.name = "6.5 settings of every kind, twice", .frames = "S 1=0 3=7 4=9 5=16384 6=1 8=0 9=1|S 1=4096 3=100 4=65535|H1e :status=200", .expected = "complete 200 [] / ok", .sent = "SETTINGS+ SETTINGS+"},
    {.name = "6.8 a goodbye for a stream of the server's", .frames = "S|G 2 0|H1e :status=200", .expected = "~"},
    {.name = "6.8 a number above all that were begun", .frames = "S|G 99 0|H1e :status=200", .expected = "complete 200 [] / draining"},
    {.name = "6.9 of five bytes, for a stream", .frames = "S|Z 8 0 1 0000000100", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(6)"},
    {.name = "6.9 on a stream of the server's", .frames = "S|W2 1", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "6.4 of a stream of the server's", .frames = "S|R2 8", .expected = "broken !" BROKE "~", .sent = "SETTINGS+ GOAWAY(1)"},
    {.name = "8.1 a head that ends the stream behind 100", .frames = "S|H1 :status=100|H1e :status=417", .expected = "complete 417 [] continued / ok"},
    {.name = "8.1 content behind an empty end", .frames = "S|H1 :status=200|D1e |D1 x|D1e y", .expected = "complete 200 [] / ok"},
    {.name = "8.1.1 content of a 1xx", .frames = "S|H1 :status=103;content-length=5|H1e :status=200", .expected = "~"},
    {.name = "8.1.1 a length with a sign", .frames = "S|H1 :status=200;content-length=+1|D1e a", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 a length that is empty", .frames = "S|H1 :status=200;content-length=|D1e a", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 a length of 0 with content", .frames = "S|H1 :status=200;content-length=0|D1e a", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.1.1 a length of 0", .frames = "S|H1 :status=200;content-length=0|D1e ", .expected = "complete 200{content-length: 0} [] / ok"},
    {.name = "8.1.1 a length among the trailing fields", .frames = "S|H1 :status=200|D1 x|H1e content-length=5", .expected = "~"},
    {.name = "8.2.1 a name that is a colon alone", .frames = "S|H1e :status=200;:=b", .expected = "broken !~"},
    {.name = "8.2.1 a value with a tab inside", .frames = "S|H1e :status=200;a=b\tc", .expected = "complete 200{a: b<09>c} [] / ok"},
    {.name = "8.2.1 a value that ends with a tab", .frames = "S|H1e :status=200;a=b\t", .expected = "broken !~"},
    {.name = "8.2.1 a value with DEL", .frames = "S|H1e :status=200;a=b\177c", .expected = "~"},
    {.name = "8.2.1 a value with a line end in trailing fields", .frames = "S|H1 :status=200|D1 x|H1e a=b\nc", .expected = "broken !~"},
    {.name = "8.2.2 a field of the connection in a 1xx", .frames = "S|H1 :status=103;connection=close|H1e :status=200", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.2.2 a coding in trailing fields", .frames = "S|H1 :status=200|D1 x|H1e transfer-encoding=chunked", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.2.2 te: trailers", .frames = "S|H1e :status=200;te=trailers", .expected = "~"},
    {.name = "8.3 a pseudo-field's name alone", .frames = "S|H1e :status=200;:status=", .expected = "broken !~"},
    {.name = "8.3.2 a status with a sign", .frames = "S|H1e :status=+20", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3.2 a status 000", .frames = "S|H1e :status=000", .expected = "broken !~", .sent = "SETTINGS+ RST01(1)"},
    {.name = "8.3.2 a 1xx that nobody knows", .frames = "S|H1 :status=199|H1e :status=200", .expected = "complete 200 [] / ok"},
};
// clang-format on

static void check_answers(void) {
  static h2_bytes frames;
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    frames.size = 0;
    h2_write(&frames, answers[i].frames);
    wire_check(answers[i].name, answers[i].expected, frames.size, run_answer, &answers[i]);
  }
}

int main(void) {
  check_answers();
  return check_report();
}

#else /* built without libnghttp2 */

int main(void) { return check_report(); }

#endif
