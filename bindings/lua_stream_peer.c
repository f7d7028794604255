/* lua_stream_peer.c - the classes StreamPeerTCP and StreamPeerTLS. Nothing here waits: what the
 * stream does not take at once is queued in the object and goes out with the next call, and a
 * get_data that can not be served takes nothing.
 *
 * On the way of a byte: what a script puts goes from its string to the stream, and only what is
 * left over into the queue; what has come is gathered in a buffer, of which one string is made. TCP
 * and TLS are the same here but for the questions that only one of them can answer. */
#include <string.h>

#include "lua_stream_object.h"

#define STREAMS "httpclient.streams"
#define QUEUE_LIMIT 16777216u     /* put_data answers ERR_BUSY when so much is waiting */
#define READ_ROOM 65536u
#define RECORD_SIZE_STREAM_PEER 16384u        /* of TLS, RFC 8446 section 5.1 */

/* --- the object */

/* Two metatables and one struct: which of them it is the stream knows, too. */
hcl_stream *hcl_to_stream(lua_State *L, int index) {
  void *object = luaL_testudata(L, index, HCL_STREAM_PEER_TCP);
  return (hcl_stream *)(object ? object : luaL_testudata(L, index, HCL_STREAM_PEER_TLS));
}

/* `busy` is the object's own call, in_call one that somebody else has made of the same stream: a
 * client, or TLS over it. In both a method of a script's stream is running below, with pointers
 * into this one on the C stack. */
hcl_stream *hcl_check_stream(lua_State *L, int arg, const char *full_name) {
  hcl_stream *self =
      full_name ? (hcl_stream *)hcl_check_object(L, arg, full_name) : hcl_to_stream(L, arg);
  if (!self) {
    hcl_type_error(L, arg, "StreamPeerTCP or StreamPeerTLS");
    return NULL;
  }
  if (self->busy || hc_stream_peer_is_in_call(self->peer)) {
    luaL_error(L, "the stream is at work: a method of the stream below it can not use it");
  }
  return self;
}

/* The reference knows four states; ours are more. */
static hcl_standing tcp_standing(const hc_stream_peer *peer) {
  switch (hc_tcp_get_state(peer)) {
  case HC_TCP_NONE: return HCL_CLOSED;
  case HC_TCP_RESOLVING:
  case HC_TCP_CONNECTING: return HCL_UNDER_WAY;
  case HC_TCP_CONNECTED: return HCL_USABLE;
  default: return HCL_BROKEN;
  }
}

/* A name that does not match is broken like all else; get_status tells the two apart. */
static hcl_standing tls_standing(const hc_stream_peer *peer) {
  switch (hc_tls_get_state(peer)) {
  case HC_TLS_DISCONNECTED: return HCL_CLOSED;
  case HC_TLS_HANDSHAKING: return HCL_UNDER_WAY;
  case HC_TLS_CONNECTED: return HCL_USABLE;
  default: return HCL_BROKEN;
  }
}

/* A failed send does not end a stream in the core, which may still have something to read. For a
 * script, which has one status, it is broken. */
hcl_standing hcl_stream_standing(const hcl_stream *self) {
  if (!self->peer) return HCL_CLOSED;
  hcl_standing now =
      hc_stream_peer_is_tcp(self->peer) ? tcp_standing(self->peer) : tls_standing(self->peer);
  return now == HCL_USABLE && self->failure.code != HC_OK ? HCL_BROKEN : now;
}

/* Bytes that were queued for the last peer must not go to the next one. */
void hcl_stream_reset(hcl_stream *self) {
  hc_buffer_free(&self->out);
  hc_failure_clear(&self->failure);
  self->ended = false;
}

/* This state's objects by their streams, weak. */
static void push_streams(lua_State *L) { hcl_push_weak_table(L, STREAMS, "v"); }

/* Enters the object at `index` under its stream. The key is an address, and may come again when the
 * stream is gone; so whoever looks it up compares the object's stream with it. Entering it can
 * throw, and run finalizers. */
