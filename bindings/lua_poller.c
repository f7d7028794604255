/* lua_poller.c - the class Poller. It keeps its clients alive: they are fields of its anchor, by
 * address.
 *
 * One wait for many clients; which of them have moved is for the core to say (poller/). A client
 * that its script has forgotten must stay as long as the Poller may name it, hence the fields. The
 * core names it by its address, and the field gives the object for that. */
#include "../core/poller.h"

#include "lua_client_object.h"

typedef struct hcl_poller {
  hc_poller *poller;
  hcl_runtime *runtime;
  bool busy;
  uint32_t rounds; /* how often wait has been called */
  bool is_shown; /* as of a client */
  hc_handle shown_fd;
} hcl_poller;

/* The object, closed or not. Raises when the call comes out of its own round. */
static hcl_poller *check_free_poller(lua_State *L) {
  hcl_poller *self = (hcl_poller *)hcl_check_object(L, 1, HCL_POLLER);
  if (self->busy) luaL_error(L, "the Poller is at work: a body function or stream may not use it");
  return self;
}

/* The core's poller comes with the first use and after a close. It may be a finalizer that uses it,
 * behind the object's own: see hcl_object_revive. */
static hcl_poller *check_poller(lua_State *L) {
  hcl_poller *self = check_free_poller(L);
  if (self->poller) return self;
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_poller_new(&self->poller, &why);
  if (code == HC_ERR_OUT_OF_MEMORY) hcl_raise_memory(L);
  if (code != HC_OK) luaL_error(L, "Poller: %s", why.text);
  hcl_object_revive(L, 1);
  return self;
}

/* The anchor is a table from the start, so that a member needs one table access and no question. */
static int poller_new(lua_State *L) {
  hcl_object_new(L, HCL_POLLER, sizeof(hcl_poller));
  lua_newtable(L);
  hcl_set_anchor(L, -2);
  lua_insert(L, 1);
  lua_settop(L, 1);
  check_poller(L);
  return 1;
}

/* The clients lose their seats here, and stay what they are. Their objects may be collected in the
 * same cycle, in whatever order: the core takes a client that is deleted out of its poller by
 * itself. */
static int poller_gc(lua_State *L) {
  hcl_poller *self = (hcl_poller *)hcl_check_object(L, 1, HCL_POLLER);
  if (self->busy) return 0; /* by hand, or by a lua_close out of a callback */
  hc_poller_delete(self->poller);
  self->poller = NULL;
  return 0;
}

/* __close */
static int poller_go_out_of_scope(lua_State *L) {
  (void)check_free_poller(L);
  return poller_gc(L);
}

/* Nothing is kept: used again, it is a new one. What allocates comes first, so that an error leaves
 * the Poller as it was. The new anchor is empty: the clients are no longer kept alive. */
static int poller_close(lua_State *L) {
  hcl_poller *self = check_free_poller(L);
  lua_newtable(L);
  if (self->is_shown) hcl_withdraw_descriptor(L, self->shown_fd);
  self->is_shown = false;
  hc_poller_delete(self->poller);
  self->poller = NULL;
  hcl_set_anchor(L, 1);
  return 0;
}

