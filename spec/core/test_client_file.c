/* test_client_file.c - bodies into files, most of it through the kernel: every byte gets there once
 * and in order, whatever the socket, the pipe or the file refuses, and no descriptor stays
 * behind. */
#include "faults.h"

#include <sys/resource.h>

#include "../../core/platform/file.h"
#include "../../core/client/client.h"
#include "../../core/base/limits.h"
#include "loopback.h"

#define BODY_SIZE ((size_t)5 * 1024 * 1024 + 333)

static char path[] = "/tmp/test_client_file_XXXXXX";
static char *body, *held;

/* What the server does behind the head. */
typedef struct script {
  const char *head;
  size_t size; /* bytes of the body that it sends */
  bool closes, stalls; /* and then: ends the connection, or waits until the client has ended it */
  const char *behind; /* bytes behind the body; NULL none */
  /* a byte of urgent data, which is no part of the stream, comes behind so many; 0 none */
  size_t urgent;
} script;

typedef struct world {
  script play;
  int listener, server;
  hc_client *client;
  pthread_t thread;
  bool is_joined;
  int file, descriptors;
  hc_failure why;
  uint64_t moved; /* by all calls */
} world;

static int count_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static bool send_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= (size_t)sent;
  }
  return true;
}

static void *serve(void *context) {
  const world *w = context;
  char byte;
  size_t first = w->play.urgent;
  bool sent =
      send_all(w->server, w->play.head, strlen(w->play.head)) && send_all(w->server, body, first);
  if (first > 0) (void)send(w->server, "!", 1, MSG_OOB | MSG_NOSIGNAL);
  sent = sent && send_all(w->server, body + first, w->play.size - first);
  if (sent && w->play.behind) (void)send_all(w->server, w->play.behind, strlen(w->play.behind));
  if (w->play.stalls)
    while (recv(w->server, &byte, 1, 0) > 0) continue;
  if (w->play.closes || w->play.stalls) (void)shutdown(w->server, SHUT_RDWR);
  return NULL;
}

static void advance(world *w, hc_status status) {
  for (int i = 0; i < 1000 && hc_client_get_status(w->client) < status; i++) {
    bool ready;
    (void)hc_client_wait(w->client, 10, &ready);
  }
  loopback_need(hc_client_get_status(w->client) == status, hc_status_name(status));
}

/* A client in BODY, and a file open with `flags`. */
static void begin(world *w, const script *play, bool blocking, int flags) {
  static char byte;
  unsigned port = 0;
  hc_client_request_spec spec;
  memset(&spec, 0, sizeof spec);
  *w = (world){.play = *play, .descriptors = count_descriptors()};
  w->listener = loopback_listen("127.0.0.1", 4, &port);
  w->file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);
  w->client = hc_client_new();
  loopback_need(w->file >= 0 && w->client, "file and client");
  loopback_need(hc_client_connect(w->client, HC_SLICE("127.0.0.1"), port, HC_CONNECT_PLAIN, NULL,
                                  &w->why) == HC_OK,
                "connect");
  advance(w, HC_STATUS_CONNECTED);
  w->server = loopback_accept(w->listener);
  spec.method = HC_METHOD_GET;
  spec.url = HC_SLICE("/");
  loopback_need(hc_client_request(w->client, &spec, &w->why) == HC_OK, "request");
  (void)hc_client_poll(w->client);
  while (recv(w->server, &byte, 1, 0) == 1 && byte != '*') continue; /* the last field is Accept */
  loopback_need(recv(w->server, held, 5, 0) == 5, "the request's end");
  loopback_need(pthread_create(&w->thread, NULL, serve, w) == 0, "thread");
  advance(w, HC_STATUS_BODY);
  hc_client_get_settings(w->client)->blocking = blocking;
}

static hc_error move(world *w, int file) {
  hc_error code = HC_OK;
  while (code == HC_OK && hc_client_get_status(w->client) == HC_STATUS_BODY) {
    bool ready;
    uint64_t moved = 0;
    if (!hc_client_get_settings(w->client)->blocking) (void)hc_client_wait(w->client, 10, &ready);
    code = hc_client_body_to_file(w->client, file, &moved, &w->why);
    w->moved += moved;
    CHECK(hc_client_body_received(w->client) == w->moved);
    if (hc_client_get_settings(w->client)->blocking && code == HC_OK)
      CHECK_CASE("one blocking call moves all", hc_client_get_status(w->client) != HC_STATUS_BODY);
  }
  return code;
}

static bool file_holds(const world *w, size_t size) {
  ssize_t got = pread(w->file, held, BODY_SIZE + 1, 0);
  return w->moved == size && got == (ssize_t)size && memcmp(held, body, size) == 0;
}

static void join(world *w) {
  if (!w->is_joined) (void)pthread_join(w->thread, NULL);
  w->is_joined = true;
}

static void end(world *w) {
  fault_end();
  hc_client_delete(w->client);
  (void)close(w->listener);
  (void)close(w->file);
  join(w);
  (void)close(w->server);
  CHECK_CASE("no descriptor stays", count_descriptors() == w->descriptors);
}

