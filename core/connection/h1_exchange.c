/* h1_exchange.c - one request and its answer on an HTTP/1.1 connection. See h1_exchange.h.
 *
 * An advance sends first and then looks for the head, since an answer may come before the request
 * is out. The sender and the receiver do the work and know nothing of each other: what happens on
 * one side and matters to the other is decided here. The timeouts are looked at behind the bytes,
 * so that what has come in time counts. */
#include "h1_exchange.h"

#include "../base/limits.h"
#include "connection.h"

static hc_h1_exchange *of_h1_exchange(hc_exchange *x) { return (hc_h1_exchange *)x; }
static const hc_h1_exchange *of_const_h1_exchange(const hc_exchange *x) {
  return (const hc_h1_exchange *)x;
}

/* What is left to send must not go to another server: it may hold credentials. */
void hc_h1_reset(hc_h1_exchange *h) {
  hc_h1_retire(h);
  hc_sender_reset(&h->sender);
  hc_receiver_reset(&h->receiver);
  hc_exchange_note_sent(&h->common, 0);
}

void hc_h1_free(hc_h1_exchange *h) {
  hc_h1_reset(h);
  hc_receiver_free(&h->receiver);
}

/* Both halves end at once. A source that would be asked once more could be a function of a script
 * that thinks its request is long done. */
void hc_h1_retire(hc_h1_exchange *h) {
  hc_exchange_retire(&h->common);
  hc_sender_stop(&h->sender);
}

/* --- from the request to the head */

/* The final head is in. The rest of the request is not sent: no later request could be told from
 * it (RFC 9112 section 9.3). */
static hc_progress accept_head_h1_exchange(hc_h1_exchange *h, hc_failure *why) {
  hc_receiver *r = &h->receiver;
  if (hc_receiver_accept(r, &h->sender.announced, h->sender.method, why) == HC_BROKEN)
    return HC_BROKEN;
  hc_exchange_end_response_wait(&h->common);
  if (h->sender.state != HC_SEND_IDLE) {
    hc_sender_stop(&h->sender);
    hc_receiver_note_unsent(r);
  }
  if (!r->answer.plan.keeps_alive) hc_connection_drain(h->common.connection);
  if (r->answer.plan.framing != HC_FRAMING_NONE) hc_exchange_touch(&h->common);
  return HC_DONE;
}

/* The connection has ended by way of another client on it. */
static bool has_lost_stream(const hc_exchange *x) { return !x->connection->stream; }

/* A 100 (Continue) ends the loop only when the sender waits for one, because then there is
 * something to send. A server that says it unasked (RFC 9110 section 15.2.1 lets it) is read over.
 * A wait that may sleep once keeps its own end in wait_until; a call that blocks sleeps in
 * slices. */
static hc_progress read_head(hc_h1_exchange *h, hc_patience patience, hc_failure *why) {
  hc_exchange *x = &h->common;
  hc_reading from = {x->connection->stream, x->settings, patience, HC_MODEST,
                     patience == HC_SLEEPING_ONCE ? &x->wait_until : &x->sleep_until};
  for (;;) {
    hc_progress progress = hc_receiver_read_head(&h->receiver, &from, why);
    if (progress == HC_DONE) return accept_head_h1_exchange(h, why);
    if (progress != HC_MOVED) return progress;
    if (h->sender.state != HC_SEND_EXPECTING) continue;
    /* The way is open for the content. */
    hc_sender_continue(&h->sender);
    hc_exchange_touch(&h->common);
    return HC_MOVED;
  }
}

/* The stream takes no more, but the server may have said why before it closed: what it said is read
 * first. "413 Content Too Large" and a closed connection is the usual case, and tells a user more
 * than "broken pipe". If nothing whole has come, the failure of the send is the one to tell, and
 * not the end that the read has met. */
static hc_progress hear_out_h1_exchange(hc_h1_exchange *h, hc_failure *why) {
  hc_failure first = *why;
  hc_sender_stop(&h->sender);
  hc_failure_clear(why);
  if (read_head(h, HC_AT_ONCE, why) == HC_DONE) return HC_DONE;
  *why = first;
  return HC_BROKEN;
}

