/* h2_input.c - content that has come and was not read. See h2_input.h.
 *
 * On the way of a byte this is between nghttp2, which shows a frame's content for the time of one
 * callback, and the reader, who comes when he likes: so here it is copied, once. Each stream owns
 * its buffer. What a session owns are the spares, large buffers that were read empty and go to
 * whichever stream needs one next.
 *
 * Nothing here knows frames or windows. How much a server may send is bounded by the windows that
 * nghttp2 keeps, and so is the memory. */
#include "h2_input.h"

#include "../base/limits.h"

/* Twice what can be held, so that moving what is held to the front pays each time. */
#define CONTENT_ROOM ((size_t)2 * HC_H2_STREAM_WINDOW)
/* Content that comes in pieces like this is large; its buffer has room for a read of usual size. */
#define LARGE_PIECE ((size_t)4096)
#define LARGE_ROOM ((size_t)65536)

/* Small memory stays with its stream, and so does what is one spare too many. A stream that gets
 * more content uses it again, and the end of the stream frees it (hc_h2_input_drop). */
static void keep_or_free(hc_h2_input *in, hc_buffer *content) {
  bool fits =
      in->spare_count < HC_H2_SPARES_MAX && content->capacity <= HC_H2_SPARE_SIZE - in->spare_size;
  if (content->capacity < LARGE_ROOM || !fits) return;
  in->spares[in->spare_count++] = *content;
  in->spare_size += content->capacity;
  *content = (hc_buffer){0};
}

/* The stream's own buffer is empty and small. The spare that was emptied last is the likeliest to
 * be in the processor's cache still. */
static void take_spare(hc_h2_input *in, hc_buffer *content) {
  hc_buffer_free(content);
  *content = in->spares[--in->spare_count];
  in->spare_size -= content->capacity;
}

/* Behind what is held, without moving that to the front: a reader may be looking at it. */
bool hc_h2_input_fits(const hc_buffer *content, size_t size) {
  return content->capacity - content->end >= size;
}

/* Without memory for a large buffer a small one will do. */
static void prepare(hc_h2_input *in, hc_buffer *content, size_t piece) {
  char *at;
  size_t available;
  if (content->capacity >= LARGE_ROOM) return;
  if (hc_buffer_size(content) == 0 && in->spare_count > 0) take_spare(in, content);
  else if (piece >= LARGE_PIECE && !hc_h2_input_fits(content, piece))
    (void)hc_buffer_reserve(content, LARGE_ROOM, CONTENT_ROOM, &at, &available);
}

/* The stream's window is half of the limit and nghttp2 lets no server go beyond it, so the append
 * fails for want of memory alone. */
hc_error hc_h2_input_add(hc_h2_input *in, hc_buffer *content, hc_slice bytes) {
  if (bytes.size == 0) return HC_OK;
  prepare(in, content, bytes.size);
  if (hc_buffer_append(content, bytes, CONTENT_ROOM) != HC_OK) return HC_ERR_OUT_OF_MEMORY;
  in->unread += bytes.size;
  return HC_OK;
}

/* The reader goes on in the memory that he was shown, which is `old` from here on and goes when he
 * comes back. What comes next goes behind the copy. */
hc_error hc_h2_input_move(hc_buffer *content, hc_buffer *old) {
  hc_slice held = {hc_buffer_head(content), hc_buffer_size(content)};
  hc_buffer copy = {0};
  hc_error code = hc_buffer_append(&copy, held, CONTENT_ROOM);
  if (code != HC_OK) return code;
  *old = *content;
  *content = copy;
  return HC_OK;
}

/* The memory is handed on and not freed, so a view of it can still be read until another stream
 * takes it. */
void hc_h2_input_consume(hc_h2_input *in, hc_buffer *content, size_t size) {
  hc_buffer_consume(content, size);
  in->unread -= size;
  if (hc_buffer_size(content) == 0) keep_or_free(in, content);
}

/* A buffer that was kept has left an empty one behind; to free that is nothing. */
void hc_h2_input_drop(hc_h2_input *in, hc_buffer *content) {
  in->unread -= hc_buffer_size(content);
  content->start = content->end = 0;
  keep_or_free(in, content);
  hc_buffer_free(content);
}

/* A session without streams may lie idle for minutes, and then its spares would be of use to
 * nobody. */
void hc_h2_input_rest(hc_h2_input *in) {
  while (in->spare_count > 0) hc_buffer_free(&in->spares[--in->spare_count]);
  in->spare_size = 0;
}
