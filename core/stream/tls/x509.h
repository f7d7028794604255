/* x509.h - certificates and keys as the scripts hold them: PEM in, PEM out. */
#ifndef HC_X509_H
#define HC_X509_H

#include <stdbool.h>

#include "../../base/buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One or several certificates, in order. Reference-counted within one thread. */
typedef struct hc_certificates hc_certificates;
/* A private or a public key. */
typedef struct hc_key hc_key;

hc_certificates *hc_certificates_new(void);  /* empty; NULL when memory is out */
hc_certificates *hc_certificates_retain(hc_certificates *c);
void hc_certificates_release(hc_certificates *c);
size_t hc_certificates_count(const hc_certificates *c);
/* Replace the content; on failure the old content stays. Text between and around the PEM blocks is skipped; no
 * certificate in it: HC_ERR_INVALID_DATA ("... holds no certificate"). Files: HC_ERR_FILE_NOT_FOUND,
 * HC_ERR_FILE_CANT_OPEN, HC_ERR_FILE_CANT_READ with path and reason. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_certificates_load_text(hc_certificates *c, hc_slice pem, hc_failure *why);
hc_error hc_certificates_load_file(hc_certificates *c, const char *path, hc_failure *why);
/* Appends the PEM of all. */
hc_error hc_certificates_save_text(const hc_certificates *c, hc_buffer *out, hc_failure *why);
hc_error hc_certificates_save_file(const hc_certificates *c, const char *path, hc_failure *why);

hc_key *hc_key_new(void);
void hc_key_release(hc_key *k);  /* wipes what it can */
bool hc_key_is_empty(const hc_key *k);
bool hc_key_is_public_only(const hc_key *k);
/* PEM of a private key (PKCS#8 or traditional), or with public_only of a public key. An encrypted key is refused with
 * a message. Nobody is ever asked for a passphrase. */
hc_error hc_key_load_text(hc_key *k, hc_slice pem, bool public_only, hc_failure *why);
hc_error hc_key_load_file(hc_key *k, const char *path, bool public_only, hc_failure *why);
/* A private key, encrypted with that passphrase or not at all. The passphrase is not kept, and stands in no message. */
hc_error hc_key_load_encrypted_text(hc_key *k, hc_slice pem, hc_slice passphrase, hc_failure *why);
hc_error hc_key_load_encrypted_file(hc_key *k, const char *path, hc_slice passphrase, hc_failure *why);
/* public_only: the public half. Files with a private key are created with mode 0600. */
hc_error hc_key_save_text(const hc_key *k, bool public_only, hc_buffer *out, hc_failure *why);
hc_error hc_key_save_file(const hc_key *k, const char *path, bool public_only, hc_failure *why);

/* Out of one file (RFC 7292) the certificate of its key, the key, and what else it holds of certificates, if anything.
 * `own`, `key` and `chain` are new and empty. The errors of files; HC_ERR_INVALID_DATA: a wrong passphrase (which stands in
 * no message), no such file, no key in it, or algorithms that OpenSSL does not read here. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_pkcs12_load_file(const char *path, hc_slice passphrase, hc_certificates *own, hc_key *key,
                             hc_certificates *chain, hc_failure *why);

#ifdef __cplusplus
}
#endif

#endif
