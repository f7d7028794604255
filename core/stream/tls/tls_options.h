/* tls_options.h - how a TLS connection is to be made and verified, and the sessions it may resume. */
#ifndef HC_TLS_OPTIONS_H
#define HC_TLS_OPTIONS_H

#include "x509.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Immutable once made; reference-counted within one thread. Holds the SSL_CTX (made at the first connection, so that
 * nothing of OpenSSL starts before) and the session cache (RFC 8446 section 2.2): a session is offered again only to the
 * same verified name and port. */
typedef struct hc_tls_options hc_tls_options;

typedef enum hc_tls_verify {
  HC_TLS_VERIFY_FULL,   /* chain and name */
  HC_TLS_VERIFY_CHAIN,  /* client_unsafe with a chain: the chain, not the name */
  HC_TLS_VERIFY_NONE    /* client_unsafe without: nothing (pins, where given, still count) */
} hc_tls_verify;

typedef struct hc_tls_settings {
  hc_tls_verify verify;
  hc_certificates *trusted_chain;  /* NULL: the system's store. Replaces it when given. Retained. Each certificate in it is
                                      an anchor, an intermediate or a server's own as well. */
  hc_slice common_name_override;   /* "" none; verified and sent as SNI in place of the host; may be an IP address */
  int min_version, max_version;    /* 0 default; 10, 11, 12, 13 for TLS 1.0 to 1.3 */
  const hc_slice *pinned_keys;     /* "sha256/BASE64" of the SubjectPublicKeyInfo */
  size_t pinned_key_count;
  hc_slice crl_file;               /* path; "" none */
  bool require_ocsp_stapling;
  hc_certificates *certificate;    /* client certificate and its chain; NULL none. Retained. */
  hc_key *private_key;             /* retained */
  hc_slice ciphers;                /* OpenSSL's text: TLS 1.2 cipher list, and TLS 1.3 suite names (TLS_...), both accepted;
                                      the kind that is not named keeps its default. Never without authentication or
                                      encryption, and @SECLEVEL can only be raised. */
  const hc_slice *alpn;            /* protocol names, 1..255 bytes each */
  size_t alpn_count;
  bool post_handshake_auth;        /* a server may ask for the client certificate later (RFC 8446 section 4.6.2) */
  bool legacy_renegotiation;       /* servers that do not know RFC 5746 are taken too */
  bool tolerate_missing_close_notify;  /* content that runs to the end of the connection may end so (RFC 9112 section 9.8
                                          has it incomplete); nothing else may, nor may a record that is cut */
  hc_slice keylog_file;            /* path; "" none. The secrets of all connections are appended (NSS key log format) */
} hc_tls_settings;

/* Copies what it needs. crl_file: the list of the authority that issued the server's certificate must be in it, those of
 * the authorities above count where they are there. crl_file and require_ocsp_stapling ask for a chain to be verified,
 * and with them no session is resumed.
 * What is knowably wrong is refused here, HC_ERR_INVALID_PARAMETER, with the part named: versions out of range or crossed,
 * a malformed pin, an empty chain or certificate, a key that does not fit the certificate or is public only, one of the
 * two missing, unusable ciphers, a bad ALPN name, an unreadable CRL file. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_options_new(const hc_tls_settings *settings, hc_tls_options **out, hc_failure *why);
hc_tls_options *hc_tls_options_retain(hc_tls_options *o);
void hc_tls_options_release(hc_tls_options *o);
/* A first connection makes OpenSSL ready and, without a trusted chain, loads the system's store: once in a process, in a
 * thread, and its handshake waits for that. This begins it earlier. */
void hc_tls_options_start_loading(const hc_tls_options *o);
/* The same without options, for a loading screen. True: all is there. */
bool hc_tls_start_loading(void);
bool hc_tls_options_is_unsafe(const hc_tls_options *o);              /* verify is not FULL */
hc_slice hc_tls_options_common_name_override(const hc_tls_options *o);
hc_certificates *hc_tls_options_trusted_chain(const hc_tls_options *o);  /* not retained; NULL */

#ifdef __cplusplus
}
#endif

#endif
