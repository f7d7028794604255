/* mbedtls_internal.h - what the files of the mbedTLS side share: library_mbedtls.c (the library and
 * its authorities), x509_mbedtls.c (certificates, keys), pbes2_mbedtls.c (encrypted ones),
 * context_mbedtls.c (settings), ciphers_mbedtls.c (names of suites), constraints_mbedtls.c (whom
 * may an authority speak for?), name_text_mbedtls.c (text in names), verify_mbedtls.c (is it the
 * right server?), certificate_mbedtls.c (certificates as text), engine_mbedtls.c (one connection),
 * ticket_mbedtls.c (sessions). Only they include mbedTLS: 2.28, or 3.
 *
 * mbedTLS verifies the chain (RFC 5280); the name, the pins and what its findings mean are ours. It
 * has no OCSP stapling, no PKCS#12 files and no authentication after the handshake: options that
 * ask for them are refused. */
#ifndef HC_MBEDTLS_INTERNAL_H
#define HC_MBEDTLS_INTERNAL_H

/* Version 3 hides what 2.28 shows: whether a session was resumed, which alert came. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "../tls_internal.h"

HC_INTERNAL_BEGIN

#define HC_MBEDTLS_CHAIN_MAX 12 /* certificates of a chain whose findings are kept */

struct hc_tls_chain {
  mbedtls_x509_crt first;
};

struct hc_tls_key {
  mbedtls_pk_context pk;
};

struct hc_tls_anchors {
  mbedtls_x509_crt first;
};

struct hc_tls_ticket {
  size_t references;
  mbedtls_ssl_session session;
  int64_t made; /* seconds since 1970 */
};

/* A list of protocols as mbedTLS wants it. */
typedef struct hc_tls_protocols {
  const char **names; /* NULL behind the last */
  char *text;
} hc_tls_protocols;

struct hc_tls_context {
  mbedtls_x509_crt *trusted; /* `given`, or the system's; NULL until that is known */
  mbedtls_x509_crt given;
  mbedtls_x509_crl crls;
  mbedtls_x509_crt own; /* to be shown to the server; without a key there is none */
  mbedtls_pk_context key;
  bool has_own;
  bool legacy_renegotiation;
  int *suites; /* 0 behind the last; NULL: mbedTLS's own choice */
  hc_tls_protocols protocols;
};

struct hc_tls_engine {
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config config; /* of this connection alone: ALPN is in it */
  hc_tls_handshake *handshake;
  hc_tls_carrier *carrier;
  hc_tls_protocols protocols; /* in place of the context's */
  hc_tls_ticket *offered;
  int error; /* of mbedTLS, the last */
  size_t header_got, record_left; /* where the records that come begin: see follow_records */
  unsigned char record_size[2];
  unsigned warnings; /* alerts in a row that end nothing */
  bool is_reading;
  bool is_sealed; /* a record of ours is under way */
  bool owes_refusal; /* of a new handshake, once that record has left */
  bool is_counted; /* the last record is in that */
  bool is_established, was_resumed;
  /* what the verification found, certificate by certificate, the server's own first */
  uint32_t findings[HC_MBEDTLS_CHAIN_MAX];
  const mbedtls_x509_crt *chain[HC_MBEDTLS_CHAIN_MAX]; /* while it runs */
  int chain_size;
  char subject[HC_TLS_NAME_TEXT]; /* the server's */
};

/* --- library_mbedtls.c */

/* mbedTLS's way to ask for random bytes, which are the system's. */
int hc_mbedtls_random(void *unused, unsigned char *into, size_t size);
bool hc_mbedtls_is_memory(int error); /* does the error say that memory is out? */
/* HC_ERR_OUT_OF_MEMORY, else `code` with "`what`: reason". */
hc_error hc_mbedtls_fail(hc_failure *why, hc_error code, const char *what, int error);

/* Finds the next block of PEM in *at, which ends with NUL, and moves behind it. Its bytes go to
 * `block`, to be freed by mbedtls_pem_free. 1: a block, 0: none, negative: a broken one. */
