/* lua_file_replacement.c - the class FileReplacement, for the Lua half: a large file on its way
 * into the place of another one, which no frame of a game waits for. See file_replacement.h.
 *
 * The object owns what is under way, and a thread of the platform's does it. Nothing here waits but
 * `await`. */
#include "../core/platform/file_replacement.h"
#include "lua_binding.h"

typedef struct replacement_object {
  hc_file_replacement *under_way; /* NULL: it has ended, with `code` */
  hc_error code;
  hc_failure why;
} replacement_object;

static replacement_object *check_replacement(lua_State *L) {
  return (replacement_object *)hcl_check_object(L, 1, HCL_FILE_REPLACEMENT);
}

/* FileReplacement.begin(from, to) -> object. A failure to begin is kept for await, so that there is
 * one place where it is looked at. */
static int replacement_begin(lua_State *L) {
  const char *from = hcl_check_path(L, 1), *to = hcl_check_path(L, 2);
  replacement_object *self =
      (replacement_object *)hcl_object_new(L, HCL_FILE_REPLACEMENT, sizeof *self);
  self->code = hc_file_replacement_begin(from, to, &self->under_way, &self->why);
  return 1;
}

/* Does not wait: a task asks this between two frames, and awaits what is done. */
static int replacement_is_done(lua_State *L) {
  replacement_object *self = check_replacement(L);
  lua_pushboolean(L, !self->under_way || hc_file_replacement_is_done(self->under_way));
  return 1;
}

/* replacement:await() -> true; nil, the reason alone, Error */
static int replacement_await(lua_State *L) {
  replacement_object *self = check_replacement(L);
  if (self->under_way) {
    self->code = hc_file_replacement_await(self->under_way, &self->why);
    hc_file_replacement_free(self->under_way);
    self->under_way = NULL;
  }
  if (self->code != HC_OK) return hcl_push_refusal(L, self->code, &self->why);
  lua_pushboolean(L, true);
  return 1;
}

/* What is under way goes on by itself; only nobody hears how it ends. */
static int replacement_gc(lua_State *L) {
  replacement_object *self = check_replacement(L);
  hc_file_replacement_free(self->under_way);
  self->under_way = NULL;
  return 0;
}

static const luaL_Reg functions_replacement[] = {{"begin", replacement_begin}, {NULL, NULL}};
static const luaL_Reg methods_replacement[] = {
    {"is_done", replacement_is_done}, {"await", replacement_await}, {NULL, NULL}};
static const luaL_Reg meta_replacement[] = {{"__gc", replacement_gc}, {NULL, NULL}};

void hcl_file_replacement_register(lua_State *L) {
  static const hcl_class class = {HCL_FILE_REPLACEMENT,  "FileReplacement.",  "replacement:",
                                  functions_replacement, methods_replacement, meta_replacement};
  hcl_class_new(L, &class);
}
