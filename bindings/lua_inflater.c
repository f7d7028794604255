/* lua_inflater.c - the class Inflater: bodies in a content coding, decoded as a stream with a bound
 * on what a call gives.
 *
 * A few bytes can become gigabytes, and a frame of a game is short: so the caller says how much he
 * takes at a time, and what is left of the input waits in the object. How a coding is undone is
 * codec/'s business; `fetch` has it undone in the core, before the bytes come to Lua. */
#include "../core/codec/decoder.h"

#include "lua_binding.h"

#define MAX_DEFAULT 65536
#define MAX_LIMIT 16777216
/* The first room for decoded bytes; it doubles as far as a call's maximum. */
#define ROOM_FIRST ((size_t)4096)

typedef struct inflater {
  hc_decoder *inflate; /* NULL: closed */
  hc_buffer pending; /* input that was not used yet */
  hc_buffer out;
  /* bytes of `out` become a string; that can run a finalizer, which must not use this object */
  bool busy;
} inflater;

/* Busy is one whose bytes are just becoming a string, in which a finalizer may run. */
static inflater *check_inflater(lua_State *L) {
  inflater *self = (inflater *)hcl_check_object(L, 1, HCL_INFLATER);
  if (self->busy) luaL_error(L, "the Inflater is at work");
  return self;
}

/* Closed by this, and fine to be closed again. */
static void release_inflater(inflater *self) {
  hc_decoder_delete(self->inflate);
  self->inflate = NULL;
  hc_buffer_free(&self->pending);
  hc_buffer_free(&self->out);
}

/* Bytes may be lost: rather no stream than a wrong one. */
static int out_of_memory_inflater(lua_State *L, inflater *self) {
  release_inflater(self);
  return hcl_raise_memory(L);
}

/* A busy one is on somebody's stack, and lives. */
static int inflater_gc(lua_State *L) {
  inflater *self = (inflater *)luaL_testudata(L, 1, HCL_INFLATER);
  if (self && !self->busy) release_inflater(self);
  return 0;
}

static int inflater_close(lua_State *L) {
  release_inflater(check_inflater(L));
  return 0;
}

/* Inflater.new(coding). The object is made before the decoder, which its finalizer takes along
 * then, whatever raises later. */
static int inflater_new(lua_State *L) {
  hc_coding coding;
  if (!hc_coding_of(hcl_check_string(L, 1), &coding)) {
    const char *message = "\"gzip\", \"x-gzip\", \"deflate\", \"br\" or \"zstd\" expected";
    return hcl_argument_error(L, 1, message);
  }
  inflater *self = (inflater *)hcl_object_new(L, HCL_INFLATER, sizeof *self);
  self->inflate = hc_decoder_new(coding);
  if (!self->inflate) return hcl_raise_memory(L);
  return 1;
}

/* nil, message, Error */
static int push_failure(lua_State *L, hc_error code, const hc_failure *why) {
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  return hcl_push_refusal(L, code, why);
}

/* A result and no error: a loop over pieces ends by it as by any other failure. */
static int push_closed(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_failure_set(&why, HC_ERR_UNCONFIGURED, "the Inflater is closed");
  return push_failure(L, code, &why);
}

/* Decodes until `max` bytes are held, or the input is used up. */
static hc_parse decode_inflater(lua_State *L, inflater *self, hc_slice data, size_t max,
                                size_t *used) {
  hc_parse result = HC_PARSE_MORE;
  *used = 0;
  while (hc_buffer_size(&self->out) < max) {
    char *at;
    size_t room, taken, produced, held = hc_buffer_size(&self->out);
    size_t wanted = max - held < ROOM_FIRST ? max - held : ROOM_FIRST;
    if (hc_buffer_reserve(&self->out, wanted, max, &at, &room) != HC_OK)
      out_of_memory_inflater(L, self);
    if (room > max - held) room = max - held;
    hc_slice rest = {data.data + *used, data.size - *used};
    result = hc_decoder_feed(self->inflate, rest, at, room, &taken, &produced);
    hc_buffer_commit(&self->out, produced);
    *used += taken;
    if (result != HC_PARSE_MORE || (produced < room && *used == data.size)) return result;
  }
  return result;
}

