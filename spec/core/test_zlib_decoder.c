/* test_zlib_decoder.c - gzip and deflate as a stream: formats, members, padding, truncation,
 * bounds. */
#include "../../core/base/memory.h"
#include "decoding.h"

#include <zlib.h>

/* Small windows: thousands of streams are packed here, and not every system (wine is one that is
 * not) has large blocks of memory at hand. */
enum { RAW = -9, ZLIB = 15, GZIP = 25 };
#define LEAST_MEMORY 1

/* Appends `text`, compressed in the format. Returns how many bytes that was. */
static size_t pack(hc_buffer *to, int window, int level, hc_slice text) {
  z_stream z;
  char *at;
  size_t room;
  memset(&z, 0, sizeof z);
  if (deflateInit2(&z, level, Z_DEFLATED, window, LEAST_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
    abort();
  if (hc_buffer_reserve(to, deflateBound(&z, (uLong)text.size) + 64, SIZE_MAX, &at, &room) != HC_OK)
    abort();
  char *copy = hc_memory_copy_text(text.data, text.size);
  z.next_in = (Bytef *)copy;
  z.avail_in = (uInt)text.size;
  z.next_out = (Bytef *)at;
  z.avail_out = (uInt)room;
  if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
  size_t size = room - z.avail_out;
  hc_buffer_commit(to, size);
  (void)deflateEnd(&z);
  hc_memory_release(copy);
  return size;
}

static void append(hc_buffer *to, hc_slice bytes) {
  if (hc_buffer_append(to, bytes, SIZE_MAX) != HC_OK) abort();
}

/* A case is written down as pieces: "g:text" is a gzip member, "z:" zlib, "r:" bare deflate (at
 * level 9), "s:" bare at level 0 (stored), "=" bytes as they are, "<N" drops the last N bytes. */
typedef struct piece {
  const char *text;
  size_t size; /* 0: strlen */
} piece;

typedef struct inflate_case {
  const char *name;
  hc_coding coding;
  const char *expected;
  piece pieces[5];
} inflate_case;

static void build(const inflate_case *c, hc_buffer *to) {
  for (size_t i = 0; i < sizeof c->pieces / sizeof c->pieces[0] && c->pieces[i].text; i++) {
    const char *text = c->pieces[i].text;
    size_t size = c->pieces[i].size ? c->pieces[i].size : strlen(text);
    switch (text[0]) {
    case 'g': (void)pack(to, GZIP, 9, (hc_slice){text + 2, size - 2}); break;
    case 'z': (void)pack(to, ZLIB, 9, (hc_slice){text + 2, size - 2}); break;
    case 'r': (void)pack(to, RAW, 9, (hc_slice){text + 2, size - 2}); break;
    case 's': (void)pack(to, RAW, 0, (hc_slice){text + 2, size - 2}); break;
    case '=': append(to, (hc_slice){text + 1, size - 1}); break;
    case '<': to->end -= strtoul(text + 1, NULL, 10); break;
    default: abort();
    }
  }
}

#define BROKEN(coding, reason) "!the " coding " data is broken: " reason
#define EARLY(coding) "!the " coding " data ends too early"

static const char header_with_all_parts[] = "=\x1f\x8b\x08\x1e\0\0\0\0\0\x03"
                                            "\x05\0ab\x01\0!name\0comment\0\xe2\xc6"
                                            "\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0";

// clang-format off: a case a line
static const inflate_case cases[] = {
    {"a gzip member", HC_CODING_GZIP, "hello hello hello", {{"g:hello hello hello", 0}}},
    {"an empty gzip member", HC_CODING_GZIP, "", {{"g:", 0}}},
    {"no bytes as gzip", HC_CODING_GZIP, "", {{NULL, 0}}},
    {"no bytes as deflate", HC_CODING_DEFLATE, "", {{NULL, 0}}},
    {"two members", HC_CODING_GZIP, "onetwo", {{"g:one", 0}, {"g:two", 0}}},
    {"an empty member among others", HC_CODING_GZIP, "onetwo", {{"g:one", 0}, {"g:", 0}, {"g:two", 0}}},
    {"zero padding", HC_CODING_GZIP, "one", {{"g:one", 0}, {"=\0\0\0\0\0", 6}}},
    {"a member behind padding", HC_CODING_GZIP, "onetwo", {{"g:one", 0}, {"=\0\0", 3}, {"g:two", 0}}},
    {"other bytes behind a member", HC_CODING_GZIP, "one", {{"g:one", 0}, {"=<html>", 0}}},
    {"a member behind other bytes", HC_CODING_GZIP, "one", {{"g:one", 0}, {"=x", 0}, {"g:two", 0}}},
    {"half of the magic behind a member", HC_CODING_GZIP, "one", {{"g:one", 0}, {"=\x1f", 0}}},
    {"half of the magic, then another byte", HC_CODING_GZIP, "one", {{"g:one", 0}, {"=\x1fx", 0}}},
    {"zero bytes inside the magic", HC_CODING_GZIP, "one", {{"g:one", 0}, {"=\x1f\0\x8b", 4}}},
    {"a second member that is cut", HC_CODING_GZIP, "onetwo" EARLY("gzip"), {{"g:one", 0}, {"g:two", 0}, {"<1", 0}}},
    {"a second member's magic alone", HC_CODING_GZIP, "one" EARLY("gzip"), {{"g:one", 0}, {"=\x1f\x8b", 0}}},
    {"a second member that is broken", HC_CODING_GZIP, "one" BROKEN("gzip", "unknown compression method"),
     {{"g:one", 0}, {"=\x1f\x8b\x07\0\0\0\0\0\0\0", 11}}},
    {"a header with all optional parts", HC_CODING_GZIP, "a", {{header_with_all_parts, sizeof header_with_all_parts - 1}}},
    {"gzip cut in its header", HC_CODING_GZIP, EARLY("gzip"), {{"=\x1f\x8b\x08", 0}}},
    {"one byte of gzip", HC_CODING_GZIP, EARLY("gzip"), {{"=\x1f", 0}}},
    {"gzip without its trailer", HC_CODING_GZIP, "hello" EARLY("gzip"), {{"g:hello", 0}, {"<8", 0}}},
    {"gzip without the last byte", HC_CODING_GZIP, "hello" EARLY("gzip"), {{"g:hello", 0}, {"<1", 0}}},
    {"gzip with a wrong checksum", HC_CODING_GZIP, "a" BROKEN("gzip", "incorrect data check"),
     {{"g:a", 0}, {"<8", 0}, {"=\x44\xbe\xb7\xe8\x01\0\0\0", 9}}},
    {"gzip with a wrong length", HC_CODING_GZIP, "a" BROKEN("gzip", "incorrect length check"),
     {{"g:a", 0}, {"<8", 0}, {"=\x43\xbe\xb7\xe8\x02\0\0\0", 9}}},
    {"plain text as gzip", HC_CODING_GZIP, BROKEN("gzip", "incorrect header check"), {{"=hello", 0}}},
    {"zlib as gzip", HC_CODING_GZIP, BROKEN("gzip", "incorrect header check"), {{"z:hello", 0}}},
    {"gzip with reserved flags", HC_CODING_GZIP, BROKEN("gzip", "unknown header flags set"),
     {{"=\x1f\x8b\x08\xe0\0\0\0\0\0\x03", 11}}},

    {"zlib", HC_CODING_DEFLATE, "hello hello hello", {{"z:hello hello hello", 0}}},
    {"empty zlib", HC_CODING_DEFLATE, "", {{"z:", 0}}},
    {"bare deflate", HC_CODING_DEFLATE, "hello hello hello", {{"r:hello hello hello", 0}}},
    {"empty bare deflate", HC_CODING_DEFLATE, "", {{"r:", 0}}},
    {"bare deflate, one byte of content", HC_CODING_DEFLATE, "a", {{"r:a", 0}}},
    {"stored bare deflate", HC_CODING_DEFLATE, "hello", {{"s:hello", 0}}},
    {"a stored block that is no zlib head for its window", HC_CODING_DEFLATE, "abcdefghijklmnopqrstuvwxyz01",
     {{"=\x88\x1c\0\xe3\xff" "abcdefghijklmnopqrstuvwxyz01\1\0\0\xff\xff", 39}}},
    {"a stored block that is no zlib head for its check", HC_CODING_DEFLATE, "abc", {{"=\x08\3\0\xfc\xff" "abc\1\0\0\xff\xff", 14}}},
    {"bytes behind zlib", HC_CODING_DEFLATE, "one", {{"z:one", 0}, {"=garbage", 0}}},
    {"bytes behind bare deflate", HC_CODING_DEFLATE, "one", {{"r:one", 0}, {"=garbage", 0}}},
    {"a second zlib stream", HC_CODING_DEFLATE, "one", {{"z:one", 0}, {"z:two", 0}}},
    {"one byte of deflate", HC_CODING_DEFLATE, EARLY("deflate"), {{"=\x78", 0}}},
    {"zlib without its checksum", HC_CODING_DEFLATE, "one" EARLY("deflate"), {{"z:one", 0}, {"<4", 0}}},
    {"zlib with a wrong checksum", HC_CODING_DEFLATE, "one" BROKEN("deflate", "incorrect data check"),
     {{"z:one", 0}, {"<4", 0}, {"=xxxx", 0}}},
    {"bare deflate that is cut", HC_CODING_DEFLATE, "hello" EARLY("deflate"), {{"r:hello", 0}, {"<1", 0}}},
    {"zlib with a preset dictionary", HC_CODING_DEFLATE,
     "!the deflate data needs a dictionary, which HTTP has no way to agree on", {{"=\x78\xbb\x01\x02\x03\x04xxxx", 0}}},
    {"gzip as deflate", HC_CODING_DEFLATE, BROKEN("deflate", "invalid block type"), {{"g:hello", 0}}},
    {"a stored block with a wrong length", HC_CODING_DEFLATE, BROKEN("deflate", "invalid stored block lengths"),
     {{"=\x01\x01\0\0\0x", 7}}},
};
// clang-format on

typedef struct inflate_run {
  const inflate_case *test_case;
  hc_slice bytes;
  size_t room;
} inflate_run;

static void run_inflate(const void *test_case, size_t split, wire_log *log) {
  const inflate_run *run = test_case;
  static wire_feed f;
  hc_decoder *d = hc_decoder_new(run->test_case->coding);
  f.bytes = run->bytes.data;
  f.size = run->bytes.size;
  f.split = split;
  f.fed = f.kept_size = 0;
  hc_parse result = HC_PARSE_DONE;
  while (result != HC_PARSE_ERROR && wire_next(&f)) result = decode_all(d, &f, run->room, log);
  bool done = hc_decoder_is_done(d);
  CHECK(result == HC_PARSE_ERROR || done == (result == HC_PARSE_DONE));
  hc_error code = hc_decoder_finish(d);
  CHECK(code == hc_decoder_failure(d)->code && (code == HC_OK) == done);
  if (code != HC_OK) {
    size_t used, produced;
    char out[8];
    wire_add(log, "!%s", hc_decoder_failure(d)->text);
    CHECK(code == HC_ERR_INVALID_DATA && hc_decoder_finish(d) == code);
    CHECK(hc_decoder_feed(d, HC_SLICE("x"), out, sizeof out, &used, &produced) == HC_PARSE_ERROR &&
          !produced);
  }
  hc_decoder_delete(d);
}

static void check_cases(void) {
  static const size_t rooms[] = {4096, 1, 2, 3};
  char name[200];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_buffer bytes = {0};
    build(&cases[i], &bytes);
    for (size_t k = 0; k < sizeof rooms / sizeof rooms[0]; k++) {
      inflate_run run = {&cases[i], {hc_buffer_head(&bytes), hc_buffer_size(&bytes)}, rooms[k]};
      (void)snprintf(name, sizeof name, "%s, room %zu", cases[i].name, rooms[k]);
      wire_check(name, cases[i].expected, run.bytes.size, run_inflate, &run);
    }
    hc_buffer_free(&bytes);
  }
}

/* Every format at every level and size, cut at every byte: only the whole one is complete. */
static void check_truncation(void) {
  static const int windows[] = {GZIP, ZLIB, RAW};
  char text[600], out[1024];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * i % 17);
  for (size_t w = 0; w < 3; w++) {
    for (int level = 0; level <= 9; level += 3) {
      hc_buffer bytes = {0};
      size_t size = pack(&bytes, windows[w], level, (hc_slice){text, sizeof text});
      bool holds = true;
      for (size_t cut = 1; cut <= size; cut++) {
        size_t used, produced;
        hc_decoder *d = hc_decoder_new(windows[w] == GZIP ? HC_CODING_GZIP : HC_CODING_DEFLATE);
        hc_parse result = hc_decoder_feed(d, (hc_slice){hc_buffer_head(&bytes), cut}, out,
                                          sizeof out, &used, &produced);
        holds = holds && used == cut && result == (cut == size ? HC_PARSE_DONE : HC_PARSE_MORE);
        holds = holds && memcmp(out, text, produced) == 0 &&
                (hc_decoder_finish(d) == HC_OK) == (cut == size);
        hc_decoder_delete(d);
      }
      CHECK_CASE("only the whole stream is complete", holds);
      hc_buffer_free(&bytes);
    }
  }
}

