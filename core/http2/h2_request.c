/* h2_request.c - the head of a request as a list of fields. See h2_request.h.
 *
 * What HTTP/1.1 says in a request line and in Host is said in pseudo-fields here, and all names are
 * in lower case (RFC 9113 section 8.2). What a caller wrote for HTTP/1.1 alone is left out, so that
 * the same request can be sent by either version and its author need not know which one it was. */
#include "h2_request.h"

#include <string.h>

#include "../base/chars.h"
#include "../base/limits.h"
#include "../base/memory.h"
#include "../platform/system_name.h"

/* Pseudo-fields and fields of our own, at most. */
#define OWN_FIELDS 8u
/* What a field adds at most to the size of its name and value, ours included. */
#define FIELD_MORE ((size_t)128)

/* There is room: all sizes were added up before. A buffer that grew now would leave the views
 * before it in freed memory. */
static hc_slice put_text(hc_buffer *out, hc_slice s) {
  char *at = out->data + out->end;
  if (s.size > 0) memcpy(at, s.data, s.size);
  out->end += s.size;
  return (hc_slice){at, s.size};
}

/* A name with a capital letter makes the request malformed (section 8.2.1). */
static hc_slice put_lower(hc_buffer *out, hc_slice s) {
  char *at = out->data + out->end;
  for (size_t i = 0; i < s.size; i++) at[i] = hc_char_lower(s.data[i]);
  out->end += s.size;
  return (hc_slice){at, s.size};
}

/* There is room for the caller's lines and for OWN_FIELDS more (make_room_h2_request). */
static void add_h2_request(hc_h2_fields *f, hc_slice name, hc_slice value) {
  f->fields[f->count++] = (hc_h2_field){name, value};
}

/* --- pseudo-fields */

/* "HTTP://" is a scheme of the caller's in an absolute URL. */
static hc_slice scheme_of(const hc_checked_request *c, hc_h2_scheme scheme, hc_buffer *text) {
  hc_slice given = c->target.scheme;
  if (given.size > 0)
    return put_lower(text, (hc_slice){given.data, given.size - (sizeof "://" - 1)});
  return scheme == HC_H2_HTTPS ? HC_SLICE("https") : HC_SLICE("http");
}

/* An empty path is "/" (RFC 9110 section 4.2.3), but "*" for OPTIONS (RFC 9113 section 8.3.1). Only
 * with a query and no path something has to be put together; all else is a view. */
static hc_slice path_of(const hc_checked_request *c, hc_buffer *text) {
  hc_slice path = c->target.path;
  if (path.size > 0 && path.data[0] != '?') return path;
  if (path.size == 0) return c->method == HC_METHOD_OPTIONS ? HC_SLICE("*") : HC_SLICE("/");
  hc_slice root = put_text(text, HC_SLICE("/"));
  root.size += put_text(text, path).size;
  return root;
}

/* Blanks around a value are no part of it; HTTP/2 forbids them (section 8.2.1). */
static hc_slice value_of_h2_request(hc_slice line, hc_slice name) {
  size_t from = name.size + 1;
  return hc_slice_trim((hc_slice){line.data + from, line.size - from});
}

/* There is a colon: request_check refuses a line without one. */
static hc_slice name_of_h2_request(hc_slice line) {
  const char *colon = memchr(line.data, ':', line.size);
  return (hc_slice){line.data, (size_t)(colon - line.data)};
}

/* A caller who wrote a Host wants that name to be asked for, also where the connection goes
 * elsewhere. */
static hc_slice authority_of(const hc_checked_request *c) {
  if (!c->survey.has[HC_FIELD_HOST]) return c->target.authority;
  hc_slice line = c->request->lines[c->survey.host_line];
  return value_of_h2_request(line, name_of_h2_request(line));
}

/* They come before all other fields, or the request is malformed (section 8.3). No authority is
 * better than an empty one. */
static void add_pseudo_fields(hc_h2_fields *f, const hc_checked_request *c, hc_h2_scheme scheme) {
  hc_slice authority = authority_of(c);
  add_h2_request(f, HC_SLICE(":method"), hc_request_method(c));
  add_h2_request(f, HC_SLICE(":scheme"), scheme_of(c, scheme, &f->text));
  if (authority.size > 0) add_h2_request(f, HC_SLICE(":authority"), authority);
  add_h2_request(f, HC_SLICE(":path"), path_of(c, &f->text));
}

/* --- the caller's fields */

