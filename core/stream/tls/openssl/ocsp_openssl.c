/* ocsp_openssl.c - the stapled OCSP response (RFC 6066 section 8, RFC 8446 section 4.4.2.1),
 * checked as RFC 6960 section 3.2 says.
 *
 * OpenSSL asks once a handshake, behind the verification of the chain, and also where no response
 * came at all. Our 0 makes it send the alert bad_certificate_status_response (113); the sentence
 * goes to the user.
 *
 * A response is signed by the certificate's issuer or by somebody whom the issuer appointed for it.
 * It says nothing about the certificates above. Nothing is fetched from a responder: that would
 * tell a third party which hosts are visited, and one that is down would take every connection with
 * it. */
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "openssl_internal.h"

/* What one check works on. All of it belongs to the SSL, but `basic`. */
typedef struct staple {
  hc_tls_handshake *handshake;
  X509 *leaf, *issuer;
  STACK_OF(X509) * sent;
  X509_STORE *store;
  OCSP_BASICRESP *basic;
} staple;

/* The first failure of the handshake stays, so whatever OpenSSL says behind it is not told. */
static bool fail_tls_ocsp(const staple *s, const char *reason) {
  hc_failure_set(&s->handshake->failure, HC_ERR_CONNECTION_ERROR, "%s", reason);
  return false;
}

/* The response's bytes, as the server sent them, to OCSP_BASICRESP. */
static bool parse(staple *s, SSL *ssl) {
  const unsigned char *bytes = NULL;
  long size = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
  if (!bytes || size <= 0)
    return fail_tls_ocsp(s, "no stapled OCSP response came, though it is required");
  const unsigned char *at = bytes;
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, size);
  if (!response || at != bytes + size) {
    OCSP_RESPONSE_free(response);
    return fail_tls_ocsp(s, "OCSP response: it is malformed");
  }
  int status = OCSP_response_status(response);
  if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL) s->basic = OCSP_response_get1_basic(response);
  OCSP_RESPONSE_free(response);
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    hc_failure_set(&s->handshake->failure, HC_ERR_CONNECTION_ERROR,
                   "OCSP response: the responder answered only \"%s\"",
                   OCSP_response_status_str(status));
    return false;
  }
  return s->basic || fail_tls_ocsp(s, "OCSP response: it is malformed");
}

/* A given server certificate may be its own anchor; then its issuer is known only when it signed
 * itself. */
static bool find_chain(staple *s, SSL *ssl) {
  STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);
  int size = sk_X509_num(verified);
  if (size > 0) s->leaf = sk_X509_value(verified, 0);
  if (size > 1) s->issuer = sk_X509_value(verified, 1);
  if (size == 1 && X509_self_signed(s->leaf, 0) == 1) s->issuer = s->leaf;
  s->sent = SSL_get_peer_cert_chain(ssl);
  s->store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  return s->issuer ||
         fail_tls_ocsp(s,
                       "OCSP response: it can't be checked, the certificate's issuer is not known");
}

/* Does the single response speak of our certificate, by whatever digest it names it? */
static bool is_about_us(const staple *s, OCSP_SINGLERESP *single) {
  const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
  OCSP_CERTID *copy = OCSP_CERTID_dup(id);
  ASN1_OBJECT *algorithm = NULL;
  OCSP_CERTID *ours = NULL;
  if (copy && OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, copy) == 1) {
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    if (digest) ours = OCSP_cert_to_id(digest, s->leaf, s->issuer);
  }
  bool same = ours && OCSP_id_cmp(ours, copy) == 0;
  OCSP_CERTID_free(ours);
  OCSP_CERTID_free(copy);
  return same;
}

/* A responder may speak of several certificates in one response. */
static OCSP_SINGLERESP *find_single(const staple *s) {
  for (int i = 0; i < OCSP_resp_count(s->basic); i++) {
    OCSP_SINGLERESP *single = OCSP_resp_get0(s->basic, i);
    if (is_about_us(s, single)) return single;
  }
  return NULL;
}

/* Without nextUpdate newer information is always to be had (RFC 6960 section 4.2.2.1): an old
 * response says little. */
static bool check_time(const staple *s, ASN1_GENERALIZEDTIME *this_update,
                       ASN1_GENERALIZEDTIME *next_update) {
  long age_limit = !next_update ? HC_OCSP_AGE_SECONDS : -1;
  if (OCSP_check_validity(this_update, next_update, HC_OCSP_SKEW_SECONDS, age_limit) == 1)
    return true;
  int reason = ERR_GET_REASON(ERR_peek_error());
  if (reason == OCSP_R_STATUS_NOT_YET_VALID)
    return fail_tls_ocsp(s, "OCSP response: it is not yet valid");
  if (reason == OCSP_R_STATUS_EXPIRED || reason == OCSP_R_STATUS_TOO_OLD) {
    return fail_tls_ocsp(s, "OCSP response: it has expired");
  }
  return fail_tls_ocsp(s, "OCSP response: its times are malformed");
}

/* "unknown" is no: the responder has never heard of the certificate, or does not want to say. */
static bool check_status(const staple *s, OCSP_SINGLERESP *single) {
  ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
  int reason = -1;
  int status = OCSP_single_get0_status(single, &reason, &revoked, &this_update, &next_update);
  if (status == V_OCSP_CERTSTATUS_REVOKED) {
    char day[HC_TLS_DATE_TEXT];
    hc_tls_date_text(revoked, day);
    hc_failure_set(&s->handshake->failure, HC_ERR_CONNECTION_ERROR,
                   "OCSP response: certificate is revoked (certificate revoked on %s)", day);
    return false;
  }
  if (status != V_OCSP_CERTSTATUS_GOOD) {
    return fail_tls_ocsp(s, "OCSP response: the responder does not know the certificate");
  }
  return check_time(s, this_update, next_update);
}

/* Signature first, content afterwards: what nobody has signed is not looked into. */
static bool check_tls_ocsp(staple *s, SSL *ssl) {
  if (!parse(s, ssl) || !find_chain(s, ssl)) return false;
  if (OCSP_basic_verify(s->basic, s->sent, s->store, 0) != 1) {
    return fail_tls_ocsp(s, "OCSP response: its signature can't be verified");
  }
  OCSP_SINGLERESP *single = find_single(s);
  if (!single) return fail_tls_ocsp(s, "OCSP response: it is about another certificate");
  return check_status(s, single);
}

/* The queue is emptied before and behind: OCSP's findings are read from it (check_time), and must
 * not be taken for an error of the handshake. */
int hc_tls_ocsp_callback(SSL *ssl, void *unused) {
  (void)unused;
  staple s = {.handshake = SSL_get_app_data(ssl)};
  ERR_clear_error();
  s.handshake->ocsp_passed = check_tls_ocsp(&s, ssl);
  OCSP_BASICRESP_free(s.basic);
  ERR_clear_error();
  return s.handshake->ocsp_passed ? 1 : 0;
}
