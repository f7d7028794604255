/* client_send.c - the request's way out: head, then content from a string, a file or a function. */
#include <stdio.h>
#include <string.h>

#include "client_internal.h"
#include "file.h"
#include "memory.h"
#include "uri.h"

/* One go hands over at most this much, so that a fast peer can not hold up a frame, nor in blocking mode keep the client
 * from seeing an early answer. */
#define SEND_BUDGET ((size_t)1 << 20)
/* A body function that gives little at a time is called this often in one go. */
#define SENDS_MAX 64

static void drop_source(hc_body_source *body) {
  if (body->kind == HC_BODY_FILE) hc_file_close(body->file);
  memset(body, 0, sizeof *body);
}

static void clear_content(hc_outgoing *o) {
  drop_source(&o->body);
  hc_buffer_free(&o->file_piece);
  memset(o, 0, sizeof *o);
}

void hc_sender_stop(hc_sender *s) {
  if (s->content) clear_content(s->content);
  if (s->head.data) hc_memory_wipe(s->head.data, s->head.capacity);  /* it may hold credentials */
  hc_buffer_free(&s->head);
  if (s->state != HC_SEND_IDLE) s->state = HC_SEND_STOPPED;
  s->wants = 0;
}

void hc_sender_restart(hc_sender *s) {
  hc_sender_stop(s);
  *s = (hc_sender){.content = s->content};
}

void hc_sender_reset(hc_sender *s) {
  hc_sender_stop(s);
  hc_memory_release(s->content);
  *s = (hc_sender){.state = HC_SEND_IDLE};
}

bool hc_sender_is_done(const hc_sender *s) { return s->state == HC_SEND_IDLE || s->state == HC_SEND_STOPPED; }
uint64_t hc_client_body_sent(const hc_client *c) { return c->sender.sent; }

/* --- the request ---------------------------------------------------------------------------------------------------- */

static hc_slice authority_of_peer(hc_client *c, hc_buffer *scratch, hc_error *code) {
  hc_slice host = {NULL, 0};
  unsigned port = 0;
  *code = HC_OK;
  if (c->host) return c->authority;
  if (c->peer->ops->endpoint) c->peer->ops->endpoint(c->peer, &host, &port);
  unsigned default_port = c->uses_tls ? 443 : 80;
  if (host.size) *code = hc_authority_write(host, port ? port : default_port, default_port, scratch);
  return (hc_slice){hc_buffer_head(scratch), hc_buffer_size(scratch)};
}

static void describe_content(hc_request *request, const hc_body_source *body) {
  request->content = HC_CONTENT_NONE;
  if (body->kind == HC_BODY_BYTES && body->bytes.size) {
    request->content = HC_CONTENT_SIZED;
    request->content_length = body->bytes.size;
  } else if (body->kind == HC_BODY_FILE) {
    request->content = HC_CONTENT_SIZED;
    request->content_length = body->file_length;
  } else if (body->kind == HC_BODY_PULL) {
    request->content = HC_CONTENT_STREAM;
  }
}

static hc_error write_head(hc_client *c, const hc_client_request_spec *spec, const hc_body_source *body, hc_buffer *out,
                           hc_request_head *announced, hc_failure *why) {
  hc_request request;
  memset(&request, 0, sizeof request);
  hc_buffer scratch = {0};
  hc_error code;
  request.method = spec->method;
  request.url = spec->url;
  request.lines = spec->lines;
  request.line_count = spec->line_count;
  describe_content(&request, body);
  request.authority = authority_of_peer(c, &scratch, &code);
  request.authority_is_checked = c->host != NULL;
  request.to_proxy = c->to_proxy;
  if (c->to_proxy) request.proxy_credentials = hc_client_credentials(c);
  if (code == HC_OK) code = hc_request_write(&request, out, announced, why);
  hc_buffer_free(&scratch);
  return code;
}

/* Room for the content's way, before anything has changed. */
static hc_error need_content(hc_sender *s, const hc_body_source *body, const hc_request_head *announced) {
  bool is_empty = announced->transfer == HC_TRANSFER_NONE && body->kind != HC_BODY_FILE && body->kind != HC_BODY_PULL;
  if (s->content || is_empty) return HC_OK;
  s->content = hc_memory_allocate_zeroed(1, sizeof *s->content);
  return s->content ? HC_OK : HC_ERR_OUT_OF_MEMORY;
}

