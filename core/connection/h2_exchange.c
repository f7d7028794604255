/* h2_exchange.c - one request and its answer on an HTTP/2 connection. See h2_exchange.h.
 *
 * What has come lies in the stream (http2/h2_session.h): a head, content, trailing fields, or
 * why it broke. The exchange hands that on, gives the stream the next piece of what is sent,
 * and keeps the times. It neither sends nor receives by itself: the connection moves, for all
 * that are on it. */
#include "h2_exchange.h"

#ifdef HC_WITH_NGHTTP2 /* else the file is empty */

#include "../base/chars.h"
#include "../base/limits.h"
#include "../base/memory.h"
#include "../stream/tls/stream_peer_tls.h"
#include "h2_link.h"

/* One go hands over at most this much content, and asks a body function at most so often. */
#define SUPPLY_BUDGET ((size_t)1 << 20)
#define SUPPLIES_MAX 64

/* The common part is the first member, so one pointer is both. */
static hc_h2_exchange *of_h2_exchange(hc_exchange *x) { return (hc_h2_exchange *)x; }
static const hc_h2_exchange *of_const_h2_exchange(const hc_exchange *x) {
  return (const hc_h2_exchange *)x;
}

static bool is_over_h2_exchange(const hc_h2_exchange *h) {
  return hc_h2_stream_is_done(&h->stream);
}

/* The stream tells of what became of the connection, and whether that is this request's end. What
 * it comes to is not told here: it may have been the end for others and the answer for this one. */
static hc_progress move_bytes(hc_exchange *x) {
  hc_failure connection = {HC_OK, ""};
  return hc_h2_link_move(x->connection, x, &connection);
}

/* --- the request */

/* What HTTP/2 has no words for (RFC 9113 sections 8.5 and 8.6). */
static hc_error check_h2_exchange(const hc_request *r, const hc_checked_request *checked,
                                  hc_failure *why) {
  if (checked->method == HC_METHOD_CONNECT)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "CONNECT needs HTTP/1.1, and this connection speaks HTTP/2");
  for (size_t i = 0; i < r->line_count; i++) {
    if (r->lines[i].size < 8 || !hc_bytes_equal_fold(r->lines[i].data, "upgrade:", 8)) continue;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "Upgrade needs HTTP/1.1, and this connection speaks HTTP/2");
  }
  return HC_OK;
}

/* May it be sent once more if nobody knows what became of it (RFC 9110 section 9.2.2)? Safe and
 * idempotent methods are, if the content is there a second time: what came out of a function or a
 * pipe is gone. */
static bool is_repeatable(const hc_checked_request *checked, const hc_body_source *body) {
  if (body->kind == HC_BODY_PULL || body->kind == HC_BODY_STREAM) return false;
  switch (checked->method) {
  case HC_METHOD_GET:
  case HC_METHOD_HEAD:
  case HC_METHOD_PUT:
  case HC_METHOD_DELETE:
  case HC_METHOD_OPTIONS:
  case HC_METHOD_TRACE: return true;
  default: return false;
  }
}

/* Whether content follows is said with the head: a head that ends the stream (END_STREAM) is one
 * frame for the whole request. Behind an Expect the content stays here until the server has
 * spoken. */
static hc_error open_stream(hc_h2_exchange *h, hc_h2_session *session,
                            const hc_checked_request *checked, hc_failure *why) {
  bool is_secure = hc_stream_peer_is_tls(h->common.connection->stream);
  hc_h2_more more = hc_request_head_has_content(&checked->head) ? HC_H2_MORE : HC_H2_LAST;
  h->announced = checked->head;
  h->method = checked->method;
  h->upload = more == HC_H2_LAST              ? HC_H2_UPLOAD_NONE
              : h->announced.expects_continue ? HC_H2_UPLOAD_EXPECTING
                                              : HC_H2_UPLOAD_MOVING;
  h->source_ended = more == HC_H2_LAST;
  h->stream.transcript = h->common.settings->transcript;
  return hc_h2_stream_open(session, &h->stream, checked, is_secure ? HC_H2_HTTPS : HC_H2_HTTP, more,
                           why);
}

