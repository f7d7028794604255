/* h2_protocol.c - HTTP/2 as a connection sees it: many exchanges, one session, one descriptor. See
 * protocol.h, h2_link.h.
 *
 * A move does whatever can be done for the connection: it sends what the session has to say, and
 * gives the session what has come. An exchange may ask for it, an event, or the poll of an idle
 * client. So all places are looked at afterwards, and those are noticed for which something has
 * changed: no event tells of bytes that somebody else has taken. */
#include "h2_link.h"

#ifdef HC_WITH_NGHTTP2

#include "../base/limits.h"
#include "../base/memory.h"
#include "h2_exchange.h"

#define RECEIVE_SIZE_H2_PROTOCOL ((size_t)16384)
/* One go takes and hands over at most this much, so that a fast peer can not hold up a frame. */
#define RECEIVE_BUDGET ((size_t)1 << 19)
#define SEND_BUDGET_H2_PROTOCOL ((size_t)1 << 20)
/* Where so much lies unread, a go takes little: what waits in the socket costs nobody memory, and
 * memory that is new to the process is what 64 bodies at once cost most. */
#define UNREAD_MUCH ((size_t)2 << 20)
#define RECEIVE_LITTLE ((size_t)1 << 15)

/* --- bytes */

/* MOVED, WAIT; BROKEN. */
static hc_progress send_all(hc_connection *n, hc_stream_peer *stream, hc_failure *why) {
  hc_h2_link *link = n->h2;
  size_t moved = 0;
  link->send_wants = 0;
  while (moved < SEND_BUDGET_H2_PROTOCOL) {
    hc_slice parts[HC_H2_PARTS_MAX];
    size_t count = 0, sent = 0;
    if (hc_h2_session_gather(link->session, parts, HC_H2_PARTS_MAX, &count, why) != HC_OK)
      return HC_BROKEN;
    if (count == 0) break;
    hc_io io = hc_stream_peer_send(stream, parts, count, &sent, why);
    if (io == HC_IO_WANT_READ) link->send_wants = HC_EVENT_READ;
    if (io == HC_IO_WANT_WRITE) link->send_wants = HC_EVENT_WRITE;
    if (link->send_wants) break;
    if (io != HC_IO_OK) return HC_BROKEN;
    hc_h2_session_sent(link->session, sent);
    moved += sent;
  }
  if (moved >= SEND_BUDGET_H2_PROTOCOL) link->is_unfinished = true;
  return moved > 0 ? HC_MOVED : HC_WAIT;
}

static hc_progress end_of_stream(hc_failure *why) {
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "the server closed the connection");
  return HC_BROKEN;
}

/* The peer's fault, and it hears of it, if it can hear at once (RFC 9113 section 5.4.1). */
static hc_progress tell_fault(hc_connection *n) {
  hc_failure ignored = {HC_OK, ""};
  (void)send_all(n, n->stream, &ignored);
  return HC_BROKEN;
}

/* Does an event tell of all that may still lie there? Of what TLS has read ahead none does. */
static bool is_told_by_events(const hc_connection *n) {
  hc_interest interest = {.fd = HC_NO_HANDLE, .deadline = HC_NEVER};
  if (!hc_connection_is_watched(n)) return false;
  hc_stream_peer_interest(n->stream, &interest);
  return !interest.ready;
}

/* It was found empty, or an event would tell that it is not: of many clients that begin a request
 * in one round only one has to look, or none. */
static bool is_known_quiet_h2_protocol(const hc_connection *n) {
  uint64_t step;
  return n->is_quiet && !n->has_event &&
         (hc_stream_peer_empty_at(n->stream, &step) != 0 || is_told_by_events(n));
}

/* MOVED, WAIT; BROKEN. */
static hc_progress receive_all(hc_connection *n, hc_failure *why) {
  size_t moved = 0;
  if (is_known_quiet_h2_protocol(n)) return HC_WAIT;
  n->h2->receive_wants = HC_EVENT_READ;
  bool is_full = hc_h2_session_unread(n->h2->session) > UNREAD_MUCH;
  size_t budget = is_full ? RECEIVE_LITTLE : RECEIVE_BUDGET;
  while (moved < budget) {
    char bytes[RECEIVE_SIZE_H2_PROTOCOL];
    size_t got = 0;
    hc_io io = hc_stream_peer_recv(n->stream, bytes, sizeof bytes, &got, why);
    if (io == HC_IO_WANT_WRITE) n->h2->receive_wants = HC_EVENT_WRITE;
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) break;
    if (io == HC_IO_EOF) return end_of_stream(why);
    if (io != HC_IO_OK) return HC_BROKEN;
    moved += got;
    if (hc_h2_session_feed(n->h2->session, (hc_slice){bytes, got}, why) != HC_OK)
      return tell_fault(n);
    if (hc_h2_session_is_over(n->h2->session)) return end_of_stream(why);
    /* a small answer is all that there is: to look for more would be a system call for each */
    if (moved < sizeof bytes && is_told_by_events(n)) break;
  }
  if (moved >= budget) n->h2->is_unfinished = true;
  if (moved > 0) n->h2->heard_at = hc_clock_now();
  return moved > 0 ? HC_MOVED : HC_WAIT;
}

