/* stream_peer_tls.c - TLS as a stream peer. See stream_peer_tls.h.
 *
 * The TLS library works record by record, and gets its bytes from the stream below by the carrier
 * (tls_carrier.c). A failure of the handshake or of a receive is the stream's for good. One of a
 * send is not: what the server has said before it closed can still be read. */
#include "stream_peer_tls.h"

#include <string.h>

#include "../../base/memory.h"
#include "../../platform/wait.h"
#include "tls_internal.h"

#define RECORD_SIZE_TLS 16384u /* RFC 8446 section 5.1 */

typedef struct tls_peer {
  hc_stream_peer base;         /* first, so that the pointers convert */
  hc_tls_state state;
  hc_tls_engine *engine;       /* NULL: disconnected, or HANDSHAKING and not begun */
  hc_tls_handshake handshake;  /* its failure is the stream's, for all but sends */
  hc_tls_carrier carrier;
  hc_io wants;                 /* of the handshake */
  bool below_is_ready;
  bool resumed;
  bool ended;                  /* close_notify has come */
  bool drained;                /* the library has nothing more to give before new bytes come */
  bool truncated;              /* the stream below ended without it, behind a whole record */
  /* the library's state is of no use any more, not even for a close_notify */
  bool fatal;
  /* bytes of a record that the library holds and the stream below has not taken whole */
  size_t pending;
} tls_peer;

static tls_peer *peer_of(hc_stream_peer *peer) { return (tls_peer *)peer; }
static const tls_peer *view_of_tls(const hc_stream_peer *peer) { return (const tls_peer *)peer; }

/* --- outcomes */

/* The sticky failure, once more for this caller. */
static hc_io report_tls(const tls_peer *t, hc_failure *why) {
  const hc_failure *failure = &t->handshake.failure;
  hc_failure_set(why, failure->code == HC_OK ? HC_ERR_CONNECTION_ERROR : failure->code, "%s",
                 failure->text);
  return HC_IO_ERROR;
}

static hc_io refuse_unconnected(const tls_peer *t, hc_failure *why) {
  if (t->state >= HC_TLS_ERROR) return report_tls(t, why);
  hc_failure_set(why, HC_ERR_UNCONFIGURED, "the TLS stream is not connected");
  return HC_IO_ERROR;
}

static void fail_tls(tls_peer *t) {
  t->state = t->handshake.name_mismatch ? HC_TLS_ERROR_HOSTNAME_MISMATCH : HC_TLS_ERROR;
}

/* An end without close_notify may be an attacker's doing (RFC 8446 section 6.1), so it is no end in
 * good order. */
static void fail_truncated(tls_peer *t) {
  bool in_handshake = t->state == HC_TLS_HANDSHAKING;
  hc_failure_set(&t->handshake.failure, HC_ERR_CONNECTION_ERROR,
                 in_handshake ? "TLS handshake: the server closed the connection"
                              : "connection closed without close_notify");
  t->truncated = !in_handshake && hc_tls_engine_is_between_records(t->engine);
  fail_tls(t);
}

/* What the library says, as a stream says it; `result` is not MADE. */
static hc_io outcome_of(tls_peer *t, hc_tls_result result) {
  switch (result) {
  case HC_TLS_WANTS_READ: return t->carrier.read_wants;
  case HC_TLS_WANTS_WRITE: return t->carrier.write_wants;
  case HC_TLS_ENDED: t->ended = true; return HC_IO_EOF;
  case HC_TLS_BROKEN: t->fatal = true; break;
  default: break;
  }
  return HC_IO_ERROR;
}

static void fail_below(tls_peer *t, const hc_failure *below) {
  hc_failure_set(&t->handshake.failure,
                 below->code == HC_OK ? HC_ERR_CONNECTION_ERROR : below->code, "%s%s",
                 t->state == HC_TLS_HANDSHAKING ? "TLS handshake: " : "",
                 below->code == HC_OK ? "the stream below failed" : below->text);
  fail_tls(t);
}

