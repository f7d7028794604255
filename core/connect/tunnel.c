/* tunnel.c - a CONNECT with an HTTP proxy. See tunnel.h.
 *
 * A request out, an answer in. A 2xx ends it, and what came behind that answer goes back to the
 * stream. A 407 may teach what the proxy wants to hear, and the proxy is asked once more: on the
 * same connection, where what is left of the refusal is little and can be read, and otherwise on a
 * new one. */
#include "tunnel.h"

#include "../base/limits.h"
#include "../base/memory.h"
#include "../http/body.h"
#include "../http/uri.h"
#include "../http1/chunked.h"
#include "../http1/head_parser.h"
#include "../http1/head_writer.h"

/* No credentials or the wrong scheme, and a nonce that was too old; a third refusal is meant. */
#define REFUSALS_MAX 2u

/* What of a refusal has yet to come before the proxy can be asked again. */
typedef struct refusal_rest {
  hc_framing framing;  /* HC_FRAMING_NONE: nothing */
  uint64_t left;       /* HC_FRAMING_LENGTH */
  hc_chunked chunked;  /* HC_FRAMING_CHUNKED */
  size_t skipped;
} refusal_rest;

/* What belongs to one answer (response, interim_size, rest) is reset between two; `auth`,
 * `authority` and `refusals` last until the tunnel stands. */
struct hc_tunnel {
  hc_proxy_auth *auth;
  hc_transcript *transcript;
  hc_buffer authority, out, in;
  hc_response response;
  size_t interim_size, head_limit;
  unsigned wants;
  unsigned refusals;
  hc_auth_sent sent;
  refusal_rest rest;
  bool is_refused;         /* what is left of the refusal comes first */
  bool is_kept;            /* this connection has served a CONNECT before */
  bool needs_new_stream;
};

/* Until the buffer is next written to. */
static hc_slice view_of_tunnel(const hc_buffer *b) {
  return (hc_slice){hc_buffer_head(b), hc_buffer_size(b)};
}

/* The request may have the user's password in it, so it is wiped and not only freed; the room
 * behind its end as well, since a longer one may have stood there. */
static void wipe_request(hc_tunnel *t) {
  if (t->out.data) hc_memory_wipe(t->out.data, t->out.capacity);
  hc_buffer_free(&t->out);
}

/* As it is sent, but for the credentials. */
static void note_request_tunnel(hc_tunnel *t, hc_slice credentials) {
  hc_buffer head = {0};
  if (!hc_transcript_listens(t->transcript)) return;
  hc_slice shown = credentials.size > 0 ? HC_SLICE("***") : credentials;
  if (hc_head_write_tunnel(view_of_tunnel(&t->authority), shown, &head) == HC_OK)
    hc_transcript_note_request(t->transcript, view_of_tunnel(&head));
  hc_buffer_free(&head);
}

/* The empty version, since the response knows which HTTP/1.x it came by. */
static void note_answer_tunnel(hc_tunnel *t) {
  if (hc_transcript_listens(t->transcript))
    hc_transcript_note_response(t->transcript, HC_SLICE(""), &t->response);
}

/* Credentials are sent as soon as they are known, not at the first challenge: most proxies close
 * after a 407, and the second connection costs more than the field. */
static hc_error write_request(hc_tunnel *t) {
  hc_buffer digest = {0};
  hc_slice authority = view_of_tunnel(&t->authority), credentials = hc_proxy_auth_basic(t->auth);
  hc_error code = HC_OK;
  wipe_request(t);
  t->sent = hc_proxy_auth_next(t->auth);
  if (t->sent == HC_AUTH_SENT_DIGEST) {
    code = hc_proxy_auth_write_digest(t->auth, HC_SLICE("CONNECT"), authority, &digest);
    credentials = view_of_tunnel(&digest);
  }
  if (code == HC_OK) code = hc_head_write_tunnel(authority, credentials, &t->out);
  if (code == HC_OK) note_request_tunnel(t, credentials);
  hc_buffer_free(&digest);
  return code;
}

