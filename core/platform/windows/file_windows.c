/* file_windows.c - files. See file.h.
 *
 * Every file is opened shared with everybody, its removal too, since an open one could otherwise be
 * neither replaced nor removed. A new one takes the access list of its folder, or of the file that
 * it is to replace. Owners are told apart by a number (hc_owner_of).
 *
 * Handles are synchronous: whoever reads or writes waits for the disk, as on POSIX. The bytes of a
 * body go through here in pieces, from the file to the send, or from the receive to the file. */
#include "system_windows.h"

#include "../file_common.h"

#include <aclapi.h>
#include <limits.h>

#include "../../base/memory.h"

static HANDLE handle_of(hc_file file) { return (HANDLE)file; }

/* The codes that a script can act on, as file_posix.c gives them; the reason stands in the
 * sentence. */
static hc_error open_failure(hc_failure *why, const char *path, DWORD number) {
  hc_error code = HC_ERR_FILE_CANT_OPEN;
  if (number == ERROR_FILE_EXISTS || number == ERROR_ALREADY_EXISTS) code = HC_ERR_ALREADY_EXISTS;
  if (number == ERROR_FILE_NOT_FOUND || number == ERROR_PATH_NOT_FOUND)
    code = HC_ERR_FILE_NOT_FOUND;
  if (number == ERROR_ACCESS_DENIED || number == ERROR_WRITE_PROTECT)
    code = HC_ERR_FILE_NO_PERMISSION;
  return hc_file_fail(why, code, HC_CANT_OPEN, path, number);
}

/* All the ways to open that a caller hears the reason of. `security` is for a file that is made by
 * this: one that is there keeps its list. */
static hc_error open_file(const char *path, DWORD access, DWORD disposition, DWORD flags,
                          SECURITY_ATTRIBUTES *security, hc_file *file, hc_failure *why) {
  HANDLE handle = hc_file_open_handle(path, access, disposition, flags, security);
  *file = HC_NO_FILE;
  if (handle == INVALID_HANDLE_VALUE) return open_failure(why, path, GetLastError());
  *file = (hc_file)handle;
  return HC_OK;
}

/* ReadFile and WriteFile count in 32 bits. What is left is the caller's next call, or the loop's
 * next turn. */
static DWORD piece_size(size_t size) { return size > INT_MAX ? INT_MAX : (DWORD)size; }

/* --- reading and writing */

/* The offset goes in an OVERLAPPED, though the handle is a synchronous one: that is how Windows
 * spells pread. It moves the handle's position, which is why hc_file_share opens its own. */
hc_error hc_file_read_at(hc_file file, uint64_t offset, char *into, size_t size, size_t *got,
                         hc_failure *why) {
  OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
  DWORD moved = 0;
  *got = 0;
  if (offset > (uint64_t)INT64_MAX) return HC_OK;
  if (!ReadFile(handle_of(file), into, piece_size(size), &moved, &at) &&
      GetLastError() != ERROR_HANDLE_EOF)
    return hc_file_fail(why, HC_ERR_FILE_CANT_READ, hc_error_string(HC_ERR_FILE_CANT_READ), "",
                        GetLastError());
  *got = moved;
  return HC_OK;
}

/* A disk that is full shows in the middle of a piece, or with the next one; `*written` is what the
 * file has. */
hc_error hc_file_write(hc_file file, hc_slice bytes, size_t *written, hc_failure *why) {
  *written = 0;
  while (*written < bytes.size) {
    DWORD moved = 0;
    if (!WriteFile(handle_of(file), bytes.data + *written, piece_size(bytes.size - *written),
                   &moved, NULL))
      return hc_file_fail(why, HC_ERR_FILE_CANT_WRITE, hc_error_string(HC_ERR_FILE_CANT_WRITE), "",
                          GetLastError());
    *written += moved;
  }
  return HC_OK;
}

/* --- opening */

/* CREATE_ALWAYS empties a file that is there and leaves its access list alone. */
hc_error hc_file_create(const char *path, hc_file *file, hc_failure *why) {
  return open_file(path, GENERIC_WRITE, CREATE_ALWAYS, 0, NULL, file, why);
}

/* A folder is refused here, since it is opened without FILE_FLAG_BACKUP_SEMANTICS. */
hc_error hc_file_open(const char *path, hc_file *file, hc_failure *why) {
  return open_file(path, GENERIC_READ, OPEN_EXISTING, 0, NULL, file, why);
}

