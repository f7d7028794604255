/* pbes2_mbedtls.c - encrypted PKCS#8 keys as OpenSSL has written them for ten years: PBES2 with
 * PBKDF2 and a block cipher in CBC mode (RFC 8018). mbedTLS 2.28 reads DES there alone. What makes
 * the key of the passphrase, and deciphers, is mbedTLS's; here is the structure around it.
 *
 * The text is a file of the user's, read once when the key is loaded. Every secret on the way, the
 * derived key and the opened one, is wiped behind use. */
#include "mbedtls_internal.h"

#include <mbedtls/asn1.h>
#include <mbedtls/cipher.h>
#include <mbedtls/md.h>
#include <mbedtls/pem.h>
#include <mbedtls/pkcs5.h>
#include <string.h>

#include "../../../base/limits.h"
#include "../../../base/memory.h"

#define KEY_BEGIN "-----BEGIN ENCRYPTED PRIVATE KEY-----"
#define KEY_END "-----END ENCRYPTED PRIVATE KEY-----"

/* RFC 8018 appendix C, and NIST's arcs; "PBES2" and its like are the parts behind the tag. */
#define OID_PBES2 "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
#define OID_PBKDF2 "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"
#define OID_HMAC "\x2a\x86\x48\x86\xf7\x0d\x02" /* and one byte: which digest */
#define OID_AES "\x60\x86\x48\x01\x65\x03\x04\x01" /* and one byte: which size and mode */
#define OID_DES3 "\x2a\x86\x48\x86\xf7\x0d\x03\x07"

/* The largest of the ciphers below: AES's block, and the key of AES-256. */
#define IV_PBES2 16u
#define KEY_PBES2 32u

/* What the structure says. The three buffers are views of the block that was read. */
typedef struct pbes2 {
  mbedtls_asn1_buf salt, iv, sealed;
  int rounds;
  mbedtls_md_type_t digest;
  mbedtls_cipher_type_t cipher;
} pbes2;

/* What is left to be read of a sequence. */
typedef struct cursor_pbes2 {
  unsigned char *at;
  const unsigned char *end;
} cursor_pbes2;

#if defined(MBEDTLS_PKCS5_C) && defined(MBEDTLS_CIPHER_MODE_CBC)

/* --- the structure */

/* mbedTLS's own reader checks that the length stays inside; nothing here looks beyond `end`. */
static bool take_tag(cursor_pbes2 *c, int tag, mbedtls_asn1_buf *value) {
  value->tag = tag;
  if (mbedtls_asn1_get_tag(&c->at, c->end, &value->len, tag) != 0) return false;
  value->p = c->at;
  c->at += value->len;
  return true;
}

/* The cursor moves behind the sequence, into which `inside` looks. */
static bool enter_sequence(cursor_pbes2 *c, cursor_pbes2 *inside) {
  mbedtls_asn1_buf all;
  if (!take_tag(c, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, &all)) return false;
  *inside = (cursor_pbes2){all.p, all.p + all.len};
  return true;
}

/* Object identifiers are compared as bytes: DER has one way to write each. */
static bool is_oid(const mbedtls_asn1_buf *oid, const char *bytes, size_t size) {
  return oid->len == size && memcmp(oid->p, bytes, size) == 0;
}
#define IS_OID(oid, text) is_oid(oid, text, sizeof(text) - 1)

/* The last byte of an object identifier that begins so; 0: another one. Related algorithms differ
 * in that byte alone. */
static unsigned last_of(const mbedtls_asn1_buf *oid, const char *begin) {
  size_t size = strlen(begin);
  return oid->len == size + 1 && memcmp(oid->p, begin, size) == 0 ? oid->p[size] : 0;
}

/* RFC 8018 appendix A.2: SHA-1 is the default and then not written. */
static bool read_digest(cursor_pbes2 *c, pbes2 *out) {
  cursor_pbes2 inside;
  mbedtls_asn1_buf oid;
  out->digest = MBEDTLS_MD_SHA1; /* where none is named */
  if (c->at == c->end) return true;
  if (!enter_sequence(c, &inside) || !take_tag(&inside, MBEDTLS_ASN1_OID, &oid)) return false;
  switch (last_of(&oid, OID_HMAC)) {
  case 7: out->digest = MBEDTLS_MD_SHA1; return true;
  case 8: out->digest = MBEDTLS_MD_SHA224; return true;
  case 9: out->digest = MBEDTLS_MD_SHA256; return true;
  case 10: out->digest = MBEDTLS_MD_SHA384; return true;
  case 11: out->digest = MBEDTLS_MD_SHA512; return true;
  default: return false;
  }
}

/* PBKDF2-params of RFC 8018 appendix A.2: salt, count, perhaps the key's length, perhaps the
 * digest. */
