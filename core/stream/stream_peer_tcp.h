/* stream_peer_tcp.h - a TCP connection as a stream peer: lookup, connection race, socket. How to
 * make and use one is public: stream.h. */
#ifndef HC_STREAM_PEER_TCP_H
#define HC_STREAM_PEER_TCP_H

#include "../base/internal.h"
#include "../platform/address.h"
#include "stream_peer.h"

HC_INTERNAL_BEGIN

/* False when not connected. */
bool hc_tcp_remote_address(const hc_stream_peer *peer, hc_address *address);
bool hc_tcp_local_address(const hc_stream_peer *peer, hc_address *address);

HC_INTERNAL_END

#endif
