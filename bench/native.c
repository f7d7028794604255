/* native.c - the clocks for the Lua drivers: the same that common.c reads for the C ones. One
 * source for every Lua. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int luaopen_bench_native(lua_State *L);
int luaopen_bench_empty(lua_State *L);

static double seconds_of(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* usage() -> cpu, user, system, wall in seconds, largest resident size in KiB */
static int usage(lua_State *L) {
  struct rusage own;
  if (getrusage(RUSAGE_SELF, &own) != 0) return luaL_error(L, "no resource usage");
  lua_pushnumber(L, seconds_of(CLOCK_PROCESS_CPUTIME_ID));
  lua_pushnumber(L, (double)own.ru_utime.tv_sec + (double)own.ru_utime.tv_usec / 1e6);
  lua_pushnumber(L, (double)own.ru_stime.tv_sec + (double)own.ru_stime.tv_usec / 1e6);
  lua_pushnumber(L, seconds_of(CLOCK_MONOTONIC));
  lua_pushnumber(L, (double)own.ru_maxrss);
  return 5;
}

/* resident() -> bytes in memory now */
static int resident(lua_State *L) {
  char text[128];
  FILE *file = fopen("/proc/self/statm", "r");
  char *line = file ? fgets(text, sizeof text, file) : NULL;
  char *second = line ? strchr(text, ' ') : NULL;
  if (file) fclose(file);
  if (!second) return luaL_error(L, "cannot read /proc/self/statm");
  lua_pushnumber(L, (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE));
  return 1;
}

int luaopen_bench_native(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, usage);
  lua_setfield(L, -2, "usage");
  lua_pushcfunction(L, resident);
  lua_setfield(L, -2, "resident");
  return 1;
}

/* The bare module for the `require` workload: linked with the same libraries as the client, and
 * nothing in it. */
int luaopen_bench_empty(lua_State *L) {
  lua_createtable(L, 0, 0);
  return 1;
}
