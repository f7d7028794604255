/* sleep_slice.h - when the sleep of a call that blocks has to be over: about HC_SLICE_NS after
 * its first wait. A call that need not wait does not look at the clock for it. */
#ifndef HC_SLEEP_SLICE_H
#define HC_SLEEP_SLICE_H

#include "../base/limits.h"
#include "../platform/clock.h"

#define HC_SLICE_AHEAD 0u  /* the call has not waited yet */

/* HC_NEVER stays. */
static inline uint64_t hc_slice_end(uint64_t *until) {
  if (*until == HC_SLICE_AHEAD) *until = hc_clock_now() + HC_SLICE_NS;
  return *until;
}

#endif
