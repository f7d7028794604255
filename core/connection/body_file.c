/* body_file.c - content to writers and to files. See body_file.h.
 *
 * It stands where a reader stands, and does what a reader does: look, take, say how much. Only the
 * exchange can tell whether the kernel can do it without us. */
#include "body_file.h"

#include "../platform/file.h"

/* One go moves at most about this much, so that a fast peer can not hold its caller. It is less
 * where the bytes are not left to the kernel but decrypted, or decoded and copied: a frame of a
 * game may be nearly over by then. */
#define WRITER_BUDGET ((uint64_t)1 << 20)
#define PIECES_BUDGET ((uint64_t)256 << 10)

/* Why the writer took less stands in `refusal`, and the loop ends there: what it did not take is
 * still the exchange's. */
static size_t write_out(hc_body_transfer *t, hc_slice bytes) {
  if (t->write) return t->write(t->context, bytes, &t->refusal);
  size_t written = 0;
  (void)hc_file_write(t->pump.file, bytes, &written, &t->refusal);
  return written;
}

static hc_progress look_body_file(const hc_body_transfer *t, hc_exchange *x, hc_slice *view,
                                  hc_failure *why) {
  return t->content ? hc_decoded_peek(t->content, x, view, why) : hc_exchange_peek(x, view, why);
}

static hc_progress pass(const hc_body_transfer *t, hc_exchange *x, size_t size, hc_failure *why) {
  return t->content ? hc_decoded_consume(t->content, size, why) : hc_exchange_consume(x, size);
}

/* What one look at the content gives. A writer that takes less and gives no reason gets one:
 * without it the caller would be asked to write the same bytes for ever. */
static hc_progress write_piece(hc_body_transfer *t, hc_exchange *x, hc_failure *why) {
  hc_slice view = {NULL, 0};
  hc_progress progress = look_body_file(t, x, &view, why);
  t->pump.was_dry = false;
  if (progress != HC_MOVED) return progress;
  size_t took = write_out(t, view);
  t->pump.moved += took;
  t->pump.is_flowing = view.size >= x->settings->read_chunk_size;
  if (took < view.size) hc_failure_set_code(&t->refusal, HC_ERR_FILE_CANT_WRITE);
  return took > 0 ? pass(t, x, took, why) : HC_MOVED;
}

/* The pump is tried only where the last look was full. A pipe and two system calls for a few bytes
 * would be dearer than a copy. */
hc_progress hc_body_transfer_advance(hc_body_transfer *t, hc_exchange *x, hc_failure *why) {
  bool goes_as_it_is = !t->write && !t->content;
  hc_pump *pump = &t->pump;
  uint64_t begin = pump->moved, end = begin + WRITER_BUDGET;
  hc_progress progress = HC_MOVED;
  while (progress == HC_MOVED && t->refusal.code == HC_OK && pump->moved < end) {
    bool by_pump = goes_as_it_is && pump->is_flowing && hc_exchange_can_pump(x, pump);
    if (!by_pump && pump->moved - begin >= PIECES_BUDGET) break;
    progress = by_pump ? hc_exchange_pump(x, pump, end - pump->moved, why) : write_piece(t, x, why);
  }
  return progress;
}

void hc_body_transfer_end(hc_body_transfer *t, hc_exchange *x) {
  hc_exchange_end_pump(x, &t->pump);
}
