/* crypto_memory.h - lets OpenSSL's allocations fail. */
#ifndef SPEC_CRYPTO_MEMORY_H
#define SPEC_CRYPTO_MEMORY_H

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>

/* The allocation number `left` from now that OpenSSL makes for the client fails, and with `stays`
 * all behind it. */
static struct {
  long left;
  bool stays, server_works, is_tried;
} crypto = {-1, false, false, false};

static inline bool crypto_refuses(void) {
  if (crypto.server_works || crypto.left < 0) return false;
  if (crypto.left > 0) {
    crypto.left--;
    return false;
  }
  if (!crypto.stays) crypto.left = -1;
  return true;
}

static inline void *crypto_allocate(size_t size, const char *file, int line) {
  (void)file, (void)line;
  return crypto_refuses() ? NULL : malloc(size);
}

static inline void *crypto_resize(void *block, size_t size, const char *file, int line) {
  (void)file, (void)line;
  if (size > 0) return crypto_refuses() ? NULL : realloc(block, size);
  free(block);
  return NULL;
}

static inline void crypto_release(void *block, const char *file, int line) {
  (void)file, (void)line;
  free(block);
}

/* Before OpenSSL has allocated anything. */
static inline bool crypto_memory_take(void) {
  return CRYPTO_set_mem_functions(crypto_allocate, crypto_resize, crypto_release) == 1;
}

#endif