/* Keeps what of the input was not used. A call may use none of its input, and the script is not to
 * be asked for it again. */
static void keep_rest(lua_State *L, inflater *self, hc_slice data, size_t used) {
  hc_slice rest = {data.data + used, data.size - used};
  if (hc_buffer_append(&self->pending, rest, HCL_TEXT_LIMIT) != HC_OK)
    out_of_memory_inflater(L, self);
}

/* In a protected call: an error here must not leave the object busy. */
static int make_bytes(lua_State *L) {
  const hc_buffer *out = &((const inflater *)lua_touserdata(L, 1))->out;
  hcl_push_slice(L, (hc_slice){hc_buffer_head(out), hc_buffer_size(out)});
  return 1;
}

/* inflater:feed(bytes [, max]) -> decoded bytes, whether more can be had without new input; nil,
 * message, Error
 *
 * The decoder reads the script's string where it stands. Only what it did not use by then is
 * copied, and goes in front of what the next call brings. */
static int inflater_feed(lua_State *L) {
  inflater *self = check_inflater(L);
  hc_slice data = hcl_check_string(L, 2);
  int64_t max = hcl_opt_integer(L, 3, MAX_DEFAULT);
  if (max < 1 || max > MAX_LIMIT) hcl_argument_error(L, 3, "1 to 16777216 bytes are possible");
  if (!self->inflate) return push_closed(L);
  bool is_pending = hc_buffer_size(&self->pending) > 0;
  if (is_pending) {
    if (hc_buffer_append(&self->pending, data, HCL_TEXT_LIMIT) != HC_OK)
      return out_of_memory_inflater(L, self);
    data = (hc_slice){hc_buffer_head(&self->pending), hc_buffer_size(&self->pending)};
  }
  size_t used;
  hc_parse result = decode_inflater(L, self, data, (size_t)max, &used);
  if (is_pending) hc_buffer_consume(&self->pending, used);
  else keep_rest(L, self, data, used);
  size_t size = hc_buffer_size(&self->out);
  /* What was decoded before the broken byte is handed out first. */
  if (result == HC_PARSE_ERROR && size == 0) {
    const hc_failure *why = hc_decoder_failure(self->inflate);
    return push_failure(L, why->code, why);
  }
  (void)hcl_call_busy(L, &self->busy, make_bytes);
  hc_buffer_consume(&self->out, size);
  lua_pushboolean(L, result == HC_PARSE_ERROR || (result == HC_PARSE_MORE && size >= (size_t)max));
  return 2;
}

/* inflater:finish() -> true; nil, message, Error when the stream is broken or not complete */
static int inflater_finish(lua_State *L) {
  inflater *self = check_inflater(L);
  if (!self->inflate) return push_closed(L);
  hc_error code = hc_decoder_finish(self->inflate);
  if (code != HC_OK) return push_failure(L, code, hc_decoder_failure(self->inflate));
  lua_pushboolean(L, true);
  return 1;
}

/* Whether the coding's own end mark has been read. */
static int inflater_is_done(lua_State *L) {
  inflater *self = check_inflater(L);
  lua_pushboolean(L, self->inflate && hc_decoder_is_done(self->inflate));
  return 1;
}

static const luaL_Reg functions_inflater[] = {{"new", inflater_new}, {NULL, NULL}};

static const luaL_Reg methods_inflater[] = {
    {"feed", inflater_feed},
    {"finish", inflater_finish},
    {"is_done", inflater_is_done},
    {"close", inflater_close},
    {NULL, NULL},
};

static const luaL_Reg meta_inflater[] = {
    {"__gc", inflater_gc}, {"__close", inflater_close}, {NULL, NULL}};

void hcl_inflater_register(lua_State *L) {
  static const hcl_class class = {
      HCL_INFLATER, "Inflater.", "inflater:", functions_inflater, methods_inflater, meta_inflater};
  hcl_class_new(L, &class);
}
