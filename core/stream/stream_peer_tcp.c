/* stream_peer_tcp.c - a TCP connection as a stream peer, or one over a Unix socket, which is the
 * same once it stands. See stream_peer_tcp.h.
 *
 * Its opening (tcp_opening.c) gives a socket. From then on a send or a receive is one system call.
 * Two things are noted beside them: when the socket was last seen empty, and how long a small send
 * takes. By these HTTP/1.1 knows a quiet connection without a look. */
#include "stream_peer_tcp.h"

#include <string.h>

#include "../base/memory.h"
#include "../platform/socket.h"
#include "../platform/socket_file.h"
#include "../platform/wait.h"
#include "tcp_opening.h"

typedef struct hc_tcp {
  hc_stream_peer base;
  hc_tcp_state state;
  hc_error ended_by; /* in the end states: by the first failure, for all who ask later */
  hc_socket socket;
  unsigned port;
  bool is_cut; /* broken without an end of the peer's side: what looks like one is none */
  bool sleeps; /* a blocking receive was made on the socket */
  bool is_limited; /* and such a receive comes back before long */
  bool has_waited; /* a receive that had to come back was made, in whatever way */
  bool counts_rest; /* receives tell what they leave behind */
  bool left_nothing; /* the last one said so */
  bool is_in_doubt; /* the last receive may have emptied the socket, and could not tell */
  uint8_t doubts; /* looks that were made for that reason, up to DOUBTS_MAX */
  uint8_t timed_sends; /* small ones whose time was taken, up to SENDS_TIMED */
  bool wants_delay; /* Nagle's algorithm was asked for */
  bool is_prompt; /* the socket has been told to do without it, or knows none */
  bool is_unix; /* the way leads to a Unix socket */
  uint64_t fastest_send; /* of the timed ones, in nanoseconds */
  uint64_t empty_at; /* when the socket was last seen to hold nothing; 0: not known */
  char *host; /* NULL before the first connect */
  size_t host_size;
  hc_tcp_opening opening; /* RESOLVING and CONNECTING; else ended */
} hc_tcp;

static hc_tcp *tcp_of(hc_stream_peer *peer) { return (hc_tcp *)peer; }
static const hc_tcp *const_tcp_of(const hc_stream_peer *peer) { return (const hc_tcp *)peer; }

/* The sentence is for this caller. Of it the stream keeps the code, which is all that later callers
 * are told. */
static hc_io end_in(hc_tcp *t, hc_tcp_state state, const hc_failure *failure, hc_failure *why) {
  t->state = state;
  t->ended_by = failure->code;
  hc_failure_set(why, failure->code, "%s", failure->text);
  return HC_IO_ERROR;
}

/* Why no byte can move in this state. */
static hc_io refuse_tcp(const hc_tcp *t, hc_failure *why) {
  switch (t->state) {
  case HC_TCP_CANT_RESOLVE:
  case HC_TCP_ERROR: hc_failure_set(why, t->ended_by, "the connection has failed before"); break;
  default: hc_failure_set(why, HC_ERR_UNCONFIGURED, "not connected"); break;
  }
  return HC_IO_ERROR;
}

static bool is_opening(const hc_tcp *t) {
  return t->state == HC_TCP_RESOLVING || t->state == HC_TCP_CONNECTING;
}

/* The opening is asking when it runs the host's filter of addresses. A call that comes back here
 * from within the filter is told to wait, since nothing can move before the filter has returned. */
static hc_io tcp_advance(hc_stream_peer *self, hc_failure *why) {
  hc_tcp *t = tcp_of(self);
  hc_failure failure = {HC_OK, ""};
  hc_tcp_state state = HC_TCP_NONE;
  if (t->state == HC_TCP_CONNECTED) return HC_IO_OK;
  if (!is_opening(t)) return refuse_tcp(t, why);
  if (hc_tcp_opening_is_asking(&t->opening)) return HC_IO_WANT_READ;
  hc_io io =
      hc_tcp_opening_advance(&t->opening, hc_tcp_host(self), t->port, &t->socket, &state, &failure);
  if (state == HC_TCP_NONE) { /* what the stream is now, whoever closed it has said */
    hc_failure_set(why, failure.code, "%s", failure.text);
    return HC_IO_ERROR;
  }
  if (io == HC_IO_ERROR) return end_in(t, state, &failure, why);
  t->state = state;
  if (state == HC_TCP_CONNECTED) t->is_prompt = t->is_unix;
  return io;
}