/* What comes behind the answer's head goes into the memory of the request's: that spares a small
 * GET a malloc and a free, 2.5% of its instructions. */
static void hand_on_memory(hc_h1_exchange *h) {
  hc_buffer *from = &h->sender.head, *in = &h->receiver.in;
  if (in->data) hc_buffer_free(from);
  else *in = *from;
  *from = (hc_buffer){0};
}

/* MOVED, WAIT; DONE: an answer came although the stream takes no more; BROKEN. A failed send asks
 * whose fault it was: a source of ours that failed is told as such, and what the server may have
 * said doesn't matter. A byte that went out ends the idleness, and so does leaving the wait for a
 * 100. */
static hc_progress send_h1_exchange(hc_h1_exchange *h, hc_failure *why) {
  hc_sender *s = &h->sender;
  size_t moved = 0;
  bool was_expecting = s->state == HC_SEND_EXPECTING;
  hc_connection *n = h->common.connection;
  hc_progress progress = hc_sender_advance(s, n->stream, &moved, why);
  hc_exchange_note_sent(&h->common, s->sent);
  if (!n->stream) return hc_connection_tell_end(n, why); /* its source has ended it */
  if (progress == HC_BROKEN) return s->source_failed ? progress : hear_out_h1_exchange(h, why);
  /* The silence behind an Expect is asked for: it has its own limit and is no idleness. */
  if (s->state == HC_SEND_EXPECTING) hc_exchange_stop_idle_time(&h->common);
  else if (moved || was_expecting) hc_exchange_touch(&h->common);
  if (progress == HC_DONE) {
    hand_on_memory(h);
    hc_exchange_await_head(&h->common);
  }
  return progress == HC_WAIT ? HC_WAIT : HC_MOVED;
}

/* A request that waits to be sent has to find the connection quiet: the answer that is read next
 * must be its own. One that was not sent can be sent again elsewhere, so this look is worth a
 * system call where nothing else has shown it. The rest of the step is "send, then look", with two
 * exceptions for the sake of system calls: a client that doesn't block gives up its turn right
 * behind a send, and one that does may go to sleep in the receive itself. */
static hc_progress advance_h1_exchange(hc_h1_exchange *h, hc_failure *why) {
  hc_exchange *x = &h->common;
  hc_progress sent = HC_WAIT;
  if (h->sender.state == HC_SEND_QUEUED) {
    sent = hc_connection_make_usable(x->connection, why);
    if (sent == HC_DONE) sent = hc_h1_look(x->connection, why);
    if (sent != HC_DONE) return sent;
    hc_exchange_note_try(x);
    hc_exchange_touch(x);
  }
  if (!hc_sender_is_done(&h->sender)) {
    sent = send_h1_exchange(h, why);
    if (sent == HC_BROKEN || sent == HC_DONE) return sent;
    /* The answer can not be there yet: looking for it would be a system call for nothing. */
    if (h->sender.state == HC_SEND_IDLE && !x->settings->blocking) return HC_MOVED;
  }
  bool is_sent = hc_sender_is_done(&h->sender);
  bool may_sleep = x->settings->blocking && is_sent && x->response_deadline == HC_NEVER;
  hc_patience patience = x->wait_until ? HC_SLEEPING_ONCE : may_sleep ? HC_SLEEPING : HC_AT_ONCE;
  unsigned before = h->receiver.arrivals;
  hc_progress progress = read_head(h, patience, why);
  if (h->receiver.arrivals != before) hc_exchange_note_arrival(x);
  if (progress != HC_WAIT) return progress;
  return sent == HC_MOVED && !is_sent ? HC_MOVED : HC_WAIT;
}

/* Timeouts come last, so that an answer which is there counts although its time is over: who looks
 * late must not lose what came in time. Which of the two clocks runs depends on whether all has
 * been sent. */