/* Everything that can be wrong is found before the body is taken over, so that an error leaves it
 * with the caller, and this memory is all that has to go. */
hc_error hc_h2_exchange_open(hc_connection *n, hc_h2_session *session, const hc_exchange_wish *wish,
                             hc_exchange **out, hc_failure *why) {
  hc_checked_request checked;
  hc_error code = hc_request_check(wish->request, &checked, why);
  if (code == HC_OK) code = check_h2_exchange(wish->request, &checked, why);
  if (code != HC_OK) return code;
  hc_h2_exchange *h = hc_memory_allocate_zeroed(1, sizeof *h);
  if (!h) return hc_failure_out_of_memory(why);
  hc_exchange_init(&h->common, n->protocol, n, &h->answer);
  hc_exchange_begin(&h->common, wish->settings);
  hc_exchange_note_try(&h->common);
  h->continue_deadline = HC_NEVER;
  /* what can't be sent twice waits for a sign of life, where the server was silent for long */
  if (!is_repeatable(&checked, wish->body)) code = hc_h2_link_probe(n->h2);
  if (code == HC_OK) code = open_stream(h, session, &checked, why);
  if (code != HC_OK) {
    hc_memory_release(h);
    return code;
  }
  h->supply.body = *wish->body;
  hc_exchange_touch(&h->common);
  *out = &h->common;
  return HC_OK;
}

/* --- content on its way out */

/* Without memory for a copy the connection is lost, and no event tells the others of that. */
static void tell_lost(const hc_h2_exchange *h) {
  const hc_h2_session *session = h->stream.session;
  if (session && hc_h2_session_is_over(session)) hc_connection_notice_all(h->common.connection);
}

/* The stream may still hold a view of the source's memory, in a frame that is half out. It is told
 * first, and copies what it needs; only then the source may go. What has gone out is counted before
 * that: afterwards nobody can tell. */
static void end_upload(hc_h2_exchange *h) {
  if (h->upload == HC_H2_UPLOAD_NONE) return;
  hc_exchange_note_sent(&h->common, hc_h2_count_sent(h));
  h->upload = HC_H2_UPLOAD_NONE;
  h->source_ended = true;
  hc_h2_stream_withdraw(&h->stream);
  tell_lost(h);
  hc_supply_drop(&h->supply);
}

/* The next piece is offered. MOVED, WAIT, BROKEN; DONE: that was the last. The last piece says so
 * itself where that is known, which spares an empty frame behind it. A function or a pipe is always
 * asked until it says that it has ended: what it gives beyond its length is an error that the
 * caller should hear of. */
static hc_progress offer_piece(hc_h2_exchange *h, hc_failure *why) {
  hc_slice piece = {NULL, 0};
  switch (hc_supply_next(&h->supply, &h->announced, &piece, why)) {
  case HC_SUPPLY_PIECE: {
    bool is_last = h->announced.transfer == HC_TRANSFER_LENGTH &&
                   h->supply.pulled == h->announced.content_length &&
                   h->supply.body.kind != HC_BODY_PULL && h->supply.body.kind != HC_BODY_STREAM;
    h->source_ended = is_last;
    hc_h2_stream_offer(&h->stream, piece, is_last ? HC_H2_LAST : HC_H2_MORE);
    return is_last ? HC_DONE : HC_MOVED;
  }
  case HC_SUPPLY_END:
    h->source_ended = true;
    hc_h2_stream_offer(&h->stream, (hc_slice){NULL, 0}, HC_H2_LAST);
    return HC_DONE;
  case HC_SUPPLY_LATER: return HC_WAIT;
  case HC_SUPPLY_FAILED: break;
  }
  return HC_BROKEN;
}

