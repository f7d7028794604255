/* tls.h - how TLS is to be made and verified: options, certificates and keys, and TLS as a stream
 * (RFC 8446, RFC 5246).
 *
 * The idea. hc_tls_options say once what holds for any number of connections: whom to trust, which
 * certificate to show, which versions. They never change after they are made, and they keep the
 * sessions that servers gave out, so that the next connection to the same name and port can resume
 * one (RFC 8446 section 2.2). Give them to hc_client_connect, or put TLS over a stream yourself
 * with hc_tls_connect.
 *
 * Options, certificates and keys belong to one thread at a time. Options and certificates are
 * counted: `new` gives one reference, retain adds one, and the last release frees. */
#ifndef HC_TLS_H
#define HC_TLS_H

#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- certificates and keys */

typedef struct hc_certificates hc_certificates;  /* one or several certificates, in order */
typedef struct hc_key hc_key;                    /* a private or a public key */

HC_API hc_certificates *hc_certificates_new(void);  /* empty; NULL when memory is out */
HC_API hc_certificates *hc_certificates_retain(hc_certificates *c);
HC_API void hc_certificates_release(hc_certificates *c);  /* NULL is fine */
HC_API size_t hc_certificates_count(const hc_certificates *c);
/* These replace the content; when they fail the old content stays. They read PEM (RFC 7468) and
 * skip whatever text stands between the blocks. HC_ERR_INVALID_DATA: there is no certificate, or a
 * broken one. Of a file also HC_ERR_FILE_NOT_FOUND, HC_ERR_FILE_CANT_OPEN, HC_ERR_FILE_CANT_READ.
 * HC_ERR_OUT_OF_MEMORY. */
HC_API hc_error hc_certificates_load_text(hc_certificates *c, hc_slice pem, hc_failure *why);
HC_API hc_error hc_certificates_load_file(hc_certificates *c, const char *path, hc_failure *why);
/* Writes all of them as PEM. HC_ERR_FILE_CANT_OPEN, HC_ERR_FILE_CANT_WRITE,
 * HC_ERR_OUT_OF_MEMORY. */
HC_API hc_error hc_certificates_save_file(const hc_certificates *c, const char *path,
                                          hc_failure *why);

HC_API hc_key *hc_key_new(void);          /* empty; NULL when memory is out */
HC_API void hc_key_release(hc_key *k);    /* wipes what it can; NULL is fine */
HC_API bool hc_key_is_empty(const hc_key *k);
HC_API bool hc_key_is_public_only(const hc_key *k);

typedef enum hc_key_half {
  HC_KEY_PRIVATE = 0,  /* and the public one with it */
  HC_KEY_PUBLIC = 1
} hc_key_half;

/* PEM of a private key (PKCS#8 or traditional), or of a public one, whichever `half` says. The
 * errors are those of certificates. An encrypted key is refused with a message: nobody is ever
 * asked for a passphrase. */
HC_API hc_error hc_key_load_text(hc_key *k, hc_slice pem, hc_key_half half, hc_failure *why);
HC_API hc_error hc_key_load_file(hc_key *k, const char *path, hc_key_half half, hc_failure *why);
/* A private key, encrypted with that passphrase or not at all. The passphrase is not kept, and is
 * in no message. */
HC_API hc_error hc_key_load_encrypted_text(hc_key *k, hc_slice pem, hc_slice passphrase,
                                           hc_failure *why);
HC_API hc_error hc_key_load_encrypted_file(hc_key *k, const char *path, hc_slice passphrase,
                                           hc_failure *why);
/* A file with a private key is readable by its owner alone
 * (mode 0600). */
HC_API hc_error hc_key_save_file(const hc_key *k, const char *path, hc_key_half half,
                                 hc_failure *why);

