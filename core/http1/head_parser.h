/* head_parser.h - the head of an HTTP/1.1 response from its bytes: status line and field section (RFC 9112 sections 4 and
 * 5). Memory in, a record out. */
#ifndef HC_HEAD_PARSER_H
#define HC_HEAD_PARSER_H

#include "../base/internal.h"
#include "../base/parse.h"
#include "../http/response.h"

HC_INTERNAL_BEGIN

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

HC_INTERNAL_END

#endif
