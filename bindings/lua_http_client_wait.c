/* lua_http_client_wait.c - HTTPClient: waiting, and what event loops ask.
 *
 * A script waits in one of two ways. wait and wait_any sleep here, in the core. Or a loop of
 * somebody else's sleeps, and asks what for: luv and select by get_fd, cqueues by pollfd, events
 * and timeout, LuaSocket by getfd and dirty. The answers are one hc_interest, put in the words of
 * each; Pollers and Signals give theirs by the same functions.
 *
 * Whether something has happened is for the core to say. This file knows no protocol and no
 * status. */
#include <limits.h>

#include "lua_client_object.h"

/* -1 stands for "no limit" inside alone: a script that gives one has made a mistake. */
double hcl_opt_seconds(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) return -1;
  double seconds = hcl_check_number(L, arg);
  if (seconds < 0) hcl_argument_error(L, arg, "0 or more seconds are needed");
  return seconds;
}

/* --- in parts */

/* A long sleep would keep Ctrl-C, a debugger and other hooks waiting: Lua calls them between its
 * own instructions, and while C sleeps there are none. */
#define PART_WAIT 0.5

/* A short wait is one part, and needs no look at the clock. */
hcl_wait hcl_wait_begin(double seconds) {
  if (seconds >= 0 && seconds <= PART_WAIT) return (hcl_wait){0, seconds};
  return (hcl_wait){seconds < 0 ? HC_NEVER : hc_clock_deadline(hc_clock_now(), seconds), PART_WAIT};
}

/* The hooks can take any time, so the clock is read again behind them. */
bool hcl_wait_goes_on(lua_State *L, hcl_wait *wait) {
  if (wait->end == 0 || hc_clock_now() >= wait->end) return false;
  hcl_run_hooks(L);
  uint64_t now = hc_clock_now();
  if (wait->end == HC_NEVER) return true;
  double left = now < wait->end ? (double)(wait->end - now) / 1e9 : 0;
  if (left < wait->part) wait->part = left;
  return true;
}

static hc_error wait_once(lua_State *L, hcl_client *self, double seconds, bool *ready) {
  lua_State *previous = hcl_client_enter(L, self);
  hc_error code = hc_client_wait(self->client, seconds, ready);
  hcl_client_leave(self, previous);
  return code;
}

/* (Error, boolean [, message]). The client may have been closed, or be at work, after the hooks: it
 * is looked up before each part. */
static int client_wait(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hcl_wait wait = hcl_wait_begin(hcl_opt_seconds(L, 2));
  bool ready = false;
  hc_error code = wait_once(L, self, wait.part, &ready);
  while (code == HC_OK && !ready && hcl_wait_goes_on(L, &wait)) {
    self = hcl_check_free_client(L, 1);
    code = wait_once(L, self, wait.part, &ready);
  }
  if (hc_client_is_unfinished(self->client)) code = hcl_client_go_on_polling(L, 1, code);
  lua_pushinteger(L, (lua_Integer)code);
  lua_pushboolean(L, ready);
  if (code == HC_OK) return 2;
  hcl_push_message(L, code, hc_client_last_error(self->client));
  return 3;
}

/* By value, as of the moment: a loop has to ask again after each call that moves the client. */
static hc_interest interest_of_wait(lua_State *L) {
  hc_interest interest;
  hc_client_interest(hcl_check_client(L, 1)->client, &interest);
  return interest;
}

/* For luv and select: -1 where there is nothing to watch. */
int hcl_interest_get_fd(lua_State *L, hc_interest interest) {
  hcl_push_handle(L, interest.fd);
  return 1;
}

/* For cqueues: nil where there is nothing to watch. */
int hcl_interest_pollfd(lua_State *L, hc_interest interest) {
  if (interest.fd == HC_NO_HANDLE) lua_pushnil(L);
  else hcl_push_handle(L, interest.fd);
  return 1;
}

/* In cqueues' letters, which luv's users know as well. */
int hcl_interest_events(lua_State *L, hc_interest interest) {
  static const char *const names[] = {NULL, "r", "w", "rw"};
  const char *name = interest.fd == HC_NO_HANDLE ? NULL : names[interest.events & 3u];
  lua_pushstring(L, name); /* nil for NULL */
  return 1;
}

/* Seconds until the object must be called; 0 when it can do something now, nil when only an event
 * counts. */
int hcl_interest_timeout(lua_State *L, hc_interest interest) {
  if (!interest.ready && interest.deadline == HC_NEVER) {
    lua_pushnil(L);
    return 1;
  }
  uint64_t now = hc_clock_now();
  double seconds =
      interest.ready || interest.deadline <= now ? 0 : (double)(interest.deadline - now) / 1e9;
  lua_pushnumber(L, seconds);
  return 1;
}

/* For LuaSocket's select: what needs no event is ready at once. */
int hcl_interest_dirty(lua_State *L, hc_interest interest) {
  lua_pushboolean(L, interest.ready);
  return 1;
}

static int client_get_fd(lua_State *L) { return hcl_interest_get_fd(L, interest_of_wait(L)); }
static int client_getfd(lua_State *L) { return client_get_fd(L); }
/* cqueues keeps what it learns of a descriptor, so this notes which one it was shown, for
 * hcl_client_withdraw. */