/* MOVED, WAIT; BROKEN. */
static hc_progress move_h2_protocol(hc_connection *n, hc_failure *why) {
  hc_progress usable = hc_connection_make_usable(n, why);
  if (usable != HC_DONE) return usable;
  hc_progress sent = send_all(n, n->stream, why);
  hc_progress got = sent == HC_BROKEN ? HC_BROKEN : receive_all(n, why);
  if (got == HC_MOVED && hc_h2_session_has_output(n->h2->session))
    sent = send_all(n, n->stream, why);
  if (sent == HC_BROKEN || got == HC_BROKEN) return HC_BROKEN;
  return sent == HC_MOVED || got == HC_MOVED ? HC_MOVED : HC_WAIT;
}

bool hc_h2_has_place_news(const hc_connection *n, const hc_place *p) {
  if (p->exchange && p->exchange->is_under_way) return hc_h2_has_news(p->exchange);
  return n->state == HC_CONNECTION_DRAINING || (!p->knows_room && hc_connection_is_settled(n));
}

static unsigned events_of(const hc_h2_link *link) {
  return HC_EVENT_READ | link->send_wants | link->receive_wants;
}

/* MOVED, WAIT; BROKEN: a PING has had no answer. */
static hc_progress keep_probe(hc_h2_link *link, hc_progress progress, hc_failure *why) {
  if (link->probe_deadline == HC_NEVER) return progress;
  if (!hc_h2_session_awaits_pong(link->session)) {
    link->probe_deadline = HC_NEVER;
    return progress;
  }
  if (progress == HC_BROKEN || hc_clock_now() < link->probe_deadline) return progress;
  hc_failure_clear(why);
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR,
                 "the server was silent on the idle connection (PING), the request was not sent");
  return HC_BROKEN;
}

hc_error hc_h2_link_probe(hc_h2_link *link) {
  uint64_t now = hc_clock_now();
  if (link->probe_deadline != HC_NEVER || now - link->heard_at < HC_H2_PROBE_AFTER_NS) return HC_OK;
  hc_error code = hc_h2_session_ping(link->session);
  if (code == HC_OK) link->probe_deadline = now + HC_H2_PROBE_NS;
  return code;
}

/* No event of the descriptor's tells the others of what was taken for them. */
static void notice_news(const hc_connection *n, const hc_exchange *mover) {
  for (hc_place *p = n->places; p; p = p->next)
    if (!(mover && p->exchange == mover) && hc_h2_has_place_news(n, p)) hc_place_notice(p);
}

/* No event tells of what is left of a go. One whose next step moves bytes is enough, and where
 * nobody waits for any, an idle one. */
static void notice_rest_h2_protocol(const hc_connection *n) {
  for (hc_place *p = n->places; p; p = p->next) {
    const hc_exchange *x = p->exchange;
    if (!p->seat || !x || !x->is_under_way || !hc_h2_moves(x)) continue;
    hc_place_notice(p);
    return;
  }
  for (hc_place *p = n->places; p; p = p->next) hc_place_notice(p);
}

/* Those who have nothing under way may wait for room, or for the news that there will be none. */
static void note_room(hc_connection *n) {
  unsigned raises = hc_h2_session_raises(n->h2->session);
  hc_h2_link_note_draining(n);
  if (n->h2->raises == raises) return;
  n->h2->raises = raises;
  for (hc_place *p = n->places; p; p = p->next)
    if (!p->exchange || !p->exchange->is_under_way) p->knows_room = false;
}

static void fail_link(hc_connection *n, hc_failure *why) {
  hc_connection_name_next(n, why);
  hc_h2_session_end(n->h2->session, why);
  hc_connection_fail(n, why);
}

hc_progress hc_h2_link_move(hc_connection *n, const hc_exchange *mover, hc_failure *why) {
  if (!n->h2) return HC_BROKEN;
  /* a move further out, of which this is a part */
  if (hc_stream_peer_is_in_call(n->stream)) return HC_WAIT;
  unsigned wanted = events_of(n->h2);
  n->h2->is_unfinished = false;
  hc_progress progress = keep_probe(n->h2, move_h2_protocol(n, why), why);
  if (progress == HC_MOVED && hc_connection_is_crowded(n)) {
    note_room(n);
    notice_news(n, mover);
  }
  /* the descriptor is watched for something else now */
  if (events_of(n->h2) != wanted) hc_connection_notice_all(n);
  else if (n->h2->is_unfinished) notice_rest_h2_protocol(n);
  if (progress == HC_BROKEN) fail_link(n, why);
  return progress;
}

