/* file_common.h - what is the same for the files of all systems, for the folders below.
 *
 * Included by the files of posix/ and windows/ alone. What stands here would otherwise stand twice,
 * and the two would drift apart. */
#ifndef HC_FILE_COMMON_H
#define HC_FILE_COMMON_H

#include "../base/internal.h"
#include "file.h"
#include "system_error.h"

HC_INTERNAL_BEGIN

/* What could not be done, in the same words on every system: `what` of hc_file_record. To read and
 * to write have hc_error_string()'s. */
#define HC_CANT_OPEN "can't open"
#define HC_BODY_FILE_WORDS "body file"

/* What a file without positions has at this moment; the results of hc_file_read_on. */
hc_error hc_file_read_what_comes(hc_file file, char *into, size_t size, size_t *got,
                                 hc_failure *why);

HC_INTERNAL_END

#endif
