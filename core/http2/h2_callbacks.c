/* h2_callbacks.c - what nghttp2 tells, written down in the streams and in the session. See
 * h2_state.h.
 *
 * nghttp2 keeps the protocol: frames, HPACK, windows, the states of streams, what a well-formed
 * message is. Nothing is decided here about what an event means for the connection; whoever called
 * nghttp2 looks when it has returned. */
#include "h2_session.h"

#ifdef HC_WITH_NGHTTP2 /* else the file is empty */

#include <string.h>

#include "h2_state.h"

/* --- errors */

/* "HTTP_1_1_REQUIRED", "unknown": static text. */
static const char *code_name(uint32_t code) { return nghttp2_http2_strerror(code); }

/* A callback can't say why it failed; so it is noted where the caller of nghttp2 finds it. */
int hc_h2_out_of_memory(hc_h2_session *s) {
  s->is_shut = true;
  hc_failure_out_of_memory_for(&s->failure, "the HTTP/2 connection");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* The first reason stays. One that has ended well stays well: what the server does behind the end
 * of its answer is nobody's concern. */
hc_failure *hc_h2_stream_break(hc_h2_stream *stream) {
  if (hc_h2_stream_is_done(stream)) return NULL;
  stream->stage = HC_H2_BROKEN;
  return &stream->failure;
}

/* The answer of a stream that was just broken is nothing that HTTP knows, or more than we take; the
 * connection goes on. */
static int reset(const hc_h2_stream *stream, uint32_t code) {
  int result = nghttp2_submit_rst_stream(stream->session->h2, NGHTTP2_FLAG_NONE, stream->id, code);
  return result == NGHTTP2_ERR_NOMEM ? hc_h2_out_of_memory(stream->session) : 0;
}

/* --- what comes */

/* NULL for streams that were given up: frames for these are still under way, and go by. */
static hc_h2_stream *stream_of(nghttp2_session *h2, int32_t id) {
  return nghttp2_session_get_stream_user_data(h2, id);
}

/* Its user sees by the number that there is something to look at; and a frame that brought
 * something clears the server of flooding us with empty ones. */
static void count_arrival(hc_h2_session *s, hc_h2_stream *stream) {
  stream->arrivals++;
  s->idle_frames = 0;
}

/* A head of 1xx may have been here before; what it left is taken out. A section behind the content
 * is trailers and goes elsewhere. */
static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user) {
  hc_h2_stream *stream = stream_of(h2, frame->hd.stream_id);
  (void)user;
  if (!stream || hc_h2_stream_is_done(stream)) return 0;
  if (stream->stage == HC_H2_HEAD) hc_response_restart(&stream->response);
  stream->head_size = 0;
  return 0;
}

/* The size as both sides count it: RFC 9113 section 6.5.2. Interim heads count as well, all of them
 * together, or a server could send them for ever. */
static bool is_too_large(hc_h2_stream *stream, size_t name_size, size_t value_size) {
  stream->head_size += name_size + value_size + 32;
  return stream->head_size + stream->interim_size > stream->session->max_header_size;
}

/* CANCEL and no error of the protocol: the server did nothing wrong, we just don't want that much.
 * Its other streams go on. */
static int refuse_size_h2_callbacks(hc_h2_stream *stream) {
  hc_failure_set(hc_h2_stream_break(stream), HC_ERR_INVALID_DATA,
                 "response head: it is larger than the limit of %zu bytes",
                 stream->session->max_header_size);
  return reset(stream, NGHTTP2_CANCEL);
}

/* nghttp2 has seen to it that :status is the first and the only pseudo-field, and three digits. */
static void take_status(hc_response *r, hc_slice value) {
  r->code = 0;
  for (size_t i = 0; i < value.size; i++) r->code = r->code * 10 + (value.data[i] - '0');
}

/* Nothing is checked for syntax: nghttp2 has done that. */
static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user) {
  hc_h2_stream *stream = stream_of(h2, frame->hd.stream_id);
  hc_slice n = {(const char *)name, name_size}, v = {(const char *)value, value_size};
  (void)flags;
  if (!stream || hc_h2_stream_is_done(stream)) return 0;
  if (is_too_large(stream, name_size, value_size)) return refuse_size_h2_callbacks(stream);
  if (name_size > 0 && name[0] == ':') {
    take_status(&stream->response, v);
    return 0;
  }
  hc_headers *into = stream->stage == HC_H2_HEAD ? &stream->response.headers : &stream->trailers;
  return hc_headers_add(into, n, v) == HC_OK ? 0 : hc_h2_out_of_memory(user);
}

