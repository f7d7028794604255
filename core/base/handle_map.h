/* handle_map.h - who owns this handle? A small hash table, for pollers: the kernel says which
 * handle is ready, and the poller has to find the connection.
 *
 * On POSIX an array would do, since descriptors are small numbers. On Windows a socket is not one.
 * All zero: a valid empty map. */
#ifndef HC_HANDLE_MAP_H
#define HC_HANDLE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "internal.h"

HC_INTERNAL_BEGIN

typedef struct hc_handle_slot {
  uint64_t handle;
  void *owner;  /* NULL: the slot is free */
} hc_handle_slot;

typedef struct hc_handle_map {
  hc_handle_slot *slots;
  size_t count, capacity;  /* capacity: 0, or a power of two at least twice the count */
} hc_handle_map;

/* One step in the mean, and no allocation. The owner of the handle; NULL when it has none. */
void *hc_handle_map_get(const hc_handle_map *map, uint64_t handle);
/* Sets the owner, which is not NULL, in place of the last one. HC_ERR_OUT_OF_MEMORY: nothing has
 * changed. */
hc_error hc_handle_map_put(hc_handle_map *map, uint64_t handle, void *owner);
/* A handle that is not in it is fine. The table never shrinks: a poller that had a thousand
 * connections will have them again. Free takes the table, not the owners, and leaves an empty
 * map. */
void hc_handle_map_remove(hc_handle_map *map, uint64_t handle);
void hc_handle_map_free(hc_handle_map *map);

HC_INTERNAL_END

#endif
