/* lua_signal.c - the class Signal, for the Lua half: what a coroutine of a foreign loop waits
 * for when no socket of its own tells it that its turn has come. To that loop it looks like a
 * client.
 *
 * Such a loop knows descriptors and times, and nothing of coroutines that wait for each other. So a
 * signal has a descriptor that becomes readable when it is raised; where there is none left to be
 * had, the loop is told to look again soon, and nothing but time is lost. */
#include "../core/platform/clock.h"
#include "../core/platform/wait.h"
#include "lua_client_object.h"

/* Raised once it stays raised: a new one is made for the next time. */
typedef struct signal_object {
  hc_signal signal; /* zeroed where no descriptor was to be had */
  bool is_raised;
  bool is_shown; /* as of a client */
  hc_handle shown_fd;
} signal_object;

static signal_object *check_signal(lua_State *L) {
  return (signal_object *)hcl_check_object(L, 1, HCL_SIGNAL);
}

/* The descriptor is made at once, since a loop may ask for it at any time, and making it can fail
 * only here. */
static int signal_new(lua_State *L) {
  signal_object *self = (signal_object *)hcl_object_new(L, HCL_SIGNAL, sizeof *self);
  /* without it the loop comes back after a moment: see interest_of */
  (void)hc_signal_open(&self->signal);
  return 1;
}

/* The flag counts. The descriptor is there to wake whoever sleeps on it. */
static int signal_raise(lua_State *L) {
  signal_object *self = check_signal(L);
  self->is_raised = true;
  hc_signal_raise(&self->signal);
  return 0;
}

/* cqueues, which may remember the descriptor, may be half taken down by now and is not told. */
static int signal_gc(lua_State *L) {
  hc_signal_close(&check_signal(L)->signal);
  return 0;
}

/* By hand, unlike __gc: cqueues, which may remember the descriptor, is still there to be told. */
static int signal_close(lua_State *L) {
  signal_object *self = check_signal(L);
  if (self->is_shown) hcl_withdraw_descriptor(L, self->shown_fd);
  self->is_shown = false;
  hc_signal_close(&self->signal);
  return 0;
}

#define LOOK_AGAIN_NS 10000000u /* where nothing can be watched */

/* A closed one without a descriptor looks like one for which none was to be had: it is asked
 * again. */
static hc_interest interest_of_signal(lua_State *L) {
  signal_object *self = check_signal(L);
  hc_interest interest = {.ready = self->is_raised, .deadline = HC_NEVER};
  interest.fd = hc_signal_handle(&self->signal);
  if (interest.fd != HC_NO_HANDLE) interest.events = HC_EVENT_READ;
  else interest.deadline = hc_clock_now() + LOOK_AGAIN_NS;
  return interest;
}

static int signal_get_fd(lua_State *L) { return hcl_interest_get_fd(L, interest_of_signal(L)); }
static int signal_getfd(lua_State *L) { return signal_get_fd(L); }
/* As of a client. */
static int signal_pollfd(lua_State *L) {
  hc_interest interest = interest_of_signal(L);
  signal_object *self = check_signal(L);
  self->is_shown = interest.fd != HC_NO_HANDLE;
  self->shown_fd = interest.fd;
  return hcl_interest_pollfd(L, interest);
}
static int signal_events(lua_State *L) { return hcl_interest_events(L, interest_of_signal(L)); }
static int signal_timeout(lua_State *L) { return hcl_interest_timeout(L, interest_of_signal(L)); }
static int signal_dirty(lua_State *L) { return hcl_interest_dirty(L, interest_of_signal(L)); }

/* Whether anything came shows by the flag, not by the wait's result. */
static hc_error wait_for_signal(lua_State *L, double seconds) {
  hc_interest interest = interest_of_signal(L);
  hc_wait_entry entry = {.fd = interest.fd, .events = interest.events};
  uint64_t now = hc_clock_now(), deadline = seconds > 0 ? hc_clock_deadline(now, seconds) : now;
  size_t count = 0;
  if (interest.ready) return HC_OK;
  return hc_wait(&entry, 1, hc_clock_earlier(deadline, interest.deadline), &count);
}

/* As a client's, for a waiter that does not yield: nobody but a hook raises it meanwhile. */
static int signal_wait(lua_State *L) {
  (void)check_signal(L);
  hcl_wait wait = hcl_wait_begin(hcl_opt_seconds(L, 2));
  hc_error code = wait_for_signal(L, wait.part);
  while (code == HC_OK && !check_signal(L)->is_raised && hcl_wait_goes_on(L, &wait))
    code = wait_for_signal(L, wait.part);
  lua_pushinteger(L, (lua_Integer)code);
  lua_pushboolean(L, check_signal(L)->is_raised);
  return 2;
}

/* There is nothing to move. */
static int signal_poll(lua_State *L) {
  (void)check_signal(L);
  return 0;
}

static const luaL_Reg functions_signal[] = {{"new", signal_new}, {NULL, NULL}};

static const luaL_Reg methods_signal[] = {
    {"raise", signal_raise},
    {"close", signal_close},
    {"get_fd", signal_get_fd},
    {"getfd", signal_getfd},
    {"pollfd", signal_pollfd},
    {"events", signal_events},
    {"timeout", signal_timeout},
    {"dirty", signal_dirty},
    {"poll", signal_poll},
    {"wait", signal_wait},
    {NULL, NULL},
};

static const luaL_Reg meta_signal[] = {{"__gc", signal_gc}, {NULL, NULL}};

void hcl_signal_register(lua_State *L) {
  static const hcl_class class = {
      HCL_SIGNAL, "Signal.", "signal:", functions_signal, methods_signal, meta_signal};
  hcl_class_new(L, &class);
}