/* --- moving bytes */

/* After EPIPE the peer's side has ended in good order, and what it sent before can be read to its
 * true end. Any other failure takes the place of that end; the system reports it only once. */
static hc_io break_off(hc_tcp *t, hc_failure *failure, hc_failure *why) {
  if (failure->code == HC_ERR_UNAVAILABLE) failure->code = HC_ERR_CONNECTION_ERROR;
  else t->is_cut = true;
  return end_in(t, HC_TCP_ERROR, failure, why);
}

/* Nobody sends anything in less time than the fastest of a few small sends took here: one alone may
 * have been held up, and large ones are slow. The first of them all are timed; after that the clock
 * is spared. */
#define SENDS_NEEDED 4u
#define SENDS_TIMED 32u
#define SMALL_SEND ((size_t)4096)

/* The time of a send that would have blocked, or that failed, says nothing of the next one. */
static hc_io send_timed(hc_tcp *t, const hc_slice *parts, size_t count, size_t *sent,
                        hc_failure *why) {
  uint64_t before = hc_clock_now();
  hc_io io = hc_socket_send(t->socket, parts, count, sent, why);
  if (io != HC_IO_OK || *sent > SMALL_SEND) return io;
  uint64_t duration = hc_clock_now() - before;
  if (t->timed_sends == 0 || duration < t->fastest_send) t->fastest_send = duration;
  t->timed_sends++;
  return io;
}

/* Nagle's algorithm holds a small piece back while one before it is not acknowledged. The first one
 * has none before it, as long as it is a single segment, which takes 536 bytes at least (RFC 9293
 * section 3.7.1). So a connection of one small request is spared the call. */
#define FIRST_SEND ((size_t)536)

static void send_promptly(hc_tcp *t, const hc_slice *parts, size_t count) {
  size_t size = 0;
  if (t->is_prompt || t->wants_delay) return;
  for (size_t i = 0; i < count && size <= FIRST_SEND; i++) size += parts[i].size;
  if (t->timed_sends == 0 && size <= FIRST_SEND) return;
  hc_socket_send_at_once(t->socket);
  t->is_prompt = true;
}

/* Where a send fails the socket stays open, though the state is ERROR: see can_receive. */
static hc_io tcp_send(hc_stream_peer *self, const hc_slice *parts, size_t count, size_t *sent,
                      hc_failure *why) {
  hc_tcp *t = tcp_of(self);
  hc_failure failure;
  if (t->state != HC_TCP_CONNECTED) return refuse_tcp(t, why);
  hc_failure_clear(&failure);
  send_promptly(t, parts, count);
  hc_io io = t->timed_sends < SENDS_TIMED ? send_timed(t, parts, count, sent, &failure)
                                          : hc_socket_send(t->socket, parts, count, sent, &failure);
  return io == HC_IO_ERROR ? break_off(t, &failure, why) : io;
}

/* A file that can't be read is no failure of the connection, which stays as it was; what becomes of
 * a body that ends too early is for the caller to say. Whether Nagle's algorithm matters is a
 * question of size alone, so a part without data stands for the file. */
static hc_io tcp_send_file(hc_stream_peer *self, hc_file file, uint64_t *offset, size_t length,
                           size_t *sent, hc_failure *why) {
  hc_tcp *t = tcp_of(self);
  hc_failure failure;
  *sent = 0;
  if (t->state != HC_TCP_CONNECTED) return refuse_tcp(t, why);
  hc_failure_clear(&failure);
  send_promptly(t, &(hc_slice){NULL, length}, 1);
  hc_io io = hc_socket_send_file(t->socket, file, offset, length, sent, &failure);
  if (io != HC_IO_ERROR) return io;
  if (failure.code != HC_ERR_FILE_CANT_READ) return break_off(t, &failure, why);
  hc_failure_set(why, failure.code, "%s", failure.text);
  return io;
}

/* That the kernel holds no more bytes is known when a receive would block, or when the kernel says
 * so. It is asked to say so once that has spared a look: a connection that has one or two exchanges
 * does not pay for it. Later ones pay with 1% of the instructions of a small GET, and need two
 * system calls instead of three. */
#define DOUBTS_MAX 2u

static hc_io note_empty(hc_tcp *t, hc_io io) {
  t->empty_at = t->left_nothing || io == HC_IO_WANT_READ ? hc_clock_now() : 0;
  t->is_in_doubt = io == HC_IO_OK && !t->counts_rest;
  return io;
}

