/* client.c - the client's life, its ends, and poll: here the steps of its connection become the
 * engine's statuses.
 *
 * What lies below answers with MOVED, WAIT, DONE or BROKEN. hc_client_advance asks whoever has the
 * work now, the connection while it is made and then the exchange, and writes down what the answer
 * means. Two other files write a status, each where something begins: client_connect.c and
 * client_request.c.
 *
 * All ends go through hc_client_fail, hc_client_finish and hc_client_clear. They let go of what
 * decodes the content, and tell the connection, which may have others on it. */
#include "client_state.h"

#include "../base/limits.h"
#include "../base/memory.h"

const char *hc_status_name(hc_status status) {
  static const char *const names[] = {
      "DISCONNECTED", "RESOLVING",  "CANT_RESOLVE", "CONNECTING",       "CANT_CONNECT",
      "CONNECTED",    "REQUESTING", "BODY",         "CONNECTION_ERROR", "TLS_HANDSHAKE_ERROR"};
  unsigned index = (unsigned)status;
  return index < sizeof names / sizeof names[0] ? names[index] : "?";
}

hc_client *hc_client_new(void) {
  hc_client *c = hc_memory_allocate_zeroed(1, sizeof *c);
  if (!c) return NULL;
  c->settings.read_chunk_size = HC_READ_CHUNK_DEFAULT;
  c->settings.max_header_size = HC_MAX_HEADER_DEFAULT;
  c->is_clear = true;
  return c;
}

bool hc_client_has_place(hc_client *c) {
  if (c->place.connection) return true;
  hc_connection *n = hc_connection_new();
  if (!n) return false;
  hc_connection_join(n, &c->place);
  hc_connection_release(n);
  return true;
}

bool hc_client_is_at_work(const hc_client *c) { return c->at_work > 0; }

hc_error hc_client_refuse(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_BUSY, "the client is at work: what it calls can't use it");
}

/* A stream that a script still holds outlives the client. */
void hc_client_delete(hc_client *c) {
  if (!c || c->at_work) return;
  hc_client_begin(c);
  if (c->place.seat) c->place.seat->gone(c->place.seat);
  if (c->place.connection) hc_connection_leave(&c->place);
  hc_client_end_content(c);
  hc_client_forget_proxies(c);
  hc_client_forget_reach(c);
  hc_transcript_release(c->settings.transcript);
  hc_memory_release(c);
}

hc_settings *hc_client_get_settings(hc_client *c) { return &c->settings; }
hc_status hc_client_get_status(const hc_client *c) { return c->status; }

static bool is_error(hc_status status) {
  return status == HC_STATUS_CANT_RESOLVE || status == HC_STATUS_CANT_CONNECT ||
         status == HC_STATUS_CONNECTION_ERROR || status == HC_STATUS_TLS_HANDSHAKE_ERROR;
}

/* One that has failed may still stand on a connection of others', for its answer. */
hc_stream_peer *hc_client_get_stream(const hc_client *c) {
  return c->place.connection && !is_error(c->status) ? c->place.connection->stream : NULL;
}

const hc_failure *hc_client_last_error(const hc_client *c) {
  static const hc_failure none;
  /* A failure can be recorded while content that came before it is still handed out. */
  return is_error(c->status) ? &c->failure : &none;
}

/* --- ends */

static hc_error code_of(hc_status status) {
  switch (status) {
  case HC_STATUS_DISCONNECTED: return HC_ERR_UNCONFIGURED;
  case HC_STATUS_CANT_RESOLVE: return HC_ERR_CANT_RESOLVE;
  case HC_STATUS_CANT_CONNECT: return HC_ERR_CANT_CONNECT;
  case HC_STATUS_CONNECTION_ERROR:
  case HC_STATUS_TLS_HANDSHAKE_ERROR: return HC_ERR_CONNECTION_ERROR;
  case HC_STATUS_RESOLVING:
  case HC_STATUS_CONNECTING:
  case HC_STATUS_CONNECTED:
  case HC_STATUS_REQUESTING:
  case HC_STATUS_BODY: break;
  }
  return HC_OK;
}

/* One code for one state; what has causes and cures of its own keeps its code, so that
 * get_last_error can tell them apart. */
static bool keeps_code(const hc_client *c) {
  hc_error code = c->failure.code;
  return code == HC_ERR_TIMEOUT || code == HC_ERR_OUT_OF_MEMORY || code == HC_ERR_UNAUTHORIZED ||
         (c->content && hc_decoded_is_broken(c->content));
}

void hc_client_fail(hc_client *c, hc_status status) {
  hc_error code = code_of(status);
  hc_failure_set(&c->failure, code, "%s", hc_error_string((int)code));
  if (!keeps_code(c)) c->failure.code = code;
  hc_client_end_content(c);
  c->timed_out_unreported = c->failure.code == HC_ERR_TIMEOUT;
  c->status = status;
  hc_exchange *x = c->place.exchange;
  hc_connection *n = c->place.connection;
  bool others_go_on = n->state == HC_CONNECTION_DRAINING && hc_connection_is_shared(n);
  if (x && x->is_under_way) hc_exchange_cancel(x, &c->failure);
  else if (!others_go_on) hc_connection_fail(n, &c->failure);
}

void hc_client_finish(hc_client *c) {
  hc_client_end_content(c);
  if (hc_exchange_finish(c->place.exchange, &c->failure) == HC_BROKEN) {
    hc_client_fail(c, HC_STATUS_CONNECTION_ERROR);
    return;
  }
  hc_connection_state state = c->place.connection->state;
  bool goes_on = state == HC_CONNECTION_OPEN || state == HC_CONNECTION_UPGRADED;
  c->status = goes_on ? HC_STATUS_CONNECTED : HC_STATUS_DISCONNECTED;
}

