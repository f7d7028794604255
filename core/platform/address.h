/* address.h - Internet addresses: opaque bytes, so that those who use them need no header of the
 * system's.
 *
 * Plain values: they are copied, kept in arrays and handed between threads, and nothing has to be
 * freed. A zeroed one is no address, which the functions below take too. */
#ifndef HC_ADDRESS_H
#define HC_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/internal.h"
#include "../base/slice.h"
#include "../httpclient.h"

HC_INTERNAL_BEGIN

/* An address and a port. `raw` holds the system's sockaddr of that size; what is in it is
 * address.c's and the sockets' to know. */
typedef struct hc_address {
  uint32_t size;
  uint32_t is_ipv6;
  union {
    uint64_t align;
    unsigned char bytes[32];
  } raw;
} hc_address;

#define HC_ADDRESS_TEXT HC_ADDRESS_SPACE
/* The address without port, as text, "::1" without brackets. */
void hc_address_text(const hc_address *address, char text[HC_ADDRESS_TEXT]);
/* In the order of the host, not of the network; 0 of no address. */
unsigned hc_address_port(const hc_address *address);
hc_address hc_address_with_port(const hc_address *address, unsigned port);
#define HC_ADDRESS_BYTES 16
/* The address alone, as on the wire, without port and zone. Returns how many bytes: 4 or 16. */
size_t hc_address_bytes(const hc_address *address, unsigned char bytes[HC_ADDRESS_BYTES]);
/* An IPv4 or IPv6 literal (zone allowed, no brackets) without any lookup. False when it is none. */
bool hc_address_from_literal(hc_slice text, unsigned port, hc_address *address);

HC_INTERNAL_END

#endif
