/* fields.h - the header or trailer fields of one message, in the order in which they came.
 *
 * On the way of a byte in, a parser copies each field line once, into one piece of memory; from
 * then on everybody has views of it, up to the Lua string that a script sees. How a line has to
 * look is checked here (RFC 9112 section 5). What a field means is for others to know. */
#ifndef HC_HEADERS_H
#define HC_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buffer.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

typedef struct hc_field {
  uint32_t line : 31;      /* where "Name: value" begins in the text */
  uint32_t is_former : 1;  /* the head before had the same line in the same place */
  uint32_t name_size;
  uint32_t line_size;      /* name + ": " + value */
} hc_field;

/* All zero: a valid empty set. Views of it live until the next add, fold, clear or free. The fields
 * from before the last clear are kept to compare with, since the heads on one connection are much
 * alike. */
typedef struct hc_headers {
  hc_buffer text;
  hc_field *fields;
  uint32_t count, capacity;
  /* fields[count..former) and their text, from text.end on, are those before the last clear */
  uint32_t former;
  /* Of whoever has made something of this head, and of the one before (hc_headers_mark); 0: nobody
   * has. */
  uint32_t mark, former_mark;
  uint32_t front; /* so many bytes of `text` stand in front of the fields, see hc_headers_begin */
} hc_headers;

/* Into an empty set: text that is no field and comes before them, kept in the same memory, as the
 * reason of a status line. It goes with them. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_headers_begin(hc_headers *h, hc_slice front);
static inline hc_slice hc_headers_front(const hc_headers *h) {
  return h->front > 0 ? hc_slice_make(h->text.data, h->front) : hc_slice_make(NULL, 0);
}
/* Appends one field. Name and value are copied, as "Name: value". HC_ERR_OUT_OF_MEMORY. */
hc_error hc_headers_add(hc_headers *h, hc_slice name, hc_slice value);
/* A line that continues the last field (obs-fold, RFC 9112 section 5.2): appends a blank and
 * `value` to that field's value, or `value` alone where that was empty, or nothing where `value`
 * is. There has to be a field. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_headers_fold(hc_headers *h, hc_slice value);
/* "Name: value" */
static inline hc_slice hc_headers_line(const hc_headers *h, size_t index) {
  const hc_field *field = &h->fields[index];
  return hc_slice_make(h->text.data + field->line, field->line_size);
}

static inline hc_slice hc_headers_name(const hc_headers *h, size_t index) {
  const hc_field *field = &h->fields[index];
  return hc_slice_make(h->text.data + field->line, field->name_size);
}

static inline hc_slice hc_headers_value(const hc_headers *h, size_t index) {
  const hc_field *field = &h->fields[index];
  size_t before = (size_t)field->name_size + 2;
  return hc_slice_make(h->text.data + field->line + before, field->line_size - before);
}

/* The first field of that name, in any letter case, from number `from` on. False when there is
 * none. */
bool hc_headers_find(const hc_headers *h, hc_slice name, size_t from, size_t *index);
/* Is the token in a field of that name, read as a list (RFC 9110 section 5.6.1)? */
bool hc_headers_have_token(const hc_headers *h, hc_slice name, hc_slice token);
/* Gives memory back when much of it is unused. To be called when a head is complete. */
void hc_headers_trim(hc_headers *h);
/* Empties the set, and keeps its memory for the next one. */
void hc_headers_clear(hc_headers *h);
/* For whoever makes something of each head that comes here, and wants to know when the next one is
 * there what he made of the one before: that mark is former_mark then. What the head says does not
 * change; an empty one is not marked. */
void hc_headers_mark(const hc_headers *h, uint32_t mark);
/* And all memory with it; the set is a valid empty one. */
void hc_headers_free(hc_headers *h);

/* Adds one field line as it was received, without the CRLF (or LF) at its end. A line that starts
 * with SP or HTAB continues the field before. HC_ERR_INVALID_DATA, with the reason in `why`: no
 * colon, a name that is no token (RFC 9112 section 5.1), NUL or CR in the line, white space before
 * the first field. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_headers_parse_line(hc_headers *h, hc_slice line, hc_failure *why);
/* The same for the lines from data[0] on that are as nearly all are: "Name: value" with one blank,
 * ended by CRLF and whole. Returns the size of them all with each CRLF; 0, nothing added, when the
 * first is not like that or memory is out: then hc_headers_parse_line has to look. */
size_t hc_headers_take_usual_lines(hc_headers *h, const char *data, size_t size);

HC_INTERNAL_END

#endif
