/* test_digest_builtin.c - the digests for builds without OpenSSL leave nothing of a secret on the
 * stack. (That they are right spec/digest_spec.lua says, in such builds and in this one.) They are
 * taken in as a source, in the place of those that this build has. */
#include "../../core/crypto/builtin/digest_builtin.c"

#include <stdlib.h>

#include "check.h"

#if HAS_POSIX
#include <pthread.h>

#define STACK_SIZE ((size_t)256 * 1024)
#define SECRET "Mufasa:http-auth@example.org:Circle of Life, and what comes behind it: 0123456789"

static const char *algorithm;
static bool is_keyed;
static unsigned char result[HC_DIGEST_MAX];

static void *hash(void *unused) {
  (void)unused;
  size_t size;
  hc_error error = is_keyed
                       ? hc_hmac(algorithm, HC_SLICE(SECRET), HC_SLICE("x"), result, &size, NULL)
                       : hc_digest(algorithm, HC_SLICE(SECRET), result, &size, NULL);
  return error == HC_OK ? result : NULL;
}

/* The sanitizer's own library looks functions up at their first call, on whatever thread that is,
 * which leaves the registers on that thread's stack: a stack that the digest has left clean. */
#if defined(__SANITIZE_ADDRESS__)
#define STACK_IS_OURS 0
#else
#define STACK_IS_OURS 1
#endif

/* The text, with its bytes turned around in words of that size: so it is in a schedule. */
static bool stack_holds(const unsigned char *stack, size_t word) {
  unsigned char wanted[16];
  for (size_t i = 0; i < sizeof wanted; i++)
    wanted[i] = (unsigned char)SECRET[i / word * word + (word - 1 - i % word)];
  for (size_t i = 0; i + sizeof wanted <= STACK_SIZE; i++)
    if (memcmp(stack + i, wanted, sizeof wanted) == 0) return true;
  return false;
}

/* On a thread whose stack is ours to look at. It is done here once before: a function that the
 * dynamic linker looks up at its first call would have the registers stored on that stack, with
 * whatever is in them. */
static void check_stack(void) {
  unsigned char *stack = calloc(1, STACK_SIZE + 4096);
  pthread_attr_t attributes;
  pthread_t thread;
  void *made = NULL;
  if (!stack || !hash(NULL) || pthread_attr_init(&attributes) != 0) abort();
  unsigned char *base = stack + (4096 - (uintptr_t)stack % 4096);
  CHECK(pthread_attr_setstack(&attributes, base, STACK_SIZE) == 0 &&
        pthread_create(&thread, &attributes, hash, NULL) == 0 && pthread_join(thread, &made) == 0);
  CHECK_CASE(algorithm, made != NULL);
  for (size_t word = 1; word <= 8; word *= 2)
    CHECK_CASE(algorithm, !STACK_IS_OURS || !stack_holds(base, word));
  (void)pthread_attr_destroy(&attributes);
  free(stack);
}

int main(void) {
  static const char *const algorithms[] = {"MD5", "SHA1", "SHA256", "SHA512"};
  for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
    algorithm = algorithms[i];
    is_keyed = false;
    check_stack();
    is_keyed = true;
    check_stack();
  }
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
