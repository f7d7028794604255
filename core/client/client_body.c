/* client_body.c - the content of an answer: by view, to a writer, to a file; as it travels, or with
 * its codings taken off.
 *
 * On the way of a byte this is the core's last place. A view shows the exchange's own memory, or
 * the decoder's, and stays until consume says how much of it was used: nothing is copied here.
 * Nothing is read either before somebody asks for it, so that a caller who is slow makes the server
 * slow, and no content heaps up.
 *
 * What a look came to is settled at once: the end of the content finishes the exchange, and a
 * failure is the client's. So a caller who has got the last byte finds the client CONNECTED again.
 *
 * It knows exchanges and what decodes them, and no version of HTTP: the framing (RFC 9112 section
 * 6, RFC 9113 section 8.1) is behind the exchange. */
#include <string.h>

#include "client_state.h"

#include "../connection/body_file.h"

/* What a read came to. An end that can't be finished is a failure after all, and said to be one. */
static hc_progress settle_client_body(hc_client *c, hc_progress progress, hc_failure *why) {
  if (progress == HC_DONE) return hc_client_finish(c, why);
  if (progress == HC_BROKEN) hc_client_fail(c, HC_STATUS_CONNECTION_ERROR, why);
  return progress;
}

/* A read takes more off the stream than it hands out: no descriptor tells a poller of what lies
 * here, or in the TLS stream. */
static void notice_rest_client_body(hc_client *c) {
  hc_interest interest;
  if (!c->place.seat) return;
  hc_client_waits_for(c, &interest);
  if (interest.ready) hc_place_notice(&c->place);
}

/* --- views */

/* A view of the decoder's memory where codings are taken off, else of what the exchange has
 * received. */
static hc_progress look_client_body(hc_client *c, hc_slice *view, hc_failure *why) {
  hc_exchange *x = c->place.exchange;
  return c->content ? hc_decoded_peek(c->content, x, view, why) : hc_exchange_peek(x, view, why);
}

/* In blocking mode until something comes, or the slice is over; the view is empty then, and the
 * call can be made again. */
static void peek(hc_client *c, hc_slice *view) {
  hc_progress progress;
  hc_failure fresh, *why = hc_client_why(c, &fresh);
  hc_client_begin_slice(c);
  do {
    progress = look_client_body(c, view, why);
  } while (progress == HC_WAIT && c->settings.blocking && hc_client_sleep(c));
  (void)settle_client_body(c, progress, why);
  hc_client_keep(c, why);
}

/* Empty: nothing now, or the end; the status says which. */
void hc_client_body_peek(hc_client *c, hc_slice *view) {
  *view = (hc_slice){NULL, 0};
  if (c->at_work) return;
  c->is_unfinished = false;
  if (c->status != HC_STATUS_BODY) return;
  hc_client_begin(c);
  peek(c, view);
  c->shown = view->size;
  hc_client_end(c);
}

static void pass_client_body(hc_client *c, size_t size) {
  hc_failure fresh, *why = hc_client_why(c, &fresh);
  hc_progress progress = c->content ? hc_decoded_consume(c->content, size, why)
                                    : hc_exchange_consume(c->place.exchange, size);
  (void)settle_client_body(c, progress, why);
  hc_client_keep(c, why);
}

void hc_client_body_consume(hc_client *c, size_t size) {
  if (size > c->shown) size = c->shown; /* what nobody has seen stays */
  if (c->at_work || c->status != HC_STATUS_BODY || size == 0) return;
  c->shown -= size;
  hc_client_begin(c);
  pass_client_body(c, size);
  notice_rest_client_body(c);
  hc_client_end(c);
}

/* In the bytes that its reader sees, which are decoded ones where codings are taken off. */
uint64_t hc_client_body_taken(const hc_client *c) {
  return c->content ? c->content->taken : hc_client_body_received(c);
}

/* The bytes themselves are compared as well: a request to the same server may have been made and
 * read just as far meanwhile. */
bool hc_client_body_is_next(const hc_client *c, hc_slice bytes, uint64_t taken) {
  if (c->status != HC_STATUS_BODY || hc_client_body_taken(c) != taken) return false;
  hc_slice held = c->content ? hc_decoded_held(c->content) : hc_exchange_held(c->place.exchange);
  return bytes.size > 0 && held.size >= bytes.size &&
         memcmp(held.data, bytes.data, bytes.size) == 0;
}

/* --- codings */

