/* test_decoder.c - what all content codings share, and those that are not zlib's: br and zstd as
 * far as the build has them, several on top of each other, bounds and bombs. The coded bytes were
 * made by the programs brotli and zstd. */
#include "../../core/base/memory.h"
#include "decoding.h"

#define HELLO "hello hello hello hello"
#define EARLY(coding) "!the " coding " data ends too early"
#define BROKEN(coding, reason) "!the " coding " data is broken: " reason
#define BR_HELLO "a1b0000020015283285387e7f401"
#define ZSTD_HELLO "28b52ffd20176500003068656c6c6f200100994b11"
#define ZSTD_CHECKED "28b52ffd24176500003068656c6c6f200100994b11175eae0d"
#define SKIPPABLE "502a4d1803000000616263"

/* `fields` is a Content-Encoding, `hex` the bytes; of a failure `expected` has the sentence behind
 * a '!', which may end in "*" where it is the library's. */
typedef struct decoder_case {
  const char *name, *fields, *hex, *expected;
} decoder_case;

// clang-format off: a case a line
static const decoder_case cases[] = {
    {"gzip in gzip", "gzip, gzip", "1f8b080000000000020393efe660000126e6d31e674f9e0c3fe1a0cef838d0b6571c2806004463660c1c000000", HELLO},
    {"gzip that is cut inside gzip", "x-gzip,GZIP", "1f8b080000000000020393efe660000126e6d31e674f9e0c3fe1a0cef838d0b6579c01008a5e897d1a000000", HELLO EARLY("gzip")},
    {"no content in two codings", "deflate, gzip", "", ""},
    {"text in two codings", "deflate, gzip", "6e6f7468696e67", BROKEN("gzip", "incorrect header check")},
#ifdef HC_WITH_BROTLI
    {"br", "br", BR_HELLO, HELLO},
    {"br with a large window of its RFC", "br", "1f16000024406a1065eaf09c3e", HELLO},
    {"br without content", "br", "a101", ""},
    {"no bytes as br", "br", "", ""},
    {"bytes behind br", "br", BR_HELLO "0061", HELLO},
    {"a second stream behind br", "br", BR_HELLO BR_HELLO, HELLO},
    {"br that is cut", "br", "a1b0000020015283285387e7", EARLY("br")},
    {"br of one byte", "br", "a1", EARLY("br")},
    {"br with a window that RFC 7932 does not have", "br", "115c5800e03752ba791355195ab281bc853c7100c701", BROKEN("br", "*")},
    {"text as br", "br", "6e6f7468696e67", BROKEN("br", "*")},
#endif
#ifdef HC_WITH_ZSTD
    {"zstd", "zstd", ZSTD_HELLO, HELLO},
    {"zstd with a checksum", "zstd", ZSTD_CHECKED, HELLO},
    {"zstd without content", "zstd", "28b52ffd240001000099e9d851", ""},
    {"no bytes as zstd", "zstd", "", ""},
    {"several frames", "zstd", ZSTD_HELLO ZSTD_CHECKED ZSTD_HELLO, HELLO HELLO HELLO},
    {"frames to be skipped", "zstd", SKIPPABLE ZSTD_HELLO SKIPPABLE "5f2a4d1800000000" ZSTD_HELLO SKIPPABLE, HELLO HELLO},
    {"nothing but a frame to be skipped", "zstd", SKIPPABLE, ""},
    {"bytes behind zstd", "zstd", ZSTD_HELLO "6761726261676528b52ffd", HELLO},
    {"the begin of a magic number behind zstd", "zstd", ZSTD_HELLO "28b5", HELLO},
    {"zstd that is cut", "zstd", "28b52ffd20176500003068656c6c6f200100994b", EARLY("zstd")},
    {"zstd without its checksum", "zstd", "28b52ffd24176500003068656c6c6f200100994b11", HELLO EARLY("zstd")},
    {"a second frame that is cut", "zstd", ZSTD_HELLO "28b52ffd20", HELLO EARLY("zstd")},
    {"a cut frame to be skipped", "zstd", "502a4d180300000061", EARLY("zstd")},
    {"two bytes of zstd", "zstd", "28b5", EARLY("zstd")},
    {"text as zstd", "zstd", "6e6f7468696e67", BROKEN("zstd", "not in that format")},
    {"a format older than RFC 8878", "zstd", "27b52ffd20176500003068656c6c6f200100994b11", BROKEN("zstd", "not in that format")},
    {"a frame with reserved bits", "zstd", "28b52ffd28176500003068656c6c6f200100994b11", BROKEN("zstd", "*")},
    {"a window of 8 MiB", "zstd", "28b52ffd0068010000", ""},
    {"a window of 9 MiB", "zstd", "28b52ffd0069010000", BROKEN("zstd", "it needs a window of more than 8 MiB")},
    {"a window of 16 MiB", "zstd", "28b52ffd0070010000", BROKEN("zstd", "it needs a window of more than 8 MiB")},
    {"a frame that needs a dictionary", "zstd", "28b52ffd21011765000030" "68656c6c6f200100994b11", BROKEN("zstd", "*")},
#endif
#ifdef HC_WITH_BROTLI
    {"gzip, then br", "gzip, br", "8f0d801f8b0800000000000203cb48cdc9c957c8402701e3513d8d1700000003", HELLO},
    {"gzip, then br, in two fields' words", " ,identity, GZIP ,, Br,", "8f0d801f8b0800000000000203cb48cdc9c957c8402701e3513d8d1700000003", HELLO},
    {"what is no gzip inside br", "gzip, br", BR_HELLO, BROKEN("gzip", "incorrect header check")},
    {"no content in two codings", "gzip, br", "", ""},
#endif
#ifdef HC_WITH_ZSTD
    {"gzip, then zstd", "x-gzip, zstd", "28b52ffd0058e100001f8b0800000000000203cb48cdc9c957c8402701e3513d8d17000000", HELLO},
#endif
};
// clang-format on

