/* request_check.c - may this request be sent? See request_check.h.
 *
 * Three parts, in the order of the checks: the target, the caller's fields, and whether both fit
 * the content. */
#include "request_check.h"

#include <string.h>

#include "../base/chars.h"
#include "uri.h"

/* Whatever is refused here has cost nothing: not a byte has gone out, and the connection is as good
 * as before. */
static hc_error refuse_request_check(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s", what);
}

/* `from` is within s, or right behind it. */
static hc_slice rest_of_request_check(hc_slice s, size_t from) {
  return (hc_slice){s.data + from, s.size - from};
}

/* --- the request target */

/* A control byte or a space would end the request line early, or split it (RFC 9112 section
 * 11.1). */
static hc_error check_url_bytes(hc_slice url, hc_failure *why) {
  for (size_t i = 0; i < url.size; i++) {
    if (url.data[i] != ' ' && !hc_char_is_control(url.data[i])) continue;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "url: byte %zu is a space or a control byte", i + 1);
  }
  return HC_OK;
}

/* A fragment is for the reader of the answer and never sent (RFC 9110 section 4.2.5). */
static hc_slice without_fragment(hc_slice url) {
  const char *fragment = url.size > 0 ? memchr(url.data, '#', url.size) : NULL;
  if (fragment) url.size = (size_t)(fragment - url.data);
  return url;
}

/* Schemes are compared without case (RFC 3986 section 3.1). Others than these two are not ours to
 * send. */
static size_t scheme_size(hc_slice url) {
  static const hc_slice schemes[] = {{"http://", 7}, {"https://", 8}};
  for (size_t i = 0; i < 2; i++) {
    hc_slice scheme = schemes[i];
    if (url.size >= scheme.size && hc_slice_equal_fold((hc_slice){url.data, scheme.size}, scheme))
      return scheme.size;
  }
  return 0;
}

/* What was wrong is said by uri.c, which quotes nothing: a URL may have a password in it. */
static hc_error refuse_authority(hc_failure *why, const char *part, const hc_failure *reason) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s: %s", part, reason->text);
}

/* A whole URL (RFC 9112 section 3.2.2). Host then says the host of that URL, and not the
 * connection's (section 3.2). */
static hc_error take_absolute(hc_slice url, size_t prefix, hc_target *t, hc_failure *why) {
  t->scheme = (hc_slice){url.data, prefix};
  hc_slice rest = rest_of_request_check(url, prefix);
  size_t size = 0;
  while (size < rest.size && rest.data[size] != '/' && rest.data[size] != '?') size++;
  t->site = t->authority = (hc_slice){rest.data, size};
  t->path = rest_of_request_check(rest, size);
  unsigned port;
  hc_failure reason = {0};
  return hc_authority_check(t->site, &port, &reason) == HC_OK
             ? HC_OK
             : refuse_authority(why, "url", &reason);
}

/* RFC 9112 section 3.2.3; there is no default port (RFC 9110 section 9.3.6). */
static hc_error take_authority(hc_slice url, hc_target *t, hc_failure *why) {
  unsigned port;
  hc_failure reason = {0};
  if (hc_authority_check(url, &port, &reason) != HC_OK)
    return refuse_authority(why, "CONNECT url", &reason);
  if (port == 0)
    return refuse_request_check(why, "CONNECT url: the port is missing (host:port is needed)");
  t->site = t->authority = url;
  return HC_OK;
}

/* OPTIONS about the server as a whole (RFC 9110 section 9.3.7). */
static hc_error take_asterisk(const hc_request *r, int method, hc_target *t, hc_failure *why) {
  if (method != HC_METHOD_OPTIONS)
    return refuse_request_check(why, "url: \"*\" is for OPTIONS only");
  if (!r->to_proxy) t->path = HC_SLICE("*"); /* else the empty path: RFC 9112 section 3.2.4 */
  return HC_OK;
}

/* Four forms (RFC 9112 section 3.2), and which one it is follows from the method and from who reads
 * it: the origin wants the path, a proxy the whole URL, CONNECT an authority alone. */
static hc_error take_target(const hc_request *r, int method, hc_target *t, hc_failure *why) {
  hc_error error = check_url_bytes(r->url, why);
  if (error != HC_OK) return error;
  *t = (hc_target){.authority = r->authority};
  if (method == HC_METHOD_CONNECT) return take_authority(r->url, t, why);
  hc_slice url = without_fragment(r->url);
  bool is_path = url.size > 0 && url.data[0] == '/';
  size_t prefix = is_path ? 0 : scheme_size(url);
  if (prefix > 0) return take_absolute(url, prefix, t, why);
  if (is_path) {
    t->path = url;
  } else if (hc_slice_equal(url, HC_SLICE("*"))) {
    error = take_asterisk(r, method, t, why);
  } else {
    return refuse_request_check(why, "url: it must start with \"/\", \"http://\" or \"https://\"");
  }
  if (error != HC_OK || !r->to_proxy) return error;
  if (r->authority.size == 0)
    return refuse_request_check(
        why, "url: a proxy needs an absolute one, and the connection has no host");
  t->scheme = HC_SLICE("http://");
  t->site = r->authority;
  return HC_OK;
}

