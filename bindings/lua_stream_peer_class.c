/* lua_stream_peer_class.c - the classes StreamPeerTCP and StreamPeerTLS: connecting, and what they
 * tell. What both have in common, reading and writing, is in lua_stream_peer.c, on which this
 * stands.
 *
 * Scripts use them without HTTP, put one under a client, or get one out of it. How a connection
 * comes about is the core's (stream/); names and numbers are the engine's. */
#include "../core/http/idn.h"
#include "lua_stream_object.h"

/* With its stream at once, so that what is set before connecting (set_no_delay) has where to go. */
static int new_object_stream_peer_class(lua_State *L, const char *class_name) {
  hcl_stream *self = (hcl_stream *)hcl_object_new(L, class_name, sizeof *self);
  hcl_stream_need_peer(L, -1, self);
  return 1;
}

static int tcp_new(lua_State *L) { return new_object_stream_peer_class(L, HCL_STREAM_PEER_TCP); }
static int tls_new(lua_State *L) { return new_object_stream_peer_class(L, HCL_STREAM_PEER_TLS); }

/* --- StreamPeerTCP */

/* The host is parsed before anything is reset: a wrong argument leaves a connection that stands as
 * it is. The buffer on the stack holds the ASCII form of an international name, to which host.text
 * points (RFC 5891). */
static int tcp_connect_to_host(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TCP);
  hc_slice text = hcl_check_string(L, 2);
  int64_t port = hcl_check_integer(L, 3);
  hc_failure why = {HC_OK, ""};
  hc_host host;
  hc_error code = hc_idn_host_parse(text, hcl_buffer_new(L), &host, &why);
  if (code == HC_OK && host.scheme != 0) {
    code = hc_failure_set(&why, HC_ERR_INVALID_PARAMETER, "a host without scheme is needed");
  }
  if (code == HC_OK && (port < 1 || port > 65535)) {
    code = hc_failure_set(&why, HC_ERR_INVALID_PARAMETER, "the port must be from 1 to 65535");
  }
  if (code == HC_OK) {
    hcl_stream_reset(self);
    code = hc_tcp_connect(hcl_stream_need_peer(L, 1, self), host.text, (unsigned)port, &why);
  }
  return hcl_push_result(L, code, &why);
}

static const char *const tcp_status_names[] = {"STATUS_NONE", "STATUS_CONNECTING",
                                               "STATUS_CONNECTED", "STATUS_ERROR"};

/* The numbers of `standing` are those of the reference. */
static int tcp_get_status(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TCP);
  lua_pushinteger(L, (lua_Integer)hcl_stream_look(self));
  return 1;
}

/* As in the reference, only a stream that is connected, or on its way, has another end. */
static bool has_other_end(const hcl_stream *self) {
  hcl_standing now = hcl_stream_standing(self);
  return now == HCL_UNDER_WAY || now == HCL_USABLE;
}

/* By way of a buffer: making a string can run a finalizer, and that may connect this stream
 * elsewhere, which frees the text that is being copied. */
static int tcp_get_connected_host(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TCP);
  hc_buffer *text = hcl_buffer_new(L);
  hc_slice host = has_other_end(self) ? hc_tcp_host(self->peer) : HC_SLICE("");
  if (hc_buffer_append(text, host, HCL_TEXT_LIMIT) != HC_OK) return hcl_raise_memory(L);
  hcl_buffer_push(L, text);
  return 1;
}

/* As connect was given it; 0 where there is no other end. */
static int tcp_get_connected_port(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TCP);
  lua_pushinteger(L, has_other_end(self) ? (lua_Integer)hc_tcp_port(self->peer) : 0);
  return 1;
}

/* The one that the system has chosen; 0 while there is none. */
static int tcp_get_local_port(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TCP);
  hc_address address;
  bool known = self->peer && hc_tcp_local_address(self->peer, &address);
  lua_pushinteger(L, known ? (lua_Integer)hc_address_port(&address) : 0);
  return 1;
}

/* Before a connect it is a wish, which the stream keeps for it. */
static int tcp_set_no_delay(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TCP);
  bool on = hcl_check_boolean(L, 2);
  hc_stream_peer *peer = hcl_stream_need_peer(L, 1, self);
  if (on) hc_tcp_send_at_once(peer);
  else hc_tcp_gather_small_sends(peer);
  return 0;
}