/* Host is among them because :authority has taken its place; both could contradict each other. */
static bool is_of_connection(hc_slice name) {
  static const hc_slice names[] = {{"connection", 10},
                                   {"keep-alive", 10},
                                   {"proxy-connection", 16},
                                   {"transfer-encoding", 17},
                                   {"upgrade", 7},
                                   {"http2-settings", 14},
                                   {"host", 4}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (hc_slice_equal_fold(name, names[i])) return true;
  }
  return false;
}

/* Does a Connection field of the caller's name it? What frames the content is never the
 * connection's alone. A caller who lists a field in Connection says that it is for the next hop
 * alone, and in HTTP/2 no field is. */
static bool is_named_by_connection(const hc_request *r, hc_slice name) {
  if (hc_slice_equal_fold(name, HC_SLICE("content-length"))) return false;
  for (size_t i = 0; i < r->line_count; i++) {
    hc_slice other = name_of_h2_request(r->lines[i]);
    if (!hc_slice_equal_fold(other, HC_SLICE("connection"))) continue;
    if (hc_list_has_token(value_of_h2_request(r->lines[i], other), name)) return true;
  }
  return false;
}

/* "TE: trailers" is the one exception that section 8.2.2 makes, and other values of TE are about
 * codings that HTTP/2 doesn't have. */
static void add_line_h2_request(hc_h2_fields *f, const hc_checked_request *c, hc_slice line) {
  hc_slice name = name_of_h2_request(line), value = value_of_h2_request(line, name);
  if (is_of_connection(name)) return;
  if (hc_slice_equal_fold(name, HC_SLICE("te"))) {
    if (hc_list_has_token(value, HC_SLICE("trailers")))
      add_h2_request(f, HC_SLICE("te"), HC_SLICE("trailers"));
    return;
  }
  if (c->survey.has[HC_FIELD_CONNECTION] && is_named_by_connection(c->request, name)) return;
  add_h2_request(f, put_lower(&f->text, name), value);
}

/* Content-Length isn't needed for the framing, but servers like to know how much will come. With
 * "chunked" nobody knows, and nothing is said. */
static void add_own_fields(hc_h2_fields *f, const hc_checked_request *c) {
  const hc_survey *s = &c->survey;
  bool is_known = c->head.transfer != HC_TRANSFER_CHUNKED;
  if (is_known && !s->has[HC_FIELD_CONTENT_LENGTH] && hc_request_says_length(c)) {
    size_t before = f->text.end;
    (void)hc_buffer_append_number(&f->text, c->head.content_length, SIZE_MAX); /* there is room */
    add_h2_request(f, HC_SLICE("content-length"),
                   (hc_slice){f->text.data + before, f->text.end - before});
  }
  if (!s->has[HC_FIELD_USER_AGENT])
    add_h2_request(f, HC_SLICE("user-agent"),
                   HC_SLICE("lua-httpclient/" HC_VERSION " (" HC_SYSTEM_NAME ")"));
  if (!s->has[HC_FIELD_ACCEPT]) add_h2_request(f, HC_SLICE("accept"), HC_SLICE("*/*"));
}

/* --- memory */

/* All of it at once: views into the text must not move. The lines count whole, names and values,
 * though only the names are copied: that is simpler and never too little. 20 digits are the longest
 * length. */
static hc_error make_room_h2_request(hc_h2_fields *f, const hc_checked_request *c) {
  size_t size = c->target.scheme.size + c->target.path.size + 1 + 20, available;
  char *at;
  for (size_t i = 0; i < c->request->line_count; i++) size += c->request->lines[i].size;
  f->capacity = c->request->line_count + OWN_FIELDS;
  f->fields = hc_memory_allocate_zeroed(f->capacity, sizeof *f->fields);
  return !f->fields ? HC_ERR_OUT_OF_MEMORY
                    : hc_buffer_reserve(&f->text, size, SIZE_MAX, &at, &available);
}

/* More than nghttp2 sends as one head, by its own estimate of what a field adds at most. It would
 * be found out when the frame is made, and look like a reset by the server. */
static bool is_too_large_h2_request(const hc_checked_request *c) {
  size_t size = c->target.authority.size + c->target.path.size + FIELD_MORE * OWN_FIELDS;
  for (size_t i = 0; i < c->request->line_count && size <= HC_H2_HEAD_MAX; i++)
    size += c->request->lines[i].size + FIELD_MORE;
  return size > HC_H2_HEAD_MAX;
}

/* Everything is allocated in front, so that what follows can't fail, and no view can lose its
 * text. */