void hc_h2_link_flush(hc_connection *n) {
  hc_failure why = {HC_OK, ""};
  /* a move further out sends it */
  if (!n->h2 || hc_stream_peer_is_in_call(n->stream)) return;
  unsigned wanted = events_of(n->h2);
  hc_progress progress = send_all(n, n->stream, &why);
  if (!n->h2) return;
  if (progress == HC_BROKEN) fail_link(n, &why);
  else if (events_of(n->h2) != wanted) hc_connection_notice_all(n);
}

bool hc_http2_is_built(void) { return true; }

bool hc_connection_is_settled(const hc_connection *n) {
  return n->h2 && hc_h2_session_is_settled(n->h2->session);
}

/* --- the connection */

hc_error hc_http2_start(hc_connection *n, size_t max_header_size) {
  n->h2 = hc_memory_allocate_zeroed(1, sizeof *n->h2);
  if (n->h2) n->h2->session = hc_h2_session_new(max_header_size);
  if (n->h2 && n->h2->session) {
    n->h2->heard_at = hc_clock_now();
    n->h2->probe_deadline = HC_NEVER;
    n->protocol = &hc_protocol_h2;
    for (hc_place *p = n->places; p; p = p->next) p->knows_room = false;
    return HC_OK;
  }
  hc_memory_release(n->h2);
  n->h2 = NULL;
  return HC_ERR_OUT_OF_MEMORY;
}

void hc_h2_link_note_draining(hc_connection *n) {
  if (!n->h2 || n->state != HC_CONNECTION_OPEN) return;
  if (n->h2->takes_no_more || hc_h2_session_is_draining(n->h2->session))
    n->state = HC_CONNECTION_DRAINING;
}

static void advance_h2_protocol(hc_connection *n) {
  hc_failure why = {HC_OK, ""};
  if (hc_h2_link_move(n, NULL, &why) == HC_BROKEN) return; /* and all have been noticed */
  hc_h2_link_note_draining(n);
  notice_news(n, NULL);
}

static hc_progress check_h2_protocol(hc_connection *n, hc_failure *why) {
  if (hc_h2_link_move(n, NULL, why) == HC_BROKEN) return HC_BROKEN;
  hc_h2_link_note_draining(n);
  if (n->state != HC_CONNECTION_DRAINING) return HC_DONE;
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "the server closed the idle connection (GOAWAY)");
  return HC_BROKEN;
}

static size_t room_h2_protocol(const hc_connection *n) {
  bool is_open = n->h2 && n->state == HC_CONNECTION_OPEN && !n->h2->takes_no_more;
  return is_open ? hc_h2_session_room(n->h2->session) : 0;
}

static hc_error open_exchange_h2_protocol(hc_connection *n, const hc_exchange_wish *wish,
                                          hc_exchange **out, hc_failure *why) {
  hc_error code = hc_h2_exchange_open(n, n->h2->session, wish, out, why);
  if (code != HC_OK) return code;
  if (((hc_h2_exchange *)(void *)*out)->announced.closes) n->h2->takes_no_more = true;
  hc_h2_link_note_draining(n);
  return HC_OK;
}

static void interest_h2_protocol(const hc_connection *n, const hc_exchange *x, hc_interest *out) {
  const hc_h2_link *link = n->h2;
  out->events = events_of(link);
  out->deadline = hc_clock_earlier(out->deadline, link->probe_deadline);
  if (link->send_wants == 0 && hc_h2_session_has_output(link->session)) out->ready = true;
  if (x && x->is_under_way) hc_h2_times(x, out);
}

/* The peer hears that it was meant so, if it can hear it at once. */
static void shut_down_h2_protocol(hc_connection *n, hc_stream_peer *stream) {
  hc_failure ignored = {HC_OK, ""};
  if (!n->h2) return;
  hc_h2_session_goodbye(n->h2->session);
  if (stream && n->failed_with == HC_OK) (void)send_all(n, stream, &ignored);
  hc_h2_session_delete(n->h2->session);
  hc_memory_release(n->h2);
  n->h2 = NULL;
}

const hc_protocol hc_protocol_h2 = {
    .major_version = 2,
    .takes_for_all = true,
    .advance = advance_h2_protocol,
    .check = check_h2_protocol,
    .room = room_h2_protocol,
    .open = open_exchange_h2_protocol,
    .interest = interest_h2_protocol,
    .shut_down = shut_down_h2_protocol,
    .exchange_advance = hc_h2_exchange_advance,
    .peek = hc_h2_peek,
    .consume = hc_h2_consume,
    .held = hc_h2_held,
    .check_idle = hc_h2_check_idle,
    .is_readable = hc_h2_is_readable,
    .upload = hc_h2_upload_of,
    .resume = hc_h2_resume,
    .cancel = hc_h2_cancel,
    .forget = hc_h2_forget,
    .finish = hc_h2_finish,
};

#else

bool hc_http2_is_built(void) { return false; }

bool hc_connection_is_settled(const hc_connection *n) {
  (void)n;
  return false;
}

hc_error hc_http2_start(hc_connection *n, size_t max_header_size) {
  (void)n;
  (void)max_header_size;
  return HC_ERR_UNAVAILABLE;
}

#endif
