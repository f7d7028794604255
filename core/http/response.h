/* response.h - the head of a response: status line and field section (RFC 9112 sections 4 and 5). No I/O. */
#ifndef HC_RESPONSE_H
#define HC_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "fields.h"
#include "../base/parse.h"

/* One head, parsed as its bytes come. Zeroed is a valid start. */
typedef struct hc_response {
  int code;                /* 100..999; 0 before the status line is whole */
  int minor_version;       /* the x of HTTP/1.x */
  hc_headers headers;
  hc_buffer reason;        /* the reason phrase, may be empty */
  size_t size;             /* bytes of this head consumed so far, line ends counted */
  size_t scanned;          /* of the bytes still unconsumed, this many hold no LF: they are not looked at again */
  int line_is_fields;      /* 0: the status line is awaited, 1: field lines are */
} hc_response;

/* Consumes whole lines from data[0..size) and says in *used how many bytes those were; call again with the rest
 * and what came since. The caller keeps the unused bytes in front of the new ones.
 * DONE: the empty line was consumed; headers are trimmed. Works for 1xx and final heads alike.
 * ERROR as listed in the contract: bytes that can no longer become "HTTP/1.x NNN" (seen at the first wrong byte,
 * also of an unfinished line), what hc_headers_parse_line refuses, NUL or a bare CR in the status line, a head that
 * passes `limit` bytes (line ends counted, the unfinished line too).
 * Bare LF ends a line (RFC 9112 section 2.2). After the code comes SP, or the end of the line. */
hc_parse hc_response_parse(hc_response *r, const char *data, size_t size, size_t limit, size_t *used, hc_failure *why);
#define HC_HTTP2_START_SIZE 9 /* the head of a frame */
#define HC_HTTP2_ONLY "the server speaks HTTP/2 only"
/* Are these the first bytes of a server that speaks HTTP/2 to whoever connects? hc_response_parse refuses them as such. */
bool hc_is_http2_start(hc_slice bytes);
/* Makes it a valid start again and keeps the memory: the next head on a kept connection is much like the last. */
void hc_response_restart(hc_response *r);
/* Frees all and makes it a valid start again. */
void hc_response_reset(hc_response *r);

#endif
