/* client.c - the client's life, and poll: here the steps of its connection become the engine's
 * statuses.
 *
 * What lies below answers with MOVED, WAIT, DONE or BROKEN. hc_client_advance asks whoever has the
 * work now, the connection while it is made and then the exchange, and writes down what the answer
 * means. A status is also written where something begins, in client_connect.c and client_request.c,
 * and where something ends, in client_state.c.
 *
 * On the way of a byte this file stands beside the road: poll moves requests out and heads in by
 * way of the exchange, and leaves content to the reads (client_body.c). It uses all files of this
 * room but client_body.c and client_wait.c, which stands on it. */
#include "client_state.h"

#include "../base/limits.h"
#include "../base/memory.h"

/* Without a connection, which the first connect makes: a client that is never used costs this block
 * alone. */
hc_client *hc_client_new(void) {
  hc_client *c = hc_memory_allocate_zeroed(1, sizeof *c);
  if (!c) return NULL;
  c->settings.read_chunk_size = HC_READ_CHUNK_DEFAULT;
  c->settings.max_header_size = HC_MAX_HEADER_DEFAULT;
  c->is_clear = true;
  return c;
}

bool hc_client_is_at_work(const hc_client *c) { return c->at_work > 0; }

/* One that is at work stays: the frames above this one will go on with it. The connection goes with
 * its last place; a stream that a script still holds outlives both. */
void hc_client_delete(hc_client *c) {
  if (!c || c->at_work) return;
  hc_client_begin(c); /* to close a stream of the host's calls it, and it may come back here */
  if (c->place.seat) c->place.seat->gone(c->place.seat);
  if (c->place.connection) hc_connection_leave(&c->place);
  hc_client_end_content(c);
  hc_client_forget_proxies(c);
  hc_client_forget_reach(c);
  hc_transcript_release(c->settings.transcript);
  hc_memory_release(c->failure);
  hc_memory_release(c);
}

hc_settings *hc_client_get_settings(hc_client *c) { return &c->settings; }
hc_status hc_client_get_status(const hc_client *c) { return c->status; }

/* Settings and proxies stay for the next connection. A client at work is left alone: the calls
 * above this one would go on with what is closed. */
void hc_client_close(hc_client *c) {
  if (c->at_work) return;
  hc_client_begin(c);
  hc_client_clear(c);
  hc_client_end(c);
}

/* --- a stream of the caller's */

/* There is no lookup and no handshake of ours: the stream is the connection, open at once, and what
 * is wrong with it the next poll finds. */
static hc_error go_on_over(hc_client *c, hc_stream_peer *peer) {
  if (!hc_client_has_place(c)) return HC_ERR_OUT_OF_MEMORY;
  c->is_clear = false;
  c->status = HC_STATUS_CONNECTED;
  hc_error code = hc_connection_adopt(c->place.connection, peer, c->settings.version,
                                      c->settings.max_header_size);
  if (code != HC_OK) return code;
  hc_place_notice(&c->place);
  return HC_OK;
}

hc_error hc_client_set_stream(hc_client *c, hc_stream_peer *peer) {
  hc_connection *n = c->place.connection;
  if (c->at_work) return HC_ERR_BUSY;
  hc_client_begin(c);
  if (peer) hc_stream_peer_retain(peer); /* the connection may be the only one that holds it */
  /* The same stream again, or TLS over it, as after a CONNECT of the script's own: a fresh start on
   * it, it must not be closed on the way. */
  if (peer && n && n->stream && hc_stream_peer_stands_on(peer, n->stream)) hc_connection_let_go(n);
  hc_client_clear(c);
  hc_error code = peer ? go_on_over(c, peer) : HC_OK;
  hc_stream_peer_release(peer);
  hc_client_end(c);
  return code;
}

/* --- poll: each step returns what poll answers */

static hc_error end_client_in(hc_client *c, hc_status status, hc_failure *why) {
  hc_client_fail(c, status, why);
  return hc_client_tell_end(c);
}

static hc_status status_within(hc_phase phase) {
  return phase == HC_PHASE_LOOKUP ? HC_STATUS_RESOLVING : HC_STATUS_CONNECTING;
}

/* The phase says with whom it went wrong: a handshake is one with the origin, and that with a proxy
 * counts as a part of connecting. */
static hc_status status_of_failure(hc_phase phase) {
  switch (phase) {
  case HC_PHASE_LOOKUP: return HC_STATUS_CANT_RESOLVE;
  case HC_PHASE_HANDSHAKE: return HC_STATUS_TLS_HANDSHAKE_ERROR;
  case HC_PHASE_CONNECT: break;
  }
  return HC_STATUS_CANT_CONNECT;
}

/* The walk can go back to a lookup, and the status with it. */
static hc_error poll_connecting(hc_client *c, hc_failure *why) {
  hc_progress progress = hc_connection_advance(c->place.connection, why);
  if (progress == HC_DONE) {
    c->status = HC_STATUS_CONNECTED;
    return HC_OK;
  }
  hc_phase phase = hc_connection_phase(c->place.connection);
  if (progress == HC_BROKEN) return end_client_in(c, status_of_failure(phase), why);
  c->status = status_within(phase);
  return HC_OK;
}

