/* test_request.c - what goes out, byte for byte, and what is refused (RFC 9112 section 3, RFC
 * 9110). */
#include "../../core/base/memory.h"
#include "../../core/http/credentials.h"
#include "../../core/http1/head_writer.h"
#include "wire.h"

#define LINES_MAX 6u

typedef struct request_case {
  const char *name;
  hc_method method;
  const char *url;
  const char *lines[LINES_MAX];
  /* the head with '|' for CRLF and UA for our User-Agent line, then what it announces; or '!'
   * and the beginning of the refusal */
  const char *expected;
  hc_content content;
  uint64_t content_length;
  bool to_proxy;
  const char *authority;   /* NULL: "h" */
  const char *credentials; /* NULL: none */
} request_case;

#define GET HC_METHOD_GET
#define POST HC_METHOD_POST
#define OPTIONS HC_METHOD_OPTIONS
#define CONNECT HC_METHOD_CONNECT
#define SIZED .content = HC_CONTENT_SIZED, .content_length
#define STREAM .content = HC_CONTENT_STREAM
#define PROXY .to_proxy = true
#define END "UA|Accept: */*||"
#define PLAIN "Host: h|" END " none"

// clang-format off: a case a line
static const request_case cases[] = {
    {"GET", GET, "/", {0}, .expected = "GET / HTTP/1.1|" PLAIN},
    {"HEAD", HC_METHOD_HEAD, "/", {0}, .expected = "HEAD / HTTP/1.1|" PLAIN},
    {"DELETE", HC_METHOD_DELETE, "/", {0}, .expected = "DELETE / HTTP/1.1|" PLAIN},
    {"TRACE", HC_METHOD_TRACE, "/", {0}, .expected = "TRACE / HTTP/1.1|" PLAIN},
    {"a path and a query", GET, "/a/b?c=d&e", {0}, .expected = "GET /a/b?c=d&e HTTP/1.1|" PLAIN},
    {"the port of the connection", GET, "/", {0}, .expected = "GET / HTTP/1.1|Host: [::1]:81|" END " none", .authority = "[::1]:81"},
    {"no authority", GET, "/", {0}, .expected = "GET / HTTP/1.1|Host: |" END " none", .authority = ""},
    {"bytes over 7F in the URL", GET, "/\xc3\xa9", {0}, .expected = "GET /\xc3\xa9 HTTP/1.1|" PLAIN},
    {"quotes and brackets in the URL", GET, "/\"<>[]{}|\\^`%zz", {0}, .expected = "GET /\"<>[]{}|\\^`%zz HTTP/1.1|" PLAIN},
    {"a fragment is not sent", GET, "/a?b#c#d", {0}, .expected = "GET /a?b HTTP/1.1|" PLAIN},
    {"two slashes", GET, "//x/y", {0}, .expected = "GET //x/y HTTP/1.1|" PLAIN},

    {"an absolute URL", GET, "http://other/a", {0}, .expected = "GET http://other/a HTTP/1.1|Host: other|" END " none"},
    {"an absolute URL with port", GET, "http://other:80/a", {0}, .expected = "GET http://other:80/a HTTP/1.1|Host: other:80|" END " none"},
    {"an absolute https URL", GET, "https://other/a", {0}, .expected = "GET https://other/a HTTP/1.1|Host: other|" END " none"},
    {"a scheme in capitals", GET, "HTTP://Other/a", {0}, .expected = "GET HTTP://Other/a HTTP/1.1|Host: Other|" END " none"},
    {"an absolute URL with IPv6", GET, "http://[::1]:8080/", {0}, .expected = "GET http://[::1]:8080/ HTTP/1.1|Host: [::1]:8080|" END " none"},
    {"an absolute URL without path", GET, "http://other", {0}, .expected = "GET http://other/ HTTP/1.1|Host: other|" END " none"},
    {"an absolute URL with query only", GET, "http://other?a=/b", {0}, .expected = "GET http://other/?a=/b HTTP/1.1|Host: other|" END " none"},
    {"an absolute URL with fragment only", GET, "http://other#x", {0}, .expected = "GET http://other/ HTTP/1.1|Host: other|" END " none"},
    {"a query that holds an '@'", GET, "http://other/?a@b", {0}, .expected = "GET http://other/?a@b HTTP/1.1|Host: other|" END " none"},
    {"OPTIONS of an absolute URL without path", OPTIONS, "http://other", {0}, .expected = "OPTIONS http://other HTTP/1.1|Host: other|" END " none"},
    {"OPTIONS *", OPTIONS, "*", {0}, .expected = "OPTIONS * HTTP/1.1|" PLAIN},
    {"OPTIONS of a path", OPTIONS, "/x", {0}, .expected = "OPTIONS /x HTTP/1.1|" PLAIN},
    {"CONNECT", CONNECT, "other:443", {0}, .expected = "CONNECT other:443 HTTP/1.1|Host: other:443|" END " none"},
    {"CONNECT with IPv6", CONNECT, "[::1]:1", {0}, .expected = "CONNECT [::1]:1 HTTP/1.1|Host: [::1]:1|" END " none"},

    {"a proxy gets an absolute URL", GET, "/a?b#c", {0}, .expected = "GET http://h:81/a?b HTTP/1.1|Host: h:81|" END " none", PROXY, .authority = "h:81"},
    {"a proxy gets a given absolute URL", GET, "http://o/a", {0}, .expected = "GET http://o/a HTTP/1.1|Host: o|" END " none", PROXY},
    {"OPTIONS * to a proxy", OPTIONS, "*", {0}, .expected = "OPTIONS http://h HTTP/1.1|" PLAIN, PROXY},
    {"CONNECT to a proxy", CONNECT, "o:1", {0}, .expected = "CONNECT o:1 HTTP/1.1|Host: o:1|" END " none", PROXY},
    {"a proxy, and the caller's Host", GET, "/", {"host: x"}, .expected = "GET http://h/ HTTP/1.1|host: x|" END " none", PROXY},
    {"credentials for the proxy", GET, "/", {0}, .expected = "GET http://h/ HTTP/1.1|Host: h|UA|Accept: */*|Proxy-Authorization: Basic eA==|| none", PROXY, .credentials = "Basic eA=="},
    {"the caller's credentials for the proxy", GET, "/", {"proxy-authorization: Basic eQ=="}, .expected = "GET http://h/ HTTP/1.1|Host: h|proxy-authorization: Basic eQ==|" END " none", PROXY, .credentials = "Basic eA=="},
    {"a proxy and no authority", GET, "/", {0}, .expected = "!url: a proxy needs", PROXY, .authority = ""},

    {"the caller's lines keep order and spelling", GET, "/", {"b: 1", "A:2 ", "B:\t3"}, .expected = "GET / HTTP/1.1|Host: h|b: 1|A:2 |B:<09>3|" END " none"},
    {"an empty value", GET, "/", {"A:", "B: "}, .expected = "GET / HTTP/1.1|Host: h|A:|B: |" END " none"},
    {"bytes over 7F in a value", GET, "/", {"A: \xe9"}, .expected = "GET / HTTP/1.1|Host: h|A: \xe9|" END " none"},
    {"the caller's Host comes first", GET, "/", {"A: 1", "hOsT:x:81", "B: 2"}, .expected = "GET / HTTP/1.1|hOsT:x:81|A: 1|B: 2|" END " none"},
    {"an empty Host", GET, "/", {"Host:"}, .expected = "GET / HTTP/1.1|Host:|" END " none"},
    {"a Host beside an absolute URL", GET, "http://o/", {"Host: x"}, .expected = "GET http://o/ HTTP/1.1|Host: x|" END " none"},
    {"a Host of IPv6", GET, "/", {"Host: [::1]"}, .expected = "GET / HTTP/1.1|Host: [::1]|" END " none"},
    {"the caller's User-Agent", GET, "/", {"user-agent: me"}, .expected = "GET / HTTP/1.1|Host: h|user-agent: me|Accept: */*|| none"},
    {"the caller's Accept", GET, "/", {"ACCEPT: a/b"}, .expected = "GET / HTTP/1.1|Host: h|ACCEPT: a/b|UA|| none"},
    {"an empty User-Agent counts", GET, "/", {"User-Agent:"}, .expected = "GET / HTTP/1.1|Host: h|User-Agent:|Accept: */*|| none"},
    {"Accept-Encoding is not Accept", GET, "/", {"Accept-Encoding: x"}, .expected = "GET / HTTP/1.1|Host: h|Accept-Encoding: x|" END " none"},

    {"Connection: close", GET, "/", {"Connection: close"}, .expected = "GET / HTTP/1.1|Host: h|Connection: close|" END " none closes"},
    {"close in a list, any case", GET, "/", {"connection: te, CLOSE"}, .expected = "~ none closes"},
    {"close, and keep-alive behind it", GET, "/", {"Connection: close", "Connection: keep-alive"}, .expected = "~ none closes"},
    {"close in a second line", GET, "/", {"Connection: te", "Connection: close"}, .expected = "~ none closes"},
    {"keep-alive", GET, "/", {"Connection: keep-alive"}, .expected = "GET / HTTP/1.1|Host: h|Connection: keep-alive|" END " none"},

    {"a body", POST, "/", {0}, .expected = "POST / HTTP/1.1|Host: h|Content-Length: 5|" END " length 5", SIZED = 5},
    {"a large body", POST, "/", {0}, .expected = "POST / HTTP/1.1|Host: h|Content-Length: 18446744073709551615|" END " length 18446744073709551615", SIZED = UINT64_MAX},
    {"a body with GET", GET, "/", {0}, .expected = "GET / HTTP/1.1|Host: h|Content-Length: 5|" END " length 5", SIZED = 5},
    {"a body with HEAD", HC_METHOD_HEAD, "/", {0}, .expected = "HEAD / HTTP/1.1|Host: h|Content-Length: 5|" END " length 5", SIZED = 5},
    {"POST without body", POST, "/", {0}, .expected = "POST / HTTP/1.1|Host: h|Content-Length: 0|" END " none"},
    {"PUT without body", HC_METHOD_PUT, "/", {0}, .expected = "PUT / HTTP/1.1|Host: h|Content-Length: 0|" END " none"},
    {"PATCH without body", HC_METHOD_PATCH, "/", {0}, .expected = "PATCH / HTTP/1.1|Host: h|Content-Length: 0|" END " none"},
    {"an empty file", HC_METHOD_DELETE, "/", {0}, .expected = "DELETE / HTTP/1.1|Host: h|Content-Length: 0|" END " length 0", SIZED = 0},
    {"an empty file with TRACE", HC_METHOD_TRACE, "/", {0}, .expected = "TRACE / HTTP/1.1|Host: h|" END " length 0", SIZED = 0},
    {"the caller's Content-Length", POST, "/", {"content-length: 05 "}, .expected = "POST / HTTP/1.1|Host: h|content-length: 05 |" END " length 5", SIZED = 5},
    {"the caller's Content-Length of several digits", POST, "/", {"Content-Length: 1234567890"}, .expected = "~ length 1234567890", SIZED = 1234567890},
    {"the largest Content-Length", POST, "/", {"Content-Length: 9223372036854775807"}, .expected = "~ length 9223372036854775807", STREAM},
    {"the caller's Content-Length of 0", GET, "/", {"Content-Length: 0"}, .expected = "GET / HTTP/1.1|Host: h|Content-Length: 0|" END " none"},
    {"a stream", POST, "/", {0}, .expected = "POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked|" END " chunked", STREAM},
    {"a stream, and the caller says so", POST, "/", {"transfer-encoding: Chunked"}, .expected = "POST / HTTP/1.1|Host: h|transfer-encoding: Chunked|" END " chunked", STREAM},
    {"a stream of known length", POST, "/", {"Content-Length: 7"}, .expected = "POST / HTTP/1.1|Host: h|Content-Length: 7|" END " length 7", STREAM},
    {"a stream of length 0", POST, "/", {"Content-Length: 0"}, .expected = "POST / HTTP/1.1|Host: h|Content-Length: 0|" END " length 0", STREAM},
    {"Expect", POST, "/", {"Expect: 100-Continue"}, .expected = "POST / HTTP/1.1|Host: h|Expect: 100-Continue|Content-Length: 5|" END " length 5 expects", SIZED = 5},
    {"Expect with a stream", POST, "/", {"expect: 100-continue"}, .expected = "~ chunked expects", STREAM},
    {"Expect without body", POST, "/", {"Expect: 100-continue"}, .expected = "~ none"},
    {"Expect with an empty body", POST, "/", {"Expect: 100-continue"}, .expected = "~ length 0", SIZED = 0},
    {"another expectation", POST, "/", {"Expect: 101-continue"}, .expected = "~ length 5", SIZED = 5},

    {"an empty URL", GET, "", {0}, .expected = "!url: it must start with"},
    {"only a fragment", GET, "#x", {0}, .expected = "!url: it must start with"},
    {"a relative URL", GET, "a/b", {0}, .expected = "!url: it must start with"},
    {"a query alone", GET, "?a", {0}, .expected = "!url: it must start with"},
    {"another scheme", GET, "ftp://o/", {0}, .expected = "!url: it must start with"},
    {"one slash behind the scheme", GET, "http:/o/", {0}, .expected = "!url: it must start with"},
    {"a space in the URL", GET, "/a b", {0}, .expected = "!url: byte 3 is a space or a control byte"},
    {"a space behind the URL", GET, "/ ", {0}, .expected = "!url: byte 2 is"},
    {"CR LF in the URL", GET, "/a\r\nX: y", {0}, .expected = "!url: byte 3 is"},
    {"a bare LF in the URL", GET, "/\n", {0}, .expected = "!url: byte 2 is"},
    {"a tab in the URL", GET, "/\t", {0}, .expected = "!url: byte 2 is"},
    {"DEL in the URL", GET, "/\x7f", {0}, .expected = "!url: byte 2 is"},
    {"a control byte in the fragment", GET, "/a#\x01", {0}, .expected = "!url: byte 4 is"},
    {"a space in an absolute URL", GET, "http://o/a b", {0}, .expected = "!url: byte 11 is"},
    {"CR LF in an absolute URL", GET, "http://o/\r\nX: y", {0}, .expected = "!url: byte 10 is"},
    {"a tab in an absolute URL's query", GET, "http://o?\t", {0}, .expected = "!url: byte 10 is"},
    {"DEL in an absolute URL's fragment", GET, "http://o/#\x7f", {0}, .expected = "!url: byte 11 is"},
    {"a space behind a CONNECT URL", CONNECT, "o:1 ", {0}, .expected = "!url: byte 4 is"},
    {"a line end in a CONNECT URL", CONNECT, "o\n:1", {0}, .expected = "!url: byte 2 is"},
    {"a space behind *", OPTIONS, "* ", {0}, .expected = "!url: byte 2 is"},
    {"* with GET", GET, "*", {0}, .expected = "!url: \"*\" is for OPTIONS only"},
    {"*x with OPTIONS", OPTIONS, "*x", {0}, .expected = "!url: it must start with"},
    {"user info in the URL", GET, "http://user:secret@o/", {0}, .expected = "!url: the host holds user info"},
    {"a secret in a line without colon", GET, "/", {"Bearer secret"}, .expected = "!header 1: it has no colon"},
    {"a secret in a bad value", GET, "/", {"Authorization: secret\x01"}, .expected = "!header 1 (Authorization): byte 8"},
    {"no host in the URL", GET, "http:///a", {0}, .expected = "!url: the host is empty"},
    {"only a port in the URL", GET, "http://:80/a", {0}, .expected = "!url: the host is empty"},
    {"only a scheme", GET, "http://", {0}, .expected = "!url: the host is empty"},
    {"a bad port in the URL", GET, "http://o:x/", {0}, .expected = "!url: the port is no number"},
    {"a port over 65535 in the URL", GET, "http://o:65536/", {0}, .expected = "!url: the port is over 65535"},
    {"a backslash in the URL's host", GET, "http://o\\x/", {0}, .expected = "!url: the host holds a path"},
    {"a host outside ASCII", GET, "http://\xc3\xa9/", {0}, .expected = "!url: the host holds a byte outside ASCII"},
    {"CONNECT without port", CONNECT, "o", {0}, .expected = "!CONNECT url: the port is missing"},
    {"CONNECT with an empty port", CONNECT, "o:", {0}, .expected = "!CONNECT url: the port is missing"},
    {"CONNECT with port 0", CONNECT, "o:0", {0}, .expected = "!CONNECT url: the port is 0"},
    {"CONNECT with port 65536", CONNECT, "o:65536", {0}, .expected = "!CONNECT url: the port is over 65535"},
    {"CONNECT with a path", CONNECT, "/a", {0}, .expected = "!CONNECT url: the host holds a path"},
    {"CONNECT with a URL", CONNECT, "http://o:1/", {0}, .expected = "!CONNECT url: the port is no number"},
    {"CONNECT with user info", CONNECT, "u:p@o:1", {0}, .expected = "!CONNECT url: the host holds user info"},
    {"an empty CONNECT", CONNECT, "", {0}, .expected = "!CONNECT url: the host is empty"},

    {"no colon", GET, "/", {"A: 1", "B"}, .expected = "!header 2: it has no colon"},
    {"an empty line", GET, "/", {""}, .expected = "!header 1: it has no colon"},
    {"an empty name", GET, "/", {": x"}, .expected = "!header 1: its name is empty"},
    {"a blank in a name", GET, "/", {"A B: x"}, .expected = "!header 1: its name holds"},
    {"a blank before the colon", GET, "/", {"A : x"}, .expected = "!header 1: its name holds"},
    {"a blank before the name", GET, "/", {" A: x"}, .expected = "!header 1: its name holds"},
    {"a name outside ASCII", GET, "/", {"\xc3\xa9: x"}, .expected = "!header 1: its name holds"},
    {"LF in a name", GET, "/", {"A\n: x"}, .expected = "!header 1: its name holds"},
    {"CR LF in a value", GET, "/", {"A: x\r\nB: y"}, .expected = "!header 1 (A): byte 3 of its value is a control byte"},
    {"CR LF at the end of a line", GET, "/", {"A: x\r\n"}, .expected = "!header 1 (A): byte 3"},
    {"a bare LF in a value", GET, "/", {"A: \n"}, .expected = "!header 1 (A): byte 2"},
    {"a bare CR in a value", GET, "/", {"A:\r"}, .expected = "!header 1 (A): byte 1"},
    {"an obs-fold", GET, "/", {"A: x\r\n y"}, .expected = "!header 1 (A): byte 3"},
    {"another control byte in a value", GET, "/", {"A: \x1f"}, .expected = "!header 1 (A): byte 2"},
    {"DEL in a value", GET, "/", {"A: \x7f"}, .expected = "!header 1 (A): byte 2"},
    {"two Host", GET, "/", {"Host: a", "host: a"}, .expected = "!two Host headers"},
    {"a Host with a space", GET, "/", {"Host: a b"}, .expected = "!Host header: the host holds a space"},
    {"a Host with a path", GET, "/", {"Host: a/b"}, .expected = "!Host header: the host holds a path"},
    {"a Host with user info", GET, "/", {"Host: u@a"}, .expected = "!Host header: the host holds user info"},
    {"a Host that is a list", GET, "/", {"Host: a, b"}, .expected = "!Host header: the host holds a space"},
    {"a Host with a bad port", GET, "/", {"Host: a:b"}, .expected = "!Host header: the port is no number"},
    {"a Host with a zone", GET, "/", {"Host: [fe80::1%25eth0]"}, .expected = "!Host header: no IPv6 address"},
    {"a bad Host of the connection", GET, "/", {0}, .expected = "!the connection's host: the host holds a control byte", .authority = "a\r\nX: y"},
    {"a bad Host of the connection in a proxy's URL", GET, "/", {"Host: a"}, .expected = "!the connection's host: ", PROXY, .authority = "a b"},
    {"a bad Host of the connection that is not used", GET, "/", {"Host: a"}, .expected = "GET / HTTP/1.1|Host: a|" END " none", .authority = "a b"},

    {"a Content-Length that is too small", POST, "/", {"Content-Length: 4"}, .expected = "!Content-Length contradicts", SIZED = 5},
    {"a Content-Length that is too large", POST, "/", {"Content-Length: 6"}, .expected = "!Content-Length contradicts", SIZED = 5},
    {"a Content-Length without body", GET, "/", {"Content-Length: 5"}, .expected = "!Content-Length contradicts"},
    {"a Content-Length without body, POST", POST, "/", {"Content-Length: 5"}, .expected = "!Content-Length contradicts"},
    {"two equal Content-Lengths", POST, "/", {"Content-Length: 5", "Content-Length: 5"}, .expected = "!two Content-Length headers", SIZED = 5},
    {"a list of Content-Lengths", POST, "/", {"Content-Length: 5, 5"}, .expected = "!Content-Length is no plain", SIZED = 5},
    {"an empty Content-Length", POST, "/", {"Content-Length:"}, .expected = "!Content-Length is no plain"},
    {"a Content-Length with a sign", POST, "/", {"Content-Length: +5"}, .expected = "!Content-Length is no plain", SIZED = 5},
    {"a Content-Length over 2^63-1", POST, "/", {"Content-Length: 9223372036854775808"}, .expected = "!Content-Length is no plain", STREAM},
    {"a bad Content-Length with a stream", POST, "/", {"Content-Length: x"}, .expected = "!Content-Length is no plain", STREAM},
    {"both", POST, "/", {"Content-Length: 5", "Transfer-Encoding: chunked"}, .expected = "!both Content-Length and", STREAM},
    {"both, the other way round", POST, "/", {"Transfer-Encoding: chunked", "Content-Length: 5"}, .expected = "!both Content-Length and", SIZED = 5},
    {"Transfer-Encoding with a string body", POST, "/", {"Transfer-Encoding: chunked"}, .expected = "!Transfer-Encoding is only", SIZED = 5},
    {"Transfer-Encoding without body", POST, "/", {"Transfer-Encoding: chunked"}, .expected = "!Transfer-Encoding is only"},
    {"gzip", POST, "/", {"Transfer-Encoding: gzip"}, .expected = "!Transfer-Encoding: only one", STREAM},
    {"gzip, chunked", POST, "/", {"Transfer-Encoding: gzip, chunked"}, .expected = "!Transfer-Encoding: only one", STREAM},
    {"chunked in two lines", POST, "/", {"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"}, .expected = "!Transfer-Encoding: only one", STREAM},
    {"an empty Transfer-Encoding", POST, "/", {"Transfer-Encoding:"}, .expected = "!Transfer-Encoding: only one", STREAM},
    {"TRACE with a body", HC_METHOD_TRACE, "/", {0}, .expected = "!TRACE can have no body", SIZED = 1},
    {"TRACE with a stream", HC_METHOD_TRACE, "/", {0}, .expected = "!TRACE can have no body", STREAM},
    {"CONNECT with a body", CONNECT, "o:1", {0}, .expected = "!CONNECT can have no body", SIZED = 1},
    {"CONNECT with a stream of length 0", CONNECT, "o:1", {"Content-Length: 0"}, .expected = "!CONNECT can have no body", STREAM},
    {"a method below the range", (hc_method)-1, "/", {0}, .expected = "!the method is out of range"},
    {"a method over the range", HC_METHOD_MAX, "/", {0}, .expected = "!the method is out of range"},
    {"a method without its token", HC_METHOD_OTHER, "/", {0}, .expected = "!the method is no token"},
};
// clang-format on

