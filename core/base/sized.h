/* sized.h - structs that a host fills in, and that may be of another version than ours.
 *
 * Such a struct comes with its size, as the host was compiled (see "ABI" in httpclient.h). New
 * members are added behind all others and mean nothing when they are zero. */
#ifndef HC_SIZED_H
#define HC_SIZED_H

#include <stdbool.h>
#include <stddef.h>

#include "internal.h"

HC_INTERNAL_BEGIN

/* Copies the `given_size` bytes that the host has into our `size` bytes; what it does not have is
 * zero. False when it has more than we know of, and there is something in it: it asks for what we
 * can't do. */
bool hc_sized_read(void *into, size_t size, const void *given, size_t given_size);

HC_INTERNAL_END

#endif
