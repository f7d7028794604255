/* entropy_posix.c - see entropy.h.
 *
 * getentropy is in glibc 2.25, musl 1.1.20, macOS 10.12 and the BSDs, and fails where the kernel is
 * older than the call. It never gives less than was asked for. */
#include "../system_features.h"

#if defined(__linux__) || defined(__APPLE__)
#include <sys/random.h>
#endif
#include <unistd.h>

#include "../entropy.h"

bool hc_entropy_get_few(void *into, size_t size) { return getentropy(into, size) == 0; }