/* nghttp2 would leave such a field out. A message that has one is malformed (section 8.2.1). */
static int on_invalid_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_size, const uint8_t *value, size_t value_size,
                             uint8_t flags, void *user) {
  hc_h2_stream *stream = stream_of(h2, frame->hd.stream_id);
  (void)value;
  (void)value_size;
  (void)flags;
  (void)user;
  if (!stream || hc_h2_stream_is_done(stream)) return 0;
  hc_failure_set(hc_h2_stream_break(stream), HC_ERR_INVALID_DATA,
                 "response head: the field \"%.*s\" is malformed",
                 name_size > 64 ? 64 : (int)name_size, (const char *)name);
  return reset(stream, NGHTTP2_PROTOCOL_ERROR);
}

/* nghttp2 lets any three digits by, and RFC 9110 section 15 has no class below 1xx. */
static int refuse_status(hc_h2_stream *stream) {
  hc_failure_set(hc_h2_stream_break(stream), HC_ERR_INVALID_DATA,
                 "response head: the status is below 100");
  return reset(stream, NGHTTP2_PROTOCOL_ERROR);
}

/* A head of 1xx is over when it is whole; only 100 has a meaning here. Other heads of 1xx are read
 * over (RFC 9110 section 15.2); their room is used for the next. */
static int end_head(hc_h2_stream *stream) {
  hc_response *r = &stream->response;
  if (r->code < 100) return refuse_status(stream);
  if (r->code >= 200) {
    hc_headers_trim(&r->headers);
    stream->stage = HC_H2_CONTENT;
    stream->has_head = true;
    return 0;
  }
  if (r->code == 100) stream->has_continued = true;
  if (hc_transcript_listens(stream->transcript))
    hc_transcript_note_response(stream->transcript, HC_SLICE("HTTP/2"), r);
  stream->interim_size += stream->head_size;
  hc_response_restart(r);
  return 0;
}

/* The server has answered without the rest of the content, and is not to wait for it (section
 * 8.1). */
static int end_message_h2_callbacks(hc_h2_stream *stream, const nghttp2_frame *frame) {
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  stream->stage = HC_H2_COMPLETE;
  return stream->has_content ? reset(stream, NGHTTP2_NO_ERROR) : 0;
}

/* A head, a head of 1xx, or trailing fields: which it is, the stage of the stream says. A head may
 * be the whole answer. */
static int end_section(hc_h2_session *s, hc_h2_stream *stream, const nghttp2_frame *frame) {
  count_arrival(s, stream);
  int result = stream->stage == HC_H2_HEAD ? end_head(stream) : 0;
  return result != 0 || hc_h2_stream_is_done(stream) ? result
                                                     : end_message_h2_callbacks(stream, frame);
}

/* `what`, and behind it the code and what the frame adds in words. */
static void tell_goaway(hc_failure *into, hc_error code, const char *what,
                        const nghttp2_goaway *goaway) {
  int size = goaway->opaque_data_len > 64 ? 64 : (int)goaway->opaque_data_len;
  hc_failure_set(into, code, "HTTP/2: the server %s (%s%s%.*s)", what,
                 code_name(goaway->error_code), size > 0 ? ": " : "", size,
                 size > 0 ? (const char *)goaway->opaque_data : "");
}

/* With NO_ERROR the server only wants to go (RFC 9113 section 6.8). Any other code is the reason
 * for whatever ends afterwards, so its words are kept for these. */
static void take_goaway(hc_h2_session *s, const nghttp2_goaway *goaway) {
  s->has_goaway = true;
  s->goaway_code = goaway->error_code;
  if (goaway->error_code == NGHTTP2_NO_ERROR) return;
  hc_failure_clear(&s->goaway);
  tell_goaway(&s->goaway, HC_ERR_CONNECTION_ERROR, "ends the connection", goaway);
}

/* The answer can't be used, but the connection and what else is on it can (section 8.1.1). */
static void tell_malformed(hc_h2_stream *stream, const char *reason) {
  hc_failure_set(hc_h2_stream_break(stream), HC_ERR_INVALID_DATA,
                 "HTTP/2: the server's answer is malformed (%s)", reason);
}

