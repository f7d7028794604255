/* x509_mbedtls.c - certificates and keys: PEM in, PEM out.
 *
 * mbedTLS takes more than we promise (DER in place of PEM, texts of which it can read a half), so
 * what is given to it is looked at first. Every copy of a private key's text is wiped. */
#include "mbedtls_internal.h"

#include <mbedtls/base64.h>
#include <mbedtls/pem.h>
#include <stdio.h>
#include <string.h>

#include "../../../base/limits.h"
#include "../../../base/memory.h"

#define CERTIFICATE_BEGIN "-----BEGIN CERTIFICATE-----"
#define CERTIFICATE_END "-----END CERTIFICATE-----"
#define KEY_DER_MAX 16384u /* of RSA with 16384 bits, and room to spare */

/* --- copies */

/* mbedTLS's lists are chained through the certificates themselves, so one can't be in two lists: it
 * is parsed again from its own bytes. */
int hc_mbedtls_copy_certificates(mbedtls_x509_crt *into, const mbedtls_x509_crt *list) {
  int error = 0;
  for (; error == 0 && list && list->raw.p; list = list->next)
    error = hc_mbedtls_parse_certificate(into, list->raw.p, list->raw.len);
  return error;
}

/* By way of its DER, since mbedTLS can't count references to a key, nor copy one. It writes DER to
 * the end of the room that it is given. The room is wiped. */
int hc_mbedtls_copy_key(mbedtls_pk_context *into, const mbedtls_pk_context *key) {
  unsigned char *der = hc_memory_allocate(KEY_DER_MAX);
  if (!der) return MBEDTLS_ERR_PK_ALLOC_FAILED;
  int size = mbedtls_pk_write_key_der((mbedtls_pk_context *)(uintptr_t)key, der, KEY_DER_MAX);
  int error = size;
  if (size > 0)
    error =
        hc_mbedtls_parse_key(into, der + KEY_DER_MAX - (size_t)size, (size_t)size, HC_SLICE(""));
  hc_memory_wipe(der, KEY_DER_MAX);
  hc_memory_release(der);
  return error;
}

/* --- certificates */

/* Block by block and not with mbedtls_x509_crt_parse, which passes over what it can't read and
 * counts it: a chain with a hole in it would look whole. */
static hc_error read_mbedtls_chain(const char *text, mbedtls_x509_crt *list, hc_failure *why) {
  mbedtls_pem_context block;
  int count = 0, error;
  while ((error = hc_mbedtls_next_block(&text, CERTIFICATE_BEGIN, CERTIFICATE_END, &block)) == 1) {
    error = hc_mbedtls_parse_certificate(list, block.buf, block.buflen);
    mbedtls_pem_free(&block);
    if (error != 0) break;
    count++;
  }
  if (hc_mbedtls_is_memory(error)) return hc_failure_out_of_memory(why);
  if (error < 0)
    return hc_failure_set(why, HC_ERR_INVALID_DATA,
                          "certificate number %d of the PEM text is malformed", count + 1);
  if (count == 0) return hc_failure_set(why, HC_ERR_INVALID_DATA, "the text holds no certificate");
  return HC_OK;
}

/* mbedTLS wants a NUL behind PEM text, and a slice has none. */
hc_error hc_tls_chain_read(hc_slice pem, hc_tls_chain **out, hc_failure *why) {
  hc_tls_chain *chain = hc_memory_allocate_zeroed(1, sizeof *chain);
  char *text = hc_memory_copy_text(pem.data, pem.size);
  hc_error error = HC_OK;
  if (chain) mbedtls_x509_crt_init(&chain->first);
  if (!chain || !text) error = hc_failure_out_of_memory(why);
  else error = read_mbedtls_chain(text, &chain->first, why);
  hc_memory_release(text);
  if (error == HC_OK) *out = chain;
  else hc_tls_chain_free(chain);
  return error;
}

/* An empty list of mbedTLS's is one certificate without bytes. */
size_t hc_tls_chain_count(const hc_tls_chain *chain) {
  size_t count = 0;
  const mbedtls_x509_crt *c = chain ? &chain->first : NULL;
  for (; c && c->raw.p; c = c->next) count++;
  return count;
}

