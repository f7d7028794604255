/* poller.h - thousands of clients in one thread: registered once, a wait costs what the ready ones cost. */
#ifndef HC_POLLER_H
#define HC_POLLER_H

#include "httpclient.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hc_poller hc_poller;

hc_error hc_poller_new(hc_poller **out, hc_failure *why);
/* The clients stay; NULL is fine. Nothing happens out of a call of this poller's own (see httpclient.h). */
void hc_poller_delete(hc_poller *p);
/* Not retained: the client must be removed before it is deleted. A client can be in one poller:
 * HC_ERR_ALREADY_IN_USE. HC_ERR_OUT_OF_MEMORY. `tag` comes back with the client. */
hc_error hc_poller_add(hc_poller *p, hc_client *c, void *tag, hc_failure *why);
hc_error hc_poller_remove(hc_poller *p, hc_client *c);  /* HC_ERR_DOES_NOT_EXIST */
size_t hc_poller_count(const hc_poller *p);
/* A descriptor that is readable when a wait would find a ready client; -1 where the platform has none. */
int hc_poller_fd(const hc_poller *p);
/* What a loop of somebody else's watches: hc_poller_fd for reading, the earliest deadline, and whether a wait would find
 * something to do at once. */
void hc_poller_interest(hc_poller *p, hc_interest *out);
/* Sleeps until a client can move, or `seconds` (negative: no end), and polls those that can. A client that
 * is at work is passed over, and polled by the next wait. HC_ERR_BUSY: this wait runs the caller. */
hc_error hc_poller_wait(hc_poller *p, double seconds);
/* The same in parts: no longer than `most` seconds at once. HC_ERR_TIMEOUT: the wait is not over, and nobody has moved yet. */
hc_error hc_poller_wait_part(hc_poller *p, double seconds, double most);
/* The tags of the clients that the last wait polled and that moved, one a call; NULL at the end. A client that is
 * removed meanwhile is left out. */
void *hc_poller_next(hc_poller *p);

#ifdef __cplusplus
}
#endif

#endif