static bool read_derivation(cursor_pbes2 *c, pbes2 *out) {
  cursor_pbes2 inside, parameters;
  mbedtls_asn1_buf oid;
  if (!enter_sequence(c, &inside) || !take_tag(&inside, MBEDTLS_ASN1_OID, &oid) ||
      !IS_OID(&oid, OID_PBKDF2) || !enter_sequence(&inside, &parameters) ||
      !take_tag(&parameters, MBEDTLS_ASN1_OCTET_STRING, &out->salt) ||
      mbedtls_asn1_get_int(&parameters.at, parameters.end, &out->rounds) != 0)
    return false;
  int length; /* which the cipher says as well */
  if (parameters.at < parameters.end && *parameters.at == MBEDTLS_ASN1_INTEGER &&
      mbedtls_asn1_get_int(&parameters.at, parameters.end, &length) != 0)
    return false;
  return out->rounds > 0 && read_digest(&parameters, out);
}

/* The cipher's parameter is its IV, for AES (RFC 8018 appendix B.2.5) as for triple DES. */
static bool read_scheme(cursor_pbes2 *c, pbes2 *out) {
  cursor_pbes2 inside;
  mbedtls_asn1_buf oid;
  if (!enter_sequence(c, &inside) || !take_tag(&inside, MBEDTLS_ASN1_OID, &oid) ||
      !take_tag(&inside, MBEDTLS_ASN1_OCTET_STRING, &out->iv))
    return false;
  switch (last_of(&oid, OID_AES)) {
  case 2: out->cipher = MBEDTLS_CIPHER_AES_128_CBC; break;
  case 22: out->cipher = MBEDTLS_CIPHER_AES_192_CBC; break;
  case 42: out->cipher = MBEDTLS_CIPHER_AES_256_CBC; break;
  default:
    if (!IS_OID(&oid, OID_DES3)) return false;
    out->cipher = MBEDTLS_CIPHER_DES_EDE3_CBC;
  }
  return true;
}

/* EncryptedPrivateKeyInfo (RFC 5958 section 3) */
static bool read_pbes2(cursor_pbes2 whole, pbes2 *out) {
  cursor_pbes2 top, algorithm, parameters;
  mbedtls_asn1_buf oid;
  return enter_sequence(&whole, &top) && enter_sequence(&top, &algorithm) &&
         take_tag(&algorithm, MBEDTLS_ASN1_OID, &oid) && IS_OID(&oid, OID_PBES2) &&
         enter_sequence(&algorithm, &parameters) && read_derivation(&parameters, out) &&
         read_scheme(&parameters, out) && take_tag(&top, MBEDTLS_ASN1_OCTET_STRING, &out->sealed);
}

/* --- the work that it asks for */

/* Both older ways have the same two parameters in the same order. */
static bool read_rounds(cursor_pbes2 *c, int *rounds) {
  mbedtls_asn1_buf salt;
  return take_tag(c, MBEDTLS_ASN1_OCTET_STRING, &salt) &&
         mbedtls_asn1_get_int(&c->at, c->end, rounds) == 0;
}

/* Whoever made the key says how often the passphrase is hashed, in the older ways (PBES1, PKCS#12)
 * as in this one; those are read by mbedTLS, which hashes as often as it is told. */
static bool asks_too_much(cursor_pbes2 whole) {
  cursor_pbes2 top, algorithm, parameters, derivation, inside;
  mbedtls_asn1_buf oid;
  int rounds = 0;
  if (!enter_sequence(&whole, &top) || !enter_sequence(&top, &algorithm) ||
      !take_tag(&algorithm, MBEDTLS_ASN1_OID, &oid) || !enter_sequence(&algorithm, &parameters))
    return false;
  if (!IS_OID(&oid, OID_PBES2)) (void)read_rounds(&parameters, &rounds);
  else if (enter_sequence(&parameters, &derivation) &&
           take_tag(&derivation, MBEDTLS_ASN1_OID, &oid) && enter_sequence(&derivation, &inside))
    (void)read_rounds(&inside, &rounds);
  return rounds > (int)HC_KEY_ROUNDS_MAX;
}

/* --- its content */

/* PBKDF2 (RFC 8018 section 5.2): the one slow step, whose length the key's maker has chosen. */
static int derive_pbes2(const pbes2 *p, hc_slice passphrase, unsigned char *key, size_t size) {
  const unsigned char *word = (const unsigned char *)passphrase.data;
  unsigned rounds = (unsigned)p->rounds;
#if MBEDTLS_VERSION_NUMBER >= 0x03030000
  return mbedtls_pkcs5_pbkdf2_hmac_ext(p->digest, word, passphrase.size, p->salt.p, p->salt.len,
                                       rounds, (uint32_t)size, key);
#else
  const mbedtls_md_info_t *digest = mbedtls_md_info_from_type(p->digest);
  mbedtls_md_context_t context;
  mbedtls_md_init(&context);
  int error = digest ? mbedtls_md_setup(&context, digest, 1) : MBEDTLS_ERR_MD_FEATURE_UNAVAILABLE;
  if (error == 0)
    error = mbedtls_pkcs5_pbkdf2_hmac(&context, word, passphrase.size, p->salt.p, p->salt.len,
                                      rounds, (uint32_t)size, key);
  mbedtls_md_free(&context);
  return error;
#endif
}

/* mbedTLS takes the padding off, and says where it is wrong; with CBC that is the only sign of a
 * wrong passphrase before the key itself is read. */
