/* stream.h - the byte stream under a client: TCP, TLS over any other stream (tls.h), or one of your
 * own.
 *
 * The idea. A client neither knows nor minds what carries its bytes. It asks a stream: take these,
 * give me some, what are you waiting for? hc_client_connect makes the stream itself. With what is
 * here you make one, use it without HTTP, and hand it to a client (hc_client_set_stream), or take
 * it over from a client after an upgrade (hc_client_get_stream).
 *
 * No function here sleeps. Streams are counted: `new` gives one reference, retain adds one, and the
 * last release closes and frees. A stream belongs to one thread at a time. */
#ifndef HC_STREAM_H
#define HC_STREAM_H

#include "httpclient.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an operation came to. Counts come back by pointer. */
typedef enum hc_io {
  HC_IO_OK, /* done; of data: at least one byte has moved */
  HC_IO_WANT_READ, /* nothing can be done until the descriptor is readable */
  HC_IO_WANT_WRITE, /* nothing can be done until the descriptor is writable */
  /* the other side has ended in good order (FIN; with TLS a close_notify, RFC 8446 section 6.1) */
  HC_IO_EOF,
  HC_IO_ERROR /* reset, cut off, failed: `why` says it */
} hc_io;

/* Returns its argument. */
HC_API hc_stream_peer *hc_stream_peer_retain(hc_stream_peer *peer);
HC_API void hc_stream_peer_release(hc_stream_peer *peer); /* NULL is fine */

/* Brings the stream nearer to being usable (lookup, connect, handshake). OK: it is. ERROR: it never
 * will be. */
HC_API hc_io hc_stream_peer_advance(hc_stream_peer *peer, hc_failure *why);
/* Sends what the stream takes of the parts, one behind the other; *sent counts bytes. Which event
 * it wants is for the stream to say: over TLS a send may have to read first. */
HC_API hc_io hc_stream_peer_send(hc_stream_peer *peer, const hc_slice *parts, size_t count,
                                 size_t *sent, hc_failure *why);
/* Receives up to `room` bytes, which is not 0. */
HC_API hc_io hc_stream_peer_recv(hc_stream_peer *peer, char *into, size_t room, size_t *got,
                                 hc_failure *why);
/* Gives bytes back, which are copied: the next receive returns them first. HC_ERR_OUT_OF_MEMORY. */
HC_API hc_error hc_stream_peer_unread(hc_stream_peer *peer, hc_slice bytes);
/* How many bytes can be received without waiting, as far as that is known. */
HC_API size_t hc_stream_peer_available(hc_stream_peer *peer);
/* What to wait for, until advance says OK. Afterwards `fd` counts, and the event is the one that
 * the last send or receive wanted; `ready`: a receive gives something at once, without the
 * descriptor. */
HC_API void hc_stream_peer_interest(hc_stream_peer *peer, hc_interest *out);
/* Ends it in good order as far as that needs no waiting (TLS: sends close_notify, and closes the
 * stream below). The object stays, closed. */
HC_API void hc_stream_peer_close(hc_stream_peer *peer);

/* --- TCP */

typedef enum hc_tcp_state {
  HC_TCP_NONE, /* closed, or never opened */
  HC_TCP_RESOLVING, /* the name is being looked up */
  HC_TCP_CONNECTING, /* attempts are under way, to one address after the other (RFC 8305) */
  HC_TCP_CONNECTED,
  HC_TCP_CANT_RESOLVE,
  HC_TCP_ERROR /* could not connect, or the connection broke */
} hc_tcp_state;

/* A closed stream with one reference; NULL when memory is out. The functions below are for such
 * streams alone. */
HC_API hc_stream_peer *hc_tcp_new(void);
HC_API bool hc_stream_peer_is_tcp(const hc_stream_peer *peer);
/* Closes what was open and starts. `host` is a name or an address, without brackets; copied. What
 * the network has to say comes with hc_stream_peer_advance: HC_ERR_CANT_RESOLVE,
 * HC_ERR_CANT_CONNECT. HC_ERR_OUT_OF_MEMORY here. */
HC_API hc_error hc_tcp_connect(hc_stream_peer *peer, hc_slice host, unsigned port, hc_failure *why);
HC_API hc_tcp_state hc_tcp_get_state(const hc_stream_peer *peer);
/* As they were given to connect; "" and 0 before. A view that lives until the next connect. */
HC_API hc_slice hc_tcp_host(const hc_stream_peer *peer);
HC_API unsigned hc_tcp_port(const hc_stream_peer *peer);
/* Small sends go out at once (TCP_NODELAY), which is the default, or are gathered by Nagle's
 * algorithm. Either is kept for the next connect too. */
HC_API void hc_tcp_send_at_once(hc_stream_peer *peer);
HC_API void hc_tcp_gather_small_sends(hc_stream_peer *peer);

/* --- streams of your own */

/* A stream that functions of yours make: over a pipe, a serial line, a tunnel. Set it to zero, then
 * fill it in. `context` is passed as it is. None of the functions may block. They may use other
 * clients, but not the one that uses the stream. */
typedef struct hc_stream_functions {
  /* Sends what it can of the bytes: OK with *sent > 0, WANT_READ, WANT_WRITE, or ERROR with
   * `why`. */
  hc_io (*send)(void *context, hc_slice bytes, size_t *sent, hc_failure *why);
  /* Receives up to `room` bytes: OK with *got > 0, WANT_READ, WANT_WRITE, EOF, or ERROR with `why`.
   */
  hc_io (*recv)(void *context, char *into, size_t room, size_t *got, hc_failure *why);
  /* May be NULL. What the two above wait for, HC_NO_HANDLE where there is nothing now. A stream
   * without one is asked again every few milliseconds. */
  hc_handle (*descriptor)(void *context);
  /* May be NULL. No more bytes will be sent or received. Called once. */
  void (*close)(void *context);
  /* May be NULL. The last reference is gone: free `context`. Called once, and after `close`. */
  void (*destroy)(void *context);
} hc_stream_functions;

/* For other languages: `size` is how many bytes of the struct above there are. */
HC_API hc_error hc_stream_new_sized(const hc_stream_functions *functions, size_t size,
                                    void *context, hc_stream_peer **out, hc_failure *why);

/* An open stream with one reference. The table is copied. HC_ERR_INVALID_PARAMETER when `send` or
 * `recv` is missing, and HC_ERR_OUT_OF_MEMORY: `context` is still yours then. */
static inline hc_error hc_stream_new(const hc_stream_functions *functions, void *context,
                                     hc_stream_peer **out, hc_failure *why) {
  return hc_stream_new_sized(functions, sizeof *functions, context, out, why);
}

#ifdef __cplusplus
}
#endif

#endif
