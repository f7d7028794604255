/* trust_windows.c - the certificates that Windows trusts as roots: the machine's and the user's, as
 * one store. See trust.h. */
#include "system_windows.h"

#include "../trust.h"

#include <stdlib.h>
#include <wincrypt.h>

/* OpenSSL has types of these names, and stands behind this in a build of one file. */
#undef X509_NAME
#undef X509_EXTENSIONS
#undef PKCS7_ISSUER_AND_SERIAL
#undef PKCS7_SIGNER_INFO
#undef OCSP_REQUEST
#undef OCSP_RESPONSE

/* What may be used for which purpose (the store can limit a root to mail, say) is not looked at.
 * Where the store can't be opened there are no authorities, and every handshake fails with "unknown
 * authority". */
bool hc_trust_each(hc_trust_taker take, void *context) {
  HCERTSTORE store = CertOpenSystemStoreW(0, L"ROOT");
  if (!store) return true;
  bool goes_on = true;
  PCCERT_CONTEXT at = CertEnumCertificatesInStore(store, NULL);
  while (at && goes_on) {
    goes_on = take(context, (hc_slice){(const char *)at->pbCertEncoded, at->cbCertEncoded});
    if (goes_on) at = CertEnumCertificatesInStore(store, at); /* frees the last one */
  }
  if (at) (void)CertFreeCertificateContext(at);
  (void)CertCloseStore(store, 0);
  return goes_on;
}

/* Windows has no programs that run with other rights by their file. */
const char *hc_trust_variable(const char *name) { return getenv(name); }
