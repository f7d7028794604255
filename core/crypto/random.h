/* random.h - bytes that nobody can guess: for what a server must not foresee (a boundary, a
 * nonce of ours), and so that clients that failed at the same moment don't come back at the same
 * moment. */
#ifndef HC_RANDOM_H
#define HC_RANDOM_H

#include <stddef.h>

#include "../base/error.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* HC_ERR_UNAVAILABLE: the system has none. */
hc_error hc_random_bytes(void *into, size_t size);

HC_INTERNAL_END

#endif
