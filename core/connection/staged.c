/* staged.c - large content by way of a small block. See staged.h.
 *
 * The bytes that are staged and the front of the piece are the same bytes: what is sent is taken
 * off both. */
#include "staged.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/memory.h"

/* Small content has its pages in the processor's cache from being made; only a large string is
 * worth the block. One that is there is used for whatever comes after. */
static bool has_block(hc_staged *s, size_t size) {
  if (!s->memory && size >= HC_STAGED_FROM) s->memory = hc_memory_allocate(HC_STAGED_SIZE);
  return s->memory;
}

/* What is staged has to go first: it is the same bytes as the front of the piece. */
void hc_staged_fill(hc_staged *s, hc_slice piece) {
  if (s->bytes.size || piece.size == 0 || !has_block(s, piece.size)) return;
  size_t size = piece.size < HC_STAGED_SIZE ? piece.size : HC_STAGED_SIZE;
  memcpy(s->memory, piece.data, size);
  s->bytes = (hc_slice){s->memory, size};
}

/* More may have been sent than was staged, as of a piece that went from where it is. */
void hc_staged_pass(hc_staged *s, size_t size) {
  if (size > s->bytes.size) size = s->bytes.size;
  if (size == 0) return;
  s->bytes.data += size;
  s->bytes.size -= size;
}

void hc_staged_free(hc_staged *s) {
  hc_memory_release(s->memory);
  *s = (hc_staged){NULL, {NULL, 0}};
}
