/* h2_state.h - what the files of a session share: h2_session.c (life, bytes, streams) and
 * h2_callbacks.c (what nghttp2 tells). */
#ifndef HC_H2_STATE_H
#define HC_H2_STATE_H

#include <nghttp2/nghttp2.h>

#include "../base/internal.h"
#include "h2_input.h"
#include "h2_output.h"
#include "h2_session.h"

HC_INTERNAL_BEGIN

#define HC_H2_FRAME_HEAD ((size_t)9) /* RFC 9113 section 4.1 */

struct hc_h2_session {
  nghttp2_session *h2;
  hc_h2_stream *streams;     /* all that have been opened and not closed by their owners */
  /* those of them that nghttp2 has, and those that it has though their owners are gone */
  size_t open;
  size_t deferred;           /* streams that wait for an offer, or for room in the output */
  size_t held;               /* streams that wait for the answer to a PING */
  size_t limit;              /* of streams: the smaller of ours and the server's ... */
  unsigned raises;           /* ... and how often that has grown since its first settings */
  size_t max_header_size;
  hc_h2_input input;
  hc_h2_output output;
  unsigned char head[HC_H2_FRAME_HEAD];  /* of a frame, as far as it has come */
  size_t head_size;
  size_t frame_left;         /* bytes of a frame's payload that are still to come */
  unsigned idle_frames;      /* in a row; see HC_H2_IDLE_FRAMES_MAX */
  size_t given_up;           /* content that may be under way for streams we have reset */
  bool has_settings;
  bool has_goaway;           /* the peer's ... */
  hc_failure goaway;         /* ... and what it said, where that was an error */
  uint32_t goaway_code;
  bool awaits_pong;
  bool is_over;
  bool is_shut;              /* memory was out: nothing more goes out, not even a goodbye */
  hc_failure failure;        /* the connection's, as a callback has seen it */
};

/* Breaks a stream, whose content that has come before stays for its reader. Returns where to write
 * why; NULL, which hc_failure_set takes as well, if it was done already. */
hc_failure *hc_h2_stream_break(hc_h2_stream *stream);
/* Notes in the session that memory is out, which shuts its output; returns what a callback returns
 * then. */
int hc_h2_out_of_memory(hc_h2_session *s);
/* Where nghttp2 gets the content of a stream. */
ssize_t hc_h2_read_content(nghttp2_session *h2, int32_t id, uint8_t *into, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user);
/* Of nghttp2_session_callbacks_del's kind. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_h2_set_callbacks(nghttp2_session_callbacks **out);

HC_INTERNAL_END

#endif