/* The content need not wait for a 100 (Continue) any longer, or does not. A final answer in place
 * of the 100 says that it is not wanted. The time for it begins when the head has left and not
 * before: it may have waited for a window, or for a PING. A server that never answers an Expect is
 * one that doesn't know it, and gets the content after a while (RFC 9110 section 10.1.1). */
static void look_at_expectation(hc_h2_exchange *h) {
  if (h->upload != HC_H2_UPLOAD_EXPECTING) return;
  if (h->stream.has_head && !h->stream.has_continued) {
    end_upload(h);
    return;
  }
  if (h->continue_deadline == HC_NEVER && h->stream.is_sent) {
    h->continue_deadline = hc_clock_now() + HC_EXPECT_CONTINUE_NS;
    /* the silence is asked for: it has its own limit and is no idleness */
    hc_exchange_stop_idle_time(&h->common);
  }
  if (!h->stream.has_continued &&
      (h->continue_deadline == HC_NEVER || hc_clock_now() < h->continue_deadline))
    return;
  h->upload = HC_H2_UPLOAD_MOVING;
  hc_exchange_touch(&h->common);
}

/* Bytes count as sent when the stream has taken them, not when they were framed: it is their
 * movement that ends an idleness. */
static void note_sent(hc_h2_exchange *h) {
  if (h->common.sent != hc_h2_count_sent(h)) hc_exchange_touch(&h->common);
  hc_exchange_note_sent(&h->common, hc_h2_count_sent(h));
}

/* Content goes out as fast as the stream and the server's windows take it, also when the answer has
 * begun. Whether the server still reads it the server says, by a reset or by the answer's end (RFC
 * 9113 section 8.1). MOVED, WAIT; BROKEN. Each piece is offered and moved at once, because the
 * session takes the next only when the last is out. The two limits keep one upload from holding a
 * frame of a game: so many bytes, or so many calls of a function that gives little at a time. */
static hc_progress send_content(hc_h2_exchange *h, hc_failure *why) {
  uint64_t end = h->supply.pulled + SUPPLY_BUDGET;
  hc_progress progress = HC_WAIT;
  if (h->upload == HC_H2_UPLOAD_NONE) return HC_WAIT;
  look_at_expectation(h);
  for (int i = 0; i < SUPPLIES_MAX && h->supply.pulled < end && hc_h2_wants_piece(h); i++) {
    hc_progress offered = offer_piece(h, why);
    if (offered == HC_BROKEN) return HC_BROKEN;
    if (offered == HC_WAIT) break;
    progress = move_bytes(&h->common);
    if (progress == HC_BROKEN) return HC_MOVED;
  }
  if (h->upload != HC_H2_UPLOAD_NONE) note_sent(h);
  return progress;
}

/* Beside an answer that has begun. WAIT, or BROKEN. The reader of an answer drives the upload too:
 * nobody else advances an exchange whose head is in. If the connection breaks, that is told by the
 * content, or by its end. */
static hc_progress go_on_sending(hc_h2_exchange *h, hc_failure *why) {
  if (h->upload == HC_H2_UPLOAD_NONE) return HC_WAIT;
  if (!is_over_h2_exchange(h) && send_content(h, why) == HC_BROKEN) return HC_BROKEN;
  if (is_over_h2_exchange(h) || hc_h2_is_all_out(h)) end_upload(h);
  return HC_WAIT;
}

/* All is sent: the response timeout runs in place of the idle timeout. Once only: the second time
 * would start the response timeout anew. */
static void look_whether_sent(hc_h2_exchange *h) {
  if (h->is_awaited || !hc_h2_is_all_out(h)) return;
  h->is_awaited = true;
  end_upload(h);
  if (!h->stream.has_head) hc_exchange_await_head(&h->common);
}

/* --- from the request to the head */

/* The stream knows best: its failure says what became of this request, where the connection's would
 * tell of somebody else's. */
