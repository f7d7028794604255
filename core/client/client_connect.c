/* client_connect.c - whom to connect to, and by way of whom: hosts, ports, proxies, Unix sockets;
 * and standing on the connection of another client.
 *
 * What the caller writes, a host that may have a scheme before it, a port, a path, becomes a wish
 * of plain values; connect/route.c makes the way of it. The client is closed first, whatever it was
 * at. What is wrong with the words is told at once, what the network says comes with poll.
 *
 * All of this is before the first byte. It knows hosts, ports and proxies by their names, and
 * nothing of how to get there: neither lookups nor handshakes are begun here. */
#include <string.h>

#include "../base/sized.h"
#include "../http/idn.h"
#include "../http/uri.h"
#include "../platform/unix_socket.h"
#include "client_state.h"

/* --- proxies */

/* `p`, NULL for none, is the client's from here on. */
static void put_proxy(hc_client *c, hc_proxy_kind kind, hc_proxy *p) {
  hc_proxy_release(c->proxies[kind]);
  c->proxies[kind] = p;
}

void hc_client_forget_proxies(hc_client *c) {
  put_proxy(c, HC_PROXY_HTTP, NULL);
  put_proxy(c, HC_PROXY_HTTPS, NULL);
}

/* The engine's way: no host, or -1, means no proxy. The one that is set counts from the next
 * connection on; the present one holds its own. */
hc_error hc_client_set_proxy(hc_client *c, hc_proxy_kind kind, hc_slice host, long long port,
                             hc_slice user, hc_slice password, hc_failure *why) {
  if (host.size == 0 || port == -1) {
    put_proxy(c, kind, NULL);
    return HC_OK;
  }
  hc_proxy *made = NULL;
  hc_error code = hc_proxy_from_parts(host, port, user, password, &made, why);
  if (code == HC_OK) put_proxy(c, kind, made);
  return code;
}

/* Both kinds, each with a reference of its own: whichever the origin's scheme asks for. */
void hc_client_use_proxy(hc_client *c, hc_proxy *proxy) {
  if (proxy) hc_proxy_retain(proxy);
  put_proxy(c, HC_PROXY_HTTP, proxy);
  if (proxy) hc_proxy_retain(proxy);
  put_proxy(c, HC_PROXY_HTTPS, proxy);
}

/* The size is that of the caller's hc_proxy_settings, which may be older than this library, or
 * newer; what is newer is refused if it is set, since nobody here would heed it. */
hc_error hc_client_set_proxy_url_sized(hc_client *c, hc_slice url,
                                       const hc_proxy_settings *settings, size_t size,
                                       hc_failure *why) {
  hc_proxy_settings known;
  hc_proxy *made = NULL;
  if (!settings) memset(&known, 0, sizeof known);
  else if (!hc_sized_read(&known, sizeof known, settings, size))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the proxy's settings ask for what this version does not have");
  if (url.size == 0) {
    hc_client_forget_proxies(c);
    return HC_OK;
  }
  hc_error code = hc_proxy_from_url(url, &known, &made, why);
  if (code != HC_OK) return code;
  hc_client_use_proxy(c, made);
  hc_proxy_release(made);
  return HC_OK;
}

/* The one that the present connection goes through, not the one that was set since. */
hc_slice hc_client_proxy(const hc_client *c) {
  const hc_connection *n = c->place.connection;
  return n && n->proxy && n->state != HC_CONNECTION_CLOSED ? n->proxy->shown : HC_SLICE("");
}

/* --- start */

/* What the route refuses leaves the client closed, as if it had never begun. */
static hc_error start_client_connect(hc_client *c, const hc_connection_wish *wish,
                                     hc_failure *why) {
  if (!hc_client_has_place(c)) return hc_failure_out_of_memory(why);
  c->is_clear = false;
  hc_error code = hc_connection_open(c->place.connection, wish, why);
  if (code != HC_OK) {
    hc_client_clear(c);
    return code;
  }
  bool looks_up = hc_connection_phase(c->place.connection) == HC_PHASE_LOOKUP;
  c->status = looks_up ? HC_STATUS_RESOLVING : HC_STATUS_CONNECTING;
  hc_place_notice(&c->place);
  return HC_OK;
}

