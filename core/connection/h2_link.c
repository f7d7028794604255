/* h2_link.c - the bytes of an HTTP/2 connection, in both directions. See h2_link.h.
 *
 * A move does whatever can be done for the connection: it sends what the session has to say, and
 * gives the session what has come. An exchange may ask for it, an event, or the poll of an idle
 * client. So all places are looked at afterwards, and those are noticed for which something has
 * changed: no event tells of bytes that somebody else has taken.
 *
 * Above it stand the exchanges (h2_exchange.c), which ask for a move and then look what it brought
 * them, and the table (h2_protocol.c). Below it is what can be seen of an exchange without moving
 * anything (h2_news.c). */
#include "h2_link.h"

#ifdef HC_WITH_NGHTTP2 /* else the file is empty */

#include <string.h>

#include "../base/limits.h"
#include "../base/memory.h"
#include "h2_exchange.h"

#define RECEIVE_SIZE_H2_LINK ((size_t)16384)
#define SEND_SIZE_H2_LINK ((size_t)16384) /* a record of TLS: one that was begun has no more */
/* One go takes and hands over at most this much, so that a fast peer can not hold up a frame. What
 * lies unread counts: what waits in the socket costs nobody memory, and memory that is new to the
 * process is what many bodies at once cost most. But a little is taken always, since it may be for
 * one who waits. */
#define RECEIVE_BUDGET ((size_t)1 << 19)
#define RECEIVE_LITTLE ((size_t)1 << 14)
#define SEND_BUDGET_H2_LINK ((size_t)1 << 20)

/* --- bytes */

/* The code of the host's that a send runs, a finalizer for example, may end a client whose content
 * the parts show: they are copied before, so that nothing else's bytes go out in their place. */
static hc_io send_by_host(hc_stream_peer *stream, const hc_slice *parts, size_t count, size_t *sent,
                          hc_failure *why) {
  char bytes[SEND_SIZE_H2_LINK];
  size_t size = 0;
  for (size_t i = 0; i < count && size < sizeof bytes; i++) {
    size_t room = sizeof bytes - size, step = parts[i].size < room ? parts[i].size : room;
    memcpy(bytes + size, parts[i].data, step);
    size += step;
  }
  hc_io io = hc_stream_peer_send(stream, &(hc_slice){bytes, size}, 1, sent, why);
  hc_memory_wipe(bytes, size);
  return io;
}

static hc_io hand_over_parts(hc_stream_peer *stream, const hc_slice *parts, size_t count,
                             size_t *sent, hc_failure *why) {
  return hc_stream_peer_runs_host(stream) ? send_by_host(stream, parts, count, sent, why)
                                          : hc_stream_peer_send(stream, parts, count, sent, why);
}

/* The session gathers anew after each send: what left has made room, and a stream that waited for
 * it may have more. A stream that takes no more says what it waits for, and that stays in the link
 * until the next attempt, since an event has to be asked for meanwhile. */
hc_progress hc_h2_link_send(hc_connection *n, hc_stream_peer *stream, hc_failure *why) {
  hc_h2_link *link = n->h2;
  size_t moved = 0;
  link->send_wants = 0;
  while (moved < SEND_BUDGET_H2_LINK) {
    hc_slice parts[HC_H2_PARTS_MAX];
    size_t count = 0, sent = 0;
    if (hc_h2_session_gather(link->session, parts, HC_H2_PARTS_MAX, &count, why) != HC_OK)
      return HC_BROKEN;
    if (count == 0) break;
    hc_io io = hand_over_parts(stream, parts, count, &sent, why);
    if (io == HC_IO_WANT_READ) link->send_wants = HC_EVENT_READ;
    if (io == HC_IO_WANT_WRITE) link->send_wants = HC_EVENT_WRITE;
    if (link->send_wants) break;
    if (io != HC_IO_OK) return HC_BROKEN;
    hc_h2_session_sent(link->session, sent);
    moved += sent;
  }
  if (moved >= SEND_BUDGET_H2_LINK) link->is_unfinished = true;
  return moved > 0 ? HC_MOVED : HC_WAIT;
}

static hc_progress end_of_stream(hc_failure *why) {
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "the server closed the connection");
  return HC_BROKEN;
}

/* The peer's fault, and it hears of it, if it can hear at once (RFC 9113 section 5.4.1). */
static hc_progress tell_fault(hc_connection *n) {
  hc_failure ignored = {HC_OK, ""};
  (void)hc_h2_link_send(n, n->stream, &ignored);
  return HC_BROKEN;
}

