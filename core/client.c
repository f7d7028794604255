/* client.c - the client's life and state: making, settings, poll, and the ends of every kind. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client_internal.h"
#include "memory.h"

const char *hc_status_name(hc_status status) {
  static const char *const names[] = {"DISCONNECTED", "RESOLVING",  "CANT_RESOLVE", "CONNECTING",       "CANT_CONNECT",
                                      "CONNECTED",    "REQUESTING", "BODY",         "CONNECTION_ERROR", "TLS_HANDSHAKE_ERROR"};
  unsigned index = (unsigned)status;
  return index < sizeof names / sizeof names[0] ? names[index] : "?";
}

hc_client *hc_client_new(void) {
  hc_client *c = hc_memory_allocate_zeroed(1, sizeof *c);
  if (!c) return NULL;
  c->settings.read_chunk_size = HC_READ_CHUNK_DEFAULT;
  c->settings.max_header_size = HC_MAX_HEADER_DEFAULT;
  c->connect_deadline = c->response_deadline = c->idle_deadline = HC_NEVER;
  return c;
}

bool hc_client_is_at_work(const hc_client *c) { return c->at_work > 0; }

hc_error hc_client_refuse(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_BUSY, "the client is at work: what it calls can't use it");
}

void hc_client_delete(hc_client *c) {
  if (!c || c->at_work) return;
  hc_client_begin(c);
  /* Not hc_client_close: a stream that a script still holds outlives the client. */
  if (c->watch) c->watch->gone(c->watch);
  hc_stream_peer *peer = c->peer;
  c->peer = NULL;
  hc_stream_peer_release(peer);
  hc_client_clear(c);
  hc_receiver_free(&c->receiver);
  hc_client_forget_proxies(c);
  hc_memory_release(c);
}

hc_client_settings *hc_client_get_settings(hc_client *c) { return &c->settings; }
hc_status hc_client_get_status(const hc_client *c) { return c->status; }
hc_stream_peer *hc_client_get_stream(const hc_client *c) { return c->peer; }

static bool is_error(hc_status status) {
  return status == HC_STATUS_CANT_RESOLVE || status == HC_STATUS_CANT_CONNECT || status == HC_STATUS_CONNECTION_ERROR ||
         status == HC_STATUS_TLS_HANDSHAKE_ERROR;
}

const hc_failure *hc_client_last_error(const hc_client *c) {
  static const hc_failure none;
  /* A failure can be recorded while content that came before it is still handed out. */
  return is_error(c->status) ? &c->failure : &none;
}

void hc_client_notice(hc_client *c) {
  if (c->watch) c->watch->due(c->watch);
}

void hc_client_drop_stream(hc_client *c) {
  if (c->watch) c->watch->dropped(c->watch);
  if (c->peer) {
    hc_stream_peer_close(c->peer);
    hc_stream_peer_release(c->peer);
    c->peer = NULL;
  }
  hc_tunnel_delete(c->tunnel);
  c->tunnel = NULL;
  hc_tls_options_release(c->options);
  c->options = NULL;
  c->peer_is_ready = false;
  c->tunnelling = false;
  c->upgraded = false;
  c->connect_deadline = c->response_deadline = c->idle_deadline = HC_NEVER;
  hc_buffer_free(&c->receiver.in);
  c->receiver.decoded = c->receiver.gap = 0;
  hc_sender_stop(&c->sender);
}

void hc_client_forget_exchange(hc_client *c) {
  hc_sender_reset(&c->sender);
  hc_receiver_reset(&c->receiver);
}

void hc_client_clear(hc_client *c) {
  c->is_shown = false;
  if (c->is_clear) return;
  hc_client_drop_stream(c);
  hc_client_forget_exchange(c);
  hc_client_forget_credentials(c);
  hc_memory_release(c->host);
  c->host = NULL;
  hc_failure_clear(&c->failure);
  c->timed_out_unreported = false;
  c->status = HC_STATUS_DISCONNECTED;
  c->is_clear = true;
  hc_client_notice(c);
}

void hc_client_close(hc_client *c) {
  if (c->at_work) return;
  hc_client_begin(c);
  hc_client_clear(c);
  hc_client_end(c);
}

/* Is `peer` the stream `below`, or does it run over it? */
static bool stands_on(hc_stream_peer *peer, const hc_stream_peer *below) {
  while (peer && peer != below) peer = peer->ops->below ? peer->ops->below(peer) : NULL;
  return peer != NULL;
}

/* The client is clear; the reference is its own now. */
static void take_stream(hc_client *c, hc_stream_peer *peer) {
  c->is_clear = false;
  c->peer = peer;
  c->uses_tls = hc_stream_peer_is_tls(peer);
  c->to_proxy = false;
  c->status = HC_STATUS_CONNECTED;
  hc_client_notice(c);
}

