/* bare.c - the least that each workload needs, as a blocking C loop (epoll for many connections).
 * It is what the ratios in the report are ratios to: it knows beforehand what will come, so it
 * parses one answer and then only counts bytes. */
#include "bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 256           /* events that one epoll_wait takes */
#define REQUEST_SIZE 1024u
#define FIELDS 1024

extern char **environ;

typedef struct field {
  const char *name, *value;
  size_t name_size, value_size;
} field;

static char buffer[BENCH_BUFFER_SIZE];
static field fields[FIELDS];

int bare_connect(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) bench_die("socket: %s", strerror(errno));
  int one = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
    bench_die("TCP_NODELAY: %s", strerror(errno));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
    bench_die("connect: %s", strerror(errno));
  return fd;
}

static void send_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0) bench_die("send: %s", strerror(errno));
    bytes += sent;
    size -= (size_t)sent;
  }
}

static size_t receive(int fd, char *room, size_t size) {
  ssize_t got = recv(fd, room, size, 0);
  if (got <= 0) bench_die("recv: %s", got == 0 ? "end of the connection" : strerror(errno));
  return (size_t)got;
}

/* Every request of this driver: the three fields that the other clients send too, then `extra`. */
static bare_exchange make_exchange(const char *method, const bench_options *options,
                                   const char *extra) {
  bare_exchange exchange = {.request = bench_allocate(1, REQUEST_SIZE)};
  int size = snprintf(exchange.request, REQUEST_SIZE,
                      "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: bare/1.0 "
                      "(Linux)\r\nAccept: */*\r\n%s\r\n",
                      method, options->path, options->port, extra);
  if (size < 0 || (size_t)size >= REQUEST_SIZE) bench_die("the request is too long");
  exchange.request_size = (size_t)size;
  return exchange;
}

bare_exchange bare_get(const bench_options *options) { return make_exchange("GET", options, ""); }

static const char *find(const char *bytes, size_t size, const char *text) {
  size_t length = strlen(text);
  for (size_t i = 0; i + length <= size; i++) {
    if (strncasecmp(bytes + i, text, length) == 0) return bytes + i;
  }
  return NULL;
}

size_t bare_answer_size(const char *bytes, size_t size) {
  const char *end = find(bytes, size, "\r\n\r\n");
  if (!end) return 0;
  size_t head = (size_t)(end - bytes) + 4;
  const char *length = find(bytes, head, "\r\ncontent-length:");
  if (strncmp(bytes, "HTTP/1.1 200", 12) != 0 || !length)
    bench_die("unexpected answer: %.60s", bytes);
  return head + (size_t)strtoull(length + 17, NULL, 10);
}

/* Reads at least the head; returns the size of the whole answer, and in *got how much of it is
 * there. */
static size_t read_head(int fd, size_t *got) {
  size_t whole = 0;
  *got = 0;
  while (whole == 0) {
    if (*got == sizeof buffer) bench_die("the head does not fit");
    *got += receive(fd, buffer + *got, sizeof buffer - *got);
    whole = bare_answer_size(buffer, *got);
  }
  return whole;
}

static void learn(int fd, bare_exchange *exchange) {
  size_t got;
  send_all(fd, exchange->request, exchange->request_size);
  exchange->answer_size = read_head(fd, &got);
  while (got < exchange->answer_size) got += receive(fd, buffer, sizeof buffer);
  if (got != exchange->answer_size) bench_die("bytes behind the answer");
}

static void repeat(int fd, const bare_exchange *exchange) {
  send_all(fd, exchange->request, exchange->request_size);
  size_t got = 0;
  while (got < exchange->answer_size) got += receive(fd, buffer, sizeof buffer);
  if (got != exchange->answer_size) bench_die("the answer has another size than the first");
}

static void run_kept(const bench_options *options, bare_exchange exchange) {
  bench_meter meter;
  int fd = bare_connect(options->port);
  learn(fd, &exchange);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) repeat(fd, &exchange);
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count,
                              .bytes = options->count * exchange.answer_size,
                              .memory = -1});
}

static void kept_get(const bench_options *options) { run_kept(options, bare_get(options)); }

