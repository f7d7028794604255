/* verify_openssl.c - is it the right server? Chain (RFC 5280 section 6), name (RFC 9525),
 * revocation lists, pins; and the sentence that says why not.
 *
 * OpenSSL calls in by two ways. hc_tls_verify_callback takes the place of its whole verification,
 * so that pins, underscores and lists have one place, and it calls X509_verify_cert itself;
 * judge_tls_verify is then asked about each finding on the way. A certificate may fail in several
 * respects: the first that judge_tls_verify does not forgive is the one that is told. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "../../../base/chars.h"
#include "openssl_internal.h"

/* --- why not */

/* With the names that the certificate does have, which mostly shows the mistake. */
static void mismatch_failure(hc_tls_handshake *h, X509 *certificate) {
  char names[HC_TLS_NAME_TEXT], subject[HC_TLS_NAME_TEXT];
  hc_tls_subject_names_text(certificate, names);
  hc_tls_name_text(X509_get_subject_name(certificate), subject);
  hc_tls_fail_by_name(h, names, subject);
}

/* Any certificate of the chain may be the one that is out of date, so the sentence names it. */
static void date_failure(hc_tls_handshake *h, const char *reason, X509 *certificate,
                         const ASN1_TIME *date, const char *preposition) {
  char subject[HC_TLS_NAME_TEXT], day[HC_TLS_DATE_TEXT];
  hc_tls_name_text(X509_get_subject_name(certificate), subject);
  hc_tls_date_text(date, day);
  hc_tls_fail_by_date(h, reason, subject, preposition, day);
}

/* The issuer is who is missing, and so the one to be named. */
static void authority_failure(hc_tls_handshake *h, const char *reason, X509 *certificate) {
  char issuer[HC_TLS_NAME_TEXT];
  hc_tls_name_text(X509_get_issuer_name(certificate), issuer);
  hc_tls_fail_by_authority(h, reason, issuer);
}

static void subject_failure(hc_tls_handshake *h, const char *reason, X509 *certificate) {
  char subject[HC_TLS_NAME_TEXT];
  hc_tls_name_text(X509_get_subject_name(certificate), subject);
  hc_tls_fail_by_subject(h, reason, subject);
}

/* Where OpenSSL names no certificate, the finding is about the chain as a whole, or about the
 * server's own. */
static void explain(hc_tls_handshake *h, X509_STORE_CTX *context) {
  int error = X509_STORE_CTX_get_error(context);
  const char *reason = X509_verify_cert_error_string(error);
  X509 *certificate = X509_STORE_CTX_get_current_cert(context);
  if (!certificate) certificate = X509_STORE_CTX_get0_cert(context);
  if (!certificate) {
    hc_failure_set(&h->failure, HC_ERR_CONNECTION_ERROR, "certificate verification failed: %s",
                   reason);
    return;
  }
  switch (error) {
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH: mismatch_failure(h, certificate); break;
  case X509_V_ERR_CERT_HAS_EXPIRED:
    date_failure(h, reason, certificate, X509_get0_notAfter(certificate), "on");
    break;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    date_failure(h, reason, certificate, X509_get0_notBefore(certificate), "from");
    break;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: authority_failure(h, reason, certificate); break;
  case X509_V_ERR_OUT_OF_MEM: hc_failure_out_of_memory(&h->failure); break;
  default: subject_failure(h, reason, certificate); break;
  }
}

/* --- pins */

/* Without memory for the digest it is not pinned, and the connection fails. */
static bool is_pinned(const hc_tls_options *o, X509 *certificate) {
  unsigned char digest[HC_PIN_SIZE];
  return hc_tls_public_key_digest(certificate, digest) && hc_tls_is_pinned(o, digest);
}

/* Only a verified chain speaks for the server: anybody can send somebody else's certificate behind
 * his own. */
static bool matches_pins(const hc_tls_options *o, X509 *leaf, const STACK_OF(X509) * verified) {
  if (o->pin_count == 0 || is_pinned(o, leaf)) return true;
  for (int i = 0; i < sk_X509_num(verified); i++) {
    if (is_pinned(o, sk_X509_value(verified, i))) return true;
  }
  return false;
}

