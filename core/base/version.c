/* version.c - which library this is, for whoever was compiled against another one. */
#include "../httpclient.h"

const char *hc_version(void) { return HC_VERSION; }
int hc_version_number(void) { return HC_VERSION_NUMBER; }
int hc_abi(void) { return HC_ABI; }
