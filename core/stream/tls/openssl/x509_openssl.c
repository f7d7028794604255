/* x509_openssl.c - certificates and keys: PEM in, PEM out.
 *
 * Certificates are a STACK_OF(X509) in the order of the text, and keys an EVP_PKEY. Text in front
 * of a block, between two and behind them is skipped, as PEM allows (RFC 7468 section 2), so a file
 * as `openssl x509 -text` writes it is fine. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "../../../crypto/openssl/begin_openssl.h"
#include "openssl_internal.h"

/* A read of PEM gives NULL for "no more" and for "broken" alike. Which of them it was stands in the
 * queue alone. */
hc_error hc_pem_end(void) {
  unsigned long first = ERR_peek_error(), error = ERR_peek_last_error();
  /* A block that is broken always leaves an error; OpenSSL does not always when it has no
   * memory. */
  if (hc_tls_memory_was_out() || error == 0) return HC_ERR_OUT_OF_MEMORY;
  /* At the bottom of a broken block's errors is a reason of its own, not just the name of a part of
   * OpenSSL (3.5). */
  if ((ERR_GET_REASON(first) & ERR_RFLAG_COMMON) != 0) return HC_ERR_OUT_OF_MEMORY;
  bool is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  return is_end ? HC_OK : HC_ERR_INVALID_DATA;
}

/* The queue goes too: none of what is in it says more than that. */
static hc_error no_memory_x509_here(hc_failure *why) {
  ERR_clear_error();
  return hc_failure_out_of_memory(why);
}

/* A BIO that reads from the text itself. */
static BIO *open_text(hc_slice text, hc_failure *why) {
  if (text.size > INT_MAX) {
    hc_failure_set(why, HC_ERR_INVALID_DATA, "the PEM text is too long");
    return NULL;
  }
  hc_openssl_begin();
  ERR_clear_error();
  BIO *bio = BIO_new_mem_buf(text.size > 0 ? text.data : "", (int)text.size);
  if (!bio) no_memory_x509_here(why);
  return bio;
}

/* Appends what was written to a memory BIO. */
static hc_error append_written(BIO *bio, hc_buffer *out, hc_failure *why) {
  char *data = NULL;
  long size = BIO_get_mem_data(bio, &data);
  hc_slice written = {data, (size_t)size};
  return hc_buffer_append(out, written, SIZE_MAX) == HC_OK ? HC_OK : no_memory_x509_here(why);
}

/* --- certificates */

/* Takes the certificate over, on failure too. */
static hc_error append_certificate(STACK_OF(X509) * list, X509 *certificate, hc_failure *why) {
  if (sk_X509_push(list, certificate) > 0) return HC_OK;
  X509_free(certificate);
  return no_memory_x509_here(why);
}

/* One block that is broken refuses the whole text, with its number: a chain with a hole in it would
 * fail later, at some server, for no visible reason. */
static hc_error read_certificates(BIO *bio, STACK_OF(X509) * list, hc_failure *why) {
  bool asked = false;
  X509 *certificate;
  while ((certificate = PEM_read_bio_X509(bio, NULL, hc_pem_refuse_passphrase, &asked)) != NULL) {
    hc_error error = append_certificate(list, certificate, why);
    if (error != HC_OK) return error;
  }
  int count = sk_X509_num(list);
  hc_error end = hc_pem_end();
  if (end == HC_ERR_OUT_OF_MEMORY) return no_memory_x509_here(why);
  if (end != HC_OK) {
    return hc_failure_set(why, HC_ERR_INVALID_DATA,
                          "certificate number %d of the PEM text is malformed", count + 1);
  }
  if (count == 0) return hc_failure_set(why, HC_ERR_INVALID_DATA, "the text holds no certificate");
  return HC_OK;
}

/* The caller's chain is untouched until all of the text was read. */
hc_error hc_tls_chain_read(hc_slice pem, hc_tls_chain **out, hc_failure *why) {
  BIO *bio = open_text(pem, why);
  if (!bio) return why->code;
  STACK_OF(X509) *list = sk_X509_new_null();
  hc_error error = !list ? no_memory_x509_here(why) : read_certificates(bio, list, why);
  BIO_free(bio);
  if (error == HC_OK) *out = hc_tls_chain_of(list);
  else sk_X509_pop_free(list, X509_free);
  ERR_clear_error();
  return error;
}

size_t hc_tls_chain_count(const hc_tls_chain *chain) {
  return !chain ? 0 : (size_t)sk_X509_num(hc_tls_x509_list(chain));
}

void hc_tls_chain_free(hc_tls_chain *chain) {
  sk_X509_pop_free((STACK_OF(X509) *)chain, X509_free);
}

/* PEM_write_bio_X509 writes no text around the blocks, so what comes out reads in again
 * anywhere. */
static bool write_certificates(BIO *bio, const STACK_OF(X509) * list) {
  for (int i = 0; i < sk_X509_num(list); i++) {
    if (!PEM_write_bio_X509(bio, sk_X509_value(list, i))) return false;
  }
  return true;
}

/* To memory first: `out` gets the whole text or nothing. */
hc_error hc_tls_chain_write(const hc_tls_chain *chain, hc_buffer *out, hc_failure *why) {
  BIO *bio = BIO_new(BIO_s_mem());
  hc_error error = bio && write_certificates(bio, hc_tls_x509_list(chain))
                       ? append_written(bio, out, why)
                       : no_memory_x509_here(why);
  BIO_free(bio);
  ERR_clear_error();
  return error;
}