/* With its state, which is mostly why somebody prints it. */
static int stream_tostring(lua_State *L) {
  static const char *const tls_names[] = {"DISCONNECTED", "HANDSHAKING", "CONNECTED", "ERROR"};
  hcl_stream *self = hcl_check_stream(L, 1, NULL);
  bool is_tcp = luaL_testudata(L, 1, HCL_STREAM_PEER_TCP) != NULL;
  hcl_standing now = hcl_stream_standing(self);
  return hcl_push_object_text(L, 1,
                              is_tcp ? tcp_status_names[now] + sizeof "STATUS" : tls_names[now]);
}

/* --- StreamPeerTLS */

/* Under which port a session is kept for resumption. Only the stream below knows it. */
static unsigned port_of(hc_stream_peer *stream) {
  hc_slice host;
  unsigned port = 0;
  if (stream->ops->endpoint) stream->ops->endpoint(stream, &host, &port);
  return port;
}

/* The name that is verified: without brackets, and there must be one unless nothing asks for it. */
static hc_error take_name(hc_slice text, hc_tls_options *options, hc_buffer *space, hc_host *host,
                          hc_failure *why) {
  *host = (hc_host){HC_HOST_NAME, HC_SLICE(""), 0};
  if (text.size == 0) {
    if (hc_tls_options_is_unsafe(options) || hc_tls_options_common_name_override(options).size > 0)
      return HC_OK;
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "there is no name to verify the certificate against");
  }
  hc_error code = hc_idn_host_parse(text, space, host, why);
  if (code != HC_OK || host->scheme == 0) return code;
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "a name without scheme is needed");
}

/* Asking for the port may call a script's method, and so may the end of what was connected
 * before. */
static hc_error connect_over_stream_peer_class(hcl_stream *self, hc_stream_peer *below,
                                               hc_slice name, hc_tls_options *options,
                                               hc_failure *why) {
  unsigned port = port_of(below);
  hcl_stream_reset(self);
  return hc_tls_connect(self->peer, below, name, port, options, why);
}

/* The stream below has to be connected, as in the engine: advance says so, and why not. */
static hc_error start_tls(hcl_stream *self, hc_stream_peer *below, hc_slice text,
                          hc_tls_options *options, hc_buffer *space, hc_failure *why) {
  hc_host name;
  hc_error code = take_name(text, options, space, &name, why);
  if (code != HC_OK) return code;
  if (hc_stream_peer_stands_on(below, self->peer)) {
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the stream runs over this one itself");
  }
  hc_failure below_why = {HC_OK, ""};
  /* its methods may let go of the objects that hold the two */
  hc_stream_peer_retain(below);
  hc_tls_options_retain(options);
  hc_io io = hc_stream_peer_advance(below, &below_why);
  if (io == HC_IO_OK) code = connect_over_stream_peer_class(self, below, name.text, options, why);
  hc_tls_options_release(options);
  hc_stream_peer_release(below);
  if (io != HC_IO_OK) {
    return hc_failure_set(why, HC_ERR_UNCONFIGURED, "the stream below is not connected%s%s",
                          below_why.text[0] ? ": " : "", below_why.text);
  }
  return code;
}

/* The stack: 1 the object, 2 the stream below as it was given, 3 name, 4 options, 5 what holds that
 * stream. All that can throw comes before the core is called; from then on the slots are there, and
 * put can not fail. */
static int tls_connect_to_stream(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TLS);
  hc_failure why = {HC_OK, ""};
  lua_settop(L, 4);
  hc_slice name = hcl_check_string(L, 3);
  if (!lua_isnil(L, 4)) (void)hcl_check_tls_options(L, 4);
  hc_stream_peer *below = hcl_to_stream_peer(L, 2); /* stays on the stack, and so alive */
  if (!below) return hcl_type_error(L, 2, "StreamPeer");
  if (hcl_stream_peer_has_unsent(L, 2)) {
    hc_failure_set(&why, HC_ERR_BUSY, "bytes of put_data are still on their way");
    return hcl_push_result(L, why.code, &why);
  }
  hcl_anchor_reserve(L, 1, HCL_STREAM_SLOT);
  hcl_anchor_reserve(L, 1, HCL_HOLDER_SLOT);
  if (lua_isnil(L, 4)) (void)hcl_default_tls_options(L, HC_TLS_VERIFY_FULL);
  hc_buffer *space = hcl_buffer_new(L);
  hcl_stream_need_peer(L, 1, self);
  /* What was made above can have run finalizers, and these can have let go of all three: so they
   * are looked up now, and nothing is made any more until the core holds them. */
  below = hcl_stream_peer_again(L, 5);
  if (!below || !self->peer) return luaL_error(L, "the stream has been let go meanwhile");
  hc_tls_options *options = lua_isnil(L, 4) ? hcl_default_tls_options(L, HC_TLS_VERIFY_FULL)
                                            : hcl_check_tls_options(L, 4);
  hcl_stream_push_holder(L, below);
  self->busy = true;
  hc_error code = start_tls(self, below, name, options, space, &why);
  self->busy = false;
  if (code == HC_OK) {
    hcl_anchor_put(L, 1, HCL_HOLDER_SLOT);
    lua_pushvalue(L, 2);
    hcl_anchor_put(L, 1, HCL_STREAM_SLOT);
  }
  return hcl_push_result(L, code, &why);
}

