/* lua_stream_methods.c - the methods of a script's own stream, called and checked.
 *
 * All of it runs in a protected call. What the object answers is believed only after checks, and
 * what it does not have is answered for it, where it may be missing. */
#include <string.h>

#include "lua_stream_adapter.h"

#define STATUS_CONNECTING 1
#define STATUS_CONNECTED 2

static hcl_adapter_call *call_of(lua_State *L) { return (hcl_adapter_call *)lua_touserdata(L, 1); }

/* Pushes method and object; false, nothing pushed, when there is no such method. With lua_getfield,
 * and so by the object's own __index: that is code of the script's, too, and may raise. The method
 * is looked up at each call, since a script may change it. */
static bool push_object_method(lua_State *L, const hcl_adapter_call *call, const char *name) {
  hcl_adapter_push_object(L, call->self);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return false;
  }
  lua_getfield(L, -1, name);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 2);
    return false;
  }
  lua_insert(L, -2);
  return true;
}

/* object:name(), with `results` results. False when there is no such method. */
static bool call_plain(lua_State *L, const hcl_adapter_call *call, const char *name, int results) {
  if (!push_object_method(L, call, name)) return false;
  lua_call(L, 1, results);
  return true;
}

/* The integer that object:name() gives, or `fallback` when there is no such method or it gives
 * something else. */
static int64_t ask_integer(lua_State *L, const hcl_adapter_call *call, const char *name,
                           int64_t fallback) {
  int64_t value = fallback;
  if (!call_plain(L, call, name, 1)) return fallback;
  if (!hcl_to_integer(L, -1, &value)) value = fallback;
  lua_pop(L, 1);
  return value;
}

/* Records the failure that a method answered with: its code, and the first text at `from` or behind
 * it. */
static void record_answer(lua_State *L, hcl_adapter_call *call, const char *method, int64_t code,
                          int from) {
  const char *text = NULL;
  for (int i = from; !text && i <= lua_gettop(L); i++) {
    if (lua_type(L, i) == LUA_TSTRING && lua_rawlen(L, i) > 0) text = lua_tostring(L, i);
  }
  call->io = HC_IO_ERROR;
  if (code <= HC_OK || code >= HC_ERROR_COUNT) code = HC_ERR_CONNECTION_ERROR;
  if (!text) text = hc_error_string((int)code);
  hc_failure_set(call->why, (hc_error)code, "stream's %s: %s", method, text);
}

static int refuse_answer(lua_State *L, hcl_adapter_call *call, const char *method,
                         const char *problem) {
  (void)L;
  call->io = HC_IO_ERROR;
  hc_failure_set(call->why, HC_ERR_INVALID_DATA, "stream's %s: %s", method, problem);
  return 0;
}

int hcl_object_send(lua_State *L) {
  static const char name[] = "put_partial_data";
  hcl_adapter_call *call = call_of(L);
  int64_t code, sent;
  if (!push_object_method(L, call, name))
    return refuse_answer(L, call, name, "there is no such method any more");
  hcl_push_slice(L, call->data);
  lua_call(L, 2, 3);
  int first = lua_gettop(L) - 2;
  if (!hcl_to_integer(L, first, &code))
    return refuse_answer(L, call, name, "the first result is no Error");
  if (code != HC_OK) {
    record_answer(L, call, name, code, first + 1);
    return 0;
  }
  if (!hcl_to_integer(L, first + 1, &sent) || sent < 0 || (uint64_t)sent > call->data.size) {
    return refuse_answer(L, call, name, "the second result is no number of bytes that were sent");
  }
  call->moved = (size_t)sent;
  call->io = sent > 0 ? HC_IO_OK : HC_IO_WANT_WRITE;
  return 0;
}

