/* store_windows.c - puts certificates into the stores of Windows, for the specs. */
#include "../native/native.h"

#include <wincrypt.h>

/* The certificate of a PEM text, once it is in the user's store of that name; raises otherwise. */
static PCCERT_CONTEXT add_certificate(lua_State *L, HCERTSTORE store, const char *pem) {
  BYTE der[8192];
  DWORD size = sizeof der;
  PCCERT_CONTEXT added = NULL;
  if (!store || !CryptStringToBinaryA(pem, 0, CRYPT_STRING_BASE64HEADER, der, &size, NULL, NULL) ||
      !CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, size,
                                        CERT_STORE_ADD_REPLACE_EXISTING, &added))
    luaL_error(L, "the store takes no certificate: %d", (int)GetLastError());
  return added;
}

static HCERTSTORE open_store(lua_State *L) {
  bool is_root = strcmp(luaL_checkstring(L, 1), "ROOT") == 0;
  return CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER,
                       is_root ? L"ROOT" : L"Disallowed");
}

/* So many seconds from now. */
static FILETIME time_in(lua_Number seconds) {
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  ULARGE_INTEGER at = {.LowPart = now.dwLowDateTime, .HighPart = now.dwHighDateTime};
  at.QuadPart += (ULONGLONG)(LONGLONG)(seconds * 1e7);
  return (FILETIME){at.LowPart, at.HighPart};
}

static bool disable(PCCERT_CONTEXT certificate, lua_Number seconds) {
  FILETIME since = time_in(seconds);
  CRYPT_DATA_BLOB value = {sizeof since, (BYTE *)&since};
  return CertSetCertificateContextProperty(certificate, CERT_DISALLOWED_FILETIME_PROP_ID, 0,
                                           &value) != 0;
}

/* native.trust(store, PEM[, usage[, seconds]]): "ROOT" or "Disallowed"; for that usage (an OID)
 * alone; disabled in so many seconds, or since then. False: the store keeps no such time. */
static int native_trust(lua_State *L) {
  HCERTSTORE store = open_store(L);
  PCCERT_CONTEXT added = add_certificate(L, store, luaL_checkstring(L, 2));
  const char *usage = luaL_optstring(L, 3, NULL);
  if (usage && !CertAddEnhancedKeyUsageIdentifier(added, usage))
    return luaL_error(L, "the store takes no usage: %d", (int)GetLastError());
  lua_pushboolean(L, lua_isnoneornil(L, 4) || disable(added, luaL_checknumber(L, 4)));
  (void)CertFreeCertificateContext(added);
  (void)CertCloseStore(store, 0);
  return 1;
}

/* native.distrust(store, PEM): takes it out again. */
static int native_distrust(lua_State *L) {
  HCERTSTORE store = open_store(L);
  HCERTSTORE memory = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, NULL);
  PCCERT_CONTEXT wanted = add_certificate(L, memory, luaL_checkstring(L, 2));
  PCCERT_CONTEXT found =
      CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING, wanted, NULL);
  lua_pushboolean(L, found && CertDeleteCertificateFromStore(found));
  (void)CertFreeCertificateContext(wanted);
  (void)CertCloseStore(memory, 0);
  (void)CertCloseStore(store, 0);
  return 1;
}

void sn_open_trust(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"trust", native_trust}, {"distrust", native_distrust}, {NULL, NULL}};
  sn_set_functions(L, functions);
}