/* A look that follows a receive in doubt is the call that counting would have spared. */
static void note_look(hc_tcp *t) {
  if (!t->is_in_doubt) return;
  t->is_in_doubt = false;
  if (t->doubts == DOUBTS_MAX) return;
  t->doubts++;
  if (t->doubts == DOUBTS_MAX) t->counts_rest = hc_socket_count_rest(t->socket);
}

/* Receiving goes on after a failed send: an answer that came before the failure is still there to
 * be read. */
static bool can_receive(const hc_tcp *t) { return t->socket != HC_NO_SOCKET; }

/* The kernel tells of a reset once, and reports a plain end ever after. Whoever was told by a send
 * must not take that end for the end of an answer. */
static hc_io check_received(hc_tcp *t, hc_io io, hc_failure *failure, hc_failure *why) {
  if (io == HC_IO_EOF && t->is_cut) {
    hc_failure_set(failure, HC_ERR_CONNECTION_ERROR, "connection broken");
    io = HC_IO_ERROR;
  }
  return io == HC_IO_ERROR ? break_off(t, failure, why) : io;
}

/* What a receive leaves behind is asked of the system only where somebody wants to know it
 * (counts_rest). */
static hc_io tcp_recv(hc_stream_peer *self, char *into, size_t room, size_t *got, hc_failure *why) {
  hc_tcp *t = tcp_of(self);
  hc_failure failure;
  if (!can_receive(t)) return refuse_tcp(t, why);
  hc_failure_clear(&failure);
  t->left_nothing = false;
  hc_io io = t->counts_rest
                 ? hc_socket_recv_counted(t->socket, into, room, got, &t->left_nothing, &failure)
                 : hc_socket_recv(t->socket, into, room, got, &failure);
  return check_received(t, note_empty(t, io), &failure, why);
}

/* Once for the socket, which may block from then on: nothing else that is done with it relies on
 * the flag (platform/socket.h). */
static void expect_sleep(hc_tcp *t) {
  if (!t->sleeps) hc_socket_expect_sleep(t->socket);
  t->sleeps = true;
}

/* On a connection that has one exchange this takes a system call less than to prepare the socket.
 * What the wait came to is not looked at: the receive finds out by itself what is there. */
static hc_io recv_when_ready(hc_tcp *t, char *into, size_t room, uint64_t until, size_t *got,
                             hc_failure *why) {
  hc_wait_entry entry = {t->socket, HC_EVENT_READ, 0};
  size_t ready;
  t->has_waited = true;
  (void)hc_wait(&entry, 1, until, &ready);
  return tcp_recv(&t->base, into, room, got, why);
}

/* The first wait of a connection goes by way of poll, and later ones by a limit that is set on the
 * socket once and bounds every sleep in a receive. Where the system refuses such a limit, all of
 * them go by way of poll. */
static hc_io recv_until(hc_tcp *t, char *into, size_t room, hc_fill fill, uint64_t until,
                        size_t *got, hc_failure *why) {
  hc_failure failure;
  t->left_nothing = false;
  if (!t->has_waited) return recv_when_ready(t, into, room, until, got, why);
  if (!t->is_limited) t->is_limited = hc_socket_limit_sleep(t->socket);
  if (!t->is_limited) return recv_when_ready(t, into, room, until, got, why);
  if (hc_clock_now() >= until) return tcp_recv(&t->base, into, room, got, why);
  hc_failure_clear(&failure);
  expect_sleep(t);
  hc_io io = hc_socket_recv_limited(t->socket, into, room, fill, got,
                                    t->counts_rest ? &t->left_nothing : NULL, &failure);
  /* Nothing may have come in the time, or a signal has: that the socket is empty is not known. */
  if (io == HC_IO_WANT_READ) return io;
  return check_received(t, note_empty(t, io), &failure, why);
}

static hc_io tcp_recv_blocking(hc_stream_peer *self, char *into, size_t room, hc_fill fill,
                               uint64_t until, size_t *got, hc_failure *why) {
  hc_tcp *t = tcp_of(self);
  hc_failure failure;
  *got = 0;
  if (!can_receive(t)) return refuse_tcp(t, why);
  /* A socket stays limited: to whoever sets no time on it, a receive that comes back early is one
   * that found nothing. */
  if (until != HC_NEVER || t->is_limited) return recv_until(t, into, room, fill, until, got, why);
  hc_failure_clear(&failure);
  expect_sleep(t);
  t->left_nothing = false;
  hc_io io = t->counts_rest ? hc_socket_recv_blocking_counted(t->socket, into, room, fill, got,
                                                              &t->left_nothing, &failure)
                            : hc_socket_recv_blocking(t->socket, into, room, fill, got, &failure);
  return check_received(t, note_empty(t, io), &failure, why);
}

