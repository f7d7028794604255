/* exchange.c - one request and its answer. See exchange.h. */
#include "exchange.h"

#include "../base/limits.h"
#include "connection.h"

void hc_exchange_touch(hc_exchange *x) {
  if (x->settings->idle_timeout > 0) x->idle_deadline = hc_clock_deadline(hc_clock_now(), x->settings->idle_timeout);
}

void hc_exchange_begin(hc_exchange *x) {
  /* Bytes behind an upgrade that nobody took stay, and are not this request's answer. */
  hc_receiver_restart(&x->receiver);
}

void hc_exchange_end(hc_exchange *x) {
  x->response_deadline = x->idle_deadline = HC_NEVER;
  hc_sender_stop(&x->sender);
}

static hc_progress time_out(hc_failure *why, const char *which, double seconds) {
  hc_failure_clear(why);
  hc_failure_set_timeout(why, which, seconds);
  return HC_BROKEN;
}

/* --- from the request to the head ------------------------------------------------------------------------------------- */

/* The final head is in. The rest of the request is not sent: no later request could be told from it (RFC 9112 section
 * 9.3). */
static hc_progress accept_head(hc_exchange *x, hc_failure *why) {
  hc_receiver *r = &x->receiver;
  if (hc_receiver_accept(r, &x->sender.announced, x->sender.method, why) == HC_BROKEN) return HC_BROKEN;
  x->response_deadline = HC_NEVER;
  if (x->sender.state != HC_SEND_IDLE) {
    hc_sender_stop(&x->sender);
    r->plan.keeps_alive = false;
  }
  if (r->plan.framing != HC_FRAMING_NONE) hc_exchange_touch(x);
  return HC_DONE;
}

static hc_progress read_head(hc_exchange *x, hc_patience patience, hc_failure *why) {
  const hc_reading from = {x->connection->stream, x->settings, patience, HC_MODEST, x->sleep_until};
  for (;;) {
    hc_progress progress = hc_receiver_read_head(&x->receiver, &from, why);
    if (progress == HC_DONE) return accept_head(x, why);
    if (progress != HC_MOVED) return progress;
    if (x->sender.state != HC_SEND_EXPECTING) continue;
    /* The way is open for the content. */
    hc_sender_continue(&x->sender);
    hc_exchange_touch(x);
    return HC_MOVED;
  }
}

/* The stream takes no more, but the server may have said why before it closed: what it said is read first. */
static hc_progress hear_out(hc_exchange *x, hc_failure *why) {
  hc_failure first = *why;
  hc_sender_stop(&x->sender);
  hc_failure_clear(why);
  if (read_head(x, HC_AT_ONCE, why) == HC_DONE) return HC_DONE;
  *why = first;
  return HC_BROKEN;
}

/* After all is sent the response timeout runs in place of the idle timeout. */
static void await_head(hc_exchange *x) {
  x->idle_deadline = HC_NEVER;
  if (x->settings->response_timeout > 0)
    x->response_deadline = hc_clock_deadline(hc_clock_now(), x->settings->response_timeout);
}

/* MOVED, WAIT; DONE: an answer came although the stream takes no more; BROKEN. */
static hc_progress send(hc_exchange *x, hc_failure *why) {
  hc_sender *s = &x->sender;
  size_t moved = 0;
  bool was_expecting = s->state == HC_SEND_EXPECTING;
  hc_progress progress = hc_sender_advance(s, x->connection->stream, &moved, why);
  if (progress == HC_BROKEN) return s->source_failed ? progress : hear_out(x, why);
  /* The silence behind an Expect is asked for: it has its own limit and is no idleness. */
  if (s->state == HC_SEND_EXPECTING) x->idle_deadline = HC_NEVER;
  else if (moved || was_expecting) hc_exchange_touch(x);
  if (progress == HC_DONE) await_head(x);
  return progress == HC_WAIT ? HC_WAIT : HC_MOVED;
}

static hc_progress advance(hc_exchange *x, hc_failure *why) {
  hc_progress sent = HC_WAIT;
  if (x->sender.state == HC_SEND_QUEUED) {
    sent = hc_connection_check(x->connection, why);
    if (sent != HC_DONE) return sent;
    hc_exchange_touch(x);
  }
  if (!hc_exchange_is_sent(x)) {
    sent = send(x, why);
    if (sent == HC_BROKEN || sent == HC_DONE) return sent;
    /* The answer can not be there yet: looking for it would be a system call for nothing. */
    if (x->sender.state == HC_SEND_IDLE && !x->settings->blocking) return HC_MOVED;
  }
  bool may_sleep = x->settings->blocking && hc_exchange_is_sent(x) && x->response_deadline == HC_NEVER;
  hc_progress progress = read_head(x, may_sleep ? HC_SLEEPING : HC_AT_ONCE, why);
  if (progress != HC_WAIT) return progress;
  return sent == HC_MOVED && !hc_exchange_is_sent(x) ? HC_MOVED : HC_WAIT;
}

