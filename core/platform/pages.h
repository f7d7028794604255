/* pages.h - memory that is about to be written to, from its beginning to its end. */
#ifndef HC_PAGES_H
#define HC_PAGES_H

#include <stddef.h>

#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Asks the system for all pages of the block at once, where it can do that. Else each of them comes
 * with the first byte that is written to it, by a fault of its own: for a MiB that the process has
 * not had before those are 256, which cost a virtual machine several milliseconds. What the block
 * holds stays, and where nothing can be had at once nothing happens. errno is left alone. */
void hc_pages_prepare(void *block, size_t size);

HC_INTERNAL_END

#endif