hc_error hc_client_set_stream(hc_client *c, hc_stream_peer *peer) {
  if (c->at_work) return HC_ERR_BUSY;
  hc_client_begin(c);
  if (peer) hc_stream_peer_retain(peer);
  if (peer && c->peer && stands_on(peer, c->peer)) {
    /* The same stream again, or TLS over it, as after a CONNECT of the script's own: a fresh start on it, it must not be
     * closed on the way. */
    if (c->watch) c->watch->dropped(c->watch);
    hc_stream_peer_release(c->peer);
    c->peer = NULL;
  }
  hc_client_clear(c);
  if (peer) take_stream(c, peer);
  hc_client_end(c);
  return HC_OK;
}

static hc_error code_of(hc_status status) {
  switch (status) {
    case HC_STATUS_DISCONNECTED: return HC_ERR_UNCONFIGURED;
    case HC_STATUS_CANT_RESOLVE: return HC_ERR_CANT_RESOLVE;
    case HC_STATUS_CANT_CONNECT: return HC_ERR_CANT_CONNECT;
    case HC_STATUS_CONNECTION_ERROR:
    case HC_STATUS_TLS_HANDSHAKE_ERROR: return HC_ERR_CONNECTION_ERROR;
    case HC_STATUS_RESOLVING:
    case HC_STATUS_CONNECTING:
    case HC_STATUS_CONNECTED:
    case HC_STATUS_REQUESTING:
    case HC_STATUS_BODY: break;
  }
  return HC_OK;
}

void hc_client_fail_recorded(hc_client *c, hc_status status, hc_error code) {
  hc_failure_set(&c->failure, code, "%s", hc_error_string((int)code));
  /* One code for one state; a timeout and memory keep theirs, so that get_last_error can tell them apart. */
  if (c->failure.code != HC_ERR_TIMEOUT && c->failure.code != HC_ERR_OUT_OF_MEMORY) c->failure.code = code_of(status);
  c->status = status;
  hc_client_drop_stream(c);
  hc_client_notice(c);
}

void hc_client_fail(hc_client *c, hc_status status, hc_error code, const char *format, ...) {
  char text[HC_FAILURE_TEXT];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  hc_failure_set(&c->failure, code, "%s", text);
  hc_client_fail_recorded(c, status, code);
}

void hc_client_time_out(hc_client *c, hc_status status, const char *which, double seconds) {
  hc_failure_clear(&c->failure);
  /* Whole numbers and milliseconds by hand: %g would follow the host's locale. */
  double capped = seconds < 1e12 ? seconds : 1e12;
  unsigned long long milliseconds = (unsigned long long)(capped * 1000.0 + 0.5);
  hc_client_fail(c, status, HC_ERR_TIMEOUT, "%s timeout after %llu.%03llu s", which, milliseconds / 1000,
                 milliseconds % 1000);
  c->timed_out_unreported = true;
}

void hc_client_touch_idle(hc_client *c) {
  if (c->settings.idle_timeout > 0) c->idle_deadline = hc_clock_deadline(hc_clock_now(), c->settings.idle_timeout);
}

void hc_client_finish(hc_client *c) {
  hc_receiver *r = &c->receiver;
  r->is_complete = true;
  c->response_deadline = c->idle_deadline = HC_NEVER;
  hc_sender_stop(&c->sender);
  if (!r->plan.keeps_alive) {
    hc_client_drop_stream(c);
    c->status = HC_STATUS_DISCONNECTED;
    hc_client_notice(c);
    return;
  }
  c->upgraded = r->plan.upgraded;
  if (c->upgraded) {
    hc_slice rest = {hc_buffer_head(&r->in), hc_buffer_size(&r->in)};
    if (hc_stream_peer_unread(c->peer, rest) != HC_OK) {
      hc_client_fail_recorded(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_OUT_OF_MEMORY);
      return;
    }
    hc_buffer_consume(&r->in, hc_buffer_size(&r->in));
  }
  /* An idle connection holds no buffer. Bytes that are left are nobody's: the next poll refuses them. */
  if (hc_buffer_size(&r->in) == 0) hc_buffer_free(&r->in);
  if (c->peer->ops->rest && !c->upgraded) c->peer->ops->rest(c->peer);
  c->status = HC_STATUS_CONNECTED;
}

/* Was the stream empty so short a time ago that nobody can have sent anything since, however near he is? That counts three
 * quarters of the time that a send takes at least, and for a poll of an idle client half of it: a server in this very thread
 * may be a little faster than the client. */
static bool is_known_quiet(const hc_client *c) {
  uint64_t step = 0, at = c->has_event || hc_buffer_size(&c->receiver.in) ? 0 : hc_stream_peer_empty_at(c->peer, &step);
  if (at == 0) return false;
  if (c->is_quiet) return true;
  if (step > HC_LOOK_NS) step = HC_LOOK_NS;
  return hc_clock_now() - at < (c->status == HC_STATUS_CONNECTED ? step / 2 : step / 4 * 3);
}

