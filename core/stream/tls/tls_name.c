/* tls_name.c - whom a connection is for: the name that is verified and sent, and the protocols that
 * it is asked for.
 *
 * The two uses must not part: what is sent as SNI chooses the server's certificate, and what is
 * verified is compared with it. So the name is made bare once, and both take that. */
#include <string.h>

#include "../../base/memory.h"
#include "../../http/uri.h"
#include "tls_internal.h"

/* "common name" is the engine's word for it. */
static hc_error refuse_tls_name(hc_failure *why, const char *reason) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "common name: %s", reason);
}

/* The name as it is verified: without brackets, zone (RFC 6874) and the final dot of an absolute
 * name. */
static hc_slice bare_name(const hc_host *host) {
  hc_slice text = host->text;
  if (host->kind == HC_HOST_IPV6) {
    const char *zone = memchr(text.data, '%', text.size);
    if (zone) text.size = (size_t)(zone - text.data);
  } else if (host->kind == HC_HOST_NAME && text.size > 0 && text.data[text.size - 1] == '.') {
    text.size--;
  }
  return text;
}

/* Of a name without brackets, scheme or leading dot; "" stays. */
static hc_error parse_name(hc_slice name, hc_host *host, hc_slice *bare, hc_failure *why) {
  hc_failure inner = {HC_OK, ""};
  *host = (hc_host){HC_HOST_NAME, {"", 0}, 0};
  if (name.size > 0 && hc_host_parse(name, host, &inner) != HC_OK)
    return refuse_tls_name(why, inner.text);
  if (host->scheme != 0) return refuse_tls_name(why, "it has a scheme");
  *bare = bare_name(host);
  /* A library may take a leading dot for "any host of the domain". */
  if (name.size > 0 && (bare->size == 0 || bare->data[0] == '.'))
    return refuse_tls_name(why, "it starts with a dot");
  return HC_OK;
}

/* An override takes the place of the host in both uses. The host that was asked for is remembered
 * beside it, since that one goes into requests (tls_endpoint). What was copied when this fails goes
 * with the stream's close. */
hc_error hc_tls_handshake_take_name(hc_tls_handshake *h, hc_slice name, hc_failure *why) {
  hc_host host, asked;
  hc_slice text = HC_SLICE(""), asked_text = HC_SLICE("");
  bool is_overridden = h->options->override[0] != '\0';
  hc_error code =
      parse_name(is_overridden ? hc_slice_of(h->options->override) : name, &host, &text, why);
  if (code != HC_OK) return code;
  if (text.size == 0 && h->options->verify == HC_TLS_VERIFY_FULL) {
    return refuse_tls_name(why, "it is empty, and there is nothing to verify");
  }
  /* What is not verified may be anything; what is no host is just not remembered as one. */
  if (is_overridden && parse_name(name, &asked, &asked_text, NULL) != HC_OK)
    asked_text = HC_SLICE("");
  h->name = hc_memory_copy_text(text.data, text.size);
  h->host = asked_text.size > 0 ? hc_memory_copy_text(asked_text.data, asked_text.size) : NULL;
  if (!h->name || (!h->host && asked_text.size > 0)) {
    return hc_failure_out_of_memory(why);
  }
  h->name_is_address = host.kind != HC_HOST_NAME;
  return HC_OK;
}

/* What this connection was given goes first, the options' list behind it. */
hc_slice hc_tls_handshake_alpn(const hc_tls_handshake *h) {
  const hc_buffer *list = &h->options->alpn;
  return h->alpn.size > 0 ? h->alpn : (hc_slice){hc_buffer_head(list), hc_buffer_size(list)};
}

/* The list is ours and well formed, so no length runs over its end. Names are compared as bytes:
 * RFC 7301 knows no letter case. */
bool hc_alpn_list_has(hc_slice list, hc_slice name) {
  if (!list.data) return false;
  for (size_t at = 0; at < list.size; at += 1u + (unsigned char)list.data[at]) {
    if ((unsigned char)list.data[at] == name.size &&
        memcmp(list.data + at + 1, name.data, name.size) == 0)
      return true;
  }
  return false;
}
