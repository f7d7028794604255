/* test_api.c - the public C API as a host sees it, by its four headers alone: versions, settings by
 * number, structs of another version, the fields of a response, streams of the host's own. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/httpclient.h"
#include "../../core/poller.h"
#include "../../core/tls.h"
#include "check.h"

static bool is(hc_slice slice, const char *text) {
  return slice.size == strlen(text) &&
         (slice.size == 0 || memcmp(slice.data, text, slice.size) == 0);
}

static void check_version(void) {
  unsigned major = 0, minor = 0, patch = 0;
  CHECK(strcmp(hc_version(), HC_VERSION) == 0 && hc_version_number() == HC_VERSION_NUMBER &&
        hc_abi() == HC_ABI);
  CHECK(sscanf(HC_VERSION, "%u.%u.%u", &major, &minor, &patch) == 3);
  CHECK((major << 16 | minor << 8 | patch) == HC_VERSION_NUMBER);
  CHECK(hc_abi_fits());
}

/* --- settings */

static void check_settings(void) {
  static const struct {
    const char *name;
    hc_setting setting;
    double before, good[3], bad[4];
    // clang-format off: a case a line
  } cases[] = {
      {"blocking", HC_SETTING_BLOCKING, 0, {1, 0, 1}, {2, -1, 0.5, NAN}},
      {"in slices", HC_SETTING_IN_SLICES, 0, {1, 0, 1}, {2, -1, 0.5, NAN}},
      {"read chunk size", HC_SETTING_READ_CHUNK_SIZE, 65536, {256, 16777216, 4096}, {255, 16777217, 1000.5, NAN}},
      {"max header size", HC_SETTING_MAX_HEADER_SIZE, 65536, {1, 16777216, 4096}, {0, 16777217, 1000.5, NAN}},
      {"connect timeout", HC_SETTING_CONNECT_TIMEOUT, 0, {0.5, 1e300, 0}, {-1, -0.1, -INFINITY, NAN}},
      {"response timeout", HC_SETTING_RESPONSE_TIMEOUT, 0, {0.5, 1e300, 0}, {-1, -0.1, -INFINITY, NAN}},
      {"idle timeout", HC_SETTING_IDLE_TIMEOUT, 0, {0.5, 1e300, 0}, {-1, -0.1, -INFINITY, NAN}},
      {"address family", HC_SETTING_ADDRESS_FAMILY, 0, {4, 0, 6}, {5, -4, 4.5, NAN}},
  };
  // clang-format on
  hc_client *c = hc_client_new();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool holds = hc_client_get(c, cases[i].setting) == cases[i].before;
    for (size_t k = 0; k < 3; k++) {
      holds = holds && hc_client_set(c, cases[i].setting, cases[i].good[k]) == HC_OK;
      holds = holds && hc_client_get(c, cases[i].setting) == cases[i].good[k];
    }
    for (size_t k = 0; k < 4; k++) {
      holds =
          holds && hc_client_set(c, cases[i].setting, cases[i].bad[k]) == HC_ERR_INVALID_PARAMETER;
      holds = holds && hc_client_get(c, cases[i].setting) == cases[i].good[2];
    }
    CHECK_CASE(cases[i].name, holds);
  }
  CHECK(hc_client_set(c, (hc_setting)99, 1) == HC_ERR_INVALID_PARAMETER &&
        hc_client_get(c, (hc_setting)99) < 0);
  hc_client_delete(c);
}

/* --- a stream of the host's own: one end of a socket pair */

typedef struct line {
  int fd;
  bool shows_fd;
  unsigned closes, destroys;
  size_t lies; /* so many bytes more than were moved are told of */
  hc_stream_peer *self; /* to be called out of its own function */
  hc_error inner;
} line;

static hc_io outcome(ssize_t moved, hc_io wants, size_t lies, size_t *count) {
  if (moved < 0) return errno == EAGAIN ? wants : HC_IO_ERROR;
  *count = (size_t)moved + lies;
  return HC_IO_OK;
}

