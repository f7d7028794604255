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
static const wchar_t local_prefix[] = L"\\\\?\\", share_prefix[] = L"\\\\?\\UNC";
#define SIZE_OF(prefix) (sizeof(prefix) / sizeof(prefix)[0] - 1)

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

/* Puts a prefix before the absolute path that stands behind room for the longer one. A share's,
 * "\\server\...", gives up one of its two for it. */
static void put_prefix(wchar_t *out, size_t length) {
  wchar_t *full = out + SIZE_OF(share_prefix);
  bool is_share = full[0] == L'\\';
  const wchar_t *prefix = is_share ? share_prefix : local_prefix;
  size_t size = is_share ? SIZE_OF(share_prefix) : SIZE_OF(local_prefix), from = is_share ? 1 : 0;
  memmove(out + size, full + from, (length + 1 - from) * sizeof *out);
  memcpy(out, prefix, size * sizeof *out);
}

/* Those that name a device, or have a prefix already. */
static bool has_prefix(const wchar_t *full) {
  return full[0] == L'\\' && full[1] == L'\\' && (full[2] == L'.' || full[2] == L'?');
}

/* The absolute path's length counts too: a short name may be meant in a deep folder. */
static wchar_t *lengthen(wchar_t *path) {
  DWORD size = GetFullPathNameW(path, 0, NULL, NULL);
  bool is_long = size > LONG_PATH || (size > 0 && wcslen(path) >= LONG_PATH);
  wchar_t *out = is_long ? hc_memory_allocate((size + SIZE_OF(share_prefix)) * sizeof *out) : NULL;
  if (!out) return path;
  wchar_t *full = out + SIZE_OF(share_prefix);
  DWORD length = GetFullPathNameW(path, size, full, NULL);
  bool is_whole = length > 0 && length < size && !has_prefix(full);
  if (is_whole) put_prefix(out, length);
  hc_memory_release(is_whole ? path : out);
  return is_whole ? out : path;
}

static bool is_separator(char c) { return c == '\\' || c == '/'; }

/* "\\.\" and "\\?\": whoever writes them knows what he means. */
static bool is_verbatim(const char *path) {
  return is_separator(path[0]) && is_separator(path[1]) && (path[2] == '.' || path[2] == '?') &&
         is_separator(path[3]);
}

/* Where the text behind "C:" begins. */
static const char *behind_drive(const char *path) {
  char letter = (char)(path[0] | 0x20);
  return letter >= 'a' && letter <= 'z' && path[1] == ':' ? path + 2 : path;
}

/* ASCII's letters alone, whatever the locale. */
static bool has_letters(const char *name, const char *letters) {
  while (*letters && (*name >= 'A' && *name <= 'Z' ? *name | 0x20 : *name) == *letters)
    name++, letters++;
  return *letters == '\0';
}

/* 1 to 9; 1, 2 and 3 as superscripts too, which are two bytes in UTF-8. */
static size_t digit_size(const char *at) {
  if (at[0] >= '1' && at[0] <= '9') return 1;
  bool is_superscript = at[0] == '\xc2' && (at[1] == '\xb9' || at[1] == '\xb2' || at[1] == '\xb3');
  return is_superscript ? 2 : 0;
}

/* How much of `name` is the name of a device; 0 where it is none. Spaces and an extension change
 * nothing. */
static size_t device_size(const char *name) {
  static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
  size_t i = 0, size = 3;
  while (i < 6 && !has_letters(name, devices[i])) i++;
  if (i == 6) return 0;
  if (i >= 4) {
    size_t digit = digit_size(name + size);
    if (digit == 0) return 0;
    size += digit;
  }
  size_t end = size + strspn(name + size, " ");
  return name[end] == '\0' || name[end] == '.' || name[end] == ':' ? size : 0;
}

/* Behind the last separator. */
static const char *last_name(const char *path) {
  const char *name = behind_drive(path);
  for (const char *at = name; *at; at++)
    if (is_separator(*at)) name = at + 1;
  return name;
}

/* 0, or HC_NAMES_STREAM, or HC_NAMES_DEVICE. The plain name of a device is meant. */
static DWORD flaw_of(const char *path) {
  if (is_verbatim(path)) return 0;
  const char *name = last_name(path);
  size_t size = device_size(name);
  bool is_plain =
      size > 0 && name == path && (strcmp(name + size, "") == 0 || strcmp(name + size, ":") == 0);
  if (is_plain) return 0;
  if (strchr(behind_drive(path), ':')) return HC_NAMES_STREAM;
  return size > 0 ? HC_NAMES_DEVICE : 0;
}

/* MAX_PATH is 260, and a name of 12 has to fit behind a folder's; hence the limit. Behind the
 * prefix Windows takes a path as it stands, without "." and "..", and so it is made absolute
 * before. */
wchar_t *hc_path_wide(const char *path) {
  if (flaw_of(path) == HC_NAMES_STREAM) {
    SetLastError(HC_NAMES_STREAM);
    return NULL;
  }
  wchar_t *wide = from_text(path);
  return wide ? lengthen(wide) : NULL;
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
  case ERROR_INVALID_OWNER: return "it belongs to another user";
  case HC_NAMES_STREAM: return "a colon would make it a stream of another file";
  case HC_NAMES_DEVICE: return "Windows keeps that name for a device";
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
  if (number == HC_NAMES_STREAM || number == HC_NAMES_DEVICE) code = HC_ERR_FILE_BAD_PATH;
  return hc_file_record(why, code, what, path, reason_of_file(number), number);
}

/* Asked only where an open was refused. */
static bool is_folder(const wchar_t *name) {
  DWORD attributes = GetFileAttributesW(name);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

/* A name that is a device's on one Windows may be a file's on another (since Windows 11, many are):
 * a file that is there is opened. */
static bool is_stray_device(HANDLE handle, DWORD flaw) {
  return handle != INVALID_HANDLE_VALUE && flaw != 0 && GetFileType(handle) != FILE_TYPE_DISK;
}

/* The handle is not inherited by programs that are started: without SECURITY_ATTRIBUTES, or with
 * bInheritHandle unset in them, none is. */
HANDLE hc_file_open_handle(const char *path, DWORD access, DWORD disposition, DWORD flags,
                           SECURITY_ATTRIBUTES *security) {
  wchar_t *name = hc_path_wide(path);
  if (!name) return INVALID_HANDLE_VALUE;
  DWORD flaw = flaw_of(path), number = flaw;
  HANDLE handle = INVALID_HANDLE_VALUE;
  if (flaw == 0 || disposition == OPEN_EXISTING) {
    handle = CreateFileW(name, access, HC_SHARE_ALL, security, disposition,
                         FILE_ATTRIBUTE_NORMAL | flags, NULL);
    number = GetLastError();
  }
  if (is_stray_device(handle, flaw)) {
    (void)CloseHandle(handle);
    handle = INVALID_HANDLE_VALUE;
    number = flaw;
  }
  if (handle == INVALID_HANDLE_VALUE && number == ERROR_ACCESS_DENIED && is_folder(name))
    number = HC_IS_FOLDER;
  hc_memory_release(name);
  SetLastError(number);
  return handle;
}
