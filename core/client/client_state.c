/* client_state.c - what the client's other files stand on: its place on a connection, and the ways
 * in which something ends for it.
 *
 * An exchange ends whole (hc_client_finish), anything ends in a failure (hc_client_fail), and a
 * caller ends whatever there is (hc_client_clear). These are the only ways, since each of them has
 * to do all of the same: write the status, let go of what decodes the content, keep the failure for
 * get_last_error, and tell the connection, which may have others on it and then goes on without
 * this client. They say what it came to. Nobody has to look at the status to find out.
 *
 * This file knows connections and exchanges, and nothing of requests, waits or polls, which end
 * here. No byte comes by. */
#include "client_state.h"

#include "../base/memory.h"

const char *hc_status_name(hc_status status) {
  static const char *const names[] = {
      "DISCONNECTED", "RESOLVING",  "CANT_RESOLVE", "CONNECTING",       "CANT_CONNECT",
      "CONNECTED",    "REQUESTING", "BODY",         "CONNECTION_ERROR", "TLS_HANDSHAKE_ERROR"};
  unsigned index = (unsigned)status;
  return index < sizeof names / sizeof names[0] ? names[index] : "?";
}

hc_error hc_client_refuse(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_BUSY, "the client is at work: what it calls can't use it");
}

bool hc_client_has_place(hc_client *c) {
  if (c->place.connection) return true;
  hc_connection *n = hc_connection_new();
  if (!n) return false;
  hc_connection_join(n, &c->place);
  hc_connection_release(n); /* the place holds it from here on */
  return true;
}

/* --- what can be asked of a client that has failed */

static bool is_error(hc_status status) {
  return status == HC_STATUS_CANT_RESOLVE || status == HC_STATUS_CANT_CONNECT ||
         status == HC_STATUS_CONNECTION_ERROR || status == HC_STATUS_TLS_HANDSHAKE_ERROR;
}

/* A client that has failed keeps its place, so that its answer can still be read. The connection
 * there may go on for others, and its stream is theirs then. */
hc_stream_peer *hc_client_get_stream(const hc_client *c) {
  return c->place.connection && !is_error(c->status) ? c->place.connection->stream : NULL;
}

/* Where there is no memory for a failure, its code is kept: those that an end can have. */
static const hc_failure *bare_failure(hc_error code) {
  static const hc_failure bare[] = {{HC_ERR_OUT_OF_MEMORY, "out of memory"},
                                    {HC_ERR_CONNECTION_ERROR, "connection error"},
                                    {HC_ERR_CANT_CONNECT, "can't connect"},
                                    {HC_ERR_CANT_RESOLVE, "can't resolve"},
                                    {HC_ERR_TIMEOUT, "timeout"},
                                    {HC_ERR_UNAUTHORIZED, "not authorized"},
                                    {HC_ERR_INVALID_DATA, "invalid data"}};
  for (size_t i = 1; i < sizeof bare / sizeof bare[0]; i++)
    if (bare[i].code == code) return &bare[i];
  return &bare[0];
}

const hc_failure *hc_client_last_error(const hc_client *c) {
  static const hc_failure none;
  /* A failure can be on record already while content that came before it is still handed out. */
  if (!is_error(c->status)) return &none;
  return c->failure ? c->failure : bare_failure(c->failed_with);
}

void hc_client_keep_failure(hc_client *c, const hc_failure *why) {
  if (!c->failure) c->failure = hc_memory_allocate(sizeof *why);
  if (c->failure) *c->failure = *why;
  c->failed_with = c->failure ? HC_OK : why->code;
}

/* --- ends */

/* The engine's poll answers with a code for each status. */
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

/* The codes of failures come from many places below. get_last_error promises the one that belongs
 * to the status, but for those that a script has to tell apart, because it would do something else
 * about them: ask again later, free memory, give a password, or not ask for the coding. */
static bool keeps_code(const hc_client *c, hc_error code) {
  return code == HC_ERR_TIMEOUT || code == HC_ERR_OUT_OF_MEMORY || code == HC_ERR_UNAUTHORIZED ||
         (c->content && hc_decoded_is_broken(c->content));
}

/* The views end with it. */
void hc_client_end_content(hc_client *c) {
  hc_decoded_delete(c->content);
  c->content = NULL;
  c->shown = 0;
}

void hc_client_fail(hc_client *c, hc_status status, hc_failure *why) {
  hc_error code = code_of(status);
  /* Does nothing where there is a failure already: the first one is the cause. */
  hc_failure_set_code(why, code);
  if (!keeps_code(c, why->code)) why->code = code;
  hc_client_keep(c, why); /* what is ended below may be a script's, and ask for it */
  hc_client_end_content(c); /* only now, since keeps_code asks it */
  c->timed_out_unreported = why->code == HC_ERR_TIMEOUT;
  c->status = status;
  hc_exchange *x = c->place.exchange;
  hc_connection *n = c->place.connection;
  /* An exchange takes its connection along where that can't go on without it, as in HTTP/1.1.
   * Between two exchanges it is the connection itself that has failed. It may be draining, though:
   * then the client has only found out that there is no way on for it, while the requests of others
   * are still answered. */
  bool others_go_on = n->state == HC_CONNECTION_DRAINING && hc_connection_is_shared(n);
  if (x && x->is_under_way) hc_exchange_cancel(x, why);
  else if (!others_go_on) hc_connection_fail(n, why);
}

hc_error hc_client_tell_end(hc_client *c) {
  if (!c->timed_out_unreported) return code_of(c->status);
  c->timed_out_unreported = false;
  return HC_ERR_TIMEOUT;
}

hc_progress hc_client_finish(hc_client *c, hc_failure *why) {
  hc_client_end_content(c);
  if (hc_exchange_finish(c->place.exchange, why) == HC_BROKEN) {
    hc_client_fail(c, HC_STATUS_CONNECTION_ERROR, why);
    return HC_BROKEN;
  }
  /* After a 101 and in a tunnel the client stays CONNECTED, for the script that has the stream. */
  hc_connection_state state = c->place.connection->state;
  bool goes_on = state == HC_CONNECTION_OPEN || state == HC_CONNECTION_UPGRADED;
  c->status = goes_on ? HC_STATUS_CONNECTED : HC_STATUS_DISCONNECTED;
  return HC_DONE;
}

void hc_client_clear(hc_client *c) {
  hc_connection *n = c->place.connection;
  if (n) hc_connection_forget_shown(n);
  if (c->is_clear) return; /* a connect closes first: for a new client that is for nothing */
  hc_client_end_content(c);
  /* What is its own alone is closed and kept, with the memory of a usual head, for the next one. */
  if (n && hc_connection_is_shared(n)) hc_connection_leave(&c->place);
  else if (n) hc_connection_close(n);
  if (c->failure) hc_failure_clear(c->failure);
  c->failed_with = HC_OK;
  c->timed_out_unreported = false;
  c->status = HC_STATUS_DISCONNECTED;
  c->is_clear = true;
  hc_place_notice(&c->place);
}