/* The format is told right for bare streams of every kind of first byte. */
static void check_telling_formats(void) {
  bool holds = true;
  for (int i = 0; i < 256; i++) {
    for (int k = 0; k < 256; k += 5) {
      char text[2] = {(char)(unsigned char)i, (char)(unsigned char)k}, out[16];
      for (int level = 0; level <= 6; level += 6) {
        hc_buffer bytes = {0};
        size_t used, produced;
        (void)pack(&bytes, RAW, level, (hc_slice){text, 2});
        hc_decoder *d = hc_decoder_new(HC_CODING_DEFLATE);
        hc_slice data = {hc_buffer_head(&bytes), hc_buffer_size(&bytes)};
        holds =
            holds && hc_decoder_feed(d, data, out, sizeof out, &used, &produced) == HC_PARSE_DONE;
        holds = holds && produced == 2 && memcmp(out, text, 2) == 0;
        hc_decoder_delete(d);
        hc_buffer_free(&bytes);
      }
    }
  }
  CHECK(holds);
}

/* 16 MiB of zeros out of 16 KiB: at most `room` bytes a call, and no memory for what is still to
 * come. */
static void check_bomb(void) {
  static char zeros[1u << 24];
  char out[1000];
  hc_buffer bytes = {0};
  size_t used = 0, total = 0, calls = 0, at = 0;
  (void)pack(&bytes, GZIP, 9, (hc_slice){zeros, sizeof zeros});
  hc_decoder *d = hc_decoder_new(HC_CODING_GZIP);
  long blocks = hc_memory_live_blocks();
  hc_parse result = HC_PARSE_MORE;
  while (result == HC_PARSE_MORE && calls++ < 20000) {
    size_t produced;
    hc_slice rest = {hc_buffer_head(&bytes) + at, hc_buffer_size(&bytes) - at};
    result = hc_decoder_feed(d, rest, out, sizeof out, &used, &produced);
    at += used;
    total += produced;
  }
  CHECK(result == HC_PARSE_DONE && total == sizeof zeros && at == hc_buffer_size(&bytes));
  CHECK(calls > 16000 && hc_memory_live_blocks() <= blocks + 1);
  hc_decoder_delete(d);
  hc_buffer_free(&bytes);
}

