/* test_chunked.c - the chunked coding, good and bad, in all splits and with little room (RFC 9112
 * section 7.1). */
#include "../../core/http1/chunked.h"
#include "../../core/base/memory.h"
#include "wire.h"

typedef struct chunked_case {
  const char *name;
  const char *bytes;
  /* content, then [trailers] and what is left; or the content before the failure, '!', its text */
  const char *expected;
  size_t size; /* where the bytes hold a NUL */
  size_t trailer_limit; /* 0: 4096 */
} chunked_case;

typedef struct chunked_run {
  const chunked_case *c;
  size_t room;
} chunked_run;

/* The way a client works: decoded bytes are taken out, unused ones stay in front of what comes. A
 * call that stops because its room is full is repeated before more is fed. */
static void run_chunked(const void *test_case, size_t split, wire_log *log) {
  const chunked_run *run = test_case;
  const chunked_case *c = run->c;
  static wire_feed feed;
  static char content[WIRE_CAPACITY];
  size_t content_size = 0;
  feed.bytes = c->bytes;
  feed.size = c->size > 0 ? c->size : strlen(c->bytes);
  feed.split = split;
  feed.fed = feed.kept_size = 0;
  hc_chunked d = {0};
  hc_failure why = {0};
  hc_parse result = HC_PARSE_MORE;
  size_t used = 0, produced = 0;
  while (result == HC_PARSE_MORE && (used > 0 || wire_next(&feed))) {
    char *data = wire_place(0, feed.kept, feed.kept_size);
    result =
        hc_chunked_decode(&d, data, feed.kept_size, run->room,
                          c->trailer_limit > 0 ? c->trailer_limit : 4096, &used, &produced, &why);
    if (produced > run->room || produced > used || used > feed.kept_size)
      wire_add(log, "(bad counts)");
    memcpy(content + content_size, data, produced);
    content_size += produced;
    if (memcmp(data + used, feed.kept + used, feed.kept_size - used) != 0)
      wire_add(log, "(touched bytes behind)");
    wire_drop(&feed, used);
  }
  wire_add_bytes(log, content, content_size);
  if (result == HC_PARSE_ERROR) {
    wire_add(log, "!%s", why.text);
  } else if (result == HC_PARSE_MORE) {
    wire_add(log, " more");
  } else {
    wire_add(log, " [");
    wire_add_headers(log, &d.trailers);
    wire_add(log, "] left %zu", feed.kept_size + feed.size - feed.fed);
  }
  hc_chunked_reset(&d);
}

#define NO_SIZE "!chunked body: a chunk size was expected"
#define NO_HEX "!chunked body: the chunk size is no hexadecimal number"
#define BARE_LF "!chunked body: a bare LF ends the chunk-size line"
#define BARE_CR "!chunked body: a bare CR stands in the chunk-size line"
#define NO_CRLF "!chunked body: no CRLF stands behind a chunk's data"
#define TOO_BIG "!chunked body: the chunk size is over 2^63-1"
#define BIG_TRAILER "!chunked body: the trailer section is too large"

