/* test_large_file.c - files over 4 GiB, which are no matter of course where a long and a size_t
 * have 32 bits: read, written, sent and received behind that mark. The file is a hole but for its
 * end. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64 /* before all headers; the core does so by itself */
#endif
#include "scratch.h"

#include "../../core/client/client.h"
#include "../../core/platform/file.h"
#include "../../core/platform/socket_file.h"
#include "../../core/platform/stdio_file.h"

#define BEFORE ((uint64_t)5 * 1024 * 1024 * 1024 + 3) /* how far the hole goes */
#define TAIL "the end"
#define TAIL_SIZE (sizeof TAIL - 1)
#define WHOLE (BEFORE + TAIL_SIZE)

static void make_large(const char *name) {
  int file = new_file(name, "");
  loopback_need(lseek(file, (off_t)BEFORE, SEEK_SET) == (off_t)BEFORE, "lseek");
  loopback_need(write(file, TAIL, TAIL_SIZE) == (ssize_t)TAIL_SIZE, "write");
  (void)close(file);
}

static hc_file open_large(void) {
  hc_file file = HC_NO_FILE;
  loopback_need(hc_file_open(in_folder("large"), &file, NULL) == HC_OK, "the file");
  return file;
}

/* --- files */

static void check_reads(void) {
  hc_file file = open_large(), shared = HC_NO_FILE;
  hc_failure why = {HC_OK, ""};
  uint64_t length = 0, at = BEFORE + 4, size = 0;
  int64_t owner = 0;
  char into[16] = "";
  size_t got = 0;
  CHECK(hc_file_is_own(in_folder("large"), &size, &owner) && size == WHOLE);
  CHECK(hc_file_read_at(file, BEFORE, into, sizeof into, &got, &why) == HC_OK && got == TAIL_SIZE &&
        memcmp(into, TAIL, TAIL_SIZE) == 0);
  CHECK(hc_file_read_on(file, &at, into, sizeof into, &got, &why) == HC_OK && got == 3 &&
        memcmp(into, "end", 3) == 0 && at == WHOLE);
  CHECK(hc_file_share(file, 1, &shared, &length, &why) == HC_OK && length == WHOLE - 1);
  hc_file_close(shared);
  CHECK(hc_file_share(file, BEFORE, &shared, &length, &why) == HC_OK && length == TAIL_SIZE);
  hc_file_close(shared);
  hc_file_close(file);
}

static void check_writes(void) {
  make_large("grown");
  hc_file file = HC_NO_FILE;
  hc_failure why = {HC_OK, ""};
  uint64_t size = 0;
  int64_t owner = 0;
  size_t written = 0, got = 0;
  char into[16] = "";
  CHECK(hc_file_is_own(in_folder("grown"), &size, &owner) &&
        hc_file_open_present(in_folder("grown"), owner, &file, &why) == HC_OK);
  CHECK(hc_file_write(file, HC_SLICE(", and more"), &written, &why) == HC_OK && written == 10 &&
        hc_file_finish(file, &why) == HC_OK);
  CHECK(hc_file_is_own(in_folder("grown"), &size, &owner) && size == WHOLE + 10);
  hc_file_close(file);
  loopback_need(hc_file_open(in_folder("grown"), &file, NULL) == HC_OK, "the file");
  CHECK(hc_file_read_at(file, WHOLE, into, sizeof into, &got, &why) == HC_OK && got == 10 &&
        memcmp(into, ", and more", 10) == 0);
  hc_file_close(file);
}

static void check_position(void) {
  FILE *file = fopen(in_folder("large"), "rb");
  uint64_t at = 0;
  loopback_need(file && fseeko(file, (off_t)BEFORE + 2, SEEK_SET) == 0, "fseeko");
  /* Where a file may be another C library's, nothing is asked of it. */
  bool is_reachable = hc_stdio_is_reachable();
  CHECK(hc_stdio_position(file, &at) == is_reachable && at == (is_reachable ? BEFORE + 2 : 0));
  (void)fclose(file);
}

static void check_sends(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_file file = open_large();
  hc_failure why = {HC_OK, ""};
  uint64_t at = BEFORE;
  size_t sent = 0;
  char into[16] = "";
  CHECK(hc_socket_send_file(pair.ours, file, &at, SIZE_MAX, &sent, &why) == HC_IO_OK &&
        sent == TAIL_SIZE && at == WHOLE);
  CHECK(recv(pair.theirs, into, TAIL_SIZE, MSG_WAITALL) == (ssize_t)TAIL_SIZE &&
        memcmp(into, TAIL, TAIL_SIZE) == 0);
  CHECK(hc_socket_send_file(pair.ours, file, &at, 1, &sent, &why) == HC_IO_EOF && sent == 0);
  hc_file_close(file);
  loopback_close(&pair);
}

