/* walk.c - goes along a route. See walk.h.
 *
 * A hop's step is begun over the stream that the hop before has left, and advanced until it is
 * done; what `*stream` points to then is the top of what stands. TCP and TLS make a stream; the
 * conversations with proxies leave the one there is, which from then on leads further.
 *
 * A step can want a new connection with the proxy, with all that it has learned so far. Then the
 * walk begins again at the first hop, and the step itself goes on. */
#include "walk.h"

#include "../base/memory.h"
#include "../stream/stream_peer_tcp.h"
#include "../stream/tls/stream_peer_tls.h"
#include "socks_step.h"
#include "tunnel.h"

/* The stream is not in here: it is the caller's, who has to close it whatever becomes of the
 * walk. */
struct hc_walk {
  hc_route route;
  size_t at;
  hc_phase phase;
  hc_tls_options *options;
  hc_proxy *proxy;
  size_t head_limit;
  hc_transcript *transcript;
  hc_dial_terms terms;
  hc_tunnel *tunnel;  /* from the first CONNECT on until the proxy has agreed */
  hc_socks_step *socks;  /* the same of SOCKS; its lookup begins with the walk */
  bool is_begun;      /* the present step has started */
};

/* A step is begun once, and then advanced until it is done. */
typedef struct walk_step {
  hc_error (*begin)(hc_walk *w, const hc_hop *hop, hc_stream_peer **stream, hc_failure *why);
  hc_io (*advance)(hc_walk *w, hc_stream_peer *stream, hc_failure *why);
} walk_step;

/* --- tcp */

/* In which status a failure ends hangs on how far the walk had come, and TCP is two of them: the
 * name, then the connection. */
static void note_tcp_phase(hc_walk *w, const hc_stream_peer *stream) {
  hc_tcp_state state = hc_tcp_get_state(stream);
  bool looks_up = state == HC_TCP_RESOLVING || state == HC_TCP_CANT_RESOLVE;
  w->phase = looks_up ? HC_PHASE_LOOKUP : HC_PHASE_CONNECT;
}

/* What the stream fails in later is told by advance; here only memory can be out, or what needs no
 * waiting is refused at once. */
static hc_error begin_tcp(hc_walk *w, const hc_hop *hop, hc_stream_peer **stream, hc_failure *why) {
  *stream = hc_tcp_new();
  if (!*stream) return hc_failure_out_of_memory(why);
  hc_error code = hc_tcp_connect_on(*stream, hop->host, hop->port, &w->terms, why);
  note_tcp_phase(w, *stream);
  return code;
}

/* The host of such a hop is a path. From there on it is as TCP. */
static hc_error begin_unix(hc_walk *w, const hc_hop *hop, hc_stream_peer **stream,
                           hc_failure *why) {
  (void)w;
  *stream = hc_tcp_new();
  return *stream ? hc_tcp_connect_unix(*stream, hop->host, why) : hc_failure_out_of_memory(why);
}

static hc_io advance_tcp(hc_walk *w, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = hc_stream_peer_advance(stream, why);
  note_tcp_phase(w, stream);
  return io;
}

/* --- a tunnel through an HTTP proxy */

static hc_error begin_connect(hc_walk *w, const hc_hop *hop, hc_stream_peer **stream,
                              hc_failure *why) {
  (void)stream;
  if (w->tunnel) return HC_OK; /* it wanted a new stream, and goes on there */
  hc_tunnel_wish wish = {hop->host, hop->port, &w->proxy->auth, w->head_limit, w->transcript};
  hc_error code = hc_tunnel_new(&wish, &w->tunnel);
  return code == HC_OK ? code : hc_failure_set_code(why, code);
}

/* The proxy has agreed: from the next byte on the stream is the way to the origin, and the
 * conversation is over. */
static hc_io advance_connect(hc_walk *w, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = hc_tunnel_advance(w->tunnel, stream, why);
  if (io != HC_IO_OK) return io;
  hc_tunnel_delete(w->tunnel);
  w->tunnel = NULL;
  return io;
}

/* --- a SOCKS proxy */

/* The proxy holds them, and the walk's caller holds the proxy. */
static hc_slice bytes_of(const hc_buffer *b) {
  return (hc_slice){hc_buffer_head(b), hc_buffer_size(b)};
}

/* The lookup of the origin's name (socks5, where the client does that) need not wait for the
 * connection with the proxy: both go on at once, and the walk takes as long as the slower one. */
