/* poller_state.h - a poller's memory: a seat for each client, a slot for each descriptor in the
 * kernel's set, and the lists and the heap that decide whose turn is next. Only the files of this
 * folder include it. */
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
  bool is_due; /* in the list `due` or `polling` */
  bool is_touched; /* in the touched list */
  bool is_final; /* at the last look only its owner could change its state */
  bool has_moved; /* in the moved list */
  struct seat *next_due, *next_touched, *next_moved;
  struct seat *previous, *next; /* of all */
} seat;

/* A descriptor in the kernel's set; the event names slot and generation. */
typedef struct watch_slot {
  hc_connection *connection; /* NULL: free */
  uint32_t generation;
  uint32_t next_free;
} watch_slot;

struct hc_poller {
  hc_backend *backend;
  unsigned forks; /* hc_thread_forks, of the process whose set that is */
  /* room for every client, as in the heap: there are no more connections than that */
  watch_slot *slots;
  uint32_t slot_count, capacity, free_slot; /* free_slot: index + 1, 0 none */
  seat *seats;
  size_t count, final_count;
  unsigned at_work; /* calls under way that may run others' code */
  bool has_called_back; /* a client has run others' code */
  uint64_t rest_at; /* when a wait has done enough; 0: it has no limit */
  size_t first_event; /* the first event of the last batch for which no time was left */
  bool is_shown; /* a loop that is not ours may watch the descriptor */
  bool takes_event; /* an event is being handled: places marked now are touched by it */
  seat *due; /* polled by the next round without an event */
  seat *polling; /* those that this round still has to poll */
  seat *touched; /* those that the present event concerns */
  seat *moved, *moved_tail;
  seat **heap; /* by deadline, the earliest first */
  size_t heap_count;
  hc_handle_map watched; /* descriptor -> its slot's connection */
  hc_signal bell; /* open: see hc_poller_wake */
};

/* deadlines.c. HC_NEVER: none; else there is room in the heap. */
void hc_poller_set_deadline(hc_poller *p, seat *s, uint64_t deadline);

/* --- poller_loop.c */

#define HC_POLLER_BELL UINT32_MAX /* no slot has this number */
/* Takes the bell out of the set again. */
void hc_poller_silence(hc_poller *p);

/* --- poller_watch.c */

/* Watches the connection's descriptor for these events, instead of any it watched before. False:
 * the kernel has no room for it, or memory is out. */
bool hc_poller_watch(hc_poller *p, hc_connection *n, hc_handle fd, unsigned events);
/* Before each use of the set. In the child of a fork it makes one that is not the parent's. False:
 * there is none, and nothing must be changed in the parent's. */
bool hc_poller_take_over(hc_poller *p);
/* Does nothing for NULL, or where nothing is watched. */
void hc_poller_unwatch(hc_connection *n);

HC_INTERNAL_END

#endif
