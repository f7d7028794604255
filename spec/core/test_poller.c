/* test_poller.c - many clients and one wait: what goes away while it works, and memory that is out.
 */
#include "../../core/client/client_state.h"
#include "../../core/poller.h"
#include "loopback.h"

#define CLIENTS 5

typedef struct world {
  int listener;
  unsigned port;
  hc_poller *poller;
  hc_client *clients[CLIENTS];
  int theirs[CLIENTS];
} world;

static bool is_in(const world *w, const void *tag) {
  return (const char *)tag >= (const char *)w->clients &&
         (const char *)tag < (const char *)(w->clients + CLIENTS);
}

/* All clients are connected, in the poller with their place as tag, and have been looked at. */
static void open_world(world *w) {
  w->listener = loopback_listen("127.0.0.1", 16, &w->port);
  loopback_need(w->listener >= 0 && hc_poller_new(&w->poller, NULL) == HC_OK,
                "a listener and a poller");
  for (size_t i = 0; i < CLIENTS; i++) {
    hc_client *c = w->clients[i] = hc_client_new();
    loopback_need(
        hc_client_connect(c, HC_SLICE("127.0.0.1"), w->port, HC_CONNECT_PLAIN, NULL, NULL) == HC_OK,
        "connect");
    bool ready;
    while (hc_client_get_status(c) == HC_STATUS_CONNECTING) (void)hc_client_wait(c, 10, &ready);
    w->theirs[i] = loopback_accept(w->listener);
    CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTED &&
          hc_poller_add(w->poller, c, &w->clients[i], NULL) == HC_OK);
  }
  CHECK(hc_poller_wait(w->poller, 0) == HC_OK);
  while (hc_poller_next(w->poller)) continue;
}

static void close_world(world *w) {
  hc_poller_delete(w->poller);
  for (size_t i = 0; i < CLIENTS; i++) {
    hc_client_delete(w->clients[i]);
    if (w->theirs[i] >= 0) (void)close(w->theirs[i]);
  }
  (void)close(w->listener);
}

/* What the other side did last has arrived here. */
static void await_arrival(const world *w, size_t i) {
  hc_interest interest;
  hc_client_interest(w->clients[i], &interest);
  CHECK(loopback_await(interest.fd, POLLIN));
}

static void hang_up(world *w, size_t i) {
  (void)close(w->theirs[i]);
  w->theirs[i] = -1;
  await_arrival(w, i);
}

/* One wait; which clients it tells, as bits. */
static unsigned told_by(world *w, double seconds) {
  unsigned told = 0;
  CHECK(hc_poller_wait(w->poller, seconds) == HC_OK);
  for (void *tag; (tag = hc_poller_next(w->poller)) != NULL;) {
    CHECK(is_in(w, tag));
    told |= 1u << (size_t)((hc_client **)tag - w->clients);
  }
  return told;
}

/* Waits until these, and no others, have been told. */
static bool tells(world *w, unsigned expected) {
  unsigned told = 0;
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
  while (told != expected && hc_clock_now() < limit) told |= told_by(w, 1);
  return told == expected;
}

static void check_told(void) {
  world w;
  open_world(&w);
  CHECK_CASE("nothing happens", told_by(&w, 0.01) == 0);
  hang_up(&w, 1);
  hang_up(&w, 3);
  CHECK_CASE("those that moved", tells(&w, 1u << 1 | 1u << 3));
  CHECK(hc_client_get_status(w.clients[3]) == HC_STATUS_CONNECTION_ERROR && told_by(&w, 0.01) == 0);
  CHECK_CASE("the others", hc_client_get_status(w.clients[0]) == HC_STATUS_CONNECTED);
  close_world(&w);
}

/* What was told of a client is forgotten with it, wherever it stands among the others. */
static void check_removal_of_told(void) {
  for (size_t removed = 0; removed < 3; removed++) {
    world w;
    unsigned told = 0;
    open_world(&w);
    for (size_t i = 0; i < 3; i++) hang_up(&w, i);
    CHECK(hc_poller_wait(w.poller, 1) == HC_OK);
    CHECK(hc_poller_remove(w.poller, w.clients[removed]) == HC_OK &&
          hc_poller_count(w.poller) == CLIENTS - 1);
    for (void *tag; (tag = hc_poller_next(w.poller)) != NULL;)
      told |= 1u << (size_t)((hc_client **)tag - w.clients);
    CHECK_CASE("the one that was removed is not told", (told & 1u << removed) == 0);
    CHECK_CASE("the other two are", told == (7u & ~(1u << removed)));
    hang_up(&w, 4);
    CHECK_CASE("what moves later is", tells(&w, 1u << 4));
    close_world(&w);
  }
}

/* --- clients that go away while the poller works on them */

#define OWN 2u              /* the client whose body function it is */
#define ALL_OTHERS CLIENTS

typedef struct plot {
  world *world;
  size_t victim; /* a client, or ALL_OTHERS */
  bool deletes, adds_again;
  unsigned calls;
} plot;

static bool is_victim(const plot *p, size_t i) {
  return p->victim == ALL_OTHERS ? i != OWN : i == p->victim;
}

