/* resolver.h - getaddrinfo on worker threads. Thread-safe: all who look names up in a process share
 * one pool, and a lock guards it. Jobs are self-contained: whoever asked may be gone before the
 * answer comes. */
#ifndef HC_RESOLVER_H
#define HC_RESOLVER_H

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/io.h"
#include "../platform/address.h"
#include "../platform/handle.h"

HC_INTERNAL_BEGIN

typedef struct hc_lookup hc_lookup;

#define HC_LOCALHOST_ADDRESSES 2
/* "localhost" and the names under it, in any letter case, with or without a dot at the end, are
 * this machine, and nobody is asked (RFC 6761 section 6.3): ::1 and 127.0.0.1, in this order. 0 for
 * any other name. */
size_t hc_localhost_addresses(hc_slice host, unsigned port,
                              hc_address addresses[HC_LOCALHOST_ADDRESSES]);

/* Queues a lookup of `host` (name, not a literal); any number may wait. Those who ask for one name
 * together, before it is looked up or within HC_RESOLVER_TOGETHER_NS of that, share the work and
 * what comes of it, each with a port and a descriptor of its own. A lookup that hangs does
 * not hold up another for long: see HC_RESOLVER_THREADS in limits.h. The workers start at first
 * use, end when idle, block all signals, and pin the shared object that holds this code, so that
 * unloading it while getaddrinfo hangs is safe. After fork() the child starts a pool of its own.
 * HC_ERR_OUT_OF_MEMORY, HC_ERR_CANT_RESOLVE (no thread). */
hc_error hc_lookup_start(hc_slice host, unsigned port, hc_lookup **out, hc_failure *why);

/* WANT_READ: not yet. OK: *addresses is an array of *count > 0 addresses in getaddrinfo's order
 * (RFC 6724), the caller's to release with hc_memory_release. ERROR: getaddrinfo's reason is in
 * `why`, code HC_ERR_CANT_RESOLVE; or HC_ERR_OUT_OF_MEMORY, and it can be asked again. */
hc_io hc_lookup_poll(hc_lookup *lookup, hc_address **addresses, size_t *count, hc_failure *why);

/* A descriptor that becomes readable when the answer is there; made at the first call, lives until
 * forget. HC_NO_HANDLE when descriptors are out (then ask again after a moment). */
hc_handle hc_lookup_handle(hc_lookup *lookup);

/* Lets go at once, whatever the state, and of nobody else's; the worker frees what comes late. NULL
 * is fine. The handle is closed with it: take it out of every event loop before. */
void hc_lookup_forget(hc_lookup *lookup);

HC_INTERNAL_END

#endif