/* nghttp2 sees no harm in an empty frame of content before the final head. */
static int end_content_h2_callbacks(hc_h2_stream *stream, const nghttp2_frame *frame) {
  if (hc_h2_stream_is_done(stream)) return 0;
  if (stream->stage == HC_H2_CONTENT) return end_message_h2_callbacks(stream, frame);
  tell_malformed(stream, "content before the head");
  return reset(stream, NGHTTP2_PROTOCOL_ERROR);
}

/* A server may change its limit at any time. Raising it is news for those who wait for room,
 * lowering it affects only streams that are not open yet (section 5.1.2). */
static void note_limit(hc_h2_session *s) {
  uint32_t theirs =
      nghttp2_session_get_remote_settings(s->h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  size_t limit = theirs < HC_H2_STREAMS_MAX ? theirs : HC_H2_STREAMS_MAX;
  if (s->has_settings && limit > s->limit) s->raises++;
  s->limit = limit;
  s->has_settings = true;
}

/* The end of a frame: whatever it carried has been reported piece by piece before. */
static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user) {
  hc_h2_session *s = user;
  hc_h2_stream *stream = frame->hd.stream_id > 0 ? stream_of(h2, frame->hd.stream_id) : NULL;
  switch (frame->hd.type) {
  case NGHTTP2_SETTINGS:
    if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) note_limit(s);
    return 0;
  case NGHTTP2_PING:
    if (frame->hd.flags & NGHTTP2_FLAG_ACK) s->awaits_pong = false;
    return 0;
  case NGHTTP2_GOAWAY: take_goaway(s, &frame->goaway); return 0;
  case NGHTTP2_HEADERS:
    return stream && !hc_h2_stream_is_done(stream) ? end_section(s, stream, frame) : 0;
  case NGHTTP2_DATA: return stream ? end_content_h2_callbacks(stream, frame) : 0;
  default: return 0;
  }
}

/* Called while a reader may hold a view of what came before. Then that memory stays as it is until
 * he is done with it, and the stream goes on in a copy. */
static hc_error add_content(hc_h2_session *s, hc_h2_stream *stream, hc_slice bytes) {
  if (stream->is_shown && !hc_h2_input_fits(&stream->content, bytes.size)) {
    if (hc_h2_input_move(&stream->content, &stream->shown) != HC_OK) return HC_ERR_OUT_OF_MEMORY;
    stream->is_shown = false;
  }
  return hc_h2_input_add(&s->input, &stream->content, bytes);
}

/* Content of a stream that nobody reads any more frees its part of the connection's window at once:
 * else one that was given up would slowly stop all the others. */
static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t size,
                   void *user) {
  hc_h2_session *s = user;
  hc_h2_stream *stream = stream_of(h2, id);
  hc_slice bytes = {(const char *)data, size};
  (void)flags;
  if (!stream || hc_h2_stream_is_done(stream)) {
    int result = nghttp2_session_consume_connection(h2, size);
    return result == NGHTTP2_ERR_NOMEM ? hc_h2_out_of_memory(s) : 0;
  }
  if (add_content(s, stream, bytes) != HC_OK) return hc_h2_out_of_memory(s);
  if (size > 0) count_arrival(s, stream);
  return 0;
}

/* nghttp2 resets the stream by itself and says here why. */
static int on_invalid_frame(nghttp2_session *h2, const nghttp2_frame *frame, int error,
                            void *user) {
  hc_h2_stream *stream =
      frame->hd.type == NGHTTP2_HEADERS ? stream_of(h2, frame->hd.stream_id) : NULL;
  (void)user;
  if (stream) tell_malformed(stream, nghttp2_strerror(error));
  return 0;
}

/* NO_ERROR before the answer's end is no end of it, though it looks like one. REFUSED_STREAM
 * promises that nothing was done (section 8.7), and so does a head that never left. In all other
 * cases the server may have acted on it, and only its user can know whether it may be sent
 * again. */
static void note_reset(hc_h2_session *s, hc_h2_stream *stream, uint32_t code) {
  if (hc_h2_stream_is_done(stream)) return;
  stream->is_unprocessed = code == NGHTTP2_REFUSED_STREAM || !stream->is_sent;
  stream->wants_http1 =
      code == NGHTTP2_HTTP_1_1_REQUIRED || s->goaway_code == NGHTTP2_HTTP_1_1_REQUIRED;
  hc_failure *why = hc_h2_stream_break(stream);
  if (s->goaway.code != HC_OK) *why = s->goaway;
  else
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR,
                   "HTTP/2: the server ended the stream before its answer was complete (%s)",
                   code_name(code));
}