/* The bytes go on to a file, without a copy in our memory: see platform/socket_file.h. */
static hc_io tcp_fill_pipe(hc_stream_peer *self, hc_pipe *pipe, size_t size, hc_failure *why) {
  hc_tcp *t = tcp_of(self);
  hc_failure failure;
  if (!can_receive(t)) return refuse_tcp(t, why);
  hc_failure_clear(&failure);
  hc_io io = hc_socket_fill_pipe(t->socket, pipe, size, &failure);
  t->sleeps = false; /* the socket does not block any more */
  t->empty_at = 0; /* it stays dry where urgent data stands, too */
  return check_received(t, io, &failure, why);
}

/* The clock is read before the look: what is empty at the look was so at that time, too. */
static hc_io tcp_peek(hc_stream_peer *self, hc_failure *why) {
  hc_tcp *t = tcp_of(self);
  hc_failure failure;
  if (!can_receive(t)) return refuse_tcp(t, why);
  uint64_t now = hc_clock_now();
  hc_failure_clear(&failure);
  hc_io io = hc_socket_peek(t->socket, &failure);
  note_look(t);
  t->empty_at = io == HC_IO_WANT_READ ? now : 0;
  return check_received(t, io, &failure, why);
}

/* Too few sends were timed at first: then the stream says when it was empty, and not for how long
 * that can be relied on. */
static uint64_t tcp_empty_at(hc_stream_peer *self, uint64_t *step) {
  const hc_tcp *t = tcp_of(self);
  *step = t->timed_sends >= SENDS_NEEDED ? t->fastest_send : 0;
  return t->empty_at;
}

/* What the kernel holds. That takes a system call, since we keep nothing ourselves. */
static size_t tcp_available(hc_stream_peer *self) {
  hc_tcp *t = tcp_of(self);
  return can_receive(t) ? hc_socket_available(t->socket) : 0;
}

/* --- waiting, closing */

/* Before it is connected the opening knows what to wait for. Afterwards the events are left to the
 * caller, who knows from the last send or receive. */
static void tcp_interest(hc_stream_peer *self, hc_interest *out) {
  hc_tcp *t = tcp_of(self);
  *out = (hc_interest){.fd = t->socket, .deadline = HC_NEVER};
  if (hc_tcp_opening_interest(&t->opening, out)) return;
  out->ready = t->socket == HC_NO_SOCKET; /* the answer to any call is known already */
}

/* As connect was given them, and not the address that was found: the Host header is made of it. */
static void tcp_endpoint(hc_stream_peer *self, hc_slice *host, unsigned *port) {
  *host = hc_tcp_host(self);
  *port = tcp_of(self)->port;
}

/* Host and port stay, for whoever asks where the stream led. What was learned of the socket goes
 * with it; wants_delay stays, since it is the caller's wish. */
static void tcp_close(hc_stream_peer *self) {
  hc_tcp *t = tcp_of(self);
  hc_tcp_opening_end(&t->opening);
  hc_socket_close(t->socket);
  t->socket = HC_NO_SOCKET;
  t->state = HC_TCP_NONE;
  t->ended_by = HC_OK;
  t->is_cut = false;
  t->empty_at = t->fastest_send = 0;
  t->timed_sends = t->doubts = 0;
  t->sleeps = t->is_limited = t->has_waited = t->counts_rest = t->is_in_doubt = false;
  t->is_prompt = t->is_unix = false;
}

/* TCP runs code of the host's in one place: the filter that says which addresses are allowed. */
static bool tcp_in_call(const hc_stream_peer *self) {
  return hc_tcp_opening_is_asking(&const_tcp_of(self)->opening);
}

static void tcp_destroy(hc_stream_peer *self) {
  tcp_close(self);
  hc_memory_release(tcp_of(self)->host);
  hc_memory_release(self);
}

