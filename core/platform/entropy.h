/* entropy.h - the system's own random bytes, for builds whose TLS library brings none. */
#ifndef HC_ENTROPY_H
#define HC_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Fit for keys. False: the system has none. */
bool hc_entropy_get(void *into, size_t size);

HC_INTERNAL_END

#endif
