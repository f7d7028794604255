/* protocol.h - what differs between the versions of HTTP: a table of functions, which a connection
 * gets once, by ALPN or by what the caller knows of the server.
 *
 * A connection calls the first half, whoever has an exchange the second, by way of connection.h
 * and exchange.h. All of them say what happened (progress.h), and none blocks unless the
 * exchange's settings ask for that. */
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
  const hc_settings *settings;  /* of whoever asks: live, as long as the exchange is under way */
  const hc_request *request;
  const hc_body_source *body;   /* taken over when the exchange is opened */
} hc_exchange_wish;

/* What is left of the content to send. */
typedef enum hc_upload {
  HC_UPLOAD_NONE,   /* nothing: there was none, or its source has come to its end */
  HC_UPLOAD_OURS,   /* a string, a file */
  /* a function of the host's is asked for it: an advance runs code that is not ours */
  HC_UPLOAD_HOSTS
} hc_upload;

typedef struct hc_protocol {
  int major_version;
  bool takes_for_all;  /* its advance takes what has come, whosever it is */

  /* --- the connection, whose stream is usable */

  /* The descriptor has an event: takes what came, where that is not left to the exchanges, and
   * notices the places for which something may have changed (place.h). */
  void (*advance)(hc_connection *n);
  /* Asked by one who has nothing under way. DONE: all is as it should be. BROKEN: the server has
   * ended the connection, or sends what nobody asked for. */
  hc_progress (*check)(hc_connection *n, hc_failure *why);
  /* How many more exchanges it takes now. */
  size_t (*room)(const hc_connection *n);
  /* Begins one. HC_ERR_INVALID_PARAMETER: the request can't be sent; HC_ERR_OUT_OF_MEMORY.
   * Nothing has changed then, the answer of the last one included, and the body is still the
   * caller's. */
  hc_error (*open)(hc_connection *n, const hc_exchange_wish *wish, hc_exchange **out,
                   hc_failure *why);
  /* What the connection waits for, as seen by whoever has `x` (NULL: none) on it; what that
   * exchange adds is its times and what needs no waiting. In `out` stands what the stream says. */
  void (*interest)(const hc_connection *n, const hc_exchange *x, hc_interest *out);
  /* The connection ends, and all that is under way on it with it; answers stay. `stream` (NULL:
   * gone already) is closed afterwards. */
  void (*shut_down)(hc_connection *n, hc_stream_peer *stream);

  /* --- one exchange */

  /* From the request to the final head. DONE: the head is in. BROKEN: also when a timeout has
   * run out. */
  hc_progress (*exchange_advance)(hc_exchange *x, hc_failure *why);
  /* MOVED: *view holds content, which stays until consume says how much of it was used. WAIT;
   * DONE: that was all; BROKEN: the body is cut short. */
  hc_progress (*peek)(hc_exchange *x, hc_slice *view, hc_failure *why);
  /* More than a view could have: all of that. DONE: that was all of the body; MOVED. */
  hc_progress (*consume)(hc_exchange *x, size_t size);
  /* The content that a consume can take. */
  hc_slice (*held)(const hc_exchange *x);
  /* Without a read: has the idle timeout run out over a body that nobody sends on? BROKEN, else
   * WAIT. */
  hc_progress (*check_idle)(hc_exchange *x, hc_failure *why);
  /* Would a read give something, be it the end or an error? */
  bool (*is_readable)(hc_exchange *x);
  hc_upload (*upload)(const hc_exchange *x);
  /* The head of the request, as long as nothing of it has gone out; empty afterwards. NULL: a head
   * is no text here. */
  hc_slice (*queued_head)(const hc_exchange *x);
  /* Is there nothing to do but to receive the head, and can that receive sleep in the kernel
   * (wait_until)? NULL: never. */
  bool (*awaits_head)(const hc_exchange *x);
  /* The body's source has something again. False: there is none. */
  bool (*resume)(hc_exchange *x);
  /* It has failed, or nobody wants it any more: the other side is told where the wire has words
   * for that, else the connection ends with it (hc_connection_fail). */
  void (*cancel)(hc_exchange *x, const hc_failure *why);
  /* Its user leaves it, ended as it is. */
  void (*forget)(hc_exchange *x);
  /* The answer was read to its end. BROKEN: what stands behind an upgrade can't be given back to
   * the stream, no memory. */
  hc_progress (*finish)(hc_exchange *x, hc_failure *why);

  /* --- its content into a file, through the kernel; NULL where that is never possible */

  /* Is it worth that, and possible, for what comes next? */
  bool (*can_pump)(hc_exchange *x, hc_pump *pump);
  /* At most so many bytes. As peek with a consume behind it; what is moved is added to the pump's. */
  hc_progress (*pump)(hc_exchange *x, hc_pump *pump, uint64_t most, hc_failure *why);
  void (*end_pump)(hc_exchange *x, hc_pump *pump);
} hc_protocol;

HC_INTERNAL_END

#endif
