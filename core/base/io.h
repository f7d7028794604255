/* io.h - what an operation that never waits came to (hc_io, which is public: stream.h), and how
 * much one that sleeps waits for. */
#ifndef HC_IO_H
#define HC_IO_H

#include "../stream.h"

/* When a receive that sleeps has enough. */
typedef enum hc_fill {
  HC_FILL_SOME,  /* with the first bytes */
  HC_FILL_ALL    /* when all the room is filled */
} hc_fill;

#endif
