#include "common.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

void *bench_allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) bench_die("no memory for %zu times %zu bytes", count, size);
  return memory;
}

static uint64_t parse_number(const char *key, const char *text) {
  char *end = NULL;
  unsigned long long value = strtoull(text, &end, 10);
  if (end == text || *end != '\0') bench_die("%s: `%s` is no number", key, text);
  return value;
}

static void parse_option(bench_options *options, const char *key, const char *value) {
  if (strcmp(key, "count") == 0) options->count = parse_number(key, value);
  else if (strcmp(key, "port") == 0) options->port = (int)parse_number(key, value);
  else if (strcmp(key, "path") == 0) options->path = value;
  else if (strcmp(key, "size") == 0) options->size = parse_number(key, value);
  else if (strcmp(key, "file") == 0) options->file = value;
  else if (strcmp(key, "ca") == 0) options->ca = value;
  else if (strcmp(key, "connections") == 0) options->connections = (size_t)parse_number(key, value);
  else if (strcmp(key, "busy") == 0) options->busy = (size_t)parse_number(key, value);
  else bench_die("unknown option `%s`", key);
}

bench_options bench_parse(int argc, char **argv) {
  bench_options options = {.count = 1, .path = "/", .connections = 1};
  if (argc < 2) bench_die("usage: %s workload key=value ...", argv[0]);
  options.workload = argv[1];
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0) {
      options.command = argv + i + 1;
      break;
    }
    char *equals = strchr(argv[i], '=');
    if (!equals) bench_die("`%s` is not of the form key=value", argv[i]);
    *equals = '\0';
    parse_option(&options, argv[i], equals + 1);
  }
  if (options.busy == 0) options.busy = options.connections;
  return options;
}

static double seconds_of(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) bench_die("no clock %d", (int)clock);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of_timeval(struct timeval value) {
  return (double)value.tv_sec + (double)value.tv_usec / 1e6;
}

static bench_meter meter_now(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) bench_die("no resource usage");
  /* The kernel splits user from system time by sampling; the sum comes from the precise clock. */
  return (bench_meter){.cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID),
                       .user = seconds_of_timeval(usage.ru_utime),
                       .sys = seconds_of_timeval(usage.ru_stime),
                       .wall = seconds_of(CLOCK_MONOTONIC)};
}

void bench_meter_start(bench_meter *meter) { *meter = meter_now(); }

void bench_meter_stop(bench_meter *meter) {
  bench_meter now = meter_now();
  meter->cpu = now.cpu - meter->cpu;
  meter->user = now.user - meter->user;
  meter->sys = now.sys - meter->sys;
  meter->wall = now.wall - meter->wall;
}

void bench_report(const char *driver, const bench_options *options, const bench_meter *meter,
                  bench_result result) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) bench_die("no resource usage");
  printf("{\"driver\":\"%s\",\"workload\":\"%s\",\"ops\":%" PRIu64
         ",\"cpu\":%.6f,\"user\":%.6f,\"sys\":%.6f,"
         "\"wall\":%.6f,\"bytes\":%" PRIu64 ",\"maxrss\":%ld",
         driver, options->workload, result.ops, meter->cpu, meter->user, meter->sys, meter->wall,
         result.bytes, result.maxrss != 0 ? result.maxrss : usage.ru_maxrss);
  if (result.memory >= 0) printf(",\"memory\":%.1f", result.memory);
  puts("}");
  if (fflush(stdout) != 0) bench_die("cannot write the result");
}

uint64_t bench_resident(void) {
  char text[128];
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || !fgets(text, sizeof text, file)) bench_die("cannot read /proc/self/statm");
  fclose(file);
  char *second = strchr(text, ' ');
  if (!second) bench_die("/proc/self/statm has an unknown form");
  return strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