/* The origin, with the port that is usual where `port` is 0. Views alone: the connection copies
 * what it keeps. */
static hc_error wish_for(const hc_client *c, hc_host origin, unsigned port,
                         hc_connect_security security, hc_tls_options *options,
                         hc_connection_wish *wish, hc_failure *why) {
  if (origin.scheme == 1 && security == HC_CONNECT_TLS)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "host: \"http://\" contradicts the wish for TLS");
  bool is_secure = security == HC_CONNECT_TLS || origin.scheme == 2;
  *wish = (hc_connection_wish){.options = options,
                               .head_limit = c->settings.max_header_size,
                               .connect_timeout = c->settings.connect_timeout,
                               .transcript = c->settings.transcript};
  wish->way.version = c->settings.version;
  wish->way.host = origin.text;
  wish->way.port = port != 0 ? port : is_secure ? 443 : 80;
  wish->way.security = is_secure ? HC_SECURITY_TLS : HC_SECURITY_PLAIN;
  return HC_OK;
}

/* -1 is the engine's word for the port that the scheme says. */
static hc_error check_port_client(long long port, hc_failure *why) {
  if (port == -1 || (port >= 1 && port <= 65535)) return HC_OK;
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "port %lld is not from 1 to 65535, nor -1",
                        port);
}

/* A name that is not ASCII becomes one here already (RFC 5890), so that lookup, certificate, Host
 * and the proxy all get the same. `space` has that name until the connection has its copy. */
static hc_error connect_anew(hc_client *c, hc_slice host, long long port,
                             hc_connect_security security, hc_tls_options *options,
                             hc_failure *why) {
  hc_client_clear(c);
  hc_host parsed;
  hc_buffer space = {0};
  hc_connection_wish wish;
  hc_dial_terms terms;
  unsigned usual = port == -1 ? 0 : (unsigned)port;
  hc_error code = hc_idn_host_parse(host, &space, &parsed, why);
  if (code == HC_OK) code = wish_for(c, parsed, usual, security, options, &wish, why);
  if (code == HC_OK) code = check_port_client(port, why);
  if (code == HC_OK) code = hc_client_add_reach(c, &wish, &terms, why);
  if (code == HC_OK) {
    bool is_secure = wish.way.security == HC_SECURITY_TLS;
    wish.proxy = c->proxies[is_secure ? HC_PROXY_HTTPS : HC_PROXY_HTTP];
    code = start_client_connect(c, &wish, why);
  }
  hc_buffer_free(&space);
  return code;
}

/* A path says where, and no name: the host is for the Host field, which HTTP/1.1 demands (RFC 9112
 * section 3.2), and for the certificate. No proxy can reach a socket of this machine's files. */
static hc_error connect_unix_anew(hc_client *c, hc_slice path, hc_slice host,
                                  hc_connect_security security, hc_tls_options *options,
                                  hc_failure *why) {
  hc_client_clear(c);
  hc_host parsed;
  unsigned port = 0;
  hc_buffer space = {0};
  hc_connection_wish wish;
  if (host.size == 0) host = HC_SLICE("localhost");
  hc_error code = hc_unix_path_check(path, why);
  if (code == HC_OK) code = hc_idn_endpoint_parse(host, &space, &parsed, &port, why);
  if (code == HC_OK && parsed.text.size == 0) parsed.text = HC_SLICE("localhost");
  if (code == HC_OK) code = wish_for(c, parsed, port, security, options, &wish, why);
  if (code == HC_OK) {
    wish.way.unix_path = path;
    code = start_client_connect(c, &wish, why);
  }
  hc_buffer_free(&space);
  return code;
}

