/* client.h - what the bindings use of a client beyond the public API: its settings and fields as
 * they are in memory.
 *
 * httpclient.h hides these so that they may change; whoever is built together with the core need
 * not ask field by field. */
#ifndef HC_CLIENT_H
#define HC_CLIENT_H

#include "../base/internal.h"
#include "../connection/answer.h"
#include "../connect/proxy.h"
#include "../connection/body_source.h"
#include "../connection/settings.h"
#include "../http/fields.h"
#include "../http/request.h"
#include "../httpclient.h"
#include "../stream/stream_peer.h"
#include "../stream/stream_peer_tcp.h"
#include "../stream/tls/stream_peer_tls.h"
#include "../stream/tls/tls_options.h"

HC_INTERNAL_BEGIN

/* The settings in use, to read and to write, as long as the client lives. A value out of range is
 * the caller's bug. */
hc_settings *hc_client_get_settings(hc_client *c);
/* All of them, but for the transcript, which is each client's own. */
void hc_client_copy_settings(hc_client *to, const hc_client *from);
/* "" when the system chooses. */
void hc_client_get_local_address(const hc_client *c, char text[HC_ADDRESS_SPACE]);
/* An empty host and port 0 where none is set. A view that lives until the next set. */
void hc_client_get_connect_to(const hc_client *c, hc_slice *host, unsigned *port);
/* Empty before there is a response. */
const hc_headers *hc_client_response_headers(const hc_client *c);
const hc_headers *hc_client_response_trailers(const hc_client *c);
/* From now on the heads that pass are noted (http/transcript.h), until it ends. Before connecting
 * for those that a proxy gets, before the request for its own. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_client_begin_transcript(hc_client *c);
void hc_client_end_transcript(hc_client *c); /* what has not been taken is forgotten */
/* What a request that failed without an answer leaves to do. */
hc_retry hc_client_retry(const hc_client *c);
/* Whether others may stand on its connection, too. */
typedef enum hc_sharing {
  HC_SHARING_NONE, /* no connection, or HTTP/1.1 */
  HC_SHARING_SETTLING, /* the server has not said yet how many requests it takes at a time */
  HC_SHARING_OPEN,
  HC_SHARING_ENDING /* it takes no more */
} hc_sharing;
hc_sharing hc_client_sharing(const hc_client *c);
/* From now on the body is read with its content codings taken off (RFC 9110 section 8.4), where all
 * of them are known; content that is not coded, or in another way, stays as it is. Before the first
 * read alone. The length of the body and the bytes received stay those that travel; what can't be
 * decoded ends as HC_STATUS_CONNECTION_ERROR with HC_ERR_INVALID_DATA. HC_ERR_INVALID_DATA: too
 * many codings; HC_ERR_INVALID_PARAMETER, HC_ERR_OUT_OF_MEMORY, HC_ERR_BUSY. */
hc_error hc_client_decode_body(hc_client *c, hc_failure *why);
bool hc_client_decodes_body(const hc_client *c);
/* What moving content came to, besides its code. */
typedef struct hc_body_move {
  uint64_t moved; /* bytes that the file or the writer has got */
  bool is_over; /* there is no more of this content, be it whole or cut short */
} hc_body_move;
/* hc_client_body_to_writer and hc_client_body_to_file, for callers that need to know whether it is
 * over. */
hc_error hc_client_move_to_writer(hc_client *c, hc_body_writer write, void *context,
                                  hc_body_move *move, hc_failure *why);
hc_error hc_client_move_to_file(hc_client *c, hc_file file, hc_body_move *move, hc_failure *why);
/* Bytes of content that reads have taken, decoded where they decode. */
uint64_t hc_client_body_taken(const hc_client *c);
/* Are these still the next bytes of content, `taken` of them having been taken before? For a caller
 * who copied a view and has run code since that may have read or closed: cheaper than
 * another peek. */
bool hc_client_body_is_next(const hc_client *c, hc_slice bytes, uint64_t taken);

/* For all connections from the next on, retained; NULL: none. What it learns of the proxy counts
 * for all who use the same one. */
void hc_client_use_proxy(hc_client *c, hc_proxy *proxy);
/* The answer is a proxy's 407 that asks for Digest: the same request again, from now on by whoever
 * uses that proxy, has what was asked for. */
bool hc_client_can_satisfy_proxy(const hc_client *c);
/* Nothing of the last request has gone out, by HTTP/1.1. Where it has failed, its connection had
 * ended before. */
bool hc_client_is_untried(const hc_client *c);

HC_INTERNAL_END

#endif
