/* h2_session.c - an HTTP/2 connection, by libnghttp2: its life, the bytes in and out, its streams.
 * See h2_session.h.
 *
 * nghttp2 keeps the protocol, and its callbacks (h2_callbacks.c) write down what happened. Two
 * things are done for it here: it is given the heads of frames whole, and frames that bring nothing
 * are counted, since many of them cost the peer little and us more. */
#include "h2_session.h"

#ifdef HC_WITH_NGHTTP2 /* else the file is empty */

#include <string.h>

#include "../base/memory.h"
#include "h2_state.h"

/* --- life */

/* nghttp2's memory is ours as well, so the host's allocator sees all of it. */
static void *allocate(size_t size, void *user) {
  (void)user;
  return hc_memory_allocate(size);
}

static void *allocate_zeroed(size_t count, size_t size, void *user) {
  (void)user;
  return hc_memory_allocate_zeroed(count, size);
}

static void *resize_h2_session(void *block, size_t size, void *user) {
  (void)user;
  return hc_memory_resize(block, size);
}

static void release_h2_session(void *block, void *user) {
  (void)user;
  hc_memory_release(block);
}

static const hc_failure was_closed = {HC_ERR_CONNECTION_ERROR, "the HTTP/2 connection was closed"};

/* Windows open only as content is read, never by themselves: that is what holds a fast server back.
 * Closed streams are forgotten at once; nghttp2 would keep some for priorities, which we don't use.
 * And until the server has told its limit of streams ours counts. */
static int make_session(hc_h2_session *s, const nghttp2_session_callbacks *callbacks) {
  nghttp2_mem memory = {NULL, allocate, release_h2_session, allocate_zeroed, resize_h2_session};
  nghttp2_option *options;
  int result = nghttp2_option_new(&options);
  if (result != 0) return result;
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_peer_max_concurrent_streams(options, HC_H2_STREAMS_MAX);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_send_header_block_length(options, HC_H2_HEAD_MAX);
  result = nghttp2_session_client_new3(&s->h2, callbacks, s, options, &memory);
  nghttp2_option_del(options);
  return result;
}

/* Push is off, since nobody could ask for what comes by it. The window of the connection is larger
 * than that of a stream, so that one slow reader doesn't stop the others. */
static int introduce(hc_h2_session *s) {
  size_t limit = s->max_header_size < UINT32_MAX ? s->max_header_size : UINT32_MAX;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HC_H2_STREAM_WINDOW},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limit},
  };
  int result = nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings,
                                       sizeof settings / sizeof *settings);
  if (result != 0) return result;
  return nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0,
                                               HC_H2_CONNECTION_WINDOW);
}

/* Half made it is deleted like any other: every part may be missing. */
hc_h2_session *hc_h2_session_new(size_t max_header_size) {
  nghttp2_session_callbacks *callbacks = NULL;
  hc_h2_session *s = hc_memory_allocate_zeroed(1, sizeof *s);
  if (!s) return NULL;
  s->max_header_size = max_header_size;
  s->limit = HC_H2_STREAMS_MAX;
  bool is_made = hc_h2_set_callbacks(&callbacks) == HC_OK && make_session(s, callbacks) == 0 &&
                 introduce(s) == 0;
  nghttp2_session_callbacks_del(callbacks);
  if (is_made) return s;
  hc_h2_session_delete(s);
  return NULL;
}

/* The copy of the head goes as soon as nghttp2 has its own, or nobody wants it sent. */
static void forget_held(hc_h2_stream *stream) {
  if (!stream->held) return;
  hc_h2_fields_free(stream->held);
  hc_memory_release(stream->held);
  stream->held = NULL;
  stream->session->held--;
}

/* Its streams stay their owners', broken. Their owners have to find nothing that points into this
 * session: they close their streams later, when it is gone. */
static void let_go_h2_session(hc_h2_session *s) {
  hc_h2_session_end(s, &was_closed);
  while (s->streams) {
    hc_h2_stream *stream = s->streams;
    s->streams = stream->behind;
    forget_held(stream);
    stream->session = NULL;
    stream->before = stream->behind = NULL;
    stream->is_open = stream->is_deferred = false;
    stream->in_flight = 0;
  }
}

/* Streams are broken and let go before nghttp2 ends, since its end calls nobody for them. */
void hc_h2_session_delete(hc_h2_session *s) {
  if (!s) return;
  let_go_h2_session(s);
  nghttp2_session_del(s->h2);
  hc_h2_input_rest(&s->input);
  hc_h2_output_free(&s->output);
  hc_memory_release(s);
}

