/* dial_terms.h - what a caller asks of the addresses to connect to: of which family, from where,
 * and which of them may be. It is asked between the lookup and the race (connector.h). */
#ifndef HC_DIAL_TERMS_H
#define HC_DIAL_TERMS_H

#include "../base/error.h"
#include "../base/internal.h"
#include "../httpclient.h"
#include "../platform/address.h"

HC_INTERNAL_BEGIN

/* All zero: none. `context` goes to `allow` as it is. The filter runs on the thread of the client,
 * in the middle of a connect, and must neither wait nor come back to that client. */
typedef struct hc_dial_terms {
  unsigned family; /* 4 or 6; 0: any */
  hc_address local; /* to connect from; size 0: the system chooses */
  hc_address_filter allow; /* NULL: all are allowed */
  void *context;
} hc_dial_terms;

bool hc_dial_terms_are_set(const hc_dial_terms *terms);
/* Leaves in the array what the terms admit, in its order; `allow` is asked for each of those, once.
 * HC_ERR_CANT_CONNECT: none is of the family. HC_ERR_UNAUTHORIZED: all are refused; the first one
 * is named. Otherwise what `allow` failed with. */
hc_error hc_dial_terms_apply(const hc_dial_terms *terms, hc_address *addresses, size_t *count,
                             hc_failure *why);

HC_INTERNAL_END

#endif
