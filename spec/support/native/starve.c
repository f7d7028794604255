/* starve.c - a second Lua state whose allocator fails when it is told to. */
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

/* Stands before the state's own allocator. */
typedef struct starving {
  lua_Alloc allocate;
  void *context;
  long left;     /* allocations until the first one fails; negative: none does */
  /* so many fail in a row; Lua 5.2 and later try a second time, after a collection */
  long width;
  bool fired;
} starving;

static bool refuses(starving *s) {
  if (s->left < 0) return false;
  if (s->left > 0) {
    s->left--;
    return false;
  }
  s->fired = true;
  if (--s->width == 0) s->left = -1;
  return true;
}

static void *allocate(void *context, void *block, size_t old_size, size_t size) {
  starving *s = context;
  /* Shrinking can not fail: Lua counts on it. Without a block, old_size says something else. */
  bool grows = size > 0 && (!block || size > old_size);
  if (grows && refuses(s)) return NULL;
  return s->allocate(s->context, block, old_size, size);
}

/* Runs one of the texts. NULL, or what went wrong, on the top of the stack. */
static const char *run_text(lua_State *S, const char *text, size_t size, const char *name) {
  int status = luaL_loadbuffer(S, text, size, name);
  if (status == 0) status = lua_pcall(S, 0, 0, 0);
  if (status == 0) return NULL;
  return lua_type(S, -1) == LUA_TSTRING ? lua_tostring(S, -1) : "an error that is no text";
}

/* lua_gc(LUA_GCCOLLECT) runs finalizers, which may raise: so it is done protected. */
static int collect(lua_State *S) {
  lua_gc(S, LUA_GCCOLLECT, 0);
  return 0;
}

typedef struct texts {
  const char *setup, *trial, *after;
  size_t setup_size, trial_size, after_size;
} texts;

/* Pushes what became of it (see native_starve). The trial is compiled before memory gets short. */
static int starve_state(lua_State *L, lua_State *S, starving *s, const texts *t, long at,
                        long width) {
  luaL_openlibs(S);
  const char *problem = run_text(S, t->setup, t->setup_size, "=setup");
  if (problem) return sn_fail(L, problem);
  if (luaL_loadbuffer(S, t->trial, t->trial_size, "=trial") != 0)
    return sn_fail(L, lua_tostring(S, -1));
  s->width = width;
  s->left = at;
  int status = lua_pcall(S, 0, 0, 0);
  bool fired = s->fired;
  s->left = -1;
  lua_pushboolean(L, fired);
  lua_pushstring(L, status == 0                      ? ""
                    : lua_type(S, -1) == LUA_TSTRING ? lua_tostring(S, -1)
                                                     : "an error that is no text");
  lua_settop(S, 0);
  lua_pushcfunction(S, collect);
  if (lua_pcall(S, 0, 0, 0) != 0) return sn_fail(L, lua_tostring(S, -1));
  problem = run_text(S, t->after, t->after_size, "=after");
  return problem ? sn_fail(L, problem) : 2;
}

/* native.starve{setup =, trial =, after =, at =, width =}: runs the three texts in a new state. In
 * `trial` the allocation number `at` (0: the first) and those behind it, `width` in all, fail. ->
 * whether it came to that, the error that ended the trial ("": none); or nil and what went wrong in
 * setup or after */
static int native_starve(lua_State *L) {
  texts t;
  starving s;
  luaL_checktype(L, 1, LUA_TTABLE);
  t.setup = sn_field_text(L, 1, "setup", &t.setup_size);
  t.trial = sn_field_text(L, 1, "trial", &t.trial_size);
  t.after = sn_field_text(L, 1, "after", &t.after_size);
  luaL_argcheck(L, t.setup && t.trial && t.after, 1, "three texts are needed");
  long at = (long)sn_field_number(L, 1, "at", 0), width = (long)sn_field_number(L, 1, "width", 1);
  memset(&s, 0, sizeof s);
  s.left = -1;
  lua_State *S = luaL_newstate();
  if (!S) return sn_fail(L, "no new state");
  s.allocate = lua_getallocf(S, &s.context);
  lua_setallocf(S, allocate, &s);
  int results = starve_state(L, S, &s, &t, at, width);
  lua_close(S);
  return results;
}

void sn_open_starve(lua_State *L) {
  static const luaL_Reg functions[] = {{"starve", native_starve}, {NULL, NULL}};
  sn_set_functions(L, functions);
}
