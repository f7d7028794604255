/* test_read_ahead.c - how much content one receive takes, and what memory stays: on a stream that
 * gives what the test says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/base/limits.h"
#include "../../core/client/client_state.h"
#include "../../core/base/memory.h"
#include "check.h"

#define CHUNK ((size_t)65536)
#define MIB ((size_t)1 << 20)

typedef struct supply {
  hc_stream_peer base;
  char head[128];
  size_t head_left;
  uint64_t given;     /* content bytes so far; each is told by its place */
  size_t ready;       /* content bytes that can be had at once */
  bool ends, fails;   /* behind them */
  size_t asked, count; /* the room of the last receive, and how many there were */
} supply;

static char byte_at(uint64_t place) { return (char)(unsigned char)(place * 7 + place / 251); }

static hc_io supply_advance(hc_stream_peer *self, hc_failure *why) {
  (void)self, (void)why;
  return HC_IO_OK;
}

static hc_io supply_send(hc_stream_peer *self, const hc_slice *parts, size_t count, size_t *sent,
                         hc_failure *why) {
  (void)self, (void)why;
  *sent = 0;
  for (size_t i = 0; i < count; i++) *sent += parts[i].size;
  return HC_IO_OK;
}

static hc_io supply_recv(hc_stream_peer *self, char *into, size_t room, size_t *got,
                         hc_failure *why) {
  supply *s = (supply *)self;
  s->asked = room;
  s->count++;
  *got = s->head_left < room ? s->head_left : room;
  memcpy(into, s->head + strlen(s->head) - s->head_left, *got);
  s->head_left -= *got;
  if (*got > 0) return HC_IO_OK;
  *got = s->ready < room ? s->ready : room;
  for (size_t i = 0; i < *got; i++) into[i] = byte_at(s->given + i);
  s->given += *got;
  s->ready -= *got;
  if (*got > 0) return HC_IO_OK;
  if (s->fails) hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "broken");
  return s->fails ? HC_IO_ERROR : s->ends ? HC_IO_EOF : HC_IO_WANT_READ;
}

static hc_io supply_peek(hc_stream_peer *self, hc_failure *why) {
  (void)why;
  return ((supply *)self)->ready > 0 ? HC_IO_OK : HC_IO_WANT_READ;
}

static size_t supply_available(hc_stream_peer *self) { return ((supply *)self)->ready; }

static void supply_interest(hc_stream_peer *self, hc_interest *out) {
  *out = (hc_interest){-1, 0, ((supply *)self)->ready > 0, HC_NEVER};
}

static void supply_close(hc_stream_peer *self) { (void)self; }

static const hc_stream_peer_ops ops = {.name = "supply",
                                       .advance = supply_advance,
                                       .send = supply_send,
                                       .recv = supply_recv,
                                       .peek = supply_peek,
                                       .available = supply_available,
                                       .interest = supply_interest,
                                       .close = supply_close,
                                       .destroy = supply_close};

/* A client in BODY. length 0: until the end. */
static hc_client *begin(supply *s, uint64_t length, size_t chunk) {
  hc_failure why = {HC_OK, ""};
  hc_client_request_spec spec;
  memset(&spec, 0, sizeof spec);
  *s = (supply){.given = 0};
  hc_stream_peer_init(&s->base, &ops);
  if (length > 0)
    (void)snprintf(s->head, sizeof s->head, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
                   (unsigned long long)length);
  else (void)snprintf(s->head, sizeof s->head, "HTTP/1.1 200 OK\r\n\r\n");
  s->head_left = strlen(s->head);
  hc_client *c = hc_client_new();
  if (!c || hc_client_set_stream(c, &s->base) != HC_OK) abort();
  hc_client_get_settings(c)->read_chunk_size = chunk;
  spec.method = HC_METHOD_GET;
  spec.url = HC_SLICE("/");
  if (hc_client_request(c, &spec, &why) != HC_OK) abort();
  for (int i = 0; i < 3; i++) (void)hc_client_poll(c);
  if (hc_client_get_status(c) != HC_STATUS_BODY) abort();
  return c;
}

/* One read. False when a byte is not the one that belongs there. */
static bool read_once(hc_client *c, uint64_t *place, size_t *size) {
  hc_slice view;
  bool holds = true;
  hc_client_body_peek(c, &view);
  *size = view.size;
  for (size_t i = 0; i < view.size; i++) holds = holds && view.data[i] == byte_at(*place + i);
  *place += view.size;
  hc_client_body_consume(c, view.size);
  return holds;
}

/* Reads until nothing is there. */
static bool read_what_is_there(hc_client *c, uint64_t *place) {
  size_t size;
  bool holds = true;
  do holds = read_once(c, place, &size) && holds;
  while (size > 0);
  return holds;
}

static size_t capacity_of(const hc_client *c) {
  return c->place.connection->h1.receiver.in.capacity;
}

static void end(hc_client *c) { hc_client_delete(c); }

