/* h2_session.h - one HTTP/2 connection as bytes in and bytes out, and the streams on it (RFC 9113),
 * by libnghttp2.
 *
 * Bytes of the peer go in by hc_h2_session_feed and become heads and content in the streams that
 * they belong to; bytes for the peer come out by hc_h2_session_gather. There is no I/O and no clock
 * here, and nobody is called back: whoever fed the session looks at the streams afterwards.
 * Only the files that include h2_state.h know nghttp2.
 *
 * Errors have the RFC's two scopes (section 5.4). A stream's error is written into that stream and
 * nowhere else; a connection's error ends the session and is written into each stream that was
 * still open on it. */
#ifndef HC_H2_SESSION_H
#define HC_H2_SESSION_H

#include "../base/internal.h"
#include "../http/response.h"
#include "../http/transcript.h"
#include "h2_request.h"

HC_INTERNAL_BEGIN

typedef struct hc_h2_session hc_h2_session;

/* How far a stream's answer is. */
typedef enum hc_h2_stage {
  HC_H2_IDLE, /* not opened */
  HC_H2_HEAD, /* the final head is awaited */
  HC_H2_CONTENT, /* the head is whole, content or trailing fields may follow */
  HC_H2_COMPLETE, /* END_STREAM has come: nothing else makes an answer whole (section 8.1) */
  HC_H2_BROKEN /* `failure` says why */
} hc_h2_stage;

/* One request and its answer as the session sees them. It belongs to whoever opened it, who reads
 * it and changes it by the functions below alone. Zeroed is a valid start; hc_h2_stream_close makes
 * it one again. */
typedef struct hc_h2_stream {
  hc_h2_session *session; /* NULL: on none, or the session has let go of it */
  struct hc_h2_stream *before, *behind;
  int32_t id;
  hc_h2_stage stage;
  hc_response response; /* of the final head, whole when the stage is past HEAD */
  hc_headers trailers;
  hc_buffer content; /* received and not yet consumed: at most the stream's window */
  bool is_shown; /* somebody reads `content` where it lies, see hc_h2_stream_show */
  hc_buffer shown; /* what is being read, where content has moved on meanwhile */
  unsigned arrivals; /* counts up with each frame that brought this stream something */
  size_t head_size; /* of the field section that is coming ... */
  size_t interim_size; /* ... and of all heads of 1xx before it */
  bool has_head; /* the final one is whole */
  bool has_continued; /* a 100 (Continue) has come */
  bool is_open; /* nghttp2 knows it */
  bool is_sent; /* its head has been gathered */
  hc_h2_fields *held; /* its head, while the session waits for a sign of life; else NULL */
  /* BROKEN, and the server has not acted on it: it may be sent again (section 8.7) */
  bool is_unprocessed;
  bool wants_http1; /* BROKEN: the server asks for HTTP/1.1 (HTTP_1_1_REQUIRED) */
  hc_failure failure;
  /* where heads are noted: its owner's, who sets it before it is opened. NULL: nowhere */
  hc_transcript *transcript;
  /* The content on its way out. */
  hc_slice offered; /* not yet framed */
  bool offer_is_last;
  bool is_deferred; /* nghttp2 waits for an offer */
  bool has_content; /* END_STREAM is still to be sent */
  size_t in_flight; /* framed, and not yet out */
} hc_h2_stream;

/* Has its answer come to its end, good or bad? */
static inline bool hc_h2_stream_is_done(const hc_h2_stream *stream) {
  return stream->stage == HC_H2_COMPLETE || stream->stage == HC_H2_BROKEN;
}

/* A session whose preface and settings are the first bytes to gather. Push is off. A head may
 * have so many bytes, counted decoded and with 32 for each field (section 6.5.2). NULL: out of
 * memory. */
hc_h2_session *hc_h2_session_new(size_t max_header_size);
/* Streams still on it are broken first. */
void hc_h2_session_delete(hc_h2_session *s);

/* Takes all of the bytes. HC_OK, or the code of the connection's error with its words in `why`:
 * then it is over, but what hc_h2_session_gather still has tells the peer the reason and should be
 * sent. Where memory was out it has nothing. */
