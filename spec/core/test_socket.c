/* test_socket.c - addresses, and what goes over one socket: bytes, files, ends, resets, and no
 * SIGPIPE. */
#include <pthread.h>
#include <signal.h>
#include "loopback.h"
#if HAS_POSIX
#include <sys/resource.h>
#endif

static const char *const families[] = {"127.0.0.1", "::1"};

/* --- addresses */

static void check_literals(void) {
  static const struct {
    const char *literal, *text; /* NULL: is none */
    unsigned is_ipv6;
  // clang-format off: a case a line
  } cases[] = {
      {"127.0.0.1", "127.0.0.1", 0}, {"255.255.255.255", "255.255.255.255", 0}, {"::1", "::1", 1},
      {"2001:DB8::0001", "2001:db8::1", 1}, {"::ffff:1.2.3.4", "::ffff:1.2.3.4", 1}, {"fe80::1%3999999998", "fe80::1%3999999998", 1},
#if HAS_POSIX /* elsewhere the loopback has another name */
      {"fe80::1%lo", "fe80::1%lo", 1}, {"fe80::1%1", "fe80::1%lo", 1},
#endif
      {"fe80::1%3999999999", "fe80::1%3999999999", 1},
      {"localhost", NULL, 0}, {"", NULL, 0}, {"127.1", NULL, 0}, {"1", NULL, 0}, {"0x7f.0.0.1", NULL, 0},
      {"127.0.0.256", NULL, 0}, {"127.0.0.1 ", NULL, 0}, {"[::1]", NULL, 0}, {"::1%", NULL, 0},
      {"fe80::1%no such zone", NULL, 0}, {"fe80::1%99999999999", NULL, 0}, {":::", NULL, 0}, {"127.0.0.1%lo", NULL, 0},
      {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff", NULL, 0},
  };
  // clang-format on
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_address address;
    char text[HC_ADDRESS_TEXT] = "";
    bool is_literal = hc_address_from_literal(hc_slice_of(cases[i].literal), 8080, &address);
    if (is_literal) hc_address_text(&address, text);
    bool is_right = is_literal == (cases[i].text != NULL);
    if (is_right && is_literal)
      is_right = strcmp(text, cases[i].text) == 0 && address.is_ipv6 == cases[i].is_ipv6 &&
                 hc_address_port(&address) == 8080;
    CHECK_CASE(cases[i].literal, is_right);
  }
  hc_address address;
  CHECK(!hc_address_from_literal((hc_slice){"127.0.0.1\0x", 11}, 80, &address));
  CHECK(hc_address_from_literal((hc_slice){"127.0.0.1x", 9}, 80, &address));
}

/* --- one connection */

