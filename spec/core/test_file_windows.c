/* test_file_windows.c - what files are on Windows alone: owners and access lists, names that lead
 * elsewhere, long paths, files that somebody else has open. Elsewhere there is nothing to be
 * seen. */
#include "check.h"

#if !HAS_POSIX
#include "../../core/platform/windows/system_windows.h"

#include <aclapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/base/memory.h"
#include "../../core/platform/file.h"
#include "../../core/platform/pem_file.h"

static char folder[MAX_PATH + 16];

static const char *in_folder(const char *name) {
  static char paths[4][MAX_PATH + 400];
  static unsigned turn;
  char *path = paths[turn++ % 4];
  (void)snprintf(path, sizeof paths[0], "%s\\%s", folder, name);
  return path;
}

static void make_folder(void) {
  DWORD size = GetTempPathA(MAX_PATH, folder);
  (void)snprintf(folder + size, sizeof folder - size, "files_%lu_%lu", GetCurrentProcessId(),
                 GetTickCount());
  if (!CreateDirectoryA(folder, NULL)) exit(1);
}

static HANDLE make_file(const char *name, const char *text) {
  DWORD put = 0;
  HANDLE file = CreateFileA(in_folder(name), GENERIC_READ | GENERIC_WRITE, HC_SHARE_ALL, NULL,
                            CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE || !WriteFile(file, text, (DWORD)strlen(text), &put, NULL))
    exit(1);
  return file;
}

static void put_file(const char *name, const char *text) {
  (void)CloseHandle(make_file(name, text));
}

static bool file_is(const char *name, const char *text) {
  char held[256];
  DWORD got = 0;
  HANDLE file =
      CreateFileA(in_folder(name), GENERIC_READ, HC_SHARE_ALL, NULL, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return false;
  (void)ReadFile(file, held, sizeof held, &got, NULL);
  (void)CloseHandle(file);
  return got == strlen(text) && memcmp(held, text, got) == 0;
}

/* Clears `why`, which keeps the first. */
static bool is_failure(hc_error code, hc_failure *why, hc_error right, const char *word) {
  bool is_so = code == right && strstr(why->text, word);
  if (!is_so) fprintf(stderr, "  %d \"%s\"\n", (int)code, why->text);
  *why = (hc_failure){HC_OK, ""};
  return is_so;
}

static bool is_bad_path(hc_error code, hc_failure *why, const char *word) {
  return is_failure(code, why, HC_ERR_FILE_BAD_PATH, word);
}

/* --- names */

static void check_refused_names(void) {
  static const char *const devices[] = {"nul.html", "con.txt", "COM3.log",    "Aux",  "prn .x",
                                        "lpt9",     "NUL.a.b", "com\xc2\xb2", "nul ", "sub/nul.x"};
  static const char *const streams[] = {"page:1", "file.txt:a.txt", "file::$DATA", "x:"};
  hc_file file = HC_NO_FILE;
  hc_failure why = {HC_OK, ""};
  int64_t owner;
  for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
    const char *path = in_folder(devices[i]);
    CHECK_CASE(devices[i], is_bad_path(hc_file_create(path, &file, &why), &why, "device"));
    CHECK_CASE(devices[i],
               is_bad_path(hc_file_create_new(path, NULL, &owner, &why), &why, "device"));
    CHECK_CASE(devices[i], hc_file_kind_of(path) == HC_FILE_MISSING);
  }
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
    const char *path = in_folder(streams[i]);
    CHECK_CASE(streams[i], is_bad_path(hc_file_create(path, &file, &why), &why, "colon"));
    CHECK_CASE(streams[i], is_bad_path(hc_file_open(path, &file, &why), &why, "colon"));
  }
  CHECK(is_bad_path(hc_file_create("page:1", &file, &why), &why, "colon"));
  CHECK(is_bad_path(hc_file_create("nul.html", &file, &why), &why, "device"));
  CHECK(is_bad_path(hc_file_open(in_folder("nul.html"), &file, &why), &why, "device"));
}

