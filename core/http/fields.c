/* fields.c - field lines in one arena. See fields.h.
 *
 * Lines stand behind each other in `text`, and a field is three numbers: where its line begins, how
 * long name and line are. They are numbers and not pointers because the arena moves when it grows.
 *
 * Nearly all lines are usual ones, "Name: value" with one blank and a CRLF. Runs of these are
 * recognised eight bytes of a value at a time, and copied in one piece. The text of the head before
 * is still there then: a line that is the same in the same place need not be looked at again. All
 * other lines go one by one through hc_headers_parse_line, which has the rules. */
#include "fields.h"

#include <string.h>

#include "../base/chars.h"
#include "../base/memory.h"

/* Positions are 32 bits wide; heads are limited far below this. */
#define ARENA_LIMIT 0x7fffffffu
/* A usual head fits into the first allocation, where its size is not known yet. Where it is, the
 * next head on the connection may be a little longer, and a kept client has 100 bytes less. */
#define FIRST_ARENA 256u
#define ARENA_SLACK 16u
#define FIRST_FIELDS 8u

/* Doubling, so that n fields cost O(n) in all. How many a peer may send is limited before this by
 * the size of the head. */
static hc_error make_field_room(hc_headers *h) {
  if (h->count < h->capacity) return HC_OK;
  size_t capacity = h->capacity == 0 ? FIRST_FIELDS : (size_t)h->capacity * 2;
  if (capacity > ARENA_LIMIT / sizeof *h->fields) return HC_ERR_OUT_OF_MEMORY;
  hc_field *fields = hc_memory_resize(h->fields, capacity * sizeof *fields);
  if (!fields) return HC_ERR_OUT_OF_MEMORY;
  h->fields = fields;
  h->capacity = (uint32_t)capacity;
  return HC_OK;
}

/* As far as is known, none of the head before. */
static hc_field field_at(size_t line, size_t name_size, size_t line_size) {
  return (hc_field){.line = (uint32_t)line & ARENA_LIMIT,
                    .name_size = (uint32_t)name_size,
                    .line_size = (uint32_t)line_size};
}

/* An empty slice may have no pointer. */
static char *put_fields(char *at, hc_slice bytes) {
  if (bytes.size > 0) memcpy(at, bytes.data, bytes.size);
  return at + bytes.size;
}

/* Nothing is ever consumed here: what fits, fits behind. And nothing is ever written behind
 * `text.end` but what moves it: the text of the fields before the last clear stands there. */
static hc_error make_text_room(hc_headers *h, size_t size, size_t first, char **at) {
  hc_buffer *text = &h->text;
  bool is_first = text->end == h->front && h->former == 0; /* no field has ever stood here */
  size_t available, room = is_first && size < first ? first : size;
  if (text->capacity - text->end < size)
    return hc_buffer_reserve(text, room, ARENA_LIMIT, at, &available);
  *at = text->data + text->end;
  return HC_OK;
}

hc_error hc_headers_begin(hc_headers *h, hc_slice front) {
  if (front.size == 0) return HC_OK;
  if (front.size > ARENA_LIMIT) return HC_ERR_OUT_OF_MEMORY;
  char *at;
  hc_error error = make_text_room(h, front.size, 0, &at);
  if (error != HC_OK) return error;
  (void)put_fields(at, front);
  hc_buffer_commit(&h->text, front.size);
  h->front = (uint32_t)front.size;
  return HC_OK;
}

/* Registers a field of `size` bytes in all; the caller writes them to *at. */
static hc_error begin_field(hc_headers *h, size_t name_size, size_t size, char **at) {
  hc_error error = make_field_room(h);
  if (error == HC_OK) error = make_text_room(h, size, FIRST_ARENA, at);
  if (error != HC_OK) return error;
  h->fields[h->count++] = field_at(h->text.end, name_size, size);
  h->text.end += size;
  return HC_OK;
}

/* The arena has the line as it would stand in a message: a script that wants "Name: value" gets a
 * view of it, and name and value are views as well. */