static void check_bytes(const char *literal) {
  loopback_pair pair = loopback_connect(literal);
  hc_failure why = {HC_OK, ""};
  char into[16];
  size_t moved;
  CHECK((fcntl(pair.ours, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(hc_socket_peek(pair.ours, &why) == HC_IO_WANT_READ && hc_socket_available(pair.ours) == 0);
  CHECK(hc_socket_recv(pair.ours, into, sizeof into, &moved, &why) == HC_IO_WANT_READ &&
        moved == 0);
  hc_slice parts[] = {HC_SLICE("one"), HC_SLICE(""), HC_SLICE("two"), HC_SLICE("three")};
  CHECK(hc_socket_send(pair.ours, parts, 4, &moved, &why) == HC_IO_OK && moved == 11);
  CHECK(recv(pair.theirs, into, sizeof into, 0) == 11 && memcmp(into, "onetwothree", 11) == 0);
  CHECK(hc_socket_send(pair.ours, parts, 2, &moved, &why) == HC_IO_OK && moved == 3);
  CHECK(recv(pair.theirs, into, sizeof into, 0) == 3);
  CHECK(hc_socket_send(pair.ours, parts + 1, 1, &moved, &why) == HC_IO_OK && moved == 0);
  loopback_send(pair.theirs, "answer");
  CHECK(loopback_await(pair.ours, POLLIN));
  CHECK(hc_socket_peek(pair.ours, &why) == HC_IO_OK && hc_socket_available(pair.ours) == 6);
  CHECK(hc_socket_recv(pair.ours, into, 2, &moved, &why) == HC_IO_OK && moved == 2 &&
        memcmp(into, "an", 2) == 0);
  CHECK(hc_socket_recv(pair.ours, into, 16, &moved, &why) == HC_IO_OK && moved == 4);
  CHECK(shutdown(pair.theirs, SHUT_WR) == 0 && loopback_await(pair.ours, POLLIN));
  CHECK(hc_socket_peek(pair.ours, &why) == HC_IO_EOF);
  CHECK(hc_socket_recv(pair.ours, into, 16, &moved, &why) == HC_IO_EOF && moved == 0);
  /* only the peer's side has ended */
  CHECK(hc_socket_send(pair.ours, parts, 1, &moved, &why) == HC_IO_OK);
  hc_address remote, local;
  CHECK(hc_socket_peer_address(pair.ours, &remote) && hc_socket_local_address(pair.ours, &local));
  char text[HC_ADDRESS_TEXT];
  hc_address_text(&remote, text);
  CHECK(strcmp(text, literal) == 0 && hc_address_port(&remote) != 0 &&
        hc_address_port(&local) != 0);
  CHECK(why.code == HC_OK);
  loopback_close(&pair);
}

static void check_many_parts(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_slice parts[12];
  size_t moved;
  char into[16];
  for (size_t i = 0; i < 12; i++) parts[i] = (hc_slice){&"abcdefghijkl"[i], 1};
  CHECK(hc_socket_send(pair.ours, parts, 12, &moved, NULL) == HC_IO_OK && moved == 8);
  CHECK(recv(pair.theirs, into, sizeof into, 0) == 8 && memcmp(into, "abcdefgh", 8) == 0);
  loopback_close(&pair);
}

static void check_refused(const char *literal) {
  int holder;
  hc_address address = loopback_address(literal, loopback_dead_port(literal, &holder));
  hc_failure why = {HC_OK, ""};
  hc_socket s;
  hc_io io = hc_socket_connect(&address, &s, &why);
  if (io == HC_IO_WANT_WRITE) {
    io = loopback_finish(s, &address, &why);
    hc_socket_close(s);
  } else {
    CHECK(s == HC_NO_SOCKET);
  }
  CHECK(io == HC_IO_ERROR && why.code == HC_ERR_CANT_CONNECT &&
        strcmp(why.text, "connection refused") == 0);
  (void)close(holder);
}

/* Bound to the very port that it connects to, where nobody listens: TCP makes a connection of that.
 */
static void check_itself(const char *literal) {
  unsigned port;
  int s = loopback_bind(literal, &port);
  if (s < 0) return;
  hc_address address = loopback_address(literal, port);
  struct sockaddr_storage own = {0};
  socklen_t size = sizeof own;
  hc_failure why = {HC_OK, ""};
  loopback_need(getsockname(s, (struct sockaddr *)&own, &size) == 0, "getsockname");
  if (connect(s, (const struct sockaddr *)&own, size) == 0) {
    CHECK(hc_socket_connect_result(s, &address, &why) == HC_IO_ERROR &&
          why.code == HC_ERR_CANT_CONNECT);
    CHECK(strcmp(why.text, "connection refused") == 0);
  }
  (void)close(s);
}

/* A server that has spoken, or has ended its side, before anybody looked is a server all the
 * same. */
static void check_early_words(void) {
  for (int ends = 0; ends < 2; ends++) {
    unsigned port = 0;
    hc_socket s;
    hc_failure why = {HC_OK, ""};
    int listener = loopback_listen("127.0.0.1", 4, &port);
    hc_address address = loopback_address("127.0.0.1", port);
    hc_io io = hc_socket_connect(&address, &s, &why);
    loopback_need(io != HC_IO_ERROR, "connect");
    int theirs = loopback_accept(listener);
    loopback_need(send(theirs, "early", 5, 0) == 5, "send");
    if (ends) (void)close(theirs);
    loopback_need(loopback_await(s, POLLIN), "the bytes in time");
    CHECK(hc_socket_connect_result(s, &address, &why) == HC_IO_OK && why.code == HC_OK);
    if (!ends) (void)close(theirs);
    hc_socket_close(s);
    (void)close(listener);
  }
}

static void check_under_way(void) {
  blackhole hole;
  if (!blackhole_open("127.0.0.1", &hole)) {
    fprintf(stderr, "no way to leave a connect unanswered here: skipped\n");
    blackhole_close(&hole);
    return;
  }
  hc_address address = loopback_address("127.0.0.1", hole.port);
  hc_failure why = {HC_OK, ""};
  hc_socket s;
  CHECK(hc_socket_connect(&address, &s, &why) == HC_IO_WANT_WRITE);
  CHECK(hc_socket_connect_result(s, &address, &why) == HC_IO_WANT_WRITE && why.code == HC_OK);
  hc_socket_close(s);
  blackhole_close(&hole);
}

#if HAS_POSIX
static void check_no_descriptors(void) {
  struct rlimit before, none;
  loopback_need(getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
  none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
  hc_address address = loopback_address("127.0.0.1", 80);
  hc_failure why = {HC_OK, ""};
  hc_socket s = 7;
  hc_signal signal;
  int group;
  bool has_groups = loopback_has_groups();
  loopback_need(setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
  hc_io io = hc_socket_connect(&address, &s, &why);
  hc_error signal_error = hc_signal_open(&signal), group_error = hc_group_open(&group);
  loopback_need(setrlimit(RLIMIT_NOFILE, &before) == 0, "setrlimit");
  CHECK(io == HC_IO_ERROR && s == HC_NO_SOCKET && why.code == HC_ERR_CANT_CONNECT);
  CHECK(strcmp(why.text, "can't open a socket: too many open files") == 0);
  CHECK(signal_error == HC_ERR_CANT_ACQUIRE_RESOURCE && signal.read_end == 0 &&
        signal.write_end == 0);
  CHECK(group_error == (has_groups ? HC_ERR_CANT_ACQUIRE_RESOURCE : HC_OK) && group == -1);
}
#endif

static void check_reset(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_failure why = {HC_OK, ""};
  char into[4];
  size_t moved;
  loopback_reset(pair.theirs);
  pair.theirs = -1;
  CHECK(loopback_await(pair.ours, POLLIN));
  CHECK(hc_socket_recv(pair.ours, into, sizeof into, &moved, &why) == HC_IO_ERROR && moved == 0);
  CHECK(why.code == HC_ERR_CONNECTION_ERROR && strcmp(why.text, "connection reset by peer") == 0);
  loopback_close(&pair);
}

/* --- SIGPIPE: its default action would end this program */

static int file_with(const char *text) {
  char path[] = "/tmp/httpclient-test-XXXXXX";
  int fd = mkstemp(path);
  loopback_need(fd >= 0 && unlink(path) == 0, "mkstemp");
  loopback_need(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
  return fd;
}

static void check_sends_to_nobody(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_slice parts[] = {HC_SLICE("a"), HC_SLICE("b")};
  size_t moved;
  uint64_t offset = 0;
  int file = file_with("content");
  loopback_reset(pair.theirs);
  pair.theirs = -1;
  CHECK(loopback_await(pair.ours, POLLIN));
  hc_failure why[4] = {{HC_OK, ""}, {HC_OK, ""}, {HC_OK, ""}, {HC_OK, ""}};
  /* Windows says the same of a reset each time, POSIX's systems once */
  CHECK(hc_socket_send(pair.ours, parts, 1, &moved, &why[0]) == HC_IO_ERROR &&
        (why[0].code == HC_ERR_CONNECTION_ERROR || !HAS_POSIX));
  CHECK(hc_socket_send(pair.ours, parts, 1, &moved, &why[1]) == HC_IO_ERROR &&
        why[1].code == HC_ERR_UNAVAILABLE);
  CHECK(hc_socket_send(pair.ours, parts, 2, &moved, &why[2]) == HC_IO_ERROR && moved == 0);
  CHECK(hc_socket_send_file(pair.ours, file, &offset, 7, &moved, &why[3]) == HC_IO_ERROR &&
        moved == 0 && offset == 0);
  CHECK(why[3].code == HC_ERR_UNAVAILABLE &&
        (strcmp(why[3].text, "connection closed by peer") == 0 || !HAS_POSIX));
  (void)close(file);
  loopback_close(&pair);
}

#if HAS_POSIX
static bool sigpipe_is_waiting(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void check_sigpipe(void) {
  sigset_t set, before, after;
  loopback_need(sigemptyset(&set) == 0 && sigaddset(&set, SIGPIPE) == 0, "sigset");
  loopback_need(signal(SIGPIPE, SIG_DFL) != SIG_ERR, "signal");
  check_sends_to_nobody();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  check_sends_to_nobody();
  CHECK(!sigpipe_is_waiting());
  CHECK(raise(SIGPIPE) == 0 && sigpipe_is_waiting());
  check_sends_to_nobody();
  CHECK(sigpipe_is_waiting()); /* the host's own stays */
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &after) == 0 && sigismember(&after, SIGPIPE) == 1);
  int number = 0;
  CHECK(sigwait(&set, &number) == 0 && number == SIGPIPE && !sigpipe_is_waiting());
  CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
  check_sends_to_nobody();
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &after) == 0 && sigismember(&after, SIGPIPE) == 0);
}

#endif

/* --- files */

static void check_send_file(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_failure why = {HC_OK, ""};
  int file = file_with("0123456789");
  uint64_t offset = 2;
  size_t moved;
  char into[16];
  CHECK(hc_socket_send_file(pair.ours, file, &offset, 0, &moved, &why) == HC_IO_OK && moved == 0 &&
        offset == 2);
  CHECK(hc_socket_send_file(pair.ours, file, &offset, 5, &moved, &why) == HC_IO_OK && moved == 5 &&
        offset == 7);
  CHECK(recv(pair.theirs, into, sizeof into, 0) == 5 && memcmp(into, "23456", 5) == 0);
  CHECK(hc_socket_send_file(pair.ours, file, &offset, 100, &moved, &why) == HC_IO_OK &&
        moved == 3 && offset == 10);
  CHECK(hc_socket_send_file(pair.ours, file, &offset, 97, &moved, &why) == HC_IO_EOF &&
        moved == 0 && offset == 10);
  CHECK(recv(pair.theirs, into, sizeof into, 0) == 3 && memcmp(into, "789", 3) == 0);
  offset = UINT64_MAX;
  CHECK(why.code == HC_OK && lseek(file, 0, SEEK_CUR) == 10);
  CHECK(hc_socket_send_file(pair.ours, file, &offset, 1, &moved, &why) == HC_IO_ERROR);
  CHECK(why.code == HC_ERR_FILE_CANT_READ);
  (void)close(file);
  loopback_close(&pair);
}

static void check_bad_files(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  int ends[2];
  loopback_need(pipe(ends) == 0, "pipe");
  loopback_need(write(ends[1], "x", 1) == 1, "write");
  const int files[] = {open("/tmp", O_RDONLY), open("/dev/null", O_WRONLY),
                       HAS_POSIX ? ends[0] : -1, -1};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    hc_failure why = {HC_OK, ""};
    uint64_t offset = 0;
    size_t moved;
    CHECK(hc_socket_send_file(pair.ours, files[i], &offset, 1, &moved, &why) == HC_IO_ERROR);
    CHECK(why.code == HC_ERR_FILE_CANT_READ && moved == 0 && offset == 0);
  }
  hc_slice part = HC_SLICE("still fine");
  size_t moved;
  CHECK(hc_socket_send(pair.ours, &part, 1, &moved, NULL) == HC_IO_OK);
  for (size_t i = 0; i < 2; i++) (void)close(files[i]);
  (void)close(ends[0]);
  (void)close(ends[1]);
  loopback_close(&pair);
}

/* A blocking receive has cleared O_NONBLOCK; sending must not sleep for all that. */
static void check_send_after_blocking(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  char into[4];
  size_t moved;
  uint64_t offset = 0;
  int file = file_with("content");
  loopback_send(pair.theirs, "ab");
  CHECK(hc_socket_recv_blocking(pair.ours, into, 2, HC_FILL_ALL, &moved, NULL) == HC_IO_OK &&
        moved == 2);
  CHECK(fcntl(pair.ours, F_SETFL, 0) == 0);
  CHECK(hc_socket_recv(pair.ours, into, 2, &moved, NULL) == HC_IO_WANT_READ);
  CHECK(hc_socket_peek(pair.ours, NULL) == HC_IO_WANT_READ);
  loopback_fill(pair.ours);
  CHECK(hc_socket_send_file(pair.ours, file, &offset, 7, &moved, NULL) == HC_IO_WANT_WRITE &&
        offset == 0);
  (void)close(file);
  loopback_close(&pair);
}

/* --- words */

static void check_errno_text(void) {
  char space[HC_ERRNO_TEXT];
  CHECK(strcmp(hc_errno_text(ECONNREFUSED, space), "connection refused") == 0);
  CHECK(strcmp(hc_errno_text(-2147483647, space), "errno -2147483647") == 0);
}

int main(void) {
  check_literals();
  check_errno_text();
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    if (!loopback_has(families[i])) continue;
    check_bytes(families[i]);
    check_refused(families[i]);
    check_itself(families[i]);
  }
  check_early_words();
  check_many_parts();
  check_under_way();
#if HAS_POSIX
  check_no_descriptors();
  check_sigpipe();
#endif
  if (loopback_has_resets()) {
    check_sends_to_nobody();
    check_reset();
  }
  check_send_file();
  check_bad_files();
  if (HAS_POSIX) check_send_after_blocking(); /* there none is cleared */
  return check_report();
}
