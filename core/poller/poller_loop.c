/* poller_loop.c - a poller as a loop of somebody else's sees it: one descriptor, one deadline. See
 * poller_state.h.
 *
 * That loop waits for the poller's descriptor, which the kernel makes readable when one of those in
 * it is. Two things the kernel can't see. That a client is due without an event the answer says,
 * which has a deadline in it; and that something has moved outside of a wait a bell says, which is
 * put into the set. */
#include "../base/limits.h"
#include "poller_state.h"

hc_handle hc_poller_fd(const hc_poller *p) { return hc_backend_fd(p->backend); }

/* From here on connections are told that their descriptors are shown: nothing may be taken ahead of
 * what was asked for, since the other loop sees only what is in the kernel. */
void hc_poller_interest(hc_poller *p, hc_interest *out) {
  /* Those too that have not had their first round yet. */
  for (const seat *s = p->seats; !p->is_shown && s; s = s->next)
    if (s->place->connection) hc_connection_note_shown(s->place->connection);
  p->is_shown = true;
  *out = (hc_interest){hc_poller_fd(p), HC_EVENT_READ, p->due || p->moved, HC_NEVER};
  if (p->heap_count) out->deadline = p->heap[0]->deadline;
  /* Where the kernel has no descriptor for all of them, the clients are looked at now and then. */
  if (out->fd != HC_NO_HANDLE || p->count == p->final_count) return;
  uint64_t soon = hc_clock_now() + HC_BLIND_STEP_NS;
  if (soon < out->deadline) out->deadline = soon;
}

/* --- the bell */

void hc_poller_silence(hc_poller *p) {
  hc_handle fd = hc_signal_handle(&p->bell);
  if (fd != HC_NO_HANDLE && hc_poller_take_over(p)) hc_backend_unwatch(p->backend, fd);
  hc_signal_close(&p->bell);
}

/* One bell is enough, and it stays readable until the next wait takes it out, however late that
 * comes. Without a descriptor for it the loop's own deadline has to do. */
void hc_poller_wake(hc_poller *p) {
  if (!hc_poller_take_over(p)) return;
  if (hc_signal_handle(&p->bell) != HC_NO_HANDLE || hc_signal_open(&p->bell) != HC_OK) return;
  hc_signal_raise(&p->bell);
  if (!hc_backend_watch(p->backend, hc_signal_handle(&p->bell), HC_EVENT_READ, HC_POLLER_BELL))
    hc_poller_silence(p);
}