hc_error hc_headers_add(hc_headers *h, hc_slice name, hc_slice value) {
  if (value.size > ARENA_LIMIT - 2 || name.size > ARENA_LIMIT - 2 - value.size)
    return HC_ERR_OUT_OF_MEMORY;
  char *at;
  hc_error error = begin_field(h, name.size, name.size + 2 + value.size, &at);
  if (error == HC_OK) put_fields(put_fields(put_fields(at, name), HC_SLICE(": ")), value);
  return error;
}

/* The last field's line is the last one in the arena: it grows in place. */
hc_error hc_headers_fold(hc_headers *h, hc_slice value) {
  if (value.size == 0) return HC_OK;
  if (value.size >= ARENA_LIMIT) return HC_ERR_OUT_OF_MEMORY;
  hc_field *last = &h->fields[h->count - 1];
  bool was_empty = last->line_size == last->name_size + 2;
  size_t size = value.size + (was_empty ? 0 : 1);
  char *at;
  size_t available;
  hc_error error = hc_buffer_reserve(&h->text, size, ARENA_LIMIT, &at, &available);
  if (error != HC_OK) return error;
  put_fields(put_fields(at, was_empty ? HC_SLICE("") : HC_SLICE(" ")), value);
  hc_buffer_commit(&h->text, size);
  last->line_size += (uint32_t)size;
  last->is_former = 0;
  return HC_OK;
}

/* Linear: a head has ten or forty fields, and a table would cost more to build than all look-ups of
 * a response take. */
bool hc_headers_find(const hc_headers *h, hc_slice name, size_t from, size_t *index) {
  for (size_t i = from; i < h->count; i++) {
    if (!hc_slice_equal_fold(hc_headers_name(h, i), name)) continue;
    *index = i;
    return true;
  }
  return false;
}

/* A list may be spread over several lines of the same name (RFC 9110 section 5.3), so each of them
 * is looked through. */
bool hc_headers_have_token(const hc_headers *h, hc_slice name, hc_slice token) {
  for (size_t i = 0; hc_headers_find(h, name, i, &i); i++) {
    if (hc_list_has_token(hc_headers_value(h, i), token)) return true;
  }
  return false;
}

/* Is so much of `held` unused that giving it back is worth a call of the allocator? */
static bool is_wasteful(size_t used, size_t held) { return held - used > used / 4 + 64; }

/* For a response that a script keeps: the room to grow is of use to the next head on the
 * connection, and not to one that will never change again. Failing to give it back is no
 * failure. */
void hc_headers_trim(hc_headers *h) {
  h->former = 0;
  if (h->count == 0) return;
  if (is_wasteful(h->text.end, h->text.capacity)) {
    char *text = hc_memory_resize(h->text.data, h->text.end);
    if (text) {
      h->text.data = text;
      h->text.capacity = h->text.end;
    }
  }
  if (is_wasteful(h->count * sizeof *h->fields, h->capacity * sizeof *h->fields)) {
    hc_field *fields = hc_memory_resize(h->fields, h->count * sizeof *fields);
    if (fields) {
      h->fields = fields;
      h->capacity = h->count;
    }
  }
}

/* The text stays where it is, behind the end of what counts: the next answer on the connection is
 * likely to have many of the same lines in the same places. See is_former_line. Where a head had no
 * fields, what stood in front of them may have been written over those of the head before. */
void hc_headers_clear(hc_headers *h) {
  hc_buffer_consume(&h->text, hc_buffer_size(&h->text));
  if (h->count > 0 || h->front > 0) {
    h->former = h->count;
    h->former_mark = h->mark;
    h->mark = 0;
  }
  h->count = h->front = 0;
}

/* One that is empty may be a constant. */
void hc_headers_mark(const hc_headers *h, uint32_t mark) {
  union {
    const hc_headers *shown;
    hc_headers *own;
  } headers = {h};
  if (h->count > 0) headers.own->mark = mark;
}

void hc_headers_free(hc_headers *h) {
  hc_buffer_free(&h->text);
  hc_memory_release(h->fields);
  *h = (hc_headers){0};
}

static hc_error refuse_fields(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_DATA, "response header: %s", what);
}

static hc_error out_of_memory_fields(hc_error error, hc_failure *why) {
  return error == HC_OK ? HC_OK : hc_failure_out_of_memory_for(why, "the response's headers");
}