/* Argument 1 is the Poller. nil as the value takes the member out, which needs no memory. */
static void set_member(lua_State *L, hcl_client *client, int value) {
  hcl_get_anchor(L, 1);
  lua_pushlightuserdata(L, client);
  lua_pushvalue(L, value);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* By the anchor and not by the core, which knows addresses and keeps nobody alive. */
static bool is_member(lua_State *L, hcl_client *client) {
  hcl_get_anchor(L, 1);
  lua_pushlightuserdata(L, client);
  lua_rawget(L, -2);
  bool is = !lua_isnil(L, -1);
  lua_pop(L, 2);
  return is;
}

/* Room first. That can run a finalizer, which may close the Poller and with it forget the member,
 * so then once more. */
static void make_member(lua_State *L, hcl_client *client) {
  do set_member(L, client, 2);
  while (!is_member(L, client));
}

/* The client is made a member before the core knows of it: the other way round an error between the
 * two would leave a seat of a client that nobody keeps. hc_poller_add may ask a script's stream
 * what it waits for, hence busy. */
static int poller_add(lua_State *L) {
  (void)check_poller(L);
  hcl_client *client = hcl_check_free_client(L, 2);
  lua_settop(L, 2);
  hc_failure why = {HC_OK, ""};
  make_member(L, client);
  hcl_poller *self = check_poller(L);
  hc_client *core = hcl_client_need(L, client);
  self->runtime = client->runtime;
  self->busy = true;
  hc_error code = hc_poller_add(self->poller, core, client, &why);
  self->busy = false;
  if (code == HC_OK || code == HC_ERR_ALREADY_IN_USE) return hcl_push_result(L, code, &why);
  lua_pushnil(L);
  set_member(L, client, 3);
  return hcl_push_result(L, code, &why);
}

/* A client that is none of ours is told by the core's code, and nothing changes. */
static int poller_remove(lua_State *L) {
  hcl_poller *self = check_poller(L);
  hcl_client *client = hcl_check_free_client(L, 2);
  hc_error code = hc_poller_remove(self->poller, client->client);
  lua_settop(L, 2);
  lua_pushnil(L);
  if (code == HC_OK) set_member(L, client, 3);
  return hcl_push_result(L, code, NULL);
}

/* Those that were added and not removed, whatever state they are in. */
static int poller_count(lua_State *L) {
  hcl_push_integer(L, (int64_t)hc_poller_count(check_poller(L)->poller));
  return 1;
}

/* --- what an event loop asks: a Poller in it stands for all its clients */

/* By value: none of it points into the Poller, which a finalizer may close before the results are
 * pushed. */
static hc_interest interest_of_poller(lua_State *L) {
  hc_interest interest;
  hc_poller_interest(check_poller(L)->poller, &interest);
  return interest;
}

static int poller_get_fd(lua_State *L) { return hcl_interest_get_fd(L, interest_of_poller(L)); }
static int poller_getfd(lua_State *L) { return poller_get_fd(L); }
/* Which descriptor cqueues was shown is noted, as of a client: it has to be withdrawn before it is
 * closed. */
static int poller_pollfd(lua_State *L) {
  hc_interest interest = interest_of_poller(L);
  hcl_poller *self = check_poller(L);
  self->is_shown = interest.fd != HC_NO_HANDLE;
  self->shown_fd = interest.fd;
  return hcl_interest_pollfd(L, interest);
}
static int poller_events(lua_State *L) { return hcl_interest_events(L, interest_of_poller(L)); }
static int poller_timeout(lua_State *L) { return hcl_interest_timeout(L, interest_of_poller(L)); }
static int poller_dirty(lua_State *L) { return hcl_interest_dirty(L, interest_of_poller(L)); }

/* --- waiting: in parts, with the script's hooks in between */

#define PART_POLLER 0.5

/* Returns the clients that moved, as an array. The Poller is busy: a finalizer can not take it
 * away. Called by lua_pcall in wait_part: an error, which can only be about memory, must come by
 * where `busy` is taken back. */
static int push_moved(lua_State *L) {
  hcl_poller *self = (hcl_poller *)lua_touserdata(L, 1);
  int count = 0;
  lua_newtable(L);
  hcl_get_anchor(L, 1);
  int members = lua_gettop(L);
  void *tag;
  while ((tag = hc_poller_next(self->poller)) != NULL) {
    lua_pushlightuserdata(L, tag);
    lua_rawget(L, members);
    lua_rawseti(L, members - 1, ++count);
  }
  lua_settop(L, members - 1);
  return 1;
}

/* How long a wait of so many seconds has left. Negative stays: there is no limit. */
static double seconds_left(double seconds, uint64_t began) {
  if (seconds < 0) return seconds;
  double left = seconds - (double)(hc_clock_now() - began) / 1e9;
  return left > 0 ? left : 0;
}

/* Above the stack's top: push_moved, with its argument. HC_OK: its result in their place, or what
 * it raised. `current` is the coroutine that waits, for the functions of a script's that the
 * clients run meanwhile; it is put back, since a Poller can be waited for inside of such a function
 * of another client's. */
static hc_error wait_part(lua_State *L, double seconds, double most, int *status) {
  hcl_poller *self = check_poller(L); /* a finalizer or a hook may have closed it */
  lua_State *previous = self->runtime ? self->runtime->current : NULL;
  if (self->runtime) self->runtime->current = L;
  self->busy = true;
  self->rounds++;
  hc_error code = most >= 0 ? hc_poller_wait_within(self->poller, most)
                            : hc_poller_wait_part(self->poller, seconds, PART_POLLER);
  *status = code == HC_OK ? lua_pcall(L, 1, 1, 0) : 0;
  self->busy = false;
  if (self->runtime) self->runtime->current = previous;
  return code;
}

/* most: see hc_poller_wait_within; negative: no limit. In parts, because the kernel would not let
 * Ctrl-C through: the interpreter's handler only sets a hook, which runs when Lua does. What was
 * pushed for the pcall waits at the top through all of them. */
static int wait_for_clients(lua_State *L, double most) {
  (void)check_poller(L);
  double seconds = lua_isnoneornil(L, 2) ? -1 : hcl_check_number(L, 2);
  if (seconds < 0 && !lua_isnoneornil(L, 2))
    hcl_argument_error(L, 2, "0 or more seconds are needed");
  lua_pushcfunction(L, push_moved);
  lua_pushvalue(L, 1);
  uint64_t began = seconds > PART_POLLER ? hc_clock_now() : 0;
  int status = 0;
  hc_error code = wait_part(L, seconds, most, &status);
  while (code == HC_ERR_TIMEOUT) {
    hcl_run_hooks(L);
    code = wait_part(L, seconds_left(seconds, began), most, &status);
  }
  if (code != HC_OK) return luaL_error(L, "Poller: %s", hc_error_string((int)code));
  return status != 0 ? lua_error(L) : 1;
}

/* poller:wait([seconds]) -> an array of the clients that something has happened to; empty when the
 * time is over. */
static int poller_wait(lua_State *L) { return wait_for_clients(L, -1); }

/* The number tells a task whether somebody else has waited since it last looked. */
int hcl_poller_round(lua_State *L) {
  double most = lua_isnoneornil(L, 3) ? -1 : hcl_check_number(L, 3);
  lua_settop(L, 2);
  wait_for_clients(L, most);
  hcl_push_integer(L, ((hcl_poller *)lua_touserdata(L, 1))->rounds);
  return 2;
}

/* For an event loop: see hc_poller_wake. */
int hcl_wake_poller(lua_State *L) {
  hc_poller_wake(check_poller(L)->poller);
  return 0;
}

static const luaL_Reg functions_poller[] = {{"new", poller_new}, {NULL, NULL}};

static const luaL_Reg methods_poller[] = {
    {"add", poller_add},       {"remove", poller_remove}, {"count", poller_count},
    {"wait", poller_wait},     {"get_fd", poller_get_fd}, {"getfd", poller_getfd},
    {"pollfd", poller_pollfd}, {"events", poller_events}, {"timeout", poller_timeout},
    {"dirty", poller_dirty},   {"close", poller_close},   {NULL, NULL},
};

static const luaL_Reg meta_poller[] = {
    {"__gc", poller_gc}, {"__close", poller_go_out_of_scope}, {NULL, NULL}};

void hcl_poller_register(lua_State *L) {
  static const hcl_class class = {
      HCL_POLLER, "Poller.", "poller:", functions_poller, methods_poller, meta_poller};
  hcl_class_new(L, &class);
}
