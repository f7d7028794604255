/* entropy.h - the system's own random bytes, for builds whose TLS library brings none.
 *
 * Straight from the kernel, so a fork does not repeat its parent's numbers, and no descriptor is
 * held for it. A failure must not be passed over: keys from what happened to be in memory look just
 * as good. */
#ifndef HC_ENTROPY_H
#define HC_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Fit for keys. False: the system has none. */
bool hc_entropy_get(void *into, size_t size);

/* The same from the system's one call, of at most HC_ENTROPY_AT_ONCE bytes. */
#define HC_ENTROPY_AT_ONCE 256u /* getentropy gives no more */
bool hc_entropy_get_few(void *into, size_t size);

HC_INTERNAL_END

#endif
