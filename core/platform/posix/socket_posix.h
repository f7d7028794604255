/* socket_posix.h - what socket_posix.c and socket_file_posix.c share. */
#ifndef HC_SOCKET_POSIX_H
#define HC_SOCKET_POSIX_H

#include "../../base/internal.h"
#include "../socket.h"

HC_INTERNAL_BEGIN

bool hc_errno_would_block(int code);
/* A new one that does not block, is closed on exec, and raises no SIGPIPE where that is a matter of
 * the socket; -1 with errno. */
int hc_socket_open(int family);
/* Records `what` and the sentence for errno's value; HC_IO_ERROR. */
hc_io hc_socket_fail(hc_failure *why, hc_error code, const char *what, int number);
/* As that, for bytes that could not be sent. */
hc_io hc_socket_fail_moving(hc_failure *why, int number);

HC_INTERNAL_END

#endif
