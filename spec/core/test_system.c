/* test_system.c - system calls that fail, one by one: what a signal breaks off is made again, every
 * other error is told in words or gone around, and no descriptor stays behind. (test_oom.c lets
 * each call of a whole exchange fail.) */
#include "faults.h"

#include <signal.h>

#include "../../core/net/connector.h"
#include "../../core/platform/file.h"
#include "../../core/client/client.h"
#include "../../core/poller.h"
#include "../../core/platform/poller_backend.h"
#include "../../core/stream/tls/tls_internal.h"
#include "scratch.h"

#define MS 1000000u

/* --- connecting */

static void check_connect(void) {
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 4, &port), free_one = next_descriptor();
  hc_address address = loopback_address("127.0.0.1", port);
  hc_failure why = {HC_OK, ""};
  hc_socket s;
  fault_set("connect", 0, ENETUNREACH);
  CHECK(hc_socket_connect(&address, &s, &why) == HC_IO_ERROR && s == HC_NO_SOCKET &&
        fault_end() == 1);
  CHECK(says(&why, HC_ERR_CANT_CONNECT, "network is unreachable") && next_descriptor() == free_one);
  hc_failure_clear(&why);
  fault_set("connect", 0, EINTR);
  CHECK_CASE("a connect goes on behind a signal",
             hc_socket_connect(&address, &s, &why) == HC_IO_WANT_WRITE && fault_end() == 1);
  CHECK(loopback_finish(s, &address, &why) == HC_IO_OK && why.code == HC_OK);
  /* the quick question, and then the one that all systems know */
  fault_set("getsockopt", 0, EINVAL);
  CHECK(hc_socket_connect_result(s, &address, &why) == HC_IO_OK && fault_end() == 1);
  fault_set_for_good("getsockopt", ENOBUFS);
  CHECK(hc_socket_connect_result(s, &address, &why) == HC_IO_ERROR && fault_end() == 2);
  CHECK(says(&why, HC_ERR_CANT_CONNECT, "no buffer space"));
  hc_failure_clear(&why);
  hc_socket_close(s);
  (void)close(listener);
}

/* Of two addresses where this machine has a way to one only, that one's reason is told. */
static void check_connect_without_family(void) {
  static const struct {
    const char *call;
    int number;
  } cases[] = {{"socket", EAFNOSUPPORT}, {"connect", EADDRNOTAVAIL}};
  int holder;
  unsigned port = loopback_dead_port("127.0.0.1", &holder);
  hc_address addresses[] = {loopback_address("::1", port), loopback_address("127.0.0.1", port)};
  char expected[HC_FAILURE_TEXT];
  (void)snprintf(expected, sizeof expected,
                 "connection refused by 127.0.0.1 port %u; 2 addresses tried", port);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_connector *connector;
    hc_socket connected;
    hc_failure why = {HC_OK, ""};
    hc_io io;
    fault_set(cases[i].call, 0, cases[i].number);
    CHECK(hc_connector_start(addresses, 2, hc_clock_now(), &connector, NULL) == HC_OK &&
          fault_end() == 1);
    while ((io = hc_connector_poll(connector, hc_clock_now(), &connected, &why)) ==
           HC_IO_WANT_WRITE)
      (void)sched_yield();
    CHECK_CASE(why.text, io == HC_IO_ERROR && strcmp(why.text, expected) == 0);
    hc_connector_delete(connector);
  }
  (void)close(holder);
}

static void check_connect_poll(void) {
  blackhole hole;
  hc_socket s;
  hc_failure why = {HC_OK, ""};
  if (blackhole_open("127.0.0.1", &hole)) {
    hc_address address = loopback_address("127.0.0.1", hole.port);
    CHECK(hc_socket_connect(&address, &s, &why) == HC_IO_WANT_WRITE);
    fault_set("poll", 0, EINTR);
    CHECK(hc_socket_connect_result(s, &address, &why) == HC_IO_WANT_WRITE && why.code == HC_OK &&
          fault_end() == 1);
    fault_set("poll", 0, ENOMEM);
    CHECK(hc_socket_connect_result(s, &address, &why) == HC_IO_ERROR &&
          says(&why, HC_ERR_CANT_CONNECT, "out of memory") && fault_end() == 1);
    hc_socket_close(s);
  }
  blackhole_close(&hole);
}

/* --- moving bytes */

