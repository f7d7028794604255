/* system_windows.c - what the files of this folder share: the network's beginning, errors as
 * numbers and sentences, paths, and the one way to open a file. See system_windows.h.
 *
 * Here Windows' words become those that all the rest knows: UTF-8, errno, and the sentences of
 * POSIX. */
#include "system_windows.h"

#include <errno.h>
#include <string.h>

#include "../../base/memory.h"
#include "../file_common.h"

/* --- the network */

/* 2.2 is the last version of Winsock that there is. */
static BOOL CALLBACK start_network(PINIT_ONCE once, void *result, void **unused) {
  WSADATA facts;
  (void)once, (void)unused;
  *(bool *)result = WSAStartup(MAKEWORD(2, 2), &facts) == 0;
  return *(bool *)result; /* where it has failed the next one tries again */
}

/* Never undone: the module stays in the process, and so may its threads. Any number of threads may
 * ask at once: one does it, the others wait for that. */
bool hc_network_start(void) {
  static INIT_ONCE started = INIT_ONCE_STATIC_INIT;
  bool result = true;
  return InitOnceExecuteOnce(&started, start_network, &result, NULL) && result;
}

/* --- which Windows it is */

/* It is in every process, and never leaves it. */
hc_windows_function hc_windows_ntdll(const char *name) {
  HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
  return ntdll ? (hc_windows_function)GetProcAddress(ntdll, name) : NULL;
}

/* What GetVersionEx says depends on the manifest of whoever has started this process. */
static BOOL CALLBACK ask_for_build(PINIT_ONCE once, void *build, void **unused) {
  typedef LONG(WINAPI * get_version)(RTL_OSVERSIONINFOW *);
  RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
  get_version get = (get_version)hc_windows_ntdll("RtlGetVersion");
  (void)once, (void)unused;
  if (get && get(&version) == 0) *(unsigned *)build = version.dwBuildNumber;
  return TRUE;
}

unsigned hc_windows_build(void) {
  static INIT_ONCE asked = INIT_ONCE_STATIC_INIT;
  static unsigned build;
  (void)InitOnceExecuteOnce(&asked, ask_for_build, &build, NULL);
  return build;
}

/* --- numbers of errors */

/* So that the sentences of system_error.c serve here too. WSAE numbers of the same names are other
 * numbers than errno's. */
int hc_errno_of_winsock(int code) {
  switch (code) {
  case WSAEWOULDBLOCK: return EAGAIN;
  case WSAECONNREFUSED: return ECONNREFUSED;
  case WSAECONNRESET:
  case WSAENETRESET: return ECONNRESET;
  case WSAECONNABORTED: return ECONNABORTED;
  case WSAESHUTDOWN: return EPIPE;
  case WSAENOTCONN: return ENOTCONN;
  case WSAETIMEDOUT: return ETIMEDOUT;
  case WSAEHOSTUNREACH: return EHOSTUNREACH;
  case WSAENETUNREACH: return ENETUNREACH;
  case WSAENETDOWN: return ENETDOWN;
  case WSAEADDRNOTAVAIL: return EADDRNOTAVAIL;
  case WSAEADDRINUSE: return EADDRINUSE;
  case WSAEAFNOSUPPORT: return EAFNOSUPPORT;
  case WSAEACCES: return EACCES;
  case WSAEMFILE: return EMFILE;
  case WSAENOBUFS: return ENOBUFS;
  case WSA_NOT_ENOUGH_MEMORY: return ENOMEM;
  case WSAENOTSOCK:
  case WSAEBADF: return EBADF;
  case WSAEFAULT:
  case WSAEINVAL: return EINVAL;
  default: return code;
  }
}

/* --- paths */

#define LONG_PATH 248u /* a folder's name may have no more without the prefix */
static const wchar_t verbatim_prefix[] = L"\\\\?\\";
#define PREFIX_SIZE (sizeof verbatim_prefix / sizeof verbatim_prefix[0] - 1)

