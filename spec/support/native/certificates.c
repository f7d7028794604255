/* certificates.c - makes keys, certificates, revocation lists and OCSP responses, wrong ones too,
 * at any time. */
#include "native.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

/* Everything that a call holds, freed by release() before an error is raised. */
typedef struct work {
  X509 *subject, *issuer, *signer;
  EVP_PKEY *key, *issuer_key;
  X509_CRL *crl;
  OCSP_BASICRESP *basic;
  OCSP_RESPONSE *response;
  BIO *out;
} work;

static void release(work *w) {
  X509_free(w->subject);
  X509_free(w->issuer);
  X509_free(w->signer);
  EVP_PKEY_free(w->key);
  EVP_PKEY_free(w->issuer_key);
  X509_CRL_free(w->crl);
  OCSP_BASICRESP_free(w->basic);
  OCSP_RESPONSE_free(w->response);
  BIO_free(w->out);
  *w = (work){0};
}

static int give_up(lua_State *L, work *w, const char *what) {
  char why[SN_WHY];
  release(w);
  sn_tls_reason(why, "failed");
  return luaL_error(L, "%s: %s", what, why);
}

static int push_output(lua_State *L, work *w) {
  char *text;
  long size = BIO_get_mem_data(w->out, &text);
  lua_pushlstring(L, text, (size_t)size);
  release(w);
  return 1;
}

static X509 *read_certificate(const char *text, size_t size) {
  BIO *in = !text ? NULL : BIO_new_mem_buf(text, (int)size);
  X509 *certificate = !in ? NULL : PEM_read_bio_X509(in, NULL, NULL, NULL);
  BIO_free(in);
  return certificate;
}

static EVP_PKEY *read_key(const char *text, size_t size) {
  BIO *in = !text ? NULL : BIO_new_mem_buf(text, (int)size);
  EVP_PKEY *key = !in ? NULL : PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
  BIO_free(in);
  return key;
}

static X509 *certificate_field(lua_State *L, const char *name) {
  size_t size;
  const char *text = sn_field_text(L, 1, name, &size);
  return read_certificate(text, size);
}

static EVP_PKEY *key_field(lua_State *L, const char *name) {
  size_t size;
  const char *text = sn_field_text(L, 1, name, &size);
  return read_key(text, size);
}

/* native.make_key("ec" | "rsa"[, bits]) -> PEM */
static int native_make_key(lua_State *L) {
  const char *kind = luaL_optstring(L, 1, "ec");
  unsigned bits = (unsigned)luaL_optinteger(L, 2, 2048);
  work w = {0};
  sn_crypto_begin();
  w.key = strcmp(kind, "rsa") == 0 ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
  w.out = BIO_new(BIO_s_mem());
  if (!w.key || !w.out ||
      PEM_write_bio_PKCS8PrivateKey(w.out, w.key, NULL, NULL, 0, NULL, NULL) != 1)
    return give_up(L, &w, "make_key");
  return push_output(L, &w);
}

/* --- certificates */

static bool set_serial(X509 *certificate) {
  unsigned char bytes[8];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40);
  BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
  bool fine = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  return fine;
}

static bool set_name(X509 *certificate, const char *common_name) {
  X509_NAME *name = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                    (const unsigned char *)"httpclient specs", -1, -1, 0) == 1 &&
         (!common_name ||
          X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                     -1, -1, 0) == 1);
}

/* A name as its bytes are. */
static bool set_raw_name(X509 *certificate, const char *der, size_t size) {
  const unsigned char *at = (const unsigned char *)der;
  X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)size);
  bool fine = name && X509_set_subject_name(certificate, name) == 1;
  X509_NAME_free(name);
  return fine;
}

static bool add_extension(X509 *certificate, X509 *issuer, const char *name, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf(NULL, &context, name, value);
  bool fine = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return fine;
}

/* The array at `extensions`: {{"basicConstraints", "critical,CA:TRUE"}, ...}, in OpenSSL's
 * configuration language. */
static bool add_extensions(lua_State *L, int extensions, X509 *certificate, X509 *issuer) {
  bool fine = true;
  for (int i = 1; fine; i++) {
    lua_rawgeti(L, extensions, i);
    if (!lua_istable(L, -1)) {
      lua_pop(L, 1);
      break;
    }
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    const char *name = lua_tostring(L, -2), *value = lua_tostring(L, -1);
    fine = name && value && add_extension(certificate, issuer, name, value);
    lua_pop(L, 3);
  }
  return fine;
}

