/* pages_posix.c - pages of memory: by madvise, where the system knows that wish (Linux 5.14).
 *
 * Allocators take large blocks from the system anew, so a download into memory meets such pages
 * each time. On an older kernel madvise says EINVAL, and they come one by one as ever. */
#define HC_WANT_GNU /* MADV_POPULATE_WRITE */
#include "../system_features.h"

#include "../pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(MADV_POPULATE_WRITE)
/* errno is put back, since allocators are called where nobody expects it to change. */
void hc_pages_prepare(void *block, size_t size) {
  long page = sysconf(_SC_PAGESIZE);
  if (page <= 0) return;
  /* Whole pages alone: what stands at the edges belongs to others as well. */
  size_t before = (size_t)page - 1 - ((uintptr_t)block - 1) % (size_t)page;
  int number = errno;
  if (size > before && size - before >= (size_t)page)
    (void)madvise((char *)block + before, (size - before) / (size_t)page * (size_t)page,
                  MADV_POPULATE_WRITE);
  errno = number;
}
#else
void hc_pages_prepare(void *block, size_t size) { (void)block, (void)size; }
#endif
