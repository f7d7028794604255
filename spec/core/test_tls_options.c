/* test_tls_options.c - what options are refused, and what they keep. */
#include <unistd.h>

#include "../../core/stream/tls/x509.h"
#include "../../core/base/memory.h"
#include "../../core/stream/tls/tls_options.h"
#include "tls_world.h"

static identity one, two;
static hc_certificates *certificate, *empty_chain;
static hc_key *key, *other_key, *empty_key, *public_key;

#define GOOD_PIN "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

typedef struct settings_case {
  const char *name;
  hc_tls_settings settings;
  const char *refusal;  /* NULL: good */
  const char *item;     /* a pin or a protocol name */
  size_t item_size;
  bool is_pin;
} settings_case;

#define WITH(...) ((hc_tls_settings){__VA_ARGS__})
#define PIN(name, text, refusal) {name, WITH(0), refusal, text, sizeof text - 1, true}

static void check_case_of(const settings_case *c) {
  hc_tls_settings s = c->settings;
  hc_slice item = {c->item, c->item_size};
  if (c->item && c->is_pin) s.pinned_keys = &item, s.pinned_key_count = 1;
  if (c->item && !c->is_pin) s.alpn = &item, s.alpn_count = 1;
  hc_tls_options *o = NULL;
  hc_failure why = {HC_OK, ""};
  hc_error error = hc_tls_options_new(&s, &o, &why);
  bool right = !c->refusal
                   ? error == HC_OK && o
                   : error == HC_ERR_INVALID_PARAMETER && !o && has_text(why.text, c->refusal);
  CHECK_CASE(c->name, right);
  if (!right) fprintf(stderr, "  %s: %d \"%s\"\n", c->name, (int)error, why.text);
  CHECK(ERR_peek_error() == 0);
  hc_tls_options_release(o);
}

