/* test_x509.c - certificates and keys: PEM in, PEM out, files. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/base/memory.h"
#include "../../core/stream/tls/x509.h"
#include "crypto_memory.h"
#include "tls_world.h"

static char directory[] = "/tmp/test_x509_XXXXXX";
static identity first, second;

static const char *path_of(const char *name) {
  static char path[96];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static char *joined(const char *a, const char *b, const char *c) {
  size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
  char *text = malloc(size);
  NEED(text != NULL);
  snprintf(text, size, "%s%s%s", a, b, c);
  return text;
}

static void expect_certificates(const char *name, const char *text, size_t count) {
  hc_certificates *c = hc_certificates_new();
  hc_failure why = {HC_OK, ""};
  hc_error error = hc_certificates_load_text(c, hc_slice_of(text), &why);
  CHECK_CASE(name, count > 0 ? error == HC_OK && hc_certificates_count(c) == count
                             : error == HC_ERR_INVALID_DATA && why.text[0] != '\0' &&
                                   hc_certificates_count(c) == 0);
  CHECK(ERR_peek_error() == 0);
  hc_certificates_release(c);
}

static void test_certificates(void) {
  char *a = certificate_pem(first.certificate), *b = certificate_pem(second.certificate),
       *key = key_pem(first.key);
  char *two = joined(a, b, ""), *between = joined("text\n", a, "more text\n"),
       *with_key = joined(key, a, b);
  char *cut = joined(a, b, "");
  cut[strlen(cut) - 40] = '\0';
  char *broken = joined(a, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b);
  char *crlf = malloc(2 * strlen(a) + 1), *out = crlf;
  for (const char *in = a; *in != '\0'; in++) {
    if (*in == '\n') *out++ = '\r';
    *out++ = *in;
  }
  *out = '\0';
  expect_certificates("one", a, 1);
  expect_certificates("two", two, 2);
  expect_certificates("text around", between, 1);
  expect_certificates("a key between", with_key, 2);
  expect_certificates("CRLF line ends", crlf, 1);
  expect_certificates("the second is cut short", cut, 0);
  expect_certificates("one is no certificate", broken, 0);
  expect_certificates("none", "", 0);
  expect_certificates("text only", "hello", 0);
  expect_certificates("a key only", key, 0);
  free(a), free(b), free(key), free(two), free(between), free(with_key), free(cut), free(broken),
      free(crlf);
}

static void test_certificates_stay_on_failure(void) {
  hc_certificates *c = certificates_of(first.certificate);
  hc_buffer out = {0};
  CHECK(hc_certificates_load_text(c, HC_SLICE("nothing"), NULL) == HC_ERR_INVALID_DATA &&
        hc_certificates_count(c) == 1);
  CHECK(hc_certificates_load_file(c, path_of("missing"), NULL) == HC_ERR_FILE_NOT_FOUND &&
        hc_certificates_count(c) == 1);
  CHECK(hc_certificates_save_text(c, &out, NULL) == HC_OK);
  char *pem = certificate_pem(first.certificate);
  CHECK(hc_slice_equal((hc_slice){hc_buffer_head(&out), hc_buffer_size(&out)}, hc_slice_of(pem)));
  free(pem);
  hc_buffer_free(&out);
  CHECK(hc_certificates_retain(c) == c);
  hc_certificates_release(c);
  CHECK(hc_certificates_count(c) == 1);
  hc_certificates_release(c);
  hc_certificates_release(NULL);
}

static void test_certificate_files(void) {
  hc_certificates *c = certificates_of(first.certificate), *again = hc_certificates_new(),
                  *empty = hc_certificates_new();
  hc_failure why = {HC_OK, ""};
  CHECK(hc_certificates_save_file(c, path_of("c.pem"), NULL) == HC_OK);
  CHECK(hc_certificates_load_file(again, path_of("c.pem"), NULL) == HC_OK &&
        hc_certificates_count(again) == 1);
  CHECK(hc_certificates_load_file(again, path_of("none.pem"), &why) == HC_ERR_FILE_NOT_FOUND &&
        has_text(why.text, "none.pem"));
  hc_failure_clear(&why);
  CHECK(hc_certificates_load_file(again, directory, &why) == HC_ERR_FILE_CANT_READ &&
        has_text(why.text, directory));
  CHECK(hc_certificates_save_file(c, path_of("no/such"), NULL) == HC_ERR_FILE_CANT_OPEN);
  CHECK(hc_certificates_save_file(empty, path_of("empty.pem"), NULL) == HC_ERR_UNCONFIGURED);
  CHECK(access(path_of("empty.pem"), F_OK) != 0);
  if (access("/dev/full", W_OK) == 0)
    CHECK(hc_certificates_save_file(c, "/dev/full", NULL) == HC_ERR_FILE_CANT_WRITE);
  hc_failure_clear(&why);
  FILE *file = fopen(path_of("text"), "w");
  NEED(file && fputs("no certificate", file) >= 0 && fclose(file) == 0);
  CHECK(hc_certificates_load_file(again, path_of("text"), &why) == HC_ERR_INVALID_DATA &&
        has_text(why.text, "holds no certificate"));
  hc_certificates_release(c);
  hc_certificates_release(again);
  hc_certificates_release(empty);
  unlink(path_of("c.pem"));
  unlink(path_of("text"));
}

static char *written_key(EVP_PKEY *key, bool traditional, const EVP_CIPHER *cipher) {
  BIO *bio = BIO_new(BIO_s_mem());
  const unsigned char *word = (const unsigned char *)"secret";
  int done =
      traditional
          ? PEM_write_bio_PrivateKey_traditional(bio, key, cipher, word, cipher ? 6 : 0, NULL, NULL)
          : PEM_write_bio_PrivateKey(bio, key, cipher, word, cipher ? 6 : 0, NULL, NULL);
  NEED(done == 1);
  return bio_text(bio);
}

static char *written_public_key(EVP_PKEY *key) {
  BIO *bio = BIO_new(BIO_s_mem());
  NEED(PEM_write_bio_PUBKEY(bio, key) == 1);
  return bio_text(bio);
}

static void expect_key(const char *name, const char *text, hc_key_half half, const char *refusal) {
  hc_key *k = hc_key_new();
  hc_failure why = {HC_OK, ""};
  hc_error error = hc_key_load_text(k, hc_slice_of(text), half, &why);
  CHECK_CASE(name, !refusal ? error == HC_OK && !hc_key_is_empty(k) &&
                                  hc_key_is_public_only(k) == (half == HC_KEY_PUBLIC)
                            : error == HC_ERR_INVALID_DATA && has_text(why.text, refusal) &&
                                  hc_key_is_empty(k));
  if (refusal && !has_text(why.text, refusal)) fprintf(stderr, "  %s: \"%s\"\n", name, why.text);
  CHECK(ERR_peek_error() == 0);
  hc_key_release(k);
}

static void test_keys(void) {
  EVP_PKEY *rsa = EVP_RSA_gen(2048), *keys[] = {first.key, rsa};
  char *certificate = certificate_pem(first.certificate);
  for (int i = 0; i < 2; i++) {
    char *plain = written_key(keys[i], false, NULL),
         *traditional = written_key(keys[i], true, NULL);
    char *locked = written_key(keys[i], false, EVP_aes_128_cbc()),
         *old_locked = written_key(keys[i], true, EVP_aes_128_cbc());
    char *public = written_public_key(keys[i]);
    char *behind = joined(certificate, plain, ""), *before = joined(plain, certificate, "");
    expect_key("PKCS#8", plain, HC_KEY_PRIVATE, NULL);
    expect_key("traditional", traditional, HC_KEY_PRIVATE, NULL);
    expect_key("behind a certificate", behind, HC_KEY_PRIVATE, NULL);
    expect_key("before a certificate", before, HC_KEY_PRIVATE, NULL);
    expect_key("encrypted", locked, HC_KEY_PRIVATE, "encrypted");
    expect_key("encrypted, traditional", old_locked, HC_KEY_PRIVATE, "encrypted");
    expect_key("public", public, HC_KEY_PUBLIC, NULL);
    expect_key("public where a private one is wanted", public, HC_KEY_PRIVATE,
               "holds no private key");
    expect_key("private where a public one is wanted", plain, HC_KEY_PUBLIC, "holds no public key");
    plain[strlen(plain) / 2] = '\0';
    expect_key("cut short", plain, HC_KEY_PRIVATE, "holds no private key");
    free(plain), free(traditional), free(locked), free(old_locked), free(public), free(behind),
        free(before);
  }
  expect_key("nothing", "", HC_KEY_PRIVATE, "holds no private key");
  expect_key("a certificate", certificate, HC_KEY_PRIVATE, "holds no private key");
  free(certificate);
  EVP_PKEY_free(rsa);
}

static void test_saved_keys(void) {
  hc_key *k = key_of(first.key), *again = hc_key_new(), *public = hc_key_new();
  hc_buffer text = {0};
  CHECK(hc_key_save_text(k, HC_KEY_PUBLIC, &text, NULL) == HC_OK);
  hc_slice pem = {hc_buffer_head(&text), hc_buffer_size(&text)};
  CHECK(hc_key_load_text(public, pem, HC_KEY_PUBLIC, NULL) == HC_OK &&
        hc_key_is_public_only(public));
  hc_buffer_free(&text);
  CHECK(hc_key_save_text(public, HC_KEY_PRIVATE, &text, NULL) == HC_ERR_INVALID_PARAMETER &&
        hc_buffer_size(&text) == 0);
  CHECK(hc_key_save_text(again, HC_KEY_PRIVATE, &text, NULL) == HC_ERR_UNCONFIGURED);
  CHECK(hc_key_load_text(k, HC_SLICE("nothing"), HC_KEY_PRIVATE, NULL) == HC_ERR_INVALID_DATA &&
        !hc_key_is_empty(k));

  struct stat status;
  mode_t mask = umask(0);
  int open_to_all = open(path_of("old.pem"), O_WRONLY | O_CREAT, 0644);
  NEED(open_to_all >= 0 && close(open_to_all) == 0);
  CHECK(hc_key_save_file(k, path_of("k.pem"), HC_KEY_PRIVATE, NULL) == HC_OK &&
        stat(path_of("k.pem"), &status) == 0);
  if (HAS_POSIX) CHECK_CASE("a new file is its owner's alone", (status.st_mode & 0777) == 0600);
  CHECK(hc_key_save_file(k, path_of("old.pem"), HC_KEY_PRIVATE, NULL) == HC_OK &&
        stat(path_of("old.pem"), &status) == 0);
  if (HAS_POSIX) CHECK_CASE("an old file becomes so", (status.st_mode & 0777) == 0600);
  CHECK(hc_key_load_file(again, path_of("k.pem"), HC_KEY_PRIVATE, NULL) == HC_OK &&
        !hc_key_is_public_only(again));
  CHECK(hc_key_save_file(k, path_of("p.pem"), HC_KEY_PUBLIC, NULL) == HC_OK &&
        stat(path_of("p.pem"), &status) == 0);
  CHECK_CASE("a public key is no secret", (status.st_mode & 0777) == 0666);
  umask(mask);
  CHECK(hc_key_load_file(again, path_of("none"), HC_KEY_PRIVATE, NULL) == HC_ERR_FILE_NOT_FOUND);
  unlink(path_of("k.pem"));
  unlink(path_of("old.pem"));
  unlink(path_of("p.pem"));
  hc_key_release(k);
  hc_key_release(again);
  hc_key_release(public);
  hc_key_release(NULL);
}

/* A PEM file of more than one read. */
static void test_long_file(void) {
  const char *path = path_of("long.pem");
  char *pem = certificate_pem(first.certificate);
  FILE *file = fopen(path, "w");
  NEED(file != NULL);
  for (int i = 0; i < 100; i++) NEED(fputs(pem, file) >= 0);
  NEED(fclose(file) == 0);
  hc_certificates *c = hc_certificates_new();
  CHECK(hc_certificates_load_file(c, path, NULL) == HC_OK && hc_certificates_count(c) == 100);
  hc_certificates_release(c);
  free(pem);
  unlink(path_of("long.pem"));
}

