/* tcp_world.h - for the tests of TCP as a stream peer: a listener that the test plays itself, the
 * connection to it, and its other end. */
#ifndef SPEC_TCP_WORLD_H
#define SPEC_TCP_WORLD_H

#include "../../core/stream/stream_peer_tcp.h"
#include "loopback.h"

/* Brings it to its end, waiting for what its interest says. */
static inline hc_io bring(hc_stream_peer *peer, hc_failure *why) {
  hc_io io;
  while ((io = hc_stream_peer_advance(peer, why)) == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) {
    hc_interest interest;
    size_t ready = 0;
    hc_stream_peer_interest(peer, &interest);
    CHECK(!interest.ready && (interest.fd >= 0 || interest.deadline != HC_NEVER));
    hc_wait_entry entry = {interest.fd, interest.events, 0};
    uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
    uint64_t until = interest.deadline < limit ? interest.deadline : limit;
    if (hc_wait(&entry, 1, until, &ready) != HC_OK || (ready == 0 && until == limit)) break;
  }
  return io;
}

typedef struct world {
  int listener, theirs;
  unsigned port;
  hc_stream_peer *peer;
} world;

static inline world open_world(const char *literal, const char *host) {
  world w;
  hc_failure why = {HC_OK, ""};
  w.listener = loopback_listen(literal, 4, &w.port);
  w.peer = hc_tcp_new();
  loopback_need(w.listener >= 0 && w.peer, "world");
  CHECK(hc_tcp_connect(w.peer, hc_slice_of(host), w.port, &why) == HC_OK);
  CHECK(bring(w.peer, &why) == HC_IO_OK && why.code == HC_OK &&
        hc_tcp_get_state(w.peer) == HC_TCP_CONNECTED);
  w.theirs = loopback_accept(w.listener);
  return w;
}

static inline void close_world(world *w) {
  hc_stream_peer_release(w->peer);
  if (w->theirs >= 0) (void)close(w->theirs);
  (void)close(w->listener);
}

static inline bool peer_readable(const world *w) {
  hc_interest interest;
  hc_stream_peer_interest(w->peer, &interest);
  return loopback_await(interest.fd, POLLIN);
}

static inline hc_io send_text(hc_stream_peer *peer, const char *text, hc_failure *why) {
  hc_slice part = hc_slice_of(text);
  size_t sent;
  return hc_stream_peer_send(peer, &part, 1, &sent, why);
}

static inline bool receives(hc_stream_peer *peer, size_t room, const char *expected) {
  char into[64];
  size_t got;
  hc_io io = hc_stream_peer_recv(peer, into, room, &got, NULL);
  return io == HC_IO_OK && hc_slice_equal((hc_slice){into, got}, hc_slice_of(expected));
}

#endif
