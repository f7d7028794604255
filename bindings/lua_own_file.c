/* lua_own_file.c - the class OwnFile, for the Lua half: a file that it has made itself and writes
 * to, one that is sent piece by piece, and small files as a whole. Lua's own io takes what is in
 * its place by now, and on Windows takes a path for the user's code page.
 *
 * Bytes go from a string of Lua's to the system's file, or the other way, without a buffer of the C
 * library's in between: what write has said to be written is there for whoever opens the file
 * next. */
#include "../core/base/limits.h"
#include "../core/platform/file.h"
#include "lua_binding.h"

#define PIECE_SIZE_OWN_FILE 16384u
#define PIECE_MOST_OWN_FILE 1048576

/* A zeroed object has to be a closed one, and 0 is a descriptor like any other: hence the flag. */
typedef struct own_file {
  hc_file file;
  bool is_open;
} own_file;

/* A closed one passes: each method has its own words for that. */
static own_file *check_own_file(lua_State *L) {
  return (own_file *)hcl_check_object(L, 1, HCL_OWN_FILE);
}

/* A number that create_new_file or own_file_size gave; left out, it is nobody's, which is a
 * device. */
static int64_t check_owner_own_file(lua_State *L, int index) {
  int64_t owner = HC_FILE_OF_NOBODY;
  if (!lua_isnoneornil(L, index) && !hcl_to_integer(L, index, &owner))
    hcl_argument_error(L, index, "owner expected");
  return owner;
}

/* OwnFile.open(path [, owner]) -> object that writes behind what the file holds; nil, message,
 * Error. See hc_file_open_present; without owner it is a device. The object is made first: between
 * opening a file and noting it in the object no Lua is called that could throw, or the descriptor
 * would be lost. */
static int own_file_open(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  const char *path = hcl_check_path(L, 1);
  int64_t owner = check_owner_own_file(L, 2);
  own_file *self = (own_file *)hcl_object_new(L, HCL_OWN_FILE, sizeof *self);
  hc_error code = hc_file_open_present(path, owner, &self->file, &why);
  self->is_open = code == HC_OK;
  return code == HC_OK ? 1 : hcl_push_refusal(L, code, &why);
}

/* For small files as a whole, such as one of cookies. The limit keeps a mistaken path (/dev/zero)
 * from filling the memory. */
static hc_error append_own_file(hc_file file, hc_buffer *text, hc_failure *why) {
  char *at;
  size_t room, got;
  for (uint64_t offset = 0;; offset += got) {
    if (offset > HC_PEM_FILE_MAX)
      return hc_failure_set(why, HC_ERR_FILE_CANT_READ, "can't read the file: it is too large");
    if (hc_buffer_reserve(text, PIECE_SIZE_OWN_FILE, HCL_TEXT_LIMIT, &at, &room) != HC_OK)
      return hc_failure_out_of_memory(why);
    hc_error code = hc_file_read_at(file, offset, at, PIECE_SIZE_OWN_FILE, &got, why);
    if (code != HC_OK || got == 0) return code;
    hc_buffer_commit(text, got);
  }
}

/* OwnFile.read(path [, owner]) -> all that the file holds; nil, message, Error. With owner only one
 * of the user's own. Checked behind the opening, with the descriptor in hand: before it something
 * else could still take the place. The file is closed before the first push, which can throw. */
static int own_file_read(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  hc_file file;
  const char *path = hcl_check_path(L, 1);
  int64_t owner = check_owner_own_file(L, 2);
  bool has_owner = !lua_isnoneornil(L, 2);
  hc_buffer *text = hcl_buffer_new(L);
  hc_error code = hc_file_open(path, &file, &why);
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  if (has_owner && !hc_file_is_present(file, path, owner))
    code = hc_failure_set(&why, HC_ERR_FILE_CANT_OPEN, "something else is in its place");
  if (code == HC_OK) code = append_own_file(file, text, &why);
  hc_file_close(file);
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  hcl_buffer_push(L, text);
  return 1;
}

/* hc_file_share says the length as well; it gives a descriptor of its own, so the first one goes in
 * either case. */