/* --- the caller's lines */

/* Fields that change what the head means or that have a default of ours. All others pass as they
 * are. Sizes are compared before letters, so most of these eight cost a line nothing. */
static hc_known_field known_field_of(hc_slice name) {
  static const hc_slice names[HC_FIELD_OTHER] = {
      [HC_FIELD_HOST] = {"host", 4},
      [HC_FIELD_CONTENT_LENGTH] = {"content-length", 14},
      [HC_FIELD_TRANSFER_ENCODING] = {"transfer-encoding", 17},
      [HC_FIELD_USER_AGENT] = {"user-agent", 10},
      [HC_FIELD_ACCEPT] = {"accept", 6},
      [HC_FIELD_CONNECTION] = {"connection", 10},
      [HC_FIELD_EXPECT] = {"expect", 6},
      [HC_FIELD_PROXY_AUTHORIZATION] = {"proxy-authorization", 19},
  };
  int i = 0;
  while (i < HC_FIELD_OTHER && !hc_slice_equal_fold(name, names[i])) i++;
  return (hc_known_field)i;
}

/* Counted from 1, as Lua does. */
static hc_error refuse_line(hc_failure *why, size_t index, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "header %zu: %s", index + 1, what);
}

/* Splits "Name: value" and checks both (RFC 9110 sections 5.1 and 5.5; bytes over 7F are obs-text
 * and pass). Only the name is ever shown: the value may be a password. */
static hc_error split_line(hc_slice line, size_t index, hc_slice *name, hc_slice *value,
                           hc_failure *why) {
  const char *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
  if (!colon) return refuse_line(why, index, "it has no colon");
  *name = (hc_slice){line.data, (size_t)(colon - line.data)};
  if (name->size == 0) return refuse_line(why, index, "its name is empty");
  if (!hc_is_token(*name))
    return refuse_line(why, index, "its name holds a byte that is no token character");
  *value = rest_of_request_check(line, name->size + 1);
  for (size_t i = 0; i < value->size; i++) {
    if (!hc_char_is_control(value->data[i]) || value->data[i] == '\t') continue;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "header %zu (%.*s): byte %zu of its value is a control byte", index + 1,
                          name->size > 64 ? 64 : (int)name->size, name->data, i + 1);
  }
  *value = hc_slice_trim(*value);
  return HC_OK;
}

/* The line is remembered since it is written first of all, wherever the caller put it (RFC 9110
 * section 7.2). */
static hc_error note_host(hc_survey *s, size_t index, hc_slice value, hc_failure *why) {
  unsigned port;
  hc_failure reason = {0};
  s->host_line = index;
  /* RFC 9112 section 3.2: the value is empty, or an authority without user info. */
  if (value.size == 0 || hc_authority_check(value, &port, &reason) == HC_OK) return HC_OK;
  return refuse_authority(why, "Host header", &reason);
}

/* Two of a framing field could be read in two ways by those between us and the origin, each
 * believing another one. That is request smuggling, and we would be the ones who made it possible
 * (RFC 9112 section 11.2). */
static hc_error note_field_request_check(hc_survey *s, hc_known_field field, size_t index,
                                         hc_slice value, hc_failure *why) {
  if (field == HC_FIELD_OTHER) return HC_OK;
  bool again = s->has[field];
  s->has[field] = true;
  switch (field) {
  case HC_FIELD_HOST:
    return again ? refuse_request_check(why, "two Host headers") : note_host(s, index, value, why);
  case HC_FIELD_CONTENT_LENGTH:
    if (again) return refuse_request_check(why, "two Content-Length headers");
    /* Recipients have to put up with a list; we do not send one (RFC 9110 section 8.6). */
    return hc_parse_decimal(value, &s->content_length)
               ? HC_OK
               : refuse_request_check(why, "Content-Length is no plain decimal number");
  case HC_FIELD_TRANSFER_ENCODING:
    if (!again && hc_slice_equal_fold(value, HC_SLICE("chunked"))) return HC_OK;
    return refuse_request_check(why, "Transfer-Encoding: only one \"chunked\" can be sent");
  case HC_FIELD_CONNECTION:
    s->closes = s->closes || hc_list_has_token(value, HC_SLICE("close"));
    return HC_OK;
  case HC_FIELD_EXPECT:
    s->expects_continue = s->expects_continue || hc_list_has_token(value, HC_SLICE("100-continue"));
    return HC_OK;
  default: return HC_OK;
  }
}

/* All lines before anything is written: one that is refused at the end must not leave half a head
 * in the buffer. */
static hc_error survey_lines(const hc_request *r, hc_survey *s, hc_failure *why) {
  *s = (hc_survey){0};
  for (size_t i = 0; i < r->line_count; i++) {
    hc_slice name = {NULL, 0}, value = {NULL, 0};
    hc_error error = split_line(r->lines[i], i, &name, &value, why);
    if (error == HC_OK) error = note_field_request_check(s, known_field_of(name), i, value, why);
    if (error != HC_OK) return error;
  }
  return HC_OK;
}

