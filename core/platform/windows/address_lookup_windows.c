/* address_lookup_windows.c - names by getaddrinfo. See address_lookup.h. It runs on a thread of the
 * resolver's, like its twin in posix/.
 *
 * The sentences are glibc's, in English, so that a script which looks at a message finds the same
 * everywhere. */
#include "../address_system.h"

#include "../address_lookup.h"

/* A look-up may be the first thing that the process does with the network, so Winsock is started
 * here as well. Where it can't be, that is the answer. */
void hc_address_lookup(const char *host, unsigned port, hc_address_answer *answer) {
  *answer = (hc_address_answer){.code = WSASYSNOTREADY};
  if (hc_network_start()) hc_address_ask(host, port, answer);
}

/* gai_strerror has one buffer for all threads here, and the user's language. */
const char *hc_address_lookup_reason(const hc_address_answer *answer, char space[HC_ERRNO_TEXT]) {
  switch (answer->code) {
  case EAI_NONAME: return "Name or service not known";
  case EAI_AGAIN: return "Temporary failure in name resolution";
  case EAI_FAIL: return "Non-recoverable failure in name resolution";
  case EAI_MEMORY: return "Memory allocation failure";
  case WSASYSNOTREADY: return "there is no network";
  case WSANO_DATA: return "No address associated with hostname";
  default: return hc_errno_text(hc_errno_of_winsock(answer->code), space);
  }
}
