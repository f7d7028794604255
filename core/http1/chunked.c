/* chunked.c - the chunked transfer coding, decoded in place. See chunked.h.
 *
 * A state for each thing that can be awaited, one step for each byte of framing, and one memmove
 * for the data of a chunk. The usual chunk-size line is taken as a whole.
 *
 * Where a chunk ends decides what is content and what is the next message's, so this is strict
 * where heads are lenient. All that can wait for more bytes keeps how far it has come in the
 * decoder, and none of it is looked at twice. */
#include "chunked.h"

#include <stdbool.h>
#include <string.h>

#include "../base/chars.h"

#define SIZE_LIMIT ((uint64_t)INT64_MAX)

/* One call: raw bytes are read at `at`, and decoded ones written at `produced`, which never passes
 * `at`. */
typedef struct cursor_chunked {
  char *data;
  size_t size, at, room, produced;
  hc_failure *why;
} cursor_chunked;

/* What is wrong with the framing stays wrong: where a chunk ends can't be guessed, and to go on
 * would hand out somebody else's bytes as content (response splitting). */
static hc_parse refuse_chunked(hc_chunked *d, cursor_chunked *c, const char *what) {
  d->state = HC_CHUNKED_FAILED;
  hc_failure_set(c->why, HC_ERR_INVALID_DATA, "chunked body: %s", what);
  return HC_PARSE_ERROR;
}

static bool is_blank_chunked(char c) { return c == ' ' || c == '\t'; }

/* chunk-size = 1*HEXDIG (RFC 9112 section 7.1). Digits are taken while they last. The line's length
 * is limited beside the value, since zeros could come for ever and change nothing. */
static hc_parse take_digits(hc_chunked *d, cursor_chunked *c) {
  do {
    int digit = hc_char_hex_value(c->data[c->at]);
    if (digit < 0) break;
    if (d->left > SIZE_LIMIT >> 4) return refuse_chunked(d, c, "the chunk size is over 2^63-1");
    d->left = d->left << 4 | (uint64_t)digit;
    if (++d->line_size > HC_CHUNK_LINE_LIMIT)
      return refuse_chunked(d, c, "the chunk-size line is too long");
    d->state = HC_CHUNKED_DIGITS;
  } while (++c->at < c->size);
  return HC_PARSE_MORE;
}

/* last-chunk = 1*("0"): behind it come no data, but trailer fields and an empty line. */
static void end_size_line(hc_chunked *d) {
  d->line_size = 0;
  d->state = d->left > 0 ? HC_CHUNKED_DATA : HC_CHUNKED_TRAILER; /* last-chunk = 1*("0") */
}

/* The usual line, when all of it is there: digits and CRLF. False: it is another one, and nothing
 * has changed. Servers send little else. A chunk takes one step this way and not three, which
 * spares 32 KiB in chunks of 4 KiB 4% of all instructions, and chunks of 512 bytes a quarter. */
static bool take_plain_size_line(hc_chunked *d, cursor_chunked *c) {
  enum { DIGITS_MAX = 15 }; /* these can't overflow */
  const char *line = c->data + c->at;
  size_t left = c->size - c->at, digits = 0;
  uint64_t size = 0;
  for (int digit;
       digits < left && digits <= DIGITS_MAX && (digit = hc_char_hex_value(line[digits])) >= 0;
       digits++)
    size = size << 4 | (uint64_t)digit;
  if (digits == 0 || digits > DIGITS_MAX || left - digits < 2 || line[digits] != '\r' ||
      line[digits + 1] != '\n')
    return false;
  d->left = size;
  c->at += digits + 2;
  end_size_line(d);
  return true;
}

/* What may follow the digits of a chunk size: BWS, then an extension or the end of the line
 * (section 7.1.1). A bare LF is refused here though heads may have it: proxies disagree about it in
 * chunks, and two who disagree about where a chunk ends can be played off against each other. */
static hc_parse take_behind_digits(hc_chunked *d, cursor_chunked *c, char byte) {
  if (byte == '\r') d->state = HC_CHUNKED_SIZE_LF;
  else if (byte == ';') d->state = HC_CHUNKED_EXTENSION;
  else if (is_blank_chunked(byte)) d->state = HC_CHUNKED_BLANKS;
  else if (byte == '\n') return refuse_chunked(d, c, "a bare LF ends the chunk-size line");
  else return refuse_chunked(d, c, "the chunk size is no hexadecimal number");
  return HC_PARSE_MORE;
}

/* Extensions are ignored, but not what could hide a line end in them. Nobody needs them, and
 * unknown ones are to be ignored (section 7.1.1). */
static hc_parse take_extension(hc_chunked *d, cursor_chunked *c, char byte) {
  if (byte == '\r') d->state = HC_CHUNKED_SIZE_LF;
  if (byte == '\n') return refuse_chunked(d, c, "a bare LF ends the chunk-size line");
  if (byte == '\0') return refuse_chunked(d, c, "a chunk extension holds a NUL byte");
  return HC_PARSE_MORE;
}

/* One byte of the chunk-size line, behind its digits. The CRLF does not count. It is limited,
 * though it means nothing to us: an endless extension would cost us time and its sender next to
 * nothing. */
static hc_parse take_size_line(hc_chunked *d, cursor_chunked *c) {
  char byte = c->data[c->at];
  hc_parse result = d->state == HC_CHUNKED_EXTENSION ? take_extension(d, c, byte)
                                                     : take_behind_digits(d, c, byte);
  if (result == HC_PARSE_ERROR) return result;
  if (byte != '\r' && ++d->line_size > HC_CHUNK_LINE_LIMIT)
    return refuse_chunked(d, c, "the chunk-size line is too long");
  c->at++;
  return HC_PARSE_MORE;
}

