/* system_windows.h - Windows' headers in the one order that works, and what the files of this
 * folder share.
 *
 * Handles and sockets are the system's own: a hc_file is a HANDLE and a hc_handle a SOCKET, both as
 * intptr_t, so nothing depends on a C library's table of descriptors, of which a process may have
 * several. Paths are UTF-8.
 *
 * Included before any other header of the system's, and before C's own. */
#ifndef HC_SYSTEM_WINDOWS_H
#define HC_SYSTEM_WINDOWS_H

#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#include <winsock2.h>
#include <ws2tcpip.h>
/* Behind the two: windows.h alone would bring an older winsock. */
#include <windows.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../base/error.h"
#include "../../base/internal.h"

HC_INTERNAL_BEGIN

/* WSAStartup, once for each process, before the first socket. False where there is no network. */
bool hc_network_start(void);

/* --- which Windows it is */

#define HC_WINDOWS_10_1709 16299u
#define HC_WINDOWS_10_2004 19041u

/* The number of its build, which grows from version to version; 0 where it can't be had. */
unsigned hc_windows_build(void);
/* A function of ntdll, which the import libraries do not name; NULL where it has none. To be cast
 * to its own type. */
typedef void (*hc_windows_function)(void);
hc_windows_function hc_windows_ntdll(const char *name);

#ifdef HC_TEST_HOOKS
/* hc_wait as before Windows 10 2004, where WSAPoll does not say that a connect has failed. */
extern bool hc_wait_hides_failures;
#endif

/* --- numbers of errors */

/* The number of errno that says the same as Winsock's; what has none stays as it is. */
int hc_errno_of_winsock(int code);

/* --- paths */

/* The path for the calls that end with W; NULL, with GetLastError, where memory is out, it is no
 * text, or it names a stream (HC_NAMES_STREAM). Ends with hc_memory_release. Long ones get the
 * prefix that lifts the limit of 260. */
wchar_t *hc_path_wide(const char *path);

/* --- files */

#define HC_SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* What CreateFileW says of a folder is that access is denied; MinGW's headers have no name for
 * this. */
#define HC_IS_FOLDER 336

/* Numbers of our own, in the range that Windows leaves to programs (SetLastError): names that lead
 * to something else than a file of that name, a stream ("page:1") or a device ("folder/nul.txt").
 * The plain name of a device ("NUL"), and what begins with "\\.\" or "\\?\", is taken as it is. */
#define HC_NAMES_STREAM 0x20000001ul
#define HC_NAMES_DEVICE 0x20000002ul

/* CreateFileW, shared with everybody: on Windows an open file could otherwise be neither replaced
 * nor removed. INVALID_HANDLE_VALUE, with GetLastError, HC_IS_FOLDER, HC_NAMES_STREAM and
 * HC_NAMES_DEVICE among them. GetLastError is the system's otherwise too: ERROR_ALREADY_EXISTS with
 * OPEN_ALWAYS. `security` may be NULL. */
HANDLE hc_file_open_handle(const char *path, DWORD access, DWORD disposition, DWORD flags,
                           SECURITY_ATTRIBUTES *security);
/* hc_file_record with the reason of the system's number, and HC_ERR_OUT_OF_MEMORY or
 * HC_ERR_FILE_BAD_PATH where that is it. */
hc_error hc_file_fail(hc_failure *why, hc_error code, const char *what, const char *path,
                      DWORD number);

/* --- who may do what */

/* What gives a new file to its owner alone. Zeroed: nothing; hc_private_end ends it. */
typedef struct hc_private {
  SECURITY_ATTRIBUTES attributes;
  SECURITY_DESCRIPTOR descriptor;
  void *user, *list; /* the owner's identity, and the access list that names it */
} hc_private;

/* False, with GetLastError, where it can't be made. */
bool hc_private_begin(hc_private *p);
/* The same for a file that is there already, whose handle has READ_CONTROL and WRITE_DAC. False,
 * with GetLastError, where that fails, or the file is another user's (ERROR_INVALID_OWNER), who
 * would stay its owner, whatever the list says. */
bool hc_private_apply(const hc_private *p, HANDLE file);
void hc_private_end(hc_private *p);

/* A number for the file's owner, which fits into a double and is none below 0; 0 where nobody can
 * say. *is_user (may be NULL): is it this thread's user, or whoever new files of this user belong
 * to? True too on a file system that has no owners. The handle has READ_CONTROL, as those have that
 * are opened with GENERIC_READ or GENERIC_WRITE. */
int64_t hc_owner_of(HANDLE file, bool *is_user);

HC_INTERNAL_END

#endif