/* As kept_get, but sleeping in epoll_wait before each recv, as a client with a deadline does. */
static void kept_get_wait(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  struct epoll_event event = {.events = EPOLLIN};
  int fd = bare_connect(options->port);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
    bench_die("epoll: %s", strerror(errno));
  learn(fd, &exchange);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    send_all(fd, exchange.request, exchange.request_size);
    if (epoll_wait(poller, &event, 1, 10000) != 1) bench_die("epoll_wait found nothing");
    size_t got = 0;
    while (got < exchange.answer_size) got += receive(fd, buffer, sizeof buffer);
  }
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count,
                              .bytes = options->count * exchange.answer_size,
                              .memory = -1});
}

static void kept_post(const bench_options *options) {
  char extra[256];
  char *body = bench_allocate(1, options->size + 1);
  memset(body, 'x', options->size);
  snprintf(extra, sizeof extra, "Content-Type: text/plain\r\nContent-Length: %zu\r\n",
           (size_t)options->size);
  bare_exchange exchange = make_exchange("POST", options, extra);
  if (exchange.request_size + options->size >= REQUEST_SIZE) bench_die("the body is too long");
  memcpy(exchange.request + exchange.request_size, body, options->size);
  exchange.request_size += options->size;
  run_kept(options, exchange);
}

/* Finds the fields of a head as pairs of name and value: what there is to do before any table can
 * be made of them. */
static size_t split_fields(const char *bytes, size_t size) {
  size_t count = 0;
  const char *end = bytes + size;
  const char *line = memchr(bytes, '\n', size);
  while (line && ++line < end && *line != '\r' && count < FIELDS) {
    const char *next = memchr(line, '\n', (size_t)(end - line));
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!next || !colon || colon > next) bench_die("a field line without colon");
    fields[count++] = (field){.name = line,
                              .name_size = (size_t)(colon - line),
                              .value = colon + 2,
                              .value_size = (size_t)(next - colon) - 3};
    line = next;
  }
  return count;
}

static void kept_head(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  size_t found = 0;
  int fd = bare_connect(options->port);
  learn(fd, &exchange);
  if (exchange.answer_size > sizeof buffer) bench_die("the head does not fit");
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    size_t got = 0;
    send_all(fd, exchange.request, exchange.request_size);
    while (got < exchange.answer_size) got += receive(fd, buffer + got, sizeof buffer - got);
    found += split_fields(buffer, got);
  }
  bench_meter_stop(&meter);
  if (found != options->count * options->size)
    bench_die("%zu fields in all, not what was asked for", found);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count,
                              .bytes = options->count * exchange.answer_size,
                              .memory = -1});
}

/* What nobody who makes strings gets around: each piece is copied into new memory, and those of
 * before are given back some pieces later, as a collector does. */
static void copy_to_new_memory(size_t size) {
  static char *pieces[3];
  static size_t next;
  char **piece = &pieces[next++ % 3];
  free(*piece);
  *piece = malloc(size + 1);
  if (!*piece) bench_die("out of memory");
  memcpy(*piece, buffer, size);
}

static bool copies;

static uint64_t stream_rest(int fd, uint64_t rest, int out) {
  uint64_t total = 0;
  while (total < rest) {
    size_t got = receive(fd, buffer, sizeof buffer);
    if (copies) copy_to_new_memory(got);
    if (out >= 0 && write(out, buffer, got) != (ssize_t)got)
      bench_die("write: %s", strerror(errno));
    total += got;
  }
  return total;
}

static void run_stream(const bench_options *options, int out) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  size_t got;
  int fd = bare_connect(options->port);
  bench_meter_start(&meter);
  send_all(fd, exchange.request, exchange.request_size);
  size_t whole = read_head(fd, &got);
  uint64_t total = got;
  if (out >= 0) {
    const char *body = find(buffer, got, "\r\n\r\n") + 4;
    size_t early = got - (size_t)(body - buffer);
    if (write(out, body, early) != (ssize_t)early) bench_die("write: %s", strerror(errno));
  }
  total += stream_rest(fd, whole - got, out);
  bench_meter_stop(&meter);
  if (total != whole) bench_die("the body has the wrong size");
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count, .bytes = total, .memory = -1});
}

static void stream(const bench_options *options) { run_stream(options, -1); }

static void stream_and_copy(const bench_options *options) {
  copies = true;
  run_stream(options, -1);
}