// clang-format off: a case a line
static const chunked_case cases[] = {
    {"an empty body", "0\r\n\r\n", " [] left 0", 0, 0},
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello [] left 0", 0, 0},
    {"several chunks", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", "abcdef [] left 0", 0, 0},
    {"bytes behind the message are left alone", "1\r\na\r\n0\r\n\r\nHTTP/1.1", "a [] left 8", 0, 0},
    {"hexadecimal sizes in both cases", "a\r\n0123456789\r\nC\r\n0123456789ab\r\n0\r\n\r\n", "01234567890123456789ab [] left 0", 0, 0},
    {"sizes of several digits", "10\r\n0123456789abcdef\r\n1F\r\n0123456789abcdef0123456789abcde\r\n0\r\n\r\n", "0123456789abcdef0123456789abcdef0123456789abcde [] left 0", 0, 0},
    {"a size of 15 digits", "000000000000003\r\nabc\r\n0\r\n\r\n", "abc [] left 0", 0, 0},
    {"a size of 16 digits", "0000000000000003\r\nabc\r\n0\r\n\r\n", "abc [] left 0", 0, 0},
    {"a size of 15 digits that is far off", "123456789abcdef\r\nab", "ab more", 0, 0},
    {"leading zeros", "0000000000000000000000003\r\nabc\r\n000\r\n\r\n", "abc [] left 0", 0, 0},
    {"content that looks like framing", "7\r\n0\r\n\r\nab\r\n0\r\n\r\n", "0||ab [] left 0", 0, 0},
    {"blanks behind the size", "3 \t \r\nabc\r\n0  \r\n\r\n", "abc [] left 0", 0, 0},
    {"an extension", "3;a=b\r\nabc\r\n0;c\r\n\r\n", "abc [] left 0", 0, 0},
    {"an extension behind blanks", "3 ; a = \"b;c\"\r\nabc\r\n0\r\n\r\n", "abc [] left 0", 0, 0},
    {"an extension that looks like a size", "1;5\r\na\r\n0\r\n\r\n", "a [] left 0", 0, 0},
    {"an empty extension", "1;\r\na\r\n0\r\n\r\n", "a [] left 0", 0, 0},
    {"trailers", "1\r\na\r\n0\r\nX: 1\r\ny:2 \r\n\r\n", "a [{X: 1}{y: 2}] left 0", 0, 0},
    {"an obs-fold in the trailers", "0\r\nX: 1\r\n 2\r\n\r\nrest", " [{X: 1 2}] left 4", 0, 0},
    {"no last chunk", "1\r\na\r\n", "a more", 0, 0},
    {"no end of the trailer section", "0\r\nX: 1\r\n", " more", 0, 0},
    {"half of the last empty line", "0\r\n\r", " more", 0, 0},
    {"NUL in the content", "3\r\na\0b\r\n0\r\n\r\n", "a<00>b [] left 0", 13, 0},

    {"no size", "\r\n", NO_SIZE, 0, 0},
    {"no size behind a chunk", "1\r\na\r\n\r\n", "a" NO_SIZE, 0, 0},
    {"a size that is no hex", "x\r\n", NO_SIZE, 0, 0},
    {"a minus", "-1\r\n", NO_SIZE, 0, 0},
    {"a plus", "+1\r\na\r\n", NO_SIZE, 0, 0},
    {"a blank before the size", " 1\r\na\r\n", NO_SIZE, 0, 0},
    {"an extension without size", ";a\r\n", NO_SIZE, 0, 0},
    {"0x", "0x1\r\na\r\n", NO_HEX, 0, 0},
    {"a letter behind the digits", "1g\r\na\r\n", NO_HEX, 0, 0},
    {"a digit behind blanks", "1 1\r\na\r\n", NO_HEX, 0, 0},
    {"a byte over 7F behind the digits", "1\xb9\r\na\r\n", NO_HEX, 0, 0},
    {"NUL behind the digits", "1\0\r\na\r\n", NO_HEX, 7, 0},
    {"the largest size", "7fffffffffffffff\r\nab", "ab more", 0, 0},
    {"one more than the largest size", "8000000000000000\r\n", TOO_BIG, 0, 0},
    {"a size that would wrap", "10000000000000001\r\na\r\n", TOO_BIG, 0, 0},
    {"a size of many digits", "fffffffffffffffffffffffffffffff\r\n", TOO_BIG, 0, 0},
    {"a bare LF behind the size", "1\na\r\n0\r\n\r\n", BARE_LF, 0, 0},
    {"a bare LF behind blanks", "1 \na\r\n0\r\n\r\n", BARE_LF, 0, 0},
    {"a bare LF in the extensions", "1;a\na\r\n0\r\n\r\n", BARE_LF, 0, 0},
    {"a bare CR behind the size", "1\ra\r\n0\r\n\r\n", BARE_CR, 0, 0},
    {"a bare CR in the extensions", "1;a\rb\r\na\r\n0\r\n\r\n", BARE_CR, 0, 0},
    {"two CR behind the size", "1\r\r\na\r\n", BARE_CR, 0, 0},
    {"NUL in the extensions", "1;a\0\r\na\r\n", "!chunked body: a chunk extension holds a NUL byte", 9, 0},
    {"no CRLF behind the data", "1\r\na1\r\nb\r\n0\r\n\r\n", "a" NO_CRLF, 0, 0},
    {"a bare LF behind the data", "1\r\na\n0\r\n\r\n", "a" NO_CRLF, 0, 0},
    {"a bare CR behind the data", "1\r\na\r0\r\n\r\n", "a" NO_CRLF, 0, 0},
    {"more data than told", "2\r\nabc\r\n0\r\n\r\n", "ab" NO_CRLF, 0, 0},
    {"a bare LF as the last empty line", "0\r\n\n", "!chunked body: a bare LF ends a trailer line", 0, 0},
    {"a bare LF behind the last chunk", "0\n\r\n", BARE_LF, 0, 0},
    {"a bare LF behind a trailer line", "0\r\nA: 1\n\r\n", "!chunked body: a bare LF ends a trailer line", 0, 0},
    {"a trailer line without colon", "0\r\nA\r\n\r\n", "!response header: a field line has no colon", 0, 0},
    {"a trailer line with a bare CR", "0\r\nA: 1\r2\r\n\r\n", "!response header: a field line holds a bare CR", 0, 0},
    {"white space before the first trailer line", "0\r\n A: 1\r\n\r\n", "!response header: white space before the first field line", 0, 0},
    {"a trailer section of just the limit", "0\r\nA: 1\r\n\r\n", " [{A: 1}] left 0", 0, 8},
    {"a trailer section of one byte more", "0\r\nA: 1\r\n\r\n", BIG_TRAILER, 0, 7},
    {"an unfinished trailer line over the limit", "0\r\nA: 1234567890", BIG_TRAILER, 0, 10},
    {"an unfinished trailer line that fills the limit", "0\r\nA: 1", BIG_TRAILER, 0, 4},
    {"an empty trailer section of just the limit", "0\r\n\r\n", " [] left 0", 0, 2},
};
// clang-format on

static void check_cases(void) {
  static const size_t rooms[] = {WIRE_CAPACITY, 1, 2, 3, 5};
  char name[200];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (size_t k = 0; k < sizeof rooms / sizeof rooms[0]; k++) {
      chunked_run run = {&cases[i], rooms[k]};
      (void)snprintf(name, sizeof name, "%s, room %zu", cases[i].name, rooms[k]);
      wire_check(name, cases[i].expected,
                 cases[i].size > 0 ? cases[i].size : strlen(cases[i].bytes), run_chunked, &run);
    }
  }
}