static hc_error queue_request(hc_client *c, const hc_client_request_spec *spec, hc_failure *why) {
  hc_body_source body = spec->body;
  if (c->status != HC_STATUS_CONNECTED) {
    drop_source(&body);
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "a request needs STATUS_CONNECTED, the client is in STATUS_%s",
                          hc_status_name(c->status));
  }
  if (!spec->raw && spec->method == HC_METHOD_GET) drop_source(&body);
  hc_buffer head = {0};
  hc_request_head announced;
  memset(&announced, 0, sizeof announced);
  hc_error code = write_head(c, spec, &body, &head, &announced, why);
  if (code == HC_OK) code = need_content(&c->sender, &body, &announced);
  if (code != HC_OK) {
    hc_buffer_free(&head);
    drop_source(&body);
    return hc_failure_set(why, code, "out of memory");
  }
  hc_sender_restart(&c->sender);
  /* Bytes behind an upgrade that nobody took stay, and are not this request's answer. */
  hc_receiver_restart(&c->receiver);
  c->upgraded = false;
  c->sender.method = spec->method;
  c->sender.head = head;
  c->sender.announced = announced;
  if (c->sender.content) c->sender.content->body = body;
  c->sender.source_ended = announced.transfer == HC_TRANSFER_NONE;
  c->sender.state = HC_SEND_QUEUED;
  c->status = HC_STATUS_REQUESTING;
  hc_client_notice(c);
  return HC_OK;
}

hc_error hc_client_request(hc_client *c, const hc_client_request_spec *spec, hc_failure *why) {
  if (c->at_work) {
    hc_body_source body = spec->body;
    drop_source(&body);
    return hc_client_refuse(why);
  }
  hc_client_begin(c);
  hc_error code = queue_request(c, spec, why);
  hc_client_end(c);
  return code;
}

/* --- content: the next piece ----------------------------------------------------------------------------------------- */

static hc_io source_failed(hc_client *c, const char *what) {
  c->sender.source_failed = true;
  hc_failure_set(&c->failure, HC_ERR_CONNECTION_ERROR, "%s", what);
  return HC_IO_ERROR;
}

static hc_io end_of_source(hc_client *c) {
  hc_sender *s = &c->sender;
  s->source_ended = true;
  if (s->announced.transfer == HC_TRANSFER_CHUNKED) s->content->suffix = HC_SLICE("0\r\n\r\n");
  else if (s->content->pulled != s->announced.content_length)
    return source_failed(c, "the body ended before its Content-Length was reached");
  return HC_IO_OK;
}

static void frame_chunk(hc_outgoing *o) {
  int size = snprintf(o->prefix, sizeof o->prefix, "%zx\r\n", o->piece.size);
  o->prefix_start = 0;
  o->prefix_size = (uint8_t)size;
  o->suffix = HC_SLICE("\r\n");
}

/* WANT_WRITE with wants 0: the function has nothing now; poll asks again. */
static hc_io pull_from_function(hc_client *c) {
  hc_sender *s = &c->sender;
  hc_outgoing *o = s->content;
  hc_slice piece = {NULL, 0};
  hc_pull_result result = o->body.pull(o->body.context, &piece, &c->failure);
  if (result == HC_PULL_FAILED) return source_failed(c, "the body function failed");
  if (result == HC_PULL_END) return end_of_source(c);
  if (piece.size == 0) {
    s->wants = 0;
    return HC_IO_WANT_WRITE;
  }
  if (s->announced.transfer == HC_TRANSFER_LENGTH && piece.size > s->announced.content_length - o->pulled)
    return source_failed(c, "the body is longer than its Content-Length");
  o->piece = piece;
  o->pulled += piece.size;
  if (s->announced.transfer == HC_TRANSFER_CHUNKED) frame_chunk(o);
  return HC_IO_OK;
}

