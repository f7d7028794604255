/* sender.c - the sending side of an HTTP/1.1 exchange. See sender.h.
 *
 * What goes next is gathered into four pieces at most (the head, a chunk-size line, content, what
 * stands behind a chunk) and offered to the stream in one send. What the stream took is taken off
 * them in this order. When no content is left, its source is asked for the next piece. A go ends
 * when the stream takes no more, when the source has nothing, or when a budget is used up. */
#include "sender.h"

#include <stdio.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/memory.h"
#include "../stream/stream_peer_tcp.h"

/* One go hands over at most this much, so that a fast peer can not hold up a frame, nor in blocking
 * mode keep the client from seeing an early answer. */
#define SEND_BUDGET_SENDER ((size_t)1 << 20)
/* A body function that gives little at a time is called this often in one go. */
#define SENDS_MAX 64

/* Where one attempt sends to, and what it came to. */
typedef struct hc_sending {
  hc_sender *sender;
  hc_stream_peer *stream;
  size_t moved;
  hc_failure *why;
} hc_sending;

/* The source goes before the rest is zeroed: it may be a file that has to be closed. */
static void clear_content(hc_outgoing *o) {
  hc_supply_drop(&o->supply);
  hc_staged_free(&o->staged);
  memset(o, 0, sizeof *o);
}

/* All of it but the head's memory. The head's memory stays, for the answer (hand_on_memory in
 * h1_exchange.c); what stood in it does not. */
static void empty_sender(hc_sender *s) {
  if (s->content) clear_content(s->content);
  if (s->head.data) hc_memory_wipe(s->head.data, s->head.capacity); /* it may hold credentials */
}

/* One that is done holds nothing any more. STOPPED and not IDLE: whoever looks at the answer has to
 * know that the server never got the whole request. */
void hc_sender_stop(hc_sender *s) {
  if (hc_sender_is_done(s)) return;
  empty_sender(s);
  hc_buffer_free(&s->head);
  s->state = HC_SEND_STOPPED;
  s->wants = 0;
}

void hc_sender_reset(hc_sender *s) {
  hc_sender_stop(s);
  hc_memory_release(s->content);
  *s = (hc_sender){.state = HC_SEND_IDLE};
}

/* A short string goes behind the head, into the same memory, which is wiped as a whole: it is sent
 * as one part, and nothing of the caller's is looked at later. Only into room that is there, since
 * a block that has to grow leaves what stood in it behind. With an Expect it has to wait. */
static bool fits_behind_head(const hc_buffer *head, const hc_request_head *announced,
                             const hc_body_source *body) {
  size_t size = body->bytes.size;
  return body->kind == HC_BODY_BYTES && size > 0 && size <= HC_SMALL_CONTENT &&
         size <= head->capacity - head->end && announced->transfer == HC_TRANSFER_LENGTH &&
         !announced->expects_continue;
}

static void put_behind_head(hc_sender *s, hc_slice content) {
  memcpy(s->head.data + s->head.end, content.data, content.size);
  hc_buffer_commit(&s->head, content.size);
  s->behind_head = (uint16_t)content.size;
  s->source_ended = true;
}

/* Room for the content's way, before anything has changed. A GET has none of this, and is most of
 * what there is. */
static hc_error need_content(hc_sender *s, const hc_body_source *body,
                             const hc_request_head *announced) {
  bool is_empty = announced->transfer == HC_TRANSFER_NONE &&
                  (body->kind == HC_BODY_NONE || body->kind == HC_BODY_BYTES);
  if (s->content || is_empty) return HC_OK;
  s->content = hc_memory_allocate_zeroed(1, sizeof *s->content);
  return s->content ? HC_OK : HC_ERR_OUT_OF_MEMORY;
}

/* The room for content is the only thing that can fail, so it comes first. Behind it ownership
 * moves: head and body are this side's from here on. */
hc_error hc_sender_queue(hc_sender *s, int method, hc_buffer *head,
                         const hc_request_head *announced, const hc_body_source *body) {
  bool is_behind = fits_behind_head(head, announced, body);
  hc_error code = is_behind ? HC_OK : need_content(s, body, announced);
  if (code != HC_OK) return code;
  hc_sender_stop(s);
  *s = (hc_sender){.state = HC_SEND_QUEUED,
                   .method = method,
                   .head = *head,
                   .announced = *announced,
                   .content = s->content,
                   .source_ended = announced->transfer == HC_TRANSFER_NONE};
  if (is_behind) put_behind_head(s, body->bytes);
  else if (s->content) s->content->supply.body = *body;
  return HC_OK;
}

void hc_sender_continue(hc_sender *s) {
  if (s->state == HC_SEND_EXPECTING) s->state = HC_SEND_MOVING;
}

/* --- content: the next piece */

/* The size goes out in front of the piece and the CRLF behind it, in the same send: a chunk is
 * never copied to be framed (RFC 9112 section 7.1). */
static void frame_chunk(hc_outgoing *o) {
  int size = snprintf(o->prefix, sizeof o->prefix, "%zx\r\n", o->piece.size);
  o->prefix_start = 0;
  o->prefix_size = (uint8_t)size;
  o->suffix = HC_SLICE("\r\n");
}

