/* head_writer.h - the head of an HTTP/1.1 request, as bytes (RFC 9112 section 3).
 *
 * On the way of a request out this stands behind the check (http/request_check.h) and before the
 * sender. A request goes in, memory comes out, and what the head promises about the content. */
#ifndef HC_HEAD_WRITER_H
#define HC_HEAD_WRITER_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../http/request_check.h"

HC_INTERNAL_BEGIN

/* Appends the head to `out`: the request line; Host (the caller's, if there is one); the caller's
 * other lines, in their order and spelling; and then what the caller did not give. That is
 * Content-Length (for content, and 0 for POST, PUT and PATCH without any) or, for content of
 * unknown length, Transfer-Encoding: chunked; User-Agent; Accept; Proxy-Authorization. An absolute
 * URL without a path gets "/", except with OPTIONS. HC_ERR_OUT_OF_MEMORY: `out` is as before. */
hc_error hc_head_write(const hc_checked_request *checked, hc_buffer *out, hc_failure *why);

/* hc_request_check and hc_head_write in one. */
hc_error hc_request_write(const hc_request *request, hc_buffer *out, hc_request_head *head,
                          hc_failure *why);

/* The head of the CONNECT that opens a proxy tunnel to `authority` (always host:port, RFC 9110
 * section 9.3.6). */
hc_error hc_head_write_tunnel(hc_slice authority, hc_slice proxy_credentials, hc_buffer *out);

HC_INTERNAL_END

#endif
