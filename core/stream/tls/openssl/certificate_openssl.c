/* certificate_openssl.c - certificates as text: for messages, and for hc_tls_peer_certificate.
 *
 * Whatever is in a certificate was chosen by whoever sent it, before anybody has verified it. So
 * text that goes into messages is cut and its control bytes are escaped: a name can neither break a
 * log's line nor paint a terminal. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../../../base/memory.h"
#include "openssl_internal.h"

/* RFC 2253 with control bytes escaped, and UTF-8 left readable. */
#define NAME_FLAGS (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

/* --- pieces */

/* The text of a subjectAltName that names a host (RFC 9525 section 6); other kinds are false. *host
 * points into `name` or into `address`. */
static bool host_of(const GENERAL_NAME *name, char address[HC_TLS_ADDRESS_TEXT], hc_slice *host) {
  int type;
  const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
  if (type != GEN_DNS && type != GEN_IPADD) return false;
  int size = ASN1_STRING_length(value);
  *host = (hc_slice){(const char *)ASN1_STRING_get0_data(value), size > 0 ? (size_t)size : 0};
  if (type == GEN_DNS) return size > 0;
  if (!hc_tls_address_text(*host, address)) return false;
  *host = hc_slice_of(address);
  return true;
}

/* False when memory is out. *names is NULL where there are none; a malformed extension names
 * nothing. */
static bool alternative_names(const X509 *certificate, GENERAL_NAMES **names) {
  int critical;
  ERR_clear_error();
  *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
  if (*names || critical < 0) return true; /* decoded, or no extension */
  /* What is malformed has a reason of its own at the bottom of the queue. Where memory is out,
   * OpenSSL does not always say so: sometimes there is nothing, sometimes (3.5) only the name of
   * one of its parts. */
  unsigned long first = ERR_peek_error();
  bool is_malformed = first != 0 && (ERR_GET_REASON(first) & ERR_RFLAG_COMMON) == 0;
  return !hc_tls_memory_was_out() && is_malformed;
}

/* --- for messages */

/* Where nothing can be printed, what the first line has put there stays. */
void hc_tls_name_text(const X509_NAME *name, char text[HC_TLS_NAME_TEXT]) {
  hc_tls_copy_cut(text, HC_TLS_NAME_TEXT, HC_SLICE("without name"));
  BIO *bio = BIO_new(BIO_s_mem());
  char *data = NULL;
  if (bio && X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) > 0) {
    long size = BIO_get_mem_data(bio, &data);
    hc_tls_copy_cut(text, HC_TLS_NAME_TEXT, (hc_slice){data, (size_t)size});
  }
  BIO_free(bio);
}

/* In UTC, as the certificate has it. A malformed date has a text too, since this is for a sentence
 * that is about something else. */
void hc_tls_date_text(const ASN1_TIME *time, char text[HC_TLS_DATE_TEXT]) {
  struct tm parts;
  if (time && ASN1_TIME_to_tm(time, &parts) == 1) {
    hc_tls_day_text(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, text);
  } else {
    hc_tls_copy_cut(text, HC_TLS_DATE_TEXT, HC_SLICE("unknown date"));
  }
}

/* For a message, so a lack of memory only makes the list shorter. */
void hc_tls_subject_names_text(X509 *certificate, char text[HC_TLS_NAME_TEXT]) {
  size_t at = 0;
  text[0] = '\0';
  GENERAL_NAMES *names;
  (void)alternative_names(certificate, &names);
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    char address[HC_TLS_ADDRESS_TEXT];
    hc_slice host;
    if (host_of(sk_GENERAL_NAME_value(names, i), address, &host) &&
        !hc_tls_append_host(text, &at, host))
      break;
  }
  GENERAL_NAMES_free(names);
}

/* The key with its algorithm, as RFC 7469 section 2.4 takes it, so that a certificate which is
 * renewed with the same key keeps its pin. */
bool hc_tls_public_key_digest(X509 *certificate, unsigned char digest[HC_PIN_SIZE]) {
  unsigned char *der = NULL;
  int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  bool done = size > 0 && EVP_Digest(der, (size_t)size, digest, NULL, EVP_sha256(), NULL) == 1;
  OPENSSL_free(der);
  return done;
}

