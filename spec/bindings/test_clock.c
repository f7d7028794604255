/* test_clock.c - what takes half a minute of idleness, by a clock that is put forward: the system's
 * monotonic one has this program's function before it. Runs where the sources are; see
 * clock.lua. */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/check.h"

#ifndef RTLD_NEXT
/* glibc declares it with _GNU_SOURCE only */
#define RTLD_NEXT ((void *)-1L)
#endif

int luaopen_httpclient_core(lua_State *L);
int luaopen_spec_native(lua_State *L);

static _Atomic long skipped;

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*_Atomic real)(clockid_t, struct timespec *);
  if (!real) {
    void *found = dlsym(RTLD_NEXT, "clock_gettime");
    int (*function)(clockid_t, struct timespec *);
    if (!found) abort();
    memcpy(&function, &found, sizeof function);
    real = function;
  }
  int result = real(clock, now);
  if (result == 0 && clock == CLOCK_MONOTONIC) now->tv_sec += skipped;
  return result;
}

static int put_forward(lua_State *L) {
  skipped += (long)luaL_checknumber(L, 1);
  return 0;
}

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}

/* The specs' files, and the Lua half. */
static void set_path(lua_State *L) {
  lua_getglobal(L, "package");
  lua_pushliteral(L, "lua/?.lua;lua/?/init.lua;?.lua");
  lua_setfield(L, -2, "path");
  lua_pop(L, 1);
}

static bool has_http2(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushstring(L, "httpclient.core");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "features");
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "http2");
  bool has = lua_toboolean(L, -1);
  lua_pop(L, 3);
  return has;
}

int main(void) {
  static const char *const cases[] = {"asks_whether_the_server_lives",
                                      "goes_elsewhere_when_nobody_answers",
                                      "takes_a_function_elsewhere_that_was_not_asked",
                                      "takes_those_that_wait_with_it",
                                      "asks_nothing_before_what_can_be_sent_again",
                                      "asks_nothing_where_the_server_was_heard_a_moment_ago"};
  lua_State *L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  set_path(L);
  preload(L, "httpclient.core", luaopen_httpclient_core);
  preload(L, "spec_native", luaopen_spec_native);
  if (has_http2(L)) {
    if (luaL_loadfile(L, "spec/bindings/clock.lua") != 0) abort();
    lua_pushcfunction(L, put_forward);
    if (lua_pcall(L, 1, 1, 0) != 0) {
      fprintf(stderr, "%s\n", lua_tostring(L, -1));
      abort();
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      lua_getfield(L, -1, cases[i]);
      bool is_good = lua_pcall(L, 0, 0, 0) == 0;
      if (!is_good) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        lua_pop(L, 1);
      }
      CHECK_CASE(cases[i], is_good);
    }
  }
  lua_close(L);
  return check_report();
}