static void stream_to_file(const bench_options *options) {
  int out = open(options->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) bench_die("%s: %s", options->file, strerror(errno));
  run_stream(options, out);
}

/* A chunked body as the bytes it is made of: counted to its known end, never decoded. */
static void stream_chunked(const bench_options *options) {
  static const char last[] = "\r\n0\r\n\r\n";
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  char tail[sizeof last - 1] = "";
  uint64_t total = 0;
  int fd = bare_connect(options->port);
  bench_meter_start(&meter);
  send_all(fd, exchange.request, exchange.request_size);
  do {
    size_t got = receive(fd, buffer, sizeof buffer);
    if (got >= sizeof tail) {
      memcpy(tail, buffer + got - sizeof tail, sizeof tail);
    } else {
      memmove(tail, tail + got, sizeof tail - got);
      memcpy(tail + sizeof tail - got, buffer, got);
    }
    total += got;
  } while (total < options->size || memcmp(tail, last, sizeof tail) != 0);
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count, .bytes = total, .memory = -1});
}

static void new_connections(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  int fd = bare_connect(options->port);
  learn(fd, &exchange);
  close(fd);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    fd = bare_connect(options->port);
    repeat(fd, &exchange);
    close(fd);
  }
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count,
                              .bytes = options->count * exchange.answer_size,
                              .memory = -1});
}

static bare_exchange upload_head(const bench_options *options) {
  char extra[128];
  snprintf(extra, sizeof extra,
           "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
           (unsigned long long)options->size);
  return make_exchange("POST", options, extra);
}

static void finish_upload(int fd, const bench_options *options, bench_meter *meter) {
  size_t got;
  size_t whole = read_head(fd, &got);
  while (got < whole) got += receive(fd, buffer, sizeof buffer);
  bench_meter_stop(meter);
  bench_report("bare", options, meter,
               (bench_result){.ops = options->count, .bytes = options->size, .memory = -1});
}

static bool stages;

/* By way of one small block, which stays in the processor's cache and which the kernel has read
 * before. */
static void send_body(int fd, const char *body, size_t size) {
  size_t piece = stages ? sizeof buffer : size;
  for (size_t sent = 0; sent < size; sent += piece) {
    if (piece > size - sent) piece = size - sent;
    if (stages) memcpy(buffer, body + sent, piece);
    send_all(fd, stages ? buffer : body + sent, piece);
  }
}

static void upload_string(const bench_options *options) {
  bare_exchange exchange = upload_head(options);
  bench_meter meter;
  char *body = bench_allocate(1, options->size);
  memset(body, 'x', options->size);
  int fd = bare_connect(options->port);
  bench_meter_start(&meter);
  send_all(fd, exchange.request, exchange.request_size);
  send_body(fd, body, options->size);
  finish_upload(fd, options, &meter);
}

static void upload_string_staged(const bench_options *options) {
  stages = true;
  upload_string(options);
}

static void upload_file(const bench_options *options) {
  bare_exchange exchange = upload_head(options);
  bench_meter meter;
  int in = open(options->file, O_RDONLY | O_CLOEXEC);
  if (in < 0) bench_die("%s: %s", options->file, strerror(errno));
  int fd = bare_connect(options->port);
  bench_meter_start(&meter);
  send_all(fd, exchange.request, exchange.request_size);
  for (uint64_t rest = options->size; rest > 0;) {
    ssize_t got = read(in, buffer, rest < sizeof buffer ? (size_t)rest : sizeof buffer);
    if (got <= 0) bench_die("%s: shorter than its size", options->file);
    send_all(fd, buffer, (size_t)got);
    rest -= (uint64_t)got;
  }
  finish_upload(fd, options, &meter);
}

typedef struct connection {
  int fd;
  size_t got;
} connection;

/* Answers one event: reads, and when the answer is whole, asks again while requests are left.
 * Counts what ended. */
static uint64_t advance(connection *c, const bare_exchange *exchange, uint64_t *left) {
  c->got += receive(c->fd, buffer, sizeof buffer);
  if (c->got < exchange->answer_size) return 0;
  c->got = 0;
  if (*left > 0) {
    --*left;
    send_all(c->fd, exchange->request, exchange->request_size);
  }
  return 1;
}

