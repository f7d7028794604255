/* head_parser.c - the head of a response, parsed as it comes. See head_parser.h.
 *
 * The start of a status line has fixed places, so it is checked byte by byte as it comes; the rest
 * waits for the end of its line. Fields go to http/fields.c.
 *
 * Nothing is looked at twice: `scanned` says how far a line without an end has been searched, so
 * that a head which comes byte by byte costs no more than one that comes whole. */
#include "head_parser.h"

#include <string.h>

#include "../base/chars.h"

/* "HTTP/1.x NNN": what comes before the reason phrase has fixed places (RFC 9112 section 4). */
static const char version_text[] = "HTTP/1.";
#define VERSION_SIZE (sizeof version_text - 1)
#define CODE_AT (VERSION_SIZE + 2)
#define START_SIZE (CODE_AT + 3)

static hc_parse refuse_head_parser(hc_failure *why, const char *what) {
  hc_failure_set(why, HC_ERR_INVALID_DATA, "response %s", what);
  return HC_PARSE_ERROR;
}

/* The first frame of a server is SETTINGS (RFC 9113 section 3.4), or GOAWAY if it does not want us.
 * Both are of stream 0. */
bool hc_is_http2_start(hc_slice bytes) {
  if (bytes.size < HC_HTTP2_START_SIZE) return false;
  const unsigned char *b = (const unsigned char *)bytes.data;
  size_t length = (size_t)b[0] << 16 | (size_t)b[1] << 8 | b[2];
  bool is_settings = b[3] == 4 && length % 6 == 0 && b[4] == 0,
       is_goaway = b[3] == 7 && length >= 8;
  return (is_settings || is_goaway) && length <= 16384 && memcmp(b + 5, "\0\0\0", 4) == 0;
}

/* What is wrong with a `c` as byte `i` of a status line; NULL: nothing. One sentence for each
 * place, because the first thing one wants to know of a server that speaks something else is what
 * it said instead. */
static const char *start_offence(size_t i, char c) {
  if (i < VERSION_SIZE) return c == version_text[i] ? NULL : "status line: expected \"HTTP/1.\"";
  if (i == VERSION_SIZE)
    return hc_char_is_digit(c) ? NULL : "status line: expected a digit behind \"HTTP/1.\"";
  if (i < CODE_AT) return c == ' ' ? NULL : "status line: expected a space behind the version";
  if (i == CODE_AT && c == '0') return "status line: the code is below 100";
  if (i < START_SIZE)
    return hc_char_is_digit(c) ? NULL : "status line: expected a code of three digits";
  return c == ' ' || c == '\r' || c == '\n' ? NULL
                                            : "status line: expected a space behind the code";
}

/* A server that speaks something else shows at the first wrong byte. The end of its line may never
 * come. So the check doesn't wait for a line end. A TLS server that is spoken to in clear text, an
 * SSH port, HTTP/2: all are told at once and not after a timeout. */
static const char *check_start(const char *line, size_t size) {
  size_t fixed = size < START_SIZE + 1 ? size : START_SIZE + 1;
  size_t known =
      size >= VERSION_SIZE && memcmp(line, version_text, VERSION_SIZE) == 0 ? VERSION_SIZE : 0;
  for (size_t i = known; i < fixed; i++) {
    const char *offence = start_offence(i, line[i]);
    if (offence) return offence;
  }
  bool is_bare_cr =
      size > START_SIZE + 1 && line[START_SIZE] == '\r' && line[START_SIZE + 1] != '\n';
  return is_bare_cr ? "status line: a bare CR behind the code" : NULL;
}

/* The reason phrase is text for people and means nothing (RFC 9112 section 4), but it is handed
 * out, so what could break a line or a string elsewhere is refused. */
