/* test_stream_peer_tcp.c - TCP as a stream peer, and what the wrappers of stream_peer.c add to
 * every peer. */
#include <netinet/tcp.h>
#include <pthread.h>

#include "tcp_world.h"

static void check_fresh(void) {
  hc_stream_peer *peer = hc_tcp_new();
  hc_failure why[4] = {{HC_OK, ""}, {HC_OK, ""}, {HC_OK, ""}, {HC_OK, ""}};
  char into[4];
  size_t got = 9;
  hc_address address;
  hc_slice host;
  unsigned port = 9;
  loopback_need(peer != NULL, "memory");
  CHECK(hc_stream_peer_is_tcp(peer) && !hc_stream_peer_is_tcp(NULL) &&
        strcmp(peer->ops->name, "StreamPeerTCP") == 0);
  CHECK(hc_tcp_get_state(peer) == HC_TCP_NONE && hc_tcp_host(peer).size == 0 &&
        hc_tcp_port(peer) == 0);
  peer->ops->endpoint(peer, &host, &port);
  CHECK(host.size == 0 && port == 0);
  CHECK(hc_stream_peer_advance(peer, &why[0]) == HC_IO_ERROR && why[0].code == HC_ERR_UNCONFIGURED);
  CHECK(send_text(peer, "x", &why[1]) == HC_IO_ERROR && why[1].code == HC_ERR_UNCONFIGURED);
  CHECK(hc_stream_peer_recv(peer, into, 4, &got, &why[2]) == HC_IO_ERROR && got == 0);
  CHECK(hc_stream_peer_peek(peer, &why[3]) == HC_IO_ERROR && why[3].code == HC_ERR_UNCONFIGURED);
  CHECK(hc_stream_peer_available(peer) == 0);
  CHECK(!hc_tcp_remote_address(peer, &address) && !hc_tcp_local_address(peer, &address));
  hc_interest interest;
  hc_stream_peer_interest(peer, &interest);
  CHECK(interest.fd == -1 && interest.ready); /* nothing to wait for */
  hc_tcp_gather_small_sends(peer);
  hc_stream_peer_close(peer);
  hc_stream_peer_close(peer);
  hc_stream_peer_release(peer);
  hc_stream_peer_release(NULL);
}

static void check_exchange(const char *literal, const char *host) {
  world w = open_world(literal, host);
  hc_failure why = {HC_OK, ""};
  char into[16];
  size_t got;
  hc_address address;
  hc_slice named;
  unsigned port;
  CHECK(hc_slice_equal(hc_tcp_host(w.peer), hc_slice_of(host)) && hc_tcp_port(w.peer) == w.port);
  w.peer->ops->endpoint(w.peer, &named, &port);
  CHECK(hc_slice_equal(named, hc_slice_of(host)) && port == w.port);
  CHECK(hc_tcp_remote_address(w.peer, &address) && hc_address_port(&address) == w.port);
  CHECK(hc_tcp_local_address(w.peer, &address) && hc_address_port(&address) != 0);
  CHECK(send_text(w.peer, "ping", &why) == HC_IO_OK && recv(w.theirs, into, 16, 0) == 4);
  CHECK(hc_stream_peer_recv(w.peer, into, 16, &got, &why) == HC_IO_WANT_READ && got == 0);
  CHECK(hc_stream_peer_peek(w.peer, &why) == HC_IO_WANT_READ &&
        hc_stream_peer_available(w.peer) == 0);
  hc_interest interest;
  hc_stream_peer_interest(w.peer, &interest);
  CHECK(interest.fd >= 0 && !interest.ready && interest.deadline == HC_NEVER);
  loopback_send(w.theirs, "pong");
  CHECK(peer_readable(&w) && hc_stream_peer_peek(w.peer, &why) == HC_IO_OK &&
        hc_stream_peer_available(w.peer) == 4);
  CHECK(receives(w.peer, 16, "pong"));
  CHECK(shutdown(w.theirs, SHUT_WR) == 0 && peer_readable(&w));
  CHECK(hc_stream_peer_peek(w.peer, &why) == HC_IO_EOF);
  CHECK(hc_stream_peer_recv(w.peer, into, 16, &got, &why) == HC_IO_EOF && got == 0);
  /* Half-closed: what we send still arrives. */
  CHECK(hc_tcp_get_state(w.peer) == HC_TCP_CONNECTED &&
        send_text(w.peer, "more", &why) == HC_IO_OK);
  CHECK(recv(w.theirs, into, 16, 0) == 4 && why.code == HC_OK);
  hc_stream_peer_close(w.peer);
  CHECK(hc_tcp_get_state(w.peer) == HC_TCP_NONE && recv(w.theirs, into, 16, 0) == 0);
  CHECK(send_text(w.peer, "x", &why) == HC_IO_ERROR && why.code == HC_ERR_UNCONFIGURED);
  close_world(&w);
}