hc_progress hc_h1_exchange_advance(hc_exchange *x, hc_failure *why) {
  hc_h1_exchange *h = of_h1_exchange(x);
  if (has_lost_stream(x)) return hc_connection_tell_end(x->connection, why);
  hc_progress progress = advance_h1_exchange(h, why);
  if (progress == HC_BROKEN && !h->sender.source_failed)
    hc_connection_name_next(x->connection, why);
  if (progress != HC_MOVED && progress != HC_WAIT) return progress;
  bool is_sent = hc_sender_is_done(&h->sender);
  uint64_t deadline = is_sent ? x->response_deadline : x->idle_deadline;
  if (deadline == HC_NEVER || hc_clock_now() < deadline) return progress;
  return is_sent ? hc_exchange_end_by_response_timeout(x, why)
                 : hc_exchange_end_by_idle_timeout(x, why);
}

/* TLS can't be slept on in one receive: a record may be half there. And bytes that were given back
 * to the stream are seen by no kernel. */
bool hc_h1_awaits_head(const hc_exchange *x) {
  const hc_h1_exchange *h = of_const_h1_exchange(x);
  const hc_stream_peer *stream = x->connection->stream;
  return hc_sender_is_done(&h->sender) && !h->receiver.answer.has_response &&
         hc_stream_peer_is_tcp(stream) && hc_buffer_size(&stream->unread) == 0;
}

hc_upload hc_h1_upload(const hc_exchange *x) {
  const hc_sender *s = &of_const_h1_exchange(x)->sender;
  if (hc_sender_is_done(s) || s->source_ended) return HC_UPLOAD_NONE;
  return hc_sender_calls_back(s) ? HC_UPLOAD_HOSTS : HC_UPLOAD_OURS;
}

bool hc_h1_resume(hc_exchange *x) { return hc_sender_resume(&of_h1_exchange(x)->sender); }

/* --- content */

/* What had arrived is handed out before the timeout is found; the next read finds it again. */
static hc_progress end_of_patience(hc_h1_exchange *h, hc_slice *view, hc_failure *why) {
  const hc_receiver *r = &h->receiver;
  if (r->answer.plan.framing == HC_FRAMING_CHUNKED || hc_buffer_size(&r->in) == 0)
    return hc_exchange_end_by_idle_timeout(&h->common, why);
  *view = hc_receiver_held(r, h->common.settings->read_chunk_size);
  return HC_MOVED;
}

/* Where another loop may watch the descriptor nothing is taken ahead: its kernel would call the
 * socket empty, while the bytes lie here and nobody comes for them. */
hc_progress hc_h1_peek(hc_exchange *x, hc_slice *view, hc_failure *why) {
  hc_receiver *r = &of_h1_exchange(x)->receiver;
  if (has_lost_stream(x)) return hc_connection_tell_end(x->connection, why);
  bool may_sleep = x->settings->blocking && x->idle_deadline == HC_NEVER;
  const hc_reading from = {x->connection->stream, x->settings, may_sleep ? HC_SLEEPING : HC_AT_ONCE,
                           x->connection->is_shown ? HC_MODEST : HC_AHEAD, &x->sleep_until};
  unsigned before = r->arrivals;
  hc_progress progress = hc_receiver_peek(r, &from, view, why);
  if (r->arrivals != before) hc_exchange_touch(x);
  return progress == HC_WAIT && hc_exchange_is_idle_too_long(x)
             ? end_of_patience(of_h1_exchange(x), view, why)
             : progress;
}

/* Of a chunked body only what is decoded may be shown; behind it lie sizes and line ends. And what
 * lies behind content of a known length is no content. */
hc_slice hc_h1_held(const hc_exchange *x) {
  const hc_receiver *r = &of_const_h1_exchange(x)->receiver;
  hc_framing framing = r->answer.plan.framing;
  size_t limit = framing == HC_FRAMING_CHUNKED ? r->decoded : SIZE_MAX;
  if (framing == HC_FRAMING_LENGTH && r->left < limit) limit = (size_t)r->left;
  return hc_receiver_held(r, limit);
}

