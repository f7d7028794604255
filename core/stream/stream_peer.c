/* stream_peer.c - what all stream peers share: the count of references and the bytes given back.
 * See stream_peer.h.
 *
 * Everybody above calls these and never the table: the bytes that were given back have to come
 * before those that are still to be received, and watchers have to hear of a close while the
 * descriptor is still the stream's. */
#include "stream_peer.h"

#include <string.h>

#include "../platform/thread.h"

/* The first reference is the maker's. Nothing is given back yet, and nobody watches. */
void hc_stream_peer_init(hc_stream_peer *peer, const hc_stream_peer_ops *ops) {
  *peer = (hc_stream_peer){.ops = ops, .references = 1, .forks = hc_thread_forks()};
}

bool hc_stream_peer_is_inherited(const hc_stream_peer *peer) {
  return peer->forks != hc_thread_forks();
}

/* A plain count: streams stay on one thread. */
hc_stream_peer *hc_stream_peer_retain(hc_stream_peer *peer) {
  peer->references++;
  return peer;
}

/* Each is taken out before it is told, so that one which watches anew, or goes away, does not
 * disturb the walk. */
static void tell_watchers(hc_stream_peer *peer) {
  while (peer->watchers) {
    hc_stream_watcher *w = peer->watchers;
    hc_stream_peer_watch(NULL, w);
    w->closing(w);
  }
}

/* The buffer before the object: destroy frees the whole of it. */
void hc_stream_peer_release(hc_stream_peer *peer) {
  if (!peer || --peer->references > 0) return;
  tell_watchers(peer);
  hc_buffer_free(&peer->unread);
  peer->ops->destroy(peer);
}

/* Handed through: bytes that were given back say nothing of how far the stream itself has come. */
hc_io hc_stream_peer_advance(hc_stream_peer *peer, hc_failure *why) {
  return peer->ops->advance(peer, why);
}

/* What was given back does not matter here: the two directions have nothing to do with each other.
 * The count is set here, so that no slot has to do it where it refuses. */
hc_io hc_stream_peer_send(hc_stream_peer *peer, const hc_slice *parts, size_t count, size_t *sent,
                          hc_failure *why) {
  *sent = 0;
  peer->forks = hc_thread_forks();
  return peer->ops->send(peer, parts, count, sent, why);
}

/* Either from memory or from below, never both in one call: a short count is always allowed. */
static size_t take_unread(hc_buffer *unread, char *into, size_t room) {
  size_t held = hc_buffer_size(unread);
  size_t size = held < room ? held : room;
  memcpy(into, hc_buffer_head(unread), size);
  /* it is rarely needed, and a connection may live long */
  if (size == held) hc_buffer_free(unread);
  else hc_buffer_consume(unread, size);
  return size;
}

/* What was given back is older than anything that the stream can still give, so it comes first, and
 * it comes also from a stream that has ended or failed since. */
hc_io hc_stream_peer_recv(hc_stream_peer *peer, char *into, size_t room, size_t *got,
                          hc_failure *why) {
  *got = 0;
  if (hc_buffer_size(&peer->unread) == 0) return peer->ops->recv(peer, into, room, got, why);
  *got = take_unread(&peer->unread, into, room);
  return HC_IO_OK;
}

/* TLS alone has the slot: elsewhere an end either is one in good order, or is a failure. */
bool hc_stream_peer_is_tolerable_end(const hc_stream_peer *peer) {
  return peer->ops->is_tolerable_end && peer->ops->is_tolerable_end(peer);
}

/* Bytes in our own memory are an answer without a system call. */
hc_io hc_stream_peer_peek(hc_stream_peer *peer, hc_failure *why) {
  return hc_buffer_size(&peer->unread) > 0 ? HC_IO_OK : peer->ops->peek(peer, why);
}

/* Unread bytes make a stream not empty, whatever the kernel said. */
uint64_t hc_stream_peer_empty_at(hc_stream_peer *peer, uint64_t *step) {
  *step = 0;
  return peer->ops->empty_at && hc_buffer_size(&peer->unread) == 0 ? peer->ops->empty_at(peer, step)
                                                                   : 0;
}