/* One object, several connections after each other; the host may be given as a view of its own. */
static void check_again(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  char into[4];
  CHECK(hc_tcp_connect(w.peer, hc_tcp_host(w.peer), w.port, NULL) == HC_OK);
  CHECK(hc_tcp_get_state(w.peer) == HC_TCP_CONNECTING);
  CHECK(recv(w.theirs, into, 4, 0) == 0); /* the old one was closed */
  (void)close(w.theirs);
  CHECK(bring(w.peer, NULL) == HC_IO_OK);
  w.theirs = loopback_accept(w.listener);
  loopback_send(w.theirs, "b");
  CHECK(peer_readable(&w) && receives(w.peer, 4, "b"));
  CHECK(hc_stream_peer_advance(w.peer, NULL) == HC_IO_OK);
  close_world(&w);
}

static bool has_no_delay(hc_stream_peer *peer) {
  hc_interest interest;
  int value = -1;
  socklen_t size = sizeof value;
  hc_stream_peer_interest(peer, &interest);
  loopback_need(getsockopt(interest.fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0,
                "TCP_NODELAY");
  return value != 0;
}

static bool sends(hc_stream_peer *peer, const char *bytes, size_t size) {
  hc_slice part = {bytes, size};
  size_t sent;
  return hc_stream_peer_send(peer, &part, 1, &sent, NULL) == HC_IO_OK && sent == size;
}

/* Nagle's algorithm has nothing to hold back before the second send, or the second segment. */
static void check_first_send(void) {
  static const char bytes[4096] = {0};
  world w = open_world("127.0.0.1", "127.0.0.1");
  CHECK(!has_no_delay(w.peer));
  CHECK(sends(w.peer, bytes, 500) && !has_no_delay(w.peer));
  CHECK(sends(w.peer, bytes, 1) && has_no_delay(w.peer));
  close_world(&w);
  w = open_world("127.0.0.1", "127.0.0.1");
  CHECK(sends(w.peer, bytes, sizeof bytes) && has_no_delay(w.peer));
  close_world(&w);
}

/* What was set counts for the connection that there is, and for those to come. */
static void check_no_delay(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  hc_tcp_send_at_once(w.peer);
  CHECK(has_no_delay(w.peer));
  hc_tcp_gather_small_sends(w.peer);
  CHECK(!has_no_delay(w.peer));
  for (int on = 0; on <= 1; on++) {
    (void)close(w.theirs);
    hc_stream_peer_close(w.peer);
    if (on != 0) hc_tcp_send_at_once(w.peer);
    else hc_tcp_gather_small_sends(w.peer);
    CHECK(hc_tcp_connect(w.peer, HC_SLICE("127.0.0.1"), w.port, NULL) == HC_OK &&
          bring(w.peer, NULL) == HC_IO_OK);
    w.theirs = loopback_accept(w.listener);
    CHECK(sends(w.peer, "a", 1) && sends(w.peer, "b", 1));
    CHECK(has_no_delay(w.peer) == (on != 0));
  }
  close_world(&w);
}

static void check_refused(void) {
  int holder;
  unsigned port = loopback_dead_port("127.0.0.1", &holder);
  hc_stream_peer *peer = hc_tcp_new();
  hc_failure why = {HC_OK, ""}, later = {HC_OK, ""}, at_send = {HC_OK, ""};
  char expected[80];
  loopback_need(peer != NULL, "memory");
  CHECK(hc_tcp_connect(peer, HC_SLICE("127.0.0.1"), port, NULL) == HC_OK);
  CHECK(hc_tcp_get_state(peer) == HC_TCP_CONNECTING); /* a literal needs no lookup */
  CHECK(bring(peer, &why) == HC_IO_ERROR && why.code == HC_ERR_CANT_CONNECT &&
        hc_tcp_get_state(peer) == HC_TCP_ERROR);
  (void)snprintf(expected, sizeof expected, "connection refused by 127.0.0.1 port %u", port);
  CHECK_CASE(why.text, strcmp(why.text, expected) == 0);
  CHECK(hc_stream_peer_advance(peer, &later) == HC_IO_ERROR && later.code == HC_ERR_CANT_CONNECT);
  CHECK(send_text(peer, "x", &at_send) == HC_IO_ERROR && at_send.code == HC_ERR_CANT_CONNECT);
  hc_interest interest;
  hc_stream_peer_interest(peer, &interest);
  CHECK(interest.fd == -1 && interest.ready);
  hc_stream_peer_release(peer);
  (void)close(holder);
}

static void check_unknown_names(void) {
  const hc_slice names[] = {HC_SLICE("no such name.invalid"), HC_SLICE("localhost\0.example"),
                            HC_SLICE("")};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hc_stream_peer *peer = hc_tcp_new();
    hc_failure why = {HC_OK, ""}, later = {HC_OK, ""};
    loopback_need(peer != NULL, "memory");
    CHECK(hc_tcp_connect(peer, names[i], 80, NULL) == HC_OK &&
          hc_tcp_get_state(peer) == HC_TCP_RESOLVING);
    while (hc_stream_peer_advance(peer, &why) == HC_IO_WANT_READ) {
      hc_interest interest;
      hc_stream_peer_interest(peer, &interest);
      CHECK((interest.deadline == HC_NEVER) == !hc_signal_can_be_lost());
      if (interest.fd < 0 || !loopback_await(interest.fd, POLLIN)) break;
    }
    CHECK(why.code == HC_ERR_CANT_RESOLVE && strncmp(why.text, "can't resolve ", 14) == 0);
    CHECK(hc_tcp_get_state(peer) == HC_TCP_CANT_RESOLVE);
    CHECK(hc_stream_peer_advance(peer, &later) == HC_IO_ERROR && later.code == HC_ERR_CANT_RESOLVE);
    hc_stream_peer_release(peer);
  }
}

