/* client_connect.c - the way to CONNECTED: host and proxy, TCP, the proxy's tunnel, the TLS handshake. */
#include <string.h>

#include "client_internal.h"
#include "memory.h"
#include "uri.h"

static void set_deadline_of_connect(hc_client *c) {
  c->connect_deadline = HC_NEVER;
  if (c->settings.connect_timeout > 0) c->connect_deadline = hc_clock_deadline(hc_clock_now(), c->settings.connect_timeout);
}

/* --- proxies ------------------------------------------------------------------------------------------------------- */

static void clear_proxy(hc_proxy *p) {
  hc_memory_release(p->host);
  p->host = NULL;
  if (p->credentials.data) hc_memory_wipe(p->credentials.data, p->credentials.capacity);
  hc_buffer_free(&p->credentials);
}

void hc_client_forget_proxies(hc_client *c) {
  for (size_t i = 0; c->proxies && i < 2; i++) clear_proxy(&c->proxies[i]);
  hc_memory_release(c->proxies);
  c->proxies = NULL;
}

hc_slice hc_client_credentials(const hc_client *c) {
  return c->credentials ? hc_slice_of(c->credentials) : (hc_slice){NULL, 0};
}

void hc_client_forget_credentials(hc_client *c) {
  if (c->credentials) hc_memory_wipe(c->credentials, strlen(c->credentials));
  hc_memory_release(c->credentials);
  c->credentials = NULL;
}

hc_error hc_client_set_proxy(hc_client *c, hc_proxy_kind kind, hc_slice host, long long port, hc_slice user,
                             hc_slice password, hc_failure *why) {
  if (host.size == 0 || port == -1) {
    if (c->proxies) clear_proxy(&c->proxies[kind]);
    return HC_OK;
  }
  hc_host parsed;
  hc_failure reason = {HC_OK, ""};
  hc_error code = hc_host_parse(host, &parsed, &reason);
  if (code != HC_OK) return hc_failure_set(why, code, "proxy: %s", reason.text);
  if (parsed.scheme == 2) return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "proxy host: a proxy is reached without TLS");
  if (port < 1 || port > 65535)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "proxy port %lld is not from 1 to 65535", port);
  hc_proxy made = {NULL, (unsigned)port, {0}};
  if (user.size || password.size) {
    code = hc_basic_credentials(user, password, &made.credentials, why);
    if (code != HC_OK) {
      clear_proxy(&made);
      return code;
    }
  }
  made.host = hc_memory_copy_text(parsed.text.data, parsed.text.size);
  if (!c->proxies) c->proxies = hc_memory_allocate_zeroed(2, sizeof *c->proxies);
  if (!made.host || !c->proxies) {
    clear_proxy(&made);
    return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  }
  clear_proxy(&c->proxies[kind]);
  c->proxies[kind] = made;
  return HC_OK;
}

static hc_slice view_of(const hc_buffer *b) { return (hc_slice){hc_buffer_head(b), hc_buffer_size(b)}; }

/* --- start --------------------------------------------------------------------------------------------------------- */

static hc_error start_tcp(hc_client *c, hc_slice host, unsigned port, hc_failure *why) {
  c->peer = hc_tcp_new();
  if (!c->peer) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  hc_error code = hc_tcp_connect(c->peer, host, port, why);
  if (code != HC_OK) return code;
  c->status = hc_tcp_get_state(c->peer) == HC_TCP_RESOLVING ? HC_STATUS_RESOLVING : HC_STATUS_CONNECTING;
  c->has_just_begun = c->status == HC_STATUS_CONNECTING;
  return HC_OK;
}

/* What the options of TLS are when the caller names none: full verification. */
static hc_error take_options(hc_client *c, hc_tls_options *options, hc_failure *why) {
  if (options) {
    c->options = hc_tls_options_retain(options);
    return HC_OK;
  }
  hc_tls_settings defaults;
  memset(&defaults, 0, sizeof defaults);
  return hc_tls_options_new(&defaults, &c->options, why);
}

#define AUTHORITY_MORE 8 /* what an authority may be longer than its host: two brackets, a colon, five digits */

