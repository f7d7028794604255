/* address_posix.h - from the system's addresses to ours. */
#ifndef HC_ADDRESS_POSIX_H
#define HC_ADDRESS_POSIX_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "../../base/internal.h"
#include "../address.h"

HC_INTERNAL_BEGIN

void hc_address_set_ipv4(hc_address *address, const struct sockaddr_in *from);
void hc_address_set_ipv6(hc_address *address, const struct sockaddr_in6 *from);

HC_INTERNAL_END

#endif