/* As outcome_of, for all but sends: a failure becomes the stream's own. */
static hc_io receive_outcome(tls_peer *t, hc_tls_result result, const hc_failure *below) {
  hc_io io = outcome_of(t, result);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) t->drained = true;
  if (io != HC_IO_ERROR) return io;
  if (result == HC_TLS_BROKEN) {
    hc_tls_engine_explain(t->engine, &t->handshake,
                          t->state == HC_TLS_HANDSHAKING ? HC_TLS_PHASE_HANDSHAKE
                                                         : HC_TLS_PHASE_DATA);
    fail_tls(t);
  } else if (t->carrier.ended) {
    fail_truncated(t);
  } else {
    fail_below(t, below);
  }
  return HC_IO_ERROR;
}

/* Before each call of the library that may move bytes. */
static void begin_tls_here(tls_peer *t, hc_failure *failure) {
  t->carrier.failure = failure;
  t->carrier.burst = HC_TLS_READ_BURST;
}

/* --- receiving */

/* Of a stream that is connected and has not ended. */
static hc_io read_once(tls_peer *t, char *into, size_t room, size_t *got) {
  hc_failure below = {HC_OK, ""};
  begin_tls_here(t, &below);
  hc_tls_result result = hc_tls_engine_read(t->engine, into, room, got);
  if (result != HC_TLS_MADE) return receive_outcome(t, result, &below);
  t->drained = false;
  return HC_IO_OK;
}

/* What else the library has read already, record by record. Whatever stops it comes up again at the
 * next read. */
static void read_buffered(tls_peer *t, char *into, size_t room, size_t *got) {
  t->carrier.dry = true;
  while (*got < room && hc_tls_engine_has_buffered(t->engine)) {
    size_t more = 0;
    if (read_once(t, into + *got, room - *got, &more) != HC_IO_OK) break;
    *got += more;
  }
  t->carrier.dry = false;
}

static hc_io tls_recv(hc_stream_peer *self, char *into, size_t room, size_t *got, hc_failure *why) {
  tls_peer *t = peer_of(self);
  *got = 0;
  if (t->ended) return HC_IO_EOF;
  if (t->state != HC_TLS_CONNECTED) return refuse_unconnected(t, why);
  hc_io io = read_once(t, into, room, got);
  if (io == HC_IO_OK) read_buffered(t, into, room, got);
  return io == HC_IO_ERROR ? report_tls(t, why) : io;
}

static bool tls_is_tolerable_end(const hc_stream_peer *self) {
  const tls_peer *t = view_of_tls(self);
  return t->truncated && t->handshake.options->tolerates_missing_close_notify;
}

/* For streams below that can not sleep in a read. False: there is nothing to sleep on. */
static bool sleep_for_tls(tls_peer *t, hc_io wants) {
  hc_interest below;
  hc_stream_peer_interest(t->carrier.below, &below);
  if (below.ready && wants == HC_IO_WANT_READ) return true;
  if (below.fd == HC_NO_HANDLE) return false;
  hc_wait_entry entry = {below.fd, wants == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ, 0};
  size_t ready;
  return hc_wait(&entry, 1, hc_clock_earlier(t->carrier.sleep_until, below.deadline), &ready) ==
         HC_OK;
}

static bool is_over_tls(uint64_t until) { return until != HC_NEVER && hc_clock_now() >= until; }