/* The chunk-size line may be as long as its limit, and not one byte longer, whatever it is made of.
 */
static void check_line_limit(void) {
  static const char fills[] = {'0', ' ', ';', 'x'};
  static const char tail[] = "\r\na\r\n0;xxxxxxx\r\n\r\n";
  static char bytes[HC_CHUNK_LINE_LIMIT + 64];
  static wire_log log;
  for (size_t i = 0; i < sizeof fills; i++) {
    for (size_t over = 0; over <= 1; over++) {
      size_t line = HC_CHUNK_LINE_LIMIT + over;
      memset(bytes, fills[i], line);
      memcpy(bytes,
             fills[i] == 'x'   ? "1;"
             : fills[i] == '0' ? "00"
                               : "1",
             fills[i] == 'x' || fills[i] == '0' ? 2 : 1);
      if (fills[i] == '0') bytes[line - 1] = '1';
      memcpy(bytes + line, tail, sizeof tail);
      chunked_case c = {"", bytes, "", 0, 0};
      chunked_run run = {&c, WIRE_CAPACITY};
      const char *expected =
          over ? "!chunked body: the chunk-size line is too long" : "a [] left 0";
      size_t splits[] = {0, 1, 2, 3, line - 1, line, line + 1, line + 2, WIRE_BYTE_BY_BYTE};
      int holds = 1;
      for (size_t k = 0; k < sizeof splits / sizeof splits[0]; k++) {
        log.size = 0;
        run_chunked(&run, splits[k], &log);
        holds = holds && strcmp(log.text, expected) == 0;
      }
      CHECK_CASE("the limit of the chunk-size line", holds);
    }
  }
  chunked_case next = {"", bytes, "", 0, 0};
  size_t line = HC_CHUNK_LINE_LIMIT - 1;
  memset(bytes, 'x', line);
  memcpy(bytes, "1;", 2);
  memcpy(bytes + line, tail, sizeof tail);
  chunked_run run = {&next, WIRE_CAPACITY};
  log.size = 0;
  run_chunked(&run, 0, &log);
  CHECK_CASE("each chunk-size line is counted for itself", strcmp(log.text, "a [] left 0") == 0);
}