/* Does an event tell of all that may still lie there? Of what TLS has read ahead none does. Then a
 * look for more after a small answer is a system call that the kernel will spare us. */
static bool is_told_by_events(const hc_connection *n) {
  hc_interest interest = {.fd = HC_NO_HANDLE, .deadline = HC_NEVER};
  if (!hc_connection_is_watched(n)) return false;
  hc_stream_peer_interest(n->stream, &interest);
  return !interest.ready;
}

/* It was found empty, or an event would tell that it is not: of many clients that begin a request
 * in one round only one has to look, or none. */
static bool is_known_quiet_h2_link(const hc_connection *n) {
  uint64_t step;
  return n->is_quiet && !n->has_event &&
         (hc_stream_peer_empty_at(n->stream, &step) != 0 || is_told_by_events(n));
}

static size_t receive_budget(const hc_h2_session *session) {
  size_t unread = hc_h2_session_unread(session);
  return unread < RECEIVE_BUDGET - RECEIVE_LITTLE ? RECEIVE_BUDGET - unread : RECEIVE_LITTLE;
}

/* Something has come. The session has no clock, and is told the time in whole seconds. */
static void note_time(hc_h2_link *link) {
  const uint64_t second = UINT64_C(1000000000);
  link->heard_at = hc_clock_now();
  uint64_t passed = (link->heard_at - link->forgiven_at) / second;
  if (passed == 0) return;
  link->forgiven_at += passed * second;
  hc_h2_session_forgive(link->session, passed);
}

/* MOVED, WAIT; BROKEN. The buffer is on the stack: the session copies what it keeps, into the
 * streams, so nothing of it has to live longer. A budget ends the go while there may be more, and
 * then no event will tell of the rest, which is_unfinished remembers. */
