/* http_client_file.c - HTTPClient: the files of a script, and the response's body into one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../core/file.h"
#include "../core/sigpipe.h"
#include "client_object.h"

/* The FILE of an open Lua file; NULL for everything else. */
FILE *hcl_to_open_file(lua_State *L, int index) {
  void *object = luaL_testudata(L, index, LUA_FILEHANDLE);
  if (!object) return NULL;
#if LUA_VERSION_NUM >= 502
  if (!((luaL_Stream *)object)->closef) luaL_argerror(L, index, "the file is closed");
#endif
  FILE *file = *(FILE **)object;
  if (!file) luaL_argerror(L, index, "the file is closed");
  return file;
}

/* What the body goes to. stdio writes at its own times and more than once, and can take all and yet have met an end: where
 * that raises a signal, it is looked for behind each call. */
typedef struct stdio_sink {
  FILE *file;
  bool is_regular;
} stdio_sink;

static stdio_sink sink_of(FILE *file) { return (stdio_sink){file, hc_file_is_regular(fileno(file))}; }

static bool flush_sink(const stdio_sink *sink) {
  hc_sigpipe_guard guard;
  if (sink->is_regular) return fflush(sink->file) == 0;
  (void)hc_sigpipe_block(&guard);
  bool is_done = fflush(sink->file) == 0;
  hc_sigpipe_restore(&guard, !is_done && errno == EPIPE ? HC_SIGPIPE_CERTAIN : HC_SIGPIPE_POSSIBLE);
  return is_done;
}

bool hcl_flush_stdio(FILE *file) {
  stdio_sink sink = sink_of(file);
  return flush_sink(&sink);
}

static size_t write_to_stdio(void *context, hc_slice bytes, hc_failure *why) {
  const stdio_sink *sink = (const stdio_sink *)context;
  hc_sigpipe_guard guard;
  (void)why;
  if (sink->is_regular) return fwrite(bytes.data, 1, bytes.size, sink->file);
  (void)hc_sigpipe_block(&guard);
  size_t written = fwrite(bytes.data, 1, bytes.size, sink->file);
  hc_sigpipe_restore(&guard, written < bytes.size && errno == EPIPE ? HC_SIGPIPE_CERTAIN : HC_SIGPIPE_POSSIBLE);
  return written;
}

static hc_error move_to_stdio(hcl_client *self, FILE *file, uint64_t *moved, hc_failure *why) {
  stdio_sink sink = sink_of(file);
  hc_error code = hc_client_body_to_writer(self->client, write_to_stdio, &sink, moved, why);
  /* Later writes of the script follow these; and a full disk shows now, not when the file is closed. */
  if (!flush_sink(&sink) && code == HC_OK) code = hc_failure_set(why, HC_ERR_FILE_CANT_WRITE, "can't write the file");
  return code;
}

static bool is_same_path(lua_State *L, hcl_client *self) {
  hcl_client_anchor_get(L, self, 1, HCL_CLIENT_PATH);
  bool same = self->sink_is_open && lua_rawequal(L, -1, 2);
  lua_pop(L, 1);
  return same;
}

/* Makes room for another file of the path at index 2. */
static hc_error change_sink(lua_State *L, hcl_client *self, hc_slice *path, hc_failure *why) {
  *path = hcl_to_slice(L, 2);
  if (strlen(path->data) != path->size) return hc_failure_set(why, HC_ERR_FILE_BAD_PATH, "the path holds a NUL byte");
  hcl_client_close_sink(self);
  lua_pushvalue(L, 2);
  hcl_client_anchor_put(L, self, 1, HCL_CLIENT_PATH);
  return HC_OK;
}

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
static int64_t check_owner(lua_State *L, int index) {
  int64_t owner = HC_FILE_OF_NOBODY;
  luaL_argcheck(L, lua_isnoneornil(L, index) || hcl_to_integer(L, index, &owner), index, "owner expected");
  return owner;
}

/* open_body_file(client, path [, owner]) -> true; nil, message, Error. read_response_body_to_file(path) then writes behind
 * what the file holds, and only to a file of that owner, or a device: see file.h. */
int hcl_open_body_file(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_failure why = {HC_OK, ""};
  hc_slice path = hcl_check_string(L, 2);
  int64_t owner = check_owner(L, 3);
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

/* is_present_file(path, file [, owner]) -> boolean: the same of a file that a script has opened */
int hcl_is_present_file(lua_State *L) {
  FILE *file = hcl_to_open_file(L, 2);
  lua_pushboolean(L, file && hc_file_is_present(fileno(file), luaL_checkstring(L, 1), check_owner(L, 3)));
  return 1;
}

static hc_error move_to_path(lua_State *L, hcl_client *self, uint64_t *moved, hc_failure *why) {
  if (hc_client_get_status(self->client) != HC_STATUS_BODY)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "there is no body to read");
  hc_error code = open_sink(L, self, why);
  if (code != HC_OK) return code;
  lua_State *previous = hcl_client_enter(L, self);
  code = hc_client_body_to_file(self->client, self->sink, moved, why);
  hcl_client_leave(self, previous);
  if (hc_client_get_status(self->client) == HC_STATUS_BODY) return code;
  self->sink_is_open = false;
  hc_error finished = hc_file_finish(self->sink, why);
  return code != HC_OK ? code : finished;
}

static int client_read_response_body_to_file(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  lua_settop(L, 2);
  FILE *file = hcl_to_open_file(L, 2);
  if (!file && lua_type(L, 2) != LUA_TSTRING) return hcl_type_error(L, 2, "path or file");
  hc_failure why = {HC_OK, ""};
  uint64_t moved = 0;
  hc_error code;
  if (file) {
    lua_State *previous = hcl_client_enter(L, self);
    code = move_to_stdio(self, file, &moved, &why);
    hcl_client_leave(self, previous);
  } else {
    code = move_to_path(L, self, &moved, &why);
  }
  if (code == HC_OK) {
    hcl_push_integer(L, (int64_t)moved);
    return 1;
  }
  int count = hcl_push_refusal(L, code, &why);
  hcl_push_integer(L, (int64_t)moved);
  return count + 1;
}

const luaL_Reg hcl_client_file_methods[] = {{"read_response_body_to_file", client_read_response_body_to_file}, {NULL, NULL}};
