/* protocol.h - what differs between the versions of HTTP, as a table of functions. A connection
 * gets its table once, from ALPN or from what the caller knows about the server.
 *
 * The connection calls the first half (through connection.h), and the owner of an exchange the
 * second (through exchange.h). Every function returns what happened (progress.h), and none blocks
 * unless the exchange's settings ask for it. */
#ifndef HC_PROTOCOL_H
#define HC_PROTOCOL_H

#include "../base/internal.h"
#include "../http/request.h"
#include "../stream/stream_peer.h"
#include "body_source.h"
#include "progress.h"
#include "pump.h"
#include "settings.h"

HC_INTERNAL_BEGIN

typedef struct hc_connection hc_connection;
typedef struct hc_exchange hc_exchange;
typedef struct hc_place hc_place;

/* What an exchange is made of. */
typedef struct hc_exchange_wish {
  const hc_settings *settings; /* the client's own, which may change during the exchange */
  const hc_request *request;
  const hc_body_source *body; /* taken over when the exchange is opened */
} hc_exchange_wish;

/* What is left of the content to send. */
typedef enum hc_upload {
  HC_UPLOAD_NONE, /* nothing: there was no content, or all of it is read */
  HC_UPLOAD_OURS, /* a string, a file */
  /* it comes from a function of the host's, so an advance runs code that is not ours */
  HC_UPLOAD_HOSTS
} hc_upload;

typedef struct hc_protocol {
  int major_version;
  bool takes_for_all; /* one advance reads for all exchanges on the connection */

  /* --- the connection, once its stream is usable */

  /* The descriptor has an event: reads what came, unless that is left to the exchanges, and marks
   * the places for which something may have changed (place.h). */
  void (*advance)(hc_connection *n);
  /* Called by a client with nothing under way. DONE: the connection is fine. BROKEN: the server has
   * ended it, or sent something that nobody asked for. */
  hc_progress (*check)(hc_connection *n, hc_failure *why);
  /* How many more exchanges it takes now. */
  size_t (*room)(const hc_connection *n);
  /* Begins one. HC_ERR_INVALID_PARAMETER: the request can't be sent; HC_ERR_OUT_OF_MEMORY.
   * After an error nothing has changed: the last answer is still there, and the body still belongs
   * to the caller. */
  hc_error (*open)(hc_connection *n, const hc_exchange_wish *wish, hc_exchange **out,
                   hc_failure *why);
  /* What the connection waits for, from the view of the owner of `x` (NULL: none). The exchange
   * adds its deadlines, and whether it can go on without waiting. `out` already has what the stream
   * waits for. */
  void (*interest)(const hc_connection *n, const hc_exchange *x, hc_interest *out);
  /* The connection ends, and with it everything under way; answers stay. The caller closes `stream`
   * (NULL: gone already) afterwards. */
  void (*shut_down)(hc_connection *n, hc_stream_peer *stream);

  /* --- one exchange */

  /* From the request to the final head. DONE: the head is there. BROKEN: also when a timeout has
   * run out. */
  hc_progress (*exchange_advance)(hc_exchange *x, hc_failure *why);
  /* MOVED: *view shows content, which stays until consume is told how much of it was used. WAIT.
   * DONE: the body is over. BROKEN: it is cut short. */
  hc_progress (*peek)(hc_exchange *x, hc_slice *view, hc_failure *why);
  /* A size larger than the view means all of it. DONE: that was the end of the body. MOVED. */
  hc_progress (*consume)(hc_exchange *x, size_t size);
  /* The content that consume could take now. */
  hc_slice (*held)(const hc_exchange *x);
  /* Without reading: BROKEN if the idle timeout has run out while the server sent nothing of the
   * body, else WAIT. */
  hc_progress (*check_idle)(hc_exchange *x, hc_failure *why);
  /* Would a read return at once, with content, the end or an error? */
  bool (*is_readable)(hc_exchange *x);
  hc_upload (*upload)(const hc_exchange *x);
  /* Is receiving the head all that is left to do, and can that receive sleep in the kernel
   * (wait_until)? NULL in the table: never. */
  bool (*awaits_head)(const hc_exchange *x);
  /* The body's source has more now. False: there is no such source. */
  bool (*resume)(hc_exchange *x);
  /* The exchange has failed, or nobody wants it any more. The server is told if the protocol has a
   * way to say so; otherwise the connection ends with it (hc_connection_fail). */
  void (*cancel)(hc_exchange *x, const hc_failure *why);
  /* The owner of a finished exchange lets go of it. NULL in the table: it is a part of its
   * connection, and stays. */
  void (*forget)(hc_exchange *x);
  /* The answer was read to its end. BROKEN: memory is out, so the bytes behind an upgrade can't be
   * given back to the stream. */
  hc_progress (*finish)(hc_exchange *x, hc_failure *why);

  /* --- its content into a file, inside the kernel; NULL where that is never possible */

  /* Is it possible, and worth it, for what comes next? */
  bool (*can_pump)(hc_exchange *x, hc_pump *pump);
  /* Moves at most `most` bytes and adds to the pump's count; the results of a peek that is followed
   * by a consume. */
  hc_progress (*pump)(hc_exchange *x, hc_pump *pump, uint64_t most, hc_failure *why);
  void (*end_pump)(hc_exchange *x, hc_pump *pump);
} hc_protocol;

HC_INTERNAL_END

#endif