static hc_progress fail_h2_exchange(const hc_h2_exchange *h, hc_failure *why) {
  hc_failure_clear(why);
  *why = h->stream.failure;
  return HC_BROKEN;
}

/* The final head is in. Content-Length means the same in both versions, so the rules of HTTP/1.1
 * decide, with a minor version that they know. What is "until the connection closes" there is
 * "until END_STREAM" here. The response moves over as it is, without a copy: the stream needs it no
 * more. */
static hc_progress accept_head_h2_exchange(hc_h2_exchange *h, hc_failure *why) {
  hc_answer *a = &h->answer;
  hc_response empty = {0};
  a->response = h->stream.response;
  h->stream.response = empty;
  a->response.minor_version = 1; /* as for the rules of framing, of which Content-Length is left */
  if (hc_body_decide(&a->response, (hc_method)h->method, HC_AFTER_KEEP, &a->plan, why) != HC_OK)
    return HC_BROKEN;
  a->response.minor_version = 0;
  a->plan.keeps_alive = true;
  bool is_empty = h->stream.stage == HC_H2_COMPLETE && hc_buffer_size(&h->stream.content) == 0;
  if (is_empty && a->plan.framing == HC_FRAMING_UNTIL_CLOSE) a->plan.framing = HC_FRAMING_NONE;
  a->has_response = true;
  hc_exchange_end_response_wait(&h->common);
  if (is_over_h2_exchange(h)) end_upload(h);
  if (a->plan.framing != HC_FRAMING_NONE) hc_exchange_touch(&h->common);
  return HC_DONE;
}

/* Others move bytes for this exchange as well. So it can't count its own receives, and compares
 * with what it saw last. An answer that begins before all is sent keeps the idle timeout alive;
 * behind the request only the head does, because that is what the response timeout waits for. */
static void note_arrivals(hc_h2_exchange *h) {
  if (h->stream.arrivals == h->seen) return;
  h->seen = h->stream.arrivals;
  h->answer.has_begun = true;
  if (h->stream.has_head) hc_exchange_end_response_wait(&h->common);
  if (h->stream.has_head || !h->is_awaited) hc_exchange_touch(&h->common);
}

/* The order: what has come, then what went wrong, then the clock. So an answer that is there
 * counts, though its connection has failed since or its time is over. */
static hc_progress look_for_head(hc_h2_exchange *h, hc_progress moved, hc_failure *why) {
  hc_exchange *x = &h->common;
  note_arrivals(h);
  if (hc_h2_is_presentable(h)) return accept_head_h2_exchange(h, why);
  if (h->stream.stage == HC_H2_BROKEN) return fail_h2_exchange(h, why);
  look_whether_sent(h);
  bool is_awaited = h->is_awaited && !h->stream.has_head;
  uint64_t deadline = is_awaited ? x->response_deadline : x->idle_deadline;
  if (deadline == HC_NEVER || hc_clock_now() < deadline) return moved;
  return is_awaited ? hc_exchange_end_by_response_timeout(x, why)
                    : hc_exchange_end_by_idle_timeout(x, why);
}

/* A connection that ends here is no end of this call: the head may have come before it, and whether
 * it did is seen in the stream. */
hc_progress hc_h2_exchange_advance(hc_exchange *x, hc_failure *why) {
  hc_h2_exchange *h = of_h2_exchange(x);
  hc_progress content = HC_WAIT, moved = HC_WAIT;
  if (!is_over_h2_exchange(h)) content = send_content(h, why);
  if (content == HC_BROKEN) return HC_BROKEN; /* the source's fault */
  if (hc_h2_moves(x)) moved = move_bytes(x);
  if (content == HC_MOVED || moved == HC_BROKEN) moved = HC_MOVED;
  return look_for_head(h, moved, why);
}

hc_upload hc_h2_upload_of(const hc_exchange *x) {
  const hc_h2_exchange *h = of_const_h2_exchange(x);
  if (h->upload == HC_H2_UPLOAD_NONE || h->source_ended) return HC_UPLOAD_NONE;
  return h->supply.body.kind == HC_BODY_PULL ? HC_UPLOAD_HOSTS : HC_UPLOAD_OURS;
}

