/* client_reach.c - which addresses the client connects to, and from which.
 *
 * Few clients ask for any of this, so it lies in memory of its own, which the first setting makes.
 * What is set counts from the next connection on.
 *
 * It only keeps what was said, and hands it on with the wish (hc_client_add_reach). The lookup, the
 * filter's questions and the race over addresses (RFC 8305) are in net/. */
#include "../base/memory.h"
#include "../http/idn.h"
#include "../stream/stream_peer_tcp.h"
#include "client_state.h"

/* Zeroed, it asks for nothing: so a setting that fails afterwards leaves no trace. */
static hc_reach *need(hc_client *c) {
  if (!c->reach) c->reach = hc_memory_allocate_zeroed(1, sizeof *c->reach);
  return c->reach;
}

void hc_client_forget_reach(hc_client *c) {
  if (c->reach) hc_memory_release(c->reach->to_host);
  hc_memory_release(c->reach);
  c->reach = NULL;
}

/* --- settings */

/* Taking away what was never set must not need memory. The one that a connection asks while it is
 * made is a copy (dial_terms.h). */
hc_error hc_client_set_address_filter(hc_client *c, hc_address_filter filter, void *context) {
  if (!filter && !c->reach) return HC_OK;
  hc_reach *reach = need(c);
  if (!reach) return HC_ERR_OUT_OF_MEMORY;
  reach->allow = filter;
  reach->context = context;
  return HC_OK;
}

/* A literal alone: a name could mean another address each time. It needs no lookup either, so a
 * wrong one is told at once. */
hc_error hc_client_set_local_address(hc_client *c, hc_slice address, hc_failure *why) {
  hc_address local = {.size = 0};
  if (address.size > 0 && !hc_address_from_literal(address, 0, &local))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the local address is no IP address");
  if (address.size == 0 && !c->reach) return HC_OK;
  hc_reach *reach = need(c);
  if (!reach) return hc_failure_out_of_memory(why);
  reach->local = local;
  return HC_OK;
}

void hc_client_get_local_address(const hc_client *c, char text[HC_ADDRESS_SPACE]) {
  text[0] = '\0';
  if (c->reach) hc_address_text(&c->reach->local, text);
}

/* All that can fail comes before the old one is let go of. */
static hc_error keep_connect_to(hc_client *c, hc_slice host, unsigned port) {
  hc_reach *reach = need(c);
  char *copy = reach && host.size > 0 ? hc_memory_copy_text(host.data, host.size) : NULL;
  if (!reach || (host.size > 0 && !copy)) return HC_ERR_OUT_OF_MEMORY;
  hc_memory_release(reach->to_host);
  reach->to_host = copy;
  reach->to_port = port;
  return HC_OK;
}

/* Only where to, as with curl's --connect-to: Host and certificate stay those of the URL. A scheme
 * would promise more than that. */
hc_error hc_client_set_connect_to(hc_client *c, hc_slice endpoint, hc_failure *why) {
  hc_host host = {HC_HOST_NAME, {NULL, 0}, 0};
  unsigned port = 0;
  hc_buffer space = {0};
  hc_failure reason = {HC_OK, ""};
  hc_error code = HC_OK;
  if (endpoint.size > 0) code = hc_idn_endpoint_parse(endpoint, &space, &host, &port, &reason);
  if (code == HC_OK && host.scheme != 0)
    code = hc_failure_set(&reason, HC_ERR_INVALID_PARAMETER, "there is no scheme in it");
  if (code == HC_OK && (endpoint.size > 0 || c->reach)) code = keep_connect_to(c, host.text, port);
  hc_buffer_free(&space);
  if (code == HC_OK) return HC_OK;
  if (code == HC_ERR_OUT_OF_MEMORY) return hc_failure_out_of_memory(why);
  return hc_failure_set(why, code, "connect_to: %s", reason.text);
}

void hc_client_get_connect_to(const hc_client *c, hc_slice *host, unsigned *port) {
  *host = c->reach && c->reach->to_host ? hc_slice_of(c->reach->to_host) : HC_SLICE("");
  *port = c->reach ? c->reach->to_port : 0;
}

/* --- a connect */

hc_error hc_client_add_reach(const hc_client *c, hc_connection_wish *wish, hc_dial_terms *terms,
                             hc_failure *why) {
  const hc_reach *reach = c->reach;
  *terms = (hc_dial_terms){.family = (unsigned)c->settings.address_family};
  wish->terms = terms;
  if (!reach) return HC_OK;
  terms->local = reach->local;
  terms->allow = reach->allow;
  terms->context = reach->context;
  if (reach->to_host) wish->way.to_host = hc_slice_of(reach->to_host);
  wish->way.to_port = reach->to_port;
  /* The socket could only refuse it, address by address, and in the system's words. */
  bool has_both = terms->local.size > 0 && terms->family != 0;
  if (!has_both || (terms->local.is_ipv6 != 0) == (terms->family == 6)) return HC_OK;
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                        "the local address is not of the address family IPv%u", terms->family);
}

/* Of the lowest stream: with a proxy it is the proxy's, the only one that is known here. Asked of
 * the system each time: nobody who does not want to know pays for it. */
bool hc_client_remote_address(const hc_client *c, char text[HC_ADDRESS_SPACE], unsigned *port) {
  hc_stream_peer *stream = hc_client_get_stream(c);
  const hc_stream_peer *bottom = stream ? hc_stream_peer_bottom(stream) : NULL;
  hc_address address;
  text[0] = '\0';
  if (!hc_stream_peer_is_tcp(bottom) || !hc_tcp_remote_address(bottom, &address)) return false;
  hc_address_text(&address, text);
  if (port) *port = hc_address_port(&address);
  return true;
}
