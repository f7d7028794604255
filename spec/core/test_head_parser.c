/* test_head_parser.c - heads of responses, good and bad, in all splits (RFC 9112 sections 4 and 5).
 */
#include "../../core/base/memory.h"
#include "../../core/http1/head_parser.h"
#include "wire.h"

typedef struct head_case {
  const char *name;
  const char *bytes;
  /* code, minor version, [reason], {lines}, what is left; or the failure; or "more" */
  const char *expected;
  size_t size; /* where the bytes hold a NUL */
  size_t limit; /* 0: 4096 */
} head_case;

static void describe(wire_log *log, hc_parse result, const hc_response *r, const wire_feed *feed,
                     const hc_failure *why) {
  if (result == HC_PARSE_ERROR) {
    wire_add(log, "%s", why->text);
  } else if (result == HC_PARSE_MORE) {
    wire_add(log, "more");
  } else {
    wire_add(log, "%d %d [", r->code, r->minor_version);
    hc_slice reason = hc_response_reason(r);
    if (reason.size > 0) wire_add_bytes(log, reason.data, reason.size);
    wire_add(log, "]");
    wire_add_headers(log, &r->headers);
    /* What had not been fed yet is left as well. */
    wire_add(log, " left %zu size %zu", feed->kept_size + feed->size - feed->fed, r->size);
  }
}

static void parse_case(hc_response *r, const head_case *c, size_t split, wire_log *log) {
  static wire_feed feed;
  feed.bytes = c->bytes;
  feed.size = c->size > 0 ? c->size : strlen(c->bytes);
  feed.split = split;
  feed.fed = feed.kept_size = 0;
  hc_failure why = {0};
  hc_parse result = HC_PARSE_MORE;
  while (result == HC_PARSE_MORE && wire_next(&feed)) {
    size_t used;
    char *data = wire_place(0, feed.kept, feed.kept_size);
    result =
        hc_response_parse(r, data, feed.kept_size, c->limit > 0 ? c->limit : 4096, &used, &why);
    if (result != HC_PARSE_ERROR) wire_drop(&feed, used);
  }
  describe(log, result, r, &feed, &why);
}

static void run_head(const void *test_case, size_t split, wire_log *log) {
  hc_response r = {0};
  parse_case(&r, test_case, split, log);
  hc_response_reset(&r);
}

/* The same on what another head has left: its fields are there to be taken for this one's. */
static const head_case *former;

