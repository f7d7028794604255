/* lua_client_object.c - the userdata of an HTTPClient: what all files of the class stand on.
 *
 * Each method begins here: an argument becomes an object that may be read (hcl_check_client) or
 * changed (hcl_check_free_client), and the core's client behind it. What the core still uses while
 * Lua runs, such as a request's body, is kept alive by the anchor, a table of slots that belongs to
 * the userdata.
 *
 * Almost everything in Lua that allocates can run a finalizer, and a finalizer can use any object
 * that it reaches. So an object may have been closed, or have lost its client, between two lines of
 * C here. What guards against that is said at each function.
 *
 * It knows Lua and the client's C API, and none of the methods. */
#include "../core/platform/file_release.h"
#include "lua_client_object.h"

#define CLIENTS "httpclient.clients"
#define RUNTIME "httpclient.runtime"

/* --- the object */

/* One for each state, in the registry, which keeps it as long as any client can live. */
static hcl_runtime *runtime_of(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, RUNTIME);
  hcl_runtime *runtime = (hcl_runtime *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (runtime) return runtime;
  runtime = (hcl_runtime *)lua_newuserdata(L, sizeof *runtime);
  runtime->current = runtime->calls = NULL;
  lua_setfield(L, LUA_REGISTRYINDEX, RUNTIME);
  return runtime;
}

/* Object by address; weak, so that it keeps nothing alive. */
static void push_clients(lua_State *L) { hcl_push_weak_table(L, CLIENTS, "v"); }

