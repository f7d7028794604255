/* test_connector.c - the race over a host's addresses. The clock is handed in, so nothing here
 * waits for it. */

#include "../../core/net/connector.h"
#include "../../core/base/limits.h"
#include "loopback.h"
#if HAS_POSIX
#include <sys/resource.h>
#endif

#define DELAY HC_ATTEMPT_DELAY_NS

static hc_connector *start(const hc_address *list, size_t count, uint64_t now) {
  hc_connector *c = NULL;
  CHECK(hc_connector_start(list, count, now, &c, NULL) == HC_OK && c);
  return c;
}

/* Polls at `now` for as long as descriptors have something, until it is decided. What reaches
 * `listener` (-1: there is none) meanwhile is taken from its queue, so that there is room for the
 * next. */
static hc_io run_beside(int listener, hc_connector *c, uint64_t now, hc_socket *connected,
                        hc_failure *why) {
  hc_io io;
  while ((io = hc_connector_poll(c, now, connected, why)) == HC_IO_WANT_WRITE) {
    hc_handle fd;
    unsigned events;
    uint64_t deadline;
    size_t ready = 0;
    hc_connector_interest(c, &fd, &events, &deadline);
    hc_wait_entry entries[2] = {{fd, events, 0}, {listener, HC_EVENT_READ, 0}};
    /* on a busy machine the third or fourth SYN may be the first to get in: 7 or 15 s */
    uint64_t limit = hc_clock_deadline(hc_clock_now(), 30);
    if (fd < 0 || hc_wait(entries, listener < 0 ? 1 : 2, limit, &ready) != HC_OK || ready == 0)
      break;
    if (entries[1].ready) (void)close(loopback_accept(listener));
  }
  return io;
}

static hc_io run(hc_connector *c, uint64_t now, hc_socket *connected, hc_failure *why) {
  return run_beside(-1, c, now, connected, why);
}

static unsigned remote_port(hc_socket s) {
  hc_address address;
  return hc_socket_peer_address(s, &address) ? hc_address_port(&address) : 0;
}

static void check_single(const char *literal) {
  unsigned port;
  int listener = loopback_listen(literal, 4, &port);
  if (listener < 0) return;
  hc_address address = loopback_address(literal, port);
  hc_connector *c = start(&address, 1, 1000);
  hc_socket s;
  hc_failure why = {HC_OK, ""};
  CHECK(run(c, 1000, &s, &why) == HC_IO_OK && s != HC_NO_SOCKET && remote_port(s) == port &&
        why.code == HC_OK);
  hc_socket again;
  /* handed over once */
  CHECK(hc_connector_poll(c, 1000, &again, NULL) == HC_IO_ERROR && again == HC_NO_SOCKET);
  hc_connector_delete(c);
  CHECK(hc_socket_peek(s, NULL) == HC_IO_WANT_READ); /* the winner outlives the race */
  hc_socket_close(s);
  (void)close(listener);
}

static void check_refused(void) {
  int holders[2];
  hc_address dead[2] = {
      loopback_address("127.0.0.1", loopback_dead_port("127.0.0.1", &holders[0])),
      loopback_address("127.0.0.2", loopback_dead_port("127.0.0.2", &holders[1]))};
  char expected[120];
  for (size_t count = 1; count <= 2; count++) {
    hc_connector *c = start(dead, count, 0);
    hc_socket s;
    hc_failure why = {HC_OK, ""};
    CHECK(run(c, 0, &s, &why) == HC_IO_ERROR && s == HC_NO_SOCKET &&
          why.code == HC_ERR_CANT_CONNECT);
    (void)snprintf(expected, sizeof expected, "connection refused by 127.0.0.1 port %u%s",
                   hc_address_port(&dead[0]), count == 1 ? "" : "; 2 addresses tried");
    CHECK_CASE(why.text, strcmp(why.text, expected) == 0);
    hc_connector_delete(c);
  }
  for (size_t i = 0; i < 2; i++) (void)close(holders[i]);
}

/* After a refusal the next address is tried at once, not after the delay. */
static void check_next_after_failure(void) {
  int holder;
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 4, &port);
  hc_address list[2] = {loopback_address("127.0.0.1", loopback_dead_port("127.0.0.1", &holder)),
                        loopback_address("127.0.0.1", port)};
  hc_connector *c = start(list, 2, 77);
  hc_socket s;
  CHECK(run(c, 77, &s, NULL) == HC_IO_OK && remote_port(s) == port);
  hc_socket_close(s);
  hc_connector_delete(c);
  (void)close(listener);
  (void)close(holder);
}

static void check_none(void) {
  hc_connector *c = start(NULL, 0, 0);
  hc_socket s;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_connector_poll(c, 0, &s, &why) == HC_IO_ERROR && s == HC_NO_SOCKET &&
        why.code == HC_ERR_CANT_CONNECT);
  hc_connector_delete(c);
  hc_connector_delete(NULL);
}

