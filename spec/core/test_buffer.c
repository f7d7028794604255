/* test_buffer.c - memory, failure records, slices and buffers. */
#include "../../core/base/buffer.h"
#include "../../core/base/memory.h"
#include "../../core/base/chars.h"
#include "wire.h"

static bool holds(const hc_buffer *b, const char *expected) {
  return hc_slice_equal((hc_slice){hc_buffer_head(b), hc_buffer_size(b)}, hc_slice_of(expected));
}

static void check_memory(void) {
  char *copy = hc_memory_copy_text(wire_place(0, "abc", 3), 3);
  CHECK(copy && strcmp(copy, "abc") == 0);
  hc_memory_wipe(copy, 3);
  CHECK(copy && memcmp(copy, "\0\0\0", 4) == 0);
  hc_memory_release(copy);
  copy = hc_memory_copy_text(NULL, 0);
  CHECK(copy && copy[0] == '\0');
  hc_memory_release(copy);
  CHECK(!hc_memory_copy_text("", SIZE_MAX));
  void *block = hc_memory_allocate(0);
  CHECK(block != NULL);
  hc_memory_release(block);
  CHECK(!hc_memory_allocate_zeroed(SIZE_MAX / 2, 3));
  unsigned char *zeroed = hc_memory_allocate_zeroed(3, 5);
  CHECK(zeroed && memcmp(zeroed, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15) == 0);
  hc_memory_release(zeroed);
  hc_memory_release(NULL);
}

#ifdef HC_TEST_HOOKS
static void check_hooks(void) {
  long before = hc_memory_live_blocks();
  hc_memory_fail_after(1, 0);
  void *first = hc_memory_allocate(1), *second = hc_memory_allocate(1),
       *third = hc_memory_allocate(1);
  CHECK(first && !second && third);
  CHECK(hc_memory_live_blocks() == before + 2);
  hc_memory_fail_after(0, 1);
  CHECK(!hc_memory_resize(first, 100) && !hc_memory_allocate_zeroed(1, 1));
  CHECK(!hc_memory_copy_text("a", 1));
  hc_memory_fail_after(-1, 0);
  first = hc_memory_resize(first, 100);
  CHECK(first && hc_memory_live_blocks() == before + 2);
  hc_memory_release(first);
  hc_memory_release(third);
  CHECK(hc_memory_live_blocks() == before);
}
#endif

static bool is_all(const hc_buffer *b, char byte, size_t size) {
  if (hc_buffer_size(b) != size) return false;
  for (size_t i = 0; i < size; i++) {
    if (hc_buffer_head(b)[i] != byte) return false;
  }
  return true;
}

/* Where there is room that only has to be made, memory that is out is no reason to fail. */
static void check_room_without_memory(void) {
  char text[1000];
  hc_buffer b = {0};
  memset(text, 'x', sizeof text);
  CHECK(hc_buffer_append(&b, (hc_slice){text, 200}, 10000) == HC_OK);
  size_t behind = b.capacity - b.end;
  CHECK(hc_buffer_append(&b, (hc_slice){text, behind}, 10000) == HC_OK);
  hc_buffer_consume(&b, 10);
  size_t held = hc_buffer_size(&b);
#ifdef HC_TEST_HOOKS
  hc_memory_fail_after(0, 1);
  CHECK(hc_buffer_append(&b, (hc_slice){text, 11}, 10000) == HC_ERR_OUT_OF_MEMORY &&
        is_all(&b, 'x', held));
  CHECK(hc_buffer_append(&b, (hc_slice){text, 10}, 10000) == HC_OK && is_all(&b, 'x', held + 10));
  hc_memory_fail_after(-1, 0);
  hc_buffer_consume(&b, 10);
  held = hc_buffer_size(&b);
#endif
  hc_buffer_consume(&b, held / 2);
  held = hc_buffer_size(&b);
  CHECK_CASE("a limit below what is held",
             hc_buffer_append(&b, (hc_slice){text, 1}, held - 1) == HC_ERR_OUT_OF_MEMORY &&
                 is_all(&b, 'x', held));
  CHECK_CASE("a limit that one byte passes",
             hc_buffer_append(&b, (hc_slice){text, 2}, held + 1) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_buffer_append(&b, (hc_slice){text, 1}, held + 1) == HC_OK && is_all(&b, 'x', held + 1));
  hc_buffer_free(&b);
}

