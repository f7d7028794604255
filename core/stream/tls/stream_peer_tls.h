/* stream_peer_tls.h - TLS as a stream peer over any other stream peer (RFC 8446, RFC 5246; SNI RFC
 * 6066; names RFC 9525). How to make and use one is public: tls.h.
 *
 * A TLS stream never writes to the stream below behind its back: reads and writes go through its
 * table, so that TLS runs in TLS. */
#ifndef HC_STREAM_PEER_TLS_H
#define HC_STREAM_PEER_TLS_H

#include "../../base/internal.h"
#include "../stream_peer.h"
#include "tls_options.h"

HC_INTERNAL_BEGIN

/* Behind hc_tls_connect, before the first advance: what is offered by ALPN in place of the options'
 * list, as on the wire (RFC 7301 section 3.1: each name behind its length). Static text.
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_offer_alpn(hc_stream_peer *peer, hc_slice list);

/* Fills *out with texts that are allocated, see free. HC_ERR_UNAVAILABLE before the handshake is
 * done; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_peer_certificate(const hc_stream_peer *peer, hc_peer_certificate *out,
                                 hc_failure *why);
void hc_peer_certificate_free(hc_peer_certificate *c); /* the texts, not *c */

HC_INTERNAL_END

#endif
