/* lua_header_dictionary.c - the fields of a head as a table. See lua_header_dictionary.h.
 *
 * Scripts ask for all fields at once and read two or three of them, so what this costs is making
 * strings. Two ways: heads of up to 64 fields go by what the last heads had, which spares most
 * strings; larger ones by lists, so that their cost stays linear.
 *
 * It copies out of the core's list of fields and knows nothing of the exchange. */
#include "lua_header_dictionary.h"

#include <string.h>

#include "../core/base/chars.h"

/* A name that stands once, as most do, is spared the buffer. */
void hcl_push_joined(lua_State *L, const hc_headers *headers, hc_slice name, size_t first,
                     const char *separator) {
  size_t index = first, next;
  if (!hc_headers_find(headers, name, first + 1, &next)) {
    hcl_push_slice(L, hc_headers_value(headers, first));
    return;
  }
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (;;) {
    hc_slice value = hc_headers_value(headers, index);
    luaL_addlstring(&b, value.size ? value.data : "", value.size);
    if (!hc_headers_find(headers, name, index + 1, &index)) break;
    luaL_addstring(&b, separator);
  }
  luaL_pushresult(&b);
}

/* __index: another letter case finds the entry too. Called where the raw access found nothing, so
 * the usual spelling costs no walk. The table is the script's by now and may hold anything. */
static int dictionary_index(lua_State *L) {
  if (!lua_istable(L, 1)) return hcl_type_error(L, 1, "table");
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  hc_slice wanted = hcl_to_slice(L, 2);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING && hc_slice_equal_fold(hcl_to_slice(L, -2), wanted))
      return 1;
    lua_pop(L, 1);
  }
  return 0;
}

/* One metatable for all dictionaries of a state. */
static void set_dictionary_metatable(lua_State *L) {
  hcl_push_metatable(L, "httpclient.headers", "__index", dictionary_index);
  lua_setmetatable(L, -2);
}

/* --- few fields */

#define FEW_FIELDS 64u
#define SLOTS ((size_t)256) /* a power of two, more than FEW_FIELDS */
#define KNOWN "httpclient.known_fields"
#define KNOWN_TEXT_SIZE 40u /* longer ones are not kept */

/* The text of a string that the table of strings holds. */
typedef struct known_text {
  const char *data; /* NULL: none */
  size_t size;
} known_text;

/* Responses have nearly the same fields: the strings of the last ones are found again here by the
 * hash of the name, so that they need not be made again. One per Lua state. */
typedef struct known_field {
  known_text name, value;
} known_field;

typedef struct known_fields {
  known_field fields[SLOTS];
  /* of each field of the last heads, by its number: where its name is */
  uint8_t slots[FEW_FIELDS];
  /* Of the last head: a bit for each field whose name and value are in its slot. */
  uint64_t kept;
  /* Its number, which it is marked with (hc_headers_mark); 0: none. At the end of the numbers there
   * are no more marks. */
  uint32_t number;
} known_fields;

/* One head on its way into a table. Each new string can run a finalizer, and with it a script that
 * asks for another head: then there is another number, and what is here of the record is not known
 * any more. */
typedef struct filling {
  const hc_headers *headers;
  known_fields *known;
  uint32_t number;
  uint64_t kept; /* so far, of this head */
  uint64_t former; /* of the head before on the same connection, as long as nothing came between */
} filling;

/* Of the length and of the bytes at both ends, letter case apart. Names that a server makes to
 * collide cost a comparison with each field before, and there are few of them. */
static size_t hash_name_header_dictionary(hc_slice name) {
  uint64_t first = 0, last = 0;
  size_t size = name.size < sizeof first ? name.size : sizeof first;
  if (size == sizeof first) {
    memcpy(&first, name.data, sizeof first);
    memcpy(&last, name.data + name.size - sizeof last, sizeof last);
  } else {
    memcpy(&first, name.data, size);
  }
  uint64_t both = (first | UINT64_C(0x2020202020202020)) * UINT64_C(0x9e3779b97f4a7c15);
  both = (both ^ (last | UINT64_C(0x2020202020202020)) ^ name.size) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(both >> 56) % SLOTS;
}

/* Pushes the table of strings, two for each slot; what they say is in *known. The table has the
 * record as its last element, and false where no string is. */
static void push_known(lua_State *L, known_fields **known) {
  lua_getfield(L, LUA_REGISTRYINDEX, KNOWN);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_createtable(L, (int)(2 * SLOTS + 1), 0);
    for (size_t i = 1; i <= 2 * SLOTS; i++) {
      lua_pushboolean(L, 0);
      lua_rawseti(L, -2, (int)i);
    }
    memset(lua_newuserdata(L, sizeof **known), 0, sizeof **known);
    lua_rawseti(L, -2, (int)(2 * SLOTS + 1));
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, KNOWN);
  }
  lua_rawgeti(L, -1, (int)(2 * SLOTS + 1));
  *known = (known_fields *)lua_touserdata(L, -1);
  lua_pop(L, 1);
}

