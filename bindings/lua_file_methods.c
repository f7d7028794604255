/* lua_file_methods.c - HTTPClient: what a script gives as a file, to send or to write to.
 *
 * Usually that is a FILE, which the core reads or writes itself. Where nobody can say which C
 * library it belongs to (hc_stdio_is_reachable), its own methods are called in place of that. They
 * cost calls and strings, and what they do is what the script would do itself.
 *
 * A file stays Lua's: nobody here closes it, and it may be closed by the script at any time that
 * its code runs. So the object is kept, and its FILE asked for anew after each call. */
#include "../core/platform/file.h"
#include "lua_client_object.h"

#define PIECE_SIZE_FILE_METHODS 65536

/* --- what a script gives as a file */

/* For after code of the script's has run: a file that is closed by now is no error of the caller's.
 */
FILE *hcl_file_if_open(lua_State *L, int index) {
  void *object = luaL_testudata(L, index, LUA_FILEHANDLE);
  return object ? hcl_file_of(object) : NULL;
}

/* NULL for what is no file at all: whoever asks may take other things as well. */
FILE *hcl_to_open_file(lua_State *L, int index) {
  void *object = luaL_testudata(L, index, LUA_FILEHANDLE);
  if (object && !hcl_file_of(object)) hcl_argument_error(L, index, "the file is closed");
  return object ? hcl_file_of(object) : NULL;
}

/* A regular file can't raise SIGPIPE, and is spared what guards against it. */
bool hcl_flush_stdio(FILE *file) {
  return hc_file_is_regular(hc_stdio_file(file)) ? hc_stdio_flush_regular(file)
                                                 : hc_stdio_flush(file);
}

/* --- bodies that are sent */

/* file:seek(whence [, offset]), of the file at `file`. False where it fails, as of a pipe. */
static bool seek(lua_State *L, int file, const char *whence, lua_Number offset, lua_Number *at) {
  lua_getfield(L, file, "seek");
  lua_pushvalue(L, file);
  lua_pushstring(L, whence);
  hcl_push_integer(L, (int64_t)offset);
  lua_call(L, 3, 1);
  bool is_done = lua_type(L, -1) == LUA_TNUMBER;
  *at = is_done ? lua_tonumber(L, -1) : 0;
  lua_pop(L, 1);
  return is_done;
}

/* file:read(PIECE_SIZE): pushes a string, or nil at the end. */
static void read_here(lua_State *L, int file) {
  lua_getfield(L, file, "read");
  lua_pushvalue(L, file);
  lua_pushinteger(L, PIECE_SIZE_FILE_METHODS);
  lua_call(L, 2, 2);
  if (lua_isnil(L, -2) && lua_type(L, -1) == LUA_TSTRING) (void)lua_error(L);
  lua_pop(L, 1);
}

/* The body function. Upvalues: the file, and where it is read next; nil where it has no positions.
 * The script's own place in the file stays. */
static int read_piece_file_methods(lua_State *L) {
  int file = lua_upvalueindex(1), place = lua_upvalueindex(2);
  lua_settop(L, 0);
  lua_Number at = lua_tonumber(L, place), before = 0, unused;
  bool is_placed = lua_type(L, place) == LUA_TNUMBER && seek(L, file, "cur", 0, &before) &&
                   seek(L, file, "set", at, &unused);
  read_here(L, file);
  if (!is_placed) return 1;
  lua_pushnumber(L, at + (lua_Number)lua_rawlen(L, -1));
  lua_replace(L, place);
  (void)seek(L, file, "set", before, &unused);
  return 1;
}

/* Where places are counted in 32 bits (MinGW's Lua), that of a large file's end is what is left of
 * the number, and more comes behind it. The Lua half asks this of files in forms and of fetch's
 * bodies, with words of its own (lua/httpclient/message/file_place.lua): the public module has no
 * function for it. Whoever changes one looks at the other. */
static bool is_end_file_methods(lua_State *L, int file, lua_Number place) {
  lua_Number unused;
  if (place < 0 || !seek(L, file, "set", place, &unused)) return false;
  lua_getfield(L, file, "read");
  lua_pushvalue(L, file);
  lua_pushinteger(L, 1);
  lua_call(L, 2, 1);
  bool is_end = lua_isnil(L, -1);
  lua_pop(L, 1);
  return is_end;
}