hc_error hc_h2_request_list(const hc_checked_request *checked, hc_h2_scheme scheme,
                            hc_h2_fields *out, hc_failure *why) {
  if (is_too_large_h2_request(checked))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the request's head is larger than the limit of %zu bytes",
                          HC_H2_HEAD_MAX);
  if (make_room_h2_request(out, checked) != HC_OK) {
    hc_h2_fields_free(out);
    return hc_failure_out_of_memory_for(why, "the request's head");
  }
  add_pseudo_fields(out, checked, scheme);
  for (size_t i = 0; i < checked->request->line_count; i++)
    add_line_h2_request(out, checked, checked->request->lines[i]);
  add_own_fields(out, checked);
  return HC_OK;
}

/* Views of a request are good while its caller is in the call that opens it. A stream that waits
 * for a PING outlives that call. */
static hc_error copy_into(hc_h2_fields *to, const hc_h2_fields *from) {
  size_t size = 1, available;
  char *at;
  for (size_t i = 0; i < from->count; i++)
    size += from->fields[i].name.size + from->fields[i].value.size;
  to->capacity = from->count + 1;
  to->fields = hc_memory_allocate_zeroed(to->capacity, sizeof *to->fields);
  if (!to->fields || hc_buffer_reserve(&to->text, size, SIZE_MAX, &at, &available) != HC_OK)
    return HC_ERR_OUT_OF_MEMORY;
  for (size_t i = 0; i < from->count; i++)
    add_h2_request(to, put_text(&to->text, from->fields[i].name),
                   put_text(&to->text, from->fields[i].value));
  return HC_OK;
}

/* One block for all texts, which the views of the copy point into. */
hc_h2_fields *hc_h2_fields_copy(const hc_h2_fields *fields) {
  hc_h2_fields *copy = hc_memory_allocate_zeroed(1, sizeof *copy);
  if (!copy || copy_into(copy, fields) == HC_OK) return copy;
  hc_h2_fields_free(copy);
  hc_memory_release(copy);
  return NULL;
}

/* --- as text */

/* For the transcript alone. A field that is not there reads as an empty one. */
static hc_slice find_field(const hc_h2_fields *f, hc_slice name) {
  for (size_t i = 0; i < f->count; i++)
    if (hc_slice_equal_fold(f->fields[i].name, name)) return f->fields[i].value;
  return HC_SLICE("");
}

static void put_line_h2_request(hc_buffer *out, const hc_slice parts[3], hc_error *code) {
  for (int i = 0; i < 3 && *code == HC_OK; i++)
    if (parts[i].size > 0) *code = hc_buffer_append(out, parts[i], HC_TRANSCRIPT_MAX);
  if (*code == HC_OK) *code = hc_buffer_append_text(out, "\r\n", HC_TRANSCRIPT_MAX);
}

/* As a head would stand in HTTP/1.1, for people to read. Memory that runs out only leaves it out: a
 * trace is no reason for a request to fail. */
void hc_h2_fields_note(const hc_h2_fields *f, hc_transcript *t) {
  hc_buffer head = {0};
  hc_slice authority = find_field(f, HC_SLICE(":authority"));
  hc_error code = hc_buffer_append(&head, find_field(f, HC_SLICE(":method")), HC_TRANSCRIPT_MAX);
  put_line_h2_request(
      &head, (hc_slice[3]){HC_SLICE(" "), find_field(f, HC_SLICE(":path")), HC_SLICE(" HTTP/2")},
      &code);
  if (authority.size > 0)
    put_line_h2_request(&head, (hc_slice[3]){HC_SLICE("host"), HC_SLICE(": "), authority}, &code);
  for (size_t i = 0; i < f->count; i++) {
    if (f->fields[i].name.data[0] == ':') continue;
    put_line_h2_request(&head, (hc_slice[3]){f->fields[i].name, HC_SLICE(": "), f->fields[i].value},
                        &code);
  }
  if (code == HC_OK) code = hc_buffer_append_text(&head, "\r\n", HC_TRANSCRIPT_MAX);
  if (code == HC_OK)
    hc_transcript_note_request(t, (hc_slice){hc_buffer_head(&head), hc_buffer_size(&head)});
  if (head.data) hc_memory_wipe(head.data, head.capacity);
  hc_buffer_free(&head);
}

/* The texts may be credentials, so they are wiped. */
void hc_h2_fields_free(hc_h2_fields *fields) {
  if (fields->text.data) hc_memory_wipe(fields->text.data, fields->text.capacity);
  hc_buffer_free(&fields->text);
  hc_memory_release(fields->fields);
  *fields = (hc_h2_fields){0};
}
