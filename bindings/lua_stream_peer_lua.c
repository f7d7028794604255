/* lua_stream_peer_lua.c - a stream peer around an object of the script's own: any table or userdata
 * with the methods put_partial_data and get_partial_data.
 *
 * Every call into Lua is protected and runs on one thread that is kept for this and never resumed:
 * the caller may be any coroutine, even one that is gone by the next call. What the object answers
 * is believed only after checks.
 *
 * The stream does not keep the object alive, or one that knows its own client would never be
 * collected. A holder does, a userdata with the object in its anchor, and whoever uses the stream
 * keeps the holder in an anchor of his own. */
#include <string.h>

#include "../core/base/memory.h"
#include "lua_binding.h"

#define ADAPTER "httpclient.StreamAdapter"
#define ADAPTERS "httpclient.adapters"  /* holder by the script's object */
#define HOLDERS "httpclient.holders"    /* holder by adapter */
#define OBJECT_SLOT 1                   /* of a holder: the script's object */
#define CALLS_THREAD "httpclient.calls"

/* the most that one call of put_partial_data or get_partial_data is asked to move */
#define PIECE_LIMIT 65536u
#define PEEK_SIZE_STREAM_PEER_LUA 4096u
/* without a descriptor there is nothing to sleep on but the clock */
#define RETRY_NS_STREAM_PEER_LUA 5000000ull
/* so many calls in a row, none RETRY_NS after the other, may move nothing */
#define FRUITLESS_MOST 8
#define STATUS_CONNECTING 1
#define STATUS_CONNECTED 2

typedef struct adapter {
  hc_stream_peer base;
  lua_State *L; /* the thread for calls; lives as long as the Lua state */
  /* reference in the registry: the object while a finalizer lends it, else false */
  int lent;
  bool in_call; /* the object's method is running: it must not come back to this stream */
  bool usable; /* advance has said so */
  bool ended; /* the object has said ERR_FILE_EOF */
  bool has_counted; /* it has told of bytes to read since the last receive */
  /* it did, and gave none: that goes for nothing until it gives some, or counts none */
  bool is_doubted;
  unsigned fruitless; /* see FRUITLESS_MOST */
  uint64_t fruitless_at;
  bool closed;
  hc_buffer host; /* what endpoint shows */
} adapter;

/* One call into the object: all that goes into the protected function, and comes out of it. */
typedef struct adapter_call {
  adapter *self;
  hc_slice data; /* in: to send */
  char *into; /* in: room for data */
  size_t room;
  hc_io io; /* out */
  size_t moved;
  hc_failure *why;
  hc_interest *interest;
  unsigned port;
} adapter_call;

static adapter *adapter_of(hc_stream_peer *peer) { return (adapter *)peer; }

/* --- inside the protected call */

static adapter_call *call_of(lua_State *L) { return (adapter_call *)lua_touserdata(L, 1); }

/* Pushes the holder; nil when the collector has taken it. lua_pushlightuserdata takes no pointer to
 * a constant on 5.1, and a cast would be warned of. */
static void push_holder(lua_State *L, const adapter *self) {
  union {
    const void *constant;
    void *pointer;
  } address = {self};
  hcl_push_weak_table(L, HOLDERS, "v");
  lua_pushlightuserdata(L, address.pointer);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/* Pushes the script's object; nil when nobody has kept it. */
static void push_object(lua_State *L, const adapter *self) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, self->lent);
  if (lua_toboolean(L, -1)) return;
  lua_pop(L, 1);
  push_holder(L, self);
  if (lua_isnil(L, -1)) return;
  hcl_anchor_get(L, -1, OBJECT_SLOT);
  lua_remove(L, -2);
}

/* Pushes method and object; false, nothing pushed, when there is no such method. With lua_getfield,
 * and so by the object's own __index: that is code of the script's, too, and may raise. The method
 * is looked up at each call, since a script may change it. */
