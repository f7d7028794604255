/* response.h - what the head of a response said, in whatever version of HTTP it came (RFC 9110
 * sections 5 and 15).
 *
 * A record that a parser fills (http1/head_parser.h; for HTTP/2 the session, http2/h2_session.h)
 * and everybody else reads: body.h for the framing, the client for its caller. */
#ifndef HC_RESPONSE_H
#define HC_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/internal.h"
#include "fields.h"

HC_INTERNAL_BEGIN

/* One head, and how far its parser has got. All zero: a valid start. */
typedef struct hc_response {
  int code;                /* 100..999; 0 before the status line is whole */
  uint8_t minor_version;   /* the x of HTTP/1.x */
  bool line_is_fields;     /* false: the status line is awaited, true: field lines are */
  hc_headers headers;      /* and in front of them the reason phrase, see hc_response_reason */
  size_t size;             /* bytes of this head that were consumed so far, with line ends */
  /* of the bytes not consumed yet, this many have no LF in them: no need to look again */
  size_t scanned;
} hc_response;

/* May be empty. A view that lives as long as those of the fields. */
static inline hc_slice hc_response_reason(const hc_response *r) {
  return hc_headers_front(&r->headers);
}
/* Ready for another head. Keeps the memory, since the next head on a connection is much like the
 * last. Views of its fields are not valid afterwards. */
void hc_response_restart(hc_response *r);
/* Ready for another head, with all memory freed. */
void hc_response_reset(hc_response *r);

HC_INTERNAL_END

#endif
