/* entropy.c - random bytes in any number. See entropy.h.
 *
 * In pieces, since the systems' calls differ in how much they give at once, and the smallest of
 * them counts. */
#include "entropy.h"

bool hc_entropy_get(void *into, size_t size) {
  unsigned char *at = into;
  while (size > 0) {
    size_t piece = size < HC_ENTROPY_AT_ONCE ? size : HC_ENTROPY_AT_ONCE;
    if (!hc_entropy_get_few(at, piece)) return false;
    at += piece;
    size -= piece;
  }
  return true;
}