static bool fill_certificate(lua_State *L, const work *w, double not_before, double not_after) {
  size_t size;
  const char *common_name = sn_field_text(L, 1, "subject", NULL),
             *der = sn_field_text(L, 1, "subject_der", &size);
  return X509_set_version(w->subject, X509_VERSION_3) == 1 && set_serial(w->subject) &&
         X509_gmtime_adj(X509_getm_notBefore(w->subject), (long)not_before) &&
         X509_gmtime_adj(X509_getm_notAfter(w->subject), (long)not_after) &&
         (der ? set_raw_name(w->subject, der, size) : set_name(w->subject, common_name)) &&
         X509_set_pubkey(w->subject, w->key) == 1 &&
         X509_set_issuer_name(w->subject,
                              X509_get_subject_name(w->issuer ? w->issuer : w->subject)) == 1;
}

/* native.make_certificate{subject= or subject_der=, key=, issuer=, issuer_key=, not_before=,
 * not_after=, extensions=, digest="SHA256"} -> PEM. Without issuer: self-signed. Times in seconds
 * from now. */
static int native_make_certificate(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  double not_before = sn_field_number(L, 1, "not_before", -86400),
         not_after = sn_field_number(L, 1, "not_after", 2592000);
  const char *digest = sn_field_text(L, 1, "digest", NULL);
  lua_getfield(L, 1, "extensions");
  if (lua_isnil(L, -1)) lua_newtable(L);
  int extensions = lua_gettop(L);
  luaL_checktype(L, extensions, LUA_TTABLE);
  work w = {0};
  w.key = key_field(L, "key");
  w.issuer = certificate_field(L, "issuer");
  w.issuer_key = key_field(L, "issuer_key");
  ERR_clear_error();
  w.subject = X509_new();
  w.out = BIO_new(BIO_s_mem());
  if (!w.key || !w.subject || !w.out) return give_up(L, &w, "key");
  if (!fill_certificate(L, &w, not_before, not_after)) return give_up(L, &w, "make_certificate");
  if (!add_extensions(L, lua_gettop(L), w.subject, w.issuer ? w.issuer : w.subject))
    return give_up(L, &w, "extensions");
  const EVP_MD *method = EVP_get_digestbyname(digest ? digest : "SHA256");
  if (!method || X509_sign(w.subject, w.issuer_key ? w.issuer_key : w.key, method) == 0 ||
      PEM_write_bio_X509(w.out, w.subject) != 1)
    return give_up(L, &w, "signature");
  return push_output(L, &w);
}

/* --- revocation lists */

static bool add_revoked(X509_CRL *crl, X509 *certificate, ASN1_TIME *when) {
  X509_REVOKED *entry = X509_REVOKED_new();
  bool fine = entry && certificate &&
              X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1 &&
              X509_REVOKED_set_revocationDate(entry, when) == 1 &&
              X509_CRL_add0_revoked(crl, entry) == 1;
  if (!fine) X509_REVOKED_free(entry);
  return fine;
}

static bool add_all_revoked(lua_State *L, X509_CRL *crl, ASN1_TIME *when) {
  bool fine = true;
  lua_getfield(L, 1, "revoked");
  for (int i = 1; fine && lua_istable(L, -1); i++) {
    lua_rawgeti(L, -1, i);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    X509 *certificate = !text ? NULL : read_certificate(text, size);
    fine = !text || add_revoked(crl, certificate, when);
    X509_free(certificate);
    lua_pop(L, 1);
    if (!text) break;
  }
  lua_pop(L, 1);
  return fine;
}

static bool set_crl_time(X509_CRL *crl, double seconds, int (*set)(X509_CRL *, const ASN1_TIME *)) {
  ASN1_TIME *when = X509_gmtime_adj(NULL, (long)seconds);
  bool fine = when && set(crl, when) == 1;
  ASN1_TIME_free(when);
  return fine;
}

