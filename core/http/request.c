/* request.c - validates a request and writes its head (RFC 9112 section 3). See request.h. */
#include "request.h"

#include <string.h>

#include "../base/chars.h"
#include "uri.h"
#include "../base/version.h"

#if defined(__linux__)
#define OS_NAME "Linux"
#elif defined(__APPLE__)
#define OS_NAME "macOS"
#elif defined(__FreeBSD__)
#define OS_NAME "FreeBSD"
#elif defined(__OpenBSD__)
#define OS_NAME "OpenBSD"
#elif defined(__NetBSD__)
#define OS_NAME "NetBSD"
#elif defined(_WIN32)
#define OS_NAME "Windows"
#else
#define OS_NAME "POSIX"
#endif

#define USER_AGENT "User-Agent: lua-httpclient/" HC_VERSION " (" OS_NAME ")\r\n"

/* More than all that is written besides the caller's texts, so that one reserve serves the whole head. */
#define OWN_SIZE 256u
#define LENGTH_LIMIT ((uint64_t)INT64_MAX)

const char *hc_method_name(int method) {
  static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"};
  return method < 0 || method >= HC_METHOD_MAX ? NULL : names[method];
}

hc_method hc_method_of(hc_slice token) {
  for (int method = 0; method < HC_METHOD_MAX; method++) {
    if (hc_slice_equal(token, hc_slice_of(hc_method_name(method)))) return (hc_method)method;
  }
  return hc_is_token(token) ? HC_METHOD_OTHER : HC_METHOD_MAX;
}

/* The fields that decide something here; all others only pass. */
typedef enum known_field {
  FIELD_HOST,
  FIELD_CONTENT_LENGTH,
  FIELD_TRANSFER_ENCODING,
  FIELD_USER_AGENT,
  FIELD_ACCEPT,
  FIELD_CONNECTION,
  FIELD_EXPECT,
  FIELD_PROXY_AUTHORIZATION,
  FIELD_OTHER
} known_field;

/* What the caller's lines say. */
typedef struct survey {
  bool has[FIELD_OTHER];
  size_t host_line;
  uint64_t content_length;
  bool closes;
  bool expects_continue;
} survey;

/* The request target, in the pieces in which it is written. `authority` is what Host says by default. */
typedef struct target {
  hc_slice scheme, site, path;
  hc_slice authority;
} target;

static hc_error refuse(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s", what);
}

static hc_slice rest_of(hc_slice s, size_t from) { return (hc_slice){s.data + from, s.size - from}; }

/* --- the request target ------------------------------------------------------------------------------------------- */

/* A control byte or a space would end the request line early, or split it (RFC 9112 section 11.1). */
static hc_error check_url_bytes(hc_slice url, hc_failure *why) {
  for (size_t i = 0; i < url.size; i++) {
    if (url.data[i] != ' ' && !hc_char_is_control(url.data[i])) continue;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "url: byte %zu is a space or a control byte", i + 1);
  }
  return HC_OK;
}

static hc_slice without_fragment(hc_slice url) {
  const char *fragment = url.size > 0 ? memchr(url.data, '#', url.size) : NULL;
  if (fragment != NULL) url.size = (size_t)(fragment - url.data);
  return url;
}

static size_t scheme_size(hc_slice url) {
  static const hc_slice schemes[] = {{"http://", 7}, {"https://", 8}};
  for (size_t i = 0; i < 2; i++) {
    hc_slice scheme = schemes[i];
    if (url.size >= scheme.size && hc_slice_equal_fold((hc_slice){url.data, scheme.size}, scheme)) return scheme.size;
  }
  return 0;
}

static hc_error refuse_authority(hc_failure *why, const char *part, const hc_failure *reason) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s: %s", part, reason->text);
}

/* RFC 9112 section 3.2.2 */
static hc_error take_absolute(hc_slice url, size_t prefix, target *t, hc_failure *why) {
  t->scheme = (hc_slice){url.data, prefix};
  hc_slice rest = rest_of(url, prefix);
  size_t size = 0;
  while (size < rest.size && rest.data[size] != '/' && rest.data[size] != '?') size++;
  t->site = t->authority = (hc_slice){rest.data, size};
  t->path = rest_of(rest, size);
  unsigned port;
  hc_failure reason = {0};
  return hc_authority_check(t->site, &port, &reason) == HC_OK ? HC_OK : refuse_authority(why, "url", &reason);
}

