/* stream_peer.h - the byte stream under an exchange, from the inside: TCP, TLS over any other
 * stream, or one that a host supplies. What users of a stream call is public: stream.h. */
#ifndef HC_STREAM_PEER_H
#define HC_STREAM_PEER_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../base/io.h"
#include "../platform/clock.h"
#include "../platform/handle.h"
#include "../stream.h"

HC_INTERNAL_BEGIN

struct hc_pipe; /* platform/socket_file.h */

/* The function table. Every slot but those marked optional is set. None of them blocks unless it
 * says so. HC_IO_WANT_READ and HC_IO_WANT_WRITE name the event of `fd` to wait for; over TLS a send
 * may want to read. */
typedef struct hc_stream_peer_ops {
  const char *name;  /* "StreamPeerTCP" ... */
  /* Brings the stream nearer to being usable (resolve, connect, handshake). OK: usable, also when
   * it was already. ERROR: it never will be; the code in `why` says the phase. EOF is not used. */
  hc_io (*advance)(hc_stream_peer *self, hc_failure *why);
  /* Sends a prefix of the parts' bytes. OK with *sent > 0 (which may be less than all), WANT_…,
   * ERROR. */
  hc_io (*send)(hc_stream_peer *self, const hc_slice *parts, size_t count, size_t *sent,
                hc_failure *why);
  /* OK with *got > 0; EOF: an end in good order; ERROR: anything else, TLS truncation included. */
  hc_io (*recv)(hc_stream_peer *self, char *into, size_t room, size_t *got, hc_failure *why);
  /* Optional (NULL): as recv, but sleeps in the kernel for the first byte, or with HC_FILL_ALL
   * until room is full. With `until` it comes back with what it has by then, or WANT_…; one sleep
   * that has begun by then can be up to HC_SLICE_NS too long. */
  hc_io (*recv_blocking)(hc_stream_peer *self, char *into, size_t room, hc_fill fill,
                         uint64_t until, size_t *got, hc_failure *why);
  /* Optional: as recv, into a pipe, see hc_socket_fill_pipe. */
  hc_io (*fill_pipe)(hc_stream_peer *self, struct hc_pipe *pipe, size_t size, hc_failure *why);
  /* Optional: was the ERROR of the last recv nothing but an end that did not say it was one, and is
   * that good enough where content runs to the end of the connection? */
  bool (*is_tolerable_end)(const hc_stream_peer *self);
  /* Looks whether bytes or the end have come, without taking any. OK: bytes; WANT_…: nothing; EOF;
   * ERROR. Over TLS it processes what is no application data (session tickets, key updates). */
  hc_io (*peek)(hc_stream_peer *self, hc_failure *why);
  /* Optional: when (hc_clock_now) a receive or a look last found that nothing more was there; 0:
   * not known. *step: how long it takes at least to send something, as it was seen on this stream;
   * 0: not known. */
  uint64_t (*empty_at)(hc_stream_peer *self, uint64_t *step);
  /* Optional: nothing is expected for a while; memory that only moving bytes need can go. */
  void (*rest)(hc_stream_peer *self);
  /* Optional: file to stream in the kernel, see hc_socket_send_file. */
  hc_io (*send_file)(hc_stream_peer *self, hc_file file, uint64_t *offset, size_t length,
                     size_t *sent, hc_failure *why);
  /* Bytes that recv can give without a system call for more (decrypted, or about to be); an
   * estimate from the kernel is allowed. 0 when nothing is known to be there. */
  size_t (*available)(hc_stream_peer *self);
  /* For the states in which advance has not said OK yet: what to wait for. Afterwards: fd, with the
   * events left to the caller, who knows from send or recv; `ready` when recv can give something at
   * once without the descriptor. */
  void (*interest)(hc_stream_peer *self, hc_interest *out);
  /* Optional: the host it was asked to reach (view, "" if none) and port (0 if none), for the Host
   * header. */
  void (*endpoint)(hc_stream_peer *self, hc_slice *host, unsigned *port);
  /* Optional: the stream below (TLS), not retained; NULL. The same until it is closed, if this
   * stream closes it. */
  hc_stream_peer *(*below)(hc_stream_peer *self);
  /* Optional, for streams that a host supplies: is one of these functions running now, and with it
   * code that may come back here? Then nobody may use this stream, nor one that runs over it. */
  bool (*in_call)(const hc_stream_peer *self);
  bool runs_host; /* sends and receives run code of the host's */
  /* Ends the stream in good order as far as that needs no waiting (TLS: close_notify, then the
   * stream below). Idempotent. The object stays valid and closed. */
  void (*close)(hc_stream_peer *self);
  /* Frees the object; called once, by the last release. Closes first. */
  void (*destroy)(hc_stream_peer *self);
} hc_stream_peer_ops;

/* Somebody who has the stream's descriptor in a set of the kernel's: the number may be another
 * one's as soon as it is closed. Zeroed but for `closing` it watches nothing. */
typedef struct hc_stream_watcher {
  /* the stream is about to be closed; this is no watcher any more */
  void (*closing)(struct hc_stream_watcher *w);
  hc_stream_peer *peer;
  struct hc_stream_watcher *next;
} hc_stream_watcher;

/* The head of every stream peer. Reference-counted within one thread; not thread-safe. */
struct hc_stream_peer {
  const hc_stream_peer_ops *ops;
  size_t references;
  hc_buffer unread; /* bytes that a reader took too many and gave back: they come out first */
  hc_stream_watcher *watchers;
  unsigned forks; /* hc_thread_forks, as the process was that has sent last */
};

void hc_stream_peer_init(hc_stream_peer *peer, const hc_stream_peer_ops *ops); /* references = 1 */

/* Has it come by a fork, and has nothing been sent on it here? Then the other process uses it: this
 * one may close its descriptor, and must say nothing. */
bool hc_stream_peer_is_inherited(const hc_stream_peer *peer);

/* The slots, with the unread bytes taken into account. Use these and those of stream.h, not the
 * table. */
bool hc_stream_peer_is_tolerable_end(const hc_stream_peer *peer);
hc_io hc_stream_peer_peek(hc_stream_peer *peer, hc_failure *why);
/* 0 also while there are unread bytes. */
uint64_t hc_stream_peer_empty_at(hc_stream_peer *peer, uint64_t *step);
/* The stream below all others that `peer` runs over, itself if there is none; NULL for NULL. Not
 * retained. */
hc_stream_peer *hc_stream_peer_bottom(hc_stream_peer *peer);
/* Is `peer` the stream `below`, or does it run over it? False for NULL. */
bool hc_stream_peer_stands_on(hc_stream_peer *peer, const hc_stream_peer *below);
/* Is the stream at the bottom in a call? NULL is fine. */
bool hc_stream_peer_is_in_call(hc_stream_peer *peer);
/* Does a send or a receive run code of the host's, which may end whoever is not held? */
bool hc_stream_peer_runs_host(hc_stream_peer *peer);
/* `w` leaves the stream that it watches, if any, and watches the one at the bottom of `peer`, whose
 * descriptor it is. NULL: none. It must be gone before its memory is. */
void hc_stream_peer_watch(hc_stream_peer *peer, hc_stream_watcher *w);

HC_INTERNAL_END

#endif