/* Reads a PKCS#12 file (RFC 7292): the certificate that belongs to its key, the key, and the other
 * certificates in it, if any. `own`, `key` and `chain` are new and empty. HC_ERR_INVALID_DATA: a
 * wrong passphrase (it is in no message), no PKCS#12 file, one without a key, or algorithms that
 * OpenSSL does not read here. Else as of certificates. */
HC_API hc_error hc_pkcs12_load_file(const char *path, hc_slice passphrase, hc_certificates *own,
                                    hc_key *key, hc_certificates *chain, hc_failure *why);

/* --- options */

typedef enum hc_tls_verify {
  HC_TLS_VERIFY_FULL,   /* the chain (RFC 5280) and the name (RFC 9525) */
  HC_TLS_VERIFY_CHAIN,  /* the chain, and not the name */
  HC_TLS_VERIFY_NONE    /* nothing; pins, where given, still count */
} hc_tls_verify;

/* All zero: full verification against the system's authorities. Empty slices, NULL and 0 are
 * defaults everywhere. */
typedef struct hc_tls_settings {
  hc_tls_verify verify;
  /* takes the place of the system's authorities. Each one in it is trusted, be it an authority,
   * an intermediate or the server's own. Retained */
  hc_certificates *trusted_chain;
  /* verified, and sent as SNI (RFC 6066 section 3), in place of the host; an address too */
  hc_slice common_name_override;
  int min_version, max_version;    /* 10, 11, 12, 13 for TLS 1.0 to 1.3 */
  /* "sha256/BASE64" of the SubjectPublicKeyInfo: one of the chain has to match */
  const hc_slice *pinned_keys;
  size_t pinned_key_count;
  /* path of revocation lists (RFC 5280 section 5). The one of the authority that issued the
   * server's certificate has to be in it; lists of those above count where they are */
  hc_slice crl_file;
  /* the server has to send proof that its certificate is not revoked (RFC 6066 section 8) */
  bool require_ocsp_stapling;
  hc_certificates *certificate;    /* the client's own, with its chain. Retained */
  hc_key *private_key;             /* and its key. Retained */
  /* OpenSSL's text: a cipher list of TLS 1.2, names of TLS 1.3 suites (TLS_...), or both. The
   * kind that is not named keeps its default. There is no way to ciphers without authentication
   * or encryption, and @SECLEVEL can only be raised */
  hc_slice ciphers;
  const hc_slice *alpn;            /* protocol names, 1 to 255 bytes each (RFC 7301) */
  size_t alpn_count;
  /* the server may ask for the client's certificate later (RFC 8446 section 4.6.2) */
  bool post_handshake_auth;
  bool legacy_renegotiation;       /* servers that do not know RFC 5746 are accepted too */
  /* content that runs to the end of the connection may end without close_notify, which RFC 9112
   * section 9.8 calls incomplete. Nothing else may */
  bool tolerate_missing_close_notify;
  /* path. The secrets of every connection are appended, as key log files have them */
  hc_slice keylog_file;
} hc_tls_settings;

/* For other languages: `size` is how many bytes of the struct above there are. */
HC_API hc_error hc_tls_options_new_sized(const hc_tls_settings *settings, size_t size,
                                         hc_tls_options **out, hc_failure *why);

/* Copies what it needs; *out has one reference. What can be known to be wrong is refused here, and
 * named in `why`: HC_ERR_INVALID_PARAMETER for versions out of range or crossed, a malformed pin,
 * an empty chain or certificate, a key that does not fit the certificate or is public only, one of
 * the two without the other, ciphers that can't be used, a bad ALPN name, a CRL file that can't be
 * read, revocation checks without verification. HC_ERR_OUT_OF_MEMORY. With crl_file or
 * require_ocsp_stapling no session is resumed. */
static inline hc_error hc_tls_options_new(const hc_tls_settings *settings, hc_tls_options **out,
                                          hc_failure *why) {
  return hc_tls_options_new_sized(settings, sizeof *settings, out, why);
}