#ifdef HC_TEST_HOOKS

/* --- memory: each call is made with every allocation failing in turn, ours and OpenSSL's */

typedef struct memory_case {
  const char *name;
  /* HC_FAILED: it says that it succeeded, and what it made is wrong */
  hc_error (*call)(hc_failure *why);
  /* OpenSSL's decoders and encoders of keys hide some of their reasons */
  bool tells_always;
} memory_case;

static char *first_pem, *two_pem, *private_pem, *public_pem;
static hc_certificates *two_certificates;
static hc_key *whole_key;

static bool holds(const hc_buffer *text, const char *expected) {
  return hc_slice_equal((hc_slice){hc_buffer_head(text), hc_buffer_size(text)},
                        hc_slice_of(expected));
}

static hc_error load_certificates(hc_failure *why) {
  hc_certificates *c = hc_certificates_new();
  if (!c) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "no object");
  hc_error code = hc_certificates_load_text(c, hc_slice_of(two_pem), why);
  if (hc_certificates_count(c) != (code == HC_OK ? 2 : 0)) code = HC_FAILED;
  hc_certificates_release(c);
  return code;
}

static hc_error load_certificate_file(hc_failure *why) {
  hc_certificates *c = hc_certificates_new();
  if (!c) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "no object");
  hc_error code = hc_certificates_load_file(c, path_of("memory.pem"), why);
  if (hc_certificates_count(c) != (code == HC_OK ? 1 : 0)) code = HC_FAILED;
  hc_certificates_release(c);
  return code;
}