static bool push_method_stream_peer_lua(lua_State *L, const adapter_call *call, const char *name) {
  push_object(L, call->self);
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
static bool call_plain(lua_State *L, const adapter_call *call, const char *name, int results) {
  if (!push_method_stream_peer_lua(L, call, name)) return false;
  lua_call(L, 1, results);
  return true;
}

/* The integer that object:name() gives, or `fallback` when there is no such method or it gives
 * something else. */
static int64_t ask_integer(lua_State *L, const adapter_call *call, const char *name,
                           int64_t fallback) {
  int64_t value = fallback;
  if (!call_plain(L, call, name, 1)) return fallback;
  if (!hcl_to_integer(L, -1, &value)) value = fallback;
  lua_pop(L, 1);
  return value;
}

/* Records the failure that a method answered with: its code, and the first text at `from` or behind
 * it. */
static void record_answer(lua_State *L, adapter_call *call, const char *method, int64_t code,
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

static int refuse_answer(lua_State *L, adapter_call *call, const char *method,
                         const char *problem) {
  (void)L;
  call->io = HC_IO_ERROR;
  hc_failure_set(call->why, HC_ERR_INVALID_DATA, "stream's %s: %s", method, problem);
  return 0;
}

static int do_send(lua_State *L) {
  static const char name[] = "put_partial_data";
  adapter_call *call = call_of(L);
  int64_t code, sent;
  if (!push_method_stream_peer_lua(L, call, name))
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

static int do_recv(lua_State *L) {
  static const char name[] = "get_partial_data";
  adapter_call *call = call_of(L);
  int64_t code;
  if (!push_method_stream_peer_lua(L, call, name))
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
static int do_advance(lua_State *L) {
  adapter_call *call = call_of(L);
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

static int do_available(lua_State *L) {
  adapter_call *call = call_of(L);
  int64_t available = ask_integer(L, call, "get_available_bytes", 0);
  /* Only a size; what is read is counted anew. */
  call->moved = available < 0 ? 0 : available > INT32_MAX ? (size_t)INT32_MAX : (size_t)available;
  return 0;
}

/* Here the object only tells what it knows. has_counted is remembered until the next receive, which
 * finds out whether it was true. */
static int do_interest(lua_State *L) {
  adapter_call *call = call_of(L);
  int64_t fd = ask_integer(L, call, "get_fd", -1);
  call->interest->fd = hcl_handle_of(fd);
  adapter *self = call->self;
  self->has_counted = ask_integer(L, call, "get_available_bytes", 0) > 0;
  if (!self->has_counted) self->is_doubted = false;
  call->interest->ready = self->ended || (self->has_counted && self->usable && !self->is_doubted);
  return 0;
}

static int do_endpoint(lua_State *L) {
  adapter_call *call = call_of(L);
  hc_buffer *host = &call->self->host;
  hc_buffer_consume(host, hc_buffer_size(host));
  int64_t port = ask_integer(L, call, "get_connected_port", 0);
  call->port = port < 1 || port > 65535 ? 0 : (unsigned)port;
  if (!call_plain(L, call, "get_connected_host", 1)) return 0;
  /* On memory trouble there is no host, as for an object that does not say. */
  if (lua_type(L, -1) == LUA_TSTRING) (void)hc_buffer_append(host, hcl_to_slice(L, -1), 1024);
  return 0;
}

static int do_close(lua_State *L) {
  static const char *const names[] = {"disconnect_from_host", "disconnect_from_stream", "close"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (call_plain(L, call_of(L), names[i], 0)) break;
  }
  return 0;
}

static int do_unref(lua_State *L) {
  luaL_unref(L, LUA_REGISTRYINDEX, call_of(L)->self->lent);
  return 0;
}

/* --- outside of it */

/* Runs `function` and turns whatever it throws into HC_IO_ERROR. The stack of the calls' thread is
 * left as it was found: it is never unwound by anybody else. `call->io` counts only where nothing
 * was thrown. */
static hc_io run_protected(lua_State *L, adapter_call *call, lua_CFunction function) {
  int top = lua_gettop(L);
  int status = hcl_call_protected(L, function, call);
  if (status == 0) return call->io;
  bool has_text = status > 0 && lua_type(L, -1) == LUA_TSTRING;
  hc_failure_set(call->why, HC_ERR_SCRIPT_FAILED, "error in the stream's method: %s",
                 has_text ? lua_tostring(L, -1) : "no error message");
  lua_settop(L, top);
  return HC_IO_ERROR;
}

/* The method may let go of the last reference to this stream: after run the caller reads from
 * `call` alone, unless it holds a reference of its own. */
static hc_io run_stream_peer_lua(adapter_call *call, lua_CFunction function) {
  adapter *self = call->self;
  if (self->in_call) {
    hc_failure_set(call->why, HC_ERR_BUSY,
                   "the stream's method used the connection that it serves");
    return HC_IO_ERROR;
  }
  hc_stream_peer_retain(&self->base);
  self->in_call = true;
  hc_io io = run_protected(self->L, call, function);
  self->in_call = false;
  hc_stream_peer_release(&self->base);
  return io;
}

static hc_io refuse_closed_stream_peer_lua(hc_failure *why) {
  hc_failure_set(why, HC_ERR_UNCONFIGURED, "the stream is closed");
  return HC_IO_ERROR;
}

/* An object whose descriptor is always ready, and that moves nothing, must not keep the waiters
 * from sleeping. */
static hc_io note_fruit(adapter *self, hc_io io) {
  if (io != HC_IO_WANT_READ && io != HC_IO_WANT_WRITE) {
    self->fruitless = 0;
    return io;
  }
  uint64_t now = hc_clock_now();
  if (now - self->fruitless_at >= RETRY_NS_STREAM_PEER_LUA) self->fruitless = 0;
  if (self->fruitless < FRUITLESS_MOST) self->fruitless++;
  self->fruitless_at = now;
  return io;
}

static hc_io adapter_advance(hc_stream_peer *peer, hc_failure *why) {
  adapter_call call = {.self = adapter_of(peer), .why = why};
  if (call.self->closed) return refuse_closed_stream_peer_lua(why);
  if (call.self->in_call) return HC_IO_OK; /* the object polls somebody who polls it */
  hc_stream_peer_retain(peer);
  hc_io io = note_fruit(call.self, run_stream_peer_lua(&call, do_advance));
  hc_stream_peer_release(peer);
  return io;
}

/* One part at a time, and no copy to join them: a script gets a string, and makes of it what it
 * wants. */
static hc_io adapter_send(hc_stream_peer *peer, const hc_slice *parts, size_t count, size_t *sent,
                          hc_failure *why) {
  adapter_call call = {.self = adapter_of(peer), .why = why};
  *sent = 0;
  if (call.self->closed) return refuse_closed_stream_peer_lua(why);
  for (size_t i = 0; i < count && call.data.size == 0; i++) call.data = parts[i];
  if (call.data.size == 0) return HC_IO_OK;
  if (call.data.size > PIECE_LIMIT) call.data.size = PIECE_LIMIT;
  hc_stream_peer_retain(peer);
  hc_io io = note_fruit(call.self, run_stream_peer_lua(&call, do_send));
  hc_stream_peer_release(peer);
  *sent = io == HC_IO_OK ? call.moved : 0;
  return io;
}

static hc_io adapter_recv(hc_stream_peer *peer, char *into, size_t room, size_t *got,
                          hc_failure *why) {
  adapter_call call = {.self = adapter_of(peer), .into = into, .room = room, .why = why};
  *got = 0;
  if (call.self->closed) return refuse_closed_stream_peer_lua(why);
  if (call.self->ended) return HC_IO_EOF;
  if (call.room > PIECE_LIMIT) call.room = PIECE_LIMIT;
  hc_stream_peer_retain(peer);
  hc_io io = note_fruit(call.self, run_stream_peer_lua(&call, do_recv));
  call.self->is_doubted =
      io == HC_IO_WANT_READ && (call.self->is_doubted || call.self->has_counted);
  call.self->has_counted = false;
  hc_stream_peer_release(peer);
  *got = io == HC_IO_OK ? call.moved : 0;
  return io;
}

static size_t adapter_available(hc_stream_peer *peer) {
  adapter_call call = {.self = adapter_of(peer)};
  if (call.self->closed || call.self->in_call) return 0;
  (void)run_stream_peer_lua(&call, do_available);
  return call.moved;
}

/* No count, or none that says so: the only way to find out is to read, and to keep what comes. */
static hc_io peek_by_reading(hc_stream_peer *peer, hc_failure *why) {
  char bytes[PEEK_SIZE_STREAM_PEER_LUA];
  size_t got;
  hc_io io = adapter_recv(peer, bytes, sizeof bytes, &got, why);
  if (io == HC_IO_OK && hc_stream_peer_unread(peer, (hc_slice){bytes, got}) != HC_OK) {
    hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "not enough memory");
    return HC_IO_ERROR;
  }
  return io;
}

static hc_io adapter_peek(hc_stream_peer *peer, hc_failure *why) {
  hc_stream_peer_retain(peer);
  bool is_there = adapter_available(peer) > 0 && !adapter_of(peer)->is_doubted;
  hc_io io = is_there ? HC_IO_OK : peek_by_reading(peer, why);
  hc_stream_peer_release(peer);
  return io;
}

static void adapter_interest(hc_stream_peer *peer, hc_interest *out) {
  adapter_call call = {.self = adapter_of(peer), .interest = out};
  *out = (hc_interest){
      .fd = HC_NO_HANDLE, .events = 0, .ready = call.self->ended, .deadline = HC_NEVER};
  if (call.self->closed || call.self->in_call) return;
  hc_stream_peer_retain(peer);
  (void)run_stream_peer_lua(&call, do_interest);
  if (call.self->fruitless == FRUITLESS_MOST) out->fd = HC_NO_HANDLE;
  /* Before it is usable the descriptor may stand for another phase, and bytes that were counted may
   * yet come without an event: look again soon, too. */
  if (out->fd == HC_NO_HANDLE || !call.self->usable || call.self->is_doubted)
    out->deadline = hc_clock_now() + RETRY_NS_STREAM_PEER_LUA;
  out->events = out->fd != HC_NO_HANDLE && !call.self->usable ? HC_EVENT_READ : 0;
  hc_stream_peer_release(peer);
}

static void adapter_endpoint(hc_stream_peer *peer, hc_slice *host, unsigned *port) {
  adapter_call call = {.self = adapter_of(peer)};
  const hc_buffer *text = &call.self->host;
  *host = HC_SLICE("");
  hc_stream_peer_retain(peer);
  if (!call.self->closed && !call.self->in_call) (void)run_stream_peer_lua(&call, do_endpoint);
  if (hc_buffer_size(text) > 0) *host = (hc_slice){hc_buffer_head(text), hc_buffer_size(text)};
  *port = call.port;
  hc_stream_peer_release(peer);
}

/* Noted first: a method that comes back finds it closed, and is not called a second time. */
static void adapter_close(hc_stream_peer *peer) {
  adapter_call call = {.self = adapter_of(peer)};
  if (call.self->closed) return;
  call.self->closed = true;
  if (!call.self->in_call) (void)run_stream_peer_lua(&call, do_close);
}

/* The object is the script's: letting go of it is no reason to close it. */
static void adapter_destroy(hc_stream_peer *peer) {
  adapter_call call = {.self = adapter_of(peer)};
  if (call.self->L) (void)run_protected(call.self->L, &call, do_unref);
  hc_buffer_free(&call.self->host);
  hc_buffer_free(&peer->unread);
  hc_memory_release(call.self);
}

static bool adapter_is_in_call(const hc_stream_peer *peer) {
  return ((const adapter *)peer)->in_call;
}

static const hc_stream_peer_ops adapter_ops = {
    .name = "StreamPeer",
    .advance = adapter_advance,
    .send = adapter_send,
    .recv = adapter_recv,
    .peek = adapter_peek,
    .available = adapter_available,
    .interest = adapter_interest,
    .endpoint = adapter_endpoint,
    .in_call = adapter_is_in_call,
    .runs_host = true,
    .close = adapter_close,
    .destroy = adapter_destroy,
};

/* --- making one: a hidden userdata holds a reference until somebody else has taken one */

typedef struct holder {
  hc_stream_peer *peer;
  const adapter *adapter; /* the same, also when `peer` is let go */
} holder;

static int holder_gc(lua_State *L) {
  holder *self = (holder *)luaL_testudata(L, 1, ADAPTER);
  if (!self) return 0;
  hc_stream_peer *peer = self->peer;
  self->peer = NULL;
  hc_stream_peer_release(peer);
  return 0;
}

lua_State *hcl_calls_thread(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, CALLS_THREAD);
  lua_State *thread = lua_tothread(L, -1);
  if (!thread) {
    thread = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, CALLS_THREAD);
  }
  lua_pop(L, 1);
  return thread;
}

static bool has_method(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  bool has = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return has;
}

/* A userdata without __index would raise when it is asked for a method; a table without one gives
 * nil. */
static bool looks_like_stream(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TUSERDATA) {
    if (!luaL_getmetafield(L, index, "__index")) return false;
    lua_pop(L, 1);
  } else if (!lua_istable(L, index)) {
    return false;
  }
  return has_method(L, index, "put_partial_data") && has_method(L, index, "get_partial_data");
}

/* The order is that of errors: what owns the memory is made before it, and knows it before the next
 * thing that can throw. LUA_NOREF until there is a reference, which luaL_unref takes for none. */
static hc_stream_peer *push_new_holder(lua_State *L, int object) {
  hcl_hidden_class_new(L, ADAPTER, holder_gc);
  lua_pop(L, 1);
  lua_State *thread = hcl_calls_thread(L);
  holder *held = (holder *)hcl_object_new(L, ADAPTER, sizeof *held);
  lua_pushvalue(L, object);
  hcl_anchor_put(L, -2, OBJECT_SLOT);
  adapter *self = (adapter *)hc_memory_allocate_zeroed(1, sizeof *self);
  if (!self) {
    hcl_raise_memory(L);
    return NULL;
  }
  hc_stream_peer_init(&self->base, &adapter_ops);
  self->lent = LUA_NOREF;
  held->peer = &self->base;
  held->adapter = self;
  lua_pushboolean(L, 0);
  self->lent = luaL_ref(L, LUA_REGISTRYINDEX);
  self->L = thread;
  hcl_push_weak_table(L, HOLDERS, "v");
  lua_pushlightuserdata(L, self);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  return &self->base;
}

/* One for an object as long as anybody uses it, so that bytes which were read ahead are found by
 * the next user. A closed one is not taken again: the script may have opened its object anew. */
hc_stream_peer *hcl_stream_adapter_of(lua_State *L, int index) {
  if (!looks_like_stream(L, index)) return NULL;
  index = lua_absindex(L, index);
  hcl_push_weak_table(L, ADAPTERS, "kv");
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  holder *held = (holder *)luaL_testudata(L, -1, ADAPTER);
  if (held && held->peer && !adapter_of(held->peer)->closed) {
    lua_remove(L, -2);
    return held->peer;
  }
  lua_pop(L, 1);
  hc_stream_peer *peer = push_new_holder(L, index);
  lua_pushvalue(L, index);
  lua_pushvalue(L, -2);
  lua_rawset(L, -4);
  lua_remove(L, -2);
  return peer;
}

hc_stream_peer *hcl_stream_adapter_again(lua_State *L, int index) {
  const holder *held = (const holder *)luaL_testudata(L, index, ADAPTER);
  return held ? held->peer : NULL;
}

/* The adapter at the bottom of `peer`; NULL when there is none. */
static adapter *bottom_of(hc_stream_peer *peer) {
  peer = hc_stream_peer_bottom(peer);
  return peer && peer->ops == &adapter_ops ? adapter_of(peer) : NULL;
}

bool hcl_stream_adapter_push_object(lua_State *L, hc_stream_peer *peer) {
  if (peer->ops != &adapter_ops) return false;
  push_object(L, adapter_of(peer));
  return true;
}

void hcl_stream_push_holder(lua_State *L, hc_stream_peer *peer) {
  const adapter *self = bottom_of(peer);
  if (self) push_holder(L, self);
  else lua_pushnil(L);
}

/* Nothing here allocates: the reference exists. */
hc_stream_peer *hcl_stream_lend(lua_State *L, int owner, int slot, hc_stream_peer *peer) {
  adapter *self = bottom_of(peer);
  if (!self) return NULL;
  hcl_anchor_get(L, owner, slot);
  const holder *held = (const holder *)luaL_testudata(L, -1, ADAPTER);
  bool is_right = held && held->adapter == self;
  if (is_right) {
    hcl_anchor_get(L, -1, OBJECT_SLOT);
    lua_rawseti(L, LUA_REGISTRYINDEX, self->lent);
  }
  lua_pop(L, 1);
  return is_right ? hc_stream_peer_retain(&self->base) : NULL;
}

void hcl_stream_take_back(lua_State *L, hc_stream_peer *lent) {
  if (!lent) return;
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, adapter_of(lent)->lent);
  hc_stream_peer_release(lent);
}
