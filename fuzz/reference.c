/* reference.c - heads, framing and chunks once more, byte after byte and without haste. See
 * reference.h. */
#include <stdlib.h>
#include <string.h>

#include "../core/http/request.h"
#include "reference.h"

typedef struct text {
  const char *at;
  size_t size;
} text;

void reference_open(reference_reading *r, size_t size) {
  memset(r, 0, sizeof *r);
  r->fields = malloc(size * 4 + 4);
  r->content = malloc(size + 1);
  if (!r->fields || !r->content) abort();
}

void reference_close(reference_reading *r) {
  free(r->fields);
  free(r->content);
}

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool is_same(text t, const char *word) {
  if (t.size != strlen(word)) return false;
  for (size_t i = 0; i < t.size; i++)
    if (lower(t.at[i]) != word[i]) return false;
  return true;
}

static text trimmed(text t) {
  while (t.size && is_blank(t.at[0])) t.at++, t.size--;
  while (t.size && is_blank(t.at[t.size - 1])) t.size--;
  return t;
}

/* The position of the first LF, or size. */
static size_t find_line_feed(const char *bytes, size_t size) {
  size_t i = 0;
  while (i < size && bytes[i] != '\n') i++;
  return i;
}

/* --- field lines */

static bool is_token_char(char c) {
  if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z')) return true;
  return c != 0 && strchr("!#$%&'*+-.^_`|~", c);
}

static void add(reference_reading *r, const char *bytes, size_t size) {
  if (size) memcpy(r->fields + r->fields_size, bytes, size);
  r->fields_size += size;
}

/* RFC 9112 section 5; `line` without its line end. */
static bool take_field(reference_reading *r, text line) {
  for (size_t i = 0; i < line.size; i++)
    if (line.at[i] == 0 || line.at[i] == '\r') return false;
  if (is_blank(line.at[0])) {
    if (r->field_count == 0) return false;
    text more = trimmed(line);
    r->fields_size--; /* the LF */
    bool was_empty = r->fields[r->fields_size - 2] == ':' && r->fields[r->fields_size - 1] == ' ';
    if (was_empty) { /* or a value that ends with a colon: then there is no blank behind it */
      size_t start = r->fields_size;
      while (start > 0 && r->fields[start - 1] != '\n') start--;
      was_empty =
          memchr(r->fields + start, ':', r->fields_size - start) == r->fields + r->fields_size - 2;
    }
    if (more.size && !was_empty) add(r, " ", 1);
    add(r, more.at, more.size);
    add(r, "\n", 1);
    return true;
  }
  size_t name = 0;
  while (name < line.size && is_token_char(line.at[name])) name++;
  if (name == 0 || name == line.size || line.at[name] != ':') return false;
  text value = trimmed((text){line.at + name + 1, line.size - name - 1});
  add(r, line.at, name);
  add(r, ": ", 2);
  add(r, value.at, value.size);
  add(r, "\n", 1);
  r->field_count++;
  return true;
}

/* --- heads */

/* May these bytes be the beginning of a status line, as far as they go? */
static bool may_be_status_line(const char *bytes, size_t size) {
  static const char form[] = "HTTP/1.d Ddd";
  for (size_t i = 0; i < size; i++) {
    if (i == 12) {
      if (bytes[i] == ' ' || bytes[i] == '\n') return true;
      return bytes[i] == '\r' && (size == 13 || bytes[13] == '\n');
    }
    bool fits = form[i] == 'd'   ? is_digit(bytes[i])
                : form[i] == 'D' ? is_digit(bytes[i]) && bytes[i] != '0'
                                 : bytes[i] == form[i];
    if (!fits) return false;
  }
  return true;
}

static bool take_status_line(reference_reading *r, text line) {
  for (size_t i = 0; i < line.size; i++)
    if (line.at[i] == 0 || line.at[i] == '\r') return false;
  r->minor = line.at[7] - '0';
  r->code = (line.at[9] - '0') * 100 + (line.at[10] - '0') * 10 + (line.at[11] - '0');
  return true;
}