static hc_error save_certificates(hc_failure *why) {
  hc_buffer text = {0};
  hc_error code = hc_certificates_save_text(two_certificates, &text, why);
  if (code == HC_OK && !holds(&text, two_pem)) code = HC_FAILED;
  hc_buffer_free(&text);
  return code;
}

static hc_error save_certificate_file(hc_failure *why) {
  return hc_certificates_save_file(two_certificates, path_of("saved.pem"), why);
}

static hc_error load_key(hc_failure *why, const char *pem, hc_key_half half) {
  hc_key *k = hc_key_new();
  if (!k) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "no object");
  hc_error code = hc_key_load_text(k, hc_slice_of(pem), half, why);
  if (hc_key_is_empty(k) != (code != HC_OK)) code = HC_FAILED;
  hc_key_release(k);
  return code;
}

static hc_error load_private_key(hc_failure *why) {
  return load_key(why, private_pem, HC_KEY_PRIVATE);
}
static hc_error load_public_key(hc_failure *why) {
  return load_key(why, public_pem, HC_KEY_PUBLIC);
}

static hc_error save_key(hc_failure *why, const char *pem, hc_key_half half) {
  hc_buffer text = {0};
  hc_error code = hc_key_save_text(whole_key, half, &text, why);
  if (code == HC_OK ? !holds(&text, pem) : hc_buffer_size(&text) > 0) code = HC_FAILED;
  hc_buffer_free(&text);
  return code;
}