static hc_parse parse_status_line(hc_response *r, hc_slice line, hc_failure *why) {
  /* check_start has seen all of the fixed part; the reason phrase may be left out together with its
   * space. */
  hc_slice reason = {"", 0};
  if (line.size > START_SIZE)
    reason = (hc_slice){line.data + START_SIZE + 1, line.size - START_SIZE - 1};
  for (size_t i = 0; i < reason.size; i++) {
    if (reason.data[i] == '\0') return refuse_head_parser(why, "status line: it holds a NUL byte");
    if (reason.data[i] == '\r') return refuse_head_parser(why, "status line: it holds a bare CR");
  }
  if (hc_headers_begin(&r->headers, reason) != HC_OK) {
    hc_failure_out_of_memory_for(why, "the response's head");
    return HC_PARSE_ERROR;
  }
  r->minor_version = (uint8_t)(line.data[VERSION_SIZE] - '0');
  for (size_t i = CODE_AT; i < START_SIZE; i++) r->code = r->code * 10 + (line.data[i] - '0');
  r->line_is_fields = true;
  return HC_PARSE_MORE;
}

/* An empty line ends the head. The memory of its fields is cut to size then: it lives as long as
 * the answer. */
static hc_parse parse_line(hc_response *r, hc_slice line, hc_failure *why) {
  if (!r->line_is_fields) return parse_status_line(r, line, why);
  if (line.size == 0) {
    hc_headers_trim(&r->headers);
    return HC_PARSE_DONE;
  }
  return hc_headers_parse_line(&r->headers, line, why) == HC_OK ? HC_PARSE_MORE : HC_PARSE_ERROR;
}

/* A lone LF ends a line, and one CR before it belongs to it (RFC 9112 section 2.2). */
static hc_slice without_line_end(const char *line, size_t size) {
  size--;
  if (size > 0 && line[size - 1] == '\r') size--;
  return (hc_slice){line, size};
}

/* The limit is told, since it is the user who can raise it. */
static hc_parse refuse_size_head_parser(size_t limit, hc_failure *why) {
  hc_failure_set(why, HC_ERR_INVALID_DATA,
                 "response head: it is larger than the limit of %zu bytes", limit);
  return HC_PARSE_ERROR;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static hc_parse refuse_http2(hc_failure *why) {
  hc_failure_set(why, HC_ERR_INVALID_DATA, HC_HTTP2_ONLY);
  return HC_PARSE_ERROR;
}

/* Field lines as nearly all are, in one pass; a line that stands half read is none of them. They
 * are not given more than the limit has room for, so the limit is kept without a count at each
 * line. */
static void take_usual_lines(hc_response *r, const char *data, size_t size, size_t limit,
                             size_t *used) {
  if (!r->line_is_fields || r->scanned > 0 || size == *used) return;
  size_t room = limit > r->size ? limit - r->size : 0;
  size_t taken =
      hc_headers_take_usual_lines(&r->headers, data + *used, smaller(size - *used, room));
  *used += taken;
  r->size += taken;
}

/* A line whose end hasn't come is left with the caller, who gives it again with what follows it.
 * The limit counts it as well, or an endless line would never be refused. */
hc_parse hc_response_parse(hc_response *r, const char *data, size_t size, size_t limit,
                           size_t *used, hc_failure *why) {
  hc_parse result = HC_PARSE_MORE;
  *used = 0;
  while (result == HC_PARSE_MORE) {
    take_usual_lines(r, data, size, limit, used);
    size_t left = size - *used;
    /* the limit may be lowered while a head comes */
    size_t room = limit > r->size ? limit - r->size : 0;
    const char *line = left > 0 ? data + *used : data;
    if (!r->line_is_fields) {
      const char *offence = check_start(line, smaller(left, limit));
      if (offence && hc_is_http2_start((hc_slice){line, left})) return refuse_http2(why);
      if (offence) return refuse_head_parser(why, offence);
    }
    const char *end = left > r->scanned ? memchr(line + r->scanned, '\n', left - r->scanned) : NULL;
    if (!end) {
      r->scanned = left;
      /* At least one more byte has to come: a head that has reached the limit is already too large.
       */
      return left >= room ? refuse_size_head_parser(limit, why) : HC_PARSE_MORE;
    }
    size_t line_size = (size_t)(end - line) + 1;
    if (line_size > room) return refuse_size_head_parser(limit, why);
    r->scanned = 0;
    r->size += line_size;
    *used += line_size;
    result = parse_line(r, without_line_end(line, line_size), why);
  }
  return result;
}
