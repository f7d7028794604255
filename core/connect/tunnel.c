/* tunnel.c - a CONNECT with an HTTP proxy. See tunnel.h. */
#include "tunnel.h"

#include "../base/limits.h"
#include "../base/memory.h"
#include "../http/uri.h"
#include "../http1/head_parser.h"
#include "../http1/head_writer.h"

struct hc_tunnel {
  hc_buffer out, in;
  hc_response response;
  size_t interim_size, head_limit;
  unsigned wants;
};

static hc_slice view_of(const hc_buffer *b) {
  return (hc_slice){hc_buffer_head(b), hc_buffer_size(b)};
}

hc_error hc_tunnel_new(const hc_tunnel_wish *wish, hc_tunnel **out) {
  hc_buffer authority = {0};
  hc_tunnel *t = hc_memory_allocate_zeroed(1, sizeof *t);
  if (!t) return HC_ERR_OUT_OF_MEMORY;
  t->head_limit = wish->head_limit;
  hc_error code = hc_authority_write(wish->host, wish->port, 0, &authority);
  if (code == HC_OK) code = hc_head_write_tunnel(view_of(&authority), wish->credentials, &t->out);
  hc_buffer_free(&authority);
  if (code != HC_OK) hc_tunnel_delete(t);
  else *out = t;
  return code;
}

void hc_tunnel_delete(hc_tunnel *t) {
  if (!t) return;
  if (t->out.data) hc_memory_wipe(t->out.data, t->out.capacity);
  hc_buffer_free(&t->out);
  hc_buffer_free(&t->in);
  hc_response_reset(&t->response);
  hc_memory_release(t);
}

unsigned hc_tunnel_wants(const hc_tunnel *t) { return t->wants; }

static hc_io send_request(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  while (hc_buffer_size(&t->out)) {
    hc_slice part = view_of(&t->out);
    size_t sent = 0;
    hc_io io = hc_stream_peer_send(stream, &part, 1, &sent, why);
    if (io != HC_IO_OK) return io;
    hc_buffer_consume(&t->out, sent);
  }
  return HC_IO_OK;
}

static hc_io fail(hc_failure *why, const hc_failure *reason) {
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
    if (parsed == HC_PARSE_ERROR) return fail(why, &reason);
    if (parsed == HC_PARSE_MORE) return HC_IO_WANT_READ;
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

static hc_io receive_answer(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_failure reason = {HC_OK, ""};
  for (;;) {
    char *at;
    size_t room, got = 0;
    if (hc_buffer_reserve(&t->in, 1024, t->head_limit + HC_HEAD_READ_SIZE, &at, &room) != HC_OK) {
      hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
      return HC_IO_ERROR;
    }
    hc_io io = hc_stream_peer_recv(stream, at, room, &got, &reason);
    if (io == HC_IO_ERROR) return fail(why, &reason);
    if (io == HC_IO_EOF) {
      hc_failure_set(why, HC_ERR_CANT_CONNECT,
                     "the proxy closed the connection before it answered CONNECT");
      return HC_IO_ERROR;
    }
    if (io != HC_IO_OK) return io;
    hc_buffer_commit(&t->in, got);
    io = parse_answer(t, why);
    if (io != HC_IO_WANT_READ) return io;
  }
}

/* The proxy takes no more, but it may have said why before it hung up. */
static hc_io hear_out(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_failure first = *why;
  hc_failure_clear(why);
  if (receive_answer(t, stream, why) == HC_IO_OK && t->response.code / 100 != 2) return HC_IO_OK;
  *why = first;
  return HC_IO_ERROR;
}

/* What follows a 2xx belongs to the tunnel and goes back to the stream. */
static hc_io take_answer(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_slice reason = view_of(&t->response.reason);
  if (t->response.code / 100 != 2) {
    hc_failure_set(why, HC_ERR_CANT_CONNECT, "the proxy refused the tunnel: %d %.*s",
                   t->response.code, (int)(reason.size > 100 ? 100 : reason.size),
                   reason.size ? reason.data : "");
    return HC_IO_ERROR;
  }
  if (hc_stream_peer_unread(stream, view_of(&t->in)) == HC_OK) return HC_IO_OK;
  hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  return HC_IO_ERROR;
}

hc_io hc_tunnel_advance(hc_tunnel *t, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = send_request(t, stream, why);
  if (io == HC_IO_OK) io = receive_answer(t, stream, why);
  else if (io == HC_IO_ERROR) io = hear_out(t, stream, why);
  t->wants = io == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ;
  return io == HC_IO_OK ? take_answer(t, stream, why) : io;
}
