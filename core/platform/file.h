/* file.h - the little that the library does with files: bodies, downloads, key logs. */
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
/* Opens it for reading, close-on-exec; a pipe is not waited for. The errors of hc_file_create. */
hc_error hc_file_open(const char *path, hc_file *file, hc_failure *why);
/* Makes a new, empty file: where there is one of that name, be it a link to nowhere, nothing is
 * touched. Who may not touch the file `old`, which it is to replace (NULL: none), may not touch the
 * new one either. *owner is the user whom it belongs to: not always the one who made it, as some
 * file systems give all to one. The errors of hc_file_create, and HC_ERR_ALREADY_EXISTS. */
hc_error hc_file_create_new(const char *path, const char *old, int64_t *owner, hc_failure *why);
/* The same, for what nobody but the user may read. */
hc_error hc_file_create_private(const char *path, int64_t *owner, hc_failure *why);
/* Gives the user's file at `path` the permissions, and if possible the group, of the regular file
 * `old` that it is about to replace: no more than it has where that one is somebody else's. False
 * where nothing has changed. */
bool hc_file_keep_mode(const char *path, const char *old);
/* Is there a regular file with this one name, no link, that belongs to the user? What others may
 * have put there is not gone on with. */
bool hc_file_is_own(const char *path, uint64_t *size, int64_t *owner);
#define HC_FILE_OF_NOBODY (-1)
/* Is `file` open on what is found at `path`: a regular file with this one name, no link, of that
 * owner; or, of HC_FILE_OF_NOBODY, a device? Between a look and an open others may have put
 * something else there. */
bool hc_file_is_present(hc_file file, const char *path, int64_t owner);
/* Opens it for writing behind what it holds, and anything else not. The errors of hc_file_create,
 * and HC_ERR_FILE_CANT_OPEN. */
hc_error hc_file_open_present(const char *path, int64_t owner, hc_file *file, hc_failure *why);
/* Opens a log for its owner alone: made with mode 0600, or one that is there is appended to, and
 * made as private. Refused: a link, another's file, what has a second name or is no regular file.
 * The errors of hc_file_create. */
hc_error hc_file_open_log(const char *path, hc_file *file, hc_failure *why);

typedef enum hc_file_kind {
  HC_FILE_MISSING,  /* or nothing can be learned of it */
  HC_FILE_REGULAR,
  HC_FILE_DIRECTORY,
  HC_FILE_DEVICE,   /* of characters, such as /dev/null: it is written to, and never replaced */
  HC_FILE_OTHER     /* a pipe, a socket, a disk */
} hc_file_kind;

/* What the path leads to, through links. */
hc_file_kind hc_file_kind_of(const char *path);
/* False on any doubt. */
bool hc_file_is_regular(hc_file file);
/* A regular file that is written to at its position, not always at its end? */
bool hc_file_is_positioned(hc_file file);
/* Has it positions: is it a file, no pipe, terminal, socket or device of characters? */
bool hc_file_has_positions(hc_file file);
#define HC_FILE_NO_OFFSET UINT64_MAX /* of what has no positions: it is read as it comes */
#define HC_FILE_NO_LENGTH UINT64_MAX /* nobody knows before its end */
/* What a body from `file` would be: a duplicate of the descriptor (close-on-exec) and the bytes
 * from `offset` to the end; HC_FILE_NO_LENGTH where the system does not say how many there are, or
 * says what is not so (as Linux does of what stands below /proc and /sys). HC_ERR_INVALID_PARAMETER
 * when it can't be read, HC_ERR_CANT_ACQUIRE_RESOURCE. */
hc_error hc_file_share(hc_file file, uint64_t offset, hc_file *shared, uint64_t *length,
                       hc_failure *why);
/* Reads on behind *offset, which it moves, or what comes next; never waits. *got 0: the end.
 * HC_ERR_BUSY: there is nothing yet. HC_ERR_FILE_CANT_READ. */
hc_error hc_file_read_on(hc_file file, uint64_t *offset, char *into, size_t size, size_t *got,
                         hc_failure *why);
/* HC_ERR_FILE_CANT_WRITE when the system reports a write error only now. */
hc_error hc_file_finish(hc_file file, hc_failure *why);
void hc_file_close(hc_file file);
/* HC_ERR_FILE_CANT_WRITE with the reason alone. */
hc_error hc_file_rename(const char *from, const char *to, hc_failure *why);
void hc_file_unlink(const char *path);

typedef struct hc_file_id {
  uint64_t device, number;
} hc_file_id;
/* Does a large file end with its last descriptor, since it has no name any more? And which one is
 * it? */
bool hc_file_is_costly(hc_file file, hc_file_id *id);
/* A descriptor that keeps the large file whose only name is `path`, and is good for nothing else;
 * HC_NO_FILE where there is none. */
hc_file hc_file_hold(const char *path);
/* The number of the process that calls: a fork of the one that made a file is another. */
uint64_t hc_process_number(void);

HC_INTERNAL_END

#endif