static void check_many_members(void) {
  hc_buffer bytes = {0};
  char out[64];
  size_t used, produced;
  for (int i = 0; i < 5000; i++) (void)pack(&bytes, GZIP, 1, HC_SLICE(""));
  (void)pack(&bytes, GZIP, 1, HC_SLICE("end"));
  hc_decoder *d = hc_decoder_new(HC_CODING_GZIP);
  hc_slice data = {hc_buffer_head(&bytes), hc_buffer_size(&bytes)};
  CHECK(hc_decoder_feed(d, data, out, sizeof out, &used, &produced) == HC_PARSE_DONE);
  CHECK(used == data.size && produced == 3 && memcmp(out, "end", 3) == 0);
  hc_decoder_delete(d);
  hc_buffer_free(&bytes);
}

static void check_names(void) {
  // clang-format off: a case a line
  static const struct { const char *text; int coding; } names[] = {
      {"gzip", HC_CODING_GZIP}, {"GZip", HC_CODING_GZIP}, {"x-gzip", HC_CODING_GZIP}, {"X-GZIP", HC_CODING_GZIP},
      {"deflate", HC_CODING_DEFLATE}, {"Deflate", HC_CODING_DEFLATE}, {"", -1}, {"br ", -1}, {"identity", -1},
      {"gzip ", -1}, {"gzi", -1}, {"gzip2", -1}, {"x-deflate", -1}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hc_coding coding;
    bool known = hc_coding_of(wire_slice(0, names[i].text), &coding);
    CHECK_CASE(names[i].text, known ? names[i].coding == (int)coding : names[i].coding == -1);
  }
}