/* Of all its lines, in their order: the last coding was put on last (RFC 9110 section 8.4). */
static hc_error find_codings(const hc_client *c, hc_codings *codings, hc_failure *why) {
  hc_slice value;
  hc_error code = HC_OK;
  for (size_t i = 0;
       code == HC_OK &&
       hc_client_response_find(c, HC_SECTION_HEADERS, HC_SLICE("Content-Encoding"), &i, &value);
       i++)
    code = hc_codings_add(codings, value, why);
  return code;
}

/* Before the first read alone: a decoder has to see the coded bytes from the first one on. */
hc_error hc_client_decode_body(hc_client *c, hc_failure *why) {
  hc_codings codings = {.count = 0};
  if (c->at_work) return hc_client_refuse(why);
  if (c->status != HC_STATUS_BODY || c->content || hc_client_body_received(c) > 0)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no body that begins");
  hc_error code = find_codings(c, &codings, why);
  /* One that nobody here knows may be known to the caller: he gets all of them as they travel. */
  if (code != HC_OK || codings.count == 0 || codings.has_unknown) return code;
  c->content = hc_decoded_new(hc_decoder_new_for(&codings));
  return c->content ? HC_OK : hc_failure_out_of_memory(why);
}

bool hc_client_decodes_body(const hc_client *c) { return c->content != NULL; }

/* --- writers and files */

/* Until the content is over, the file or the writer refuses, or there is nothing more just now; in
 * blocking mode that last one is no reason, but the end of a slice is. */
static hc_progress move_all(hc_client *c, hc_body_transfer *t) {
  hc_progress progress;
  bool goes_on;
  hc_failure fresh, *why = hc_client_why(c, &fresh);
  hc_client_begin_slice(c);
  do {
    progress = hc_body_transfer_advance(t, c->place.exchange, why);
    progress = settle_client_body(c, progress, why);
    goes_on = c->settings.blocking && t->refusal.code == HC_OK;
    if (progress == HC_WAIT) goes_on = goes_on && hc_client_sleep(c);
    else goes_on = goes_on && progress == HC_MOVED && !hc_client_slice_is_over(c);
  } while (goes_on);
  hc_client_keep(c, why);
  return progress;
}

/* The pipe of the kernel's that a transfer to a file may have opened ends with this call. */
static hc_error move_client_body(hc_client *c, hc_body_transfer *t, hc_body_move *move,
                                 hc_failure *why) {
  *move = (hc_body_move){0, false};
  if (c->at_work) return hc_client_refuse(why);
  c->is_unfinished = false;
  move->is_over = c->status != HC_STATUS_BODY;
  if (move->is_over)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no body to read");
  hc_client_begin(c);
  t->content = c->content;
  hc_progress progress = move_all(c, t);
  hc_body_transfer_end(t, c->place.exchange);
  notice_rest_client_body(c);
  hc_client_end(c);
  move->moved = t->pump.moved;
  move->is_over = progress == HC_DONE || progress == HC_BROKEN;
  /* What the file or the writer refuses is no fault of the client's: the rest of the content is
   * still there, and may be taken elsewhere. */
  if (t->refusal.code != HC_OK) return hc_failure_set(why, t->refusal.code, "%s", t->refusal.text);
  if (progress != HC_BROKEN) return HC_OK;
  const hc_failure *cause = hc_client_last_error(c);
  return hc_failure_set(why, cause->code, "%s", cause->text);
}

hc_error hc_client_move_to_writer(hc_client *c, hc_body_writer write, void *context,
                                  hc_body_move *move, hc_failure *why) {
  hc_body_transfer t = {.write = write, .context = context, .pump = {.file = HC_NO_FILE}};
  return move_client_body(c, &t, move, why);
}

hc_error hc_client_move_to_file(hc_client *c, hc_file file, hc_body_move *move, hc_failure *why) {
  hc_body_transfer t = {.pump = {.file = file}};
  return move_client_body(c, &t, move, why);
}

hc_error hc_client_body_to_writer(hc_client *c, hc_body_writer write, void *context,
                                  uint64_t *moved, hc_failure *why) {
  hc_body_move move;
  hc_error code = hc_client_move_to_writer(c, write, context, &move, why);
  *moved = move.moved;
  return code;
}

hc_error hc_client_body_to_file(hc_client *c, hc_file file, uint64_t *moved, hc_failure *why) {
  hc_body_move move;
  hc_error code = hc_client_move_to_file(c, file, &move, why);
  *moved = move.moved;
  return code;
}
