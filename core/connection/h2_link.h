/* h2_link.h - what a connection of HTTP/2 has beside its stream: the session, and how far its bytes
 * are.
 *
 * Any step of any exchange moves all bytes that can be moved, those of the others as well: frames
 * come in no order that would let one wait for its own alone. Windows keep what is held for each in
 * bounds. */
#ifndef HC_H2_LINK_H
#define HC_H2_LINK_H

#include "../base/internal.h"
#include "../http2/h2_session.h"
#include "connection.h"

HC_INTERNAL_BEGIN

typedef struct hc_h2_link {
  hc_h2_session *session;
  /* HC_EVENT_…: the stream took no more, and waits for this; 0: it takes more */
  unsigned send_wants;
  unsigned receive_wants; /* the same of its receiving: over TLS it may have to write first */
  /* the last move came to the end of what one may do: no event tells of what is left of it */
  bool is_unfinished;
  uint64_t heard_at; /* when something last came */
  uint64_t forgiven_at; /* up to when time has been taken off what counts as a flood */
  uint64_t probe_deadline; /* of a PING before requests that wait for its answer */
  unsigned raises; /* of the server's limit that places have been told of */
  bool takes_no_more; /* a request has said "Connection: close" */
} hc_h2_link;

extern const hc_protocol hc_protocol_h2; /* h2_protocol.c; what follows is in h2_link.c */

/* Sends what is to be sent and takes what has come, and notices the places of all but `mover`
 * (NULL: of all) for which that changes something. MOVED: something was; WAIT; BROKEN: the
 * connection has ended, and so has all that was on it. */
hc_progress hc_h2_link_move(hc_connection *n, const hc_exchange *mover, hc_failure *why);
/* The half of a move that sends, to a stream that need not be the connection's any more. MOVED,
 * WAIT; BROKEN, and nothing has been done about it. */
hc_progress hc_h2_link_send(hc_connection *n, hc_stream_peer *stream, hc_failure *why);
/* Sends what is to be sent, as far as that needs no waiting: of a request that is given up others
 * may have nothing to do for long. */
void hc_h2_link_flush(hc_connection *n);
/* Notices the places, but for the mover's, where something has happened that only a poll finds
 * out. */
void hc_h2_link_notice_news(const hc_connection *n, const hc_exchange *mover);
/* HC_EVENT_… that it waits for. */
unsigned hc_h2_link_events(const hc_h2_link *link);
/* A request that can't be sent again is about to be: on a connection on which nothing has come for
 * long, it and those behind it are held back until a PING is answered. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_h2_link_probe(hc_h2_link *link);
/* No further request, where the peer says so, or one of ours has. */
void hc_h2_link_note_draining(hc_connection *n);

HC_INTERNAL_END

#endif