/* --- ends */

/* What never left can be sent again by another connection; of the rest nobody knows. Those that
 * have their answer whole are not touched. */
void hc_h2_session_end(hc_h2_session *s, const hc_failure *reason) {
  s->is_over = true;
  for (hc_h2_stream *stream = s->streams; stream; stream = stream->behind) {
    if (hc_h2_stream_is_done(stream)) continue;
    stream->is_unprocessed = !stream->is_sent;
    stream->wants_http1 = s->goaway_code == NGHTTP2_HTTP_1_1_REQUIRED;
    /* what the server has said of the end tells more than that it came */
    *hc_h2_stream_break(stream) = s->goaway.code != HC_OK ? s->goaway : *reason;
  }
}

/* Behind an error nothing may go out but what was gathered before and a goodbye: streams whose
 * heads have not left are called unprocessed. nghttp2 keeps to that once it has a goodbye to send,
 * which is not so for each of its errors; where it has one, this call does nothing. Without memory
 * not even that goes out: what nghttp2 takes for sent may be lost, and the peer would read all
 * behind it for something else. */
static void shut_output(hc_h2_session *s) {
  if (!s->is_shut && nghttp2_session_terminate_session(s->h2, NGHTTP2_ENHANCE_YOUR_CALM) != 0)
    s->is_shut = true;
  if (s->is_shut) hc_h2_output_free(&s->output);
}

/* A connection's error: what a callback has seen of it says more than the code that nghttp2
 * returned. The whole connection is lost then, as its frames can't be told apart any more, or its
 * compressed heads not be read (RFC 9113 sections 4.3 and 5.4.1). */
static hc_error fail_h2_session(hc_h2_session *s, int result, hc_failure *why) {
  if (result == NGHTTP2_ERR_NOMEM) (void)hc_h2_out_of_memory(s);
  hc_failure_set(&s->failure, HC_ERR_INVALID_DATA, "HTTP/2: the server broke the protocol (%s)",
                 nghttp2_strerror(result));
  hc_h2_session_end(s, &s->failure);
  shut_output(s);
  return hc_failure_set(why, s->failure.code, "%s", s->failure.text);
}

bool hc_h2_session_is_over(const hc_h2_session *s) { return s->is_over; }

/* nghttp2 also says no when the numbers are used up: there are 2^30 of them for one connection (RFC
 * 9113 section 5.1.1). */
bool hc_h2_session_is_draining(const hc_h2_session *s) {
  return s->is_over || s->has_goaway || !nghttp2_session_check_request_allowed(s->h2);
}

/* The GOAWAY lies in nghttp2 until it is gathered, so its bytes can go out behind the end. Streams
 * are broken at once: nobody waits for answers that will not be read. */
void hc_h2_session_goodbye(hc_h2_session *s) {
  /* without memory: unsaid, and so is what would stand behind it */
  if (!s->is_over && nghttp2_session_terminate_session(s->h2, NGHTTP2_NO_ERROR) != 0)
    (void)hc_h2_out_of_memory(s);
  hc_h2_session_end(s, &was_closed);
}

/* Only one is under way at a time, so its answer needs no content to be known by. */
hc_error hc_h2_session_ping(hc_h2_session *s) {
  if (nghttp2_submit_ping(s->h2, NGHTTP2_FLAG_NONE, NULL) != 0) return HC_ERR_OUT_OF_MEMORY;
  s->awaits_pong = true;
  return HC_OK;
}

/* Until the answer heads are held back (start_or_hold): what has never left can be sent again over
 * another connection, whatever becomes of this one. */
bool hc_h2_session_awaits_pong(const hc_h2_session *s) { return s->awaits_pong; }

/* --- heads */

static nghttp2_nv pair_of(const hc_h2_field *field) {
  /* nghttp2 copies both, and does not write into them. */
  return (nghttp2_nv){(uint8_t *)(uintptr_t)field->name.data,
                      (uint8_t *)(uintptr_t)field->value.data, field->name.size, field->value.size,
                      NGHTTP2_NV_FLAG_NONE};
}

