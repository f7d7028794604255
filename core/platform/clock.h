/* clock.h - nanoseconds on the monotonic clock. Deadlines are such times.
 *
 * The clock never goes back and has no relation to the time of day: such a number means something
 * in this process alone, and is not to be stored. HC_NEVER is the largest one, so the earlier of
 * two deadlines is the smaller number. */
#ifndef HC_CLOCK_H
#define HC_CLOCK_H

#include <stdint.h>

#include "../base/internal.h"
#include "../httpclient.h"

HC_INTERNAL_BEGIN

/* now (of hc_clock_now) + seconds without overflow; seconds <= 0 gives HC_NEVER (0 means: no
 * timeout). */
uint64_t hc_clock_deadline(uint64_t now, double seconds);
/* From now to the deadline in milliseconds, for the system's calls that sleep: -1 for HC_NEVER.
 * Rounded up, since a time that is too short would make the caller spin through its last
 * millisecond. */
int hc_clock_milliseconds_until(uint64_t deadline);
static inline uint64_t hc_clock_earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

HC_INTERNAL_END

#endif
