/* h2_output.h - the bytes of a session that are on their way out: frames of its own, and views of
 * the content of streams.
 *
 * A frame that has been begun must be sent to its end, whatever becomes of its stream: where a
 * stream goes before its bytes are out, they are copied. No I/O; nothing of the protocol. */
#ifndef HC_H2_OUTPUT_H
#define HC_H2_OUTPUT_H

#include "../base/internal.h"
#include "../base/buffer.h"
#include "../base/limits.h"

HC_INTERNAL_BEGIN

/* A run of bytes. `in_flight` is the owner's count of such bytes, which goes down as they leave. */
typedef struct hc_h2_part {
  const char *data; /* NULL: the next ones of `own` */
  size_t size;
  size_t *in_flight; /* NULL: nobody's */
  char *copy; /* the memory that `data` is in, where it was copied */
} hc_h2_part;

/* Zeroed is empty and valid. */
typedef struct hc_h2_output {
  hc_buffer own; /* frame heads and whole frames of the session's */
  hc_h2_part parts[HC_H2_PARTS_MAX];
  size_t count;
  size_t size; /* bytes in all parts */
} hc_h2_output;

/* Is there room for a frame's head and its content? What the session itself has to say always finds
 * some. */
bool hc_h2_output_has_room(const hc_h2_output *o);
/* Both return HC_ERR_OUT_OF_MEMORY with nothing changed. */
hc_error hc_h2_output_add_own(hc_h2_output *o, hc_slice bytes);
/* A view, which lives until it is out or hc_h2_output_keep; *in_flight grows by its size. */
hc_error hc_h2_output_add_view(hc_h2_output *o, hc_slice bytes, size_t *in_flight);
/* The first parts, at most `room`; returns how many. They stay until hc_h2_output_sent, keep or
 * another add. */
size_t hc_h2_output_peek(const hc_h2_output *o, hc_slice *parts, size_t room);
void hc_h2_output_sent(hc_h2_output *o, size_t size);
/* The owner of that count is about to go: copies what is left of its bytes.
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_h2_output_keep(hc_h2_output *o, const size_t *in_flight);
void hc_h2_output_free(hc_h2_output *o);

HC_INTERNAL_END

#endif
