/* file.h - the few things that the library does with files: bodies, downloads, key logs.
 *
 * Paths are UTF-8 and end with a NUL. A hc_file is the system's own (a descriptor, a HANDLE), is
 * closed by hc_file_close or hc_file_finish, and belongs to one thread at a time. Nothing here
 * keeps state or allocates, but for what a system needs to turn a path into its own text. `why` may
 * be NULL. */
#ifndef HC_FILE_H
#define HC_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/slice.h"
#include "handle.h"

HC_INTERNAL_BEGIN

/* Reads up to `size` bytes at `offset`; *got 0 at the end of the file. HC_ERR_FILE_CANT_READ. */
hc_error hc_file_read_at(hc_file file, uint64_t offset, char *into, size_t size, size_t *got,
                         hc_failure *why);
/* Writes all at the file's position; *written counts also when it fails. HC_ERR_FILE_CANT_WRITE
 * with the reason. */
hc_error hc_file_write(hc_file file, hc_slice bytes, size_t *written, hc_failure *why);
/* Opens for writing, created (mode 0666 less umask) or emptied, close-on-exec.
 * HC_ERR_FILE_CANT_OPEN, HC_ERR_FILE_NOT_FOUND, HC_ERR_FILE_NO_PERMISSION with path and reason. */
hc_error hc_file_create(const char *path, hc_file *file, hc_failure *why);
/* Opens for reading, close-on-exec, without waiting for a pipe's writer. The errors of
 * hc_file_create. */
hc_error hc_file_open(const char *path, hc_file *file, hc_failure *why);
/* Makes a new, empty file. If the name is taken, even by a link to nowhere, nothing is touched. It
 * is going to replace the file `old` (NULL: none), so users without access to that one get none to
 * it. *owner is the user it belongs to, who need not be the one who made it: some file systems give
 * every file to one user. The errors of hc_file_create, and HC_ERR_ALREADY_EXISTS. */
hc_error hc_file_create_new(const char *path, const char *old, int64_t *owner, hc_failure *why);
/* The same, readable by nobody but the user. */
hc_error hc_file_create_private(const char *path, int64_t *owner, hc_failure *why);
/* Gives the user's file at `path` the permissions, and if possible the group, of the regular file
 * `old` that it is about to replace. If `old` belongs to somebody else, it gets no permission that
 * it does not have yet. False: nothing was changed. */
bool hc_file_keep_mode(const char *path, const char *old);
/* Is there a regular file, no link and without a second name, that belongs to the user? A download
 * does not continue what somebody else may have put there. */
bool hc_file_is_own(const char *path, uint64_t *size, int64_t *owner);
#define HC_FILE_OF_NOBODY (-1)
/* Is `file` the file that is at `path` now: a regular one, no link, without a second name, and that
 * owner's? For HC_FILE_OF_NOBODY: a device? Somebody may have put something else there between a
 * look and the open. */
bool hc_file_is_present(hc_file file, const char *path, int64_t owner);
/* Opens such a file for writing at its end, and refuses anything else. The errors of
 * hc_file_create, and HC_ERR_FILE_CANT_OPEN. */
hc_error hc_file_open_present(const char *path, int64_t owner, hc_file *file, hc_failure *why);
/* Opens a log that only its owner can read: a new one with mode 0600, or the present one for
 * appending, which becomes as private. Links, other users' files, files with a second name and
 * anything that is no regular file are refused. The errors of hc_file_create. */
hc_error hc_file_open_log(const char *path, hc_file *file, hc_failure *why);

typedef enum hc_file_kind {
  HC_FILE_MISSING, /* or nothing can be found out about it */
  HC_FILE_REGULAR,
  HC_FILE_DIRECTORY,
  HC_FILE_DEVICE, /* a character device like /dev/null: written to, never replaced */
  HC_FILE_OTHER /* a pipe, a socket, a disk */
} hc_file_kind;

/* Follows links. */
hc_file_kind hc_file_kind_of(const char *path);
/* False on any doubt. */
bool hc_file_is_regular(hc_file file);
/* Is it a regular file that is written at its position, and not always at its end? */
bool hc_file_is_positioned(hc_file file);
/* Can it be read at an offset? A pipe, terminal, socket or character device can't. */
bool hc_file_has_positions(hc_file file);
#define HC_FILE_NO_OFFSET UINT64_MAX /* it has no positions and is read as it comes */
#define HC_FILE_NO_LENGTH UINT64_MAX /* not known before its end */
/* Makes a body of `file`: *shared is a duplicate of the descriptor (close-on-exec), *length the
 * number of bytes from `offset` to the end. HC_FILE_NO_LENGTH if the system doesn't know it, or
 * reports a wrong one, as Linux does for files in /proc and /sys. HC_ERR_INVALID_PARAMETER if it
 * can't be read, HC_ERR_CANT_ACQUIRE_RESOURCE. */
hc_error hc_file_share(hc_file file, uint64_t offset, hc_file *shared, uint64_t *length,
                       hc_failure *why);
/* Reads at *offset and moves it, or, without an offset, reads what comes next. Never waits. *got 0:
 * the end. HC_ERR_BUSY: nothing is there yet. HC_ERR_FILE_CANT_READ. */
hc_error hc_file_read_on(hc_file file, uint64_t *offset, char *into, size_t size, size_t *got,
                         hc_failure *why);
/* Closes a written file. HC_ERR_FILE_CANT_WRITE if the system reports a write error only now. */
hc_error hc_file_finish(hc_file file, hc_failure *why);
void hc_file_close(hc_file file);
/* HC_ERR_FILE_CANT_WRITE; the text is the reason alone, without paths. */
hc_error hc_file_rename(const char *from, const char *to, hc_failure *why);
void hc_file_unlink(const char *path);

typedef struct hc_file_id {
  uint64_t device, number;
} hc_file_id;
/* Is this a large file without a name, which the system frees with its last descriptor? *id tells
 * which one. */
bool hc_file_is_costly(hc_file file, hc_file_id *id);
/* A descriptor whose only use is to keep the large file at `path` alive while its last name goes.
 * HC_NO_FILE: there is no such file. */
hc_file hc_file_hold(const char *path);
/* The calling process. A fork has another number than the process that made a file. */
uint64_t hc_process_number(void);

HC_INTERNAL_END

#endif
