/* connector.c - the race over a host's addresses (RFC 8305). See connector.h.
 *
 * Attempts are non-blocking connects; poll asks each how it stands and begins the next one when its
 * time has come. An event loop gets one descriptor to wait for: that of the only attempt, else a
 * group that holds all of them.
 *
 * Sockets that have failed are closed behind the beginning of the next attempt. Its descriptor is
 * another one then, and a loop that watches by number sees that. */
#include "connector.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/memory.h"
#include "../platform/clock.h"
#include "../platform/wait.h"

/* Between two looks where several attempts can not be shown as one descriptor. */
#define BLIND_INTERVAL_NS_CONNECTOR 10000000u

/* What is under way at one moment. All of an attempt's facts are the kernel's but these two. */
typedef struct attempt {
  hc_socket socket;
  size_t address;  /* its place in `addresses` */
} attempt;

struct hc_connector {
  size_t count, next;
  hc_address local;  /* size 0: the system chooses */
  attempt attempts[HC_ATTEMPTS_MAX];  /* under way, oldest first */
  size_t active;
  hc_socket winner;
  hc_handle group;      /* holds all attempts once there were two at a time */
  bool group_is_whole;  /* false when it could not be made, or lacks one of them */
  uint64_t next_at;     /* when the next address is tried; 0: at once */
  hc_failure first_failure;
  bool is_told;         /* it is more than that this machine has no way there */
  hc_address addresses[];  /* in the order in which they are tried */
};

/* RFC 8305 section 4: the families alternate, beginning with that of the first address; inside a
 * family the order is the resolver's (RFC 6724). */
static void interleave(const hc_address *from, size_t count, hc_address *to) {
  uint32_t family = from[0].is_ipv6;
  /* how far each family has been walked: [0] the first address's, [1] the other */
  size_t at[2] = {0, 0};
  for (size_t used = 0, turn = 0; used < count; turn ^= 1) {
    size_t i = at[turn];
    while (i < count && (from[i].is_ipv6 == family) != (turn == 0)) i++;
    if (i < count) to[used++] = from[i++];
    at[turn] = i;
  }
}

/* The first attempt's reason is kept: the first address is the one that the resolver thinks best.
 * That this machine has no way to an address is worth less than what another one says: "localhost"
 * has two where only one may be in use. */
static void note_failure_connector(hc_connector *c, size_t address, const hc_failure *why) {
  char text[HC_ADDRESS_TEXT];
  bool is_telling = why->code != HC_ERR_UNAVAILABLE;
  bool is_better = is_telling && (address == 0 || !c->is_told);
  if (c->first_failure.code != HC_OK && !is_better) return;
  c->is_told = is_telling;
  hc_address_text(&c->addresses[address], text);
  unsigned port = hc_address_port(&c->addresses[address]);
  hc_failure_clear(&c->first_failure);
  if (strcmp(why->text, "connection refused") == 0)
    hc_failure_set(&c->first_failure, HC_ERR_CANT_CONNECT, "%s by %s port %u", why->text, text,
                   port);
  else
    hc_failure_set(&c->first_failure, HC_ERR_CANT_CONNECT, "%s (%s port %u)", why->text, text,
                   port);
}

/* The order stays: the oldest is the one to go when there are too many, and the last is the one
 * whose failure lets the next begin at once. */
static void remove_attempt(hc_connector *c, size_t index) {
  c->active--;
  memmove(&c->attempts[index], &c->attempts[index + 1],
          (c->active - index) * sizeof c->attempts[0]);
}

/* A host with very many dead addresses must not take all descriptors: the oldest attempt makes
 * room. */
static void drop_oldest(hc_connector *c) {
  hc_failure why = {HC_ERR_CANT_CONNECT, "no answer"};
  note_failure_connector(c, c->attempts[0].address, &why);
  hc_socket_close(c->attempts[0].socket);
  remove_attempt(c, 0);
}

/* OK: the winner is there; WANT_WRITE: one more attempt is under way; ERROR: this address is done
 * with. */
static hc_io start_next(hc_connector *c, uint64_t now) {
  if (c->active == HC_ATTEMPTS_MAX) drop_oldest(c);
  size_t address = c->next++;
  hc_socket s;
  hc_failure why = {HC_OK, ""};
  hc_io io = hc_socket_connect_from(c->local.size > 0 ? &c->local : NULL, &c->addresses[address],
                                    &s, &why);
  if (io == HC_IO_OK) c->winner = s;
  if (io == HC_IO_ERROR) {
    note_failure_connector(c, address, &why);
    /* an attempt that fails at once leaves its time to the next */
    c->next_at = 0;
  }
  if (io != HC_IO_WANT_WRITE) return io;
  c->attempts[c->active++] = (attempt){s, address};
  c->next_at = now > HC_NEVER - HC_ATTEMPT_DELAY_NS ? HC_NEVER : now + HC_ATTEMPT_DELAY_NS;
  /* a group without this one would not tell of it, and is not shown any more */
  if (c->group != HC_NO_HANDLE && hc_group_add(c->group, s, HC_EVENT_WRITE) != HC_OK)
    c->group_is_whole = false;
  return io;
}

hc_error hc_connector_start(const hc_address *addresses, size_t count, uint64_t now,
                            hc_connector **out, hc_failure *why) {
  return hc_connector_start_from(NULL, addresses, count, now, out, why);
}

/* The first attempts begin here, so that a connect to an address that is refused at once moves on
 * without a turn of the loop. */