/* The pairs are needed for this call alone: nghttp2 copies what they show. */
static int32_t submit(hc_h2_session *s, hc_h2_stream *stream, const hc_h2_fields *list,
                      hc_h2_more content) {
  nghttp2_data_provider provider = {.read_callback = hc_h2_read_content};
  nghttp2_nv *pairs = hc_memory_allocate_zeroed(list->count, sizeof *pairs);
  if (!pairs) return NGHTTP2_ERR_NOMEM;
  for (size_t i = 0; i < list->count; i++) pairs[i] = pair_of(&list->fields[i]);
  int32_t id = nghttp2_submit_request(s->h2, NULL, pairs, list->count,
                                      content == HC_H2_MORE ? &provider : NULL, stream);
  hc_memory_release(pairs);
  return id;
}

/* Its head goes to nghttp2. Returns the number of the stream, or an error of nghttp2's. */
static int32_t start_h2_session(hc_h2_session *s, hc_h2_stream *stream, const hc_h2_fields *list) {
  int32_t id = submit(s, stream, list, stream->has_content ? HC_H2_MORE : HC_H2_LAST);
  if (id < 0) return id;
  stream->id = id;
  stream->is_open = true;
  return id;
}

/* The server is alive, and the requests that waited for that sign go out. Those that were given up
 * meanwhile don't. */
static int let_held_go(hc_h2_session *s) {
  for (hc_h2_stream *stream = s->held > 0 ? s->streams : NULL; stream; stream = stream->behind) {
    if (!stream->held) continue;
    int32_t id = hc_h2_stream_is_done(stream) ? 0 : start_h2_session(s, stream, stream->held);
    if (id < 0) return id;
    forget_held(stream);
  }
  return 0;
}

/* --- bytes */

/* It had nothing to send, or found no room for it, and could go on. */
static bool can_wake(const hc_h2_stream *stream) {
  return stream->is_deferred && (stream->offered.size > 0 || stream->offer_is_last);
}

/* Waking one for which there is no room would only put it off again. */
static int wake(hc_h2_stream *stream) {
  if (!can_wake(stream)) return 0;
  stream->is_deferred = false;
  stream->session->deferred--;
  int result = nghttp2_session_resume_data(stream->session->h2, stream->id);
  return result == NGHTTP2_ERR_NOMEM ? result : 0;
}

/* A stream was put off for want of room as well as for want of content, and when the output was
 * sent nobody offers anything: so all of them are looked at. */
static int wake_content(hc_h2_session *s) {
  int result = 0;
  if (s->deferred == 0 || !hc_h2_output_has_room(&s->output)) return 0;
  for (hc_h2_stream *stream = s->streams; stream && result == 0; stream = stream->behind)
    result = wake(stream);
  return result;
}

/* What nghttp2 has to say goes into the output, content as views. As far as the limit, not to the
 * end: what isn't asked for stays in nghttp2, which then decides whose turn is next. */
static int pump_h2_session(hc_h2_session *s, size_t limit) {
  int result = s->is_shut ? NGHTTP2_ERR_NOMEM : wake_content(s);
  if (result != 0) return result;
  while (s->output.size < limit) {
    const uint8_t *data;
    ssize_t size = nghttp2_session_mem_send(s->h2, &data);
    if (size <= 0) return (int)size;
    if (hc_h2_output_add_own(&s->output, (hc_slice){(const char *)data, (size_t)size}) != HC_OK)
      return NGHTTP2_ERR_NOMEM;
  }
  return 0;
}

/* nghttp2 takes all that it is given or fails, since no callback of ours asks it to pause. */
static int receive_h2_session(hc_h2_session *s, hc_slice bytes) {
  ssize_t taken =
      bytes.size > 0 ? nghttp2_session_mem_recv(s->h2, (const uint8_t *)bytes.data, bytes.size) : 0;
  return taken < 0 ? (int)taken : 0;
}

/* Content that was under way when we reset its stream brings nothing, and the server is not to
 * blame for it. As much of it is let by as a window holds. */
static bool is_of_given_up(hc_h2_session *s, unsigned type) {
  if (s->given_up == 0 || type != NGHTTP2_DATA || s->frame_left == 0) return false;
  s->given_up -= s->frame_left < s->given_up ? s->frame_left : s->given_up;
  return true;
}

/* A server that doesn't know HTTP/2 takes the preface for a request that is none, and says so in
 * its own way. To nghttp2 that is a frame of millions of bytes. */
static void look_for_http1(hc_h2_session *s, const unsigned char *head) {
  if (memcmp(head, "HTTP/1.", 7) == 0)
    hc_failure_set(&s->failure, HC_ERR_INVALID_DATA,
                   "the server does not speak HTTP/2: it answers in HTTP/1.%c", head[7]);
}

