/* entropy_posix.c - see entropy.h. */
#include "../system_features.h"

#if defined(__linux__) || defined(__APPLE__)
#include <sys/random.h>
#endif
#include <unistd.h>

#include "../entropy.h"

bool hc_entropy_get_few(void *into, size_t size) { return getentropy(into, size) == 0; }
