/* trust_windows.c - the certificates that Windows trusts as roots: the machine's and the user's, as
 * one store, without those that it trusts for other purposes or no more. See trust.h. */
#include "system_windows.h"

#include "../trust.h"

#include <stdlib.h>
#include <string.h>
#include <wincrypt.h>

/* OpenSSL has types of these names, and stands behind this in a build of one file. */
#undef X509_NAME
#undef X509_EXTENSIONS
#undef PKCS7_ISSUER_AND_SERIAL
#undef PKCS7_SIGNER_INFO
#undef OCSP_REQUEST
#undef OCSP_RESPONSE

#define USAGES_SIZE 4096u

/* Windows trusts some for other purposes alone, such as programs that are signed. What it says
 * without naming one is "all", or, without that error, "none". */
static bool is_for_servers(PCCERT_CONTEXT certificate) {
  union {
    CERT_ENHKEY_USAGE list;
    char bytes[USAGES_SIZE];
  } usages;
  DWORD size = sizeof usages;
  if (!CertGetEnhancedKeyUsage(certificate, 0, &usages.list, &size)) return false;
  if (usages.list.cUsageIdentifier == 0) return GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;
  for (DWORD i = 0; i < usages.list.cUsageIdentifier; i++) {
    const char *usage = usages.list.rgpszUsageIdentifier[i];
    if (strcmp(usage, szOID_PKIX_KP_SERVER_AUTH) == 0) return true;
    if (strcmp(usage, szOID_ANY_ENHANCED_KEY_USAGE) == 0) return true;
  }
  return false;
}

/* Windows keeps a list of those that it has withdrawn its trust from, and leaves them in the other
 * store as well. */
static bool is_disallowed_by(HCERTSTORE store, PCCERT_CONTEXT certificate) {
  PCCERT_CONTEXT found = CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING,
                                                    certificate, NULL);
  if (found) (void)CertFreeCertificateContext(found);
  return found != NULL;
}

/* A root of Microsoft's that it has disabled stays in the store, with the time since when. What has
 * that mark and no time that can be read is disabled too. */
static bool is_disabled(PCCERT_CONTEXT certificate) {
  FILETIME since = {0, 0}, now;
  DWORD size = sizeof since;
  if (!CertGetCertificateContextProperty(certificate, CERT_DISALLOWED_FILETIME_PROP_ID, &since,
                                         &size))
    return GetLastError() != (DWORD)CRYPT_E_NOT_FOUND;
  GetSystemTimeAsFileTime(&now);
  return CompareFileTime(&since, &now) <= 0;
}

/* Certificates are given one by one, as views that last for the call. False: `take` wants no
 * more. */
static bool give_each(HCERTSTORE store, HCERTSTORE disallowed, hc_trust_taker take, void *context) {
  bool goes_on = true;
  PCCERT_CONTEXT at = CertEnumCertificatesInStore(store, NULL);
  while (at && goes_on) {
    if (is_for_servers(at) && !is_disabled(at) && !(disallowed && is_disallowed_by(disallowed, at)))
      goes_on = take(context, (hc_slice){(const char *)at->pbCertEncoded, at->cbCertEncoded});
    if (goes_on) at = CertEnumCertificatesInStore(store, at); /* frees the last one */
  }
  if (at) (void)CertFreeCertificateContext(at);
  return goes_on;
}

/* Where the store can't be opened there are no authorities, and every handshake fails with "unknown
 * authority". */
bool hc_trust_each(hc_trust_taker take, void *context) {
  HCERTSTORE store = CertOpenSystemStoreW(0, L"ROOT");
  if (!store) return true;
  HCERTSTORE disallowed = CertOpenSystemStoreW(0, L"Disallowed");
  bool goes_on = give_each(store, disallowed, take, context);
  if (disallowed) (void)CertCloseStore(disallowed, 0);
  (void)CertCloseStore(store, 0);
  return goes_on;
}

/* Windows has no programs that run with other rights by their file. */
const char *hc_trust_variable(const char *name) { return getenv(name); }
