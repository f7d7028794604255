/* client_receive.c - the answer's way in: heads, then content, from the stream to the caller's view. */
#include <string.h>

#include "client_internal.h"
#include "memory.h"

#define HEAD_KEPT 2048u /* bytes that a closed client keeps for its next head */

/* The memory of the last head stays: the next one on the connection is much like it. So do bytes that nobody took. */
void hc_receiver_restart(hc_receiver *r) {
  hc_response_restart(&r->response);
  if (r->chunked) hc_chunked_reset(r->chunked);
  *r = (hc_receiver){.response = r->response, .in = r->in, .chunked = r->chunked};
}

/* The memory of a usual head stays here as well: a client that connects again will need it. */
void hc_receiver_reset(hc_receiver *r) {
  const hc_headers *h = &r->response.headers;
  bool is_usual = h->text.capacity + h->capacity * sizeof *h->fields + r->response.reason.capacity <= HEAD_KEPT;
  if (!is_usual) hc_response_reset(&r->response);
  hc_buffer_free(&r->in);
  hc_receiver_restart(r);
}

void hc_receiver_free(hc_receiver *r) {
  hc_receiver_reset(r);
  hc_response_reset(&r->response);
  hc_memory_release(r->chunked);
  r->chunked = NULL;
}

/* --- the stream ------------------------------------------------------------------------------------------------------- */

static hc_io recv_sleeping(hc_stream_peer *peer, char *at, size_t room, bool fill, size_t *got, hc_failure *why) {
  if (!peer->ops->recv_blocking || hc_buffer_size(&peer->unread)) return hc_stream_peer_recv(peer, at, room, got, why);
  return peer->ops->recv_blocking(peer, at, room, fill, got, why);
}

void hc_receiver_note(hc_receiver *r, hc_io io) {
  if (io == HC_IO_OK) r->has_begun = true;
  else if (io == HC_IO_EOF) r->ending = HC_ENDING_EOF;
  else if (io == HC_IO_ERROR) r->ending = HC_ENDING_FAILED;
  r->starved = io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE;
  r->wants = io == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ;
}

/* One receive. */
static hc_io receive_to(hc_client *c, char *into, size_t room, bool may_sleep, bool fill, size_t *got) {
  hc_io io = may_sleep ? recv_sleeping(c->peer, into, room, fill, got, &c->failure)
                       : hc_stream_peer_recv(c->peer, into, room, got, &c->failure);
  hc_receiver_note(&c->receiver, io);
  return io;
}

/* Where the bytes of a page stand a little further behind the start of a page than in the kernel's memory, some processors
 * copy them at a third of their speed; and large blocks from malloc begin like that. So content is put where it begins at
 * a multiple of this, unless much is held already. */
#define CONTENT_ALIGNMENT ((size_t)64)
#define MOVED_AT_MOST ((size_t)4096)

static hc_error make_room(hc_buffer *in, size_t want, size_t limit, char **at) {
  size_t room;
  bool is_moved = want >= MOVED_AT_MOST && hc_buffer_size(in) <= MOVED_AT_MOST;
  size_t spare = is_moved ? CONTENT_ALIGNMENT - 1 : 0;
  hc_error error = hc_buffer_reserve(in, want + spare, limit + spare, at, &room);
  if (error != HC_OK || !is_moved) return error;
  hc_buffer_align(in, CONTENT_ALIGNMENT);
  *at = in->data + in->end;
  return HC_OK;
}

/* The same, of at most `want` bytes to the end of `in`. */
static hc_io receive(hc_client *c, size_t want, size_t limit, bool may_sleep, bool fill) {
  hc_receiver *r = &c->receiver;
  char *at;
  size_t got = 0;
  if (make_room(&r->in, want, limit, &at) != HC_OK) {
    hc_failure_set(&c->failure, HC_ERR_OUT_OF_MEMORY, "out of memory");
    r->ending = HC_ENDING_FAILED;
    return HC_IO_ERROR;
  }
  hc_io io = receive_to(c, at, want, may_sleep, fill, &got);
  if (io == HC_IO_OK) hc_buffer_commit(&r->in, got);
  return io;
}

/* --- heads ------------------------------------------------------------------------------------------------------------ */

