/* test_threads.c - Lua states in several threads use the module at the same time; what they share
 * (the resolver's workers, OpenSSL, the process) must not show. Runs where the sources are; see
 * threads.lua. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>

#include "../core/check.h"

#define THREADS 4
#define ROUNDS 3

#define TEXT_SIZE 512

typedef struct worker {
  pthread_t thread;
  int number;
  char failure[TEXT_SIZE]; /* "" none */
} worker;

int luaopen_httpclient_core(lua_State *L);
int luaopen_spec_native(lua_State *L);

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}

static void run_state(worker *w, lua_State *L) {
  luaL_openlibs(L);
  preload(L, "httpclient.core", luaopen_httpclient_core);
  preload(L, "spec_native", luaopen_spec_native);
  lua_getglobal(L, "package");
  lua_pushliteral(L, "lua/?.lua;lua/?/init.lua;?.lua");
  lua_setfield(L, -2, "path");
  lua_pop(L, 1);
  int status = luaL_loadfile(L, "spec/bindings/threads.lua");
  lua_pushinteger(L, w->number);
  if (status == 0) status = lua_pcall(L, 1, 0, 0);
  if (status == 0) return;
  const char *text = lua_tostring(L, -1);
  snprintf(w->failure, sizeof w->failure, "%s", text ? text : "an error that is no text");
}

static void *run(void *argument) {
  worker *w = argument;
  for (int round = 0; round < ROUNDS && w->failure[0] == '\0'; round++) {
    lua_State *L = luaL_newstate();
    if (!L) abort();
    run_state(w, L);
    lua_close(L);
  }
  return NULL;
}

int main(void) {
  static worker workers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    workers[i].number = i + 1;
    if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0) abort();
  }
  for (int i = 0; i < THREADS; i++) {
    (void)pthread_join(workers[i].thread, NULL);
    CHECK_CASE(workers[i].failure[0] == '\0' ? "a thread" : workers[i].failure,
               workers[i].failure[0] == '\0');
  }
  return check_report();
}