/* What an HTTP proxy that reads the requests says of its user's credentials: a 407 has a challenge
 * (RFC 9110 section 11.7.1), and any answer may have the next nonce (RFC 7616 section 3.5). Where
 * memory is out nothing was learned, and the answer goes to the caller as it is. */
static void heed_proxy(hc_client *c) {
  hc_connection *n = c->place.connection;
  const hc_response *head = &c->place.exchange->answer->response;
  c->can_satisfy_proxy = false;
  if (head->code == 407)
    c->can_satisfy_proxy =
        hc_proxy_auth_take(&n->proxy->auth, &head->headers, n->auth_sent) == HC_OK;
  else (void)hc_proxy_auth_note(&n->proxy->auth, &head->headers);
}

bool hc_client_can_satisfy_proxy(const hc_client *c) {
  return c->can_satisfy_proxy && hc_client_response_code(c) == 407;
}

/* An answer without content is over with its head, and with it may be the connection. This poll
 * says that all went well all the same, and only the next has nothing to do. */
static hc_error take_head(hc_client *c, hc_failure *why) {
  const hc_connection *n = c->place.connection;
  if (n->next == HC_PARTY_PROXY && n->proxy) heed_proxy(c);
  if (c->place.exchange->answer->plan.framing != HC_FRAMING_NONE) c->status = HC_STATUS_BODY;
  else if (hc_client_finish(c, why) == HC_BROKEN) return hc_client_tell_end(c);
  return HC_OK;
}

/* As far as the head of the answer: one step for each poll, and in blocking mode all of them, or as
 * many as a slice has time for. */
static hc_error poll_requesting(hc_client *c, hc_failure *why) {
  hc_progress progress;
  hc_client_begin_slice(c);
  do {
    progress = hc_exchange_advance(c->place.exchange, why);
    if (!c->settings.blocking) break;
    if (progress == HC_WAIT && !hc_client_sleep(c)) return HC_OK;
    if (progress == HC_MOVED && hc_client_slice_is_over(c)) return HC_OK;
  } while (progress == HC_WAIT || progress == HC_MOVED);
  if (progress == HC_DONE) return take_head(c, why);
  return progress == HC_BROKEN ? end_client_in(c, HC_STATUS_CONNECTION_ERROR, why) : HC_OK;
}

/* Without a request nothing may come, and the connection must not end. */
static hc_error poll_connected(hc_client *c, hc_failure *why) {
  hc_progress progress = hc_connection_check(c->place.connection, why);
  return progress == HC_BROKEN ? end_client_in(c, HC_STATUS_CONNECTION_ERROR, why) : HC_OK;
}

/* The reads do the work, when the caller wants to: a poll that took content in would take away his
 * way to slow the server down. It only sees that the idle timeout is kept. */
static hc_error poll_body(hc_client *c, hc_failure *why) {
  /* content that is there and not read is no idleness of the server's */
  if (c->content && hc_decoded_is_readable(c->content)) return HC_OK;
  hc_progress progress = hc_exchange_check_idle(c->place.exchange, why);
  return progress == HC_BROKEN ? end_client_in(c, HC_STATUS_CONNECTION_ERROR, why) : HC_OK;
}

/* Who has the work is told by the status alone. A client at its end has none, and says once more
 * how it ended. */
static hc_error advance_client(hc_client *c, hc_failure *why) {
  switch (c->status) {
  case HC_STATUS_RESOLVING:
  case HC_STATUS_CONNECTING: return poll_connecting(c, why);
  case HC_STATUS_REQUESTING: return poll_requesting(c, why);
  case HC_STATUS_CONNECTED: return poll_connected(c, why);
  case HC_STATUS_BODY: return poll_body(c, why);
  case HC_STATUS_DISCONNECTED:
  case HC_STATUS_CANT_RESOLVE:
  case HC_STATUS_CANT_CONNECT:
  case HC_STATUS_CONNECTION_ERROR:
  case HC_STATUS_TLS_HANDSHAKE_ERROR: break;
  }
  return hc_client_tell_end(c);
}

/* What a poller has seen of the descriptor is true for one step. More content on its way out counts
 * as a move, though the status stays: an upload may take minutes. */
hc_step hc_client_advance(hc_client *c) {
  hc_status before = c->status;
  uint64_t sent = hc_client_body_sent(c);
  hc_connection *n = c->place.connection;
  hc_failure fresh, *why = hc_client_why(c, &fresh);
  c->is_unfinished = false;
  hc_step step = {advance_client(c, why), false};
  hc_client_keep(c, why);
  if (n) hc_connection_forget_hints(n);
  step.has_moved = c->status != before || hc_client_body_sent(c) != sent;
  return step;
}

hc_error hc_client_poll(hc_client *c) {
  if (c->at_work) return HC_ERR_BUSY;
  hc_client_begin(c);
  hc_error code = hc_client_advance(c).code;
  hc_client_end(c);
  return code;
}