static hc_error open_to_read(const char *path, hc_file *file, uint64_t *length, hc_failure *why) {
  hc_file opened;
  hc_error code = hc_file_open(path, &opened, why);
  if (code != HC_OK) return code;
  code = hc_file_share(opened, 0, file, length, why);
  hc_file_close(opened);
  return code;
}

/* OwnFile.open_to_read(path) -> object, its length (nil: nobody knows); nil, message, Error */
static int own_file_open_to_read(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  uint64_t length = HC_FILE_NO_LENGTH;
  const char *path = hcl_check_path(L, 1);
  own_file *self = (own_file *)hcl_object_new(L, HCL_OWN_FILE, sizeof *self);
  hc_error code = open_to_read(path, &self->file, &length, &why);
  self->is_open = code == HC_OK;
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  if (length == HC_FILE_NO_LENGTH) lua_pushnil(L);
  else hcl_push_integer(L, (int64_t)length);
  return 2;
}

/* file:read_at(offset, size) -> up to so many bytes, "" at the end; nil, message, Error. Read
 * straight into the buffer's memory, which a userdata owns: the string is made of it in one
 * copy. */
static int own_file_read_at(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  own_file *self = check_own_file(L);
  int64_t offset = 0, size = 0;
  char *at;
  size_t room, got = 0;
  if (!hcl_to_integer(L, 2, &offset) || offset < 0) hcl_argument_error(L, 2, "offset expected");
  if (!hcl_to_integer(L, 3, &size) || size < 1 || size > PIECE_MOST_OWN_FILE)
    hcl_argument_error(L, 3, "size expected");
  hc_buffer *piece = hcl_buffer_new(L);
  if (hc_buffer_reserve(piece, (size_t)size, HCL_TEXT_LIMIT, &at, &room) != HC_OK)
    return hcl_push_refusal(L, HC_ERR_OUT_OF_MEMORY, &why);
  hc_error code = self->is_open
                      ? hc_file_read_at(self->file, (uint64_t)offset, at, (size_t)size, &got, &why)
                      : hc_failure_set(&why, HC_ERR_FILE_CANT_READ, "the file is closed");
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  hc_buffer_commit(piece, got);
  hcl_buffer_push(L, piece);
  return 1;
}

/* file:write(bytes) -> true; nil, message, Error */
static int own_file_write(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  own_file *self = check_own_file(L);
  hc_slice bytes = hcl_check_string(L, 2);
  size_t written;
  hc_error code = self->is_open
                      ? hc_file_write(self->file, bytes, &written, &why)
                      : hc_failure_set(&why, HC_ERR_FILE_CANT_WRITE, "the file is closed");
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  lua_pushboolean(L, true);
  return 1;
}

/* Closed, also where the last bytes could not be written: a second attempt would be one at somebody
 * else's descriptor. */
static int own_file_close(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  own_file *self = check_own_file(L);
  hc_error code = self->is_open ? hc_file_finish(self->file, &why) : HC_OK;
  self->is_open = false;
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  lua_pushboolean(L, true);
  return 1;
}

/* No error can be told from here, so what close has to say is lost: the Lua half calls close where
 * it matters. */
static int own_file_gc(lua_State *L) {
  own_file *self = check_own_file(L);
  if (self->is_open) hc_file_close(self->file);
  self->is_open = false;
  return 0;
}

static const luaL_Reg functions_own_file[] = {{"open", own_file_open},
                                              {"open_to_read", own_file_open_to_read},
                                              {"read", own_file_read},
                                              {NULL, NULL}};
static const luaL_Reg methods_own_file[] = {{"read_at", own_file_read_at},
                                            {"write", own_file_write},
                                            {"close", own_file_close},
                                            {NULL, NULL}};
static const luaL_Reg meta_own_file[] = {{"__gc", own_file_gc}, {NULL, NULL}};

void hcl_own_file_register(lua_State *L) {
  static const hcl_class class = {
      HCL_OWN_FILE, "OwnFile.", "file:", functions_own_file, methods_own_file, meta_own_file};
  hcl_class_new(L, &class);
}