/* Our User-Agent names the system: "UA" stands for it here. */
static size_t shorten(char *head, size_t size) {
  static const char begin[] = "User-Agent: lua-httpclient/" HC_VERSION " (";
  head[size] = '\0';
  char *at = strstr(head, begin), *end = !at ? NULL : strstr(at, ")\r\n");
  if (!end) return size;
  memcpy(at, "UA", 2);
  memmove(at + 2, end + 1, (size_t)(head + size - end - 1));
  return size - (size_t)(end + 1 - at - 2);
}

static hc_request make_request(const request_case *c, hc_slice *lines) {
  hc_request r = {.method = (int)c->method,
                  .lines = lines,
                  .content = c->content,
                  .content_length = c->content_length};
  r.url = wire_slice(0, c->url);
  r.to_proxy = c->to_proxy;
  r.authority = wire_slice(1, !c->authority ? "h" : c->authority);
  if (c->credentials) r.proxy_credentials = wire_slice(2, c->credentials);
  for (; r.line_count < LINES_MAX && c->lines[r.line_count]; r.line_count++)
    lines[r.line_count] = wire_slice(3 + (unsigned)r.line_count, c->lines[r.line_count]);
  return r;
}

static void run_request(const request_case *c, wire_log *log) {
  static const char *const transfers[] = {"none", "length", "chunked"};
  static char text[4096];
  hc_slice lines[LINES_MAX];
  hc_request r = make_request(c, lines);
  hc_buffer out = {0};
  hc_request_head head;
  hc_failure why = {0};
  if (hc_buffer_append_text(&out, "before", SIZE_MAX) != HC_OK) abort();
  hc_error error = hc_request_write(&r, &out, &head, &why);
  size_t size = hc_buffer_size(&out) - 6;
  if (memcmp(hc_buffer_head(&out), "before", 6) != 0) wire_add(log, "(touched what was there)");
  if (error != HC_OK) {
    wire_add(log, "!%s%s%s", why.text, size > 0 ? " (wrote)" : "",
             error == HC_ERR_INVALID_PARAMETER ? "" : " (code)");
  } else {
    memcpy(text, hc_buffer_head(&out) + 6, size);
    wire_add_bytes(log, text, shorten(text, size));
    wire_add(log, " %s", transfers[head.transfer]);
    if (head.transfer == HC_TRANSFER_LENGTH)
      wire_add(log, " %llu", (unsigned long long)head.content_length);
    if (head.closes) wire_add(log, " closes");
    if (head.expects_continue) wire_add(log, " expects");
  }
  hc_buffer_free(&out);
}

