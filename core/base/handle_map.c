/* handle_map.c - open addressing with linear probing. See handle_map.h.
 *
 * A removal closes the gap: it moves up the entries that only stand where they do because the slot
 * was taken. So there are no tombstones, and a map whose handles come and go stays as fast as a new
 * one. */
#include "handle_map.h"

#include <stdbool.h>

#include "memory.h"

/* Always a power of two: then a mask finds the slot, and the product's upper bits, which are the
 * well-mixed ones, choose it. */
#define SMALLEST 16u

/* Handles are often small numbers in a row, or multiples of four. The product spreads them (Knuth's
 * multiplicative hashing). */
static size_t home_of(const hc_handle_map *map, uint64_t handle) {
  return (size_t)(handle * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (map->capacity - 1);
}

/* Where the handle is, or where it would go. The table is never full. */
static size_t find_handle_map(const hc_handle_map *map, uint64_t handle) {
  size_t at = home_of(map, handle);
  while (map->slots[at].owner && map->slots[at].handle != handle)
    at = (at + 1) & (map->capacity - 1);
  return at;
}

void *hc_handle_map_get(const hc_handle_map *map, uint64_t handle) {
  return map->capacity == 0 ? NULL : map->slots[find_handle_map(map, handle)].owner;
}

/* The old table stays whole until the new one is: where memory is out nothing has changed. */
static hc_error grow_handle_map(hc_handle_map *map) {
  size_t capacity = map->capacity == 0 ? SMALLEST : map->capacity * 2;
  hc_handle_map larger = {NULL, map->count, capacity};
  if (capacity < map->capacity) return HC_ERR_OUT_OF_MEMORY;
  larger.slots = hc_memory_allocate_zeroed(capacity, sizeof *larger.slots);
  if (!larger.slots) return HC_ERR_OUT_OF_MEMORY;
  for (size_t i = 0; i < map->capacity; i++) {
    const hc_handle_slot *slot = &map->slots[i];
    if (slot->owner) larger.slots[find_handle_map(&larger, slot->handle)] = *slot;
  }
  hc_memory_release(map->slots);
  *map = larger;
  return HC_OK;
}

/* At most half full. Linear probing is fast on short runs, and runs grow steeply from two thirds
 * on; and since a slot is always free, every search ends. */
hc_error hc_handle_map_put(hc_handle_map *map, uint64_t handle, void *owner) {
  bool is_new = !hc_handle_map_get(map, handle);
  if (is_new && 2 * (map->count + 1) > map->capacity) {
    hc_error error = grow_handle_map(map);
    if (error != HC_OK) return error;
  }
  hc_handle_slot *slot = &map->slots[find_handle_map(map, handle)];
  if (!slot->owner) map->count++;
  *slot = (hc_handle_slot){handle, owner};
  return HC_OK;
}

/* What stands behind the gap moves up, where it may: a mark in the gap's place would lengthen every
 * search that comes by, and marks would never go. */
void hc_handle_map_remove(hc_handle_map *map, uint64_t handle) {
  if (map->capacity == 0) return;
  size_t mask = map->capacity - 1, hole = find_handle_map(map, handle);
  if (!map->slots[hole].owner) return;
  for (size_t at = (hole + 1) & mask; map->slots[at].owner; at = (at + 1) & mask) {
    size_t home = home_of(map, map->slots[at].handle);
    /* An entry that is nearer to its own place than the gap is stays where it is. */
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    map->slots[hole] = map->slots[at];
    hole = at;
  }
  map->slots[hole] = (hc_handle_slot){0, NULL};
  map->count--;
}

void hc_handle_map_free(hc_handle_map *map) {
  hc_memory_release(map->slots);
  *map = (hc_handle_map){NULL, 0, 0};
}