/* mbedTLS frees all that hang on the first. */
void hc_tls_chain_free(hc_tls_chain *chain) {
  if (!chain) return;
  mbedtls_x509_crt_free(&chain->first);
  hc_memory_release(chain);
}

/* mbedTLS's size counts the NUL behind the text. */
static hc_error write_certificate(const mbedtls_x509_crt *c, hc_buffer *out, hc_failure *why) {
  size_t room = c->raw.len * 2 + 256, size = 0; /* four for three, and the ends of lines */
  char *text = hc_memory_allocate(room);
  int error = !text
                  ? MBEDTLS_ERR_PEM_ALLOC_FAILED
                  : mbedtls_pem_write_buffer(CERTIFICATE_BEGIN "\n", CERTIFICATE_END "\n", c->raw.p,
                                             c->raw.len, (unsigned char *)text, room, &size);
  bool done = error == 0 && size > 0 &&
              hc_buffer_append(out, (hc_slice){text, size - 1}, SIZE_MAX) == HC_OK;
  hc_memory_release(text);
  return done ? HC_OK : hc_failure_out_of_memory(why);
}

/* PEM, one behind the other, in their order. */
hc_error hc_tls_chain_write(const hc_tls_chain *chain, hc_buffer *out, hc_failure *why) {
  hc_error error = HC_OK;
  for (const mbedtls_x509_crt *c = &chain->first; error == HC_OK && c && c->raw.p; c = c->next)
    error = write_certificate(c, out, why);
  return error;
}

/* --- keys */

/* Both forms say so: "ENCRYPTED PRIVATE KEY" of PKCS#8, and "Proc-Type: 4,ENCRYPTED" of traditional
 * PEM (RFC 1421). */
static bool is_encrypted(const char *text) { return strstr(text, "ENCRYPTED") != NULL; }

/* What mbedTLS was built without, and what it has never had, look the same to a user. */
static bool is_unknown_way(int error) {
  return error == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG || error == MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE ||
         error == MBEDTLS_ERR_PEM_UNKNOWN_ENC_ALG || error == MBEDTLS_ERR_PEM_FEATURE_UNAVAILABLE;
}

/* Never the key's text, and never the passphrase: messages get into logs. */
static hc_error explain_mbedtls_key(const char *text, hc_key_half half, hc_slice passphrase,
                                    int error, hc_failure *why) {
  const char *reason = "wrong passphrase for the encrypted key";
  if (hc_mbedtls_is_memory(error)) return hc_failure_out_of_memory(why);
  if (half == HC_KEY_PUBLIC || !is_encrypted(text))
    return hc_failure_set(why, HC_ERR_INVALID_DATA, "the text holds no %s key that can be read",
                          half == HC_KEY_PUBLIC ? "public" : "private");
  if (passphrase.size == 0) reason = "the key is encrypted, and no passphrase was given";
  else if (error == HC_MBEDTLS_TOO_MANY_ROUNDS)
    return hc_failure_set(why, HC_ERR_INVALID_DATA, HC_TOO_MANY_ROUNDS, HC_KEY_ROUNDS_MAX);
  else if (is_unknown_way(error))
    reason =
        "the key is encrypted in a way that mbedTLS can't read (it reads PBES2 with PBKDF2 and "
        "AES or triple DES, and traditional PEM)";
  return hc_failure_set(why, HC_ERR_INVALID_DATA, "%s", reason);
}

/* mbedTLS's own reader knows PBES2 with DES alone, so the modern way comes first; what is none of
 * that goes to it. */
static int parse_private(mbedtls_pk_context *pk, const char *text, hc_slice passphrase) {
  int error = passphrase.size > 0 ? hc_mbedtls_parse_pbes2(pk, text, passphrase)
                                  : MBEDTLS_ERR_PK_UNKNOWN_PK_ALG;
  if (error != MBEDTLS_ERR_PK_UNKNOWN_PK_ALG) return error;
  error = hc_mbedtls_parse_key(pk, (const unsigned char *)text, strlen(text) + 1, passphrase);
  bool is_other = error != 0 && error != MBEDTLS_ERR_PK_PASSWORD_MISMATCH &&
                  !hc_mbedtls_is_memory(error) && strstr(text, "BEGIN ENCRYPTED PRIVATE KEY");
  return is_other ? MBEDTLS_ERR_PK_UNKNOWN_PK_ALG : error;
}

