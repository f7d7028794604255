/* response.c - the record of a response's head. See response.h. */
#include "response.h"

void hc_response_restart(hc_response *r) {
  hc_headers headers = r->headers;
  hc_buffer reason = r->reason;
  hc_headers_clear(&headers);
  hc_buffer_consume(&reason, hc_buffer_size(&reason));
  *r = (hc_response){.headers = headers, .reason = reason};
}

void hc_response_reset(hc_response *r) {
  hc_headers_free(&r->headers);
  hc_buffer_free(&r->reason);
  *r = (hc_response){0};
}
