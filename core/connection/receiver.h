/* receiver.h - the receiving side of an HTTP/1.1 exchange: heads, then content, from the stream to
 * the reader's view.
 *
 * On the way of a byte in this stands between the stream and whoever reads the body. It asks the
 * parsers what the bytes mean and keeps what nobody has taken yet; it does not send, and it does
 * not know what becomes of the connection. */
#ifndef HC_RECEIVER_H
#define HC_RECEIVER_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../http1/chunked.h"
#include "../stream/stream_peer.h"
#include "answer.h"
#include "progress.h"
#include "settings.h"
#include "sleep_slice.h"

HC_INTERNAL_BEGIN

/* What a reader of the stream has come to; held back while content is still to be handed out. */
typedef enum hc_ending { HC_ENDING_NONE, HC_ENDING_EOF, HC_ENDING_FAILED } hc_ending;

typedef struct hc_receiver {
  hc_buffer in;            /* bytes read from the stream and not yet handed on */
  hc_chunked *chunked;     /* made by the first chunked body, kept for the next; NULL before */
  hc_answer answer;        /* from behind its response on, all is zero when an exchange begins */
  size_t decoded;          /* chunked: this many content bytes stand at the head of `in` ... */
  size_t gap;              /* ... and this many dead ones between them and what is still coded */
  uint64_t left;           /* HC_FRAMING_LENGTH: content bytes still to hand out */
  size_t interim_size;     /* bytes of all 1xx heads */
  unsigned arrivals;       /* counts up with every receive that brought something */
  unsigned wants;
  hc_ending ending;
  /* content: how many in a row got all that was asked for, as far as that matters */
  uint8_t full_receives;
  bool coding_ended;       /* chunked: the last chunk and the trailer section are consumed */
  /* the last look gave nothing: only new bytes from the stream can change that */
  bool starved;
} hc_receiver;

/* May a receive sleep in the kernel until something comes? Once: the first alone. */
typedef enum hc_patience { HC_AT_ONCE, HC_SLEEPING, HC_SLEEPING_ONCE } hc_patience;
/* May it take more off the stream than the reader asked for? Not where somebody else's loop has the
 * descriptor. */
typedef enum hc_greed { HC_MODEST, HC_AHEAD } hc_greed;

/* From where, and how, a receiver reads. */
typedef struct hc_reading {
  hc_stream_peer *stream;
  const hc_settings *settings;
  hc_patience patience;
  hc_greed greed;
  uint64_t *sleep_until; /* unless HC_AT_ONCE: see hc_slice_end, and the stream's recv_blocking */
} hc_reading;

/* DONE: a final head is in. MOVED: a 100 (Continue) is. WAIT. BROKEN. */
hc_progress hc_receiver_read_head(hc_receiver *r, hc_reading *from, hc_failure *why);
/* Decides by the final head how the content is framed (RFC 9112 section 6.3). BROKEN, else DONE. */
hc_progress hc_receiver_accept(hc_receiver *r, const hc_request_head *announced, int method,
                               hc_failure *why);
/* MOVED: *view holds content, which stays until consume says how much of it was used. WAIT; DONE:
 * that was all; BROKEN: the body is cut short. In blocking mode a body of known length is WAIT
 * until a whole view of it is there. */
hc_progress hc_receiver_peek(hc_receiver *r, const hc_reading *from, hc_slice *view,
                             hc_failure *why);
/* What is held of a plain body, though more was wanted. */
hc_slice hc_receiver_held(const hc_receiver *r, size_t limit);
/* DONE: that was all of it; MOVED. */
hc_progress hc_receiver_consume(hc_receiver *r, size_t size);
/* As consume, of content that went by the buffer. */
hc_progress hc_receiver_pass(hc_receiver *r, size_t size);
/* what a receive came to: the stream's ends are kept */
void hc_receiver_note(hc_receiver *r, hc_io io);
void hc_receiver_restart(hc_receiver *r); /* for the next exchange on the connection */
void hc_receiver_reset(hc_receiver *r); /* for another connection */
void hc_receiver_free(hc_receiver *r);
/* is something to hand out without the stream? */
bool hc_receiver_has_bytes(const hc_receiver *r);

/* --- what the other files of the exchange tell it */

/* The answer was read to its end. */
static inline void hc_receiver_complete(hc_receiver *r) { r->answer.is_complete = true; }
/* Part of the request was never sent, so that the connection can't be kept, whatever its head says.
 */
static inline void hc_receiver_note_unsent(hc_receiver *r) { r->answer.plan.keeps_alive = false; }
/* A pump puts bytes back that came by it: a look that found nothing is no longer true. */
static inline void hc_receiver_note_returned(hc_receiver *r) { r->starved = false; }
/* A pump moves content: receives are not to take ahead what can go that way. */
static inline void hc_receiver_forget_lead(hc_receiver *r) { r->full_receives = 0; }
/* What was received and not handed out is nobody's. */
void hc_receiver_drop_content(hc_receiver *r);

HC_INTERNAL_END

#endif