/* Behind the chain, so a wrong authority is told as that and not as a wrong pin. */
static bool check_pins(hc_tls_handshake *h, X509 *leaf, const STACK_OF(X509) * verified) {
  if (matches_pins(h->options, leaf, verified)) return true;
  subject_failure(h, HC_TLS_PIN_REASON, leaf);
  return false;
}

/* --- the verification */

/* Is it about an anchor that is no root? OpenSSL asks for the list that its issuer gave, and takes
 * the anchor for the one who signed it. The list still counts when it names the anchor. */
static bool is_about_anchor(int error, X509_STORE_CTX *context) {
  if (error != X509_V_ERR_CRL_SIGNATURE_FAILURE && error != X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER &&
      error != X509_V_ERR_KEYUSAGE_NO_CRL_SIGN) {
    return false;
  }
  X509 *certificate = X509_STORE_CTX_get_current_cert(context);
  int last = sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;
  return certificate && X509_STORE_CTX_get_error_depth(context) == last &&
         (X509_get_extension_flags(certificate) & EXFLAG_SI) == 0;
}

/* A missing list of the authority that issued the server's certificate fails closed; the
 * authorities above often give none, but where the caller has one it counts. */
static int allow_missing_crl(int passed, X509_STORE_CTX *context) {
  int error = X509_STORE_CTX_get_error(context);
  if (passed || X509_STORE_CTX_get_error_depth(context) == 0 ||
      (error != X509_V_ERR_UNABLE_TO_GET_CRL && !is_about_anchor(error, context))) {
    return passed;
  }
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

/* "*.rest" stands for one whole label before ".rest", which has two labels or more (RFC 9525
 * section 6.3). */
static bool wildcard_matches(const ASN1_STRING *pattern, const char *name) {
  const char *text = (const char *)ASN1_STRING_get0_data(pattern), *rest = strchr(name, '.');
  hc_slice stands_for = {text + 1, (size_t)ASN1_STRING_length(pattern) - 1};
  if (ASN1_STRING_length(pattern) < 3 || text[0] != '*' || text[1] != '.' || !rest || rest == name)
    return false;
  return memchr(text + 2, '.', stands_for.size - 1) &&
         hc_slice_equal_fold(stands_for, hc_slice_of(rest));
}

/* OpenSSL knows wildcards for, and before, letters, digits and hyphens alone; names like
 * my_bucket.example.com are in use. */
static bool matches_with_underscore(const hc_tls_handshake *h, X509 *leaf) {
  if (h->name_is_address || !strchr(h->name, '_')) return false;
  GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
  bool matches = false;
  for (int i = 0; !matches && i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    matches = name->type == GEN_DNS && wildcard_matches(name->d.dNSName, h->name);
  }
  GENERAL_NAMES_free(names);
  return matches;
}

/* OpenSSL puts the SSL there itself for a handshake; prepare_again does it for a resumed one. */
static hc_tls_handshake *handshake_of(X509_STORE_CTX *context) {
  return SSL_get_app_data(
      X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

/* OpenSSL's findings, one by one. */
static int judge_tls_verify(int passed, X509_STORE_CTX *context) {
  const hc_tls_handshake *h = handshake_of(context);
  if (!passed && X509_STORE_CTX_get_error(context) == X509_V_ERR_HOSTNAME_MISMATCH &&
      matches_with_underscore(h, X509_STORE_CTX_get0_cert(context))) {
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
  }
  return h->options->checks_revocation ? allow_missing_crl(passed, context) : passed;
}

/* The callback and the lists are set for this one verification, not in the store, which other
 * options share. */
static bool verify_chain(hc_tls_handshake *h, X509_STORE_CTX *context) {
  X509_STORE_CTX_set_verify_cb(context, judge_tls_verify);
  /* a store may be others' too */
  if (h->options->checks_revocation) X509_STORE_CTX_set0_crls(context, h->options->context->crls);
  if (X509_verify_cert(context) == 1) return true;
  explain(h, context);
  /* Whatever went wrong inside: OpenSSL must not take the chain for a good one. */
  if (X509_STORE_CTX_get_error(context) == X509_V_OK)
    X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
  return false;
}

/* Narrows the outcome to the days of one certificate. */
static bool narrow(hc_tls_verified *outcome, const X509 *certificate, const ASN1_TIME *at,
                   int64_t now) {
  int days, seconds;
  if (ASN1_TIME_diff(&days, &seconds, at, X509_get0_notBefore(certificate)) != 1) return false;
  int64_t from = now + (int64_t)days * 86400 + seconds;
  if (ASN1_TIME_diff(&days, &seconds, at, X509_get0_notAfter(certificate)) != 1) return false;
  int64_t until = now + (int64_t)days * 86400 + seconds;
  if (from > outcome->from) outcome->from = from;
  if (until < outcome->until) outcome->until = until;
  return true;
}

/* How long a good outcome stands. Where that can't be told it does not stand at all. */
static void note_verified(hc_tls_handshake *h, const STACK_OF(X509) * chain) {
  hc_tls_verified outcome = {h->options->store_number, INT64_MIN, INT64_MAX};
  time_t now = time(NULL);
  ASN1_TIME *at = ASN1_TIME_set(NULL, now);
  bool known = at != NULL;
  for (int i = 0; known && i < sk_X509_num(chain); i++)
    known = narrow(&outcome, sk_X509_value(chain, i), at, now);
  ASN1_TIME_free(at);
  if (known) h->verified = outcome;
}

/* With pins alone there is no verified chain, and the server's own key has to match. */
static bool verify(hc_tls_handshake *h, X509_STORE_CTX *context) {
  X509 *leaf = X509_STORE_CTX_get0_cert(context);
  bool with_chain = h->options->verify != HC_TLS_VERIFY_NONE;
  h->verified = (hc_tls_verified){0};
  if (with_chain && !verify_chain(h, context)) return false;
  if (!check_pins(h, leaf, with_chain ? X509_STORE_CTX_get0_chain(context) : NULL)) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    return false;
  }
  X509_STORE_CTX_set_error(context, X509_V_OK);
  if (with_chain) note_verified(h, X509_STORE_CTX_get0_chain(context));
  return true;
}

/* 0 has OpenSSL send the alert that fits the context's error, and end the handshake. */
int hc_tls_verify_callback(X509_STORE_CTX *context, void *unused) {
  (void)unused;
  bool passed = verify(handshake_of(context), context);
  ERR_clear_error(); /* attempts at other chains leave their traces */
  return passed ? 1 : 0;
}

/* The parameters that OpenSSL sets for the chain of a full handshake. */
static bool prepare_again(X509_STORE_CTX *context, SSL *ssl, X509 *leaf) {
  X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  if (X509_STORE_CTX_init(context, store, leaf, SSL_get_peer_cert_chain(ssl)) != 1) return false;
  X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
  if (X509_STORE_CTX_set_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl) != 1)
    return false;
  if (X509_STORE_CTX_set_default(context, "ssl_server") != 1) return false;
  X509_VERIFY_PARAM_set_auth_level(parameters, SSL_get_security_level(ssl));
  return X509_VERIFY_PARAM_set1(parameters, SSL_get0_param(ssl)) == 1;
}

/* OpenSSL takes the certificates of a session for verified, though the store or the date may have
 * changed since. */
bool hc_tls_verify_resumed(SSL *ssl, hc_tls_handshake *handshake) {
  X509 *leaf = SSL_get0_peer_certificate(ssl);
  if (!leaf) {
    hc_failure_set(&handshake->failure, HC_ERR_CONNECTION_ERROR,
                   "the resumed session has no certificate");
    return false;
  }
  if (hc_tls_verified_stands(handshake->options, &handshake->verified)) return true;
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  bool prepared = context && prepare_again(context, ssl, leaf);
  if (!prepared) hc_failure_out_of_memory(&handshake->failure);
  bool passed = prepared && verify(handshake, context);
  X509_STORE_CTX_free(context);
  ERR_clear_error();
  return passed;
}