static void check_taken_names(void) {
  static const char *const names[] = {"null", "console.txt", "com0",      "com10.log",
                                      "lpt",  "a.nul",       "auxiliary", "nul_.x"};
  hc_file file = HC_NO_FILE;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    CHECK_CASE(names[i], hc_file_create(in_folder(names[i]), &file, NULL) == HC_OK);
    hc_file_close(file);
    hc_file_unlink(in_folder(names[i]));
  }
  static const char *const devices[] = {"NUL", "nul", "\\\\.\\NUL"};
  for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
    CHECK_CASE(devices[i], hc_file_kind_of(devices[i]) == HC_FILE_DEVICE);
    hc_error code = hc_file_open_present(devices[i], HC_FILE_OF_NOBODY, &file, NULL);
    CHECK_CASE(devices[i], code == HC_OK);
    if (code == HC_OK) hc_file_close(file);
  }
}

/* --- long paths */

static bool becomes(const char *path, const wchar_t *start, const wchar_t *end) {
  wchar_t *wide = hc_path_wide(path);
  size_t size = wide ? wcslen(wide) : 0;
  bool is_so = wide && wcsncmp(wide, start, wcslen(start)) == 0 && size >= wcslen(end) &&
               wcscmp(wide + size - wcslen(end), end) == 0;
  if (!is_so) fprintf(stderr, "  \"%ls\"\n", wide ? wide : L"");
  hc_memory_release(wide);
  return is_so;
}

static void check_long_paths(void) {
  char name[281], path[400], old[MAX_PATH + 16];
  memset(name, 'a', 280);
  name[280] = '\0';
  (void)snprintf(path, sizeof path, "\\\\server\\share\\%s\\..\\b", name);
  CHECK(becomes(path, L"\\\\?\\UNC\\server\\share\\b", L"share\\b"));
  (void)snprintf(path, sizeof path, "//server/share/%s/b", name);
  CHECK(becomes(path, L"\\\\?\\UNC\\server\\share\\aaa", L"aaa\\b"));
  (void)snprintf(path, sizeof path, "C:\\%s\\c", name);
  CHECK(becomes(path, L"\\\\?\\C:\\aaa", L"aaa\\c"));
  (void)snprintf(path, sizeof path, "\\\\?\\C:\\%s\\d", name);
  CHECK(becomes(path, L"\\\\?\\C:\\aaa", L"aaa\\d"));
  CHECK(becomes("short", L"short", L"short") && becomes("NUL", L"NUL", L"NUL"));

  /* A short name in a folder that is just short enough to be a program's own. */
  (void)GetCurrentDirectoryA(sizeof old, old);
  size_t left = 240 - strlen(folder);
  name[left] = '\0';
  CHECK(CreateDirectoryA(in_folder(name), NULL) && SetCurrentDirectoryA(in_folder(name)));
  hc_file file = HC_NO_FILE;
  CHECK(becomes("file-in-a-deep-folder.txt", L"\\\\?\\", L"a\\file-in-a-deep-folder.txt"));
  CHECK(hc_file_create("file-in-a-deep-folder.txt", &file, NULL) == HC_OK);
  hc_file_close(file);
  CHECK(hc_file_kind_of("file-in-a-deep-folder.txt") == HC_FILE_REGULAR);
  hc_file_unlink("file-in-a-deep-folder.txt");
  CHECK(SetCurrentDirectoryA(old) && RemoveDirectoryA(in_folder(name)));
}

/* --- owners and access lists */

static const hc_slice key = {"key", 3};

static bool is_everybody(SID *sid) {
  return IsWellKnownSid(sid, WinWorldSid) || IsWellKnownSid(sid, WinBuiltinUsersSid) ||
         IsWellKnownSid(sid, WinAuthenticatedUserSid);
}

/* Does the list let no group of users read it? wine makes lists of its own of what it is given,
 * with an entry for the system. */
static bool is_private_list(ACL *list) {
  for (DWORD i = 0; list && i < list->AceCount; i++) {
    void *at;
    if (!GetAce(list, i, &at)) return false;
    ACCESS_ALLOWED_ACE *entry = at;
    if (entry->Header.AceType == ACCESS_ALLOWED_ACE_TYPE && (entry->Mask & FILE_READ_DATA) != 0 &&
        is_everybody((SID *)&entry->SidStart))
      return false;
  }
  return list != NULL;
}

static bool is_private(const char *name) {
  PSECURITY_DESCRIPTOR found = NULL;
  ACL *list = NULL;
  HANDLE file =
      CreateFileA(in_folder(name), READ_CONTROL, HC_SHARE_ALL, NULL, OPEN_EXISTING, 0, NULL);
  bool is_so = GetSecurityInfo(file, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &list,
                               NULL, &found) == ERROR_SUCCESS &&
               is_private_list(list);
  (void)LocalFree(found);
  (void)CloseHandle(file);
  return is_so;
}

