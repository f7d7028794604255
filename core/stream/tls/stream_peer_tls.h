/* stream_peer_tls.h - TLS as a stream peer over any other stream peer (RFC 8446, RFC 5246; SNI RFC 6066; names RFC 9525). */
#ifndef HC_STREAM_PEER_TLS_H
#define HC_STREAM_PEER_TLS_H

#include "../stream_peer.h"
#include "tls_options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hc_tls_state {
  HC_TLS_DISCONNECTED = 0,
  HC_TLS_HANDSHAKING = 1,
  HC_TLS_CONNECTED = 2,
  HC_TLS_ERROR = 3,
  HC_TLS_ERROR_HOSTNAME_MISMATCH = 4
} hc_tls_state;

hc_stream_peer *hc_tls_new(void);  /* disconnected, one reference; NULL when memory is out */
bool hc_stream_peer_is_tls(const hc_stream_peer *peer);

/* Starts a handshake over `below`, which is retained and must be usable. `name` is the host that is verified and sent as
 * SNI (an IP literal is verified as an address and not sent; a final dot is dropped), unless the options override it.
 * `options` is retained. Failures of the handshake show in hc_stream_peer_advance with a sentence that says what was
 * wrong with which certificate; code HC_ERR_CONNECTION_ERROR. HC_ERR_OUT_OF_MEMORY, HC_ERR_INVALID_PARAMETER here.
 * The peer never writes to `below` behind its back: reads and writes go through its table (so TLS runs in TLS). */
hc_error hc_tls_connect(hc_stream_peer *peer, hc_stream_peer *below, hc_slice name, unsigned port,
                        hc_tls_options *options, hc_failure *why);
hc_tls_state hc_tls_get_state(const hc_stream_peer *peer);
hc_stream_peer *hc_tls_below(const hc_stream_peer *peer);  /* not retained; NULL when disconnected */

/* Facts of the established connection; "" or NULL before. Views live as long as the connection. */
hc_slice hc_tls_version(const hc_stream_peer *peer);  /* "TLSv1.3" */
hc_slice hc_tls_cipher(const hc_stream_peer *peer);   /* "TLS_AES_256_GCM_SHA384" */
hc_slice hc_tls_alpn(const hc_stream_peer *peer);     /* the protocol agreed on, "" none */
bool hc_tls_resumed(const hc_stream_peer *peer);

/* The server's certificate, as texts; all allocated, see free. Times are seconds since 1970 in UTC. */
typedef struct hc_peer_certificate {
  char *subject, *issuer;      /* RFC 2253 names */
  char **names;                /* subjectAltName: DNS names and IP addresses as text */
  size_t name_count;
  int64_t not_before, not_after;
  char *fingerprint;           /* SHA-256 of the DER, lower-case hex pairs with ':' between */
  char *public_key_pin;        /* "sha256/BASE64", as pinned_keys takes it */
  char *pem;
} hc_peer_certificate;
/* HC_ERR_UNAVAILABLE before the handshake is done. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_peer_certificate(const hc_stream_peer *peer, hc_peer_certificate *out, hc_failure *why);
void hc_peer_certificate_free(hc_peer_certificate *c);

#ifdef __cplusplus
}
#endif

#endif
