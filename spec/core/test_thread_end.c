/* test_thread_end.c - what the library for TLS keeps for each thread goes with the thread. */
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../../core/crypto/random.h"
#include "check.h"

#define THREADS 20

static atomic_long blocks;

static void *allocate(size_t size, const char *file, int line) {
  (void)file, (void)line;
  void *block = malloc(size);
  if (block) blocks++;
  return block;
}

static void release(void *block, const char *file, int line) {
  (void)file, (void)line;
  if (block) blocks--;
  free(block);
}

static void *resize(void *block, size_t size, const char *file, int line) {
  if (!block) return allocate(size, file, line);
  if (size > 0) return realloc(block, size);
  release(block, file, line);
  return NULL;
}

/* Its random numbers come from a generator of each thread's own. */
static void *use_library(void *unused) {
  unsigned char bytes[16];
  (void)unused;
  CHECK(hc_random_bytes(bytes, sizeof bytes) == HC_OK);
  return NULL;
}

static void run_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, use_library, NULL) != 0) exit(2);
  CHECK(pthread_join(thread, NULL) == 0);
}

int main(void) {
  CHECK(CRYPTO_set_mem_functions(allocate, resize, release) == 1);
  run_thread(); /* what the process has one of stays */
  long before = blocks;
  for (unsigned i = 0; i < THREADS; i++) run_thread();
  CHECK(blocks == before);
  (void)use_library(NULL); /* the process ends with what its own thread has */
  return check_report();
}