static hc_slice unhex(const char *hex) {
  static char bytes[1024];
  size_t size = strlen(hex) / 2;
  for (size_t i = 0; i < size; i++) {
    char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
    bytes[i] = (char)strtoul(pair, NULL, 16);
  }
  return (hc_slice){bytes, size};
}

static hc_decoder *decoder_for(const char *fields) {
  hc_codings codings = {.count = 0};
  hc_failure why = {HC_OK, ""};
  if (hc_codings_add(&codings, wire_slice(2, fields), &why) != HC_OK || codings.has_unknown)
    abort();
  return hc_decoder_new_for(&codings);
}

typedef struct decoder_run {
  const decoder_case *test_case;
  hc_slice bytes;
  size_t room;
} decoder_run;

static void log_failure(hc_decoder *d, const decoder_case *c, wire_log *log) {
  size_t used, produced;
  char out[8];
  const char *text = hc_decoder_failure(d)->text, *star = strchr(c->expected, '*');
  const char *mark = strchr(c->expected, '!');
  if (star && mark && strncmp(mark + 1, text, (size_t)(star - mark - 1)) == 0) text = mark + 1;
  wire_add(log, "!%s", text);
  CHECK(hc_decoder_finish(d) == HC_ERR_INVALID_DATA);
  CHECK(hc_decoder_feed(d, HC_SLICE("x"), out, sizeof out, &used, &produced) == HC_PARSE_ERROR &&
        !produced);
}

static void run_decoder(const void *run_of, size_t split, wire_log *log) {
  const decoder_run *run = run_of;
  static wire_feed f;
  hc_decoder *d = decoder_for(run->test_case->fields);
  f.bytes = run->bytes.data;
  f.size = run->bytes.size;
  f.split = split;
  f.fed = f.kept_size = 0;
  hc_parse result = HC_PARSE_DONE;
  while (result != HC_PARSE_ERROR && wire_next(&f)) result = decode_all(d, &f, run->room, log);
  /* nothing to do, asked again and again */
  char out[8];
  size_t used, produced;
  for (int i = 0; i < 40 && result != HC_PARSE_ERROR; i++) {
    CHECK(hc_decoder_feed(d, HC_SLICE(""), out, sizeof out, &used, &produced) == result);
    CHECK(produced == 0);
  }
  bool done = hc_decoder_is_done(d);
  CHECK(result == HC_PARSE_ERROR || done == (result == HC_PARSE_DONE));
  hc_error code = hc_decoder_finish(d);
  CHECK(code == hc_decoder_failure(d)->code && (code == HC_OK) == done);
  if (code != HC_OK) log_failure(d, run->test_case, log);
  hc_decoder_delete(d);
}

static void check_cases(void) {
  static const size_t rooms[] = {4096, 1, 3};
  char name[200];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_slice bytes = unhex(cases[i].hex);
    for (size_t k = 0; k < sizeof rooms / sizeof rooms[0]; k++) {
      decoder_run run = {&cases[i], bytes, rooms[k]};
      (void)snprintf(name, sizeof name, "%s, room %zu", cases[i].name, rooms[k]);
      wire_check(name, cases[i].expected, run.bytes.size, run_decoder, &run);
    }
  }
}

