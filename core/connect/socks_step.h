/* socks_step.h - a SOCKS 5 proxy as a step of a way: it looks the host's name up where that is ours
 * to do, and carries a conversation (socks5.h) over the stream to the proxy.
 *
 * It knows a stream and the resolver, nothing of who walks or of HTTP. After an ERROR either a new
 * stream is wanted, or it is over. */
#ifndef HC_SOCKS_STEP_H
#define HC_SOCKS_STEP_H

#include "../base/internal.h"
#include "../net/dial_terms.h"
#include "../stream/stream_peer.h"
#include "route.h"

HC_INTERNAL_BEGIN

typedef struct hc_socks_step hc_socks_step;

/* The texts live as long as the step. */
typedef struct hc_socks_wish {
  hc_slice host; /* the origin's, as hc_host_parse gives it */
  unsigned port;
  hc_lookup_by lookup;
  hc_slice user, password;
  /* asked for each address that is known here before the proxy is told it; NULL: nobody is */
  hc_address_filter allow;
  void *context;
} hc_socks_wish;

/* A lookup begins at once, so that it goes on while the proxy is connected to.
 * HC_ERR_INVALID_PARAMETER, what SOCKS has no way to say; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_socks_step_new(const hc_socks_wish *wish, hc_socks_step **out, hc_failure *why);
/* OK: the stream leads to the host. WANT_…: see interest. ERROR: HC_ERR_CANT_RESOLVE,
 * HC_ERR_CANT_CONNECT, HC_ERR_OUT_OF_MEMORY, and what hc_dial_terms_apply says. */
hc_io hc_socks_step_advance(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why);
/* After an ERROR: the host has another address. On a new connection with the proxy one more advance
 * tries that. */
bool hc_socks_step_needs_new_stream(const hc_socks_step *s);
/* Is it the host's name, and not the proxy, that it deals with now? */
bool hc_socks_step_looks_up(const hc_socks_step *s);
/* Changes what the stream waits for where this step waits for something else. */
void hc_socks_step_interest(const hc_socks_step *s, hc_interest *out);
void hc_socks_step_delete(hc_socks_step *s); /* NULL is fine */

HC_INTERNAL_END

#endif