/* A limit as with OpenSSL, so that a key which can be read with one library can be read with the
 * other. */
static hc_error read_mbedtls_key(const char *text, hc_key_half half, hc_slice passphrase,
                                 hc_tls_key *key, hc_failure *why) {
  const unsigned char *bytes = (const unsigned char *)text;
  if (passphrase.size > HC_PASSPHRASE_MAX)
    return hc_failure_set(why, HC_ERR_INVALID_DATA, "the passphrase is longer than %u bytes",
                          HC_PASSPHRASE_MAX);
  /* Without this it would take DER too, and what is empty. */
  int error = !strstr(text, "-----BEGIN") ? MBEDTLS_ERR_PK_KEY_INVALID_FORMAT
              : half == HC_KEY_PUBLIC
                  ? mbedtls_pk_parse_public_key(&key->pk, bytes, strlen(text) + 1)
                  : parse_private(&key->pk, text, passphrase);
  return error == 0 ? HC_OK : explain_mbedtls_key(text, half, passphrase, error, why);
}

/* The copy of the text is wiped in any case: it is a private key until somebody has looked. */
hc_error hc_tls_key_read(hc_slice pem, hc_key_half half, hc_slice passphrase, hc_tls_key **out,
                         hc_failure *why) {
  hc_tls_key *key = hc_memory_allocate_zeroed(1, sizeof *key);
  char *text = hc_memory_copy_text(pem.data, pem.size);
  if (key) mbedtls_pk_init(&key->pk);
  hc_error error = key && text ? read_mbedtls_key(text, half, passphrase, key, why)
                               : hc_failure_out_of_memory(why);
  if (text) hc_memory_wipe(text, pem.size);
  hc_memory_release(text);
  if (error == HC_OK) *out = key;
  else hc_tls_key_free(key);
  return error;
}

/* Two times the DER is room for the text with all of its lines; the room is zeroed, so the text
 * ends with NUL. */
hc_error hc_tls_key_write(const hc_tls_key *key, hc_key_half half, hc_buffer *out,
                          hc_failure *why) {
  mbedtls_pk_context *pk = (mbedtls_pk_context *)(uintptr_t)&key->pk;
  size_t room = KEY_DER_MAX * 2;
  unsigned char *text = hc_memory_allocate_zeroed(1, room);
  if (!text) return hc_failure_out_of_memory(why);
  int error = half == HC_KEY_PUBLIC ? mbedtls_pk_write_pubkey_pem(pk, text, room)
                                    : mbedtls_pk_write_key_pem(pk, text, room);
  hc_error code = HC_OK;
  if (error != 0)
    code = hc_mbedtls_fail(why, HC_ERR_INVALID_DATA, "the key can't be written", error);
  else if (hc_buffer_append(out, hc_slice_of((const char *)text), SIZE_MAX) != HC_OK)
    code = hc_failure_out_of_memory(why);
  hc_memory_wipe(text, room);
  hc_memory_release(text);
  return code;
}

void hc_tls_key_free(hc_tls_key *key) {
  if (!key) return;
  mbedtls_pk_free(&key->pk); /* mbedTLS wipes it */
  hc_memory_release(key);
}

/* Refused in words: mbedTLS 2.28 derives keys as PKCS#12 does, and has no reader for the
 * container. */
hc_error hc_tls_pkcs12_read(hc_slice der, hc_slice passphrase, hc_tls_chain **own, hc_tls_key **key,
                            hc_tls_chain **chain, hc_failure *why) {
  (void)der, (void)passphrase, (void)own, (void)key, (void)chain;
  return hc_failure_set(why, HC_ERR_UNAVAILABLE, "this build has mbedTLS, which reads no PKCS#12");
}
