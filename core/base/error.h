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

/* Records HC_ERR_OUT_OF_MEMORY, and gives it. Every place where an allocation fails says so in the
 * same words; the second names what there was no room for: "the request's head". */
hc_error hc_failure_out_of_memory(hc_failure *failure);
hc_error hc_failure_out_of_memory_for(hc_failure *failure, const char *what);

/* Records a code that comes from below without a sentence, and gives it: the sentence is that of
 * hc_error_string(). Where the callee has told its reason already, that stays. */
hc_error hc_failure_set_code(hc_failure *failure, hc_error code);

HC_INTERNAL_END

#endif