/* To close what was before may call a stream of the host's, hence begin and end around all of it.
 */
hc_error hc_client_connect(hc_client *c, hc_slice host, long long port,
                           hc_connect_security security, hc_tls_options *options, hc_failure *why) {
  if (c->at_work) return hc_client_refuse(why);
  hc_client_begin(c);
  hc_error code = connect_anew(c, host, port, security, options, why);
  hc_client_end(c);
  return code;
}

hc_error hc_client_connect_unix(hc_client *c, hc_slice path, hc_slice host,
                                hc_connect_security security, hc_tls_options *options,
                                hc_failure *why) {
  if (c->at_work) return hc_client_refuse(why);
  hc_client_begin(c);
  hc_error code = connect_unix_anew(c, path, host, security, options, why);
  hc_client_end(c);
  return code;
}

/* --- beside another client */

/* One that is still connecting counts: who joins it saves the handshake. */
static bool takes_requests(const hc_connection *n) {
  return n && (n->state == HC_CONNECTION_CONNECTING || n->state == HC_CONNECTION_OPEN);
}

/* Is its descriptor another poller's than the seat is? */
static bool is_watched_elsewhere(const hc_connection *n, const hc_seat *hook) {
  for (const hc_place *p = n->places; hook && p; p = p->next)
    if (p->seat && p->seat->owner != hook->owner) return true;
  return false;
}

/* The filter of the other client is asked for its connection while that is made. It belongs
 * to that client, and could not be asked any more when only this one is left. */
hc_error hc_client_join(hc_client *c, const hc_client *other, hc_failure *why) {
  hc_connection *n = other->place.connection;
  if (c->at_work || other->at_work || c == other) return hc_client_refuse(why);
  if (!takes_requests(n))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the other client has no connection that takes requests");
  if (n->walk && hc_walk_asks(n->walk))
    return hc_failure_set(why, HC_ERR_BUSY,
                          "the other client's address filter may yet be asked: join it later");
  if (is_watched_elsewhere(n, c->place.seat))
    return hc_failure_set(why, HC_ERR_ALREADY_IN_USE, "the other client is in another poller");
  hc_connection_retain(n);
  hc_client_begin(c);
  hc_client_clear(c);
  if (c->place.connection) hc_connection_leave(&c->place);
  hc_connection_join(n, &c->place);
  hc_connection_release(n);
  c->is_clear = false;
  c->status = n->state == HC_CONNECTION_OPEN ? HC_STATUS_CONNECTED : other->status;
  hc_place_notice(&c->place);
  hc_client_end(c);
  return HC_OK;
}

/* By the status, which is what the user sees: a connection that is still being made, or has ended,
 * speaks nothing yet or any more. */
static bool has_connection(const hc_client *c) {
  return c->status == HC_STATUS_CONNECTED || c->status == HC_STATUS_REQUESTING ||
         c->status == HC_STATUS_BODY;
}

int hc_client_spoken_version(const hc_client *c) {
  if (!has_connection(c)) return 0;
  return c->place.connection->protocol->major_version == 1 ? 11 : 20;
}

/* Until the server's SETTINGS are in, it may turn out to take a single request at a time (RFC 9113
 * section 6.5.2), hence SETTLING. */
hc_sharing hc_client_sharing(const hc_client *c) {
  const hc_connection *n = c->place.connection;
  if (!has_connection(c) || n->protocol->major_version == 1) return HC_SHARING_NONE;
  if (n->state != HC_CONNECTION_OPEN) return HC_SHARING_ENDING;
  return hc_connection_is_settled(n) ? HC_SHARING_OPEN : HC_SHARING_SETTLING;
}

/* How many requests may be begun now on this connection, by whichever client. */
size_t hc_client_free_streams(const hc_client *c) {
  return has_connection(c) ? hc_connection_room(c->place.connection) : 0;
}
