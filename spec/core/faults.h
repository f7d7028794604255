/* faults.h - lets a system call of this thread fail: the functions here stand before those of the C
 * library. Included first, in one file of a program. */
#ifndef SPEC_FAULTS_H
#define SPEC_FAULTS_H

#undef _FORTIFY_SOURCE /* its inline functions have the names that are defined here */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef RTLD_NEXT
/* glibc declares it with _GNU_SOURCE only, and that changes the functions' types */
#define RTLD_NEXT ((void *)-1L)
#endif

#define FAULTS_MAX 2

/* The call number `left` from now (0: the next) of `call`, or of any where that is NULL, fails with
 * `number`; with 0 it gives 0 and does nothing. `stays`: all such calls behind it too. left < 0:
 * none. */
typedef struct fault_plan {
  const char *call;
  long left;
  int number;
  bool stays;
} fault_plan;

static _Thread_local struct {
  fault_plan plans[FAULTS_MAX];
  size_t count;
  bool is_paused;
  unsigned fired;
  const char *last; /* the one that failed last, */
  int number; /* and with what */
} fault;

static inline void fault_add(const char *call, long left, int number, bool stays) {
  if (fault.count == FAULTS_MAX) abort();
  fault.plans[fault.count++] = (fault_plan){call, left, number, stays};
}

static inline void fault_set(const char *call, long left, int number) {
  fault.count = fault.fired = 0;
  fault_add(call, left, number, false);
}

static inline void fault_set_for_good(const char *call, int number) {
  fault.count = fault.fired = 0;
  fault_add(call, 0, number, true);
}

/* How many calls have failed; none does from now on. */
static inline unsigned fault_end(void) {
  fault.count = 0;
  return fault.fired;
}

/* A signal breaks off only what may sleep, and the clock that POSIX requires fails by wish
 * alone. */
static inline bool fault_is_possible(const fault_plan *plan, const char *call) {
  static const char *const sleepers[] = {
      "recv",     "send",      "read",       "write", "pread",   "poll", "epoll_wait",
      "sendfile", "splice_in", "splice_out", "open",  "connect", "close"};
  if (plan->call) return strcmp(plan->call, call) == 0;
  for (size_t i = 0; i < sizeof sleepers / sizeof *sleepers; i++) {
    if (strcmp(sleepers[i], call) == 0) return true;
  }
  return plan->number != EINTR && strcmp(call, "clock") != 0;
}

static inline bool fault_fires(const char *call) {
  for (size_t i = 0; i < fault.count && !fault.is_paused; i++) {
    fault_plan *plan = &fault.plans[i];
    if (plan->left < 0 || !fault_is_possible(plan, call) || plan->left-- > 0) continue;
    if (plan->stays) plan->left = 0;
    fault.fired++;
    fault.last = call;
    errno = fault.number = plan->number;
    return true;
  }
  return false;
}

static inline int fault_result(void) { return fault.number == 0 ? 0 : -1; }

/* `real` becomes the C library's function of that name. */
#define FAULT_FIND(real, name)                          \
  do {                                                  \
    if ((real) == NULL) {                               \
      void *found = dlsym(RTLD_NEXT, name);             \
      if (!found) abort();                       \
      memcpy(&(real), &found, sizeof found);            \
    }                                                   \
  } while (0)