/* It counts against the server until it brings something (count_arrival). */
static void begin_frame(hc_h2_session *s, const unsigned char *head) {
  if (!s->has_settings) look_for_http1(s, head);
  s->frame_left = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
  if (!is_of_given_up(s, head[3])) s->idle_frames++;
}

/* A frame's head that was begun earlier is made whole. Returns how many of the bytes it took. */
static size_t complete_head(hc_h2_session *s, hc_slice bytes) {
  size_t size = HC_H2_FRAME_HEAD - s->head_size;
  if (size > bytes.size) size = bytes.size;
  if (size > 0) memcpy(s->head + s->head_size, bytes.data, size);
  s->head_size += size;
  if (s->head_size == HC_H2_FRAME_HEAD) begin_frame(s, s->head);
  return size;
}

/* How many of the bytes stand before a frame's head that is not whole? On the way each frame is
 * counted. Only lengths are read here; what a frame means is nghttp2's to say. */
static size_t whole_heads(hc_h2_session *s, hc_slice bytes) {
  size_t at = 0;
  for (;;) {
    size_t step = s->frame_left < bytes.size - at ? s->frame_left : bytes.size - at;
    at += step;
    s->frame_left -= step;
    if (bytes.size - at < HC_H2_FRAME_HEAD) return at;
    begin_frame(s, (const unsigned char *)bytes.data + at);
    at += HC_H2_FRAME_HEAD;
  }
}

/* nghttp2 counts a CONTINUATION anew with each piece of its head, and takes many of them for an
 * attack: it is given heads whole. A head that came in two pieces is given from our own copy, the
 * rest from where it lies. */
static int receive_by_heads(hc_h2_session *s, hc_slice bytes) {
  if (s->head_size > 0) {
    size_t size = complete_head(s, bytes);
    if (s->head_size < HC_H2_FRAME_HEAD) return 0;
    s->head_size = 0;
    int result = receive_h2_session(s, (hc_slice){(const char *)s->head, HC_H2_FRAME_HEAD});
    if (result != 0) return result;
    bytes = (hc_slice){bytes.data + size, bytes.size - size};
  }
  size_t size = whole_heads(s, bytes);
  int result = receive_h2_session(s, (hc_slice){bytes.data, size});
  if (result == 0 && size < bytes.size)
    (void)complete_head(s, (hc_slice){bytes.data + size, bytes.size - size});
  return result;
}

/* Frames that bring nothing cost the peer little and us more: so many in a row are an attack, or a
 * broken server. The count begins anew with each frame that moves something for a stream, so a
 * server that works is never near it. */
