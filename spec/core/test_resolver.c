/* test_resolver.c - lookups on the worker threads. Only "localhost" and names that can not exist
 * are asked for. */
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#if !defined(_WIN32)
#include <sys/wait.h>
#endif

#include "../../core/net/resolver.h"
#include "loopback.h"

#define MANY 300

static hc_lookup *start(const char *host, unsigned port) {
  hc_lookup *lookup = NULL;
  hc_failure why = {HC_OK, ""};
  hc_error error = hc_lookup_start(hc_slice_of(host), port, &lookup, &why);
  if (error != HC_OK) fprintf(stderr, "start: %s\n", why.text);
  CHECK(error == HC_OK && lookup);
  return lookup;
}

/* This machine in one of 512 spellings: a lookup that no other spelling shares. */
static hc_lookup *start_own(unsigned number, unsigned port) {
  char name[] = "localhost";
  for (size_t i = 0; i < sizeof name - 1; i++) {
    if (number >> i & 1u) name[i] = (char)(name[i] - 'a' + 'A');
  }
  return start(name, port);
}

/* Waits on the lookup's own descriptor; the answer must be there when that is readable. */
static hc_io finish(hc_lookup *lookup, hc_address **addresses, size_t *count, hc_failure *why) {
  hc_handle fd = hc_lookup_handle(lookup);
  if (fd < 0 || !loopback_await(fd, POLLIN)) return HC_IO_WANT_READ;
  return hc_lookup_poll(lookup, addresses, count, why);
}

static bool is_loopback(const hc_address *address, unsigned port) {
  char text[HC_ADDRESS_TEXT];
  hc_address_text(address, text);
  return hc_address_port(address) == port &&
         (strncmp(text, "127.", 4) == 0 || strcmp(text, "::1") == 0);
}

static bool finds_localhost(hc_lookup *lookup, unsigned port) {
  hc_address *addresses = NULL;
  size_t count = 0;
  bool is_right = finish(lookup, &addresses, &count, NULL) == HC_IO_OK && count > 0;
  for (size_t i = 0; is_right && i < count; i++) {
    is_right = is_loopback(&addresses[i], port);
    for (size_t j = 0; j < i; j++)
      is_right = is_right && memcmp(&addresses[i], &addresses[j], sizeof *addresses) != 0;
  }
  hc_memory_release(addresses);
  return is_right;
}

static void check_localhost(void) {
  char name[] = "localhost";
  hc_lookup *lookup;
  CHECK(hc_lookup_start((hc_slice){name, 9}, 8080, &lookup, NULL) == HC_OK);
  memset(name, 'x', 9); /* the job has a copy */
  hc_handle fd = hc_lookup_handle(lookup);
  CHECK(fd > 0 && hc_lookup_handle(lookup) == fd && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(finds_localhost(lookup, 8080));
  hc_address *addresses;
  size_t count;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_lookup_poll(lookup, &addresses, &count, &why) == HC_IO_ERROR && !addresses &&
        count == 0);
  hc_lookup_forget(lookup);
  CHECK(fcntl(fd, F_GETFD) == -1);
  hc_lookup_forget(NULL);
}

/* A descriptor that is asked for after the answer has come is readable at once. */
static void check_late_descriptor(void) {
  hc_lookup *lookup = start("localhost", 1);
  hc_address *addresses;
  size_t count;
  while (hc_lookup_poll(lookup, &addresses, &count, NULL) == HC_IO_WANT_READ) (void)sched_yield();
  CHECK(count > 0 && loopback_await(hc_lookup_handle(lookup), POLLIN));
  hc_memory_release(addresses);
  hc_lookup_forget(lookup);
}

static void check_unknown(void) {
  hc_lookup *lookup = start("no such name.invalid", 80); /* a space: no server is ever asked */
  hc_failure why = {HC_OK, ""};
  hc_address *addresses;
  size_t count;
  CHECK(finish(lookup, &addresses, &count, &why) == HC_IO_ERROR && !addresses && count == 0);
  CHECK(why.code == HC_ERR_CANT_RESOLVE &&
        strncmp(why.text, "can't resolve no such name.invalid: ", 36) == 0);
  CHECK(strlen(why.text) > 36);
  hc_lookup_forget(lookup);
}

static void check_long_name(void) {
  char name[1000];
  memset(name, 'a', sizeof name);
  hc_lookup *lookup;
  hc_failure why = {HC_OK, ""};
  hc_address *addresses;
  size_t count;
  CHECK(hc_lookup_start((hc_slice){name, sizeof name}, 80, &lookup, NULL) == HC_OK);
  CHECK(finish(lookup, &addresses, &count, &why) == HC_IO_ERROR && strstr(why.text, "aaa: "));
  hc_lookup_forget(lookup);
}

