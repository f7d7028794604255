/* lua_query_string.c - query_string_from_dict, uri_encode and uri_decode.
 *
 * The engine's functions, with the engine's results. A table of Lua has no order, so keys are
 * sorted unless it has a __pairs of its own: the same table gives the same text each time, which
 * signatures and caches rely on. The escapes themselves (RFC 3986 section 2) are http/uri's. */
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua_binding.h"

/* The longest number: 309 digits of an integral double, a sign, and the end. */
#define NUMBER_TEXT 320
#define QUOTED_KEY 48

typedef struct writer {
  hc_buffer *out;
  bool *has_pairs;   /* the first one may have been empty */
} writer;

/* --- numbers */

/* printf and strtod follow the host's locale: whatever it has for a decimal point becomes one
 * '.'. */
static void force_decimal_point(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++) {
    if (strchr("+-0123456789e", *from)) {
      *to++ = *from;
    } else if (to == text || to[-1] != '.') {
      *to++ = '.';
    }
  }
  *to = '\0';
}

/* For what is no 64-bit integer. An integral number is written out in full, and the others as short
 * as they can be read back from. False for infinities and NaN. */
static bool float_text(double number, char text[NUMBER_TEXT]) {
  if (!(number >= -DBL_MAX && number <= DBL_MAX)) return false;
  int size = snprintf(text, NUMBER_TEXT, "%.0f", number);
  if (size > 0 && size < NUMBER_TEXT && strtod(text, NULL) == number) return true;
  /* 15 digits are the shortest for all numbers that they can tell apart; the subnormal ones have
   * fewer. */
  int precision = number < DBL_MIN && number > -DBL_MIN ? 1 : 15;
  do {
    size = snprintf(text, NUMBER_TEXT, "%.*g", precision, number);
  } while (size > 0 && precision++ < 17 && strtod(text, NULL) != number);
  force_decimal_point(text);
  return true;
}

/* An integral float is written as an integer, so that 3 and 3.0 give one text on every Lua. */
static bool number_text(lua_State *L, int index, char text[NUMBER_TEXT]) {
  int64_t integer;
  if (!hcl_to_integer(L, index, &integer)) return float_text((double)lua_tonumber(L, index), text);
  (void)snprintf(text, NUMBER_TEXT, "%" PRId64, integer);
  return true;
}

/* --- one pair */

/* An object in front of the fields is not counted. */
static int refuse_query_string(lua_State *L, const char *problem) {
  return hcl_argument_error(L, 1, problem);
}

/* Raises, and names the field. Jumps. The name is cut, since it can be as long as a body, and the
 * value is never shown: forms carry passwords. */
static int refuse_field(lua_State *L, hc_slice key, const char *problem) {
  bool cut = key.size > QUOTED_KEY;
  lua_pushlstring(L, key.data, cut ? QUOTED_KEY : key.size);
  const char *quoted = lua_tostring(L, -1);
  return refuse_query_string(
      L, lua_pushfstring(L, "field '%s%s': %s", quoted, cut ? "..." : "", problem));
}

/* Raises where no string of Lua's could hold the result; the buffer belongs to a userdata on the
 * stack. */
static void check_written(lua_State *L, const writer *w, hc_error code) {
  if (code != HC_OK || hc_buffer_size(w->out) > HCL_TEXT_LIMIT) hcl_raise_memory(L);
}

/* The buffer grows outside of Lua, and belongs to a userdata: whatever raises further on frees
 * it. */
static void append_query_string(lua_State *L, const writer *w, hc_slice text) {
  check_written(L, w, hc_buffer_append(w->out, text, HCL_TEXT_LIMIT));
}

/* What is not unreserved becomes %XX (RFC 3986 sections 2.1 and 2.3). */
static void append_encoded(lua_State *L, const writer *w, hc_slice text) {
  check_written(L, w, hc_uri_encode(text, w->out));
}

/* The separator is written before a pair and not behind it: whether another one comes is known by
 * nobody yet. */
static void write_key_query_string(lua_State *L, const writer *w, hc_slice key) {
  if (*w->has_pairs) append_query_string(L, w, HC_SLICE("&"));
  *w->has_pairs = true;
  append_encoded(L, w, key);
}

/* "name=", with nothing behind it, is an empty text, which is not the same as null. */
static void write_text(lua_State *L, const writer *w, hc_slice key, hc_slice value) {
  write_key_query_string(L, w, key);
  append_query_string(L, w, HC_SLICE("="));
  append_encoded(L, w, value);
}

