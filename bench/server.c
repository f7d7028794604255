/* server.c - the benchmark's own server, for what a general one cannot be told to do exactly: chunk
 * sizes, numbers of fields, uploads that are read and forgotten. One thread for each connection,
 * blocking. Not a web server.
 *
 *   server ports N     prints N port numbers that are free now
 *   server run         prints the port that it listens on, then serves until it is killed
 *
 *   GET /cl/BYTES                a body of so many bytes, with Content-Length
 *   GET /chunked/CHUNK/BYTES     the same in chunks of CHUNK bytes
 *   GET /gzip/BYTES              so many bytes in gzip members of a MiB each, with Content-Encoding
 *   GET /head/FIELDS             a head of so many fields, a body of two bytes
 *   POST anything                reads Content-Length bytes, then answers "ok" */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define HEAD_ROOM 16384u
#define SEND_ROOM 262144u      /* what one send takes, about */
#define LONGEST_CHUNK 65536u
#define MOST_PORTS 16
#define MOST_FIELDS 1024u

typedef struct connection {
  int fd;
  size_t size; /* bytes in `head`, which may go on behind the present request */
  char head[HEAD_ROOM + 1];
  char out[SEND_ROOM + LONGEST_CHUNK + 16];
} connection;

static void die(const char *what) {
  fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
  exit(1);
}

static bool send_all(connection *c, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(c->fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= (size_t)sent;
  }
  return true;
}

static bool send_text(connection *c, const char *text) { return send_all(c, text, strlen(text)); }

static void fill(char *bytes, size_t size) {
  uint32_t state = 1;
  for (size_t i = 0; i < size; i++) {
    state = state * 1664525u + 1013904223u;
    bytes[i] = (char)('a' + (state >> 24) % 26);
  }
}

static bool send_length(connection *c, uint64_t bytes) {
  char head[128];
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
           (unsigned long long)bytes);
  size_t size = strlen(head);
  fill(c->out, SEND_ROOM);
  /* A short body leaves together with its head, as from any server. */
  memcpy(c->out, head, size);
  size_t early = bytes < SEND_ROOM - size ? (size_t)bytes : SEND_ROOM - size;
  if (!send_all(c, c->out, size + early)) return false;
  for (uint64_t rest = bytes - early; rest > 0;) {
    size_t piece = rest < SEND_ROOM ? (size_t)rest : SEND_ROOM;
    if (!send_all(c, c->out, piece)) return false;
    rest -= piece;
  }
  return true;
}

static size_t put_chunk(char *out, size_t chunk) {
  int line = snprintf(out, 16, "%zx\r\n", chunk);
  fill(out + line, chunk);
  memcpy(out + (size_t)line + chunk, "\r\n", 2);
  return (size_t)line + chunk + 2;
}

#define CHUNKED_HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LAST_CHUNK "0\r\n\r\n"

static size_t put_text(char *out, const char *text) {
  size_t size = strlen(text);
  memcpy(out, text, size);
  return size;
}

/* A short body leaves in one piece: how many receives that takes is no matter of chance then. */
static bool send_few_chunks(connection *c, size_t chunk, uint64_t count) {
  size_t used = put_text(c->out, CHUNKED_HEAD);
  for (; count > 0; count--) used += put_chunk(c->out + used, chunk);
  used += put_text(c->out + used, LAST_CHUNK);
  return send_all(c, c->out, used);
}

static bool send_chunks(connection *c, size_t chunk, uint64_t bytes) {
  if (chunk == 0 || chunk > LONGEST_CHUNK || bytes % chunk != 0) return false;
  if (bytes / chunk * (chunk + 20) < SEND_ROOM) return send_few_chunks(c, chunk, bytes / chunk);
  size_t frame = 0, used = 0;
  while (used < SEND_ROOM) used += frame = put_chunk(c->out + used, chunk);
  if (!send_text(c, CHUNKED_HEAD)) return false;
  for (uint64_t rest = bytes / chunk; rest > 0;) {
    uint64_t chunks = rest < used / frame ? rest : used / frame;
    if (!send_all(c, c->out, (size_t)chunks * frame)) return false;
    rest -= chunks;
  }
  return send_text(c, LAST_CHUNK);
}

#define MEMBER ((size_t)1 << 20)

/* One member, `plain` coded; 0: it can't be made. */
static size_t pack(char *plain, char *coded, size_t room) {
  z_stream z;
  memset(&z, 0, sizeof z);
  if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
  z.next_in = (Bytef *)plain;
  z.avail_in = MEMBER;
  z.next_out = (Bytef *)coded;
  z.avail_out = (uInt)room;
  bool is_whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
  (void)deflateEnd(&z);
  return is_whole ? room - z.avail_out : 0;
}

