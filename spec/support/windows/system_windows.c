/* system_windows.c - what specs ask of the system, as far as Windows has it: see system.c beside
 * the other files of spec_native. Processes are made by process.lua, with the help of host.py. */
#include "../native/native.h"

#include <openssl/crypto.h>
#include <psapi.h>

/* native.new_memory(size) -> what keeps it, and a light userdata: zeros */
static int native_new_memory(lua_State *L) {
  size_t size = (size_t)luaL_checkinteger(L, 1);
  void *memory = lua_newuserdata(L, size);
  memset(memory, 0, size);
  lua_pushlightuserdata(L, memory);
  return 2;
}

static int native_setenv(lua_State *L) {
  lua_pushboolean(L, setenv(luaL_checkstring(L, 1), luaL_checkstring(L, 2), 1) == 0);
  return 1;
}

static int native_unsetenv(lua_State *L) {
  lua_pushboolean(L, unsetenv(luaL_checkstring(L, 1)) == 0);
  return 1;
}

static int native_monotonic(lua_State *L) {
  lua_pushnumber(L, sn_now());
  return 1;
}

static double seconds_of(FILETIME t) {
  return ((double)t.dwHighDateTime * 4294967296.0 + (double)t.dwLowDateTime) / 1e7;
}

static int native_cputime(lua_State *L) {
  FILETIME made, ended, kernel, user;
  if (!GetProcessTimes(GetCurrentProcess(), &made, &ended, &kernel, &user))
    return luaL_error(L, "no times of this process");
  lua_pushnumber(L, seconds_of(kernel) + seconds_of(user));
  return 1;
}

static int native_thread_cputime(lua_State *L) {
  FILETIME made, ended, kernel, user;
  if (!GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user))
    return luaL_error(L, "no clock of the thread's");
  lua_pushnumber(L, seconds_of(kernel) + seconds_of(user));
  return 1;
}

static int native_sleep(lua_State *L) {
  sn_sleep(luaL_checknumber(L, 1));
  return 0;
}

static int native_unknown(lua_State *L) { return sn_fail(L, "unknown here"); }

/* --- handles of files and sockets */

static const char *kind_of(HANDLE handle) {
  switch (GetFileType(handle)) {
  case FILE_TYPE_DISK: return "file";
  case FILE_TYPE_PIPE: return posix_is_socket((int)(INT_PTR)handle) ? "socket" : "pipe";
  case FILE_TYPE_CHAR: return "device";
  default: return NULL; /* a thread, an event */
  }
}

#define HANDLES_MAX 0x100000
#define GAP_MAX 1024 /* free numbers behind which there is none in use */

/* native.descriptors() -> {[number] = what it is} */
static int native_descriptors(lua_State *L) {
  DWORD flags;
  lua_newtable(L);
  for (int number = 4, gap = 0; gap < GAP_MAX && number < HANDLES_MAX; number += 4) {
    gap = GetHandleInformation(posix_handle_of(number), &flags) ? 0 : gap + 1;
    const char *kind = gap == 0 ? kind_of(posix_handle_of(number)) : NULL;
    if (!kind) continue;
    lua_pushstring(L, kind);
    lua_rawseti(L, -2, number);
  }
  return 1;
}

static int native_fd_count(lua_State *L) {
  if (native_descriptors(L) != 1) return 2;
  int count = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) count++;
  lua_pushinteger(L, count);
  return 1;
}

