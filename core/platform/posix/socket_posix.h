/* socket_posix.h - what socket_posix.c and socket_file_posix.c share. */
#ifndef HC_SOCKET_POSIX_H
#define HC_SOCKET_POSIX_H

#include "../../base/internal.h"
#include "../socket_common.h"

HC_INTERNAL_BEGIN

/* Of a socket that does not block: nothing moved, and nothing is wrong. */
bool hc_errno_would_block(int code);
/* A new one that does not block, is closed on exec, and raises no SIGPIPE where that is a matter of
 * the socket; -1 with errno. */
int hc_socket_open(int family);
/* hc_socket_fail for bytes that could not be sent. */
hc_io hc_socket_fail_moving(hc_failure *why, int number);

HC_INTERNAL_END

#endif