static bool matches(const char *text, const char *expected) {
  size_t size = strlen(text), wanted = strlen(expected);
  if (expected[0] == '!')
    return strncmp(text, expected, wanted) == 0 && !strstr(text, "(wrote)") &&
           !strstr(text, "(code)");
  if (expected[0] == '~')
    return text[0] != '!' && size >= wanted - 1 &&
           strcmp(text + size - (wanted - 1), expected + 1) == 0;
  return strcmp(text, expected) == 0;
}

static void check_cases(void) {
  static wire_log log;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const request_case *c = &cases[i];
    log.size = 0;
    run_request(c, &log);
    int holds = matches(log.text, c->expected);
    if (!holds)
      fprintf(stderr, "%s:\n  expected %s\n  got      %s\n", c->name, c->expected, log.text);
    CHECK_CASE(c->name, holds && (c->expected[0] != '!' || !strstr(log.text, "secret")));
  }
}

/* NUL can't stand in the table's texts. */
static void check_nul(void) {
  hc_slice line = {wire_place(3, "A: x\0y", 6), 6};
  hc_request r = {.method = GET, .url = HC_SLICE("/a\0b"), .authority = HC_SLICE("h")};
  hc_buffer out = {0};
  hc_request_head head;
  hc_failure why = {0};
  CHECK_CASE("NUL in the URL",
             hc_request_write(&r, &out, &head, &why) == HC_ERR_INVALID_PARAMETER && !out.data);
  r.url = HC_SLICE("/");
  r.lines = &line;
  r.line_count = 1;
  CHECK_CASE("NUL in a value",
             hc_request_write(&r, &out, &head, NULL) == HC_ERR_INVALID_PARAMETER && !out.data);
  line = (hc_slice){NULL, 0};
  CHECK_CASE("no line at all", hc_request_write(&r, &out, &head, NULL) == HC_ERR_INVALID_PARAMETER);
  r.line_count = 0;
  r.url = (hc_slice){NULL, 0};
  CHECK_CASE("no URL at all", hc_request_write(&r, &out, &head, NULL) == HC_ERR_INVALID_PARAMETER);
  hc_buffer_free(&out);
}

