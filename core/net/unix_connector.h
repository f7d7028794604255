/* unix_connector.h - the way to a Unix socket, whose server may have more callers than it takes at
 * once. */
#ifndef HC_UNIX_CONNECTOR_H
#define HC_UNIX_CONNECTOR_H

#include "../base/internal.h"
#include "../platform/unix_socket.h"

HC_INTERNAL_BEGIN

typedef struct hc_unix_connector hc_unix_connector;

/* Copies the path. HC_ERR_OUT_OF_MEMORY, or what is wrong with it (hc_unix_path_check). Nothing is
 * connected to before the first poll. */
hc_error hc_unix_connector_new(hc_slice path, hc_unix_connector **out, hc_failure *why);
/* OK: *connected is the caller's now. WANT_WRITE: not yet. ERROR: HC_ERR_CANT_CONNECT. */
hc_io hc_unix_connector_poll(hc_unix_connector *c, uint64_t now, hc_socket *connected,
                             hc_failure *why);
/* As hc_connector_interest. */
void hc_unix_connector_interest(const hc_unix_connector *c, hc_handle *fd, unsigned *events,
                                uint64_t *deadline);
/* Closes what is under way. NULL is fine. */
void hc_unix_connector_delete(hc_unix_connector *c); /* NULL is fine */

HC_INTERNAL_END

#endif
