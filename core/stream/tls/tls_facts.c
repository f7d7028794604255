/* tls_facts.c - what both sides agreed on, and who the other side is: known once the handshake is
 * over, and nothing before.
 *
 * Each asks whether the handshake is done before it touches the library, which before that may know
 * half of an answer, or one that nobody has verified. The views are of the library's own texts, or
 * of memory that lives as long as the connection. */
#include "../../base/memory.h"
#include "tls_internal.h"

hc_slice hc_tls_version(const hc_stream_peer *peer) {
  const hc_tls_engine *engine = hc_tls_established(peer);
  return !engine ? HC_SLICE("") : hc_tls_engine_version(engine);
}

hc_slice hc_tls_cipher(const hc_stream_peer *peer) {
  const hc_tls_engine *engine = hc_tls_established(peer);
  return !engine ? HC_SLICE("") : hc_tls_engine_cipher(engine);
}

hc_slice hc_tls_alpn(const hc_stream_peer *peer) {
  const hc_tls_engine *engine = hc_tls_established(peer);
  return !engine ? HC_SLICE("") : hc_tls_engine_alpn(engine);
}

/* Every text in it is made at the call: a connection of which nobody asks keeps none of them. */
hc_error hc_tls_peer_certificate(const hc_stream_peer *peer, hc_peer_certificate *out,
                                 hc_failure *why) {
  *out = (hc_peer_certificate){0};
  const hc_tls_engine *engine = hc_tls_established(peer);
  hc_error error = !engine ? HC_ERR_UNAVAILABLE : hc_tls_engine_describe(engine, out, why);
  return error == HC_ERR_UNAVAILABLE
             ? hc_failure_set(why, error, "there is no peer certificate yet")
             : error;
}

/* The same for hosts in other languages, which can't know how large the struct is in this
 * version. */
hc_error hc_tls_get_certificate(const hc_stream_peer *peer, hc_peer_certificate **out,
                                hc_failure *why) {
  *out = hc_memory_allocate(sizeof **out);
  if (!*out) return hc_failure_out_of_memory(why);
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
