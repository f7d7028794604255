/* fuzz_uri.c - hosts, authorities and percent-encoding. Checked: against slow second ones, and the
 * C library's reading of addresses. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/http/uri.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

static bool is_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         (c != 0 && strchr("-._~", c));
}

static int digit(char c) {
  const char *digits = "0123456789ABCDEF", *lower = "0123456789abcdef";
  const char *at = c ? strchr(digits, c) : NULL;
  if (at) return (int)(at - digits);
  at = c ? strchr(lower, c) : NULL;
  return at ? (int)(at - lower) : -1;
}

/* Each byte of the text stands there as itself or as %XX, as it must. */
static void check_encoded(hc_slice text, hc_slice encoded) {
  size_t at = 0;
  for (size_t i = 0; i < text.size; i++) {
    char three[4];
    snprintf(three, sizeof three, "%%%02X", (unsigned)(unsigned char)text.data[i]);
    size_t size = is_plain(text.data[i]) ? 1 : 3;
    check(at + size <= encoded.size, "all bytes are encoded");
    check(memcmp(encoded.data + at, size == 1 ? &text.data[i] : three, size) == 0,
          "each as it must be");
    at += size;
  }
  check(at == encoded.size, "nothing stands behind them");
}

/* Any text can be decoded: what is no %XX stays. */
static void check_decoded(hc_slice text) {
  hc_buffer decoded = {0};
  size_t at = 0;
  check(hc_uri_decode(text, &decoded) == HC_OK, "any bytes can be decoded");
  const char *bytes = hc_buffer_head(&decoded);
  for (size_t i = 0; i < text.size; i++, at++) {
    bool is_code = text.data[i] == '%' && i + 2 < text.size && digit(text.data[i + 1]) >= 0 &&
                   digit(text.data[i + 2]) >= 0;
    char wanted =
        is_code ? (char)(digit(text.data[i + 1]) * 16 + digit(text.data[i + 2])) : text.data[i];
    check(at < hc_buffer_size(&decoded) && bytes[at] == wanted, "each byte is decoded");
    if (is_code) i += 2;
  }
  check(at == hc_buffer_size(&decoded), "nothing stands behind them");
  hc_buffer_free(&decoded);
}

static void check_addresses(hc_slice text) {
  char copy[64];
  unsigned char address[16];
  if (text.size >= sizeof copy || (text.size && memchr(text.data, 0, text.size))) return;
  if (text.size) memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  check(hc_is_ipv4_literal(text) == (inet_pton(AF_INET, copy, address) == 1),
        "IPv4 addresses are those of the C library");
  if (strchr(copy, '%')) return; /* zones: inet_pton has none */
  check(hc_is_ipv6_literal(text) == (inet_pton(AF_INET6, copy, address) == 1),
        "so are IPv6 addresses");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  hc_slice text = {(const char *)data, size};
  hc_failure why = {HC_OK, ""};
  hc_buffer encoded = {0}, decoded = {0}, authority = {0};
  hc_host host;
  unsigned port;
  check(hc_uri_encode(text, &encoded) == HC_OK, "any bytes can be encoded");
  hc_slice once = {hc_buffer_head(&encoded), hc_buffer_size(&encoded)};
  check_encoded(text, once);
  check_decoded(text);
  check_addresses(text);
  check(hc_uri_decode(once, &decoded) == HC_OK, "what was encoded can be decoded");
  check(hc_buffer_size(&decoded) == size &&
            (!size || memcmp(hc_buffer_head(&decoded), data, size) == 0),
        "to the same bytes");
  if (hc_host_parse(text, &host, &why) == HC_OK) {
    check(hc_authority_write(host.text, 8080, 80, &authority) == HC_OK,
          "a host makes an authority");
    hc_slice written = {hc_buffer_head(&authority), hc_buffer_size(&authority)};
    check(hc_authority_check(written, &port, NULL) == HC_OK && port == 8080, "that is well-formed");
  }
  (void)hc_authority_check(text, &port, &why);
  hc_buffer_free(&encoded);
  hc_buffer_free(&decoded);
  hc_buffer_free(&authority);
  return 0;
}
