/* fuzz_uri.c - hosts, authorities and percent-encoding. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/uri.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  hc_slice text = {(const char *)data, size};
  hc_failure why = {HC_OK, ""};
  hc_buffer encoded = {0}, decoded = {0}, authority = {0};
  hc_host host;
  unsigned port;
  check(hc_uri_encode(text, &encoded) == HC_OK, "any bytes can be encoded");
  hc_slice once = {hc_buffer_head(&encoded), hc_buffer_size(&encoded)};
  check(hc_uri_decode(once, &decoded) == HC_OK, "what was encoded can be decoded");
  check(hc_buffer_size(&decoded) == size && (!size || memcmp(hc_buffer_head(&decoded), data, size) == 0), "to the same bytes");
  if (hc_host_parse(text, &host, &why) == HC_OK) {
    check(hc_authority_write(host.text, 8080, 80, &authority) == HC_OK, "a host makes an authority");
    hc_slice written = {hc_buffer_head(&authority), hc_buffer_size(&authority)};
    check(hc_authority_check(written, &port, NULL) == HC_OK && port == 8080, "that is well-formed");
  }
  (void)hc_authority_check(text, &port, &why);
  hc_buffer_free(&encoded);
  hc_buffer_free(&decoded);
  hc_buffer_free(&authority);
  return 0;
}
