/* system.c - what specs ask of the system: environment, clocks, descriptors, memory, signals. */
#include "native.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* native.new_memory(size) -> what keeps it, and a light userdata: zeros */
static int native_new_memory(lua_State *L) {
  size_t size = (size_t)luaL_checkinteger(L, 1);
  void *memory = lua_newuserdata(L, size);
  memset(memory, 0, size);
  lua_pushlightuserdata(L, memory);
  return 2;
}

/* native.setenv(name, value): for this process, the C library's getenv included */
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

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

/* Processor seconds of this process, user and system, all threads. */
static int native_cputime(lua_State *L) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  lua_pushnumber(L, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  return 1;
}

/* Processor seconds of this thread alone. */
static int native_thread_cputime(lua_State *L) {
  struct timespec spent;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) != 0)
    return luaL_error(L, "no clock of the thread's");
  lua_pushnumber(L, (lua_Number)spent.tv_sec + (lua_Number)spent.tv_nsec / 1e9);
  return 1;
}

static int native_rusage(lua_State *L) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const struct {
    const char *name;
    double value;
  } fields[] = {{"user", seconds_of(usage.ru_utime)},  {"system", seconds_of(usage.ru_stime)},
                {"maxrss", (double)usage.ru_maxrss},   {"minflt", (double)usage.ru_minflt},
                {"voluntary", (double)usage.ru_nvcsw}, {"involuntary", (double)usage.ru_nivcsw}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushnumber(L, fields[i].value);
    lua_setfield(L, -2, fields[i].name);
  }
  return 1;
}

static int native_sleep(lua_State *L) {
  sn_sleep(luaL_checknumber(L, 1));
  return 0;
}

/* --- descriptors */

static void add_descriptor(lua_State *L, const char *folder, int fd) {
  char path[64], target[256];
  snprintf(path, sizeof path, "%s/%d", folder, fd);
  ssize_t size = readlink(path, target, sizeof target);
  lua_pushlstring(L, size > 0 ? target : "?", size > 0 ? (size_t)size : 1);
  lua_rawseti(L, -2, fd);
}

/* native.descriptors() -> {[number] = what it is}; nil where the system does not tell */
static int native_descriptors(lua_State *L) {
  const char *folder = "/proc/self/fd";
  DIR *dir = opendir(folder);
  if (!dir) dir = opendir(folder = "/dev/fd");
  if (!dir) return sn_fail(L, "unknown here");
  int own = dirfd(dir);
  lua_newtable(L);
  const struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    char *end;
    long fd = strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && fd != own) add_descriptor(L, folder, (int)fd);
  }
  closedir(dir);
  return 1;
}

static int native_fd_count(lua_State *L) {
  if (native_descriptors(L) != 1) return 2;
  int count = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    count++;
    lua_pop(L, 1);
  }
  lua_pushinteger(L, count);
  return 1;
}

/* native.rlimit_nofile([n]) -> the soft limit before; sets it to n, at most the hard one */
static int native_rlimit_nofile(lua_State *L) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return sn_fail(L, strerror(errno));
  rlim_t before = limit.rlim_cur;
  if (!lua_isnoneornil(L, 1)) {
    limit.rlim_cur = (rlim_t)luaL_checkinteger(L, 1);
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return sn_fail(L, strerror(errno));
  }
  lua_pushinteger(L, (lua_Integer)before);
  return 1;
}

/* native.wait_fd(fd, "r" | "w" | "rw", seconds) -> what is ready, as such text; "" when the time is
 * over */
