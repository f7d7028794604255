/* file_replacement.h - a large file takes the place of another one. Some file systems begin to
 * write its data to the disk then (ext4's auto_da_alloc), which takes whoever renames it ten
 * milliseconds of CPU for some hundred MiB, and longer by the clock. So a thread does it. */
#ifndef HC_FILE_REPLACEMENT_H
#define HC_FILE_REPLACEMENT_H

#include "../base/internal.h"
#include "file.h"

HC_INTERNAL_BEGIN

typedef struct hc_file_replacement hc_file_replacement;

/* Renames over what is there, as hc_file_replace does: at once and with its errors, *out NULL,
 * where that is cheap or there can be no thread. Else *out is what goes on. */
hc_error hc_file_replacement_begin(const char *from, const char *to, hc_file_replacement **out,
                                   hc_failure *why);
/* Does not wait. In a fork of the process that has begun it: true, since nothing will ever come. */
bool hc_file_replacement_is_done(hc_file_replacement *r);
/* Waits for it. HC_ERR_FILE_CANT_WRITE with the reason alone; in a fork of the process that has
 * begun it HC_ERR_BUSY. */
hc_error hc_file_replacement_await(hc_file_replacement *r, hc_failure *why);
/* Whatever is under way goes on. NULL is fine. After this nobody hears how it ended. */
void hc_file_replacement_free(hc_file_replacement *r);

HC_INTERNAL_END

#endif
