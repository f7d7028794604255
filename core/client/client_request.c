/* client_request.c - a request from the caller's words to what the connection sends.
 *
 * The caller names method, URL, lines and body. The connection knows the rest: its authority,
 * whether a proxy reads the request first, and what that one is told about its user. Both go into
 * one hc_request, which the connection's protocol checks and makes an exchange of.
 *
 * Whatever becomes of a request, its body is let go of once: by the exchange that has taken it
 * over, or here, where it was refused.
 *
 * This is the first place on the way of a byte out. Nothing is sent here, the next poll does that;
 * and nothing is checked but that there is a connection: what may be sent is for http/request_check
 * to say. */
#include "../base/sized.h"
#include "../http/uri.h"
#include "client_state.h"

/* A stream of the caller's may know to whom it leads. Where it does not, Host is empty, which is
 * what a request has to have without an authority (RFC 9112 section 3.2). */
static hc_error authority_of_stream(hc_connection *n, hc_buffer *scratch, hc_slice *authority) {
  hc_slice host = {NULL, 0};
  unsigned port = 0;
  hc_error code = HC_OK;
  *authority = n->authority;
  if (n->names) return HC_OK;
  if (n->stream->ops->endpoint) n->stream->ops->endpoint(n->stream, &host, &port);
  if (host.size)
    code = hc_authority_write(host, port ? port : n->default_port, n->default_port, scratch);
  *authority = (hc_slice){hc_buffer_head(scratch), hc_buffer_size(scratch)};
  return code;
}

/* Between Content-Length and chunks (RFC 9112 sections 6.1 and 6.2) the writer of the head decides;
 * it gets told here whether the size is known. */
static void describe_content(hc_request *request, const hc_body_source *body) {
  request->content = HC_CONTENT_NONE;
  if (body->kind == HC_BODY_BYTES && body->bytes.size) {
    request->content = HC_CONTENT_SIZED;
    request->content_length = body->bytes.size;
  } else if (body->kind == HC_BODY_FILE || (body->kind == HC_BODY_PULL && body->file_length > 0)) {
    request->content = HC_CONTENT_SIZED;
    request->content_length = body->file_length;
  } else if (body->kind == HC_BODY_PULL || body->kind == HC_BODY_STREAM) {
    request->content = HC_CONTENT_STREAM;
  }
}

/* What is not even a token is left for the check (http/request_check.c) to refuse. */
static int method_of_client_request(const hc_client_request_spec *spec) {
  if (spec->method != HC_METHOD_OTHER) return spec->method;
  hc_method method = hc_method_of(spec->method_token);
  return method == HC_METHOD_MAX ? HC_METHOD_OTHER : (int)method;
}

/* Where the proxy reads the requests, each one carries them (RFC 9110 section 11.7.2). Through a
 * tunnel the CONNECT has had them, and the origin must not see them. Which kind it was is kept: a
 * 407 to Digest means something else than one to none. */
static void add_credentials(hc_connection *n, hc_request *request) {
  hc_proxy_auth *auth = &n->proxy->auth;
  hc_connection_note_auth(n, hc_proxy_auth_next(auth));
  if (n->auth_sent == HC_AUTH_SENT_DIGEST) request->proxy_digest = auth;
  else request->proxy_credentials = hc_proxy_auth_basic(auth);
}

static hc_error begin_client_request(hc_client *c, const hc_client_request_spec *spec,
                                     const hc_body_source *body, hc_failure *why) {
  hc_connection *n = c->place.connection;
  hc_buffer scratch = {0};
  hc_request request = {.method = spec->method,
                        .method_token = spec->method_token,
                        .url = spec->url,
                        .lines = spec->lines,
                        .line_count = spec->line_count,
                        .authority_is_checked = n->names != NULL,
                        .to_proxy = n->target == HC_TARGET_ABSOLUTE};
  describe_content(&request, body);
  hc_error code = authority_of_stream(n, &scratch, &request.authority);
  if (n->next == HC_PARTY_PROXY) add_credentials(n, &request);
  const hc_exchange_wish wish = {&c->settings, &request, body};
  if (code == HC_OK) code = hc_connection_begin(&c->place, &wish, why);
  hc_buffer_free(&scratch);
  return code;
}

static hc_error queue_client_request(hc_client *c, const hc_client_request_spec *spec,
                                     hc_failure *why) {
  hc_body_source body = spec->body;
  if (c->status != HC_STATUS_CONNECTED) {
    hc_body_source_drop(&body);
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "a request needs STATUS_CONNECTED, the client is in STATUS_%s",
                          hc_status_name(c->status));
  }
  /* The engine sends no content with a GET; request_raw does, which is the way to insist. */
  if (!spec->raw && method_of_client_request(spec) == HC_METHOD_GET) hc_body_source_drop(&body);
  hc_error code = begin_client_request(c, spec, &body, why);
  if (code != HC_OK) {
    hc_body_source_drop(&body);
    return hc_failure_set_code(why, code);
  }
  c->status = HC_STATUS_REQUESTING;
  hc_place_notice(&c->place);
  return HC_OK;
}

static hc_error request(hc_client *c, const hc_client_request_spec *spec, hc_failure *why) {
  if (c->at_work) {
    hc_body_source body = spec->body;
    hc_body_source_drop(&body);
    return hc_client_refuse(why);
  }
  hc_client_begin(c);
  hc_error code = queue_client_request(c, spec, why);
  hc_client_end(c);
  return code;
}

/* The size is that of the caller's structure, which may be an older or a newer one. */
hc_error hc_client_request_sized(hc_client *c, const hc_client_request_spec *spec, size_t size,
                                 hc_failure *why) {
  hc_client_request_spec known;
  if (size == sizeof *spec) return request(c, spec, why);
  if (hc_sized_read(&known, sizeof known, spec, size)) return request(c, &known, why);
  hc_body_source_drop(&known.body);
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                        "the request asks for what this version of the library does not have");
}

/* Also from within the body function, when the client is at work: it is only noted here, and
 * whoever polls asks the function again. */
void hc_client_resume_body(hc_client *c) {
  if (c->place.exchange && hc_exchange_resume(c->place.exchange)) hc_place_notice(&c->place);
}

bool hc_client_sends_body(const hc_client *c) {
  return c->place.exchange && hc_exchange_upload(c->place.exchange) != HC_UPLOAD_NONE;
}

uint64_t hc_client_body_sent(const hc_client *c) {
  return c->place.exchange ? c->place.exchange->sent : 0;
}

bool hc_client_is_untried(const hc_client *c) {
  return c->place.exchange && !c->place.exchange->was_tried;
}