/* A caller may say more than he was shown, and means "all of it". */
hc_progress hc_h1_consume(hc_exchange *x, size_t size) {
  size_t held = hc_h1_held(x).size;
  if (size > held) size = held;
  return size == 0 ? HC_MOVED : hc_receiver_consume(&of_h1_exchange(x)->receiver, size);
}

/* Part of a view that a blocking read has not been given whole: a read that does not block gives
 * it at once. */
static bool holds_plain(const hc_receiver *r) {
  hc_framing framing = r->answer.plan.framing;
  return (framing == HC_FRAMING_LENGTH || framing == HC_FRAMING_UNTIL_CLOSE) &&
         hc_buffer_size(&r->in) > 0;
}

/* Is there something that the next read hands out without the stream? */
static bool has_content(const hc_h1_exchange *h) {
  const hc_receiver *r = &h->receiver;
  return hc_receiver_has_bytes(r) || (!h->common.settings->blocking && holds_plain(r));
}

/* Nothing is read here, the peek leaves it in the kernel: who asks this often asks it of many
 * clients, and must not fill memory by asking. */
bool hc_h1_is_readable(hc_exchange *x) {
  if (has_content(of_h1_exchange(x)) || has_lost_stream(x)) return true;
  hc_failure ignored = {HC_OK, ""};
  hc_io io = hc_stream_peer_peek(x->connection->stream, &ignored);
  return io != HC_IO_WANT_READ && io != HC_IO_WANT_WRITE;
}

/* Bytes that wait are no idleness. The socket is looked at only when the time is over. A reader who
 * was away for longer than the timeout is not to be told that the server was idle, if its bytes
 * have been waiting for him. */
hc_progress hc_h1_check_idle(hc_exchange *x, hc_failure *why) {
  const hc_receiver *r = &of_h1_exchange(x)->receiver;
  if (!hc_exchange_is_idle_too_long(x) || hc_receiver_has_bytes(r) || holds_plain(r))
    return HC_WAIT;
  return hc_h1_is_readable(x) ? HC_WAIT : hc_exchange_end_by_idle_timeout(x, why);
}

/* --- waiting */

/* A request that is going out waits for the answer as well, since a server may refuse it early (RFC
 * 9112 section 9.3). TLS may have to write before it can read, and the other way round. */
unsigned hc_h1_events(const hc_h1_exchange *h) {
  const hc_sender *s = &h->sender;
  unsigned wants = h->receiver.wants ? h->receiver.wants : HC_EVENT_READ;
  bool is_sent = h->receiver.answer.has_response || hc_sender_is_done(s);
  return is_sent ? wants : s->wants | HC_EVENT_READ;
}

static void times_of_body(const hc_h1_exchange *h, hc_interest *out) {
  out->ready = out->ready || has_content(h);
  out->deadline = hc_clock_earlier(out->deadline, h->common.idle_deadline);
}

/* The source had nothing. A body function says when that has changed. */
static void times_of_source(const hc_sender *s, hc_interest *out) {
  if (!hc_sender_calls_back(s))
    out->deadline = hc_clock_earlier(out->deadline, hc_clock_now() + HC_BLIND_STEP_NS);
  else if (s->content->supply.ask_at == 0) out->ready = true;
  else out->deadline = hc_clock_earlier(out->deadline, s->content->supply.ask_at);
}

/* A queued request is ready at once, because a poll is what sends it. One that waits for a 100 has
 * a deadline after which it goes on without (RFC 9110 section 10.1.1). */
void hc_h1_times(const hc_h1_exchange *h, hc_interest *out) {
  const hc_sender *s = &h->sender;
  bool is_sent = hc_sender_is_done(s);
  if (h->receiver.answer.has_response) {
    times_of_body(h, out);
    return;
  }
  if (s->state == HC_SEND_QUEUED) out->ready = true;
  else if (s->state == HC_SEND_EXPECTING)
    out->deadline = hc_clock_earlier(out->deadline, s->content->continue_deadline);
  else if (!is_sent && s->wants == 0) times_of_source(s, out);
  out->deadline = hc_clock_earlier(out->deadline,
                                   is_sent ? h->common.response_deadline : h->common.idle_deadline);
}