/* Both are counts of memory, and still: a table of the host's may say anything. */
size_t hc_stream_peer_available(hc_stream_peer *peer) {
  size_t unread = hc_buffer_size(&peer->unread), more = peer->ops->available(peer);
  return more > SIZE_MAX - unread ? SIZE_MAX : unread + more;
}

/* A loop that slept on the descriptor would not learn of the bytes that are here already, so
 * `ready` says it. */
void hc_stream_peer_interest(hc_stream_peer *peer, hc_interest *out) {
  *out = (hc_interest){.fd = HC_NO_HANDLE, .deadline = HC_NEVER};
  peer->ops->interest(peer, out);
  if (hc_buffer_size(&peer->unread) > 0) out->ready = true;
}

/* Watchers first, while the descriptor still has its number: a moment later it may be somebody
 * else's. Bytes that were given back go too: behind a close nothing is read any more. */
void hc_stream_peer_close(hc_stream_peer *peer) {
  tell_watchers(peer);
  hc_buffer_free(&peer->unread);
  peer->ops->close(peer);
}

/* By a route there are three at most: TCP, TLS with the proxy, TLS with the origin. */
hc_stream_peer *hc_stream_peer_bottom(hc_stream_peer *peer) {
  for (hc_stream_peer *below = peer; below;
       below = peer->ops->below ? peer->ops->below(peer) : NULL)
    peer = below;
  return peer;
}

/* TLS asks this before it takes a stream to run over, since a circle of streams would never come to
 * an end; a client asks it when its own stream comes back to it wrapped in TLS. */
bool hc_stream_peer_stands_on(hc_stream_peer *peer, const hc_stream_peer *below) {
  while (peer && peer != below) peer = peer->ops->below ? peer->ops->below(peer) : NULL;
  return peer != NULL;
}

/* It is the lowest one that a host may have supplied. NULL has no bottom, and is in no call. */
bool hc_stream_peer_is_in_call(hc_stream_peer *peer) {
  const hc_stream_peer *bottom = hc_stream_peer_bottom(peer);
  return bottom && bottom->ops->in_call && bottom->ops->in_call(bottom);
}

/* TLS over a host's stream runs that host's code with every record, so the bottom answers for all
 * that stand on it. */
bool hc_stream_peer_runs_host(hc_stream_peer *peer) {
  return hc_stream_peer_bottom(peer)->ops->runs_host;
}

/* Few watch the same stream, so the list is walked. It hangs on the bottom, which has the
 * descriptor: whoever watches TLS hears of the close of the socket below. */
void hc_stream_peer_watch(hc_stream_peer *peer, hc_stream_watcher *w) {
  hc_stream_peer *bottom = hc_stream_peer_bottom(peer);
  if (w->peer == bottom) return;
  if (w->peer) {
    hc_stream_watcher **at = &w->peer->watchers;
    while (*at != w) at = &(*at)->next;
    *at = w->next;
  }
  w->peer = bottom;
  w->next = bottom ? bottom->watchers : NULL;
  if (bottom) bottom->watchers = w;
}

/* In front of what was given back before and not read since: the stream's order is kept. Both go to
 * a new block, and the old one stays as it is until that has worked out, so a failure loses
 * nothing. */
hc_error hc_stream_peer_unread(hc_stream_peer *peer, hc_slice bytes) {
  hc_buffer joined = {0};
  hc_slice later = {hc_buffer_head(&peer->unread), hc_buffer_size(&peer->unread)};
  if (bytes.size == 0 || !bytes.data) return HC_OK;
  if (later.size > SIZE_MAX - bytes.size) return HC_ERR_OUT_OF_MEMORY;
  char *at;
  size_t available;
  hc_error error = hc_buffer_reserve(&joined, bytes.size + later.size, SIZE_MAX, &at, &available);
  if (error != HC_OK) return error;
  memcpy(at, bytes.data, bytes.size);
  if (later.size > 0 && later.data) memcpy(at + bytes.size, later.data, later.size);
  hc_buffer_commit(&joined, bytes.size + later.size);
  hc_buffer_free(&peer->unread);
  peer->unread = joined;
  return HC_OK;
}