/* The first request is written here, with whatever credentials are known by now: another connection
 * may have learned a nonce since the walk began. */
hc_error hc_tunnel_new(const hc_tunnel_wish *wish, hc_tunnel **out) {
  hc_tunnel *t = hc_memory_allocate_zeroed(1, sizeof *t);
  if (!t) return HC_ERR_OUT_OF_MEMORY;
  t->head_limit = wish->head_limit;
  t->auth = wish->auth;
  t->transcript = wish->transcript;
  hc_error code = hc_authority_write(wish->host, wish->port, 0, &t->authority);
  if (code == HC_OK) code = write_request(t);
  if (code != HC_OK) hc_tunnel_delete(t);
  else *out = t;
  return code;
}

/* The credentials and the transcript are not the tunnel's own, and stay. */
void hc_tunnel_delete(hc_tunnel *t) {
  if (!t) return;
  wipe_request(t);
  hc_buffer_free(&t->authority);
  hc_buffer_free(&t->in);
  hc_response_reset(&t->response);
  hc_chunked_reset(&t->rest.chunked);
  hc_memory_release(t);
}

/* Asked behind a failure, as of SOCKS: the walk connects anew, and the tunnel keeps what it has
 * learned. */
bool hc_tunnel_needs_new_stream(const hc_tunnel *t) { return t->needs_new_stream; }

unsigned hc_tunnel_wants(const hc_tunnel *t) { return t->wants; }

/* Nothing more goes out before the proxy has answered: what followed would be content to one that
 * refuses (RFC 9110 section 9.3.6). */
static hc_io send_request_tunnel(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  while (hc_buffer_size(&t->out)) {
    hc_slice part = view_of_tunnel(&t->out);
    size_t sent = 0;
    hc_io io = hc_stream_peer_send(stream, &part, 1, &sent, why);
    if (io != HC_IO_OK) return io;
    hc_buffer_consume(&t->out, sent);
  }
  return HC_IO_OK;
}

/* The parser's sentence, with whose answer it was in front: "malformed status line" alone would
 * have somebody look at the wrong server. */
static hc_io fail_tunnel(hc_failure *why, const hc_failure *reason) {
  hc_failure_set(why, reason->code, "the proxy's answer to CONNECT: %s", reason->text);
  return HC_IO_ERROR;
}

/* Parses what has come. OK: the final answer is whole. */
static hc_io parse_answer(hc_tunnel *t, hc_failure *why) {
  hc_failure reason = {HC_OK, ""};
  for (;;) {
    size_t used = 0;
    hc_parse parsed = hc_response_parse(&t->response, hc_buffer_head(&t->in),
                                        hc_buffer_size(&t->in), t->head_limit, &used, &reason);
    hc_buffer_consume(&t->in, used);
    if (parsed == HC_PARSE_ERROR) return fail_tunnel(why, &reason);
    if (parsed == HC_PARSE_MORE) return HC_IO_WANT_READ;
    note_answer_tunnel(t);
    if (t->response.code / 100 != 1 || t->response.code == 101) return HC_IO_OK;
    t->interim_size += t->response.size;
    if (t->interim_size > t->head_limit) {
      hc_failure_set(why, HC_ERR_CANT_CONNECT,
                     "the proxy's 1xx responses pass the limit of %zu bytes", t->head_limit);
      return HC_IO_ERROR;
    }
    hc_response_reset(&t->response);
  }
}

/* Whatever the proxy said, that memory was out is the reason. */
static hc_io fail_memory(hc_failure *why) {
  hc_failure_out_of_memory(why);
  return HC_IO_ERROR;
}

/* A connection that was kept may have ended since: then the proxy has not seen this CONNECT. */
static void note_end_tunnel(hc_tunnel *t) {
  t->needs_new_stream = t->is_kept && t->response.size == 0 && hc_buffer_size(&t->in) == 0;
}

