/* sender.h - the sending side of an HTTP/1.1 exchange: the head, then content from a string, a file
 * or a function.
 *
 * On the way of a byte out this is the last place above the stream. It knows what the head has
 * announced and keeps to it; it does not read, and it does not know what an answer is. */
#ifndef HC_SENDER_H
#define HC_SENDER_H

#include "../base/internal.h"
#include "../http/request.h"
#include "../stream/stream_peer.h"
#include "progress.h"
#include "staged.h"
#include "supply.h"

HC_INTERNAL_BEGIN

typedef enum hc_send_state {
  HC_SEND_IDLE, /* nothing to send, or all sent */
  HC_SEND_QUEUED, /* a request was given, nothing has been tried yet */
  HC_SEND_MOVING, /* head or content is going out */
  HC_SEND_EXPECTING, /* the head is out, the content waits for a 100 (Continue) */
  HC_SEND_STOPPED /* given up: an early answer, or the stream takes no more */
} hc_send_state;

/* Content on its way out: what goes next is prefix, piece, suffix, in this order. */
typedef struct hc_outgoing {
  hc_supply supply;
  hc_slice piece; /* content bytes not yet sent */
  hc_staged staged; /* the first of them once more, see staged.h */
  char prefix[20]; /* a chunk-size line */
  uint8_t prefix_start, prefix_size;
  hc_slice suffix; /* CRLF behind a chunk, or the last chunk */
  uint64_t continue_deadline;
} hc_outgoing;

typedef struct hc_sender {
  hc_send_state state;
  int method; /* hc_method of the request, also when all is sent */
  hc_buffer head;
  hc_request_head announced;
  /* made by the first request that has content, kept for the next; NULL before */
  hc_outgoing *content;
  uint64_t sent; /* content bytes that left */
  uint16_t behind_head; /* content bytes that stand at the end of `head` */
  bool source_ended; /* true where there is no content, or all of it is in `head` */
  bool source_failed; /* the file or function, not the stream, has failed */
  /* HC_EVENT_… that the last attempt waits for; 0: the source had nothing */
  unsigned wants;
} hc_sender;

/* Takes over head and body for the next request on the connection. HC_ERR_OUT_OF_MEMORY: nothing
 * has changed, and both are still the caller's. */
hc_error hc_sender_queue(hc_sender *s, int method, hc_buffer *head,
                         const hc_request_head *announced, const hc_body_source *body);
/* Moves what the stream takes, within a budget. *moved counts the bytes that left, framing
 * included. DONE: all is sent, and the memory of the head is left, wiped, for whoever takes it or
 * frees it. BROKEN: source_failed tells whose fault it was. */
hc_progress hc_sender_advance(hc_sender *s, hc_stream_peer *stream, size_t *moved, hc_failure *why);
/* The content need not wait for a 100 (Continue) any longer. */
void hc_sender_continue(hc_sender *s);
/* The body function has something again: the next advance asks it. False: there is none. */
bool hc_sender_resume(hc_sender *s);
void hc_sender_stop(hc_sender *s); /* lets the source go; what was not sent never will be */
void hc_sender_reset(hc_sender *s); /* frees all */
/* The head of a request that is queued. */
static inline hc_slice hc_sender_head(const hc_sender *s) {
  return (hc_slice){hc_buffer_head(&s->head), hc_buffer_size(&s->head) - s->behind_head};
}
static inline bool hc_sender_is_done(const hc_sender *s) {
  return s->state == HC_SEND_IDLE || s->state == HC_SEND_STOPPED;
}
/* Does the next advance run a function of the host's? */
static inline bool hc_sender_calls_back(const hc_sender *s) {
  return s->content && s->content->supply.body.kind == HC_BODY_PULL;
}

HC_INTERNAL_END

#endif
