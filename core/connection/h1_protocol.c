/* h1_protocol.c - HTTP/1.1 as a connection sees it: one exchange at a time, silence in between. See
 * protocol.h.
 *
 * When an answer is whole, both heads and the way its content ended say whether the connection goes
 * on, is the script's from now on (an upgrade), or closes.
 *
 * This is the top of the files of HTTP/1.1. Below it stand the exchange (h1_exchange.c) with its
 * two sides, the pump, and the look at a quiet connection; none of them knows the table at the end
 * of this file. */
#include "../http1/head_writer.h"
#include "connection.h"

/* --- between requests */

/* Only here is the table named that all the others are reached by. */
void hc_h1_init(hc_h1_exchange *h, hc_connection *n) {
  *h = (hc_h1_exchange){.sender = {.state = HC_SEND_IDLE}};
  hc_exchange_init(&h->common, &hc_protocol_h1, n, &h->receiver.answer);
}

/* While an exchange is under way, what comes is for that one. */
static hc_progress check_h1_protocol(hc_connection *n, hc_failure *why) {
  return n->h1.common.is_under_way ? HC_DONE : hc_h1_look(n, why);
}

/* The exchange itself reads, when its user polls it. With nothing under way the event is a byte
 * that nobody asked for, or the end; each of those who stand here has to find that out by a look of
 * its own. */
static void advance_h1_protocol(hc_connection *n) {
  if (n->h1.common.is_under_way) hc_place_notice(n->h1.common.place);
  else hc_connection_notice_all(n);
}

/* Three cases: nobody has a request under way, the one who asks has, or somebody else has. In the
 * last one the descriptor isn't to be watched for this client at all, or it would wake for every
 * byte of another's body. */
static void interest_h1_protocol(const hc_connection *n, const hc_exchange *x, hc_interest *out) {
  const hc_h1_exchange *h = &n->h1;
  if (!h->common.is_under_way) {
    out->events = HC_EVENT_READ;
    /* nobody's bytes, which a look refuses */
    out->ready = out->ready || hc_buffer_size(&h->receiver.in) > 0;
  } else if (x == &h->common) {
    out->events = hc_h1_events(h);
    hc_h1_times(h, out);
  } else {
    /* what comes now is for somebody else */
    *out = (hc_interest){.fd = HC_NO_HANDLE, .deadline = HC_NEVER};
  }
}

/* --- the one exchange */

/* After a 101 the caller may as well go on with requests. */
static size_t room_h1_protocol(const hc_connection *n) {
  bool is_open = n->state == HC_CONNECTION_OPEN || n->state == HC_CONNECTION_UPGRADED;
  return is_open && !n->h1.common.is_under_way ? 1 : 0;
}

static void note_head_h1_protocol(const hc_sender *s, const hc_exchange_wish *wish) {
  hc_transcript_note_request(wish->settings->transcript, hc_sender_head(s));
}

/* The head is written out whole before anything of the exchange is touched. What is wrong with a
 * request shows here, and an error leaves the connection as it was. */
static hc_error queue_h1_protocol(hc_sender *s, const hc_exchange_wish *wish, hc_failure *why) {
  hc_buffer head = {0};
  hc_checked_request checked;
  hc_error code = hc_request_check(wish->request, &checked, why);
  if (code == HC_OK) code = hc_head_write(&checked, &head, why);
  if (code == HC_OK) code = hc_sender_queue(s, checked.method, &head, &checked.head, wish->body);
  if (code != HC_OK) hc_buffer_free(&head);
  else if (hc_transcript_listens(wish->settings->transcript)) note_head_h1_protocol(s, wish);
  return code;
}

/* Bytes behind an upgrade that nobody took stay, and are not this request's answer. */
static hc_error open_exchange_h1_protocol(hc_connection *n, const hc_exchange_wish *wish,
                                          hc_exchange **out, hc_failure *why) {
  hc_h1_exchange *h = &n->h1;
  hc_error code = queue_h1_protocol(&h->sender, wish, why);
  if (code != HC_OK) return code;
  hc_receiver_restart(&h->receiver);
  hc_exchange_begin(&h->common, wish->settings);
  hc_connection_take_back(n);
  *out = &h->common;
  return HC_OK;
}

/* Bytes behind an upgrade go back to the stream, which is the script's from here on. */
static hc_progress hand_over_h1_protocol(hc_connection *n, hc_buffer *in, hc_failure *why) {
  hc_slice rest = {hc_buffer_head(in), hc_buffer_size(in)};
  if (hc_stream_peer_unread(n->stream, rest) != HC_OK) {
    hc_failure_out_of_memory(why);
    return HC_BROKEN;
  }
  hc_connection_hand_over(n);
  hc_buffer_consume(in, rest.size);
  return HC_DONE;
}

/* Whether the connection lives on is said by both heads and the way the content ended (RFC 9112
 * section 9.3). */
static hc_progress finish_h1_protocol(hc_exchange *x, hc_failure *why) {
  hc_connection *n = x->connection;
  hc_receiver *r = &n->h1.receiver;
  hc_receiver_complete(r);
  hc_connection_note_used(n);
  hc_h1_retire(&n->h1);
  if (!r->answer.plan.keeps_alive) {
    hc_connection_drop(n);
    return HC_DONE;
  }
  if (r->answer.plan.upgraded && hand_over_h1_protocol(n, &r->in, why) == HC_BROKEN)
    return HC_BROKEN;
  /* An idle connection holds no buffer. Bytes that are left are nobody's: the next look refuses
   * them. */
  if (hc_buffer_size(&r->in) == 0) hc_buffer_free(&r->in);
  if (n->stream->ops->rest && n->state == HC_CONNECTION_OPEN) n->stream->ops->rest(n->stream);
  /* there is room for the others now */
  if (hc_connection_is_crowded(n)) hc_connection_notice_all(n);
  return HC_DONE;
}

/* Nothing but the end of the connection tells the server that nobody reads on. */
static void cancel_h1_protocol(hc_exchange *x, const hc_failure *why) {
  hc_connection_fail(x->connection, why);
}

/* What was received and not handed out goes with the connection; the head of the answer and its
 * fields stay, because a caller may still want to read them. */
static void shut_down_h1_protocol(hc_connection *n, hc_stream_peer *stream) {
  (void)stream; /* HTTP/1.1 takes no leave */
  hc_h1_retire(&n->h1);
  hc_receiver_drop_content(&n->h1.receiver);
}

/* One advance reads for one exchange alone (takes_for_all is false), so a poller lets each client
 * look for itself. There is nothing to forget: the exchange is a part of the connection. */
const hc_protocol hc_protocol_h1 = {
    .major_version = 1,
    .advance = advance_h1_protocol,
    .check = check_h1_protocol,
    .room = room_h1_protocol,
    .open = open_exchange_h1_protocol,
    .interest = interest_h1_protocol,
    .shut_down = shut_down_h1_protocol,
    .exchange_advance = hc_h1_exchange_advance,
    .peek = hc_h1_peek,
    .consume = hc_h1_consume,
    .held = hc_h1_held,
    .check_idle = hc_h1_check_idle,
    .is_readable = hc_h1_is_readable,
    .upload = hc_h1_upload,
    .awaits_head = hc_h1_awaits_head,
    .resume = hc_h1_resume,
    .cancel = cancel_h1_protocol,
    .finish = finish_h1_protocol,
    .can_pump = hc_h1_can_pump,
    .pump = hc_h1_pump,
    .end_pump = hc_h1_end_pump,
};
