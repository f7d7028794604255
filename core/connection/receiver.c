/* receiver.c - the receiving side of an HTTP/1.1 exchange. See receiver.h.
 *
 * A head is received to the stack, since nearly always all of it comes at once; what stands behind
 * it goes into `in`. Content is received into `in`, and the reader gets views of that. Chunks are
 * decoded where they lie: content is moved together at the front of `in`, and between it and what
 * is still coded there is a gap that nobody reads. */
#include "receiver.h"

#include <stddef.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/memory.h"
#include "../http1/head_parser.h"

#define HEAD_KEPT 2048u /* bytes that a closed client keeps for its next head */

/* The memory of the last head stays: the next one on the connection is much like it. So do bytes
 * that nobody took. Everything behind the response is plain numbers that begin at zero, which the
 * layout of the struct promises; one memset of them is cheaper than to name each. */
void hc_receiver_restart(hc_receiver *r) {
  hc_response_restart(&r->answer.response);
  if (r->chunked) hc_chunked_reset(r->chunked);
  size_t kept = offsetof(hc_receiver, answer.has_begun);
  memset((char *)r + kept, 0, sizeof *r - kept);
}

void hc_receiver_drop_content(hc_receiver *r) {
  hc_buffer_free(&r->in);
  r->decoded = r->gap = 0;
}

/* The memory of a usual head stays here as well: a client that connects again will need it. */
void hc_receiver_reset(hc_receiver *r) {
  const hc_headers *h = &r->answer.response.headers;
  bool is_usual = h->text.capacity + h->capacity * sizeof *h->fields <= HEAD_KEPT;
  if (!is_usual) hc_response_reset(&r->answer.response);
  hc_buffer_free(&r->in);
  hc_receiver_restart(r);
}

/* The decoder of chunks is part of the connection's memory as long as the connection lives: the
 * next body is likely to be chunked, too. */
void hc_receiver_free(hc_receiver *r) {
  hc_receiver_reset(r);
  hc_response_reset(&r->answer.response);
  hc_memory_release(r->chunked);
  r->chunked = NULL;
}

/* --- the stream */

/* A stream that can't sleep in its receive is asked as usual, and the wait stays where it was, in
 * poll. So it is with bytes that were given back: the kernel knows nothing of them, and would
 * sleep. */
static hc_io recv_sleeping(const hc_reading *from, char *at, size_t room, hc_fill fill, size_t *got,
                           hc_failure *why) {
  hc_stream_peer *peer = from->stream;
  if (!peer->ops->recv_blocking || hc_buffer_size(&peer->unread))
    return hc_stream_peer_recv(peer, at, room, got, why);
  return peer->ops->recv_blocking(peer, at, room, fill, hc_slice_end(from->sleep_until), got, why);
}

/* The end of the stream is written down and not acted on. What has been received before it is
 * handed out first, and only then somebody asks how the body ended. */
void hc_receiver_note(hc_receiver *r, hc_io io) {
  if (io == HC_IO_OK) {
    r->answer.has_begun = true;
    r->arrivals++;
  } else if (io == HC_IO_EOF) {
    r->ending = HC_ENDING_EOF;
  } else if (io == HC_IO_ERROR) {
    r->ending = HC_ENDING_FAILED;
  }
  r->starved = io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE;
  r->wants = io == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ;
}

/* Only content that nothing else delimits may end as the options tolerate it: everything else knows
 * better where it ends. */
static hc_io tolerate_end(const hc_receiver *r, const hc_stream_peer *stream, hc_failure *why) {
  if (r->answer.plan.framing != HC_FRAMING_UNTIL_CLOSE || !hc_stream_peer_is_tolerable_end(stream))
    return HC_IO_ERROR;
  hc_failure_clear(why);
  return HC_IO_EOF;
}

/* One receive. Whatever becomes of it is noted for later questions: what to wait for, and whether
 * something came. */
static hc_io receive_to(hc_receiver *r, const hc_reading *from, char *into, size_t room,
                        hc_fill fill, size_t *got, hc_failure *why) {
  hc_io io = from->patience == HC_AT_ONCE ? hc_stream_peer_recv(from->stream, into, room, got, why)
                                          : recv_sleeping(from, into, room, fill, got, why);
  if (io == HC_IO_ERROR) io = tolerate_end(r, from->stream, why);
  hc_receiver_note(r, io);
  return io;
}

/* The kernel copies out of pages of its own. Some processors do that at a third of their speed
 * where the target begins a little further behind the start of a page than the source does, and
 * large blocks from malloc begin like that. So content is put where it begins at a multiple of
 * this, unless much is held already. */
