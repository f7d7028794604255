/* head_writer.h - the head of an HTTP/1.1 request as bytes (RFC 9112 section 3). A request in, memory out. */
#ifndef HC_HEAD_WRITER_H
#define HC_HEAD_WRITER_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../http/request_check.h"

HC_INTERNAL_BEGIN

/* Appends the head to `out`.
 * Order: request line, Host (the caller's line in its place where one is given), the caller's other lines in order
 * and spelling, then what the caller did not give: Content-Length (for content, and 0 for POST, PUT, PATCH without),
 * or Transfer-Encoding: chunked for a stream of unknown length, User-Agent, Accept, Proxy-Authorization.
 * An absolute URL without a path gets "/" (OPTIONS apart). HC_ERR_OUT_OF_MEMORY: `out` is as before. */
hc_error hc_head_write(const hc_checked_request *checked, hc_buffer *out, hc_failure *why);

/* hc_request_check and hc_head_write in one. */
hc_error hc_request_write(const hc_request *request, hc_buffer *out, hc_request_head *head, hc_failure *why);

/* The head of the CONNECT that opens a proxy tunnel to `authority` (always host:port, RFC 9110 section 9.3.6). */
hc_error hc_head_write_tunnel(hc_slice authority, hc_slice proxy_credentials, hc_buffer *out);

HC_INTERNAL_END

#endif
