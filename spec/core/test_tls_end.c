/* test_tls_end.c - what OpenSSL does when the process ends. It takes its tables down only where
 * threads of ours are still there to be waited for, whatever was the first to need it: each of
 * these is the first in a process of its own. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/crypto/digest.h"
#include "../../core/crypto/random.h"
#include "../../core/platform/thread.h"
#include "../../core/tls.h"
#include "check.h"

#define PEM(label) "-----BEGIN " label "-----\nAAAA\n-----END " label "-----\n"
#define TAKEN_DOWN 7

/* Malformed, which OpenSSL has to find out. */
static hc_slice malformed_certificate(void) { return hc_slice_of(PEM("CERTIFICATE")); }
static hc_slice malformed_key(void) { return hc_slice_of(PEM("PRIVATE KEY")); }

static bool makes_digest(void) {
  unsigned char out[HC_DIGEST_MAX];
  size_t size = 0;
  return hc_digest("SHA256", hc_slice_of("text"), out, &size, NULL) == HC_OK && size == 32;
}

static bool makes_hmac(void) {
  unsigned char out[HC_DIGEST_MAX];
  size_t size = 0;
  return hc_hmac("SHA256", hc_slice_of("key"), hc_slice_of("text"), out, &size, NULL) == HC_OK &&
         size == 32;
}

static bool makes_random(void) {
  unsigned char bytes[8];
  return hc_random_bytes(bytes, sizeof bytes) == HC_OK;
}

static bool reads_certificate(void) {
  hc_failure why = {HC_OK, ""};
  hc_certificates *c = hc_certificates_new();
  hc_error error = hc_certificates_load_text(c, malformed_certificate(), &why);
  hc_certificates_release(c);
  return error == HC_ERR_INVALID_DATA;
}

static bool reads_key(void) {
  hc_failure why = {HC_OK, ""};
  hc_key *k = hc_key_new();
  hc_error error = hc_key_load_text(k, malformed_key(), HC_KEY_PRIVATE, &why);
  hc_key_release(k);
  return error == HC_ERR_INVALID_DATA;
}

static bool reads_pkcs12(void) {
  hc_failure why = {HC_OK, ""};
  hc_certificates *own = hc_certificates_new(), *chain = hc_certificates_new();
  hc_key *key = hc_key_new();
  hc_error error = hc_pkcs12_load_file(__FILE__, hc_slice_of("x"), own, key, chain, &why);
  hc_certificates_release(own);
  hc_certificates_release(chain);
  hc_key_release(key);
  return error == HC_ERR_INVALID_DATA;
}

static bool makes_options(void) {
  hc_failure why = {HC_OK, ""};
  hc_tls_options *o = NULL;
  bool made = hc_tls_options_new(&(hc_tls_settings){.min_version = 12}, &o, &why) == HC_OK;
  hc_tls_options_release(o);
  return made;
}

static bool loads_authorities(void) {
  while (!hc_tls_start_loading()) continue;
  return true;
}

static const struct first_need {
  const char *name;
  bool (*works)(void);
} needs[] = {
    {"digest", makes_digest},   {"hmac", makes_hmac},
    {"random", makes_random},   {"certificate", reads_certificate},
    {"key", reads_key},         {"pkcs12", reads_pkcs12},
    {"options", makes_options}, {"authorities", loads_authorities},
};

static void report_end(void) { _exit(TAKEN_DOWN); }

/* OpenSSL calls what OPENSSL_atexit was given when it takes down its tables. */
static int need_first(const char *name) {
  size_t i = 0, count = sizeof needs / sizeof *needs;
  while (i < count && strcmp(name, needs[i].name) != 0) i++;
  return i < count && needs[i].works() && OPENSSL_atexit(report_end) ? 0 : 1;
}

/* How a process of this program with that argument ends: system() gives it as the system has it. */
static int status_of(const char *program, const char *name) {
  char command[512];
  int size = snprintf(command, sizeof command, "\"%s\" %s", program, name);
  int status = size > 0 && (size_t)size < sizeof command ? system(command) : -1;
  return status == 0 || status == -1 || !HAS_POSIX ? status : status / 256;
}

int main(int count, char **arguments) {
  if (count > 1) return need_first(arguments[1]);
  int expected = hc_thread_outlives_exit() ? TAKEN_DOWN : 0;
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
    CHECK_CASE(needs[i].name, status_of(arguments[0], needs[i].name) == expected);
  return check_report();
}