/* Only where the FILE must not be touched; elsewhere nothing happens, and the core reads the
 * descriptor. The function in the argument's place takes the file along as an upvalue, so the
 * anchor of the body keeps both. */
void hcl_file_to_reader(lua_State *L, int arg, uint64_t *length) {
  lua_Number at, end, unused;
  *length = 0;
  if (hc_stdio_is_reachable() || !hcl_to_open_file(L, arg)) return;
  lua_pushvalue(L, arg);
  bool is_placed = seek(L, arg, "cur", 0, &at);
  /* One whose end can't be told is read on from where it stands. */
  bool is_measured = is_placed && seek(L, arg, "end", 0, &end) && is_end_file_methods(L, arg, end);
  if (is_placed) is_placed = seek(L, arg, "set", at, &unused) && is_measured;
  if (is_placed && end > at) *length = (uint64_t)(end - at);
  if (is_placed) lua_pushnumber(L, at);
  else lua_pushnil(L);
  lua_pushcclosure(L, read_piece_file_methods, 2);
  lua_replace(L, arg);
  if (!is_placed || end > at) return;
  lua_pushliteral(L, ""); /* nothing is known to come */
  lua_replace(L, arg);
}

/* --- bodies that are received */

/* What a protected call gets by its one pointer. */
typedef struct method_call {
  hcl_client *self;
  hc_slice bytes;
} method_call;

/* Pushes the file; what its method is called with follows. */
static void push_method_file_methods(lua_State *L, hcl_client *self, const char *name) {
  hcl_client_push_self(L, self);
  int object = lua_gettop(L);
  hcl_client_anchor_get(L, self, object, HCL_CLIENT_SINK);
  lua_getfield(L, -1, name);
  lua_insert(L, -2);
}

/* With `arguments` on the stack, the file among them. Raises what the method gives as a reason. */
static void call_method(lua_State *L, int arguments) {
  lua_call(L, arguments, 2);
  if (lua_toboolean(L, -2)) return;
  if (lua_type(L, -1) != LUA_TSTRING) lua_pushstring(L, hc_error_string(HC_ERR_FILE_CANT_WRITE));
  (void)lua_error(L);
}

/* A string of the piece's size is made for each write: here the body does go through Lua. */
static int call_write(lua_State *L) {
  const method_call *call = (const method_call *)lua_touserdata(L, 1);
  push_method_file_methods(L, call->self, "write");
  hcl_push_slice(L, call->bytes);
  call_method(L, 2);
  return 0;
}

/* Runs protected, as call_write does. */
static int call_flush(lua_State *L) {
  const method_call *call = (const method_call *)lua_touserdata(L, 1);
  push_method_file_methods(L, call->self, "flush");
  call_method(L, 1);
  return 0;
}

/* The core is in the middle of a read: an error must not jump over it, and becomes the reason. */
static bool call_safely(method_call *call, lua_CFunction function, hc_failure *why) {
  lua_State *L = call->self->runtime->current;
  int status = hcl_call_protected(L, function, call);
  if (status == 0) return true;
  const char *text = status > 0 && lua_type(L, -1) == LUA_TSTRING
                         ? lua_tostring(L, -1)
                         : hc_error_string(HC_ERR_FILE_CANT_WRITE);
  hc_failure_set(why, HC_ERR_FILE_CANT_WRITE, "%s", text);
  if (status > 0) lua_pop(L, 1);
  return false;
}

/* All or nothing: Lua's write tells of a failure, and not of how much went before it. */
static size_t write_by_method(void *context, hc_slice bytes, hc_failure *why) {
  method_call call = {(hcl_client *)context, bytes};
  return call_safely(&call, call_write, why) ? bytes.size : 0;
}

/* The flush is for those who read the file by another name next, and to hear of a full disk now. */
hc_error hcl_move_by_methods(hcl_client *self, uint64_t *moved, hc_failure *why) {
  method_call call = {self, {NULL, 0}};
  hc_error code = hc_client_body_to_writer(self->client, write_by_method, self, moved, why);
  if (code != HC_OK || call_safely(&call, call_flush, why)) return code;
  return HC_ERR_FILE_CANT_WRITE;
}
