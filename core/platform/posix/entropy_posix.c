/* entropy_posix.c - see entropy.h. */
#include "../system_features.h"

#if defined(__linux__) || defined(__APPLE__)
#include <sys/random.h>
#endif
#include <unistd.h>

#include "../entropy.h"

#define ENTROPY_AT_ONCE 256u /* getentropy gives no more */

bool hc_entropy_get(void *into, size_t size) {
  unsigned char *at = into;
  while (size > 0) {
    size_t piece = size < ENTROPY_AT_ONCE ? size : ENTROPY_AT_ONCE;
    if (getentropy(at, piece) != 0) return false;
    at += piece;
    size -= piece;
  }
  return true;
}