static void remember(lua_State *L, int index, hc_stream_peer *peer) {
  index = lua_absindex(L, index);
  push_streams(L);
  lua_pushlightuserdata(L, peer);
  lua_pushvalue(L, index);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* The object owns the stream before the table knows of it, so an error in between loses nothing. */
hc_stream_peer *hcl_stream_need_peer(lua_State *L, int index, hcl_stream *self) {
  if (self->peer) return self->peer;
  bool is_tcp = luaL_testudata(L, index, HCL_STREAM_PEER_TCP) != NULL;
  self->peer = is_tcp ? hc_tcp_new() : hc_tls_new();
  if (!self->peer) hcl_raise_memory(L);
  remember(L, index, self->peer);
  if (!self->peer) luaL_error(L, "the stream has been let go meanwhile"); /* by a finalizer */
  return self->peer;
}

/* --- sending */

/* The message of a stream that is broken; asked of the stream itself when somebody else found the
 * failure. */
static hc_error broken(hcl_stream *self) {
  if (self->failure.code == HC_OK) (void)hc_stream_peer_advance(self->peer, &self->failure);
  return HC_ERR_CONNECTION_ERROR;
}

/* Not connected and not connected yet have one code and differ in words: a script that polls gets
 * past the second. */
static hc_error check_usable(hcl_stream *self, hc_failure *why) {
  hcl_standing now = hcl_stream_standing(self);
  if (now == HCL_BROKEN) {
    hc_error code = broken(self);
    return hc_failure_set(why, code, "%s", self->failure.text);
  }
  if (now == HCL_USABLE) return HC_OK;
  return hc_failure_set(why, HC_ERR_UNCONFIGURED,
                        now == HCL_CLOSED ? "the stream is not connected"
                                          : "the stream is not connected yet");
}

/* Sends from `bytes` as much as the stream takes; *sent counts. False: the stream broke. Until the
 * stream says that it wants to wait. A script's stream may run anything in here; what `bytes`
 * points to is anchored by the argument, or is the queue of an object that is busy. */
static bool send_some(hcl_stream *self, hc_slice bytes, size_t *sent) {
  *sent = 0;
  while (*sent < bytes.size) {
    hc_slice rest = {bytes.data + *sent, bytes.size - *sent};
    size_t moved = 0;
    hc_io io = hc_stream_peer_send(self->peer, &rest, 1, &moved, &self->failure);
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return true;
    if (io != HC_IO_OK) {
      hc_failure_set(&self->failure, HC_ERR_CONNECTION_ERROR, "the connection has ended");
      return false;
    }
    *sent += moved;
  }
  return true;
}

/* Moves the queue on. False: the stream broke. What was sent is taken off the queue before anything
 * else, also when the stream broke behind it. */
bool hcl_stream_flush(hcl_stream *self) {
  size_t size = hc_buffer_size(&self->out), sent;
  if (size == 0) return true;
  bool alive = send_some(self, (hc_slice){hc_buffer_head(&self->out), size}, &sent);
  hc_buffer_consume(&self->out, sent);
  if (!alive || hc_buffer_size(&self->out) == 0) hc_buffer_free(&self->out);
  return alive;
}

/* Whatever the stream's own code was, a call that moves bytes says ERR_CONNECTION_ERROR. */
static hc_error broke(const hcl_stream *self, hc_failure *why) {
  return hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "%s", self->failure.text);
}

/* A part of these bytes is out already, so without memory for the rest the stream can not be saved.
 */
static hc_error enqueue(hcl_stream *self, hc_slice bytes, hc_failure *why) {
  if (hc_buffer_append(&self->out, bytes, SIZE_MAX / 4) == HC_OK) return HC_OK;
  hc_failure_out_of_memory_for(&self->failure, "the bytes to send");
  hc_stream_peer_close(self->peer);
  return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "%s", self->failure.text);
}

/* All or nothing, by the reference's contract: ERR_BUSY says that nothing of `data` was taken. A
 * piece larger than the limit alone is accepted on an empty queue, else it could never be sent. */
static hc_error put_all_stream_peer(hcl_stream *self, hc_slice data, hc_failure *why) {
  size_t sent = 0;
  hc_error code = check_usable(self, why);
  if (code != HC_OK) return code;
  if (!hcl_stream_flush(self)) return broke(self, why);
  size_t waiting = hc_buffer_size(&self->out);
  if (waiting > 0 && (waiting >= QUEUE_LIMIT || data.size > QUEUE_LIMIT - waiting)) {
    return hc_failure_set(why, HC_ERR_BUSY, "the peer does not take what was sent before");
  }
  if (waiting == 0 && !send_some(self, data, &sent)) return broke(self, why);
  return sent < data.size ? enqueue(self, (hc_slice){data.data + sent, data.size - sent}, why)
                          : HC_OK;
}

/* Over TLS bytes that were offered once may be in a record already, and must be offered again as
 * they were: the queue takes them. */
