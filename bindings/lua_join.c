/* lua_join.c - pieces of a body become one string, for the Lua half. Lua 5.3 and 5.4 do it in one
 * copy. Before them it takes two, and so it is done in two steps that a frame of a game can lie
 * between: gather() copies the pieces to a block, join() the block to a string.
 *
 * Such a string is the largest thing that a frame of a game makes at once, and most of its price is
 * memory that the process has not had before. So the Lua state gets its blocks for this one call by
 * way of a function that asks the system for all pages of a large one together (pages.h). */
#include <string.h>

#include "../core/platform/pages.h"
#include "lua_binding.h"

/* Each takes a place on the stack while they are joined. */
#define JOIN_MOST 8192
#define PREPARE_LEAST_JOIN ((size_t)128 << 10)

typedef struct allocator_join {
  lua_Alloc allocate;
  void *context;
} allocator_join;

/* What the state's own allocator gives, made ready. To free and to shrink a block go through
 * unchanged. */
static void *allocate_join(void *context, void *block, size_t old, size_t size) {
  const allocator_join *own = (const allocator_join *)context;
  char *got = (char *)own->allocate(own->context, block, old, size);
  size_t kept = block ? old : 0; /* without a block it is a kind of object */
  if (got && size > kept && size - kept >= PREPARE_LEAST_JOIN)
    hc_pages_prepare(got + kept, size - kept);
  return got;
}

/* How large the whole is; SIZE_MAX where it is no array of strings, or too large for a buffer. */
static size_t measure_join(lua_State *L, size_t count) {
  size_t sum = 0;
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, (int)i);
    size_t size = lua_type(L, -1) == LUA_TSTRING ? lua_rawlen(L, -1) : SIZE_MAX;
    lua_pop(L, 1);
    if (size > HCL_TEXT_LIMIT - sum) return SIZE_MAX;
    sum += size;
  }
  return sum;
}

/* By a buffer: as table.concat has it, but for the steps in which that one's grows. The pieces are
 * the first argument; the buffer is pushed. */
static hc_buffer *fill_buffer(lua_State *L, size_t count, size_t sum) {
  hc_buffer *out = hcl_buffer_new(L);
  char *at;
  size_t room;
  if (hc_buffer_reserve(out, sum, HCL_TEXT_LIMIT, &at, &room) != HC_OK) hcl_raise_memory(L);
  if (sum >= PREPARE_LEAST_JOIN) hc_pages_prepare(at, sum);
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, (int)i);
    hc_slice piece = hcl_to_slice(L, -1);
    if (piece.size > 0) memcpy(at, piece.data, piece.size);
    at += piece.size;
    lua_pop(L, 1);
  }
  hc_buffer_commit(out, sum);
  return out;
}

/* gather(parts) -> what join() takes in place of the parts, where that makes two steps of one. */
int hcl_gather_parts(lua_State *L) {
  if (!lua_istable(L, 1)) return hcl_type_error(L, 1, "table");
  lua_settop(L, 1);
  if (LUA_VERSION_NUM >= 503) return 1;
  size_t count = lua_rawlen(L, 1), sum = measure_join(L, count);
  if (sum != SIZE_MAX && sum >= PREPARE_LEAST_JOIN) (void)fill_buffer(L, count, sum);
  return 1;
}

/* Runs protected, since the state's allocator has to be put back whatever happens. */
static int join_prepared(lua_State *L) {
  hc_buffer *gathered = hcl_buffer_at(L, 1);
  if (gathered) {
    hcl_buffer_push(L, gathered);
    return 1;
  }
  size_t count = lua_rawlen(L, 1), sum = measure_join(L, count);
  if (LUA_VERSION_NUM < 503 || count > JOIN_MOST || !lua_checkstack(L, (int)count)) {
    if (sum == SIZE_MAX) return 0;
    hcl_buffer_push(L, fill_buffer(L, count, sum));
    return 1;
  }
  for (int i = 1; i <= (int)count; i++) lua_rawgeti(L, 1, i);
  lua_concat(L, (int)count);
  return 1;
}

/* join(parts, or what was gathered) -> what table.concat gives of them; nil where only that can do
 * it. Collecting comes with each allocation, and finalizers with that: what they allocate goes the
 * same way. */
int hcl_join_parts(lua_State *L) {
  if (!lua_istable(L, 1) && !hcl_buffer_at(L, 1)) return hcl_type_error(L, 1, "table");
  lua_settop(L, 1);
  lua_pushcfunction(L, join_prepared);
  lua_insert(L, 1);
  allocator_join own;
  own.allocate = lua_getallocf(L, &own.context);
  lua_setallocf(L, allocate_join, &own);
  int status = lua_pcall(L, 1, 1, 0);
  lua_setallocf(L, own.allocate, own.context);
  return status != 0 ? lua_error(L) : 1;
}
