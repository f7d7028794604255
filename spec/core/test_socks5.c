/* test_socks5.c - the conversation with a SOCKS proxy: whole, in every split, and with each byte of
 * each answer changed. */
#include <string.h>

#include "../../core/connect/socks5.h"
#include "check.h"

static const hc_socks5_target host = {HC_SOCKS5_NAME, {"h.test", 6}, 443};

static void send_all(hc_socks5 *s) { hc_socks5_sent(s, hc_socks5_output(s).size); }

/* Gives the answers in pieces of `step` bytes. *left: what was not used. */
static hc_parse play(hc_socks5 *s, const char *answers, size_t size, size_t step, size_t *left,
                     hc_failure *why) {
  size_t at = 0, end = 0;
  hc_parse parsed = HC_PARSE_MORE;
  while (parsed == HC_PARSE_MORE) {
    size_t used = 0;
    send_all(s);
    if (end < size && end - at < 300) end = size - end < step ? size : end + step;
    bool is_all = end == size;
    parsed = hc_socks5_take(s, (hc_slice){answers + at, end - at}, &used, why);
    at += used;
    if (parsed == HC_PARSE_MORE && is_all && used == 0) break;
  }
  *left = size - at;
  return parsed;
}

static void start(hc_socks5 *s, const char *user) {
  hc_failure why = {HC_OK, ""};
  hc_slice name = hc_slice_of(user);
  CHECK(hc_socks5_start(s, name, name, &host, &why) == HC_OK);
}

#define REPLY "\5\0\0\1\1\2\3\4\0\120"

static void test_splits(void) {
  hc_socks5 s;
  size_t left;
  start(&s, "");
  CHECK(hc_slice_equal(hc_socks5_output(&s), HC_SLICE("\5\1\0")));
  static const char good[] = "\5\2\1\0" REPLY "behind";
  hc_failure why = {HC_OK, ""};
  start(&s, "u");
  CHECK(hc_slice_equal(hc_socks5_output(&s), HC_SLICE("\5\2\0\2")));
  CHECK(play(&s, good, sizeof good - 1, 1, &left, &why) == HC_PARSE_DONE);
  CHECK(s.state == HC_SOCKS5_DONE);
  start(&s, "u");
  hc_failure_clear(&why);
  /* what comes before it was asked for is refused, wherever it is cut */
  CHECK(play(&s, good, sizeof good - 1, 4, &left, &why) == HC_PARSE_ERROR);
  CHECK(strstr(why.text, "before it was asked"));
}

/* Whatever a byte is, there is an answer, in bounds. */
static void test_changes(void) {
  static const char good[] = "\5\2\1\0" REPLY;
  for (size_t at = 0; at < sizeof good - 1; at++) {
    for (int byte = 0; byte < 256; byte++) {
      char copy[sizeof good];
      hc_socks5 s;
      size_t left;
      hc_failure why = {HC_OK, ""};
      memcpy(copy, good, sizeof good);
      copy[at] = (char)byte;
      start(&s, "u");
      hc_parse parsed = play(&s, copy, sizeof good - 1, 1, &left, &why);
      CHECK((parsed == HC_PARSE_ERROR) == (why.code != HC_OK));
      CHECK(parsed != HC_PARSE_ERROR || strncmp(why.text, "the proxy", 9) == 0);
    }
  }
}

static void test_limits(void) {
  static const char long_text[256] = {0};
  hc_socks5 s;
  const hc_slice most = {long_text, 255}, more = {long_text, 256}, none = {NULL, 0};
  CHECK(hc_socks5_start(&s, most, most, &host, NULL) == HC_OK);
  CHECK(hc_socks5_start(&s, more, most, &host, NULL) == HC_ERR_INVALID_PARAMETER);
  CHECK(hc_socks5_start(&s, most, more, &host, NULL) == HC_ERR_INVALID_PARAMETER);
  CHECK(hc_socks5_start(&s, most, none, &host, NULL) == HC_ERR_INVALID_PARAMETER);
  CHECK(hc_socks5_start(&s, none, most, &host, NULL) == HC_ERR_INVALID_PARAMETER);
  hc_socks5_target target = host;
  target.bytes = more;
  CHECK(hc_socks5_start(&s, none, none, &target, NULL) == HC_ERR_INVALID_PARAMETER);
  target.bytes = none;
  CHECK(hc_socks5_start(&s, none, none, &target, NULL) == HC_ERR_INVALID_PARAMETER);
}

int main(void) {
  test_splits();
  test_changes();
  test_limits();
  return check_report();
}
