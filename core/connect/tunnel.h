/* tunnel.h - a CONNECT with an HTTP proxy (RFC 9110 section 9.3.6): what a stream to the proxy
 * becomes a stream to the origin by. It knows a stream and the parser of heads, nothing of routes
 * or clients.
 *
 * A proxy that asks for Digest (407) is asked again, on the same connection where that goes on. */
#ifndef HC_TUNNEL_H
#define HC_TUNNEL_H

#include "../base/internal.h"
#include "../http/proxy_auth.h"
#include "../http/transcript.h"
#include "../stream/stream_peer.h"

HC_INTERNAL_BEGIN

typedef struct hc_tunnel hc_tunnel;

typedef struct hc_tunnel_wish {
  hc_slice host;         /* the origin's, as hc_host_parse gives it */
  unsigned port;
  hc_proxy_auth *auth;   /* what is said in Proxy-Authorization; lives as long as the tunnel */
  size_t head_limit;     /* of the proxy's answer, all 1xx heads together, and of the final one */
  hc_transcript *transcript; /* as auth; NULL: nobody wants to see the heads */
} hc_tunnel_wish;

/* HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tunnel_new(const hc_tunnel_wish *wish, hc_tunnel **out);
/* OK: the proxy has agreed, and what it sent behind its answer is given back to the stream. WANT_…:
 * see wants. ERROR: HC_ERR_CANT_CONNECT with what the proxy did, or HC_ERR_OUT_OF_MEMORY. */
hc_io hc_tunnel_advance(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why);
unsigned hc_tunnel_wants(const hc_tunnel *t); /* HC_EVENT_… that the last advance waits for */
/* After an ERROR: it may go better on a new connection with the proxy, where one more advance
 * begins. */
bool hc_tunnel_needs_new_stream(const hc_tunnel *t);
void hc_tunnel_delete(hc_tunnel *t); /* wipes the credentials; NULL is fine */

HC_INTERNAL_END

#endif
