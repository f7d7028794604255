/* poller_backend_list.c - a poller's backend where the kernel keeps no set of descriptors (Windows
 * for one): a list, over which each wait polls. See poller_backend.h.
 *
 * Each wait hands all descriptors to the kernel and looks at all answers: O(n), where the sets of
 * epoll and kqueue cost what is ready. For the some hundred connections of a client that is
 * bearable. The maps keep a change from being O(n) as well.
 *
 * An entry has one handle and one key, and either finds it. Its place in the list changes when
 * another one leaves. */
#include "poller_backend.h"

#if defined(HC_BACKEND_LIST)

#include "../base/handle_map.h"
#include "../base/memory.h"
#include "wait.h"

struct hc_backend {
  hc_wait_entry *entries;
  uint64_t *keys; /* of the entry with the same number */
  size_t count, capacity;
  size_t next;             /* where the last wait stopped, so that nobody starves */
  hc_handle_map by_handle; /* their owners are positions in the list, and one more */
  hc_handle_map by_key;
};

/* Nothing of the kernel's is opened, so memory is all that can be lacking. */
hc_backend *hc_backend_new(hc_failure *why) {
  hc_backend *b = hc_memory_allocate_zeroed(1, sizeof *b);
  if (!b) hc_failure_out_of_memory(why);
  return b;
}

void hc_backend_delete(hc_backend *b) {
  if (!b) return;
  hc_memory_release(b->entries);
  hc_memory_release(b->keys);
  hc_handle_map_free(&b->by_handle);
  hc_handle_map_free(&b->by_key);
  hc_memory_release(b);
}

/* The list is the child's alone, and stays: what is put in anew is in it already. */
bool hc_backend_renew(hc_backend *b) {
  (void)b;
  return true;
}

/* A list can't be waited for: a loop that has the poller in it is told a time instead. */
hc_handle hc_backend_fd(const hc_backend *b) {
  (void)b;
  return HC_NO_HANDLE;
}

/* The map's owners are pointers, and NULL means none there: hence one more than the place. */
static void *owner_of(size_t at) { return (void *)(uintptr_t)(at + 1); }
static uint64_t number_of(hc_handle fd) { return (uint64_t)(uintptr_t)fd; }

/* The position, or the list's end where it has none. */
static size_t position_in(const hc_backend *b, const hc_handle_map *map, uint64_t number) {
  const void *owner = hc_handle_map_get(map, number);
  return owner ? (size_t)(uintptr_t)owner - 1 : b->count;
}

/* Where both have been put before, no memory is needed. */
static bool note(hc_backend *b, size_t at) {
  uint64_t number = number_of(b->entries[at].fd);
  if (hc_handle_map_put(&b->by_handle, number, owner_of(at)) != HC_OK) return false;
  if (hc_handle_map_put(&b->by_key, b->keys[at], owner_of(at)) == HC_OK) return true;
  hc_handle_map_remove(&b->by_handle, number);
  return false;
}

/* The last one takes its place. */
static void take_out_poller_backend_list(hc_backend *b, size_t at) {
  if (at == b->count) return;
  hc_handle_map_remove(&b->by_handle, number_of(b->entries[at].fd));
  hc_handle_map_remove(&b->by_key, b->keys[at]);
  b->count--;
  if (at == b->count) return;
  b->entries[at] = b->entries[b->count];
  b->keys[at] = b->keys[b->count];
  (void)note(b, at);
}

/* Two arrays: where the second one fails the first has grown for nothing, and nothing is lost. */
static bool grow_poller_backend_list(hc_backend *b) {
  if (b->count < b->capacity) return true;
  size_t capacity = b->capacity ? 2 * b->capacity : 64;
  hc_wait_entry *entries = hc_memory_resize(b->entries, capacity * sizeof *entries);
  if (!entries) return false;
  b->entries = entries;
  uint64_t *keys = hc_memory_resize(b->keys, capacity * sizeof *keys);
  if (!keys) return false;
  b->keys = keys;
  b->capacity = capacity;
  return true;
}

/* What the key watched before is forgotten, as the kernel's sets do when it is closed. */
bool hc_backend_watch(hc_backend *b, hc_handle fd, unsigned events, uint64_t key) {
  size_t at = position_in(b, &b->by_handle, number_of(fd));
  if (at < b->count && b->keys[at] == key) {
    b->entries[at].events = events;
    return true;
  }
  take_out_poller_backend_list(b, at);
  take_out_poller_backend_list(b, position_in(b, &b->by_key, key));
  if (!grow_poller_backend_list(b)) return false;
  b->entries[b->count] = (hc_wait_entry){.fd = fd, .events = events};
  b->keys[b->count] = key;
  if (!note(b, b->count)) return false;
  b->count++;
  return true;
}

void hc_backend_unwatch(hc_backend *b, hc_handle fd) {
  take_out_poller_backend_list(b, position_in(b, &b->by_handle, number_of(fd)));
}

/* Failing is "nothing came": the poller asks its connections by their deadlines all the same. Where
 * `room` is less than what is ready, the next wait goes on behind the last one that was told. */
size_t hc_backend_wait(hc_backend *b, hc_backend_event *events, size_t room, uint64_t deadline) {
  size_t ready = 0, given = 0, looked = 0;
  if (hc_wait(b->entries, b->count, deadline, &ready) != HC_OK || ready == 0) return 0;
  for (; looked < b->count && given < room; looked++) {
    size_t at = (b->next + looked) % b->count;
    if (b->entries[at].ready != 0) events[given++].key = b->keys[at];
  }
  b->next = (b->next + looked) % b->count;
  return given;
}

#endif
