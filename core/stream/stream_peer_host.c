/* stream_peer_host.c - a stream of the host's own: its table of functions (stream.h) behind the one
 * that we use inside.
 *
 * The host's table is small and keeps its shape for ever; ours may change. What a function of the
 * host's answers is believed only as far as it can be true, since a wrong count would have us read
 * what is not there. */
#include <string.h>

#include "../base/limits.h"
#include "../base/memory.h"
#include "../base/sized.h"
#include "../platform/clock.h"
#include "stream_peer.h"

#define PEEK_SIZE_HOST 4096u

/* `ended` stays, since a host's function need not say the end twice; `closed` keeps all of them
 * from being called again. */
typedef struct host_stream {
  hc_stream_peer base;
  hc_stream_functions functions;
  void *context;
  bool in_call; /* one of the functions is running: it must not come back to this stream */
  bool ended;
  bool closed;
} host_stream;

static host_stream *of_host(hc_stream_peer *peer) { return (host_stream *)peer; }

/* The host's own sentence, if it wrote one, is there already and stays. */
static hc_io fail_host(hc_failure *why, hc_error code, const char *text) {
  hc_failure_set(why, code, "%s", text);
  return HC_IO_ERROR;
}

/* True: a function of the host's may be called now. A second call inside the first would find the
 * host's own state half changed. */
static bool may_call(const host_stream *h, hc_failure *why) {
  if (h->closed) (void)fail_host(why, HC_ERR_UNCONFIGURED, "the stream is closed");
  else if (h->in_call)
    (void)fail_host(why, HC_ERR_BUSY, "the stream's function used the stream that it serves");
  return !h->closed && !h->in_call;
}

/* A function may let go of the last reference to its own stream: it is held until the call is
 * over. */
static void begin_host(host_stream *h) {
  hc_stream_peer_retain(&h->base);
  h->in_call = true;
}

static void end_host(host_stream *h) {
  h->in_call = false;
  hc_stream_peer_release(&h->base);
}

/* --- the slots */

/* A host hands its stream over when it is open. */
static hc_io host_advance(hc_stream_peer *peer, hc_failure *why) {
  return of_host(peer)->closed ? fail_host(why, HC_ERR_UNCONFIGURED, "the stream is closed")
                               : HC_IO_OK;
}

/* What a host's function says, made to fit what it moved. */
static hc_io check_host(hc_io io, size_t moved, size_t room, hc_io wants, hc_failure *why) {
  if (moved > room)
    return fail_host(why, HC_ERR_INVALID_DATA,
                     "the stream's function moved more than it was given room for");
  if (io == HC_IO_OK) return moved > 0 ? HC_IO_OK : wants;
  if (io == HC_IO_ERROR) return fail_host(why, HC_ERR_CONNECTION_ERROR, "the stream failed");
  return io;
}

/* One part at a time, since the host's function takes one: the first that has bytes. The rest comes
 * with the next call. */
static hc_io host_send(hc_stream_peer *peer, const hc_slice *parts, size_t count, size_t *sent,
                       hc_failure *why) {
  host_stream *h = of_host(peer);
  size_t i = 0;
  *sent = 0;
  if (!may_call(h, why)) return HC_IO_ERROR;
  while (i < count && parts[i].size == 0) i++;
  if (i == count) return HC_IO_OK;
  begin_host(h);
  hc_io said = h->functions.send(h->context, parts[i], sent, why);
  hc_io io = check_host(said, *sent, parts[i].size, HC_IO_WANT_WRITE, why);
  end_host(h);
  if (io == HC_IO_EOF) io = fail_host(why, HC_ERR_CONNECTION_ERROR, "the stream takes no more");
  if (io != HC_IO_OK) *sent = 0;
  return io;
}

/* The count is cleared with every result but OK: a host may leave anything in it. */
static hc_io host_recv(hc_stream_peer *peer, char *into, size_t room, size_t *got,
                       hc_failure *why) {
  host_stream *h = of_host(peer);
  *got = 0;
  if (!may_call(h, why)) return HC_IO_ERROR;
  if (h->ended) return HC_IO_EOF;
  begin_host(h);
  hc_io said = h->functions.recv(h->context, into, room, got, why);
  hc_io io = check_host(said, *got, room, HC_IO_WANT_READ, why);
  h->ended = io == HC_IO_EOF;
  end_host(h);
  if (io != HC_IO_OK) *got = 0;
  return io;
}

