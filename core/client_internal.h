/* client_internal.h - what the files of the client share: client.c (life and state), client_connect.c (the way to
 * CONNECTED), client_send.c (the request's way out), client_receive.c (head and body), client_wait.c, client_file.c. */
#ifndef HC_CLIENT_INTERNAL_H
#define HC_CLIENT_INTERNAL_H

#include "body.h"
#include "chunked.h"
#include "httpclient.h"
#include "limits.h"

typedef struct hc_proxy {
  char *host;          /* NULL: none */
  unsigned port;
  hc_buffer credentials;
} hc_proxy;

/* A CONNECT exchange with the proxy; exists only while it is under way. */
typedef struct hc_tunnel {
  hc_buffer out, in;
  hc_response response;
  size_t interim_size;
} hc_tunnel;

typedef enum hc_send_state {
  HC_SEND_IDLE,      /* nothing to send, or all sent */
  HC_SEND_QUEUED,    /* request() was called, nothing has been tried yet */
  HC_SEND_MOVING,    /* head or content is going out */
  HC_SEND_EXPECTING, /* the head is out, the content waits for a 100 (Continue) */
  HC_SEND_STOPPED    /* given up: an early answer, or the stream takes no more */
} hc_send_state;

/* Content on its way out: what goes next is prefix, piece, suffix, in this order. */
typedef struct hc_outgoing {
  hc_body_source body;
  hc_slice piece;          /* content bytes not yet sent */
  char prefix[20];         /* a chunk-size line */
  uint8_t prefix_start, prefix_size;
  hc_slice suffix;         /* CRLF behind a chunk, or the last chunk */
  hc_buffer file_piece;    /* file content for streams that can not send a file */
  uint64_t pulled;         /* content bytes that entered the way out */
  uint64_t continue_deadline;
} hc_outgoing;

/* The request's way out: the head, then the content. */
typedef struct hc_sender {
  hc_send_state state;
  int method;              /* hc_method of the request, also when all is sent */
  hc_buffer head;
  hc_request_head announced;
  hc_outgoing *content;    /* made by the first request that has content, kept for the next; NULL before */
  uint64_t sent;           /* content bytes that left */
  bool source_ended;       /* true where there is no content */
  bool source_failed;      /* the file or function, not the stream, has failed */
  unsigned wants;          /* HC_EVENT_… that the last attempt waits for */
} hc_sender;

/* What a reader of the stream has come to; held back while content is still to be handed out. */
typedef enum hc_ending { HC_ENDING_NONE, HC_ENDING_EOF, HC_ENDING_FAILED } hc_ending;

typedef struct hc_receiver {
  hc_response response;
  bool has_begun;          /* a byte of the answer has come */
  bool has_response;
  bool is_complete;        /* the response has been read to its end */
  hc_body_plan plan;
  hc_buffer in;            /* bytes read from the stream and not yet handed on */
  hc_chunked *chunked;     /* made by the first chunked body, kept for the next; NULL before */
  size_t decoded;          /* chunked: this many content bytes stand at the head of `in` ... */
  size_t gap;              /* ... and this many dead ones between them and what is still coded */
  bool coding_ended;       /* chunked: the last chunk and the trailer section are consumed */
  uint64_t left;           /* HC_FRAMING_LENGTH: content bytes still to hand out */
  uint64_t received;
  size_t interim_size;     /* bytes of all 1xx heads */
  uint8_t full_receives;   /* content: how many in a row got all that was asked for, as far as that matters */
  hc_ending ending;
  bool starved;            /* the last look gave nothing: only new bytes from the stream can change that */
  unsigned wants;
} hc_receiver;

/* The poller's string on a client: told when a descriptor goes, and when poll is due without an event. */
typedef struct hc_watch {
  void (*dropped)(struct hc_watch *w);  /* the descriptor last shown is about to be closed */
  void (*due)(struct hc_watch *w);      /* something was queued */
  void (*gone)(struct hc_watch *w);     /* the client is being deleted; the watch ends here */
} hc_watch;

struct hc_client {
  hc_client_settings settings;
  unsigned at_work;        /* calls under way that may run others' code, see hc_client_begin */
  bool is_missed;          /* a poller has found it at work, and wants to hear when it no longer is */
  hc_proxy *proxies;       /* two, by hc_proxy_kind; NULL: none was ever set */
  hc_status status;
  bool timed_out_unreported;
  bool uses_tls;           /* of the present connection */
  bool to_proxy;           /* plain, through the HTTP proxy */
  bool tunnelling;         /* CONNECT must be done, or is under way, before TLS */
  bool peer_is_ready;      /* advance has said OK */
  bool has_just_begun;     /* nobody has polled since connect: a near server may have answered already */
  bool has_event;          /* its descriptor was seen to be ready: the next poll must look ... */
  bool is_quiet;           /* ... or was seen not to be, since it was emptied: it need not */
  bool is_clear;           /* closed, and nothing has happened since */
  bool is_shown;           /* a loop that is not ours may watch the descriptor */
  bool upgraded;           /* after 101 or a tunnel: bytes between requests are the stream's owner's */
  hc_failure failure;
  hc_stream_peer *peer;    /* the stream in use; TCP until the handshake starts, then TLS */
  hc_tls_options *options;
  char *host;              /* of the origin, without brackets; the authority stands behind it in the same block */
  hc_slice authority;      /* the default Host */
  unsigned port;
  unsigned connect_wants;
  char *credentials;       /* for the proxy of the present connection; another one may be set for the next. NULL: none */
  hc_tunnel *tunnel;
  uint64_t connect_deadline, response_deadline, idle_deadline;
  hc_sender sender;
  hc_receiver receiver;
  hc_watch *watch;
};