static hc_error prepare_socks(hc_walk *w, hc_failure *why) {
  for (size_t i = 0; i < w->route.count; i++) {
    const hc_hop *hop = &w->route.hops[i];
    const hc_proxy *p = w->proxy;
    if (hop->kind != HC_HOP_SOCKS5) continue;
    hc_socks_wish wish = {
        hop->host,      hop->port,       hop->lookup, bytes_of(&p->user), bytes_of(&p->password),
        w->terms.allow, w->terms.context};
    return hc_socks_step_new(&wish, &w->socks, why);
  }
  return HC_OK;
}

/* Nothing to make: prepare_socks has made the step, and its talk begins with the first advance.
 * Where a name is still being looked up a failure is the name's. */
static hc_error begin_socks(hc_walk *w, const hc_hop *hop, hc_stream_peer **stream,
                            hc_failure *why) {
  (void)hop;
  (void)stream;
  (void)why;
  if (hc_socks_step_looks_up(w->socks)) w->phase = HC_PHASE_LOOKUP;
  return HC_OK;
}

/* The phase is set behind the advance, in which a lookup may have ended. */
static hc_io advance_socks(hc_walk *w, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = hc_socks_step_advance(w->socks, stream, why);
  w->phase = hc_socks_step_looks_up(w->socks) ? HC_PHASE_LOOKUP : HC_PHASE_CONNECT;
  if (io != HC_IO_OK) return io;
  hc_socks_step_delete(w->socks);
  w->socks = NULL;
  return io;
}

/* --- tls */

/* The caller's own list is offered where it leaves the choice. */
static hc_slice alpn_of(const hc_hop *hop, const hc_tls_options *options) {
  bool has_own = hop->party == HC_PARTY_ORIGIN && hc_tls_options_have_alpn(options);
  switch (hop->alpn) {
  case HC_ALPN_HTTP2: return HC_SLICE("\2h2");
  case HC_ALPN_BOTH: return has_own ? (hc_slice){NULL, 0} : HC_SLICE("\2h2\10http/1.1");
  case HC_ALPN_HTTP1: return HC_SLICE("\10http/1.1");
  case HC_ALPN_CALLERS: break;
  }
  return has_own ? (hc_slice){NULL, 0} : HC_SLICE("\10http/1.1");
}

/* Whichever way this fails *stream stays the stream below, which the caller closes; on success the
 * caller's reference goes over to the new one on top. */
static hc_error begin_tls(hc_walk *w, const hc_hop *hop, hc_stream_peer **stream, hc_failure *why) {
  w->phase = hop->party == HC_PARTY_ORIGIN ? HC_PHASE_HANDSHAKE : HC_PHASE_CONNECT;
  hc_tls_options *options = w->options;
  if (hop->party == HC_PARTY_PROXY && hc_proxy_tls_options(w->proxy, &options, why) != HC_OK)
    return hc_failure_out_of_memory(why);
  hc_stream_peer *tls = hc_tls_new();
  if (!tls) return hc_failure_out_of_memory(why);
  hc_error code = hc_tls_connect(tls, *stream, hop->host, hop->port, options, why);
  if (code == HC_OK && hc_tls_offer_alpn(tls, alpn_of(hop, options)) != HC_OK) {
    hc_stream_peer_release(tls); /* and what is below, which it has retained */
    return hc_failure_out_of_memory(why);
  }
  if (code != HC_OK) {
    hc_stream_peer_release(tls);
    return code;
  }
  hc_stream_peer_release(*stream); /* the TLS stream holds it now */
  *stream = tls;
  return HC_OK;
}

/* The handshake is the stream's own affair; here it is one more stream that gets ready. */
static hc_io advance_tls(hc_walk *w, hc_stream_peer *stream, hc_failure *why) {
  (void)w;
  return hc_stream_peer_advance(stream, why);
}

/* --- along the route */

/* No default: a new kind of hop has to be named here, or the compiler says so. */
static const walk_step *step_of(hc_hop_kind kind) {
  static const walk_step tcp = {begin_tcp, advance_tcp}, connect = {begin_connect, advance_connect},
                         socks5 = {begin_socks, advance_socks}, tls = {begin_tls, advance_tls},
                         local = {begin_unix, advance_tcp};
  switch (kind) {
  case HC_HOP_TCP: return &tcp;
  case HC_HOP_HTTP_CONNECT: return &connect;
  case HC_HOP_SOCKS5: return &socks5;
  case HC_HOP_TLS: return &tls;
  case HC_HOP_UNIX: return &local;
  }
  return NULL;
}

/* A phase is set here for the kinds that have one alone; the others change it as they go. */
static hc_error begin_walk(hc_walk *w, hc_stream_peer **stream, hc_failure *why) {
  const hc_hop *hop = &w->route.hops[w->at];
  const walk_step *step = step_of(hop->kind);
  w->phase = HC_PHASE_CONNECT;
  w->is_begun = true;
  if (!step) return hc_failure_set(why, HC_ERR_UNAVAILABLE, "this way to a server is not built in");
  return step->begin(w, hop, stream, why);
}

