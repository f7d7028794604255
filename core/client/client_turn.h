/* client_turn.h - what a poller needs of a client: its place, and a turn of it, which is what a
 * wait does with a client that has an event. */
#ifndef HC_CLIENT_TURN_H
#define HC_CLIENT_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/internal.h"
#include "../connection/place.h"
#include "../httpclient.h"

HC_INTERNAL_BEGIN

/* What a turn came to. */
typedef struct hc_turn {
  hc_status status; /* where the client stands now */
  bool has_moved;   /* this turn has done something that its user wants to know */
} hc_turn;

/* The same one as long as the client lives. */
hc_place *hc_client_place(hc_client *c);
/* It is idle, and has taken all that came: there is nothing to see before the next event. */
bool hc_client_is_known_empty(const hc_client *c);
/* It has a request to send, so soon behind the answer before that nobody needs to look first. */
bool hc_client_is_known_quiet(const hc_client *c);
/* False: the client, or its stream, is at work, and there is no turn. Else it is held until
 * end_turn. */
bool hc_client_begin_turn(hc_client *c);
/* Polls it. */
hc_turn hc_client_take_turn(hc_client *c);
/* Is there something that its user can do now, whether or not the turn has moved it? A deadline
 * that went by without an event is no proof of that: it may only have been time to look again. */
bool hc_client_has_news(hc_client *c);
/* hc_client_interest, in a turn. */
void hc_client_waits_for(hc_client *c, hc_interest *out);
void hc_client_end_turn(hc_client *c);
/* There was no turn. True: the call that the client is in notices its place when it ends; false:
 * nobody does, since its stream alone is at work. */
bool hc_client_put_off(hc_client *c);

HC_INTERNAL_END

#endif
