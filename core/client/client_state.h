/* client_state.h - what the files of the client share. They stand on each other in this order, each
 * on some of those before it:
 *
 *   client_response.c   what is known of an answer
 *   client_settings.c   settings by number
 *   client_state.c      the place on a connection, and the ends
 *   client_reach.c      which addresses it connects to, and from which
 *   client_connect.c    hosts and proxies, and other clients' connections
 *   client_request.c    requests
 *   client_sleep.c      what it waits for, and blocking mode
 *   client_body.c       content
 *   client.c            life, and poll
 *   client_wait.c       waits of its own, and what a poller needs (client_turn.h)
 *
 * Here, and nowhere below, what a connection and its exchange came to becomes a status of the
 * engine's. */
#ifndef HC_CLIENT_STATE_H
#define HC_CLIENT_STATE_H

#include "../base/internal.h"
#include "../connection/connection.h"
#include "../connection/decoded_body.h"
#include "client.h"
#include "client_turn.h"

HC_INTERNAL_BEGIN

/* Where to connect to, and from where, other than the host's name says. */
typedef struct hc_reach {
  char *to_host; /* NULL: the host itself */
  unsigned to_port; /* 0: the host's */
  hc_address local; /* size 0: the system chooses */
  hc_address_filter allow;
  void *context; /* of allow */
} hc_reach;

struct hc_client {
  hc_settings settings;
  unsigned at_work; /* calls under way that may run others' code, see hc_client_begin */
  /* a poller has found it at work, and wants to hear when it no longer is */
  bool is_missed;
  hc_proxy *proxies[2]; /* by hc_proxy_kind; NULL: none */
  hc_reach *reach; /* NULL: nothing of it was ever set */
  hc_status status;
  bool timed_out_unreported;
  bool is_unfinished; /* the last call that blocks has come back at the end of its slice */
  bool can_satisfy_proxy; /* see hc_client_can_satisfy_proxy */
  bool is_clear; /* closed, and nothing has happened since */
  /* made by the first failure, since few clients ever have one; it stays until the client goes.
   * NULL: there was none, or no memory for it */
  hc_failure *failure;
  hc_error failed_with; /* its code, where that is all that could be kept; else HC_OK */
  /* on its connection, which stays when it has ended until the next one; none before the first */
  hc_place place;
  hc_decoded_body *content; /* in BODY, where codings are taken off; else NULL */
  size_t shown; /* of the last view, so much is not consumed yet */
};

/* A body function, a writer or a stream of the host's can call back into the library. So each
 * function of httpclient.h that may run one holds the client between these two, and those that
 * change a client refuse one that is held. All that is inside can rely on it: after such a call the
 * client is the same, and so is its stream. */
static inline void hc_client_begin(hc_client *c) { c->at_work++; }
static inline void hc_client_end(hc_client *c) {
  if (--c->at_work > 0 || !c->is_missed) return;
  c->is_missed = false;
  hc_place_notice(&c->place);
}
hc_error hc_client_refuse(hc_failure *why); /* HC_ERR_BUSY, of a client at work */
/* The same of a stream that somebody else uses as well, and that runs code of the host's now. */
static inline bool hc_client_is_taken(const hc_client *c) {
  return c->at_work > 0 ||
         (c->place.connection && hc_stream_peer_is_in_call(c->place.connection->stream));
}

/* --- failures. A step has one record, which all that it calls is given: the client's own, or where
 * that has none yet, one on the stack. Whoever begins the step takes the record with hc_client_why,
 * and keeps what was written there with hc_client_keep. */

static inline hc_failure *hc_client_why(const hc_client *c, hc_failure *fresh) {
  if (c->failure) return c->failure;
  fresh->code = HC_OK;
  fresh->text[0] = '\0';
  /* the first failure stays the cause, also where there was no room for it */
  if (c->failed_with != HC_OK) (void)hc_failure_set_code(fresh, c->failed_with);
  return fresh;
}
void hc_client_keep_failure(hc_client *c, const hc_failure *why);
static inline void hc_client_keep(hc_client *c, const hc_failure *why) {
  if (why->code != HC_OK && why != c->failure) hc_client_keep_failure(c, why);
}

/* --- client_state.c */

/* A connection to stand on, a closed one of its own if there is none. False: out of memory. */
bool hc_client_has_place(hc_client *c);
/* The ends. All of them stand in a call that has begun already. Anything fails: the failure record
 * has what happened, or gets a general sentence; the exchange is cancelled, and its connection ends
 * if others don't need it. */
void hc_client_fail(hc_client *c, hc_status status, hc_failure *why);
/* The exchange is whole. DONE: the client is CONNECTED, or DISCONNECTED; BROKEN: it has failed. */
hc_progress hc_client_finish(hc_client *c, hc_failure *why);
/* Closes it, as it was before its first connect. */
void hc_client_clear(hc_client *c);
/* Lets go of what decodes the content of an answer that is over. */
void hc_client_end_content(hc_client *c);
/* What a poll says of a client that is at its end. A timeout is told once, whichever call has found
 * it, and from then on the code of the status. */
hc_error hc_client_tell_end(hc_client *c);

/* --- client_connect.c */

void hc_client_forget_proxies(hc_client *c);

/* --- client_reach.c */

/* Adds to the wish, and fills in the terms, what has been set. HC_ERR_INVALID_PARAMETER: it
 * contradicts itself. */
hc_error hc_client_add_reach(const hc_client *c, hc_connection_wish *wish, hc_dial_terms *terms,
                             hc_failure *why);
void hc_client_forget_reach(hc_client *c);

/* --- client_sleep.c */

/* Sleeps for what `interest` says, at most until `deadline`. *event: its descriptor has something;
 * false: time went by. */
hc_error hc_client_sleep_for(const hc_interest *interest, uint64_t deadline, bool *event);
/* A call that may block begins: how long it may. */
void hc_client_begin_slice(hc_client *c);
/* Is that over? Then the call comes back as it is. */
bool hc_client_slice_is_over(hc_client *c);
/* Sleeps for the client's present interest, at most until the end of the slice. False: that is no
 * use, or the slice is over. */
bool hc_client_sleep(hc_client *c);

/* --- client.c */

/* What one step of a client came to. */
typedef struct hc_step {
  hc_error code; /* what poll answers */
  bool has_moved; /* another status, or more of the request's content is out */
} hc_step;
/* hc_client_poll, in a call that has begun already. */
hc_step hc_client_advance(hc_client *c);

HC_INTERNAL_END

#endif
