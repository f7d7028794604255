/* connection.c - one way to a server and the places on it: its life, not its bytes. See
 * connection.h.
 *
 * It is opened along a walk, or with a stream of the caller's, is usable when that says so, and
 * ends once, for all who stand on it. Whoever finds out that it has failed says how; that is kept,
 * because the others ask later. What is sent and received between the beginning and the end is the
 * protocol's business.
 *
 * It stands above the protocols and names them: here it is decided which of them a connection
 * speaks. They in turn reach down to connection_stream.c, and know nothing of places but who has to
 * be noticed. */
#include "connection.h"

#include <string.h>

#include "../base/memory.h"
#include "../http/uri.h"
#include "../stream/stream_peer_tcp.h"
#include "../stream/tls/stream_peer_tls.h"

/* It speaks HTTP/1.1 until a handshake says otherwise, so that nobody ever has to ask whether there
 * is a protocol. The exchange of HTTP/1.1 is set up at once, as it is a part of this memory. */
hc_connection *hc_connection_new(void) {
  hc_connection *n = hc_memory_allocate_zeroed(1, sizeof *n);
  if (!n) return NULL;
  n->references = 1;
  n->failed_in = HC_PHASE_CONNECT;
  n->connect_deadline = HC_NEVER;
  n->protocol = &hc_protocol_h1;
  hc_h1_init(&n->h1, n);
  return n;
}

/* A script may hold the stream and go on with it after its client has gone. So the stream is let go
 * first, open, and what is closed afterwards is only what is left. */
void hc_connection_release(hc_connection *n) {
  if (--n->references > 0) return;
  hc_connection_let_go(n);
  hc_connection_close(n);
  hc_h1_free(&n->h1);
  hc_memory_release(n);
}

/* --- places */

/* Whoever comes to a connection whose server has told its limit need not be told of it again, else
 * the first wait would report news that are none. */
void hc_connection_join(hc_connection *n, hc_place *place) {
  hc_connection_retain(n);
  place->connection = n;
  place->exchange = NULL;
  place->knows_room = hc_connection_is_settled(n);
  place->next = n->places;
  n->places = place;
}

/* The place is emptied before the exchange hears of it: letting go may free its memory. */
static void forget_exchange(hc_place *place) {
  hc_exchange *x = place->exchange;
  place->exchange = NULL;
  if (!x) return;
  hc_exchange_belong_to(x, NULL);
  if (x->protocol->forget) x->protocol->forget(x);
}

/* Is a poller interested in what happens here? */
static bool is_seated(const hc_connection *n) {
  for (const hc_place *p = n->places; p; p = p->next)
    if (p->seat) return true;
  return false;
}

/* The order matters. The place is taken out of the list first, so that ending its exchange notices
 * all the others and not the one that is leaving. The watch goes before the descriptor can: nobody
 * who is left would remember to take it out of the kernel's set. And the reference goes last,
 * because it may be the one that keeps all of this in memory. */
void hc_connection_leave(hc_place *place) {
  static const hc_failure given_up = {HC_ERR_CONNECTION_ERROR, HC_ENDED_WITH_ANOTHER};
  hc_connection *n = place->connection;
  hc_place **at = &n->places;
  while (*at != place) at = &(*at)->next;
  *at = place->next;
  place->next = NULL;
  if (n->watch.dropped && !is_seated(n)) n->watch.dropped(&n->watch);
  if (place->exchange && place->exchange->is_under_way)
    hc_exchange_cancel(place->exchange, &given_up);
  forget_exchange(place);
  place->connection = NULL;
  hc_connection_release(n);
}

/* While the stream is not usable yet there is nothing for a protocol to read: the event is one of
 * the walk's, and whoever polls first takes the next step. */
void hc_connection_take_event(hc_connection *n) {
  hc_connection_note_event(n);
  hc_connection_retain(n); /* a stream of the host's may let all clients go */
  if (n->is_usable) n->protocol->advance(n);
  else hc_connection_notice_all(n);
  hc_connection_release(n);
}

/* Nothing has changed when the protocol refuses, so a client whose request was wrong still has the
 * answer of its last one. */
hc_error hc_connection_begin(hc_place *place, const hc_exchange_wish *wish, hc_failure *why) {
  hc_connection *n = place->connection;
  hc_exchange *x = NULL;
  if (n->protocol->room(n) == 0)
    return hc_failure_set(why, HC_ERR_BUSY, "the connection has no room for another request now");
  hc_error code = n->protocol->open(n, wish, &x, why);
  if (code != HC_OK) return code;
  /* embedded: the answer of the one before makes room */
  if (x->place && x->place != place) x->place->exchange = NULL;
  if (place->exchange != x) forget_exchange(place);
  place->exchange = x;
  hc_place_learn_room(place); /* enough for this one */
  hc_exchange_belong_to(x, place);
  return HC_OK;
}