/* More of what the proxy says, into `in`. */
static hc_io receive_tunnel(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_failure reason = {HC_OK, ""};
  char *at;
  size_t room, got = 0;
  if (hc_buffer_reserve(&t->in, 1024, t->head_limit + HC_HEAD_READ_SIZE, &at, &room) != HC_OK)
    return fail_memory(why);
  hc_io io = hc_stream_peer_recv(stream, at, room, &got, &reason);
  if (io == HC_IO_OK) hc_buffer_commit(&t->in, got);
  if (io == HC_IO_ERROR || io == HC_IO_EOF) note_end_tunnel(t);
  if (io == HC_IO_ERROR) return fail_tunnel(why, &reason);
  if (io != HC_IO_EOF) return io;
  hc_failure_set(why, HC_ERR_CANT_CONNECT,
                 "the proxy closed the connection before it answered CONNECT");
  return HC_IO_ERROR;
}

/* Until the head is whole, or nothing more has come. */
static hc_io receive_answer(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  for (;;) {
    hc_io io = receive_tunnel(t, stream, why);
    if (io == HC_IO_OK) io = parse_answer(t, why);
    else return io;
    if (io != HC_IO_WANT_READ) return io;
  }
}

/* The proxy takes no more, but it may have said why before it hung up. */
static hc_io hear_out_tunnel(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_failure first = *why;
  hc_failure_clear(why);
  if (receive_answer(t, stream, why) == HC_IO_OK && t->response.code / 100 != 2) return HC_IO_OK;
  *why = first;
  return HC_IO_ERROR;
}

/* CANT_CONNECT, not CONNECTION_ERROR: to a script the proxy's refusal means that there is no way to
 * the server. The reason is the proxy's text, cut short; control bytes in it are made harmless
 * where a failure is recorded. */
static hc_io refuse_tunnel(const hc_tunnel *t, hc_failure *why) {
  hc_slice reason = hc_response_reason(&t->response);
  hc_failure_set(why, HC_ERR_CANT_CONNECT, "the proxy refused the tunnel: %d %.*s",
                 t->response.code, (int)(reason.size > 100 ? 100 : reason.size),
                 reason.size ? reason.data : "");
  return HC_IO_ERROR;
}

/* What follows a 2xx belongs to the tunnel and goes back to the stream. */
static hc_io accept_tunnel(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  if (hc_proxy_auth_note(t->auth, &t->response.headers) != HC_OK) return fail_memory(why);
  return hc_stream_peer_unread(stream, view_of_tunnel(&t->in)) == HC_OK ? HC_IO_OK
                                                                        : fail_memory(why);
}

/* --- once more, with what a refusal has taught */

/* The bytes that have come stay in `in`: they may be the beginning of the next answer. */
static void restart_tunnel(hc_tunnel *t) {
  hc_response_restart(&t->response);
  hc_chunked_reset(&t->rest.chunked);
  t->rest = (refusal_rest){.framing = HC_FRAMING_NONE};
  t->interim_size = 0;
}

/* The content of a refusal is read, for the connection's sake, where that is little. */
static bool begin_rest(hc_tunnel *t) {
  hc_body_plan plan;
  if (hc_body_decide(&t->response, HC_METHOD_CONNECT, HC_AFTER_KEEP, &plan, NULL) != HC_OK)
    return false;
  t->rest = (refusal_rest){.framing = plan.framing, .left = plan.length};
  return plan.keeps_alive && plan.framing != HC_FRAMING_UNTIL_CLOSE &&
         (plan.framing != HC_FRAMING_LENGTH || plan.length <= HC_REFUSAL_MAX);
}