/* Behind this call nghttp2 knows the number no more, so nothing may be asked of it for this
 * stream. */
static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user) {
  hc_h2_session *s = user;
  hc_h2_stream *stream = stream_of(h2, id);
  if (id % 2 == 0) return 0; /* a push, which nghttp2 cancels: not one of ours */
  s->open--;
  if (!stream) return 0;
  note_reset(s, stream, code);
  stream->is_open = false;
  if (stream->is_deferred) s->deferred--;
  stream->is_deferred = false;
  return 0;
}

/* --- what goes */

/* nghttp2 doesn't ask again by itself; the count tells the session whether anybody waits to be
 * woken. */
static ssize_t defer(hc_h2_session *s, hc_h2_stream *stream) {
  if (!stream->is_deferred) s->deferred++;
  stream->is_deferred = true;
  return NGHTTP2_ERR_DEFERRED;
}

/* It says how much there is and copies nothing (NO_COPY): on_send_content puts a view of it in the
 * output. A stream that has nothing, or finds the output full, is put off without holding up
 * others. */
ssize_t hc_h2_read_content(nghttp2_session *h2, int32_t id, uint8_t *into, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user) {
  hc_h2_session *s = user;
  hc_h2_stream *stream = stream_of(h2, id);
  (void)into;
  (void)source;
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (stream->offered.size == 0 && !stream->offer_is_last) return defer(s, stream);
  if (!hc_h2_output_has_room(&s->output)) return defer(s, stream);
  size_t size = stream->offered.size < room ? stream->offered.size : room;
  if (size > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size == stream->offered.size && stream->offer_is_last) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)size;
}

/* A frame whose content stays where it is. Its head is ours and is copied, nine bytes of it; from
 * here on these bytes are in flight, and their memory is needed until they are out. */
static int on_send_content(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *head,
                           size_t size, nghttp2_data_source *source, void *user) {
  hc_h2_session *s = user;
  hc_h2_stream *stream = stream_of(h2, frame->hd.stream_id);
  (void)source;
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  hc_slice content = {stream->offered.data, size};
  if (hc_h2_output_add_own(&s->output, (hc_slice){(const char *)head, HC_H2_FRAME_HEAD}) != HC_OK)
    return hc_h2_out_of_memory(s);
  if (hc_h2_output_add_view(&s->output, content, &stream->in_flight) != HC_OK)
    return hc_h2_out_of_memory(s);
  stream->offered.data += size;
  stream->offered.size -= size;
  s->idle_frames = 0;
  return 0;
}

/* A GOAWAY of ours with an error is how nghttp2 says that the server broke the protocol; its words
 * are the best there are. Of a stream that is reset here the server has not heard yet. */
static int on_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user) {
  hc_h2_session *s = user;
  hc_h2_stream *stream = frame->hd.stream_id > 0 ? stream_of(h2, frame->hd.stream_id) : NULL;
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
    tell_goaway(&s->failure, HC_ERR_INVALID_DATA, "broke the protocol", &frame->goaway);
  if (frame->hd.type == NGHTTP2_RST_STREAM && frame->hd.stream_id % 2 == 1 &&
      s->given_up < (size_t)HC_H2_CONNECTION_WINDOW)
    s->given_up += HC_H2_STREAM_WINDOW;
  if (!stream) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS) stream->is_sent = true;
  /* nghttp2 resets a stream whose answer is malformed, and has its reasons; the code is what it
   * tells of them. */
  if (frame->hd.type == NGHTTP2_RST_STREAM)
    tell_malformed(stream, code_name(frame->rst_stream.error_code));
  if (frame->hd.type == NGHTTP2_DATA && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
    stream->has_content = false;
  return 0;
}

/* --- the table */

/* What is not in this list nghttp2 does by itself: answers to PING and SETTINGS, resets of what is
 * malformed. */
hc_error hc_h2_set_callbacks(nghttp2_session_callbacks **out) {
  if (nghttp2_session_callbacks_new(out) != 0) return HC_ERR_OUT_OF_MEMORY;
  nghttp2_session_callbacks_set_on_begin_headers_callback(*out, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(*out, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(*out, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(*out, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(*out, on_data);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(*out, on_invalid_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(*out, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(*out, on_sent);
  nghttp2_session_callbacks_set_send_data_callback(*out, on_send_content);
  return HC_OK;
}

#endif