/* obs-fold: a user agent replaces it with a blank (RFC 9112 section 5.2). */
static hc_error parse_continuation(hc_headers *h, hc_slice line, hc_failure *why) {
  /* RFC 9112 section 2.2 */
  if (h->count == 0) return refuse_fields(why, "white space before the first field line");
  return out_of_memory_fields(hc_headers_fold(h, hc_slice_trim(line)), why);
}

/* No white space between name and colon either: RFC 9112 section 5.1. */
static hc_error refuse_name_fields(hc_slice line, size_t name_size, hc_failure *why) {
  if (line.size == name_size || !memchr(line.data, ':', line.size))
    return refuse_fields(why, "a field line has no colon");
  return refuse_fields(why, name_size == 0 && line.data[0] == ':'
                                ? "a field name is empty"
                                : "a field name holds a byte that is no token character");
}

static bool is_blank_fields(char c) { return c == ' ' || c == '\t'; }

/* Nearly all lines come as "Name: value" already, one blank and no more: those are copied in one
 * piece. */
static bool is_canonical(hc_slice line, size_t name_size) {
  return line.size > name_size + 2 && line.data[name_size + 1] == ' ' &&
         !is_blank_fields(line.data[name_size + 2]) && !is_blank_fields(line.data[line.size - 1]) &&
         line.size <= ARENA_LIMIT;
}

/* All others are put together anew, so that what is kept has one form whatever the peer's spacing
 * was. */
static hc_error add_line_fields(hc_headers *h, hc_slice line, size_t name_size) {
  if (!is_canonical(line, name_size)) {
    hc_slice value = {line.data + name_size + 1, line.size - name_size - 1};
    return hc_headers_add(h, (hc_slice){line.data, name_size}, hc_slice_trim(value));
  }
  char *at;
  hc_error error = begin_field(h, name_size, line.size, &at);
  if (error == HC_OK) memcpy(at, line.data, line.size);
  return error;
}

/* The strict reading, for each line that the fast one passes by. Nothing is repaired here but
 * obs-fold: a field that two parsers could read in two ways is how requests and answers get
 * smuggled past one of them (RFC 9112 section 11.2). */
hc_error hc_headers_parse_line(hc_headers *h, hc_slice line, hc_failure *why) {
  if (line.size == 0) return refuse_fields(why, "a field line has no colon");
  /* RFC 9110 section 5.5: NUL, CR and LF are dangerous; the LF can't be here. */
  if (memchr(line.data, '\0', line.size))
    return refuse_fields(why, "a field line holds a NUL byte");
  if (memchr(line.data, '\r', line.size)) return refuse_fields(why, "a field line holds a bare CR");
  if (is_blank_fields(line.data[0])) return parse_continuation(h, line, why);
  size_t name_size = hc_token_size(line.data, line.size);
  if (name_size == 0 || name_size == line.size || line.data[name_size] != ':')
    return refuse_name_fields(line, name_size, why);
  return out_of_memory_fields(add_line_fields(h, line, name_size), why);
}

/* Eight bytes as a number, the first one lowest: compilers make one load of it where the processor
 * has them so. */
