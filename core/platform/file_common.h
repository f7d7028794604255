/* file_common.h - what is the same for the files of all systems, for the folders below. */
#ifndef HC_FILE_COMMON_H
#define HC_FILE_COMMON_H

#include "../base/internal.h"
#include "file.h"

HC_INTERNAL_BEGIN

#define HC_SHOWN_PATH_MAX 160 /* of a long path, so that the reason still fits the record */

/* What could not be done, in the same words on every system: `what` of hc_file_record. To read and
 * to write have hc_error_string()'s. */
#define HC_CANT_OPEN "can't open"
#define HC_BODY_FILE "body file"

/* Records "`what` `path`: reason", or the system's number of the error where there is no text for
 * it (`reason` NULL); `code`. */
hc_error hc_file_record(hc_failure *why, hc_error code, const char *what, const char *path,
                        const char *reason, unsigned long number);
/* What a file without positions has at this moment; the results of hc_file_read_on. */
hc_error hc_file_read_what_comes(hc_file file, char *into, size_t size, size_t *got,
                                 hc_failure *why);

HC_INTERNAL_END

#endif
