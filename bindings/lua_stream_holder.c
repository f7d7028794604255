/* lua_stream_holder.c - who keeps the object of a script's own stream alive, and how it is found.
 *
 * The stream does not keep it, or one that knows its own client would never be collected. A holder
 * does, a userdata with the object in its anchor, and whoever uses the stream keeps the holder in
 * an anchor of his own. It holds a reference to the stream as well, until somebody else has taken
 * one. */
#include "../core/base/memory.h"
#include "lua_stream_adapter.h"

#define ADAPTER "httpclient.StreamAdapter"
#define ADAPTERS "httpclient.adapters"  /* holder by the script's object */
#define HOLDERS "httpclient.holders"    /* holder by adapter */
#define OBJECT_SLOT 1                   /* of a holder: the script's object */
#define CALLS_THREAD "httpclient.calls"

typedef struct holder {
  hc_stream_peer *peer;
  const hcl_adapter *adapter; /* the same, also when `peer` is let go */
} holder;

static int holder_gc(lua_State *L) {
  holder *self = (holder *)luaL_testudata(L, 1, ADAPTER);
  if (!self) return 0;
  hc_stream_peer *peer = self->peer;
  self->peer = NULL;
  hc_stream_peer_release(peer);
  return 0;
}

/* --- finding it */

/* Pushes the holder; nil when the collector has taken it. lua_pushlightuserdata takes no pointer to
 * a constant on 5.1, and a cast would be warned of. */
static void push_holder(lua_State *L, const hcl_adapter *self) {
  union {
    const void *constant;
    void *pointer;
  } address = {self};
  hcl_push_weak_table(L, HOLDERS, "v");
  lua_pushlightuserdata(L, address.pointer);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/* While a finalizer lends it, it is in the registry. */
void hcl_adapter_push_object(lua_State *L, const hcl_adapter *self) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, self->lent);
  if (lua_toboolean(L, -1)) return;
  lua_pop(L, 1);
  push_holder(L, self);
  if (lua_isnil(L, -1)) return;
  hcl_anchor_get(L, -1, OBJECT_SLOT);
  lua_remove(L, -2);
}

/* --- making one */

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
  hcl_adapter *self = (hcl_adapter *)hc_memory_allocate_zeroed(1, sizeof *self);
  if (!self) {
    hcl_raise_memory(L);
    return NULL;
  }
  hc_stream_peer_init(&self->base, &hcl_adapter_ops);
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
  if (held && held->peer && !hcl_adapter_of(held->peer)->closed) {
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

/* --- for those who use the stream */

/* The adapter at the bottom of `peer`; NULL when there is none. */
static hcl_adapter *bottom_of(hc_stream_peer *peer) {
  peer = hc_stream_peer_bottom(peer);
  return peer && peer->ops == &hcl_adapter_ops ? hcl_adapter_of(peer) : NULL;
}

bool hcl_stream_adapter_push_object(lua_State *L, hc_stream_peer *peer) {
  if (peer->ops != &hcl_adapter_ops) return false;
  hcl_adapter_push_object(L, hcl_adapter_of(peer));
  return true;
}

void hcl_stream_push_holder(lua_State *L, hc_stream_peer *peer) {
  const hcl_adapter *self = bottom_of(peer);
  if (self) push_holder(L, self);
  else lua_pushnil(L);
}

/* Nothing here allocates: the reference exists. */
hc_stream_peer *hcl_stream_lend(lua_State *L, int owner, int slot, hc_stream_peer *peer) {
  hcl_adapter *self = bottom_of(peer);
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
  lua_rawseti(L, LUA_REGISTRYINDEX, hcl_adapter_of(lent)->lent);
  hc_stream_peer_release(lent);
}
