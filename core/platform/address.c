/* address.c - addresses and their texts, in the bytes of the system's sockaddr. See address.h.
 *
 * A sockaddr is copied out and in by memcpy: a cast of our bytes to one would break C's rules of
 * aliasing. Everybody above goes by `size` and `is_ipv6` alone. */
#include "system_features.h"

#include "address_system.h"

#if defined(_WIN32)
#include <iphlpapi.h> /* the names of interfaces */
#else
#include <arpa/inet.h>
#include <net/if.h>
#endif
#include <stdio.h>
#include <string.h>

#include "../base/memory.h"

_Static_assert(sizeof(struct sockaddr_in6) <= sizeof((hc_address){0}.raw), "an address must fit");

/* Whoever calls these has looked at is_ipv6 first; there is nothing in the bytes that would stop
 * him. */
static void get_ipv4(const hc_address *address, struct sockaddr_in *out) {
  memcpy(out, address->raw.bytes, sizeof *out);
}

static void get_ipv6(const hc_address *address, struct sockaddr_in6 *out) {
  memcpy(out, address->raw.bytes, sizeof *out);
}

/* What is behind the sockaddr becomes zero, so two equal addresses are equal as bytes. */
static void set_ipv4(hc_address *address, const struct sockaddr_in *from) {
  *address = (hc_address){.size = (uint32_t)sizeof *from, .is_ipv6 = 0};
  memcpy(address->raw.bytes, from, sizeof *from);
}

static void set_ipv6(hc_address *address, const struct sockaddr_in6 *from) {
  *address = (hc_address){.size = (uint32_t)sizeof *from, .is_ipv6 = 1};
  memcpy(address->raw.bytes, from, sizeof *from);
}

/* The zone of a scoped address (RFC 4007 section 11), "%eth0" or "%2". An interface that is gone
 * has no name any more, and its number is shown then. */
static void append_zone(char text[HC_ADDRESS_TEXT], unsigned scope) {
  char name[IF_NAMESIZE];
  size_t length = strlen(text);
  if (if_indextoname(scope, name))
    (void)snprintf(text + length, HC_ADDRESS_TEXT - length, "%%%s", name);
  else (void)snprintf(text + length, HC_ADDRESS_TEXT - length, "%%%u", scope);
}

/* An empty address has the empty text. inet_ntop writes IPv6 as RFC 5952 section 4 wants it,
 * "::ffff:10.0.0.1" for a mapped one. */
void hc_address_text(const hc_address *address, char text[HC_ADDRESS_TEXT]) {
  text[0] = '\0';
  if (address->size == 0) return;
  if (address->is_ipv6 == 0) {
    struct sockaddr_in in;
    get_ipv4(address, &in);
    if (!inet_ntop(AF_INET, &in.sin_addr, text, HC_ADDRESS_TEXT)) text[0] = '\0';
    return;
  }
  struct sockaddr_in6 in6;
  get_ipv6(address, &in6);
  if (!inet_ntop(AF_INET6, &in6.sin6_addr, text, HC_ADDRESS_TEXT)) text[0] = '\0';
  else if (in6.sin6_scope_id != 0) append_zone(text, in6.sin6_scope_id);
}

/* For SOCKS, which sends them as they are (RFC 1928 section 5). A zone means nothing to another
 * machine. */
size_t hc_address_bytes(const hc_address *address, unsigned char bytes[HC_ADDRESS_BYTES]) {
  if (address->is_ipv6 == 0) {
    struct sockaddr_in in;
    get_ipv4(address, &in);
    memcpy(bytes, &in.sin_addr, 4);
    return 4;
  }
  struct sockaddr_in6 in6;
  get_ipv6(address, &in6);
  memcpy(bytes, &in6.sin6_addr, 16);
  return 16;
}

unsigned hc_address_port(const hc_address *address) {
  if (address->size == 0) return 0;
  if (address->is_ipv6 == 0) {
    struct sockaddr_in in;
    get_ipv4(address, &in);
    return ntohs(in.sin_port);
  }
  struct sockaddr_in6 in6;
  get_ipv6(address, &in6);
  return ntohs(in6.sin6_port);
}

/* A new value, since one answer of a lookup serves several askers, each with a port of his own. */
hc_address hc_address_with_port(const hc_address *address, unsigned port) {
  hc_address result = *address;
  if (address->size == 0) return result;
  if (address->is_ipv6 == 0) {
    struct sockaddr_in in;
    get_ipv4(address, &in);
    in.sin_port = htons((uint16_t)port);
    set_ipv4(&result, &in);
    return result;
  }
  struct sockaddr_in6 in6;
  get_ipv6(address, &in6);
  in6.sin6_port = htons((uint16_t)port);
  set_ipv6(&result, &in6);
  return result;
}

