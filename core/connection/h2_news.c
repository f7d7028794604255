/* h2_news.c - what an exchange of HTTP/2 shows to whoever looks at it: does its user have to look
 * again, and when? See h2_exchange.h.
 *
 * Nothing moves here, and nothing changes. The link (h2_link.c) asks for each place after it has
 * moved bytes for all of them, and the exchange itself (h2_exchange.c) before it asks for a move.
 */
#include "h2_exchange.h"

#ifdef HC_WITH_NGHTTP2 /* else the file is empty */

#include "place.h"

static const hc_h2_exchange *of_const_h2_news(const hc_exchange *x) {
  return (const hc_h2_exchange *)x;
}

/* A request without content is, as soon as its head has gone; one with content when the last frame,
 * the one that ends the stream, is with the kernel. */
bool hc_h2_is_all_out(const hc_h2_exchange *h) {
  return h->stream.is_sent && h->source_ended && !h->stream.has_content && h->stream.in_flight == 0;
}

/* Is it the turn of the body's source? */
bool hc_h2_wants_piece(const hc_h2_exchange *h) {
  return h->upload == HC_H2_UPLOAD_MOVING && !h->source_ended &&
         hc_h2_stream_takes_content(&h->stream);
}

/* What was taken from the source, less what waits for a window and what is framed and not yet
 * out. */
uint64_t hc_h2_count_sent(const hc_h2_exchange *h) {
  return h->supply.pulled - h->stream.offered.size - h->stream.in_flight;
}

/* An answer that has no content is there when its stream has ended: trailing fields may come, or
 * content, which makes it malformed. */
bool hc_h2_is_presentable(const hc_h2_exchange *h) {
  int code = h->stream.response.code;
  return h->stream.has_head && ((code != 204 && code != 304) || h->stream.stage == HC_H2_COMPLETE);
}

/* A look at one that has something for its user already need not bring more, where a poller's
 * events do: else each look at each of many would, and all of it would be held here. */
static bool has_enough(const hc_h2_exchange *h) {
  const hc_place *place = h->common.place;
  bool has_news =
      h->answer.has_response ? hc_buffer_size(&h->stream.content) > 0 : hc_h2_is_presentable(h);
  return has_news && place && place->seat;
}

bool hc_h2_moves(const hc_exchange *x) {
  return !hc_h2_stream_is_done(&of_const_h2_news(x)->stream) && !has_enough(of_const_h2_news(x));
}

/* Any doubt counts as news: a poll too many costs some instructions, and one too few leaves a
 * client waiting for bytes that lie here already. */
bool hc_h2_has_news(const hc_exchange *x) {
  const hc_h2_exchange *h = of_const_h2_news(x);
  if (hc_h2_stream_is_done(&h->stream) || h->stream.arrivals != h->seen) return true;
  bool is_sending = h->upload != HC_H2_UPLOAD_NONE || (!h->answer.has_response && !h->is_awaited);
  if (is_sending && (hc_h2_is_all_out(h) || x->sent != hc_h2_count_sent(h))) return true;
  return hc_h2_wants_piece(h);
}

/* A source that had nothing is asked again later, and a stream whose window is shut needs no clock:
 * the peer's update comes as an event. */
static void times_of_upload(const hc_h2_exchange *h, hc_interest *out) {
  if (h->upload == HC_H2_UPLOAD_EXPECTING)
    out->deadline = hc_clock_earlier(out->deadline, h->continue_deadline);
  if (h->upload == HC_H2_UPLOAD_EXPECTING && h->stream.has_continued) out->ready = true;
  if (!hc_h2_wants_piece(h)) return;
  if (h->supply.ask_at == 0) out->ready = true;
  else out->deadline = hc_clock_earlier(out->deadline, h->supply.ask_at);
}

/* Of the two timeouts at most one is set at a time; the other is "never". */
void hc_h2_times(const hc_exchange *x, hc_interest *out) {
  const hc_h2_exchange *h = of_const_h2_news(x);
  bool is_readable =
      h->answer.has_response ? hc_buffer_size(&h->stream.content) > 0 : hc_h2_is_presentable(h);
  if (is_readable || hc_h2_stream_is_done(&h->stream)) out->ready = true;
  times_of_upload(h, out);
  out->deadline =
      hc_clock_earlier(out->deadline, hc_clock_earlier(x->response_deadline, x->idle_deadline));
}

#endif