bool hc_h2_resume(hc_exchange *x) { return hc_supply_resume(&of_h2_exchange(x)->supply); }

/* --- content */

/* What had come before a stream broke is handed out first, and the failure behind it. To wait for
 * more than half of the window would be to wait for ever: the peer gets new credit only for what
 * was read. */
static hc_progress look_for_content(hc_h2_exchange *h, hc_slice *view, hc_failure *why) {
  size_t held = hc_buffer_size(&h->stream.content), most = h->common.settings->read_chunk_size;
  note_arrivals(h);
  /* A read that blocks waits for all it can get, which is never more than half of the window. */
  size_t wanted = h->common.settings->blocking ? most : 1;
  if (wanted > HC_H2_STREAM_WINDOW / 2) wanted = HC_H2_STREAM_WINDOW / 2;
  if (held == 0 && h->stream.stage == HC_H2_COMPLETE) return HC_DONE;
  if (held == 0 && h->stream.stage == HC_H2_BROKEN) return fail_h2_exchange(h, why);
  if (held == 0 || (held < wanted && !is_over_h2_exchange(h))) return HC_WAIT;
  *view = hc_h2_stream_show(&h->stream);
  if (view->size > most) view->size = most;
  return HC_MOVED;
}

/* Twice: what is there is handed out without a system call, and only when that was nothing bytes
 * are moved. When the time is over, whatever there is goes out, though a blocking read wanted more
 * of it. */
hc_progress hc_h2_peek(hc_exchange *x, hc_slice *view, hc_failure *why) {
  hc_h2_exchange *h = of_h2_exchange(x);
  if (go_on_sending(h, why) == HC_BROKEN) return HC_BROKEN;
  hc_progress progress = look_for_content(h, view, why);
  if (progress != HC_WAIT) return progress;
  (void)move_bytes(x);
  progress = look_for_content(h, view, why);
  if (progress != HC_WAIT || !hc_exchange_is_idle_too_long(x)) return progress;
  *view = hc_h2_stream_show(&h->stream);
  return view->size > 0 ? HC_MOVED : hc_exchange_end_by_idle_timeout(x, why);
}

hc_slice hc_h2_held(const hc_exchange *x) {
  const hc_buffer *content = &of_const_h2_exchange(x)->stream.content;
  return (hc_slice){hc_buffer_head(content), hc_buffer_size(content)};
}

/* This is where the peer's window opens again: a slow reader slows his own stream and nobody else's
 * (RFC 9113 section 5.2). */
hc_progress hc_h2_consume(hc_exchange *x, size_t size) {
  hc_h2_exchange *h = of_h2_exchange(x);
  size_t held = hc_buffer_size(&h->stream.content);
  if (size > held) size = held;
  if (size == 0) return HC_MOVED;
  /* without memory the window stays shut, and the idle timeout finds it */
  (void)hc_h2_stream_consume(&h->stream, size);
  h->answer.received += size;
  return size == held && h->stream.stage == HC_H2_COMPLETE ? HC_DONE : HC_MOVED;
}

bool hc_h2_is_readable(hc_exchange *x) {
  return hc_buffer_size(&of_h2_exchange(x)->stream.content) > 0 ||
         is_over_h2_exchange(of_h2_exchange(x));
}

/* Nobody reads, but the upload goes on and others' bytes have to be moved: a client that only looks
 * whether it is idle must not stop them. */
hc_progress hc_h2_check_idle(hc_exchange *x, hc_failure *why) {
  hc_h2_exchange *h = of_h2_exchange(x);
  if (go_on_sending(h, why) == HC_BROKEN) return HC_BROKEN;
  if (hc_h2_moves(x)) (void)move_bytes(x);
  note_arrivals(h);
  if (hc_h2_is_readable(x) || !hc_exchange_is_idle_too_long(x)) return HC_WAIT;
  return hc_exchange_end_by_idle_timeout(x, why);
}