/* Between requests nothing may come, and the connection must not end. True: all is quiet. */
static bool check_idle(hc_client *c) {
  if (!c->peer_is_ready) {
    hc_io io = hc_stream_peer_advance(c->peer, &c->failure);
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return true;
    if (io != HC_IO_OK) {
      hc_client_fail_recorded(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR);
      return false;
    }
    c->peer_is_ready = true;
  }
  if (c->upgraded) return true;
  if (is_known_quiet(c)) return true;
  hc_io io = hc_buffer_size(&c->receiver.in) ? HC_IO_OK : hc_stream_peer_peek(c->peer, &c->failure);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return true;
  if (io == HC_IO_OK)
    hc_client_fail(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR, "unexpected bytes from the server before a request");
  else if (io == HC_IO_EOF)
    hc_client_fail(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR, "the server closed the idle connection");
  else
    hc_client_fail_recorded(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR);
  return false;
}

static void fail_send(hc_client *c) { hc_client_fail_recorded(c, HC_STATUS_CONNECTION_ERROR, HC_ERR_CONNECTION_ERROR); }

/* After all is sent the response timeout runs in place of the idle timeout. */
static void await_head(hc_client *c) {
  c->idle_deadline = HC_NEVER;
  if (c->settings.response_timeout > 0)
    c->response_deadline = hc_clock_deadline(hc_clock_now(), c->settings.response_timeout);
}

/* One round of an exchange: what can go out goes, what has come in is read. True when another round may do more. */
static bool advance_exchange(hc_client *c) {
  if (c->sender.state == HC_SEND_QUEUED && !check_idle(c)) return false;
  if (!c->peer_is_ready) return false;
  bool sent_something = false;
  if (!hc_sender_is_done(&c->sender)) {
    hc_io io = hc_sender_advance(c);
    if (c->status != HC_STATUS_REQUESTING) return false;
    sent_something = io == HC_IO_OK;
    if (hc_sender_is_done(&c->sender)) await_head(c);
    /* The answer can not be there yet: looking for it would be a system call for nothing. */
    if (hc_sender_is_done(&c->sender) && c->sender.state == HC_SEND_IDLE && !c->settings.blocking) return false;
  }
  bool all_sent = hc_sender_is_done(&c->sender);
  bool may_sleep = c->settings.blocking && all_sent && c->response_deadline == HC_NEVER;
  hc_io io = hc_receiver_read_head(c, may_sleep);
  if (c->status != HC_STATUS_REQUESTING) return false;
  if (io == HC_IO_ERROR || io == HC_IO_EOF) {
    fail_send(c);
    return false;
  }
  return sent_something && !all_sent && c->settings.blocking;
}

static void poll_requesting(hc_client *c) {
  for (;;) {
    bool again = advance_exchange(c);
    if (c->status != HC_STATUS_REQUESTING) return;
    uint64_t deadline = hc_sender_is_done(&c->sender) ? c->response_deadline : c->idle_deadline;
    if (deadline != HC_NEVER && hc_clock_now() >= deadline) {
      bool all_sent = hc_sender_is_done(&c->sender);
      hc_client_time_out(c, HC_STATUS_CONNECTION_ERROR, all_sent ? "response" : "idle",
                         all_sent ? c->settings.response_timeout : c->settings.idle_timeout);
      return;
    }
    if (!c->settings.blocking) return;
    if (!again && hc_client_sleep(c) != HC_OK) return;
  }
}

/* In BODY the reads do the work; poll only sees that the idle timeout is kept. Bytes that wait are no idleness. */
static void poll_body(hc_client *c) {
  if (c->idle_deadline == HC_NEVER || hc_clock_now() < c->idle_deadline) return;
  if (hc_receiver_has_bytes(&c->receiver)) return;
  hc_failure ignored = {HC_OK, ""};
  hc_io io = hc_stream_peer_peek(c->peer, &ignored);
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE)
    hc_client_time_out(c, HC_STATUS_CONNECTION_ERROR, "idle", c->settings.idle_timeout);
}

hc_error hc_client_advance(hc_client *c) {
  hc_status before = c->status;
  switch (before) {
    case HC_STATUS_RESOLVING:
    case HC_STATUS_CONNECTING: hc_client_connect_advance(c); break;
    case HC_STATUS_CONNECTED: (void)check_idle(c); break;
    case HC_STATUS_REQUESTING: poll_requesting(c); break;
    case HC_STATUS_BODY: poll_body(c); break;
    case HC_STATUS_DISCONNECTED:
    case HC_STATUS_CANT_RESOLVE:
    case HC_STATUS_CANT_CONNECT:
    case HC_STATUS_CONNECTION_ERROR:
    case HC_STATUS_TLS_HANDSHAKE_ERROR: break;
  }
  c->has_event = c->is_quiet = c->has_just_begun = false;
  if (c->timed_out_unreported) {
    c->timed_out_unreported = false;
    return HC_ERR_TIMEOUT;
  }
  /* A response without body can end the connection inside poll: all went well, and this poll says so. */
  if (before == HC_STATUS_REQUESTING && c->status == HC_STATUS_DISCONNECTED) return HC_OK;
  return code_of(c->status);
}

hc_error hc_client_poll(hc_client *c) {
  if (c->at_work) return HC_ERR_BUSY;
  hc_client_begin(c);
  hc_error code = hc_client_advance(c);
  hc_client_end(c);
  return code;
}
