/* h1_pump.c - content of HTTP/1.1 from the socket to a file, through a pipe of the kernel's. See
 * pump.h.
 *
 * On the way of a byte this stands in place of the reader: the bytes never come into the process.
 * It is worth that where the content is uncoded, not chunked, and large. Everything else goes the
 * plain way (body_file.c), and so does all of the rest when the kernel has refused once: to ask it
 * each time would cost more than it saves. */
#include "../base/limits.h"
#include "../platform/file.h"
#include "connection.h"
#include "pump.h"

/* Bytes that have been received already have to go first, by the plain way, or the file would have
 * them in the wrong order. */
static bool is_worth_it(const hc_h1_exchange *h) {
  const hc_receiver *r = &h->receiver;
  const hc_stream_peer *stream = h->common.connection->stream;
  bool is_plain = r->answer.plan.framing == HC_FRAMING_UNTIL_CLOSE ||
                  (r->answer.plan.framing == HC_FRAMING_LENGTH && r->left >= HC_PIPE_LEAST);
  return stream && is_plain && r->ending == HC_ENDING_NONE && hc_buffer_size(&r->in) == 0 &&
         stream->ops->fill_pipe && hc_buffer_size(&stream->unread) == 0;
}

/* A file that is appended to, or a pipe, has no position to write at, and would be written from the
 * front. */
static bool has_pipe(hc_pump *p) {
  return p->pipe.is_open || (hc_file_is_positioned(p->file) && hc_pipe_open(&p->pipe) == HC_OK);
}

/* Room to take back all that a pipe can hold comes first. Memory that is not written to costs next
 * to nothing. */
static bool is_open_h1(hc_pump *p, hc_receiver *r) {
  char *at;
  size_t room;
  if (!p->pipe_is_refused)
    p->pipe_is_refused =
        !has_pipe(p) || hc_buffer_reserve(&r->in, HC_PIPE_SIZE, HC_PIPE_SIZE, &at, &room) != HC_OK;
  return !p->pipe_is_refused;
}

/* What the file doesn't take must not be lost with the pipe: it is content, and the next reader
 * finds it in `in`. The room was made sure of before anything was moved, so this can only fail
 * where the kernel itself breaks its word. */
static hc_progress take_back(hc_pump *p, hc_receiver *r, hc_failure *why) {
  char *at;
  size_t room, got = 1;
  hc_receiver_note_returned(r);
  while (p->pipe.held > 0 && got > 0) {
    hc_error code = hc_buffer_reserve(&r->in, p->pipe.held, HC_PIPE_SIZE, &at, &room);
    got = code == HC_OK ? hc_pipe_take(&p->pipe, at, room) : 0;
    hc_buffer_commit(&r->in, got);
  }
  if (p->pipe.held == 0) return HC_MOVED;
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "bytes on their way to the file were lost");
  return HC_BROKEN;
}

/* What the pipe holds goes to the file. */
static hc_progress empty_pipe(hc_pump *p, hc_h1_exchange *h, hc_failure *why) {
  size_t took = hc_pipe_to_file(&p->pipe, p->file);
  p->moved += took;
  hc_progress progress = HC_MOVED;
  if (p->pipe.held > 0) {
    p->pipe_is_refused = true;
    progress = take_back(p, &h->receiver, why);
  }
  return progress == HC_MOVED && took > 0 ? hc_receiver_pass(&h->receiver, took) : progress;
}

/* WAIT: nothing is there. Errors and the end are not judged here: the plain way meets them in its
 * next receive, and has the words for them. */
static hc_progress move_through_kernel(hc_pump *p, hc_h1_exchange *h, uint64_t most,
                                       hc_failure *why) {
  hc_receiver *r = &h->receiver;
  hc_stream_peer *stream = h->common.connection->stream;
  uint64_t size = most < HC_PIPE_SIZE ? most : HC_PIPE_SIZE;
  if (r->answer.plan.framing == HC_FRAMING_LENGTH && r->left < size) size = r->left;
  hc_io io = stream->ops->fill_pipe(stream, &p->pipe, (size_t)size, why);
  if (io == HC_IO_OK && p->pipe.held == 0) {
    p->pipe_is_refused = true;
    return HC_MOVED;
  }
  hc_receiver_note(r, io);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return HC_WAIT;
  if (io != HC_IO_OK) return HC_MOVED;
  hc_exchange_touch(&h->common);
  hc_receiver_forget_lead(r);
  return empty_pipe(p, h, why);
}

bool hc_h1_can_pump(hc_exchange *x, hc_pump *p) {
  hc_h1_exchange *h = (hc_h1_exchange *)x;
  return is_worth_it(h) && is_open_h1(p, &h->receiver);
}

/* A pipe is made only when more comes than one look takes. It stays dry where urgent data stands,
 * though the socket is readable: at the second time the plain way gets by that. */
hc_progress hc_h1_pump(hc_exchange *x, hc_pump *p, uint64_t most, hc_failure *why) {
  hc_progress progress = move_through_kernel(p, (hc_h1_exchange *)x, most, why);
  bool is_dry = progress == HC_WAIT;
  p->is_flowing = !is_dry || !p->was_dry;
  if (is_dry) progress = p->was_dry ? HC_MOVED : hc_exchange_check_idle(x, why);
  p->was_dry = is_dry;
  return progress;
}

/* The room that was made for taking back is as large as a pipe, and a client that is done should
 * not keep it. */
void hc_h1_end_pump(hc_exchange *x, hc_pump *p) {
  hc_buffer *in = &((hc_h1_exchange *)x)->receiver.in;
  if (p->pipe.is_open && hc_buffer_size(in) == 0) hc_buffer_free(in);
  hc_pipe_close(&p->pipe);
}
