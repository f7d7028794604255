/* client_file.c - content to writers and to files, in the kernel where that is possible. */
#include "client_internal.h"
#include "file.h"

/* A call that is not told to block moves at most about this much, so that a fast peer can not hold it. */
#define WRITER_BUDGET ((uint64_t)1 << 20)

static hc_error report(const hc_client *c, hc_failure *why) {
  const hc_failure *last = hc_client_last_error(c);
  return last->code == HC_OK ? HC_OK : hc_failure_set(why, last->code, "%s", last->text);
}

static bool may_move_more(const hc_client *c, uint64_t moved) {
  return c->status == HC_STATUS_BODY && (c->settings.blocking || moved < WRITER_BUDGET);
}

/* What one look at the content gives. *size 0: nothing is there. */
static hc_error write_piece(hc_client *c, hc_body_writer write, void *context, uint64_t *moved, size_t *size,
                            hc_failure *why) {
  hc_slice view;
  hc_receiver_peek(c, &view);
  *size = view.size;
  if (view.size == 0) return HC_OK;
  size_t took = write(context, view, why);
  *moved += took;
  hc_receiver_consume(c, took);
  return took < view.size ? hc_failure_set(why, HC_ERR_FILE_CANT_WRITE, "can't write the file") : HC_OK;
}

static hc_error refuse(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no body to read");
}

static hc_error move_to_writer(hc_client *c, hc_body_writer write, void *context, uint64_t *moved, hc_failure *why) {
  size_t size = 1;
  while (size > 0 && may_move_more(c, *moved)) {
    hc_error code = write_piece(c, write, context, moved, &size, why);
    if (code != HC_OK) return code;
  }
  return report(c, why);
}

hc_error hc_client_body_to_writer(hc_client *c, hc_body_writer write, void *context, uint64_t *moved, hc_failure *why) {
  *moved = 0;
  if (c->at_work) return hc_client_refuse(why);
  if (c->status != HC_STATUS_BODY) return refuse(why);
  hc_client_begin(c);
  hc_error code = move_to_writer(c, write, context, moved, why);
  hc_client_end(c);
  return code;
}

/* --- through the kernel ------------------------------------------------------------------------------------------------ */

/* The way of one call. Nothing stays in the pipe between two of its steps: what the file does not take goes to the client's
 * buffer, where the plain way finds it, and why the file does not take it. */
typedef struct route {
  int file;
  hc_pipe pipe;
  bool is_refused;  /* by the stream or the file */
} route;

static bool is_worth_it(const hc_client *c) {
  const hc_receiver *r = &c->receiver;
  bool is_plain = r->plan.framing == HC_FRAMING_UNTIL_CLOSE ||
                  (r->plan.framing == HC_FRAMING_LENGTH && r->left >= HC_PIPE_LEAST);
  return is_plain && r->ending == HC_ENDING_NONE && hc_buffer_size(&r->in) == 0 && c->peer->ops->fill_pipe &&
         hc_buffer_size(&c->peer->unread) == 0;
}

static bool has_pipe(route *way) {
  return way->pipe.is_open || (hc_file_is_positioned(way->file) && hc_pipe_open(&way->pipe) == HC_OK);
}

/* Room to take back all that a pipe can hold comes first. Memory that is not written to costs next to nothing. */
static bool is_open(hc_client *c, route *way) {
  char *at;
  size_t room;
  if (!way->is_refused)
    way->is_refused = !has_pipe(way) || hc_buffer_reserve(&c->receiver.in, HC_PIPE_SIZE, HC_PIPE_SIZE, &at, &room) != HC_OK;
  return !way->is_refused;
}

static void take_back(hc_client *c, route *way) {
  char *at;
  size_t room, got = 1;
  c->receiver.starved = false;
  while (way->pipe.held > 0 && got > 0) {
    hc_error code = hc_buffer_reserve(&c->receiver.in, way->pipe.held, HC_PIPE_SIZE, &at, &room);
    got = code == HC_OK ? hc_pipe_take(&way->pipe, at, room) : 0;
    hc_buffer_commit(&c->receiver.in, got);
  }
  if (way->pipe.held > 0)
    hc_client_fail(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR, "bytes on their way to the file were lost");
}

/* WANT_READ: nothing is there. Whatever else stops it the plain way finds out. */
static hc_io move_through_kernel(hc_client *c, route *way, uint64_t *moved) {
  const hc_receiver *r = &c->receiver;
  uint64_t size = HC_PIPE_SIZE;
  if (r->plan.framing == HC_FRAMING_LENGTH && r->left < size) size = r->left;
  if (!c->settings.blocking && WRITER_BUDGET - *moved < size) size = WRITER_BUDGET - *moved;
  hc_io io = c->peer->ops->fill_pipe(c->peer, &way->pipe, (size_t)size, &c->failure);
  if (io == HC_IO_OK && way->pipe.held == 0) {
    way->is_refused = true;
    return io;
  }
  hc_receiver_note(&c->receiver, io);
  if (io != HC_IO_OK) return io;
  hc_client_touch_idle(c);
  c->receiver.full_receives = 0; /* the plain way is not to take ahead what can go this way */
  size_t took = hc_pipe_to_file(&way->pipe, way->file);
  *moved += took;
  if (way->pipe.held > 0) {
    way->is_refused = true;
    take_back(c, way);
  }
  if (c->status == HC_STATUS_BODY && took > 0) hc_receiver_pass(c, took);
  return io;
}

static size_t write_to_file(void *context, hc_slice bytes, hc_failure *why) {
  size_t written = 0;
  (void)hc_file_write(*(const int *)context, bytes, &written, why);
  return written;
}

/* A pipe is made only when more comes than one look takes. It stays dry where urgent data stands, though the socket is
 * readable: the plain way gets by that. */
static hc_error move_to_file(hc_client *c, route *way, uint64_t *moved, hc_failure *why) {
  bool is_flowing = false, was_dry = false;
  while (may_move_more(c, *moved)) {
    if (is_flowing && is_worth_it(c) && is_open(c, way)) {
      bool is_dry = move_through_kernel(c, way, moved) == HC_IO_WANT_READ;
      if (is_dry && !was_dry && !hc_receiver_await(c)) break;
      is_flowing = !is_dry || !was_dry;
      was_dry = is_dry;
      continue;
    }
    size_t size;
    was_dry = false;
    hc_error code = write_piece(c, write_to_file, &way->file, moved, &size, why);
    if (code != HC_OK) return code;
    if (size == 0) break;
    is_flowing = size >= c->settings.read_chunk_size;
  }
  return report(c, why);
}

hc_error hc_client_body_to_file(hc_client *c, int file, uint64_t *moved, hc_failure *why) {
  route way = {.file = file};
  *moved = 0;
  if (c->at_work) return hc_client_refuse(why);
  if (c->status != HC_STATUS_BODY) return refuse(why);
  hc_client_begin(c);
  hc_error code = move_to_file(c, &way, moved, why);
  hc_client_end(c);
  if (way.pipe.is_open && hc_buffer_size(&c->receiver.in) == 0) hc_buffer_free(&c->receiver.in);
  hc_pipe_close(&way.pipe);
  return code;
}
