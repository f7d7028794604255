/* head_writer.c - the head of an HTTP/1.1 request as bytes. See head_writer.h.
 *
 * The size is estimated once, so that the buffer grows once; each append checks for itself all the
 * same.
 *
 * All of it was checked before (http/request_check.h): no byte of the caller's can end a line here
 * or begin another. That is why nothing is escaped or looked at on the way. */
#include "head_writer.h"

#include <string.h>

#include "../base/limits.h"
#include "../http/proxy_auth.h"
#include "../platform/system_name.h"

#define USER_AGENT "User-Agent: lua-httpclient/" HC_VERSION " (" HC_SYSTEM_NAME ")\r\n"

/* More than we write besides the caller's texts, so that one reserve is enough for the whole
 * head. */
#define OWN_SIZE 256u

/* After make_room the first branch is the rule; small and inline, it turns the constant texts into
 * plain stores. */
static inline void put_head_writer(hc_buffer *out, hc_slice bytes, hc_error *error) {
  if (bytes.size > 0 && out->capacity - out->end >= bytes.size) {
    memcpy(out->data + out->end, bytes.data, bytes.size);
    out->end += bytes.size;
  } else if (bytes.size > 0 && *error == HC_OK) {
    *error = hc_buffer_append(out, bytes, SIZE_MAX);
  }
}

/* Lines of the caller's go out as they were written: the order and the spelling of fields is his,
 * and some servers do mind. */
static void put_line(hc_buffer *out, hc_slice line, hc_error *error) {
  put_head_writer(out, line, error);
  put_head_writer(out, HC_SLICE("\r\n"), error);
}

static void put_field(hc_buffer *out, hc_slice name, hc_slice value, hc_error *error) {
  put_head_writer(out, name, error);
  put_head_writer(out, HC_SLICE(": "), error);
  put_line(out, value, error);
}

/* An empty path is written as "/" (RFC 9110 section 4.2.3). For OPTIONS it means "*" (RFC 9112
 * section 3.2.4). */
static bool lacks_path(const hc_checked_request *c) {
  const hc_target *t = &c->target;
  return t->scheme.size > 0 && c->method != HC_METHOD_OPTIONS &&
         (t->path.size == 0 || t->path.data[0] == '?');
}

/* To a proxy, or to whoever asked for it, the whole URL is sent; to an origin only its path (RFC
 * 9112 section 3.2). Which it is has been decided by the check: scheme and site are empty for an
 * origin. */
static void put_target(hc_buffer *out, const hc_checked_request *c, hc_error *error) {
  const hc_target *t = &c->target;
  put_head_writer(out, t->scheme, error);
  put_head_writer(out, t->site, error);
  if (lacks_path(c)) put_head_writer(out, HC_SLICE("/"), error);
  put_head_writer(out, t->path, error);
}

/* The version is always 1.1, also to servers of 1.0: it says what we understand (RFC 9110 section
 * 2.5). */
static void put_request_line(hc_buffer *out, const hc_checked_request *c, hc_error *error) {
  put_head_writer(out, hc_request_method(c), error);
  put_head_writer(out, HC_SLICE(" "), error);
  put_target(out, c, error);
  put_head_writer(out, HC_SLICE(" HTTP/1.1\r\n"), error);
}

static void put_length(hc_buffer *out, uint64_t length, hc_error *error) {
  put_head_writer(out, HC_SLICE("Content-Length: "), error);
  if (*error == HC_OK) *error = hc_buffer_append_number(out, length, SIZE_MAX);
  put_head_writer(out, HC_SLICE("\r\n"), error);
}

/* It is made of the method and the target as they stand in the request line. */
static void put_proxy_digest(hc_buffer *out, const hc_checked_request *c, hc_error *error) {
  hc_buffer target = {0};
  put_target(&target, c, error);
  put_head_writer(out, HC_SLICE("Proxy-Authorization: "), error);
  const hc_slice text = {hc_buffer_head(&target), hc_buffer_size(&target)};
  if (*error == HC_OK)
    *error = hc_proxy_auth_write_digest(c->request->proxy_digest, hc_request_method(c), text, out);
  put_head_writer(out, HC_SLICE("\r\n"), error);
  hc_buffer_free(&target);
}

/* What the caller gave is never given twice. That goes for credentials, too: who wrote a
 * Proxy-Authorization wants that one and not the one of the proxy's URL. */
