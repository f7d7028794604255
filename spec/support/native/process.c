/* process.c - the class Process: a child process with a time limit on everything, killed at the
 * latest when it is collected. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef struct process {
  pid_t pid;
  int in, out; /* our ends of its stdin and stdout; -1: none */
  int status;
  bool is_running;
} process;

static process *check_process(lua_State *L) { return luaL_checkudata(L, 1, SN_PROCESS); }

/* --- spawn */

/* argv and the environment live in one block of pointers, anchored as userdata; the texts in the
 * tables. */
static char **read_arguments(lua_State *L, int index) {
  size_t count = sn_length(L, index);
  luaL_argcheck(L, count > 0, index, "no program");
  char **list = lua_newuserdata(L, (count + 1) * sizeof *list);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "argument %d is no string", (int)i + 1);
    /* posix_spawn does not write to it, its type is historical */
    memcpy(&list[i], &(const char *){lua_tostring(L, -1)}, sizeof *list);
    lua_pop(L, 1);
  }
  list[count] = NULL;
  return list;
}

static bool is_overridden(lua_State *L, int overrides, const char *entry) {
  const char *end = strchr(entry, '=');
  lua_pushlstring(L, entry, !end ? strlen(entry) : (size_t)(end - entry));
  lua_rawget(L, overrides);
  bool is_set = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return is_set;
}

/* The present environment with the overrides of the table (a value of false removes). Leaves values
 * on the stack. */
static char **read_environment(lua_State *L, int overrides) {
  size_t count = 0, used = 0;
  while (environ[count]) count++;
  for (lua_pushnil(L); lua_next(L, overrides) != 0; lua_pop(L, 1)) count++;
  luaL_checkstack(L, (int)count + 10, "environment");
  char **list = lua_newuserdata(L, (count + 1) * sizeof *list);
  for (size_t i = 0; environ[i]; i++)
    if (!is_overridden(L, overrides, environ[i])) list[used++] = environ[i];
  lua_pushnil(L);
  while (lua_next(L, overrides) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "env: names are strings");
    if (lua_type(L, -1) == LUA_TSTRING) {
      lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
      memcpy(&list[used++], &(const char *){lua_tostring(L, -1)}, sizeof *list);
      lua_insert(L, overrides + 1); /* keeps the text alive, out of lua_next's way */
    }
    lua_pop(L, 1);
  }
  list[used] = NULL;
  return list;
}

static int make_pipe(lua_State *L, int ends[2]) {
  return sn_pipe(ends) == 0 ? 0 : luaL_error(L, "no pipe: %s", strerror(errno));
}

/* "pipe", "inherit", nil (/dev/null), else a path. `ends` gets the pipe. */
static void set_stream(lua_State *L, posix_spawn_file_actions_t *actions, const char *how, int fd,
                       int ends[2]) {
  if (how && strcmp(how, "inherit") == 0) return;
  if (how && strcmp(how, "pipe") == 0) {
    make_pipe(L, ends);
    posix_spawn_file_actions_adddup2(actions, ends[fd == 0 ? 0 : 1], fd);
    return;
  }
  if (how && strcmp(how, "stdout") == 0) {
    posix_spawn_file_actions_adddup2(actions, 1, fd);
    return;
  }
  int flags = fd == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(actions, fd, how ? how : "/dev/null", flags, 0600);
}