static hc_io read_from_file(hc_client *c) {
  hc_sender *s = &c->sender;
  hc_outgoing *o = s->content;
  uint64_t left = s->announced.content_length - o->pulled;
  if (left == 0) return end_of_source(c);
  size_t want = left < HC_STREAM_BODY_PIECE ? (size_t)left : HC_STREAM_BODY_PIECE;
  char *at;
  size_t room, got = 0;
  hc_buffer_consume(&o->file_piece, hc_buffer_size(&o->file_piece));
  if (hc_buffer_reserve(&o->file_piece, want, HC_STREAM_BODY_PIECE, &at, &room) != HC_OK) {
    hc_failure_set(&c->failure, HC_ERR_OUT_OF_MEMORY, "out of memory");
    return source_failed(c, "");
  }
  if (hc_file_read_at(o->body.file, o->body.file_offset, at, want, &got, &c->failure) != HC_OK) return source_failed(c, "");
  if (got == 0) return source_failed(c, "the body file is shorter than it was");
  hc_buffer_commit(&o->file_piece, got);
  o->piece = (hc_slice){hc_buffer_head(&o->file_piece), got};
  o->body.file_offset += got;
  o->pulled += got;
  return HC_IO_OK;
}

/* Sees to it that there is something to send. A chunk's CRLF may still wait when its content has left. */
static hc_io load_piece(hc_client *c) {
  hc_sender *s = &c->sender;
  hc_outgoing *o = s->content;
  if (s->source_ended || o->piece.size || o->suffix.size) return HC_IO_OK;
  switch (o->body.kind) {
    case HC_BODY_BYTES:
      if (o->pulled == o->body.bytes.size) return end_of_source(c);
      o->piece = o->body.bytes;
      o->pulled = o->body.bytes.size;
      return HC_IO_OK;
    case HC_BODY_FILE: return read_from_file(c);
    case HC_BODY_PULL: return pull_from_function(c);
    case HC_BODY_NONE: break;
  }
  s->source_ended = true;
  return HC_IO_OK;
}

/* --- moving ----------------------------------------------------------------------------------------------------------- */

static size_t gather(const hc_sender *s, hc_slice parts[4]) {
  size_t count = 0;
  if (hc_buffer_size(&s->head)) parts[count++] = (hc_slice){hc_buffer_head(&s->head), hc_buffer_size(&s->head)};
  const hc_outgoing *o = s->content;
  if (!o) return count;
  if (o->prefix_size > o->prefix_start)
    parts[count++] = (hc_slice){o->prefix + o->prefix_start, (size_t)(o->prefix_size - o->prefix_start)};
  if (o->piece.size) parts[count++] = o->piece;
  if (o->suffix.size) parts[count++] = o->suffix;
  return count;
}

static size_t take(size_t *sent, size_t available) {
  size_t taken = *sent < available ? *sent : available;
  *sent -= taken;
  return taken;
}

static void advance_slice(hc_slice *slice, size_t size) {
  slice->data += size;
  slice->size -= size;
}

static void account(hc_sender *s, size_t sent) {
  hc_buffer_consume(&s->head, take(&sent, hc_buffer_size(&s->head)));
  hc_outgoing *o = s->content;
  if (!o) return;
  o->prefix_start = (uint8_t)(o->prefix_start + take(&sent, (size_t)(o->prefix_size - o->prefix_start)));
  size_t content = take(&sent, o->piece.size);
  if (content) advance_slice(&o->piece, content);
  s->sent += content;
  size_t behind = take(&sent, o->suffix.size);
  if (behind) advance_slice(&o->suffix, behind);
}

/* File to socket without a detour, where the stream can. Only once the head is out. */
static hc_io send_from_file(hc_client *c, size_t *moved) {
  hc_sender *s = &c->sender;
  hc_outgoing *o = s->content;
  uint64_t left = s->announced.content_length - o->pulled;
  size_t want = left < SEND_BUDGET ? (size_t)left : SEND_BUDGET;
  hc_io io = c->peer->ops->send_file(c->peer, o->body.file, &o->body.file_offset, want, moved, &c->failure);
  o->pulled += *moved;
  s->sent += *moved;
  if (io == HC_IO_EOF) return source_failed(c, "the body file is shorter than it was");
  return io;
}

