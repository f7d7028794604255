/* fuzz_query.c - query_string_from_dict, in a Lua state. The input makes pairs: as an array of
 * pairs they are read back in their order, as a table by their names in bytewise order; each time
 * by a slow reading of the string. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int luaopen_httpclient_core(lua_State *L);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define PAIRS_MAX 32

typedef struct text {
  const char *at;
  size_t size;
} text;

typedef struct pair {
  text name, value;
  bool is_null;
} pair;

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

static int digit(char c) {
  check((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'),
        "digits of a code are hexadecimal, in capitals");
  return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Takes what stands for `wanted` off the string. */
static void take(text *string, text wanted) {
  for (size_t i = 0; i < wanted.size; i++) {
    check(string->size > 0, "the string goes on");
    size_t used = string->at[0] == '%' ? 3 : 1;
    check(used <= string->size, "a code is whole");
    char byte =
        used == 3 ? (char)(digit(string->at[1]) * 16 + digit(string->at[2])) : string->at[0];
    check(byte == wanted.at[i], "the same byte");
    bool is_plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                    (byte >= '0' && byte <= '9') || (byte != 0 && strchr("-._~", byte));
    check(is_plain == (used == 1), "encoded when it must be, and only then");
    string->at += used;
    string->size -= used;
  }
}

static void take_char(text *string, char c) {
  check(string->size > 0 && string->at[0] == c, "the right mark");
  string->at++;
  string->size--;
}

static void read_back(text string, const pair *pairs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (i > 0) take_char(&string, '&');
    take(&string, pairs[i].name);
    if (pairs[i].is_null) continue;
    take_char(&string, '=');
    take(&string, pairs[i].value);
  }
  check(string.size == 0, "nothing stands behind the last pair");
}

static void push_value(lua_State *L, const pair *p) {
  if (p->is_null) lua_pushlightuserdata(L, NULL);
  else lua_pushlstring(L, p->value.at, p->value.size);
}

static void push_array(lua_State *L, const pair *pairs, size_t count) {
  lua_newtable(L);
  for (size_t i = 0; i < count; i++) {
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, pairs[i].name.at, pairs[i].name.size);
    lua_rawseti(L, -2, 1);
    push_value(L, &pairs[i]);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static void push_table(lua_State *L, const pair *pairs, size_t count) {
  lua_newtable(L);
  for (size_t i = 0; i < count; i++) {
    lua_pushlstring(L, pairs[i].name.at, pairs[i].name.size);
    push_value(L, &pairs[i]);
    lua_rawset(L, -3);
  }
}

/* The function and its argument are on the stack. */
static void call_and_read(lua_State *L, const pair *pairs, size_t count) {
  check(lua_pcall(L, 1, 1, 0) == 0, "it does not raise");
  text string;
  string.at = lua_tolstring(L, -1, &string.size);
  check(string.at != NULL, "it gives a string");
  read_back(string, pairs, count);
  lua_pop(L, 1);
}

static int compare(text a, text b) {
  int order = memcmp(a.at, b.at, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* By name; of equal names the last one stays, as in a table. */
static size_t sort(pair *pairs, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    pair p = pairs[i];
    size_t at = 0;
    while (at < kept && compare(pairs[at].name, p.name) < 0) at++;
    if (at == kept || compare(pairs[at].name, p.name) != 0)
      memmove(pairs + at + 1, pairs + at, (kept++ - at) * sizeof *pairs);
    pairs[at] = p;
  }
  return kept;
}

/* A byte gives a size, and whether the value is null; two such texts make a pair. */
static size_t read_pairs(const char *at, size_t size, pair *pairs) {
  size_t count = 0;
  while (count < PAIRS_MAX && size >= 2) {
    size_t name = (unsigned char)at[0] & 15, value = (unsigned char)at[1] & 63;
    bool is_null = ((unsigned char)at[0] & 128) != 0;
    if (size < 2 + name + value) break;
    pairs[count++] = (pair){{at + 2, name}, {at + 2 + name, value}, is_null};
    at += 2 + name + value;
    size -= 2 + name + value;
  }
  return count;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static lua_State *L;
  pair pairs[PAIRS_MAX];
  if (!L) {
    L = luaL_newstate();
    if (!L) abort();
    lua_pushcfunction(L, luaopen_httpclient_core);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "query_string_from_dict");
    lua_replace(L, 1);
    lua_settop(L, 1);
  }
  size_t count = read_pairs((const char *)data, size, pairs);
  lua_pushvalue(L, 1);
  push_array(L, pairs, count);
  call_and_read(L, pairs, count);
  count = sort(pairs, count);
  lua_pushvalue(L, 1);
  push_table(L, pairs, count);
  call_and_read(L, pairs, count);
  lua_gc(L, LUA_GCCOLLECT, 0); /* what is left looks like a leak to libFuzzer, and takes its time */
  return 0;
}