/* *out is set also where a step fails at once, for the caller asks the walk in which phase that
 * was, and deletes it. */
hc_error hc_walk_start(const hc_walk_wish *wish, const hc_route *route, hc_walk **out,
                       hc_stream_peer **stream, hc_failure *why) {
  hc_walk *w = hc_memory_allocate_zeroed(1, sizeof *w);
  if (!w) return hc_failure_out_of_memory(why);
  w->route = *route;
  w->proxy = wish->proxy;
  w->head_limit = wish->head_limit;
  w->transcript = hc_transcript_retain(wish->transcript);
  if (wish->terms) w->terms = *wish->terms;
  if (wish->options) w->options = hc_tls_options_retain(wish->options);
  *out = w;
  hc_error code = prepare_socks(w, why);
  return code == HC_OK ? begin_walk(w, stream, why) : code;
}

/* Does the present step go on over another connection with the proxy? */
static bool needs_new_stream(const hc_walk *w) {
  switch (w->route.hops[w->at].kind) {
  case HC_HOP_HTTP_CONNECT: return hc_tunnel_needs_new_stream(w->tunnel);
  case HC_HOP_SOCKS5: return hc_socks_step_needs_new_stream(w->socks);
  case HC_HOP_TCP:
  case HC_HOP_TLS:
  case HC_HOP_UNIX: break;
  }
  return false;
}

/* From the first hop on. The old stream is closed behind the new one's start, so that its
 * descriptor, which an event loop may still hold, is not at once another one's. */
static hc_error start_again(hc_walk *w, hc_stream_peer **stream, hc_failure *why) {
  hc_stream_peer *before = *stream;
  *stream = NULL;
  hc_failure_clear(why);
  w->at = 0;
  hc_error code = begin_walk(w, stream, why);
  hc_stream_peer_close(before);
  hc_stream_peer_release(before);
  return code;
}

/* As many steps as get done without waiting, in one call: on a local network a whole tunnel may
 * stand by then. */
hc_io hc_walk_advance(hc_walk *w, hc_stream_peer **stream, hc_failure *why) {
  while (w->at < w->route.count) {
    if (!w->is_begun && begin_walk(w, stream, why) != HC_OK) return HC_IO_ERROR;
    hc_io io = step_of(w->route.hops[w->at].kind)->advance(w, *stream, why);
    if (io == HC_IO_ERROR && needs_new_stream(w)) {
      if (start_again(w, stream, why) != HC_OK) return HC_IO_ERROR;
      continue;
    }
    if (io != HC_IO_OK) return io;
    w->at++;
    w->is_begun = false;
  }
  return HC_IO_OK;
}

hc_phase hc_walk_phase(const hc_walk *w) { return w->phase; }

/* Whose fault it is, in words: a name that can't be resolved is the origin's even while the hop is
 * one of the proxy's. */
bool hc_walk_is_with_proxy(const hc_walk *w) {
  bool is_about_host = w->socks && w->phase == HC_PHASE_LOOKUP &&
                       hc_socks_step_looks_up(w->socks) &&
                       w->route.hops[w->at].kind == HC_HOP_SOCKS5;
  return !is_about_host && w->at < w->route.count && w->route.hops[w->at].party == HC_PARTY_PROXY;
}

/* True: the walk has the client's filter of addresses, and whoever lets go of the client has to
 * know. */
bool hc_walk_asks(const hc_walk *w) { return w->terms.allow; }

/* A conversation with a proxy knows better than the stream below whether it reads or writes; the
 * descriptor is that stream's all the same. */
void hc_walk_interest(const hc_walk *w, hc_stream_peer *stream, hc_interest *out) {
  hc_stream_peer_interest(stream, out);
  if (w->at == w->route.count) return;
  hc_hop_kind kind = w->route.hops[w->at].kind;
  if (kind == HC_HOP_HTTP_CONNECT && w->tunnel) out->events = hc_tunnel_wants(w->tunnel);
  if (kind == HC_HOP_SOCKS5) hc_socks_step_interest(w->socks, out);
}

/* The stream goes on without it: what the walk has made is below that now. The proxy is not
 * released, since it was not retained. */
void hc_walk_delete(hc_walk *w) {
  if (!w) return;
  hc_tunnel_delete(w->tunnel);
  hc_socks_step_delete(w->socks);
  hc_tls_options_release(w->options);
  hc_transcript_release(w->transcript);
  hc_memory_release(w);
}
