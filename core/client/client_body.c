/* client_body.c - the content of an answer: by view, to a writer, to a file. */
#include <string.h>

#include "client_state.h"

#include "../connection/body_file.h"

/* --- views */

/* What a read came to. */
static void settle(hc_client *c, hc_progress progress) {
  if (progress == HC_DONE) hc_client_finish(c);
  else if (progress == HC_BROKEN) hc_client_fail(c, HC_STATUS_CONNECTION_ERROR);
}

static void peek(hc_client *c, hc_slice *view) {
  hc_progress progress;
  hc_client_begin_slice(c);
  do {
    progress = hc_exchange_peek(c->place.exchange, view, &c->failure);
  } while (progress == HC_WAIT && c->settings.blocking && hc_client_sleep(c));
  settle(c, progress);
}

void hc_client_body_peek(hc_client *c, hc_slice *view) {
  *view = (hc_slice){NULL, 0};
  if (c->at_work) return;
  c->is_unfinished = false;
  if (c->status != HC_STATUS_BODY) return;
  hc_client_begin(c);
  peek(c, view);
  hc_client_end(c);
}

/* A read takes more off the stream than it hands out: no descriptor tells a poller of what lies
 * here, or in the TLS stream. */
static void notice_rest(hc_client *c) {
  hc_interest interest;
  if (!c->place.seat) return;
  hc_client_waits_for(c, &interest);
  if (interest.ready) hc_place_notice(&c->place);
}

void hc_client_body_consume(hc_client *c, size_t size) {
  if (c->at_work || c->status != HC_STATUS_BODY || size == 0) return;
  hc_client_begin(c);
  settle(c, hc_exchange_consume(c->place.exchange, size));
  notice_rest(c);
  hc_client_end(c);
}

bool hc_client_body_is_next(const hc_client *c, hc_slice bytes, uint64_t received) {
  if (c->status != HC_STATUS_BODY || c->place.exchange->answer->received != received) return false;
  hc_slice held = hc_exchange_held(c->place.exchange);
  return bytes.size > 0 && held.size >= bytes.size &&
         memcmp(held.data, bytes.data, bytes.size) == 0;
}

/* --- writers and files */

static hc_error report(const hc_client *c, hc_failure *why) {
  const hc_failure *last = hc_client_last_error(c);
  return last->code == HC_OK ? HC_OK : hc_failure_set(why, last->code, "%s", last->text);
}

static hc_error refuse(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no body to read");
}

static void move_all(hc_client *c, hc_body_transfer *t) {
  hc_client_begin_slice(c);
  while (c->status == HC_STATUS_BODY && t->refusal.code == HC_OK) {
    hc_progress progress = hc_body_transfer_advance(t, c->place.exchange, &c->failure);
    settle(c, progress);
    if (!c->settings.blocking || c->status != HC_STATUS_BODY) return;
    if (progress == HC_WAIT ? !hc_client_sleep(c) : hc_client_slice_is_over(c)) return;
  }
}

static hc_error move(hc_client *c, hc_body_transfer *t, uint64_t *moved, hc_failure *why) {
  *moved = 0;
  if (c->at_work) return hc_client_refuse(why);
  c->is_unfinished = false;
  if (c->status != HC_STATUS_BODY) return refuse(why);
  hc_client_begin(c);
  move_all(c, t);
  hc_body_transfer_end(t, c->place.exchange);
  notice_rest(c);
  hc_client_end(c);
  *moved = t->moved;
  return t->refusal.code == HC_OK ? report(c, why)
                                  : hc_failure_set(why, t->refusal.code, "%s", t->refusal.text);
}

hc_error hc_client_body_to_writer(hc_client *c, hc_body_writer write, void *context,
                                  uint64_t *moved, hc_failure *why) {
  hc_body_transfer t = {.write = write, .context = context, .file = HC_NO_FILE};
  return move(c, &t, moved, why);
}

hc_error hc_client_body_to_file(hc_client *c, hc_file file, uint64_t *moved, hc_failure *why) {
  hc_body_transfer t = {.file = file};
  return move(c, &t, moved, why);
}