static void check_full_room(void) {
  char bytes[] = "3\r\nabc\r\n0\r\nA: b\r\n\r\nrest";
  hc_chunked d = {0};
  hc_failure why = {0};
  size_t used, produced;
  hc_parse result = hc_chunked_decode(&d, bytes, sizeof bytes - 1, 3, 100, &used, &produced, &why);
  CHECK_CASE("the read that takes the last byte finds the end",
             result == HC_PARSE_DONE && produced == 3);
  CHECK_CASE("the message's end is exact",
             used == sizeof bytes - 1 - 4 && memcmp(bytes, "abc", 3) == 0);
  result = hc_chunked_decode(&d, bytes, 5, 3, 100, &used, &produced, &why);
  CHECK_CASE("what is done stays done", result == HC_PARSE_DONE && used == 0 && produced == 0);
  CHECK(d.trailers.count == 1);
  hc_chunked_reset(&d);
  CHECK(d.state == HC_CHUNKED_SIZE && d.trailers.count == 0);

  char two[] = "3\r\nabc\r\n3\r\ndef\r\n";
  result = hc_chunked_decode(&d, two, sizeof two - 1, 3, 100, &used, &produced, &why);
  CHECK_CASE("a full room stops before the next data",
             result == HC_PARSE_MORE && produced == 3 && used == 11);
  result = hc_chunked_decode(&d, two + 11, sizeof two - 12, 0, 100, &used, &produced, &why);
  CHECK_CASE("without room nothing is decoded",
             result == HC_PARSE_MORE && produced == 0 && used == 0);
  result = hc_chunked_decode(&d, NULL, 0, 10, 100, &used, &produced, &why);
  CHECK_CASE("no bytes, no change", result == HC_PARSE_MORE && used == 0 && produced == 0);
  hc_chunked_reset(&d);

  char broken[] = "1\r\na\r\nx";
  result = hc_chunked_decode(&d, broken, sizeof broken - 1, 10, 100, &used, &produced, &why);
  CHECK_CASE("what was decoded before an error is given",
             result == HC_PARSE_ERROR && produced == 1 && broken[0] == 'a');
  CHECK_CASE("it is invalid data", why.code == HC_ERR_INVALID_DATA);
  result = hc_chunked_decode(&d, two, 3, 10, 100, &used, &produced, &why);
  CHECK_CASE("what failed stays failed", result == HC_PARSE_ERROR && used == 0 && produced == 0);
  hc_chunked_reset(&d);

  char bad_trailer[] = "0\r\nA\r\n";
  result =
      hc_chunked_decode(&d, bad_trailer, sizeof bad_trailer - 1, 10, 100, &used, &produced, &why);
  CHECK_CASE("a trailer line can be wrong", result == HC_PARSE_ERROR);
  char end[] = "\r\n";
  result = hc_chunked_decode(&d, end, 2, 10, 100, &used, &produced, &why);
  CHECK_CASE("and what failed there stays failed", result == HC_PARSE_ERROR && used == 0);
  hc_chunked_reset(&d);
}

