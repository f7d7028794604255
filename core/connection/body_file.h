/* body_file.h - content on its way to a writer or a file, in the kernel where that is possible.
 *
 * On the way of a byte this stands where otherwise a reader takes a view: it looks at the exchange
 * (or at what decodes its content), hands on what is there, and consumes what was taken. It knows
 * neither client nor protocol. */
#ifndef HC_BODY_FILE_H
#define HC_BODY_FILE_H

#include "../base/internal.h"
#include "../httpclient.h"
#include "decoded_body.h"
#include "exchange.h"

HC_INTERNAL_BEGIN

/* One transfer: zeroed but for where it goes to. Nothing stays in the pipe between two of its
 * steps: what the file does not take goes back to the exchange, where the plain way finds it, and
 * why the file does not take it. */
typedef struct hc_body_transfer {
  hc_body_writer write;    /* NULL: to `file` */
  void *context;
  hc_decoded_body *content; /* NULL: as it travels */
  hc_pump pump;            /* its file, where there is no writer, and how much has moved */
  hc_failure refusal;      /* of the writer or the file; code HC_OK: none */
} hc_body_transfer;

/* Moves what is there, within a budget. MOVED: more may be there, or the file has refused; WAIT;
 * DONE: that was all of the body; BROKEN: the connection's fault. */
hc_progress hc_body_transfer_advance(hc_body_transfer *t, hc_exchange *x, hc_failure *why);
void hc_body_transfer_end(hc_body_transfer *t, hc_exchange *x);

HC_INTERNAL_END

#endif
