/* deadlines.c - when which seat of a poller has to be looked at again: a binary heap, the earliest
 * first. See poller_state.h.
 *
 * A seat knows its place in the heap, so its deadline can be moved or taken out in a few steps,
 * however many clients there are. */
#include "poller_state.h"

static void place_in_heap(hc_poller *p, seat *s, size_t at) {
  p->heap[at] = s;
  s->heap_index = at;
}

/* One of the two loops does nothing: a deadline has moved either way, and only who its neighbours
 * are tells which. */
static void sift(hc_poller *p, seat *s, size_t at) {
  while (at > 0 && p->heap[(at - 1) / 2]->deadline > s->deadline) {
    place_in_heap(p, p->heap[(at - 1) / 2], at);
    at = (at - 1) / 2;
  }
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= p->heap_count) break;
    if (child + 1 < p->heap_count && p->heap[child + 1]->deadline < p->heap[child]->deadline)
      child++;
    if (p->heap[child]->deadline >= s->deadline) break;
    place_in_heap(p, p->heap[child], at);
    at = child;
  }
  place_in_heap(p, s, at);
}

/* Most polls leave a deadline as it was, and that has to cost nothing. One that is taken out leaves
 * a gap, into which the last of the heap goes. The room was made when the client was added. */
void hc_poller_set_deadline(hc_poller *p, seat *s, uint64_t deadline) {
  if (s->deadline == deadline) return;
  s->deadline = deadline;
  if (deadline != HC_NEVER) {
    if (s->heap_index == NOWHERE) s->heap_index = p->heap_count++;
    sift(p, s, s->heap_index);
    return;
  }
  size_t at = s->heap_index;
  s->heap_index = NOWHERE;
  seat *last = p->heap[--p->heap_count];
  if (last != s) sift(p, last, at);
}