static void put_own_fields(hc_buffer *out, const hc_checked_request *c, hc_error *error) {
  const hc_survey *s = &c->survey;
  hc_slice credentials = c->request->proxy_credentials;
  if (c->head.transfer == HC_TRANSFER_CHUNKED) {
    if (!s->has[HC_FIELD_TRANSFER_ENCODING])
      put_head_writer(out, HC_SLICE("Transfer-Encoding: chunked\r\n"), error);
  } else if (!s->has[HC_FIELD_CONTENT_LENGTH] && hc_request_says_length(c)) {
    put_length(out, c->head.content_length, error);
  }
  if (!s->has[HC_FIELD_USER_AGENT]) put_head_writer(out, HC_SLICE(USER_AGENT), error);
  if (!s->has[HC_FIELD_ACCEPT]) put_head_writer(out, HC_SLICE("Accept: */*\r\n"), error);
  if (s->has[HC_FIELD_PROXY_AUTHORIZATION]) return;
  if (c->request->proxy_digest) put_proxy_digest(out, c, error);
  else if (credentials.size > 0)
    put_field(out, HC_SLICE("Proxy-Authorization"), credentials, error);
}

/* Host comes first, as RFC 9110 section 7.2 recommends: proxies and servers find it without reading
 * on. */
static void put_head(hc_buffer *out, const hc_checked_request *c, hc_error *error) {
  const hc_request *r = c->request;
  const hc_survey *s = &c->survey;
  put_request_line(out, c, error);
  if (s->has[HC_FIELD_HOST]) put_line(out, r->lines[s->host_line], error);
  else put_field(out, HC_SLICE("Host"), c->target.authority, error);
  for (size_t i = 0; i < r->line_count; i++) {
    if (!s->has[HC_FIELD_HOST] || i != s->host_line) put_line(out, r->lines[i], error);
  }
  put_own_fields(out, c, error);
  put_head_writer(out, HC_SLICE("\r\n"), error);
}

/* Grows once instead of several times. URL and authority count twice, because both may stand in the
 * request line and in Host; too much room is no harm, the memory serves the answer next. Short
 * content finds room behind the head (see sender.c). */
static hc_error make_room_head_writer(hc_buffer *out, const hc_request *r) {
  size_t size = OWN_SIZE + r->method_token.size + r->url.size * 2 + r->authority.size * 2 +
                r->proxy_credentials.size;
  for (size_t i = 0; i < r->line_count; i++) size += r->lines[i].size + 2;
  if (r->content == HC_CONTENT_SIZED && r->content_length <= HC_SMALL_CONTENT)
    size += (size_t)r->content_length;
  char *at;
  size_t available;
  return hc_buffer_reserve(out, size, SIZE_MAX, &at, &available);
}

/* Half a head must not be sent by anybody: the buffer is put back to what it held. */
static hc_error check_memory(hc_error error, hc_buffer *out, size_t held, hc_failure *why) {
  if (error == HC_OK) return HC_OK;
  out->end = out->start + held;
  return hc_failure_out_of_memory_for(why, "the request's head");
}

/* The first error stops every later append, and is asked about once, here. */
hc_error hc_head_write(const hc_checked_request *checked, hc_buffer *out, hc_failure *why) {
  size_t held = hc_buffer_size(out);
  hc_error error = make_room_head_writer(out, checked->request);
  put_head(out, checked, &error);
  return check_memory(error, out, held, why);
}

/* For those who have one request to write and nothing to ask in between; a connection checks first
 * and opens its exchange with the result. */
hc_error hc_request_write(const hc_request *request, hc_buffer *out, hc_request_head *head,
                          hc_failure *why) {
  hc_checked_request checked;
  hc_error error = hc_request_check(request, &checked, why);
  if (error != HC_OK) return error;
  *head = checked.head;
  return hc_head_write(&checked, out, why);
}

/* A CONNECT has no path, no content, and nothing of the request that will go through the tunnel:
 * the proxy need not know what is asked for, and cookies and credentials of the origin are none of
 * its business. */
hc_error hc_head_write_tunnel(hc_slice authority, hc_slice proxy_credentials, hc_buffer *out) {
  size_t held = hc_buffer_size(out);
  hc_error error = HC_OK;
  put_head_writer(out, HC_SLICE("CONNECT "), &error);
  put_head_writer(out, authority, &error);
  put_head_writer(out, HC_SLICE(" HTTP/1.1\r\n"), &error);
  put_field(out, HC_SLICE("Host"), authority, &error);
  put_head_writer(out, HC_SLICE(USER_AGENT), &error);
  if (proxy_credentials.size > 0)
    put_field(out, HC_SLICE("Proxy-Authorization"), proxy_credentials, &error);
  put_head_writer(out, HC_SLICE("\r\n"), &error);
  return check_memory(error, out, held, NULL);
}