/* --- keys */

void hc_tls_key_free(hc_tls_key *key) {
  EVP_PKEY_free((EVP_PKEY *)key); /* OpenSSL wipes private numbers */
}

/* What OpenSSL is told when it asks for a passphrase. */
typedef struct key_answer {
  hc_slice passphrase; /* "" there is none */
  bool was_asked;
} key_answer;

/* OpenSSL's own buffer, which it wipes. */
static int give_passphrase(char *buffer, int size, int writing, void *context) {
  key_answer *answer = context;
  (void)writing;
  answer->was_asked = true;
  size_t given = answer->passphrase.size;
  if (given == 0 || size < 0 || given > (size_t)size) return -1;
  memcpy(buffer, answer->passphrase.data, given);
  return (int)given;
}

/* Of an old way of sealing that is in no provider, or of one that OpenSSL was built without. */
static bool is_about_algorithm(unsigned long error) {
  int lib = ERR_GET_LIB(error), reason = ERR_GET_REASON(error);
  if (lib == ERR_LIB_PEM)
    return reason == PEM_R_UNSUPPORTED_ENCRYPTION || reason == PEM_R_UNSUPPORTED_CIPHER;
  return lib == ERR_LIB_EVP &&
         (reason == ERR_R_UNSUPPORTED || reason == EVP_R_UNSUPPORTED_ALGORITHM ||
          reason == EVP_R_UNKNOWN_PBE_ALGORITHM || reason == EVP_R_UNSUPPORTED_CIPHER ||
          reason == EVP_R_UNSUPPORTED_PRF || reason == EVP_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION);
}

/* A wrong passphrase shows in many ways, by whatever its garbage was taken for. So what is known to
 * be something else is told apart first, and the rest is the passphrase. It is in no sentence. */
static hc_error explain_locked_key(const key_answer *answer, hc_failure *why) {
  bool is_unknown = false, was_out = false;
  for (unsigned long error; (error = ERR_get_error()) != 0;) {
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) was_out = true;
    if (is_about_algorithm(error)) is_unknown = true;
  }
  if (was_out) return no_memory_x509_here(why);
  if (answer->passphrase.size == 0)
    return hc_failure_set(why, HC_ERR_INVALID_DATA,
                          "the key is encrypted, and no passphrase was given");
  if (answer->passphrase.size > HC_PASSPHRASE_MAX)
    return hc_failure_set(why, HC_ERR_INVALID_DATA, "the passphrase is longer than %u bytes",
                          HC_PASSPHRASE_MAX);
  return hc_failure_set(why, HC_ERR_INVALID_DATA,
                        is_unknown ? "the key is encrypted in a way that OpenSSL can't read here"
                                   : "wrong passphrase for the encrypted key");
}

/* Whether OpenSSL asked for a passphrase is the only sure sign that the key is encrypted. */
static hc_error explain_unread_key(hc_key_half half, const key_answer *answer, hc_failure *why) {
  if (answer->was_asked) return explain_locked_key(answer, why);
  if (hc_tls_memory_was_out()) return no_memory_x509_here(why);
  return hc_failure_set(why, HC_ERR_INVALID_DATA, "the text holds no %s key that can be read",
                        half == HC_KEY_PUBLIC ? "public" : "private");
}

/* The key's own text is not copied: OpenSSL reads where it stands. */
hc_error hc_tls_key_read(hc_slice pem, hc_key_half half, hc_slice passphrase, hc_tls_key **out,
                         hc_failure *why) {
  BIO *bio = open_text(pem, why);
  if (!bio) return why->code;
  if (half == HC_KEY_PRIVATE && passphrase.size > 0 && hc_pem_asks_too_much(pem)) {
    BIO_free(bio);
    return hc_failure_set(why, HC_ERR_INVALID_DATA, HC_TOO_MANY_ROUNDS, HC_KEY_ROUNDS_MAX);
  }
  key_answer answer = {passphrase, false};
  EVP_PKEY *handle = half == HC_KEY_PUBLIC
                         ? PEM_read_bio_PUBKEY(bio, NULL, give_passphrase, &answer)
                         : PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &answer);
  BIO_free(bio);
  if (!handle) return explain_unread_key(half, &answer, why);
  ERR_clear_error(); /* the decoders leave the traces of their attempts */
  *out = hc_tls_key_of(handle);
  return HC_OK;
}

/* PKCS#8 and in clear: the file's mode protects it. */
static bool write_key_x509(BIO *bio, const EVP_PKEY *key, hc_key_half half) {
  if (half == HC_KEY_PUBLIC) return PEM_write_bio_PUBKEY(bio, key) == 1;
  return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}

/* To a BIO of its own first, whose memory OpenSSL wipes; `out` is the caller's to wipe. */
hc_error hc_tls_key_write(const hc_tls_key *key, hc_key_half half, hc_buffer *out,
                          hc_failure *why) {
  ERR_clear_error();
  BIO *bio = BIO_new(BIO_s_mem());
  if (!bio) return no_memory_x509_here(why);
  hc_error error = write_key_x509(bio, hc_tls_pkey(key), half)
                       ? append_written(bio, out, why)
                       : hc_tls_failure_set(why, HC_ERR_INVALID_DATA, "the key can't be written");
  BIO_free(bio); /* wipes its memory */
  ERR_clear_error(); /* the encoders leave the traces of their attempts */
  return error;
}
