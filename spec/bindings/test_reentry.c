/* test_reentry.c - exchanges that call Lua, with an allocator that fails at every single place, and
 * with a collection every few instructions whose finalizers use the same objects. Each ends well or
 * with "not enough memory", and leaves nothing at work. Runs where the sources are; see
 * reentry.lua. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../core/check.h"

#define MOST_ALLOCATIONS 20000

int luaopen_httpclient_core(lua_State *L);
int luaopen_spec_native(lua_State *L);

typedef enum outage { OUTAGE_NONE, OUTAGE_ONCE, OUTAGE_FROM_THERE_ON } outage;

/* Lua's memory. `left` allocations work. */
typedef struct memory {
  outage outage;
  unsigned long left;
} memory;

static bool is_out(memory *m) {
  if (m->outage == OUTAGE_NONE) return false;
  if (m->left > 0) {
    m->left--;
    return false;
  }
  if (m->outage == OUTAGE_ONCE) m->outage = OUTAGE_NONE;
  return true;
}

static void *allocate(void *context, void *block, size_t old_size, size_t size) {
  if (size == 0) {
    free(block);
    return NULL;
  }
  /* What shrinks can't fail. */
  if ((!block || size > old_size) && is_out((memory *)context)) return NULL;
  return realloc(block, size);
}

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}

/* Calls a function of the script, which is at index 1. */
static int call(lua_State *L, const char *name, int results) {
  lua_getfield(L, 1, name);
  return lua_pcall(L, 0, results, 0);
}

static bool works(lua_State *L, const char *name) {
  bool is_good = call(L, name, 0) == 0;
  if (!is_good) {
    fprintf(stderr, "%s: %s\n", name, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  return is_good;
}

/* The state with the script at index 1; NULL where this Lua takes no allocator. */
static lua_State *open_state(memory *m) {
  lua_State *L = lua_newstate(allocate, m);
  if (!L) return NULL;
  luaL_openlibs(L);
  preload(L, "httpclient.core", luaopen_httpclient_core);
  preload(L, "spec_native", luaopen_spec_native);
  if (luaL_loadfile(L, "spec/bindings/reentry.lua") != 0 || lua_pcall(L, 0, 1, 0) != 0) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    abort();
  }
  CHECK(works(L, "prepare"));
  return L;
}

static bool is_about_memory(lua_State *L) {
  const char *text = lua_tostring(L, -1);
  bool is = text && strstr(text, "memory");
  if (!is) fprintf(stderr, "ended with: %s\n", text ? text : "no text");
  return is;
}

/* Memory is out at the first allocation, at the second, ... until there are no more. */
static void check_outages(lua_State *L, memory *m, const char *name, outage kind) {
  bool is_over = false;
  for (unsigned long n = 0; n < MOST_ALLOCATIONS && !is_over; n++) {
    m->left = n;
    m->outage = kind;
    int status = call(L, name, 0);
    is_over = m->outage == kind && m->left > 0;
    m->outage = OUTAGE_NONE;
    if (status != 0) {
      CHECK_CASE(name, is_about_memory(L));
      lua_pop(L, 1);
    }
    if (is_over) CHECK_CASE(name, status == 0);
    CHECK_CASE(name, works(L, "check"));
  }
  CHECK_CASE(name, is_over);
}

static void collect(lua_State *L, lua_Debug *activation) {
  (void)activation;
  (void)lua_gc(L, LUA_GCCOLLECT, 0);
}

static void check_collections(lua_State *L, const char *name, int instructions) {
  lua_getfield(L, 1, "haunt");
  if (!lua_isfunction(L, -1) || lua_pcall(L, 0, 1, 0) != 0) abort();
  (void)lua_sethook(L, collect, LUA_MASKCOUNT, instructions);
  CHECK_CASE(name, works(L, name));
  (void)lua_sethook(L, NULL, 0, 0);
  CHECK_CASE("a finalizer has run", lua_pcall(L, 0, 1, 0) == 0 && lua_tonumber(L, -1) >= 5);
  lua_pop(L, 1);
  CHECK_CASE(name, works(L, "check"));
}

int main(void) {
  memory m = {OUTAGE_NONE, 0};
  lua_State *L = open_state(&m);
  if (!L) {
    /* 64-bit LuaJIT without GC64 has an allocator of its own, and takes no other. */
    printf("0 passed, 0 failed\n");
    return 0;
  }
  static const char *const exchanges[] = {"by_poller", "by_stream"};
  const size_t count = sizeof exchanges / sizeof *exchanges;
  for (size_t i = 0; i < count; i++) {
    CHECK(works(L, exchanges[i]) && works(L, "check"));
    for (int instructions = 1; instructions <= 13; instructions += 4)
      check_collections(L, exchanges[i], instructions);
  }
  CHECK(works(L, "interpret"));
  for (size_t i = 0; i < count; i++) {
    check_outages(L, &m, exchanges[i], OUTAGE_ONCE);
    check_outages(L, &m, exchanges[i], OUTAGE_FROM_THERE_ON);
  }
  CHECK(works(L, "finish"));
  lua_close(L);
  return check_report();
}