#define CONTENT_ALIGNMENT ((size_t)64)
#define MOVED_AT_MOST ((size_t)4096)

static hc_error make_room_receiver(hc_buffer *in, size_t want, size_t limit, char **at) {
  size_t room;
  bool is_moved = want >= MOVED_AT_MOST && hc_buffer_size(in) <= MOVED_AT_MOST;
  size_t spare = is_moved ? CONTENT_ALIGNMENT - 1 : 0;
  hc_error error = hc_buffer_reserve(in, want + spare, limit + spare, at, &room);
  if (error != HC_OK || !is_moved) return error;
  hc_buffer_align(in, CONTENT_ALIGNMENT);
  *at = in->data + in->end;
  return HC_OK;
}

/* The same, of at most `want` bytes to the end of `in`. A receive that gets nothing leaves no trace
 * there: its room is used by the next. */
static hc_io receive_receiver(hc_receiver *r, const hc_reading *from, size_t want, size_t limit,
                              hc_fill fill, hc_failure *why) {
  char *at;
  size_t got = 0;
  if (make_room_receiver(&r->in, want, limit, &at) != HC_OK) {
    hc_failure_out_of_memory(why);
    r->ending = HC_ENDING_FAILED;
    return HC_IO_ERROR;
  }
  hc_io io = receive_to(r, from, at, want, fill, &got, why);
  if (io == HC_IO_OK) hc_buffer_commit(&r->in, got);
  return io;
}

/* --- heads */

/* 1xx: skipped (RFC 9110 section 15.2), all of them together within the limit. Without a limit for
 * their sum a server could send heads of 1xx for ever, each of them small. */
static hc_progress skip_interim(hc_receiver *r, const hc_settings *settings, hc_failure *why) {
  size_t limit = settings->max_header_size;
  bool is_continue = r->answer.response.code == 100;
  if (hc_transcript_listens(settings->transcript))
    hc_transcript_note_response(settings->transcript, HC_SLICE(""), &r->answer.response);
  r->interim_size += r->answer.response.size;
  if (r->interim_size > limit) {
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR,
                   "the 1xx responses pass max_header_size (%zu bytes)", limit);
    return HC_BROKEN;
  }
  hc_response_reset(&r->answer.response);
  return is_continue ? HC_MOVED : HC_WAIT;
}

/* DONE: the final head is in. WAIT: more bytes are needed; MOVED: the same, and a 100 was among
 * them. *used counts in all cases. A 101 is no interim answer to us: it is the last head that this
 * connection has, and what follows is not HTTP any more (RFC 9110 section 15.2.2). */
static hc_progress parse_heads(hc_receiver *r, hc_slice bytes, const hc_settings *settings,
                               size_t *used, hc_failure *why) {
  hc_progress progress = HC_WAIT;
  while (*used < bytes.size) {
    size_t taken = 0;
    hc_parse parsed = hc_response_parse(&r->answer.response, bytes.data + *used, bytes.size - *used,
                                        settings->max_header_size, &taken, why);
    *used += taken;
    if (parsed == HC_PARSE_ERROR) return HC_BROKEN;
    if (parsed == HC_PARSE_MORE) return progress;
    if (r->answer.response.code / 100 != 1 || r->answer.response.code == 101) return HC_DONE;
    hc_progress skipped = skip_interim(r, settings, why);
    if (skipped == HC_BROKEN) return skipped;
    if (skipped == HC_MOVED) progress = skipped;
  }
  return progress;
}

/* What a receive that brought nothing means for a head. Whether a byte of the answer has come is
 * worth a sentence of its own: without any the server may never have seen the request, and whoever
 * retries wants to know. */
static hc_progress end_in_head(const hc_receiver *r, hc_io io, hc_failure *why) {
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return HC_WAIT;
  bool is_inside = r->answer.response.size || hc_buffer_size(&r->in);
  if (io == HC_IO_EOF)
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR,
                   is_inside ? "the server closed the connection inside a response head"
                             : "the server closed the connection without an answer");
  return HC_BROKEN;
}

/* One receive, and what it brought is parsed. Nearly always that is the whole head: it is read to
 * the stack, and only what stands behind it is kept. If bytes are left from before, as of a head
 * that came in two pieces, the receive goes behind those instead. Only one of the two ways copies,
 * and it copies what a large head or a pipelined body has left, which is little or nothing. */
