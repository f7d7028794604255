/* progress.h - what a step of an exchange came to. Only the client makes statuses of it. */
#ifndef HC_PROGRESS_H
#define HC_PROGRESS_H

typedef enum hc_progress {
  HC_MOVED,   /* something was done, and more may be possible at once */
  HC_WAIT,    /* nothing can be done now; the interest says for what */
  HC_DONE,    /* what was asked for is complete */
  HC_BROKEN   /* it never will be: the failure record says why */
} hc_progress;

#endif