/* 1xx: skipped (RFC 9110 section 15.2), all of them together within the limit. */
static hc_io skip_interim(hc_client *c) {
  hc_receiver *r = &c->receiver;
  r->interim_size += r->response.size;
  if (r->interim_size > c->settings.max_header_size) {
    hc_failure_set(&c->failure, HC_ERR_CONNECTION_ERROR, "the 1xx responses pass max_header_size (%zu bytes)",
                   c->settings.max_header_size);
    return HC_IO_ERROR;
  }
  if (r->response.code == 100) hc_sender_continue(c);
  hc_response_reset(&r->response);
  return HC_IO_WANT_READ;
}

/* Where one is needed. */
static bool has_decoder(hc_receiver *r) {
  if (r->plan.framing == HC_FRAMING_CHUNKED && !r->chunked)
    r->chunked = hc_memory_allocate_zeroed(1, sizeof *r->chunked);
  return r->plan.framing != HC_FRAMING_CHUNKED || r->chunked;
}

static hc_io accept_head(hc_client *c, int method) {
  hc_receiver *r = &c->receiver;
  if (hc_body_decide(&r->response, (hc_method)method, c->sender.announced.closes, &r->plan, &c->failure) != HC_OK)
    return HC_IO_ERROR;
  if (!has_decoder(r)) {
    hc_failure_set(&c->failure, HC_ERR_OUT_OF_MEMORY, "out of memory");
    return HC_IO_ERROR;
  }
  r->has_response = true;
  c->response_deadline = HC_NEVER;
  if (c->sender.state != HC_SEND_IDLE) {
    /* The rest of the request is not sent: no later request could be told from it (RFC 9112 section 9.3). */
    hc_sender_stop(&c->sender);
    r->plan.keeps_alive = false;
  }
  if (r->plan.framing == HC_FRAMING_NONE) {
    hc_client_finish(c);
    return HC_IO_OK;
  }
  r->left = r->plan.framing == HC_FRAMING_LENGTH ? r->plan.length : 0;
  r->starved = false;
  c->status = HC_STATUS_BODY;
  hc_client_touch_idle(c);
  return HC_IO_OK;
}

/* OK: the final head is in. WANT_READ: more bytes are needed. *used counts in all cases. */
static hc_io parse_heads(hc_client *c, hc_slice bytes, size_t *used) {
  hc_receiver *r = &c->receiver;
  while (*used < bytes.size) {
    size_t taken = 0;
    hc_parse parsed = hc_response_parse(&r->response, bytes.data + *used, bytes.size - *used,
                                        c->settings.max_header_size, &taken, &c->failure);
    *used += taken;
    if (parsed == HC_PARSE_ERROR) return HC_IO_ERROR;
    if (parsed == HC_PARSE_MORE) return HC_IO_WANT_READ;
    if (r->response.code / 100 != 1 || r->response.code == 101) return HC_IO_OK;
    hc_io io = skip_interim(c);
    if (io == HC_IO_ERROR) return io;
  }
  return HC_IO_WANT_READ;
}

/* One receive, and what it brought is parsed. Nearly always that is the whole head: it is read to the stack, and only
 * what stands behind it is kept. */
static hc_io read_head_once(hc_client *c, bool may_sleep) {
  hc_receiver *r = &c->receiver;
  char space[HC_HEAD_READ_SIZE];
  hc_slice fresh = {space, 0};
  bool is_apart = hc_buffer_size(&r->in) == 0;
  size_t limit = c->settings.max_header_size + 2 * HC_HEAD_READ_SIZE, used = 0;
  hc_io io = is_apart ? receive_to(c, space, sizeof space, may_sleep, false, &fresh.size)
                      : receive(c, HC_HEAD_READ_SIZE, limit, may_sleep, false);
  if (io != HC_IO_OK) return io;
  if (!is_apart) fresh = (hc_slice){hc_buffer_head(&r->in), hc_buffer_size(&r->in)};
  io = parse_heads(c, fresh, &used);
  if (!is_apart) {
    hc_buffer_consume(&r->in, used);
  } else if (hc_buffer_append(&r->in, (hc_slice){space + used, fresh.size - used}, limit) != HC_OK) {
    hc_failure_set(&c->failure, HC_ERR_OUT_OF_MEMORY, "out of memory");
    return HC_IO_ERROR;
  }
  return io == HC_IO_OK ? accept_head(c, c->sender.method) : io;
}

