/* pem_file.h - small files as a whole, in and out: certificates, and keys that nobody else may see.
 * No copy of what is in them stays in memory that is given back. */
#ifndef HC_PEM_FILE_H
#define HC_PEM_FILE_H

#include <stdint.h>

#include "../base/buffer.h"
#include "../base/error.h"
#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* Appends the file to `out`; HC_ERR_FILE_… with path and reason. At most HC_PEM_FILE_MAX bytes.
 * Where it fails some of the file may be in `out`: the caller wipes and frees it in any case. */
hc_error hc_pem_file_read(const char *path, hc_buffer *out, hc_failure *why);
hc_error hc_pem_file_write(const char *path, hc_slice text, hc_failure *why);
/* As write; the file is for its owner alone, also where it existed before. */
hc_error hc_pem_file_write_private(const char *path, hc_slice text, hc_failure *why);

/* Tells one state of a file from another; zeroed where there is none. */
typedef struct hc_pem_file_stamp {
  uint64_t device, inode, size;
  int64_t modified, changed;
} hc_pem_file_stamp;
hc_pem_file_stamp hc_pem_file_stamp_of(const char *path);

HC_INTERNAL_END

#endif