reference_verdict reference_head(const char *bytes, size_t size, size_t limit,
                                 reference_reading *r) {
  size_t at = 0;
  for (bool is_first = true;; is_first = false) {
    size_t end = at + find_line_feed(bytes + at, size - at);
    if (is_first && !may_be_status_line(bytes, size < limit ? size : limit))
      return REFERENCE_REFUSED;
    if (end == size) return size >= limit ? REFERENCE_REFUSED : REFERENCE_OPEN;
    if (end + 1 > limit) return REFERENCE_REFUSED;
    text line = {bytes + at, end - at};
    if (line.size && line.at[line.size - 1] == '\r') line.size--;
    at = end + 1;
    if (is_first) {
      if (!take_status_line(r, line)) return REFERENCE_REFUSED;
    } else if (line.size == 0) {
      r->used = at;
      return REFERENCE_COMPLETE;
    } else if (!take_field(r, line)) {
      return REFERENCE_REFUSED;
    }
  }
}

/* --- framing */

/* The next element of a comma-separated list. */
static bool next_element(text *list, text *element) {
  if (!list->at) return false;
  size_t i = 0;
  while (i < list->size && list->at[i] != ',') i++;
  *element = trimmed((text){list->at, i});
  if (i == list->size) list->at = NULL;
  else *list = (text){list->at + i + 1, list->size - i - 1};
  return true;
}

static bool next_field(const reference_reading *r, size_t *at, text *name, text *value) {
  if (*at >= r->fields_size) return false;
  const char *line = r->fields + *at;
  size_t size = find_line_feed(line, r->fields_size - *at), colon = 0;
  while (line[colon] != ':') colon++;
  *name = (text){line, colon};
  *value = (text){line + colon + 2, size - colon - 2};
  *at += size + 1;
  return true;
}

static bool read_number(text digits, unsigned long long *number) {
  *number = 0;
  for (size_t i = 0; i < digits.size; i++) {
    if (!is_digit(digits.at[i])) return false;
    unsigned digit = (unsigned)(digits.at[i] - '0');
    if (*number > (0x7fffffffffffffffull - digit) / 10) return false;
    *number = *number * 10 + digit;
  }
  return digits.size > 0;
}

typedef struct facts {
  bool has_coding, bad_coding, has_length, bad_length, closes, keep_alive;
  size_t chunked;
  unsigned long long length;
} facts;

static void take_fact(facts *f, text name, text value) {
  text element;
  unsigned long long number;
  size_t named = 0;
  if (is_same(name, "transfer-encoding")) {
    f->has_coding = true;
    while (next_element(&value, &element)) {
      if (element.size == 0) continue;
      named++;
      if (is_same(element, "chunked")) f->chunked++;
      else f->bad_coding = true;
    }
    if (named == 0) f->bad_coding = true;
  } else if (is_same(name, "content-length")) {
    while (next_element(&value, &element)) {
      if (!read_number(element, &number) || (f->has_length && number != f->length))
        f->bad_length = true;
      f->length = number;
      f->has_length = true;
    }
  } else if (is_same(name, "connection")) {
    while (next_element(&value, &element)) {
      size_t i = 0;
      while (i < element.size && element.at[i] != ';') i++;
      element = trimmed((text){element.at, i});
      if (is_same(element, "close")) f->closes = true;
      if (is_same(element, "keep-alive")) f->keep_alive = true;
    }
  }
}

/* RFC 9112 section 6.3, from rule 1 on. */
reference_framing reference_decide(int method, const reference_reading *head) {
  facts f;
  size_t at = 0;
  text name, value;
  memset(&f, 0, sizeof f);
  while (next_field(head, &at, &name, &value)) take_fact(&f, name, value);
  reference_framing out = {'n', 0, !f.closes && (head->minor > 0 || f.keep_alive)};
  if (head->code == 101 || (method == HC_METHOD_CONNECT && head->code / 100 == 2)) {
    out.keeps_alive = true;
  } else if (head->code / 100 == 1 || head->code == 204 || head->code == 304) {
    out.kind = 'n';
  } else if (method == HC_METHOD_HEAD) {
    out.kind = 'h';
  } else if (f.has_coding) {
    out.kind = f.bad_coding || f.chunked != 1 ? '!' : 'c';
    if (f.has_length || head->minor == 0) out.keeps_alive = false;
  } else if (f.has_length) {
    out.kind = f.bad_length ? '!' : 'l';
    out.length = f.length;
  } else {
    out.kind = 'e';
    out.keeps_alive = false;
  }
  return out;
}

/* --- chunks */

