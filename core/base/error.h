/* error.h - result codes and the failure record. Both are public (httpclient.h); here is what only
 * we record.
 *
 * The first failure sticks: where something went wrong, code and sentence are written into the
 * record of whoever asked, without allocating, and what fails afterwards for that reason leaves it
 * alone. */
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
