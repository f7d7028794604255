/* poller_wake.h - for a loop that watches a poller's descriptor.
 *
 * Clients of one connection take each other's bytes: a read of one moves another, and the
 * descriptor shows nothing of it any more. Whoever has made such a call from outside of the
 * poller's wait wakes the one that watches. */
#ifndef HC_POLLER_WAKE_H
#define HC_POLLER_WAKE_H

#include "../base/internal.h"
#include "../poller.h"

HC_INTERNAL_BEGIN

/* hc_poller_fd is readable until the next wait. Without a descriptor for that it is not. */
void hc_poller_wake(hc_poller *p);

HC_INTERNAL_END

#endif
