/* clock_posix.c - the monotonic clock of POSIX. See clock.h.
 *
 * CLOCK_MONOTONIC does not follow the wall's clock when somebody sets it. On Linux it stands still
 * while the machine sleeps: a timeout goes on where it was. The call is answered in user space
 * there, by the vDSO, and costs some tens of nanoseconds. */
#include "../system_features.h"

#include "../clock.h"

#include <time.h>

#define NANOSECONDS_CLOCK_HERE 1000000000u

uint64_t hc_clock_now(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0; /* POSIX 2008 requires this clock */
  return (uint64_t)now.tv_sec * NANOSECONDS_CLOCK_HERE + (uint64_t)now.tv_nsec;
}
