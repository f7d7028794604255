/* tcp_opening.h - the way of a TCP stream to its socket: the lookup, which addresses are admitted,
 * the race over them; or the way to a Unix socket.
 *
 * It is a part of the stream (stream_peer_tcp.c), and has no state that anybody sees: each function
 * says how far it has come, and the stream makes its own state of that. */
#ifndef HC_TCP_OPENING_H
#define HC_TCP_OPENING_H

#include "../base/internal.h"
#include "../net/connector.h"
#include "../net/resolver.h"
#include "../net/unix_connector.h"
#include "stream_peer_tcp.h"

HC_INTERNAL_BEGIN

/* What is asked of the addresses, until the race over them begins. */
typedef struct hc_tcp_terms {
  hc_dial_terms dial;
  bool asks; /* the terms' own code is running: nothing moves meanwhile */
  size_t known_count; /* those that need no lookup, while they have not been looked at */
  hc_address known[HC_LOCALHOST_ADDRESSES];
} hc_tcp_terms;

/* Zeroed: nothing is under way. One at most of lookup, connector and unix_connector is set. */
typedef struct hc_tcp_opening {
  hc_lookup *lookup; /* NULL until a worker is had, and for names that need none */
  hc_connector *connector;
  hc_unix_connector *unix_connector;
  hc_tcp_terms *terms; /* until there is a connector; NULL: none */
} hc_tcp_opening;

/* Of one that is zeroed or ended. *state is how the stream begins, RESOLVING or CONNECTING, and is
 * left alone on failure. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tcp_opening_start(hc_tcp_opening *o, hc_slice host, unsigned port,
                              const hc_dial_terms *terms, hc_tcp_state *state, hc_failure *why);
/* The same, with what may be wrong with the path (hc_unix_path_check). */
hc_error hc_tcp_opening_start_unix(hc_tcp_opening *o, hc_slice path, hc_tcp_state *state,
                                   hc_failure *why);
/* Moves it on, with the host and port that it was started with; not while it is asking. WANT_…:
 * *state is RESOLVING or CONNECTING. OK: CONNECTED,
 * and *socket is the caller's. ERROR: CANT_RESOLVE or ERROR, by where it failed; or NONE: the
 * host's code has closed the stream while it was asked, and what stands in it now is not of this
 * opening. */
hc_io hc_tcp_opening_advance(hc_tcp_opening *o, hc_slice host, unsigned port, hc_socket *socket,
                             hc_tcp_state *state, hc_failure *failure);
/* Is code of the host's running that was asked about an address? */
bool hc_tcp_opening_is_asking(const hc_tcp_opening *o);
/* False, and *out is left alone: it waits for nothing. */
bool hc_tcp_opening_interest(const hc_tcp_opening *o, hc_interest *out);
/* See hc_tcp_forget_filter. */
void hc_tcp_opening_forget_filter(hc_tcp_opening *o);
/* Lets go of what is under way, from every state. */
void hc_tcp_opening_end(hc_tcp_opening *o);

HC_INTERNAL_END

#endif
