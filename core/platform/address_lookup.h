/* address_lookup.h - the system's own look-up of a host's name. It may take many seconds, and
 * nothing can call it off.
 *
 * So it is called on a thread that nobody waits for (net/resolver.c). What the machine is set up to
 * ask is asked: its hosts file, DNS, mDNS, whatever else its modules know. An answer of DNS is no
 * proof of anything; TLS is. */
#ifndef HC_ADDRESS_LOOKUP_H
#define HC_ADDRESS_LOOKUP_H

#include "../base/internal.h"
#include "address.h"
#include "system_error.h"

HC_INTERNAL_BEGIN

/* What it came to. Zeroed: nothing yet. */
typedef struct hc_address_answer {
  /* ends with hc_memory_release; NULL where there is none, and a reason instead */
  hc_address *addresses;
  size_t count;
  int code, system_error; /* the system's own reasons */
} hc_address_answer;

/* What a thread needs of a stack to look one up. On Windows programs of others may take part in
 * that, on our thread, and there the size is of address space alone. */
#if defined(_WIN32)
#define HC_ADDRESS_LOOKUP_STACK ((size_t)1 << 20)
#else
#define HC_ADDRESS_LOOKUP_STACK ((size_t)1 << 18)
#endif

/* The addresses of `host`, each once, in the system's order (RFC 6724), with that port. Callable
 * from any thread. */
void hc_address_lookup(const char *host, unsigned port, hc_address_answer *answer);
/* Why there is no address. */
const char *hc_address_lookup_reason(const hc_address_answer *answer, char space[HC_ERRNO_TEXT]);

HC_INTERNAL_END

#endif
