/* test_oom_ways.c - as test_oom.c, on the ways that go by a SOCKS proxy, by one that is reached
 * with TLS, and by a tunnel that is asked for twice: memory runs out at every allocation in turn,
 * and every system call fails in turn. */
#include "oom_world.h"

#ifdef HC_TEST_HOOKS

#define ANSWER OK_HEAD "Content-Length: 5\r\n\r\nhello"

// clang-format off: a case a line
static const scenario scenarios[] = {
    {"SOCKS, the name is the proxy's to look up", .way = "socks5h://", .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"SOCKS with user and password", .way = "socks5h://user:word@", .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"SOCKS with an address", .way = "socks5://", .host = "192.0.2.1", .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"SOCKS with addresses that are known here", .way = "socks5://user:word@", .host = "localhost", .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"SOCKS, then TLS", .way = "socks5h://user:word@", .tls = true, .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS with the proxy", .way = "https://user:word@", .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS through a tunnel that is TLS", .way = "https://user:word@", .tls = true, .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"a tunnel that wants Digest", .way = "http://user:word@", .tls = true, .is_challenged = true, .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
    {"a tunnel that is TLS and wants Digest", .way = "https://user:word@", .tls = true, .is_challenged = true, .request_end = BLANK, .answer = ANSWER, .content = "hello", .status = HC_STATUS_CONNECTED},
};
// clang-format on

static void try_scenario(const scenario *p) {
  outcome o = play(p); /* with memory: also what OpenSSL and the library make once is there then */
  CHECK_CASE(p->name, o.is_whole);
  if (!o.is_whole) return;
  try_all(p, 0);
  try_all(p, 1);
  try_system(p, EINTR);
  try_system(p, EIO);
  if (p->tls || goes_by(p, "https")) try_crypto(p, false);
}

int main(void) {
  set_up();
  for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) try_scenario(&scenarios[i]);
  take_down();
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