static hc_error put_partial(hcl_stream *self, hc_slice data, size_t *sent, hc_failure *why) {
  *sent = 0;
  hc_error code = check_usable(self, why);
  if (code != HC_OK) return code;
  if (!hcl_stream_flush(self)) return broke(self, why);
  if (hc_buffer_size(&self->out) > 0) return HC_OK;
  if (!send_some(self, data, sent)) return broke(self, why);
  if (*sent == data.size || !hc_stream_peer_is_tls(self->peer)) return HC_OK;
  size_t rest =
      data.size - *sent < RECORD_SIZE_STREAM_PEER ? data.size - *sent : RECORD_SIZE_STREAM_PEER;
  code = enqueue(self, (hc_slice){data.data + *sent, rest}, why);
  if (code == HC_OK) *sent += rest;
  return code;
}

/* Nothing can throw while it is busy: the core runs no Lua but by protected calls. */
int hcl_stream_put_data(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, NULL);
  hc_failure why = {HC_OK, ""};
  hc_slice data = hcl_check_string(L, 2);
  self->busy = true;
  hc_error code = put_all_stream_peer(self, data, &why);
  self->busy = false;
  return hcl_push_result(L, code, &why);
}

/* Pushes code, value (already on the top), message. */
static int push_with_value(lua_State *L, hc_error code, const hc_failure *why) {
  lua_pushinteger(L, (lua_Integer)code);
  lua_insert(L, -2);
  if (code == HC_OK) return 2;
  hcl_push_message(L, code, why);
  return 3;
}

/* As put_data, but the script keeps what was not taken: (Error, how much [, message]). */
int hcl_stream_put_partial_data(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, NULL);
  hc_failure why = {HC_OK, ""};
  hc_slice data = hcl_check_string(L, 2);
  size_t sent;
  self->busy = true;
  hc_error code = put_partial(self, data, &sent, &why);
  self->busy = false;
  hcl_push_integer(L, (int64_t)sent);
  return push_with_value(L, code, &why);
}

/* --- receiving */

/* Reads into `in` until it holds `wanted` bytes or the stream has no more at once. OK: there may be
 * more later. Room is made as bytes come and not for `wanted` at once: a script may ask for a
 * gigabyte of a peer that sends ten bytes. */
static hc_io gather_stream_peer(hcl_stream *self, hc_buffer *in, size_t wanted) {
  while (hc_buffer_size(in) < wanted) {
    size_t missing = wanted - hc_buffer_size(in), room, got;
    char *at;
    if (hc_buffer_reserve(in, missing < READ_ROOM ? missing : READ_ROOM, HCL_TEXT_LIMIT, &at,
                          &room) != HC_OK) {
      hc_failure_out_of_memory_for(&self->failure, "the bytes received");
      return HC_IO_ERROR;
    }
    hc_io io =
        hc_stream_peer_recv(self->peer, at, room < missing ? room : missing, &got, &self->failure);
    if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) return HC_IO_OK;
    if (io != HC_IO_OK) return io;
    hc_buffer_commit(in, got);
  }
  return HC_IO_OK;
}

/* What both reads check first. OK: the stream can be read. */
static hc_error prepare_read(hcl_stream *self, int64_t wanted, hc_failure *why) {
  if (wanted < 0)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "a negative number of bytes");
  if (self->ended) return hc_failure_set(why, HC_ERR_FILE_EOF, "the peer has ended the stream");
  hc_error code = check_usable(self, why);
  /* A stream that broke while the queue went out may still hold bytes that came before: the read
   * finds out. */
  if (code == HC_OK && !hcl_stream_flush(self)) hc_failure_clear(&self->failure);
  return code;
}

/* An end is no failure, and is not kept as one: bytes that were queued may still go out. */
static hc_error read_ending(hcl_stream *self, hc_io io, hc_failure *why) {
  if (io == HC_IO_EOF) return hc_failure_set(why, HC_ERR_FILE_EOF, "the peer has ended the stream");
  hc_failure_set(&self->failure, HC_ERR_CONNECTION_ERROR, "the connection broke");
  return broke(self, why);
}

/* Other readers of the stream must find what is not handed out. */
static hc_error give_back(hcl_stream *self, hc_buffer *in, hc_failure *why) {
  size_t size = hc_buffer_size(in);
  if (size > 0 &&
      hc_stream_peer_unread(self->peer, (hc_slice){hc_buffer_head(in), size}) != HC_OK) {
    hc_failure_out_of_memory_for(&self->failure, "the bytes received");
    return broke(self, why);
  }
  hc_buffer_free(in);
  return hc_failure_set(why, HC_ERR_BUSY, "fewer bytes than asked for have come so far");
}

/* All or nothing: ERR_BUSY while fewer are there, which stay; with the end or a failure the rest
 * comes along. */
