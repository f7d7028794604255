/* public_address.c - which addresses are public. See public_address.h.
 *
 * A text becomes the bytes of its address, and those are compared with the blocks that the
 * registries set apart. The text itself decides nothing, since one address can be written in many
 * ways. What can't be told for certain counts as not public: whoever asks wants to keep strangers'
 * URLs away from his own network.
 *
 * It knows no sockets and asks no resolver. That a name is not judged before it was looked up is
 * the business of those who ask. */
#include "public_address.h"

#include <stdint.h>
#include <string.h>

#include "../base/chars.h"
#include "../httpclient.h"
#include "uri.h"

/* --- from text */

/* A literal's octets: the caller has seen that it is one. */
static void parse_ipv4(hc_slice text, unsigned char out[4]) {
  memset(out, 0, 4);
  for (size_t i = 0, octet = 0; i < text.size && octet < 4; i++) {
    if (text.data[i] == '.') octet++;
    else out[octet] = (unsigned char)(out[octet] * 10 + (text.data[i] - '0'));
  }
}

/* Groups up to the end or to a "::", from the left. -> bytes written; *at is behind them. */
static size_t parse_groups(hc_slice text, size_t *at, unsigned char out[16]) {
  size_t used = 0;
  while (*at < text.size && text.data[*at] != ':' && used < 16) {
    hc_slice rest = {text.data + *at, text.size - *at};
    unsigned value = 0;
    if (used <= 12 && hc_is_ipv4_literal(rest)) {
      parse_ipv4(rest, out + used);
      *at = text.size;
      return used + 4;
    }
    for (; *at < text.size && text.data[*at] != ':'; ++*at)
      value = value * 16 + (unsigned)hc_char_hex_value(text.data[*at]);
    out[used++] = (unsigned char)(value >> 8);
    out[used++] = (unsigned char)(value & 255);
    if (*at + 1 < text.size && text.data[*at + 1] != ':') ++*at;
  }
  return used;
}

/* Groups before the gap fill the address from its front, those behind it from its end, and the gap
 * is the zeros between them (RFC 4291 section 2.2). */
static void parse_ipv6(hc_slice text, unsigned char out[16]) {
  unsigned char behind[16];
  size_t at = 0;
  memset(out, 0, 16);
  (void)parse_groups(text, &at, out);
  if (at >= text.size) return;
  at += 2; /* the "::" */
  size_t used = parse_groups(text, &at, behind);
  memcpy(out + 16 - used, behind, used);
}

/* A zone is refused, since without it the number does not say which address is meant. The checks
 * come first, so that the parsers above meet well-formed text alone. */
bool hc_ip_parse(hc_slice text, hc_ip_bytes *out) {
  if (text.size == 0 || memchr(text.data, '%', text.size)) return false;
  if (hc_is_ipv4_literal(text)) {
    out->size = 4;
    parse_ipv4(text, out->bytes);
    return true;
  }
  if (!hc_is_ipv6_literal(text)) return false;
  out->size = 16;
  parse_ipv6(text, out->bytes);
  return true;
}

/* --- the tables */

typedef struct range {
  unsigned char prefix[6];
  unsigned char bits;
} range;

/* The blocks of the registry of special-purpose IPv4 addresses that are not, or not for
 * certain, reached from everywhere; and multicast. */
static const range ipv4_special[] = {
    {{0}, 8},             /* this network (RFC 791), 0.0.0.0 */
    {{10}, 8},            /* private (RFC 1918) */
    {{100, 64}, 10},      /* shared by the customers of a provider (RFC 6598) */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local (RFC 3927), where clouds have their metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments (RFC 6890) */
    {{192, 0, 2}, 24},    /* documentation (RFC 5737) */
    {{192, 88, 99}, 24},  /* relays of 6to4, no longer in use (RFC 7526) */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks (RFC 2544) */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, and broadcast */
};

/* Inside 2000::/3, which is all that has been given out. */
static const range ipv6_special[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, Teredo and ORCHID among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation (RFC 3849) */
    {{0x3f, 0xff}, 20},             /* documentation (RFC 9637) */
};

static const range ipv6_global = {{0x20}, 3}, ipv6_6to4 = {{0x20, 0x02}, 16};
/* ::ffff:0:0/96 (RFC 4291) and 64:ff9b::/96 (RFC 6052) */
static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff},
                           translated[12] = {0, 0x64, 0xff, 0x9b};

/* Behind its `bits` a prefix has zeros, which are not compared. */
static bool is_in(const unsigned char *address, const range *r) {
  size_t whole = r->bits / 8u;
  unsigned rest = r->bits % 8u, shift = 8 - rest;
  if (memcmp(address, r->prefix, whole) != 0) return false;
  return rest == 0 || address[whole] >> shift == r->prefix[whole] >> shift;
}

static bool is_in_any(const unsigned char *address, const range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (is_in(address, &ranges[i])) return true;
  return false;
}

static bool is_public_ipv4(const unsigned char *address) {
  return !is_in_any(address, ipv4_special, sizeof ipv4_special / sizeof ipv4_special[0]);
}

/* An address that stands for an IPv4 address is what that one is. */
static bool is_public_ipv6(const unsigned char *address) {
  if (memcmp(address, mapped, sizeof mapped) == 0 ||
      memcmp(address, translated, sizeof translated) == 0)
    return is_public_ipv4(address + 12);
  if (is_in(address, &ipv6_6to4)) return is_public_ipv4(address + 2);
  return is_in(address, &ipv6_global) &&
         !is_in_any(address, ipv6_special, sizeof ipv6_special / sizeof ipv6_special[0]);
}

/* A name is not public either: it says nothing of where it leads before it was looked up. */
bool hc_is_public_address(hc_slice text) {
  hc_ip_bytes ip;
  if (!hc_ip_parse(text, &ip)) return false;
  return ip.size == 4 ? is_public_ipv4(ip.bytes) : is_public_ipv6(ip.bytes);
}
