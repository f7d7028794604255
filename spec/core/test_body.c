/* test_body.c - the framing decision of RFC 9112 section 6.3, and whether the connection lives on
 * (section 9.3). */
#include "../../core/http/body.h"
#include "../../core/http1/head_parser.h"
#include "wire.h"

typedef struct body_case {
  const char *name;
  const char *head;      /* without the last empty line */
  const char *expected; /* framing, length, then "keeps" or "closes", "upgraded"; or the failure */
  hc_method method;
  bool request_closes;
} body_case;

#define OK "HTTP/1.1 200 OK\r\n"
#define OLD "HTTP/1.0 200 OK\r\n"
#define BAD_LENGTH "response Content-Length: it is no plain decimal number, or differing ones"
#define BAD_CODING "response Transfer-Encoding: it is not a single \"chunked\""

// clang-format off: a case a line
static const body_case cases[] = {
    {"a length", OK "Content-Length: 5\r\n", "length 5 keeps", 0, 0},
    {"a length of 0", OK "Content-Length: 0\r\n", "length 0 keeps", 0, 0},
    {"any letter case", OK "cOnTeNt-LeNgTh: 5\r\n", "length 5 keeps", 0, 0},
    {"leading zeros", OK "Content-Length: 0005\r\n", "length 5 keeps", 0, 0},
    {"the largest length", OK "Content-Length: 9223372036854775807\r\n", "length 9223372036854775807 keeps", 0, 0},
    {"equal lengths in two lines", OK "Content-Length: 5\r\nContent-Length: 5\r\n", "length 5 keeps", 0, 0},
    {"equal lengths in a list", OK "Content-Length: 5, 5\r\n", "length 5 keeps", 0, 0},
    {"equal numbers, written otherwise", OK "Content-Length: 05,5\r\nContent-Length: 5\r\n", "length 5 keeps", 0, 0},
    {"a chunked body", OK "Transfer-Encoding: chunked\r\n", "chunked keeps", 0, 0},
    {"CHUNKED", OK "transfer-encoding: CHUNKED\r\n", "chunked keeps", 0, 0},
    {"empty list elements beside chunked", OK "Transfer-Encoding: , chunked ,\r\n", "chunked keeps", 0, 0},
    {"chunked wins over a length, and closes", OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "chunked closes", 0, 0},
    {"a length before chunked", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "chunked closes", 0, 0},
    {"chunked wins over a bad length, too", OK "Content-Length: 5, 6\r\nTransfer-Encoding: chunked\r\n", "chunked closes", 0, 0},
    {"neither", OK "", "until close closes", 0, 0},
    {"neither, keep-alive", OK "Connection: keep-alive\r\n", "until close closes", 0, 0},

    {"differing lengths in two lines", OK "Content-Length: 5\r\nContent-Length: 6\r\n", BAD_LENGTH, 0, 0},
    {"differing lengths in a list", OK "Content-Length: 5, 6\r\n", BAD_LENGTH, 0, 0},
    {"an empty length", OK "Content-Length:\r\n", BAD_LENGTH, 0, 0},
    {"an empty element beside a length", OK "Content-Length: 5,\r\n", BAD_LENGTH, 0, 0},
    {"a negative length", OK "Content-Length: -5\r\n", BAD_LENGTH, 0, 0},
    {"a plus", OK "Content-Length: +5\r\n", BAD_LENGTH, 0, 0},
    {"a hexadecimal length", OK "Content-Length: 0x5\r\n", BAD_LENGTH, 0, 0},
    {"a fraction", OK "Content-Length: 5.0\r\n", BAD_LENGTH, 0, 0},
    {"letters behind the length", OK "Content-Length: 5 bytes\r\n", BAD_LENGTH, 0, 0},
    {"a blank in the length", OK "Content-Length: 5 5\r\n", BAD_LENGTH, 0, 0},
    {"a length over 2^63-1", OK "Content-Length: 9223372036854775808\r\n", BAD_LENGTH, 0, 0},
    {"a length that would wrap", OK "Content-Length: 18446744073709551621\r\n", BAD_LENGTH, 0, 0},
    {"a good and a bad line", OK "Content-Length: 5\r\nContent-Length: x\r\n", BAD_LENGTH, 0, 0},
    {"gzip", OK "Transfer-Encoding: gzip\r\n", BAD_CODING, 0, 0},
    {"gzip, chunked", OK "Transfer-Encoding: gzip, chunked\r\n", BAD_CODING, 0, 0},
    {"chunked, gzip", OK "Transfer-Encoding: chunked, gzip\r\n", BAD_CODING, 0, 0},
    {"chunked twice", OK "Transfer-Encoding: chunked, chunked\r\n", BAD_CODING, 0, 0},
    {"chunked in two lines", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", BAD_CODING, 0, 0},
    {"another coding in another line", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", BAD_CODING, 0, 0},
    {"identity", OK "Transfer-Encoding: identity\r\n", BAD_CODING, 0, 0},
    {"xchunked", OK "Transfer-Encoding: xchunked\r\n", BAD_CODING, 0, 0},
    {"chunked with a parameter", OK "Transfer-Encoding: chunked;a=b\r\n", BAD_CODING, 0, 0},
    {"quoted chunked", OK "Transfer-Encoding: \"chunked\"\r\n", BAD_CODING, 0, 0},
    {"an empty coding", OK "Transfer-Encoding:\r\n", BAD_CODING, 0, 0},
    {"an empty coding line beside a good one", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: ,\r\n", BAD_CODING, 0, 0},
    {"an empty coding beside a length", OK "Transfer-Encoding:\r\nContent-Length: 5\r\n", BAD_CODING, 0, 0},

    {"HEAD with a length", OK "Content-Length: 5\r\n", "head keeps", HC_METHOD_HEAD, 0},
    {"HEAD without length", OK "", "head keeps", HC_METHOD_HEAD, 0},
    {"HEAD, chunked", OK "Transfer-Encoding: chunked\r\n", "head keeps", HC_METHOD_HEAD, 0},
    {"HEAD, and the server closes", OK "Connection: close\r\n", "head closes", HC_METHOD_HEAD, 0},
    {"HEAD with a broken length", OK "Content-Length: x\r\n", "head keeps", HC_METHOD_HEAD, 0},
    {"HEAD, HTTP/1.0", OLD "Content-Length: 5\r\n", "head closes", HC_METHOD_HEAD, 0},
    {"204", "HTTP/1.1 204 No Content\r\n", "none keeps", 0, 0},
    {"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", "none keeps", 0, 0},
    {"204, chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", "none keeps", 0, 0},
    {"204 and the server closes", "HTTP/1.1 204 No Content\r\nConnection: close\r\n", "none closes", 0, 0},
    {"204 of HTTP/1.0", "HTTP/1.0 204 No Content\r\n", "none closes", 0, 0},
    {"204 to HEAD", "HTTP/1.1 204 No Content\r\n", "none keeps", HC_METHOD_HEAD, 0},
    {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", "none keeps", 0, 0},
    {"304 with a broken coding", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: gzip\r\n", "none keeps", 0, 0},
    {"205 is framed by its fields", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n", "length 0 keeps", 0, 0},
    {"101", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n", "none keeps upgraded", 0, 0},
    {"101 with Connection: close", "HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n", "none keeps upgraded", 0, 1},
    {"200 to CONNECT", OK "", "none keeps upgraded", HC_METHOD_CONNECT, 0},
    {"200 of HTTP/1.0 to CONNECT", OLD "", "none keeps upgraded", HC_METHOD_CONNECT, 0},
    {"200 to CONNECT with framing fields", OK "Content-Length: 5\r\nTransfer-Encoding: x\r\n", "none keeps upgraded", HC_METHOD_CONNECT, 0},
    {"299 to CONNECT", "HTTP/1.1 299 X\r\n", "none keeps upgraded", HC_METHOD_CONNECT, 0},
    {"300 to CONNECT", "HTTP/1.1 300 X\r\nContent-Length: 5\r\n", "length 5 keeps", HC_METHOD_CONNECT, 0},
    {"407 to CONNECT", "HTTP/1.1 407 X\r\nContent-Length: 5\r\nConnection: close\r\n", "length 5 closes", HC_METHOD_CONNECT, 0},

    {"the server closes", OK "Content-Length: 5\r\nConnection: close\r\n", "length 5 closes", 0, 0},
    {"CLOSE", OK "Content-Length: 5\r\nCONNECTION: CLOSE\r\n", "length 5 closes", 0, 0},
    {"close in a list", OK "Content-Length: 5\r\nConnection: foo, close , bar\r\n", "length 5 closes", 0, 0},
    {"close in a second line", OK "Content-Length: 5\r\nConnection: foo\r\nConnection: close\r\n", "length 5 closes", 0, 0},
    {"close beats keep-alive", OK "Content-Length: 5\r\nConnection: keep-alive, close\r\n", "length 5 closes", 0, 0},
    {"closed is not close", OK "Content-Length: 5\r\nConnection: closed, xclose, clos\r\n", "length 5 keeps", 0, 0},
    {"the request closes", OK "Content-Length: 5\r\n", "length 5 closes", 0, 1},
    {"the request closes, chunked", OK "Transfer-Encoding: chunked\r\n", "chunked closes", 0, 1},
    {"the server closes, chunked", OK "Transfer-Encoding: chunked\r\nConnection: close\r\n", "chunked closes", 0, 0},
    {"HTTP/1.0 closes", OLD "Content-Length: 5\r\n", "length 5 closes", 0, 0},
    {"HTTP/1.0 with another option", OLD "Content-Length: 5\r\nConnection: te, keep-alives\r\n", "length 5 closes", 0, 0},
    {"names of the same size are others", OK "Content-Length: 5\r\nXonnection: close\r\nContent-Lengtx: 6\r\nTransfer-Encodinx: chunked\r\n", "length 5 keeps", 0, 0},
    {"HTTP/1.0 with keep-alive", OLD "Content-Length: 5\r\nConnection: Keep-Alive\r\n", "length 5 keeps", 0, 0},
    {"HTTP/1.0 with keep-alive and close", OLD "Content-Length: 5\r\nConnection: keep-alive\r\nConnection: close\r\n", "length 5 closes", 0, 0},
    {"HTTP/1.0, chunked, is decoded, then closed", OLD "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", "chunked closes", 0, 0},
    {"a higher minor version is HTTP/1.1", "HTTP/1.7 200 OK\r\nContent-Length: 5\r\n", "length 5 keeps", 0, 0},
};
// clang-format on

static void run_body(const body_case *c, wire_log *log) {
  static const char *const framings[] = {"none", "head", "length", "chunked", "until close"};
  static char head[2048];
  size_t used, size = (size_t)snprintf(head, sizeof head, "%s\r\n", c->head);
  hc_response r = {0};
  hc_failure why = {0};
  hc_body_plan plan;
  if (hc_response_parse(&r, head, size, sizeof head, &used, &why) != HC_PARSE_DONE) {
    wire_add(log, "no head: %s", why.text);
  } else if (hc_body_decide(&r, c->method, c->request_closes ? HC_AFTER_CLOSE : HC_AFTER_KEEP,
                            &plan, &why) != HC_OK) {
    wire_add(log, "%s%s", why.text, why.code == HC_ERR_INVALID_DATA ? "" : " (code)");
  } else {
    wire_add(log, "%s", framings[plan.framing]);
    if (plan.framing == HC_FRAMING_LENGTH) wire_add(log, " %llu", (unsigned long long)plan.length);
    wire_add(log, plan.keeps_alive ? " keeps" : " closes");
    if (plan.upgraded) wire_add(log, " upgraded");
  }
  hc_response_reset(&r);
}

static bool parses(const char *value, uint64_t expected) {
  uint64_t length = 0;
  return hc_content_length_parse(wire_slice(0, value), &length) && length == expected;
}

static void check_lengths(void) {
  uint64_t length;
  CHECK(parses("0", 0));
  CHECK(parses("12", 12));
  CHECK(parses("5, 5", 5));
  CHECK(parses("5 ,\t5,05", 5));
  CHECK(parses("00000000000000000000000000000000000000000000012", 12));
  CHECK(!hc_content_length_parse(wire_slice(0, ""), &length));
  CHECK(!hc_content_length_parse(wire_slice(0, ","), &length));
  CHECK(!hc_content_length_parse(wire_slice(0, "5,6"), &length));
  CHECK(!hc_content_length_parse(wire_slice(0, ",5"), &length));
  CHECK(!hc_content_length_parse(wire_slice(0, "5;q"), &length));
  CHECK(!hc_content_length_parse((hc_slice){NULL, 0}, &length));
}

int main(void) {
  static wire_log log;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    log.size = 0;
    run_body(&cases[i], &log);
    int holds = strcmp(log.text, cases[i].expected) == 0;
    if (!holds)
      fprintf(stderr, "%s:\n  expected %s\n  got      %s\n", cases[i].name, cases[i].expected,
              log.text);
    CHECK_CASE(cases[i].name, holds);
  }
  check_lengths();
  return check_report();
}