static hc_error get_all(hcl_stream *self, int64_t wanted, hc_buffer *in, hc_failure *why) {
  hc_error code = prepare_read(self, wanted, why);
  if (code != HC_OK) return code;
  size_t size = (uint64_t)wanted > HCL_TEXT_LIMIT ? HCL_TEXT_LIMIT : (size_t)wanted;
  hc_io io = gather_stream_peer(self, in, size);
  if (hc_buffer_size(in) == size) return HC_OK;
  return io == HC_IO_OK ? give_back(self, in, why) : read_ending(self, io, why);
}

/* What is there. An end behind bytes is found again by the next call; a failure is kept for it. */
static hc_error get_partial(hcl_stream *self, int64_t wanted, hc_buffer *in, hc_failure *why) {
  hc_error code = prepare_read(self, wanted, why);
  if (code != HC_OK) return code;
  size_t size = (uint64_t)wanted > HCL_TEXT_LIMIT ? HCL_TEXT_LIMIT : (size_t)wanted;
  hc_io io = gather_stream_peer(self, in, size);
  return io == HC_IO_OK || hc_buffer_size(in) > 0 ? HC_OK : read_ending(self, io, why);
}

/* The buffer is made before the stream is marked as busy, since that can throw. It is handed on as
 * a string also where there is an error, with what came before it. */
static int get(lua_State *L, hc_error (*getter)(hcl_stream *, int64_t, hc_buffer *, hc_failure *)) {
  hcl_stream *self = hcl_check_stream(L, 1, NULL);
  int64_t wanted = hcl_check_integer(L, 2);
  hc_failure why = {HC_OK, ""};
  hc_buffer *in = hcl_buffer_new(L);
  self->busy = true;
  hc_error code = getter(self, wanted, in, &why);
  self->busy = false;
  hcl_buffer_push(L, in);
  return push_with_value(L, code, &why);
}

int hcl_stream_get_data(lua_State *L) { return get(L, get_all); }
int hcl_stream_get_partial_data(lua_State *L) { return get(L, get_partial); }

/* 0 also of a stream that is broken, whatever its socket holds. */
int hcl_stream_get_available_bytes(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, NULL);
  size_t available = 0;
  self->busy = true;
  if (hcl_stream_standing(self) == HCL_USABLE) available = hc_stream_peer_available(self->peer);
  self->busy = false;
  hcl_push_integer(L, (int64_t)available);
  return 1;
}

/* --- state */

/* The end in good order: as in the reference, poll closes. But not under somebody else who uses the
 * stream. */
static void note_end_stream_peer(hcl_stream *self) {
  if (self->peer->references > 1 || hc_buffer_size(&self->out) > 0) return;
  hc_stream_peer_close(self->peer);
  self->ended = true;
}

/* The look (peek) is what finds an end while a script only polls; it takes no bytes. */
static hc_error advance_stream_peer(hcl_stream *self, hc_failure *why) {
  if (hcl_stream_standing(self) == HCL_CLOSED) {
    return self->ended ? HC_OK
                       : hc_failure_set(why, HC_ERR_UNCONFIGURED, "the stream is not connected");
  }
  hc_io io = hc_stream_peer_advance(self->peer, &self->failure);
  if (io == HC_IO_OK) {
    bool alive = hcl_stream_flush(self);
    io = hc_stream_peer_peek(self->peer, &self->failure);
    if (io == HC_IO_EOF) note_end_stream_peer(self);
    if (!alive) io = HC_IO_ERROR;
  }
  if (io != HC_IO_ERROR) return HC_OK;
  hc_failure_set(&self->failure, HC_ERR_CONNECTION_ERROR, "the connection broke");
  return hc_failure_set(why, self->failure.code, "%s", self->failure.text);
}

/* Busy meanwhile: advancing may call the methods of a script's stream below. */
static hc_error get_on(hcl_stream *self, hc_failure *why) {
  self->busy = true;
  hc_error code = advance_stream_peer(self, why);
  self->busy = false;
  return code;
}

int hcl_stream_poll(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, NULL);
  hc_failure why = {HC_OK, ""};
  hc_error code = get_on(self, &why);
  return hcl_push_result(L, code, &why);
}

hcl_standing hcl_stream_look(hcl_stream *self) {
  hc_failure why = {HC_OK, ""};
  hcl_standing now = hcl_stream_standing(self);
  if (now == HCL_UNDER_WAY || (now == HCL_USABLE && self->peer->references == 1))
    (void)get_on(self, &why);
  return hcl_stream_standing(self);
}

