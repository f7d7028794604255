/* rounds_openssl.c - how often is a passphrase to be hashed? Whoever made an encrypted key says it,
 * up to 2^31 times, and OpenSSL hashes as often as it is told: hours in one call. So it is looked
 * up before. What can't be read here is left to OpenSSL, which says why.
 *
 * What is read is what anybody can read without the passphrase: the parameters stand in the open
 * beside the sealed key. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "openssl_internal.h"

/* More than any one part, or all of them, may ask for. */
#define TOO_MANY_ROUNDS ((uint64_t)HC_KEY_ROUNDS_MAX + 1)

/* Each number is cut to TOO_MANY_ROUNDS, so that sums of them don't run over. One that is negative
 * is left to OpenSSL, which refuses it. */
static uint64_t rounds_of(const ASN1_INTEGER *rounds) {
  int64_t number;
  if (!rounds) return 0;
  if (ASN1_INTEGER_get_int64(&number, rounds) != 1) return TOO_MANY_ROUNDS;
  if (number < 0) return 0;
  return (uint64_t)number < TOO_MANY_ROUNDS ? (uint64_t)number : TOO_MANY_ROUNDS;
}

/* The sequence behind an algorithm's identifier, as one of OpenSSL's kinds. */
static void *parameters_of(const X509_ALGOR *algorithm, const ASN1_ITEM *kind, int *id) {
  const ASN1_OBJECT *object;
  const void *value;
  int type;
  if (!algorithm) return NULL;
  X509_ALGOR_get0(&object, &type, &value, algorithm);
  *id = OBJ_obj2nid(object);
  return type == V_ASN1_SEQUENCE ? ASN1_item_unpack((const ASN1_STRING *)value, kind) : NULL;
}

/* 0: not there, and then OpenSSL refuses the key. */
static int64_t number_at(const ASN1_SEQUENCE_ANY *list, int index) {
  const ASN1_TYPE *item = sk_ASN1_TYPE_value(list, index);
  int64_t number;
  if (!item || item->type != V_ASN1_INTEGER) return 0;
  return ASN1_INTEGER_get_int64(&number, item->value.integer) == 1 ? number : INT64_MAX;
}

/* N rounds with r blocks each, p times (RFC 7914 section 7.1), behind the salt. An OpenSSL that was
 * built without scrypt has no type for these, so they are read as what any sequence has. */
static uint64_t scrypt_rounds(const X509_ALGOR *derivation) {
  int id = NID_undef;
  ASN1_SEQUENCE_ANY *list = parameters_of(derivation, ASN1_ITEM_rptr(ASN1_SEQUENCE_ANY), &id);
  int64_t most = HC_KEY_ROUNDS_MAX;
  int64_t n = number_at(list, 1), r = number_at(list, 2), p = number_at(list, 3);
  sk_ASN1_TYPE_pop_free(list, ASN1_TYPE_free);
  if (id != NID_id_scrypt || n <= 0 || r <= 0 || p <= 0) return 0;
  bool is_much = n > most || r > most / n || p > most / (n * r);
  return is_much ? TOO_MANY_ROUNDS : (uint64_t)(n * r * p);
}

/* RFC 8018 appendix A.4. PBKDF2 and scrypt are the two derivations there are; another one gives no
 * number here. */
static uint64_t pbes2_rounds(const X509_ALGOR *algorithm) {
  int id, inner = NID_undef;
  PBE2PARAM *scheme = parameters_of(algorithm, ASN1_ITEM_rptr(PBE2PARAM), &id);
  if (!scheme) return 0;
  PBKDF2PARAM *derivation = NULL;
  if (OBJ_obj2nid(scheme->keyfunc->algorithm) == NID_id_pbkdf2)
    derivation = parameters_of(scheme->keyfunc, ASN1_ITEM_rptr(PBKDF2PARAM), &inner);
  uint64_t rounds = derivation ? rounds_of(derivation->iter) : scrypt_rounds(scheme->keyfunc);
  PBKDF2PARAM_free(derivation);
  PBE2PARAM_free(scheme);
  return rounds;
}

/* PBES2, or one of the older schemes of PKCS#5 and PKCS#12, which all have salt and count. */
static uint64_t algorithm_rounds(const X509_ALGOR *algorithm) {
  int id = NID_undef;
  if (!algorithm) return 0;
  if (OBJ_obj2nid(algorithm->algorithm) == NID_pbes2) return pbes2_rounds(algorithm);
  PBEPARAM *old = parameters_of(algorithm, ASN1_ITEM_rptr(PBEPARAM), &id);
  uint64_t rounds = old ? rounds_of(old->iter) : 0;
  PBEPARAM_free(old);
  return rounds;
}