/* Host and authority, in one block. */
static hc_error take_host(hc_client *c, hc_slice host, unsigned port, hc_failure *why) {
  hc_buffer block = {0};
  char *at;
  size_t room;
  hc_error code = host.size > (SIZE_MAX - AUTHORITY_MORE - 1) / 2 ? HC_ERR_OUT_OF_MEMORY : HC_OK;
  if (code == HC_OK) code = hc_buffer_reserve(&block, 2 * host.size + 1 + AUTHORITY_MORE, SIZE_MAX, &at, &room);
  if (code == HC_OK) code = hc_buffer_append(&block, host, SIZE_MAX);
  if (code == HC_OK) code = hc_buffer_append(&block, (hc_slice){"", 1}, SIZE_MAX);
  if (code == HC_OK) code = hc_authority_write(host, port, c->uses_tls ? 443 : 80, &block);
  if (code != HC_OK) {
    hc_buffer_free(&block);
    return hc_failure_set(why, code, "out of memory");
  }
  c->host = block.data;
  c->authority = (hc_slice){block.data + host.size + 1, hc_buffer_size(&block) - host.size - 1};
  c->port = port;
  return HC_OK;
}

static hc_error start_with_proxy(hc_client *c, const hc_proxy *proxy, hc_failure *why) {
  c->to_proxy = !c->uses_tls;
  c->tunnelling = c->uses_tls;
  hc_slice credentials = view_of(&proxy->credentials);
  if (credentials.size) {
    c->credentials = hc_memory_copy_text(credentials.data, credentials.size);
    if (!c->credentials) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  }
  return start_tcp(c, hc_slice_of(proxy->host), proxy->port, why);
}

static hc_error set_up(hc_client *c, hc_slice host, unsigned port, hc_tls_options *options, hc_failure *why) {
  c->is_clear = false;
  hc_error code = take_host(c, host, port, why);
  if (code == HC_OK && c->uses_tls) code = take_options(c, options, why);
  if (code != HC_OK) return code;
  if (c->uses_tls) hc_tls_options_start_loading(c->options); /* while the name is looked up and TCP connects */
  set_deadline_of_connect(c);
  const hc_proxy *proxy = c->proxies ? &c->proxies[c->uses_tls ? HC_PROXY_HTTPS : HC_PROXY_HTTP] : NULL;
  if (proxy && proxy->host) return start_with_proxy(c, proxy, why);
  c->to_proxy = c->tunnelling = false;
  return start_tcp(c, host, port, why);
}

static hc_error connect_anew(hc_client *c, hc_slice host, long long port, hc_connect_security security,
                             hc_tls_options *options, hc_failure *why) {
  hc_client_clear(c);
  hc_host parsed;
  hc_error code = hc_host_parse(host, &parsed, why);
  if (code != HC_OK) return code;
  if (parsed.scheme == 1 && security == HC_CONNECT_TLS)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "host: \"http://\" contradicts the wish for TLS");
  c->uses_tls = security == HC_CONNECT_TLS || parsed.scheme == 2;
  if (port == -1) port = c->uses_tls ? 443 : 80;
  if (port < 1 || port > 65535)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "port %lld is not from 1 to 65535, nor -1", port);
  code = set_up(c, parsed.text, (unsigned)port, options, why);
  if (code != HC_OK) hc_client_clear(c);
  else hc_client_notice(c);
  return code;
}

hc_error hc_client_connect(hc_client *c, hc_slice host, long long port, hc_connect_security security,
                           hc_tls_options *options, hc_failure *why) {
  if (c->at_work) return hc_client_refuse(why);
  hc_client_begin(c);
  hc_error code = connect_anew(c, host, port, security, options, why);
  hc_client_end(c);
  return code;
}

/* --- the proxy's tunnel (RFC 9110 section 9.3.6) --------------------------------------------------------------------- */

void hc_tunnel_delete(hc_tunnel *t) {
  if (!t) return;
  if (t->out.data) hc_memory_wipe(t->out.data, t->out.capacity);
  hc_buffer_free(&t->out);
  hc_buffer_free(&t->in);
  hc_response_reset(&t->response);
  hc_memory_release(t);
}