#ifdef HC_TEST_HOOKS
/* Each allocation fails once: no leak, no crash, the code says why. */
static void check_memory(void) {
  hc_buffer bytes = {0};
  char text[2000], out[4096];
  memset(text, 'x', sizeof text);
  (void)pack(&bytes, ZLIB, 9, (hc_slice){text, sizeof text});
  long before = hc_memory_live_blocks();
  int refusals = 0;
  for (long at = 0; at < 10; at++) {
    size_t used, produced;
    hc_memory_fail_after(at, 0);
    hc_decoder *d = hc_decoder_new(HC_CODING_DEFLATE);
    hc_slice data = {hc_buffer_head(&bytes), hc_buffer_size(&bytes) / 2};
    hc_parse result = d ? hc_decoder_feed(d, data, out, sizeof out, &used, &produced) : HC_PARSE_ERROR;
    hc_memory_fail_after(-1, 0);
    if (result == HC_PARSE_ERROR) refusals++;
    if (d && result == HC_PARSE_ERROR) CHECK(hc_decoder_finish(d) == HC_ERR_OUT_OF_MEMORY);
    hc_decoder_delete(d);
    CHECK(hc_memory_live_blocks() == before);
  }
  CHECK(refusals == 3);
  hc_decoder_delete(NULL);
  hc_buffer_free(&bytes);
}
#endif

int main(void) {
  check_names();
  check_cases();
  check_truncation();
  check_telling_formats();
  check_bomb();
  check_many_members();
#ifdef HC_TEST_HOOKS
  check_memory();
#endif
  return check_report();
}

// clang-format on
