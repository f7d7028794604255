/* connection.h - one connection to a server, from its first step to its end, and the exchanges on
 * it.
 *
 * A connection owns its stream, the walk that sets it up, and what has to be known about the server
 * to write a request. It can say whether it takes a request and whether it survived one. It has no
 * statuses and doesn't know who uses it. Where the versions of HTTP differ, it asks its protocol.
 * The exchange of HTTP/1.1 is embedded, so a request costs no allocation. A closed connection keeps
 * its answer, which may still be read, and the memory of a usual head for the next one. */
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
  HC_CONNECTION_OPEN, /* takes as many requests as its protocol has room for */
  HC_CONNECTION_DRAINING, /* takes no more requests, and ends with the last one under way */
  /* after a 101, or as a tunnel: the bytes belong to the script, and aren't looked at here */
  HC_CONNECTION_UPGRADED
} hc_connection_state;

/* What a poller remembers about a connection's descriptor. All but `dropped` is for the poller
 * alone. */
typedef struct hc_watch {
  /* Called before the descriptor is closed, or when nobody needs it any more. NULL: not watched. */
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
  bool was_used; /* an exchange is complete: bytes that come now come between two */
  /* nobody has looked since it was begun, and a near server may have answered by now: the first
   * wait looks before it sleeps (saves one system call of 6 for a connection to a server on this
   * host) */
  bool has_just_begun;
  /* Two hints of whoever waits for the descriptor; the next step of a client takes them back. It
   * was seen to be ready, so the next look has to be made ... */
  bool has_event;
  /* ... or was seen empty, so it can be left out (saves one system call of 3.3 for a request among
   * 1000 connections) */
  bool is_quiet;
  bool is_shown; /* a loop that is not ours may watch the descriptor */
  hc_stream_peer *stream; /* NULL when closed */
  hc_walk *walk; /* while connecting */
  /* the block in which the texts below stand; NULL: a stream of the caller's */
  char *names;
  hc_slice host, authority; /* the origin's name, without brackets; the default Host */
  hc_proxy *proxy; /* the proxy it goes through; NULL: none */
  hc_auth_sent auth_sent; /* the credentials for the proxy in the last request */
  unsigned default_port; /* the port that the authority leaves out */
  hc_target_form target;
  hc_party next; /* who reads the request first */
  uint64_t connect_deadline;
  double connect_timeout;
  size_t references; /* one for each place on it, and one for each other owner */
  hc_place *places;
  /* Why it ended, and in which phase of connecting, for clients that come by later. HC_OK: there
   * was no failure. The sentence has memory of its own, since few connections need one; NULL: there
   * was none, and the code's own sentence has to do. */
  hc_error failed_with;
  hc_phase failed_in;
  char *failed_how;
  hc_watch watch;
  hc_wire wire; /* what will be spoken, as far as that is known before the handshake */
  hc_version_wish version; /* what the caller asked for */
  size_t head_limit;
  const hc_protocol *protocol; /* never NULL */
  struct hc_h2_link *h2; /* NULL: HTTP/1.1 */
  /* HTTP/1.1 has one exchange at a time, which needs no allocation here */
  hc_h1_exchange h1;
};

/* --- what others tell a connection; its fields are written here and in its two files alone */

/* Of whoever waits for the descriptor: it is ready, or there is nothing. */
static inline void hc_connection_note_event(hc_connection *n) { n->has_event = true; }
static inline void hc_connection_note_quiet(hc_connection *n) { n->is_quiet = true; }
/* The step for which the hints were meant is done. */
static inline void hc_connection_forget_hints(hc_connection *n) {
  n->has_event = n->is_quiet = n->has_just_begun = false;
}
static inline void hc_connection_note_shown(hc_connection *n) { n->is_shown = true; }
static inline void hc_connection_forget_shown(hc_connection *n) { n->is_shown = false; }
/* Of whoever writes the request for a proxy. */
static inline void hc_connection_note_auth(hc_connection *n, hc_auth_sent sent) {
  n->auth_sent = sent;
}
/* Of the protocol: an exchange is complete ... */
static inline void hc_connection_note_used(hc_connection *n) { n->was_used = true; }
/* ... no more requests are taken ... */
static inline void hc_connection_drain(hc_connection *n) { n->state = HC_CONNECTION_DRAINING; }
/* ... the bytes are the script's from here on, after an upgrade ... */
static inline void hc_connection_hand_over(hc_connection *n) { n->state = HC_CONNECTION_UPGRADED; }
/* ... or the script has had what it wanted, and makes requests again. */
static inline void hc_connection_take_back(hc_connection *n) { n->state = HC_CONNECTION_OPEN; }
/* What HTTP/2 has beside the stream: made and freed by h2_protocol.c, and NULL when it is gone. */
static inline void hc_connection_hold_link(hc_connection *n, struct hc_h2_link *link) {
  n->h2 = link;
}
/* Another protocol, of whose room nobody has been told. */
static inline void hc_connection_speak(hc_connection *n, const hc_protocol *protocol) {
  n->protocol = protocol;
  for (hc_place *p = n->places; p; p = p->next) hc_place_forget_room(p);
}

/* --- its life */

