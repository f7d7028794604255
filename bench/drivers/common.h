/* common.h - what the C drivers share: the command line, the clocks and the one line of JSON that
 * comes out. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_BUFFER_SIZE 65536u  /* the size that every driver reads bodies with */

/* The command line is `driver workload key=value … [-- command …]`; the same keys for every driver,
 * in C and in Lua. */
typedef struct bench_options {
  const char *workload;
  uint64_t count; /* operations */
  int port;
  const char *path; /* the request target */
  uint64_t size; /* bytes of body that are to come or to go */
  const char *file; /* where the body goes to, or comes from */
  const char *ca; /* PEM of the certificate authority */
  size_t connections;
  size_t busy; /* how many of the connections have requests on them */
  char **command; /* behind "--" */
} bench_options;

/* The resources between two points. */
typedef struct bench_meter {
  double cpu, user, sys, wall;
} bench_meter;

/* One row of result; `memory` is bytes for each client, or negative where the workload doesn't ask.
 */
typedef struct bench_result {
  uint64_t ops, bytes;
  double memory;
  long maxrss; /* KiB; 0: this process's own */
} bench_result;

/* Says why on stderr and ends the process with status 1: a number from a run that went wrong is
 * worth nothing. */
void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

bench_options bench_parse(int argc, char **argv);
void bench_meter_start(bench_meter *meter);
void bench_meter_stop(bench_meter *meter);
void bench_report(const char *driver, const bench_options *options, const bench_meter *meter,
                  bench_result result);
uint64_t bench_resident(void); /* bytes of this process in memory now */
void *bench_allocate(size_t count, size_t size); /* zeroed; dies when memory is out */

#endif
