/* tcp_opening.c - the way of a TCP stream to its socket. See tcp_opening.h.
 *
 * A name is looked up on a thread, the caller's terms say which of its addresses are admitted, and
 * the race over these gives a socket. Nothing here is known to a stream any more that has one. */
#include "tcp_opening.h"

#include <string.h>

#include "../base/memory.h"
#include "../platform/clock.h"
#include "../platform/wait.h"

/* To ask again after, when no descriptor is left to wait for a lookup on. */
#define BLIND_INTERVAL_NS_TCP 10000000u
/* And where there is one, but the signal on it may be lost. */
#define DOUBT_INTERVAL_NS 100000000u

/* Memory that ran out is no word about the name or the address, so the state is the general one. */
static hc_io opening_out_of_memory(hc_tcp_state *state, hc_failure *failure) {
  *state = HC_TCP_ERROR;
  hc_failure_out_of_memory(failure);
  return HC_IO_ERROR;
}

/* They have done their work when the race begins: they say which addresses, not what then. */
static void forget_terms(hc_tcp_opening *o) {
  hc_memory_release(o->terms);
  o->terms = NULL;
}

/* The connector copies the addresses and `local`, so the terms can go at once. */
static hc_error start_connector(hc_tcp_opening *o, const hc_address *addresses, size_t count,
                                hc_failure *why) {
  const hc_address *local =
      o->terms && o->terms->dial.local.size > 0 ? &o->terms->dial.local : NULL;
  hc_error error =
      hc_connector_start_from(local, addresses, count, hc_clock_now(), &o->connector, why);
  forget_terms(o);
  return error;
}

/* The race, over those of the addresses that the terms admit. They may ask code of the host's,
 * which can close this stream: then nothing of it is touched any more. The terms are the mark of
 * that, since whoever asks by them frees them, and no others can stand at their address before. */
static hc_io race(hc_tcp_opening *o, hc_address *addresses, size_t count, hc_tcp_state *state,
                  hc_failure *failure) {
  hc_tcp_terms *terms = o->terms;
  if (terms) {
    terms->asks = true;
    hc_error error = hc_dial_terms_apply(&terms->dial, addresses, &count, failure);
    bool is_closed = o->terms != terms;
    terms->asks = false;
    if (is_closed) {
      hc_memory_release(terms);
      *state = HC_TCP_NONE;
      hc_failure_clear(failure);
      hc_failure_set(failure, HC_ERR_UNCONFIGURED, "closed while its address was asked for");
      return HC_IO_ERROR;
    }
    *state = HC_TCP_ERROR;
    if (error != HC_OK) return HC_IO_ERROR;
  }
  if (start_connector(o, addresses, count, NULL) != HC_OK)
    return opening_out_of_memory(state, failure);
  *state = HC_TCP_CONNECTING;
  return HC_IO_OK;
}

/* Addresses that needed no lookup. */
static hc_io race_known(hc_tcp_opening *o, hc_tcp_state *state, hc_failure *failure) {
  hc_address addresses[HC_LOCALHOST_ADDRESSES];
  size_t count = o->terms->known_count;
  memcpy(addresses, o->terms->known, sizeof addresses);
  o->terms->known_count = 0;
  return race(o, addresses, count, state, failure);
}

/* A lookup that could not begin when the stream was told to connect begins here, in the next
 * advance, and if it fails again its reason is the stream's. */
static hc_io look_up(hc_tcp_opening *o, hc_slice host, unsigned port, hc_address **addresses,
                     size_t *count, hc_failure *failure) {
  if (!o->lookup && hc_lookup_start(host, port, &o->lookup, failure) != HC_OK) return HC_IO_ERROR;
  return hc_lookup_poll(o->lookup, addresses, count, failure);
}

/* A lookup can't be called off. Its worker frees what comes late. */
static void forget_lookup(hc_tcp_opening *o) {
  hc_lookup_forget(o->lookup);
  o->lookup = NULL;
}

/* A name without addresses is CANT_RESOLVE; that memory was out says nothing about the name. */
static hc_io advance_lookup(hc_tcp_opening *o, hc_slice host, unsigned port, hc_tcp_state *state,
                            hc_failure *failure) {
  hc_address *addresses;
  size_t count;
  hc_io io = look_up(o, host, port, &addresses, &count, failure);
  *state = HC_TCP_RESOLVING;
  if (io == HC_IO_WANT_READ) return io;
  if (io == HC_IO_OK) {
    io = race(o, addresses, count, state, failure);
    hc_memory_release(addresses);
  } else {
    *state = failure->code == HC_ERR_OUT_OF_MEMORY ? HC_TCP_ERROR : HC_TCP_CANT_RESOLVE;
  }
  /* Only now, when the first attempt has its descriptor: so that its number is not the one of the
   * lookup's, which an event loop may still hold. Closed meanwhile it has none any more. */
  if (*state != HC_TCP_NONE) forget_lookup(o);
  return io;
}

/* Whatever it came to, its end is its last word: the socket is the stream's, or there is none. */
static hc_io advance_unix_connector(hc_tcp_opening *o, hc_socket *socket, hc_failure *failure) {
  hc_io io = hc_unix_connector_poll(o->unix_connector, hc_clock_now(), socket, failure);
  if (io == HC_IO_WANT_WRITE) return io;
  hc_unix_connector_delete(o->unix_connector);
  o->unix_connector = NULL;
  return io;
}

/* As of the Unix socket's. Attempts that have lost the race are closed with the connector. */
static hc_io advance_connector(hc_tcp_opening *o, hc_socket *socket, hc_failure *failure) {
  hc_io io = hc_connector_poll(o->connector, hc_clock_now(), socket, failure);
  if (io == HC_IO_WANT_WRITE) return io;
  hc_connector_delete(o->connector);
  o->connector = NULL;
  return io;
}