static hc_error save_private_key(hc_failure *why) {
  return save_key(why, private_pem, HC_KEY_PRIVATE);
}
static hc_error save_public_key(hc_failure *why) {
  return save_key(why, public_pem, HC_KEY_PUBLIC);
}
static hc_error save_key_file(hc_failure *why) {
  return hc_key_save_file(whole_key, path_of("key.pem"), HC_KEY_PRIVATE, why);
}

// clang-format off: a case a line
static const memory_case memory_cases[] = {
    {"load certificates", load_certificates, true}, {"load a file of them", load_certificate_file, true},
    {"save certificates", save_certificates, true}, {"save them to a file", save_certificate_file, true},
    {"load a private key", load_private_key, false}, {"load a public key", load_public_key, false},
    {"save a private key", save_private_key, false}, {"save a public key", save_public_key, false},
    {"save a key to a file", save_key_file, false},
};
// clang-format on

/* `whose`: 0 the library's allocations, 1 OpenSSL's, 2 those and all behind the failed one. */
static void try_without_memory(const memory_case *c, int whose) {
  long before = hc_memory_live_blocks(), refusals = 0, named = 0;
  bool right = true, done = false;
  for (long n = 0; n < 100000 && right && !done; n += 1 + n / 40) {
    hc_failure why = {HC_OK, ""};
    if (whose == 0) hc_memory_fail_after(n, 1);
    else crypto.left = n, crypto.stays = whose == 2;
    hc_error code = c->call(&why);
    done = whose == 0 ? code == HC_OK : crypto.left > 0;
    hc_memory_fail_after(-1, 0);
    crypto.left = -1;
    refusals += code != HC_OK;
    named += code == HC_ERR_OUT_OF_MEMORY;
    bool is_told = code == why.code && (code == HC_OK || why.text[0] != '\0');
    if (whose == 0) is_told = is_told && (code == HC_OK || code == HC_ERR_OUT_OF_MEMORY);
    right =
        code != HC_FAILED && is_told && hc_memory_live_blocks() == before && ERR_peek_error() == 0;
    if (!right)
      fprintf(stderr, "  %s, %d, allocation %ld: %d, \"%s\"\n", c->name, whose, n, (int)code,
              why.text);
  }
  CHECK_CASE(c->name, right && done && refusals > 0);
  /* Where OpenSSL decodes keys it keeps the reason to itself, 3.5 always and 3.0 at times. */
  CHECK_CASE("it says that memory is out", named == refusals || (whose > 0 && !c->tells_always));
}

