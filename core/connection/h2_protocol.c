/* h2_protocol.c - HTTP/2 as a connection sees it: many exchanges, one session, one descriptor. See
 * protocol.h.
 *
 * Here a connection becomes one of HTTP/2 and ends as one, and the table stands by which connection
 * and client reach all of it. The bytes are h2_link.c's, one request and its answer
 * h2_exchange.c's. */
#include "h2_link.h"

#ifdef HC_WITH_NGHTTP2

#include "../base/limits.h"
#include "../base/memory.h"
#include "h2_exchange.h"

bool hc_http2_is_built(void) { return true; }

/* Until its SETTINGS have come nobody knows how many streams a server takes (RFC 9113 section
 * 6.5.2), and a pool that put hundreds on it would have most of them refused. */
bool hc_connection_is_settled(const hc_connection *n) {
  return n->h2 && hc_h2_session_is_settled(n->h2->session);
}

/* --- the connection */

/* The session has its preface to send from the start, but nothing is sent here: it goes out with
 * the first request, in one packet. */
hc_error hc_http2_start(hc_connection *n, size_t max_header_size) {
  hc_h2_link *link = hc_memory_allocate_zeroed(1, sizeof *link);
  if (link) link->session = hc_h2_session_new(max_header_size);
  if (!link || !link->session) {
    hc_memory_release(link);
    return HC_ERR_OUT_OF_MEMORY;
  }
  link->heard_at = link->forgiven_at = hc_clock_now();
  link->probe_deadline = HC_NEVER;
  hc_connection_hold_link(n, link);
  hc_connection_speak(n, &hc_protocol_h2);
  return HC_OK;
}

/* All places are looked at here, and not only where bytes moved: with one client alone on the
 * connection the move has told nobody. */
static void advance_h2_protocol(hc_connection *n) {
  hc_failure why = {HC_OK, ""};
  if (hc_h2_link_move(n, NULL, &why) == HC_BROKEN) return; /* and all have been noticed */
  hc_h2_link_note_draining(n);
  hc_h2_link_notice_news(n, NULL);
}

/* An idle client that looks after its connection reads for it: a PING has to be answered, or a
 * server that checks for dead peers would close it. A GOAWAY that has come meanwhile is the end of
 * an idle connection: a request would be refused anyway. */
static hc_progress check_h2_protocol(hc_connection *n, hc_failure *why) {
  if (hc_h2_link_move(n, NULL, why) == HC_BROKEN) return HC_BROKEN;
  hc_h2_link_note_draining(n);
  if (n->state != HC_CONNECTION_DRAINING) return HC_DONE;
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "the server closed the idle connection (GOAWAY)");
  return HC_BROKEN;
}

/* A connection that drains has none, whatever the limits say. */
static size_t room_h2_protocol(const hc_connection *n) {
  bool is_open = n->h2 && n->state == HC_CONNECTION_OPEN && !n->h2->takes_no_more;
  return is_open ? hc_h2_session_room(n->h2->session) : 0;
}

/* HTTP/2 has no Connection field to send (RFC 9113 section 8.2.2). A caller who wrote "Connection:
 * close" means that this is the last request, and that can be kept without the server's help. */
static hc_error open_exchange_h2_protocol(hc_connection *n, const hc_exchange_wish *wish,
                                          hc_exchange **out, hc_failure *why) {
  hc_error code = hc_h2_exchange_open(n, n->h2->session, wish, out, why);
  if (code != HC_OK) return code;
  if (((hc_h2_exchange *)*out)->announced.closes) n->h2->takes_no_more = true;
  hc_h2_link_note_draining(n);
  return HC_OK;
}

/* What the session has to say is a reason to be polled at once, unless the stream takes nothing:
 * then the event comes first. That is so for whoever asks, since any step of anybody sends it. */
static void interest_h2_protocol(const hc_connection *n, const hc_exchange *x, hc_interest *out) {
  const hc_h2_link *link = n->h2;
  out->events = hc_h2_link_events(link);
  out->deadline = hc_clock_earlier(out->deadline, link->probe_deadline);
  if (link->send_wants == 0 && hc_h2_session_has_output(link->session)) out->ready = true;
  if (x && x->is_under_way) hc_h2_times(x, out);
}

/* The peer hears that it was meant so, if it can hear it at once. The GOAWAY is tried once and not
 * waited for. Where the connection failed it is left out: nobody would hear it. It is as well where
 * the connection is another process's, by a fork. */
static void shut_down_h2_protocol(hc_connection *n, hc_stream_peer *stream) {
  hc_failure ignored = {HC_OK, ""};
  if (!n->h2) return;
  hc_h2_session_goodbye(n->h2->session);
  bool is_heard = stream && n->failed_with == HC_OK && !hc_stream_peer_is_inherited(stream);
  if (is_heard) (void)hc_h2_link_send(n, stream, &ignored);
  hc_h2_session_delete(n->h2->session);
  hc_memory_release(n->h2);
  hc_connection_hold_link(n, NULL);
}

/* There is no pump: content stands between frames, and the kernel can't tell one from the other. No
 * receive of a head may sleep either, because what comes first may be for somebody else. */
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
