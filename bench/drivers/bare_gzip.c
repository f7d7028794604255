/* bare_gzip.c - the least that decoding a gzip body needs: recv, zlib's inflate, and write where it
 * goes to a file. It knows that the body is made of whole members and ends where the count is
 * full. */
#define _GNU_SOURCE /* memmem */
#include "bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

static char coded[65536], decoded[65536];

/* Decodes `size` bytes; returns how many that made. */
static uint64_t decode(z_stream *z, size_t size, char *from, int out) {
  uint64_t total = 0;
  z->next_in = (Bytef *)from;
  z->avail_in = (uInt)size;
  do {
    z->next_out = (Bytef *)decoded;
    z->avail_out = sizeof decoded;
    int result = inflate(z, Z_NO_FLUSH);
    size_t made = sizeof decoded - z->avail_out;
    if (out >= 0 && write(out, decoded, made) != (ssize_t)made)
      bench_die("write: %s", strerror(errno));
    total += made;
    if (result == Z_STREAM_END) (void)inflateReset(z);
    else if (result != Z_OK && result != Z_BUF_ERROR) bench_die("inflate: %d", result);
  } while (z->avail_in > 0 || z->avail_out == 0);
  return total;
}

static void run(const bench_options *options, int out) {
  char request[512];
  bench_meter meter;
  z_stream z;
  uint64_t total = 0;
  int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                      options->path);
  int fd = bare_connect(options->port);
  memset(&z, 0, sizeof z);
  if (inflateInit2(&z, 15 + 16) != Z_OK) bench_die("inflateInit2");
  bench_meter_start(&meter);
  if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size) bench_die("send");
  ssize_t got = recv(fd, coded, sizeof coded, 0);
  const char *end = got > 0 ? memmem(coded, (size_t)got, "\r\n\r\n", 4) : NULL;
  if (!end) bench_die("no head in the first bytes");
  size_t head = (size_t)(end + 4 - coded);
  total = decode(&z, (size_t)got - head, coded + head, out);
  while (total < options->size) {
    got = recv(fd, coded, sizeof coded, 0);
    if (got <= 0) bench_die("recv");
    total += decode(&z, (size_t)got, coded, out);
  }
  bench_meter_stop(&meter);
  (void)inflateEnd(&z);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count, .bytes = total, .memory = -1});
}

void bare_gunzip(const bench_options *options) { run(options, -1); }

void bare_gunzip_file(const bench_options *options) {
  int out = open(options->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) bench_die("%s: %s", options->file, strerror(errno));
  run(options, out);
}
