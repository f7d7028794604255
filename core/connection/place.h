/* place.h - where a client stands on a connection, and who wants to hear when something happens
 * there.
 *
 * Several clients may stand on one connection: with HTTP/2 side by side, with HTTP/1.1 one after
 * the other. The connection knows their places and not them, so that it can say for which of
 * them something has changed. */
#ifndef HC_PLACE_H
#define HC_PLACE_H

#include "../base/internal.h"
#include "exchange.h"

HC_INTERNAL_BEGIN

/* A poller's hold on a place. */
typedef struct hc_seat {
  /* whoever stands there is to be polled without an event of its own */
  void (*due)(struct hc_seat *s);
  void (*gone)(struct hc_seat *s); /* whoever stands there is being deleted; the seat ends here */
  /* the poller: those of one connection are in one poller, which has its descriptor */
  const void *owner;
} hc_seat;

typedef struct hc_place {
  hc_connection *connection; /* NULL: on none */
  hc_exchange *exchange; /* the last that was begun from here; NULL: none */
  hc_seat *seat; /* NULL: in no poller */
  /* whoever stands there has been told that the server's settings are in, and of those that have
   * made room since (HTTP/2) */
  bool knows_room;
  struct hc_place *next; /* on the same connection */
} hc_place;

static inline void hc_place_learn_room(hc_place *p) { p->knows_room = true; }
static inline void hc_place_forget_room(hc_place *p) { p->knows_room = false; }
/* A poller's: it takes the place's seat, and gives it up with NULL. */
static inline void hc_place_sit(hc_place *p, hc_seat *hook) { p->seat = hook; }
static inline void hc_place_notice(hc_place *p) {
  if (p->seat) p->seat->due(p->seat);
}

HC_INTERNAL_END

#endif