/* client.c: ends of every kind. The first failure's text is kept; the stream is closed and let go. */
void hc_client_fail(hc_client *c, hc_status status, hc_error code, const char *format, ...) HC_PRINTF(4, 5);
/* As fail, with what is already in c->failure (or `code` and a general sentence where nothing is). */
void hc_client_fail_recorded(hc_client *c, hc_status status, hc_error code);
void hc_client_time_out(hc_client *c, hc_status status, const char *which, double seconds);
void hc_client_drop_stream(hc_client *c);   /* closes and releases; the status is the caller's */
void hc_client_finish(hc_client *c);        /* the exchange is whole: CONNECTED, or DISCONNECTED */
void hc_client_forget_exchange(hc_client *c);
void hc_client_notice(hc_client *c);        /* tells a poller that poll is due */
void hc_client_clear(hc_client *c);         /* hc_client_close, in a call that has begun already */
hc_error hc_client_advance(hc_client *c);   /* hc_client_poll, likewise */

/* A body function, a writer or a stream of the host's can call back into the library. So each function of httpclient.h that
 * may run one holds the client between these two, and those that change a client refuse one that is held. All that is
 * inside can rely on it: after such a call the client is the same, and so is its stream. */
static inline void hc_client_begin(hc_client *c) { c->at_work++; }
static inline void hc_client_end(hc_client *c) {
  if (--c->at_work > 0 || !c->is_missed) return;
  c->is_missed = false;
  hc_client_notice(c);
}
hc_error hc_client_refuse(hc_failure *why); /* HC_ERR_BUSY, of a client at work */
/* The same of a stream that somebody else uses as well, and that runs code of the host's now. */
static inline bool hc_client_is_taken(const hc_client *c) { return c->at_work > 0 || hc_stream_peer_is_in_call(c->peer); }

/* client_connect.c */
void hc_client_connect_advance(hc_client *c);
void hc_tunnel_delete(hc_tunnel *t);
void hc_client_forget_proxies(hc_client *c);
hc_slice hc_client_credentials(const hc_client *c);  /* for the proxy of the present connection */
void hc_client_forget_credentials(hc_client *c);

/* client_send.c. Returns HC_IO_OK when something moved or changed, HC_IO_WANT_… when nothing can (c->sender.wants),
 * HC_IO_ERROR when the stream or the source has failed (recorded in c->failure). */
hc_io hc_sender_advance(hc_client *c);
void hc_sender_stop(hc_sender *s);           /* lets the source go; what was not sent never will be */
void hc_sender_restart(hc_sender *s);        /* for the next request on the connection */
void hc_sender_reset(hc_sender *s);
bool hc_sender_is_done(const hc_sender *s);
void hc_sender_continue(hc_client *c);       /* the content need not wait for a 100 (Continue) any longer */

/* client_receive.c */
void hc_receiver_peek(hc_client *c, hc_slice *view);        /* hc_client_body_peek and ..._consume, in a call that has begun */
void hc_receiver_consume(hc_client *c, size_t size);
hc_io hc_receiver_read_head(hc_client *c, bool may_sleep);  /* OK: final head is in; else WANT_…, EOF, ERROR */
void hc_receiver_note(hc_receiver *r, hc_io io);            /* what a receive came to: the stream's ends are kept */
void hc_receiver_pass(hc_client *c, size_t size);           /* content that went by the buffer; may end the exchange */
/* Nothing is there. True: look again, as blocking mode has slept until something came. May end in the idle timeout. */
bool hc_receiver_await(hc_client *c);
void hc_receiver_restart(hc_receiver *r);                   /* for the next exchange on the connection */
void hc_receiver_reset(hc_receiver *r);                     /* for another connection */
void hc_receiver_free(hc_receiver *r);
bool hc_receiver_has_bytes(const hc_receiver *r);           /* is something to hand out without the stream? */

void hc_client_touch_idle(hc_client *c);     /* a byte moved: the idle timeout starts anew */

/* client_wait.c: hc_client_interest, for a wait of our own. */
void hc_client_waits_for(hc_client *c, hc_interest *out);
/* Sleeps for the client's present interest, at most until its deadline. */
hc_error hc_client_sleep(hc_client *c);
/* For waiters: where a client stood before a poll, and whether that poll did something. A deadline that went by without
 * an event is no proof: it may only have been time to look again. */
typedef struct hc_standing {
  hc_status status;
  uint64_t sent;
} hc_standing;
hc_standing hc_client_standing(const hc_client *c);
bool hc_client_has_moved(hc_client *c, hc_standing before);

#endif
