/* system_error.h - sentences for the system's error numbers. */
#ifndef HC_SYSTEM_ERROR_H
#define HC_SYSTEM_ERROR_H

#include "../base/internal.h"

HC_INTERNAL_BEGIN

#define HC_ERRNO_TEXT 32
/* A short sentence for an errno value, independent of the locale; `space` holds it where there is
 * none of its own. */
const char *hc_errno_text(int code, char space[HC_ERRNO_TEXT]);

HC_INTERNAL_END

#endif