static hc_progress read_head_once(hc_receiver *r, const hc_reading *from, hc_failure *why) {
  char space[HC_HEAD_READ_SIZE];
  hc_slice fresh = {space, 0};
  bool is_apart = hc_buffer_size(&r->in) == 0;
  size_t limit = from->settings->max_header_size + 2 * HC_HEAD_READ_SIZE, used = 0;
  hc_io io = is_apart ? receive_to(r, from, space, sizeof space, HC_FILL_SOME, &fresh.size, why)
                      : receive_receiver(r, from, HC_HEAD_READ_SIZE, limit, HC_FILL_SOME, why);
  if (io != HC_IO_OK) return end_in_head(r, io, why);
  if (!is_apart) fresh = (hc_slice){hc_buffer_head(&r->in), hc_buffer_size(&r->in)};
  hc_progress progress = parse_heads(r, fresh, from->settings, &used, why);
  if (!is_apart) {
    hc_buffer_consume(&r->in, used);
  } else if (hc_buffer_append(&r->in, (hc_slice){space + used, fresh.size - used}, limit) !=
             HC_OK) {
    hc_failure_out_of_memory(why);
    return HC_BROKEN;
  }
  return progress;
}

/* It goes on as long as bytes come, because a head in several packets is still one head. A wait may
 * sleep in the first receive alone: its caller counts on being told about each arrival. */
hc_progress hc_receiver_read_head(hc_receiver *r, hc_reading *from, hc_failure *why) {
  hc_progress progress;
  do {
    progress = read_head_once(r, from, why);
    if (from->patience == HC_SLEEPING_ONCE) from->patience = HC_AT_ONCE;
  } while (progress == HC_WAIT && !r->starved);
  return progress;
}

/* The decoder is made by the first chunked body, since most connections never need it. */
static bool has_decoder(hc_receiver *r) {
  if (r->answer.plan.framing == HC_FRAMING_CHUNKED && !r->chunked)
    r->chunked = hc_memory_allocate_zeroed(1, sizeof *r->chunked);
  return r->answer.plan.framing != HC_FRAMING_CHUNKED || r->chunked;
}

/* From here on the head's bytes mean nothing any more, and a stream that was found empty for the
 * head is worth another look for the content. */
hc_progress hc_receiver_accept(hc_receiver *r, const hc_request_head *announced, int method,
                               hc_failure *why) {
  hc_body_after after = announced->closes ? HC_AFTER_CLOSE : HC_AFTER_KEEP;
  if (hc_body_decide(&r->answer.response, (hc_method)method, after, &r->answer.plan, why) != HC_OK)
    return HC_BROKEN;
  if (!has_decoder(r)) {
    hc_failure_out_of_memory(why);
    return HC_BROKEN;
  }
  r->answer.has_response = true;
  r->left = r->answer.plan.framing == HC_FRAMING_LENGTH ? r->answer.plan.length : 0;
  r->starved = false;
  return HC_DONE;
}

/* --- content */

/* Would a read hand out something, were it the end or an error, without asking the stream? Whoever
 * is told "yes" here must not be put to sleep for the descriptor. */
bool hc_receiver_has_bytes(const hc_receiver *r) {
  if (r->answer.plan.framing == HC_FRAMING_HEAD) return true;
  if (r->answer.plan.framing == HC_FRAMING_LENGTH && r->left == 0) return true;
  if (r->ending != HC_ENDING_NONE || r->coding_ended || r->decoded) return true;
  return hc_buffer_size(&r->in) > 0 && !r->starved;
}

/* Nothing is left to hand out. Has the stream ended, and was that the end of the body? Only the
 * framing knows (RFC 9112 section 8): a length or a chunk is cut short by it, and content that
 * lasts until the connection closes is complete. */
static hc_progress settle_receiver(hc_receiver *r, hc_failure *why) {
  if (r->ending == HC_ENDING_NONE) return HC_WAIT;
  if (r->ending == HC_ENDING_EOF && r->answer.plan.framing == HC_FRAMING_UNTIL_CLOSE)
    return HC_DONE;
  if (r->ending == HC_ENDING_EOF && r->answer.plan.framing == HC_FRAMING_LENGTH)
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "the body was cut short: %llu of %llu bytes came",
                   (unsigned long long)(r->answer.plan.length - r->left),
                   (unsigned long long)r->answer.plan.length);
  else if (r->ending == HC_ENDING_EOF)
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR,
                   "the body was cut short: the connection ended before the last chunk");
  return HC_BROKEN;
}