static hc_io tls_recv_blocking(hc_stream_peer *self, char *into, size_t room, hc_fill fill,
                               uint64_t until, size_t *got, hc_failure *why) {
  tls_peer *t = peer_of(self);
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

static hc_io peek_once(tls_peer *t) {
  hc_failure below = {HC_OK, ""};
  begin_tls_here(t, &below);
  hc_tls_result result = hc_tls_engine_peek(t->engine);
  return result == HC_TLS_MADE ? HC_IO_OK : receive_outcome(t, result, &below);
}

/* Works off what the library has buffered, without a read of the stream below. Afterwards either
 * something can be had at once (bytes, the end, a failure), or nothing can before new bytes come:
 * so nobody sleeps on a descriptor while a whole record lies here, and nobody spins for half a one.
 */
static bool has_something(tls_peer *t) {
  if (t->state >= HC_TLS_ERROR || t->ended) return true;
  if (t->state != HC_TLS_CONNECTED) return false;
  if (hc_tls_engine_pending(t->engine) > 0) return true;
  if (t->drained || !hc_tls_engine_has_buffered(t->engine)) return false;
  t->carrier.dry = true;
  hc_io io = peek_once(t);
  t->carrier.dry = false;
  return io != HC_IO_WANT_READ && io != HC_IO_WANT_WRITE;
}

static void tls_rest(hc_stream_peer *self) {
  tls_peer *t = peer_of(self);
  if (t->state == HC_TLS_CONNECTED) hc_tls_engine_rest(t->engine);
}

static hc_io tls_peek(hc_stream_peer *self, hc_failure *why) {
  tls_peer *t = peer_of(self);
  if (t->state == HC_TLS_DISCONNECTED || t->state == HC_TLS_HANDSHAKING)
    return refuse_unconnected(t, why);
  hc_io io = HC_IO_OK;
  if (!has_something(t)) {
    /* An idle connection is looked at often: the stream below can tell that there is nothing
     * without the library. */
    io = hc_stream_peer_peek(t->carrier.below, NULL);
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return io;
    io = peek_once(t);
    if (io == HC_IO_WANT_READ) tls_rest(self);
  }
  if (t->state >= HC_TLS_ERROR) return report_tls(t, why);
  return t->ended ? HC_IO_EOF : io;
}

static uint64_t tls_empty_at(hc_stream_peer *self, uint64_t *step) {
  tls_peer *t = peer_of(self);
  return t->state != HC_TLS_CONNECTED || has_something(t)
             ? 0
             : hc_stream_peer_empty_at(t->carrier.below, step);
}

static size_t tls_available(hc_stream_peer *self) {
  tls_peer *t = peer_of(self);
  if (t->state != HC_TLS_CONNECTED || !has_something(t) || t->state != HC_TLS_CONNECTED) return 0;
  return hc_tls_engine_pending(t->engine);
}

/* --- sending */

/* A place in the parts. */
typedef struct cursor_tls {
  const hc_slice *parts;
  size_t count, offset;
} cursor_tls;

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
static hc_io write_record(tls_peer *t, hc_slice piece, size_t *written) {
  hc_tls_result result = hc_tls_engine_write(t->engine, piece, written);
  if (result == HC_TLS_MADE) {
    t->pending = 0;
    return HC_IO_OK;
  }
  hc_io io = outcome_of(t, result);
  t->pending = io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE ? piece.size : 0;
  return io;
}

/* A head and a small body leave in one record. A record under way must be offered again with the
 * same length: its bytes are encrypted already. */
static hc_io send_piece(tls_peer *t, cursor_tls *c, hc_failure *why, size_t *written) {
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
  tls_peer *t = peer_of(self);
  hc_failure own = {HC_OK, ""};
  cursor_tls c = {parts, count, 0};
  *sent = 0;
  if (t->state != HC_TLS_CONNECTED) return refuse_unconnected(t, why);
  cursor_move(&c, 0); /* past empty parts */
  hc_io io = HC_IO_OK;
  while (io == HC_IO_OK && c.count > 0 && *sent < HC_TLS_SEND_BURST) {
    size_t written = 0;
    begin_tls_here(t, &own);
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

/* --- the handshake */

/* A session that led to a failure is not offered again. */
static hc_io fail_handshake(tls_peer *t) {
  hc_tls_session_forget(t->handshake.options, t->handshake.name, t->handshake.port);
  fail_tls(t);
  return HC_IO_ERROR;
}

static hc_io shake_hands(tls_peer *t) {
  hc_failure below = {HC_OK, ""};
  begin_tls_here(t, &below);
  hc_tls_result result = hc_tls_engine_shake_hands(t->engine);
  if (result != HC_TLS_MADE) {
    t->wants = receive_outcome(t, result, &below);
    /* close_notify before the end of the handshake: no stream that could end in order */
    if (t->wants == HC_IO_EOF) {
      t->ended = false;
      fail_truncated(t);
    }
    return t->wants == HC_IO_WANT_READ || t->wants == HC_IO_WANT_WRITE ? t->wants
                                                                       : fail_handshake(t);
  }
  t->resumed = hc_tls_engine_was_resumed(t->engine);
  t->drained = false;
  if (!hc_tls_engine_check(t->engine, &t->handshake)) {
    t->fatal = true;
    return fail_handshake(t);
  }
  t->state = HC_TLS_CONNECTED;
  return HC_IO_OK;
}

static hc_io advance_below(tls_peer *t) {
  hc_io io = hc_stream_peer_advance(t->carrier.below, &t->handshake.failure);
  t->below_is_ready = io == HC_IO_OK;
  if (io == HC_IO_ERROR || io == HC_IO_EOF) {
    fail_tls(t);
    return HC_IO_ERROR;
  }
  return io;
}

/* The connection, as soon as what all connections share is there. */
static hc_io begin_handshake(tls_peer *t, hc_failure *why) {
  hc_io io = hc_tls_options_prepare(t->handshake.options, why);
  if (io != HC_IO_OK) return io;
  t->engine = hc_tls_engine_new(&t->handshake, &t->carrier);
  if (t->engine) return HC_IO_OK;
  hc_failure_out_of_memory(why);
  return HC_IO_ERROR;
}

static hc_io begin_late(tls_peer *t) {
  hc_io io = begin_handshake(t, &t->handshake.failure);
  if (io == HC_IO_ERROR) fail_tls(t);
  return io;
}

static hc_io tls_advance(hc_stream_peer *self, hc_failure *why) {
  tls_peer *t = peer_of(self);
  if (t->state == HC_TLS_CONNECTED) return HC_IO_OK;
  if (t->state != HC_TLS_HANDSHAKING) return refuse_unconnected(t, why);
  hc_io io = t->below_is_ready ? HC_IO_OK : advance_below(t);
  if (io == HC_IO_OK && !t->engine) io = begin_late(t);
  if (io == HC_IO_OK) io = shake_hands(t);
  return io == HC_IO_ERROR ? report_tls(t, why) : io;
}

static void tls_interest(hc_stream_peer *self, hc_interest *out) {
  tls_peer *t = peer_of(self);
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
  tls_peer *t = peer_of(self);
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

static hc_stream_peer *tls_below(hc_stream_peer *self) { return peer_of(self)->carrier.below; }

/* One close_notify, as far as that needs no waiting (RFC 8446 section 6.1). Behind half a record it
 * would only garble. */
static void say_goodbye(tls_peer *t) {
  if (!t->engine || t->fatal) return;
  hc_failure ignored = {HC_OK, ""};
  begin_tls_here(t, &ignored);
  hc_tls_engine_close(t->engine, t->pending > 0 ? HC_TLS_GOODBYE_LEFT_OUT : HC_TLS_GOODBYE_SAID);
}

static void tls_close(hc_stream_peer *self) {
  tls_peer *t = peer_of(self);
  hc_stream_peer *below = t->carrier.below;
  say_goodbye(t);
  hc_tls_engine_free(t->engine);
  hc_tls_options_release(t->handshake.options);
  hc_memory_release(t->handshake.name);
  hc_memory_release(t->handshake.host);
  /* What is below stays known until it is closed: it may be a script's, which must find that it is
   * being called. */
  tls_peer closed = {.base = t->base, .carrier.below = below};
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
                                           .advance = tls_advance,
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

hc_stream_peer *hc_tls_new(void) {
  tls_peer *t = hc_memory_allocate_zeroed(1, sizeof *t);
  if (!t) return NULL;
  hc_stream_peer_init(&t->base, &tls_ops);
  return &t->base;
}

bool hc_stream_peer_is_tls(const hc_stream_peer *peer) { return peer->ops == &tls_ops; }

/* --- connecting */

static hc_error start_tls_here(tls_peer *t, hc_slice name, hc_failure *why) {
  hc_failure own = {HC_OK, ""};
  hc_error error = hc_tls_handshake_take_name(&t->handshake, name, why);
  if (error != HC_OK) return error;
  /* what must be waited for, advance begins */
  if (begin_handshake(t, &own) != HC_IO_ERROR) return HC_OK;
  return hc_failure_set(why, own.code, "%s", own.text);
}

/* The options to use: the caller's, or plain ones. */
static hc_tls_options *own_options(hc_tls_options *given, hc_failure *why) {
  static const hc_tls_settings plain = {.verify = HC_TLS_VERIFY_FULL};
  hc_tls_options *made = NULL;
  if (given) return hc_tls_options_retain(given);
  return hc_tls_options_new(&plain, &made, why) == HC_OK ? made : NULL;
}

hc_error hc_tls_connect(hc_stream_peer *peer, hc_stream_peer *below, hc_slice name, unsigned port,
                        hc_tls_options *options, hc_failure *why) {
  tls_peer *t = peer_of(peer);
  if (hc_tls_check(why) != HC_OK) return HC_ERR_UNAVAILABLE;
  if (!below)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no stream to run over");
  if (hc_stream_peer_is_in_call(peer) || hc_stream_peer_is_in_call(below)) {
    return hc_failure_set(why, HC_ERR_BUSY, "the stream is at work");
  }
  if (hc_stream_peer_stands_on(below, peer))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "a stream can't run over itself");
  hc_tls_options *own = own_options(options, why);
  if (!own) return HC_ERR_OUT_OF_MEMORY;
  hc_stream_peer_retain(below);
  hc_stream_peer_close(peer);
  t->handshake.options = own;
  t->handshake.port = port;
  hc_error error = start_tls_here(t, name, why);
  if (error != HC_OK) { /* the stream below stays open: it is the caller's */
    hc_stream_peer_release(below);
    tls_close(peer);
    return error;
  }
  t->carrier.below = below;
  t->carrier.read_wants = HC_IO_WANT_READ;
  t->carrier.write_wants = HC_IO_WANT_WRITE;
  t->wants = HC_IO_WANT_WRITE; /* the ClientHello */
  t->state = HC_TLS_HANDSHAKING;
  return HC_OK;
}

hc_error hc_tls_offer_alpn(hc_stream_peer *peer, hc_slice list) {
  tls_peer *t = peer_of(peer);
  t->handshake.alpn = list;
  return !t->engine || hc_tls_engine_set_alpn(t->engine, &t->handshake) ? HC_OK
                                                                        : HC_ERR_OUT_OF_MEMORY;
}

/* --- facts */

hc_tls_state hc_tls_get_state(const hc_stream_peer *peer) { return view_of_tls(peer)->state; }

hc_stream_peer *hc_tls_below(const hc_stream_peer *peer) {
  return view_of_tls(peer)->carrier.below;
}

const hc_tls_engine *hc_tls_established(const hc_stream_peer *peer) {
  const tls_peer *t = view_of_tls(peer);
  return t->engine && t->state != HC_TLS_HANDSHAKING && hc_tls_engine_is_established(t->engine)
             ? t->engine
             : NULL;
}

bool hc_tls_resumed(const hc_stream_peer *peer) { return view_of_tls(peer)->resumed; }