/* What is no UTF-8 is in the code page of the user, as programs pass it that know of no other. */
static wchar_t *from_text(const char *text) {
  UINT page = CP_UTF8;
  int size = MultiByteToWideChar(page, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
  if (size <= 0) {
    page = CP_ACP;
    size = MultiByteToWideChar(page, 0, text, -1, NULL, 0);
  }
  wchar_t *out = size > 0 ? hc_memory_allocate((size_t)size * sizeof *out) : NULL;
  if (out && MultiByteToWideChar(page, 0, text, -1, out, size) > 0) return out;
  hc_memory_release(out);
  SetLastError(size > 0 ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INVALID_NAME);
  return NULL;
}

/* A share's name ("\\server\...") would need another prefix, and one that has its own is whole. */
static wchar_t *lengthen(wchar_t *path) {
  DWORD size = path[0] == L'\\' && path[1] == L'\\' ? 0 : GetFullPathNameW(path, 0, NULL, NULL);
  wchar_t *out = size > 0 ? hc_memory_allocate((size + PREFIX_SIZE) * sizeof *out) : NULL;
  if (!out) return path;
  memcpy(out, verbatim_prefix, sizeof verbatim_prefix);
  DWORD length = GetFullPathNameW(path, size, out + PREFIX_SIZE, NULL);
  bool is_whole = length > 0 && length < size && out[PREFIX_SIZE] != L'\\';
  hc_memory_release(is_whole ? path : out);
  return is_whole ? out : path;
}

/* MAX_PATH is 260, and a name of 12 has to fit behind a folder's; hence the limit. Behind the
 * prefix Windows takes a path as it stands, without "." and "..", and so it is made absolute
 * before. */
wchar_t *hc_path_wide(const char *path) {
  wchar_t *wide = from_text(path);
  return wide && wcslen(wide) >= LONG_PATH ? lengthen(wide) : wide;
}

/* --- files */

#define DISK_QUOTA_EXCEEDED 1295 /* MinGW's headers have no name for it */

/* A sentence for an error of the file system; NULL where there is none. */
static const char *reason_of_file(DWORD code) {
  switch (code) {
  case ERROR_DISK_FULL:
  case ERROR_HANDLE_DISK_FULL: return "no space left on device";
  case DISK_QUOTA_EXCEEDED: return "disk quota exceeded";
  case ERROR_FILE_TOO_LARGE: return "file too large";
  case ERROR_WRITE_PROTECT: return "read-only file system";
  case ERROR_FILE_NOT_FOUND:
  case ERROR_INVALID_NAME:
  case ERROR_BAD_PATHNAME:
  case ERROR_BAD_NETPATH: return "no such file or directory";
  case ERROR_PATH_NOT_FOUND: return "a part of the path is no directory";
  case ERROR_FILE_EXISTS:
  case ERROR_ALREADY_EXISTS: return "it is there already";
  case HC_IS_FOLDER: return "is a directory";
  case ERROR_SHARING_VIOLATION:
  case ERROR_LOCK_VIOLATION: return "another program has it open";
  case ERROR_ACCESS_DENIED:
  case ERROR_PRIVILEGE_NOT_HELD: return "permission denied";
  case ERROR_TOO_MANY_OPEN_FILES: return "too many open files";
  case ERROR_BROKEN_PIPE:
  case ERROR_NO_DATA: return "nobody reads it any more";
  case ERROR_INVALID_HANDLE: return "the file is not open for this";
  case ERROR_FILENAME_EXCED_RANGE: return "the name is too long";
  case ERROR_NOT_ENOUGH_MEMORY:
  case ERROR_OUTOFMEMORY: return hc_error_string(HC_ERR_OUT_OF_MEMORY);
  case ERROR_IO_DEVICE:
  case ERROR_CRC: return "input/output error";
  default: return NULL;
  }
}

/* Whatever could not be done: that memory was out is the reason that counts. */
hc_error hc_file_fail(hc_failure *why, hc_error code, const char *what, const char *path,
                      DWORD number) {
  if (number == ERROR_NOT_ENOUGH_MEMORY || number == ERROR_OUTOFMEMORY) code = HC_ERR_OUT_OF_MEMORY;
  return hc_file_record(why, code, what, path, reason_of_file(number), number);
}

/* Asked only where an open was refused. */
static bool is_folder(const wchar_t *name) {
  DWORD attributes = GetFileAttributesW(name);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

/* The handle is not inherited by programs that are started: without SECURITY_ATTRIBUTES, or with
 * bInheritHandle unset in them, none is. */
HANDLE hc_file_open_handle(const char *path, DWORD access, DWORD disposition, DWORD flags,
                           SECURITY_ATTRIBUTES *security) {
  wchar_t *name = hc_path_wide(path);
  if (!name) return INVALID_HANDLE_VALUE;
  HANDLE handle = CreateFileW(name, access, HC_SHARE_ALL, security, disposition,
                              FILE_ATTRIBUTE_NORMAL | flags, NULL);
  DWORD number = GetLastError();
  if (handle == INVALID_HANDLE_VALUE && number == ERROR_ACCESS_DENIED && is_folder(name))
    number = HC_IS_FOLDER;
  hc_memory_release(name);
  SetLastError(number);
  return handle;
}
