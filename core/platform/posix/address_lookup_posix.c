/* address_lookup_posix.c - names by getaddrinfo. See address_lookup.h. */
#include "../system_features.h"

#include "../address_lookup.h"

#include <errno.h>
#include "../address_system.h"

/* No AI_ADDRCONFIG: with it a machine that has nothing but its loopback interface does not find
 * "localhost". */
void hc_address_lookup(const char *host, unsigned port, hc_address_answer *answer) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
  *answer = (hc_address_answer){.code = getaddrinfo(host, NULL, &hints, &list)};
  if (answer->code == EAI_SYSTEM) answer->system_error = errno;
  if (answer->code != 0) return;
  answer->code = hc_address_collect(list, port, &answer->addresses, &answer->count);
  freeaddrinfo(list);
}

const char *hc_address_lookup_reason(const hc_address_answer *answer, char space[HC_ERRNO_TEXT]) {
  return answer->code == EAI_SYSTEM ? hc_errno_text(answer->system_error, space)
                                    : gai_strerror(answer->code);
}
