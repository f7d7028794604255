/* system_error.h - sentences for the system's error numbers, and records of them. */
#ifndef HC_SYSTEM_ERROR_H
#define HC_SYSTEM_ERROR_H

#include "../base/error.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

#define HC_ERRNO_TEXT 32
/* A short sentence for an errno value, the same in every locale and on every system, for the end of
 * a message ("connection refused"). It is a constant, or stands in `space` where the number has no
 * sentence of its own. */
const char *hc_errno_text(int code, char space[HC_ERRNO_TEXT]);

#define HC_SHOWN_PATH_MAX 160 /* of a long path, so that the reason still fits the record */

/* Records "`what` `path`: reason", or the system's number of the error where there is no text for
 * it (`reason` NULL); `code`. */
hc_error hc_file_record(hc_failure *why, hc_error code, const char *what, const char *path,
                        const char *reason, unsigned long number);

HC_INTERNAL_END

#endif
