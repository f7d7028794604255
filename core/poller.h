/* poller.h - thousands of clients in one thread: they are registered once, and a wait costs what
 * the ready ones cost.
 *
 * The idea. hc_client_wait_any shows the kernel every client anew each time it sleeps. A poller
 * shows each once (epoll or kqueue, where the platform has them) and from then on hears only of
 * those that have something to do. It polls these, and hc_poller_next gives them out. Everything in
 * httpclient.h on threads, errors and calls from inside holds here too. */
#ifndef HC_POLLER_H
#define HC_POLLER_H

#include "httpclient.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hc_poller hc_poller;

/* *out is yours to delete. HC_ERR_OUT_OF_MEMORY; HC_ERR_CANT_ACQUIRE_RESOURCE when the process has
 * no descriptor left. */
HC_API hc_error hc_poller_new(hc_poller **out, hc_failure *why);
/* The clients stay as they are. NULL is fine. Does nothing while a wait of this poller runs the
 * caller. */
HC_API void hc_poller_delete(hc_poller *p);
/* The client stays yours: remove it before you delete it. `tag` is what hc_poller_next gives out
 * for it. HC_ERR_ALREADY_IN_USE: it is in a poller. HC_ERR_OUT_OF_MEMORY, HC_ERR_BUSY. */
HC_API hc_error hc_poller_add(hc_poller *p, hc_client *c, void *tag, hc_failure *why);
/* HC_ERR_DOES_NOT_EXIST: it is not in this one. HC_ERR_BUSY. */
HC_API hc_error hc_poller_remove(hc_poller *p, hc_client *c);
HC_API size_t hc_poller_count(const hc_poller *p);
/* What is readable when a wait would find a client that is ready, for a loop of your own;
 * HC_NO_HANDLE where the platform has nothing of the kind. It stays the poller's. */
HC_API hc_handle hc_poller_fd(const hc_poller *p);
/* What such a loop has to watch: that descriptor, and the earliest deadline; `ready` when a wait
 * would find something to do at once. */
HC_API void hc_poller_interest(hc_poller *p, hc_interest *out);
/* Makes that descriptor readable until the next wait. Clients of one connection take each other's
 * bytes: a call from outside of a wait may have moved another, which no descriptor shows. So a loop
 * of your own that sleeps meanwhile is woken. */
HC_API void hc_poller_wake(hc_poller *p);
/* Sleeps until a client can do something or `seconds` are over (negative: no end), and polls those
 * that can. One that is at work is left out, and polled by the next wait. HC_OK; HC_ERR_BUSY when a
 * wait of this poller runs the caller. */
HC_API hc_error hc_poller_wait(hc_poller *p, double seconds);
/* The same in parts, of no more than `most` seconds each. HC_ERR_TIMEOUT: the wait is not over, and
 * nothing has happened yet; call again. */
HC_API hc_error hc_poller_wait_part(hc_poller *p, double seconds, double most);
/* Does not sleep, and polls for no longer than `most` seconds, but for the step that it is at then:
 * 40 handshakes may be more than a frame has time for. Those that are left come first next time. */
HC_API hc_error hc_poller_wait_within(hc_poller *p, double most);
/* The tags of the clients that did something in the last wait, one with each call; NULL at the end.
 * A client that has been removed since is left out. */
HC_API void *hc_poller_next(hc_poller *p);

#ifdef __cplusplus
}
#endif

#endif