static bool start_tunnel(hc_client *c) {
  hc_buffer authority = {0};
  c->tunnel = hc_memory_allocate_zeroed(1, sizeof *c->tunnel);
  hc_error code = c->tunnel ? hc_authority_write(hc_slice_of(c->host), c->port, 0, &authority) : HC_ERR_OUT_OF_MEMORY;
  if (code == HC_OK) {
    code = hc_request_write_tunnel(view_of(&authority), hc_client_credentials(c), &c->tunnel->out);
  }
  hc_buffer_free(&authority);
  if (code != HC_OK) hc_client_fail_recorded(c, HC_STATUS_CANT_CONNECT, code);
  return code == HC_OK;
}

static hc_io send_tunnel(hc_client *c) {
  hc_tunnel *t = c->tunnel;
  while (hc_buffer_size(&t->out)) {
    hc_slice part = view_of(&t->out);
    size_t sent = 0;
    hc_io io = hc_stream_peer_send(c->peer, &part, 1, &sent, &c->failure);
    if (io != HC_IO_OK) return io;
    hc_buffer_consume(&t->out, sent);
  }
  return HC_IO_OK;
}

/* The proxy's final answer. What follows a 2xx belongs to the tunnel and goes back to the stream. */
static void end_tunnel(hc_client *c) {
  hc_tunnel *t = c->tunnel;
  int code = t->response.code;
  if (code / 100 != 2) {
    hc_client_fail(c, HC_STATUS_CANT_CONNECT, HC_ERR_CANT_CONNECT, "the proxy refused the tunnel: %d %.*s", code,
                   (int)(hc_buffer_size(&t->response.reason) > 100 ? 100 : hc_buffer_size(&t->response.reason)),
                   hc_buffer_size(&t->response.reason) ? hc_buffer_head(&t->response.reason) : "");
    return;
  }
  if (hc_stream_peer_unread(c->peer, view_of(&t->in)) != HC_OK) {
    hc_client_fail_recorded(c, HC_STATUS_CANT_CONNECT, HC_ERR_OUT_OF_MEMORY);
    return;
  }
  hc_tunnel_delete(t);
  c->tunnel = NULL;
  c->tunnelling = false;
}

/* A failure on the way to the proxy says so: the host that the script asked for has no part in it. */
static hc_io blame_proxy(hc_client *c, const hc_failure *why) {
  hc_failure_set(&c->failure, why->code, "the proxy's answer to CONNECT: %s", why->text);
  return HC_IO_ERROR;
}

/* Parses what has come. OK: the final answer is whole. */
static hc_io parse_tunnel(hc_client *c) {
  hc_tunnel *t = c->tunnel;
  hc_failure why = {HC_OK, ""};
  for (;;) {
    size_t used = 0;
    hc_parse parsed = hc_response_parse(&t->response, hc_buffer_head(&t->in), hc_buffer_size(&t->in),
                                        c->settings.max_header_size, &used, &why);
    hc_buffer_consume(&t->in, used);
    if (parsed == HC_PARSE_ERROR) return blame_proxy(c, &why);
    if (parsed == HC_PARSE_MORE) return HC_IO_WANT_READ;
    if (t->response.code / 100 != 1 || t->response.code == 101) return HC_IO_OK;
    t->interim_size += t->response.size;
    if (t->interim_size > c->settings.max_header_size) {
      hc_failure_set(&c->failure, HC_ERR_CANT_CONNECT, "the proxy's 1xx responses pass the limit of %zu bytes",
                     c->settings.max_header_size);
      return HC_IO_ERROR;
    }
    hc_response_reset(&t->response);
  }
}

static hc_io receive_tunnel(hc_client *c) {
  hc_tunnel *t = c->tunnel;
  hc_failure why = {HC_OK, ""};
  for (;;) {
    char *at;
    size_t room, got = 0;
    if (hc_buffer_reserve(&t->in, 1024, c->settings.max_header_size + HC_HEAD_READ_SIZE, &at, &room) != HC_OK) {
      hc_failure_set(&c->failure, HC_ERR_OUT_OF_MEMORY, "out of memory");
      return HC_IO_ERROR;
    }
    hc_io io = hc_stream_peer_recv(c->peer, at, room, &got, &why);
    if (io == HC_IO_ERROR) return blame_proxy(c, &why);
    if (io == HC_IO_EOF) {
      hc_failure_set(&c->failure, HC_ERR_CANT_CONNECT, "the proxy closed the connection before it answered CONNECT");
      return HC_IO_ERROR;
    }
    if (io != HC_IO_OK) return io;
    hc_buffer_commit(&t->in, got);
    io = parse_tunnel(c);
    if (io != HC_IO_WANT_READ) return io;
  }
}

