/* stdio_file.h - the C library's files, which a Lua script's are: what lies below them, and what
 * stdio itself can't say.
 *
 * Asked for by the bindings alone, on the thread of the script that owns the file; nothing of the
 * core knows a FILE. */
#ifndef HC_STDIO_FILE_H
#define HC_STDIO_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../base/internal.h"
#include "../base/slice.h"
#include "handle.h"

HC_INTERNAL_BEGIN

/* May the functions below be called at all? False where a FILE of the host's may belong to another
 * C library than ours, whose functions would not know it. */
bool hc_stdio_is_reachable(void);
/* The open file below. */
hc_file hc_stdio_file(FILE *file);
/* Where it is read or written next. False where that can't be known. */
bool hc_stdio_position(FILE *file, uint64_t *at);
/* As fwrite and fflush, but that nobody reads what is written raises no SIGPIPE in the host. */
size_t hc_stdio_write(FILE *file, hc_slice bytes);
bool hc_stdio_flush(FILE *file);
/* The same, of what is known to be a regular file: that can't raise it, and it costs less. */
size_t hc_stdio_write_regular(FILE *file, hc_slice bytes);
bool hc_stdio_flush_regular(FILE *file);
/* What has been read of the file and still waits in the memory of the C library, so that the
 * descriptor does not give it any more. A view, until the next call for the file. False where that
 * can't be known. */
bool hc_stdio_buffered(FILE *file, hc_slice *bytes);
void hc_stdio_skip_buffered(FILE *file, size_t size);

HC_INTERNAL_END

#endif