/* The only way to look is to read, and to keep what comes: it is given back to the stream, so the
 * next receive finds it first. Held meanwhile, since the host's function may let go of it. */
static hc_io host_peek(hc_stream_peer *peer, hc_failure *why) {
  char bytes[PEEK_SIZE_HOST];
  size_t got;
  hc_stream_peer_retain(peer);
  hc_io io = host_recv(peer, bytes, sizeof bytes, &got, why);
  if (io == HC_IO_OK && hc_stream_peer_unread(peer, hc_slice_make(bytes, got)) != HC_OK)
    io = fail_host(why, HC_ERR_OUT_OF_MEMORY, hc_error_string(HC_ERR_OUT_OF_MEMORY));
  hc_stream_peer_release(peer);
  return io;
}

/* A host has no way to say it. */
static size_t host_available(hc_stream_peer *peer) {
  (void)peer;
  return 0;
}

/* The host is asked each time, because its descriptor may change. Without one the stream is asked
 * again after a moment, for as long as somebody waits. */
static void host_interest(hc_stream_peer *peer, hc_interest *out) {
  host_stream *h = of_host(peer);
  *out = (hc_interest){.fd = HC_NO_HANDLE, .ready = h->ended, .deadline = HC_NEVER};
  if (h->functions.descriptor && may_call(h, NULL)) {
    begin_host(h);
    out->fd = h->functions.descriptor(h->context);
    end_host(h);
  }
  if (out->fd == HC_NO_HANDLE) out->deadline = hc_clock_now() + HC_BLIND_STEP_NS;
}

/* Whoever is about to use a stream asks this first: a function of a script's may have come back
 * here by way of another client. */
static bool host_is_in_call(const hc_stream_peer *peer) {
  return ((const host_stream *)peer)->in_call;
}

/* Marked before the host's function runs, which may close its own stream once more. */
static void host_close(hc_stream_peer *peer) {
  host_stream *h = of_host(peer);
  if (h->closed) return;
  h->closed = true;
  if (h->functions.close) h->functions.close(h->context);
}

/* `destroy` comes last of the host's functions, and `context` is never used behind it. */
static void host_destroy(hc_stream_peer *peer) {
  host_stream *h = of_host(peer);
  host_close(peer);
  if (h->functions.destroy) h->functions.destroy(h->context);
  hc_buffer_free(&peer->unread);
  hc_memory_release(h);
}

/* Without the optional slots: a host's stream has no socket that the kernel could move a file to,
 * or sleep on, and nothing is known of when it was last empty. */
static const hc_stream_peer_ops host_ops = {
    .name = "StreamPeer",
    .advance = host_advance,
    .send = host_send,
    .recv = host_recv,
    .peek = host_peek,
    .available = host_available,
    .interest = host_interest,
    .in_call = host_is_in_call,
    .runs_host = true,
    .close = host_close,
    .destroy = host_destroy,
};

/* Where this fails `context` is still the host's, and `destroy` is not called for it. A host that
 * was compiled against an older header gives a smaller table, and what it does not know of is NULL;
 * one from a newer header may have set what we do not know of, and is refused. */
hc_error hc_stream_new_sized(const hc_stream_functions *functions, size_t size, void *context,
                             hc_stream_peer **out, hc_failure *why) {
  hc_stream_functions known;
  *out = NULL;
  if (!hc_sized_read(&known, sizeof known, functions, size))
    return hc_failure_set(
        why, HC_ERR_INVALID_PARAMETER,
        "the stream has functions that this version of the library does not know");
  if (!known.send || !known.recv)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the stream has no send or no recv");
  host_stream *h = hc_memory_allocate_zeroed(1, sizeof *h);
  if (!h) return hc_failure_out_of_memory(why);
  hc_stream_peer_init(&h->base, &host_ops);
  h->functions = known;
  h->context = context;
  *out = &h->base;
  return HC_OK;
}