static bool goes_through_kernel(const hc_client *c) {
  const hc_sender *s = &c->sender;
  const hc_outgoing *o = s->content;
  return o && o->body.kind == HC_BODY_FILE && c->peer->ops->send_file && hc_buffer_size(&s->head) == 0 &&
         !o->piece.size && o->pulled < s->announced.content_length;
}

/* With Expect the head goes alone, and the content waits for its answer (RFC 9110 section 10.1.1). A function is not
 * asked before the head is out either: what it does may depend on the connection. */
static bool head_goes_alone(const hc_client *c) {
  const hc_sender *s = &c->sender;
  if (s->source_ended) return true;
  hc_body_kind kind = s->content->body.kind;
  return hc_buffer_size(&s->head) > 0 && (s->announced.expects_continue || kind == HC_BODY_PULL ||
                                          (kind == HC_BODY_FILE && c->peer->ops->send_file));
}

static hc_io send_once(hc_client *c, size_t *moved) {
  hc_sender *s = &c->sender;
  if (!head_goes_alone(c) && !goes_through_kernel(c)) {
    hc_io io = load_piece(c);
    if (io != HC_IO_OK) return io;
  }
  if (goes_through_kernel(c)) return send_from_file(c, moved);
  hc_slice parts[4];
  size_t count = gather(s, parts);
  if (count == 0) return HC_IO_OK;
  hc_io io = hc_stream_peer_send(c->peer, parts, count, moved, &c->failure);
  if (io == HC_IO_OK) account(s, *moved);
  return io;
}

static bool all_is_sent(const hc_sender *s) {
  hc_slice parts[4];
  return s->source_ended && gather(s, parts) == 0;
}

/* The silence that follows is asked for: it has its own limit and is no idleness. */
static void begin_expecting(hc_client *c) {
  hc_sender *s = &c->sender;
  s->announced.expects_continue = false;
  s->state = HC_SEND_EXPECTING;
  s->content->continue_deadline = hc_clock_now() + HC_EXPECT_CONTINUE_NS;
  s->wants = 0;
  c->idle_deadline = HC_NEVER;
}

void hc_sender_continue(hc_client *c) {
  if (c->sender.state != HC_SEND_EXPECTING) return;
  c->sender.state = HC_SEND_MOVING;
  hc_client_touch_idle(c);
}

/* The stream takes no more, but the server may have said why before it closed: what it said is read first. */
static hc_io stream_failed(hc_client *c) {
  hc_failure why = c->failure;
  hc_sender_stop(&c->sender);
  hc_failure_clear(&c->failure);
  hc_io io = hc_receiver_read_head(c, false);
  if (c->status != HC_STATUS_REQUESTING) return HC_IO_OK;
  (void)io;
  hc_failure_clear(&c->failure);
  c->failure = why;
  hc_client_fail_recorded(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR);
  return HC_IO_ERROR;
}

static hc_io move(hc_client *c) {
  hc_sender *s = &c->sender;
  size_t total = 0;
  for (int sends = 0; total < SEND_BUDGET && sends < SENDS_MAX; sends++) {
    size_t moved = 0;
    s->wants = HC_EVENT_WRITE;
    hc_io io = send_once(c, &moved);
    total += moved;
    if (moved) hc_client_touch_idle(c);
    if (io == HC_IO_WANT_READ) s->wants = HC_EVENT_READ;
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return total ? HC_IO_OK : io;
    if (io != HC_IO_OK) {
      if (!s->source_failed) return stream_failed(c);
      hc_client_fail_recorded(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR);
      return HC_IO_ERROR;
    }
    if (s->announced.expects_continue && hc_buffer_size(&s->head) == 0) {
      begin_expecting(c);
      return HC_IO_OK;
    }
    if (all_is_sent(s)) {
      hc_sender_stop(s);
      s->state = HC_SEND_IDLE;
      return HC_IO_OK;
    }
  }
  return HC_IO_OK;
}

hc_io hc_sender_advance(hc_client *c) {
  hc_sender *s = &c->sender;
  if (s->state == HC_SEND_QUEUED) {
    s->state = HC_SEND_MOVING;
    hc_client_touch_idle(c);
  }
  if (s->state == HC_SEND_EXPECTING) {
    if (hc_clock_now() < s->content->continue_deadline) return HC_IO_WANT_READ;
    hc_sender_continue(c);
  }
  return move(c);
}
