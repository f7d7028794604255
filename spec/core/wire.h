/* wire.h - how the parsers' tests hand bytes over: flush against an unreadable page, whole, byte by
 * byte, and split at every point. What a run has seen is written into a log; all runs of one case
 * must write the same log. */
#ifndef SPEC_WIRE_H
#define SPEC_WIRE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "../../core/base/buffer.h"
#include "../../core/http/fields.h"
#include "check.h"

#define WIRE_SLOTS 12u
#define WIRE_CAPACITY 131072u
#define WIRE_BYTE_BY_BYTE SIZE_MAX

/* WIRE_CAPACITY bytes, and behind them a page that can't be read. */
static inline char *wire_map(void) {
#if defined(_WIN32)
  const DWORD page = 4096;
  DWORD before;
  char *map = VirtualAlloc(NULL, WIRE_CAPACITY + page, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (!map || !VirtualProtect(map + WIRE_CAPACITY, page, PAGE_NOACCESS, &before)) abort();
  return map;
#else
  long page = sysconf(_SC_PAGESIZE);
  if (page <= 0) abort();
  void *map = mmap(NULL, WIRE_CAPACITY + (size_t)page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) abort();
  if (mprotect((char *)map + WIRE_CAPACITY, (size_t)page, PROT_NONE) != 0) abort();
  return map;
#endif
}

/* A copy of the bytes that ends where a page begins that can't be read: one byte too far is a
 * crash. Each slot holds one such copy, until the next of the same slot. */
static inline char *wire_place(unsigned slot, const char *bytes, size_t size) {
  static char *maps[WIRE_SLOTS];
  if (slot >= WIRE_SLOTS || size > WIRE_CAPACITY) abort();
  if (!maps[slot]) maps[slot] = wire_map();
  char *at = maps[slot] + WIRE_CAPACITY - size;
  if (size > 0) memcpy(at, bytes, size);
  return at;
}

static inline hc_slice wire_slice(unsigned slot, const char *text) {
  size_t size = strlen(text);
  return (hc_slice){wire_place(slot, text, size), size};
}

/* The bytes that have come and were not used, as a caller of the parsers keeps them. */
typedef struct wire_feed {
  const char *bytes;
  size_t size, split, fed;
  char kept[WIRE_CAPACITY];
  size_t kept_size;
} wire_feed;

/* Brings the next piece. False when all has been fed. */
static inline int wire_next(wire_feed *f) {
  if (f->fed == f->size) return 0;
  size_t until = f->size;
  if (f->split == WIRE_BYTE_BY_BYTE) until = f->fed + 1;
  else if (f->fed < f->split && f->split < f->size) until = f->split;
  memcpy(f->kept + f->kept_size, f->bytes + f->fed, until - f->fed);
  f->kept_size += until - f->fed;
  f->fed = until;
  return 1;
}

static inline void wire_drop(wire_feed *f, size_t used) {
  f->kept_size -= used;
  memmove(f->kept, f->kept + used, f->kept_size);
}

typedef struct wire_log {
  char text[WIRE_CAPACITY];
  size_t size;
} wire_log;

static inline void wire_add(wire_log *log, const char *format, ...) HC_PRINTF(2, 3);
static inline void wire_add(wire_log *log, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(log->text + log->size, sizeof log->text - log->size, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof log->text - log->size) abort();
  log->size += (size_t)length;
}

/* CRLF as '|', other control bytes as <XX>. */
static inline void wire_add_bytes(wire_log *log, const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (byte == '\r' && i + 1 < size && bytes[i + 1] == '\n') {
      wire_add(log, "|");
      i++;
    } else if (byte < 0x20 || byte == 0x7f) {
      wire_add(log, "<%02X>", (unsigned)byte);
    } else {
      wire_add(log, "%c", byte);
    }
  }
}

static inline void wire_add_headers(wire_log *log, const hc_headers *headers) {
  for (size_t i = 0; i < headers->count; i++) {
    hc_slice line = hc_headers_line(headers, i);
    wire_add(log, "{");
    wire_add_bytes(log, line.data, line.size);
    wire_add(log, "}");
  }
}

typedef void (*wire_run)(const void *test_case, size_t split, wire_log *log);

/* One case in all its splits (0: whole). In `expected`, "~" at the end stands for anything. */
static inline void wire_check(const char *name, const char *expected, size_t size, wire_run run,
                              const void *test_case) {
  static wire_log log;
  size_t wanted = strlen(expected);
  int is_open = wanted > 0 && expected[wanted - 1] == '~', holds = 1;
  for (size_t i = 0; holds && i <= size; i++) {
    size_t split = i == size ? WIRE_BYTE_BY_BYTE : i;
    log.size = 0;
    log.text[0] = '\0';
    run(test_case, split, &log);
    holds =
        is_open ? strncmp(log.text, expected, wanted - 1) == 0 : strcmp(log.text, expected) == 0;
    if (!holds)
      fprintf(stderr, "%s, split %zd:\n  expected %.300s\n  got      %.300s\n", name,
              (ssize_t)split, expected, log.text);
  }
  CHECK_CASE(name, holds);
}

#endif
