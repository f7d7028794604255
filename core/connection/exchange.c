/* exchange.c - the times of an exchange. See exchange.h.
 *
 * Two deadlines, one at a time: the idle timeout while bytes move either way, the response timeout
 * from the last byte of the request to the end of the answer's head. Where a timeout is off, its
 * deadline is never, and the clock is not asked. */
#include "exchange.h"

/* Every time is "never" until somebody sets one; zero would be a deadline that has long passed. */
void hc_exchange_init(hc_exchange *x, const hc_protocol *protocol, hc_connection *n,
                      const hc_answer *answer) {
  *x = (hc_exchange){.protocol = protocol, .connection = n, .answer = answer};
  x->response_deadline = x->idle_deadline = x->sleep_until = HC_NEVER;
}

void hc_exchange_await_head(hc_exchange *x) {
  x->idle_deadline = HC_NEVER;
  if (x->settings->response_timeout > 0)
    x->response_deadline = hc_clock_deadline(hc_clock_now(), x->settings->response_timeout);
}

bool hc_exchange_is_idle_too_long(const hc_exchange *x) {
  return x->idle_deadline != HC_NEVER && hc_clock_now() >= x->idle_deadline;
}

/* A stream that failed in the same step may have written its reason already. The timeout is what
 * the caller asked for, so it is what he hears. */
static hc_progress time_out(hc_failure *why, const char *which, double seconds) {
  hc_failure_clear(why);
  hc_failure_set_timeout(why, which, seconds);
  return HC_BROKEN;
}

hc_progress hc_exchange_end_by_response_timeout(const hc_exchange *x, hc_failure *why) {
  return time_out(why, "response", x->settings->response_timeout);
}

hc_progress hc_exchange_end_by_idle_timeout(const hc_exchange *x, hc_failure *why) {
  return time_out(why, "idle", x->settings->idle_timeout);
}

void hc_exchange_retire(hc_exchange *x) {
  x->is_under_way = false;
  x->response_deadline = x->idle_deadline = HC_NEVER;
}