static bool send_members(connection *c, const char *member, size_t size, uint64_t count) {
  char head[160];
  snprintf(head, sizeof head,
           "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %llu\r\n\r\n",
           (unsigned long long)(size * count));
  bool is_sent = size > 0 && send_text(c, head);
  for (; is_sent && count > 0; count--) is_sent = send_all(c, member, size);
  return is_sent;
}

static bool send_gzip(connection *c, uint64_t bytes) {
  char *plain = malloc(MEMBER), *coded = malloc(2 * MEMBER);
  bool is_sent = false;
  if (plain && coded && bytes % MEMBER == 0) {
    fill(plain, MEMBER);
    is_sent = send_members(c, coded, pack(plain, coded, 2 * MEMBER), bytes / MEMBER);
  }
  free(plain);
  free(coded);
  return is_sent;
}

static bool send_fields(connection *c, size_t fields) {
  if (fields == 0 || fields > MOST_FIELDS) return false;
  size_t used = (size_t)snprintf(c->out, SEND_ROOM, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n");
  for (size_t i = 1; i < fields; i++) {
    used += (size_t)snprintf(c->out + used, SEND_ROOM - used,
                             "X-Benchmark-Field-%03zu: value number %zu of the head\r\n", i, i);
  }
  used += (size_t)snprintf(c->out + used, SEND_ROOM - used, "\r\nok");
  return send_all(c, c->out, used);
}

static const char *find_field(const char *head, const char *name) {
  for (const char *line = strchr(head, '\n'); line; line = strchr(line, '\n')) {
    if (strncasecmp(++line, name, strlen(name)) == 0) return line + strlen(name);
  }
  return NULL;
}

static bool take_upload(connection *c, uint64_t early) {
  const char *length = find_field(c->head, "content-length:");
  uint64_t rest = length ? strtoull(length, NULL, 10) : 0;
  if (early > rest) return false;
  for (rest -= early; rest > 0;) {
    ssize_t got = recv(c->fd, c->out, rest < SEND_ROOM ? (size_t)rest : SEND_ROOM, 0);
    if (got <= 0) return false;
    rest -= (uint64_t)got;
  }
  c->size = 0;
  return send_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static bool answer_get(connection *c) {
  unsigned long long first = 0, second = 0;
  if (sscanf(c->head, "GET /cl/%llu", &first) == 1) return send_length(c, first);
  if (sscanf(c->head, "GET /chunked/%llu/%llu", &first, &second) == 2)
    return send_chunks(c, (size_t)first, second);
  if (sscanf(c->head, "GET /gzip/%llu", &first) == 1) return send_gzip(c, first);
  if (sscanf(c->head, "GET /head/%llu", &first) == 1) return send_fields(c, (size_t)first);
  return send_text(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

/* Reads a head and answers it; false ends the connection. */
static bool serve_one(connection *c) {
  char *end;
  c->head[c->size] = '\0';
  while (!(end = strstr(c->head, "\r\n\r\n"))) {
    if (c->size == HEAD_ROOM) return false;
    ssize_t got = recv(c->fd, c->head + c->size, HEAD_ROOM - c->size, 0);
    if (got <= 0) return false;
    c->size += (size_t)got;
    c->head[c->size] = '\0';
  }
  end[2] = '\0';
  size_t rest = c->size - (size_t)(end + 4 - c->head);
  if (strncmp(c->head, "POST ", 5) == 0) return take_upload(c, rest);
  bool alive = answer_get(c);
  memmove(c->head, end + 4, rest);
  c->size = rest;
  return alive;
}

static void *serve(void *argument) {
  connection *c = argument;
  while (serve_one(c)) {
  }
  close(c->fd);
  free(c);
  return NULL;
}

static int listen_on(uint16_t port, unsigned *bound) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&address, size) != 0 || listen(fd, 1024) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
    die("listen");
  }
  *bound = ntohs(address.sin_port);
  return fd;
}

static void start_connection(int fd) {
  pthread_t thread;
  int one = 1;
  connection *c = malloc(sizeof *c);
  if (!c || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) die("connection");
  c->fd = fd;
  c->size = 0;
  if (pthread_create(&thread, NULL, serve, c) != 0) die("thread");
  pthread_detach(thread);
}

static void run(void) {
  unsigned port;
  int listener = listen_on(0, &port);
  /* Whatever happens to the script that started it, the server goes with it. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) die("prctl");
  printf("%u\n", port);
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0) start_connection(fd);
    else if (errno != EINTR && errno != ECONNABORTED) die("accept");
  }
}

static void print_ports(int count) {
  unsigned port;
  for (int i = 0; i < count && i < MOST_PORTS; i++) {
    listen_on(0, &port); /* stays open to the end, so that no port comes twice */
    printf("%u\n", port);
  }
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "ports") == 0) print_ports(atoi(argv[2]));
  else if (argc == 2 && strcmp(argv[1], "run") == 0) run();
  else return 2;
  return 0;
}