static void check_interrupted(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_slice parts[] = {HC_SLICE("one"), HC_SLICE("two")};
  char into[16];
  size_t moved;
  for (size_t count = 1; count <= 2; count++) {
    fault_set("send", 0, EINTR);
    CHECK(hc_socket_send(pair.ours, parts, count, &moved, NULL) == HC_IO_OK && moved == 3 * count &&
          fault_end() == 1);
    CHECK(recv(pair.theirs, into, sizeof into, 0) == (ssize_t)(3 * count));
  }
  loopback_send(pair.theirs, "answer");
  fault_set("recv", 0, EINTR);
  CHECK(hc_socket_peek(pair.ours, NULL) == HC_IO_OK && fault_end() == 1);
  fault_set("recv", 0, EINTR);
  CHECK(hc_socket_recv(pair.ours, into, 3, &moved, NULL) == HC_IO_OK && moved == 3 &&
        fault_end() == 1);
  fault_set("recv", 0, EINTR);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 3, HC_FILL_ALL, &moved, NULL) == HC_IO_OK &&
        moved == 3 && fault_end() == 1);
  hc_wait_entry entry = {pair.ours, HC_EVENT_WRITE, 0};
  fault_set("poll", 0, EINTR);
  CHECK(hc_wait(&entry, 1, HC_NEVER, &moved) == HC_OK && moved == 1 && fault_end() == 1);
  loopback_close(&pair);
}

static void check_broken(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  static const struct {
    int number;
    hc_error code;
    const char *text;
  } cases[] = {{ECONNRESET, HC_ERR_CONNECTION_ERROR, "connection reset by peer"},
               {ETIMEDOUT, HC_ERR_CONNECTION_ERROR, "connection timed out"},
               {EHOSTUNREACH, HC_ERR_CONNECTION_ERROR, "no route to host"},
               {ENETUNREACH, HC_ERR_CONNECTION_ERROR, "network is unreachable"},
               {ENETDOWN, HC_ERR_CONNECTION_ERROR, "network is down"},
               {ECONNABORTED, HC_ERR_CONNECTION_ERROR, "connection aborted"},
               {ENOTCONN, HC_ERR_CONNECTION_ERROR, "not connected"},
               {EPIPE, HC_ERR_UNAVAILABLE, "connection closed by peer"}};
  int file = new_file("body", "0123456789");
  hc_slice part = HC_SLICE("x");
  char into[4];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t moved = 9;
    uint64_t offset = 2;
    hc_failure why[3] = {{HC_OK, ""}, {HC_OK, ""}, {HC_OK, ""}};
    fault_set("send", 0, cases[i].number);
    CHECK(hc_socket_send(pair.ours, &part, 1, &moved, &why[0]) == HC_IO_ERROR && moved == 0 &&
          fault_end() == 1);
    CHECK(says(&why[0], cases[i].code, cases[i].text));
    fault_set("sendfile", 0, cases[i].number);
    CHECK(hc_socket_send_file(pair.ours, file, &offset, 5, &moved, &why[1]) == HC_IO_ERROR &&
          moved == 0 && offset == 2);
    CHECK(fault_end() == 1 && says(&why[1], cases[i].code, cases[i].text));
    fault_set("recv", 0, cases[i].number);
    CHECK(hc_socket_recv(pair.ours, into, 4, &moved, &why[2]) == HC_IO_ERROR && moved == 0 &&
          fault_end() == 1);
    CHECK(says(&why[2], HC_ERR_CONNECTION_ERROR, cases[i].text));
  }
  CHECK_CASE("nothing of the file went out", recv(pair.theirs, into, 4, MSG_DONTWAIT) < 0);
  (void)close(file);
  loopback_close(&pair);
}

/* Where the kernel does not send the file itself, it is read and sent. */
static void check_send_file(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  int file = new_file("body", "0123456789");
  static const struct {
    const char *call;
    int number;
  } cases[] = {{"sendfile", EINVAL},
               {"sendfile", ENOSYS},
               {"sendfile", EINTR},
               {"sigmask", EINVAL},
               {"fcntl", EBADF}};
  char into[16];
  size_t moved;
  uint64_t offset;
  hc_failure why = {HC_OK, ""};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    offset = 3;
    fault_set(cases[i].call, 0, cases[i].number);
    hc_io io = hc_socket_send_file(pair.ours, file, &offset, 5, &moved, &why);
    CHECK_CASE(cases[i].call, io == HC_IO_OK && moved == 5 && offset == 8 && fault_end() == 1);
    CHECK_CASE(cases[i].call, recv(pair.theirs, into, sizeof into, MSG_DONTWAIT) == 5 &&
                                  memcmp(into, "34567", 5) == 0);
  }
  static const struct {
    int number;
    hc_io io;
    const char *text;
  } reads[] = {{EINTR, HC_IO_OK, ""},
               {0, HC_IO_EOF, ""},
               {EIO, HC_IO_ERROR, "can't read the file: input/output error"}};
  for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
    offset = 3;
    hc_failure_clear(&why);
    fault_set("sendfile", 0, EINVAL);
    fault_add("pread", 0, reads[i].number, false);
    hc_io io = hc_socket_send_file(pair.ours, file, &offset, 5, &moved, &why);
    bool all = io == HC_IO_OK;
    CHECK_CASE(reads[i].text, io == reads[i].io && moved == (all ? 5 : 0) &&
                                  offset == (all ? 8 : 3) && fault_end() == 2);
    CHECK(io != HC_IO_ERROR || says(&why, HC_ERR_FILE_CANT_READ, reads[i].text));
    CHECK(recv(pair.theirs, into, sizeof into, MSG_DONTWAIT) == (all ? 5 : -1));
  }
  (void)close(file);
  loopback_close(&pair);
}