/* By memcpy, which is one load: the bytes may stand anywhere. */
static uint64_t eight_at(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* Names and values are short. With a call of memcmp for each of them a head of 40 fields costs 2.8%
 * more instructions. */
static inline bool same_bytes(const char *a, const char *b, size_t size) {
  if (size < 8) return memcmp(a, b, size) == 0;
  uint64_t differs = eight_at(a + size - 8) ^ eight_at(b + size - 8); /* the end, overlapping */
  for (size_t at = 0; at + 8 < size; at += 8) differs |= eight_at(a + at) ^ eight_at(b + at);
  return differs == 0;
}

/* A slot that has kept nothing yet says nothing. */
static inline bool says(const known_text *kept, hc_slice text) {
  return kept->data && kept->size == text.size && same_bytes(kept->data, text.data, text.size);
}

/* The slot of the name of field number `i`. True: it is where it was in the last head, found
 * without its hash, and the string is there. */
static bool find_slot(known_fields *known, size_t i, hc_slice name, size_t *slot) {
  *slot = known->slots[i];
  if (says(&known->fields[*slot].name, name)) return true;
  *slot = hash_name_header_dictionary(name);
  known->slots[i] = (uint8_t)*slot;
  return false;
}

/* Pushes the text as a string, the kept one if that says the same; else it is the one that is kept.
 * `kept->data` is NULL while the table is written to: an error in between must not leave a view of
 * a string that nobody holds. */
static void push_text(lua_State *L, int strings, size_t place, known_text *kept, hc_slice text) {
  int index = (int)place + 1;
  if (says(kept, text)) {
    lua_rawgeti(L, strings, index);
    return;
  }
  hcl_push_slice(L, text);
  if (text.size > KNOWN_TEXT_SIZE) return;
  kept->data = NULL;
  lua_pushvalue(L, -1);
  lua_rawseti(L, strings, index);
  *kept = (known_text){lua_tostring(L, -1), text.size};
}

/* Which slots the head at hand has used: a name whose slot is taken may be there already. */
typedef struct used_slots {
  uint64_t bits[SLOTS / 64];
} used_slots;

static inline bool is_used(const used_slots *used, size_t slot) {
  return (used->bits[slot / 64] >> (slot % 64) & 1) != 0;
}

static inline void use(used_slots *used, size_t slot) {
  used->bits[slot / 64] |= UINT64_C(1) << (slot % 64);
}

/* The values of Set-Cookie hold commas (RFC 9110 section 5.3): in a list nobody could tell them
 * apart. */
static bool keeps_first(hcl_join join, hc_slice name) {
  return join == HCL_JOIN_LISTS && hc_slice_equal_fold(name, HC_SLICE("set-cookie"));
}

/* The engine's dictionary joins with a semicolon, which is nobody's rule but its own; for all else
 * there is RFC 9110 section 5.3. */
static const char *separator_of(hcl_join join) { return join == HCL_JOIN_LISTS ? ", " : "; "; }

/* Does the field say what is in this slot, as most do? Where the core has found it the same as in
 * the head before, and that head was the last one here, nobody has to compare it again: that spares
 * a head of 40 fields a tenth of all instructions. */
static inline bool is_as_before(const filling *f, size_t i, size_t slot) {
  const known_field *kept = &f->known->fields[slot];
  if ((f->former >> i & 1) != 0 && f->headers->fields[i].is_former) return true;
  return says(&kept->name, hc_headers_name(f->headers, i)) &&
         says(&kept->value, hc_headers_value(f->headers, i));
}

/* Are both texts short enough to be kept? */
static bool is_kept(const hc_headers *headers, size_t i) {
  return headers->fields[i].name_size <= KNOWN_TEXT_SIZE &&
         hc_headers_value(headers, i).size <= KNOWN_TEXT_SIZE;
}

/* Pushes name and value of any field; of a repeated name, what becomes of all its values. */
static void push_field(lua_State *L, int strings, filling *f, used_slots *used, size_t i,
                       hcl_join join) {
  const hc_headers *headers = f->headers;
  known_fields *known = f->known;
  hc_slice name = hc_headers_name(headers, i);
  size_t first = i, slot;
  bool is_known = find_slot(known, i, name, &slot);
  if (!is_used(used, slot)) {
    known_field *kept = &known->fields[slot];
    use(used, slot);
    if (is_known) lua_rawgeti(L, strings, (int)(2 * slot) + 1);
    else push_text(L, strings, 2 * slot, &kept->name, name);
    push_text(L, strings, 2 * slot + 1, &kept->value, hc_headers_value(headers, i));
    if (is_kept(headers, i)) f->kept |= UINT64_C(1) << i;
    return;
  }
  /* Once more for each repetition, so that most fields cost nothing. */
  (void)hc_headers_find(headers, name, 0, &first);
  hcl_push_slice(L, hc_headers_name(headers, first));
  if (keeps_first(join, name)) hcl_push_slice(L, hc_headers_value(headers, first));
  else hcl_push_joined(L, headers, name, first, separator_of(join));
}

/* The number is taken at once: after an error half way nobody has it. */
static filling begin_filling(const hc_headers *headers, known_fields *known) {
  bool is_next = headers->former_mark != 0 && headers->former_mark == known->number;
  filling f = {headers, known, 0, 0, is_next ? known->kept : 0};
  if (known->number < UINT32_MAX) known->number++;
  f.number = known->number;
  return f;
}

/* Has another head come in between? Its number must not hold either, now that this one goes on. */
static inline void notice_others(filling *f) {
  if (f->number == f->known->number) return;
  f->number = 0;
  f->former = 0;
  if (f->known->number < UINT32_MAX) f->known->number++;
}

static void end_filling(filling *f) {
  notice_others(f);
  if (f->number == 0 || f->number == UINT32_MAX) return;
  f->known->kept = f->kept;
  hc_headers_mark(f->headers, f->number);
}

/* The dictionary is on the top of the stack. */
static void fill_small(lua_State *L, const hc_headers *headers, hcl_join join) {
  int dictionary = lua_gettop(L), strings = dictionary + 1;
  known_fields *known;
  used_slots used = {{0}};
  push_known(L, &known);
  filling f = begin_filling(headers, known);
  for (size_t i = 0; i < headers->count; i++) {
    size_t slot = known->slots[i];
    notice_others(&f);
    if (!is_used(&used, slot) && is_as_before(&f, i, slot)) {
      use(&used, slot);
      f.kept |= UINT64_C(1) << i;
      lua_rawgeti(L, strings, (int)(2 * slot) + 1);
      lua_rawgeti(L, strings, (int)(2 * slot) + 2);
    } else {
      push_field(L, strings, &f, &used, i, join);
    }
    lua_rawset(L, dictionary);
  }
  end_filling(&f);
  lua_settop(L, dictionary);
}

/* --- many fields */

/* A name has no letter case (RFC 9110 section 5.1), and one form of it makes a table's key of
 * it. */
static void push_lower(lua_State *L, hc_slice name) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < name.size; i++) luaL_addchar(&b, hc_char_lower(name.data[i]));
  luaL_pushresult(&b);
}

