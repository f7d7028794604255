/* credentials.h - credentials for a proxy or a server as a field's value. No I/O. */
#ifndef HC_CREDENTIALS_H
#define HC_CREDENTIALS_H

#include "../base/buffer.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* "Basic ..." (RFC 7617) appended to `out`. HC_ERR_INVALID_PARAMETER for a ':' in the user name or control bytes in either. */
hc_error hc_basic_credentials(hc_slice user, hc_slice password, hc_buffer *out, hc_failure *why);

HC_INTERNAL_END

#endif