static void check_own_files(void) {
  uint64_t size = 0;
  int64_t owner = -7, seen = -7;
  hc_file file = HC_NO_FILE;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_file_create_new(in_folder("part"), in_folder("none"), &owner, &why) == HC_OK);
  CHECK(owner > 0 && (double)owner < 9007199254740992.0);
  CHECK(hc_file_is_own(in_folder("part"), &size, &seen) && size == 0 && seen == owner);
  CHECK(hc_file_create_new(in_folder("part"), NULL, &owner, &why) == HC_ERR_ALREADY_EXISTS);
  CHECK(hc_file_open_present(in_folder("part"), seen, &file, &why) == HC_OK);
  hc_file_close(file);
  CHECK_CASE("of another owner than was seen before",
             hc_file_open_present(in_folder("part"), seen + 1, &file, &why) ==
                 HC_ERR_FILE_CANT_OPEN);
  CHECK(hc_file_open(in_folder("part"), &file, &why) == HC_OK &&
        hc_file_is_present(file, in_folder("part"), seen) &&
        !hc_file_is_present(file, in_folder("part"), seen + 1));
  hc_file_close(file);
  hc_file_unlink(in_folder("part"));
}

static void open_to_all(const char *name) {
  HANDLE file = CreateFileA(in_folder(name), READ_CONTROL | WRITE_DAC, HC_SHARE_ALL, NULL,
                            OPEN_EXISTING, 0, NULL);
  CHECK(SetSecurityInfo(file, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, NULL, NULL) ==
        ERROR_SUCCESS);
  (void)CloseHandle(file);
  CHECK(!is_private(name));
}

/* There a list that a file is given later gets the folder's entries, though it is protected. */
static bool is_wine(void) {
  return GetProcAddress(GetModuleHandleA("ntdll"), "wine_get_version") != NULL;
}

static void check_keys(void) {
  hc_failure why = {HC_OK, ""};
  hc_file file = HC_NO_FILE;
  CHECK(hc_pem_file_write_private(in_folder("new.pem"), key, &why) == HC_OK);
  CHECK(file_is("new.pem", "key") && is_private("new.pem"));
  put_file("old.pem", "something longer");
  open_to_all("old.pem");
  CHECK(hc_pem_file_write_private(in_folder("old.pem"), key, &why) == HC_OK);
  CHECK(file_is("old.pem", "key") && (is_private("old.pem") || is_wine()));
  put_file("hidden.pem", "something longer");
  CHECK(SetFileAttributesA(in_folder("hidden.pem"), FILE_ATTRIBUTE_HIDDEN));
  CHECK(hc_pem_file_write_private(in_folder("hidden.pem"), key, &why) == HC_OK);
  CHECK(file_is("hidden.pem", "key"));
  CHECK(hc_pem_file_write(in_folder("hidden.pem"), (hc_slice){"a", 1}, &why) == HC_OK &&
        file_is("hidden.pem", "a"));
  CHECK(hc_pem_file_write_private("NUL", key, &why) == HC_OK);
  put_file("old.log", "a line\n");
  open_to_all("old.log");
  CHECK(hc_file_open_log(in_folder("old.log"), &file, &why) == HC_OK &&
        (is_private("old.log") || is_wine()));
  hc_file_close(file);
  CHECK(hc_file_open_log(in_folder("new.log"), &file, &why) == HC_OK && is_private("new.log"));
  hc_file_close(file);
  static const char *const names[] = {"new.pem", "old.pem", "hidden.pem", "old.log", "new.log"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) hc_file_unlink(in_folder(names[i]));
}

/* --- other users' files: under wine the system below lets a superuser give them away */

typedef char *__attribute__((cdecl)) path_below(const WCHAR *path);

/* False where this is Windows itself, or nobody who could. */
static bool run_below(const char *program, const char *path) {
  WCHAR wide[MAX_PATH + 400];
  char command[MAX_PATH + 400];
  STARTUPINFOA start = {.cb = sizeof start};
  PROCESS_INFORMATION process;
  FARPROC found = GetProcAddress(GetModuleHandleA("kernel32"), "wine_get_unix_file_name");
  path_below *ask;
  memcpy(&ask, &found, sizeof ask);
  char *below = ask && MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, MAX_PATH) ? ask(wide) : NULL;
  if (!below) return false;
  (void)snprintf(command, sizeof command, "%s %s", program, below);
  (void)HeapFree(GetProcessHeap(), 0, below);
  if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process))
    return false;
  (void)WaitForSingleObject(process.hProcess, 10000);
  (void)CloseHandle(process.hThread);
  (void)CloseHandle(process.hProcess);
  return true;
}