static void run_behind(const void *test_case, size_t split, wire_log *log) {
  static wire_log ignored;
  hc_response r = {0};
  ignored.size = 0;
  parse_case(&r, former, 0, &ignored);
  hc_response_restart(&r);
  parse_case(&r, test_case, split, log);
  hc_response_reset(&r);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define BAD_NAME "response header: a field name holds a byte that is no token character"
#define TOO_LARGE "response head: it is larger than the limit of "

// clang-format off: a case a line
static const head_case cases[] = {
    {"a head without fields", OK "\r\n", "200 1 [OK] left 0 size 19", 0, 0},
    {"bytes behind the head are left alone", OK "\r\nbody", "200 1 [OK] left 4 size 19", 0, 0},
    {"fields keep order, spelling and duplicates", OK "b: 1\r\nA: 2\r\nB: 3\r\n\r\n", "200 1 [OK]{b: 1}{A: 2}{B: 3}~", 0, 0},
    {"values are trimmed", OK "A: \t x y \t \r\nB:z\r\n\r\n", "200 1 [OK]{A: x y}{B: z}~", 0, 0},
    {"a value is trimmed behind a single blank", OK "A: x \r\nB: y\t\r\n\r\n", "200 1 [OK]{A: x}{B: y}~", 0, 0},
    {"a value of one byte", OK "A: x\r\nB:y\r\nC:  z\r\n\r\n", "200 1 [OK]{A: x}{B: y}{C: z}~", 0, 0},
    {"a value may be empty", OK "A:\r\nB:  \r\n\r\n", "200 1 [OK]{A: }{B: }~", 0, 0},
    {"colons in a value", OK "A:b:c\r\n\r\n", "200 1 [OK]{A: b:c}~", 0, 0},
    {"all token characters in a name", OK "!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n", "200 1 [OK]{!#$%&'*+-.^_`|~09azAZ: 1}~", 0, 0},
    {"bytes over 7F in a value stay", OK "A: \xc3\xa9\xff\r\n\r\n", "200 1 [OK]{A: \xc3\xa9\xff}~", 0, 0},
    {"other control bytes in a value stay", OK "A: a\x01" "b\x7f\r\n\r\n", "200 1 [OK]{A: a<01>b<7F>}~", 0, 0},
    {"bare LF ends lines", "HTTP/1.1 200 OK\nA: 1\n\nrest", "200 1 [OK]{A: 1} left 4 size 22", 0, 0},
    {"CRLF and LF mixed", "HTTP/1.1 200 OK\r\nA: 1\nB: 2\r\n\n", "200 1 [OK]{A: 1}{B: 2} left 0~", 0, 0},
    {"an obs-fold becomes a blank", OK "A: 1\r\n 2\r\n\t  3 \r\nB: 4\r\n\r\n", "200 1 [OK]{A: 1 2 3}{B: 4}~", 0, 0},
    {"an obs-fold onto an empty value", OK "A:\r\n x\r\n\r\n", "200 1 [OK]{A: x}~", 0, 0},
    {"an empty obs-fold adds nothing", OK "A: 1\r\n  \r\n 2\r\n\r\n", "200 1 [OK]{A: 1 2}~", 0, 0},
    {"an obs-fold may hold a colon", OK "A: 1\r\n B: 2\r\n\r\n", "200 1 [OK]{A: 1 B: 2}~", 0, 0},
    {"an obs-fold with NUL", OK "A: 1\r\n \0\r\n\r\n", "response header: a field line holds a NUL byte", 29, 0},
    {"HTTP/1.0", "HTTP/1.0 404 Not Found\r\n\r\n", "404 0 [Not Found]~", 0, 0},
    {"a higher minor version", "HTTP/1.9 200 OK\r\n\r\n", "200 9 [OK]~", 0, 0},
    {"an empty reason", "HTTP/1.1 200 \r\n\r\n", "200 1 []~", 0, 0},
    {"no space behind the code", "HTTP/1.1 200\r\n\r\n", "200 1 []~", 0, 0},
    {"no space behind the code, bare LF", "HTTP/1.1 200\n\n", "200 1 [] left 0 size 14", 0, 0},
    {"a reason with bytes over 7F", "HTTP/1.1 200 \xe9t\xe9\r\n\r\n", "200 1 [\xe9t\xe9]~", 0, 0},
    {"the lowest code", "HTTP/1.1 100 Continue\r\n\r\n", "100 1 [Continue]~", 0, 0},
    {"the highest code", "HTTP/1.1 999 X\r\n\r\n", "999 1 [X]~", 0, 0},
    {"the end has not come", OK "A: 1\r\n", "more", 0, 0},
    {"the last LF has not come", OK "\r", "more", 0, 0},

    {"another protocol", "SSH-2.0-OpenSSH\r\n", "response status line: expected \"HTTP/1.\"", 0, 0},
    {"an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", "response status line: expected \"HTTP/1.\"", 0, 0},
    {"lower case", "http/1.1 200 OK\r\n\r\n", "response status line: expected \"HTTP/1.\"", 0, 0},
    {"HTTP/2", "HTTP/2 200\r\n\r\n", "response status line: expected \"HTTP/1.\"", 0, 0},
    {"ICY", "ICY 200 OK\r\n\r\n", "response status line: expected \"HTTP/1.\"", 0, 0},
    {"no minor version", "HTTP/1. 200 OK\r\n\r\n", "response status line: expected a digit behind \"HTTP/1.\"", 0, 0},
    {"two digits of minor version", "HTTP/1.10 200 OK\r\n\r\n", "response status line: expected a space behind the version", 0, 0},
    {"a tab behind the version", "HTTP/1.1\t200 OK\r\n\r\n", "response status line: expected a space behind the version", 0, 0},
    {"two spaces behind the version", "HTTP/1.1  200 OK\r\n\r\n", "response status line: expected a code of three digits", 0, 0},
    {"a status line that ends before the code", "HTTP/1.1\r\n\r\n", "response status line: expected a space behind the version", 0, 0},
    {"two digits", "HTTP/1.1 20 OK\r\n\r\n", "response status line: expected a code of three digits", 0, 0},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n", "response status line: expected a space behind the code", 0, 0},
    {"a code below 100", "HTTP/1.1 099 OK\r\n\r\n", "response status line: the code is below 100", 0, 0},
    {"a negative code", "HTTP/1.1 -20 OK\r\n\r\n", "response status line: expected a code of three digits", 0, 0},
    {"a tab behind the code", "HTTP/1.1 200\tOK\r\n\r\n", "response status line: expected a space behind the code", 0, 0},
    {"a CR behind the code that ends no line", "HTTP/1.1 200\rOK\r\n\r\n", "response status line: a bare CR behind the code", 0, 0},
    {"two CR behind the code", "HTTP/1.1 200\r\r\n\r\n", "response status line: a bare CR behind the code", 0, 0},
    {"a bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", "response status line: it holds a bare CR", 0, 0},
    {"two CR at the end of the status line", "HTTP/1.1 200 OK\r\r\n\r\n", "response status line: it holds a bare CR", 0, 0},
    {"NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", "response status line: it holds a NUL byte", 20, 0},
    {"no colon", OK "A\r\n\r\n", "response header: a field line has no colon", 0, 0},
    {"no colon behind what is no name", OK "A b\r\n\r\n", "response header: a field line has no colon", 0, 0},
    {"an empty name", OK ": x\r\n\r\n", "response header: a field name is empty", 0, 0},
    {"a blank before the colon", OK "A : x\r\n\r\n", BAD_NAME, 0, 0},
    {"a tab before the colon", OK "A\t: x\r\n\r\n", BAD_NAME, 0, 0},
    {"a slash in a name", OK "A/B: x\r\n\r\n", BAD_NAME, 0, 0},
    {"a byte over 7F in a name", OK "\xc3\xa9: x\r\n\r\n", BAD_NAME, 0, 0},
    {"DEL in a name", OK "A\x7f: x\r\n\r\n", BAD_NAME, 0, 0},
    {"white space before the first field line", OK " A: x\r\n\r\n", "response header: white space before the first field line", 0, 0},
    {"a blank line of white space first", OK " \r\n\r\n", "response header: white space before the first field line", 0, 0},
    {"NUL in a value", OK "A: x\0y\r\n\r\n", "response header: a field line holds a NUL byte", 27, 0},
    {"NUL in a name", OK "A\0: x\r\n\r\n", "response header: a field line holds a NUL byte", 26, 0},
    {"a bare CR in a value", OK "A: x\ry\r\n\r\n", "response header: a field line holds a bare CR", 0, 0},
    {"two CR at the end of a line", OK "A: x\r\r\n\r\n", "response header: a field line holds a bare CR", 0, 0},
    {"a CR CR LF in place of the empty line", OK "A: x\r\n\r\r\n", "response header: a field line holds a bare CR", 0, 0},

    {"a head of just the limit", OK "A: 1\r\n\r\n", "200 1 [OK]{A: 1} left 0 size 25", 0, 25},
    {"a head of just the limit, and a body", OK "A: 1\r\n\r\nbody", "200 1 [OK]{A: 1} left 4 size 25", 0, 25},
    {"a head of one byte more", OK "A: 1\r\n\r\n", TOO_LARGE "24 bytes", 0, 24},
    {"whole lines that fill the limit", OK "A: 1\r\n", TOO_LARGE "23 bytes", 0, 23},
    {"an unfinished line that fills the limit", OK "A: 12345678901234567890", TOO_LARGE "30 bytes", 0, 30},
    {"a status line over the limit", OK "\r\n", TOO_LARGE "10 bytes", 0, 10},
    {"a limit of one byte", OK "\r\n", TOO_LARGE "1 bytes", 0, 1},
    {"three fields", OK "A: 1\r\nBb: 22\r\nC: 3\r\n\r\n", "200 1 [OK]{A: 1}{Bb: 22}{C: 3} left 0~", 0, 0},
    {"three fields, one other value", OK "A: 1\r\nBb: 23\r\nC: 3\r\n\r\n", "200 1 [OK]{A: 1}{Bb: 23}{C: 3} left 0~", 0, 0},
    {"three fields, one longer", OK "A: 1\r\nBb: 222\r\nC: 3\r\n\r\n", "200 1 [OK]{A: 1}{Bb: 222}{C: 3} left 0~", 0, 0},
    {"three fields, the colon elsewhere", OK "A: 1\r\nB: b22\r\nC: 3\r\n\r\n", "200 1 [OK]{A: 1}{B: b22}{C: 3} left 0~", 0, 0},
    {"three fields by bare LF", OK "A: 1\nBb: 22\nC: 3\n\n", "200 1 [OK]{A: 1}{Bb: 22}{C: 3} left 0~", 0, 0},
    {"the second field twice in the place of the third", OK "A: 1\r\nBb: 22\r\nBb: 22\r\n\r\n",
     "200 1 [OK]{A: 1}{Bb: 22}{Bb: 22} left 0~", 0, 0},
    {"the third field alone, where it was", OK "AAAAA: 5678901\r\nC: 3\r\n\r\n", "200 1 [OK]{AAAAA: 5678901}{C: 3} left 0~", 0, 0},
    {"one field more", OK "A: 1\r\nBb: 22\r\nC: 3\r\nD: 4\r\n\r\n", "200 1 [OK]{A: 1}{Bb: 22}{C: 3}{D: 4} left 0~", 0, 0},
    {"one goes on in an obs-fold", OK "A: 1\r\nBb: 22\r\n x\r\nC: 3\r\n\r\n", "200 1 [OK]{A: 1}{Bb: 22 x}{C: 3} left 0~", 0, 0},
    {"one has a blank at its end", OK "A: 1\r\nBb: 22 \r\nC: 3\r\n\r\n", "200 1 [OK]{A: 1}{Bb: 22}{C: 3} left 0~", 0, 0},
    {"one ends in two CR", OK "A: 1\r\nBb: 22\r\r\nC: 3\r\n\r\n", "response header: a field line holds a bare CR", 0, 0},
    {"one goes on behind a CR", OK "A: 1\r\nBb: 22\rC: 3\r\n\r\n", "response header: a field line holds a bare CR", 0, 0},
    {"the head ends before the second", OK "A: 1\r\n\r\nBb: 22\r\nC: 3\r\n\r\n", "200 1 [OK]{A: 1} left 16~", 0, 0},
    {"rubbish within a small limit", "HTTPS/1.1 200 OK\r\n\r\n", "response status line: expected \"HTTP/1.\"", 0, 8},
};
// clang-format on

/* How many bytes are borne: with one fewer the head is still open, with this many it is refused. */
typedef struct prompt_case {
  const char *bytes;
  size_t refused_at;
} prompt_case;

// clang-format off: a case a line
static const prompt_case prompt_cases[] = {
    {"X", 1},           {"HTTQ", 4},        {"HTTP/2", 6},        {"HTTP/1,", 7},        {"HTTP/1.x", 8},
    {"HTTP/1.12", 9},   {"HTTP/1.1 0", 10}, {"HTTP/1.1 2a", 11},  {"HTTP/1.1 20\r", 12}, {"HTTP/1.1 200;", 13},
    {"HTTP/1.1 200\rX", 14}, {"\r", 1},     {"\n", 1},
};
// clang-format on

static void check_promptness(void) {
  for (size_t i = 0; i < sizeof prompt_cases / sizeof prompt_cases[0]; i++) {
    const prompt_case *c = &prompt_cases[i];
    size_t used;
    hc_response r = {0};
    hc_failure why = {0};
    hc_parse before = hc_response_parse(&r, wire_place(0, c->bytes, c->refused_at - 1),
                                        c->refused_at - 1, 4096, &used, &why);
    hc_parse after = hc_response_parse(&r, wire_place(0, c->bytes, c->refused_at), c->refused_at,
                                       4096, &used, &why);
    CHECK_CASE("the first wrong byte is refused",
               before == HC_PARSE_MORE && after == HC_PARSE_ERROR && used == 0);
    CHECK_CASE("the refusal is invalid data",
               why.code == HC_ERR_INVALID_DATA && why.text[0] != '\0');
    hc_response_reset(&r);
  }
}

static void check_many_fields(void) {
  static char bytes[60000];
  size_t size = (size_t)snprintf(bytes, sizeof bytes, OK);
  for (int i = 0; i < 2000; i++)
    size += (size_t)snprintf(bytes + size, sizeof bytes - size, "Name-%d: value %d\r\n", i, i);
  size += (size_t)snprintf(bytes + size, sizeof bytes - size, "\r\n");
  hc_response r = {0};
  hc_failure why = {0};
  size_t used, index = 0;
  CHECK(hc_response_parse(&r, wire_place(0, bytes, size), size, size, &used, &why) ==
            HC_PARSE_DONE &&
        used == size);
  CHECK(r.headers.count == 2000);
  CHECK(hc_headers_find(&r.headers, HC_SLICE("nAME-1999"), 0, &index) && index == 1999);
  CHECK(hc_slice_equal(hc_headers_value(&r.headers, 1999), HC_SLICE("value 1999")));
  CHECK(r.headers.text.capacity - r.headers.text.end <= r.headers.text.end / 4 + 256);
  hc_response_reset(&r);
  CHECK(r.code == 0 && !r.headers.fields && !r.headers.text.data &&
        hc_response_reason(&r).size == 0);
  hc_response_reset(&r);
}

static void check_lowered_limit(void) {
  hc_response r = {0};
  hc_failure why = {0};
  size_t used;
  CHECK(hc_response_parse(&r, OK "A: 1\r\n", 23, 4096, &used, &why) == HC_PARSE_MORE && used == 23);
  CHECK(hc_response_parse(&r, "B: 1\r\n", 6, 10, &used, &why) == HC_PARSE_ERROR);
  hc_response_reset(&r);
}

static void check_restart(void) {
  hc_response r = {0};
  hc_failure why = {0};
  size_t used;
  hc_response_restart(&r);
  CHECK(hc_response_parse(&r, OK "A: 1\r\nB: 2\r\n\r\n", 31, 4096, &used, &why) == HC_PARSE_DONE &&
        used == 31);
  hc_response_restart(&r);
  CHECK(r.code == 0 && r.headers.count == 0 && hc_response_reason(&r).size == 0 &&
        r.headers.text.data);
  CHECK(hc_response_parse(&r, "HTTP/1.0 404 No\r\nC: 3\r\n\r\n", 25, 4096, &used, &why) ==
            HC_PARSE_DONE &&
        used == 25);
  CHECK(r.code == 404 && r.minor_version == 0 && r.size == 25 && r.headers.count == 1);
  CHECK(hc_slice_equal(hc_headers_line(&r.headers, 0), HC_SLICE("C: 3")));
  CHECK(hc_slice_equal(hc_response_reason(&r), HC_SLICE("No")));
  hc_response_reset(&r);
}

/* Of one head after the other on a connection: how the last one went. */
static hc_parse parse_in_turn(hc_response *r, const char *const heads[], size_t count) {
  hc_parse result = HC_PARSE_MORE;
  hc_failure why = {0};
  for (size_t i = 0; i < count; i++) {
    size_t used, size = strlen(heads[i]);
    if (i > 0) hc_response_restart(r);
    result = hc_response_parse(r, wire_place(0, heads[i], size), size, 4096, &used, &why);
  }
  return result;
}

/* The reason stands in the memory of the fields, in front of them: what it was written over is no
 * field that the head before had. */
static void check_reasons(void) {
  static const char *const over_fields[] = {OK "Server: x\r\n\r\n",
                                            "HTTP/1.1 200 OKa bcde: x\r\n\r\n",
                                            OK "a bcde: x\r\n\r\n"},
                           *const longer[] = {OK "Server: x\r\nA: 1\r\n\r\n",
                                              "HTTP/1.1 404 Not Found\r\nA: 1\r\nB: 2\r\n\r\n",
                                              "HTTP/1.1 200\r\nServer: x\r\n\r\n"};
  hc_response r = {0};
  CHECK(parse_in_turn(&r, over_fields, 2) == HC_PARSE_DONE && r.headers.count == 0 &&
        hc_slice_equal(hc_response_reason(&r), HC_SLICE("OKa bcde: x")));
  hc_response_reset(&r);
  CHECK(parse_in_turn(&r, over_fields, 3) == HC_PARSE_ERROR);
  hc_response_reset(&r);
  CHECK(parse_in_turn(&r, longer, 2) == HC_PARSE_DONE && r.headers.count == 2 &&
        hc_slice_equal(hc_headers_line(&r.headers, 1), HC_SLICE("B: 2")) &&
        hc_slice_equal(hc_response_reason(&r), HC_SLICE("Not Found")));
  hc_response_reset(&r);
  CHECK(parse_in_turn(&r, longer, 3) == HC_PARSE_DONE && r.headers.count == 1 &&
        hc_slice_equal(hc_headers_name(&r.headers, 0), HC_SLICE("Server")) &&
        hc_response_reason(&r).size == 0);
  hc_response_reset(&r);
}

#ifdef HC_TEST_HOOKS
static void check_memory_failures(void) {
  static const char bytes[] = OK "A: 1\r\n B\r\nC: 2\r\n\r\n";
  long before = hc_memory_live_blocks();
  hc_parse result = HC_PARSE_ERROR;
  int refused = 0, all_named = 1;
  for (long i = 0; result != HC_PARSE_DONE && i < 50; i++) {
    hc_response r = {0};
    hc_failure why = {0};
    size_t used;
    hc_memory_fail_after(i, 1);
    result = hc_response_parse(&r, bytes, sizeof bytes - 1, 4096, &used, &why);
    hc_memory_fail_after(-1, 0);
    if (result == HC_PARSE_ERROR) {
      refused++;
      all_named = all_named && why.code == HC_ERR_OUT_OF_MEMORY;
    }
    hc_response_reset(&r);
  }
  CHECK(result == HC_PARSE_DONE && refused >= 2 && all_named);
  CHECK(hc_memory_live_blocks() == before);
}
#endif

static size_t size_of(const head_case *c) { return c->size > 0 ? c->size : strlen(c->bytes); }

int main(void) {
  const head_case *end = cases + sizeof cases / sizeof cases[0];
  for (const head_case *c = cases; c < end; c++) {
    wire_check(c->name, c->expected, size_of(c), run_head, c);
    for (former = cases; former < end; former++)
      wire_check(c->name, c->expected, size_of(c), run_behind, c);
  }
  check_promptness();
  check_many_fields();
  check_lowered_limit();
  check_restart();
  check_reasons();
#ifdef HC_TEST_HOOKS
  check_memory_failures();
#endif
  return check_report();
}