/* Lists by lower-case name first, so that the cost stays linear whatever a server sends. The stack:
 * the dictionary, the lists by name, then what one step needs, which settop throws away. */
static void fill_large(lua_State *L, const hc_headers *headers, hcl_join join) {
  int dictionary = lua_gettop(L);
  lua_newtable(L); /* lower-case name -> list of values */
  int lists = lua_gettop(L);
  for (size_t i = 0; i < headers->count; i++) {
    push_lower(L, hc_headers_name(headers, i));
    lua_pushvalue(L, -1);
    lua_rawget(L, lists);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, lists);
      hcl_push_slice(L, hc_headers_name(headers, i));
      lua_pushvalue(L, -2);
      lua_rawset(L, dictionary);
    }
    if (lua_rawlen(L, -1) == 0 || !keeps_first(join, hc_headers_name(headers, i))) {
      hcl_push_slice(L, hc_headers_value(headers, i));
      lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    }
    lua_settop(L, lists);
  }
  lua_pushnil(L);
  /* an assignment to an existing field is allowed while walking */
  while (lua_next(L, dictionary)) {
    luaL_Buffer b;
    size_t count = lua_rawlen(L, -1);
    luaL_buffinit(L, &b);
    for (size_t i = 1; i <= count; i++) {
      if (i > 1) luaL_addstring(&b, separator_of(join));
      lua_rawgeti(L, lists + 2, (int)i);
      luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    lua_pushvalue(L, lists + 1);
    lua_insert(L, -2);
    lua_rawset(L, dictionary);
    lua_settop(L, lists + 1);
  }
  lua_settop(L, dictionary);
}

/* Room for all pushes on the way is asked for here, once. The metatable comes last, so filling is
 * raw access either way. */
void hcl_push_header_dictionary(lua_State *L, const hc_headers *headers, hcl_join join) {
  luaL_checkstack(L, 12, NULL);
  bool small = headers->count <= FEW_FIELDS;
  lua_createtable(L, 0, small ? (int)headers->count : 0);
  if (small) fill_small(L, headers, join);
  else fill_large(L, headers, join);
  set_dictionary_metatable(L);
}
