/* test_headers.c - byte classes, lists and field lines (RFC 9110 section 5). The lines' grammar:
 * test_head_parser.c. */
#include "../../core/base/chars.h"
#include "../../core/http/fields.h"
#include "../../core/base/memory.h"
#include "wire.h"

static void check_classes(void) {
  int token = 1, unreserved = 1, digit = 1, control = 1, hex = 1, lower = 1;
  for (int i = 0; i < 256; i++) {
    char c = (char)(unsigned char)i;
    bool is_digit = i >= '0' && i <= '9', is_upper = i >= 'A' && i <= 'Z',
         is_lower = i >= 'a' && i <= 'z';
    bool is_alnum = is_digit || is_upper || is_lower;
    int value = is_digit                 ? i - '0'
                : (i >= 'A' && i <= 'F') ? i - 'A' + 10
                : (i >= 'a' && i <= 'f') ? i - 'a' + 10
                                         : -1;
    token = token && hc_char_is_token(c) == (is_alnum || (i > 0 && strchr("!#$%&'*+-.^_`|~", i)));
    unreserved =
        unreserved && hc_char_is_unreserved(c) == (is_alnum || (i > 0 && strchr("-._~", i)));
    digit = digit && hc_char_is_digit(c) == is_digit;
    control = control && hc_char_is_control(c) == (i < 0x20 || i == 0x7f);
    hex = hex && hc_char_hex_value(c) == value;
    lower = lower && hc_char_lower(c) == (is_upper ? (char)(i + 32) : c);
  }
  CHECK(token);
  CHECK(unreserved);
  CHECK(digit);
  CHECK(control);
  CHECK(hex);
  CHECK(lower);
  CHECK(hc_is_token(wire_slice(0, "a-Z~")) && !hc_is_token(wire_slice(0, "")) &&
        !hc_is_token(wire_slice(0, "a b")));
  CHECK(!hc_is_token((hc_slice){NULL, 0}));
}

/* The elements, each in brackets. */
static bool walks(const char *list, const char *expected) {
  static wire_log log;
  hc_slice rest = wire_slice(0, list), element;
  log.size = 0;
  log.text[0] = '\0';
  while (hc_list_next(&rest, &element)) {
    wire_add(&log, "[");
    wire_add_bytes(&log, element.data, element.size);
    wire_add(&log, "]");
  }
  return strcmp(log.text, expected) == 0 && !hc_list_next(&rest, &element);
}

static bool has(const char *list, const char *token) {
  return hc_list_has_token(wire_slice(0, list), wire_slice(1, token));
}

static void check_lists(void) {
  CHECK(walks("a", "[a]"));
  CHECK(walks("", "[]"));
  CHECK(walks(",", "[][]"));
  CHECK(walks(" a ,\tb\t, c", "[a][b][c]"));
  CHECK(walks("a,,b,", "[a][][b][]"));
  CHECK(has("close", "close"));
  CHECK(has("a, Close , b", "close"));
  CHECK(has("close;a=b", "close"));
  CHECK(has("a, close ;a", "CLOSE"));
  CHECK(!has("closed", "close"));
  CHECK(!has("a close", "close"));
  CHECK(!has("a;close", "close"));
  CHECK(!has("", "close"));
  CHECK(!hc_list_has_token((hc_slice){NULL, 0}, HC_SLICE("close")));
}

static hc_error add(hc_headers *h, const char *name, const char *value) {
  return hc_headers_add(h, wire_slice(0, name), wire_slice(1, value));
}

