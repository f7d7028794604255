/* ciphers_mbedtls.c - names of cipher suites. mbedTLS writes TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256,
 * the registry the same with underscores, and OpenSSL ECDHE-RSA-AES128-GCM-SHA256.
 *
 * Settings are written for OpenSSL, mostly, and the same text has to work here. What OpenSSL has
 * beyond names (HIGH, !aNULL, @STRENGTH) is refused in words: it would mean another set of suites
 * with each library. */
#include "mbedtls_internal.h"

#include <stdio.h>
#include <string.h>

#include "../../../base/memory.h"

#define SUITE_TEXT 80u

/* In their case, as OpenSSL compares them too. */
static bool take_prefix(hc_slice *text, const char *prefix) {
  size_t size = strlen(prefix);
  if (text->size < size || memcmp(text->data, prefix, size) != 0) return false;
  text->data += size;
  text->size -= size;
  return true;
}

/* "AES128-GCM-SHA256" to "AES-128-GCM-SHA256", "AES128-SHA" to "AES-128-CBC-SHA". */
static void write_cipher(hc_slice rest, char text[SUITE_TEXT]) {
  static const char *const blocks[] = {"AES", "CAMELLIA", "ARIA"};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    hc_slice after = rest;
    if (!take_prefix(&after, blocks[i]) || after.size < 4) continue;
    bool is_cbc = memcmp(after.data + 3, "-SHA", 4) == 0;
    snprintf(text, SUITE_TEXT, "%s-%.3s%s%.*s", blocks[i], after.data, is_cbc ? "-CBC" : "",
             (int)(after.size - 3), after.data + 3);
    return;
  }
  bool is_chacha = rest.size == 17 && memcmp(rest.data, "CHACHA20-POLY1305", 17) == 0;
  snprintf(text, SUITE_TEXT, "%.*s%s", (int)rest.size, rest.data, is_chacha ? "-SHA256" : "");
}

/* A name without a key exchange in front means RSA, "AES128-SHA". An unknown one is 0. */
static int suite_of_openssl(hc_slice word) {
  static const char *const exchanges[] = {"ECDHE-RSA-", "ECDHE-ECDSA-", "DHE-RSA-", ""};
  char cipher[SUITE_TEXT], name[2 * SUITE_TEXT];
  size_t i = 0;
  while (!take_prefix(&word, exchanges[i])) i++; /* "" is one of each */
  if (word.size < 8) return 0;
  write_cipher(word, cipher);
  snprintf(name, sizeof name, "TLS-%sWITH-%s", exchanges[i][0] ? exchanges[i] : "RSA-", cipher);
  return mbedtls_ssl_get_ciphersuite_id(name);
}

/* Their names have no _WITH_. */
static bool is_of_tls_13(hc_slice word) {
  return word.size > 8 && memcmp(word.data, "TLS_", 4) == 0 && !memchr(word.data, 'W', word.size);
}

/* mbedTLS's own names begin with "TLS-", and come out as they went in. */
static int suite_of_registry(hc_slice word) {
  char name[SUITE_TEXT + 8];
  bool is_new = is_of_tls_13(word);
  snprintf(name, sizeof name, "%s%.*s", is_new ? "TLS1-3-" : "",
           (int)(word.size - (is_new ? 4 : 0)), word.data + (is_new ? 4 : 0));
  for (char *c = name; *c; c++)
    if (*c == '_') *c = '-';
  return mbedtls_ssl_get_ciphersuite_id(name);
}

/* By the beginning alone: "TLS_..." and "TLS-..." are whole names, and all else is OpenSSL's short
 * form. 0: there is none, or it is one that must not be used. */
static int suite_of(hc_slice word) {
  if (word.size >= SUITE_TEXT) return 0;
  bool is_long = word.size > 4 && memcmp(word.data, "TLS", 3) == 0;
  int id = is_long ? suite_of_registry(word) : suite_of_openssl(word);
  /* Suites without encryption or authentication are never used. */
  const char *name = id != 0 ? mbedtls_ssl_get_ciphersuite_name(id) : "NULL";
  return strstr(name, "NULL") || strstr(name, "PSK") ? 0 : id;
}

/* `ids` has room for a suite in every two bytes of the text, and the 0 behind the last. */
static hc_error read_suites(hc_slice text, int *ids, hc_failure *why) {
  hc_slice word;
  size_t count = 0;
  while ((word = hc_tls_next_suite(&text)).size > 0) {
    ids[count] = suite_of(word);
    if (ids[count] == 0 && is_of_tls_13(word)) continue; /* a version that it may not speak */
    if (ids[count] == 0)
      return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                            "ciphers: mbedTLS has no suite %.*s (it takes names of suites alone)",
                            (int)(word.size < SUITE_TEXT ? word.size : SUITE_TEXT), word.data);
    count++;
  }
  return count > 0 ? HC_OK
                   : hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                                    "ciphers: the text names none that mbedTLS has");
}

/* The list is the context's from then on, since mbedTLS keeps the pointer. Without an error there
 * is one suite in it at least. */
hc_error hc_mbedtls_read_suites(hc_slice text, int **out, hc_failure *why) {
  int *ids = hc_memory_allocate_zeroed(text.size / 2 + 2, sizeof *ids);
  if (!ids) return hc_failure_out_of_memory(why);
  hc_error error = read_suites(text, ids, why);
  if (error == HC_OK) *out = ids;
  else hc_memory_release(ids);
  return error;
}