static int64_t owner_number(const char *name, bool *is_user) {
  HANDLE file =
      CreateFileA(in_folder(name), READ_CONTROL, HC_SHARE_ALL, NULL, OPEN_EXISTING, 0, NULL);
  int64_t number = hc_owner_of(file, is_user);
  (void)CloseHandle(file);
  return number;
}

/* One that lets everybody write to it. wine does not wait for programs of the system below. */
static bool make_foreign(const char *name) {
  bool is_user = false;
  put_file(name, "untouched");
  open_to_all(name);
  int64_t before = owner_number(name, &is_user);
  CHECK(is_user);
  if (!run_below("Z:\\bin\\chown 1", in_folder(name))) return false;
  for (int turn = 0; turn < 100 && owner_number(name, NULL) == before; turn++) Sleep(20);
  bool is_foreign = owner_number(name, &is_user) != before;
  CHECK(!is_foreign || !is_user);
  return is_foreign;
}

static void check_foreign_files(void) {
  uint64_t size;
  int64_t owner = 0, ours = 0;
  hc_file file = HC_NO_FILE;
  hc_failure why = {HC_OK, ""};
  if (make_foreign("foreign")) {
    const char *path = in_folder("foreign");
    CHECK(!hc_file_is_own(path, &size, &owner));
    CHECK(hc_file_create_new(in_folder("ours"), NULL, &ours, &why) == HC_OK);
    hc_file_unlink(in_folder("ours"));
    CHECK(is_failure(hc_file_open_present(path, ours, &file, &why), &why, HC_ERR_FILE_CANT_OPEN,
                     "something else is in its place"));
    CHECK(is_failure(hc_file_open_log(path, &file, &why), &why, HC_ERR_FILE_CANT_OPEN,
                     "of this user's alone"));
    CHECK(is_failure(hc_pem_file_write_private(path, key, &why), &why, HC_ERR_FILE_CANT_WRITE,
                     "it belongs to another user"));
    CHECK(file_is("foreign", "untouched"));
  } else {
    fprintf(stderr, "skipped: nobody here can give a file away\n");
  }
  hc_file_unlink(in_folder("foreign"));
}

/* --- files that somebody else has open */

static DWORD WINAPI hold_for_a_while(void *file) {
  Sleep(5);
  (void)CloseHandle(file);
  return 0;
}

static HANDLE hold(const char *name) {
  return CreateFileA(in_folder(name), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                     OPEN_EXISTING, 0, NULL);
}

/* Renames "new" over "held" while somebody has `name` open for a moment. On a busy machine a moment
 * may be long, so there are some of them. */
static bool outlasts(const char *name) {
  bool is_done = false;
  for (int turn = 0; turn < 20 && !is_done; turn++) {
    put_file("new", "new");
    put_file("held", "old");
    HANDLE thread = CreateThread(NULL, 0, hold_for_a_while, hold(name), 0, NULL);
    if (!thread) return false;
    is_done = hc_file_rename(in_folder("new"), in_folder("held"), NULL) == HC_OK;
    (void)WaitForSingleObject(thread, INFINITE);
    (void)CloseHandle(thread);
  }
  return is_done && file_is("held", "new");
}

static void check_held_files(void) {
  hc_failure why = {HC_OK, ""};
  CHECK(outlasts("new"));
  CHECK(outlasts("held"));
  put_file("held", "newer");
  put_file("new", "newest");
  HANDLE file = hold("held");
  ULONGLONG start = GetTickCount64();
  CHECK(hc_file_rename(in_folder("new"), in_folder("held"), &why) == HC_ERR_FILE_CANT_WRITE);
  CHECK_CASE("waits for no longer than a moment", GetTickCount64() - start < 5000);
  (void)CloseHandle(file);
  CHECK(file_is("held", "newer") && file_is("new", "newest"));
  hc_file_unlink(in_folder("new"));
  hc_file_unlink(in_folder("held"));
}
#endif

int main(void) {
#if !HAS_POSIX
  make_folder();
  check_refused_names();
  check_taken_names();
  check_long_paths();
  check_own_files();
  check_keys();
  check_foreign_files();
  check_held_files();
  (void)RemoveDirectoryA(folder);
#endif
  return check_report();
}