static void check_set(void) {
  hc_headers h = {0};
  size_t index = 99;
  CHECK(!hc_headers_find(&h, HC_SLICE("a"), 0, &index) && index == 99);
  CHECK(add(&h, "Abc", "1") == HC_OK && add(&h, "x", "") == HC_OK &&
        add(&h, "aBC", "2, Three") == HC_OK);
  CHECK(hc_slice_equal(hc_headers_line(&h, 0), HC_SLICE("Abc: 1")));
  CHECK(hc_slice_equal(hc_headers_line(&h, 1), HC_SLICE("x: ")) &&
        hc_headers_value(&h, 1).size == 0);
  CHECK(hc_slice_equal(hc_headers_name(&h, 2), HC_SLICE("aBC")) &&
        hc_slice_equal(hc_headers_value(&h, 2), HC_SLICE("2, Three")));
  CHECK(hc_headers_find(&h, HC_SLICE("ABC"), 0, &index) && index == 0);
  CHECK(hc_headers_find(&h, HC_SLICE("ABC"), 1, &index) && index == 2);
  CHECK(!hc_headers_find(&h, HC_SLICE("ABC"), 3, &index));
  CHECK(!hc_headers_find(&h, HC_SLICE("ab"), 0, &index));
  CHECK(hc_headers_have_token(&h, HC_SLICE("abc"), HC_SLICE("three")));
  CHECK(!hc_headers_have_token(&h, HC_SLICE("abc"), HC_SLICE("four")));
  CHECK(hc_headers_fold(&h, HC_SLICE("")) == HC_OK &&
        hc_headers_fold(&h, HC_SLICE("four")) == HC_OK);
  CHECK(hc_slice_equal(hc_headers_value(&h, 2), HC_SLICE("2, Three four")));
  CHECK(add(&h, "e", "") == HC_OK && hc_headers_fold(&h, HC_SLICE("v")) == HC_OK);
  CHECK(hc_slice_equal(hc_headers_line(&h, 3), HC_SLICE("e: v")));
  hc_headers_trim(&h);
  CHECK(h.count == 4 && hc_slice_equal(hc_headers_line(&h, 0), HC_SLICE("Abc: 1")));
  CHECK(h.text.capacity <= h.text.end + h.text.end / 4 + 256);
  CHECK(add(&h, "after", "trim") == HC_OK &&
        hc_slice_equal(hc_headers_line(&h, 4), HC_SLICE("after: trim")));
  CHECK(hc_headers_add(&h, (hc_slice){"", SIZE_MAX - 1}, (hc_slice){"", 3}) ==
            HC_ERR_OUT_OF_MEMORY &&
        h.count == 5);
  CHECK(hc_headers_add(&h, (hc_slice){"", 3}, (hc_slice){"", SIZE_MAX - 1}) ==
            HC_ERR_OUT_OF_MEMORY &&
        h.count == 5);
  hc_headers_free(&h);
  hc_headers_free(&h);
  CHECK(h.count == 0 && !h.fields);
  hc_headers_trim(&h);
}

static void check_clear(void) {
  hc_headers h = {0};
  CHECK(add(&h, "a", "1") == HC_OK && add(&h, "b", "2") == HC_OK);
  size_t held = h.text.capacity;
  for (int i = 0; i < 1000; i++) {
    hc_headers_clear(&h);
    CHECK(h.count == 0 && hc_buffer_size(&h.text) == 0);
    CHECK(add(&h, "a", "1") == HC_OK && hc_slice_equal(hc_headers_line(&h, 0), HC_SLICE("a: 1")));
  }
  CHECK_CASE("the memory is kept, and used again", h.text.capacity == held);
  hc_headers_free(&h);
}

static void check_growth(void) {
  hc_headers h = {0};
  char name[32], line[64];
  int all = 1;
  for (int i = 0; i < 1000; i++) {
    (void)snprintf(name, sizeof name, "n%d", i);
    all = all && add(&h, name, "some value") == HC_OK;
  }
  for (size_t i = 0; i < 1000; i++) {
    (void)snprintf(line, sizeof line, "n%zu: some value", i);
    all = all && hc_slice_equal(hc_headers_line(&h, i), hc_slice_of(line));
  }
  CHECK(all && h.count == 1000);
  hc_headers_free(&h);
}