/* The proxy takes no more, but it may have said why before it hung up. */
static hc_io hear_proxy_out(hc_client *c) {
  hc_failure first = c->failure;
  hc_failure_clear(&c->failure);
  if (receive_tunnel(c) == HC_IO_OK && c->tunnel->response.code / 100 != 2) return HC_IO_OK;
  c->failure = first;
  return HC_IO_ERROR;
}

/* --- steps: the lowest pending one runs, until one must wait --------------------------------------------------------- */

/* True: done, go on. False: wait, or the client has failed. */
static bool wait_or_fail(hc_client *c, hc_io io, hc_status failed) {
  if (io == HC_IO_OK) return true;
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) {
    c->connect_wants = io == HC_IO_WANT_READ ? HC_EVENT_READ : HC_EVENT_WRITE;
    return false;
  }
  hc_error code = failed == HC_STATUS_TLS_HANDSHAKE_ERROR ? HC_ERR_CONNECTION_ERROR : HC_ERR_CANT_CONNECT;
  hc_client_fail_recorded(c, failed, code);
  return false;
}

static bool step_tcp(hc_client *c) {
  hc_io io = hc_stream_peer_advance(c->peer, &c->failure);
  hc_tcp_state state = hc_tcp_get_state(c->peer);
  if (c->status == HC_STATUS_RESOLVING && state != HC_TCP_RESOLVING && state != HC_TCP_CANT_RESOLVE)
    c->status = HC_STATUS_CONNECTING;
  return wait_or_fail(c, io, state == HC_TCP_CANT_RESOLVE ? HC_STATUS_CANT_RESOLVE : HC_STATUS_CANT_CONNECT);
}

static bool step_tunnel(hc_client *c) {
  if (!c->tunnel && !start_tunnel(c)) return false;
  hc_io io = send_tunnel(c);
  if (io == HC_IO_OK) io = receive_tunnel(c);
  else if (io == HC_IO_ERROR) io = hear_proxy_out(c);
  if (!wait_or_fail(c, io, HC_STATUS_CANT_CONNECT)) return false;
  end_tunnel(c);
  return c->status == HC_STATUS_CONNECTING;
}

static bool start_tls(hc_client *c) {
  hc_stream_peer *tls = hc_tls_new();
  hc_error code = HC_ERR_OUT_OF_MEMORY;
  if (tls) code = hc_tls_connect(tls, c->peer, hc_slice_of(c->host), c->port, c->options, &c->failure);
  if (code != HC_OK) {
    hc_stream_peer_release(tls);
    hc_client_fail_recorded(c, HC_STATUS_TLS_HANDSHAKE_ERROR, code);
    return false;
  }
  hc_stream_peer_release(c->peer);  /* the TLS stream holds it now */
  c->peer = tls;
  return true;
}

static bool step_tls(hc_client *c) {
  if (!hc_stream_peer_is_tls(c->peer) && !start_tls(c)) return false;
  return wait_or_fail(c, hc_stream_peer_advance(c->peer, &c->failure), HC_STATUS_TLS_HANDSHAKE_ERROR);
}

static void run_steps(hc_client *c) {
  if (!hc_stream_peer_is_tls(c->peer)) {
    if (!step_tcp(c)) return;
    if (c->tunnelling && !step_tunnel(c)) return;
  }
  if (c->uses_tls && !step_tls(c)) return;
  c->peer_is_ready = true;
  c->connect_deadline = HC_NEVER;
  c->status = HC_STATUS_CONNECTED;
}

void hc_client_connect_advance(hc_client *c) {
  run_steps(c);
  if (c->status != HC_STATUS_RESOLVING && c->status != HC_STATUS_CONNECTING) return;
  if (c->connect_deadline == HC_NEVER || hc_clock_now() < c->connect_deadline) return;
  hc_status phase = HC_STATUS_CANT_CONNECT;
  if (c->status == HC_STATUS_RESOLVING) phase = HC_STATUS_CANT_RESOLVE;
  else if (hc_stream_peer_is_tls(c->peer)) phase = HC_STATUS_TLS_HANDSHAKE_ERROR;
  hc_client_time_out(c, phase, "connect", c->settings.connect_timeout);
}