void hc_client_clear(hc_client *c) {
  hc_connection *n = c->place.connection;
  if (n) hc_connection_forget_shown(n);
  if (c->is_clear) return;
  hc_client_end_content(c);
  if (n && hc_connection_is_shared(n)) hc_connection_leave(&c->place);
  else if (n) hc_connection_close(n);
  hc_failure_clear(&c->failure);
  c->timed_out_unreported = false;
  c->status = HC_STATUS_DISCONNECTED;
  c->is_clear = true;
  hc_place_notice(&c->place);
}

void hc_client_close(hc_client *c) {
  if (c->at_work) return;
  hc_client_begin(c);
  hc_client_clear(c);
  hc_client_end(c);
}

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
  if (peer) hc_stream_peer_retain(peer);
  /* The same stream again, or TLS over it, as after a CONNECT of the script's own: a fresh start on
   * it, it must not be closed on the way. */
  if (peer && n && n->stream && hc_stream_peer_stands_on(peer, n->stream)) hc_connection_let_go(n);
  hc_client_clear(c);
  hc_error code = peer ? go_on_over(c, peer) : HC_OK;
  hc_stream_peer_release(peer);
  hc_client_end(c);
  return code;
}

/* --- poll */

static hc_status status_within(hc_phase phase) {
  return phase == HC_PHASE_LOOKUP ? HC_STATUS_RESOLVING : HC_STATUS_CONNECTING;
}

static hc_status status_of_failure(hc_phase phase) {
  switch (phase) {
  case HC_PHASE_LOOKUP: return HC_STATUS_CANT_RESOLVE;
  case HC_PHASE_HANDSHAKE: return HC_STATUS_TLS_HANDSHAKE_ERROR;
  case HC_PHASE_CONNECT: break;
  }
  return HC_STATUS_CANT_CONNECT;
}

static void poll_connecting(hc_client *c) {
  hc_progress progress = hc_connection_advance(c->place.connection, &c->failure);
  if (progress == HC_DONE) c->status = HC_STATUS_CONNECTED;
  else if (progress == HC_BROKEN)
    hc_client_fail(c, status_of_failure(hc_connection_phase(c->place.connection)));
  else c->status = status_within(hc_connection_phase(c->place.connection));
}

/* What an HTTP proxy that reads the requests says of its user's credentials. Where memory is out
 * nothing was learned. */
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

static void take_head(hc_client *c) {
  const hc_connection *n = c->place.connection;
  if (n->next == HC_PARTY_PROXY && n->proxy) heed_proxy(c);
  if (c->place.exchange->answer->plan.framing == HC_FRAMING_NONE) hc_client_finish(c);
  else c->status = HC_STATUS_BODY;
}

static void poll_requesting(hc_client *c) {
  hc_progress progress;
  hc_client_begin_slice(c);
  do {
    progress = hc_exchange_advance(c->place.exchange, &c->failure);
    if (!c->settings.blocking) break;
    if (progress == HC_WAIT && !hc_client_sleep(c)) return;
    if (progress == HC_MOVED && hc_client_slice_is_over(c)) return;
  } while (progress == HC_WAIT || progress == HC_MOVED);
  if (progress == HC_DONE) take_head(c);
  else if (progress == HC_BROKEN) hc_client_fail(c, HC_STATUS_CONNECTION_ERROR);
}

/* In BODY the reads do the work; poll only sees that the idle timeout is kept. */
static hc_progress check_client(hc_client *c) {
  if (c->status == HC_STATUS_CONNECTED)
    return hc_connection_check(c->place.connection, &c->failure);
  /* bytes that wait are no idleness */
  if (c->content && hc_decoded_is_readable(c->content)) return HC_WAIT;
  return hc_exchange_check_idle(c->place.exchange, &c->failure);
}

hc_error hc_client_advance(hc_client *c) {
  hc_status before = c->status;
  hc_connection *n = c->place.connection;
  c->is_unfinished = false;
  switch (before) {
  case HC_STATUS_RESOLVING:
  case HC_STATUS_CONNECTING: poll_connecting(c); break;
  case HC_STATUS_REQUESTING: poll_requesting(c); break;
  case HC_STATUS_CONNECTED:
  case HC_STATUS_BODY:
    if (check_client(c) == HC_BROKEN) hc_client_fail(c, HC_STATUS_CONNECTION_ERROR);
    break;
  case HC_STATUS_DISCONNECTED:
  case HC_STATUS_CANT_RESOLVE:
  case HC_STATUS_CANT_CONNECT:
  case HC_STATUS_CONNECTION_ERROR:
  case HC_STATUS_TLS_HANDSHAKE_ERROR: break;
  }
  if (n) hc_connection_forget_hints(n);
  if (c->timed_out_unreported) {
    c->timed_out_unreported = false;
    return HC_ERR_TIMEOUT;
  }
  /* A response without body can end the connection inside poll: all went well, and this poll says
   * so. */
  if (before == HC_STATUS_REQUESTING && c->status == HC_STATUS_DISCONNECTED) return HC_OK;
  return code_of(c->status);
}

hc_error hc_client_poll(hc_client *c) {
  if (c->at_work) return HC_ERR_BUSY;
  hc_client_begin(c);
  hc_error code = hc_client_advance(c);
  hc_client_end(c);
  return code;
}
