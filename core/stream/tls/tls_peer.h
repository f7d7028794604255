/* tls_peer.h - a TLS stream, as those three files see it that make it work: tls_opening.c brings it
 * to the end of its handshake, stream_peer_tls.c moves its bytes and ends it, and tls_outcome.c
 * says for both what the library's results mean. */
#ifndef HC_TLS_PEER_H
#define HC_TLS_PEER_H

#include "tls_internal.h"

HC_INTERNAL_BEGIN

typedef struct hc_tls_peer {
  hc_stream_peer base; /* first, so that the pointers convert */
  hc_tls_state state;
  hc_tls_engine *engine; /* NULL: disconnected, or HANDSHAKING and not begun */
  hc_tls_handshake handshake; /* its failure is the stream's, for all but sends */
  hc_tls_carrier carrier;
  hc_io wants; /* of the handshake */
  bool below_is_ready;
  bool resumed;
  bool ended; /* close_notify has come */
  bool drained; /* the library has nothing more to give before new bytes come */
  bool truncated; /* the stream below ended without it, behind a whole record */
  /* the library's state is of no use any more, not even for a close_notify */
  bool fatal;
  /* bytes of a record that the library holds and the stream below has not taken whole */
  size_t pending;
} hc_tls_peer;

static inline hc_tls_peer *hc_tls_peer_of(hc_stream_peer *peer) { return (hc_tls_peer *)peer; }
static inline const hc_tls_peer *hc_tls_peer_view(const hc_stream_peer *peer) {
  return (const hc_tls_peer *)peer;
}

/* --- tls_outcome.c */

/* Before each call of the library that may move bytes: where a failure of the stream below goes. */
void hc_tls_peer_begin(hc_tls_peer *t, hc_failure *failure);
/* The stream has failed; the handshake's record says why, and whether it was the name. */
void hc_tls_peer_fail(hc_tls_peer *t);
void hc_tls_peer_fail_truncated(hc_tls_peer *t);
/* The failure that stays, once more for this caller. ERROR. */
hc_io hc_tls_peer_report(const hc_tls_peer *t, hc_failure *why);
/* Why no byte can move while the stream is not connected. ERROR. */
hc_io hc_tls_peer_refuse(const hc_tls_peer *t, hc_failure *why);
/* `result` is not MADE. Of a send: a failure of it is not the stream's. */
hc_io hc_tls_peer_outcome(hc_tls_peer *t, hc_tls_result result);
/* Of all else: a failure is the stream's for good. */
hc_io hc_tls_peer_receive_outcome(hc_tls_peer *t, hc_tls_result result, const hc_failure *below);

/* --- tls_opening.c */

/* The stream's `advance`. */
hc_io hc_tls_opening_advance(hc_stream_peer *self, hc_failure *why);

HC_INTERNAL_END

#endif