/* The default Host may come from a stream of the script's, so it is checked like the caller's. One
 * that was made from a checked host is not looked at again, which is nearly always. */
static hc_error check_default_host(const hc_request *r, const hc_target *t, const hc_survey *s,
                                   hc_failure *why) {
  unsigned port;
  if (r->authority_is_checked && t->authority.data == r->authority.data) return HC_OK;
  hc_failure reason = {0};
  bool is_written = !s->has[HC_FIELD_HOST] || t->site.size > 0;
  if (!is_written || t->authority.size == 0 ||
      hc_authority_check(t->authority, &port, &reason) == HC_OK)
    return HC_OK;
  return refuse_authority(why, "the connection's host", &reason);
}

/* --- the content's framing */

/* RFC 9112 section 6: the content is framed in one way only, and that has to be true. */
static hc_error check_framing(const hc_request *r, int method, const hc_survey *s,
                              hc_failure *why) {
  bool has_length = s->has[HC_FIELD_CONTENT_LENGTH], is_stream = r->content == HC_CONTENT_STREAM;
  uint64_t known = r->content == HC_CONTENT_SIZED ? r->content_length : 0;
  /* RFC 9110 sections 9.3.6 and 9.3.8 */
  if ((is_stream || known > 0) && (method == HC_METHOD_TRACE || method == HC_METHOD_CONNECT))
    return refuse_request_check(why, method == HC_METHOD_TRACE ? "TRACE can have no body"
                                                               : "CONNECT can have no body");
  if (has_length && s->has[HC_FIELD_TRANSFER_ENCODING])
    return refuse_request_check(why, "both Content-Length and Transfer-Encoding are given");
  if (s->has[HC_FIELD_TRANSFER_ENCODING] && !is_stream)
    return refuse_request_check(why,
                                "Transfer-Encoding is only possible for a body from a function");
  if (has_length && !is_stream && s->content_length != known)
    return refuse_request_check(why, "Content-Length contradicts the size of the body");
  return HC_OK;
}

/* Chunked where nobody knows the length. A length that the caller gave for a function's content is
 * taken at its word, and the sender holds the function to it. */
static void decide_head(const hc_request *r, const hc_survey *s, hc_request_head *head) {
  *head = (hc_request_head){.closes = s->closes};
  if (r->content == HC_CONTENT_STREAM && !s->has[HC_FIELD_CONTENT_LENGTH]) {
    head->transfer = HC_TRANSFER_CHUNKED;
  } else if (r->content != HC_CONTENT_NONE) {
    head->transfer = HC_TRANSFER_LENGTH;
    head->content_length = r->content == HC_CONTENT_SIZED ? r->content_length : s->content_length;
  }
  head->expects_continue = s->expects_continue && hc_request_head_has_content(head);
}

/* RFC 9110 section 8.6: a method that can have content says 0 when it has none. */
bool hc_request_says_length(const hc_checked_request *checked) {
  switch (checked->method) {
  case HC_METHOD_POST:
  case HC_METHOD_PUT:
  case HC_METHOD_PATCH: return true;
  case HC_METHOD_TRACE:
  case HC_METHOD_CONNECT: return false;
  default: return checked->request->content == HC_CONTENT_SIZED;
  }
}

/* A method of the caller's own goes as it is (RFC 9110 section 16.1: the set is open), as long as
 * it can't end the request line. */
static hc_error check_method(const hc_request *r, hc_failure *why) {
  if (r->method == HC_METHOD_OTHER)
    return hc_is_token(r->method_token) ? HC_OK
                                        : refuse_request_check(why, "the method is no token");
  return hc_method_name(r->method) ? HC_OK
                                   : refuse_request_check(why, "the method is out of range");
}

/* "GET" as a token is GET: what a method means for content and answers must not hang on how it was
 * given. */
static int method_of_request_check(const hc_request *r) {
  return r->method == HC_METHOD_OTHER ? (int)hc_method_of(r->method_token) : r->method;
}

/* One that we don't know is a token of the caller's, in his letter case: methods have one (RFC 9110
 * section 9.1). */
hc_slice hc_request_method(const hc_checked_request *checked) {
  bool is_other = checked->method == HC_METHOD_OTHER;
  return is_other ? checked->request->method_token : hc_method_text(checked->method);
}

/* Both writers of heads, HTTP/1.1's and HTTP/2's, take what comes out of here, so that the rules
 * stand once. The target comes before the lines, because Host is judged by it. *checked is only
 * whole where this is HC_OK. */
hc_error hc_request_check(const hc_request *request, hc_checked_request *checked, hc_failure *why) {
  hc_survey *s = &checked->survey;
  int method = method_of_request_check(request);
  hc_error error = check_method(request, why);
  if (error == HC_OK) error = take_target(request, method, &checked->target, why);
  if (error == HC_OK) error = survey_lines(request, s, why);
  if (error == HC_OK) error = check_framing(request, method, s, why);
  if (error == HC_OK) error = check_default_host(request, &checked->target, s, why);
  if (error != HC_OK) return error;
  checked->request = request;
  checked->method = method;
  decide_head(request, s, &checked->head);
  return HC_OK;
}