static void run_loop(int poller, connection *connections, const bench_options *options,
                     const bare_exchange *exchange) {
  struct epoll_event events[BATCH];
  uint64_t left = options->count, done = 0;
  for (size_t i = 0; i < options->busy && left > 0; i++, left--) {
    send_all(connections[i].fd, exchange->request, exchange->request_size);
  }
  while (done < options->count) {
    int ready = epoll_wait(poller, events, BATCH, 10000);
    if (ready <= 0) bench_die("epoll_wait found nothing");
    for (int i = 0; i < ready; i++) done += advance(events[i].data.ptr, exchange, &left);
  }
}

static void many(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  connection *connections = bench_allocate(options->connections, sizeof *connections);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) bench_die("epoll_create1: %s", strerror(errno));
  for (size_t i = 0; i < options->connections; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = &connections[i]}};
    connections[i].fd = bare_connect(options->port);
    learn(connections[i].fd, &exchange);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
      bench_die("epoll_ctl: %s", strerror(errno));
  }
  bench_meter_start(&meter);
  run_loop(poller, connections, options, &exchange);
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count,
                              .bytes = options->count * exchange.answer_size,
                              .memory = -1});
}

static void poll_idle(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  struct epoll_event event = {.events = EPOLLIN};
  int fd = bare_connect(options->port);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
    bench_die("epoll: %s", strerror(errno));
  learn(fd, &exchange);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    if (epoll_wait(poller, &event, 1, 0) != 0) bench_die("the connection is not idle");
  }
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter, (bench_result){.ops = options->count, .memory = -1});
}

static void memory(const bench_options *options) {
  bare_exchange exchange = bare_get(options);
  bench_meter meter;
  connection *connections = bench_allocate(options->connections, sizeof *connections);
  learn(bare_connect(options->port), &exchange);
  uint64_t before = bench_resident();
  bench_meter_start(&meter);
  for (size_t i = 0; i < options->connections; i++) {
    connections[i].fd = bare_connect(options->port);
    repeat(connections[i].fd, &exchange);
  }
  bench_meter_stop(&meter);
  double grown = (double)bench_resident() - (double)before;
  bench_report(
      "bare", options, &meter,
      (bench_result){.ops = options->connections, .memory = grown / (double)options->connections});
}

/* Runs the command behind "--" again and again; its resources are what is measured, not this
 * process's. */
static void spawn(const bench_options *options) {
  bench_meter meter;
  struct rusage usage;
  if (!options->command || !options->command[0]) bench_die("spawn needs a command behind --");
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    pid_t child;
    int status;
    int failure = posix_spawnp(&child, options->command[0], NULL, NULL, options->command, environ);
    if (failure != 0) bench_die("%s: %s", options->command[0], strerror(failure));
    if (waitpid(child, &status, 0) != child || status != 0)
      bench_die("%s failed", options->command[0]);
  }
  bench_meter_stop(&meter);
  if (getrusage(RUSAGE_CHILDREN, &usage) != 0) bench_die("no resource usage");
  meter.user = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
  meter.sys = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
  meter.cpu = meter.user + meter.sys;
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count, .memory = -1, .maxrss = usage.ru_maxrss});
}

static const struct {
  const char *name;
  bare_workload run;
} workloads[] = {
    {"get", kept_get},
    {"get_wait", kept_get_wait},
    {"post", kept_post},
    {"head", kept_head},
    {"stream", stream},
    {"stream_copy", stream_and_copy},
    {"file", stream_to_file},
    {"chunked", stream_chunked},
    {"gunzip", bare_gunzip},
    {"gunzip_file", bare_gunzip_file},
    {"new", new_connections},
    {"upload_string", upload_string},
    {"upload_string_staged", upload_string_staged},
    {"upload_file", upload_file},
    {"many", many},
    {"poll", poll_idle},
    {"memory", memory},
    {"spawn", spawn},
    {"tls_stream", bare_tls_stream},
    {"tls_new", bare_tls_new},
    {"tls_resumed", bare_tls_resumed},
    {"tls_poll", bare_tls_poll},
    {"tls_memory", bare_tls_memory},
    {"h2", bare_h2},
};

int main(int argc, char **argv) {
  bench_options options = bench_parse(argc, argv);
  for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
    if (strcmp(workloads[i].name, options.workload) == 0) {
      workloads[i].run(&options);
      return 0;
    }
  }
  bench_die("unknown workload `%s`", options.workload);
}
