/* random_builtin.c - the system's own, without a library. See random.h.
 *
 * There is no generator in this process that a fork could copy, and so no child that repeats its
 * parent's numbers. */
#include "../random.h"

#include "../../platform/entropy.h"

hc_error hc_random_bytes(void *into, size_t size) {
  return hc_entropy_get(into, size) ? HC_OK : HC_ERR_UNAVAILABLE;
}