hc_error hc_h2_session_feed(hc_h2_session *s, hc_slice bytes, hc_failure *why);
/* So many seconds have passed, in which frames that bring nothing were no flood. */
void hc_h2_session_forgive(hc_h2_session *s, uint64_t seconds);
/* The stream of bytes has ended or failed: what is open on the session breaks with `reason`. */
void hc_h2_session_end(hc_h2_session *s, const hc_failure *reason);
bool hc_h2_session_is_over(const hc_h2_session *s);
/* The peer takes no further streams (GOAWAY), or there are no numbers left for any. */
bool hc_h2_session_is_draining(const hc_h2_session *s);
/* Have the server's settings come, and with them how many streams it takes? */
bool hc_h2_session_is_settled(const hc_h2_session *s);
/* So many more streams may be opened now: the smaller of our own limit and the server's, which
 * counts as ours until its settings have come. */
size_t hc_h2_session_room(const hc_h2_session *s);
/* Counts up when the server takes more streams than its settings said before. */
unsigned hc_h2_session_raises(const hc_h2_session *s);
/* Content that has come and was not consumed, of all streams. */
size_t hc_h2_session_unread(const hc_h2_session *s);
/* Asks for a sign of life: PING. Streams that are opened before it is answered are held back:
 * nothing of them is sent, so whatever becomes of the connection, they can be sent again. The
 * answer lets them go. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_h2_session_ping(hc_h2_session *s);
/* Is it still unanswered? */
bool hc_h2_session_awaits_pong(const hc_h2_session *s);
/* Says goodbye: GOAWAY(NO_ERROR) is the next to gather, and the session is over. */
void hc_h2_session_goodbye(hc_h2_session *s);

/* The next bytes to send, as at most `room` parts; *count 0: none. They stay the same until
 * hc_h2_session_sent has said how many of them are out. HC_ERR_OUT_OF_MEMORY, and what else ends a
 * session. Once memory was out it gives nothing any more and says so each time, and the connection
 * is to be dropped. */
hc_error hc_h2_session_gather(hc_h2_session *s, hc_slice *parts, size_t room, size_t *count,
                              hc_failure *why);
void hc_h2_session_sent(hc_h2_session *s, size_t size);
/* Is there something to gather, or the failure to be told by it? */
bool hc_h2_session_has_output(const hc_h2_session *s);

typedef enum hc_h2_more { HC_H2_LAST, HC_H2_MORE } hc_h2_more;

/* Opens a stream for a request; with HC_H2_MORE content follows by hc_h2_stream_offer. HC_ERR_BUSY:
 * no room, nothing has changed. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_h2_stream_open(hc_h2_session *s, hc_h2_stream *stream,
                           const hc_checked_request *checked, hc_h2_scheme scheme,
                           hc_h2_more content, hc_failure *why);
/* Content that is to go out next; only when hc_h2_stream_takes_content. It is not copied: it
 * lives until it is taken and hc_h2_stream_takes_content says so. An empty last offer ends the
 * content. */
void hc_h2_stream_offer(hc_h2_stream *stream, hc_slice piece, hc_h2_more more);
/* Has all that was offered gone out, and is more to come? */
bool hc_h2_stream_takes_content(const hc_h2_stream *stream);
/* No more of the content is sent, and the memory of what was offered is the caller's again: bytes
 * of it that a begun frame still needs are copied. The stream stays open without an end to its
 * content, until it is closed. */
void hc_h2_stream_withdraw(hc_h2_stream *stream);
/* The content that has come. The view is good until the stream's next show, consume or close,
 * whatever comes for the stream meanwhile: to make a string of it may run code of the host's that
 * moves the session. */
hc_slice hc_h2_stream_show(hc_h2_stream *stream);
/* So many bytes of `content` were used: the peer may send as many again. */
hc_error hc_h2_stream_consume(hc_h2_stream *stream, size_t size);
/* Ends it: RST_STREAM(CANCEL) if it is still open, and what was not read frees its part of the
 * connection's window. All of its memory is freed and it is zeroed. */
void hc_h2_stream_close(hc_h2_stream *stream);

/* The version of nghttp2 that is loaded. */
const char *hc_h2_version(void);

HC_INTERNAL_END

#endif
