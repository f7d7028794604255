/* fuzz_x509.c - certificates and keys from texts that may be anything. The first byte chooses what
 * the rest is: DER, put into PEM here so that a mutation reaches the decoder, or a text as it is.
 * Checked: what was loaded can be saved and loaded again, to the same text; what was refused has a
 * message and changes nothing. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/stream/tls/tls_options.h"
#include "../core/stream/tls/x509.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

static hc_slice held(const hc_buffer *b) {
  return (hc_slice){hc_buffer_head(b), hc_buffer_size(b)};
}

/* One PEM block, lines of 64 characters. */
static void wrap(const char *label, const unsigned char *der, size_t size, hc_buffer *pem) {
  unsigned char line[65];
  hc_error code = hc_buffer_append_text(pem, "-----BEGIN ", SIZE_MAX);
  code |= hc_buffer_append_text(pem, label, SIZE_MAX);
  code |= hc_buffer_append_text(pem, "-----\n", SIZE_MAX);
  for (size_t at = 0; at < size; at += 48) {
    int count = EVP_EncodeBlock(line, der + at, size - at < 48 ? (int)(size - at) : 48);
    code |= hc_buffer_append(pem, (hc_slice){(const char *)line, (size_t)count}, SIZE_MAX);
    code |= hc_buffer_append_text(pem, "\n", SIZE_MAX);
  }
  code |= hc_buffer_append_text(pem, "-----END ", SIZE_MAX);
  code |= hc_buffer_append_text(pem, label, SIZE_MAX);
  code |= hc_buffer_append_text(pem, "-----\n", SIZE_MAX);
  if (code != HC_OK) abort();
}

static void use_as_trust(hc_certificates *c) {
  hc_tls_options *options = NULL;
  hc_failure why = {HC_OK, ""};
  hc_tls_settings settings = {.trusted_chain = c};
  hc_error code = hc_tls_options_new(&settings, &options, &why);
  check((code == HC_OK) == (options != NULL) && (code == HC_OK || why.text[0]),
        "a chain is taken, or refused with a message");
  hc_tls_options_release(options);
}

static void try_certificates(hc_slice pem) {
  hc_certificates *c = hc_certificates_new();
  hc_failure why = {HC_OK, ""};
  hc_buffer once = {0}, twice = {0};
  if (!c) abort();
  hc_error code = hc_certificates_load_text(c, pem, &why);
  check((code == HC_OK) == (hc_certificates_count(c) > 0),
        "certificates are there when it says so");
  check((code == HC_OK) == (why.text[0] == 0), "a refusal has a message, and nothing else has");
  if (code == HC_OK) {
    size_t count = hc_certificates_count(c);
    check(hc_certificates_save_text(c, &once, &why) == HC_OK, "what was loaded can be saved");
    check(hc_certificates_load_text(c, held(&once), &why) == HC_OK, "and loaded again");
    check(hc_certificates_count(c) == count, "as many");
    check(hc_certificates_save_text(c, &twice, &why) == HC_OK &&
              hc_slice_equal(held(&once), held(&twice)),
          "to the same text");
    use_as_trust(c);
  }
  hc_buffer_free(&once);
  hc_buffer_free(&twice);
  hc_certificates_release(c);
}

static void try_key(hc_slice pem, hc_key_half half) {
  hc_key *k = hc_key_new();
  hc_failure why = {HC_OK, ""};
  hc_buffer once = {0};
  if (!k) abort();
  hc_error code = hc_key_load_text(k, pem, half, &why);
  check((code == HC_OK) == !hc_key_is_empty(k), "a key is there when it says so");
  check((code == HC_OK) == (why.text[0] == 0), "a refusal has a message, and nothing else has");
  if (code == HC_OK) {
    check(hc_key_is_public_only(k) == (half == HC_KEY_PUBLIC),
          "it is of the kind that was asked for");
    /* A key may be decoded and yet make no sense; then its encoding may be refused, with a message.
     */
    code = hc_key_save_text(k, half, &once, &why);
    check((code == HC_OK) == (hc_buffer_size(&once) > 0), "a text is there when it says so");
    check(code == HC_OK || why.text[0], "a refusal has a message");
  }
  hc_buffer_free(&once);
  hc_key_release(k);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static const char *const labels[] = {"CERTIFICATE",          "TRUSTED CERTIFICATE", "PRIVATE KEY",
                                       "EC PRIVATE KEY",       "RSA PRIVATE KEY",     "PUBLIC KEY",
                                       "ENCRYPTED PRIVATE KEY"};
  const size_t count = sizeof labels / sizeof labels[0];
  hc_buffer pem = {0};
  if (size == 0) return 0;
  size_t kind = data[0] % (count + 1);
  if (kind < count) wrap(labels[kind], data + 1, size - 1, &pem);
  else if (hc_buffer_append(&pem, (hc_slice){(const char *)data + 1, size - 1}, SIZE_MAX) != HC_OK)
    abort();
  try_certificates(held(&pem));
  try_key(held(&pem), HC_KEY_PRIVATE);
  try_key(held(&pem), HC_KEY_PUBLIC);
  check(ERR_peek_error() == 0, "no error is left in the queue");
  hc_buffer_free(&pem);
  return 0;
}
