/* pkcs12_openssl.c - certificate, key and chain out of one file (RFC 7292).
 *
 * The file is a few KiB that a user chose, decoded once and not on the way of any byte. Its
 * passphrase is copied for the NUL that PKCS12_parse wants, and the copy is wiped. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "../../../base/memory.h"
#include "../../../crypto/openssl/begin_openssl.h"
#include "openssl_internal.h"

/* All three are owned, and NULL where the file has none. */
typedef struct pkcs12_contents {
  EVP_PKEY *key;
  X509 *certificate;
  STACK_OF(X509) * chain;
} pkcs12_contents;

static hc_error no_memory_pkcs12(hc_failure *why) {
  ERR_clear_error();
  return hc_failure_out_of_memory(why);
}

/* The path is put in front by x509.c; the passphrase is in no sentence. */
static hc_error refuse_pkcs12(hc_failure *why, const char *reason) {
  return hc_failure_set(why, HC_ERR_INVALID_DATA, "%s", reason);
}

/* The container alone; nothing is decrypted yet. */
static PKCS12 *decode_pkcs12(hc_slice der) {
  const unsigned char *at = (const unsigned char *)der.data;
  return der.size > 0 && der.size <= LONG_MAX ? d2i_PKCS12(NULL, &at, (long)der.size) : NULL;
}

/* OpenSSL leaves several errors for one cause. Files of Windows and of old versions are sealed with
 * RC2, which OpenSSL 3 has in its legacy provider. */
static hc_error explain_unopened(hc_failure *why) {
  bool is_unknown = false, was_out = false, is_wrong = false;
  for (unsigned long error; (error = ERR_get_error()) != 0;) {
    int lib = ERR_GET_LIB(error), reason = ERR_GET_REASON(error);
    if (reason == ERR_R_MALLOC_FAILURE) was_out = true;
    if (lib == ERR_LIB_PKCS12 && reason == PKCS12_R_MAC_VERIFY_FAILURE) is_wrong = true;
    if (lib == ERR_LIB_EVP &&
        (reason == ERR_R_UNSUPPORTED || reason == EVP_R_UNSUPPORTED_ALGORITHM ||
         reason == EVP_R_UNKNOWN_PBE_ALGORITHM || reason == EVP_R_UNKNOWN_CIPHER)) {
      is_unknown = true;
    }
  }
  if (was_out) return no_memory_pkcs12(why);
  if (is_wrong) return refuse_pkcs12(why, "wrong passphrase");
  if (is_unknown) {
    return refuse_pkcs12(
        why,
        "it is encrypted with an old algorithm that OpenSSL reads with its legacy provider only; "
        "openssl pkcs12 -legacy can write it anew");
  }
  return refuse_pkcs12(why, "wrong passphrase, or malformed");
}

/* Without a MAC nothing tells a wrong passphrase from a malformed file. */
static hc_error open_contents(hc_slice der, const char *passphrase, pkcs12_contents *c,
                              hc_failure *why) {
  ERR_clear_error();
  PKCS12 *file = decode_pkcs12(der);
  if (!file)
    return hc_tls_memory_was_out() ? no_memory_pkcs12(why)
                                   : refuse_pkcs12(why, "it is no PKCS#12 file");
  if (hc_pkcs12_asks_too_much(file, hc_slice_of(passphrase))) {
    PKCS12_free(file);
    return hc_failure_set(why, HC_ERR_INVALID_DATA, HC_TOO_MANY_ROUNDS, HC_KEY_ROUNDS_MAX);
  }
  bool is_open = PKCS12_parse(file, passphrase, &c->key, &c->certificate, &c->chain) == 1;
  PKCS12_free(file);
  if (!is_open) return explain_unopened(why);
  ERR_clear_error();
  if (!c->key) return refuse_pkcs12(why, "it holds no private key");
  if (!c->certificate) return refuse_pkcs12(why, "it holds no certificate of its key");
  return HC_OK;
}

/* Each of these takes NULL. */
static void close_contents(pkcs12_contents *c) {
  EVP_PKEY_free(c->key);
  X509_free(c->certificate);
  sk_X509_pop_free(c->chain, X509_free);
}

/* Hands the parts over to the caller. Of what was given away nothing stays in `c`, which is freed
 * in any case. */
static hc_error share(pkcs12_contents *c, hc_tls_chain **own, hc_tls_key **key,
                      hc_tls_chain **chain, hc_failure *why) {
  STACK_OF(X509) *list = sk_X509_new_null();
  if (!list || sk_X509_push(list, c->certificate) <= 0) {
    sk_X509_free(list);
    return no_memory_pkcs12(why);
  }
  bool has_chain = sk_X509_num(c->chain) > 0;
  *own = hc_tls_chain_of(list);
  *key = hc_tls_key_of(c->key);
  *chain = has_chain ? hc_tls_chain_of(c->chain) : NULL;
  if (!has_chain) sk_X509_free(c->chain);
  *c = (pkcs12_contents){NULL, NULL, NULL};
  return HC_OK;
}

/* What was not handed over is freed at the end, whichever way that came. */
hc_error hc_tls_pkcs12_read(hc_slice der, hc_slice passphrase, hc_tls_chain **own, hc_tls_key **key,
                            hc_tls_chain **chain, hc_failure *why) {
  pkcs12_contents c = {NULL, NULL, NULL};
  hc_openssl_begin();
  char *text = hc_memory_copy_text(passphrase.data, passphrase.size);
  if (!text) return no_memory_pkcs12(why);
  hc_error error = open_contents(der, text, &c, why);
  hc_memory_wipe(text, passphrase.size);
  hc_memory_release(text);
  if (error == HC_OK) error = share(&c, own, key, chain, why);
  close_contents(&c);
  ERR_clear_error();
  return error;
}