int hcl_object_recv(lua_State *L) {
  static const char name[] = "get_partial_data";
  hcl_adapter_call *call = call_of(L);
  int64_t code;
  if (!push_object_method(L, call, name))
    return refuse_answer(L, call, name, "there is no such method any more");
  hcl_push_integer(L, (int64_t)call->room);
  lua_call(L, 2, 3);
  int first = lua_gettop(L) - 2;
  if (!hcl_to_integer(L, first, &code))
    return refuse_answer(L, call, name, "the first result is no Error");
  if (code != HC_OK && code != HC_ERR_FILE_EOF) {
    record_answer(L, call, name, code, first + 1);
    return 0;
  }
  call->self->ended = code == HC_ERR_FILE_EOF;
  call->io = call->self->ended ? HC_IO_EOF : HC_IO_WANT_READ;
  if (lua_isnil(L, first + 1)) return 0;
  if (lua_type(L, first + 1) != LUA_TSTRING)
    return refuse_answer(L, call, name, "the second result is no string");
  hc_slice data = hcl_to_slice(L, first + 1);
  if (data.size > call->room)
    return refuse_answer(L, call, name, "it gave more than was asked for");
  if (data.size == 0) return 0;
  /* The last bytes may come together with the end, which the next read then finds in `ended`. */
  memcpy(call->into, data.data, data.size);
  call->moved = data.size;
  call->io = HC_IO_OK;
  return 0;
}

/* poll and get_status are optional. Without either the stream is connected from the start; with
 * poll alone its Error says it. */
int hcl_object_advance(lua_State *L) {
  hcl_adapter_call *call = call_of(L);
  int64_t code = HC_OK;
  int top = lua_gettop(L);
  call->io = HC_IO_OK;
  if (call_plain(L, call, "poll", 2)) (void)hcl_to_integer(L, top + 1, &code);
  int64_t status = ask_integer(L, call, "get_status", code == HC_OK ? STATUS_CONNECTED : 0);
  call->self->usable = status == STATUS_CONNECTED;
  if (call->self->usable) return 0;
  if (status == STATUS_CONNECTING) {
    call->io = HC_IO_WANT_READ;
  } else if (code != HC_OK) {
    record_answer(L, call, "poll", code, top + 2);
  } else {
    call->io = HC_IO_ERROR;
    hc_failure_set(call->why, HC_ERR_CONNECTION_ERROR,
                   "the stream is not connected (its status is %d)",
                   (int)(status < 0 || status > 99 ? -1 : status));
  }
  return 0;
}

int hcl_object_available(lua_State *L) {
  hcl_adapter_call *call = call_of(L);
  int64_t available = ask_integer(L, call, "get_available_bytes", 0);
  /* Only a size; what is read is counted anew. */
  call->moved = available < 0 ? 0 : available > INT32_MAX ? (size_t)INT32_MAX : (size_t)available;
  return 0;
}

/* Here the object only tells what it knows. has_counted is remembered until the next receive, which
 * finds out whether it was true. */
int hcl_object_interest(lua_State *L) {
  hcl_adapter_call *call = call_of(L);
  int64_t fd = ask_integer(L, call, "get_fd", -1);
  call->interest->fd = hcl_handle_of(fd);
  hcl_adapter *self = call->self;
  self->has_counted = ask_integer(L, call, "get_available_bytes", 0) > 0;
  if (!self->has_counted) self->is_doubted = false;
  call->interest->ready = self->ended || (self->has_counted && self->usable && !self->is_doubted);
  return 0;
}

int hcl_object_endpoint(lua_State *L) {
  hcl_adapter_call *call = call_of(L);
  hc_buffer *host = &call->self->host;
  hc_buffer_consume(host, hc_buffer_size(host));
  int64_t port = ask_integer(L, call, "get_connected_port", 0);
  call->port = port < 1 || port > 65535 ? 0 : (unsigned)port;
  if (!call_plain(L, call, "get_connected_host", 1)) return 0;
  /* On memory trouble there is no host, as for an object that does not say. */
  if (lua_type(L, -1) == LUA_TSTRING) (void)hc_buffer_append(host, hcl_to_slice(L, -1), 1024);
  return 0;
}

int hcl_object_close(lua_State *L) {
  static const char *const names[] = {"disconnect_from_host", "disconnect_from_stream", "close"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (call_plain(L, call_of(L), names[i], 0)) break;
  }
  return 0;
}
