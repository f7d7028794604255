/* buffer.h - a growable byte buffer that is born with a maximum. */
#ifndef HC_BUFFER_H
#define HC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "internal.h"
#include "slice.h"

HC_INTERNAL_BEGIN

/* Bytes [start, end) are held. Zeroed is a valid empty buffer. */
typedef struct hc_buffer {
  char *data;
  size_t start, end, capacity;
} hc_buffer;

static inline size_t hc_buffer_size(const hc_buffer *b) { return b->end - b->start; }
/* NULL before the first reserve: arithmetic on a null pointer is undefined, even by 0. */
static inline char *hc_buffer_head(const hc_buffer *b) { return b->data == NULL ? NULL : b->data + b->start; }

/* Room for at least `room` more bytes behind the held ones: moves them to the front or grows (doubling, never
 * so that more than `limit` bytes could be held). *at is where to write, *available how much fits (>= room).
 * HC_ERR_OUT_OF_MEMORY when memory is out or the limit would be passed. Views into the buffer die. */
hc_error hc_buffer_reserve(hc_buffer *b, size_t room, size_t limit, char **at, size_t *available);
/* Moves what is held so that it begins at a multiple of `alignment`, a power of two, where it begins at the buffer's own
 * start and the room behind it lasts; else does nothing. Of `alignment` - 1 bytes more than needed enough are left. */
void hc_buffer_align(hc_buffer *b, size_t alignment);
/* `size` bytes written at the place that reserve gave become held. */
void hc_buffer_commit(hc_buffer *b, size_t size);
/* Forgets the first `size` held bytes. When nothing is left the positions return to 0 and the memory stays. */
void hc_buffer_consume(hc_buffer *b, size_t size);
/* Appends a copy; HC_ERR_OUT_OF_MEMORY as reserve. Nothing is appended on failure. */
hc_error hc_buffer_append(hc_buffer *b, hc_slice bytes, size_t limit);
hc_error hc_buffer_append_text(hc_buffer *b, const char *text, size_t limit);
/* Decimal, no locale. */
hc_error hc_buffer_append_number(hc_buffer *b, uint64_t number, size_t limit);
/* Frees the memory; the buffer is empty and can be used again. */
void hc_buffer_free(hc_buffer *b);

HC_INTERNAL_END

#endif