/* The core calls back with the pointer alone: this finds the userdata that it belongs to. */
void hcl_client_push_self(lua_State *L, hcl_client *self) {
  push_clients(L);
  lua_pushlightuserdata(L, self);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/* In slices: a call that blocks has to let signals and debug hooks run now and then, else Ctrl-C
 * would wait for the server. */
hc_client *hcl_client_need(lua_State *L, hcl_client *self) {
  if (self->client) return self->client;
  self->client = hc_client_new();
  if (!self->client) hcl_raise_memory(L);
  hc_client_get_settings(self->client)->in_slices = true;
  return self->client;
}

/* What no other userdata can hold: the collector takes it out before the memory can become another
 * object's. */
static uintptr_t mark_of(const hcl_client *self) {
  static const char secret = 0;
  return (uintptr_t)self ^ (uintptr_t)&secret;
}

/* The object is whole and known to the collector before it gets what has to be freed: if memory
 * runs out in between, its finalizer finds no client, and nothing is lost. */
hcl_client *hcl_client_push_new(lua_State *L) {
  hcl_runtime *runtime = runtime_of(L);
  hcl_client *self = (hcl_client *)hcl_object_new(L, HCL_HTTP_CLIENT, sizeof *self);
  self->runtime = runtime;
  push_clients(L);
  lua_pushlightuserdata(L, self);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  (void)hcl_client_need(L, self);
  self->mark = mark_of(self);
  return self;
}

/* The mark saves the look into the registry for the metatable: without it a small GET takes 16%
 * more instructions. The size is that of full userdata alone: a light one has none. */
static inline hcl_client *find_client(lua_State *L, int arg) {
  hcl_client *self = (hcl_client *)lua_touserdata(L, arg);
  if (self && lua_rawlen(L, arg) == sizeof *self && self->mark == mark_of(self)) return self;
  return (hcl_client *)hcl_check_object(L, arg, HCL_HTTP_CLIENT);
}

/* Somebody's finalizer may use a client after the client's own has run. It gets a new one then, and
 * a finalizer for it once more, or nobody would free that. */
static inline hcl_client *find_live_client(lua_State *L, int arg) {
  hcl_client *self = find_client(L, arg);
  if (self->client) return self;
  (void)hcl_client_need(L, self);
  hcl_object_revive(L, arg);
  return self;
}

/* In a Poller's round it is the core alone that knows. Of all streams only a script's own calls
 * back. */
static inline bool is_at_work(const hcl_client *self) {
  if (self->busy || hc_client_is_at_work(self->client)) return true;
  bool has_own = (self->anchored & 1u << HCL_CLIENT_HOLDER) != 0;
  return has_own && hc_stream_peer_is_in_call(hc_client_get_stream(self->client));
}

/* Every method begins with one of these three, so they don't call each other: that spares a small
 * GET 1% of its instructions. */
hcl_client *hcl_client_as_it_is(lua_State *L, int arg) { return find_client(L, arg); }

hcl_client *hcl_check_client(lua_State *L, int arg) { return find_live_client(L, arg); }

/* It raises and does not wait: whoever asks is inside of the call that would have to end first. */
hcl_client *hcl_check_free_client(lua_State *L, int arg) {
  hcl_client *self = find_live_client(L, arg);
  if (is_at_work(self))
    luaL_error(L, "the HTTPClient is at work: its body function or stream may not use it");
  return self;
}

/* Where the client is at work already, nothing can close it, and busy must stay as it is. */
int hcl_client_guarded(lua_State *L, lua_CFunction function) {
  hcl_client *self = hcl_check_client(L, 1);
  return is_at_work(self) ? function(L) : hcl_call_busy(L, &self->busy, function);
}

/* Released and not closed here: a large file that has no name any more takes its time to go
 * (core/platform/file_release.h). */
void hcl_client_close_sink(hcl_client *self) {
  if (self->sink_is_open) hc_file_release(self->sink);
  self->sink_is_open = false;
}

/* nil clears the bit. The bits say what may be there, so that the usual exchange, which anchors
 * nothing, never looks. */
void hcl_client_anchor_put(lua_State *L, hcl_client *self, int object, int slot) {
  bool is_set = !lua_isnil(L, -1);
  uint16_t bit = (uint16_t)(1u << slot);
  hcl_anchor_put(L, object, slot);
  if (is_set) {
    self->anchored |= bit;
  } else { /* the next table's growth may take the slot away */
    self->anchored &= (uint16_t)~bit;
    self->reserved &= (uint16_t)~bit;
  }
}

void hcl_client_anchor_reserve(lua_State *L, hcl_client *self, int object, int slot) {
  if (self->reserved & 1u << slot) return;
  hcl_anchor_reserve(L, object, slot);
  self->reserved |= (uint16_t)(1u << slot);
}

void hcl_client_anchor_get(lua_State *L, hcl_client *self, int object, int slot) {
  if (self->anchored & 1u << slot) hcl_anchor_get(L, object, slot);
  else lua_pushnil(L);
}

void hcl_client_drop_anchor(lua_State *L, hcl_client *self, int slot) {
  if (!(self->anchored & 1u << slot)) return;
  lua_pushboolean(L, 0); /* the slot stays, so that filling it again can not fail */
  hcl_anchor_put(L, 1, slot);
  self->anchored &= (uint16_t)~(1u << slot);
}

/* From HCL_CLIENT_BODY to HCL_CLIENT_PATH: what belongs to one connection. The function
 * allow_address is the client's and stays. */
void hcl_client_drop_anchors(lua_State *L, hcl_client *self) {
  for (int slot = HCL_CLIENT_BODY; slot <= HCL_CLIENT_PATH; slot++)
    hcl_client_drop_anchor(L, self, slot);
}

/* --- cqueues */

/* Runs protected: the script may have put anything in cqueues' place. */
static int cancel_in_cqueues(lua_State *L) {
  const hc_handle *fd = (const hc_handle *)lua_touserdata(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  if (!lua_istable(L, -1)) return 0;
  lua_getfield(L, -1, "cqueues");
  if (!lua_istable(L, -1)) return 0;
  lua_getfield(L, -1, "cancel");
  if (!lua_isfunction(L, -1)) return 0;
  hcl_push_handle(L, *fd);
  lua_call(L, 1, 0);
  return 0;
}

/* Whatever goes wrong in there is nobody's business here: the descriptor is about to be closed in
 * any case. */
void hcl_withdraw_descriptor(lua_State *L, hc_handle fd) {
  if (hcl_call_protected(L, cancel_in_cqueues, &fd) > 0) lua_pop(L, 1);
}

void hcl_client_withdraw(lua_State *L, hcl_client *self) {
  self->is_shown = false;
  hcl_withdraw_descriptor(L, self->shown_fd);
}

/* --- calls that come back unfinished */

/* No Lua error can come out of the core: what it calls back runs protected. */
hc_error hcl_client_poll_once(lua_State *L, hcl_client *self) {
  lua_State *previous = hcl_client_enter(L, self);
  hc_error code = hc_client_poll(self->client);
  hcl_client_leave(self, previous);
  return code;
}

/* The hooks run a script's code, which may have closed the client or be using it now: so it is
 * looked up anew, and refused where it is at work. */
hc_error hcl_client_go_on_polling(lua_State *L, int object, hc_error code) {
  hcl_client *self = hcl_check_client(L, object);
  while (hc_client_is_unfinished(self->client)) {
    hcl_run_hooks(L);
    self = hcl_check_free_client(L, object);
    code = hcl_client_poll_once(L, self);
  }
  return code;
}