/* Where the queue of put_data has met the failure, the TLS stream itself does not know of it yet.
 */
static int tls_get_status(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TLS);
  hc_tls_state state = self->peer ? hc_tls_get_state(self->peer) : HC_TLS_DISCONNECTED;
  if (state == HC_TLS_CONNECTED && hcl_stream_standing(self) == HCL_BROKEN) state = HC_TLS_ERROR;
  lua_pushinteger(L, (lua_Integer)state);
  return 1;
}

/* The very object that was given; for a stream that a client made, the object for what is below.
 * Busy meanwhile, since making an object can run finalizers, and `below` is only borrowed. */
static int make_stream(lua_State *L) {
  const hcl_stream *self = hcl_to_stream(L, 1);
  hc_stream_peer *below = self->peer ? hc_tls_below(self->peer) : NULL;
  if (below) hcl_anchor_get(L, 1, HCL_STREAM_SLOT);
  if (!below || !lua_toboolean(L, -1)) hcl_push_stream_peer(L, below);
  return 1;
}

static int tls_get_stream(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, HCL_STREAM_PEER_TLS);
  return hcl_call_busy(L, &self->busy, make_stream);
}

/* Two functions, so that messages name what was called. */
static int tcp_disconnect_from_host(lua_State *L) { return hcl_stream_disconnect(L); }
static int tls_disconnect_from_stream(lua_State *L) { return hcl_stream_disconnect(L); }

/* clang-format off */
#define COMMON_METHODS \
  {"put_data", hcl_stream_put_data}, \
  {"put_partial_data", hcl_stream_put_partial_data}, \
  {"get_data", hcl_stream_get_data}, \
  {"get_partial_data", hcl_stream_get_partial_data}, \
  {"get_available_bytes", hcl_stream_get_available_bytes}, \
  {"poll", hcl_stream_poll}
/* clang-format on */

static const luaL_Reg meta_stream_peer_class[] = {{"__gc", hcl_stream_gc},
                                                  {"__close", hcl_stream_go_out_of_scope},
                                                  {"__tostring", stream_tostring},
                                                  {NULL, NULL}};

/* The states are fields of the class: StreamPeerTCP.STATUS_CONNECTED. */
void hcl_stream_peer_tcp_register(lua_State *L) {
  static const luaL_Reg methods[] = {COMMON_METHODS,
                                     {"connect_to_host", tcp_connect_to_host},
                                     {"get_status", tcp_get_status},
                                     {"get_connected_host", tcp_get_connected_host},
                                     {"get_connected_port", tcp_get_connected_port},
                                     {"get_local_port", tcp_get_local_port},
                                     {"set_no_delay", tcp_set_no_delay},
                                     {"disconnect_from_host", tcp_disconnect_from_host},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", tcp_new}, {NULL, NULL}};
  static const hcl_class class = {
      HCL_STREAM_PEER_TCP, "StreamPeerTCP.", "stream:", functions, methods, meta_stream_peer_class};
  hcl_class_new(L, &class);
  for (int i = 0; i < 4; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, tcp_status_names[i]);
  }
}

/* With one state more than TCP: the certificate is for another name. */
void hcl_stream_peer_tls_register(lua_State *L) {
  static const luaL_Reg methods[] = {COMMON_METHODS,
                                     {"connect_to_stream", tls_connect_to_stream},
                                     {"get_status", tls_get_status},
                                     {"get_stream", tls_get_stream},
                                     {"disconnect_from_stream", tls_disconnect_from_stream},
                                     {NULL, NULL}};
  static const char *const names[] = {"STATUS_DISCONNECTED", "STATUS_HANDSHAKING",
                                      "STATUS_CONNECTED", "STATUS_ERROR",
                                      "STATUS_ERROR_HOSTNAME_MISMATCH"};
  static const luaL_Reg functions[] = {{"new", tls_new}, {NULL, NULL}};
  static const hcl_class class = {
      HCL_STREAM_PEER_TLS, "StreamPeerTLS.", "stream:", functions, methods, meta_stream_peer_class};
  hcl_class_new(L, &class);
  for (int i = 0; i < 5; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, names[i]);
  }
}
