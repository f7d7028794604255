/* x509.h - certificates and keys: PEM in, PEM out. Most of it is public: tls.h.
 *
 * Counted objects around what the library has (tls_library.h). Empty ones are valid, and what can't
 * be done with them says so. Used by one thread at a time. */
#ifndef HC_X509_H
#define HC_X509_H

#include "../../base/buffer.h"
#include "../../base/internal.h"
#include "../../tls.h"

HC_INTERNAL_BEGIN

/* Appends the PEM of all. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_certificates_save_text(const hc_certificates *c, hc_buffer *out, hc_failure *why);
hc_error hc_key_save_text(const hc_key *k, hc_key_half half, hc_buffer *out, hc_failure *why);

HC_INTERNAL_END

#endif