static int decipher(const pbes2 *p, const unsigned char *key, int bits, unsigned char *out,
                    size_t *size) {
  mbedtls_cipher_context_t context;
  mbedtls_cipher_init(&context);
  int error = mbedtls_cipher_setup(&context, mbedtls_cipher_info_from_type(p->cipher));
  /* mbedTLS 3 has no padding that goes without saying. */
  if (error == 0) error = mbedtls_cipher_set_padding_mode(&context, MBEDTLS_PADDING_PKCS7);
  if (error == 0) error = mbedtls_cipher_setkey(&context, key, bits, MBEDTLS_DECRYPT);
  if (error == 0)
    error =
        mbedtls_cipher_crypt(&context, p->iv.p, p->iv.len, p->sealed.p, p->sealed.len, out, size);
  mbedtls_cipher_free(&context);
  return error;
}

/* By the cipher and not by the length that the parameters may give: it has to fit the cipher
 * anyway. */
static int bits_of(mbedtls_cipher_type_t cipher) {
  switch (cipher) {
  case MBEDTLS_CIPHER_AES_128_CBC: return 128;
  case MBEDTLS_CIPHER_AES_256_CBC: return 256;
  default: return 192; /* of AES, and of three DES keys with their parity */
  }
}

/* What it was before, in memory that the caller wipes and releases. */
static int open_pbes2(const pbes2 *p, hc_slice passphrase, hc_buffer *out) {
  unsigned char key[KEY_PBES2];
  int bits = bits_of(p->cipher);
  size_t block = p->cipher == MBEDTLS_CIPHER_DES_EDE3_CBC ? 8 : IV_PBES2, room, size = 0;
  char *at;
  if (p->iv.len != block || p->sealed.len == 0 || p->sealed.len % block != 0)
    return MBEDTLS_ERR_PK_KEY_INVALID_FORMAT;
  if (hc_buffer_reserve(out, p->sealed.len + block, SIZE_MAX, &at, &room) != HC_OK)
    return MBEDTLS_ERR_PK_ALLOC_FAILED;
  int error = derive_pbes2(p, passphrase, key, (size_t)bits / 8);
  if (error == 0) error = decipher(p, key, bits, (unsigned char *)at, &size);
  hc_memory_wipe(key, sizeof key);
  if (error == 0) hc_buffer_commit(out, size);
  else hc_memory_wipe(at, room); /* with the right passphrase most of it is the key even so */
  return error;
}

/* What was sealed may say that it is sealed once more. */
static int parse_opened(mbedtls_pk_context *pk, hc_buffer *der) {
  unsigned char *at = (unsigned char *)hc_buffer_head(der);
  size_t size = hc_buffer_size(der);
  if (asks_too_much((cursor_pbes2){at, at + size})) return HC_MBEDTLS_TOO_MANY_ROUNDS;
  return hc_mbedtls_parse_key(pk, at, size, HC_SLICE("")) == 0 ? 0
                                                               : MBEDTLS_ERR_CIPHER_INVALID_PADDING;
}

/* The opened key's text is in `der` alone, from here to the wipe. */
static int parse_pbes2(mbedtls_pk_context *pk, const pbes2 *p, hc_slice passphrase) {
  hc_buffer der = {0};
  int error = open_pbes2(p, passphrase, &der);
  if (error == 0) error = parse_opened(pk, &der);
  if (hc_buffer_size(&der) > 0) hc_memory_wipe(hc_buffer_head(&der), hc_buffer_size(&der));
  hc_buffer_free(&der);
  /* With the wrong key there is hardly ever the right padding, and never a key. */
  return error == MBEDTLS_ERR_CIPHER_INVALID_PADDING ? MBEDTLS_ERR_PK_PASSWORD_MISMATCH : error;
}

/* The rounds are looked at before anything is hashed. */
int hc_mbedtls_parse_pbes2(mbedtls_pk_context *pk, const char *text, hc_slice passphrase) {
  mbedtls_pem_context block;
  pbes2 p = {.rounds = 0};
  int found = hc_mbedtls_next_block(&text, KEY_BEGIN, KEY_END, &block);
  if (found < 0) return found;
  if (found == 0) return MBEDTLS_ERR_PK_UNKNOWN_PK_ALG;
  cursor_pbes2 whole = {block.buf, block.buf + block.buflen};
  int error = asks_too_much(whole)    ? HC_MBEDTLS_TOO_MANY_ROUNDS
              : read_pbes2(whole, &p) ? parse_pbes2(pk, &p, passphrase)
                                      : MBEDTLS_ERR_PK_UNKNOWN_PK_ALG;
  mbedtls_pem_free(&block);
  return error;
}
#else
/* Without these parts of mbedTLS its own reader is all that there is: the caller goes on to
 * that. */
int hc_mbedtls_parse_pbes2(mbedtls_pk_context *pk, const char *text, hc_slice passphrase) {
  (void)pk, (void)text, (void)passphrase;
  return MBEDTLS_ERR_PK_UNKNOWN_PK_ALG;
}
#endif