struct mbedtls_pem_context;
int hc_mbedtls_next_block(const char **at, const char *header, const char *footer,
                          struct mbedtls_pem_context *block);

int hc_mbedtls_parse_key(mbedtls_pk_context *pk, const unsigned char *text, size_t size,
                         hc_slice passphrase);

/* --- x509_mbedtls.c */

/* Appends all of the list to `into`. 0, or an error of mbedTLS. */
int hc_mbedtls_copy_certificates(mbedtls_x509_crt *into, const mbedtls_x509_crt *list);
int hc_mbedtls_copy_key(mbedtls_pk_context *into, const mbedtls_pk_context *key);

/* --- pbes2_mbedtls.c */

/* An error beside mbedTLS's own: the passphrase is to be hashed more than HC_KEY_ROUNDS_MAX
 * times. */
#define HC_MBEDTLS_TOO_MANY_ROUNDS (-0x7FFE)
/* Reads the key of an ENCRYPTED PRIVATE KEY. 0; MBEDTLS_ERR_PK_UNKNOWN_PK_ALG: the text holds none
 * that is encrypted so; HC_MBEDTLS_TOO_MANY_ROUNDS, whatever it is encrypted by;
 * MBEDTLS_ERR_PK_PASSWORD_MISMATCH, or another error of mbedTLS. */
int hc_mbedtls_parse_pbes2(mbedtls_pk_context *pk, const char *text, hc_slice passphrase);

/* --- ciphers_mbedtls.c */

/* Suites by their names in OpenSSL's, the registry's or mbedTLS's way, separated by colons, commas
 * or spaces. HC_ERR_INVALID_PARAMETER, HC_ERR_OUT_OF_MEMORY. */
hc_error hc_mbedtls_read_suites(hc_slice text, int **out, hc_failure *why);

/* --- verify_mbedtls.c */

/* For mbedtls_ssl_conf_verify; `engine` is a hc_tls_engine. */
int hc_mbedtls_verify(void *engine, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);

/* --- constraints_mbedtls.c */

/* Of a chain, the server's certificate first: why one is for names that an authority above it does
 * not allow, and which one; NULL: none is. */
const char *hc_mbedtls_name_objection(const mbedtls_x509_crt *const *chain, int size,
                                      const mbedtls_x509_crt **about);
/* mbedtls_x509_crt_parse_der, for what is given to us, not by a server. */
int hc_mbedtls_parse_certificate(mbedtls_x509_crt *list, const unsigned char *der, size_t size);

/* --- name_text_mbedtls.c */

/* Two values of a name, each with the tag that says which kind of text it is. */
bool hc_mbedtls_is_same_text(unsigned tag_a, hc_slice a, unsigned tag_b, hc_slice b);

/* --- certificate_mbedtls.c */

void hc_mbedtls_name_text(const mbedtls_x509_name *name, char text[HC_TLS_NAME_TEXT]);
void hc_mbedtls_date_text(const mbedtls_x509_time *time, char text[HC_TLS_DATE_TEXT]);
void hc_mbedtls_hosts_text(const mbedtls_x509_crt *certificate, char text[HC_TLS_NAME_TEXT]);
int64_t hc_mbedtls_seconds(const mbedtls_x509_time *time); /* since 1970 */
/* A name of a host in subjectAltName (RFC 9525 section 6): 4 or 16 bytes where is_address. False:
 * another kind. */
bool hc_mbedtls_host_of(const mbedtls_x509_sequence *name, hc_slice *host, bool *is_address);
bool hc_mbedtls_key_digest(const mbedtls_x509_crt *certificate, unsigned char digest[HC_PIN_SIZE]);
hc_error hc_mbedtls_describe(const mbedtls_x509_crt *certificate, hc_peer_certificate *out,
                             hc_failure *why);

/* --- context_mbedtls.c */

bool hc_mbedtls_make_protocols(hc_slice wire, hc_tls_protocols *out);
void hc_mbedtls_free_protocols(hc_tls_protocols *protocols);

HC_INTERNAL_END

#endif