#define SIZED_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 5243213\r\n\r\n"
static const script sized = {.head = SIZED_HEAD, .size = BODY_SIZE};
static const script until_close = {
    .head = "HTTP/1.1 200 OK\r\n\r\n", .size = BODY_SIZE, .closes = true};

/* The call that fails, which one of them, how, and whether it does so for good; the body arrives
 * all the same. */
static void check_ways(void) {
  static const struct {
    const char *call;
    long left;
    int number;
    bool stays;
    int flags;
    // clang-format off: a case a line
  } cases[] = {
      {"none", 0, 0, false, 0},
      {"splice_in", 0, EINTR, false, 0},  {"splice_out", 1, EINTR, false, 0},
      {"splice_in", 0, EINVAL, false, 0}, {"splice_in", 1, ENOSYS, true, 0},    {"splice_in", 2, ENOMEM, false, 0},
      {"splice_in", 0, EAGAIN, false, 0}, {"splice_out", 0, EINVAL, false, 0},  {"splice_out", 2, EINVAL, true, 0},
      {"splice_out", 1, 0, false, 0},     {"pipe", 0, EMFILE, true, 0},         {"fcntl", 0, EPERM, true, 0},
      {"fcntl", 1, EBADF, false, 0},      {"fstat", 0, EIO, true, 0},           {"none", 0, 0, false, O_APPEND},
  };
  // clang-format on
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int kind = 0; kind < 4; kind++) {
      world w;
      begin(&w, kind & 1 ? &until_close : &sized, kind & 2, cases[i].flags);
      fault_set(cases[i].call, cases[i].left, cases[i].number);
      if (cases[i].stays) fault.plans[0].stays = true;
      CHECK_CASE(cases[i].call, move(&w, w.file) == HC_OK && w.why.code == HC_OK);
      CHECK_CASE(cases[i].call, (fault_end() > 0) == (strcmp(cases[i].call, "none") != 0));
      CHECK_CASE(cases[i].call, file_holds(&w, BODY_SIZE));
      CHECK(hc_client_get_status(w.client) ==
            (kind & 1 ? HC_STATUS_DISCONNECTED : HC_STATUS_CONNECTED));
      end(&w);
    }
  }
}

/* A file that takes no more: what it took is counted, and the rest comes with the next call. */
static void check_full(void) {
  for (int blocking = 0; blocking < 2; blocking++) {
    struct rlimit before, low;
    world w;
    begin(&w, &sized, blocking, 0);
    loopback_need(getrlimit(RLIMIT_FSIZE, &before) == 0, "getrlimit");
    low = (struct rlimit){.rlim_cur = 1234567, .rlim_max = before.rlim_max};
    loopback_need(setrlimit(RLIMIT_FSIZE, &low) == 0, "setrlimit");
    CHECK(move(&w, w.file) == HC_ERR_FILE_CANT_WRITE &&
          strcmp(w.why.text, "can't write the file: file too large") == 0);
    CHECK(file_holds(&w, 1234567) && hc_client_get_status(w.client) == HC_STATUS_BODY);
    loopback_need(setrlimit(RLIMIT_FSIZE, &before) == 0, "setrlimit");
    hc_failure_clear(&w.why);
    CHECK(move(&w, w.file) == HC_OK && file_holds(&w, BODY_SIZE));
    end(&w);
  }
}

/* The call that fails, and what the sentence says; what came before is in the file. */
static void check_failures(void) {
  static const struct {
    const char *call, *text;
    int number;
  } cases[] = {{"splice_in", "connection reset by peer", ECONNRESET},
               {"splice_in", "connection timed out", ETIMEDOUT},
               {"read", "bytes on their way to the file were lost", EIO}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int blocking = 0; blocking < 2; blocking++) {
      world w;
      begin(&w, &sized, blocking, 0);
      fault_set(cases[i].call, 0, cases[i].number);
      if (strcmp(cases[i].call, "read") == 0) fault_add("splice_out", 0, EINVAL, false);
      CHECK_CASE(cases[i].text, move(&w, w.file) == HC_ERR_CONNECTION_ERROR &&
                                    strcmp(w.why.text, cases[i].text) == 0);
      CHECK(fault_end() > 0 && hc_client_get_status(w.client) == HC_STATUS_CONNECTION_ERROR);
      CHECK(w.moved > 0 && w.moved < BODY_SIZE && file_holds(&w, (size_t)w.moved));
      end(&w);
    }
  }
}

static void check_cut_short(void) {
  for (int blocking = 0; blocking < 2; blocking++) {
    const script cut = {.head = SIZED_HEAD, .size = 3000000, .closes = true};
    world w;
    begin(&w, &cut, blocking, 0);
    CHECK(move(&w, w.file) == HC_ERR_CONNECTION_ERROR && file_holds(&w, 3000000));
    CHECK(strcmp(w.why.text, "the body was cut short: 3000000 of 5243213 bytes came") == 0);
    end(&w);
  }
}

