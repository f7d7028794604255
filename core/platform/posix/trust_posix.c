/* trust_posix.c - authorities are in files here. See trust.h. */
#include "../trust.h"

bool hc_trust_each(hc_trust_taker take, void *context) {
  (void)take, (void)context;
  return true;
}
