/* response.c - the record of a response's head. See response.h. */
#include "response.h"

/* hc_response_restart is for 1xx heads and kept connections, where the next head follows at once,
 * and hc_response_reset is for the end. Both leave a record that a parser can begin with. */
void hc_response_restart(hc_response *r) {
  hc_headers_clear(&r->headers);
  r->code = r->minor_version = 0;
  r->line_is_fields = false;
  r->size = r->scanned = 0;
}

void hc_response_reset(hc_response *r) {
  hc_headers_free(&r->headers);
  *r = (hc_response){0};
}