static inline uint64_t load_word(const char *at) {
  const unsigned char *b = (const unsigned char *)at;
  return b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
         (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

/* The number of the byte whose highest bit is the lowest one set: below it stand as many whole
 * bytes, which are counted. */
static inline unsigned first_byte(uint64_t highest_bits) {
  uint64_t below = (highest_bits & (0 - highest_bits)) - 1;
  return (unsigned)(((below & UINT64_C(0x0101010101010101)) * UINT64_C(0x0101010101010101)) >> 56) -
         1;
}

/* The first byte below 20 at or behind `at`; `end` when there is none. Eight bytes at a time: such
 * a byte borrows into its highest bit, which no byte of 7-bit text has; the lowest bit found is
 * that of the first one. */
static const char *find_control(const char *at, const char *end) {
  const uint64_t lows = UINT64_C(0x2020202020202020), highs = UINT64_C(0x8080808080808080);
  for (; end - at >= (ptrdiff_t)sizeof(uint64_t); at += sizeof(uint64_t)) {
    uint64_t word = load_word(at), found = (word - lows) & ~word & highs;
    if (found != 0) return at + first_byte(found);
  }
  while (at < end && (unsigned char)*at >= ' ') at++;
  return at;
}

/* The size of the line at data[0] without its CRLF; 0 when it is no usual one. */
static size_t usual_line_size(const char *data, size_t size, size_t *name_size) {
  if (size == 0 || !hc_char_is_token(data[0])) return 0; /* the end of a head, most of the time */
  size_t name = *name_size = hc_token_size(data, size);
  if (name == 0 || size - name < 5 || data[name] != ':' || data[name + 1] != ' ') return 0;
  const char *value = data + name + 2, *end = find_control(value, data + size);
  if (data + size - end < 2 || end[0] != '\r' || end[1] != '\n') return 0;
  if (end == value || is_blank_fields(value[0]) || is_blank_fields(end[-1])) return 0;
  return (size_t)(end - data);
}

/* New lines beside the text from before the last clear, of which the part from here on belongs at
 * data[0]. */
typedef struct comparison {
  const char *data, *former;
  size_t size, former_size;
  size_t same; /* up to here both are known to say the same */
  bool is_fresh; /* the whole rest is worth a comparison */
  unsigned tries; /* how often it may still be made */
} comparison;

#define TRIES 2u

static comparison compare_with_former(const hc_headers *h, const char *data, size_t size) {
  comparison c = {.data = data, .size = size, .is_fresh = true, .tries = TRIES};
  if (h->count >= h->former) return c;
  const hc_field *last = &h->fields[h->former - 1];
  size_t end = (size_t)last->line + last->line_size;
  if (end <= h->text.end) return c;
  c.former = h->text.data + h->text.end;
  c.former_size = end - h->text.end;
  return c;
}

/* Behind the Date a head mostly goes on as the one before: all of the rest is compared in one go,
 * which spares one of 40 fields another 6%. Where that fails it has been for nothing, so there are
 * few tries, at the first line and behind the first one that differs. */
static bool is_rest_same(comparison *c, size_t at) {
  if (!c->former || !c->is_fresh || c->tries == 0 || c->size < c->former_size) return false;
  c->is_fresh = false;
  c->tries--;
  if (memcmp(c->former + at, c->data + at, c->former_size - at) != 0) return false;
  c->same = c->former_size;
  return true;
}

/* Does the field from before the last clear that has its line at former[at] say the same as the
 * line at data[at]? What was looked at once need not be looked at again: that spares a small GET 5%
 * of all instructions, and one with 40 fields more than 10%. */
static bool is_former_line(comparison *c, size_t at, size_t line) {
  size_t end = at + line;
  if (c->size < end + 2 || c->data[end] != '\r' || c->data[end + 1] != '\n') return false;
  if (end <= c->same || is_rest_same(c, at)) return true;
  return c->former && memcmp(c->former + at, c->data + at, line) == 0;
}

/* The lines are copied in one piece, with the CRLF between them; not that behind the last, since it
 * may grow. Until then the fields are ahead of their text. */
size_t hc_headers_take_usual_lines(hc_headers *h, const char *data, size_t size) {
  size_t taken = 0, line, name;
  uint32_t before = h->count, former = h->former;
  if (size > ARENA_LIMIT) size = ARENA_LIMIT;
  if (h->text.end > ARENA_LIMIT - size) return 0;
  comparison with = compare_with_former(h, data, size);
  for (uint32_t i = before;; i++) {
    if (i < former && h->fields[i].line == h->text.end + taken &&
        is_former_line(&with, taken, h->fields[i].line_size)) {
      line = h->fields[i].line_size;
      h->fields[i].is_former = 1;
    } else {
      line = usual_line_size(data + taken, size - taken, &name);
      if (line == 0 || make_field_room(h) != HC_OK) break;
      h->fields[i] = field_at(h->text.end + taken, name, line);
      with.is_fresh = true;
    }
    h->count = i + 1;
    taken += line + 2;
  }
  char *at;
  if (taken == 0) return 0;
  if (make_text_room(h, taken - 2, taken + ARENA_SLACK, &at) != HC_OK) {
    h->count = before;
    h->former = 0; /* they may be written over by now */
    return 0;
  }
  memcpy(at, data, taken - 2);
  h->text.end += taken - 2;
  return taken;
}