/* --- with addresses that do not answer */

static void check_race(const blackhole *hole) {
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 4, &port);
  hc_address list[2] = {loopback_address("127.0.0.1", hole->port),
                        loopback_address("127.0.0.1", port)};
  hc_connector *c = start(list, 2, 1000);
  hc_socket s;
  hc_handle single;
  unsigned events;
  uint64_t deadline;
  CHECK(hc_connector_poll(c, 1000, &s, NULL) == HC_IO_WANT_WRITE && s == HC_NO_SOCKET);
  hc_connector_interest(c, &single, &events, &deadline);
  CHECK(single >= 0 && events == HC_EVENT_WRITE && deadline == 1000 + DELAY);
  CHECK(hc_connector_poll(c, 1000 + DELAY - 1, &s, NULL) == HC_IO_WANT_WRITE);
  hc_connector_interest(c, &single, &events, &deadline);
  CHECK(events == HC_EVENT_WRITE && deadline == 1000 + DELAY);
  CHECK(run(c, 1000 + DELAY, &s, NULL) == HC_IO_OK && remote_port(s) == port);
  CHECK(s != single && fcntl(single, F_GETFD) == -1); /* the loser is closed */
  hc_socket_close(s);
  hc_connector_delete(c);
  (void)close(listener);
}

/* Two that do not answer: one descriptor for both, and the deadline of the third. */
static void check_group(const blackhole *hole) {
  if (!loopback_has_groups()) return;
  hc_address one = loopback_address("127.0.0.1", hole->port);
  hc_address three[3] = {one, one, one};
  hc_connector *c = start(three, 3, 0);
  hc_socket s;
  hc_handle single, group;
  unsigned events;
  uint64_t deadline;
  CHECK(hc_connector_poll(c, DELAY, &s, NULL) == HC_IO_WANT_WRITE);
  hc_connector_interest(c, &group, &events, &deadline);
  CHECK(group >= 0 && deadline == 2 * DELAY && events == HC_EVENT_READ);
  CHECK(hc_connector_poll(c, 2 * DELAY, &s, NULL) == HC_IO_WANT_WRITE);
  hc_connector_interest(c, &single, &events, &deadline);
  CHECK(single == group && deadline == HC_NEVER);
  hc_connector_delete(c);
  CHECK(fcntl(group, F_GETFD) == -1);
}

/* The answer of an early address wins though later attempts are under way, through the group's
 * descriptor. */
static void check_early_wins(blackhole *hole) {
  hc_address list[2] = {loopback_address("127.0.0.1", hole->port),
                        loopback_address("127.0.0.1", hole->port)};
  hc_connector *c = start(list, 2, 0);
  hc_socket s;
  CHECK(hc_connector_poll(c, DELAY, &s, NULL) == HC_IO_WANT_WRITE);
  /* Makes room: the SYN that the system sends again after a second gets in. (What is half open yet
   * may fill the queue once more, so room is made while that is waited for, too.) */
  for (size_t i = 0; i < hole->count; i++) hc_socket_close(hole->filling[i]);
  hole->count = 0;
  struct pollfd entry = {.fd = hole->listener, .events = POLLIN, .revents = 0};
  while (poll(&entry, 1, 0) > 0) (void)close(loopback_accept(hole->listener));
  CHECK(run_beside(hole->listener, c, DELAY, &s, NULL) == HC_IO_OK && remote_port(s) == hole->port);
  hc_socket_close(s);
  hc_connector_delete(c);
}

static size_t count_descriptors(void) {
  size_t count = 0;
  for (int fd = 0; fd < (HAS_POSIX ? 512 : 0); fd++) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

/* Many dead addresses before a live one: the descriptors stay few, and the live one is reached. */
static void check_many(const blackhole *hole) {
  enum { COUNT = 40 };
  hc_address list[COUNT];
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 4, &port);
  size_t before = count_descriptors(), most = 0;
  for (size_t i = 0; i < COUNT; i++)
    list[i] = loopback_address("127.0.0.1", i + 1 < COUNT ? hole->port : port);
  hc_connector *c = start(list, COUNT, 0);
  hc_socket s = HC_NO_SOCKET;
  for (unsigned i = 1; i + 1 < COUNT; i++) {
    hc_handle fd;
    unsigned events;
    uint64_t deadline;
    CHECK(hc_connector_poll(c, i * DELAY, &s, NULL) == HC_IO_WANT_WRITE);
    hc_connector_interest(c, &fd, &events, &deadline);
    CHECK(deadline == (i + 1) * DELAY && fd >= 0);
    size_t now = count_descriptors();
    if (now > most) most = now;
  }
  CHECK(!HAS_POSIX || most == before + HC_ATTEMPTS_MAX + (loopback_has_groups() ? 1 : 0));
  CHECK(run(c, (COUNT - 1) * DELAY, &s, NULL) == HC_IO_OK && remote_port(s) == port);
  hc_socket_close(s);
  hc_connector_delete(c);
  CHECK(count_descriptors() == before);
  (void)close(listener);
}

