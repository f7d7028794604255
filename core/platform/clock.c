/* clock.c - times and deadlines; the clock itself is the system's. See clock.h. */
#include "clock.h"

#include <limits.h>

#define NANOSECONDS_CLOCK 1000000000u
#define NANOSECONDS_PER_MS 1000000u

/* A script's seconds may be any double; whatever comes, the result is a time that can be
 * compared. */
uint64_t hc_clock_deadline(uint64_t now, double seconds) {
  if (!(seconds > 0)) return HC_NEVER; /* a NaN too */
  /* 2^63 ns are 292 years: what is beyond never comes, and the conversion below stays defined. */
  double nanoseconds = seconds * NANOSECONDS_CLOCK;
  if (nanoseconds >= 9223372036854775808.0) return HC_NEVER;
  uint64_t span = (uint64_t)nanoseconds;
  return span > HC_NEVER - now ? HC_NEVER : now + span;
}

/* Cut at what the systems' calls take, 24 days: who sleeps so long looks again and sleeps on. */
int hc_clock_milliseconds_until(uint64_t deadline) {
  if (deadline == HC_NEVER) return -1;
  uint64_t now = hc_clock_now();
  if (deadline <= now) return 0;
  uint64_t ms = (deadline - now - 1) / NANOSECONDS_PER_MS + 1;
  return ms > INT_MAX ? INT_MAX : (int)ms;
}
