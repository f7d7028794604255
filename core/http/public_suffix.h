/* public_suffix.h - which domains belong to nobody (publicsuffix.org): no cookie is for all who
 * have a name below one. The only file that knows libpsl, where the build has it. */
#ifndef HC_PUBLIC_SUFFIX_H
#define HC_PUBLIC_SUFFIX_H

#include <stdbool.h>

#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* NULL: not built in. */
const char *hc_psl_version(void);
/* `domain` in lower case and in ASCII. A build without the list knows none. Asked for each cookie
 * that names a domain (cookies are in the Lua half). */
bool hc_is_public_suffix(const char *domain);

HC_INTERNAL_END

#endif