static void check_own_agent(void) {
  hc_request r = {.method = GET, .url = HC_SLICE("/"), .authority = HC_SLICE("h")};
  hc_buffer out = {0};
  hc_request_head head;
  CHECK(hc_request_write(&r, &out, &head, NULL) == HC_OK &&
        hc_buffer_append(&out, (hc_slice){"", 1}, SIZE_MAX) == HC_OK);
#ifdef __linux__
  CHECK(strstr(hc_buffer_head(&out), "\r\nUser-Agent: lua-httpclient/" HC_VERSION " (Linux)\r\n") !=
        NULL);
#endif
  hc_buffer_free(&out);
}

static bool writes_tunnel(const char *credentials, const char *expected) {
  static wire_log log;
  static char text[1024];
  hc_buffer out = {0};
  hc_error error = hc_head_write_tunnel(wire_slice(0, "o:443"), wire_slice(1, credentials), &out);
  log.size = 0;
  memcpy(text, hc_buffer_head(&out), hc_buffer_size(&out));
  wire_add_bytes(&log, text, shorten(text, hc_buffer_size(&out)));
  hc_buffer_free(&out);
  return error == HC_OK && strcmp(log.text, expected) == 0;
}

static bool encodes(const char *user, const char *password, const char *expected) {
  hc_buffer out = {0};
  hc_error error = hc_basic_credentials(wire_slice(0, user), wire_slice(1, password), &out, NULL);
  bool holds =
      error == HC_OK &&
      hc_slice_equal((hc_slice){hc_buffer_head(&out), hc_buffer_size(&out)}, hc_slice_of(expected));
  hc_buffer_free(&out);
  return holds;
}

