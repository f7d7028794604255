/* head_parser.h - the head of an HTTP/1.1 response, from its bytes: status line and fields (RFC
 * 9112 sections 4 and 5).
 *
 * On the way of a byte in this is the first to look at it. Memory goes in and a record comes out
 * (http/response.h). What does not speak HTTP is recognised at its first wrong byte. */
#ifndef HC_HEAD_PARSER_H
#define HC_HEAD_PARSER_H

#include "../base/internal.h"
#include "../base/parse.h"
#include "../http/response.h"

HC_INTERNAL_BEGIN

/* Consumes whole lines from data[0..size), and *used says how many bytes that was. Call again with
 * the rest, in front of what came since. Works for 1xx and for final heads.
 *
 * DONE: the empty line was consumed. ERROR: the bytes can't become "HTTP/1.x NNN" any more (which
 * shows at the first wrong byte, even if its line is not complete), the status line has NUL or a
 * bare CR in it, hc_headers_parse_line refuses a line, or the head is over `limit` bytes (with line
 * ends, and with the line that is not complete).
 *
 * A bare LF ends a line too (RFC 9112 section 2.2). Behind the code there is a space, or the end of
 * the line. */
hc_parse hc_response_parse(hc_response *r, const char *data, size_t size, size_t limit,
                           size_t *used, hc_failure *why);
#define HC_HTTP2_START_SIZE 9 /* the head of a frame */
#define HC_HTTP2_ONLY "the server speaks HTTP/2 only"
/* Do these bytes come from a server that speaks HTTP/2 to everybody who connects? hc_response_parse
 * refuses them, and says so. */
bool hc_is_http2_start(hc_slice bytes);

HC_INTERNAL_END

#endif
