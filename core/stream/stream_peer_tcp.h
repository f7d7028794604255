/* stream_peer_tcp.h - a TCP connection as a stream peer: lookup, connection race, socket. How to
 * make and use one is public: stream.h. */
#ifndef HC_STREAM_PEER_TCP_H
#define HC_STREAM_PEER_TCP_H

#include "../base/internal.h"
#include "../net/dial_terms.h"
#include "../platform/address.h"
#include "stream_peer.h"

HC_INTERNAL_BEGIN

/* As hc_tcp_connect, to those of the host's addresses that the terms (NULL: none) admit; what code
 * of the host's they ask, they ask in advance. */
hc_error hc_tcp_connect_on(hc_stream_peer *peer, hc_slice host, unsigned port,
                           const hc_dial_terms *terms, hc_failure *why);
/* To a Unix socket. As above, and HC_ERR_INVALID_PARAMETER, HC_ERR_UNAVAILABLE: see
 * hc_unix_path_check. */
hc_error hc_tcp_connect_unix(hc_stream_peer *peer, hc_slice path, hc_failure *why);
/* Whoever gave the terms is gone: what they would have asked of him is refused. */
void hc_tcp_forget_filter(hc_stream_peer *peer);
/* False when not connected, or not over the Internet. */
bool hc_tcp_remote_address(const hc_stream_peer *peer, hc_address *address);
bool hc_tcp_local_address(const hc_stream_peer *peer, hc_address *address);

HC_INTERNAL_END

#endif