/* Changes an empty buffer for a larger one, if that can be had. The new block is had before the old
 * one is given away; without memory for it the old one does. */
static void enlarge(hc_buffer *empty, size_t size) {
  hc_buffer larger = {0};
  char *at;
  size_t room;
  if (empty->capacity >= size || hc_buffer_reserve(&larger, size, size, &at, &room) != HC_OK)
    return;
  hc_buffer_free(empty);
  *empty = larger;
}

/* How much one receive may take for several reads: where receive after receive got all that it
 * asked for, the sender is ahead, and that saves system calls, acknowledgements and waking the
 * sender. Never more than the body still has, and in proportion to what one read takes. Nothing
 * that is held is moved for it, and the larger memory is made only where all of it will be filled,
 * if it can be had. Not where somebody else's loop has the descriptor: it would not show what lies
 * here. For 64 MiB over loopback, read by 64 KiB, that is 140 receives in place of 1030 and two
 * thirds of the CPU time. */
static size_t size_ahead(hc_receiver *r, const hc_reading *from, size_t want) {
  size_t held = hc_buffer_size(&r->in), most = HC_AHEAD_READS * from->settings->read_chunk_size;
  uint64_t rest = r->answer.plan.framing == HC_FRAMING_LENGTH ? r->left - held : UINT64_MAX;
  if (r->full_receives < HC_AHEAD_AFTER || from->greed == HC_MODEST) return want;
  if (most > HC_RECEIVE_AHEAD) most = HC_RECEIVE_AHEAD;
  if (held == 0 && rest >= most) enlarge(&r->in, most + CONTENT_ALIGNMENT);
  size_t behind = r->in.capacity - r->in.end,
         ahead = behind > CONTENT_ALIGNMENT ? behind - CONTENT_ALIGNMENT : 0;
  if (ahead > rest) ahead = (size_t)rest;
  return ahead > want ? ahead : want;
}

/* One receive of up to `room` bytes for a reader who wants `want` of them. Receives that got all
 * they asked for are counted, as they show a sender who is ahead. One that got less begins the
 * count anew. */
static hc_io receive_noted(hc_receiver *r, const hc_reading *from, size_t room, size_t want,
                           hc_fill fill, hc_failure *why) {
  const hc_settings *settings = from->settings;
  size_t before = hc_buffer_size(&r->in), extra = room - want;
  size_t limit =
      2 * settings->read_chunk_size + settings->max_header_size + 2 * HC_HEAD_READ_SIZE + extra;
  hc_io io = receive_receiver(r, from, room, limit, fill, why);
  size_t got = hc_buffer_size(&r->in) - before;
  if (got < want) r->full_receives = 0;
  else if (r->full_receives < HC_AHEAD_AFTER) r->full_receives++;
  /* A client that waits does not hold what only a flood needs. */
  bool is_large = before == 0 && r->in.capacity > settings->read_chunk_size + 2 * HC_HEAD_READ_SIZE;
  if ((io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) && is_large) hc_buffer_free(&r->in);
  return io;
}

/* Receives into `in`. True: new bytes are there. False: nothing is, or the stream has ended. A
 * receive for several reads never sleeps: the reader would wait for more than he wants. If the
 * large receive found nothing, a plain one may still sleep for what the reader wants. */
static bool receive_content(hc_receiver *r, const hc_reading *from, size_t want, hc_fill fill,
                            hc_failure *why) {
  if (r->ending != HC_ENDING_NONE) return false;
  size_t ahead = size_ahead(r, from, want);
  if (ahead > want) {
    hc_reading at_once = *from;
    at_once.patience = HC_AT_ONCE;
    if (receive_noted(r, &at_once, ahead, want, HC_FILL_SOME, why) == HC_IO_OK) return true;
    if (from->patience == HC_AT_ONCE || r->ending != HC_ENDING_NONE) return false;
  }
  return receive_noted(r, from, want, want, fill, why) == HC_IO_OK;
}

/* A view, never a copy: it lives until the next receive or consume. */
hc_slice hc_receiver_held(const hc_receiver *r, size_t limit) {
  size_t have = hc_buffer_size(&r->in);
  return (hc_slice){hc_buffer_head(&r->in), have < limit ? have : limit};
}

/* In blocking mode a body of known length is collected until a whole view is there, because that is
 * what the caller asked for. What was collected stays in `in` when nothing more comes, so nothing
 * is lost by having to wait. */