/* --- breaks */

static void check_reset(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  hc_failure why[3] = {{HC_OK, ""}, {HC_OK, ""}, {HC_OK, ""}};
  char into[4];
  size_t got;
  loopback_send(w.theirs, "ab");
  CHECK(peer_readable(&w));
  loopback_reset(w.theirs);
  w.theirs = -1;
  hc_io io;
  while ((io = hc_stream_peer_recv(w.peer, into, 4, &got, &why[0])) == HC_IO_OK) CHECK(got == 2);
  CHECK(io == HC_IO_ERROR && why[0].code == HC_ERR_CONNECTION_ERROR &&
        hc_tcp_get_state(w.peer) == HC_TCP_ERROR);
  /* The system tells of a reset once, and of an end afterwards; here it stays an error. */
  CHECK(hc_stream_peer_recv(w.peer, into, 4, &got, &why[1]) == HC_IO_ERROR &&
        why[1].code == HC_ERR_CONNECTION_ERROR);
  CHECK(hc_stream_peer_peek(w.peer, NULL) == HC_IO_ERROR &&
        hc_stream_peer_advance(w.peer, NULL) == HC_IO_ERROR);
  CHECK(send_text(w.peer, "x", &why[2]) == HC_IO_ERROR && why[2].code == HC_ERR_CONNECTION_ERROR);
  close_world(&w);
}

/* The answer came before the reset that ends our upload: it is still read, and its end is no good
 * end. */