static bool refuses_credentials(hc_slice user, hc_slice password) {
  hc_buffer out = {0};
  hc_failure why = {0};
  return hc_basic_credentials(user, password, &out, &why) == HC_ERR_INVALID_PARAMETER &&
         !out.data && why.text[0] != '\0';
}

static void check_credentials(void) {
  CHECK(writes_tunnel("", "CONNECT o:443 HTTP/1.1|Host: o:443|UA||"));
  CHECK(writes_tunnel("Basic eA==",
                      "CONNECT o:443 HTTP/1.1|Host: o:443|UA|Proxy-Authorization: Basic eA==||"));
  CHECK(encodes("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
  CHECK(encodes("test", "123\xc2\xa3", "Basic dGVzdDoxMjPCow=="));
  CHECK(encodes("", "", "Basic Og=="));
  CHECK(encodes("a", "", "Basic YTo="));
  CHECK(encodes("a", "b", "Basic YTpi"));
  CHECK(encodes("a", "b:c", "Basic YTpiOmM="));
  CHECK(encodes("\xff\xff", "\xff\xfe?", "Basic //86//4/"));
  CHECK(refuses_credentials(HC_SLICE("a:b"), HC_SLICE("c")));
  CHECK(refuses_credentials(HC_SLICE("a\n"), HC_SLICE("c")));
  CHECK(refuses_credentials(HC_SLICE("a"), HC_SLICE("c\x7f")));
  CHECK(refuses_credentials(HC_SLICE("a"), HC_SLICE("\0")));
}

static void check_methods(void) {
  CHECK(strcmp(hc_method_name(HC_METHOD_GET), "GET") == 0);
  CHECK(strcmp(hc_method_name(HC_METHOD_PATCH), "PATCH") == 0);
  CHECK(strcmp(hc_method_name(HC_METHOD_CONNECT), "CONNECT") == 0);
  CHECK(!hc_method_name(HC_METHOD_MAX) && !hc_method_name(-1));
}

#ifdef HC_TEST_HOOKS
static void check_memory_failures(void) {
  hc_slice line = HC_SLICE("A: 1");
  hc_request r = {.method = POST,
                  .url = HC_SLICE("/"),
                  .authority = HC_SLICE("h"),
                  .lines = &line,
                  .line_count = 1};
  long before = hc_memory_live_blocks();
  int refused = 0, untouched = 1;
  hc_error error = HC_ERR_OUT_OF_MEMORY;
  for (long i = 0; error != HC_OK && i < 20; i++) {
    hc_buffer out = {0};
    hc_request_head head;
    hc_failure why = {0};
    if (hc_buffer_append_text(&out, "before", SIZE_MAX) != HC_OK) abort();
    hc_memory_fail_after(i, 1);
    error = hc_request_write(&r, &out, &head, &why);
    hc_memory_fail_after(-1, 0);
    if (error != HC_OK) {
      refused++;
      untouched = untouched && error == HC_ERR_OUT_OF_MEMORY && why.code == error &&
                  hc_buffer_size(&out) == 6;
    }
    hc_buffer_free(&out);
  }
  CHECK(error == HC_OK && refused > 0 && untouched);
  CHECK(hc_memory_live_blocks() == before);
}
#endif

int main(void) {
  check_cases();
  check_nul();
  check_own_agent();
  check_credentials();
  check_methods();
#ifdef HC_TEST_HOOKS
  check_memory_failures();
#endif
  return check_report();
}
