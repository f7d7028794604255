/* test_connection_poller.c - several clients on one connection, in a poller: one descriptor, one
 * entry. */
#include "../../core/poller.h"
#include "connection_world.h"

static unsigned told_by(const world *w, hc_poller *p, double seconds) {
  unsigned told = 0;
  CHECK(hc_poller_wait(p, seconds) == HC_OK);
  for (const void *tag; (tag = hc_poller_next(p)) != NULL;)
    told |= tag == w->a ? 1 : tag == w->b ? 2 : 4;
  return told;
}

/* Waits until these, and no others, have been told. */
static bool tells(const world *w, hc_poller *p, unsigned expected) {
  unsigned told = 0;
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
  while (told != expected && hc_clock_now() < limit) told |= told_by(w, p, 1);
  return told == expected;
}

static hc_poller *open_watched(world *w) {
  hc_poller *p = NULL;
  open_world(w);
  CHECK(hc_poller_new(&p, NULL) == HC_OK);
  CHECK(hc_poller_add(p, w->a, w->a, NULL) == HC_OK && hc_poller_add(p, w->b, w->b, NULL) == HC_OK);
  CHECK(hc_poller_count(p) == 2 && told_by(w, p, 0) == 0);
  return p;
}

static void check_watched(void) {
  world w;
  hc_poller *p = open_watched(&w);
  send_request(&w, w.a, "/a");
  CHECK(told_by(&w, p, 0) == 0);
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
  CHECK_CASE("whose answer it is", tells(&w, p, 1));
  read_body(w.a, "first");
  CHECK(told_by(&w, p, 0) == 0);
  send_request(&w, w.b, "/b");
  loopback_send(w.theirs, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
  CHECK_CASE("whose answer it is", tells(&w, p, 2));
  read_body(w.b, "second");
  CHECK(told_by(&w, p, 0) == 0);
  hang_up(&w);
  CHECK_CASE("what concerns both is told to both", tells(&w, p, 3));
  CHECK(hc_client_get_status(w.a) == HC_STATUS_CONNECTION_ERROR &&
        hc_client_get_status(w.b) == HC_STATUS_CONNECTION_ERROR);
  hc_poller_delete(p);
  close_world(&w);
}

/* A deadline is one client's, though the descriptor is both's. */
static void check_deadline(void) {
  world w;
  hc_poller *p = open_watched(&w);
  hc_client_get_settings(w.a)->response_timeout = 0.05;
  send_request(&w, w.a, "/");
  CHECK(tells(&w, p, 3));
  CHECK(hc_client_last_error(w.a)->code == HC_ERR_TIMEOUT && says(w.b, "response timeout"));
  hc_poller_delete(p);
  close_world(&w);
}

static void check_watched_leaving(void) {
  for (int way = 0; way < 3; way++) {
    world w;
    hc_poller *p = open_watched(&w);
    if (way == 0) CHECK(hc_poller_remove(p, w.a) == HC_OK);
    else if (way == 1) hc_client_close(w.a);
    else hc_client_delete(w.a);
    if (way == 2) w.a = NULL;
    CHECK(told_by(&w, p, 0) == 0 && hc_poller_count(p) == (way == 1 ? 2u : 1u));
    hang_up(&w);
    CHECK_CASE("the descriptor is watched for the other", tells(&w, p, 2));
    hc_poller_delete(p);
    close_world(&w);
  }
}

/* When the last who is in the poller goes, the descriptor goes with it, though somebody is left
 * on the connection. */
static void check_half_watched(void) {
  for (int way = 0; way < 2; way++) {
    world w;
    hc_poller *p = open_watched(&w);
    CHECK(hc_poller_remove(p, w.b) == HC_OK);
    if (way == 0) CHECK(hc_poller_remove(p, w.a) == HC_OK);
    else hc_client_close(w.a);
    loopback_send(w.theirs, "stray");
    hc_interest interest;
    hc_client_interest(w.b, &interest);
    CHECK(loopback_await(interest.fd, POLLIN));
    int fd = hc_poller_fd(p);
    struct pollfd entry = {.fd = fd, .events = POLLIN, .revents = 0};
    CHECK_CASE("it shows nothing", fd < 0 || poll(&entry, 1, 0) == 0);
    CHECK(told_by(&w, p, 0) == 0);
    hc_poller_delete(p);
    close_world(&w);
  }
}

static void check_two_pollers(void) {
  world w;
  hc_poller *p = open_watched(&w), *other = NULL;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_poller_new(&other, NULL) == HC_OK && hc_poller_remove(p, w.b) == HC_OK);
  CHECK(hc_poller_add(other, w.b, w.b, &why) == HC_ERR_ALREADY_IN_USE &&
        strstr(why.text, "in another poller"));
  hc_client_close(w.b);
  CHECK(hc_poller_add(other, w.b, w.b, NULL) == HC_OK &&
        hc_client_join(w.b, w.a, NULL) == HC_ERR_ALREADY_IN_USE);
  CHECK(hc_poller_remove(other, w.b) == HC_OK && hc_client_join(w.b, w.a, NULL) == HC_OK);
  CHECK(hc_poller_add(p, w.b, w.b, NULL) == HC_OK);
  hang_up(&w);
  CHECK(tells(&w, p, 3));
  hc_poller_delete(other);
  hc_poller_delete(p);
  close_world(&w);
}

/* A body function takes the other client off their connection, and out of the poller. */
static hc_pull_result remove_other(void *context, hc_slice *piece, hc_failure *why) {
  world *w = context;
  (void)why;
  *piece = HC_SLICE("");
  hc_client_delete(w->b);
  w->b = NULL;
  return HC_PULL_END;
}

static void check_removal_at_work(void) {
  world w;
  hc_poller *p = open_watched(&w);
  hc_client_request_spec spec = {
      .method = HC_METHOD_POST,
      .url = HC_SLICE("/"),
      .body = {.kind = HC_BODY_PULL, .pull = remove_other, .context = &w}};
  CHECK(hc_client_request(w.a, &spec, NULL) == HC_OK);
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
  while (w.b && hc_clock_now() < limit) (void)hc_poller_wait(p, 1);
  CHECK(!w.b && hc_poller_count(p) == 1);
  loopback_send(w.theirs, EMPTY_ANSWER);
  await_status(w.a, HC_STATUS_BODY);
  hc_poller_delete(p);
  close_world(&w);
}

int main(void) {
  check_watched();
  check_deadline();
  check_watched_leaving();
  check_half_watched();
  check_two_pollers();
  check_removal_at_work();
  return check_report();
}