static int check_idle_frames(hc_h2_session *s) {
  if (s->idle_frames <= HC_H2_IDLE_FRAMES_MAX) return 0;
  hc_failure_set(&s->failure, HC_ERR_INVALID_DATA,
                 "HTTP/2: the server sends frames that bring nothing (ENHANCE_YOUR_CALM)");
  return nghttp2_session_terminate_session(s->h2, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* A connection may live for days on which a server asks now and then whether somebody is there, and
 * nothing else comes. */
void hc_h2_session_forgive(hc_h2_session *s, uint64_t seconds) {
  uint64_t most = s->idle_frames / HC_H2_IDLE_FRAMES_A_SECOND;
  s->idle_frames =
      seconds > most ? 0 : s->idle_frames - (unsigned)seconds * HC_H2_IDLE_FRAMES_A_SECOND;
}

/* What a server is to be told costs memory until it reads. nghttp2 bounds answers to PING and
 * SETTINGS, and not the resets of what is pushed before our settings are known, which bring no
 * stream to an end and stand between content that does bring something. */
static void check_queue(hc_h2_session *s) {
  if (nghttp2_session_get_outbound_queue_size(s->h2) <= HC_H2_QUEUE_MAX) return;
  hc_failure_set(&s->failure, HC_ERR_INVALID_DATA,
                 "HTTP/2: the server does not read what it asks for (ENHANCE_YOUR_CALM)");
}

/* nghttp2 acts on a fault of the peer's when it sends the frame that tells of it. So what it has to
 * say is asked for at once, behind content that waits for its turn. An error of a callback stands
 * in `failure` although nghttp2 returned none, hence the look at both. */
hc_error hc_h2_session_feed(hc_h2_session *s, hc_slice bytes, hc_failure *why) {
  if (s->is_over)
    return hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "the HTTP/2 connection is over");
  int result = receive_by_heads(s, bytes);
  if (result == 0) result = check_idle_frames(s);
  if (result == 0 && !s->awaits_pong) result = let_held_go(s);
  if (result == NGHTTP2_ERR_NOMEM) (void)hc_h2_out_of_memory(s);
  int sent = pump_h2_session(s, 2 * HC_H2_GATHER_SIZE);
  if (result == 0) result = sent;
  check_queue(s);
  if (result != 0 || s->failure.code != HC_OK) return fail_h2_session(s, result, why);
  /* after a goodbye, when the last stream has ended */
  if (!nghttp2_session_want_read(s->h2)) s->is_over = true;
  return HC_OK;
}

/* Asked again before anything was sent, it gives the same bytes and perhaps more behind them. */
hc_error hc_h2_session_gather(hc_h2_session *s, hc_slice *parts, size_t room, size_t *count,
                              hc_failure *why) {
  *count = 0;
  int result = pump_h2_session(s, HC_H2_GATHER_SIZE);
  if (result < 0) return fail_h2_session(s, result, why);
  *count = hc_h2_output_peek(&s->output, parts, room);
  return HC_OK;
}

void hc_h2_session_sent(hc_h2_session *s, size_t size) { hc_h2_output_sent(&s->output, size); }

/* A stream that found no room in the output is nothing that nghttp2 would want to write. Somebody
 * who could be woken counts, too: nghttp2 has been told to wait for it and doesn't know better. */
bool hc_h2_session_has_output(const hc_h2_session *s) {
  if (s->is_shut || s->output.size > 0 || nghttp2_session_want_write(s->h2)) return true;
  const hc_h2_stream *stream = s->deferred > 0 ? s->streams : NULL;
  while (stream && !can_wake(stream)) stream = stream->behind;
  return stream != NULL;
}

/* --- streams */

bool hc_h2_session_is_settled(const hc_h2_session *s) { return s->has_settings; }

size_t hc_h2_session_unread(const hc_h2_session *s) { return s->input.unread; }

/* Streams that are held back are among the open ones, so the same room is never promised twice. */
size_t hc_h2_session_room(const hc_h2_session *s) {
  if (hc_h2_session_is_draining(s)) return 0;
  return s->open < s->limit ? s->limit - s->open : 0;
}

unsigned hc_h2_session_raises(const hc_h2_session *s) { return s->raises; }

/* It counts as open from here on, also while it is held back: room that is promised to it must not
 * be given twice. */
static void put_on(hc_h2_session *s, hc_h2_stream *stream, hc_h2_more content) {
  stream->session = s;
  stream->stage = HC_H2_HEAD;
  stream->has_content = content == HC_H2_MORE;
  stream->behind = s->streams;
  if (s->streams) s->streams->before = stream;
  s->streams = stream;
  s->open++;
}

/* Returns 0, or an error of nghttp2's. Held back are heads alone: content is asked for by nghttp2,
 * which doesn't know the stream yet. */
static int32_t start_or_hold(hc_h2_session *s, hc_h2_stream *stream, const hc_h2_fields *list) {
  if (!s->awaits_pong) return start_h2_session(s, stream, list);
  stream->held = hc_h2_fields_copy(list);
  if (!stream->held) return NGHTTP2_ERR_NOMEM;
  s->held++;
  return 0;
}

/* Out of the middle of the list without a search, since any of hundreds may be the one to end. */
static void take_off(hc_h2_stream *stream) {
  if (stream->behind) stream->behind->before = stream->before;
  if (stream->before) stream->before->behind = stream->behind;
  else stream->session->streams = stream->behind;
}

/* What was done is undone where nghttp2 refuses, and the stream is as zeroed as it came. */
hc_error hc_h2_stream_open(hc_h2_session *s, hc_h2_stream *stream,
                           const hc_checked_request *checked, hc_h2_scheme scheme,
                           hc_h2_more content, hc_failure *why) {
  hc_h2_fields list = {0};
  if (hc_h2_session_room(s) == 0)
    return hc_failure_set(why, HC_ERR_BUSY, "the HTTP/2 connection takes no more streams");
  hc_error code = hc_h2_request_list(checked, scheme, &list, why);
  if (code != HC_OK) return code;
  put_on(s, stream, content);
  int32_t result = start_or_hold(s, stream, &list);
  if (result >= 0 && hc_transcript_listens(stream->transcript))
    hc_h2_fields_note(&list, stream->transcript);
  hc_h2_fields_free(&list);
  if (result >= 0) return HC_OK;
  take_off(stream);
  s->open--;
  memset(stream, 0, sizeof *stream);
  return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "HTTP/2 request: %s", nghttp2_strerror(result));
}