/* No trailer fields are sent; the last chunk and the empty line behind it end the message. */
static void end_content_sender(hc_sender *s) {
  s->source_ended = true;
  if (s->announced.transfer == HC_TRANSFER_CHUNKED) s->content->suffix = HC_SLICE("0\r\n\r\n");
}

/* WANT_WRITE with no event to wait for: it isn't the stream that holds it up. When to ask again the
 * supply knows (ask_at). */
static hc_io come_back_later(hc_sender *s) {
  s->wants = 0;
  return HC_IO_WANT_WRITE;
}

/* Whose fault it was decides what happens next: behind a stream that failed an answer may still be
 * found, behind a source that failed there is nothing to look for. */
static hc_io fail_source(hc_sender *s) {
  s->source_failed = true;
  return HC_IO_ERROR;
}

/* Sees to it that there is something to send. A chunk's CRLF may still wait when its content has
 * left. */
static hc_io load_piece(hc_sending *g) {
  hc_sender *s = g->sender;
  hc_outgoing *o = s->content;
  if (s->source_ended || o->piece.size || o->suffix.size) return HC_IO_OK;
  hc_supply_step step = hc_supply_next(&o->supply, &s->announced, &o->piece, g->why);
  if (s->state == HC_SEND_STOPPED) return HC_IO_ERROR; /* by what the source has called */
  switch (step) {
  case HC_SUPPLY_PIECE:
    if (s->announced.transfer == HC_TRANSFER_CHUNKED) frame_chunk(o);
    break;
  case HC_SUPPLY_END: end_content_sender(s); break;
  case HC_SUPPLY_LATER: return come_back_later(s);
  case HC_SUPPLY_FAILED: return fail_source(s);
  }
  return HC_IO_OK;
}

bool hc_sender_resume(hc_sender *s) { return s->content && hc_supply_resume(&s->content->supply); }

/* --- moving */

/* In the order of the wire. While a large piece goes by way of the staged block, what stands behind
 * the piece has to wait for its last part: otherwise a CRLF would land in the middle of a chunk. */
static size_t gather_sender(const hc_sender *s, hc_slice parts[4]) {
  size_t count = 0;
  if (hc_buffer_size(&s->head))
    parts[count++] = (hc_slice){hc_buffer_head(&s->head), hc_buffer_size(&s->head)};
  const hc_outgoing *o = s->content;
  if (!o) return count;
  if (o->prefix_size > o->prefix_start)
    parts[count++] =
        (hc_slice){o->prefix + o->prefix_start, (size_t)(o->prefix_size - o->prefix_start)};
  hc_slice next = hc_staged_next(&o->staged, o->piece);
  if (next.size) parts[count++] = next;
  if (o->suffix.size && next.size == o->piece.size) parts[count++] = o->suffix;
  return count;
}

/* How much of what was sent falls to this part. */
static size_t take_sender(size_t *sent, size_t available) {
  size_t taken = *sent < available ? *sent : available;
  *sent -= taken;
  return taken;
}

static void advance_slice(hc_slice *slice, size_t size) {
  slice->data += size;
  slice->size -= size;
}

/* The stream says only how many bytes it took. They are taken off the parts in the order in which
 * gather_sender put them. */
static void account(hc_sender *s, size_t sent) {
  hc_buffer_consume(&s->head, take_sender(&sent, hc_buffer_size(&s->head)));
  size_t held = hc_buffer_size(&s->head);
  if (held < s->behind_head) {
    s->sent += s->behind_head - held;
    s->behind_head = (uint16_t)held;
  }
  hc_outgoing *o = s->content;
  if (!o) return;
  o->prefix_start =
      (uint8_t)(o->prefix_start + take_sender(&sent, (size_t)(o->prefix_size - o->prefix_start)));
  size_t content = take_sender(&sent, o->piece.size);
  if (content) advance_slice(&o->piece, content);
  hc_staged_pass(&o->staged, content);
  s->sent += content;
  size_t behind = take_sender(&sent, o->suffix.size);
  if (behind) advance_slice(&o->suffix, behind);
}

/* File to socket without a detour, where the stream can. It can't be told to send a head as well,
 * so it has to wait until that is out. A file that has become shorter is our fault and not the
 * server's, which waits for the rest of the length that it was promised. */
static hc_io send_from_file(hc_sending *g) {
  hc_sender *s = g->sender;
  hc_supply *u = &s->content->supply;
  uint64_t left = s->announced.content_length - u->pulled;
  size_t want = left < SEND_BUDGET_SENDER ? (size_t)left : SEND_BUDGET_SENDER;
  size_t moved = 0;
  hc_io io = g->stream->ops->send_file(g->stream, u->body.file, &u->body.file_offset, want, &moved,
                                       g->why);
  hc_supply_pass(u, moved);
  s->sent += moved;
  g->moved += moved;
  if (io != HC_IO_EOF) return io;
  hc_failure_set(g->why, HC_ERR_CONNECTION_ERROR, "the body file is shorter than it was");
  return fail_source(s);
}