static void check_refused_names(void) {
  const hc_slice names[] = {
      {"local\0host", 10}, {"localhost\0", 10}, {"\0", 1}, {"", 0}, {NULL, 0}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hc_failure why = {HC_OK, ""};
    hc_lookup *lookup = NULL;
    CHECK(hc_lookup_start(names[i], 80, &lookup, &why) == HC_ERR_CANT_RESOLVE && !lookup);
    CHECK(why.code == HC_ERR_CANT_RESOLVE && strncmp(why.text, "can't resolve ", 14) == 0);
  }
}

/* RFC 6761 section 6.3. */
static void check_names_of_this_machine(void) {
  static const char *const local[] = {"localhost", "LOCALhost", "localhost.", "a.localhost",
                                      "a.b.LocalHost."};
  static const char *const other[] = {
      "localhos", "xlocalhost", "localhost.example", "localhost..", "ocalhost", ".", ""};
  hc_address addresses[HC_LOCALHOST_ADDRESSES];
  char text[HC_ADDRESS_TEXT];
  for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
    CHECK_CASE(local[i], hc_localhost_addresses(hc_slice_of(local[i]), 80, addresses) == 2);
    for (size_t j = 0; j < 2; j++) {
      hc_address_text(&addresses[j], text);
      CHECK_CASE(text, strcmp(text, j == 0 ? "::1" : "127.0.0.1") == 0 &&
                           hc_address_port(&addresses[j]) == 80);
    }
  }
  for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
    CHECK_CASE(other[i], hc_localhost_addresses(hc_slice_of(other[i]), 80, addresses) == 0);
}

static void check_many(void) {
  static hc_lookup *lookups[MANY];
  size_t found = 0;
  for (unsigned i = 0; i < MANY; i++) lookups[i] = start_own(i, i + 1);
  for (unsigned i = 0; i < MANY; i++) found += finds_localhost(lookups[i], i + 1) ? 1 : 0;
  CHECK(found == MANY);
  for (unsigned i = 0; i < MANY; i++) hc_lookup_forget(lookups[i]);
}

/* Queued, running or done: whatever each one is at when it is forgotten, the rest is answered. */
static void check_forgotten(void) {
  static hc_lookup *lookups[MANY];
  size_t found = 0;
  for (unsigned i = 0; i < MANY; i++) {
    lookups[i] = start_own(i % (MANY / 2), 7);
    if (i % 5 == 0) (void)hc_lookup_handle(lookups[i]);
  }
  for (unsigned i = MANY; i-- > 0;) {
    if (i % 3 == 0) continue;
    hc_lookup_forget(lookups[i]);
  }
  for (unsigned i = 0; i < MANY; i += 3) found += finds_localhost(lookups[i], 7) ? 1 : 0;
  CHECK(found == MANY / 3);
  for (unsigned i = 0; i < MANY; i += 3) hc_lookup_forget(lookups[i]);
}

/* --- several threads at once */

static void *look_up_many(void *argument) {
  size_t *found = argument;
  hc_lookup *lookups[20];
  for (unsigned i = 0; i < 20; i++) {
    if (hc_lookup_start(HC_SLICE("localhost"), i + 1, &lookups[i], NULL) != HC_OK) return NULL;
  }
  for (unsigned i = 0; i < 20; i++) {
    if (i % 4 != 3) *found += finds_localhost(lookups[i], i + 1) ? 1 : 0;
    hc_lookup_forget(lookups[i]);
  }
  return NULL;
}

static void check_threads(void) {
  pthread_t threads[4];
  size_t found[4] = {0};
  for (size_t i = 0; i < 4; i++)
    loopback_need(pthread_create(&threads[i], NULL, look_up_many, &found[i]) == 0, "thread");
  for (size_t i = 0; i < 4; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(found[i] == 15);
  }
}

/* --- fork, signals */

