/* idn.h - host names in letters of all scripts, in the ASCII form in which they are looked up, sent
 * and verified ("bücher.example" is "xn--bcher-kva.example"): UTS 46, non-transitional, with the
 * rules for host names (STD 3). The only file that knows libidn2, where the build has it. */
#ifndef HC_IDN_H
#define HC_IDN_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "uri.h"

HC_INTERNAL_BEGIN

/* NULL: not built in. */
const char *hc_idn_version(void);
/* Of a name in UTF-8 with bytes outside ASCII. HC_ERR_INVALID_PARAMETER: no such name may be, or
 * the build can't tell; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_idn_to_ascii(hc_slice name, hc_buffer *out, hc_failure *why);
/* As hc_host_parse, for such names too: those go through `space`, which host->text is a view of
 * then, and which is the caller's to free. */
hc_error hc_idn_host_parse(hc_slice text, hc_buffer *space, hc_host *host, hc_failure *why);
/* As hc_endpoint_parse, likewise. */
hc_error hc_idn_endpoint_parse(hc_slice text, hc_buffer *space, hc_host *host, unsigned *port,
                               hc_failure *why);

HC_INTERNAL_END

#endif
