/* io.h - what an operation that never waits came to. Counts come back by pointer. */
#ifndef HC_IO_H
#define HC_IO_H

typedef enum hc_io {
  HC_IO_OK,          /* done; for data: at least one byte moved */
  HC_IO_WANT_READ,   /* nothing can be done until the descriptor is readable */
  HC_IO_WANT_WRITE,  /* nothing can be done until the descriptor is writable */
  HC_IO_EOF,         /* the peer ended its side in good order (FIN; over TLS close_notify) */
  HC_IO_ERROR        /* reset, truncated, failed: see the failure record */
} hc_io;

/* When a receive that sleeps has enough. */
typedef enum hc_fill {
  HC_FILL_SOME,  /* with the first bytes */
  HC_FILL_ALL    /* when all the room is filled */
} hc_fill;

#endif
