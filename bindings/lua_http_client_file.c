/* lua_http_client_file.c - HTTPClient: the response's body into a file.
 *
 * On the way of a byte this is the end of the road that goes past Lua: what arrives is never a Lua
 * string. A path is opened here, and the core writes to its descriptor, in the kernel where it can.
 * A file of the script's is written through its FILE, so that what the script has written before
 * stays before it; where nobody can say whose C library that FILE is of, through its methods
 * (lua_file_methods.c).
 *
 * With a path the file stays open from call to call until the content is over: a script that polls
 * calls once for each piece that has come, and the second call must not begin the file anew. */
#include <stdio.h>
#include <string.h>

#include "../core/platform/file.h"
#include "lua_client_object.h"

/* What the body goes to: the Lua file, not its FILE, since a method of the script's stream may
 * close it between two writes. */
typedef struct stdio_sink {
  void *object;
  bool is_regular;
} stdio_sink;

static hc_error refuse_closed_file(hc_failure *why) {
  return hc_failure_set(why, HC_ERR_FILE_CANT_WRITE,
                        "the file was closed while the body was being written to it");
}

/* Called by the core for each piece; fewer bytes than it has end the move. */
static size_t write_to_stdio(void *context, hc_slice bytes, hc_failure *why) {
  const stdio_sink *sink = (const stdio_sink *)context;
  FILE *file = hcl_file_of(sink->object);
  if (!file) {
    (void)refuse_closed_file(why);
    return 0;
  }
  return sink->is_regular ? hc_stdio_write_regular(file, bytes) : hc_stdio_write(file, bytes);
}

/* `object` is on the Lua stack of whoever called. Its FILE is asked for anew behind the move, in
 * which a script's code may have closed it. */
static hc_error move_to_stdio(hcl_client *self, void *object, uint64_t *moved, hc_failure *why) {
  FILE *file = hcl_file_of(object);
  if (!file) return refuse_closed_file(why);
  stdio_sink sink = {object, hc_file_is_regular(hc_stdio_file(file))};
  hc_error code = hc_client_body_to_writer(self->client, write_to_stdio, &sink, moved, why);
  file = hcl_file_of(object);
  if (!file) return code != HC_OK ? code : refuse_closed_file(why);
  /* Later writes of the script follow these; and a full disk shows now, not when the file is
   * closed. */
  bool is_flushed = sink.is_regular ? hc_stdio_flush_regular(file) : hc_stdio_flush(file);
  if (!is_flushed && code == HC_OK) code = hc_failure_set_code(why, HC_ERR_FILE_CANT_WRITE);
  return code;
}

/* The next piece for the same file. Compared are the strings: "a" and "./a" are two. */
static bool is_same_path(lua_State *L, hcl_client *self) {
  hcl_client_anchor_get(L, self, 1, HCL_CLIENT_PATH);
  bool same = self->sink_is_open && lua_rawequal(L, -1, 2);
  lua_pop(L, 1);
  return same;
}

/* Makes room for another file of the path at index 2. */
static hc_error change_sink(lua_State *L, hcl_client *self, hc_slice *path, hc_failure *why) {
  *path = hcl_to_slice(L, 2);
  if (strlen(path->data) != path->size)
    return hc_failure_set(why, HC_ERR_FILE_BAD_PATH, "the path holds a NUL byte");
  hcl_anchor_reserve(L, 1, HCL_CLIENT_PATH);
  hcl_client_close_sink(self);
  lua_pushvalue(L, 2);
  hcl_client_anchor_put(L, self, 1, HCL_CLIENT_PATH);
  return HC_OK;
}

/* The file is created before anything is read, so that a path that can't be written costs no
 * content. */
static hc_error open_sink(lua_State *L, hcl_client *self, hc_failure *why) {
  hc_slice path;
  if (is_same_path(L, self)) return HC_OK;
  hc_error code = change_sink(L, self, &path, why);
  if (code != HC_OK) return code;
  code = hc_file_create(path.data, &self->sink, why);
  self->sink_is_open = code == HC_OK;
  return code;
}

/* Of what the owner is, by create_new_file or own_file_size: nil for a device. */
static int64_t check_owner_file(lua_State *L, int index) {
  int64_t owner = HC_FILE_OF_NOBODY;
  if (!lua_isnoneornil(L, index) && !hcl_to_integer(L, index, &owner))
    hcl_argument_error(L, index, "owner expected");
  return owner;
}