/* null is a name alone, without "=", as in the engine. */
static void write_scalar(lua_State *L, const writer *w, hc_slice key, int value) {
  char text[NUMBER_TEXT];
  switch (lua_type(L, value)) {
  case LUA_TSTRING: write_text(L, w, key, hcl_to_slice(L, value)); return;
  case LUA_TBOOLEAN:
    write_text(L, w, key, lua_toboolean(L, value) ? HC_SLICE("true") : HC_SLICE("false"));
    return;
  case LUA_TNUMBER:
    if (!number_text(L, value, text)) refuse_field(L, key, "an infinity or NaN can not be written");
    write_text(L, w, key, hc_slice_of(text));
    return;
  default: break;
  }
  if (hcl_is_null(L, value)) {
    write_key_query_string(L, w, key);
    return;
  }
  const char *type = hcl_type_name(L, value);
  refuse_field(L, key, lua_pushfstring(L, "a value of type %s can not be written", type));
}

/* An array repeats its name for each element, as forms do (and an empty one leaves nothing). */
static void write_field(lua_State *L, const writer *w, hc_slice key, int value) {
  size_t count;
  if (!lua_istable(L, value)) {
    write_scalar(L, w, key, value);
    return;
  }
  if (!hcl_is_sequence(L, value, &count))
    refuse_field(L, key, "a table as value must be an array without gaps");
  value = lua_absindex(L, value);
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, value, (int)i);
    write_scalar(L, w, key, -1);
    lua_pop(L, 1);
  }
}

/* The text of the key at `index`; `text` is room for a number's. The value at the top of the stack
 * may be the key's. */
static hc_slice check_key_query_string(lua_State *L, int index, char text[NUMBER_TEXT]) {
  if (lua_type(L, index) == LUA_TSTRING) return hcl_to_slice(L, index);
  if (lua_type(L, index) != LUA_TNUMBER) {
    const char *type = hcl_type_name(L, index);
    refuse_query_string(L, lua_pushfstring(L, "a name must be a string or a number, got %s", type));
  }
  if (!number_text(L, index, text)) refuse_query_string(L, "a name is an infinity or NaN");
  return hc_slice_of(text);
}

/* --- the three ways through the fields */

/* In the order of the table's own __pairs, whose function is on the top of the stack. */
static void write_in_own_order(lua_State *L, const writer *w, int fields) {
  char text[NUMBER_TEXT];
  lua_pushvalue(L, fields);
  lua_call(L, 1, 3); /* iterator, state, control */
  for (;;) {
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -3);
    lua_call(L, 2, 2); /* iterator, state, control, key, value */
    if (lua_isnil(L, -2)) return;
    write_field(L, w, check_key_query_string(L, -2, text), -1);
    lua_pop(L, 1);
    lua_remove(L, -2); /* the key is the next control */
  }
}

/* One element that is none makes it a plain array, whose names are 1, 2, 3 ... */
static bool all_are_tables(lua_State *L, int sequence, size_t count) {
  bool all = true;
  for (size_t i = 1; i <= count && all; i++) {
    lua_rawgeti(L, sequence, (int)i);
    all = lua_istable(L, -1);
    lua_pop(L, 1);
  }
  return all;
}

/* Raw, and in the order of the array: this is the form for those who need one name at two places.
 */
static void write_pairs(lua_State *L, const writer *w, int fields, size_t count) {
  char text[NUMBER_TEXT];
  for (size_t i = 1; i <= count; i++) {
    size_t size;
    lua_rawgeti(L, fields, (int)i);
    if (!hcl_is_sequence(L, -1, &size) || size != 2) {
      refuse_query_string(L, lua_pushfstring(L, "element %d is no pair {name, value}", (int)i));
    }
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    write_field(L, w, check_key_query_string(L, -2, text), -1);
    lua_pop(L, 3);
  }
}

typedef struct sorted_key {
  hc_slice text;
  int place; /* in the table of keys */
  bool is_string; /* the number 1 and the string "1" may both be there */
} sorted_key;

/* By bytes, so that no locale changes the order. */
static int compare_keys(const void *a, const void *b) {
  const sorted_key *x = (const sorted_key *)a, *y = (const sorted_key *)b;
  size_t common = x->text.size < y->text.size ? x->text.size : y->text.size;
  int order = common ? memcmp(x->text.data, y->text.data, common) : 0;
  if (order != 0) return order;
  if (x->text.size != y->text.size) return x->text.size < y->text.size ? -1 : 1;
  return (int)x->is_string - (int)y->is_string;
}

/* Counted first, since the array of keys has to have its size when it is made. */
static size_t count_fields(lua_State *L, int fields) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, fields); lua_pop(L, 1)) count++;
  return count;
}

