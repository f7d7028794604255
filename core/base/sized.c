/* sized.c - structs from a host of another version. See sized.h. */
#include "sized.h"

#include <string.h>

bool hc_sized_read(void *into, size_t size, const void *given, size_t given_size) {
  size_t common = given_size < size ? given_size : size;
  memset(into, 0, size);
  if (common > 0) memcpy(into, given, common);
  for (size_t i = common; i < given_size; i++) {
    if (((const unsigned char *)given)[i] != 0) return false;
  }
  return true;
}
