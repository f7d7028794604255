/* connector.h - the race over a host's addresses (RFC 8305): families interleaved, a new attempt
 * every 250 ms or as soon as the last one has failed, the first to connect wins and the others are
 * closed.
 *
 * A race belongs to one stream and one thread. It sends nothing, so an attempt that loses costs a
 * server a connection that was opened and closed. */
#ifndef HC_CONNECTOR_H
#define HC_CONNECTOR_H

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/io.h"
#include "../platform/socket.h"

HC_INTERNAL_BEGIN

typedef struct hc_connector hc_connector;

/* Copies the addresses and starts the first attempt that does not fail at once. Failures of
 * attempts show in poll only. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_connector_start(const hc_address *addresses, size_t count, uint64_t now,
                            hc_connector **out, hc_failure *why);
/* The same, with sockets that are bound to the address `local`, of the same family as the others.
 * NULL: the system chooses. */
hc_error hc_connector_start_from(const hc_address *local, const hc_address *addresses, size_t count,
                                 uint64_t now, hc_connector **out, hc_failure *why);
/* OK: *connected is the caller's now. WANT_WRITE: attempts are under way. ERROR: all failed; `why`
 * holds the first attempt's reason with its address ("connection refused by 127.0.0.1 port 80"),
 * code HC_ERR_CANT_CONNECT. */
hc_io hc_connector_poll(hc_connector *c, uint64_t now, hc_socket *connected, hc_failure *why);
/* The one descriptor to watch for the given events: the only attempt's socket, or a group over
 * several. *deadline is when poll must be called even without an event. *fd is HC_NO_HANDLE when
 * only the deadline counts. */
void hc_connector_interest(hc_connector *c, hc_handle *fd, unsigned *events, uint64_t *deadline);
/* Closes what is under way. NULL is fine. */
void hc_connector_delete(hc_connector *c);

HC_INTERNAL_END

#endif