/* --- ending */

/* The names are views into one block, and so are useless the moment it is released. */
static void forget_names(hc_connection *n) {
  hc_memory_release(n->names);
  n->names = NULL;
  n->host = n->authority = (hc_slice){NULL, 0};
  hc_proxy_release(n->proxy);
  n->proxy = NULL;
}

/* All is put back to where a new connection stands, but for the memory of a usual head. One that is
 * opened again must not know of its last life: whether a server has ever answered, and who reads
 * the requests, decides how its failures are told. */
void hc_connection_close(hc_connection *n) {
  hc_connection_drop(n);
  if (n->places) forget_exchange(n->places);
  hc_connection_forget_failure(n);
  hc_h1_reset(&n->h1);
  n->protocol = &hc_protocol_h1;
  forget_names(n);
  n->target = HC_TARGET_ORIGIN;
  n->next = HC_PARTY_ORIGIN;
  n->is_shown = n->was_used = false;
}

/* --- connecting */

/* what an authority may be longer than its host: two brackets, a colon, five digits */
#define AUTHORITY_MORE 8

/* The route is made from a wish, which knows hosts and ports and not the object that a proxy is
 * here. */
static void take_proxy(hc_connection *n, hc_connection_wish *wish) {
  if (!wish->proxy) return;
  n->proxy = hc_proxy_retain(wish->proxy);
  wish->way.proxy = n->proxy->scheme;
  wish->way.proxy_host = n->proxy->host;
  wish->way.proxy_port = n->proxy->port;
}

/* A copy of `text` at the end of the block, which has room for it, with a NUL behind it. The NUL is
 * for the system's calls, which want names so. An error is kept and stops all that come later: the
 * caller asks once, at the end. */
static hc_slice keep(hc_buffer *block, hc_slice text, hc_error *code) {
  if (text.size == 0) return HC_SLICE("");
  size_t at = hc_buffer_size(block);
  if (*code == HC_OK) *code = hc_buffer_append(block, text, SIZE_MAX);
  if (*code == HC_OK) *code = hc_buffer_append(block, (hc_slice){"", 1}, SIZE_MAX);
  return (hc_slice){block->data + at, text.size};
}

/* All texts in one block: the walk and the requests look at them as long as the connection lives.
 * The sizes are added with room to spare before anything is copied, because the views would point
 * into freed memory if the block had to grow once more. A text so long that the sum could overflow
 * is out of memory already. */
static hc_error keep_names_connection(hc_connection *n, hc_connection_wish *wish) {
  hc_buffer block = {0};
  char *at;
  size_t room, total = wish->way.host.size + 1;
  const hc_slice others[] = {wish->way.host, wish->way.unix_path, wish->way.to_host};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (others[i].size > SIZE_MAX / 8) return HC_ERR_OUT_OF_MEMORY;
    total += others[i].size + 1;
  }
  hc_error code = hc_buffer_reserve(&block, total + AUTHORITY_MORE, SIZE_MAX, &at, &room);
  if (code != HC_OK) return code;
  n->host = wish->way.host = keep(&block, wish->way.host, &code);
  wish->way.to_host = keep(&block, wish->way.to_host, &code);
  wish->way.unix_path = keep(&block, wish->way.unix_path, &code);
  size_t before = hc_buffer_size(&block);
  if (code == HC_OK) code = hc_authority_write(n->host, wish->way.port, n->default_port, &block);
  n->authority = (hc_slice){block.data + before, hc_buffer_size(&block) - before};
  n->names = block.data;
  if (code != HC_OK) forget_names(n);
  return code;
}

/* has_just_begun is only said where the walk begins with an address: a near server may have
 * accepted by the time somebody looks, and then a sleep would be a system call for nothing. */
static hc_error start_walk(hc_connection *n, const hc_connection_wish *wish,
                           hc_tls_options *options, hc_failure *why) {
  hc_route route;
  hc_error code = hc_route_make(&wish->way, &route, why);
  if (code != HC_OK) return code;
  n->target = route.target;
  n->wire = route.wire;
  n->next = route.next;
  hc_walk_wish walk = {n->proxy, options, wish->head_limit, wish->transcript, wish->terms};
  code = hc_walk_start(&walk, &route, &n->walk, &n->stream, why);
  n->state = HC_CONNECTION_CONNECTING;
  n->has_just_begun = code == HC_OK && hc_walk_phase(n->walk) == HC_PHASE_CONNECT;
  return code;
}

