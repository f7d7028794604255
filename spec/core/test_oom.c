/* test_oom.c - memory runs out at every allocation in turn, the library's own and OpenSSL's, once
 * or for good, and every system call fails in turn, on the whole way of an exchange: connect,
 * tunnel, handshake, request, response, file, close (of other ways, test_oom_ways.c). Each time the
 * exchange either comes to its full and right end, or to an error with a message; nothing stays
 * behind. */
#include "oom_world.h"

#ifdef HC_TEST_HOOKS

// clang-format off: a case a line
static const scenario scenarios[] = {
    {"a length", .request_end = BLANK, .answer = OK_HEAD FIELDS "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"chunks", .request_end = BLANK, .answer = OK_HEAD FIELDS CHUNKS, .content = "abcde", .status = HC_STATUS_CONNECTED},
    {"an answer that closes", .request_end = BLANK, .answer = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", .content = "hi", .status = HC_STATUS_DISCONNECTED},
    {"1xx before it", .request_end = BLANK, .answer = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"an upgrade", .request_end = BLANK, .answer = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nbehind", .content = "", .status = HC_STATUS_CONNECTED},
    {"into a file", .to_file = true, .request_end = BLANK, .answer = OK_HEAD CHUNKS, .content = "abcde", .status = HC_STATUS_CONNECTED},
    {"waiting in the kernel", .waits = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"a text up", .upload = UPLOAD_TEXT, .request_end = "END", .answer = OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"a file up", .upload = UPLOAD_FILE, .request_end = "END", .answer = OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"a function up", .upload = UPLOAD_FUNCTION, .request_end = "END\r\n0\r\n\r\n", .answer = OK_HEAD "Content-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_CONNECTED},
    {"a refusal of an upload", .upload = UPLOAD_TEXT, .expects = true, .request_end = BLANK, .answer = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", .content = "", .status = HC_STATUS_DISCONNECTED},
    {"a proxy", .plain_proxy = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS", .tls = true, .request_end = BLANK, .answer = OK_HEAD CHUNKS, .content = "abcde", .status = HC_STATUS_CONNECTED},
    {"TLS with all its checks", .tls = true, .strict = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS, a file up", .tls = true, .upload = UPLOAD_FILE, .request_end = "END", .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
    {"TLS through a tunnel", .tls = true, .tunnel = true, .request_end = BLANK, .answer = OK_HEAD "Content-Length: 5\r\n\r\nhello", .content = "hello", .status = HC_STATUS_CONNECTED},
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
  try_system(p, ENOMEM);
  if (!p->tls) return;
  try_crypto(p, false);
  try_crypto(p, true);
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
