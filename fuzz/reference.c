#include "reference.h"

#include <stdlib.h>
#include <string.h>

#include "../core/request.h"

typedef struct text {
  const char *at;
  size_t size;
} text;

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

/* Takes a line up to LF, without its line end; false where there is none. */
static bool take_line(text *rest, text *line) {
  for (size_t i = 0; i < rest->size; i++) {
    if (rest->at[i] != '\n') continue;
    line->at = rest->at;
    line->size = i > 0 && rest->at[i - 1] == '\r' ? i - 1 : i;
    rest->at += i + 1;
    rest->size -= i + 1;
    return true;
  }
  return false;
}

static bool is_field(text line, const char *name, text *value) {
  size_t size = strlen(name);
  if (line.size <= size || line.at[size] != ':') return false;
  for (size_t i = 0; i < size; i++)
    if (lower(line.at[i]) != name[i]) return false;
  value->at = line.at + size + 1;
  value->size = line.size - size - 1;
  while (value->size && (value->at[0] == ' ' || value->at[0] == '\t')) value->at++, value->size--;
  return true;
}

typedef struct head {
  int code;
  bool has_coding, has_length;
  unsigned long long length;
} head;

static bool take_head(text *rest, head *h) {
  text line, value;
  memset(h, 0, sizeof *h);
  if (!take_line(rest, &line) || line.size < 12) return false;
  h->code = (line.at[9] - '0') * 100 + (line.at[10] - '0') * 10 + (line.at[11] - '0');
  for (;;) {
    if (!take_line(rest, &line)) return false;
    if (line.size == 0) return true;
    if (is_field(line, "transfer-encoding", &value)) h->has_coding = true;
    if (is_field(line, "content-length", &value) && !h->has_length) {
      h->has_length = true;
      for (size_t i = 0; i < value.size && value.at[i] >= '0' && value.at[i] <= '9'; i++)
        h->length = h->length * 10 + (unsigned)(value.at[i] - '0');
    }
  }
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool chunks_are(text rest, const char *body, size_t body_size) {
  for (;;) {
    text line;
    unsigned long long size = 0;
    if (!take_line(&rest, &line) || !line.size || hex(line.at[0]) < 0) return false;
    for (size_t i = 0; i < line.size && hex(line.at[i]) >= 0; i++) size = size * 16 + (unsigned)hex(line.at[i]);
    if (size == 0) break;
    if (size > body_size || rest.size < size + 2 || memcmp(rest.at, body, (size_t)size) != 0) return false;
    if (rest.at[size] != '\r' || rest.at[size + 1] != '\n') return false;
    rest.at += size + 2;
    rest.size -= (size_t)size + 2;
    body += size;
    body_size -= (size_t)size;
  }
  for (text line; take_line(&rest, &line);)
    if (line.size == 0) return body_size == 0;
  return false;
}

bool reference_is_complete(int method, const char *bytes, size_t size, bool clean_end, const char *body, size_t body_size) {
  text rest = {bytes, size};
  head h;
  do {
    if (!take_head(&rest, &h)) return false;
  } while (h.code / 100 == 1 && h.code != 101);
  if (h.code == 101 || h.code == 204 || h.code == 304 || method == HC_METHOD_HEAD) return body_size == 0;
  if (method == HC_METHOD_CONNECT && h.code / 100 == 2) return body_size == 0;
  if (h.has_coding) return chunks_are(rest, body, body_size);
  if (h.has_length) return h.length == body_size && rest.size >= body_size && (!body_size || !memcmp(rest.at, body, body_size));
  return clean_end && rest.size == body_size && (!body_size || memcmp(rest.at, body, body_size) == 0);
}