/* Fills `keys` from the table; the tables on the stack behind it anchor the keys and the numbers'
 * texts. lua_next must not see its key changed, so a number is written into `text` and not
 * converted where it stands. Making the strings can run finalizers, which may add to the table: no
 * more is taken than there is room for. */
static size_t gather_keys(lua_State *L, int fields, sorted_key *keys, size_t room) {
  size_t count = 0;
  lua_newtable(L);
  lua_newtable(L);
  int originals = lua_gettop(L) - 1, texts = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, fields); lua_pop(L, 1)) {
    char text[NUMBER_TEXT];
    if (count == room) break;
    sorted_key *key = &keys[count++];
    key->place = (int)count;
    key->is_string = lua_type(L, -2) == LUA_TSTRING;
    hc_slice name = check_key_query_string(L, -2, text);
    hcl_push_slice(L, name);
    key->text = hcl_to_slice(L, -1);
    lua_rawseti(L, texts, key->place);
    lua_pushvalue(L, -2);
    lua_rawseti(L, originals, key->place);
  }
  lua_settop(L, texts);
  return count;
}

/* A pair of an array that has a gap, or other fields beside the pairs: as a name and its values it
 * would be written as something that nobody meant. */
static int refuse_pair(lua_State *L, hc_slice number) {
  hcl_push_slice(L, number);
  return refuse_query_string(
      L, lua_pushfstring(L,
                         "element %s is a table, so all must be pairs {name, value}, without gaps "
                         "and without other names",
                         lua_tostring(L, -1)));
}

/* The array of keys is a userdata, since a value that can't be written raises further on. */
static void write_sorted(lua_State *L, const writer *w, int fields) {
  size_t room = count_fields(L, fields);
  if (room == 0) return;
  if (room > INT32_MAX / 2) hcl_raise_memory(L);
  sorted_key *keys = (sorted_key *)lua_newuserdata(L, room * sizeof *keys);
  size_t count = gather_keys(L, fields, keys, room);
  int originals = lua_gettop(L) - 1;
  qsort(keys, count, sizeof *keys, compare_keys);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, originals, keys[i].place);
    lua_rawget(L, fields);
    if (!keys[i].is_string && lua_istable(L, -1)) refuse_pair(L, keys[i].text);
    write_field(L, w, keys[i].text, -1);
    lua_pop(L, 1);
  }
}

/* A table that says how it is walked is asked for that; what looks like an array of pairs is one;
 * all else is sorted. */
static void write_fields(lua_State *L, const writer *w, int fields) {
  size_t count;
  if (luaL_getmetafield(L, fields, "__pairs")) {
    write_in_own_order(L, w, fields);
  } else if (hcl_is_sequence(L, fields, &count) && count > 0 && all_are_tables(L, fields, count)) {
    write_pairs(L, w, fields, count);
  } else {
    write_sorted(L, w, fields);
  }
}

/* Behind an object (client:query_string_from_dict) or behind the class table itself. */
static int fields_place(lua_State *L) {
  if (lua_type(L, 1) == LUA_TUSERDATA) return 2;
  if (lua_gettop(L) < 2 || !lua_istable(L, 1)) return 1;
  hcl_class_push(L, HCL_HTTP_CLIENT);
  bool is_class = lua_rawequal(L, 1, -1) != 0;
  lua_pop(L, 1);
  return is_class ? 2 : 1;
}

/* The iterator of a __pairs is a script's and can raise: so what is written so far is owned by a
 * userdata. */
int hcl_query_string_from_dict(lua_State *L) {
  bool has_pairs = false;
  writer w = {NULL, &has_pairs};
  int fields = fields_place(L);
  if (!lua_istable(L, fields)) {
    const char *got = hcl_type_name(L, fields);
    return refuse_query_string(L, lua_pushfstring(L, "table expected, got %s", got));
  }
  w.out = hcl_buffer_new(L);
  int top = lua_gettop(L);
  luaL_checkstack(L, 20, "query_string_from_dict");
  write_fields(L, &w, fields);
  lua_settop(L, top);
  hcl_buffer_push(L, w.out);
  return 1;
}

/* --- uri_encode, uri_decode */

/* Both converters take any bytes; the only thing that can go wrong is memory. */
static int convert_query_string(lua_State *L,
                                hc_error (*converter)(hc_slice text, hc_buffer *out)) {
  hc_slice text = hcl_check_string(L, 1);
  hc_buffer *out = hcl_buffer_new(L);
  if (converter(text, out) != HC_OK) return hcl_raise_memory(L);
  hcl_buffer_push(L, out);
  return 1;
}

int hcl_uri_encode(lua_State *L) { return convert_query_string(L, hc_uri_encode); }
int hcl_uri_decode(lua_State *L) { return convert_query_string(L, hc_uri_decode); }
