/* address_system.h - from the system's addresses to ours. They are the same bytes everywhere, from
 * other headers.
 *
 * For the platform's own files: whoever includes it has all of the system's names beside ours,
 * which nobody above may have. */
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
#include "address_lookup.h"

HC_INTERNAL_BEGIN

/* From the bytes of a sockaddr of that family. False for what is no address of the Internet. */
bool hc_address_take(int family, const void *from, size_t size, hc_address *address);
/* Asks getaddrinfo for the addresses of `host`. Its errno, where it has one, is the caller's to
 * read. */
void hc_address_ask(const char *host, unsigned port, hc_address_answer *answer);

HC_INTERNAL_END

#endif
