/* httpclient.h - the public C API: a non-blocking HTTP/1.1 client (RFC 9110, RFC 9112) over TCP, TLS or any stream.
 *
 * A client does nothing behind the caller's back: every step happens in hc_client_poll, in a read, or in a wait. Only
 * names are looked up on worker threads. A client, its streams and its TLS options belong to one thread at a time.
 * While a call runs a body function, a writer or a stream of the host's, that client is at work: what asks about it can be
 * called out of there, while all that would change it does nothing, and returns HC_ERR_BUSY where it returns an error.
 * Other clients can be used.
 * Functions that can fail return hc_error; where they take `why`, it gets a code and a sentence. */
#ifndef HTTPCLIENT_H
#define HTTPCLIENT_H

#include "connection/body_source.h"
#include "connection/body_writer.h"
#include "connection/settings.h"
#include "http/fields.h"
#include "http/request.h"
#include "stream/stream_peer.h"
#include "stream/stream_peer_tcp.h"
#include "stream/tls/stream_peer_tls.h"
#include "stream/tls/tls_options.h"
#include "base/version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hc_client hc_client;

typedef enum hc_status {
  HC_STATUS_DISCONNECTED = 0,
  HC_STATUS_RESOLVING = 1,            /* the host's name is being looked up */
  HC_STATUS_CANT_RESOLVE = 2,
  HC_STATUS_CONNECTING = 3,           /* TCP, proxy tunnel or TLS handshake under way */
  HC_STATUS_CANT_CONNECT = 4,
  HC_STATUS_CONNECTED = 5,            /* ready for a request */
  HC_STATUS_REQUESTING = 6,           /* the request is going out, or its answer's head is awaited */
  HC_STATUS_BODY = 7,                 /* the head is in; the body can be read */
  HC_STATUS_CONNECTION_ERROR = 8,
  HC_STATUS_TLS_HANDSHAKE_ERROR = 9
} hc_status;

/* "CONNECTED" ...; "?" outside the enum. */
const char *hc_status_name(hc_status status);

/* A closed client; NULL when memory is out. */
hc_client *hc_client_new(void);
/* Lets everything go, in any state. A stream that somebody else retains stays open. NULL is fine. One that is at work stays
 * as it is: delete it after that call. */
void hc_client_delete(hc_client *c);
/* Is a call of this client running now? */
bool hc_client_is_at_work(const hc_client *c);

/* --- settings; they may change at any time and count from the next step on --------------------------------------- */

/* The live settings, to read and to write; valid as long as the client. Values out of range are the caller's bug. */
hc_settings *hc_client_get_settings(hc_client *c);

typedef enum hc_proxy_kind {
  HC_PROXY_HTTP,   /* for plain requests: absolute form (RFC 9112 section 3.2.2) */
  HC_PROXY_HTTPS   /* for TLS: a CONNECT tunnel (RFC 9110 section 9.3.6) */
} hc_proxy_kind;

/* From the next connect on. `host` "" or port -1: no proxy. `user` may be empty: no credentials (else Basic, RFC 7617).
 * HC_ERR_INVALID_PARAMETER (the old setting stays), HC_ERR_OUT_OF_MEMORY. */
hc_error hc_client_set_proxy(hc_client *c, hc_proxy_kind kind, hc_slice host, long long port, hc_slice user,
                             hc_slice password, hc_failure *why);

/* --- connection ---------------------------------------------------------------------------------------------------- */

typedef enum hc_connect_security {
  HC_CONNECT_PLAIN,  /* no TLS, unless `host` starts with https:// */
  HC_CONNECT_TLS     /* TLS; `host` starting with http:// is a contradiction and refused */
} hc_connect_security;

/* Closes what is open and starts to connect. port -1: 80, or 443 with TLS. `options` (retained) counts where TLS is used;
 * NULL: verify against the system's store. HC_ERR_INVALID_PARAMETER for a bad host or port (the client is closed then,
 * as after any call of connect), HC_ERR_OUT_OF_MEMORY. What the network does shows in poll. */
hc_error hc_client_connect(hc_client *c, hc_slice host, long long port, hc_connect_security security,
                           hc_tls_options *options, hc_failure *why);
/* Ends the connection in any state and forgets response and failure. */
void hc_client_close(hc_client *c);
/* Closes the present connection and goes on over `peer` (retained), CONNECTED. NULL: only closes. */
hc_error hc_client_set_stream(hc_client *c, hc_stream_peer *peer);
/* The stream in use, not retained; NULL. After a 101 or a CONNECT answer it gives the bytes behind the head first. */
hc_stream_peer *hc_client_get_stream(const hc_client *c);

hc_status hc_client_get_status(const hc_client *c);
/* Code and sentence of the failure that the client's error state stands for; code HC_OK and "" outside them. */
const hc_failure *hc_client_last_error(const hc_client *c);