static int client_pollfd(lua_State *L) {
  hcl_client *self = hcl_check_client(L, 1);
  hc_interest interest = interest_of_wait(L);
  self->is_shown = interest.fd != HC_NO_HANDLE;
  self->shown_fd = interest.fd;
  return hcl_interest_pollfd(L, interest);
}

static int client_events(lua_State *L) { return hcl_interest_events(L, interest_of_wait(L)); }
static int client_dirty(lua_State *L) { return hcl_interest_dirty(L, interest_of_wait(L)); }

/* A loop can't watch what has no descriptor: it is told to look again soon, as our own waits do. */
static int client_timeout(lua_State *L) {
  hc_interest interest = interest_of_wait(L);
  if (interest.fd == HC_NO_HANDLE && !interest.ready && interest.deadline == HC_NEVER)
    interest.deadline = hc_clock_now() + 2000000;
  return hcl_interest_timeout(L, interest);
}

/* A list of our own keeps the clients alive: a body function may empty the caller's. Pushes it. */
static void keep_clients(lua_State *L, hcl_client **objects, size_t count) {
  lua_createtable(L, (int)(count < INT_MAX ? count : 0), 0);
  int kept = lua_gettop(L);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (int)(i + 1));
    if (!luaL_testudata(L, -1, HCL_HTTP_CLIENT))
      hcl_argument_error(L, 1, lua_pushfstring(L, "element %d is no HTTPClient", (int)(i + 1)));
    objects[i] = hcl_check_free_client(L, -1);
    if (objects[i]->is_shown) hcl_client_withdraw(L, objects[i]);
    lua_rawseti(L, kept, (int)(i + 1));
  }
}

typedef struct wait_any_call {
  hcl_client **objects;
  hc_client **clients;
  bool *ready;
  size_t count;
} wait_any_call;

/* Each client is marked at work by the core. Here only the thread is noted, to which body functions
 * and streams call back; one state has one runtime, so that of the first client is everybody's. */
static hc_error wait_any_once(lua_State *L, const wait_any_call *w, double seconds) {
  /* Only now, when no finalizer can come in between. (A new client in place of one that is gone:
   * that throws at most.) */
  for (size_t i = 0; i < w->count; i++) w->clients[i] = hcl_client_need(L, w->objects[i]);
  hcl_runtime *runtime = w->count ? w->objects[0]->runtime : NULL;
  lua_State *previous = runtime ? runtime->current : NULL;
  if (runtime) runtime->current = L;
  hc_error code = hc_client_wait_any(w->clients, w->count, seconds, w->ready);
  if (runtime) runtime->current = previous;
  return code;
}

static bool is_one_ready(const wait_any_call *w) {
  for (size_t i = 0; i < w->count; i++)
    if (w->ready[i]) return true;
  return false;
}

/* Behind a nil in its midst a client would be waited for by nobody. */
static void check_no_gap(lua_State *L, int clients, size_t count) {
  for (lua_pushnil(L); lua_next(L, clients); lua_pop(L, 1)) {
    int64_t key;
    if (lua_type(L, -2) == LUA_TNUMBER &&
        (!hcl_to_integer(L, -2, &key) || key < 1 || (uint64_t)key > count))
      hcl_argument_error(L, clients, "an array without gaps is needed");
  }
}

/* HTTPClient.wait_any(clients [, seconds]) -> those that something has happened to, in the caller's
 * order. The arrays are userdata: a hook that raises leaves nothing behind. */
static int client_wait_any(lua_State *L) {
  if (!lua_istable(L, 1)) return hcl_type_error(L, 1, "table");
  double seconds = hcl_opt_seconds(L, 2);
  size_t count = lua_rawlen(L, 1);
  check_no_gap(L, 1, count);
  /* A wait that nothing could end is none, as of a Poller without clients. */
  hcl_wait wait = hcl_wait_begin(count == 0 && seconds < 0 ? 0 : seconds);
  hc_client **clients = (hc_client **)lua_newuserdata(L, (count + 1) * sizeof *clients);
  bool *ready = (bool *)lua_newuserdata(L, (count + 1) * sizeof *ready);
  hcl_client **objects = (hcl_client **)lua_newuserdata(L, (count + 1) * sizeof *objects);
  keep_clients(L, objects, count);
  int kept = lua_gettop(L);
  const wait_any_call call = {objects, clients, ready, count};
  hc_error code;
  do code = wait_any_once(L, &call, wait.part);
  while (code == HC_OK && !is_one_ready(&call) && hcl_wait_goes_on(L, &wait));
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  lua_newtable(L);
  int listed = 0;
  for (size_t i = 0; i < count; i++) {
    if (!ready[i]) continue;
    lua_rawgeti(L, kept, (int)(i + 1));
    /* one in blocking mode may have come back at the end of a slice, and goes on now */
    (void)hcl_client_go_on_polling(L, -1, HC_OK);
    lua_rawseti(L, -2, ++listed);
  }
  return 1;
}

const luaL_Reg hcl_client_wait_functions[] = {{"wait_any", client_wait_any}, {NULL, NULL}};

const luaL_Reg hcl_client_wait_methods[] = {
    {"wait", client_wait},     {"get_fd", client_get_fd},
    {"getfd", client_getfd},   {"pollfd", client_pollfd},
    {"events", client_events}, {"timeout", client_timeout},
    {"dirty", client_dirty},   {NULL, NULL},
};