/* Takes its victims out of the poller that calls it. */
static hc_pull_result act(void *context, hc_slice *piece, hc_failure *why) {
  plot *p = context;
  world *w = p->world;
  (void)why;
  *piece = HC_SLICE("x"); /* so it moves behind all that have moved before */
  if (p->calls++ > 0) return HC_PULL_END;
  for (size_t i = 0; i < CLIENTS; i++) {
    if (!is_victim(p, i)) continue;
    CHECK(hc_poller_remove(w->poller, w->clients[i]) == HC_OK);
    if (p->adds_again)
      CHECK(hc_poller_add(w->poller, w->clients[i], &w->clients[i], NULL) == HC_OK);
    if (!p->deletes) continue;
    hc_client_delete(w->clients[i]);
    w->clients[i] = NULL;
  }
  return HC_PULL_DATA;
}

/* All others have something to be told at the moment that it happens. */
static void plot_against(size_t victim, bool deletes, bool adds_again) {
  world w;
  plot p = {&w, victim, deletes, adds_again, 0};
  open_world(&w);
  hc_client_request_spec spec = {.method = HC_METHOD_POST,
                                 .url = HC_SLICE("/"),
                                 .body = {.kind = HC_BODY_PULL, .pull = act, .context = &p}};
  CHECK(hc_client_request(w.clients[OWN], &spec, NULL) == HC_OK);
  for (size_t i = 0; i < CLIENTS; i++) {
    if (i == OWN) continue;
    loopback_send(w.theirs[i], "stray");
    await_arrival(&w, i);
  }
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
  unsigned told = 0;
  while (p.calls == 0 && hc_clock_now() < limit) told |= told_by(&w, 1);
  CHECK(p.calls > 0);
  size_t gone = adds_again ? 0 : victim == ALL_OTHERS ? CLIENTS - 1 : 1;
  CHECK(hc_poller_count(w.poller) == CLIENTS - gone);
  if (adds_again) told |= told_by(&w, 0);
  for (size_t i = 0; i < CLIENTS; i++) {
    bool is_there = adds_again || !is_victim(&p, i);
    if (!is_there) continue;
    CHECK(i == OWN || hc_client_get_status(w.clients[i]) == HC_STATUS_CONNECTION_ERROR);
    CHECK_CASE("who stays is told", is_victim(&p, i) || (told & 1u << i) != 0);
  }
  close_world(&w);
}

static void check_removal_at_work(void) {
  for (size_t victim = 0; victim <= ALL_OTHERS; victim++) {
    plot_against(victim, false, false);
    plot_against(victim, false, true);
    if (victim != OWN) plot_against(victim, true, false);
  }
}

/* The same stream again: the kernel's set must learn of the client anew. */
static void check_same_stream(void) {
  world w;
  open_world(&w);
  CHECK(hc_client_set_stream(w.clients[0], hc_client_get_stream(w.clients[0])) == HC_OK);
  CHECK(hc_client_get_status(w.clients[0]) == HC_STATUS_CONNECTED && told_by(&w, 0.01) == 0);
  hang_up(&w, 0);
  CHECK_CASE("it is watched still",
             tells(&w, 1) && hc_client_get_status(w.clients[0]) == HC_STATUS_CONNECTION_ERROR);
  close_world(&w);
}

/* --- memory */

#ifdef HC_TEST_HOOKS
static void check_memory(void) {
  enum { MANY = 40 };
  hc_client *clients[MANY];
  long before = hc_memory_live_blocks();
  hc_poller *poller = NULL;
  hc_failure why = {HC_OK, ""};
  for (long i = 0; i < 2; i++) {
    hc_memory_fail_after(i, 0);
    CHECK(hc_poller_new(&poller, &why) == HC_ERR_OUT_OF_MEMORY && !poller && why.text[0] != '\0');
    hc_memory_fail_after(-1, 0);
    CHECK(hc_memory_live_blocks() == before);
    hc_failure_clear(&why);
  }
  CHECK(hc_poller_new(&poller, &why) == HC_OK);
  for (size_t i = 0; i < MANY; i++) {
    clients[i] = hc_client_new();
    /* Its slot, the heap, the entry: whichever fails, the client is not in, and the next attempt is
     * as good as the first. */
    for (long n = 0; n < 4 && !clients[i]->place.seat; n++) {
      hc_memory_fail_after(n, 0);
      hc_error code = hc_poller_add(poller, clients[i], &clients[i], &why);
      hc_memory_fail_after(-1, 0);
      CHECK(code == HC_OK ? clients[i]->place.seat != NULL
                          : code == HC_ERR_OUT_OF_MEMORY && !clients[i]->place.seat);
      CHECK(hc_poller_count(poller) == i + (code == HC_OK ? 1 : 0));
    }
    CHECK(clients[i]->place.seat != NULL);
  }
  bool ready[2];
  for (long n = 0; n < 2; n++) {
    hc_memory_fail_after(n, 0);
    CHECK(hc_client_wait_any(clients, 2, 0, ready) == HC_ERR_OUT_OF_MEMORY && !ready[0] &&
          !ready[1]);
    hc_memory_fail_after(-1, 0);
  }
  for (size_t i = 0; i < MANY; i += 2) hc_client_delete(clients[i]); /* takes itself out */
  CHECK(hc_poller_count(poller) == MANY / 2);
  hc_poller_delete(poller);
  for (size_t i = 1; i < MANY; i += 2) hc_client_delete(clients[i]);
  CHECK(hc_memory_live_blocks() == before);
}
#endif

int main(void) {
  check_told();
  check_removal_of_told();
  check_removal_at_work();
  check_same_stream();
#ifdef HC_TEST_HOOKS
  check_memory();
#endif
  return check_report();
}
