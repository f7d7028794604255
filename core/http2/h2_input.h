/* h2_input.h - the content of a session's streams that has come and was not read.
 *
 * Each stream has a buffer of its own, so that what is read of it lies in one piece. Memory that is
 * new to the process costs more than all copies of what goes through it, and of many streams few
 * have something unread at one time: so an emptied buffer is kept for the next stream that gets
 * something. No I/O; nothing of the protocol. */
#ifndef HC_H2_INPUT_H
#define HC_H2_INPUT_H

#include "../base/internal.h"
#include "../base/buffer.h"

HC_INTERNAL_BEGIN

#define HC_H2_SPARES_MAX 32u

/* Zeroed is empty and valid. */
typedef struct hc_h2_input {
  size_t unread; /* of all streams */
  hc_buffer spares[HC_H2_SPARES_MAX]; /* the one that was emptied last is the last */
  size_t spare_count, spare_size;
} hc_h2_input;

/* `content` is a stream's buffer. HC_ERR_OUT_OF_MEMORY, with nothing changed. */
hc_error hc_h2_input_add(hc_h2_input *in, hc_buffer *content, hc_slice bytes);
/* Could they be added to the memory that there is, and what is held stay where it is? */
bool hc_h2_input_fits(const hc_buffer *content, size_t size);
/* Moves the held bytes into a copy; `old` gets the memory they were in. HC_ERR_OUT_OF_MEMORY, with
 * nothing changed. */
hc_error hc_h2_input_move(hc_buffer *content, hc_buffer *old);
/* The first `size` bytes were used. A view of them is good until the next call for any stream. */
void hc_h2_input_consume(hc_h2_input *in, hc_buffer *content, size_t size);
/* Nobody reads the rest of it: the buffer is freed. */
void hc_h2_input_drop(hc_h2_input *in, hc_buffer *content);
/* Frees what is kept for streams to come. */
void hc_h2_input_rest(hc_h2_input *in);

HC_INTERNAL_END

#endif