static void check_answer_before_reset(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  hc_failure why = {HC_OK, ""}, end = {HC_OK, ""};
  char into[4];
  size_t got;
  hc_interest interest;
  loopback_send(w.theirs, "early");
  hc_stream_peer_interest(w.peer, &interest);
  loopback_reset(w.theirs);
  w.theirs = -1;
  CHECK(loopback_await(interest.fd, POLLERR)); /* the reset is in */
  CHECK(send_text(w.peer, "x", &why) == HC_IO_ERROR && why.code == HC_ERR_CONNECTION_ERROR);
  CHECK(hc_tcp_get_state(w.peer) == HC_TCP_ERROR);
#if defined(__linux__)
  /* other systems throw away what was not read before a reset */
  CHECK(receives(w.peer, 16, "early"));
#endif
  hc_io io;
  while ((io = hc_stream_peer_recv(w.peer, into, 4, &got, &end)) == HC_IO_OK) continue;
  CHECK(io == HC_IO_ERROR && end.code == HC_ERR_CONNECTION_ERROR);
  close_world(&w);
}

/* The peer ended its side in good order, then refuses what we send: its bytes end in good order
 * still. */
static void check_answer_before_refusal(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  hc_failure why = {HC_OK, ""};
  char into[4];
  size_t got;
  loopback_send(w.theirs, "whole");
  (void)close(w.theirs);
  w.theirs = -1;
  CHECK(peer_readable(&w));
  while (send_text(w.peer, "x", &why) == HC_IO_OK) {
    hc_interest interest;
    hc_stream_peer_interest(w.peer, &interest);
    CHECK(loopback_await(interest.fd, POLLERR));
  }
  CHECK(why.code == HC_ERR_CONNECTION_ERROR &&
        (strcmp(why.text, "connection closed by peer") == 0 || !HAS_POSIX));
#if defined(__linux__)
  CHECK(receives(w.peer, 16, "whole") &&
        hc_stream_peer_recv(w.peer, into, 4, &got, NULL) == HC_IO_EOF);
#else
  while (hc_stream_peer_recv(w.peer, into, 4, &got, NULL) == HC_IO_OK) continue;
#endif
  close_world(&w);
}

/* --- files and blocking */

static void check_file(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  hc_failure why = {HC_OK, ""};
  char path[] = "/tmp/httpclient-test-XXXXXX", into[16];
  int file = mkstemp(path), folder = open("/tmp", O_RDONLY);
  uint64_t offset = 0;
  size_t moved;
  loopback_need(file >= 0 && unlink(path) == 0 && write(file, "content", 7) == 7, "mkstemp");
  CHECK(w.peer->ops->send_file(w.peer, file, &offset, 100, &moved, &why) == HC_IO_OK &&
        moved == 7 && offset == 7);
  CHECK(w.peer->ops->send_file(w.peer, file, &offset, 93, &moved, &why) == HC_IO_EOF && moved == 0);
  CHECK(recv(w.theirs, into, 16, 0) == 7 && memcmp(into, "content", 7) == 0);
  offset = 0;
  CHECK(w.peer->ops->send_file(w.peer, folder, &offset, 1, &moved, &why) == HC_IO_ERROR);
  CHECK(why.code == HC_ERR_FILE_CANT_READ && hc_tcp_get_state(w.peer) == HC_TCP_CONNECTED);
  CHECK(send_text(w.peer, "fine", NULL) == HC_IO_OK);
  hc_stream_peer_close(w.peer);
  hc_failure_clear(&why);
  CHECK(w.peer->ops->send_file(w.peer, file, &offset, 1, &moved, &why) == HC_IO_ERROR);
  CHECK(why.code == HC_ERR_UNCONFIGURED);
  (void)close(file);
  (void)close(folder);
  close_world(&w);
}

static void *send_in_pieces(void *argument) {
  const world *w = argument;
  for (const char *at = "abcdefgh"; *at != '\0'; at++) {
    char piece[2] = {*at, '\0'};
    loopback_send(w->theirs, piece);
    (void)sched_yield();
  }
  loopback_need(shutdown(w->theirs, SHUT_WR) == 0, "shutdown");
  return NULL;
}

