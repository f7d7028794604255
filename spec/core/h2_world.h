/* h2_world.h - clients of HTTP/2 over a stream that is memory, for tests that need to say what the
 * stream answers, byte by byte and want by want. A pair of sockets gives it a descriptor. */
#ifndef SPEC_H2_WORLD_H
#define SPEC_H2_WORLD_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/base/memory.h"
#include "../../core/client/client_state.h"
#include "../../core/poller.h"
#include "../../core/stream/stream_peer.h"
#include "check.h"
#include "h2_frames.h"

typedef struct memory_stream {
  hc_stream_peer common;
  int pair[2]; /* ours, and the one that makes ours readable */
  char *in;
  size_t in_size, in_at;
  hc_io when_empty; /* what a receive says then */
  bool has_ended;
  h2_bytes out;
  bool takes_nothing; /* a send waits */
  size_t takes_little; /* not 0: so many bytes, and then nothing */
  bool is_unusable; /* a handshake that goes nowhere */
} memory_stream;

static inline memory_stream *memory_of(hc_stream_peer *peer) { return (memory_stream *)peer; }

static inline hc_io memory_advance(hc_stream_peer *peer, hc_failure *why) {
  (void)why;
  return memory_of(peer)->is_unusable ? HC_IO_WANT_READ : HC_IO_OK;
}

static inline hc_io memory_send(hc_stream_peer *peer, const hc_slice *parts, size_t count,
                                size_t *sent, hc_failure *why) {
  memory_stream *m = memory_of(peer);
  (void)why;
  if (m->takes_nothing) return HC_IO_WANT_WRITE;
  for (size_t i = 0; i < count && !m->takes_nothing; i++) {
    size_t size = parts[i].size;
    if (m->takes_little > 0 && size >= m->takes_little) {
      size = m->takes_little;
      m->takes_nothing = true;
    }
    m->takes_little -= m->takes_little > 0 ? size : 0;
    h2_put(&m->out, parts[i].data, size);
    *sent += size;
  }
  return HC_IO_OK;
}

/* An event of the descriptor's is used up by any receive, as if it had been for these bytes. */
static inline hc_io memory_recv(hc_stream_peer *peer, char *into, size_t room, size_t *got,
                                hc_failure *why) {
  memory_stream *m = memory_of(peer);
  size_t left = m->in_size - m->in_at;
  char bytes[16];
  (void)why;
  while (recv(m->pair[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  if (left == 0) return m->has_ended ? HC_IO_EOF : m->when_empty;
  *got = left < room ? left : room;
  memcpy(into, m->in + m->in_at, *got);
  m->in_at += *got;
  return HC_IO_OK;
}

static inline hc_io memory_peek(hc_stream_peer *peer, hc_failure *why) {
  memory_stream *m = memory_of(peer);
  (void)why;
  return m->in_at < m->in_size ? HC_IO_OK : m->has_ended ? HC_IO_EOF : m->when_empty;
}

static inline size_t memory_available(hc_stream_peer *peer) {
  return memory_of(peer)->in_size - memory_of(peer)->in_at;
}

/* As TLS: what lies in the stream needs no descriptor. */
static inline void memory_interest(hc_stream_peer *peer, hc_interest *out) {
  out->fd = memory_of(peer)->pair[0];
  if (memory_available(peer) > 0) out->ready = true;
}

static inline void memory_close(hc_stream_peer *peer) { (void)peer; }

static inline void memory_destroy(hc_stream_peer *peer) {
  memory_stream *m = memory_of(peer);
  (void)close(m->pair[0]);
  (void)close(m->pair[1]);
  free(m->in);
  free(m);
}

static inline memory_stream *memory_stream_new(void) {
  static const hc_stream_peer_ops ops = {.name = "StreamPeerMemory",
                                         .advance = memory_advance,
                                         .send = memory_send,
                                         .recv = memory_recv,
                                         .peek = memory_peek,
                                         .available = memory_available,
                                         .interest = memory_interest,
                                         .close = memory_close,
                                         .destroy = memory_destroy};
  memory_stream *m = calloc(1, sizeof *m);
  if (!m || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, m->pair) != 0) abort();
  hc_stream_peer_init(&m->common, &ops);
  m->when_empty = HC_IO_WANT_READ;
  return m;
}

/* More bytes of the server's. */
static inline void memory_put(memory_stream *m, const void *bytes, size_t size) {
  m->in = realloc(m->in, m->in_size + size);
  if (!m->in) abort();
  memcpy(m->in + m->in_size, bytes, size);
  m->in_size += size;
}

/* Frames of the server's, see h2_frames.h. */
static inline void memory_say(memory_stream *m, const char *words) {
  static h2_bytes frames;
  frames.size = 0;
  h2_write(&frames, words);
  memory_put(m, frames.data, frames.size);
}

/* The descriptor has an event. */
static inline void memory_ring(memory_stream *m) {
  if (send(m->pair[1], "x", 1, 0) != 1) abort();
}

/* The frames that went out since the last call. */
static inline const char *memory_heard(memory_stream *m) {
  static char text[4096];
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  size_t from = sizeof preface - 1;
  if (m->out.size < from || memcmp(m->out.data, preface, from) != 0) from = 0;
  if (!h2_read(&m->out, from, text, sizeof text)) return "(a frame is cut)";
  m->out.size = 0;
  return text;
}

/* --- clients on it */

typedef struct h2_world {
  memory_stream *stream;
  hc_client *a, *b; /* on the one connection */
} h2_world;

static inline void h2_world_open(h2_world *w) {
  w->stream = memory_stream_new();
  w->a = hc_client_new();
  w->b = hc_client_new();
  if (!w->a || !w->b) abort();
  hc_client_get_settings(w->a)->version = HC_VERSION_2;
  if (hc_client_set_stream(w->a, &w->stream->common) != HC_OK ||
      hc_client_join(w->b, w->a, NULL) != HC_OK)
    abort();
  memory_say(w->stream, "S|SA");
  (void)hc_client_poll(w->a);
  (void)memory_heard(w->stream);
}

static inline void h2_world_close(h2_world *w) {
  hc_client_delete(w->a);
  hc_client_delete(w->b);
  hc_stream_peer_release(&w->stream->common);
}

static inline hc_error h2_world_ask(hc_client *c, hc_method method) {
  hc_client_request_spec spec = {.method = (int)method, .url = HC_SLICE("/")};
  hc_slice line = HC_SLICE("Host: example.test");
  spec.lines = &line;
  spec.line_count = 1;
  return hc_client_request(c, &spec, NULL);
}

#endif