static int native_wait_fd(lua_State *L) {
  const char *events = luaL_checkstring(L, 2);
  struct pollfd set = {(int)luaL_checkinteger(L, 1), 0, 0};
  if (strchr(events, 'r')) set.events |= POLLIN;
  if (strchr(events, 'w')) set.events |= POLLOUT;
  double deadline = sn_now() + sn_opt_seconds(L, 3);
  int count;
  do {
    double left = deadline - sn_now();
    count = poll(&set, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
  } while (count < 0 && errno == EINTR);
  bool broken = (set.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
  bool readable = (set.events & POLLIN) != 0 && ((set.revents & POLLIN) != 0 || broken);
  bool writable = (set.events & POLLOUT) != 0 && ((set.revents & POLLOUT) != 0 || broken);
  lua_pushstring(L, readable && writable ? "rw" : readable ? "r" : writable ? "w" : "");
  return 1;
}

/* --- memory, signals, files */

/* Bytes of this process in memory; the peak where the system does not tell. What an allocator keeps
 * though it is free is given back first, where that can be asked for. */
static int native_resident_memory(lua_State *L) {
#ifdef __GLIBC__
  (void)malloc_trim(0);
#endif
  unsigned long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  int count = !file ? 0 : fscanf(file, "%lu %lu", &total, &resident);
  if (file) fclose(file);
  if (count == 2) {
    lua_pushnumber(L, (double)resident * (double)sysconf(_SC_PAGESIZE));
    return 1;
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  lua_pushnumber(L, (double)usage.ru_maxrss);
  return 1;
}

/* Bytes that the program has allocated and not freed; nil where the C library does not tell. */
static int native_allocated_memory(lua_State *L) {
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ) && !defined(__SANITIZE_ADDRESS__)
#if __GLIBC_PREREQ(2, 33)
  struct mallinfo2 facts = mallinfo2();
  lua_pushnumber(L, (double)facts.uordblks + (double)facts.hblkhd);
  return 1;
#endif
#endif
  lua_pushnil(L);
  return 1;
}

static int native_thread_count(lua_State *L) {
  DIR *dir = opendir("/proc/self/task");
  if (!dir) return sn_fail(L, "unknown here");
  int count = 0;
  const struct dirent *entry;
  while ((entry = readdir(dir)) != NULL)
    if (entry->d_name[0] != '.') count++;
  closedir(dir);
  lua_pushinteger(L, count);
  return 1;
}

/* SIGPIPE ends the process again, as in a plain host; -> whether it did before */
static int native_sigpipe_default(lua_State *L) {
  struct sigaction before, action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &action, &before);
  lua_pushboolean(L, before.sa_handler == SIG_DFL);
  return 1;
}

static void ignore_alarm(int number) { (void)number; }

/* native.interrupt_every(seconds): signals that make system calls fail with EINTR; 0 ends it */
static int native_interrupt_every(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = ignore_alarm; /* no SA_RESTART */
  if (seconds > 0) sigaction(SIGALRM, &action, NULL);
  struct timeval step = {(time_t)seconds, 0};
  step.tv_usec = (suseconds_t)((seconds - (double)step.tv_sec) * 1e6);
  struct itimerval timer = {step, step};
  lua_pushboolean(L, setitimer(ITIMER_REAL, &timer, NULL) == 0);
  return 1;
}

/* native.mkdtemp() -> the path of a new folder; support.tempdir removes it again */
static int native_mkdtemp(lua_State *L) {
  const char *folder = getenv("TMPDIR");
  char path[512];
  int size =
      snprintf(path, sizeof path, "%s/httpclient-spec.XXXXXX", folder && *folder ? folder : "/tmp");
  if (size < 0 || (size_t)size >= sizeof path || !mkdtemp(path))
    return sn_fail(L, "no temporary folder");
  lua_pushstring(L, path);
  return 1;
}

/* native.pin(path): keeps that module loaded to the end of the process, so that reports of leaks
 * find its names. */
static int native_pin(lua_State *L) {
#ifdef RTLD_NODELETE
  lua_pushboolean(L, dlopen(luaL_checkstring(L, 1), RTLD_NOW | RTLD_NODELETE) != NULL);
#else
  lua_pushboolean(L, dlopen(luaL_checkstring(L, 1), RTLD_NOW) != NULL);
#endif
  return 1;
}

/* The library is the system's, and the module's as well: how it ends is not ours to say. */
void sn_crypto_begin(void) {}

void sn_open_system(lua_State *L) {
  static const luaL_Reg functions[] = {{"new_memory", native_new_memory},
                                       {"setenv", native_setenv},
                                       {"unsetenv", native_unsetenv},
                                       {"monotonic", native_monotonic},
                                       {"cputime", native_cputime},
                                       {"thread_cputime", native_thread_cputime},
                                       {"rusage", native_rusage},
                                       {"sleep", native_sleep},
                                       {"descriptors", native_descriptors},
                                       {"fd_count", native_fd_count},
                                       {"rlimit_nofile", native_rlimit_nofile},
                                       {"wait_fd", native_wait_fd},
                                       {"resident_memory", native_resident_memory},
                                       {"allocated_memory", native_allocated_memory},
                                       {"thread_count", native_thread_count},
                                       {"sigpipe_default", native_sigpipe_default},
                                       {"interrupt_every", native_interrupt_every},
                                       {"mkdtemp", native_mkdtemp},
                                       {"pin", native_pin},
                                       {NULL, NULL}};
  sn_set_functions(L, functions);
}
