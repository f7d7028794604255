/* sized.c - structs from a host of another version. See sized.h.
 *
 * The bytes are copied, so what a host does with its struct afterwards is nothing to us. */
#include "sized.h"

#include <string.h>

/* A host that was compiled against an older header gives a shorter struct: what it lacks is zero,
 * which every member takes for "not set". One of a newer header may give more than we know. That is
 * fine as long as the rest is zero; else it asks for something that this library can't do, and has
 * to hear so. */
bool hc_sized_read(void *into, size_t size, const void *given, size_t given_size) {
  size_t common = given_size < size ? given_size : size;
  memset(into, 0, size);
  if (common > 0) memcpy(into, given, common);
  for (size_t i = common; i < given_size; i++) {
    if (((const unsigned char *)given)[i] != 0) return false;
  }
  return true;
}
