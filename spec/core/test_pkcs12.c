/* test_pkcs12.c - how much work a PKCS#12 file may ask for: what seals a key asks for its own, also
 * where that is only to be seen when what stands around the key is opened. */
#include <limits.h>
#include <openssl/pkcs12.h>

#include "../../core/base/limits.h"
#include "tls_world.h"

#define WORD "word"
#define WORD_SIZE 4
#define SEAL NID_pbe_WithSHA1And3_Key_TripleDES_CBC
#define FEW 1000

typedef STACK_OF(PKCS12_SAFEBAG) bag_list;

static char path[] = "/tmp/test_pkcs12_XXXXXX";
static identity own;

/* Sealed quickly, and then said to have been sealed by so many rounds; 0: as it is. */
static PKCS12_SAFEBAG *sealed_key(int rounds) {
  static const unsigned char salt[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(own.key);
  PKCS12_SAFEBAG *bag =
      PKCS12_SAFEBAG_create_pkcs8_encrypt(SEAL, WORD, WORD_SIZE, NULL, 0, FEW, plain);
  NEED(plain && bag);
  PKCS8_PRIV_KEY_INFO_free(plain);
  X509_ALGOR *algorithm;
  X509_SIG_getm((X509_SIG *)(uintptr_t)PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, NULL);
  NEED(rounds == 0 || PKCS5_pbe_set0_algor(algorithm, SEAL, rounds, salt, 8) == 1);
  return bag;
}

/* A tag, three bytes of length, and the content, at the end of the room. */
static size_t wrap(unsigned char *end, size_t size, unsigned char tag) {
  unsigned char head[4] = {tag, 0x82, (unsigned char)(size >> 8), (unsigned char)size};
  memcpy(end - size - 4, head, 4);
  return size + 4;
}

/* RFC 7292 section 4.2.6; OpenSSL reads these and does not make them. */
static PKCS12_SAFEBAG *bag_of(PKCS12_SAFEBAG *inner) {
  static const unsigned char oid[] = {6,    11,   0x2a, 0x86, 0x48, 0x86, 0xf7,
                                      0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x06};
  unsigned char bytes[4096], *end = bytes + sizeof bytes, *der = NULL;
  int inner_size = i2d_PKCS12_SAFEBAG(inner, &der);
  NEED(inner_size > 0 && inner_size < 4000);
  size_t size = (size_t)inner_size;
  memcpy(end - size, der, size);
  size = wrap(end, wrap(end, size, 0x30), 0xa0);
  memcpy(end - size - sizeof oid, oid, sizeof oid);
  size = wrap(end, size + sizeof oid, 0x30);
  const unsigned char *at = end - size;
  PKCS12_SAFEBAG *outer = d2i_PKCS12_SAFEBAG(NULL, &at, (long)size);
  NEED(outer && PKCS12_SAFEBAG_get_nid(outer) == NID_safeContentsBag);
  OPENSSL_free(der);
  PKCS12_SAFEBAG_free(inner);
  return outer;
}

static void save(PKCS7 *content) {
  STACK_OF(PKCS7) *contents = sk_PKCS7_new_null();
  PKCS12 *file = PKCS12_init(NID_pkcs7_data);
  NEED(contents && file && content && sk_PKCS7_push(contents, content) > 0 &&
       PKCS12_pack_authsafes(file, contents) == 1 &&
       PKCS12_set_mac(file, WORD, WORD_SIZE, NULL, 0, FEW, EVP_sha256()) == 1);
  BIO *out = BIO_new_file(path, "wb");
  NEED(out && i2d_PKCS12_bio(out, file) == 1);
  BIO_free(out);
  PKCS12_free(file);
  sk_PKCS7_pop_free(contents, PKCS7_free);
}

typedef enum around { OPEN, SEALED } around;

/* The certificate and up to two keys. */
static void make_file(around a, PKCS12_SAFEBAG *one, PKCS12_SAFEBAG *two) {
  bag_list *bags = sk_PKCS12_SAFEBAG_new_null();
  PKCS12_SAFEBAG *certificate = PKCS12_SAFEBAG_create_cert(own.certificate);
  NEED(bags && certificate && sk_PKCS12_SAFEBAG_push(bags, certificate) > 0 &&
       sk_PKCS12_SAFEBAG_push(bags, one) > 0 && (!two || sk_PKCS12_SAFEBAG_push(bags, two) > 0));
  save(a == OPEN ? PKCS12_pack_p7data(bags)
                 : PKCS12_pack_p7encdata(SEAL, WORD, WORD_SIZE, NULL, 0, FEW, bags));
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

static hc_error load(hc_slice passphrase, hc_failure *why) {
  hc_certificates *certificates = hc_certificates_new(), *chain = hc_certificates_new();
  hc_key *key = hc_key_new();
  NEED(certificates && chain && key);
  hc_failure_clear(why);
  hc_error error = hc_pkcs12_load_file(path, passphrase, certificates, key, chain, why);
  CHECK(ERR_peek_error() == 0);
  CHECK(error != HC_OK || hc_certificates_count(certificates) == 1);
  hc_certificates_release(certificates);
  hc_certificates_release(chain);
  hc_key_release(key);
  return error;
}

/* Without the limit these would hash for an hour. */
static void expect(const char *name, bool is_fine) {
  hc_failure why = {HC_OK, ""};
  hc_error error = load(HC_SLICE(WORD), &why);
  CHECK_CASE(name, is_fine
                       ? error == HC_OK
                       : error == HC_ERR_INVALID_DATA && has_text(why.text, "hashed more than"));
}

static void test_rounds(void) {
  const int half = (int)HC_KEY_ROUNDS_MAX / 2 + 1;
  hc_failure why = {HC_OK, ""};
  make_file(OPEN, sealed_key(0), NULL);
  expect("a sealed key", true);
  make_file(OPEN, sealed_key(INT_MAX), NULL);
  expect("a sealed key that asks for much", false);
  make_file(SEALED, sealed_key(0), NULL);
  expect("a sealed key in what is sealed", true);
  CHECK(load(HC_SLICE("other"), &why) == HC_ERR_INVALID_DATA &&
        has_text(why.text, "wrong passphrase"));
  make_file(SEALED, sealed_key(INT_MAX), NULL);
  expect("a sealed key that asks for much in what is sealed", false);
  make_file(SEALED, bag_of(sealed_key(0)), NULL);
  expect("in a bag of bags", true);
  make_file(OPEN, bag_of(bag_of(sealed_key(INT_MAX))), NULL);
  expect("in a bag of bags, much", false);
  make_file(SEALED, bag_of(bag_of(sealed_key(INT_MAX))), NULL);
  expect("in a bag of bags that is sealed, much", false);
  make_file(SEALED, sealed_key(half), sealed_key(half));
  expect("together they ask for much", false);
}

int main(void) {
  int fd = mkstemp(path);
  NEED(fd >= 0 && close(fd) == 0);
  own = make_authority("Own", NULL);
  test_rounds();
  identity_free(&own);
  (void)unlink(path);
  return check_report();
}
