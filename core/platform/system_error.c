/* system_error.c - see system_error.h.
 *
 * strerror is not safe with threads, follows the locale, and says things in words that differ from
 * system to system: scripts that match a message would run on one of them. These are the errors
 * that sockets and files really meet. */
#include "system_error.h"

#include <errno.h>
#include <stdio.h>

#include "../base/error.h"

/* A number that is not among these is shown as it is: it can be looked up, and a guess can not. */
const char *hc_errno_text(int code, char space[HC_ERRNO_TEXT]) {
  switch (code) {
  case ECONNREFUSED: return "connection refused";
  case ECONNRESET: return "connection reset by peer";
  case ECONNABORTED: return "connection aborted";
  case EPIPE: return "connection closed by peer";
  case ENOTCONN: return "not connected";
  case ETIMEDOUT: return "connection timed out";
  case EHOSTUNREACH: return "no route to host";
  case ENETUNREACH: return "network is unreachable";
  case ENETDOWN: return "network is down";
  case EADDRNOTAVAIL: return "no local address or port available";
  case EADDRINUSE: return "local address in use";
  case EAFNOSUPPORT: return "address family not supported";
  case EACCES: return "permission denied";
  case EPERM: return "not permitted";
  case EMFILE: return "too many open files";
  case ENFILE: return "too many open files in the system";
  case ENOBUFS: return "no buffer space";
  case ENOMEM: return hc_error_string(HC_ERR_OUT_OF_MEMORY);
  case EBADF: return "bad descriptor";
  case EINVAL: return "invalid argument";
  case EIO: return "input/output error";
  case ENOENT: return "no such file or directory";
  case ENOTDIR: return "a part of the path is no directory";
  case EPROTOTYPE: return "no stream socket";
  case EISDIR: return "is a directory";
  case ESPIPE: return "has no positions";
  default: break;
  }
  (void)snprintf(space, HC_ERRNO_TEXT, "errno %d", code);
  return space;
}

/* Any of the three parts may be missing, and the punctuation goes with it. */
hc_error hc_file_record(hc_failure *why, hc_error code, const char *what, const char *path,
                        const char *reason, unsigned long number) {
  const char *gap = what[0] && path[0] ? " " : "", *colon = what[0] || path[0] ? ": " : "";
  if (reason)
    return hc_failure_set(why, code, "%s%s%.*s%s%s", what, gap, HC_SHOWN_PATH_MAX, path, colon,
                          reason);
  return hc_failure_set(why, code, "%s%s%.*s%serror %lu", what, gap, HC_SHOWN_PATH_MAX, path, colon,
                        number);
}