/* --- requests and answers */

typedef struct visit {
  hc_client *client;
  int listener, server;
} visit;

static void advance(visit *v, hc_status status) {
  for (int i = 0; i < 1000 && hc_client_get_status(v->client) != status; i++) {
    bool ready;
    (void)hc_client_wait(v->client, 10, &ready);
  }
  loopback_need(hc_client_get_status(v->client) == status, hc_status_name(status));
}

static void visit_open(visit *v) {
  unsigned port = 0;
  v->listener = loopback_listen("127.0.0.1", 4, &port);
  v->client = hc_client_new();
  loopback_need(v->client && hc_client_connect(v->client, HC_SLICE("127.0.0.1"), port,
                                               HC_CONNECT_PLAIN, NULL, NULL) == HC_OK,
                "connect");
  advance(v, HC_STATUS_CONNECTED);
  v->server = loopback_accept(v->listener);
}

static void visit_close(visit *v) {
  hc_client_delete(v->client);
  (void)close(v->server);
  (void)close(v->listener);
}

/* The server's view: what comes until `mark` is there, NUL-terminated. */
static void receive_until(int fd, const char *mark, char *into, size_t room) {
  size_t held = 0;
  into[0] = '\0';
  while (!strstr(into, mark)) {
    loopback_need(held + 1 < room && recv(fd, into + held, 1, 0) == 1, mark);
    into[++held] = '\0';
  }
}

static void request(visit *v, uint64_t offset, uint64_t length) {
  hc_client_request_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.method = HC_METHOD_PUT;
  spec.url = HC_SLICE("/");
  spec.body = (hc_body_source){
      .kind = HC_BODY_FILE, .file = open_large(), .file_offset = offset, .file_length = length};
  loopback_need(hc_client_request(v->client, &spec, NULL) == HC_OK, "request");
  (void)hc_client_poll(v->client);
}

static void check_uploads(void) {
  char head[1024], wanted[64];
  visit v;
  visit_open(&v);
  request(&v, BEFORE, TAIL_SIZE);
  receive_until(v.server, TAIL, head, sizeof head);
  CHECK(strstr(head, "Content-Length: 7\r\n") != NULL && strstr(head, "\r\n\r\n" TAIL) != NULL);
  visit_close(&v);

  visit_open(&v);
  request(&v, 0, WHOLE);
  receive_until(v.server, "\r\n\r\n", head, sizeof head);
  snprintf(wanted, sizeof wanted, "Content-Length: %llu\r\n", (unsigned long long)WHOLE);
  CHECK(strstr(head, wanted) != NULL);
  visit_close(&v);
}

/* A long answer into a file that is long already, as a continued download does it. */
static void check_download(void) {
  visit v;
  char head[1024];
  uint64_t moved = 0, size = 0;
  int64_t owner = 0;
  hc_file file = HC_NO_FILE;
  hc_failure why = {HC_OK, ""};
  make_large("download");
  visit_open(&v);
  request(&v, BEFORE, TAIL_SIZE);
  receive_until(v.server, TAIL, head, sizeof head);
  snprintf(head, sizeof head, "HTTP/1.1 206 Partial Content\r\nContent-Length: %llu\r\n\r\nsome",
           (unsigned long long)WHOLE);
  loopback_send(v.server, head);
  advance(&v, HC_STATUS_BODY);
  CHECK(hc_client_response_body_length(v.client) == (int64_t)WHOLE);
  loopback_need(hc_file_is_own(in_folder("download"), &size, &owner) &&
                    hc_file_open_present(in_folder("download"), owner, &file, &why) == HC_OK,
                "the download's file");
  CHECK(hc_client_body_to_file(v.client, file, &moved, &why) == HC_OK && moved == 4);
  CHECK(hc_file_is_own(in_folder("download"), &size, &owner) && size == WHOLE + 4);
  hc_file_close(file);
  visit_close(&v);
}

int main(void) {
  static const char *const names[] = {"large", "grown", "download"};
  make_folder();
  make_large("large");
  check_reads();
  check_writes();
  check_position();
  check_sends();
  check_uploads();
  check_download();
  remove_folder(names, sizeof names / sizeof names[0]);
  return check_report();
}
