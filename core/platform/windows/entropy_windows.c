/* entropy_windows.c - see entropy.h. */
#include "system_windows.h"

#include "../entropy.h"

#include <ntsecapi.h>

#define ENTROPY_AT_ONCE 0x10000000u

bool hc_entropy_get(void *into, size_t size) {
  unsigned char *at = into;
  while (size > 0) {
    size_t piece = size < ENTROPY_AT_ONCE ? size : ENTROPY_AT_ONCE;
    if (!RtlGenRandom(at, (ULONG)piece)) return false;
    at += piece;
    size -= piece;
  }
  return true;
}
