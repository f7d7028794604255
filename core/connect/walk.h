/* walk.h - goes along a route: each step takes the stream below and gives the stream above, until
 * the last one stands.
 *
 * The walk knows streams and how each kind of hop is taken; it does not know who walks, nor for how
 * long he waits. What a step was about when it failed, or is about now, is its phase; the client
 * has a status for each. */
#ifndef HC_WALK_H
#define HC_WALK_H

#include "../base/internal.h"
#include "../http/transcript.h"
#include "../net/dial_terms.h"
#include "../stream/stream_peer.h"
#include "../stream/tls/tls_options.h"
#include "proxy.h"
#include "route.h"

HC_INTERNAL_BEGIN

typedef enum hc_phase {
  HC_PHASE_LOOKUP,     /* a name is looked up */
  HC_PHASE_CONNECT,    /* the network, and the proxy's part, TLS with it too */
  HC_PHASE_HANDSHAKE   /* TLS with the origin */
} hc_phase;

typedef struct hc_walk hc_walk;

typedef struct hc_walk_wish {
  hc_proxy *proxy;           /* NULL: none; kept by the caller as long as the walk */
  /* for the handshake with the origin; NULL: none will be needed. Retained */
  hc_tls_options *options;
  size_t head_limit;         /* of a proxy's answer */
  hc_transcript *transcript; /* for the heads of CONNECT. Retained; NULL: none */
  const hc_dial_terms *terms; /* of all addresses that are connected to; copied. NULL: none */
} hc_walk_wish;

/* Takes the first step as far as that needs no waiting. *stream is the caller's from then on, and
 * the walk changes it for the one above as it goes. The texts of the wish live as long as the walk.
 * HC_ERR_OUT_OF_MEMORY, or what the route or the first step refuses. Where it fails *out may be
 * set, and so may *stream: both are the caller's to end. */
hc_error hc_walk_start(const hc_walk_wish *wish, const hc_route *route, hc_walk **out,
                       hc_stream_peer **stream, hc_failure *why);
/* OK: all steps are done and *stream can be used. ERROR. */
hc_io hc_walk_advance(hc_walk *w, hc_stream_peer **stream, hc_failure *why);
hc_phase hc_walk_phase(const hc_walk *w);
bool hc_walk_is_with_proxy(const hc_walk *w); /* is it a proxy that the present step deals with? */
/* Will it ask code of the host's? Only whoever gave the terms knows how long that lives. */
bool hc_walk_asks(const hc_walk *w);
/* What the present step waits for. */
void hc_walk_interest(const hc_walk *w, hc_stream_peer *stream, hc_interest *out);
void hc_walk_delete(hc_walk *w); /* NULL is fine */

HC_INTERNAL_END

#endif