/* Decodes all of it by rooms of 64 KiB. The number of bytes; SIZE_MAX where that fails. */
static size_t count(hc_decoder *d, hc_slice data, long *blocks) {
  static char out[65536];
  size_t total = 0, used, produced;
  hc_parse result;
  *blocks = hc_memory_live_blocks();
  do {
    result = hc_decoder_feed(d, data, out, sizeof out, &used, &produced);
    data = (hc_slice){data.data + used, data.size - used};
    total += produced;
    if (hc_memory_live_blocks() > *blocks) *blocks = hc_memory_live_blocks();
  } while (result == HC_PARSE_MORE && (produced > 0 || used > 0));
  return result == HC_PARSE_DONE ? total : SIZE_MAX;
}

/* A few bytes that become millions: a call gives no more than its room. */
static void check_bombs(void) {
  static const decoder_case bombs[] = {
#ifdef HC_WITH_BROTLI
      {"16 MiB of zeros as br", "br", "cfffff7f002400e2b14072efff07", ""},
#endif
#ifdef HC_WITH_ZSTD
      {"200,000 zeros as zstd", "zstd", "28b52ffd00585400001000000100fbff39c002036a0800", ""},
#endif
      {NULL, NULL, NULL, NULL}};
  static const size_t sizes[] = {1u << 24, 200000};
  for (size_t i = 0; bombs[i].name; i++) {
    long most;
    hc_decoder *d = decoder_for(bombs[i].fields);
    size_t total = count(d, unhex(bombs[i].hex), &most);
    bool is_br = strcmp(bombs[i].fields, "br") == 0;
    CHECK_CASE(bombs[i].name, total == sizes[is_br ? 0 : 1]);
    CHECK(most < 30);
    hc_decoder_delete(d);
  }
}

/* How much of a block that turns out to be wrong is given hangs on the room. */
static void check_checksum(void) {
#ifdef HC_WITH_ZSTD
  long blocks;
  hc_decoder *d = decoder_for("zstd");
  CHECK(count(d, unhex("28b52ffd24176500003068656c6c6f200100994b11175eae0e"), &blocks) == SIZE_MAX);
  CHECK(hc_decoder_finish(d) == HC_ERR_INVALID_DATA);
  hc_decoder_delete(d);
#endif
}

static void check_lists(void) {
  hc_codings codings = {.count = 0};
  hc_failure why = {HC_OK, ""};
  CHECK(hc_codings_add(&codings, HC_SLICE(""), &why) == HC_OK);
  CHECK(hc_codings_add(&codings, HC_SLICE(" , ,\tidentity, IDENTITY"), &why) == HC_OK);
  CHECK(codings.count == 0 && !codings.has_unknown);
  CHECK(hc_codings_add(&codings, HC_SLICE("gzip,deflate"), &why) == HC_OK && codings.count == 2);
  CHECK(hc_codings_add(&codings, HC_SLICE("gzip;q=1"), &why) == HC_OK && codings.has_unknown);
  codings.has_unknown = false;
  CHECK(hc_codings_add(&codings, HC_SLICE("gzip,gzip,gzip"), &why) == HC_OK && codings.count == 5);
  CHECK(hc_codings_add(&codings, HC_SLICE("gzip"), &why) == HC_ERR_INVALID_DATA);
  CHECK(strcmp(why.text, "the content is coded more than 5 times") == 0);
}

#ifdef HC_TEST_HOOKS
/* Each allocation fails once: no leak, no crash, the code says why. */
static void check_memory(const decoder_case *c) {
  char out[4096];
  hc_slice data = unhex(c->hex);
  long before = hc_memory_live_blocks();
  bool is_through = false;
  for (long at = 0; at < 200 && !is_through; at++) {
    size_t used, produced;
    hc_memory_fail_after(at, 0);
    hc_decoder *d = decoder_for(c->fields);
    hc_parse result =
        d ? hc_decoder_feed(d, data, out, sizeof out, &used, &produced) : HC_PARSE_ERROR;
    hc_memory_fail_after(-1, 0);
    is_through = result != HC_PARSE_ERROR;
    if (d && !is_through) CHECK_CASE(c->name, hc_decoder_finish(d) == HC_ERR_OUT_OF_MEMORY);
    hc_decoder_delete(d);
    CHECK(hc_memory_live_blocks() == before);
  }
  CHECK_CASE(c->name, is_through);
}

static void check_memory_of_all(void) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (!strchr(cases[i].expected, '!')) check_memory(&cases[i]);
}
#endif

int main(void) {
  check_lists();
  check_cases();
  check_bombs();
  check_checksum();
#ifdef HC_TEST_HOOKS
  check_memory_of_all();
#endif
  return check_report();
}