/* A CR alone could be a line end to somebody else on the way, and is none to us. */
static hc_parse take_size_end(hc_chunked *d, cursor_chunked *c) {
  if (c->data[c->at] != '\n')
    return refuse_chunked(d, c, "a bare CR stands in the chunk-size line");
  c->at++;
  end_size_line(d);
  return HC_PARSE_MORE;
}

/* Data move to the front, over the framing that was read before. The CRLF behind the chunk is taken
 * along if it is there, so that with room for the last byte the end is found as well. */
static void take_data(hc_chunked *d, cursor_chunked *c) {
  size_t size = c->size - c->at;
  if (size > c->room - c->produced) size = c->room - c->produced;
  if (size > d->left) size = (size_t)d->left;
  if (size > 0 && c->produced != c->at) memmove(c->data + c->produced, c->data + c->at, size);
  c->at += size;
  c->produced += size;
  d->left -= size;
  if (d->left > 0) return;
  d->state = HC_CHUNKED_DATA_CR;
  if (c->size - c->at >= 2 && c->data[c->at] == '\r' && c->data[c->at + 1] == '\n') {
    c->at += 2;
    d->state = HC_CHUNKED_SIZE;
  }
}

/* Without a CRLF the size was a lie, and nothing that follows can be trusted. */
static hc_parse take_data_end(hc_chunked *d, cursor_chunked *c) {
  bool awaits_cr = d->state == HC_CHUNKED_DATA_CR;
  if (c->data[c->at] != (awaits_cr ? '\r' : '\n'))
    return refuse_chunked(d, c, "no CRLF stands behind a chunk's data");
  c->at++;
  d->state = awaits_cr ? HC_CHUNKED_DATA_LF : HC_CHUNKED_SIZE;
  return HC_PARSE_MORE;
}

/* One line of the trailer section (section 7.1.2). MORE, and nothing taken: its end has not come.
 * What has been searched for a LF is not searched again, or a line that comes byte by byte would
 * cost the square of its length. */
static hc_parse take_trailer_line(hc_chunked *d, cursor_chunked *c, size_t limit) {
  size_t left = c->size - c->at;
  const char *line = c->data + c->at;
  const char *end = left > d->scanned ? memchr(line + d->scanned, '\n', left - d->scanned) : NULL;
  size_t size = !end ? left : (size_t)(end - line) + 1;
  /* A line whose end has not come gets at least one byte longer; and the limit can change at any
   * time. */
  size_t room = limit > d->trailer_size ? limit - d->trailer_size : 0;
  if (size > room || (size == room && !end))
    return refuse_chunked(d, c, "the trailer section is too large");
  d->scanned = !end ? left : 0;
  if (!end) return HC_PARSE_MORE;
  if (size < 2 || line[size - 2] != '\r')
    return refuse_chunked(d, c, "a bare LF ends a trailer line");
  if (size > 2 &&
      hc_headers_parse_line(&d->trailers, (hc_slice){line, size - 2}, c->why) != HC_OK) {
    d->state = HC_CHUNKED_FAILED;
    return HC_PARSE_ERROR;
  }
  d->trailer_size += size;
  c->at += size;
  if (size > 2) return HC_PARSE_MORE;
  hc_headers_trim(&d->trailers);
  d->state = HC_CHUNKED_DONE;
  return HC_PARSE_DONE;
}

/* One step, with a byte that has come. Each step takes at least a byte, but for the two that wait
 * for more than is there: data without room, and a trailer line without its end. */
static hc_parse step(hc_chunked *d, cursor_chunked *c, size_t trailer_limit) {
  switch (d->state) {
  case HC_CHUNKED_SIZE:
    if (take_plain_size_line(d, c)) return HC_PARSE_MORE;
    if (hc_char_hex_value(c->data[c->at]) < 0)
      return refuse_chunked(d, c, "a chunk size was expected");
    return take_digits(d, c);
  case HC_CHUNKED_DIGITS: {
    hc_parse result = take_digits(d, c);
    return result == HC_PARSE_MORE && c->at < c->size ? take_size_line(d, c) : result;
  }
  case HC_CHUNKED_BLANKS:
  case HC_CHUNKED_EXTENSION: return take_size_line(d, c);
  case HC_CHUNKED_SIZE_LF: return take_size_end(d, c);
  case HC_CHUNKED_DATA: take_data(d, c); return HC_PARSE_MORE;
  case HC_CHUNKED_DATA_CR:
  case HC_CHUNKED_DATA_LF: return take_data_end(d, c);
  case HC_CHUNKED_TRAILER: return take_trailer_line(d, c, trailer_limit);
  case HC_CHUNKED_DONE: return HC_PARSE_DONE;
  case HC_CHUNKED_FAILED: break;
  }
  return refuse_chunked(d, c, "it was broken before");
}

/* What was decoded before an error is given all the same; the caller hands it out first. */
hc_parse hc_chunked_decode(hc_chunked *d, char *data, size_t size, size_t room,
                           size_t trailer_limit, size_t *used, size_t *produced, hc_failure *why) {
  cursor_chunked c = {data, size, 0, room, 0, why};
  hc_parse result = HC_PARSE_MORE;
  if (d->state >= HC_CHUNKED_DONE) result = step(d, &c, trailer_limit);
  while (result == HC_PARSE_MORE && c.at < size) {
    size_t before = c.at;
    result = step(d, &c, trailer_limit);
    if (c.at == before) break; /* room is full, or a trailer line waits for its end */
  }
  *used = c.at;
  *produced = c.produced;
  return result;
}

/* Zeroed it is one that awaits its first size. The trailer fields go: they are the last
 * answer's. */
void hc_chunked_reset(hc_chunked *d) {
  hc_headers_free(&d->trailers);
  *d = (hc_chunked){0};
}