/* All that was offered has to be out of the process, because the source may use its memory again as
 * soon as it is asked for more. */
bool hc_h2_stream_takes_content(const hc_h2_stream *stream) {
  return stream->has_content && stream->is_open && !hc_h2_stream_is_done(stream) &&
         !stream->offer_is_last && stream->offered.size == 0 && stream->in_flight == 0;
}

/* Without memory to wake it the session is over; the next move of bytes finds that and says so. */
void hc_h2_stream_offer(hc_h2_stream *stream, hc_slice piece, hc_h2_more more) {
  stream->offered = piece;
  stream->offer_is_last = more == HC_H2_LAST;
  if (wake(stream) != 0) (void)fail_h2_session(stream->session, NGHTTP2_ERR_NOMEM, NULL);
}

/* The reader is done with what it was shown. */
static void hide(hc_h2_stream *stream) {
  stream->is_shown = false;
  hc_buffer_free(&stream->shown);
}

/* From here on these bytes may not move. When more comes for which there is no room behind them,
 * they are copied (add_content in h2_callbacks.c). */
hc_slice hc_h2_stream_show(hc_h2_stream *stream) {
  hide(stream);
  stream->is_shown = hc_buffer_size(&stream->content) > 0;
  return (hc_slice){hc_buffer_head(&stream->content), hc_buffer_size(&stream->content)};
}

/* The window that this opens is nghttp2's to announce: it waits until that is worth a frame. */
hc_error hc_h2_stream_consume(hc_h2_stream *stream, size_t size) {
  hide(stream);
  if (stream->session) hc_h2_input_consume(&stream->session->input, &stream->content, size);
  else hc_buffer_consume(&stream->content, size);
  if (!stream->session || stream->session->is_over) return HC_OK;
  int result = nghttp2_session_consume(stream->session->h2, stream->id, size);
  return result == NGHTTP2_ERR_NOMEM ? HC_ERR_OUT_OF_MEMORY : HC_OK;
}

/* Without memory for a copy the frame can't be sent to its end, nor anything behind it. */
void hc_h2_stream_withdraw(hc_h2_stream *stream) {
  hc_h2_session *s = stream->session;
  stream->offered = (hc_slice){NULL, 0};
  stream->offer_is_last = false;
  if (!s || stream->in_flight == 0) return;
  bool is_kept = hc_h2_output_keep(&s->output, &stream->in_flight) == HC_OK;
  stream->in_flight = 0;
  if (!is_kept) (void)fail_h2_session(s, NGHTTP2_ERR_NOMEM, NULL);
}

/* Nobody reads it any more: nghttp2 hears of it, and its content frees the connection's window. The
 * window of the connection is everybody's: bytes that were held and never read have to be given
 * back to it. */
static void cancel_h2_session(hc_h2_session *s, const hc_h2_stream *stream) {
  size_t held = hc_buffer_size(&stream->content);
  int result = 0;
  if (held > 0) result = nghttp2_session_consume_connection(s->h2, held);
  if (stream->is_open && result == 0)
    result = nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
  if (result == NGHTTP2_ERR_NOMEM) (void)fail_h2_session(s, result, NULL);
}

/* The views in the output first, then the list, then nghttp2: none of them may know of the stream
 * when its memory goes back to its owner. That holds for a session that is over as well: while its
 * goodbye goes out, nghttp2 still ends what waited behind other content. */
void hc_h2_stream_close(hc_h2_stream *stream) {
  hc_h2_session *s = stream->session;
  hc_h2_stream_withdraw(stream);
  if (s) {
    take_off(stream);
    if (stream->held) s->open--;
    forget_held(stream);
    if (stream->is_deferred) s->deferred--;
    if (stream->is_open) (void)nghttp2_session_set_stream_user_data(s->h2, stream->id, NULL);
    if (!s->is_over) cancel_h2_session(s, stream);
    hc_h2_input_drop(&s->input, &stream->content);
    if (!s->streams) hc_h2_input_rest(&s->input);
  }
  hc_response_reset(&stream->response);
  hc_headers_free(&stream->trailers);
  hide(stream);
  hc_buffer_free(&stream->content);
  memset(stream, 0, sizeof *stream);
}

/* Of the library that is loaded, not of its header. */
const char *hc_h2_version(void) { return nghttp2_version(0)->version_str; }

#endif
