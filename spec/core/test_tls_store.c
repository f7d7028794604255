/* test_tls_store.c - what all TLS connections of a process share: loaded once, by a thread, for
 * each pair of variables. */
#include <pthread.h>
#if !defined(_WIN32)
#include <sys/wait.h>
#endif

#include "../../core/base/limits.h"
#include "../../core/base/memory.h"
#include "tls_world.h"

static char path[] = "/tmp/httpclient-store-XXXXXX";
static identity first, second;

static void write_file(const X509 *certificate, const char *junk) {
  char *pem = certificate_pem(certificate);
  FILE *file = fopen(path, "w");
  NEED(file && fprintf(file, "%s%s", pem, junk) > 0 && fclose(file) == 0);
  free(pem);
}

static hc_io await(hc_tls_store *s, hc_failure *why) {
  hc_io io;
  size_t none;
  while ((io = hc_tls_store_poll(s, why)) == HC_IO_WANT_READ) {
    (void)hc_wait(NULL, 0, hc_clock_now() + 1000000, &none);
  }
  return io;
}

static hc_tls_store *loaded(hc_tls_store_kind kind) {
  hc_tls_store *s = hc_tls_store_get(kind);
  NEED(s && await(s, NULL) == HC_IO_OK);
  return s;
}

static bool holds(hc_tls_store *s, const X509 *certificate) {
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  NEED(context &&
       X509_STORE_CTX_init(context, hc_tls_x509_store(hc_tls_store_handle(s)), NULL, NULL) == 1);
  X509_OBJECT *found =
      X509_STORE_CTX_get_obj_by_subject(context, X509_LU_X509, X509_get_subject_name(certificate));
  bool is_there = found && X509_cmp(X509_OBJECT_get0_X509(found), certificate) == 0;
  X509_OBJECT_free(found);
  X509_STORE_CTX_free(context);
  ERR_clear_error();
  return is_there;
}

static void test_once(void) {
  long before = hc_tls_store_loads();
  hc_tls_store *a = hc_tls_store_get(HC_TLS_STORE_SYSTEM),
               *b = hc_tls_store_get(HC_TLS_STORE_SYSTEM);
  CHECK(a && a == b && await(a, NULL) == HC_IO_OK && hc_tls_store_loads() == before + 1);
  CHECK(holds(a, first.certificate) && !holds(a, second.certificate));
  hc_tls_store_release(a);
  hc_tls_store_release(b);
  b = loaded(HC_TLS_STORE_SYSTEM);
  CHECK(a == b && hc_tls_store_loads() == before + 1);
  hc_tls_store_release(b);
  hc_tls_store *none = loaded(HC_TLS_STORE_NONE);
  CHECK(none != b && !hc_tls_store_handle(none) && hc_tls_store_loads() == before + 2);
  hc_tls_store_release(none);
}

/* Two options, one store: in both contexts it is the same object. */
static void test_options(void) {
  const hc_tls_settings plain = {.verify = HC_TLS_VERIFY_FULL},
                        versions = {.verify = HC_TLS_VERIFY_FULL, .min_version = 13};
  hc_tls_options *all[] = {options_of(&plain), options_of(&plain), options_of(&versions)};
  long before = hc_tls_store_loads();
  for (int i = 0; i < 3; i++) {
    hc_io io;
    while ((io = hc_tls_options_prepare(all[i], NULL)) == HC_IO_WANT_READ) continue;
    CHECK(io == HC_IO_OK && all[i]->store == all[0]->store);
    CHECK(SSL_CTX_get_cert_store(all[i]->context->handle) ==
          hc_tls_x509_store(hc_tls_store_handle(all[0]->store)));
  }
  CHECK(hc_tls_store_loads() == before);
  for (int i = 0; i < 3; i++) hc_tls_options_release(all[i]);
}