static int native_wait_fd(lua_State *L) {
  const char *events = luaL_checkstring(L, 2);
  struct pollfd set = {(int)luaL_checkinteger(L, 1), 0, 0};
  if (strchr(events, 'r')) set.events |= POLLRDNORM;
  if (strchr(events, 'w')) set.events |= POLLWRNORM;
  (void)poll(&set, 1, (int)(sn_opt_seconds(L, 3) * 1000) + 1);
  bool broken = (set.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
  bool readable = (set.events & POLLRDNORM) != 0 && ((set.revents & POLLRDNORM) != 0 || broken);
  bool writable = (set.events & POLLWRNORM) != 0 && ((set.revents & POLLWRNORM) != 0 || broken);
  lua_pushstring(L, readable && writable ? "rw" : readable ? "r" : writable ? "w" : "");
  return 1;
}

static int native_resident_memory(lua_State *L) {
  PROCESS_MEMORY_COUNTERS facts = {.cb = sizeof facts};
  if (!K32GetProcessMemoryInfo(GetCurrentProcess(), &facts, sizeof facts))
    return luaL_error(L, "no facts on memory");
  lua_pushnumber(L, (double)facts.WorkingSetSize);
  return 1;
}

static int native_rusage(lua_State *L) {
  PROCESS_MEMORY_COUNTERS facts = {.cb = sizeof facts};
  if (!K32GetProcessMemoryInfo(GetCurrentProcess(), &facts, sizeof facts))
    return luaL_error(L, "no facts on memory");
  lua_newtable(L);
  lua_pushnumber(L, (double)facts.PeakWorkingSetSize / 1024);
  lua_setfield(L, -2, "maxrss");
  return 1;
}

static int native_allocated_memory(lua_State *L) {
  lua_pushnil(L);
  return 1;
}

static int native_sigpipe_default(lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

static int native_interrupt_every(lua_State *L) {
  lua_pushboolean(L, 0);
  return 1;
}

static int native_mkdtemp(lua_State *L) {
  const char *folder = getenv("SPEC_TMPDIR");
  char path[512];
  int size =
      snprintf(path, sizeof path, "%s/httpclient-spec.XXXXXX", folder && *folder ? folder : "/tmp");
  if (size < 0 || (size_t)size >= sizeof path || !mkdtemp(path))
    return sn_fail(L, "no temporary folder");
  lua_pushstring(L, path);
  return 1;
}

static int native_pin(lua_State *L) {
  lua_pushboolean(L, LoadLibraryA(luaL_checkstring(L, 1)) != NULL);
  return 1;
}

/* native.file_mode(path) -> "file", "directory" or nil: what busted asks of a path. */
static int native_file_mode(lua_State *L) {
  DWORD found = GetFileAttributesA(luaL_checkstring(L, 1));
  if (found == INVALID_FILE_ATTRIBUTES) lua_pushnil(L);
  else lua_pushstring(L, found & FILE_ATTRIBUTE_DIRECTORY ? "directory" : "file");
  return 1;
}

static int native_current_folder(lua_State *L) {
  char path[1024];
  DWORD size = GetCurrentDirectoryA(sizeof path, path);
  lua_pushlstring(L, path, size < sizeof path ? size : 0);
  return 1;
}

/* A script's thread may be in OpenSSL when the process ends: nothing is taken down then. */
void sn_crypto_begin(void) { (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL); }

void sn_open_process(lua_State *L) { (void)L; }

void sn_open_system(lua_State *L) {
  static const luaL_Reg functions[] = {{"new_memory", native_new_memory},
                                       {"setenv", native_setenv},
                                       {"unsetenv", native_unsetenv},
                                       {"monotonic", native_monotonic},
                                       {"cputime", native_cputime},
                                       {"thread_cputime", native_thread_cputime},
                                       {"sleep", native_sleep},
                                       {"descriptors", native_descriptors},
                                       {"fd_count", native_fd_count},
                                       {"thread_count", native_unknown},
                                       {"rlimit_nofile", native_unknown},
                                       {"wait_fd", native_wait_fd},
                                       {"resident_memory", native_resident_memory},
                                       {"allocated_memory", native_allocated_memory},
                                       {"sigpipe_default", native_sigpipe_default},
                                       {"interrupt_every", native_interrupt_every},
                                       {"rusage", native_rusage},
                                       {"mkdtemp", native_mkdtemp},
                                       {"pin", native_pin},
                                       {"file_mode", native_file_mode},
                                       {"current_folder", native_current_folder},
                                       {NULL, NULL}};
  sn_set_functions(L, functions);
  sn_open_trust(L);
}