/* What the options of TLS are when the caller names none: full verification. */
static hc_error take_options(hc_tls_options *named, hc_tls_options **options, hc_failure *why) {
  hc_tls_settings defaults;
  if (named) {
    *options = hc_tls_options_retain(named);
    return HC_OK;
  }
  memset(&defaults, 0, sizeof defaults);
  return hc_tls_options_new(&defaults, options, why);
}

/* While names are looked up and TCP connects, what TLS needs can be loaded. To read the system's
 * store of certificates takes milliseconds. They pass on a thread while the network is slower than
 * that, and whatever is wrong with the options is said now, where a caller expects it, and not in
 * the middle of a handshake. */
static hc_error load_early(const hc_connection *n, const hc_tls_options *options, hc_failure *why) {
  hc_tls_options *of_proxy = NULL;
  bool has_tls_proxy = n->proxy && n->proxy->scheme == HC_PROXY_TLS;
  hc_error code = options || has_tls_proxy ? hc_tls_check(why) : HC_OK;
  if (code != HC_OK) return code;
  if (options) hc_tls_options_start_loading(options);
  if (!has_tls_proxy) return HC_OK;
  code = hc_proxy_tls_options(n->proxy, &of_proxy, why);
  if (code == HC_OK) hc_tls_options_start_loading(of_proxy);
  return code;
}

/* What can't be had is refused before anything is sent. Three reasons: the build has no HTTP/2; the
 * caller wants it and his own ALPN list rules it out; and for a wish that leaves the choice open
 * there is nothing to refuse. */
static hc_error check_version_connection(const hc_connection_wish *wish, hc_failure *why) {
  const hc_tls_options *o = wish->options;
  if (wish->way.version == HC_VERSION_1 || hc_http2_is_built()) {
    bool is_left_out = o && hc_tls_options_have_alpn(o) && !hc_tls_options_offer(o, HC_SLICE("h2"));
    bool is_wanted = wish->way.version == HC_VERSION_2 && wish->way.security == HC_SECURITY_TLS;
    if (!is_wanted || !is_left_out) return HC_OK;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "HTTP/2 is wanted, and the alpn of the TLS options has no \"h2\"");
  }
  if (wish->way.version == HC_VERSION_AUTO) return HC_OK;
  return hc_failure_set(why, HC_ERR_UNAVAILABLE,
                        "HTTP/2 is not built in: the build had no libnghttp2");
}

/* After an error some of this may have been done. It is not undone here, since the caller closes
 * the connection in any case, and that finds all of it. */
hc_error hc_connection_open(hc_connection *n, const hc_connection_wish *wish, hc_failure *why) {
  hc_connection_wish kept = *wish;
  hc_tls_options *options = NULL;
  bool is_secure = wish->way.security == HC_SECURITY_TLS;
  n->default_port = is_secure ? 443 : 80;
  hc_error code = check_version_connection(wish, why);
  if (code != HC_OK) return code;
  /* "auto" means what this build can do */
  if (!hc_http2_is_built()) kept.way.version = HC_VERSION_1;
  n->version = kept.way.version;
  n->head_limit = wish->head_limit;
  take_proxy(n, &kept);
  code = keep_names_connection(n, &kept);
  if (code != HC_OK) return hc_failure_set_code(why, code);
  n->connect_timeout = wish->connect_timeout;
  if (wish->connect_timeout > 0)
    n->connect_deadline = hc_clock_deadline(hc_clock_now(), wish->connect_timeout);
  if (is_secure) code = take_options(wish->options, &options, why);
  if (code == HC_OK) code = load_early(n, options, why);
  if (code == HC_OK) code = start_walk(n, &kept, options, why);
  hc_tls_options_release(options);
  return code;
}

/* Without TLS there is no ALPN, and nobody may guess: a server that does not expect the preface of
 * HTTP/2 may do anything with it (RFC 9113 section 3.3). */
static bool has_agreed_on_http2(const hc_stream_peer *stream) {
  return hc_stream_peer_is_tls(stream) && hc_slice_equal(hc_tls_alpn(stream), HC_SLICE("h2"));
}

/* There is no walk here, and is_usable stays false: a stream of the caller's may still have to
 * shake hands, which hc_connection_make_usable does step by step. */
