/* random_builtin.c - the system's own, without a library. See random.h. */
#include "../random.h"

#include "../../platform/entropy.h"

hc_error hc_random_bytes(void *into, size_t size) {
  return hc_entropy_get(into, size) ? HC_OK : HC_ERR_UNAVAILABLE;
}