static void call_self(line *l) {
  hc_failure why = {HC_OK, ""};
  size_t got;
  char byte;
  if (l->self && hc_stream_peer_recv(l->self, &byte, 1, &got, &why) == HC_IO_ERROR)
    l->inner = why.code;
}

static hc_io line_send(void *context, hc_slice bytes, size_t *sent, hc_failure *why) {
  line *l = context;
  (void)why;
  call_self(l);
  return outcome(send(l->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT), HC_IO_WANT_WRITE,
                 l->lies ? bytes.size : 0, sent);
}

static hc_io line_recv(void *context, char *into, size_t room, size_t *got, hc_failure *why) {
  line *l = context;
  ssize_t moved = recv(l->fd, into, room, MSG_DONTWAIT);
  (void)why;
  return moved == 0 ? HC_IO_EOF : outcome(moved, HC_IO_WANT_READ, l->lies ? room : 0, got);
}

static hc_handle line_descriptor(void *context) {
  const line *l = context;
  return l->shows_fd ? l->fd : -1;
}

static void line_close(void *context) { ((line *)context)->closes++; }
static void line_destroy(void *context) { ((line *)context)->destroys++; }

static const hc_stream_functions functions = {line_send, line_recv, line_descriptor, line_close,
                                              line_destroy};

static hc_client *client_over(line *l, int *theirs) {
  int ends[2];
  hc_stream_peer *peer = NULL;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) exit(2);
  l->fd = ends[0];
  *theirs = ends[1];
  hc_client *c = hc_client_new();
  CHECK(hc_stream_new(&functions, l, &peer, NULL) == HC_OK &&
        hc_client_set_stream(c, peer) == HC_OK);
  hc_stream_peer_release(peer);
  return c;
}

static void put_away(hc_client *c, line *l, int theirs) {
  hc_client_delete(c);
  CHECK(l->closes == 1 && l->destroys == 1);
  (void)close(l->fd);
  (void)close(theirs);
}

static void put(int fd, const char *text) {
  if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) exit(2);
}

/* Sends a GET, has the other end answer, and waits for the head. (What came before the request
 * would be no answer to it.) */
static hc_error get(hc_client *c, int theirs, const char *answer) {
  hc_client_request_spec spec;
  bool ready;
  memset(&spec, 0, sizeof spec);
  spec.url = hc_slice_of("/");
  hc_error code = hc_client_request(c, &spec, NULL);
  if (code == HC_OK) code = hc_client_poll(c);
  if (code == HC_OK) put(theirs, answer);
  while (code == HC_OK && hc_client_get_status(c) == HC_STATUS_REQUESTING)
    code = hc_client_wait(c, 5, &ready);
  return code;
}

static const char trailed[] =
    "HTTP/1.0 299 Very Fine\r\nSet-Cookie: a=1\r\nX-Empty:\r\nset-cookie:  b=2 \r\n\r\n";
static const char chunked[] =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 9\r\n\r\n";

static void check_no_response(const hc_client *c) {
  hc_slice name, value;
  size_t index = 0;
  CHECK(hc_client_response_version(c) == 0 &&
        hc_client_response_field_count(c, HC_SECTION_HEADERS) == 0);
  CHECK(!hc_client_response_field(c, HC_SECTION_HEADERS, 0, &name, &value));
  CHECK(!hc_client_response_find(c, HC_SECTION_TRAILERS, hc_slice_of("a"), &index, &value));
}

