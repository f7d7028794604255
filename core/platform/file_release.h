/* file_release.h - the end of large files. The system frees the blocks of a file, and the memory
 * that holds them, when its last name and its last descriptor are gone, on the time of whoever lets
 * go last: tens of milliseconds for some hundred MiB. Here the last one is a thread, which comes
 * when there is work for it and then ends. Where none can be had, or too many files wait already,
 * it is done on the caller's time. */
#ifndef HC_FILE_RELEASE_H
#define HC_FILE_RELEASE_H

#include "../base/internal.h"
#include "file.h"

HC_INTERNAL_BEGIN

/* Any thread may call these. Closes the descriptor, unless it is HC_NO_FILE: for files to which
 * nothing was written that a close could still refuse. */
void hc_file_release(hc_file file);
/* Renames over what is there. HC_ERR_FILE_CANT_WRITE with the reason alone. */
hc_error hc_file_replace(const char *from, const char *to, hc_failure *why);
void hc_file_remove(const char *path);

#ifdef HC_TEST_HOOKS
/* Between these two the thread does not go on; until it stands there, with a file; and until it
 * has nothing to do. */
void hc_file_release_stop(void);
void hc_file_release_go(void);
void hc_file_release_await(void);
void hc_file_release_settle(void);
/* How many files it has closed. */
long hc_file_releases(void);
#endif

HC_INTERNAL_END

#endif