/* RFC 9112 section 3.2.3; there is no default port (RFC 9110 section 9.3.6). */
static hc_error take_authority(hc_slice url, target *t, hc_failure *why) {
  unsigned port;
  hc_failure reason = {0};
  if (hc_authority_check(url, &port, &reason) != HC_OK) return refuse_authority(why, "CONNECT url", &reason);
  if (port == 0) return refuse(why, "CONNECT url: the port is missing (host:port is needed)");
  t->site = t->authority = url;
  return HC_OK;
}

static hc_error take_asterisk(const hc_request *r, target *t, hc_failure *why) {
  if (r->method != HC_METHOD_OPTIONS) return refuse(why, "url: \"*\" is for OPTIONS only");
  if (!r->to_proxy) t->path = HC_SLICE("*"); /* else the empty path: RFC 9112 section 3.2.4 */
  return HC_OK;
}

static hc_error take_target(const hc_request *r, target *t, hc_failure *why) {
  hc_error error = check_url_bytes(r->url, why);
  if (error != HC_OK) return error;
  *t = (target){.authority = r->authority};
  if (r->method == HC_METHOD_CONNECT) return take_authority(r->url, t, why);
  hc_slice url = without_fragment(r->url);
  bool is_path = url.size > 0 && url.data[0] == '/';
  size_t prefix = is_path ? 0 : scheme_size(url);
  if (prefix > 0) return take_absolute(url, prefix, t, why);
  if (is_path) {
    t->path = url;
  } else if (hc_slice_equal(url, HC_SLICE("*"))) {
    error = take_asterisk(r, t, why);
  } else {
    return refuse(why, "url: it must start with \"/\", \"http://\" or \"https://\"");
  }
  if (error != HC_OK || !r->to_proxy) return error;
  if (r->authority.size == 0) return refuse(why, "url: a proxy needs an absolute one, and the connection has no host");
  t->scheme = HC_SLICE("http://");
  t->site = r->authority;
  return HC_OK;
}

/* --- the caller's lines ------------------------------------------------------------------------------------------- */

static known_field known_field_of(hc_slice name) {
  static const hc_slice names[FIELD_OTHER] = {
      [FIELD_HOST] = {"host", 4},
      [FIELD_CONTENT_LENGTH] = {"content-length", 14},
      [FIELD_TRANSFER_ENCODING] = {"transfer-encoding", 17},
      [FIELD_USER_AGENT] = {"user-agent", 10},
      [FIELD_ACCEPT] = {"accept", 6},
      [FIELD_CONNECTION] = {"connection", 10},
      [FIELD_EXPECT] = {"expect", 6},
      [FIELD_PROXY_AUTHORIZATION] = {"proxy-authorization", 19},
  };
  int i = 0;
  while (i < FIELD_OTHER && !hc_slice_equal_fold(name, names[i])) i++;
  return (known_field)i;
}

static hc_error refuse_line(hc_failure *why, size_t index, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "header %zu: %s", index + 1, what);
}

/* Splits "Name: value" and checks both (RFC 9110 sections 5.1 and 5.5; bytes over 7F are obs-text and pass). */
static hc_error split_line(hc_slice line, size_t index, hc_slice *name, hc_slice *value, hc_failure *why) {
  const char *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
  if (colon == NULL) return refuse_line(why, index, "it has no colon");
  *name = (hc_slice){line.data, (size_t)(colon - line.data)};
  if (name->size == 0) return refuse_line(why, index, "its name is empty");
  if (!hc_is_token(*name)) return refuse_line(why, index, "its name holds a byte that is no token character");
  *value = rest_of(line, name->size + 1);
  for (size_t i = 0; i < value->size; i++) {
    if (!hc_char_is_control(value->data[i]) || value->data[i] == '\t') continue;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "header %zu (%.*s): byte %zu of its value is a control byte",
                          index + 1, name->size > 64 ? 64 : (int)name->size, name->data, i + 1);
  }
  *value = hc_slice_trim(*value);
  return HC_OK;
}

