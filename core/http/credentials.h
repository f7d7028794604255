/* credentials.h - user name and password as Basic credentials, the value of a field. In the core
 * only proxies get some (proxy_auth.h); those for servers are made in the Lua half.
 *
 * It turns text into text. Who gets the credentials, and who must not, is decided elsewhere: by the
 * route (connect/route.h). */
#ifndef HC_CREDENTIALS_H
#define HC_CREDENTIALS_H

#include "../base/buffer.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Appends "Basic ..." (RFC 7617). HC_ERR_INVALID_PARAMETER for a ':' in the user name, and for
 * control bytes in either text; HC_ERR_OUT_OF_MEMORY. The caller wipes `out`. The texts go as they
 * are, in whatever characters the caller has them: RFC 7617 section 2.1 leaves that to the server,
 * and UTF-8 is what most expect. */
hc_error hc_basic_credentials(hc_slice user, hc_slice password, hc_buffer *out, hc_failure *why);

HC_INTERNAL_END

#endif