/* Was the library built with HTTP/2? */
bool hc_http2_is_built(void);
/* From here on the connection, whose stream is ready, speaks HTTP/2. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_http2_start(hc_connection *n, size_t max_header_size);

/* A closed connection with one reference. NULL: out of memory. */
hc_connection *hc_connection_new(void);
static inline void hc_connection_retain(hc_connection *n) { n->references++; }
/* The last release ends the connection. A stream that somebody else retains stays open. */
void hc_connection_release(hc_connection *n);

/* Puts a place that is on no connection on this one. It holds a reference. */
void hc_connection_join(hc_connection *n, hc_place *place);
/* Takes the place off its connection. Its exchange is cancelled, and the answer forgotten. */
void hc_connection_leave(hc_place *place);
static inline bool hc_connection_is_shared(const hc_connection *n) { return n->references > 1; }
/* Is anybody on it besides the caller? */
static inline bool hc_connection_is_crowded(const hc_connection *n) {
  return n->places && n->places->next;
}
/* Does a poller watch its descriptor for reading? False for NULL. */
static inline bool hc_connection_is_watched(const hc_connection *n) {
  return n && n->watch.dropped && (n->watch.events & HC_EVENT_READ) != 0;
}
/* Marks all its places: something has changed for everybody on it. */
void hc_connection_notice_all(hc_connection *n);
/* The descriptor has an event: advances once, and marks the places that this concerns. */
void hc_connection_take_event(hc_connection *n);

/* What hc_connection_open is asked for: the wish, and what the route need not know. */
typedef struct hc_connection_wish {
  hc_wish way; /* its proxy's members are filled in from `proxy` */
  hc_proxy *proxy; /* retained; NULL: none */
  /* for TLS. NULL: verify against the system's store */
  hc_tls_options *options;
  size_t head_limit; /* for a proxy's answer */
  double connect_timeout; /* seconds; 0 never */
  hc_transcript *transcript; /* for a proxy's heads; NULL: none */
  const hc_dial_terms *terms; /* NULL: none */
} hc_connection_wish;

/* Begins to connect a closed connection. The wish is copied. HC_ERR_OUT_OF_MEMORY, or what the
 * route refuses; the caller has to close it again then. */
hc_error hc_connection_open(hc_connection *n, const hc_connection_wish *wish, hc_failure *why);
/* Uses a stream of the caller's (retained), and is open at once. It speaks HTTP/2 if the caller
 * asked for that (prior knowledge), or if the stream's handshake agreed on it.
 * HC_ERR_OUT_OF_MEMORY; HC_ERR_UNAVAILABLE: HTTP/2 is not built in. */
hc_error hc_connection_adopt(hc_connection *n, hc_stream_peer *stream, hc_version_wish version,
                             size_t head_limit);
/* While connecting. DONE: open. WAIT. BROKEN: also when the connect timeout has run out; the phase
 * says where. */
hc_progress hc_connection_advance(hc_connection *n, hc_failure *why);
hc_phase hc_connection_phase(const hc_connection *n);

/* A stream of the caller's may still have to connect. DONE, WAIT, BROKEN. */
hc_progress hc_connection_make_usable(hc_connection *n, hc_failure *why);
/* Between two requests no bytes may come, and the stream must not end. DONE: nothing came. WAIT: a
 * stream of the caller's is not usable yet. BROKEN. */
hc_progress hc_connection_check(hc_connection *n, hc_failure *why);

/* Somebody else has found out that it has ended, or has ended it: says why. BROKEN. */
hc_progress hc_connection_tell_end(const hc_connection *n, hc_failure *why);
#define HC_ENDED_WITH_ANOTHER "the connection ended with the request of another client"
void hc_connection_forget_failure(hc_connection *n);
/* Adds the proxy's name to the failure's text, in place of whom it blames, or in front of it. */
void hc_connection_name_proxy(const hc_connection *n, hc_failure *why);
/* Where a proxy gets the request, adds its name to the failure's text, so that the reader knows
 * whose failure it was. */
void hc_connection_name_next(const hc_connection *n, hc_failure *why);

/* Closes and releases the stream; the answers stay. Everybody on it is marked, and gets the reason
 * in the next step. */
void hc_connection_drop(hc_connection *n);
void hc_connection_fail(hc_connection *n, const hc_failure *why);
/* As drop, for one that is not shared, and forgets the answer as well. It can be opened again. */
void hc_connection_close(hc_connection *n);
/* Releases the stream without closing it, because somebody will go on using it. */
void hc_connection_let_go(hc_connection *n);

/* Has it been empty so short a time ago that a request may go out without a look at it? False
 * where that is never asked, as with HTTP/2. */
static inline bool hc_connection_is_known_quiet(const hc_connection *n) {
  return hc_h1_is_known_quiet(n);
}
/* After an upgrade: is there anything to read, even if it is the end, for the script that owns the
 * stream now? */
bool hc_connection_has_upgraded_bytes(const hc_connection *n);
/* What it waits for, together with the exchange `x` on it (NULL: none). */
void hc_connection_interest(hc_connection *n, const hc_exchange *x, hc_interest *out);
/* How many more requests it takes now. */
static inline size_t hc_connection_room(const hc_connection *n) { return n->protocol->room(n); }
/* HTTP/2: has the server said how many requests it takes at a time? */
bool hc_connection_is_settled(const hc_connection *n);
/* Begins an exchange, which replaces the place's last one; see protocol.h. HC_ERR_BUSY: the
 * connection takes no more. */
hc_error hc_connection_begin(hc_place *place, const hc_exchange_wish *wish, hc_failure *why);

HC_INTERNAL_END

#endif
