/* tls_facts.c - what both sides agreed on, and who the other side is: read from OpenSSL once the
 * handshake is over, and nothing before. It knows a connection only by its SSL. */
#include "../../base/memory.h"
#include "tls_internal.h"

hc_slice hc_tls_version(const hc_stream_peer *peer) {
  const SSL *ssl = hc_tls_established(peer);
  return !ssl ? HC_SLICE("") : hc_slice_of(SSL_get_version(ssl));
}

hc_slice hc_tls_cipher(const hc_stream_peer *peer) {
  const SSL *ssl = hc_tls_established(peer);
  return !ssl ? HC_SLICE("") : hc_slice_of(SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)));
}

hc_slice hc_tls_alpn(const hc_stream_peer *peer) {
  const SSL *ssl = hc_tls_established(peer);
  const unsigned char *name = NULL;
  unsigned size = 0;
  if (ssl) SSL_get0_alpn_selected(ssl, &name, &size);
  return size == 0 ? HC_SLICE("") : (hc_slice){(const char *)name, size};
}

hc_error hc_tls_peer_certificate(const hc_stream_peer *peer, hc_peer_certificate *out,
                                 hc_failure *why) {
  *out = (hc_peer_certificate){0};
  const SSL *ssl = hc_tls_established(peer);
  X509 *certificate = !ssl ? NULL : SSL_get0_peer_certificate(ssl);
  if (!certificate)
    return hc_failure_set(why, HC_ERR_UNAVAILABLE, "there is no peer certificate yet");
  return hc_tls_certificate_describe(certificate, out, why);
}

hc_error hc_tls_get_certificate(const hc_stream_peer *peer, hc_peer_certificate **out,
                                hc_failure *why) {
  *out = hc_memory_allocate(sizeof **out);
  if (!*out) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  hc_error code = hc_tls_peer_certificate(peer, *out, why);
  if (code == HC_OK) return HC_OK;
  hc_memory_release(*out);
  *out = NULL;
  return code;
}

void hc_tls_delete_certificate(hc_peer_certificate *c) {
  if (!c) return;
  hc_peer_certificate_free(c);
  hc_memory_release(c);
}