hc_io hc_receiver_read_head(hc_client *c, bool may_sleep) {
  hc_receiver *r = &c->receiver;
  for (;;) {
    hc_send_state before = c->sender.state;
    hc_io io = read_head_once(c, may_sleep);
    if (io == HC_IO_WANT_READ && !r->starved) {
      /* A 100 (Continue) opened the way for the content. */
      if (c->sender.state != before) return io;
      continue;
    }
    if (io == HC_IO_EOF) {
      hc_failure_set(&c->failure, HC_ERR_CONNECTION_ERROR,
                     r->response.size || hc_buffer_size(&r->in) ? "the server closed the connection inside a response head"
                                                                : "the server closed the connection without an answer");
    }
    return io;
  }
}

/* --- content ---------------------------------------------------------------------------------------------------------- */

bool hc_receiver_has_bytes(const hc_receiver *r) {
  if (r->plan.framing == HC_FRAMING_HEAD) return true;
  if (r->plan.framing == HC_FRAMING_LENGTH && r->left == 0) return true;
  if (r->ending != HC_ENDING_NONE || r->coding_ended || r->decoded) return true;
  return hc_buffer_size(&r->in) > 0 && !r->starved;
}

/* Nothing is left to hand out and the stream has ended: was that the end of the body? */
static void settle(hc_client *c) {
  hc_receiver *r = &c->receiver;
  if (r->ending == HC_ENDING_NONE) return;
  if (r->ending == HC_ENDING_EOF && r->plan.framing == HC_FRAMING_UNTIL_CLOSE) {
    hc_client_finish(c);
    return;
  }
  if (r->ending == HC_ENDING_EOF && r->plan.framing == HC_FRAMING_LENGTH)
    hc_failure_set(&c->failure, HC_ERR_CONNECTION_ERROR, "the body was cut short: %llu of %llu bytes came",
                   (unsigned long long)(r->plan.length - r->left), (unsigned long long)r->plan.length);
  else if (r->ending == HC_ENDING_EOF)
    hc_failure_set(&c->failure, HC_ERR_CONNECTION_ERROR, "the body was cut short: the connection ended before the last chunk");
  hc_client_fail_recorded(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR);
}

bool hc_receiver_await(hc_client *c) {
  const hc_receiver *r = &c->receiver;
  if (c->idle_deadline != HC_NEVER && hc_clock_now() >= c->idle_deadline) {
    /* What had arrived is handed out first; the next read finds the timeout again. */
    if (r->plan.framing == HC_FRAMING_CHUNKED || hc_buffer_size(&r->in) == 0)
      hc_client_time_out(c, HC_STATUS_CONNECTION_ERROR, "idle", c->settings.idle_timeout);
    return false;
  }
  return c->settings.blocking && hc_client_sleep(c) == HC_OK;
}

/* Changes an empty buffer for a larger one, if that can be had. */
static void enlarge(hc_buffer *empty, size_t size) {
  hc_buffer larger = {0};
  char *at;
  size_t room;
  if (empty->capacity >= size || hc_buffer_reserve(&larger, size, size, &at, &room) != HC_OK) return;
  hc_buffer_free(empty);
  *empty = larger;
}

/* How much one receive may take for several reads: where receive after receive got all that it asked for, the sender is
 * ahead, and that saves system calls, acknowledgements and waking the sender. Never more than the body still has, and in
 * proportion to what one read takes. Nothing that is held is moved for it, and the larger memory is made only where all of it
 * will be filled, if it can be had. Not where somebody else's loop has the descriptor: it would not show what lies here. */
static size_t size_ahead(hc_client *c, size_t want) {
  hc_receiver *r = &c->receiver;
  size_t held = hc_buffer_size(&r->in), most = HC_AHEAD_READS * c->settings.read_chunk_size;
  uint64_t rest = r->plan.framing == HC_FRAMING_LENGTH ? r->left - held : UINT64_MAX;
  if (r->full_receives < HC_AHEAD_AFTER || c->is_shown) return want;
  if (most > HC_RECEIVE_AHEAD) most = HC_RECEIVE_AHEAD;
  if (held == 0 && rest >= most) enlarge(&r->in, most + CONTENT_ALIGNMENT);
  size_t behind = r->in.capacity - r->in.end, ahead = behind > CONTENT_ALIGNMENT ? behind - CONTENT_ALIGNMENT : 0;
  if (ahead > rest) ahead = (size_t)rest;
  return ahead > want ? ahead : want;
}