static void test_memory_out(void) {
  first_pem = certificate_pem(first.certificate);
  char *second_pem = certificate_pem(second.certificate);
  two_pem = joined(first_pem, second_pem, "");
  private_pem = key_pem(first.key);
  public_pem = written_public_key(first.key);
  two_certificates = hc_certificates_new();
  whole_key = key_of(first.key);
  NEED(hc_certificates_load_text(two_certificates, hc_slice_of(two_pem), NULL) == HC_OK);
  hc_certificates *one = certificates_of(first.certificate);
  NEED(hc_certificates_save_file(one, path_of("memory.pem"), NULL) == HC_OK);
  for (size_t i = 0; i < sizeof memory_cases / sizeof *memory_cases; i++) {
    hc_failure why = {HC_OK, ""};
    CHECK_CASE(memory_cases[i].name, memory_cases[i].call(&why) == HC_OK);
    for (int whose = 0; whose <= 2; whose++) try_without_memory(&memory_cases[i], whose);
  }
  unlink(path_of("memory.pem"));
  unlink(path_of("saved.pem"));
  unlink(path_of("key.pem"));
  hc_certificates_release(one);
  hc_certificates_release(two_certificates);
  hc_key_release(whole_key);
  free(first_pem), free(second_pem), free(two_pem), free(private_pem), free(public_pem);
}

#endif

int main(void) {
  NEED(crypto_memory_take());
  NEED(mkdtemp(directory) != NULL);
  first = make_authority("First", NULL);
  second = make_authority("Second", NULL);
  test_certificates();
  test_certificates_stay_on_failure();
  test_certificate_files();
  test_keys();
  test_saved_keys();
  test_long_file();
#ifdef HC_TEST_HOOKS
  test_memory_out();
#endif
  identity_free(&first);
  identity_free(&second);
  rmdir(directory);
  return check_report();
}