/* The families alternate, the first address's family first (RFC 8305 section 4): seen by the order
 * of the attempts. */
static void check_order(void) {
  blackhole hole;
  unsigned port;
  int holder;
  if (!loopback_has("::1")) return;
  if (!blackhole_open("::1", &hole)) {
    blackhole_close(&hole);
    return;
  }
  int listener = loopback_listen("127.0.0.1", 4, &port);
  unsigned dead = loopback_dead_port("::1", &holder);
  /* v6 v6 v6 v4: the IPv4 one is the second attempt. */
  hc_address list[4] = {loopback_address("::1", hole.port), loopback_address("::1", hole.port),
                        loopback_address("::1", dead), loopback_address("127.0.0.1", port)};
  hc_connector *c = start(list, 4, 0);
  hc_socket s;
  CHECK(hc_connector_poll(c, DELAY - 1, &s, NULL) == HC_IO_WANT_WRITE);
  CHECK(run(c, DELAY, &s, NULL) == HC_IO_OK && remote_port(s) == port);
  hc_socket_close(s);
  hc_connector_delete(c);
  (void)close(holder);
  (void)close(listener);
  blackhole_close(&hole);
}

/* --- shortages */

#if HAS_POSIX
static void check_no_descriptors(void) {
  struct rlimit before, none;
  loopback_need(getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
  none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
  hc_address address = loopback_address("127.0.0.1", 9);
  loopback_need(setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
  hc_connector *c = start(&address, 1, 0);
  hc_socket s;
  hc_failure why = {HC_OK, ""};
  hc_io io = hc_connector_poll(c, 0, &s, &why);
  loopback_need(setrlimit(RLIMIT_NOFILE, &before) == 0, "setrlimit");
  CHECK(io == HC_IO_ERROR &&
        strcmp(why.text, "can't open a socket: too many open files (127.0.0.1 port 9)") == 0);
  hc_connector_delete(c);
}

/* Without a group the newest attempt is shown, and the rest is looked at soon. */
static void check_no_group(const blackhole *hole) {
  struct rlimit before, none;
  hc_address list[2] = {loopback_address("127.0.0.1", hole->port),
                        loopback_address("127.0.0.1", hole->port)};
  hc_connector *c = start(list, 2, 0);
  hc_socket s;
  hc_handle fd;
  unsigned events;
  uint64_t deadline;
  CHECK(hc_connector_poll(c, DELAY, &s, NULL) == HC_IO_WANT_WRITE);
  loopback_need(getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
  none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
  loopback_need(setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
  uint64_t now = hc_clock_now();
  hc_connector_interest(c, &fd, &events, &deadline);
  loopback_need(setrlimit(RLIMIT_NOFILE, &before) == 0, "setrlimit");
  CHECK(fd >= 0 && events == HC_EVENT_WRITE && deadline > now &&
        deadline <= hc_clock_now() + 10000000u);
  if (loopback_has_groups()) { /* it can be made now */
    hc_connector_interest(c, &fd, &events, &deadline);
    CHECK(fd >= 0 && events == HC_EVENT_READ && deadline == HC_NEVER);
  }
  hc_connector_delete(c);
}

#endif

static void check_no_memory(void) {
#ifdef HC_TEST_HOOKS
  long live = hc_memory_live_blocks();
  hc_address address = loopback_address("127.0.0.1", 9);
  hc_connector *c;
  hc_failure why = {HC_OK, ""};
  hc_memory_fail_after(0, 0);
  CHECK(hc_connector_start(&address, 1, 0, &c, &why) == HC_ERR_OUT_OF_MEMORY && !c);
  CHECK(why.code == HC_ERR_OUT_OF_MEMORY && hc_memory_live_blocks() == live);
  hc_memory_fail_after(-1, 0);
#endif
}

int main(void) {
  blackhole hole;
  check_single("127.0.0.1");
  check_single("::1");
  check_refused();
  check_next_after_failure();
  check_none();
#if HAS_POSIX
  check_no_descriptors();
#endif
  check_no_memory();
  if (blackhole_open("127.0.0.1", &hole)) {
    check_race(&hole);
    check_group(&hole);
    check_many(&hole);
#if HAS_POSIX
    check_no_group(&hole);
#endif
    check_early_wins(&hole);
  } else {
    fprintf(stderr, "no way to leave a connect unanswered here: races skipped\n");
  }
  blackhole_close(&hole);
  check_order();
  return check_report();
}
