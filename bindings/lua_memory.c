/* lua_memory.c - memory of the host's, for the Lua half: content goes there, and comes from there,
 * without a string of its size. Whether the memory is there, and so large, only its owner knows.
 *
 * An engine has buffers of its own, which the collector has no part in. On the way of a byte this
 * is one copy, from the core's view to the place where it is used. */
#include <string.h>

#include "lua_client_object.h"

#define TYPE_CDATA 10 /* LuaJIT's, which lua.h does not name */

/* A light userdata; or of LuaJIT a cdata that is a `void *`, which the Lua half has made it. */
static char *check_pointer_memory(lua_State *L, int arg) {
  void *pointer = NULL;
  if (lua_islightuserdata(L, arg)) pointer = lua_touserdata(L, arg);
  else if (lua_type(L, arg) == TYPE_CDATA) memcpy(&pointer, lua_topointer(L, arg), sizeof pointer);
  if (!pointer) hcl_argument_error(L, arg, "a pointer expected that is not null");
  return (char *)pointer;
}

/* Half of what there can be: an offset and a size together do not overflow then. */
static size_t check_size_memory(lua_State *L, int arg) {
  int64_t size = hcl_check_integer(L, arg);
  if (size < 0 || (uint64_t)size > SIZE_MAX / 2) hcl_argument_error(L, arg, "a size expected");
  return (size_t)size;
}

/* Between the peek and the consume no Lua runs, so the view is good as long as it is used. */
int hcl_read_body_into(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  char *into = check_pointer_memory(L, 2);
  size_t offset = check_size_memory(L, 3), room = check_size_memory(L, 4);
  hc_slice view;
  lua_State *previous = hcl_client_enter(L, self);
  hc_client_body_peek(self->client, &view);
  size_t moved = view.size < room ? view.size : room;
  if (moved > 0) {
    memcpy(into + offset, view.data, moved);
    hc_client_body_consume(self->client, moved);
  }
  hcl_client_leave(self, previous);
  /* 0 would say that nothing has come, and the caller would wait for what is here already. */
  if (moved == 0 && view.size > 0) lua_pushnil(L);
  else hcl_push_integer(L, (int64_t)moved);
  return 1;
}

/* The other direction, for small pieces that a script wants to look at. */
int hcl_memory_string(lua_State *L) {
  const char *from = check_pointer_memory(L, 1);
  size_t offset = check_size_memory(L, 2), size = check_size_memory(L, 3);
  lua_pushlstring(L, from + offset, size);
  return 1;
}
