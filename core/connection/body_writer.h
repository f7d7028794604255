/* body_writer.h - where content may go to that is no file. */
#ifndef HC_BODY_WRITER_H
#define HC_BODY_WRITER_H

#include "../base/error.h"
#include "../base/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns how many of the bytes it took; fewer than given ends the transfer with HC_ERR_FILE_CANT_WRITE, or with what it put
 * into `why`. */
typedef size_t (*hc_body_writer)(void *context, hc_slice bytes, hc_failure *why);

#ifdef __cplusplus
}
#endif

#endif
