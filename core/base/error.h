/* error.h - result codes and the failure record (both are public: httpclient.h), and what only we
 * record. */
#ifndef HC_ERROR_H
#define HC_ERROR_H

#include "../httpclient.h"
#include "internal.h"

HC_INTERNAL_BEGIN

/* Records HC_ERR_TIMEOUT, as hc_failure_set does: "`which` timeout after N s". The text does not
 * depend on the locale. */
void hc_failure_set_timeout(hc_failure *failure, const char *which, double seconds);

HC_INTERNAL_END

#endif