/* RFC 9110 section 8.6. A list is for recipients to bear, not for us to send. */
static bool read_length(hc_slice digits, uint64_t *length) {
  uint64_t value = 0;
  for (size_t i = 0; i < digits.size; i++) {
    if (!hc_char_is_digit(digits.data[i])) return false;
    uint64_t digit = (uint64_t)(digits.data[i] - '0');
    if (value > (LENGTH_LIMIT - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *length = value;
  return digits.size > 0;
}

static hc_error note_host(survey *s, size_t index, hc_slice value, hc_failure *why) {
  unsigned port;
  hc_failure reason = {0};
  s->host_line = index;
  /* RFC 9112 section 3.2: the value is empty, or an authority without user info. */
  if (value.size == 0 || hc_authority_check(value, &port, &reason) == HC_OK) return HC_OK;
  return refuse_authority(why, "Host header", &reason);
}

static hc_error note_field(survey *s, known_field field, size_t index, hc_slice value, hc_failure *why) {
  if (field == FIELD_OTHER) return HC_OK;
  bool again = s->has[field];
  s->has[field] = true;
  switch (field) {
    case FIELD_HOST: return again ? refuse(why, "two Host headers") : note_host(s, index, value, why);
    case FIELD_CONTENT_LENGTH:
      if (again) return refuse(why, "two Content-Length headers");
      return read_length(value, &s->content_length) ? HC_OK : refuse(why, "Content-Length is no plain decimal number");
    case FIELD_TRANSFER_ENCODING:
      if (!again && hc_slice_equal_fold(value, HC_SLICE("chunked"))) return HC_OK;
      return refuse(why, "Transfer-Encoding: only one \"chunked\" can be sent");
    case FIELD_CONNECTION: s->closes = s->closes || hc_list_has_token(value, HC_SLICE("close")); return HC_OK;
    case FIELD_EXPECT:
      s->expects_continue = s->expects_continue || hc_list_has_token(value, HC_SLICE("100-continue"));
      return HC_OK;
    default: return HC_OK;
  }
}

static hc_error survey_lines(const hc_request *r, survey *s, hc_failure *why) {
  *s = (survey){0};
  for (size_t i = 0; i < r->line_count; i++) {
    hc_slice name = {NULL, 0}, value = {NULL, 0};
    hc_error error = split_line(r->lines[i], i, &name, &value, why);
    if (error == HC_OK) error = note_field(s, known_field_of(name), i, value, why);
    if (error != HC_OK) return error;
  }
  return HC_OK;
}

/* Our own Host may come from a stream that a script wrote: it is checked like the caller's. */
static hc_error check_default_host(const hc_request *r, const target *t, const survey *s, hc_failure *why) {
  unsigned port;
  if (r->authority_is_checked && t->authority.data == r->authority.data) return HC_OK;
  hc_failure reason = {0};
  bool is_written = !s->has[FIELD_HOST] || t->site.size > 0;
  if (!is_written || t->authority.size == 0 || hc_authority_check(t->authority, &port, &reason) == HC_OK) return HC_OK;
  return refuse_authority(why, "the connection's host", &reason);
}

/* --- the content's framing ---------------------------------------------------------------------------------------- */

/* RFC 9112 section 6: one way of framing, and it must tell the truth. */
static hc_error check_framing(const hc_request *r, const survey *s, hc_failure *why) {
  bool has_length = s->has[FIELD_CONTENT_LENGTH], is_stream = r->content == HC_CONTENT_STREAM;
  uint64_t known = r->content == HC_CONTENT_SIZED ? r->content_length : 0;
  /* RFC 9110 sections 9.3.6 and 9.3.8 */
  if ((is_stream || known > 0) && (r->method == HC_METHOD_TRACE || r->method == HC_METHOD_CONNECT))
    return refuse(why, r->method == HC_METHOD_TRACE ? "TRACE can have no body" : "CONNECT can have no body");
  if (has_length && s->has[FIELD_TRANSFER_ENCODING])
    return refuse(why, "both Content-Length and Transfer-Encoding are given");
  if (s->has[FIELD_TRANSFER_ENCODING] && !is_stream)
    return refuse(why, "Transfer-Encoding is only possible for a body from a function");
  if (has_length && !is_stream && s->content_length != known)
    return refuse(why, "Content-Length contradicts the size of the body");
  return HC_OK;
}

static void decide_head(const hc_request *r, const survey *s, hc_request_head *head) {
  *head = (hc_request_head){.closes = s->closes};
  if (r->content == HC_CONTENT_STREAM && !s->has[FIELD_CONTENT_LENGTH]) {
    head->transfer = HC_TRANSFER_CHUNKED;
  } else if (r->content != HC_CONTENT_NONE) {
    head->transfer = HC_TRANSFER_LENGTH;
    head->content_length = r->content == HC_CONTENT_SIZED ? r->content_length : s->content_length;
  }
  bool has_content = head->transfer == HC_TRANSFER_CHUNKED || head->content_length > 0;
  head->expects_continue = s->expects_continue && has_content;
}

/* RFC 9110 section 8.6: a method whose content has a meaning says 0 when there is none. */
static bool says_length(const hc_request *r) {
  switch (r->method) {
    case HC_METHOD_POST:
    case HC_METHOD_PUT:
    case HC_METHOD_PATCH: return true;
    case HC_METHOD_TRACE:
    case HC_METHOD_CONNECT: return false;
    default: return r->content == HC_CONTENT_SIZED;
  }
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* After make_room the first branch is the rule; small and inline, it turns the constant texts into plain stores. */
static inline void put(hc_buffer *out, hc_slice bytes, hc_error *error) {
  if (bytes.size > 0 && out->capacity - out->end >= bytes.size) {
    memcpy(out->data + out->end, bytes.data, bytes.size);
    out->end += bytes.size;
  } else if (*error == HC_OK) {
    *error = hc_buffer_append(out, bytes, SIZE_MAX);
  }
}

static void put_line(hc_buffer *out, hc_slice line, hc_error *error) {
  put(out, line, error);
  put(out, HC_SLICE("\r\n"), error);
}

static void put_field(hc_buffer *out, hc_slice name, hc_slice value, hc_error *error) {
  put(out, name, error);
  put(out, HC_SLICE(": "), error);
  put_line(out, value, error);
}

/* An empty path is written as "/" (RFC 9110 section 4.2.3), but for OPTIONS, where it means "*" (RFC 9112 3.2.4). */
static bool lacks_path(const hc_request *r, const target *t) {
  return t->scheme.size > 0 && r->method != HC_METHOD_OPTIONS && (t->path.size == 0 || t->path.data[0] == '?');
}

static void put_request_line(hc_buffer *out, const hc_request *r, const target *t, hc_error *error) {
  put(out, r->method == HC_METHOD_OTHER ? r->method_token : hc_slice_of(hc_method_name(r->method)), error);
  put(out, HC_SLICE(" "), error);
  put(out, t->scheme, error);
  put(out, t->site, error);
  if (lacks_path(r, t)) put(out, HC_SLICE("/"), error);
  put(out, t->path, error);
  put(out, HC_SLICE(" HTTP/1.1\r\n"), error);
}

static void put_length(hc_buffer *out, uint64_t length, hc_error *error) {
  put(out, HC_SLICE("Content-Length: "), error);
  if (*error == HC_OK) *error = hc_buffer_append_number(out, length, SIZE_MAX);
  put(out, HC_SLICE("\r\n"), error);
}

static void put_own_fields(hc_buffer *out, const hc_request *r, const survey *s, const hc_request_head *head,
                           hc_error *error) {
  if (head->transfer == HC_TRANSFER_CHUNKED) {
    if (!s->has[FIELD_TRANSFER_ENCODING]) put(out, HC_SLICE("Transfer-Encoding: chunked\r\n"), error);
  } else if (!s->has[FIELD_CONTENT_LENGTH] && says_length(r)) {
    put_length(out, head->content_length, error);
  }
  if (!s->has[FIELD_USER_AGENT]) put(out, HC_SLICE(USER_AGENT), error);
  if (!s->has[FIELD_ACCEPT]) put(out, HC_SLICE("Accept: */*\r\n"), error);
  if (r->proxy_credentials.size > 0 && !s->has[FIELD_PROXY_AUTHORIZATION])
    put_field(out, HC_SLICE("Proxy-Authorization"), r->proxy_credentials, error);
}

static void put_head(hc_buffer *out, const hc_request *r, const target *t, const survey *s,
                     const hc_request_head *head, hc_error *error) {
  put_request_line(out, r, t, error);
  if (s->has[FIELD_HOST])
    put_line(out, r->lines[s->host_line], error);
  else
    put_field(out, HC_SLICE("Host"), t->authority, error);
  for (size_t i = 0; i < r->line_count; i++) {
    if (!s->has[FIELD_HOST] || i != s->host_line) put_line(out, r->lines[i], error);
  }
  put_own_fields(out, r, s, head, error);
  put(out, HC_SLICE("\r\n"), error);
}

/* One growth instead of several; the appends behind it still look after themselves. */
static hc_error make_room(hc_buffer *out, const hc_request *r) {
  size_t size = OWN_SIZE + r->method_token.size + r->url.size * 2 + r->authority.size * 2 + r->proxy_credentials.size;
  for (size_t i = 0; i < r->line_count; i++) size += r->lines[i].size + 2;
  char *at;
  size_t available;
  return hc_buffer_reserve(out, size, SIZE_MAX, &at, &available);
}

static hc_error check_memory(hc_error error, hc_buffer *out, size_t held, hc_failure *why) {
  if (error == HC_OK) return HC_OK;
  out->end = out->start + held;
  return hc_failure_set(why, error, "out of memory for the request's head");
}

static hc_error check_method(const hc_request *r, hc_failure *why) {
  if (r->method == HC_METHOD_OTHER) return hc_is_token(r->method_token) ? HC_OK : refuse(why, "the method is no token");
  return hc_method_name(r->method) != NULL ? HC_OK : refuse(why, "the method is out of range");
}

static hc_error write_request(const hc_request *request, hc_buffer *out, hc_request_head *head, hc_failure *why) {
  target t = {0};
  survey s = {0};
  hc_error error = check_method(request, why);
  if (error == HC_OK) error = take_target(request, &t, why);
  if (error == HC_OK) error = survey_lines(request, &s, why);
  if (error == HC_OK) error = check_framing(request, &s, why);
  if (error == HC_OK) error = check_default_host(request, &t, &s, why);
  if (error != HC_OK) return error;
  decide_head(request, &s, head);
  size_t held = hc_buffer_size(out);
  error = make_room(out, request);
  put_head(out, request, &t, &s, head, &error);
  return check_memory(error, out, held, why);
}

hc_error hc_request_write(const hc_request *request, hc_buffer *out, hc_request_head *head, hc_failure *why) {
  if (request->method != HC_METHOD_OTHER) return write_request(request, out, head, why);
  hc_request known = *request;
  hc_method method = hc_method_of(request->method_token);
  if (method != HC_METHOD_MAX) known.method = (int)method;
  return write_request(&known, out, head, why);
}

hc_error hc_request_write_tunnel(hc_slice authority, hc_slice proxy_credentials, hc_buffer *out) {
  size_t held = hc_buffer_size(out);
  hc_error error = HC_OK;
  put(out, HC_SLICE("CONNECT "), &error);
  put(out, authority, &error);
  put(out, HC_SLICE(" HTTP/1.1\r\n"), &error);
  put_field(out, HC_SLICE("Host"), authority, &error);
  put(out, HC_SLICE(USER_AGENT), &error);
  if (proxy_credentials.size > 0) put_field(out, HC_SLICE("Proxy-Authorization"), proxy_credentials, &error);
  put(out, HC_SLICE("\r\n"), &error);
  return check_memory(error, out, held, NULL);
}

/* --- credentials -------------------------------------------------------------------------------------------------- */

static bool has_control(hc_slice s) {
  for (size_t i = 0; i < s.size; i++) {
    if (hc_char_is_control(s.data[i])) return true;
  }
  return false;
}

/* Byte `i` of "user:password", which is never put together, so that no copy of it needs wiping. */
static unsigned pair_byte(hc_slice user, hc_slice password, size_t i) {
  if (i < user.size) return (unsigned char)user.data[i];
  return i == user.size ? ':' : (unsigned char)password.data[i - user.size - 1];
}

/* Base64 with padding (RFC 4648 section 4). */
static char *encode_pair(hc_slice user, hc_slice password, char *at) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t size = user.size + 1 + password.size;
  for (size_t i = 0; i < size; i += 3) {
    size_t left = size - i;
    unsigned group = pair_byte(user, password, i) << 16;
    if (left > 1) group |= pair_byte(user, password, i + 1) << 8;
    if (left > 2) group |= pair_byte(user, password, i + 2);
    *at++ = digits[group >> 18];
    *at++ = digits[(group >> 12) & 63];
    *at++ = (char)(left > 1 ? digits[(group >> 6) & 63] : '=');
    *at++ = (char)(left > 2 ? digits[group & 63] : '=');
  }
  return at;
}

hc_error hc_basic_credentials(hc_slice user, hc_slice password, hc_buffer *out, hc_failure *why) {
  /* RFC 7617 section 2 */
  if (user.size > 0 && memchr(user.data, ':', user.size) != NULL) return refuse(why, "the user name holds a colon");
  if (has_control(user) || has_control(password)) return refuse(why, "user name or password holds a control byte");
  if (user.size > SIZE_MAX / 4 || password.size > SIZE_MAX / 4) return HC_ERR_OUT_OF_MEMORY;
  size_t size = user.size + 1 + password.size, encoded = sizeof "Basic " - 1 + (size + 2) / 3 * 4;
  char *at;
  size_t available;
  hc_error error = hc_buffer_reserve(out, encoded, SIZE_MAX, &at, &available);
  if (error != HC_OK) return hc_failure_set(why, error, "out of memory for the credentials");
  memcpy(at, "Basic ", sizeof "Basic " - 1);
  encode_pair(user, password, at + sizeof "Basic " - 1);
  hc_buffer_commit(out, encoded);
  return HC_OK;
}