/* --- the end */

static hc_retry retry_of(const hc_h2_stream *stream) {
  if (stream->stage != HC_H2_BROKEN) return HC_RETRY_UNKNOWN;
  if (stream->wants_http1) return HC_RETRY_HTTP1;
  return stream->is_unprocessed ? HC_RETRY_ELSEWHERE : HC_RETRY_UNKNOWN;
}

/* It is called at the good end, at a bad one, and once more when the memory goes. The answer keeps
 * what is to be known afterwards: the trailing fields, and whether the request may be sent
 * again. */
static void retire(hc_h2_exchange *h) {
  hc_exchange_retire(&h->common);
  /* the stream is zeroed below, and this may be the second time */
  if (h->answer.retry == HC_RETRY_UNKNOWN) h->answer.retry = retry_of(&h->stream);
  end_upload(h);
  hc_headers_free(&h->trailers);
  h->trailers = h->stream.trailers;
  h->stream.trailers = (hc_headers){0};
  hc_h2_stream_close(&h->stream);
}

/* A connection that takes no more requests ends with the last exchange on it. Not while a stream of
 * the host's is in a call: the connection would be closed below its feet. Whoever moves next finds
 * it. */
static bool is_at_its_end(hc_connection *n) {
  hc_h2_link_note_draining(n);
  if (n->state != HC_CONNECTION_DRAINING || hc_stream_peer_is_in_call(n->stream)) return false;
  for (const hc_place *p = n->places; p; p = p->next)
    if (p->exchange && p->exchange->is_under_way) return false;
  return true;
}

/* What it leaves to be sent, a reset or a window's update, is sent by one of the others. */
static void leave_output(const hc_connection *n, const hc_exchange *x) {
  if (!hc_h2_session_has_output(n->h2->session)) return;
  for (hc_place *p = n->places; p; p = p->next) {
    if (p->exchange == x || !p->seat) continue;
    hc_place_notice(p);
    return;
  }
}

/* A reset goes out at once, since nobody else may move for long, nor be allowed to; what the stream
 * does not take, one of the others sends. */
static void hand_over_output(hc_connection *n, const hc_exchange *x) {
  hc_h2_link_flush(n);
  if (n->h2) leave_output(n, x);
}

/* The stream ends; the connection is the others'. One who is alone on the connection ends it, as
 * with HTTP/1.1: a client that was reset looks for a new one anyway, and a connection on which
 * something failed is none to trust. Where others are on it, a reset of the stream is all they see
 * of it. */
void hc_h2_cancel(hc_exchange *x, const hc_failure *why) {
  hc_connection *n = x->connection;
  retire(of_h2_exchange(x));
  if (!hc_connection_is_shared(n)) hc_connection_fail(n, why);
  else if (is_at_its_end(n)) hc_connection_drop(n);
  else hand_over_output(n, x);
}

/* The connection may have ended meanwhile, with all of the answer in. That is a good end. */
hc_progress hc_h2_finish(hc_exchange *x, hc_failure *why) {
  hc_h2_exchange *h = of_h2_exchange(x);
  hc_connection *n = x->connection;
  (void)why;
  h->answer.is_complete = true;
  hc_connection_note_used(n);
  retire(h);
  h->answer.trailers = &h->trailers;
  if (!n->h2) return HC_DONE;
  if (is_at_its_end(n)) hc_connection_drop(n);
  else leave_output(n, x);
  return HC_DONE;
}

/* The only place that frees an exchange: until here its answer could be read. */
void hc_h2_forget(hc_exchange *x) {
  hc_h2_exchange *h = of_h2_exchange(x);
  retire(h);
  hc_response_reset(&h->answer.response);
  hc_headers_free(&h->trailers);
  hc_supply_drop(&h->supply);
  hc_memory_release(h);
}

#endif