static void check_failure_codes(void) {
  hc_headers h = {0};
  hc_failure why = {0};
  CHECK(hc_headers_parse_line(&h, wire_slice(0, "a b: c"), &why) == HC_ERR_INVALID_DATA &&
        why.code == HC_ERR_INVALID_DATA);
  CHECK(hc_headers_parse_line(&h, wire_slice(0, ""), NULL) == HC_ERR_INVALID_DATA && h.count == 0);
  CHECK(hc_headers_parse_line(&h, (hc_slice){NULL, 0}, NULL) == HC_ERR_INVALID_DATA &&
        h.count == 0);
  CHECK(hc_headers_parse_line(&h, wire_slice(0, "a:"), NULL) == HC_OK && h.count == 1);
  CHECK(hc_headers_parse_line(&h, wire_slice(0, "\t"), NULL) == HC_OK && h.count == 1);
#ifdef HC_TEST_HOOKS
  hc_headers empty = {0};
  int failed = 0;
  hc_error error = HC_ERR_OUT_OF_MEMORY;
  for (long i = 0; error != HC_OK && i < 5; i++) {
    hc_failure_clear(&why);
    hc_memory_fail_after(i, 1);
    error = hc_headers_parse_line(&empty, HC_SLICE("a: b"), &why);
    hc_memory_fail_after(-1, 0);
    failed += error == HC_ERR_OUT_OF_MEMORY && why.code == error && empty.count == 0;
  }
  CHECK(error == HC_OK && failed > 0 && empty.count == 1);
  hc_memory_fail_after(0, 1);
  hc_headers_trim(&empty);
  hc_memory_fail_after(-1, 0);
  CHECK(hc_slice_equal(hc_headers_line(&empty, 0), HC_SLICE("a: b")));
  hc_headers_free(&empty);
#endif
  hc_headers_free(&h);
}

static bool same_field(const hc_headers *a, const hc_headers *b, size_t index) {
  return hc_slice_equal(hc_headers_line(a, index), hc_headers_line(b, index)) &&
         hc_slice_equal(hc_headers_name(a, index), hc_headers_name(b, index)) &&
         hc_slice_equal(hc_headers_value(a, index), hc_headers_value(b, index));
}

/* What the quick look takes, the careful one takes as well, line for line and to the same end,
 * folding included. */
static bool quick_agrees(const char *data, size_t size, size_t *taken) {
  hc_headers quick = {0}, careful = {0};
  hc_failure why = {0};
  *taken = hc_headers_take_usual_lines(&quick, data, size);
  bool agrees = *taken <= size && (*taken > 0) == (quick.count > 0);
  for (size_t at = 0; agrees && at < *taken;) {
    const char *end = memchr(data + at, '\n', *taken - at);
    agrees = end && end > data + at && end[-1] == '\r';
    size_t line_size = agrees ? (size_t)(end - data) - at - 1 : 0;
    agrees =
        agrees && hc_headers_parse_line(&careful, (hc_slice){data + at, line_size}, &why) == HC_OK;
    at += line_size + 2;
  }
  agrees = agrees && quick.count == careful.count;
  if (agrees && quick.count > 0) {
    agrees = hc_headers_fold(&quick, HC_SLICE("more")) == HC_OK &&
             hc_headers_fold(&careful, HC_SLICE("more")) == HC_OK &&
             add(&quick, "New", "field") == HC_OK && add(&careful, "New", "field") == HC_OK;
  }
  for (size_t i = 0; agrees && i < quick.count; i++) agrees = same_field(&quick, &careful, i);
  hc_headers_free(&quick);
  hc_headers_free(&careful);
  return agrees;
}

static void check_usual_lines(void) {
  static const char usual[] = "X-Name-1: some value, 8 by 8\r\nNext: line\r\n";
  const size_t line_size = 30, size = sizeof usual - 1;
  char data[sizeof usual];
  size_t taken;
  int agree = 1, whole = 1;
  CHECK(quick_agrees(usual, size, &taken) && taken == size);
  for (size_t cut = 0; cut < line_size; cut++)
    whole = whole && quick_agrees(usual, cut, &taken) && taken == 0;
  CHECK_CASE("a line that is cut is left, those before it are taken", whole);
  for (size_t cut = line_size; cut < size; cut++)
    whole = whole && quick_agrees(usual, cut, &taken) && taken == line_size;
  CHECK_CASE("a line that is cut is left, those before it are taken", whole);
  for (size_t at = 0; at < size; at++) {
    for (int byte = 0; byte < 256; byte++) {
      memcpy(data, usual, size);
      data[at] = (char)(unsigned char)byte;
      agree = agree && quick_agrees(data, size, &taken);
    }
  }
  CHECK(agree);
  CHECK(quick_agrees("a: b\r\n", 6, &taken) && taken == 6);
  CHECK(quick_agrees("a: b\r\n\r\nbody: x\r\n", 17, &taken) && taken == 6);
  CHECK(quick_agrees("a: b\r\nc: d\r\n e\r\n", 16, &taken) && taken == 12);
  CHECK(quick_agrees("a: caf\xc3\xa9 and \xff\r\n", 16, &taken) && taken == 16);
  CHECK(quick_agrees("a: \r\n", 5, &taken) && taken == 0);
  CHECK(quick_agrees(": b\r\n", 5, &taken) && taken == 0);
  CHECK(quick_agrees("\r\n", 2, &taken) && taken == 0);
}