/* open_body_file(client, path [, owner]) -> true; nil, message, Error.
 * read_response_body_to_file(path) then writes behind what the file holds, and only to a file of
 * that owner, or a device: see file.h. */
int hcl_open_body_file(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_failure why = {HC_OK, ""};
  hc_slice path = hcl_check_string(L, 2);
  int64_t owner = check_owner_file(L, 3);
  hc_error code = change_sink(L, self, &path, &why);
  if (code == HC_OK) {
    code = hc_file_open_present(path.data, owner, &self->sink, &why);
    self->sink_is_open = code == HC_OK;
  }
  if (code == HC_OK) {
    lua_pushboolean(L, true);
    return 1;
  }
  return hcl_push_refusal(L, code, &why);
}

/* With the last byte the file is closed here, and not by the collector some time later: a disk that
 * is full may only say so then. */
static hc_error move_to_path(lua_State *L, hcl_client *self, uint64_t *moved, hc_failure *why) {
  if (hc_client_get_status(self->client) != HC_STATUS_BODY)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no body to read");
  hc_error code = open_sink(L, self, why);
  if (code != HC_OK) return code;
  hc_body_move move = {0, false};
  lua_State *previous = hcl_client_enter(L, self);
  if (self->sink_is_open) code = hc_client_move_to_file(self->client, self->sink, &move, why);
  else code = hc_failure_set(why, HC_ERR_FILE_CANT_WRITE, "the file was closed meanwhile");
  hcl_client_leave(self, previous);
  *moved = move.moved;
  if (!self->sink_is_open || !move.is_over) return code;
  self->sink_is_open = false;
  hc_error finished = hc_file_finish(self->sink, why);
  return code != HC_OK ? code : finished;
}

/* As much as is there now; in blocking mode as much as comes in a slice. */
static hc_error move_once(lua_State *L, uint64_t *total, hc_failure *why) {
  hcl_client *self = hcl_check_free_client(L, 1);
  uint64_t moved = 0;
  hc_error code;
  if (lua_type(L, 2) == LUA_TSTRING) {
    code = move_to_path(L, self, &moved, why);
  } else {
    lua_State *previous = hcl_client_enter(L, self);
    code = hc_stdio_is_reachable() ? move_to_stdio(self, lua_touserdata(L, 2), &moved, why)
                                   : hcl_move_by_methods(self, &moved, why);
    hcl_client_leave(self, previous);
  }
  *total += moved;
  return code;
}

/* In blocking mode the core comes back every now and then. The status is asked for what the hooks
 * have done: they run a script's code, and what that has ended is at its end. */
static bool goes_on(lua_State *L) {
  if (!hc_client_is_unfinished(hcl_check_client(L, 1)->client)) return false;
  hcl_run_hooks(L);
  return hc_client_get_status(hcl_check_free_client(L, 1)->client) == HC_STATUS_BODY;
}

/* Whose methods are called, from deep inside, has to be found there. */
static void hold_sink(lua_State *L) {
  if (hc_stdio_is_reachable() || lua_type(L, 2) == LUA_TSTRING) return;
  hcl_anchor_reserve(L, 1, HCL_CLIENT_SINK);
  lua_pushvalue(L, 2);
  hcl_client_anchor_put(L, hcl_check_free_client(L, 1), 1, HCL_CLIENT_SINK);
}

/* (path or file) -> bytes moved; nil, message, Error, bytes moved: what was written before a
 * failure is in the file, and whoever resumes has to know how much. */
static int client_read_response_body_to_file(lua_State *L) {
  (void)hcl_check_free_client(L, 1);
  lua_settop(L, 2);
  bool is_file = hcl_to_open_file(L, 2) != NULL;
  if (!is_file && lua_type(L, 2) != LUA_TSTRING) return hcl_type_error(L, 2, "path or file");
  hold_sink(L);
  hc_failure why = {HC_OK, ""};
  uint64_t moved = 0;
  hc_error code;
  do code = move_once(L, &moved, &why);
  while (code == HC_OK && goes_on(L));
  if (code == HC_OK) {
    hcl_push_integer(L, (int64_t)moved);
    return 1;
  }
  int count = hcl_push_refusal(L, code, &why);
  hcl_push_integer(L, (int64_t)moved);
  return count + 1;
}

const luaL_Reg hcl_client_file_methods[] = {
    {"read_response_body_to_file", client_read_response_body_to_file}, {NULL, NULL}};
