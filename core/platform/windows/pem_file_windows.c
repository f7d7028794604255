/* pem_file_windows.c - small files as a whole, in and out: certificates, keys, revocation lists.
 * See pem_file.h.
 *
 * They are read when options are made, or on the thread that fills a store, and never on the way of
 * a request. Bytes go straight into the caller's buffer, which the caller wipes. */
#include "system_windows.h"

#include "../pem_file.h"

#include <string.h>

#include "../../base/limits.h"
#include "../../base/memory.h"
#include "../file_common.h"

#define READ_SIZE 16384u

/* --- reading */

/* The size at once, so that nothing has to move and no copy of a key is left behind; whatever the
 * file grows by meanwhile is left. Of what is no file on a disk one piece of 16 KiB is read at
 * most, which any key fits in. */
static hc_error read_all(HANDLE file, const char *path, hc_buffer *out, hc_failure *why) {
  LARGE_INTEGER size = {0};
  size_t held = hc_buffer_size(out), room, left;
  char *at;
  bool is_file = GetFileType(file) == FILE_TYPE_DISK && GetFileSizeEx(file, &size);
  if (is_file && size.QuadPart > (LONGLONG)HC_PEM_FILE_MAX)
    return hc_failure_set(why, HC_ERR_FILE_CANT_READ,
                          "can't read %s: the file is too large for a PEM file", path);
  left = is_file ? (size_t)size.QuadPart : READ_SIZE;
  if (left == 0) return HC_OK;
  if (hc_buffer_reserve(out, left, SIZE_MAX, &at, &room) != HC_OK)
    return hc_failure_out_of_memory(why);
  DWORD got = 1;
  while (left > 0 && got > 0) {
    got = 0;
    if (!ReadFile(file, at, (DWORD)left, &got, NULL) && GetLastError() != ERROR_BROKEN_PIPE &&
        GetLastError() != ERROR_HANDLE_EOF)
      return hc_file_fail(why, HC_ERR_FILE_CANT_READ, "can't read", path, GetLastError());
    at += got;
    left -= got;
    held += got;
  }
  hc_buffer_commit(out, held - hc_buffer_size(out));
  return HC_OK;
}

/* A path whose folder is missing is a missing file too, as on POSIX. */
static bool is_missing(DWORD number) {
  return number == ERROR_FILE_NOT_FOUND || number == ERROR_PATH_NOT_FOUND;
}

/* A folder is one that can't be read, and not one that can't be opened: on POSIX the open succeeds
 * and the read fails, and the code is to be the same. */
hc_error hc_pem_file_read(const char *path, hc_buffer *out, hc_failure *why) {
  HANDLE file = hc_file_open_handle(path, GENERIC_READ, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) {
    DWORD number = GetLastError();
    if (number == HC_IS_FOLDER)
      return hc_file_fail(why, HC_ERR_FILE_CANT_READ, "can't read", path, number);
    return hc_file_fail(why, is_missing(number) ? HC_ERR_FILE_NOT_FOUND : HC_ERR_FILE_CANT_OPEN,
                        HC_CANT_OPEN, path, number);
  }
  hc_error error = read_all(file, path, out, why);
  (void)CloseHandle(file);
  return error;
}

/* --- writing */

/* WriteFile may take less than it was given. False with GetLastError. */
static bool put_all(HANDLE file, hc_slice text) {
  while (text.size > 0) {
    DWORD size = text.size > READ_SIZE ? READ_SIZE : (DWORD)text.size, put = 0;
    if (!WriteFile(file, text.data, size, &put, NULL)) return false;
    text.data += put;
    text.size -= put;
  }
  return true;
}

/* OPEN_ALWAYS and then empty: CREATE_ALWAYS fails on hidden files. What is no file on a disk has no
 * size. */
static bool empty_file(HANDLE file) {
  return GetFileType(file) != FILE_TYPE_DISK || SetEndOfFile(file);
}

/* Of a handle at its beginning. */
static hc_error write_anew(HANDLE file, const char *path, hc_slice text, hc_failure *why) {
  if (empty_file(file) && put_all(file, text)) return HC_OK;
  return hc_file_fail(why, HC_ERR_FILE_CANT_WRITE, "can't write", path, GetLastError());
}

/* The list of rights of a file that is there stays. */
hc_error hc_pem_file_write(const char *path, hc_slice text, hc_failure *why) {
  HANDLE file = hc_file_open_handle(path, GENERIC_WRITE, OPEN_ALWAYS, 0, NULL);
  if (file == INVALID_HANDLE_VALUE)
    return hc_file_fail(why, HC_ERR_FILE_CANT_OPEN, HC_CANT_OPEN, path, GetLastError());
  hc_error error = write_anew(file, path, text, why);
  (void)CloseHandle(file);
  return error;
}

/* A file that was there before keeps its own list when it is opened: it gets the new one before the
 * first byte. One that is refused keeps what is in it. What is no file on a disk has no list. */
static hc_error write_private(const hc_private *p, const char *path, hc_slice text,
                              hc_failure *why) {
  SECURITY_ATTRIBUTES attributes = p->attributes;
  HANDLE file = hc_file_open_handle(path, GENERIC_WRITE | WRITE_DAC, OPEN_ALWAYS, 0, &attributes);
  if (file == INVALID_HANDLE_VALUE)
    return hc_file_fail(why, HC_ERR_FILE_CANT_OPEN, HC_CANT_OPEN, path, GetLastError());
  bool needs_none = GetLastError() != ERROR_ALREADY_EXISTS || GetFileType(file) != FILE_TYPE_DISK;
  hc_error error =
      needs_none || hc_private_apply(p, file)
          ? write_anew(file, path, text, why)
          : hc_file_fail(why, HC_ERR_FILE_CANT_WRITE, "can't make private", path, GetLastError());
  (void)CloseHandle(file);
  return error;
}

/* No key is written where nobody can say whose it would be. */
hc_error hc_pem_file_write_private(const char *path, hc_slice text, hc_failure *why) {
  hc_private owner_alone;
  if (!hc_private_begin(&owner_alone))
    return hc_file_fail(why, HC_ERR_FILE_CANT_WRITE, "can't make private", path, GetLastError());
  hc_error error = write_private(&owner_alone, path, text, why);
  hc_private_end(&owner_alone);
  return error;
}

/* --- which state is it in */

/* A number to compare, on no scale. */
static int64_t number_of_time(FILETIME time) {
  return (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
}

/* Times in units of 100 ns. There is no ctime here; when the file was made stands in its place. */
hc_pem_file_stamp hc_pem_file_stamp_of(const char *path) {
  BY_HANDLE_FILE_INFORMATION facts;
  HANDLE file = hc_file_open_handle(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return (hc_pem_file_stamp){0};
  bool is_known = GetFileInformationByHandle(file, &facts) != 0;
  (void)CloseHandle(file);
  if (!is_known) return (hc_pem_file_stamp){0};
  return (hc_pem_file_stamp){.device = facts.dwVolumeSerialNumber,
                             .inode = (uint64_t)facts.nFileIndexHigh << 32 | facts.nFileIndexLow,
                             .size = (uint64_t)facts.nFileSizeHigh << 32 | facts.nFileSizeLow,
                             .modified = number_of_time(facts.ftLastWriteTime),
                             .changed = number_of_time(facts.ftCreationTime)};
}
