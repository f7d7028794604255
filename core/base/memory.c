/* memory.c - the one door to the allocator: the C library's, or the host's. See memory.h.
 *
 * All state here belongs to the process, not to a thread or a Lua state: two modules that were
 * linked with the same core share the host's allocator and its counts. */
#include "memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../httpclient.h"

/* Above this calloc is the better choice: the kernel's fresh pages are zero already, and clearing
 * them again would touch all of them. */
#define SMALL_BLOCK 1024u

#ifdef HC_TEST_HOOKS

/* Lookup threads allocate as well; the counters are atomic so that a test build stays free of data
 * races. */

static atomic_long countdown = -1;
static atomic_int stays;
static atomic_long live_blocks;

void hc_memory_fail_after(long count, int sticky) {
  atomic_store(&stays, sticky);
  atomic_store(&countdown, count);
}

long hc_memory_live_blocks(void) { return atomic_load(&live_blocks); }

/* What is left of the countdown is read and written apart, so only one thread may be the one under
 * test; others may take a step or two from it. */
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
  if (block) atomic_fetch_add(&live_blocks, 1);
  return block;
}

/* A block that is resized stays one block. */
static void uncount(const void *block) {
  if (block) atomic_fetch_sub(&live_blocks, 1);
}

#else

static int refuses(void) { return 0; }
static void *counted(void *block) { return block; }
static void uncount(const void *block) { (void)block; }

#endif

/* --- the host's allocator */

/* Written by hc_set_allocator alone, when no other call runs and nothing has been allocated; so it
 * is read without a lock. */
static hc_allocator host_allocator;

/* What keeps hc_set_allocator from taking an allocator away from under its blocks. The C library's
 * blocks are not counted, since all threads would write to that one number at each allocation: the
 * first of them shuts the door for good. */
static atomic_bool c_library_was_used;
static atomic_size_t host_blocks;

static void note_c_library(void) {
  if (!atomic_load_explicit(&c_library_was_used, memory_order_relaxed))
    atomic_store_explicit(&c_library_was_used, true, memory_order_relaxed);
}

static void *note_host_block(void *block) {
  if (block) atomic_fetch_add_explicit(&host_blocks, 1, memory_order_relaxed);
  return block;
}

/* A block must go back to the allocator that it came from. So another one is refused while blocks
 * of the present one are about, which can be counted for the host's and not for the C library's. */
hc_error hc_set_allocator(const hc_allocator *allocator) {
  static const hc_allocator c_library;
  bool is_whole = !allocator || (allocator->allocate && allocator->resize && allocator->release);
  if (!is_whole) return HC_ERR_INVALID_PARAMETER;
  if (host_allocator.allocate ? atomic_load(&host_blocks) > 0 : atomic_load(&c_library_was_used))
    return HC_ERR_BUSY;
  host_allocator = allocator ? *allocator : c_library;
  return HC_OK;
}

/* --- allocations */

/* A size of 0 may give NULL on some platforms, which would look like a failure. */
static size_t at_least_one(size_t size) { return size > 0 ? size : 1; }

static void *take_memory(size_t size) {
  if (host_allocator.allocate)
    return note_host_block(host_allocator.allocate(host_allocator.user, size));
  note_c_library();
  return malloc(size);
}

void *hc_memory_allocate(size_t size) {
  return refuses() ? NULL : counted(take_memory(at_least_one(size)));
}

/* Small blocks are cleared by hand: calloc passes by the lists of blocks just freed that malloc
 * keeps for each thread. And not by a plain memset, since compilers make a calloc of the two. */
static void *zeroed(size_t size) {
  if (size > SMALL_BLOCK && !host_allocator.allocate) {
    note_c_library();
    return calloc(1, size);
  }
  void *block = take_memory(size);
  if (block) hc_memory_wipe(block, size);
  return block;
}

/* The product must not wrap around: a count that a peer has a say in would otherwise give a small
 * block for a large table. */
void *hc_memory_allocate_zeroed(size_t count, size_t size) {
  if (size > 0 && count > SIZE_MAX / size) return NULL;
  return refuses() ? NULL : counted(zeroed(at_least_one(count * size)));
}

static void *resize_memory(void *block, size_t size) {
  if (host_allocator.allocate) return host_allocator.resize(host_allocator.user, block, size);
  note_c_library();
  return realloc(block, size);
}

/* As realloc: where it fails the old block is untouched and still the caller's. */
void *hc_memory_resize(void *block, size_t size) {
  if (!block) return hc_memory_allocate(size);
  return refuses() ? NULL : resize_memory(block, at_least_one(size));
}

void hc_memory_release(void *block) {
  if (!block) return;
  uncount(block);
  if (!host_allocator.allocate) {
    free(block);
    return;
  }
  atomic_fetch_sub_explicit(&host_blocks, 1, memory_order_relaxed);
  host_allocator.release(host_allocator.user, block);
}

/* Texts are views with a size everywhere; the NUL is for the system's calls and the libraries,
 * which want one. */
char *hc_memory_copy_text(const char *text, size_t size) {
  if (size == SIZE_MAX) return NULL;
  char *copy = hc_memory_allocate(size + 1);
  if (!copy) return NULL;
  if (size > 0) memcpy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

void hc_memory_wipe(void *block, size_t size) {
  /* Read at run time: the compiler can not know that it is memset, and so can not drop the call. */
  static void *(*const volatile fill)(void *, int, size_t) = memset;
  if (size > 0) fill(block, 0, size);
}
