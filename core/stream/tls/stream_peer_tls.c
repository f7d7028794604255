/* stream_peer_tls.c - TLS as a stream peer. See stream_peer_tls.h.
 *
 * The TLS library works record by record, and gets its bytes from the stream below by the carrier
 * (tls_carrier.c). A byte that comes in is read by the library into its own buffer, decrypted
 * there, and copied to whoever receives; one that goes out is encrypted by the library and handed
 * to the carrier. A failure of the handshake or of a receive is the stream's for good. One of a
 * send is not: what the server has said before it closed can still be read.
 *
 * It knows no library: what it asks of one stands in tls_library.h. */
#include "stream_peer_tls.h"

#include <string.h>

#include "../../base/memory.h"
#include "../../platform/wait.h"
#include "tls_peer.h"

#define RECORD_SIZE_TLS 16384u /* RFC 8446 section 5.1 */

/* --- receiving */

/* Of a stream that is connected and has not ended. */
static hc_io read_once(hc_tls_peer *t, char *into, size_t room, size_t *got) {
  hc_failure below = {HC_OK, ""};
  hc_tls_peer_begin(t, &below);
  hc_tls_result result = hc_tls_engine_read(t->engine, into, room, got);
  if (result != HC_TLS_MADE) return hc_tls_peer_receive_outcome(t, result, &below);
  t->carrier.idle = 0;
  t->drained = false;
  return HC_IO_OK;
}

/* What else the library has read already, record by record. Whatever stops it comes up again at the
 * next read. Messages of the handshake between them do, too: tickets and key updates cost more than
 * a caller with little time to spend would think of bytes that are here already. */
static void read_buffered(hc_tls_peer *t, char *into, size_t room, size_t *got) {
  t->carrier.dry = true;
  while (*got < room && t->carrier.messages < HC_TLS_MESSAGES_MAX &&
         hc_tls_engine_has_buffered(t->engine)) {
    size_t more = 0;
    if (read_once(t, into + *got, room - *got, &more) != HC_IO_OK) break;
    *got += more;
  }
  t->carrier.dry = false;
}

/* A record holds 16 KiB at most, and callers may have room for more. Whatever the library has in
 * memory already is taken in the same call, which needs no further read of the stream below. */
static hc_io tls_recv(hc_stream_peer *self, char *into, size_t room, size_t *got, hc_failure *why) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  *got = 0;
  if (t->ended) return HC_IO_EOF;
  if (t->state != HC_TLS_CONNECTED) return hc_tls_peer_refuse(t, why);
  t->carrier.messages = 0;
  hc_io io = read_once(t, into, room, got);
  if (io == HC_IO_OK) read_buffered(t, into, room, got);
  return io == HC_IO_ERROR ? hc_tls_peer_report(t, why) : io;
}

/* Old servers end a connection without close_notify. Only between two records can that be taken for
 * an end at all: inside one, something was cut off. */
static bool tls_is_tolerable_end(const hc_stream_peer *self) {
  const hc_tls_peer *t = hc_tls_peer_view(self);
  return t->truncated && t->handshake.options->tolerates_missing_close_notify;
}

/* For streams below that can not sleep in a read. False: there is nothing to sleep on. */
static bool sleep_for_tls(hc_tls_peer *t, hc_io wants) {
  hc_interest below;
  hc_stream_peer_interest(t->carrier.below, &below);
  if (below.ready && wants == HC_IO_WANT_READ) return true;
  if (below.fd == HC_NO_HANDLE) return false;
  hc_wait_entry entry = {below.fd, wants == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ, 0};
  size_t ready;
  return hc_wait(&entry, 1, hc_clock_earlier(t->carrier.sleep_until, below.deadline), &ready) ==
         HC_OK;
}

/* The clock is spared where there is no limit. */
static bool is_over_tls(uint64_t until) { return until != HC_NEVER && hc_clock_now() >= until; }

/* The sleep itself is the stream's below, in the carrier. A record that brings no content (a
 * session ticket, a key update) ends that sleep too, and then it is begun anew here. `why` is given
 * only before the first byte: behind it a failure is not this call's to tell. */