/* What came before an error is handed out first. */
static void check_blocking_error(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_failure why = {HC_OK, ""};
  char into[8];
  size_t moved;
  loopback_send(pair.theirs, "some");
  CHECK(shutdown(pair.theirs, SHUT_WR) == 0);
  fault_set("recv", 1, ETIMEDOUT);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 8, HC_FILL_ALL, &moved, &why) == HC_IO_OK &&
        moved == 4 && why.code == HC_OK);
  CHECK(fault_end() == 1);
  fault_set("recv", 0, ETIMEDOUT);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 8, HC_FILL_ALL, &moved, &why) == HC_IO_ERROR &&
        moved == 0 && fault_end() == 1);
  CHECK(says(&why, HC_ERR_CONNECTION_ERROR, "connection timed out"));
  loopback_close(&pair);
}

/* The flags of a socket can't be changed: no sleep is possible, and what has come is handed out. */
static void check_blocking(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_failure why = {HC_OK, ""};
  char into[8];
  size_t moved;
  fault_set_for_good("ioctl", EBADF);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 8, HC_FILL_ALL, &moved, &why) == HC_IO_ERROR &&
        moved == 0);
  CHECK(says(&why, HC_ERR_CONNECTION_ERROR, "bad descriptor"));
  loopback_send(pair.theirs, "some");
  CHECK(hc_socket_recv_blocking(pair.ours, into, 8, HC_FILL_ALL, &moved, &why) == HC_IO_OK &&
        moved == 4);
  CHECK(fault_end() > 0);
  loopback_send(pair.theirs, "more");
  CHECK(loopback_await(pair.ours, POLLIN) && hc_socket_available(pair.ours) == 4);
  fault_set("ioctl", 0, EBADF);
  CHECK(hc_socket_available(pair.ours) == 0 && fault_end() == 1);
  loopback_close(&pair);
}

/* --- what a socket is */

static void check_addresses(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_address address;
  int ends[2];
  fault_set("getpeername", 0, ENOTCONN);
  CHECK(!hc_socket_peer_address(pair.ours, &address) && fault_end() == 1);
  fault_set("getsockname", 0, ENOBUFS);
  CHECK(!hc_socket_local_address(pair.ours, &address) && fault_end() == 1);
  loopback_need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  CHECK_CASE("no address of the Internet", !hc_socket_peer_address(ends[0], &address) &&
                                               !hc_socket_local_address(ends[0], &address));
  (void)close(ends[0]);
  (void)close(ends[1]);
  loopback_close(&pair);
}

/* --- waiting, signals, groups */

static void check_waiting(void) {
  hc_wait_entry entry = {-1, 0, 0};
  size_t ready = 9;
  static const struct {
    int number;
    hc_error code;
  } cases[] = {{ENOMEM, HC_ERR_OUT_OF_MEMORY}, {EINVAL, HC_FAILED}};
  for (size_t i = 0; i < 2; i++) {
    fault_set("poll", 0, cases[i].number);
    CHECK(hc_wait(&entry, 1, HC_NEVER, &ready) == cases[i].code && ready == 0 && fault_end() == 1);
  }
  uint64_t begin = hc_clock_now();
  CHECK(hc_wait(&entry, 1, begin + 3 * MS, &ready) == HC_OK && ready == 0 &&
        hc_clock_now() >= begin + 3 * MS);
  fault_set("clock", 0, EINVAL);
  CHECK(hc_clock_now() == 0 && fault_end() == 1);
}

static void check_signal(void) {
  hc_signal signal;
  static const struct {
    int number;
    hc_error code;
  } cases[] = {{ENOMEM, HC_ERR_OUT_OF_MEMORY}, {EMFILE, HC_ERR_CANT_ACQUIRE_RESOURCE}};
  for (size_t i = 0; i < 2; i++) {
    int group = 9;
    fault_set("eventfd", 0, cases[i].number);
    CHECK(hc_signal_open(&signal) == cases[i].code && signal.read_end == 0 &&
          signal.write_end == 0 && fault_end() == 1);
    fault_set("epoll_create", 0, cases[i].number);
    CHECK(hc_group_open(&group) == cases[i].code && group == -1 && fault_end() == 1);
  }
  CHECK(hc_signal_open(&signal) == HC_OK);
  fault_set("write", 0, EINTR);
  hc_signal_raise(&signal);
  CHECK_CASE("a signal that was broken off is raised all the same",
             fault_end() == 1 && loopback_await(signal.read_end, POLLIN));
  hc_signal_close(&signal);
}