hc_error hc_connection_adopt(hc_connection *n, hc_stream_peer *stream, hc_version_wish version,
                             size_t head_limit) {
  bool is_http2 =
      version == HC_VERSION_2 || (version == HC_VERSION_AUTO && has_agreed_on_http2(stream));
  if (is_http2 && !hc_http2_is_built()) return HC_ERR_UNAVAILABLE;
  n->stream = hc_stream_peer_retain(stream);
  n->default_port = hc_stream_peer_is_tls(stream) ? 443 : 80;
  n->state = HC_CONNECTION_OPEN;
  return is_http2 ? hc_http2_start(n, head_limit) : HC_OK;
}

/* What is spoken from here on. It was settled by prior knowledge, or is by what the handshake
 * agreed on. A caller who asked for HTTP/2 alone is not given anything else: his request may rely
 * on it. */
static hc_progress choose_protocol(hc_connection *n, hc_failure *why) {
  bool is_http2 =
      n->wire == HC_WIRE_HTTP2 || (n->wire == HC_WIRE_BY_ALPN && has_agreed_on_http2(n->stream));
  if (n->version == HC_VERSION_2 && !is_http2) {
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "the server does not speak HTTP/2 (ALPN)");
    return HC_BROKEN;
  }
  if (!is_http2 || hc_http2_start(n, n->head_limit) == HC_OK) return HC_DONE;
  hc_failure_out_of_memory(why);
  return HC_BROKEN;
}

/* The clock is asked last, so that a step which came through counts, however late it is looked at.
 * What is wrong is told with the proxy's name as long as the proxy is whom the walk talks to;
 * behind that it is the server's fault. */
hc_progress hc_connection_advance(hc_connection *n, hc_failure *why) {
  if (!n->walk) return n->state == HC_CONNECTION_CLOSED ? hc_connection_tell_end(n, why) : HC_DONE;
  /* what it asks the host for may have come back here by way of another client */
  if (hc_stream_peer_is_in_call(n->stream)) return HC_WAIT;
  hc_io io = hc_walk_advance(n->walk, &n->stream, why);
  if (io == HC_IO_OK) {
    if (choose_protocol(n, why) == HC_BROKEN) return HC_BROKEN;
    hc_walk_delete(n->walk);
    n->walk = NULL;
    n->is_usable = true;
    n->connect_deadline = HC_NEVER;
    n->state = HC_CONNECTION_OPEN;
    return HC_DONE;
  }
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) {
    if (n->connect_deadline == HC_NEVER || hc_clock_now() < n->connect_deadline) return HC_WAIT;
    hc_failure_clear(why);
    hc_failure_set_timeout(why, "connect", n->connect_timeout);
  }
  if (hc_walk_is_with_proxy(n->walk)) hc_connection_name_proxy(n, why);
  return HC_BROKEN;
}

/* --- between requests */

/* After an upgrade the bytes are the script's, and whatever they are, they are no fault. */
hc_progress hc_connection_check(hc_connection *n, hc_failure *why) {
  hc_progress progress = hc_connection_make_usable(n, why);
  if (progress != HC_DONE || n->state == HC_CONNECTION_UPGRADED) return progress;
  progress = n->protocol->check(n, why);
  if (progress == HC_BROKEN) hc_connection_name_next(n, why);
  return progress;
}

/* The end of the stream is something to read, too: a script that waits has to hear of it. */
bool hc_connection_has_upgraded_bytes(const hc_connection *n) {
  hc_failure ignored = {HC_OK, ""};
  if (n->state != HC_CONNECTION_UPGRADED) return false;
  hc_io io = hc_stream_peer_peek(n->stream, &ignored);
  return io != HC_IO_WANT_READ && io != HC_IO_WANT_WRITE;
}

/* --- waiting */

/* On a closed one whoever asks is ready, because its next step tells why. While the walk is under
 * way it alone knows what it waits for. In between, on a stream of the caller's that is not usable
 * yet, an exchange may already be queued, whose idle timeout runs. */
void hc_connection_interest(hc_connection *n, const hc_exchange *x, hc_interest *out) {
  if (n->state == HC_CONNECTION_CLOSED) {
    out->ready = true;
    return;
  }
  if (n->walk) hc_walk_interest(n->walk, n->stream, out);
  else hc_stream_peer_interest(n->stream, out);
  if (n->connect_deadline < out->deadline) out->deadline = n->connect_deadline;
  if (n->walk) return;
  if (n->is_usable) {
    n->protocol->interest(n, x, out);
    return;
  }
  if (x && x->is_under_way) out->deadline = hc_clock_earlier(out->deadline, x->idle_deadline);
  if (out->fd != HC_NO_HANDLE && out->events == 0)
    out->ready = true; /* the caller's, usable: a look has yet to learn that */
}