static hc_io tls_recv_blocking(hc_stream_peer *self, char *into, size_t room, hc_fill fill,
                               uint64_t until, size_t *got, hc_failure *why) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  hc_io io;
  *got = 0;
  t->carrier.sleeping = true;
  t->carrier.sleep_until = until;
  do {
    size_t more = 0;
    io = tls_recv(self, into + *got, room - *got, &more, *got == 0 ? why : NULL);
    *got += more;
    if ((io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) && !is_over_tls(until) &&
        sleep_for_tls(t, io))
      continue;
    if (io != HC_IO_OK || fill == HC_FILL_SOME) break;
  } while (*got < room && !is_over_tls(until));
  t->carrier.sleeping = false;
  /* a failure or an end behind the bytes is there for the next read */
  return *got > 0 ? HC_IO_OK : io;
}

/* The library looks by decrypting: what is application data stays in its buffer, and the rest is
 * dealt with on the way. */
static hc_io peek_once(hc_tls_peer *t) {
  hc_failure below = {HC_OK, ""};
  hc_tls_peer_begin(t, &below);
  hc_tls_result result = hc_tls_engine_peek(t->engine);
  if (result != HC_TLS_MADE) return hc_tls_peer_receive_outcome(t, result, &below);
  t->carrier.idle = 0;
  return HC_IO_OK;
}

/* Works off what the library has buffered, without a read of the stream below. Afterwards either
 * something can be had at once (bytes, the end, a failure), or nothing can before new bytes come:
 * so nobody sleeps on a descriptor while a whole record lies here, and nobody spins for half a one.
 */
static bool has_something(hc_tls_peer *t) {
  if (t->state >= HC_TLS_ERROR || t->ended) return true;
  if (t->state != HC_TLS_CONNECTED) return false;
  if (hc_tls_engine_pending(t->engine) > 0) return true;
  if (t->drained || !hc_tls_engine_has_buffered(t->engine)) return false;
  t->carrier.dry = true;
  hc_io io = peek_once(t);
  t->carrier.dry = false;
  return io != HC_IO_WANT_READ && io != HC_IO_WANT_WRITE;
}

/* OpenSSL's buffers take some 34 KiB for each connection, and are made anew when bytes move.
 * mbedTLS keeps its own. */
static void tls_rest(hc_stream_peer *self) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  if (t->state == HC_TLS_CONNECTED) hc_tls_engine_rest(t->engine);
}

static hc_io tls_peek(hc_stream_peer *self, hc_failure *why) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  if (t->state == HC_TLS_DISCONNECTED || t->state == HC_TLS_HANDSHAKING)
    return hc_tls_peer_refuse(t, why);
  hc_io io = HC_IO_OK;
  if (!has_something(t)) {
    /* An idle connection is looked at often: the stream below can tell that there is nothing
     * without the library. */
    io = hc_stream_peer_peek(t->carrier.below, NULL);
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return io;
    io = peek_once(t);
    if (io == HC_IO_WANT_READ) tls_rest(self);
  }
  if (t->state >= HC_TLS_ERROR) return hc_tls_peer_report(t, why);
  return t->ended ? HC_IO_EOF : io;
}

/* Empty is a TLS stream whose library holds nothing that could become content, and below which
 * nothing waits. */
static uint64_t tls_empty_at(hc_stream_peer *self, uint64_t *step) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  return t->state != HC_TLS_CONNECTED || has_something(t)
             ? 0
             : hc_stream_peer_empty_at(t->carrier.below, step);
}

/* The state is asked for twice: has_something may decrypt, and find out that the connection has
 * failed. */
static size_t tls_available(hc_stream_peer *self) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  if (t->state != HC_TLS_CONNECTED || !has_something(t) || t->state != HC_TLS_CONNECTED) return 0;
  return hc_tls_engine_pending(t->engine);
}

/* --- sending */

/* A place in the parts that are to be sent: they are not the stream's, and stay as they are. */
typedef struct cursor_tls {
  const hc_slice *parts;
  size_t count, offset;
} cursor_tls;

/* It goes on past empty parts, so a cursor that is not at the end stands before a byte. */
static void cursor_move(cursor_tls *c, size_t size) {
  while (c->count > 0 && size >= c->parts->size - c->offset) {
    size -= c->parts->size - c->offset;
    c->offset = 0;
    c->parts++;
    c->count--;
  }
  c->offset += size;
}

/* At most `limit` bytes from here on, gathered in `into` unless it is NULL. */
static size_t cursor_gather(cursor_tls c, size_t limit, char *into) {
  size_t size = 0;
  while (c.count > 0 && size < limit) {
    size_t piece = c.parts->size - c.offset;
    if (piece > limit - size) piece = limit - size;
    if (into && piece > 0) memcpy(into + size, c.parts->data + c.offset, piece);
    size += piece;
    cursor_move(&c, piece);
  }
  return size;
}