#if HAS_POSIX
/* Runs `body` in a child; true when that says so. */
static bool holds_in_child(bool (*body)(hc_lookup **), hc_lookup **lookups) {
  pid_t child = fork();
  loopback_need(child >= 0, "fork");
  if (child == 0) {
    (void)alarm(PATIENCE_MS / 1000);
    leave(body(lookups) ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!WIFEXITED(status)) fprintf(stderr, "the child ended by a signal\n");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool resolves_anew(hc_lookup **unused) {
  (void)unused;
  hc_lookup *lookup;
  if (hc_lookup_start(HC_SLICE("localhost"), 9, &lookup, NULL) != HC_OK) return false;
  bool is_right = finds_localhost(lookup, 9);
  hc_lookup_forget(lookup);
  return is_right;
}

/* The copies of what was pending at the fork: some are waited for, some let go, some looked at
 * first. */
static bool resolves_inherited(hc_lookup **lookups) {
  bool is_right = true;
  for (unsigned i = 0; i < MANY; i++) {
    if (i % 7 == 6) hc_lookup_forget(lookups[i]);
  }
  for (unsigned i = 0; i < MANY; i++) {
    if (i % 7 == 6) continue;
    is_right = is_right && finds_localhost(lookups[i], 5);
    hc_lookup_forget(lookups[i]);
  }
  return is_right && resolves_anew(lookups);
}

static void check_fork(void) {
  static hc_lookup *lookups[MANY];
  for (unsigned i = 0; i < MANY; i++) {
    lookups[i] = start_own(i % (MANY / 2), 5);
    if (i % 2 == 0) CHECK(hc_lookup_handle(lookups[i]) > 0);
  }
  CHECK(holds_in_child(resolves_inherited, lookups));
  CHECK(resolves_inherited(lookups)); /* the parent's own are not disturbed */
}

/* An event loop of the child may hold the number of a lookup's descriptor: it must wake by the
 * child's own answer. */
static bool wakes_by_number(hc_lookup **lookup) {
  hc_address *addresses = NULL;
  size_t count = 0;
  hc_handle fd = hc_lookup_handle(lookup[0]);
  if (fd <= 0) return false;
  hc_io io;
  while ((io = hc_lookup_poll(lookup[0], &addresses, &count, NULL)) == HC_IO_WANT_READ) {
    if (!loopback_await(fd, POLLIN)) return false;
  }
  hc_memory_release(addresses);
  return io == HC_IO_OK && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void check_fork_descriptor(void) {
  for (unsigned i = 0; i < 20; i++) {
    hc_lookup *lookup = start("localhost", 5);
    CHECK(hc_lookup_handle(lookup) > 0);
    CHECK(holds_in_child(wakes_by_number, &lookup));
    CHECK(finds_localhost(lookup, 5));
    hc_lookup_forget(lookup);
  }
}

static void *fork_often(void *argument) {
  bool *is_right = argument;
  *is_right = true;
  for (unsigned i = 0; i < 10; i++) *is_right = *is_right && holds_in_child(resolves_anew, NULL);
  return NULL;
}

/* A fork by another thread, while this one is at the lock. */
static void check_fork_in_thread(void) {
  pthread_t thread;
  bool is_right = false;
  size_t found = 0;
  loopback_need(pthread_create(&thread, NULL, fork_often, &is_right) == 0, "thread");
  for (unsigned i = 0; i < 100; i++) (void)look_up_many(&found);
  CHECK(pthread_join(thread, NULL) == 0 && is_right && found == 1500);
}

static volatile sig_atomic_t wrong_thread;
static pthread_t main_thread;
static void on_signal(int number) {
  (void)number;
  if (!pthread_equal(pthread_self(), main_thread)) wrong_thread = 1;
}

/* With the signal blocked here a worker that did not block it too would get it. */
static void check_signals(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigset_t set, before, pending;
  main_thread = pthread_self();
  loopback_need(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
  loopback_need(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0, "sigset");
  hc_lookup *lookup = start("localhost", 1);
  CHECK(finds_localhost(lookup, 1)); /* now a worker is there, and sleeps */
  CHECK(pthread_sigmask(SIG_BLOCK, &set, &before) == 0 && kill(getpid(), SIGUSR1) == 0);
  CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
  CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0 && wrong_thread == 0);
  hc_lookup_forget(lookup);
}

#endif

/* --- shortages */

static void check_shortage(void) {
#ifdef HC_TEST_HOOKS
  hc_lookup *lookup = NULL;
  hc_failure why = {HC_OK, ""};
  for (long n = 0; n < 2; n++) { /* the asker's own, and the job's */
    hc_failure_clear(&why);
    hc_memory_fail_after(n, 0);
    CHECK(hc_lookup_start(HC_SLICE("localhost"), 1, &lookup, &why) == HC_ERR_OUT_OF_MEMORY &&
          !lookup);
    CHECK(why.code == HC_ERR_OUT_OF_MEMORY);
  }
  static const hc_error codes[] = {HC_ERR_CANT_RESOLVE, HC_ERR_OUT_OF_MEMORY};
  for (long n = 0; n < 2; n++) { /* the answer finds no room, with the worker and with the asker */
    hc_memory_fail_after(2 + n, 0);
    lookup = start("localhost", 1);
    hc_address *addresses;
    size_t count;
    hc_failure_clear(&why);
    CHECK(finish(lookup, &addresses, &count, &why) == HC_IO_ERROR && why.code == codes[n]);
    hc_memory_fail_after(-1, 0);
    hc_lookup_forget(lookup);
  }
#endif
}

int main(void) {
  check_refused_names();
  check_localhost();
  check_late_descriptor();
  check_unknown();
  check_long_name();
  check_names_of_this_machine();
  check_many();
  check_forgotten();
  check_threads();
#if HAS_POSIX
  CHECK(holds_in_child(resolves_anew, NULL));
  if (CAN_FORK_BESIDE_THREADS) {
    check_fork();
    check_fork_descriptor();
    check_fork_in_thread();
  }
  check_signals();
#endif
  check_shortage();
  return check_report();
}