/* A call whose failure is told as `call`, under the C library's `name`. */
#define FAULT_CALL(call, result, name, parameters, arguments) \
  result name parameters;                                     \
  result name parameters {                                    \
    static result(*real) parameters;                          \
    FAULT_FIND(real, #name);                                  \
    if (fault_fires(call)) return fault_result();             \
    return real arguments;                                    \
  }

/* A call that is made all the same: a connect goes on and a descriptor is closed, whatever they
 * answer. */
#define FAULT_CALL_DONE(call, result, name, parameters, arguments) \
  result name parameters {                                         \
    static result(*real) parameters;                               \
    FAULT_FIND(real, #name);                                       \
    if (!fault_fires(call)) return real arguments;                 \
    (void)real arguments;                                          \
    errno = fault.number;                                          \
    return fault_result();                                         \
  }

/* Threads answer with the number itself. */
#define FAULT_THREAD(call, name, parameters, arguments) \
  int name parameters {                                 \
    static int(*real) parameters;                       \
    FAULT_FIND(real, #name);                            \
    if (fault_fires(call)) return fault.number;         \
    return real arguments;                              \
  }

#define FAULT_OPEN(name)                                       \
  int name(const char *path, int flags, ...);                  \
  int name(const char *path, int flags, ...) {                 \
    static int (*real)(const char *, int, ...);                \
    va_list more;                                              \
    va_start(more, flags);                                     \
    unsigned mode = flags & O_CREAT ? va_arg(more, unsigned) : 0; \
    va_end(more);                                              \
    FAULT_FIND(real, #name);                                   \
    return fault_fires("open") ? -1 : real(path, flags, mode); \
  }

/* Every third argument that there is fits a pointer. */
#define FAULT_CONTROL(call, name, type)                  \
  int name(int fd, type command, ...);                   \
  int name(int fd, type command, ...) {                  \
    static int (*real)(int, type, ...);                  \
    va_list more;                                        \
    va_start(more, command);                             \
    void *argument = va_arg(more, void *);               \
    va_end(more);                                        \
    FAULT_FIND(real, #name);                             \
    return fault_fires(call) ? -1 : real(fd, command, argument); \
  }

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wreserved-identifier"
#endif

FAULT_CALL("recv", ssize_t, recv, (int fd, void *into, size_t size, int flags),
           (fd, into, size, flags))
FAULT_CALL("send", ssize_t, send, (int fd, const void *data, size_t size, int flags),
           (fd, data, size, flags))
FAULT_CALL("send", ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
           (fd, message, flags))
FAULT_CALL("read", ssize_t, read, (int fd, void *into, size_t size), (fd, into, size))
FAULT_CALL("write", ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
FAULT_CALL("pread", ssize_t, pread, (int fd, void *into, size_t size, off_t at),
           (fd, into, size, at))
FAULT_CALL("poll", int, poll, (struct pollfd * entries, nfds_t count, int timeout),
           (entries, count, timeout))
FAULT_CALL("socket", int, socket, (int family, int type, int protocol), (family, type, protocol))
FAULT_CALL("fstat", int, fstat, (int fd, struct stat *facts), (fd, facts))
FAULT_CALL("fchmod", int, fchmod, (int fd, mode_t mode), (fd, mode))
FAULT_CALL("dup2", int, dup2, (int from, int to), (from, to))
FAULT_CALL("clock", int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))
FAULT_CALL("sigpending", int, sigpending, (sigset_t * set), (set))
FAULT_CALL_DONE("close", int, close, (int fd), (fd))
FAULT_THREAD("sigmask", pthread_sigmask, (int how, const sigset_t *set, sigset_t *before),
             (how, set, before))
FAULT_THREAD("attributes", pthread_attr_init, (pthread_attr_t * attributes), (attributes))
FAULT_THREAD("thread", pthread_create,
             (pthread_t * thread, const pthread_attr_t *attributes, void *(*function)(void *),
              void *argument),
             (thread, attributes, function, argument))
FAULT_OPEN(open)
FAULT_CONTROL("fcntl", fcntl, int)

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
FAULT_CALL_DONE("connect", int, connect, (int fd, const struct sockaddr *to, socklen_t size),
                (fd, to, size))
FAULT_CALL("getsockname", int, getsockname, (int fd, struct sockaddr *out, socklen_t *size),
           (fd, out, size))
FAULT_CALL("getpeername", int, getpeername, (int fd, struct sockaddr *out, socklen_t *size),
           (fd, out, size))
FAULT_CALL("getsockopt", int, getsockopt,
           (int fd, int level, int name, void *value, socklen_t *size),
           (fd, level, name, value, size))
FAULT_CALL("epoll_wait", int, epoll_wait, (int fd, struct epoll_event *out, int room, int timeout),
           (fd, out, room, timeout))
FAULT_CALL("epoll_ctl", int, epoll_ctl, (int set, int what, int fd, struct epoll_event *event),
           (set, what, fd, event))
FAULT_CALL("epoll_create", int, epoll_create1, (int flags), (flags))
FAULT_CALL("eventfd", int, eventfd, (unsigned start, int flags), (start, flags))
FAULT_CALL("sendfile", ssize_t, sendfile, (int to, int from, off_t *at, size_t size),
           (to, from, at, size))
FAULT_CALL("pipe", int, pipe2, (int ends[2], int flags), (ends, flags))
/* Out of a socket, and out of the pipe into a file: told as two calls. */
ssize_t splice(int from, int64_t *from_at, int to, int64_t *to_at, size_t size, unsigned flags);
ssize_t splice(int from, int64_t *from_at, int to, int64_t *to_at, size_t size, unsigned flags) {
  static ssize_t (*real)(int, int64_t *, int, int64_t *, size_t, unsigned);
  struct stat facts;
  FAULT_FIND(real, "splice");
  bool was_paused = fault.is_paused;
  fault.is_paused = true;
  bool fills = fstat(from, &facts) == 0 && S_ISSOCK(facts.st_mode);
  fault.is_paused = was_paused;
  if (fault_fires(fills ? "splice_in" : "splice_out")) return fault_result();
  return real(from, from_at, to, to_at, size, flags);
}
FAULT_CONTROL("ioctl", ioctl, unsigned long)
#endif

#if defined(__GLIBC__)
/* What glibc calls some of them, for files over 2 GiB and for arrays of a known size. */
FAULT_CALL("pread", ssize_t, pread64, (int fd, void *into, size_t size, int64_t at),
           (fd, into, size, at))
FAULT_CALL("pread", ssize_t, __pread64_chk,
           (int fd, void *into, size_t size, int64_t at, size_t room), (fd, into, size, at, room))
FAULT_CALL("poll", int, __poll_chk,
           (struct pollfd * entries, nfds_t count, int timeout, size_t room),
           (entries, count, timeout, room))
FAULT_CALL("sendfile", ssize_t, sendfile64, (int to, int from, int64_t *at, size_t size),
           (to, from, at, size))
FAULT_CALL("fstat", int, fstat64, (int fd, struct stat *facts), (fd, facts))
FAULT_CALL("strerror", int, __xpg_strerror_r, (int number, char *text, size_t size),
           (number, text, size))
FAULT_OPEN(open64)
FAULT_CONTROL("fcntl", fcntl64, int)
#endif

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#endif
