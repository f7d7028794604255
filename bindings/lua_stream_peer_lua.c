/* lua_stream_peer_lua.c - a stream peer around an object of the script's own: any table or userdata
 * with the methods put_partial_data and get_partial_data.
 *
 * Every call into Lua is protected and runs on one thread that is kept for this and never resumed:
 * the caller may be any coroutine, even one that is gone by the next call. */
#include "../core/base/memory.h"
#include "lua_stream_adapter.h"

/* the most that one call of put_partial_data or get_partial_data is asked to move */
#define PIECE_LIMIT 65536u
#define PEEK_SIZE_STREAM_PEER_LUA 4096u
/* without a descriptor there is nothing to sleep on but the clock */
#define RETRY_NS_STREAM_PEER_LUA 5000000ull
/* so many calls in a row, none RETRY_NS after the other, may move nothing */
#define FRUITLESS_MOST 8

/* --- calling the object */

/* Runs `function` and turns whatever it throws into HC_IO_ERROR. The stack of the calls' thread is
 * left as it was found: it is never unwound by anybody else. `call->io` counts only where nothing
 * was thrown. */
static hc_io run_protected(lua_State *L, hcl_adapter_call *call, lua_CFunction function) {
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
static hc_io call_object(hcl_adapter_call *call, lua_CFunction function) {
  hcl_adapter *self = call->self;
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
static hc_io note_fruit(hcl_adapter *self, hc_io io) {
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

/* --- the stream */

static hc_io adapter_advance(hc_stream_peer *peer, hc_failure *why) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer), .why = why};
  if (call.self->closed) return refuse_closed_stream_peer_lua(why);
  if (call.self->in_call) return HC_IO_OK; /* the object polls somebody who polls it */
  hc_stream_peer_retain(peer);
  hc_io io = note_fruit(call.self, call_object(&call, hcl_object_advance));
  hc_stream_peer_release(peer);
  return io;
}

/* One part at a time, and no copy to join them: a script gets a string, and makes of it what it
 * wants. */
static hc_io adapter_send(hc_stream_peer *peer, const hc_slice *parts, size_t count, size_t *sent,
                          hc_failure *why) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer), .why = why};
  *sent = 0;
  if (call.self->closed) return refuse_closed_stream_peer_lua(why);
  for (size_t i = 0; i < count && call.data.size == 0; i++) call.data = parts[i];
  if (call.data.size == 0) return HC_IO_OK;
  if (call.data.size > PIECE_LIMIT) call.data.size = PIECE_LIMIT;
  hc_stream_peer_retain(peer);
  hc_io io = note_fruit(call.self, call_object(&call, hcl_object_send));
  hc_stream_peer_release(peer);
  *sent = io == HC_IO_OK ? call.moved : 0;
  return io;
}

static hc_io adapter_recv(hc_stream_peer *peer, char *into, size_t room, size_t *got,
                          hc_failure *why) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer), .into = into, .room = room, .why = why};
  *got = 0;
  if (call.self->closed) return refuse_closed_stream_peer_lua(why);
  if (call.self->ended) return HC_IO_EOF;
  if (call.room > PIECE_LIMIT) call.room = PIECE_LIMIT;
  hc_stream_peer_retain(peer);
  hc_io io = note_fruit(call.self, call_object(&call, hcl_object_recv));
  call.self->is_doubted =
      io == HC_IO_WANT_READ && (call.self->is_doubted || call.self->has_counted);
  call.self->has_counted = false;
  hc_stream_peer_release(peer);
  *got = io == HC_IO_OK ? call.moved : 0;
  return io;
}

static size_t adapter_available(hc_stream_peer *peer) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer)};
  if (call.self->closed || call.self->in_call) return 0;
  (void)call_object(&call, hcl_object_available);
  return call.moved;
}

/* No count, or none that says so: the only way to find out is to read, and to keep what comes. */
static hc_io peek_by_reading(hc_stream_peer *peer, hc_failure *why) {
  char bytes[PEEK_SIZE_STREAM_PEER_LUA];
  size_t got;
  hc_io io = adapter_recv(peer, bytes, sizeof bytes, &got, why);
  if (io == HC_IO_OK && hc_stream_peer_unread(peer, (hc_slice){bytes, got}) != HC_OK) {
    (void)hc_failure_out_of_memory(why);
    return HC_IO_ERROR;
  }
  return io;
}

static hc_io adapter_peek(hc_stream_peer *peer, hc_failure *why) {
  hc_stream_peer_retain(peer);
  bool is_there = adapter_available(peer) > 0 && !hcl_adapter_of(peer)->is_doubted;
  hc_io io = is_there ? HC_IO_OK : peek_by_reading(peer, why);
  hc_stream_peer_release(peer);
  return io;
}

static void adapter_interest(hc_stream_peer *peer, hc_interest *out) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer), .interest = out};
  *out = (hc_interest){
      .fd = HC_NO_HANDLE, .events = 0, .ready = call.self->ended, .deadline = HC_NEVER};
  if (call.self->closed || call.self->in_call) return;
  hc_stream_peer_retain(peer);
  (void)call_object(&call, hcl_object_interest);
  if (call.self->fruitless == FRUITLESS_MOST) out->fd = HC_NO_HANDLE;
  /* Before it is usable the descriptor may stand for another phase, and bytes that were counted may
   * yet come without an event: look again soon, too. */
  if (out->fd == HC_NO_HANDLE || !call.self->usable || call.self->is_doubted)
    out->deadline = hc_clock_now() + RETRY_NS_STREAM_PEER_LUA;
  out->events = out->fd != HC_NO_HANDLE && !call.self->usable ? HC_EVENT_READ : 0;
  hc_stream_peer_release(peer);
}

static void adapter_endpoint(hc_stream_peer *peer, hc_slice *host, unsigned *port) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer)};
  const hc_buffer *text = &call.self->host;
  *host = HC_SLICE("");
  hc_stream_peer_retain(peer);
  if (!call.self->closed && !call.self->in_call) (void)call_object(&call, hcl_object_endpoint);
  if (hc_buffer_size(text) > 0) *host = (hc_slice){hc_buffer_head(text), hc_buffer_size(text)};
  *port = call.port;
  hc_stream_peer_release(peer);
}

/* Noted first: a method that comes back finds it closed, and is not called a second time. */
static void adapter_close(hc_stream_peer *peer) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer)};
  if (call.self->closed) return;
  call.self->closed = true;
  if (!call.self->in_call) (void)call_object(&call, hcl_object_close);
}

static int unref_lent(lua_State *L) {
  luaL_unref(L, LUA_REGISTRYINDEX, ((const hcl_adapter_call *)lua_touserdata(L, 1))->self->lent);
  return 0;
}

/* The object is the script's: letting go of it is no reason to close it. */
static void adapter_destroy(hc_stream_peer *peer) {
  hcl_adapter_call call = {.self = hcl_adapter_of(peer)};
  if (call.self->L) (void)run_protected(call.self->L, &call, unref_lent);
  hc_buffer_free(&call.self->host);
  hc_buffer_free(&peer->unread);
  hc_memory_release(call.self);
}

static bool adapter_is_in_call(const hc_stream_peer *peer) {
  return ((const hcl_adapter *)peer)->in_call;
}

const hc_stream_peer_ops hcl_adapter_ops = {
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
