/* buffer.c - the growable byte buffer. See buffer.h.
 *
 * Consumed bytes are not moved away at once: `start` goes on, and the room in front is won back
 * when more is needed behind. A reader that keeps up empties the buffer each time, which costs two
 * assignments and no move at all. */
#include "buffer.h"

#include <string.h>

#include "memory.h"

/* The first allocation of a buffer that is filled in small pieces. */
#define SMALLEST_CAPACITY 16u

/* Every view into the buffer points at other bytes afterwards. */
static void move_to_front(hc_buffer *b) {
  size_t held = hc_buffer_size(b);
  if (b->start == 0 || !b->data) return;
  memmove(b->data, b->data + b->start, held);
  b->start = 0;
  b->end = held;
}

/* Doubling keeps the cost of n appends at O(n). The caller has made sure that `needed` <=
 * `limit`. */
static hc_error grow_buffer(hc_buffer *b, size_t needed, size_t limit) {
  size_t capacity = b->capacity > limit / 2 ? limit : b->capacity * 2;
  if (capacity < SMALLEST_CAPACITY)
    capacity = limit < SMALLEST_CAPACITY ? limit : SMALLEST_CAPACITY;
  if (capacity < needed) capacity = needed;
  char *data = hc_memory_resize(b->data, capacity);
  if (!data) return HC_ERR_OUT_OF_MEMORY;
  b->data = data;
  b->capacity = capacity;
  return HC_OK;
}

hc_error hc_buffer_reserve(hc_buffer *b, size_t room, size_t limit, char **at, size_t *available) {
  size_t held = hc_buffer_size(b);
  if (held > limit || room > limit - held) return HC_ERR_OUT_OF_MEMORY;
  if (!b->data || b->capacity - b->end < room) {
    /* Moving pays only when it frees at least as much as it moves; otherwise each of many small
     * consumes would move the whole buffer. A buffer that may not grow has no choice. */
    bool moving_is_cheap = b->start >= held || b->capacity >= limit;
    bool fits = b->data && b->capacity - held >= room;
    move_to_front(b);
    if (!(fits && moving_is_cheap)) {
      hc_error error = grow_buffer(b, held + room, limit);
      if (error != HC_OK && !fits) return error;
    }
  }
  size_t behind = b->capacity - b->end;
  *at = b->data + b->end;
  *available = behind < limit - held ? behind : limit - held;
  return HC_OK;
}

/* Pages that begin in step with the kernel's let it copy whole ones. `start` moves as if some bytes
 * had been consumed, and so the room in front comes back by itself. */
void hc_buffer_align(hc_buffer *b, size_t alignment) {
  size_t shift = (size_t)(-(uintptr_t)b->data % alignment);
  if (!b->data || b->start > 0 || shift > b->capacity - b->end) return;
  memmove(b->data + shift, b->data, hc_buffer_size(b));
  b->start += shift;
  b->end += shift;
}

/* No check: whoever writes had at most `available` bytes, and more than that has gone over the end
 * of the memory already. */
void hc_buffer_commit(hc_buffer *b, size_t size) { b->end += size; }

void hc_buffer_consume(hc_buffer *b, size_t size) {
  b->start += size;
  if (b->start == b->end) b->start = b->end = 0;
}

/* The room that is there mostly suffices, and then nothing is called. The bytes must not be the
 * buffer's own, which reserve may move or free. */
hc_error hc_buffer_append(hc_buffer *b, hc_slice bytes, size_t limit) {
  if (bytes.size == 0) return HC_OK;
  size_t held = hc_buffer_size(b), available = b->capacity - b->end;
  char *at;
  if (available >= bytes.size && held <= limit && limit - held >= bytes.size) {
    at = b->data + b->end;
  } else {
    hc_error error = hc_buffer_reserve(b, bytes.size, limit, &at, &available);
    if (error != HC_OK) return error;
  }
  memcpy(at, bytes.data, bytes.size);
  hc_buffer_commit(b, bytes.size);
  return HC_OK;
}

hc_error hc_buffer_append_text(hc_buffer *b, const char *text, size_t limit) {
  return hc_buffer_append(b, hc_slice_of(text), limit);
}

/* Not by snprintf, which is slower and, with a host's locale and the ' flag of some libraries, not
 * sure to give digits alone. */
hc_error hc_buffer_append_number(hc_buffer *b, uint64_t number, size_t limit) {
  char digits[20]; /* 2^64 - 1 has 20 */
  size_t first = sizeof digits;
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return hc_buffer_append(b, (hc_slice){digits + first, sizeof digits - first}, limit);
}

void hc_buffer_free(hc_buffer *b) {
  hc_memory_release(b->data);
  *b = (hc_buffer){0};
}