/* The access list of the file at `path`, NULL where there is no file; ends with LocalFree. False
 * where there is one whose list can't be learned. */
static bool find_list(const char *path, PSECURITY_DESCRIPTOR *list) {
  *list = NULL;
  HANDLE file =
      hc_file_open_handle(path, READ_CONTROL, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  if (file == INVALID_HANDLE_VALUE)
    return GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND;
  bool is_known = GetSecurityInfo(file, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, NULL,
                                  NULL, list) == ERROR_SUCCESS;
  (void)CloseHandle(file);
  return is_known;
}

/* CREATE_NEW fails where the name is taken; by a link to nowhere too, but only where links are not
 * followed. */
static hc_error create_new(const char *path, SECURITY_ATTRIBUTES *security, int64_t *owner,
                           hc_failure *why) {
  hc_file file;
  *owner = 0;
  hc_error code = open_file(path, GENERIC_WRITE, CREATE_NEW, FILE_FLAG_OPEN_REPARSE_POINT, security,
                            &file, why);
  if (code != HC_OK) return code;
  *owner = hc_owner_of(handle_of(file), NULL);
  hc_file_close(file);
  return code;
}

/* The list is given with the creation and not afterwards: there is no moment at which others could
 * open the file. Where the old one's is not to be seen, the new file is the user's alone. */
hc_error hc_file_create_new(const char *path, const char *old, int64_t *owner, hc_failure *why) {
  SECURITY_ATTRIBUTES security = {.nLength = sizeof security};
  if (old && !find_list(old, &security.lpSecurityDescriptor))
    return hc_file_create_private(path, owner, why);
  bool has_list = security.lpSecurityDescriptor != NULL;
  hc_error code = create_new(path, has_list ? &security : NULL, owner, why);
  if (has_list) (void)LocalFree(security.lpSecurityDescriptor);
  return code;
}

/* The list is made first: without one there is no file. */
hc_error hc_file_create_private(const char *path, int64_t *owner, hc_failure *why) {
  hc_private owner_alone;
  if (!hc_private_begin(&owner_alone)) return open_failure(why, path, GetLastError());
  hc_error code = create_new(path, &owner_alone.attributes, owner, why);
  hc_private_end(&owner_alone);
  return code;
}

/* The new file was given the old one's list when it was made (hc_file_create_new), so nothing is
 * left to be done. */
bool hc_file_keep_mode(const char *path, const char *old) {
  (void)path, (void)old;
  return false;
}

/* A reparse point may be a link, or a file that some service has the bytes of; neither is trusted.
 * More than one name is refused, as on POSIX. */
static bool is_plain(HANDLE handle, BY_HANDLE_FILE_INFORMATION *facts) {
  return GetFileType(handle) == FILE_TYPE_DISK && GetFileInformationByHandle(handle, facts) &&
         !(facts->dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) &&
         facts->nNumberOfLinks == 1;
}

/* For what `access` says and no bytes, which even a file that somebody holds exclusively allows. */
static HANDLE open_to_look(const char *path, DWORD access) {
  return hc_file_open_handle(path, access, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

static bool find(const char *path, BY_HANDLE_FILE_INFORMATION *facts) {
  HANDLE handle = open_to_look(path, FILE_READ_ATTRIBUTES);
  if (handle == INVALID_HANDLE_VALUE) return false;
  bool is_found = is_plain(handle, facts);
  (void)CloseHandle(handle);
  return is_found;
}

/* In a folder where others may make files too, the file may be somebody's whose list lets us write
 * to it. */
bool hc_file_is_own(const char *path, uint64_t *size, int64_t *owner) {
  BY_HANDLE_FILE_INFORMATION facts;
  bool is_user = false;
  *owner = 0;
  HANDLE handle = open_to_look(path, FILE_READ_ATTRIBUTES | READ_CONTROL);
  if (handle == INVALID_HANDLE_VALUE) return false;
  if (is_plain(handle, &facts)) *owner = hc_owner_of(handle, &is_user);
  (void)CloseHandle(handle);
  if (!is_user) return false;
  *size = (uint64_t)facts.nFileSizeHigh << 32 | facts.nFileSizeLow;
  return true;
}

/* Volume and index tell a file from all others while it is open. On ReFS the index has 128 bits, of
 * which these are 64. */
bool hc_file_is_present(hc_file file, const char *path, int64_t owner) {
  BY_HANDLE_FILE_INFORMATION found, opened;
  if (owner == HC_FILE_OF_NOBODY) return GetFileType(handle_of(file)) == FILE_TYPE_CHAR;
  return is_plain(handle_of(file), &opened) && hc_owner_of(handle_of(file), NULL) == owner &&
         find(path, &found) && found.dwVolumeSerialNumber == opened.dwVolumeSerialNumber &&
         found.nFileIndexHigh == opened.nFileIndexHigh &&
         found.nFileIndexLow == opened.nFileIndexLow;
}

/* Also of a file over 4 GiB: the position is 64 bits wide. */
static bool go_to_end(hc_file file) {
  LARGE_INTEGER none = {0};
  return SetFilePointerEx(handle_of(file), none, NULL, FILE_END) != 0;
}

/* There is no O_APPEND for GENERIC_WRITE, so the position is moved to the end once: nobody else
 * writes to a download's part. */
hc_error hc_file_open_present(const char *path, int64_t owner, hc_file *file, hc_failure *why) {
  hc_error code =
      open_file(path, GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, NULL, file, why);
  if (code != HC_OK) return code;
  if (hc_file_is_present(*file, path, owner) && (owner == HC_FILE_OF_NOBODY || go_to_end(*file)))
    return HC_OK;
  hc_file_close(*file);
  *file = HC_NO_FILE;
  return hc_failure_set(why, HC_ERR_FILE_CANT_OPEN,
                        "can't open %.*s: something else is in its place", HC_SHOWN_PATH_MAX, path);
}

/* Without the right to write anywhere, each write goes to the end. */
#define APPEND_ACCESS (FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE)

/* A log that is there keeps what is in it and gets the owner's list before a line is written. */
static hc_error open_log_file(const char *path, const hc_private *p, hc_file *file,
                              hc_failure *why) {
  BY_HANDLE_FILE_INFORMATION facts;
  SECURITY_ATTRIBUTES attributes = p->attributes;
  hc_error code = open_file(path, APPEND_ACCESS | READ_CONTROL | WRITE_DAC, OPEN_ALWAYS,
                            FILE_FLAG_OPEN_REPARSE_POINT, &attributes, file, why);
  if (code != HC_OK) return code;
  bool is_new = GetLastError() != ERROR_ALREADY_EXISTS;
  if (is_plain(handle_of(*file), &facts) && (is_new || hc_private_apply(p, handle_of(*file))))
    return HC_OK;
  hc_file_close(*file);
  *file = HC_NO_FILE;
  return hc_failure_set(why, HC_ERR_FILE_CANT_OPEN,
                        "can't open %.*s: it is no regular file of this user's alone",
                        HC_SHOWN_PATH_MAX, path);
}

/* OPEN_ALWAYS: a new log gets the list with its creation, and one that is there is changed before
 * it is used. */
hc_error hc_file_open_log(const char *path, hc_file *file, hc_failure *why) {
  hc_private owner_alone;
  *file = HC_NO_FILE;
  if (!hc_private_begin(&owner_alone)) return open_failure(why, path, GetLastError());
  hc_error code = open_log_file(path, &owner_alone, file, why);
  hc_private_end(&owner_alone);
  return code;
}

/* --- what kind it is */

/* Follows links. FILE_FLAG_BACKUP_SEMANTICS is what lets a folder be opened at all. */
hc_file_kind hc_file_kind_of(const char *path) {
  BY_HANDLE_FILE_INFORMATION facts;
  HANDLE handle = hc_file_open_handle(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING,
                                      FILE_FLAG_BACKUP_SEMANTICS, NULL);
  /* The console (CON) can't be opened for so little. */
  if (handle == INVALID_HANDLE_VALUE && GetLastError() != ERROR_FILE_NOT_FOUND)
    handle = hc_file_open_handle(path, GENERIC_WRITE, OPEN_EXISTING, 0, NULL);
  if (handle == INVALID_HANDLE_VALUE) return HC_FILE_MISSING;
  DWORD type = GetFileType(handle);
  hc_file_kind kind = type == FILE_TYPE_CHAR ? HC_FILE_DEVICE : HC_FILE_OTHER;
  if (type == FILE_TYPE_DISK && GetFileInformationByHandle(handle, &facts))
    kind = facts.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? HC_FILE_DIRECTORY : HC_FILE_REGULAR;
  (void)CloseHandle(handle);
  return kind;
}

/* By the handle: what a path leads to may change. */
bool hc_file_is_regular(hc_file file) {
  BY_HANDLE_FILE_INFORMATION facts;
  return GetFileType(handle_of(file)) == FILE_TYPE_DISK &&
         GetFileInformationByHandle(handle_of(file), &facts) &&
         !(facts.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY);
}

/* Asked where a pipe of the kernel's could serve it: there is none here. */
bool hc_file_is_positioned(hc_file file) {
  (void)file;
  return false;
}

/* Consoles and pipes are read as they come. */
bool hc_file_has_positions(hc_file file) { return GetFileType(handle_of(file)) == FILE_TYPE_DISK; }

/* --- bodies that are sent */

/* Reading at a place moves the position of the handle, which is the caller's: so it is opened once
 * more. Not every file system does that (shares, those of programs); there the position is shared,
 * as it is of a pipe, which has none. Files that the caller goes on reading never come here: they
 * are the scripts' own (stdio_file_windows.c). */
static HANDLE open_again(HANDLE handle) {
  HANDLE copy = INVALID_HANDLE_VALUE, process = GetCurrentProcess();
  if (GetFileType(handle) == FILE_TYPE_DISK) {
    copy = ReOpenFile(handle, GENERIC_READ, HC_SHARE_ALL, 0);
    if (copy != INVALID_HANDLE_VALUE || GetLastError() == ERROR_ACCESS_DENIED) return copy;
  }
  if (!DuplicateHandle(process, handle, process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
    return INVALID_HANDLE_VALUE;
  return copy;
}

/* What Windows says of a file's size is true, unlike of /proc. A pipe has none. */
hc_error hc_file_share(hc_file file, uint64_t offset, hc_file *shared, uint64_t *length,
                       hc_failure *why) {
  LARGE_INTEGER size = {0};
  HANDLE handle = handle_of(file);
  *shared = HC_NO_FILE;
  *length = HC_FILE_NO_LENGTH;
  if (GetFileType(handle) == FILE_TYPE_DISK) {
    if (!hc_file_is_regular(file) || !GetFileSizeEx(handle, &size))
      return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "body file: it is no file to read");
    *length = (uint64_t)size.QuadPart > offset ? (uint64_t)size.QuadPart - offset : 0;
  }
  HANDLE copy = open_again(handle);
  if (copy != INVALID_HANDLE_VALUE) {
    *shared = (hc_file)copy;
    return HC_OK;
  }
  DWORD number = GetLastError();
  bool is_bad = number == ERROR_INVALID_HANDLE || number == ERROR_ACCESS_DENIED;
  return hc_file_fail(why, is_bad ? HC_ERR_INVALID_PARAMETER : HC_ERR_CANT_ACQUIRE_RESOURCE,
                      HC_BODY_FILE_WORDS, "", number);
}

/* A pipe whose writer has gone is at its end: Windows calls that an error, POSIX a read of
 * nothing. */
static bool is_end(DWORD number) {
  return number == ERROR_HANDLE_EOF || number == ERROR_BROKEN_PIPE || number == ERROR_NO_DATA;
}

/* A pipe tells what waits in it. Of a console nobody can say without reading: there it waits. */
hc_error hc_file_read_what_comes(hc_file file, char *into, size_t size, size_t *got,
                                 hc_failure *why) {
  DWORD waiting = 0, moved = 0;
  HANDLE handle = handle_of(file);
  if (GetFileType(handle) == FILE_TYPE_PIPE &&
      PeekNamedPipe(handle, NULL, 0, NULL, &waiting, NULL) && waiting == 0)
    return HC_ERR_BUSY;
  if (!ReadFile(handle, into, piece_size(size), &moved, NULL) && !is_end(GetLastError()))
    return hc_file_fail(why, HC_ERR_FILE_CANT_READ, hc_error_string(HC_ERR_FILE_CANT_READ), "",
                        GetLastError());
  *got = moved;
  return HC_OK;
}

/* --- the end, and names */

/* Writes go to the system's cache: on a share, an error may show only now. */
hc_error hc_file_finish(hc_file file, hc_failure *why) {
  if (CloseHandle(handle_of(file))) return HC_OK;
  return hc_file_fail(why, HC_ERR_FILE_CANT_WRITE, hc_error_string(HC_ERR_FILE_CANT_WRITE), "",
                      GetLastError());
}

void hc_file_close(hc_file file) {
  if (file != HC_NO_FILE) (void)CloseHandle(handle_of(file));
}

/* Since Windows 10 1607: as on POSIX, also over a file that is open (shared). */
typedef struct posix_rename {
  DWORD flags;
  HANDLE folder;
  DWORD name_size;
  WCHAR name[1];
} posix_rename;

#define RENAME_INFO_EX ((FILE_INFO_BY_HANDLE_CLASS)22)
#define RENAME_FLAGS 0x03u /* replace if it exists, POSIX's meaning */
#define RENAME_READ_ONLY 0x40u /* read-only ones too: since 1809, and refused before */

static bool ask_rename(HANDLE file, posix_rename *request, DWORD size) {
  return SetFileInformationByHandle(file, RENAME_INFO_EX, request, size) != 0;
}

/* A file system that does not know the request (FAT, some shares) refuses it, and MoveFileExW has
 * its turn. */
static bool rename_open(const char *from, const wchar_t *to) {
  size_t length = wcslen(to) * sizeof *to, size = sizeof(posix_rename) + length;
  posix_rename *request = size < ULONG_MAX ? hc_memory_allocate_zeroed(1, size) : NULL;
  HANDLE file = hc_file_open_handle(from, DELETE | SYNCHRONIZE, OPEN_EXISTING,
                                    FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  bool is_done = false;
  if (request && file != INVALID_HANDLE_VALUE) {
    request->flags = RENAME_FLAGS | RENAME_READ_ONLY;
    request->name_size = (DWORD)length;
    for (size_t i = 0; to[i] != L'\0'; i++) request->name[i] = to[i];
    is_done = ask_rename(file, request, (DWORD)size);
    request->flags = RENAME_FLAGS;
    is_done = is_done || ask_rename(file, request, (DWORD)size);
  }
  if (file != INVALID_HANDLE_VALUE) (void)CloseHandle(file);
  hc_memory_release(request);
  return is_done;
}

/* 0, or why not. */
static DWORD rename_once(const char *from, const wchar_t *old_name, const wchar_t *new_name) {
  if (rename_open(from, new_name) || MoveFileExW(old_name, new_name, MOVEFILE_REPLACE_EXISTING))
    return 0;
  return GetLastError();
}

#define RENAME_WAIT_MOST 32u /* ms; with those before it about a tenth of a second */

/* Scanners and indexers open a file that was just closed, for some milliseconds. Whoever waits here
 * may be a game between two frames: so it is short, and comes to an end. */
static DWORD rename_patiently(const char *from, const wchar_t *old_name, const wchar_t *new_name) {
  DWORD number = rename_once(from, old_name, new_name);
  for (DWORD wait = 1; wait <= RENAME_WAIT_MOST &&
                       (number == ERROR_SHARING_VIOLATION || number == ERROR_ACCESS_DENIED);
       wait *= 2) {
    Sleep(wait);
    number = rename_once(from, old_name, new_name);
  }
  return number;
}

/* Both names are made before anything is done. */
hc_error hc_file_rename(const char *from, const char *to, hc_failure *why) {
  wchar_t *old_name = hc_path_wide(from), *new_name = hc_path_wide(to);
  DWORD number = ERROR_INVALID_NAME;
  if (old_name && new_name) number = rename_patiently(from, old_name, new_name);
  hc_memory_release(old_name);
  hc_memory_release(new_name);
  return number == 0 ? HC_OK : hc_file_fail(why, HC_ERR_FILE_CANT_WRITE, "", "", number);
}

/* What can't be removed stays, and nobody is told. */
void hc_file_unlink(const char *path) {
  wchar_t *name = hc_path_wide(path);
  if (name) (void)DeleteFileW(name);
  hc_memory_release(name);
}

/* --- large files: their end costs nothing that a thread would have to bear */

bool hc_file_is_costly(hc_file file, hc_file_id *id) {
  (void)file, (void)id;
  return false;
}

/* Nothing is held, so the last name goes at once. */
hc_file hc_file_hold(const char *path) {
  (void)path;
  return HC_NO_FILE;
}

/* There is no fork that could have another number. */
uint64_t hc_process_number(void) { return GetCurrentProcessId(); }