/* From one stage straight on to the next, where that needs no waiting: the first attempt may be
 * connected before this returns, as over a Unix socket. */
hc_io hc_tcp_opening_advance(hc_tcp_opening *o, hc_slice host, unsigned port, hc_socket *socket,
                             hc_tcp_state *state, hc_failure *failure) {
  hc_io io = HC_IO_OK;
  if (o->terms && o->terms->known_count > 0) io = race_known(o, state, failure);
  else if (!o->connector && !o->unix_connector) io = advance_lookup(o, host, port, state, failure);
  if (io != HC_IO_OK) return io;
  io = o->unix_connector ? advance_unix_connector(o, socket, failure)
                         : advance_connector(o, socket, failure);
  *state = io == HC_IO_OK           ? HC_TCP_CONNECTED
           : io == HC_IO_WANT_WRITE ? HC_TCP_CONNECTING
                                    : HC_TCP_ERROR;
  return io;
}

/* Most connections have none, and are spared the block. `context` of the filter stays the caller's
 * and must live until the opening ends, or until it is told to forget the filter. */
static hc_error take_terms(hc_tcp_opening *o, const hc_dial_terms *terms, hc_failure *why) {
  if (!terms || !hc_dial_terms_are_set(terms)) return HC_OK;
  o->terms = hc_memory_allocate_zeroed(1, sizeof *o->terms);
  if (!o->terms) return hc_failure_out_of_memory(why);
  o->terms->dial = *terms;
  return HC_OK;
}

/* Addresses that need no lookup. With terms they are looked at in the first advance, since the host
 * may be asked, and connect runs none of its code. */
static hc_error start_known(hc_tcp_opening *o, const hc_address *addresses, size_t count,
                            hc_failure *why) {
  if (!o->terms) return start_connector(o, addresses, count, why);
  o->terms->known_count = count;
  memcpy(o->terms->known, addresses, count * sizeof *addresses);
  return HC_OK;
}

hc_error hc_tcp_opening_start(hc_tcp_opening *o, hc_slice host, unsigned port,
                              const hc_dial_terms *terms, hc_tcp_state *state, hc_failure *why) {
  hc_address addresses[HC_LOCALHOST_ADDRESSES];
  hc_error error = take_terms(o, terms, why);
  if (error != HC_OK) return error;
  bool is_address = hc_address_from_literal(host, port, &addresses[0]);
  size_t count = is_address ? 1 : hc_localhost_addresses(host, port, addresses);
  if (count > 0) error = start_known(o, addresses, count, why);
  /* A name that can not be looked up shows in advance, which asks again and has the reason. */
  else if (hc_lookup_start(host, port, &o->lookup, NULL) == HC_ERR_OUT_OF_MEMORY)
    error = hc_failure_out_of_memory(why);
  /* A name whose addresses are known is one all the same: that it was resolved shows in the first
   * advance, though the race has begun. */
  if (error == HC_OK) *state = is_address ? HC_TCP_CONNECTING : HC_TCP_RESOLVING;
  return error;
}

/* No name and no address, so terms would have nothing to be asked about. */
hc_error hc_tcp_opening_start_unix(hc_tcp_opening *o, hc_slice path, hc_tcp_state *state,
                                   hc_failure *why) {
  hc_error error = hc_unix_connector_new(path, &o->unix_connector, why);
  if (error == HC_OK) *state = HC_TCP_CONNECTING;
  return error;
}

bool hc_tcp_opening_is_asking(const hc_tcp_opening *o) { return o->terms && o->terms->asks; }

/* The descriptor is made at the first question, since whoever sleeps in no loop never asks. */
static void lookup_interest(hc_lookup *lookup, hc_interest *out) {
  out->fd = hc_lookup_handle(lookup);
  if (out->fd != HC_NO_HANDLE) out->events = HC_EVENT_READ;
  else out->deadline = hc_clock_now() + BLIND_INTERVAL_NS_TCP;
  if (out->fd != HC_NO_HANDLE && hc_signal_can_be_lost())
    out->deadline = hc_clock_now() + DOUBT_INTERVAL_NS;
}

/* One of the three at most is under way. */
bool hc_tcp_opening_interest(const hc_tcp_opening *o, hc_interest *out) {
  if (o->connector) hc_connector_interest(o->connector, &out->fd, &out->events, &out->deadline);
  else if (o->unix_connector)
    hc_unix_connector_interest(o->unix_connector, &out->fd, &out->events, &out->deadline);
  else if (o->lookup) lookup_interest(o->lookup, out);
  else return false;
  return true;
}

/* Stands in for a filter whose owner has gone. It refuses, since a connection that nobody has
 * allowed must not be made because somebody was quick to leave. */
static hc_verdict refuse_address(void *context, const char *address, unsigned port,
                                 hc_failure *why) {
  (void)context;
  (void)address;
  (void)port;
  hc_failure_set(why, HC_ERR_UNAUTHORIZED, "whoever says where to connect to is gone");
  return HC_VERDICT_FAILED;
}

void hc_tcp_opening_forget_filter(hc_tcp_opening *o) {
  if (o->terms && o->terms->dial.allow) o->terms->dial.allow = refuse_address;
}

void hc_tcp_opening_end(hc_tcp_opening *o) {
  hc_lookup_forget(o->lookup);
  hc_connector_delete(o->connector);
  hc_unix_connector_delete(o->unix_connector);
  /* whoever asks by them finds out, and frees them */
  if (o->terms && o->terms->asks) o->terms = NULL;
  forget_terms(o);
  hc_tcp_opening none = {.lookup = NULL};
  *o = none;
}