static void check_errors(void) {
  int all = 1;
  for (int i = 0; i < HC_ERROR_COUNT; i++)
    all = all && hc_error_name(i) && hc_error_string(i)[0] != '\0';
  CHECK(all);
  CHECK(strcmp(hc_error_name(HC_OK), "OK") == 0);
  CHECK(strcmp(hc_error_name(HC_FAILED), "FAILED") == 0);
  CHECK(strcmp(hc_error_name(HC_ERR_TIMEOUT), "ERR_TIMEOUT") == 0);
  CHECK(strcmp(hc_error_name(HC_ERR_INVALID_PARAMETER), "ERR_INVALID_PARAMETER") == 0);
  CHECK(strcmp(hc_error_name(HC_ERR_PRINTER_ON_FIRE), "ERR_PRINTER_ON_FIRE") == 0);
  CHECK(!hc_error_name(-1) && !hc_error_name(HC_ERROR_COUNT));
  CHECK(strcmp(hc_error_string(-1), "unknown error") == 0 &&
        strcmp(hc_error_string(49), "unknown error") == 0);
}

static void check_failures(void) {
  static char longer[HC_FAILURE_TEXT * 2];
  hc_failure f = {0};
  CHECK(hc_failure_set(&f, HC_ERR_TIMEOUT, "%s %d", "a", 5) == HC_ERR_TIMEOUT);
  CHECK(f.code == HC_ERR_TIMEOUT && strcmp(f.text, "a 5") == 0);
  CHECK(hc_failure_set(&f, HC_ERR_BUG, "b") == HC_ERR_BUG);
  CHECK(f.code == HC_ERR_TIMEOUT && strcmp(f.text, "a 5") == 0);
  CHECK(hc_failure_set(NULL, HC_ERR_BUG, "b") == HC_ERR_BUG);
  hc_failure_clear(&f);
  CHECK(f.code == HC_OK && f.text[0] == '\0');
  (void)hc_failure_set(&f, HC_FAILED, "%s", "a\r\n\x1b[1m\t\x7f\xc3\xa9");
  CHECK(strcmp(f.text, "a???[1m??\xc3\xa9") == 0);
  hc_failure_clear(&f);
  memset(longer, 'x', sizeof longer - 1);
  (void)hc_failure_set(&f, HC_FAILED, "%s", longer);
  CHECK(strlen(f.text) == HC_FAILURE_TEXT - 1);
}

static hc_slice trimmed(const char *text) { return hc_slice_trim(wire_slice(0, text)); }

static void check_slices(void) {
  CHECK(hc_slice_of("abc").size == 3 && HC_SLICE("a\0b").size == 3);
  CHECK(hc_slice_equal(wire_slice(0, "abc"), wire_slice(1, "abc")));
  CHECK(!hc_slice_equal(wire_slice(0, "abc"), wire_slice(1, "abC")));
  CHECK(!hc_slice_equal(wire_slice(0, "abc"), wire_slice(1, "ab")));
  CHECK(!hc_slice_equal((hc_slice){"abc", 2}, (hc_slice){"abc", 3}));
  CHECK(hc_slice_equal((hc_slice){NULL, 0}, HC_SLICE("")));
  CHECK(hc_slice_equal_fold(wire_slice(0, "aBz-09"), wire_slice(1, "AbZ-09")));
  CHECK(!hc_slice_equal_fold(wire_slice(0, "@"), wire_slice(1, "`")));
  CHECK(!hc_slice_equal_fold(wire_slice(0, "["), wire_slice(1, "{")));
  CHECK(!hc_slice_equal_fold(wire_slice(0, "\xc3\xa9"), wire_slice(1, "\xc3\x89")));
  CHECK(hc_slice_equal(trimmed(" \t a b\t "), HC_SLICE("a b")));
  CHECK(hc_slice_equal(trimmed("a"), HC_SLICE("a")));
  CHECK(trimmed(" \t ").size == 0);
  CHECK(trimmed("").size == 0);
  CHECK(hc_slice_equal(trimmed("\na\r"), HC_SLICE("\na\r")));
}

static void check_appending(void) {
  hc_buffer b = {0};
  CHECK(!hc_buffer_head(&b) && hc_buffer_size(&b) == 0);
  CHECK(hc_buffer_append(&b, (hc_slice){NULL, 0}, 0) == HC_OK && !b.data);
  CHECK(hc_buffer_append_text(&b, "abc", 10) == HC_OK && holds(&b, "abc"));
  CHECK(hc_buffer_append_number(&b, 0, 10) == HC_OK && holds(&b, "abc0"));
  CHECK(hc_buffer_append_text(&b, "1234567", 10) == HC_ERR_OUT_OF_MEMORY && holds(&b, "abc0"));
  CHECK(hc_buffer_append_text(&b, "123456", 10) == HC_OK && holds(&b, "abc0123456") &&
        b.capacity <= 10);
  hc_buffer_consume(&b, 9);
  CHECK(holds(&b, "6"));
  CHECK(hc_buffer_append_text(&b, "abcdefghi", 10) == HC_OK && holds(&b, "6abcdefghi") &&
        b.capacity <= 10);
  hc_buffer_consume(&b, 10);
  CHECK(b.start == 0 && b.end == 0 && b.data);
  CHECK(hc_buffer_append_number(&b, UINT64_MAX, SIZE_MAX) == HC_OK &&
        holds(&b, "18446744073709551615"));
  CHECK(hc_buffer_append(&b, (hc_slice){"", SIZE_MAX}, SIZE_MAX) == HC_ERR_OUT_OF_MEMORY);
  hc_buffer_free(&b);
  hc_buffer_free(&b);
  CHECK(!b.data && b.capacity == 0);
}

