/* address_system.h - from the system's addresses to ours. They are the same bytes everywhere, from
 * other headers. */
#ifndef HC_ADDRESS_SYSTEM_H
#define HC_ADDRESS_SYSTEM_H

#if defined(_WIN32)
#include "windows/system_windows.h"
#else
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif

#include "../base/internal.h"
#include "address.h"

HC_INTERNAL_BEGIN

void hc_address_set_ipv4(hc_address *address, const struct sockaddr_in *from);
void hc_address_set_ipv6(hc_address *address, const struct sockaddr_in6 *from);
/* Those of the Internet in the list that getaddrinfo has made, each once, with that port. 0, or the
 * code of getaddrinfo's that says why there is none. They end with hc_memory_release. */
int hc_address_collect(const struct addrinfo *list, unsigned port, hc_address **addresses,
                       size_t *count);

HC_INTERNAL_END

#endif