/* A large body in chunks of changing size, through a window of changing size. */
static void check_large(void) {
  enum { SIZE = 50000 };
  static char bytes[WIRE_CAPACITY], decoded[SIZE], window[WIRE_CAPACITY];
  size_t size = 0, made = 0, fed = 0, kept = 0, got = 0, used, produced;
  for (size_t chunk = 1; made < SIZE; chunk = chunk * 7 % 1021) {
    size_t piece = chunk < SIZE - made ? chunk : SIZE - made;
    size += (size_t)snprintf(bytes + size, sizeof bytes - size, "%zX;x\r\n", piece);
    for (size_t i = 0; i < piece; i++) bytes[size++] = (char)(made++ % 251);
    bytes[size++] = '\r';
    bytes[size++] = '\n';
  }
  memcpy(bytes + size, "0\r\n\r\n", 5);
  size += 5;
  hc_chunked d = {0};
  hc_failure why = {0};
  hc_parse result = HC_PARSE_MORE;
  for (size_t step = 1; result == HC_PARSE_MORE && step < 200000; step++) {
    size_t more = step * 31 % 613, room = step * 17 % 301 + 1;
    if (more > size - fed) more = size - fed;
    memcpy(window + kept, bytes + fed, more);
    fed += more;
    kept += more;
    result = hc_chunked_decode(&d, window, kept, room, 100, &used, &produced, &why);
    memcpy(decoded + got, window, produced);
    got += produced;
    kept -= used;
    memmove(window, window + used, kept);
  }
  int same = 1;
  for (size_t i = 0; i < SIZE; i++) same = same && decoded[i] == (char)(i % 251);
  CHECK_CASE("a large body comes out whole", result == HC_PARSE_DONE && got == SIZE && same);
  hc_chunked_reset(&d);
}

/* The limit counts from the next line on, also where more has been taken than it now allows. */
static void check_lowered_limit(void) {
  static const size_t limits[] = {16, 15, 14, 13, 12, 1};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    char first[] = "0\r\nA: 12345678\r\n", rest[] = "\r\n";
    hc_chunked d = {0};
    hc_failure why = {0};
    size_t used, produced;
    CHECK(hc_chunked_decode(&d, first, sizeof first - 1, 1, 100, &used, &produced, &why) ==
              HC_PARSE_MORE &&
          used == 16);
    bool fits = limits[i] >= 13 + 2; /* the line and the end of the section */
    CHECK(hc_chunked_decode(&d, rest, 2, 1, limits[i], &used, &produced, &why) ==
          (fits ? HC_PARSE_DONE : HC_PARSE_ERROR));
    CHECK(fits || strstr(why.text, "too large"));
    hc_chunked_reset(&d);
  }
}

#ifdef HC_TEST_HOOKS
static void check_memory_failure(void) {
  char bytes[] = "0\r\nA: 1\r\n\r\n";
  hc_chunked d = {0};
  hc_failure why = {0};
  size_t used, produced;
  hc_memory_fail_after(0, 1);
  hc_parse result = hc_chunked_decode(&d, bytes, sizeof bytes - 1, 1, 100, &used, &produced, &why);
  hc_memory_fail_after(-1, 0);
  CHECK(result == HC_PARSE_ERROR && why.code == HC_ERR_OUT_OF_MEMORY);
  hc_chunked_reset(&d);
  CHECK(hc_memory_live_blocks() == 0);
}
#endif

int main(void) {
  check_cases();
  check_line_limit();
  check_full_room();
  check_large();
  check_lowered_limit();
#ifdef HC_TEST_HOOKS
  check_memory_failure();
#endif
  return check_report();
}
