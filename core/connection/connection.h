/* connection.h - one way to a server, from the first step to its end, and the exchanges that are on
 * it.
 *
 * A connection owns its stream, the walk that makes it, and what must be known of the server to
 * write a request. It says whether it can take a request and whether it survived one; it has no
 * statuses, and it does not know who uses it. What differs between the versions of HTTP is in
 * its protocol. For HTTP/1.1 the exchange is embedded: a request costs no allocation. A closed
 * connection keeps the answers and the memory of a usual head, since whoever asks again soon
 * will need both. */
#ifndef HC_CONNECTION_H
#define HC_CONNECTION_H

#include "../base/internal.h"
#include "../connect/walk.h"
#include "h1_exchange.h"
#include "place.h"

HC_INTERNAL_BEGIN

typedef enum hc_connection_state {
  /* never opened, closed, or at its end; the answers may still be read */
  HC_CONNECTION_CLOSED,
  HC_CONNECTION_CONNECTING, /* the walk is under way */
  HC_CONNECTION_OPEN, /* it takes requests, as many as its protocol has room for */
  HC_CONNECTION_DRAINING, /* it takes no more, and ends when those under way have */
  /* after a 101, or a tunnel: what comes is no HTTP of ours, and nobody watches it */
  HC_CONNECTION_UPGRADED
} hc_connection_state;

/* A poller's entry for a connection: what it has of its descriptor. All but `dropped` is the
 * poller's business. */
typedef struct hc_watch {
  /* The descriptor is about to be closed, or interests nobody any more. NULL: none is watched. */
  void (*dropped)(struct hc_watch *w);
  hc_stream_watcher watcher;
  void *poller;
  hc_handle fd;
  unsigned events;
  uint32_t slot;
} hc_watch;

struct hc_connection {
  hc_connection_state state;
  bool is_usable; /* the stream's advance has said OK */
  bool was_used; /* an exchange on it is complete: what comes then comes between two */
  /* nobody has looked since the start: a near server may have answered already */
  bool has_just_begun;
  bool has_event; /* the descriptor was seen to be ready: the next look must be made ... */
  /* ... or was seen not to be, since it was emptied: it need not (one system call of 3.3 for a
   * request among 1000 connections) */
  bool is_quiet;
  bool is_shown; /* a loop that is not ours may watch the descriptor */
  hc_stream_peer *stream; /* NULL when closed */
  hc_walk *walk; /* while connecting */
  /* the block in which the texts below stand; NULL: a stream of the caller's */
  char *names;
  hc_slice host, authority; /* of the origin, without brackets; the default Host */
  hc_proxy *proxy; /* by whose way it goes; NULL: none */
  hc_auth_sent auth_sent; /* what the last request had for the proxy */
  unsigned default_port; /* that the authority leaves out */
  hc_target_form target;
  hc_party next; /* who gets the request */
  uint64_t connect_deadline;
  double connect_timeout;
  size_t references; /* the places on it, and whoever keeps it besides */
  hc_place *places;
  /* Why it ended, and while connecting in what, for those who were not there when that was found
   * out; code HC_OK: in good order. */
  hc_failure failure;
  hc_phase failed_in;
  hc_watch watch;
  hc_wire wire; /* what is to be spoken, as far as it is decided before the handshake */
  hc_version_wish version; /* what was wished for */
  size_t head_limit;
  const hc_protocol *protocol; /* never NULL */
  struct hc_h2_link *h2; /* NULL: HTTP/1.1 */
  /* the one that HTTP/1.1 can have, embedded: a request costs no allocation */
  hc_h1_exchange h1;
};

/* Was the library built with HTTP/2? */
bool hc_http2_is_built(void);
/* The connection, whose stream stands, speaks HTTP/2 from here on. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_http2_start(hc_connection *n, size_t max_header_size);

/* A closed one, with one reference. NULL: out of memory. */
hc_connection *hc_connection_new(void);
static inline void hc_connection_retain(hc_connection *n) { n->references++; }
/* The last one ends it; a stream that somebody else retains stays open. */
void hc_connection_release(hc_connection *n);

