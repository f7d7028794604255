/* connection_stream.c - a connection and its stream: when it can be used, how it ends, who hears of
 * that, and in which words. See connection.h.
 *
 * This is what the protocols and exchanges ask of the connection below them. Opening one, and who
 * stands on it, is connection.c's business, which stands above them all. */
#include "connection.h"

#include <string.h>

#include "../base/memory.h"
#include "../stream/stream_peer_tcp.h"

/* Nearly always this is one comparison. It is asked in front of each request all the same, because
 * a stream that was adopted shakes hands only when somebody wants something of it. */
hc_progress hc_connection_make_usable(hc_connection *n, hc_failure *why) {
  if (n->is_usable) return HC_DONE;
  if (n->state == HC_CONNECTION_CLOSED) return hc_connection_tell_end(n, why);
  hc_io io = hc_stream_peer_advance(n->stream, why);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return HC_WAIT;
  n->is_usable = io == HC_IO_OK;
  return n->is_usable ? HC_DONE : HC_BROKEN;
}

/* --- ending */

/* Those in no poller find out when they are polled next. */
void hc_connection_notice_all(hc_connection *n) {
  for (hc_place *p = n->places; p; p = p->next) hc_place_notice(p);
}

/* The filter of addresses is the client's, and is a function of the host's: a stream that outlives
 * its client must not call it any more. */
static void forget_filter(hc_stream_peer *stream) {
  hc_stream_peer *bottom = hc_stream_peer_bottom(stream);
  if (hc_stream_peer_is_tcp(bottom)) hc_tcp_forget_filter(bottom);
}

/* The stream's place is empty from here on, whoever closes it calls back meanwhile. The watch ends
 * first, while the descriptor is still that of this stream: a moment later its number may be
 * somebody else's. */
static hc_stream_peer *take_stream(hc_connection *n) {
  hc_stream_peer *stream = n->stream;
  if (n->watch.dropped) n->watch.dropped(&n->watch);
  /* a script may hold the stream for longer */
  if (n->walk && hc_walk_asks(n->walk)) forget_filter(stream);
  n->stream = NULL;
  n->is_usable = false;
  n->state = HC_CONNECTION_CLOSED;
  hc_walk_delete(n->walk);
  n->walk = NULL;
  n->connect_deadline = HC_NEVER;
  return stream;
}

/* Others may have something under way on it. The protocol gets no stream to say goodbye on. What it
 * would send belongs to nobody any more: the stream is the script's, in the middle of whatever the
 * script does with it. */
void hc_connection_let_go(hc_connection *n) {
  hc_stream_peer *stream = take_stream(n);
  n->protocol->shut_down(n, NULL);
  hc_connection_notice_all(n);
  hc_stream_peer_release(stream);
}

/* Whoever closes a stream may call back: a script's own stream runs the script's code, and may
 * delete the client that led here. So nothing of the connection is touched behind the close. */
void hc_connection_drop(hc_connection *n) {
  hc_stream_peer *stream = take_stream(n);
  n->protocol->shut_down(n, stream);
  hc_connection_notice_all(n);
  if (!stream) return;
  hc_stream_peer_close(stream);
  hc_stream_peer_release(stream);
}

void hc_connection_forget_failure(hc_connection *n) {
  hc_memory_release(n->failed_how);
  n->failed_how = NULL;
  n->failed_with = HC_OK;
}

/* The first who finds out says why, and those who ask later are told the same. Without memory for
 * the sentence its code has to do. */
void hc_connection_fail(hc_connection *n, const hc_failure *why) {
  if (n->state == HC_CONNECTION_CLOSED) return;
  hc_connection_forget_failure(n);
  n->failed_with = why->code;
  n->failed_how = hc_memory_copy_text(why->text, strlen(why->text));
  n->failed_in = hc_connection_phase(n);
  hc_connection_drop(n);
}

/* --- in which words */

#define SHOWN_PROXY_MAX 120 /* of a long name, so that the reason still fits the record */

/* Into the text, in place of whom it blames, or in front of it. */
void hc_connection_name_proxy(const hc_connection *n, hc_failure *why) {
  static const char server[] = "the server", proxy[] = "the proxy";
  const hc_failure first = *why;
  const char *rest = first.text;
  if (!n->proxy || first.code == HC_ERR_OUT_OF_MEMORY) return;
  hc_slice name = n->proxy->authority;
  int shown = name.size > SHOWN_PROXY_MAX ? SHOWN_PROXY_MAX : (int)name.size;
  if (strncmp(rest, server, sizeof server - 1) == 0) rest += sizeof server - 1;
  else if (strncmp(rest, proxy, sizeof proxy - 1) == 0) rest += sizeof proxy - 1;
  /* it stands there */
  if (rest != first.text && strncmp(rest + 1, name.data, (size_t)shown) == 0) return;
  hc_failure_clear(why);
  hc_failure_set(why, first.code, "%s %.*s%s%s", proxy, shown, name.data,
                 rest == first.text ? ": " : "", rest);
}

void hc_connection_name_next(const hc_connection *n, hc_failure *why) {
  if (n->next == HC_PARTY_PROXY) hc_connection_name_proxy(n, why);
}

/* A walk that is gone has left behind in which phase it was. */
hc_phase hc_connection_phase(const hc_connection *n) {
  return n->walk ? hc_walk_phase(n->walk) : n->failed_in;
}

/* Somebody else has found out that it has ended, or has ended it. */
hc_progress hc_connection_tell_end(const hc_connection *n, hc_failure *why) {
  const char *how = n->failed_how ? n->failed_how : hc_error_string((int)n->failed_with);
  if (n->failed_with != HC_OK) hc_failure_clear(why);
  if (n->failed_with != HC_OK) hc_failure_set(why, n->failed_with, "%s", how);
  else hc_failure_set(why, HC_ERR_CONNECTION_ERROR, HC_ENDED_WITH_ANOTHER);
  return HC_BROKEN;
}
