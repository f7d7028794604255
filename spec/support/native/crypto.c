/* crypto.c - how much OpenSSL does, counted: its allocations, on one thread and on all. To read one
 * certificate takes hundreds of them, to begin using the library thousands, on a fast machine and
 * on a slow one. */
#include "native.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_t watched;
static atomic_size_t own, all;

static void count(void) {
  atomic_fetch_add(&all, 1);
  if (pthread_equal(pthread_self(), watched)) atomic_fetch_add(&own, 1);
}

static void *crypto_malloc(size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  count();
  return malloc(size);
}

static void *crypto_realloc(void *block, size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  count();
  return realloc(block, size);
}

static void crypto_free(void *block, const char *file, int line) {
  (void)file;
  (void)line;
  free(block);
}

static bool begin(void) {
  watched = pthread_self();
  return sn_stay_loaded() &&
         CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1;
}

/* native.crypto_allocations() -> what the thread of the first of these calls has allocated in
 * OpenSSL since then; what all threads have. That call must come before all else that uses OpenSSL.
 */
static int native_crypto_allocations(lua_State *L) {
  static bool counts;
  if (!counts && !begin()) return luaL_error(L, "OpenSSL is in use already");
  counts = true;
  lua_pushnumber(L, (lua_Number)atomic_load(&own));
  lua_pushnumber(L, (lua_Number)atomic_load(&all));
  return 2;
}

void sn_open_crypto(lua_State *L) {
  static const luaL_Reg functions[] = {{"crypto_allocations", native_crypto_allocations},
                                       {NULL, NULL}};
  sn_set_functions(L, functions);
}