/* So many receives of one read's size come first. */
static bool read_full(hc_client *c, supply *s, uint64_t *place) {
  bool holds = true;
  size_t size;
  for (unsigned i = 0; i < HC_AHEAD_AFTER; i++) {
    s->ready = 4 * MIB;
    holds = read_once(c, place, &size) && holds && size == c->settings.read_chunk_size &&
            s->asked == size;
  }
  return holds;
}

static void check_growth(void) {
  for (int kind = 0; kind < 2; kind++) {
    supply s;
    uint64_t place = 0;
    size_t size;
    hc_client *c = begin(&s, kind == 0 ? 64 * MIB : 0, CHUNK);
    CHECK_CASE("the first receives are for one read each",
               read_full(c, &s, &place) && capacity_of(c) < 2 * CHUNK);
    CHECK(read_once(c, &place, &size) && size == CHUNK);
    CHECK_CASE("then one takes more",
               s.asked >= HC_RECEIVE_AHEAD && s.asked <= HC_RECEIVE_AHEAD + 100);
    size_t before = s.count;
    for (size_t i = 1; i < HC_RECEIVE_AHEAD / CHUNK; i++)
      CHECK(read_once(c, &place, &size) && size == CHUNK);
    CHECK_CASE("and the reads behind it need no other", s.count == before);
    s.ready = 1000;
    CHECK(read_what_is_there(c, &place) && place == s.given);
    CHECK_CASE("nothing is held while nothing comes", capacity_of(c) == 0);
    CHECK_CASE("it begins anew after a pause",
               read_full(c, &s, &place) && capacity_of(c) < 2 * CHUNK);
    end(c);
  }
}

static void check_bounds(void) {
  supply s;
  uint64_t place = 0;
  size_t size;
  hc_client *c = begin(&s, 64 * MIB, 4096);
  CHECK(read_full(c, &s, &place) && read_once(c, &place, &size));
  CHECK_CASE("a small read takes less ahead",
             s.asked > 4096 && s.asked <= HC_AHEAD_READS * 4096 + 100);
  end(c);
  place = 0;
  c = begin(&s, HC_AHEAD_AFTER * CHUNK + 3 * CHUNK / 2, CHUNK);
  CHECK(read_full(c, &s, &place) && read_once(c, &place, &size) && size == CHUNK);
  CHECK_CASE("a short rest needs no larger memory", capacity_of(c) < 2 * CHUNK);
  CHECK(read_once(c, &place, &size) && size == CHUNK / 2);
  CHECK(s.given == place && hc_client_get_status(c) == HC_STATUS_CONNECTED);
  end(c);
  place = 0;
  c = begin(&s, HC_AHEAD_AFTER * CHUNK + HC_RECEIVE_AHEAD + 10, CHUNK);
  CHECK(read_full(c, &s, &place) && read_what_is_there(c, &place));
  CHECK_CASE("nothing behind the body is taken",
             s.given == place && place == HC_AHEAD_AFTER * CHUNK + HC_RECEIVE_AHEAD + 10);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTED && capacity_of(c) == 0);
  end(c);
}

static void check_ends(void) {
  supply s;
  for (int kind = 0; kind < 3; kind++) {
    uint64_t place = 0;
    hc_client *c = begin(&s, kind == 0 ? 0 : 64 * MIB, CHUNK);
    CHECK(read_full(c, &s, &place));
    s.ready = 3 * CHUNK + 5;
    s.ends = kind < 2;
    s.fails = kind == 2;
    CHECK_CASE("all that came before the end is handed out",
               read_what_is_there(c, &place) && place == s.given);
    CHECK(hc_client_get_status(c) ==
          (kind == 0 ? HC_STATUS_DISCONNECTED : HC_STATUS_CONNECTION_ERROR));
    end(c);
  }
}

static void check_place(void) {
  supply s;
  uint64_t place = 0;
  size_t size;
  hc_client *c = begin(&s, 64 * MIB, CHUNK);
  s.ready = 64 * MIB;
  for (int i = 0; i < 40; i++) {
    hc_slice view;
    hc_client_body_peek(c, &view);
    CHECK_CASE("content begins at a good place", (uintptr_t)view.data % 64 == 0);
    CHECK(read_once(c, &place, &size) && size == CHUNK);
  }
  end(c);
}

#ifdef HC_TEST_HOOKS
static void check_without_memory(void) {
  supply s;
  uint64_t place = 0;
  size_t size;
  hc_client *c = begin(&s, 64 * MIB, CHUNK);
  CHECK(read_full(c, &s, &place));
  hc_memory_fail_after(0, 1);
  for (int i = 0; i < 20; i++) {
    s.ready = 4 * MIB;
    CHECK_CASE("reading goes on in the memory that is there",
               read_once(c, &place, &size) && size == CHUNK);
  }
  hc_memory_fail_after(-1, 0);
  end(c);
}
#endif

int main(void) {
  check_growth();
  check_bounds();
  check_ends();
  check_place();
#ifdef HC_TEST_HOOKS
  check_without_memory();
#endif
  return check_report();
}
