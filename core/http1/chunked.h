/* chunked.h - the chunked transfer coding, decoded in place (RFC 9112 section 7.1).
 *
 * On the way of a byte in, this stands between the buffer that received it and the reader: raw
 * bytes go in, the content comes out at the front of the same memory, and the trailer fields are
 * kept. It takes pieces of any size. It knows neither the stream nor what the content is. */
#ifndef HC_CHUNKED_H
#define HC_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include "../base/internal.h"
#include "../http/fields.h"
#include "../base/parse.h"

HC_INTERNAL_BEGIN

/* The longest chunk-size line: size, blanks and extensions, without the CRLF. */
#define HC_CHUNK_LINE_LIMIT 4096

typedef enum hc_chunked_state {
  /* awaits the first digit of a chunk size. Zero, so that a zeroed decoder is a valid start */
  HC_CHUNKED_SIZE,
  HC_CHUNKED_DIGITS,      /* awaits more digits, a blank, ';' or CR */
  HC_CHUNKED_BLANKS,      /* awaits blanks, ';' or CR */
  HC_CHUNKED_EXTENSION,   /* awaits the CR behind the extensions, which are ignored */
  HC_CHUNKED_SIZE_LF,     /* awaits the LF of the chunk-size line */
  HC_CHUNKED_DATA,        /* awaits `left` bytes of data */
  HC_CHUNKED_DATA_CR,     /* awaits the CR behind the data */
  HC_CHUNKED_DATA_LF,     /* awaits the LF behind the data */
  HC_CHUNKED_TRAILER,     /* awaits a whole trailer field line, or the empty line */
  HC_CHUNKED_DONE,        /* the empty line has been consumed */
  HC_CHUNKED_FAILED       /* this was no chunked coding */
} hc_chunked_state;

typedef struct hc_chunked {
  hc_chunked_state state;
  /* bytes of this chunk still to come; while digits come, its size so far */
  uint64_t left;
  size_t line_size;       /* bytes of the present chunk-size line */
  /* bytes of the trailer section so far, with line ends and the empty line */
  size_t trailer_size;
  size_t scanned;         /* this many bytes of an unfinished trailer line have no LF in them */
  hc_headers trailers;
} hc_chunked;

/* Decodes data[0..size) in place. The content is then in data[0..*produced), at most `room` bytes,
 * and data[*used..size) was not consumed: give it again, in front of what comes next.
 *
 * DONE: exactly the message was consumed; the bytes behind it were not touched. MORE with *used <
 * size: `room` is full, or a trailer line is not complete. ERROR: what was decoded before is still
 * there.
 *
 * When `room` is full, framing that takes no room (CRLF, the last chunk, trailers) is consumed all
 * the same, so that the read that takes the last byte also finds the end.
 *
 * Refused are a size that is no hex or over 2^63-1, a line over HC_CHUNK_LINE_LIMIT, a missing CRLF
 * or a bare LF in the framing or the trailer section, a bare CR or NUL in the extensions, a trailer
 * section over `trailer_limit`, and what hc_headers_parse_line refuses. */
hc_parse hc_chunked_decode(hc_chunked *d, char *data, size_t size, size_t room,
                           size_t trailer_limit, size_t *used, size_t *produced, hc_failure *why);
void hc_chunked_reset(hc_chunked *d);

HC_INTERNAL_END

#endif