/* A place that is on no connection comes to stand on this one, which it retains. */
void hc_connection_join(hc_connection *n, hc_place *place);
/* What is under way from the place is given up, its answer forgotten. */
void hc_connection_leave(hc_place *place);
static inline bool hc_connection_is_shared(const hc_connection *n) { return n->references > 1; }
/* Is there somebody else on it than the one who asks? */
static inline bool hc_connection_is_crowded(const hc_connection *n) {
  return n->places && n->places->next;
}
/* Does a poller watch its descriptor for what comes? NULL: no. */
static inline bool hc_connection_is_watched(const hc_connection *n) {
  return n && n->watch.dropped && (n->watch.events & HC_EVENT_READ) != 0;
}
/* Something has changed for all who stand on it. */
void hc_connection_notice_all(hc_connection *n);
/* An event of the descriptor's: one advance, which notices the places that it concerns. */
void hc_connection_take_event(hc_connection *n);

/* What hc_connection_open is to do: the wish, and what no route needs. */
typedef struct hc_connection_wish {
  hc_wish way; /* what it says of a proxy comes from the next */
  hc_proxy *proxy; /* retained; NULL: none */
  /* NULL: verify against the system's store. Counts where TLS is wished for. */
  hc_tls_options *options;
  size_t head_limit; /* of a proxy's answer */
  double connect_timeout; /* seconds; 0 never */
  const hc_dial_terms *terms; /* NULL: none */
} hc_connection_wish;

/* Begins the walk on a closed connection. The wish is copied. HC_ERR_OUT_OF_MEMORY, or what the
 * route refuses: it is to be closed again. */
hc_error hc_connection_open(hc_connection *n, const hc_connection_wish *wish, hc_failure *why);
/* Goes on over a stream of the caller's (retained), open at once. HTTP/2 is spoken where it is
 * wished for (prior knowledge), or where the stream's handshake has agreed on it.
 * HC_ERR_OUT_OF_MEMORY; HC_ERR_UNAVAILABLE, not built in. */
hc_error hc_connection_adopt(hc_connection *n, hc_stream_peer *stream, hc_version_wish version,
                             size_t head_limit);
/* While connecting. DONE: open. WAIT. BROKEN, also when the connect timeout has run out: the
 * phase tells in what. */
hc_progress hc_connection_advance(hc_connection *n, hc_failure *why);
hc_phase hc_connection_phase(const hc_connection *n);

/* A stream of the caller's may have its way to go yet. DONE, WAIT, BROKEN. */
hc_progress hc_connection_make_usable(hc_connection *n, hc_failure *why);
/* Between requests nothing may come, and the stream must not end. DONE: all is quiet. WAIT: a
 * stream of the caller's is not usable yet. BROKEN. */
hc_progress hc_connection_check(hc_connection *n, hc_failure *why);

/* Whoever reads of a failure must know that it was the proxy's, where the next hop is one: puts
 * its name into the text. */
void hc_connection_name_next(const hc_connection *n, hc_failure *why);

/* Closes and releases the stream; the answers stay. All who stand on it are noticed, and hear
 * why in their next step. */
void hc_connection_drop(hc_connection *n);
void hc_connection_fail(hc_connection *n, const hc_failure *why);
/* As drop, of one that is not shared, and the answer is forgotten: ready to open again. */
void hc_connection_close(hc_connection *n);
/* Lets go of a stream that is to be used again, without closing it. */
void hc_connection_let_go(hc_connection *n);

/* After an upgrade: has something come, be it the end, for the script that owns the stream now? */
bool hc_connection_has_upgraded_bytes(const hc_connection *n);
/* What it waits for, and with it `x` (NULL: none), an exchange on it. */
void hc_connection_interest(hc_connection *n, const hc_exchange *x, hc_interest *out);
/* How many more requests it takes now. */
static inline size_t hc_connection_room(const hc_connection *n) { return n->protocol->room(n); }
/* HTTP/2: do we know how many requests the server takes at a time? */
bool hc_connection_is_settled(const hc_connection *n);
/* Begins an exchange, which is the place's from then on in place of the last; see protocol.h.
 * HC_ERR_BUSY: there is no room. */
hc_error hc_connection_begin(hc_place *place, const hc_exchange_wish *wish, hc_failure *why);

HC_INTERNAL_END

#endif
