/* test_busy.c - every function of httpclient.h and poller.h out of a pull function, a writer and a
 * host's stream: what asks is answered, what would change the client is refused, and the exchange
 * under way comes to its end. */
#include <fcntl.h>

#include "../../core/client/client.h"
#include "../../core/poller.h"
#include "loopback.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

typedef struct host {
  hc_stream_peer base;
  hc_client *client;
  hc_poller *poller;  /* NULL: none */
  bool in_poller;     /* the poller's wait is running */
  bool is_on;         /* the stream's functions make the calls */
  unsigned calls;
  size_t sent, taken;
} host;

static void check_what_asks(hc_client *c) {
  hc_interest interest;
  hc_status status = hc_client_get_status(c);
  CHECK(hc_client_is_at_work(c));
  CHECK(status == HC_STATUS_REQUESTING || status == HC_STATUS_BODY ||
        status == HC_STATUS_CONNECTED);
  CHECK(hc_client_get_settings(c) && hc_client_get_stream(c) &&
        hc_client_last_error(c)->code == HC_OK);
  CHECK(hc_client_response_code(c) == (hc_client_has_response(c) ? 200 : 0));
  CHECK(hc_client_has_response(c) || hc_client_response_reason(c).size == 0);
  CHECK(!hc_client_response_is_chunked(c) && hc_client_response_headers(c) &&
        hc_client_response_trailers(c));
  (void)hc_client_response_body_length(c);
  (void)hc_client_announced_length(c);
  (void)hc_client_has_response_begun(c);
  (void)hc_client_response_is_complete(c);
  (void)hc_client_sends_body(c);
  CHECK(hc_client_body_sent(c) <= 1 && hc_client_body_received(c) <= 3);
  hc_client_interest(c, &interest);
  CHECK(interest.fd == -1 && !interest.ready && interest.deadline != HC_NEVER);
  hc_client_resume_body(c);
}

static size_t write_nothing(void *context, hc_slice bytes, hc_failure *why) {
  (void)context;
  (void)bytes;
  (void)why;
  CHECK_CASE("the inner writer is not called", false);
  return 0;
}

static void check_requests(hc_client *c) {
  hc_failure why = {HC_OK, ""};
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = HC_SLICE("/")};
  CHECK(hc_client_request(c, &spec, &why) == HC_ERR_BUSY && why.code == HC_ERR_BUSY &&
        why.text[0] != '\0');
  int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  spec.method = HC_METHOD_POST;
  spec.body = (hc_body_source){.kind = HC_BODY_STREAM, .file = file, .file_offset = UINT64_MAX};
  CHECK(hc_client_request(c, &spec, NULL) == HC_ERR_BUSY);
  CHECK_CASE("the file of a refused request is closed", fcntl(file, F_GETFD) == -1);
}

static void check_what_changes(hc_client *c) {
  hc_failure why = {HC_OK, ""};
  hc_slice view = HC_SLICE("?");
  hc_status status = hc_client_get_status(c);
  hc_stream_peer *stream = hc_client_get_stream(c);
  hc_client *both[2] = {hc_client_new(), c};
  uint64_t moved = 7;
  bool ready[2] = {true, true};
  CHECK(hc_client_poll(c) == HC_ERR_BUSY);
  CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), 9, HC_CONNECT_PLAIN, NULL, &why) ==
        HC_ERR_BUSY);
  CHECK(why.code == HC_ERR_BUSY);
  CHECK(hc_client_set_stream(c, NULL) == HC_ERR_BUSY &&
        hc_client_set_stream(c, stream) == HC_ERR_BUSY);
  check_requests(c);
  hc_client_body_peek(c, &view);
  CHECK(view.size == 0);
  hc_client_body_consume(c, 1);
  CHECK(hc_client_body_to_writer(c, write_nothing, NULL, &moved, &why) == HC_ERR_BUSY &&
        moved == 0);
  CHECK(hc_client_body_to_file(c, 1, &moved, NULL) == HC_ERR_BUSY && moved == 0);
  CHECK(hc_client_wait(c, 0, ready) == HC_ERR_BUSY && !ready[0]);
  CHECK(hc_client_wait_any(&c, 1, 0, ready) == HC_ERR_BUSY &&
        hc_client_wait_any(both, 2, 0, ready) == HC_ERR_BUSY);
  hc_client_close(c);
  hc_client_delete(c);
  hc_client_delete(both[0]);
  CHECK(hc_client_get_status(c) == status && hc_client_get_stream(c) == stream);
}

static void check_poller(const host *h) {
  hc_interest interest;
  size_t count = hc_poller_count(h->poller);
  CHECK(count == 1);
  CHECK(hc_poller_add(h->poller, h->client, NULL, NULL) == HC_ERR_ALREADY_IN_USE);
  hc_poller_interest(h->poller, &interest);
  (void)hc_poller_fd(h->poller);
  if (!h->in_poller) {
    CHECK(hc_poller_wait(h->poller, 0) == HC_OK);
    CHECK_CASE("one at work is passed over", !hc_poller_next(h->poller));
    return;
  }
  CHECK(hc_poller_wait(h->poller, 0) == HC_ERR_BUSY);
  hc_poller_delete(h->poller);
  CHECK(hc_poller_count(h->poller) == count);
}

static void call_everything(host *h) {
  h->calls++;
  check_what_asks(h->client);
  check_what_changes(h->client);
  if (h->poller) check_poller(h);
}

