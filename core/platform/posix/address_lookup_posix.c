/* address_lookup_posix.c - names by getaddrinfo. See address_lookup.h.
 *
 * EAI_SYSTEM says that errno has the reason, and that has to be read before anything else is
 * called. */
#include "../system_features.h"

#include "../address_lookup.h"

#include <errno.h>

#include "../address_system.h"

void hc_address_lookup(const char *host, unsigned port, hc_address_answer *answer) {
  hc_address_ask(host, port, answer);
  if (answer->code == EAI_SYSTEM) answer->system_error = errno;
}

/* gai_strerror's texts are constants, and so are good on any thread. */
const char *hc_address_lookup_reason(const hc_address_answer *answer, char space[HC_ERRNO_TEXT]) {
  return answer->code == EAI_SYSTEM ? hc_errno_text(answer->system_error, space)
                                    : gai_strerror(answer->code);
}
