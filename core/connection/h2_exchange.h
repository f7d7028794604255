/* h2_exchange.h - one request and its answer on an HTTP/2 connection: a stream of its session, and
 * where the content that is sent comes from. There can be many on a connection; each is allocated
 * when it is opened, and freed when its user leaves it. */
#ifndef HC_H2_EXCHANGE_H
#define HC_H2_EXCHANGE_H

#include "../base/internal.h"
#include "../http2/h2_session.h"
#include "exchange.h"
#include "supply.h"

HC_INTERNAL_BEGIN

typedef enum hc_h2_upload {
  HC_H2_UPLOAD_NONE,       /* all is sent, or given up */
  HC_H2_UPLOAD_EXPECTING,  /* the content waits for a 100 (Continue) */
  HC_H2_UPLOAD_MOVING
} hc_h2_upload;

typedef struct hc_h2_exchange {
  hc_exchange common;      /* first: others point here */
  hc_answer answer;
  hc_headers trailers;     /* of an exchange that has ended */
  hc_h2_stream stream;
  hc_request_head announced;
  hc_supply supply;
  hc_h2_upload upload;
  bool source_ended;       /* nothing more comes from the supply */
  uint64_t continue_deadline;
  int method;
  unsigned seen;           /* arrivals that have been accounted for */
  bool is_awaited;         /* all is sent: the response timeout runs */
} hc_h2_exchange;

/* Opens a stream for the request on the session; the body is taken over. See protocol.h. */
hc_error hc_h2_exchange_open(hc_connection *n, hc_h2_session *session, const hc_exchange_wish *wish,
                             hc_exchange **out, hc_failure *why);

/* --- what can be seen without a step: h2_news.c */

/* Does the next look at it move bytes? */
bool hc_h2_moves(const hc_exchange *x);
/* Has something come, or become possible, since its user last looked? */
bool hc_h2_has_news(const hc_exchange *x);
/* What it adds to what its connection waits for. */
void hc_h2_times(const hc_exchange *x, hc_interest *out);
/* The whole request has left. */
bool hc_h2_is_all_out(const hc_h2_exchange *h);
/* Is it the turn of the body's source? */
bool hc_h2_wants_piece(const hc_h2_exchange *h);
/* Content bytes that have left. */
uint64_t hc_h2_count_sent(const hc_h2_exchange *h);
/* Is the final head in, and known to be all right? */
bool hc_h2_is_presentable(const hc_h2_exchange *h);

/* --- h2_exchange.c */

/* For the table, see protocol.h. */
hc_progress hc_h2_exchange_advance(hc_exchange *x, hc_failure *why);
hc_progress hc_h2_peek(hc_exchange *x, hc_slice *view, hc_failure *why);
hc_progress hc_h2_consume(hc_exchange *x, size_t size);
hc_slice hc_h2_held(const hc_exchange *x);
hc_progress hc_h2_check_idle(hc_exchange *x, hc_failure *why);
bool hc_h2_is_readable(hc_exchange *x);
hc_upload hc_h2_upload_of(const hc_exchange *x);
bool hc_h2_resume(hc_exchange *x);
void hc_h2_cancel(hc_exchange *x, const hc_failure *why);
hc_progress hc_h2_finish(hc_exchange *x, hc_failure *why);
void hc_h2_forget(hc_exchange *x);

HC_INTERNAL_END

#endif
