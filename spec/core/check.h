/* check.h - the smallest test frame: named checks, a count, one summary line. */
#ifndef SPEC_CHECK_H
#define SPEC_CHECK_H

#include <stdio.h>
#include <unistd.h>

static unsigned long check_passed, check_failed;

/* Counts one case. A failed one names its file, line and text on stderr. */
static inline int check_case(int holds, const char *name, const char *file, int line) {
  if (holds) {
    check_passed++;
  } else {
    check_failed++;
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, name);
  }
  return holds;
}

#define CHECK(condition) ((void)check_case((condition) ? 1 : 0, #condition, __FILE__, __LINE__))
/* For tables: the name is the case's, not the expression's. */
#define CHECK_CASE(name, condition) ((void)check_case((condition) ? 1 : 0, (name), __FILE__, __LINE__))

/* Signals, forks, limits of descriptors. Windows has none: what is about them is left out there. */
#if defined(_WIN32)
#define HAS_POSIX 0
#else
#define HAS_POSIX 1
#endif

/* Of a forked child: _exit, behind what make coverage counts (see there). */
#if HAS_POSIX
#pragma weak __gcov_dump
void __gcov_dump(void);
static inline void leave(int code) {
  if (__gcov_dump) __gcov_dump();
  _exit(code);
}
#endif

/* The sanitizer's allocator has locks that a fork copies as they are: a child that was made while
 * another thread held one hangs at its first allocation, whatever the library does. There only
 * quiet forks are tried. */
#if !HAS_POSIX || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FORK_BESIDE_THREADS 0
#else
#define CAN_FORK_BESIDE_THREADS 1
#endif

/* The summary line; what main returns. */
static inline int check_report(void) {
  printf("%lu passed, %lu failed\n", check_passed, check_failed);
  return check_failed == 0 ? 0 : 1;
}

#endif