/* Tries to empty the queue, outside of a method that is at work. Nobody is told of a failure here:
 * the next call that moves bytes meets it again. */
static void try_flush(hcl_stream *self) {
  if (hcl_stream_standing(self) != HCL_USABLE) return;
  self->busy = true;
  (void)hcl_stream_flush(self);
  self->busy = false;
}

/* `peer` is taken out of the object first: the release may call a script's method, and that may
 * come back to this object, which is a closed one then. */
int hcl_stream_gc(lua_State *L) {
  hcl_stream *self = hcl_to_stream(L, 1);
  /* Busy: by hand, or by a lua_close out of a callback. In a call that somebody else has made it
   * may be garbage, and whoever made the call has a reference of his own. */
  if (!self || !self->peer || self->busy) return 0;
  hc_stream_peer *lent = hcl_stream_lend(L, 1, HCL_HOLDER_SLOT, self->peer);
  if (!hc_stream_peer_is_in_call(self->peer)) try_flush(self);
  hcl_stream_reset(self);
  hc_stream_peer *peer = self->peer;
  self->peer = NULL;
  hc_stream_peer_release(peer);
  hcl_stream_take_back(L, lent);
  return 0;
}

/* __close: an error of it is one that the script sees, unlike one of __gc. */
int hcl_stream_go_out_of_scope(lua_State *L) {
  (void)hcl_check_stream(L, 1, NULL);
  return hcl_stream_gc(L);
}

/* disconnect_from_host, disconnect_from_stream. */
int hcl_stream_disconnect(lua_State *L) {
  hcl_stream *self = hcl_check_stream(L, 1, NULL);
  if (self->peer) {
    try_flush(self);
    self->busy = true;
    hc_stream_peer_close(self->peer);
    self->busy = false;
  }
  hcl_stream_reset(self);
  return 0;
}

/* --- the doors for the other files */

/* What it pushed is checked behind that: need_peer and the adapter allocate. */
hc_stream_peer *hcl_to_stream_peer(lua_State *L, int index) {
  hcl_stream *self = hcl_to_stream(L, index);
  hc_stream_peer *peer = NULL;
  if (self) {
    peer = hcl_stream_need_peer(L, index, self);
    lua_pushvalue(L, index);
  } else {
    peer = hcl_stream_adapter_of(L, index);
  }
  if ((self && self->busy) || hc_stream_peer_is_in_call(peer)) {
    luaL_error(L,
               "the StreamPeer is at work: one of its methods, or of those below it, is running");
  }
  return peer;
}

/* By the value that the first look has pushed: what holds the stream, whichever kind it is. */
hc_stream_peer *hcl_stream_peer_again(lua_State *L, int index) {
  hcl_stream *self = hcl_to_stream(L, index);
  return self ? self->peer : hcl_stream_adapter_again(L, index);
}

/* In a call of its own methods nobody may send, and an object of the script's has no queue. */
bool hcl_stream_peer_has_unsent(lua_State *L, int index) {
  hcl_stream *self = hcl_to_stream(L, index);
  if (!self || self->busy || hc_stream_peer_is_in_call(self->peer)) return false;
  try_flush(self);
  return hc_buffer_size(&self->out) > 0;
}

/* The one with a stream of its own stands for it again, so that two questions give one object, and
 * what put_data queued is not left in another. The weak table is asked first; an entry can be of a
 * stream that is gone, at the same address. */
void hcl_push_stream_peer(lua_State *L, hc_stream_peer *peer) {
  if (!peer) {
    lua_pushnil(L);
    return;
  }
  if (hcl_stream_adapter_push_object(L, peer)) return;
  if (!hc_stream_peer_is_tcp(peer) && !hc_stream_peer_is_tls(peer)) {
    lua_pushnil(L); /* a kind that only the host knows */
    return;
  }
  push_streams(L);
  lua_pushlightuserdata(L, peer);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  hcl_stream *self = hcl_to_stream(L, -1);
  if (self && self->peer == peer) return;
  lua_pop(L, 1);
  const char *class_name = hc_stream_peer_is_tcp(peer) ? HCL_STREAM_PEER_TCP : HCL_STREAM_PEER_TLS;
  self = (hcl_stream *)hcl_object_new(L, class_name, sizeof *self);
  self->peer = hc_stream_peer_retain(peer);
  hcl_stream_push_holder(L, peer);
  if (lua_isnil(L, -1)) lua_pop(L, 1);
  else hcl_anchor_put(L, -2, HCL_HOLDER_SLOT);
  remember(L, -1, peer);
}