/* WANT_READ: not all of it has come. */
static hc_io skip_piece(hc_tunnel *t) {
  refusal_rest *r = &t->rest;
  size_t held = hc_buffer_size(&t->in), used = held, produced = 0;
  hc_parse parsed = HC_PARSE_MORE;
  if (held == 0 && r->framing == HC_FRAMING_CHUNKED) return HC_IO_WANT_READ;
  if (r->framing == HC_FRAMING_CHUNKED) {
    parsed = hc_chunked_decode(&r->chunked, hc_buffer_head(&t->in), held, held, t->head_limit,
                               &used, &produced, NULL);
  } else {
    if (used > r->left) used = (size_t)r->left;
    r->left -= used;
    if (r->left == 0) parsed = HC_PARSE_DONE;
  }
  hc_buffer_consume(&t->in, used);
  r->skipped += used;
  if (parsed == HC_PARSE_ERROR || r->skipped > HC_REFUSAL_MAX) return HC_IO_ERROR;
  return parsed == HC_PARSE_DONE ? HC_IO_OK : HC_IO_WANT_READ;
}

/* To the end of the refusal, or as far as has come. Where it can't be read to its end, or more
 * stands behind it, the connection is of no more use. */
static hc_io skip_rest(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = t->rest.framing == HC_FRAMING_NONE ? HC_IO_OK : skip_piece(t);
  while (io == HC_IO_WANT_READ) {
    io = receive_tunnel(t, stream, why);
    if (io == HC_IO_OK) io = skip_piece(t);
    else if (io != HC_IO_ERROR) return io;
  }
  /* bytes behind it are nobody's answer */
  if (io == HC_IO_OK && hc_buffer_size(&t->in) == 0) return HC_IO_OK;
  t->needs_new_stream = true;
  return refuse_tunnel(t, why);
}

/* OK: the proxy can be asked again, when the rest of its refusal is read. */
static hc_io learn(hc_tunnel *t, hc_failure *why) {
  if (t->response.code != 407 || t->refusals == REFUSALS_MAX) return refuse_tunnel(t, why);
  t->refusals++;
  hc_error code = hc_proxy_auth_take(t->auth, &t->response.headers, t->sent);
  if (code == HC_ERR_OUT_OF_MEMORY) return fail_memory(why);
  if (code != HC_OK) return refuse_tunnel(t, why);
  t->is_kept = begin_rest(t);
  if (t->is_kept) return HC_IO_OK;
  t->needs_new_stream = true;
  return refuse_tunnel(t, why);
}

/* --- forward */

/* Goes on where the last call has stopped; an empty buffer means that all is sent. */
static hc_io ask_tunnel(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = send_request_tunnel(t, stream, why);
  if (io == HC_IO_OK) return receive_answer(t, stream, why);
  return io == HC_IO_ERROR ? hear_out_tunnel(t, stream, why) : io;
}

/* On the same connection, behind what is left of the refusal. */
static hc_io ask_again(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = skip_rest(t, stream, why);
  if (io != HC_IO_OK) return io;
  restart_tunnel(t);
  t->is_refused = false;
  return write_request(t) == HC_OK ? ask_tunnel(t, stream, why) : fail_memory(why);
}

/* On a new stream nothing of the old one counts. */
static hc_io ask_anew(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  restart_tunnel(t);
  hc_buffer_free(&t->in);
  t->needs_new_stream = t->is_kept = t->is_refused = false;
  return write_request(t) == HC_OK ? ask_tunnel(t, stream, why) : fail_memory(why);
}

/* A loop and no call of itself: how many refusals there are is limited, but by a number that may
 * change. */
static hc_io advance_tunnel(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_io io;
  if (t->needs_new_stream) io = ask_anew(t, stream, why);
  else io = t->is_refused ? ask_again(t, stream, why) : ask_tunnel(t, stream, why);
  while (io == HC_IO_OK) {
    if (t->response.code / 100 == 2) return accept_tunnel(t, stream, why);
    io = learn(t, why);
    t->is_refused = io == HC_IO_OK;
    if (t->is_refused) io = ask_again(t, stream, why);
  }
  return io;
}

/* Which event it waits for is kept for hc_tunnel_wants. */
hc_io hc_tunnel_advance(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = advance_tunnel(t, stream, why);
  t->wants = io == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ;
  return io;
}