static int hex(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A chunk-size line as far as it has come; COMPLETE: *at is behind it. */
static reference_verdict take_size_line(text t, size_t *at, unsigned long long *size) {
  size_t i = *at, start = *at;
  unsigned long long value = 0;
  for (; i < t.size && hex(t.at[i]) >= 0; i++) {
    if (value >> 59 || i - start >= 4096) return REFERENCE_REFUSED; /* 2^63-1 is the most */
    value = value * 16 + (unsigned)hex(t.at[i]);
  }
  if (i == t.size) return REFERENCE_OPEN;
  if (i == start) return REFERENCE_REFUSED;
  bool in_extension = false;
  for (; i < t.size && t.at[i] != '\r'; i++) {
    if (t.at[i] == ';') in_extension = true;
    if (!in_extension && !is_blank(t.at[i])) return REFERENCE_REFUSED;
    if (t.at[i] == '\n' || t.at[i] == 0 || i - start >= 4096) return REFERENCE_REFUSED;
  }
  if (i + 1 >= t.size) return REFERENCE_OPEN;
  if (t.at[i + 1] != '\n') return REFERENCE_REFUSED;
  *size = value;
  *at = i + 2;
  return REFERENCE_COMPLETE;
}

static reference_verdict take_trailers(text t, size_t at, size_t limit, reference_reading *r) {
  for (size_t start = at;;) {
    size_t end = at + find_line_feed(t.at + at, t.size - at);
    if (end == t.size) return end > at && end - start >= limit ? REFERENCE_REFUSED : REFERENCE_OPEN;
    if (end + 1 - start > limit || end == at || t.at[end - 1] != '\r') return REFERENCE_REFUSED;
    text line = {t.at + at, end - 1 - at};
    at = end + 1;
    if (line.size == 0) {
      r->used = at;
      return REFERENCE_COMPLETE;
    }
    if (!take_field(r, line)) return REFERENCE_REFUSED;
  }
}

reference_verdict reference_chunked(const char *bytes, size_t size, size_t limit,
                                    reference_reading *r) {
  text t = {bytes, size};
  size_t at = 0;
  for (;;) {
    unsigned long long chunk = 0;
    reference_verdict verdict = take_size_line(t, &at, &chunk);
    if (verdict != REFERENCE_COMPLETE) return verdict;
    if (chunk == 0) return take_trailers(t, at, limit, r);
    size_t there = size - at < chunk ? size - at : (size_t)chunk;
    memcpy(r->content + r->content_size, bytes + at, there);
    r->content_size += there;
    at += there;
    if (there < chunk) return REFERENCE_OPEN;
    for (int i = 0; i < 2; i++, at++) {
      if (at == size) return REFERENCE_OPEN;
      if (bytes[at] != "\r\n"[i]) return REFERENCE_REFUSED;
    }
  }
}

/* --- exchanges */

/* The final head behind the 1xx; false where it does not come to one. *at is behind it. */
static bool take_final_head(const char *bytes, size_t size, size_t limit, reference_reading *r,
                            size_t *at) {
  size_t interim = 0;
  for (*at = 0;;) {
    r->fields_size = r->field_count = 0;
    if (reference_head(bytes + *at, size - *at, limit, r) != REFERENCE_COMPLETE) return false;
    *at += r->used;
    if (r->code / 100 != 1 || r->code == 101) return true;
    interim += r->used;
    if (interim > limit) return false;
  }
}

static reference_outcome take_content(const reference_framing *f, text rest, size_t limit,
                                      bool clean_end, reference_reading *r) {
  reference_outcome good = f->keeps_alive ? REFERENCE_KEEPS : REFERENCE_CLOSES;
  if (f->kind == 'c') {
    r->fields_size = r->field_count = 0;
    return reference_chunked(rest.at, rest.size, limit, r) == REFERENCE_COMPLETE ? good
                                                                                 : REFERENCE_FAILS;
  }
  if (f->kind != 'l' && f->kind != 'e') return f->kind == '!' ? REFERENCE_FAILS : good;
  r->content_size = f->kind == 'l' && f->length < rest.size ? (size_t)f->length : rest.size;
  if (r->content_size) memcpy(r->content, rest.at, r->content_size);
  if (f->kind == 'l') return r->content_size == f->length ? good : REFERENCE_FAILS;
  return clean_end ? REFERENCE_CLOSES : REFERENCE_FAILS;
}

reference_outcome reference_exchange(int method, const char *bytes, size_t size, size_t limit,
                                     bool clean_end, reference_reading *r) {
  size_t at;
  if (!take_final_head(bytes, size, limit, r, &at)) return REFERENCE_FAILS;
  reference_framing framing = reference_decide(method, r);
  return take_content(&framing, (text){bytes + at, size - at}, limit, clean_end, r);
}
