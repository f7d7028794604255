/* client_sleep.c - what a client waits for, and the sleep of calls that block.
 *
 * Everything that waits asks hc_client_waits_for: the client's own wait, blocking mode, a poller,
 * and, by way of hc_client_interest, event loops of others. Its answer has the timeouts in it, as
 * deadlines, so whoever sleeps wakes for them as for an event.
 *
 * In blocking mode poll and the reads sleep here, until they are done. A host that must not be away
 * for so long has them come back after a slice (HC_SETTING_IN_SLICES), sees that the call is
 * unfinished, and makes it again: so the bindings let signals and debug hooks of Lua run.
 *
 * It knows the state of the client and the connection's interest, and moves nothing: the calls that
 * sleep here do the steps between two sleeps themselves. */
#include "../base/limits.h"
#include "../platform/wait.h"
#include "client_state.h"

void hc_client_waits_for(hc_client *c, hc_interest *out) {
  *out = (hc_interest){HC_NO_HANDLE, 0, false, HC_NEVER};
  switch (c->status) {
  case HC_STATUS_RESOLVING:
  case HC_STATUS_CONNECTING:
  case HC_STATUS_CONNECTED: hc_connection_interest(c->place.connection, NULL, out); break;
  case HC_STATUS_REQUESTING:
  case HC_STATUS_BODY:
    hc_connection_interest(c->place.connection, c->place.exchange, out);
    /* What is decoded and not read yet lies in the client: the descriptor knows nothing of it. */
    if (c->content && hc_decoded_is_readable(c->content)) out->ready = true;
    break;
  /* There is nothing to wait for, and a loop that waits all the same would never end. */
  case HC_STATUS_DISCONNECTED:
  case HC_STATUS_CANT_RESOLVE:
  case HC_STATUS_CANT_CONNECT:
  case HC_STATUS_CONNECTION_ERROR:
  case HC_STATUS_TLS_HANDSHAKE_ERROR: out->ready = true; break;
  }
}

void hc_client_interest(hc_client *c, hc_interest *out) {
  /* A loop that is not ours sees the descriptor alone. So the connection reads ahead modestly from
   * here on: what it had taken off the stream could not wake that loop. */
  if (c->place.connection) hc_connection_note_shown(c->place.connection);
  if (c->at_work) {
    *out = (hc_interest){HC_NO_HANDLE, 0, false, hc_clock_now() + HC_BLIND_STEP_NS};
    return;
  }
  hc_client_begin(c); /* a stream of the host's is asked by calling its methods */
  hc_client_waits_for(c, out);
  hc_client_end(c);
}

hc_error hc_client_sleep_for(const hc_interest *interest, uint64_t deadline, bool *event) {
  uint64_t until = hc_clock_earlier(deadline, interest->deadline);
  size_t count = 0;
  *event = false;
  /* A lookup on a thread, or a stream of the host's without a descriptor, shows itself to whoever
   * looks, and to nobody else. */
  if (interest->fd == HC_NO_HANDLE && interest->deadline == HC_NEVER)
    until = hc_clock_earlier(until, hc_clock_now() + HC_BLIND_STEP_NS);
  hc_wait_entry entry = {interest->fd, interest->events, 0};
  hc_error code = hc_wait(&entry, 1, until, &count);
  *event = count > 0;
  return code;
}

/* --- blocking mode */

/* The end of a slice stands in the exchange, since receives that sleep in the kernel have to keep
 * it as well. */
void hc_client_begin_slice(hc_client *c) {
  bool is_sliced = c->settings.blocking && c->settings.in_slices;
  if (is_sliced) hc_exchange_sleep_sliced(c->place.exchange);
  else hc_exchange_sleep_whole(c->place.exchange);
  c->is_unfinished = false;
}

bool hc_client_slice_is_over(hc_client *c) {
  uint64_t until = hc_slice_end(&c->place.exchange->sleep_until);
  c->is_unfinished = until != HC_NEVER && hc_clock_now() >= until;
  return c->is_unfinished;
}

bool hc_client_is_unfinished(const hc_client *c) { return c->is_unfinished; }

bool hc_client_sleep(hc_client *c) {
  hc_interest interest;
  bool event;
  if (hc_client_slice_is_over(c)) return false;
  hc_client_waits_for(c, &interest);
  if (interest.ready) return true;
  return hc_client_sleep_for(&interest, c->place.exchange->sleep_until, &event) == HC_OK;
}
