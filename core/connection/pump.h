/* pump.h - from an exchange to a file without a copy in this process, through a pipe of the
 * kernel's. Which exchanges can do that their protocol says (protocol.h). */
#ifndef HC_PUMP_H
#define HC_PUMP_H

#include "../base/internal.h"
#include "../platform/socket_file.h"

HC_INTERNAL_BEGIN

/* Zeroed but for the file. Nothing stays in the pipe between two steps: what the file does not take
 * goes back to the exchange. */
typedef struct hc_pump {
  hc_file file; /* a descriptor */
  hc_pipe pipe;
  bool pipe_is_refused; /* by the stream or the file */
  bool is_flowing; /* the last look took all that it could: more is likely to be there */
  bool was_dry; /* the pipe brought nothing the last time */
  uint64_t moved; /* bytes in the file, whichever way they went */
} hc_pump;

HC_INTERNAL_END

#endif
