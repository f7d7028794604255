/* body_file.c - content to writers and to files. See body_file.h. */
#include "body_file.h"

#include "../base/limits.h"
#include "../platform/file.h"
#include "connection.h"

/* One go moves at most about this much, so that a fast peer can not hold its caller. */
#define WRITER_BUDGET ((uint64_t)1 << 20)

static size_t write_out(hc_body_transfer *t, hc_slice bytes) {
  if (t->write) return t->write(t->context, bytes, &t->refusal);
  size_t written = 0;
  (void)hc_file_write(t->file, bytes, &written, &t->refusal);
  return written;
}

static hc_progress look_body_file(const hc_body_transfer *t, hc_exchange *x, hc_slice *view,
                                  hc_failure *why) {
  return t->content ? hc_decoded_peek(t->content, x, view, why) : hc_exchange_peek(x, view, why);
}

static hc_progress pass(const hc_body_transfer *t, hc_exchange *x, size_t size, hc_failure *why) {
  return t->content ? hc_decoded_consume(t->content, size, why) : hc_exchange_consume(x, size);
}

/* What one look at the content gives. */
static hc_progress write_piece(hc_body_transfer *t, hc_exchange *x, hc_failure *why) {
  hc_slice view = {NULL, 0};
  hc_progress progress = look_body_file(t, x, &view, why);
  t->was_dry = false;
  if (progress != HC_MOVED) return progress;
  size_t took = write_out(t, view);
  t->moved += took;
  t->is_flowing = view.size >= x->settings->read_chunk_size;
  if (took < view.size) hc_failure_set(&t->refusal, HC_ERR_FILE_CANT_WRITE, "can't write the file");
  return took > 0 ? pass(t, x, took, why) : HC_MOVED;
}

/* --- through the kernel */

static bool is_worth_it(const hc_h1_exchange *h) {
  const hc_receiver *r = &h->receiver;
  const hc_stream_peer *stream = h->common.connection->stream;
  bool is_plain = r->answer.plan.framing == HC_FRAMING_UNTIL_CLOSE ||
                  (r->answer.plan.framing == HC_FRAMING_LENGTH && r->left >= HC_PIPE_LEAST);
  return is_plain && r->ending == HC_ENDING_NONE && hc_buffer_size(&r->in) == 0 &&
         stream->ops->fill_pipe && hc_buffer_size(&stream->unread) == 0;
}

static bool has_pipe(hc_body_transfer *t) {
  return t->pipe.is_open || (hc_file_is_positioned(t->file) && hc_pipe_open(&t->pipe) == HC_OK);
}

/* Room to take back all that a pipe can hold comes first. Memory that is not written to costs next
 * to nothing. */
static bool is_open(hc_body_transfer *t, hc_receiver *r) {
  char *at;
  size_t room;
  if (!t->pipe_is_refused)
    t->pipe_is_refused =
        !has_pipe(t) || hc_buffer_reserve(&r->in, HC_PIPE_SIZE, HC_PIPE_SIZE, &at, &room) != HC_OK;
  return !t->pipe_is_refused;
}

static hc_progress take_back(hc_body_transfer *t, hc_receiver *r, hc_failure *why) {
  char *at;
  size_t room, got = 1;
  r->starved = false;
  while (t->pipe.held > 0 && got > 0) {
    hc_error code = hc_buffer_reserve(&r->in, t->pipe.held, HC_PIPE_SIZE, &at, &room);
    got = code == HC_OK ? hc_pipe_take(&t->pipe, at, room) : 0;
    hc_buffer_commit(&r->in, got);
  }
  if (t->pipe.held == 0) return HC_MOVED;
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "bytes on their way to the file were lost");
  return HC_BROKEN;
}

/* What the pipe holds goes to the file. */
static hc_progress empty_pipe(hc_body_transfer *t, hc_h1_exchange *h, hc_failure *why) {
  size_t took = hc_pipe_to_file(&t->pipe, t->file);
  t->moved += took;
  hc_progress progress = HC_MOVED;
  if (t->pipe.held > 0) {
    t->pipe_is_refused = true;
    progress = take_back(t, &h->receiver, why);
  }
  return progress == HC_MOVED && took > 0 ? hc_receiver_pass(&h->receiver, took) : progress;
}

/* WAIT: nothing is there. Whatever else stops it the plain way finds out. */
static hc_progress move_through_kernel(hc_body_transfer *t, hc_h1_exchange *h, uint64_t most,
                                       hc_failure *why) {
  hc_receiver *r = &h->receiver;
  hc_stream_peer *stream = h->common.connection->stream;
  uint64_t size = most < HC_PIPE_SIZE ? most : HC_PIPE_SIZE;
  if (r->answer.plan.framing == HC_FRAMING_LENGTH && r->left < size) size = r->left;
  hc_io io = stream->ops->fill_pipe(stream, &t->pipe, (size_t)size, why);
  if (io == HC_IO_OK && t->pipe.held == 0) {
    t->pipe_is_refused = true;
    return HC_MOVED;
  }
  hc_receiver_note(r, io);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return HC_WAIT;
  if (io != HC_IO_OK) return HC_MOVED;
  hc_exchange_touch(&h->common);
  r->full_receives = 0; /* the plain way is not to take ahead what can go this way */
  return empty_pipe(t, h, why);
}

/* A pipe is made only when more comes than one look takes. It stays dry where urgent data stands,
 * though the socket is readable: at the second time the plain way gets by that. */
static hc_progress pump_body_file(hc_body_transfer *t, hc_h1_exchange *h, uint64_t most,
                                  hc_failure *why) {
  hc_progress progress = move_through_kernel(t, h, most, why);
  bool is_dry = progress == HC_WAIT;
  t->is_flowing = !is_dry || !t->was_dry;
  if (is_dry) progress = t->was_dry ? HC_MOVED : hc_exchange_check_idle(&h->common, why);
  t->was_dry = is_dry;
  return progress;
}

hc_progress hc_body_transfer_advance(hc_body_transfer *t, hc_exchange *x, hc_failure *why) {
  hc_h1_exchange *h = t->write || t->content ? NULL : hc_h1_of(x);
  uint64_t end = t->moved + WRITER_BUDGET;
  hc_progress progress = HC_MOVED;
  while (progress == HC_MOVED && t->refusal.code == HC_OK && t->moved < end) {
    bool by_pipe = h && t->is_flowing && is_worth_it(h) && is_open(t, &h->receiver);
    progress = by_pipe ? pump_body_file(t, h, end - t->moved, why) : write_piece(t, x, why);
  }
  return progress;
}

void hc_body_transfer_end(hc_body_transfer *t, hc_exchange *x) {
  hc_h1_exchange *h = hc_h1_of(x);
  if (h && t->pipe.is_open && hc_buffer_size(&h->receiver.in) == 0) hc_buffer_free(&h->receiver.in);
  hc_pipe_close(&t->pipe);
}