static const hc_stream_peer_ops tcp_ops = {
    .name = "StreamPeerTCP",
    .advance = tcp_advance,
    .send = tcp_send,
    .recv = tcp_recv,
    .recv_blocking = tcp_recv_blocking,
    .fill_pipe = tcp_fill_pipe,
    .peek = tcp_peek,
    .empty_at = tcp_empty_at,
    .send_file = tcp_send_file,
    .available = tcp_available,
    .interest = tcp_interest,
    .endpoint = tcp_endpoint,
    .below = NULL,
    .in_call = tcp_in_call,
    .close = tcp_close,
    .destroy = tcp_destroy,
};

/* --- what only TCP has */

/* No socket is made before connect, so a stream that is never used costs memory alone. */
hc_stream_peer *hc_tcp_new(void) {
  hc_tcp *t = hc_memory_allocate_zeroed(1, sizeof *t);
  if (!t) return NULL;
  hc_stream_peer_init(&t->base, &tcp_ops);
  t->socket = HC_NO_SOCKET;
  return &t->base;
}

bool hc_stream_peer_is_tcp(const hc_stream_peer *peer) { return peer && peer->ops == &tcp_ops; }

/* `host` may be a view of the present one, so it is copied before that is released. What was open
 * is closed in any case, also where there is no memory for the copy. */
static hc_error open_anew(hc_tcp *t, hc_slice host, unsigned port, hc_failure *why) {
  char *copy = hc_memory_copy_text(host.data, host.size);
  hc_stream_peer_close(&t->base);
  if (!copy) return hc_failure_out_of_memory(why);
  hc_memory_release(t->host);
  t->host = copy;
  t->host_size = host.size;
  t->port = port;
  return HC_OK;
}

hc_error hc_tcp_connect_on(hc_stream_peer *peer, hc_slice host, unsigned port,
                           const hc_dial_terms *terms, hc_failure *why) {
  hc_tcp *t = tcp_of(peer);
  hc_error error = open_anew(t, host, port, why);
  if (error != HC_OK) return error;
  return hc_tcp_opening_start(&t->opening, hc_tcp_host(peer), port, terms, &t->state, why);
}

hc_error hc_tcp_connect(hc_stream_peer *peer, hc_slice host, unsigned port, hc_failure *why) {
  return hc_tcp_connect_on(peer, host, port, NULL, why);
}

/* A path is no host: "localhost" stands in for it, for whoever asks the stream where it leads. */
hc_error hc_tcp_connect_unix(hc_stream_peer *peer, hc_slice path, hc_failure *why) {
  hc_tcp *t = tcp_of(peer);
  hc_error error = open_anew(t, HC_SLICE("localhost"), 0, why);
  if (error != HC_OK) return error;
  t->is_unix = true;
  return hc_tcp_opening_start_unix(&t->opening, path, &t->state, why);
}

void hc_tcp_forget_filter(hc_stream_peer *peer) {
  hc_tcp_opening_forget_filter(&tcp_of(peer)->opening);
}

hc_tcp_state hc_tcp_get_state(const hc_stream_peer *peer) { return const_tcp_of(peer)->state; }

hc_slice hc_tcp_host(const hc_stream_peer *peer) {
  const hc_tcp *t = const_tcp_of(peer);
  return !t->host ? HC_SLICE("") : (hc_slice){t->host, t->host_size};
}

unsigned hc_tcp_port(const hc_stream_peer *peer) { return const_tcp_of(peer)->port; }

bool hc_tcp_remote_address(const hc_stream_peer *peer, hc_address *address) {
  const hc_tcp *t = const_tcp_of(peer);
  return t->state == HC_TCP_CONNECTED && hc_socket_peer_address(t->socket, address);
}

bool hc_tcp_local_address(const hc_stream_peer *peer, hc_address *address) {
  const hc_tcp *t = const_tcp_of(peer);
  return t->state == HC_TCP_CONNECTED && hc_socket_local_address(t->socket, address);
}

/* A stream that is not connected yet is told by the first send that needs it (send_promptly). */
void hc_tcp_send_at_once(hc_stream_peer *peer) {
  hc_tcp *t = tcp_of(peer);
  t->wants_delay = false;
  t->is_prompt = t->state == HC_TCP_CONNECTED;
  if (t->is_prompt) hc_socket_send_at_once(t->socket);
}

/* Back to Nagle's algorithm, with which the system begins. */
void hc_tcp_gather_small_sends(hc_stream_peer *peer) {
  hc_tcp *t = tcp_of(peer);
  t->wants_delay = true;
  t->is_prompt = false;
  if (t->state == HC_TCP_CONNECTED) hc_socket_gather_small_sends(t->socket);
}
