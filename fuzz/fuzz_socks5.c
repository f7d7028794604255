/* fuzz_socks5.c - what a SOCKS proxy may say, in pieces. Checked: what is used, what is sent, and
 * that only a whole reply opens the way. */
#include <stdio.h>
#include <stdlib.h>

#include "../core/connect/socks5.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static const hc_socks5_target target = {HC_SOCKS5_NAME, {"h.test", 6}, 443};
  hc_failure why = {HC_OK, ""};
  hc_socks5 s;
  if (size < 2) return 0;
  hc_slice user = data[0] & 1 ? HC_SLICE("user") : HC_SLICE("");
  size_t step = (size_t)data[1] + 1, at = 2, end = 2;
  check(hc_socks5_start(&s, user, user, &target, &why) == HC_OK, "it starts");
  hc_parse parsed = HC_PARSE_MORE;
  while (parsed == HC_PARSE_MORE && (end < size || hc_socks5_output(&s).size > 0)) {
    size_t used = 0;
    hc_socks5_sent(&s, hc_socks5_output(&s).size);
    end = size - end < step ? size : end + step;
    parsed = hc_socks5_take(&s, (hc_slice){(const char *)data + at, end - at}, &used, &why);
    check(used <= end - at, "no more is used than there is");
    check(parsed != HC_PARSE_MORE || end - at - used < 300, "nothing is awaited without end");
    at += used;
  }
  check((parsed == HC_PARSE_DONE) == (s.state == HC_SOCKS5_DONE), "the states agree");
  check((parsed == HC_PARSE_ERROR) == (why.code != HC_OK), "a refusal has words");
  hc_socks5_wipe(&s);
  return 0;
}