static void test_changed_file(void) {
  hc_tls_store *old = loaded(HC_TLS_STORE_SYSTEM);
  NEED(unlink(path) == 0);
  write_file(second.certificate, "# other\n");
  hc_tls_store *now = loaded(HC_TLS_STORE_SYSTEM);
  CHECK(now != old && holds(now, second.certificate) && !holds(now, first.certificate));
  CHECK(holds(old, first.certificate)); /* whoever has it keeps it */
  hc_tls_store_release(old);
  hc_tls_store_release(now);
  write_file(first.certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  now = loaded(HC_TLS_STORE_SYSTEM);
  CHECK_CASE("a malformed file gives nothing", !holds(now, first.certificate));
  hc_tls_store_release(now);
  NEED(unlink(path) == 0);
  now = loaded(HC_TLS_STORE_SYSTEM);
  CHECK_CASE("a file that is not there gives nothing", !holds(now, first.certificate));
  hc_tls_store_release(now);
  write_file(first.certificate, "");
}

static void test_many(void) {
  char name[64];
  hc_tls_store *all[3 * HC_TLS_STORES_MAX];
  for (unsigned i = 0; i < 3 * HC_TLS_STORES_MAX; i++) {
    snprintf(name, sizeof name, "/nonexistent/%u", i);
    NEED(setenv("SSL_CERT_DIR", name, 1) == 0);
    all[i] = hc_tls_store_get(HC_TLS_STORE_SYSTEM);
    for (unsigned j = 0; j < i; j++) CHECK(all[i] && all[i] != all[j]);
  }
  for (unsigned i = 0; i < 3 * HC_TLS_STORES_MAX; i++) {
    CHECK(await(all[i], NULL) == HC_IO_OK && holds(all[i], first.certificate));
    hc_tls_store_release(all[i]);
  }
  unsetenv("SSL_CERT_DIR");
}

static void *ask(void *unused) {
  (void)unused;
  for (int i = 0; i < 50; i++) hc_tls_store_release(loaded(HC_TLS_STORE_SYSTEM));
  return NULL;
}

static void test_threads(void) {
  pthread_t threads[8];
  long before = hc_tls_store_loads();
  NEED(unlink(path) == 0);
  write_file(first.certificate, "# once more\n");
  for (int i = 0; i < 8; i++) NEED(pthread_create(&threads[i], NULL, ask, NULL) == 0);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  CHECK(hc_tls_store_loads() == before + 1);
}

#if HAS_POSIX
/* Forks at any moment of a load: the child has the store, or loads it itself. */
static void test_forks(void) {
  bool all = true;
  for (int i = 0; i < 40; i++) {
    NEED(unlink(path) == 0);
    write_file(first.certificate, i % 2 ? "# odd\n" : "# even\n");
    hc_tls_store *s = hc_tls_store_get(HC_TLS_STORE_SYSTEM);
    size_t none;
    (void)hc_wait(NULL, 0, hc_clock_now() + (uint64_t)i * 50000, &none);
    pid_t child = fork();
    if (child == 0) leave(await(s, NULL) == HC_IO_OK && holds(s, first.certificate) ? 0 : 1);
    int status;
    NEED(child > 0 && waitpid(child, &status, 0) == child);
    all = all && status == 0 && await(s, NULL) == HC_IO_OK;
    hc_tls_store_release(s);
  }
  CHECK_CASE("every child had its store", all);
}
#endif

#ifdef HC_TEST_HOOKS
static void test_memory_out(void) {
  hc_tls_store *kept = loaded(HC_TLS_STORE_SYSTEM);
  bool right = true, done = false;
  long refusals = 0;
  for (long n = 0; n < 100 && right && !done; n++) {
    NEED(unlink(path) == 0);
    write_file(first.certificate, n % 2 ? "# odd\n" : "# even\n");
    hc_failure why = {HC_OK, ""};
    hc_memory_fail_after(n, 1);
    hc_tls_store *s = hc_tls_store_get(HC_TLS_STORE_SYSTEM);
    hc_io io = !s ? HC_IO_ERROR : await(s, &why);
    hc_memory_fail_after(-1, 0);
    done = io == HC_IO_OK;
    refusals += !done;
    right = done ? holds(s, first.certificate) : !s || why.code == HC_ERR_OUT_OF_MEMORY;
    hc_tls_store_release(s);
    hc_tls_store_release(loaded(HC_TLS_STORE_SYSTEM)); /* the next one is not spoilt */
  }
  CHECK(right && done && refusals > 1);
  hc_tls_store_release(kept);
}
#endif

int main(void) {
  int file = mkstemp(path);
  NEED(file >= 0 && close(file) == 0 && setenv("SSL_CERT_FILE", path, 1) == 0);
  unsetenv("SSL_CERT_DIR");
  first = make_authority("First", NULL);
  second = make_authority("Second", NULL);
  write_file(first.certificate, "");
  test_once();
  test_options();
  test_changed_file();
  test_many();
  test_threads();
#if HAS_POSIX
  if (CAN_FORK_BESIDE_THREADS) test_forks();
#endif
#ifdef HC_TEST_HOOKS
  test_memory_out();
#endif
  identity_free(&first);
  identity_free(&second);
  unlink(path);
  return check_report();
}