/* One receive of up to `room` bytes for a reader who wants `want` of them. */
static hc_io receive_noted(hc_client *c, size_t room, size_t want, bool may_sleep, bool fill) {
  hc_receiver *r = &c->receiver;
  size_t before = hc_buffer_size(&r->in), extra = room - want;
  size_t limit = 2 * c->settings.read_chunk_size + c->settings.max_header_size + 2 * HC_HEAD_READ_SIZE + extra;
  hc_io io = receive(c, room, limit, may_sleep, fill);
  size_t got = hc_buffer_size(&r->in) - before;
  if (got < want) r->full_receives = 0;
  else if (r->full_receives < HC_AHEAD_AFTER) r->full_receives++;
  if (io == HC_IO_OK) hc_client_touch_idle(c);
  /* A client that waits does not hold what only a flood needs. */
  bool is_large = before == 0 && r->in.capacity > c->settings.read_chunk_size + 2 * HC_HEAD_READ_SIZE;
  if ((io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) && is_large) hc_buffer_free(&r->in);
  return io;
}

/* Receives into `in`; in blocking mode until something came. True: new bytes are there. */
static bool receive_content(hc_client *c, size_t want, bool fill) {
  hc_receiver *r = &c->receiver;
  size_t ahead = r->ending == HC_ENDING_NONE ? size_ahead(c, want) : want;
  if (ahead > want) {
    hc_io io = receive_noted(c, ahead, want, false, false);
    if (io == HC_IO_OK) return true;
    if (!c->settings.blocking) return r->ending == HC_ENDING_NONE && hc_receiver_await(c);
  }
  while (r->ending == HC_ENDING_NONE) {
    bool may_sleep = c->settings.blocking && c->idle_deadline == HC_NEVER;
    hc_io io = receive_noted(c, want, want, may_sleep, fill);
    if (io == HC_IO_OK) return true;
    if (io == HC_IO_EOF || io == HC_IO_ERROR || !hc_receiver_await(c)) return false;
  }
  return false;
}

static void peek_identity(hc_client *c, hc_slice *view) {
  hc_receiver *r = &c->receiver;
  bool sized = r->plan.framing == HC_FRAMING_LENGTH;
  size_t limit = c->settings.read_chunk_size;
  if (sized && r->left < limit) limit = (size_t)r->left;
  if (limit == 0) {
    hc_client_finish(c);
    return;
  }
  bool fill = sized && c->settings.blocking;
  while (hc_buffer_size(&r->in) < limit && (fill || hc_buffer_size(&r->in) == 0))
    if (!receive_content(c, limit - hc_buffer_size(&r->in), fill)) break;
  if (c->status != HC_STATUS_BODY) return;
  size_t have = hc_buffer_size(&r->in);
  if (have == 0) {
    settle(c);
    return;
  }
  *view = (hc_slice){hc_buffer_head(&r->in), have < limit ? have : limit};
}

static void end_coding(hc_client *c) {
  hc_receiver *r = &c->receiver;
  if (r->decoded == 0 && r->coding_ended) hc_client_finish(c);
}

/* Decodes what is in `in`. True: content or an end was found. */
static bool decode(hc_client *c) {
  hc_receiver *r = &c->receiver;
  size_t used = 0, produced = 0;
  hc_parse parsed = hc_chunked_decode(r->chunked, hc_buffer_head(&r->in), hc_buffer_size(&r->in),
                                      c->settings.read_chunk_size, c->settings.max_header_size, &used, &produced, &c->failure);
  r->decoded = produced;
  r->gap = used - produced;
  if (produced == 0) {
    hc_buffer_consume(&r->in, used);
    r->gap = 0;
  }
  r->coding_ended = parsed == HC_PARSE_DONE;
  if (parsed == HC_PARSE_ERROR) r->ending = HC_ENDING_FAILED;
  return produced || parsed != HC_PARSE_MORE;
}

static void peek_chunked(hc_client *c, hc_slice *view) {
  hc_receiver *r = &c->receiver;
  while (r->decoded == 0) {
    if (hc_buffer_size(&r->in) && !r->starved && decode(c)) break;
    if (!receive_content(c, c->settings.read_chunk_size, false)) break;
  }
  if (c->status != HC_STATUS_BODY) return;
  size_t limit = c->settings.read_chunk_size; /* it may have been lowered since */
  if (r->decoded) *view = (hc_slice){hc_buffer_head(&r->in), r->decoded < limit ? r->decoded : limit};
  else if (r->coding_ended) end_coding(c);
  else settle(c);
}

