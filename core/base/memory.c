/* memory.c - the one door to the allocator. See memory.h. */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BLOCK 1024u

#ifdef HC_TEST_HOOKS

/* Lookup threads allocate as well; the counters are atomic so that a test build stays free of data races. */
#include <stdatomic.h>

static atomic_long countdown = -1;
static atomic_int stays;
static atomic_long live_blocks;

void hc_memory_fail_after(long count, int sticky) {
  atomic_store(&stays, sticky);
  atomic_store(&countdown, count);
}

long hc_memory_live_blocks(void) { return atomic_load(&live_blocks); }

static int refuses(void) {
  long now = atomic_load(&countdown);
  if (now < 0) return 0;
  if (now > 0) {
    atomic_store(&countdown, now - 1);
    return 0;
  }
  if (!atomic_load(&stays)) atomic_store(&countdown, -1);
  return 1;
}

static void *counted(void *block) {
  if (block != NULL) atomic_fetch_add(&live_blocks, 1);
  return block;
}

static void uncount(const void *block) {
  if (block != NULL) atomic_fetch_sub(&live_blocks, 1);
}

#else

static int refuses(void) { return 0; }
static void *counted(void *block) { return block; }
static void uncount(const void *block) { (void)block; }

#endif

/* A size of 0 may give NULL on some platforms, which would look like a failure. */
static size_t at_least_one(size_t size) { return size > 0 ? size : 1; }

void *hc_memory_allocate(size_t size) { return refuses() ? NULL : counted(malloc(at_least_one(size))); }

/* Small blocks are cleared by hand: calloc passes by the lists of blocks just freed that malloc keeps for each thread. And not
 * by a plain memset, since compilers make a calloc of the two. */
static void *zeroed(size_t size) {
  if (size > SMALL_BLOCK) return calloc(1, size);
  void *block = malloc(size);
  if (block != NULL) hc_memory_wipe(block, size);
  return block;
}

void *hc_memory_allocate_zeroed(size_t count, size_t size) {
  if (size > 0 && count > SIZE_MAX / size) return NULL;
  return refuses() ? NULL : counted(zeroed(at_least_one(count * size)));
}

void *hc_memory_resize(void *block, size_t size) {
  if (refuses()) return NULL;
  void *moved = realloc(block, at_least_one(size));
  return block == NULL ? counted(moved) : moved;
}

void hc_memory_release(void *block) {
  uncount(block);
  free(block);
}

char *hc_memory_copy_text(const char *text, size_t size) {
  if (size == SIZE_MAX) return NULL;
  char *copy = hc_memory_allocate(size + 1);
  if (copy == NULL) return NULL;
  if (size > 0) memcpy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

void hc_memory_wipe(void *block, size_t size) {
  /* Read at run time: the compiler can not know that it is memset, and so can not drop the call. */
  static void *(*const volatile fill)(void *, int, size_t) = memset;
  if (size > 0) fill(block, 0, size);
}