/* A zone is an interface's name, or its number. Interfaces come and go, so the name is looked up
 * each time. 0 is no interface. */
static bool parse_zone(const char *zone, uint32_t *scope) {
  *scope = if_nametoindex(zone);
  if (*scope != 0) return true;
  uint32_t number = 0;
  for (const char *at = zone; *at != '\0'; at++) {
    if (*at < '0' || *at > '9' || number > (UINT32_MAX - 9) / 10) return false;
    number = number * 10 + (uint32_t)(*at - '0');
  }
  *scope = number;
  return number != 0;
}

/* inet_pton and not getaddrinfo with AI_NUMERICHOST, which takes "127.1" and "0x7f000001" too. What
 * is longer than any address is none, and the NUL that the system wants is put behind a copy. */
bool hc_address_from_literal(hc_slice text, unsigned port, hc_address *address) {
  char copy[HC_ADDRESS_TEXT];
  if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, '\0', text.size))
    return false;
  memcpy(copy, text.data, text.size);
  copy[text.size] = '\0';
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, copy, &in.sin_addr) == 1) {
    set_ipv4(address, &in);
    return true;
  }
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  char *zone = strchr(copy, '%');
  if (zone) *zone++ = '\0';
  if (inet_pton(AF_INET6, copy, &in6.sin6_addr) != 1) return false;
  uint32_t scope = 0;
  if (zone && !parse_zone(zone, &scope)) {
    /* As it stands in a URL the zone begins with "%25" (RFC 6874 section 2). */
    bool is_encoded = strncmp(zone, "25", 2) == 0 && parse_zone(zone + 2, &scope);
    if (!is_encoded) return false;
  }
  in6.sin6_scope_id = scope;
  set_ipv6(address, &in6);
  return true;
}

/* --- what a lookup has found */

/* From getaddrinfo, or from the system's word on a socket's ends. A Unix socket has none. */
bool hc_address_take(int family, const void *from, size_t size, hc_address *address) {
  if (family == AF_INET && size >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in in;
    memcpy(&in, from, sizeof in);
    set_ipv4(address, &in);
    return true;
  }
  if (family != AF_INET6 || size < sizeof(struct sockaddr_in6)) return false;
  struct sockaddr_in6 in6;
  memcpy(&in6, from, sizeof in6);
  set_ipv6(address, &in6);
  return true;
}

/* Padding is compared as well: where a system leaves something in it, an address is tried twice and
 * nothing worse. */
static bool is_among(const hc_address *address, const hc_address *all, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (all[i].size == address->size &&
        memcmp(all[i].raw.bytes, address->raw.bytes, address->size) == 0)
      return true;
  }
  return false;
}

/* 0, or the code of getaddrinfo's that says why there is none. The hosts file may name an address
 * twice, and a second attempt to it would win nothing. Each is compared with all before it; the
 * answer of a name server has no room for so many that this would be felt, and it runs on a
 * lookup's thread. */
static int collect_addresses(const struct addrinfo *list, unsigned port, hc_address **all,
                             size_t *all_count) {
  size_t size = 0, count = 0;
  for (const struct addrinfo *i = list; i; i = i->ai_next) size++;
  hc_address *addresses = hc_memory_allocate_zeroed(size, sizeof *addresses);
  if (!addresses) return EAI_MEMORY;
  for (const struct addrinfo *i = list; i; i = i->ai_next) {
    hc_address *next = &addresses[count];
    if (!hc_address_take(i->ai_family, i->ai_addr, i->ai_addrlen, next)) continue;
    *next = hc_address_with_port(next, port);
    if (!is_among(next, addresses, count)) count++;
  }
  if (count == 0) {
    hc_memory_release(addresses);
    return EAI_NONAME;
  }
  *all = addresses;
  *all_count = count;
  return 0;
}

/* No AI_ADDRCONFIG: with it a machine that has nothing but its loopback interface does not find
 * "localhost". SOCK_STREAM, because each address would come once for every kind of socket
 * otherwise. The port is not getaddrinfo's business: as a service it would have it read a file. */
void hc_address_ask(const char *host, unsigned port, hc_address_answer *answer) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
  *answer = (hc_address_answer){.code = getaddrinfo(host, NULL, &hints, &list)};
  if (answer->code != 0) return;
  answer->code = collect_addresses(list, port, &answer->addresses, &answer->count);
  freeaddrinfo(list);
}
