/* pages_windows.c - pages of memory: the system has no call that makes them ready for writing. */
#include "../pages.h"

void hc_pages_prepare(void *block, size_t size) { (void)block, (void)size; }
