/* tls_options.h - how a TLS connection is to be made and verified, and the sessions it may resume.
 * Settings and options are public: tls.h.
 *
 * What the TLS library makes of options is made at the first connection, so that nothing of the
 * library starts before. */
#ifndef HC_TLS_OPTIONS_H
#define HC_TLS_OPTIONS_H

#include "../../base/internal.h"
#include "../../tls.h"

HC_INTERNAL_BEGIN

/* Is there TLS at all? HC_ERR_UNAVAILABLE in a build without. */
hc_error hc_tls_check(hc_failure *why);

/* Has the caller given a list of protocols, and is this name on it? */
bool hc_tls_options_have_alpn(const hc_tls_options *options);
bool hc_tls_options_offer(const hc_tls_options *options, hc_slice name);

hc_slice hc_tls_options_common_name_override(const hc_tls_options *o);   /* "" none */
hc_certificates *hc_tls_options_trusted_chain(const hc_tls_options *o);  /* not retained; NULL */

HC_INTERNAL_END

#endif