hc_error hc_connector_start_from(const hc_address *local, const hc_address *addresses, size_t count,
                                 uint64_t now, hc_connector **out, hc_failure *why) {
  bool fits = count <= (SIZE_MAX - sizeof(hc_connector)) / sizeof *addresses;
  hc_connector *c =
      fits ? hc_memory_allocate_zeroed(1, sizeof *c + count * sizeof *addresses) : NULL;
  *out = c;
  if (!c) return hc_failure_out_of_memory(why);
  if (count > 0) interleave(addresses, count, c->addresses);
  if (local) c->local = *local;
  c->count = count;
  c->winner = HC_NO_SOCKET;
  c->group = HC_NO_HANDLE;
  hc_io io = HC_IO_ERROR; /* of the latest; when all fail that shows in poll */
  while (io == HC_IO_ERROR && c->next < c->count) io = start_next(c, now);
  return HC_OK;
}

/* Asks every attempt how it stands. The ones that failed are taken out, into *failed: they are
 * closed only after a next one was started, so that this gets another descriptor number and an
 * event loop sees that it is a new one. */
static bool look_at_attempts(hc_connector *c, hc_socket failed[HC_ATTEMPTS_MAX],
                             size_t *failed_count) {
  for (size_t i = 0; i < c->active;) {
    attempt a = c->attempts[i];
    hc_failure why = {HC_OK, ""};
    hc_io io = hc_socket_connect_result(a.socket, &c->addresses[a.address], &why);
    if (io == HC_IO_WANT_WRITE) {
      i++;
      continue;
    }
    /* RFC 8305 section 5: when the latest attempt has failed, the next one need not wait. */
    if (io == HC_IO_ERROR && i + 1 == c->active && a.address + 1 == c->next) c->next_at = 0;
    remove_attempt(c, i);
    if (io == HC_IO_OK) {
      c->winner = a.socket;
      return true;
    }
    note_failure_connector(c, a.address, &why);
    failed[(*failed_count)++] = a.socket;
  }
  return false;
}

/* The losers of the race are called off (RFC 8305 section 5); one that stands by now is closed
 * without a byte. */
static void close_attempts(hc_connector *c) {
  for (size_t i = 0; i < c->active; i++) hc_socket_close(c->attempts[i].socket);
  c->active = 0;
  hc_group_close(c->group);
  c->group = HC_NO_HANDLE;
}

/* Look at those under way, begin the next where it is time, and close those that have failed, in
 * this order: see look_at_attempts. */
static hc_io advance_connector_here(hc_connector *c, uint64_t now) {
  hc_socket failed[HC_ATTEMPTS_MAX];
  size_t failed_count = 0;
  bool is_won = c->winner != HC_NO_SOCKET || look_at_attempts(c, failed, &failed_count);
  while (!is_won && c->next < c->count && (c->active == 0 || now >= c->next_at))
    is_won = start_next(c, now) == HC_IO_OK;
  for (size_t i = 0; i < failed_count; i++) hc_socket_close(failed[i]);
  if (is_won) return HC_IO_OK;
  return c->active > 0 ? HC_IO_WANT_WRITE : HC_IO_ERROR;
}

/* Whichever way it ends, nothing of the race is left open but the winner. */
hc_io hc_connector_poll(hc_connector *c, uint64_t now, hc_socket *connected, hc_failure *why) {
  *connected = HC_NO_SOCKET;
  hc_io io = advance_connector_here(c, now);
  if (io == HC_IO_WANT_WRITE) return io;
  close_attempts(c);
  if (io == HC_IO_OK) {
    *connected = c->winner;
    c->winner = HC_NO_SOCKET;
    c->next = c->count; /* the race is over, whoever asks again */
    return io;
  }
  const char *reason =
      c->first_failure.code == HC_OK ? "no address to connect to" : c->first_failure.text;
  if (c->count > 1)
    hc_failure_set(why, HC_ERR_CANT_CONNECT, "%s; %zu addresses tried", reason, c->count);
  else hc_failure_set(why, HC_ERR_CANT_CONNECT, "%s", reason);
  return io;
}

/* Only when there are two at a time, which is rare: most races have one runner, whose own
 * descriptor will do. */
static void make_group(hc_connector *c) {
  if (hc_group_open(&c->group) != HC_OK) c->group = HC_NO_HANDLE;
  c->group_is_whole = c->group != HC_NO_HANDLE;
  for (size_t i = 0; i < c->active && c->group_is_whole; i++)
    c->group_is_whole = hc_group_add(c->group, c->attempts[i].socket, HC_EVENT_WRITE) == HC_OK;
}

/* The deadline is when the next attempt begins, if there is one. Where several are under way and no
 * group can be had, the latest is watched and the others are looked at every 10 ms. */
void hc_connector_interest(hc_connector *c, hc_handle *fd, unsigned *events, uint64_t *deadline) {
  *fd = HC_NO_HANDLE;
  *events = 0;
  *deadline = c->next < c->count ? c->next_at : HC_NEVER;
  if (c->winner != HC_NO_SOCKET || c->active == 0) {
    *deadline = 0; /* poll has its answer */
    return;
  }
  *events = HC_EVENT_WRITE;
  *fd = c->attempts[c->active - 1].socket;
  if (c->active == 1) return;
  if (c->group == HC_NO_HANDLE) make_group(c);
  if (c->group_is_whole) {
    *fd = c->group;
    *events = HC_EVENT_READ;
    return;
  }
  uint64_t soon = hc_clock_now() + BLIND_INTERVAL_NS_CONNECTOR;
  if (*deadline > soon) *deadline = soon;
}

/* The winner is the caller's once poll has handed it over, and until then ours. */
void hc_connector_delete(hc_connector *c) {
  if (!c) return;
  close_attempts(c);
  hc_socket_close(c->winner);
  hc_memory_release(c);
}