static void check_fields(void) {
  line l = {.shows_fd = true};
  int theirs;
  hc_slice name, value;
  size_t index = 0;
  hc_client *c = client_over(&l, &theirs);
  check_no_response(c);
  CHECK(get(c, theirs, trailed) == HC_OK && hc_client_response_code(c) == 299 &&
        hc_client_response_version(c) == 10);
  CHECK(is(hc_client_response_reason(c), "Very Fine") &&
        hc_client_response_field_count(c, HC_SECTION_HEADERS) == 3);
  CHECK(hc_client_response_field(c, HC_SECTION_HEADERS, 0, &name, &value) &&
        is(name, "Set-Cookie") && is(value, "a=1"));
  CHECK(hc_client_response_field(c, HC_SECTION_HEADERS, 1, &name, NULL) && is(name, "X-Empty"));
  CHECK(hc_client_response_field(c, HC_SECTION_HEADERS, 1, NULL, &value) && is(value, ""));
  CHECK(!hc_client_response_field(c, HC_SECTION_HEADERS, 3, &name, &value));
  CHECK(!hc_client_response_field(c, HC_SECTION_HEADERS, SIZE_MAX, &name, &value));
  CHECK(hc_client_response_find(c, HC_SECTION_HEADERS, hc_slice_of("SET-COOKIE"), &index, &value));
  CHECK(index == 0 && is(value, "a=1"));
  index++;
  CHECK(hc_client_response_find(c, HC_SECTION_HEADERS, hc_slice_of("SET-COOKIE"), &index, &value));
  CHECK(index == 2 && is(value, "b=2"));
  index++;
  CHECK(!hc_client_response_find(c, HC_SECTION_HEADERS, hc_slice_of("SET-COOKIE"), &index, &value));
  index = SIZE_MAX;
  CHECK(!hc_client_response_find(c, HC_SECTION_HEADERS, hc_slice_of("SET-COOKIE"), &index, &value));
  put_away(c, &l, theirs);
}

static void check_trailers(void) {
  line l = {.shows_fd = true};
  int theirs;
  hc_slice view, value;
  size_t index = 0;
  hc_client *c = client_over(&l, &theirs);
  CHECK(get(c, theirs, chunked) == HC_OK && hc_client_response_version(c) == 11);
  CHECK(hc_client_response_field_count(c, HC_SECTION_TRAILERS) == 0);
  hc_client_body_peek(c, &view);
  CHECK(is(view, "hi"));
  hc_client_body_consume(c, view.size);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTED &&
        hc_client_response_field_count(c, HC_SECTION_TRAILERS) == 1);
  CHECK(hc_client_response_find(c, HC_SECTION_TRAILERS, hc_slice_of("x-sum"), &index, &value) &&
        is(value, "9"));
  put_away(c, &l, theirs);
}

/* --- what a host's stream may do */

static void check_blind_stream(void) {
  line l = {.shows_fd = false};
  int theirs;
  hc_client *c = client_over(&l, &theirs);
  hc_interest interest;
  CHECK(get(c, theirs, chunked) == HC_OK && hc_client_response_code(c) == 200);
  hc_client_interest(c, &interest);
  CHECK(interest.fd == -1 && (interest.ready || interest.deadline != HC_NEVER));
  put_away(c, &l, theirs);
}

static void check_lies(void) {
  line l = {.shows_fd = true, .lies = 1};
  int theirs;
  hc_client *c = client_over(&l, &theirs);
  CHECK(get(c, theirs, chunked) == HC_ERR_CONNECTION_ERROR &&
        strstr(hc_client_last_error(c)->text, "more than it was given room for"));
  put_away(c, &l, theirs);
}

static void check_own_call(void) {
  line l = {.shows_fd = true};
  int theirs;
  hc_client *c = client_over(&l, &theirs);
  l.self = hc_client_get_stream(c);
  CHECK(get(c, theirs, chunked) == HC_OK && l.inner == HC_ERR_BUSY);
  put_away(c, &l, theirs);
}

static void check_ends(void) {
  line l = {.shows_fd = true};
  int theirs;
  hc_client *c = client_over(&l, &theirs);
  (void)shutdown(theirs, SHUT_RDWR);
  CHECK(get(c, theirs, "") == HC_ERR_CONNECTION_ERROR);
  CHECK(l.closes == 1);
  put_away(c, &l, theirs);
}