static void test_settings(void) {
  static char long_name[256];
  // clang-format off: a case a line
  const settings_case cases[] = {
      {.name = "plain"},
      {"1.0 to 1.3", WITH(.min_version = 10, .max_version = 13), NULL, NULL, 0, 0},
      {"9", WITH(.min_version = 9), "min_version", NULL, 0, 0},
      {"14", WITH(.max_version = 14), "max_version", NULL, 0, 0},
      {"crossed", WITH(.min_version = 13, .max_version = 12), "max_version: it is below min_version", NULL, 0, 0},
      {"below the default", WITH(.max_version = 11), "max_version: it is below min_version, which is 1.2", NULL, 0, 0},
      {"an empty chain", WITH(.trusted_chain = empty_chain), "trusted chain: it holds no certificate", NULL, 0, 0},
      {"certificate and key", WITH(.certificate = certificate, .private_key = key), NULL, NULL, 0, 0},
      {"no key", WITH(.certificate = certificate), "certificate: it needs a private_key", NULL, 0, 0},
      {"no certificate", WITH(.private_key = key), "private_key: it needs a certificate", NULL, 0, 0},
      {"another key", WITH(.certificate = certificate, .private_key = other_key), "does not fit the certificate", NULL, 0, 0},
      {"an empty key", WITH(.certificate = certificate, .private_key = empty_key), "private_key: it is empty", NULL, 0, 0},
      {"a public key", WITH(.certificate = certificate, .private_key = public_key), "it is a public key", NULL, 0, 0},
      {"an empty certificate", WITH(.certificate = empty_chain, .private_key = key), "certificate: it is empty", NULL, 0, 0},
      {"ciphers", WITH(.ciphers = HC_SLICE("HIGH:!aNULL")), NULL, NULL, 0, 0},
      {"a suite of TLS 1.3", WITH(.ciphers = HC_SLICE("TLS_AES_128_GCM_SHA256")), NULL, NULL, 0, 0},
      {"a list with all separators", WITH(.ciphers = HC_SLICE(" ECDHE-RSA-AES128-GCM-SHA256, ECDHE-ECDSA-AES128-GCM-SHA256;"
                                                             "TLS_AES_128_GCM_SHA256 :TLS_AES_256_GCM_SHA384,")), NULL, NULL, 0, 0},
      {"a NUL byte in the ciphers", WITH(.ciphers = HC_SLICE("HIGH\0:aNULL")), "ciphers: the text holds a NUL byte", NULL, 0, 0},
      {"no such verification", WITH(.verify = (hc_tls_verify)(HC_TLS_VERIFY_NONE + 1)), "verify: out of range", NULL, 0, 0},
      {"no such cipher", WITH(.ciphers = HC_SLICE("NOSUCH")), "ciphers: ", NULL, 0, 0},
      {"no such suite", WITH(.ciphers = HC_SLICE("TLS_NOSUCH")), "ciphers: ", NULL, 0, 0},
      {"nothing but a colon", WITH(.ciphers = HC_SLICE(":")), "ciphers: ", NULL, 0, 0},
      {"without authentication", WITH(.ciphers = HC_SLICE("aNULL")), "ciphers: ", NULL, 0, 0},
      {"without encryption", WITH(.ciphers = HC_SLICE("eNULL")), "ciphers: ", NULL, 0, 0},
      {"a lower level", WITH(.ciphers = HC_SLICE("DEFAULT:@SECLEVEL=0")), "security level", NULL, 0, 0},
      {"a lower level by the back door", WITH(.min_version = 10, .ciphers = HC_SLICE("DEFAULT@SECLEVEL=0")), "security level", NULL, 0, 0},
      {"a higher level", WITH(.ciphers = HC_SLICE("DEFAULT:@SECLEVEL=3")), NULL, NULL, 0, 0},
      {"an override", WITH(.common_name_override = HC_SLICE("a.example")), NULL, NULL, 0, 0},
      {"an address as override", WITH(.common_name_override = HC_SLICE("::1")), NULL, NULL, 0, 0},
      {"a URL as override", WITH(.common_name_override = HC_SLICE("https://a.example")), "override", NULL, 0, 0},
      {"a space in the override", WITH(.common_name_override = HC_SLICE("a b")), "override", NULL, 0, 0},
      {"no such CRL file", WITH(.crl_file = HC_SLICE("/nonexistent/crl.pem")), "crl_file: can't open /nonexistent/crl.pem", NULL, 0, 0},
      {"no CRL in it", WITH(.crl_file = HC_SLICE("/dev/null")), "crl_file: the file holds no CRL", NULL, 0, 0},
      {"a directory", WITH(.crl_file = HC_SLICE("/tmp")), "crl_file: can't read", NULL, 0, 0},
      {"a CRL without verification", WITH(.verify = HC_TLS_VERIFY_NONE, .crl_file = HC_SLICE("/dev/null")), "crl_file", NULL, 0, 0},
      {"OCSP without verification", WITH(.verify = HC_TLS_VERIFY_NONE, .require_ocsp_stapling = true), "require_ocsp", NULL, 0, 0},
      {"a protocol", WITH(0), NULL, "http/1.1", 8, false},
      {"the longest protocol", WITH(0), NULL, long_name, 255, false},
      {"an empty protocol", WITH(0), "alpn: name number 1", "", 0, false},
      {"too long a protocol", WITH(0), "alpn: name number 1", long_name, 256, false},
      PIN("a pin", GOOD_PIN, NULL),
      PIN("as curl writes it", "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", NULL),
      PIN("BASE64 that starts with a slash", "sha256//7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", NULL),
      PIN("sha1", "sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "pinned_keys: number 1"),
      PIN("no prefix", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "pinned_keys: number 1"),
      PIN("too short", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu=", "pinned_keys: number 1"),
      PIN("no padding", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA", "pinned_keys: number 1"),
      PIN("bits behind the digest", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=", "pinned_keys: number 1"),
      PIN("a blank inside", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM JWZG3hSuFU=", "pinned_keys: number 1"),
      PIN("all kinds of characters", "sha256/azAZ09+/azAZ09+/azAZ09+/azAZ09+/azAZ09+/aaE=", NULL),
      PIN("behind z", "sha256/{7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "pinned_keys: number 1"),
      PIN("behind 9", "sha256/:7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "pinned_keys: number 1"),
      PIN("padding too early", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==", "pinned_keys: number 1"),
      PIN("empty", "", "pinned_keys: number 1"),
  };
  // clang-format on
  memset(long_name, 'p', sizeof long_name);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case_of(&cases[i]);
}

static void test_getters(void) {
  hc_tls_options *o = NULL;
  char name[] = "a.example";
  hc_tls_settings s = {.trusted_chain = certificate, .common_name_override = hc_slice_of(name)};
  NEED(hc_tls_options_new(&s, &o, NULL) == HC_OK);
  name[0] = 'x';
  CHECK(hc_slice_equal(hc_tls_options_common_name_override(o), HC_SLICE("a.example")));
  CHECK(hc_tls_options_trusted_chain(o) == certificate && !hc_tls_options_is_unsafe(o));
  CHECK(hc_tls_options_retain(o) == o);
  hc_tls_options_release(o);
  CHECK(hc_tls_options_common_name_override(o).size == 9);
  hc_tls_options_release(o);
  hc_tls_options_release(NULL);
  s.verify = HC_TLS_VERIFY_CHAIN;
  NEED(hc_tls_options_new(&s, &o, NULL) == HC_OK);
  CHECK(hc_tls_options_is_unsafe(o));
  hc_tls_options_release(o);
}

static void test_broken_crl(void) {
  char path[] = "/tmp/test_options_XXXXXX";
  int file = mkstemp(path);
  static const char text[] = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
  NEED(file >= 0 && write(file, text, sizeof text - 1) == (ssize_t)(sizeof text - 1) &&
       close(file) == 0);
  const settings_case c = {"a malformed CRL",
                           WITH(.crl_file = hc_slice_of(path)),
                           "CRL number 1 is malformed",
                           NULL,
                           0,
                           0};
  check_case_of(&c);
  remove(path);
}

/* The extension's data have two bytes for their length, and so has the list in them (RFC 7301
 * section 3.1). */
static void test_alpn_limit(void) {
  static char name[255];
  static hc_slice names[257];
  memset(name, 'p', sizeof name);
  for (size_t i = 0; i < 257; i++) names[i] = (hc_slice){name, sizeof name};
  names[255] = (hc_slice){name, 252}; /* 255 * 256 + 253 = 65533 */
  for (size_t count = 256; count <= 257; count++) {
    hc_tls_options *o = NULL;
    hc_failure why = {HC_OK, ""};
    hc_tls_settings s = {.alpn = names, .alpn_count = count};
    hc_error error = hc_tls_options_new(&s, &o, &why);
    CHECK(count == 256 ? error == HC_OK
                       : error == HC_ERR_INVALID_PARAMETER &&
                             has_text(why.text, "alpn: the list is too long"));
    hc_tls_options_release(o);
  }
}

int main(void) {
  one = make_authority("One", NULL);
  two = make_authority("Two", NULL);
  certificate = certificates_of(one.certificate);
  empty_chain = hc_certificates_new();
  key = key_of(one.key);
  other_key = key_of(two.key);
  empty_key = hc_key_new();
  public_key = hc_key_new();
  hc_buffer pem = {0};
  NEED(hc_key_save_text(key, HC_KEY_PUBLIC, &pem, NULL) == HC_OK);
  NEED(hc_key_load_text(public_key, (hc_slice){hc_buffer_head(&pem), hc_buffer_size(&pem)},
                        HC_KEY_PUBLIC, NULL) == HC_OK);
  hc_buffer_free(&pem);
  test_settings();
  test_getters();
  test_broken_crl();
  test_alpn_limit();
  hc_certificates_release(certificate);
  hc_certificates_release(empty_chain);
  hc_key_release(key);
  hc_key_release(other_key);
  hc_key_release(empty_key);
  hc_key_release(public_key);
  identity_free(&one);
  identity_free(&two);
  return check_report();
}
