/* trust.h - where the system, and who runs the program, say whom to trust: authorities that are in
 * a store of the system's own, not in a file, and the environment. */
#ifndef HC_TRUST_H
#define HC_TRUST_H

#include <stdbool.h>

#include "../base/internal.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

/* What each certificate is given to, in DER. False: it takes no more. */
typedef bool (*hc_trust_taker)(void *context, hc_slice certificate);

/* Gives all that are trusted as roots to `take`; none where they are in files, or the store can't
 * be read. False when `take` has said so. The bytes are a view that lasts for the one call. Runs on
 * the thread that fills a store (stream/tls/tls_store.c). */
bool hc_trust_each(hc_trust_taker take, void *context);

/* A variable of the environment; NULL where there is none, and in a program that runs with more
 * rights than who started it. */
const char *hc_trust_variable(const char *name);

HC_INTERNAL_END

#endif