/* --- structs of another version */

static void check_sizes_of_requests(void) {
  struct {
    hc_client_request_spec known;
    uint64_t future;
  } newer;
  line l = {.shows_fd = true};
  int theirs, file = open("/dev/null", O_RDONLY);
  hc_failure why = {HC_OK, ""};
  hc_client *c = client_over(&l, &theirs);
  memset(&newer, 0, sizeof newer);
  newer.known.url = hc_slice_of("/");
  newer.known.method = HC_METHOD_PUT;
  newer.known.body.kind = HC_BODY_FILE;
  newer.known.body.file = file;
  newer.future = 1;
  CHECK(hc_client_request_sized(c, &newer.known, sizeof newer, &why) == HC_ERR_INVALID_PARAMETER &&
        strstr(why.text, "version"));
  CHECK(fcntl(file, F_GETFD) == -1); /* taken over, also by a refusal */
  newer.future = 0;
  memset(&newer.known.body, 0, sizeof newer.known.body);
  CHECK(hc_client_request_sized(c, &newer.known, sizeof newer, NULL) == HC_OK);
  hc_client_delete(c);
  (void)close(l.fd);
  (void)close(theirs);
  c = client_over(&l, &theirs);
  /* A host of a time when a request had nothing behind its lines. */
  newer.known.body.kind = HC_BODY_FILE;
  CHECK(hc_client_request_sized(c, &newer.known, offsetof(hc_client_request_spec, body), NULL) ==
        HC_OK);
  hc_client_delete(c);
  (void)close(l.fd);
  (void)close(theirs);
}

static void check_sizes_of_settings(void) {
  struct {
    hc_tls_settings known;
    uint64_t future;
  } newer;
  hc_tls_options *options = NULL;
  hc_failure why = {HC_OK, ""};
  memset(&newer, 0, sizeof newer);
  newer.future = 1;
  CHECK(hc_tls_options_new_sized(&newer.known, sizeof newer, &options, &why) ==
            HC_ERR_INVALID_PARAMETER &&
        !options);
  newer.future = 0;
  CHECK(hc_tls_options_new_sized(&newer.known, sizeof newer, &options, &why) == HC_OK &&
        !hc_tls_options_is_unsafe(options));
  hc_tls_options_release(options);
  newer.known.min_version = 99; /* behind what the host has */
  newer.known.verify = HC_TLS_VERIFY_NONE;
  CHECK(hc_tls_options_new_sized(&newer.known, sizeof(hc_tls_verify), &options, &why) == HC_OK &&
        hc_tls_options_is_unsafe(options));
  hc_tls_options_release(options);
}

static void check_sizes_of_streams(void) {
  struct {
    hc_stream_functions known;
    void (*future)(void);
  } newer = {functions, check_version};
  hc_stream_peer *peer = NULL;
  line l = {.fd = -1};
  CHECK(hc_stream_new_sized(&newer.known, sizeof newer, &l, &peer, NULL) ==
            HC_ERR_INVALID_PARAMETER &&
        !peer);
  newer.known.recv = NULL;
  CHECK(hc_stream_new(&newer.known, &l, &peer, NULL) == HC_ERR_INVALID_PARAMETER && !peer);
  /* No descriptor, close nor destroy. */
  CHECK(hc_stream_new_sized(&functions, offsetof(hc_stream_functions, descriptor), &l, &peer,
                            NULL) == HC_OK);
  hc_stream_peer_release(peer);
  CHECK(l.closes == 0 && l.destroys == 0);
}

int main(void) {
  check_version();
  check_settings();
  check_fields();
  check_trailers();
  check_blind_stream();
  check_lies();
  check_own_call();
  check_ends();
  check_sizes_of_requests();
  check_sizes_of_settings();
  check_sizes_of_streams();
  return check_report();
}