/* A piece that was read before has to go first: one may be left over from a stream that could not
 * do this. */
static bool goes_through_kernel(const hc_sending *g) {
  const hc_sender *s = g->sender;
  const hc_outgoing *o = s->content;
  return o && o->supply.body.kind == HC_BODY_FILE && g->stream->ops->send_file &&
         hc_buffer_size(&s->head) == 0 && !o->piece.size &&
         o->supply.pulled < s->announced.content_length;
}

/* With Expect the head goes alone, and the content waits for its answer (RFC 9110 section 10.1.1).
 * A function is not asked before the head is out either: what it does may depend on the connection.
 * A file goes by another system call, so nothing is gained by reading its first piece for this
 * one. */
static bool head_goes_alone(const hc_sending *g) {
  const hc_sender *s = g->sender;
  if (s->source_ended) return true;
  hc_body_kind kind = s->content->supply.body.kind;
  return hc_buffer_size(&s->head) > 0 &&
         (s->announced.expects_continue || kind == HC_BODY_PULL || kind == HC_BODY_STREAM ||
          (kind == HC_BODY_FILE && g->stream->ops->send_file));
}

/* One send with all that is at hand: for a POST with a small string that is head and content in one
 * packet. Staging is for TCP alone, since TLS reads the content itself to encrypt it, and that
 * costs the same wherever it lies. */
static hc_io send_once(hc_sending *g) {
  hc_sender *s = g->sender;
  if (!head_goes_alone(g) && !goes_through_kernel(g)) {
    hc_io io = load_piece(g);
    if (io != HC_IO_OK) return io;
  }
  if (goes_through_kernel(g)) return send_from_file(g);
  if (s->content && hc_stream_peer_is_tcp(g->stream))
    hc_staged_fill(&s->content->staged, s->content->piece);
  hc_slice parts[4];
  size_t count = gather_sender(s, parts), moved = 0;
  if (count == 0) return HC_IO_OK;
  hc_io io = hc_stream_peer_send(g->stream, parts, count, &moved, g->why);
  if (io == HC_IO_OK) account(s, moved);
  g->moved += moved;
  return io;
}

/* A source that has ended is not enough: the last chunk may still wait for room in the socket. */
static bool all_is_sent(const hc_sender *s) {
  const hc_outgoing *o = s->content;
  if (!s->source_ended || hc_buffer_size(&s->head) > 0) return false;
  return !o || (o->prefix_size == o->prefix_start && o->piece.size == 0 && o->suffix.size == 0);
}

/* The content waits for an answer to the head, or for a while. The flag of the head is cleared,
 * because an Expect is waited for once: what follows is sent like any other content. */
static void begin_expecting(hc_sender *s) {
  s->announced.expects_continue = false;
  s->state = HC_SEND_EXPECTING;
  s->content->continue_deadline = hc_clock_now() + HC_EXPECT_CONTINUE_NS;
  s->wants = 0;
}

/* Content of a known length is all out, and its source has not said yet that it ends. It is asked
 * at once, whatever the budget says: an answer that comes before would pass for an early one. */
static bool is_end_untold(const hc_sender *s) {
  const hc_outgoing *o = s->content;
  return !s->source_ended && s->announced.transfer == HC_TRANSFER_LENGTH &&
         hc_buffer_size(&s->head) == 0 && o->piece.size == 0 &&
         o->supply.pulled == s->announced.content_length;
}

/* It moves as long as the stream takes everything. What it waits for is set before each attempt, so
 * that an end by the budget leaves the right event behind. */
static hc_progress move_sender(hc_sending *g) {
  hc_sender *s = g->sender;
  for (int sends = 0; (g->moved < SEND_BUDGET_SENDER && sends < SENDS_MAX) || is_end_untold(s);
       sends++) {
    s->wants = HC_EVENT_WRITE;
    hc_io io = send_once(g);
    if (io == HC_IO_WANT_READ) s->wants = HC_EVENT_READ;
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return g->moved ? HC_MOVED : HC_WAIT;
    if (io != HC_IO_OK) return HC_BROKEN;
    if (s->announced.expects_continue && hc_buffer_size(&s->head) == 0) {
      begin_expecting(s);
      return HC_MOVED;
    }
    if (all_is_sent(s)) {
      empty_sender(s);
      s->state = HC_SEND_IDLE;
      s->wants = 0;
      return HC_DONE;
    }
  }
  return HC_MOVED;
}

/* No answer to an Expect within its time is as good as a 100 (RFC 9110 section 10.1.1): servers
 * that do not know it just wait for the content. */
hc_progress hc_sender_advance(hc_sender *s, hc_stream_peer *stream, size_t *moved,
                              hc_failure *why) {
  hc_sending g = {s, stream, 0, why};
  if (s->state == HC_SEND_QUEUED) s->state = HC_SEND_MOVING;
  if (s->state == HC_SEND_EXPECTING) {
    *moved = 0;
    if (hc_clock_now() < s->content->continue_deadline) return HC_WAIT;
    hc_sender_continue(s);
  }
  hc_progress progress = move_sender(&g);
  *moved = g.moved;
  return progress;
}
