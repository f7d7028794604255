/* public_address.h - does an IP address belong to the public Internet, or to this machine, its
 * network, or nobody? Whoever fetches URLs that strangers give has to know before he connects.
 *
 * Text in, yes or no out: the tables are those of the registries (RFC 6890 and what has been added
 * since). hc_is_public_address is public: httpclient.h. */
#ifndef HC_PUBLIC_ADDRESS_H
#define HC_PUBLIC_ADDRESS_H

#include <stdbool.h>

#include "../base/internal.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

/* The bytes of an address: 4 of them, or 16. */
typedef struct hc_ip_bytes {
  unsigned char bytes[16];
  size_t size;
} hc_ip_bytes;

/* Of an IPv4 or IPv6 literal as hc_is_ipv4_literal and hc_is_ipv6_literal take it, but for a zone,
 * which is no part of the number. False: it is none. In the order of the network, the first byte of
 * the text first. */
bool hc_ip_parse(hc_slice text, hc_ip_bytes *out);

HC_INTERNAL_END

#endif
