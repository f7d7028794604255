/* h2_output.c - the bytes of a session that are on their way out. See h2_output.h.
 *
 * A part is a run of the session's own bytes, all of which lie in one buffer, or a view of a
 * stream's content. They go out in their order, and each content byte that is out is taken off the
 * count of its stream. */
#include "h2_output.h"

#include <string.h>

#include "../base/memory.h"

/* A frame is its head, its content, and the head of what the session says next. */
bool hc_h2_output_has_room(const hc_h2_output *o) {
  return o->size < HC_H2_GATHER_SIZE && o->count + 3 <= HC_H2_PARTS_MAX;
}

/* Room was made sure of before nghttp2 was asked for a frame; it can't be told to take one back. */
static void add_part(hc_h2_output *o, const char *data, size_t size, size_t *in_flight) {
  o->parts[o->count++] = (hc_h2_part){.data = data, .size = size, .in_flight = in_flight};
  o->size += size;
}

/* Bytes of the session behind each other are one part, so a handful of small frames is one piece of
 * a send. They can't be addresses: the buffer moves when it grows. */
hc_error hc_h2_output_add_own(hc_h2_output *o, hc_slice bytes) {
  hc_h2_part *last = o->count > 0 ? &o->parts[o->count - 1] : NULL;
  bool goes_on = last && !last->data;
  if (bytes.size == 0) return HC_OK;
  if (!goes_on && o->count == HC_H2_PARTS_MAX) return HC_ERR_OUT_OF_MEMORY;
  if (hc_buffer_append(&o->own, bytes, SIZE_MAX) != HC_OK) return HC_ERR_OUT_OF_MEMORY;
  if (!goes_on) {
    add_part(o, NULL, bytes.size, NULL);
    return HC_OK;
  }
  last->size += bytes.size;
  o->size += bytes.size;
  return HC_OK;
}

/* A frame of content is never copied on its way to the socket; the price is that its owner has to
 * wait for it, or ask for a copy when he can't. */
hc_error hc_h2_output_add_view(hc_h2_output *o, hc_slice bytes, size_t *in_flight) {
  if (bytes.size == 0) return HC_OK;
  if (o->count == HC_H2_PARTS_MAX) return HC_ERR_OUT_OF_MEMORY;
  add_part(o, bytes.data, bytes.size, in_flight);
  *in_flight += bytes.size;
  return HC_OK;
}

/* Addresses into the session's own bytes are made here, and hold until something is added. */
size_t hc_h2_output_peek(const hc_h2_output *o, hc_slice *parts, size_t room) {
  const char *own = hc_buffer_head(&o->own);
  size_t count = o->count < room ? o->count : room;
  for (size_t i = 0; i < count; i++) {
    const hc_h2_part *part = &o->parts[i];
    parts[i] = (hc_slice){part->data ? part->data : own, part->size};
    if (!part->data) own += part->size;
  }
  return count;
}

/* The first `size` bytes of a part are out. */
static void shorten(hc_h2_output *o, hc_h2_part *part, size_t size) {
  if (!part->data) hc_buffer_consume(&o->own, size);
  else part->data += size;
  if (part->in_flight) *part->in_flight -= size;
  part->size -= size;
  o->size -= size;
  if (part->size == 0) hc_memory_release(part->copy);
}

/* The parts that are out go from the front in one move. There are few of them, so a ring would not
 * pay. */
void hc_h2_output_sent(hc_h2_output *o, size_t size) {
  size_t done = 0;
  while (done < o->count && size > 0) {
    hc_h2_part *part = &o->parts[done];
    size_t step = size < part->size ? size : part->size;
    shorten(o, part, step);
    size -= step;
    if (part->size > 0) break;
    done++;
  }
  o->count -= done;
  if (done > 0) memmove(o->parts, o->parts + done, o->count * sizeof *o->parts);
}

/* The peer counts on the frame: it has seen the length in its head, and a connection on which the
 * rest never comes is lost for all. */
hc_error hc_h2_output_keep(hc_h2_output *o, const size_t *in_flight) {
  for (size_t i = 0; i < o->count; i++) {
    hc_h2_part *part = &o->parts[i];
    if (part->in_flight != in_flight) continue;
    part->copy = hc_memory_allocate(part->size);
    if (!part->copy) return HC_ERR_OUT_OF_MEMORY;
    memcpy(part->copy, part->data, part->size);
    part->data = part->copy;
    part->in_flight = NULL;
  }
  return HC_OK;
}

/* What was not sent is lost, and with it the connection: a frame can't be taken up in its
 * middle. */
void hc_h2_output_free(hc_h2_output *o) {
  for (size_t i = 0; i < o->count; i++) hc_memory_release(o->parts[i].copy);
  hc_buffer_free(&o->own);
  memset(o, 0, sizeof *o);
}