void hc_receiver_peek(hc_client *c, hc_slice *view) {
  *view = (hc_slice){NULL, 0};
  if (c->status != HC_STATUS_BODY) return;
  switch (c->receiver.plan.framing) {
    case HC_FRAMING_LENGTH:
    case HC_FRAMING_UNTIL_CLOSE: peek_identity(c, view); break;
    case HC_FRAMING_CHUNKED: peek_chunked(c, view); break;
    case HC_FRAMING_HEAD:
    case HC_FRAMING_NONE: hc_client_finish(c); break;
  }
}

void hc_client_body_peek(hc_client *c, hc_slice *view) {
  *view = (hc_slice){NULL, 0};
  if (c->at_work) return;
  hc_client_begin(c);
  hc_receiver_peek(c, view);
  hc_client_end(c);
}

static void count(hc_client *c, size_t size) {
  hc_receiver *r = &c->receiver;
  r->received += size;
  if (r->plan.framing != HC_FRAMING_LENGTH) return;
  r->left -= size;
  if (r->left == 0) hc_client_finish(c);
}

static void consume(hc_client *c, size_t size) {
  hc_receiver *r = &c->receiver;
  hc_buffer_consume(&r->in, size);
  count(c, size);
  if (r->plan.framing != HC_FRAMING_CHUNKED) return;
  r->decoded -= size;
  if (r->decoded) return;
  hc_buffer_consume(&r->in, r->gap);
  r->gap = 0;
  end_coding(c);
}

/* A read takes more off the stream than it hands out: no descriptor tells a poller of what lies here, or in the TLS
 * stream. */
static void notice_rest(hc_client *c) {
  hc_interest interest;
  if (!c->watch) return;
  hc_client_waits_for(c, &interest);
  if (interest.ready) hc_client_notice(c);
}

void hc_receiver_consume(hc_client *c, size_t size) {
  if (c->status != HC_STATUS_BODY || size == 0) return;
  consume(c, size);
  notice_rest(c);
}

void hc_client_body_consume(hc_client *c, size_t size) {
  if (c->at_work) return;
  hc_client_begin(c);
  hc_receiver_consume(c, size);
  hc_client_end(c);
}

void hc_receiver_pass(hc_client *c, size_t size) {
  count(c, size);
  notice_rest(c);
}

/* --- facts -------------------------------------------------------------------------------------------------------------- */

bool hc_client_has_response(const hc_client *c) { return c->receiver.has_response; }
bool hc_client_response_is_complete(const hc_client *c) { return c->receiver.is_complete; }
bool hc_client_has_response_begun(const hc_client *c) { return c->receiver.has_begun; }

int hc_client_response_code(const hc_client *c) { return c->receiver.has_response ? c->receiver.response.code : 0; }

hc_slice hc_client_response_reason(const hc_client *c) {
  const hc_buffer *reason = &c->receiver.response.reason;
  if (!c->receiver.has_response) return (hc_slice){NULL, 0};
  return (hc_slice){hc_buffer_head(reason), hc_buffer_size(reason)};
}

bool hc_client_response_is_chunked(const hc_client *c) {
  return c->receiver.has_response && c->receiver.plan.framing == HC_FRAMING_CHUNKED;
}

int64_t hc_client_response_body_length(const hc_client *c) {
  if (!c->receiver.has_response) return -1;
  switch (c->receiver.plan.framing) {
    case HC_FRAMING_LENGTH: return (int64_t)c->receiver.plan.length;
    case HC_FRAMING_NONE:
    case HC_FRAMING_HEAD: return 0;
    case HC_FRAMING_CHUNKED:
    case HC_FRAMING_UNTIL_CLOSE: break;
  }
  return -1;
}

const hc_headers *hc_client_response_headers(const hc_client *c) {
  static const hc_headers none;
  return c->receiver.has_response ? &c->receiver.response.headers : &none;
}

const hc_headers *hc_client_response_trailers(const hc_client *c) {
  static const hc_headers none;
  return c->receiver.coding_ended ? &c->receiver.chunked->trailers : &none;
}

uint64_t hc_client_body_received(const hc_client *c) { return c->receiver.received; }