/* --- the poller */

static void check_backend(void) {
  hc_failure why = {HC_OK, ""};
  hc_poller *poller = NULL;
  int free_one = next_descriptor();
  fault_set("epoll_create", 0, EMFILE);
  CHECK(hc_poller_new(&poller, &why) == HC_ERR_CANT_ACQUIRE_RESOURCE && !poller &&
        fault_end() == 1);
  CHECK(why.text[0] != '\0' && next_descriptor() == free_one);
  hc_backend *backend = hc_backend_new(&why);
  hc_backend_event events[2];
  loopback_pair pair = loopback_connect("127.0.0.1");
  fault_set("epoll_ctl", 0, ENOSPC);
  CHECK(!hc_backend_watch(backend, pair.ours, HC_EVENT_READ, 7) && fault_end() == 1);
  CHECK(hc_backend_watch(backend, pair.ours, HC_EVENT_READ, 7));
  fault_set("epoll_ctl", 1, ENOMEM);
  CHECK_CASE("a change of what is watched",
             !hc_backend_watch(backend, pair.ours, HC_EVENT_WRITE, 8) && fault_end() == 1);
  CHECK(hc_backend_wait(backend, events, 2, 0) == 0);
  loopback_send(pair.theirs, "x");
  fault_set("epoll_wait", 0, EINTR);
  CHECK(hc_backend_wait(backend, events, 2, HC_NEVER) == 1 && events[0].key == 7 &&
        fault_end() == 1);
  fault_set("epoll_wait", 0, EBADF);
  CHECK(hc_backend_wait(backend, events, 2, HC_NEVER) == 0 && fault_end() == 1);
  loopback_close(&pair);
  hc_backend_delete(backend);
  hc_backend_delete(NULL);
}

/* One wait of the poller, within which the client must move. */
static bool moves(hc_poller *poller, void *tag) {
  return hc_poller_wait(poller, 10) == HC_OK && hc_poller_next(poller) == tag;
}

/* A client that the kernel does not watch is looked at instead: nothing hangs. */
static void check_unwatched(void) {
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 4, &port), tag;
  hc_client *client = hc_client_new();
  hc_poller *poller = NULL;
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/")};
  hc_slice view;
  char into[512];
  CHECK(hc_poller_new(&poller, NULL) == HC_OK &&
        hc_poller_add(poller, client, &tag, NULL) == HC_OK);
  fault_set_for_good("epoll_ctl", ENOSPC);
  CHECK(hc_client_connect(client, HC_SLICE("127.0.0.1"), port, HC_CONNECT_PLAIN, NULL, NULL) ==
        HC_OK);
  while (hc_client_get_status(client) == HC_STATUS_CONNECTING && moves(poller, &tag)) continue;
  CHECK(hc_client_get_status(client) == HC_STATUS_CONNECTED);
  int theirs = loopback_accept(listener);
  CHECK(hc_client_request(client, &spec, NULL) == HC_OK);
  CHECK(hc_poller_wait(poller, 0) == HC_OK && loopback_await(theirs, POLLIN) &&
        recv(theirs, into, sizeof into, 0) > 0);
  loopback_send(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  CHECK_CASE("the head is found",
             moves(poller, &tag) && hc_client_get_status(client) == HC_STATUS_BODY);
  hc_client_body_peek(client, &view);
  CHECK(view.size == 0);
  loopback_send(theirs, "body");
  CHECK_CASE("the body is found", moves(poller, &tag));
  hc_client_body_peek(client, &view);
  CHECK(hc_slice_equal(view, HC_SLICE("body")));
  hc_client_body_consume(client, view.size);
  CHECK(hc_client_get_status(client) == HC_STATUS_CONNECTED);
  (void)close(theirs);
  CHECK_CASE("the end is found",
             moves(poller, &tag) && hc_client_get_status(client) == HC_STATUS_CONNECTION_ERROR);
  CHECK(fault_end() > 0);
  hc_poller_delete(poller);
  hc_client_delete(client);
  (void)close(listener);
}

int main(void) {
  make_folder();
  check_connect();
  check_connect_without_family();
  check_connect_poll();
  check_interrupted();
  check_broken();
  check_send_file();
  check_blocking();
  check_blocking_error();
  check_addresses();
  check_waiting();
  check_signal();
  check_backend();
  check_unwatched();
  static const char *const names[] = {"body"};
  remove_folder(names, sizeof names / sizeof *names);
  return check_report();
}
