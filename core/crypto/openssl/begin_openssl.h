/* begin_openssl.h - what has to come before any other call of OpenSSL.
 *
 * Its first call decides, for the whole process, whether OpenSSL takes its tables down when the
 * process ends. Where threads have gone by then, maybe in the middle of those tables, nothing may
 * be taken down. So whatever may be the first to need OpenSSL says this before. */
#ifndef HC_BEGIN_OPENSSL_H
#define HC_BEGIN_OPENSSL_H

#include "../../base/internal.h"

HC_INTERNAL_BEGIN

/* Any thread may call it, and as often as it likes. A host that has used the same OpenSSL before
 * has decided already. */
void hc_openssl_begin(void);

HC_INTERNAL_END

#endif
