/* memory.h - the one door to the allocator: the C library's, or the one that a host sets
 * (hc_set_allocator). Nothing else in the library calls malloc, so a host sees every byte, and a
 * test build can make any allocation fail. */
#ifndef HC_MEMORY_H
#define HC_MEMORY_H

#include <stddef.h>

#include "internal.h"

HC_INTERNAL_BEGIN

/* Like malloc, calloc, realloc and free, by any thread. Each may return NULL, and every caller
 * checks it. Of no bytes they give a block of one, never NULL. hc_memory_allocate_zeroed checks
 * count * size for overflow. Where hc_memory_resize fails the old block is still there and the
 * caller's; where it moves a block, the old place is not wiped. hc_memory_release(NULL) does
 * nothing. */
void *hc_memory_allocate(size_t size);
void *hc_memory_allocate_zeroed(size_t count, size_t size);
void *hc_memory_resize(void *block, size_t size);
void hc_memory_release(void *block);

/* A NUL-terminated copy of `size` bytes; NULL when memory is out. Ends with hc_memory_release. */
char *hc_memory_copy_text(const char *text, size_t size);

/* Overwrites `size` bytes in a way that the compiler keeps: for passwords and credentials. */
void hc_memory_wipe(void *block, size_t size);

#ifdef HC_TEST_HOOKS
/* Test builds only, one thread only: the allocation number `countdown` from now (0 = the next) and,
 * where `sticky` is not 0, all after it, return NULL. A negative countdown turns the hook off. */
void hc_memory_fail_after(long countdown, int sticky);
long hc_memory_live_blocks(void);
#endif

HC_INTERNAL_END

#endif