/* native.make_crl{issuer=, issuer_key=, revoked={PEM, ...}, last_update=, next_update=} -> PEM */
static int native_make_crl(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  double last = sn_field_number(L, 1, "last_update", -86400),
         next = sn_field_number(L, 1, "next_update", 2592000);
  work w = {0};
  w.issuer = certificate_field(L, "issuer");
  w.issuer_key = key_field(L, "issuer_key");
  w.crl = X509_CRL_new();
  w.out = BIO_new(BIO_s_mem());
  if (!w.issuer || !w.issuer_key || !w.crl || !w.out) return give_up(L, &w, "issuer");
  ASN1_TIME *when = X509_gmtime_adj(NULL, (long)last);
  bool fine = when && X509_CRL_set_version(w.crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(w.crl, X509_get_subject_name(w.issuer)) == 1 &&
              set_crl_time(w.crl, last, X509_CRL_set1_lastUpdate) &&
              set_crl_time(w.crl, next, X509_CRL_set1_nextUpdate) &&
              add_all_revoked(L, w.crl, when) && X509_CRL_sort(w.crl) == 1 &&
              X509_CRL_sign(w.crl, w.issuer_key, EVP_sha256()) != 0 &&
              PEM_write_bio_X509_CRL(w.out, w.crl) == 1;
  ASN1_TIME_free(when);
  return fine ? push_output(L, &w) : give_up(L, &w, "make_crl");
}

/* --- OCSP */

static int status_number(lua_State *L) {
  const char *text = sn_field_text(L, 1, "status", NULL);
  if (!text || strcmp(text, "good") == 0) return V_OCSP_CERTSTATUS_GOOD;
  if (strcmp(text, "revoked") == 0) return V_OCSP_CERTSTATUS_REVOKED;
  if (strcmp(text, "unknown") == 0) return V_OCSP_CERTSTATUS_UNKNOWN;
  return luaL_error(L, "unknown OCSP status '%s'", text);
}

static bool add_status(const work *w, int status, double this_update, double next_update) {
  OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), w->subject, w->issuer);
  ASN1_TIME *from = X509_gmtime_adj(NULL, (long)this_update),
            *until = X509_gmtime_adj(NULL, (long)next_update);
  bool fine =
      id && from && until &&
      OCSP_basic_add1_status(w->basic, id, status, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                             status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL, from, until);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(from);
  ASN1_TIME_free(until);
  return fine;
}

/* native.make_ocsp{cert=, issuer=, signer=, signer_key=, status="good", this_update=, next_update=}
 * -> DER. Without signer: the issuer, with signer_key. `failure`: a number, the response is only
 * that status (RFC 6960 4.2.1). */
static int native_make_ocsp(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int status = status_number(L), failure = (int)sn_field_number(L, 1, "failure", 0);
  double this_update = sn_field_number(L, 1, "this_update", -3600),
         next_update = sn_field_number(L, 1, "next_update", 86400);
  work w = {0};
  w.subject = certificate_field(L, "cert");
  w.issuer = certificate_field(L, "issuer");
  w.signer = certificate_field(L, "signer");
  w.key = key_field(L, "signer_key");
  ERR_clear_error();
  w.basic = OCSP_BASICRESP_new();
  w.out = BIO_new(BIO_s_mem());
  if (!w.out || !w.basic) return give_up(L, &w, "make_ocsp");
  if (failure == 0) {
    if (!w.subject || !w.issuer || !w.key) return give_up(L, &w, "make_ocsp's certificates");
    if (!add_status(&w, status, this_update, next_update) ||
        OCSP_basic_sign(w.basic, w.signer ? w.signer : w.issuer, w.key, EVP_sha256(), NULL, 0) != 1)
      return give_up(L, &w, "make_ocsp");
  }
  w.response = OCSP_response_create(failure, failure == 0 ? w.basic : NULL);
  unsigned char *der = NULL;
  int size = !w.response ? -1 : i2d_OCSP_RESPONSE(w.response, &der);
  bool fine = size > 0 && BIO_write(w.out, der, size) == size;
  OPENSSL_free(der);
  return fine ? push_output(L, &w) : give_up(L, &w, "make_ocsp");
}

/* native.pin_of(PEM) -> "sha256/BASE64" of the public key */
static int native_pin_of(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  unsigned char digest[EVP_MAX_MD_SIZE], encoded[64], *der = NULL;
  unsigned digest_size = 0;
  X509 *certificate = read_certificate(text, size);
  int der_size = !certificate ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  bool fine = der_size > 0 &&
              EVP_Digest(der, (size_t)der_size, digest, &digest_size, EVP_sha256(), NULL) == 1;
  OPENSSL_free(der);
  X509_free(certificate);
  if (!fine) return luaL_error(L, "not a certificate");
  (void)EVP_EncodeBlock(encoded, digest, (int)digest_size);
  lua_pushfstring(L, "sha256/%s", (const char *)encoded);
  return 1;
}

void sn_open_certificates(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"make_key", native_make_key}, {"make_certificate", native_make_certificate},
      {"make_crl", native_make_crl}, {"make_ocsp", native_make_ocsp},
      {"pin_of", native_pin_of},     {NULL, NULL}};
  sn_set_functions(L, functions);
}
