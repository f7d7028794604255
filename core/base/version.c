/* version.c - which library this is, for whoever was compiled against another one. They are
 * functions and not constants of the header, because what counts is the library that the process
 * has loaded: the header says what the host was compiled with, and the two are compared
 * (docs/embedding.md). */
#include "../httpclient.h"

const char *hc_version(void) { return HC_VERSION; }
int hc_version_number(void) { return HC_VERSION_NUMBER; }
int hc_abi(void) { return HC_ABI; }