static void check_many_usual_lines(void) {
  char data[2000];
  size_t size = 0, taken;
  for (int i = 0; i < 60; i++)
    size += (size_t)snprintf(data + size, sizeof data - size, "Field-%d: value %d\r\n", i, i * i);
  CHECK(quick_agrees(data, size, &taken) && taken == size);
#ifdef HC_TEST_HOOKS
  for (long i = 0; i < 5; i++) {
    hc_headers h = {0};
    hc_memory_fail_after(i, 1);
    taken = hc_headers_take_usual_lines(&h, data, size);
    hc_memory_fail_after(-1, 0);
    CHECK_CASE("without memory for the lines none is there", taken > 0 || h.count == 0);
    CHECK_CASE("what is taken is whole", taken == 0 || data[taken - 1] == '\n');
    hc_headers_free(&h);
  }
#endif
}

/* The lines of a usual head are counted before there is room for them: no more of it is asked for
 * than they and a little more need. */
static void check_usual_room(void) {
  static const char head[] = "Server: x\r\nContent-Length: 100\r\nConnection: keep-alive\r\n\r\n";
  hc_headers h = {0};
  size_t taken = hc_headers_take_usual_lines(&h, head, sizeof head - 1);
  CHECK(taken == sizeof head - 3 && h.count == 3 && h.text.capacity <= sizeof head + 32);
  char *at = h.text.data;
  hc_headers_clear(&h);
  CHECK(hc_headers_take_usual_lines(&h, head, sizeof head - 1) == taken && h.text.data == at);
  hc_headers_free(&h);
}

/* Takes the head behind a clear; a '1' for each line that was the same in the head before. */
static const char *former_lines(hc_headers *h, const char *head, uint32_t mark) {
  static char flags[16];
  hc_headers_clear(h);
  size_t size = strlen(head);
  CHECK(hc_headers_take_usual_lines(h, head, size) == size - 2 && h->count < sizeof flags);
  for (uint32_t i = 0; i < h->count; i++) flags[i] = h->fields[i].is_former ? '1' : '0';
  flags[h->count] = '\0';
  hc_headers_mark(h, mark);
  return flags;
}

static bool is_same(const char *found, const char *expected) {
  return strcmp(found, expected) == 0;
}

static void check_former_lines(void) {
  static const hc_headers none;
  hc_headers h = {0};
  CHECK(is_same(former_lines(&h, "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 7), "000"));
  CHECK(h.former_mark == 0);
  CHECK(is_same(former_lines(&h, "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 0), "111"));
  CHECK(h.former_mark == 7);
  CHECK(is_same(former_lines(&h, "A: 1\r\nB: 4\r\nC: 3\r\n\r\n", 9), "101"));
  CHECK(h.former_mark == 0);
  CHECK(is_same(former_lines(&h, "A: 1\r\nB: 4\r\nC: 3\r\nD: 4\r\n\r\n", 0), "1110"));
  CHECK(h.former_mark == 9);
  CHECK(is_same(former_lines(&h, "A: 1\r\nB: 4\r\nC: 3\r\n\r\n", 0), "111"));
  CHECK(is_same(former_lines(&h, "A: 1\r\nB: 4\r\nC: 33\r\n\r\n", 0), "110"));
  CHECK(is_same(former_lines(&h, "A: 11\r\nB: 4\r\nC: 33\r\n\r\n", 0), "000"));
  CHECK(is_same(former_lines(&h, "A: 12\r\nB: 5\r\nC: 33\r\n\r\n", 0), "001"));
  CHECK(is_same(former_lines(&h, "A: 13\r\nB: 5\r\nC: 34\r\n\r\n", 0), "010"));
  CHECK(hc_headers_fold(&h, HC_SLICE("more")) == HC_OK && !h.fields[2].is_former);
  hc_headers_free(&h);
  hc_headers_mark(&none, 1);
  CHECK(none.mark == 0);
}

int main(void) {
  check_classes();
  check_lists();
  check_set();
  check_clear();
  check_growth();
  check_failure_codes();
  check_usual_lines();
  check_many_usual_lines();
  check_usual_room();
  check_former_lines();
  return check_report();
}