static hc_progress receive_all(hc_connection *n, hc_failure *why) {
  size_t moved = 0;
  if (is_known_quiet_h2_link(n)) return HC_WAIT;
  n->h2->receive_wants = HC_EVENT_READ;
  size_t budget = receive_budget(n->h2->session);
  while (moved < budget) {
    char bytes[RECEIVE_SIZE_H2_LINK];
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
  if (moved > 0) note_time(n->h2);
  return moved > 0 ? HC_MOVED : HC_WAIT;
}

/* The stream takes no more, but the server may have said before it closed what became of the
 * requests: an answer to an upload that it did not want, or a goodbye by which the others know that
 * they can be sent again. What has come is read to its end; the windows bound it. The failure of
 * the send is the one to tell, and not the end that the read meets. */
static hc_progress hear_out_h2_link(hc_connection *n) {
  hc_failure ignored = {HC_OK, ""};
  hc_connection_forget_hints(n); /* "nothing has come" was true before the send */
  while (receive_all(n, &ignored) == HC_MOVED) continue;
  return HC_BROKEN;
}

/* MOVED, WAIT; BROKEN. First out, then in, then out once more if what came wants an answer:
 * acknowledgements, windows, and streams that a window has let go. Without the second send they
 * would wait for the next event, and the peer for them. */
static hc_progress move_h2_link(hc_connection *n, hc_failure *why) {
  hc_progress usable = hc_connection_make_usable(n, why);
  if (usable != HC_DONE) return usable;
  hc_progress sent = hc_h2_link_send(n, n->stream, why);
  hc_progress got = sent == HC_BROKEN ? HC_BROKEN : receive_all(n, why);
  if (got == HC_MOVED && hc_h2_session_has_output(n->h2->session))
    sent = hc_h2_link_send(n, n->stream, why);
  if (sent == HC_BROKEN) return hear_out_h2_link(n);
  if (got == HC_BROKEN) return HC_BROKEN;
  return sent == HC_MOVED || got == HC_MOVED ? HC_MOVED : HC_WAIT;
}

unsigned hc_h2_link_events(const hc_h2_link *link) {
  return HC_EVENT_READ | link->send_wants | link->receive_wants;
}

/* MOVED, WAIT; BROKEN: a PING has had no answer. The answer to the PING is looked for behind the
 * bytes, which may have brought it, and a connection that is broken anyway has a better reason than
 * silence. */
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

/* A NAT or a firewall forgets idle connections and says nothing. A request that is sent into one is
 * neither answered nor known to be lost, and one that must not be repeated would have to be given
 * up. A PING in front of it costs one exchange of packets, and only after a silence. */
hc_error hc_h2_link_probe(hc_h2_link *link) {
  uint64_t now = hc_clock_now();
  if (link->probe_deadline != HC_NEVER || now - link->heard_at < HC_H2_PROBE_AFTER_NS) return HC_OK;
  hc_error code = hc_h2_session_ping(link->session);
  if (code == HC_OK) link->probe_deadline = now + HC_H2_PROBE_NS;
  return code;
}

/* --- who has to look */

/* With nothing under way the only news is that the connection takes no more requests, or how many
 * it takes. */
static bool has_news(const hc_connection *n, const hc_place *p) {
  if (p->exchange && p->exchange->is_under_way) return hc_h2_has_news(p->exchange);
  return n->state == HC_CONNECTION_DRAINING ||
         (!p->knows_room && hc_h2_session_is_settled(n->h2->session));
}

/* No event of the descriptor's tells the others of what was taken for them. */
void hc_h2_link_notice_news(const hc_connection *n, const hc_exchange *mover) {
  for (hc_place *p = n->places; p; p = p->next)
    if (!(mover && p->exchange == mover) && has_news(n, p)) hc_place_notice(p);
}

/* No event tells of what is left of a go. One whose next step moves bytes is enough, and where
 * nobody waits for any, an idle one. */
static void notice_rest_h2_link(const hc_connection *n) {
  for (hc_place *p = n->places; p; p = p->next) {
    const hc_exchange *x = p->exchange;
    if (!p->seat || !x || !x->is_under_way || !hc_h2_moves(x)) continue;
    hc_place_notice(p);
    return;
  }
  for (hc_place *p = n->places; p; p = p->next) hc_place_notice(p);
}

/* A GOAWAY with requests under way is no failure: those go on, and only new ones need another
 * connection (RFC 9113 section 6.8). */
void hc_h2_link_note_draining(hc_connection *n) {
  if (!n->h2 || n->state != HC_CONNECTION_OPEN) return;
  if (n->h2->takes_no_more || hc_h2_session_is_draining(n->h2->session)) hc_connection_drain(n);
}

/* Those who have nothing under way may wait for room, or for the news that there will be none. */
static void note_room(hc_connection *n) {
  unsigned raises = hc_h2_session_raises(n->h2->session);
  hc_h2_link_note_draining(n);
  if (n->h2->raises == raises) return;
  n->h2->raises = raises;
  for (hc_place *p = n->places; p; p = p->next)
    if (!p->exchange || !p->exchange->is_under_way) hc_place_forget_room(p);
}

/* First the streams are told, while there is a session; the connection's end deletes it. */
static void fail_link(hc_connection *n, hc_failure *why) {
  hc_connection_name_next(n, why);
  hc_h2_session_end(n->h2->session, why);
  hc_connection_fail(n, why);
}

/* The order behind the bytes matters: places are noticed while the session is still there to be
 * asked, and a failure comes last because it takes the session away. Nothing of the link is touched
 * behind it. */
hc_progress hc_h2_link_move(hc_connection *n, const hc_exchange *mover, hc_failure *why) {
  if (!n->h2) return HC_BROKEN;
  /* a move further out, of which this is a part */
  if (hc_stream_peer_is_in_call(n->stream)) return HC_WAIT;
  unsigned wanted = hc_h2_link_events(n->h2);
  n->h2->is_unfinished = false;
  hc_progress progress = keep_probe(n->h2, move_h2_link(n, why), why);
  if (progress == HC_MOVED && hc_connection_is_crowded(n)) {
    note_room(n);
    hc_h2_link_notice_news(n, mover);
  }
  /* the descriptor is watched for something else now */
  if (hc_h2_link_events(n->h2) != wanted) hc_connection_notice_all(n);
  else if (n->h2->is_unfinished) notice_rest_h2_link(n);
  if (progress == HC_BROKEN) fail_link(n, why);
  return progress;
}

/* A send can end in the host's code, which may end the connection: hence the second look at it. */
void hc_h2_link_flush(hc_connection *n) {
  hc_failure why = {HC_OK, ""};
  /* a move further out sends it */
  if (!n->h2 || hc_stream_peer_is_in_call(n->stream)) return;
  unsigned wanted = hc_h2_link_events(n->h2);
  hc_progress progress = hc_h2_link_send(n, n->stream, &why);
  if (!n->h2) return;
  if (progress == HC_BROKEN) {
    (void)hear_out_h2_link(n);
    fail_link(n, &why);
  } else if (hc_h2_link_events(n->h2) != wanted) hc_connection_notice_all(n);
}

#endif
