/* response.h - what the head of a response said, whatever version of the wire it came by (RFC 9110 sections 5 and 15). No I/O. */
#ifndef HC_RESPONSE_H
#define HC_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "../base/internal.h"
#include "fields.h"

HC_INTERNAL_BEGIN

/* One head, and how far its parser (http1/head_parser.h) is. Zeroed is a valid start. */
typedef struct hc_response {
  int code;                /* 100..999; 0 before the status line is whole */
  int minor_version;       /* the x of HTTP/1.x */
  hc_headers headers;
  hc_buffer reason;        /* the reason phrase, may be empty */
  size_t size;             /* bytes of this head consumed so far, line ends counted */
  size_t scanned;          /* of the bytes still unconsumed, this many hold no LF: they are not looked at again */
  int line_is_fields;      /* 0: the status line is awaited, 1: field lines are */
} hc_response;

/* Makes it a valid start again and keeps the memory: the next head on a kept connection is much like the last. */
void hc_response_restart(hc_response *r);
/* Frees all and makes it a valid start again. */
void hc_response_reset(hc_response *r);

HC_INTERNAL_END

#endif
