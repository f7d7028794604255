/* poller_state.h - what a poller knows: of each client its seat, of each descriptor in the kernel's
 * set a slot, and the lists and the heap that say whose turn is next. For the files of
 * this folder alone. */
#ifndef HC_POLLER_STATE_H
#define HC_POLLER_STATE_H

#include <stddef.h>

#include "../base/handle_map.h"
#include "../base/internal.h"
#include "../client/client_turn.h"
#include "../connection/connection.h"
#include "../platform/poller_backend.h"
#include "../platform/wait.h"
#include "../poller.h"

HC_INTERNAL_BEGIN

#define NOWHERE SIZE_MAX

typedef struct seat {
  hc_seat hook; /* first: the client's place points here */
  hc_poller *poller;
  hc_client *client;
  hc_place *place; /* the client's */
  void *tag;
  uint64_t deadline;
  size_t heap_index; /* NOWHERE: has no deadline */
  bool is_due; /* in the due list, or in what is being polled of it */
  bool is_touched; /* in the touched list */
  bool is_final; /* was in a state that nothing but its owner can change */
  bool has_moved; /* in the moved list */
  struct seat *next_due, *next_touched, *next_moved;
  struct seat *previous, *next; /* of all */
} seat;

/* A descriptor in the kernel's set; the event names slot and generation. */
typedef struct slot {
  hc_connection *connection; /* NULL: free */
  uint32_t generation;
  uint32_t next_free;
} slot;

struct hc_poller {
  hc_backend *backend;
  /* room for every client, as in the heap: there are no more connections than that */
  slot *slots;
  uint32_t slot_count, capacity, free_slot; /* free_slot: index + 1, 0 none */
  seat *seats;
  size_t count, final_count;
  unsigned at_work; /* calls under way that may run others' code */
  bool has_called_back; /* a client has run others' code */
  uint64_t rest_at; /* when a wait has done enough; 0: it has no limit */
  size_t first_event; /* of those that the kernel names, the first for which there was no time */
  bool is_shown; /* a loop that is not ours may watch the descriptor */
  bool takes_event; /* whoever is noticed now has an event */
  seat *due; /* polled by the next round without an event */
  seat *polling; /* what this round has still to poll of them */
  seat *touched; /* whom the present event concerns */
  seat *moved, *moved_tail;
  seat **heap; /* by deadline, the earliest first */
  size_t heap_count;
  hc_handle_map watched; /* by descriptor: whose it is */
  hc_signal bell; /* open: see hc_poller_wake */
};

/* deadlines.c. HC_NEVER: none; else there is room in the heap. */
void hc_poller_set_deadline(hc_poller *p, seat *s, uint64_t deadline);

/* --- poller_watch.c */

/* For these events from now on, in place of what was watched of the connection before. False: the
 * kernel, or memory, has no room for it. */
bool hc_poller_watch(hc_poller *p, hc_connection *n, hc_handle fd, unsigned events);
/* NULL, and one that is not watched, are fine. */
void hc_poller_unwatch(hc_connection *n);

HC_INTERNAL_END

#endif