hc_progress hc_exchange_advance(hc_exchange *x, hc_failure *why) {
  hc_progress progress = advance(x, why);
  if (progress == HC_BROKEN && !x->sender.source_failed) hc_connection_name_next(x->connection, why);
  if (progress != HC_MOVED && progress != HC_WAIT) return progress;
  bool is_sent = hc_exchange_is_sent(x);
  uint64_t deadline = is_sent ? x->response_deadline : x->idle_deadline;
  if (deadline == HC_NEVER || hc_clock_now() < deadline) return progress;
  return is_sent ? time_out(why, "response", x->settings->response_timeout)
                 : time_out(why, "idle", x->settings->idle_timeout);
}

/* --- content ---------------------------------------------------------------------------------------------------------- */

/* What had arrived is handed out before the timeout is found; the next read finds it again. */
static hc_progress end_of_patience(hc_exchange *x, hc_slice *view, hc_failure *why) {
  const hc_receiver *r = &x->receiver;
  if (r->plan.framing == HC_FRAMING_CHUNKED || hc_buffer_size(&r->in) == 0)
    return time_out(why, "idle", x->settings->idle_timeout);
  *view = hc_receiver_held(r, x->settings->read_chunk_size);
  return HC_MOVED;
}

hc_progress hc_exchange_peek(hc_exchange *x, hc_slice *view, hc_failure *why) {
  hc_receiver *r = &x->receiver;
  bool may_sleep = x->settings->blocking && x->idle_deadline == HC_NEVER;
  const hc_reading from = {x->connection->stream, x->settings, may_sleep ? HC_SLEEPING : HC_AT_ONCE,
                           x->connection->is_shown ? HC_MODEST : HC_AHEAD, x->sleep_until};
  unsigned before = r->arrivals;
  hc_progress progress = hc_receiver_peek(r, &from, view, why);
  if (r->arrivals != before) hc_exchange_touch(x);
  if (progress != HC_WAIT || x->idle_deadline == HC_NEVER || hc_clock_now() < x->idle_deadline) return progress;
  return end_of_patience(x, view, why);
}

hc_progress hc_exchange_consume(hc_exchange *x, size_t size) { return hc_receiver_consume(&x->receiver, size); }

/* Part of a view that a blocking read has not been given whole: a read that does not block gives it at once. */
static bool holds_plain(const hc_receiver *r) {
  bool is_plain = r->plan.framing == HC_FRAMING_LENGTH || r->plan.framing == HC_FRAMING_UNTIL_CLOSE;
  return is_plain && hc_buffer_size(&r->in) > 0;
}

/* Bytes that wait are no idleness. */
hc_progress hc_exchange_check_idle(hc_exchange *x, hc_failure *why) {
  if (x->idle_deadline == HC_NEVER || hc_clock_now() < x->idle_deadline) return HC_WAIT;
  if (hc_receiver_has_bytes(&x->receiver) || holds_plain(&x->receiver)) return HC_WAIT;
  hc_failure ignored = {HC_OK, ""};
  hc_io io = hc_stream_peer_peek(x->connection->stream, &ignored);
  if (io != HC_IO_WANT_READ && io != HC_IO_WANT_WRITE) return HC_WAIT;
  return time_out(why, "idle", x->settings->idle_timeout);
}

/* --- waiting ---------------------------------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void interest_of_body(const hc_exchange *x, hc_interest *out) {
  const hc_receiver *r = &x->receiver;
  out->events = r->wants ? r->wants : HC_EVENT_READ;
  out->ready = out->ready || hc_receiver_has_bytes(r) || (!x->settings->blocking && holds_plain(r));
  out->deadline = earlier(out->deadline, x->idle_deadline);
}

/* The source had nothing. A body function says when that has changed. */
static void interest_of_source(const hc_sender *s, hc_interest *out) {
  if (!hc_sender_calls_back(s)) out->deadline = earlier(out->deadline, hc_clock_now() + HC_BLIND_STEP_NS);
  else if (s->content->ask_at == 0) out->ready = true;
  else out->deadline = earlier(out->deadline, s->content->ask_at);
}

void hc_exchange_interest(const hc_exchange *x, hc_interest *out) {
  const hc_sender *s = &x->sender;
  bool is_sent = hc_sender_is_done(s);
  if (x->receiver.has_response) {
    interest_of_body(x, out);
    return;
  }
  unsigned wants = x->receiver.wants ? x->receiver.wants : HC_EVENT_READ;
  out->events = is_sent ? wants : s->wants | HC_EVENT_READ;
  if (s->state == HC_SEND_QUEUED) out->ready = true;
  else if (s->state == HC_SEND_EXPECTING) out->deadline = earlier(out->deadline, s->content->continue_deadline);
  else if (!is_sent && s->wants == 0) interest_of_source(s, out);
  out->deadline = earlier(out->deadline, is_sent ? x->response_deadline : x->idle_deadline);
}
