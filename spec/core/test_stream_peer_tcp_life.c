/* test_stream_peer_tcp_life.c - TCP as a stream peer that is let go in every state, and one for
 * which memory is out at each allocation. */
#include "tcp_world.h"

static void check_release_early(void) {
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 16, &port);
  for (unsigned i = 0; i < 40; i++) {
    hc_stream_peer *peer = hc_tcp_new();
    loopback_need(peer != NULL, "memory");
    CHECK(hc_tcp_connect(peer, i % 2 ? HC_SLICE("127.1") : HC_SLICE("127.0.0.1"), port, NULL) ==
          HC_OK);
    hc_interest interest;
    if (i % 4 < 2) hc_stream_peer_interest(peer, &interest);
    if (i % 8 < 4) (void)hc_stream_peer_advance(peer, NULL);
    if (i % 3 == 0) hc_stream_peer_close(peer);
    hc_stream_peer_release(peer);
  }
  (void)close(listener);
}

#ifdef HC_TEST_HOOKS
/* The lookup (of a name, for us, that needs no name server), the answer's addresses, the connector:
 * it connects, or says that memory is out. */
static void check_name_without_memory(void) {
  long live = hc_memory_live_blocks();
  unsigned port, refused = 0, connected = 0;
  int listener = loopback_listen("127.0.0.1", 64, &port);
  for (long i = 0; i < 12; i++) {
    hc_stream_peer *peer = hc_tcp_new();
    hc_failure why = {HC_OK, ""};
    loopback_need(peer != NULL, "memory");
    hc_memory_fail_after(i, 0);
    hc_io io = HC_IO_ERROR;
    if (hc_tcp_connect(peer, HC_SLICE("127.1"), port, &why) == HC_OK) io = bring(peer, &why);
    hc_memory_fail_after(-1, 0);
    CHECK(io == HC_IO_OK ? hc_tcp_get_state(peer) == HC_TCP_CONNECTED
                         : why.code != HC_OK && why.text[0] != '\0');
    bool is_lookup = why.code == HC_ERR_CANT_RESOLVE; /* the worker had none for its answer */
    CHECK(io == HC_IO_OK || why.code == HC_ERR_OUT_OF_MEMORY ||
          (is_lookup && hc_tcp_get_state(peer) == HC_TCP_CANT_RESOLVE));
    if (io == HC_IO_OK) connected++;
    else refused++;
    hc_stream_peer_release(peer);
  }
  CHECK(refused >= 4 && hc_memory_live_blocks() == live);
  CHECK(connected >= 1);
  (void)close(listener);
}
#endif

static void check_no_memory(void) {
#ifdef HC_TEST_HOOKS
  long live = hc_memory_live_blocks();
  int refused = 0;
  hc_memory_fail_after(0, 0);
  CHECK(!hc_tcp_new());
  for (long i = 0; i < 8; i++) {
    hc_stream_peer *peer = hc_tcp_new();
    hc_failure why = {HC_OK, ""};
    loopback_need(peer != NULL, "memory");
    hc_memory_fail_after(i, 0);
    hc_error error = hc_tcp_connect(peer, HC_SLICE("127.0.0.1"), 9, &why);
    hc_memory_fail_after(-1, 0);
    CHECK(error == HC_OK || (error == HC_ERR_OUT_OF_MEMORY && why.code == error));
    CHECK(error == HC_OK || hc_tcp_get_state(peer) == HC_TCP_NONE);
    if (error != HC_OK) refused++;
    hc_stream_peer_release(peer);
  }
  CHECK(refused == 2 && hc_memory_live_blocks() == live); /* text, connector */
  check_name_without_memory();
#endif
}

int main(void) {
  check_no_memory();
  check_release_early();
  return check_report();
}