/* One record at most. */
static hc_io write_record(hc_tls_peer *t, hc_slice piece, size_t *written) {
  hc_tls_result result = hc_tls_engine_write(t->engine, piece, written);
  if (result == HC_TLS_MADE) {
    t->pending = 0;
    return HC_IO_OK;
  }
  hc_io io = hc_tls_peer_outcome(t, result);
  t->pending = io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE ? piece.size : 0;
  return io;
}

/* A head and a small body leave in one record. A record under way must be offered again with the
 * same length: its bytes are encrypted already. */
static hc_io send_piece(hc_tls_peer *t, cursor_tls *c, hc_failure *why, size_t *written) {
  size_t first = c->parts->size - c->offset;
  size_t limit = t->pending > 0 ? t->pending : RECORD_SIZE_TLS;
  size_t size = cursor_gather(*c, limit, NULL);
  if (size < t->pending) {
    hc_failure_set(why, HC_ERR_BUG,
                   "a send that was under way must be repeated with the same bytes");
    return HC_IO_ERROR;
  }
  /* not worth a copy */
  if (size > first && t->pending == 0 && first >= HC_COALESCE_LIMIT) size = first;
  if (size <= first) return write_record(t, (hc_slice){c->parts->data + c->offset, size}, written);
  char *joined = hc_memory_allocate(size);
  if (!joined) {
    hc_failure_out_of_memory(why);
    return HC_IO_ERROR;
  }
  cursor_gather(*c, size, joined);
  hc_io io = write_record(t, (hc_slice){joined, size}, written);
  hc_memory_release(joined);
  return io;
}

/* A failed send does not end the receiving: an answer may be there that says why the server closed.
 */
static hc_io tls_send(hc_stream_peer *self, const hc_slice *parts, size_t count, size_t *sent,
                      hc_failure *why) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  hc_failure own = {HC_OK, ""};
  cursor_tls c = {parts, count, 0};
  *sent = 0;
  if (t->state != HC_TLS_CONNECTED) return hc_tls_peer_refuse(t, why);
  cursor_move(&c, 0); /* past empty parts */
  hc_io io = HC_IO_OK;
  while (io == HC_IO_OK && c.count > 0 && *sent < HC_TLS_SEND_BURST) {
    size_t written = 0;
    hc_tls_peer_begin(t, &own);
    io = send_piece(t, &c, &own, &written);
    cursor_move(&c, written);
    *sent += written;
  }
  if (io == HC_IO_ERROR && t->fatal) hc_tls_engine_explain_write(t->engine, &own);
  if (*sent > 0 || io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE || io == HC_IO_OK)
    return *sent > 0 ? HC_IO_OK : io;
  hc_failure_set(why, own.code == HC_OK ? HC_ERR_CONNECTION_ERROR : own.code, "%s",
                 own.code == HC_OK ? "the connection takes no more bytes" : own.text);
  return HC_IO_ERROR;
}

/* The descriptor is the one of the stream below. What to wait for on it is the library's to say
 * while hands are shaken, and the caller's afterwards. */
static void tls_interest(hc_stream_peer *self, hc_interest *out) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  *out = (hc_interest){HC_NO_HANDLE, 0, false, HC_NEVER};
  if (!t->carrier.below) return;
  hc_stream_peer_interest(t->carrier.below, out);
  if (t->state == HC_TLS_HANDSHAKING && t->below_is_ready && !t->engine) {
    /* No descriptor tells when the store is there; and what a server sends before is not read, so
     * nobody waits for it. */
    *out = (hc_interest){out->fd, 0, false, hc_clock_now() + HC_TLS_STORE_STEP_NS};
  } else if (t->state == HC_TLS_HANDSHAKING && t->below_is_ready) {
    out->events = t->wants == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ;
    if (t->wants == HC_IO_WANT_WRITE) out->ready = false; /* bytes to read do not help a write */
  } else if (t->state != HC_TLS_HANDSHAKING) {
    out->events = 0;
    out->ready = has_something(t) || out->ready;
  }
}

/* --- life */

/* Whoever is verified is whom the requests are for, not the one that carries the bytes, which may
 * be a proxy (RFC 9110 sections 4.3.4 and 7.2). */
