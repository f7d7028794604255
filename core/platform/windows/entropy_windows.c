/* entropy_windows.c - see entropy.h.
 *
 * advapi32's, which needs no provider to be opened first, and which every Windows since XP has. */
#include "system_windows.h"

#include "../entropy.h"

#include <ntsecapi.h>

bool hc_entropy_get_few(void *into, size_t size) { return RtlGenRandom(into, (ULONG)size) != 0; }