static void check_blocking(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  pthread_t thread;
  char into[16];
  size_t got;
  loopback_need(pthread_create(&thread, NULL, send_in_pieces, &w) == 0, "thread");
  CHECK(w.peer->ops->recv_blocking(w.peer, into, 5, HC_FILL_ALL, HC_NEVER, &got, NULL) ==
            HC_IO_OK &&
        got == 5);
  CHECK(w.peer->ops->recv_blocking(w.peer, into + 5, 1, HC_FILL_SOME, HC_NEVER, &got, NULL) ==
            HC_IO_OK &&
        got == 1);
  CHECK(w.peer->ops->recv_blocking(w.peer, into + 6, 10, HC_FILL_ALL, HC_NEVER, &got, NULL) ==
            HC_IO_OK &&
        got == 2);
  CHECK(memcmp(into, "abcdefgh", 8) == 0);
  CHECK(w.peer->ops->recv_blocking(w.peer, into, 10, HC_FILL_ALL, HC_NEVER, &got, NULL) ==
            HC_IO_EOF &&
        got == 0);
  CHECK(hc_tcp_get_state(w.peer) == HC_TCP_CONNECTED && pthread_join(thread, NULL) == 0);
  close_world(&w);
}

/* --- bytes given back */

static void check_unread(void) {
  world w = open_world("127.0.0.1", "127.0.0.1");
  hc_interest interest;
  char into[4];
  size_t got;
  loopback_send(w.theirs, "net");
  CHECK(peer_readable(&w));
  CHECK(hc_stream_peer_unread(w.peer, HC_SLICE("")) == HC_OK);
  hc_stream_peer_interest(w.peer, &interest);
  CHECK(!interest.ready);
  CHECK(hc_stream_peer_unread(w.peer, HC_SLICE("later")) == HC_OK);
  CHECK(hc_stream_peer_unread(w.peer, HC_SLICE("first ")) == HC_OK);
  hc_stream_peer_interest(w.peer, &interest);
  CHECK(interest.ready && hc_stream_peer_peek(w.peer, NULL) == HC_IO_OK &&
        hc_stream_peer_available(w.peer) == 14);
  CHECK(receives(w.peer, 2, "fi") && receives(w.peer, 7, "rst lat"));
  /* The socket's bytes come by a later call. */
  CHECK(hc_stream_peer_unread(w.peer, HC_SLICE("at")) == HC_OK && receives(w.peer, 16, "ater"));
  CHECK(!w.peer->unread.data);
  CHECK(receives(w.peer, 16, "net") &&
        hc_stream_peer_recv(w.peer, into, 4, &got, NULL) == HC_IO_WANT_READ);
  CHECK(hc_stream_peer_unread(w.peer, HC_SLICE("forgotten")) == HC_OK);
#ifdef HC_TEST_HOOKS
  hc_memory_fail_after(0, 0);
  CHECK(hc_stream_peer_unread(w.peer, HC_SLICE("x")) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_stream_peer_available(w.peer) == 9);
#endif
  hc_stream_peer_close(w.peer);
  CHECK(hc_stream_peer_available(w.peer) == 0 && hc_stream_peer_peek(w.peer, NULL) == HC_IO_ERROR);
  CHECK(hc_stream_peer_retain(w.peer) == w.peer && w.peer->references == 2);
  hc_stream_peer_release(w.peer);
  CHECK(hc_tcp_get_state(w.peer) == HC_TCP_NONE);
  close_world(&w);
}

int main(void) {
  check_fresh();
  check_exchange("127.0.0.1", "127.0.0.1");
  check_exchange("127.0.0.1", "localhost");
  check_exchange("127.0.0.1", "127.1"); /* no literal for us: the system's lookup takes it */
  if (loopback_has("::1")) check_exchange("::1", "::1");
  check_again();
  check_first_send();
  check_no_delay();
  check_refused();
  check_unknown_names();
  if (loopback_has_resets()) {
    check_reset();
    check_answer_before_reset();
    check_answer_before_refusal();
  }
  check_file();
  check_blocking();
  check_unread();
  return check_report();
}