static void tls_endpoint(hc_stream_peer *self, hc_slice *host, unsigned *port) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  hc_stream_peer *below = t->carrier.below;
  *host = HC_SLICE("");
  *port = 0;
  if (!below || !t->handshake.options) return;
  const char *asked = t->handshake.host                           ? t->handshake.host
                      : t->handshake.options->override[0] == '\0' ? t->handshake.name
                                                                  : "";
  if (asked[0] == '\0' && below->ops->endpoint) below->ops->endpoint(below, host, port);
  if (host->size > 0) return;
  *host = hc_slice_of(asked[0] != '\0' ? asked : t->handshake.name);
  *port = t->handshake.port;
}

/* Not retained: it is the same one until this stream is closed. */
static hc_stream_peer *tls_below(hc_stream_peer *self) {
  return hc_tls_peer_of(self)->carrier.below;
}

/* One close_notify, as far as that needs no waiting (RFC 8446 section 6.1). Behind half a record it
 * would only garble, and behind a fork it would end the other process's connection. */
static void say_goodbye(hc_tls_peer *t) {
  if (!t->engine || t->fatal) return;
  hc_failure ignored = {HC_OK, ""};
  bool is_unsaid = t->pending > 0 || hc_stream_peer_is_inherited(&t->base);
  hc_tls_peer_begin(t, &ignored);
  hc_tls_engine_close(t->engine, is_unsaid ? HC_TLS_GOODBYE_LEFT_OUT : HC_TLS_GOODBYE_SAID);
}

/* From every state. Nothing is left of the connection but the object: name, options and failure
 * belong to the connection that is over. */
static void tls_close(hc_stream_peer *self) {
  hc_tls_peer *t = hc_tls_peer_of(self);
  hc_stream_peer *below = t->carrier.below;
  say_goodbye(t);
  hc_tls_engine_free(t->engine);
  hc_tls_options_release(t->handshake.options);
  hc_memory_release(t->handshake.name);
  hc_memory_release(t->handshake.host);
  /* What is below stays known until it is closed: it may be a script's, which must find that it is
   * being called. */
  hc_tls_peer closed = {.base = t->base, .carrier.below = below};
  *t = closed;
  if (!below) return;
  hc_stream_peer_close(below);
  t->carrier.below = NULL;
  hc_stream_peer_release(below);
}

static void tls_destroy(hc_stream_peer *self) {
  tls_close(self);
  hc_memory_release(self);
}

static const hc_stream_peer_ops tls_ops = {.name = "StreamPeerTLS",
                                           .advance = hc_tls_opening_advance,
                                           .send = tls_send,
                                           .recv = tls_recv,
                                           .recv_blocking = tls_recv_blocking,
                                           .is_tolerable_end = tls_is_tolerable_end,
                                           .peek = tls_peek,
                                           .empty_at = tls_empty_at,
                                           .rest = tls_rest,
                                           .send_file = NULL,
                                           .available = tls_available,
                                           .interest = tls_interest,
                                           .endpoint = tls_endpoint,
                                           .below = tls_below,
                                           .close = tls_close,
                                           .destroy = tls_destroy};

/* The library comes in with connect, so a build without one can make the object, and says what it
 * lacks when it is used. */
hc_stream_peer *hc_tls_new(void) {
  hc_tls_peer *t = hc_memory_allocate_zeroed(1, sizeof *t);
  if (!t) return NULL;
  hc_stream_peer_init(&t->base, &tls_ops);
  return &t->base;
}

bool hc_stream_peer_is_tls(const hc_stream_peer *peer) { return peer->ops == &tls_ops; }

/* --- facts */

hc_tls_state hc_tls_get_state(const hc_stream_peer *peer) { return hc_tls_peer_view(peer)->state; }

hc_stream_peer *hc_tls_below(const hc_stream_peer *peer) {
  return hc_tls_peer_view(peer)->carrier.below;
}

/* The state may be one of failure by now. Whether there still is an answer the library says. */
const hc_tls_engine *hc_tls_established(const hc_stream_peer *peer) {
  const hc_tls_peer *t = hc_tls_peer_view(peer);
  return t->engine && t->state != HC_TLS_HANDSHAKING && hc_tls_engine_is_established(t->engine)
             ? t->engine
             : NULL;
}

bool hc_tls_resumed(const hc_stream_peer *peer) { return hc_tls_peer_view(peer)->resumed; }