/* --- the facts of a certificate; each maker gives allocated text, NULL when memory is out */

/* A view of the BIO's memory is copied, with a NUL behind it; of no bytes it gives "", and a data
 * pointer that is NULL then is not read. */
static char *written_text(BIO *bio) {
  char *data = NULL;
  long size = BIO_get_mem_data(bio, &data);
  return hc_memory_copy_text(data, (size_t)size);
}

/* An empty name is an empty text, which is not the same as a failure. */
static char *name_of_tls_certificate(const X509_NAME *name) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *text = bio && X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) >= 0 ? written_text(bio) : NULL;
  BIO_free(bio);
  return text;
}

/* The whole certificate, so that whoever looks can verify it with other tools. */
static char *pem_of(const X509 *certificate) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *text = bio && PEM_write_bio_X509(bio, certificate) == 1 ? written_text(bio) : NULL;
  BIO_free(bio);
  return text;
}

/* Of the certificate as it stands, unlike a pin, which is of the key: a renewed certificate has
 * another one. */
static char *fingerprint_of(const X509 *certificate) {
  unsigned char digest[HC_PIN_SIZE];
  unsigned size = 0;
  /* Without memory OpenSSL may take the one digest for another, shorter one that it has at hand. */
  if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1 || size != sizeof digest)
    return NULL;
  return hc_tls_fingerprint_text(digest);
}

/* As pinned_keys takes it. */
static char *pin_of(X509 *certificate) {
  unsigned char digest[HC_PIN_SIZE];
  return hc_tls_public_key_digest(certificate, digest) ? hc_tls_pin_text(digest) : NULL;
}

/* Seconds since 1970; 0 where the time is malformed. False when memory is out. */
static bool seconds_of(const ASN1_TIME *time, int64_t *out) {
  int days, seconds;
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  if (!epoch) return false;
  bool known = ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
  ASN1_TIME_free(epoch);
  *out = known ? (int64_t)days * 86400 + seconds : 0;
  return true;
}

/* As many places as there are names of any kind; those that name no host (mail addresses, URIs)
 * leave some of them unused at the end. What was copied is counted at once, so that a failure half
 * way frees it all. */
static bool collect_names(hc_peer_certificate *out, const X509 *certificate) {
  GENERAL_NAMES *names;
  bool done = alternative_names(certificate, &names);
  int count = sk_GENERAL_NAME_num(names);
  if (count > 0) {
    out->names = hc_memory_allocate_zeroed((size_t)count, sizeof *out->names);
    done = out->names != NULL;
  }
  for (int i = 0; done && i < count; i++) {
    char address[HC_TLS_ADDRESS_TEXT];
    hc_slice host;
    if (!host_of(sk_GENERAL_NAME_value(names, i), address, &host)) continue;
    out->names[out->name_count] = hc_tls_copy_host(host);
    done = out->names[out->name_count] != NULL;
    if (done) out->name_count++;
  }
  GENERAL_NAMES_free(names);
  return done;
}

/* The order doesn't matter; the first one without memory ends it, and hc_tls_certificate_describe
 * frees what is there. */
static bool collect(hc_peer_certificate *out, X509 *certificate) {
  return seconds_of(X509_get0_notBefore(certificate), &out->not_before) &&
         seconds_of(X509_get0_notAfter(certificate), &out->not_after) &&
         (out->subject = name_of_tls_certificate(X509_get_subject_name(certificate))) != NULL &&
         (out->issuer = name_of_tls_certificate(X509_get_issuer_name(certificate))) != NULL &&
         (out->fingerprint = fingerprint_of(certificate)) != NULL &&
         (out->public_key_pin = pin_of(certificate)) != NULL &&
         (out->pem = pem_of(certificate)) != NULL && collect_names(out, certificate);
}

/* Whole or not at all. What is malformed in the certificate is shown as empty, or as 0. */
hc_error hc_tls_certificate_describe(X509 *certificate, hc_peer_certificate *out, hc_failure *why) {
  bool done = collect(out, certificate);
  ERR_clear_error();
  if (done) return HC_OK;
  hc_peer_certificate_free(out);
  return hc_failure_out_of_memory(why);
}
