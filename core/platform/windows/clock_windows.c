/* clock_windows.c - the performance counter, which never goes back. See clock.h. */
#include "system_windows.h"

#include "../clock.h"

#define NANOSECONDS 1000000000u

/* Its rate is fixed when the system starts, and read from memory. In two parts, since the product
 * would overflow after half an hour. */
uint64_t hc_clock_now(void) {
  LARGE_INTEGER ticks, rate;
  (void)QueryPerformanceFrequency(&rate); /* neither fails since Windows XP */
  (void)QueryPerformanceCounter(&ticks);
  uint64_t per_second = (uint64_t)rate.QuadPart, all = (uint64_t)ticks.QuadPart;
  return all / per_second * NANOSECONDS + all % per_second * NANOSECONDS / per_second;
}