static void set_signals(posix_spawnattr_t *attributes) {
  sigset_t defaults, none;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(attributes, &defaults);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static void close_end(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* native.spawn(argv[, {env={}, stdin=, stdout=, stderr=}]) -> process, or nil, reason. The streams:
 * "pipe" (not stderr), "inherit", a path, "stdout" (stderr only); left out: /dev/null. */
static int native_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  process *p = sn_object(L, SN_PROCESS, sizeof *p);
  p->in = p->out = -1;
  char **arguments = read_arguments(L, 1);
  lua_getfield(L, 2, "env");
  char **environment = lua_istable(L, -1) ? read_environment(L, lua_gettop(L)) : environ;
  const char *streams[3] = {sn_field_text(L, 2, "stdin", NULL), sn_field_text(L, 2, "stdout", NULL),
                            sn_field_text(L, 2, "stderr", NULL)};
  int input[2] = {-1, -1}, output[2] = {-1, -1}, none[2];
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  set_signals(&attributes);
  set_stream(L, &actions, streams[0], 0, input);
  set_stream(L, &actions, streams[1], 1, output);
  set_stream(L, &actions, streams[2], 2, none);
  int error = posix_spawnp(&p->pid, arguments[0], &actions, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  p->is_running = error == 0;
  p->in = input[1];
  p->out = output[0];
  close_end(&input[0]);
  close_end(&output[1]);
  if (error != 0) return sn_fail(L, strerror(error));
  if (p->in >= 0) (void)fcntl(p->in, F_SETFL, O_NONBLOCK);
  if (p->out >= 0) (void)fcntl(p->out, F_SETFL, O_NONBLOCK);
  lua_pushvalue(L, 3);
  return 1;
}

/* --- methods */

static bool reap(process *p, int options) {
  if (!p->is_running) return true;
  pid_t pid;
  do {
    pid = waitpid(p->pid, &p->status, options);
  } while (pid < 0 && errno == EINTR);
  if (pid != 0) p->is_running = false;
  return !p->is_running;
}

/* process:wait([seconds]) -> exit code (negative: the signal that ended it), or nil, "timeout" */
static int process_wait(lua_State *L) {
  process *p = check_process(L);
  double deadline = sn_now() + sn_opt_seconds(L, 2);
  while (!reap(p, WNOHANG)) {
    if (sn_now() > deadline) return sn_fail(L, "timeout");
    sn_sleep(0.001);
  }
  lua_pushinteger(L, WIFEXITED(p->status) ? WEXITSTATUS(p->status) : -WTERMSIG(p->status));
  return 1;
}

static int process_running(lua_State *L) {
  lua_pushboolean(L, !reap(check_process(L), WNOHANG));
  return 1;
}

/* process:kill([signal]): 15 unless told */
static int process_kill(lua_State *L) {
  process *p = check_process(L);
  int number = (int)luaL_optinteger(L, 2, SIGTERM);
  lua_pushboolean(L, p->is_running && kill(p->pid, number) == 0);
  return 1;
}

static int process_pid(lua_State *L) {
  lua_pushinteger(L, check_process(L)->pid);
  return 1;
}

/* process:read([seconds]) -> all it writes until it closes its stdout, or nil, "timeout", what has
 * come; process:read_some([seconds]) -> the next bytes, "" at the end */
static int read_output(lua_State *L, bool all) {
  process *p = check_process(L);
  sn_limit limit = sn_limit_of(sn_opt_seconds(L, 2));
  sn_bytes text = {0};
  sn_result result = p->out < 0 ? SN_ERROR : SN_OK;
  while (result == SN_OK) {
    char bytes[16384];
    ssize_t got = read(p->out, bytes, sizeof bytes);
    if (got > 0) sn_bytes_add(&text, bytes, (size_t)got);
    if (got == 0 || (got > 0 && !all)) break;
    if (got < 0 && errno != EAGAIN && errno != EINTR) result = SN_ERROR;
    if (got < 0 && result == SN_OK) result = sn_wait(p->out, POLLIN, limit);
  }
  if (result != SN_OK) (void)sn_fail(L, result == SN_TIMEOUT ? "timeout" : "no output to read");
  lua_pushlstring(L, text.size > 0 ? text.data : "", text.size);
  sn_bytes_free(&text);
  return result == SN_OK ? 1 : 3;
}

static int process_read(lua_State *L) { return read_output(L, true); }

static int process_read_some(lua_State *L) { return read_output(L, false); }

/* SIGPIPE is held back: a child that ended early is an answer, not the end of the run. */
static ssize_t write_quietly(int fd, const char *text, size_t size) {
  sigset_t pipe_signal, before, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  ssize_t sent = write(fd, text, size);
  int error = errno;
  if (sent < 0 && error == EPIPE && sigpending(&pending) == 0 &&
      sigismember(&pending, SIGPIPE) == 1) {
    int number;
    (void)sigwait(&pipe_signal, &number);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return sent;
}

/* process:write(text[, seconds]) -> true, or nil, reason */
static int process_write(lua_State *L) {
  process *p = check_process(L);
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  sn_limit limit = sn_limit_of(sn_opt_seconds(L, 3));
  while (size > 0) {
    ssize_t sent = p->in < 0 ? -1 : write_quietly(p->in, text, size);
    if (sent > 0) {
      text += sent;
      size -= (size_t)sent;
    } else if (p->in < 0 || (errno != EAGAIN && errno != EINTR)) {
      return sn_fail(L, "the process takes no input");
    } else if (sn_wait(p->in, POLLOUT, limit) != SN_OK) {
      return sn_fail(L, "timeout");
    }
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int process_close_stdin(lua_State *L) {
  close_end(&check_process(L)->in);
  return 0;
}

static int process_gc(lua_State *L) {
  process *p = check_process(L);
  close_end(&p->in);
  close_end(&p->out);
  if (!reap(p, WNOHANG)) {
    (void)kill(p->pid, SIGKILL);
    (void)reap(p, 0);
  }
  return 0;
}

/* native.fork(): a copy of this process, which gets nil; here, when it has ended, its exit code. */
static int native_fork(lua_State *L) {
  int status = 0;
  pid_t child = fork();
  if (child < 0) return sn_fail(L, "fork");
  if (child == 0) return 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  return 1;
}

void sn_open_process(lua_State *L) {
  static const luaL_Reg methods[] = {{"wait", process_wait},   {"running", process_running},
                                     {"kill", process_kill},   {"pid", process_pid},
                                     {"read", process_read},   {"read_some", process_read_some},
                                     {"write", process_write}, {"close_stdin", process_close_stdin},
                                     {"close", process_gc},    {NULL, NULL}};
  sn_class(L, SN_PROCESS, methods, process_gc);
  lua_pushcfunction(L, native_spawn);
  lua_setfield(L, -2, "spawn");
  lua_pushcfunction(L, native_fork);
  lua_setfield(L, -2, "fork");
}