static void check_silence(void) {
  for (int blocking = 0; blocking < 2; blocking++) {
    const script silent = {.head = SIZED_HEAD, .size = 3000000, .stalls = true};
    world w;
    begin(&w, &silent, blocking, 0);
    hc_client_get_settings(w.client)->idle_timeout = 0.2;
    hc_error code = move(&w, w.file);
    /* found by the read, or by the wait before it */
    CHECK(code == HC_ERR_TIMEOUT || code == HC_ERR_INVALID_PARAMETER);
    CHECK(hc_client_last_error(w.client)->code == HC_ERR_TIMEOUT && file_holds(&w, 3000000));
    end(&w);
  }
}

/* What is no part of the body stays where it is, and is nobody's. */
static void check_behind(void) {
  for (int blocking = 0; blocking < 2; blocking++) {
    const script more = {
        .head = SIZED_HEAD, .size = BODY_SIZE, .behind = "HTTP/1.1 200 OK\r\n\r\n"};
    world w;
    begin(&w, &more, blocking, 0);
    CHECK(move(&w, w.file) == HC_OK && file_holds(&w, BODY_SIZE));
    CHECK(hc_client_get_status(w.client) == HC_STATUS_CONNECTED);
    join(&w);
    CHECK(hc_client_poll(w.client) == HC_ERR_CONNECTION_ERROR);
    end(&w);
  }
}

/* The kernel gives nothing to a pipe where urgent data stands, and calls the socket readable all
 * the same. */
static void check_urgent_data(void) {
  for (int blocking = 0; blocking < 2; blocking++) {
    const script urgent = {.head = SIZED_HEAD, .size = BODY_SIZE, .urgent = 2000000};
    world w;
    begin(&w, &urgent, blocking, 0);
    CHECK(move(&w, w.file) == HC_OK && file_holds(&w, BODY_SIZE));
    CHECK(hc_client_get_status(w.client) == HC_STATUS_CONNECTED);
    end(&w);
  }
}

/* What the client holds already goes first, also where that is more than one look gives now. */
static void check_held_bytes(void) {
  world w;
  hc_slice view = {NULL, 0};
  begin(&w, &sized, false, 0);
  hc_client_get_settings(w.client)->read_chunk_size = 1000000;
  for (int i = 0; i < 1000 && view.size < 500000; i++) {
    bool ready;
    (void)hc_client_wait(w.client, 10, &ready);
    hc_client_body_peek(w.client, &view);
    hc_client_get_settings(w.client)->blocking = true; /* the next look fills it */
  }
  hc_client_get_settings(w.client)->read_chunk_size = 4096;
  CHECK(view.size >= 500000 && move(&w, w.file) == HC_OK && file_holds(&w, BODY_SIZE));
  end(&w);
}

/* Pieces as strings between those that went through the kernel, in blocking mode: the socket sleeps
 * as before. */
static void check_device_and_strings(void) {
  world w;
  uint64_t moved = 0;
  begin(&w, &sized, false, 0);
  fault_set_for_good("splice_out", EIO); /* a device is written to in the plain way */
  int device = open("/dev/null", O_WRONLY | O_CLOEXEC);
  loopback_need(device >= 0, "/dev/null");
  CHECK(hc_client_body_to_file(w.client, device, &moved, &w.why) == HC_OK && fault_end() == 0);
  (void)close(device);
  hc_slice view = {NULL, 0};
  while (moved < BODY_SIZE && hc_client_get_status(w.client) == HC_STATUS_BODY) {
    uint64_t more = 0;
    bool ready;
    (void)hc_client_wait(w.client, 10, &ready);
    hc_client_get_settings(w.client)->blocking = true;
    hc_client_body_peek(w.client, &view);
    CHECK(view.size > 0 && memcmp(view.data, body + moved, view.size) == 0);
    moved += view.size;
    hc_client_body_consume(w.client, view.size);
    hc_client_get_settings(w.client)->blocking = false;
    if (hc_client_get_status(w.client) != HC_STATUS_BODY) break;
    CHECK(hc_client_body_to_file(w.client, w.file, &more, &w.why) == HC_OK);
    moved += more;
  }
  CHECK(moved == BODY_SIZE && hc_client_get_status(w.client) == HC_STATUS_CONNECTED);
  end(&w);
}

int main(void) {
  int file = mkstemp(path);
  body = malloc(BODY_SIZE);
  held = malloc(BODY_SIZE + 1);
  loopback_need(file >= 0 && body && held, "memory");
  (void)close(file);
  for (size_t i = 0; i < BODY_SIZE; i++) body[i] = (char)(i * 2654435761u >> 13);
  (void)signal(SIGXFSZ, SIG_IGN);
  (void)alarm(60); /* a call that never comes back fails */
  check_ways();
  check_full();
  check_failures();
  check_cut_short();
  check_silence();
  check_behind();
  check_urgent_data();
  check_held_bytes();
  check_device_and_strings();
  (void)unlink(path);
  free(body);
  free(held);
  return check_report();
}
