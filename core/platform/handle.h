/* handle.h - the system's names for what can be waited for and for open files. Nothing above the
 * platform counts with them or takes them for small: a socket of Windows is neither an int nor an
 * index. The types are public: httpclient.h. */
#ifndef HC_HANDLE_H
#define HC_HANDLE_H

#include "../httpclient.h"

#endif