/* returns its argument; NULL is fine */
HC_API hc_tls_options *hc_tls_options_retain(hc_tls_options *o);
HC_API void hc_tls_options_release(hc_tls_options *o);            /* NULL is fine */
/* The first connection of a process makes OpenSSL ready and loads the system's authorities, on a
 * thread, and its handshake waits for that. This begins it earlier. */
HC_API void hc_tls_options_start_loading(const hc_tls_options *o);
/* The same without options, for a loading screen. True: everything is there. */
HC_API bool hc_tls_start_loading(void);
/* Lets go of the authorities that are kept for the next options. Those in use stay until their
 * options go, and so does what is still loading. Any thread may call it. */
HC_API void hc_tls_forget_authorities(void);
/* `verify` is not HC_TLS_VERIFY_FULL */
HC_API bool hc_tls_options_is_unsafe(const hc_tls_options *o);

/* --- TLS as a stream */

typedef enum hc_tls_state {
  HC_TLS_DISCONNECTED = 0,
  HC_TLS_HANDSHAKING = 1,
  HC_TLS_CONNECTED = 2,
  HC_TLS_ERROR = 3,
  HC_TLS_ERROR_HOSTNAME_MISMATCH = 4
} hc_tls_state;

/* A closed stream with one reference; NULL when memory is out. The functions below are for such
 * streams alone. */
HC_API hc_stream_peer *hc_tls_new(void);
HC_API bool hc_stream_peer_is_tls(const hc_stream_peer *peer);

/* Starts a handshake over `below`, which it retains and which has to be usable; TLS over TLS works.
 * `name` is the host that is verified and sent as SNI, unless the options override it. (An address
 * is verified as one and not sent, and a dot at the end is dropped.) With `port` it tells which
 * sessions can be resumed. The options are retained. What comes of the handshake is told by
 * hc_stream_peer_advance: HC_ERR_CONNECTION_ERROR, with a sentence that says what was wrong with
 * which certificate. HC_ERR_OUT_OF_MEMORY and HC_ERR_INVALID_PARAMETER here. */
HC_API hc_error hc_tls_connect(hc_stream_peer *peer, hc_stream_peer *below, hc_slice name,
                               unsigned port, hc_tls_options *options, hc_failure *why);
HC_API hc_tls_state hc_tls_get_state(const hc_stream_peer *peer);
/* not retained; NULL when disconnected */
HC_API hc_stream_peer *hc_tls_below(const hc_stream_peer *peer);

/* Facts of the connection that is there; empty before. The views live as long as it does. */
HC_API hc_slice hc_tls_version(const hc_stream_peer *peer); /* "TLSv1.3" */
HC_API hc_slice hc_tls_cipher(const hc_stream_peer *peer); /* "TLS_AES_256_GCM_SHA384" */
/* the protocol that was agreed on; empty when none was */
HC_API hc_slice hc_tls_alpn(const hc_stream_peer *peer);
HC_API bool hc_tls_resumed(const hc_stream_peer *peer);

/* The server's certificate. Times are seconds since 1970, UTC. The library makes these, so they may
 * grow at their end. */
typedef struct hc_peer_certificate {
  char *subject, *issuer; /* names as RFC 2253 writes them */
  char **names; /* subjectAltName: DNS names, and addresses as text */
  size_t name_count;
  int64_t not_before, not_after;
  /* SHA-256 of the DER: hex pairs in lower case with ':' in between */
  char *fingerprint;
  char *public_key_pin; /* "sha256/BASE64", as `pinned_keys` takes it */
  char *pem;
} hc_peer_certificate;

/* *out is yours to delete. HC_ERR_UNAVAILABLE before the handshake is done;
 * HC_ERR_OUT_OF_MEMORY. */
HC_API hc_error hc_tls_get_certificate(const hc_stream_peer *peer, hc_peer_certificate **out,
                                       hc_failure *why);
HC_API void hc_tls_delete_certificate(hc_peer_certificate *c); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