/* --- the callbacks */

static hc_pull_result pull(void *context, hc_slice *piece, hc_failure *why) {
  host *h = context;
  (void)why;
  call_everything(h);
  *piece = HC_SLICE("x");
  return h->calls % 2 == 1 ? HC_PULL_DATA : HC_PULL_END;
}

static size_t write_some(void *context, hc_slice bytes, hc_failure *why) {
  (void)why;
  call_everything((host *)context);
  return bytes.size;
}

static void from_stream(hc_stream_peer *self) {
  host *h = (host *)self;
  if (!h->is_on) return;
  h->is_on = false; /* what is called may ask the stream again */
  call_everything(h);
  h->is_on = true;
}

static hc_io host_advance(hc_stream_peer *self, hc_failure *why) {
  (void)self;
  (void)why;
  return HC_IO_OK;
}

static hc_io host_send(hc_stream_peer *self, const hc_slice *parts, size_t count, size_t *sent,
                       hc_failure *why) {
  (void)why;
  from_stream(self);
  *sent = 0;
  for (size_t i = 0; i < count; i++) *sent += parts[i].size;
  ((host *)self)->sent += *sent;
  return HC_IO_OK;
}

static hc_io host_recv(hc_stream_peer *self, char *into, size_t room, size_t *got,
                       hc_failure *why) {
  host *h = (host *)self;
  (void)why;
  from_stream(self);
  size_t left = sizeof ANSWER - 1 - h->taken;
  if (h->sent == 0 || left == 0 || room == 0) return HC_IO_WANT_READ;
  *got = left < room ? left : room;
  memcpy(into, &ANSWER[h->taken], *got);
  h->taken += *got;
  return HC_IO_OK;
}

static hc_io host_peek(hc_stream_peer *self, hc_failure *why) {
  const host *h = (const host *)self;
  (void)why;
  from_stream(self);
  return h->sent > 0 && h->taken < sizeof ANSWER - 1 ? HC_IO_OK : HC_IO_WANT_READ;
}

static size_t host_available(hc_stream_peer *self) {
  from_stream(self);
  return 0;
}

static void host_interest(hc_stream_peer *self, hc_interest *out) {
  (void)self;
  *out = (hc_interest){-1, 0, false, HC_NEVER};
}

static void host_close(hc_stream_peer *self) { (void)self; }

static const hc_stream_peer_ops ops = {.name = "host",
                                       .advance = host_advance,
                                       .send = host_send,
                                       .recv = host_recv,
                                       .peek = host_peek,
                                       .available = host_available,
                                       .interest = host_interest,
                                       .close = host_close,
                                       .destroy = host_close};

/* --- one exchange */

typedef void (*driver)(host *h);

static void by_poll(host *h) { CHECK(hc_client_poll(h->client) == HC_OK); }

static void by_wait(host *h) {
  bool ready;
  CHECK(hc_client_wait(h->client, 0, &ready) == HC_OK);
}

static void by_wait_any(host *h) {
  bool ready;
  CHECK(hc_client_wait_any(&h->client, 1, 0, &ready) == HC_OK);
}

static void by_poller(host *h) {
  h->in_poller = true;
  CHECK(hc_poller_wait(h->poller, 0) == HC_OK);
  h->in_poller = false;
}

static void exchange(host *h, driver drive, bool has_pull) {
  hc_client_request_spec spec = {.method = HC_METHOD_POST, .url = HC_SLICE("/")};
  if (has_pull) spec.body = (hc_body_source){.kind = HC_BODY_PULL, .pull = pull, .context = h};
  CHECK(hc_client_request(h->client, &spec, NULL) == HC_OK);
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10), moved = 0, all = 0;
  while (hc_client_get_status(h->client) == HC_STATUS_REQUESTING && hc_clock_now() < limit)
    drive(h);
  while (hc_client_get_status(h->client) == HC_STATUS_BODY && hc_clock_now() < limit) {
    CHECK(hc_client_body_to_writer(h->client, write_some, h, &moved, NULL) == HC_OK);
    all += moved;
  }
  CHECK(all == 3 && hc_client_get_status(h->client) == HC_STATUS_CONNECTED &&
        !hc_client_is_at_work(h->client));
}

static void check_exchange(driver drive, bool from_the_stream, bool has_poller) {
  host h = {.client = hc_client_new()};
  hc_stream_peer_init(&h.base, &ops);
  CHECK(hc_client_set_stream(h.client, &h.base) == HC_OK);
  if (has_poller) {
    CHECK(hc_poller_new(&h.poller, NULL) == HC_OK &&
          hc_poller_add(h.poller, h.client, &h, NULL) == HC_OK);
  }
  h.is_on = from_the_stream;
  exchange(&h, drive, !from_the_stream);
  h.is_on = false;
  CHECK_CASE("the callbacks were called", h.calls > 2);
  if (h.poller) CHECK(hc_poller_remove(h.poller, h.client) == HC_OK);
  hc_poller_delete(h.poller);
  hc_client_delete(h.client);
}

int main(void) {
  static const driver drivers[] = {by_poll, by_wait, by_wait_any, by_poller};
  for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
    for (int from_the_stream = 0; from_the_stream < 2; from_the_stream++) {
      check_exchange(drivers[i], from_the_stream == 1, true);
      if (drivers[i] != by_poller) check_exchange(drivers[i], from_the_stream == 1, false);
    }
  }
  return check_report();
}
