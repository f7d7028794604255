/* address_lookup_posix.c - names by getaddrinfo. See address_lookup.h. */
#include "../system_features.h"

#include "../address_lookup.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "../../base/memory.h"
#include "address_posix.h"

/* False for what is no address of the Internet. */
static bool convert(const struct addrinfo *from, unsigned port, hc_address *to) {
  if (from->ai_family == AF_INET && from->ai_addrlen == sizeof(struct sockaddr_in)) {
    struct sockaddr_in in;
    memcpy(&in, from->ai_addr, sizeof in);
    in.sin_port = htons((uint16_t)port);
    hc_address_set_ipv4(to, &in);
    return true;
  }
  if (from->ai_family != AF_INET6 || from->ai_addrlen != sizeof(struct sockaddr_in6)) return false;
  struct sockaddr_in6 in6;
  memcpy(&in6, from->ai_addr, sizeof in6);
  in6.sin6_port = htons((uint16_t)port);
  hc_address_set_ipv6(to, &in6);
  return true;
}

static bool is_among(const hc_address *address, const hc_address *all, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (all[i].size == address->size &&
        memcmp(all[i].raw.bytes, address->raw.bytes, address->size) == 0)
      return true;
  }
  return false;
}

/* The hosts file may name an address twice, and a second attempt to it would win nothing. */
static int collect(const struct addrinfo *list, unsigned port, hc_address_answer *answer) {
  size_t size = 0, count = 0;
  for (const struct addrinfo *i = list; i; i = i->ai_next) size++;
  hc_address *addresses = hc_memory_allocate_zeroed(size, sizeof *addresses);
  if (!addresses) return EAI_MEMORY;
  for (const struct addrinfo *i = list; i; i = i->ai_next) {
    if (convert(i, port, &addresses[count]) && !is_among(&addresses[count], addresses, count))
      count++;
  }
  if (count == 0) {
    hc_memory_release(addresses);
    return EAI_NONAME;
  }
  answer->addresses = addresses;
  answer->count = count;
  return 0;
}

/* No AI_ADDRCONFIG: with it a machine that has nothing but its loopback interface does not find
 * "localhost". */
void hc_address_lookup(const char *host, unsigned port, hc_address_answer *answer) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
  *answer = (hc_address_answer){.code = getaddrinfo(host, NULL, &hints, &list)};
  if (answer->code == EAI_SYSTEM) answer->system_error = errno;
  if (answer->code != 0) return;
  answer->code = collect(list, port, answer);
  freeaddrinfo(list);
}

const char *hc_address_lookup_reason(const hc_address_answer *answer, char space[HC_ERRNO_TEXT]) {
  return answer->code == EAI_SYSTEM ? hc_errno_text(answer->system_error, space)
                                    : gai_strerror(answer->code);
}