static void check_reserving(void) {
  hc_buffer b = {0};
  char *at;
  size_t available;
  CHECK(hc_buffer_reserve(&b, 1000, 1000, &at, &available) == HC_OK && available == 1000 &&
        b.capacity == 1000);
  memset(at, 'x', 1000);
  hc_buffer_commit(&b, 600);
  CHECK(hc_buffer_reserve(&b, 400, 1000, &at, &available) == HC_OK && available == 400);
  CHECK(hc_buffer_reserve(&b, 401, 1000, &at, &available) == HC_ERR_OUT_OF_MEMORY &&
        hc_buffer_size(&b) == 600);
  CHECK(hc_buffer_reserve(&b, 1, 600, &at, &available) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_buffer_reserve(&b, 1, 500, &at, &available) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_buffer_reserve(&b, 10, 620, &at, &available) == HC_OK && available == 20);
  hc_buffer_consume(&b, 100);
  CHECK(hc_buffer_reserve(&b, 500, 1000, &at, &available) == HC_OK && available == 500 &&
        b.capacity == 1000);
  CHECK(hc_buffer_size(&b) == 500 && hc_buffer_head(&b)[499] == 'x');
  CHECK(hc_buffer_reserve(&b, 501, 5000, &at, &available) == HC_OK && b.capacity == 2000 &&
        available == 1500);
  CHECK(hc_buffer_size(&b) == 500 && hc_buffer_head(&b)[0] == 'x' &&
        hc_buffer_head(&b)[499] == 'x');
  hc_buffer_free(&b);
  CHECK(hc_buffer_reserve(&b, 0, 0, &at, &available) == HC_OK && at && available == 0);
  hc_buffer_free(&b);
}

/* A queue that stays nearly full must not move all its bytes for each one that leaves. */
static void check_queue(void) {
  hc_buffer b = {0};
  char *before = NULL, *at;
  size_t available, moves = 0;
  int in_order = 1;
  for (unsigned i = 0; i < 20000; i++) {
    char byte = (char)(i % 251);
    if (hc_buffer_reserve(&b, 1, SIZE_MAX, &at, &available) != HC_OK) abort();
    if (before && at != before) moves++;
    *at = byte;
    before = at + 1;
    hc_buffer_commit(&b, 1);
    if (i < 1000) continue;
    in_order = in_order && *hc_buffer_head(&b) == (char)((i - 1000) % 251);
    hc_buffer_consume(&b, 1);
  }
  CHECK(in_order && hc_buffer_size(&b) == 1000);
  CHECK(moves < 60 && b.capacity <= 8192);
  hc_buffer_free(&b);
}

static void check_aligning(void) {
  hc_buffer b = {0};
  char *at;
  size_t available;
  hc_buffer_align(&b, 64);
  CHECK(!b.data && b.start == 0 && b.end == 0);
  if (hc_buffer_reserve(&b, 200, SIZE_MAX, &at, &available) != HC_OK) abort();
  for (size_t alignment = 1; alignment <= 64; alignment *= 2) {
    b.start = b.end = 0;
    if (hc_buffer_append(&b, HC_SLICE("held"), SIZE_MAX) != HC_OK) abort();
    hc_buffer_align(&b, alignment);
    CHECK((uintptr_t)hc_buffer_head(&b) % alignment == 0 && b.start < alignment);
    CHECK(hc_buffer_size(&b) == 4 && memcmp(hc_buffer_head(&b), "held", 4) == 0);
  }
  hc_buffer_consume(&b, 1);
  size_t start = b.start;
  hc_buffer_align(&b, 64);
  CHECK_CASE("what was consumed in part stays", b.start == start);
  hc_buffer_free(&b);
  if (hc_buffer_append(&b, HC_SLICE("0123456789abcdef"), 16) != HC_OK) abort();
  hc_buffer_align(&b, 4096);
  CHECK_CASE("without room nothing is moved", b.capacity > 16 || (b.start == 0 && b.end == 16));
  hc_buffer_free(&b);
}

int main(void) {
  check_memory();
#ifdef HC_TEST_HOOKS
  check_hooks();
#endif
  check_errors();
  check_room_without_memory();
  check_failures();
  check_slices();
  check_appending();
  check_reserving();
  check_queue();
  check_aligning();
  return check_report();
}
