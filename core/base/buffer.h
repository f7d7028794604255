/* buffer.h - a growable byte buffer, filled at its end and emptied at its front.
 *
 * All bytes that wait for something wait in one of these: what was received and not yet handed out,
 * a head that is being written, the text of header fields. Whoever makes it grow says how large it
 * may get, so that no peer can fill the memory. It knows memory.h and nothing else. */
#ifndef HC_BUFFER_H
#define HC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "internal.h"
#include "slice.h"

HC_INTERNAL_BEGIN

/* It holds the bytes [start, end) of `data`. All zero: a valid empty buffer. */
typedef struct hc_buffer {
  char *data;
  size_t start, end, capacity;
} hc_buffer;

static inline size_t hc_buffer_size(const hc_buffer *b) { return b->end - b->start; }
/* The first held byte. NULL before the first reserve, and checked for: adding even 0 to a null
 * pointer is undefined. */
static inline char *hc_buffer_head(const hc_buffer *b) {
  return !b->data ? NULL : b->data + b->start;
}

/* Makes room for at least `room` more bytes behind the held ones, by moving these to the front or
 * by growing. It doubles when it grows, but never to where more than `limit` bytes could be held.
 * *at is where to write, *available how much fits there (>= room). HC_ERR_OUT_OF_MEMORY when memory
 * is out or the limit would be passed. Views into the buffer are not valid afterwards. */
hc_error hc_buffer_reserve(hc_buffer *b, size_t room, size_t limit, char **at, size_t *available);
/* Moves the held bytes so that they begin at a multiple of `alignment`, a power of two, if they
 * begin at the start of the memory and there is room behind them; otherwise does nothing. Reserve
 * `alignment` - 1 bytes more than you need, and there is. */
void hc_buffer_align(hc_buffer *b, size_t alignment);
/* The `size` bytes that were written where reserve said are held from now on. */
void hc_buffer_commit(hc_buffer *b, size_t size);
/* Forgets the first `size` held bytes. The memory stays; when nothing is left, all of it is free
 * again. */
void hc_buffer_consume(hc_buffer *b, size_t size);
/* Appends a copy. HC_ERR_OUT_OF_MEMORY as in reserve: nothing is appended then. */
hc_error hc_buffer_append(hc_buffer *b, hc_slice bytes, size_t limit);
hc_error hc_buffer_append_text(hc_buffer *b, const char *text, size_t limit);
/* In decimal, whatever the locale. */
hc_error hc_buffer_append_number(hc_buffer *b, uint64_t number, size_t limit);
/* Frees the memory. The buffer is empty and can be used again. */
void hc_buffer_free(hc_buffer *b);

HC_INTERNAL_END

#endif