/* Advances as far as it can without waiting (blocking mode: in REQUESTING until the head is in). HC_OK,
 * HC_ERR_UNCONFIGURED in DISCONNECTED, HC_ERR_CANT_RESOLVE, HC_ERR_CANT_CONNECT, HC_ERR_CONNECTION_ERROR in the error
 * states, and HC_ERR_TIMEOUT the one time that a timeout has been found. */
hc_error hc_client_poll(hc_client *c);

/* --- request ------------------------------------------------------------------------------------------------------- */

typedef struct hc_client_request_spec {
  int method;             /* hc_method */
  hc_slice method_token;  /* for HC_METHOD_OTHER, "PROPFIND"; the name of one of the nine stands for its number */
  hc_slice url;
  const hc_slice *lines;  /* "Name: value" */
  size_t line_count;
  hc_body_source body;
  bool raw;               /* send the body for every method; else it is ignored for GET */
} hc_client_request_spec;

/* Valid in CONNECTED: writes the head, queues, returns at once. HC_ERR_INVALID_PARAMETER with the offending part in `why`,
 * nothing sent and the last response kept; HC_ERR_OUT_OF_MEMORY. */
hc_error hc_client_request(hc_client *c, const hc_client_request_spec *spec, hc_failure *why);
/* The pull has something again, after it gave empty data: the next poll asks, however long it would have left it in peace (a
 * millisecond at first, then longer and longer, up to 50). Also from within a callback. */
void hc_client_resume_body(hc_client *c);
bool hc_client_sends_body(const hc_client *c);     /* is there content of the present request that is not read to its end? */
uint64_t hc_client_body_sent(const hc_client *c);  /* content bytes of the present request handed to the stream */

/* --- response ------------------------------------------------------------------------------------------------------ */

bool hc_client_has_response(const hc_client *c);
/* Has a byte of the last request's answer come? If not, and the connection had been used before, the server may never have
 * seen the request (RFC 9110 section 9.2.2). */
bool hc_client_has_response_begun(const hc_client *c);
/* Has the last response been read to its end? True as well when its connection has failed since. */
bool hc_client_response_is_complete(const hc_client *c);
int hc_client_response_code(const hc_client *c);                 /* 0 before */
hc_slice hc_client_response_reason(const hc_client *c);          /* the reason phrase, may be empty */
bool hc_client_response_is_chunked(const hc_client *c);
int64_t hc_client_response_body_length(const hc_client *c);      /* -1 unknown or chunked, 0 when there can be none */
int64_t hc_client_announced_length(const hc_client *c);          /* what Content-Length says, to HEAD too; -1 without */
const hc_headers *hc_client_response_headers(const hc_client *c);  /* empty before; see http/fields.h */
const hc_headers *hc_client_response_trailers(const hc_client *c);
uint64_t hc_client_body_received(const hc_client *c);            /* content bytes taken off the stream and handed out */

/* *view gets up to read_chunk_size bytes of content, or none when nothing is there (or the status is not BODY). They stay
 * until hc_client_body_consume says how many were used; a second peek before that gives the same bytes. The end, or an
 * error, shows in the status after the consume that takes the last byte, or after a peek that finds no byte. */
void hc_client_body_peek(hc_client *c, hc_slice *view);
void hc_client_body_consume(hc_client *c, size_t size);  /* more than a view could have: all of that */
/* Are these still the next bytes of content, `received` of them having been taken before? For a caller who copied a view and
 * has run code since that may have read or closed: cheaper than another peek. */
bool hc_client_body_is_next(const hc_client *c, hc_slice bytes, uint64_t received);

/* Takes content to a writer until no more is there (blocking mode: until the end). *moved counts, on failure too. */
hc_error hc_client_body_to_writer(hc_client *c, hc_body_writer write, void *context, uint64_t *moved, hc_failure *why);
/* The same into a file descriptor, in the kernel where the platform can. */
hc_error hc_client_body_to_file(hc_client *c, int file, uint64_t *moved, hc_failure *why);

/* With the setting in_slices: has the last poll or read in blocking mode come back before it was done, because it had taken
 * long enough? It goes on when it is called once more: a head, and what has come of a view, is kept; what a writer or file has
 * got counts in *moved. So a host can do something else in between, twice a second at the least. */
bool hc_client_is_unfinished(const hc_client *c);

/* --- waiting ------------------------------------------------------------------------------------------------------- */

/* What poll (or in BODY a read) waits for now: for a loop of the caller's own. Who has asked can watch the descriptor alone: as
 * long as this connection lasts, reads of a plain body take no more off it than they hand out. Over TLS, and of a body in
 * chunks, more may lie in the client; then `ready` says so. */
void hc_client_interest(hc_client *c, hc_interest *out);
/* Sleeps until poll can do something, or `seconds` (negative: no end) are over; then polls. *ready tells the two apart. */
hc_error hc_client_wait(hc_client *c, double seconds, bool *ready);
/* One sleep for several clients; those that were ready are polled and marked. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_client_wait_any(hc_client *const *clients, size_t count, double seconds, bool *ready);

#ifdef __cplusplus
}
#endif

#endif