static hc_progress peek_identity(hc_receiver *r, const hc_reading *from, hc_slice *view,
                                 hc_failure *why) {
  bool is_sized = r->answer.plan.framing == HC_FRAMING_LENGTH;
  size_t limit = from->settings->read_chunk_size;
  if (is_sized && r->left < limit) limit = (size_t)r->left;
  if (limit == 0) return HC_DONE;
  hc_fill fill = is_sized && from->settings->blocking ? HC_FILL_ALL : HC_FILL_SOME;
  while (hc_buffer_size(&r->in) < limit && (fill == HC_FILL_ALL || hc_buffer_size(&r->in) == 0))
    if (!receive_content(r, from, limit - hc_buffer_size(&r->in), fill, why)) break;
  *view = hc_receiver_held(r, limit);
  if (view->size == 0) return settle_receiver(r, why);
  if (view->size == limit || fill == HC_FILL_SOME || r->ending != HC_ENDING_NONE) return HC_MOVED;
  *view = (hc_slice){NULL, 0};
  return HC_WAIT;
}

/* Decodes what is in `in`. True: content or an end was found. Broken framing is an end like any
 * other: what stood in front of it is handed out first. If there is no content the framing that was
 * used up is dropped at once, else it becomes the gap behind it. */
static bool decode_receiver(hc_receiver *r, const hc_settings *settings, hc_failure *why) {
  size_t used = 0, produced = 0;
  hc_parse parsed = hc_chunked_decode(r->chunked, hc_buffer_head(&r->in), hc_buffer_size(&r->in),
                                      settings->read_chunk_size, settings->max_header_size, &used,
                                      &produced, why);
  r->decoded = produced;
  r->gap = used - produced;
  if (produced == 0) {
    hc_buffer_consume(&r->in, used);
    r->gap = 0;
  }
  r->coding_ended = parsed == HC_PARSE_DONE;
  if (r->coding_ended) r->answer.trailers = &r->chunked->trailers;
  if (parsed == HC_PARSE_ERROR) r->ending = HC_ENDING_FAILED;
  return produced || parsed != HC_PARSE_MORE;
}

/* What was decoded before is handed out first. Otherwise it is receive and decode in turn, until
 * there is content or an end: a receive may bring nothing but a chunk's size. */
static hc_progress peek_chunked(hc_receiver *r, const hc_reading *from, hc_slice *view,
                                hc_failure *why) {
  size_t limit = from->settings->read_chunk_size; /* it may have been lowered since */
  while (r->decoded == 0) {
    if (hc_buffer_size(&r->in) && !r->starved && decode_receiver(r, from->settings, why)) break;
    if (!receive_content(r, from, limit, HC_FILL_SOME, why)) break;
  }
  if (r->decoded == 0) return r->coding_ended ? HC_DONE : settle_receiver(r, why);
  *view = hc_receiver_held(r, r->decoded < limit ? r->decoded : limit);
  return HC_MOVED;
}

/* The two kinds without content are over at once, and the stream is not touched for them: what
 * stands behind their heads belongs to the next answer. */
hc_progress hc_receiver_peek(hc_receiver *r, const hc_reading *from, hc_slice *view,
                             hc_failure *why) {
  switch (r->answer.plan.framing) {
  case HC_FRAMING_LENGTH:
  case HC_FRAMING_UNTIL_CLOSE: return peek_identity(r, from, view, why);
  case HC_FRAMING_CHUNKED: return peek_chunked(r, from, view, why);
  case HC_FRAMING_HEAD:
  case HC_FRAMING_NONE: break;
  }
  return HC_DONE;
}

/* The one place that counts content, whichever way it went: through a view, or through the kernel
 * into a file. */
hc_progress hc_receiver_pass(hc_receiver *r, size_t size) {
  r->answer.received += size;
  if (r->answer.plan.framing != HC_FRAMING_LENGTH) return HC_MOVED;
  r->left -= size;
  return r->left == 0 ? HC_DONE : HC_MOVED;
}

/* The gap behind decoded content is stepped over with its last byte, so that what is coded stands
 * at the front again. */
hc_progress hc_receiver_consume(hc_receiver *r, size_t size) {
  hc_buffer_consume(&r->in, size);
  hc_progress progress = hc_receiver_pass(r, size);
  if (r->answer.plan.framing != HC_FRAMING_CHUNKED) return progress;
  r->decoded -= size;
  if (r->decoded) return HC_MOVED;
  hc_buffer_consume(&r->in, r->gap);
  r->gap = 0;
  return r->coding_ended ? HC_DONE : HC_MOVED;
}
