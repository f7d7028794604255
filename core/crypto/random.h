/* random.h - bytes that nobody can guess. They are for what a server must not foresee (a boundary,
 * a nonce of ours), and keep clients that failed at the same moment from coming back at the same
 * moment.
 *
 * With OpenSSL they come out of its generator, else from the system each time. Either is fit for
 * keys; Lua's math.random is not, since two processes may be seeded alike and anybody can go on
 * from a few of its numbers. */
#ifndef HC_RANDOM_H
#define HC_RANDOM_H

#include <stddef.h>

#include "../base/error.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Fills all of `into`, or fails: there is no such thing as half of a nonce. May be called by any
 * thread. It does not wait, but for the very first bytes after a machine has started.
 * HC_ERR_UNAVAILABLE: the system has none. */
hc_error hc_random_bytes(void *into, size_t size);

HC_INTERNAL_END

#endif
