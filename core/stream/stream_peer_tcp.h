/* stream_peer_tcp.h - a TCP connection as a stream peer: lookup, connection race, socket. */
#ifndef HC_STREAM_PEER_TCP_H
#define HC_STREAM_PEER_TCP_H

#include "../platform/address.h"
#include "stream_peer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hc_tcp_state {
  HC_TCP_NONE,        /* closed, or never opened */
  HC_TCP_RESOLVING,   /* the name is looked up */
  HC_TCP_CONNECTING,  /* attempts are under way */
  HC_TCP_CONNECTED,
  HC_TCP_CANT_RESOLVE,
  HC_TCP_ERROR        /* could not connect, or the connection broke */
} hc_tcp_state;

/* A closed peer with one reference; NULL when memory is out. */
hc_stream_peer *hc_tcp_new(void);
bool hc_stream_peer_is_tcp(const hc_stream_peer *peer);

/* Closes what was open and starts. `host`: a name or literal as hc_host_parse gives it (no brackets). A literal goes
 * straight to CONNECTING. Network failures show in hc_stream_peer_advance: HC_ERR_CANT_RESOLVE, HC_ERR_CANT_CONNECT.
 * HC_ERR_OUT_OF_MEMORY here. */
hc_error hc_tcp_connect(hc_stream_peer *peer, hc_slice host, unsigned port, hc_failure *why);
hc_tcp_state hc_tcp_get_state(const hc_stream_peer *peer);
hc_slice hc_tcp_host(const hc_stream_peer *peer);  /* as given to connect; "" before */
unsigned hc_tcp_port(const hc_stream_peer *peer);
/* False when not connected. */
bool hc_tcp_remote_address(const hc_stream_peer *peer, hc_address *address);
bool hc_tcp_local_address(const hc_stream_peer *peer, hc_address *address);
/* Nagle's algorithm is off at first: small sends go out at once. Either is kept for the next connect too. */
void hc_tcp_send_at_once(hc_stream_peer *peer);
void hc_tcp_gather_small_sends(hc_stream_peer *peer);

#ifdef __cplusplus
}
#endif

#endif