/* X509_SIG is what OpenSSL calls PKCS#8's EncryptedPrivateKeyInfo (RFC 5958 section 3): an
 * algorithm, and the sealed key, which is not looked at. */
static uint64_t sealed_rounds(const X509_SIG *sealed) {
  const X509_ALGOR *algorithm = NULL;
  X509_SIG_get0(sealed, &algorithm, NULL);
  return algorithm_rounds(algorithm);
}

/* OpenSSL's own way to ask would be a prompt on the terminal of the host. */
int hc_pem_refuse_passphrase(char *buffer, int size, int writing, void *asked) {
  (void)buffer, (void)size, (void)writing;
  bool *flag = asked;
  *flag = true;
  return -1;
}

/* Traditional PEM ("Proc-Type: 4,ENCRYPTED") is not looked for: it hashes once. */
bool hc_pem_asks_too_much(hc_slice pem) {
  bool was_asked = false;
  BIO *bio = BIO_new_mem_buf(pem.size > 0 ? pem.data : "", (int)pem.size);
  X509_SIG *sealed =
      bio ? PEM_read_bio_PKCS8(bio, NULL, hc_pem_refuse_passphrase, &was_asked) : NULL;
  bool is_much = sealed && sealed_rounds(sealed) > HC_KEY_ROUNDS_MAX;
  X509_SIG_free(sealed);
  BIO_free(bio);
  ERR_clear_error();
  return is_much;
}

/* --- PKCS#12 */

typedef STACK_OF(PKCS12_SAFEBAG) bag_list;

/* Keys may be sealed one by one, in bags that may stand in others. How deep, OpenSSL has checked
 * when it read them. */
static uint64_t bag_rounds(const bag_list *bags) {
  uint64_t rounds = 0;
  for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
    const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
    int kind = PKCS12_SAFEBAG_get_nid(bag);
    if (kind == NID_pkcs8ShroudedKeyBag) rounds += sealed_rounds(PKCS12_SAFEBAG_get0_pkcs8(bag));
    else if (kind == NID_safeContentsBag) rounds += bag_rounds(PKCS12_SAFEBAG_get0_safes(bag));
  }
  return rounds;
}

/* An empty passphrase has two forms in such files. */
static bag_list *unseal_bags(PKCS7 *content, hc_slice passphrase) {
  bag_list *bags = NULL;
  if (passphrase.size == 0) bags = PKCS12_unpack_p7encdata(content, NULL, 0);
  if (!bags) bags = PKCS12_unpack_p7encdata(content, passphrase.data, (int)passphrase.size);
  return bags;
}

/* Content that is sealed has a count of its own, and keys in it may be sealed once more: to see
 * those it is opened, where that is not too much already. With another passphrase than the right
 * one it stays shut, to OpenSSL as well. */
static uint64_t content_rounds(PKCS7 *content, hc_slice passphrase) {
  bag_list *bags = NULL;
  uint64_t rounds = 0;
  if (PKCS7_type_is_encrypted(content) && content->d.encrypted) {
    rounds = algorithm_rounds(content->d.encrypted->enc_data->algorithm);
    if (rounds <= HC_KEY_ROUNDS_MAX) bags = unseal_bags(content, passphrase);
  } else if (PKCS7_type_is_data(content)) {
    bags = PKCS12_unpack_p7data(content);
  }
  rounds += bag_rounds(bags);
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
  return rounds;
}

/* The MAC, each sealed content, and each sealed key: any of them is hashed by its own count. */
bool hc_pkcs12_asks_too_much(const struct PKCS12_st *file, hc_slice passphrase) {
  const ASN1_INTEGER *of_mac = NULL;
  PKCS12_get0_mac(NULL, NULL, NULL, &of_mac, file);
  uint64_t rounds = rounds_of(of_mac);
  bool is_much = rounds > HC_KEY_ROUNDS_MAX;
  STACK_OF(PKCS7) *contents = is_much ? NULL : PKCS12_unpack_authsafes(file);
  for (int i = 0; !is_much && i < sk_PKCS7_num(contents); i++) {
    rounds += content_rounds(sk_PKCS7_value(contents, i), passphrase);
    is_much = rounds > HC_KEY_ROUNDS_MAX;
  }
  sk_PKCS7_pop_free(contents, PKCS7_free);
  ERR_clear_error();
  return is_much;
}
