/* test_resolver_pool.c - the resolver's workers against a getaddrinfo of our own, which answers
 * when a gate opens. */
#include "faults.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/wait.h>

#include "../../core/base/limits.h"
#include "../../core/net/resolver.h"
#include "loopback.h"

#define THREADS HC_RESOLVER_THREADS
#define ALL HC_RESOLVER_THREADS_MAX

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_is_open = true;
static unsigned inside, highest; /* threads in getaddrinfo now, and at most */
static char order[2 * ALL];          /* first letters of the names, as they were asked for */
static size_t order_size;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list);
void freeaddrinfo(struct addrinfo *list);

static struct addrinfo *make_entry(const char *literal, struct addrinfo *next) {
  struct addrinfo *entry = calloc(1, sizeof *entry + sizeof(hc_address));
  hc_address address = loopback_address(literal, 0);
  if (!entry) abort();
  memcpy(entry + 1, address.raw.bytes, address.size);
  entry->ai_addr = (struct sockaddr *)(entry + 1);
  entry->ai_addrlen = (socklen_t)address.size;
  entry->ai_family = address.is_ipv6 ? AF_INET6 : AF_INET;
  entry->ai_next = next;
  return entry;
}

static int answer(const char *host, struct addrinfo **list) {
  if (strcmp(host, "system") == 0) {
    errno = ENETDOWN;
    return EAI_SYSTEM;
  }
  if (strcmp(host, "unknown") == 0) return EAI_NONAME;
  struct addrinfo *entry = make_entry("192.0.2.1", NULL);
  if (strcmp(host, "foreign") == 0) entry->ai_family = AF_UNIX;
  if (strcmp(host, "double") == 0)
    entry = make_entry("2001:db8::1", make_entry("192.0.2.1", make_entry("2001:db8::1", entry)));
  *list = entry;
  return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list) {
  if (service || hints->ai_family != AF_UNSPEC || hints->ai_socktype != SOCK_STREAM) abort();
  (void)pthread_mutex_lock(&gate_lock);
  if (order_size < sizeof order) order[order_size++] = host[0];
  if (++inside > highest) highest = inside;
  (void)pthread_cond_broadcast(&gate_moved);
  while (!gate_is_open && strncmp(host, "quick", 5) != 0)
    (void)pthread_cond_wait(&gate_moved, &gate_lock);
  inside--;
  (void)pthread_cond_broadcast(&gate_moved);
  (void)pthread_mutex_unlock(&gate_lock);
  return answer(host, list);
}

void freeaddrinfo(struct addrinfo *list) {
  while (list) {
    struct addrinfo *next = list->ai_next;
    free(list);
    list = next;
  }
}

static void set_gate(bool is_open) {
  (void)pthread_mutex_lock(&gate_lock);
  gate_is_open = is_open;
  if (!is_open) {
    highest = 0;
    order_size = 0;
  }
  (void)pthread_cond_broadcast(&gate_moved);
  (void)pthread_mutex_unlock(&gate_lock);
}

static void await_inside(unsigned count) {
  (void)pthread_mutex_lock(&gate_lock);
  while (inside != count) (void)pthread_cond_wait(&gate_moved, &gate_lock);
  (void)pthread_mutex_unlock(&gate_lock);
}

static hc_lookup *start(const char *host) {
  hc_lookup *lookup = NULL;
  CHECK(hc_lookup_start(hc_slice_of(host), 80, &lookup, NULL) == HC_OK);
  return lookup;
}

/* A name that nobody else asks for. */
static hc_lookup *start_own(const char *word, size_t number) {
  char name[32];
  (void)snprintf(name, sizeof name, "%s%zu", word, number);
  return start(name);
}

static hc_io finish(hc_lookup *lookup, hc_address **addresses, size_t *count, hc_failure *why) {
  int fd = hc_lookup_handle(lookup);
  if (fd < 0 || !loopback_await(fd, POLLIN)) return HC_IO_WANT_READ;
  return hc_lookup_poll(lookup, addresses, count, why);
}

static bool is_answered(hc_lookup *lookup) {
  hc_address *addresses = NULL;
  size_t count = 0;
  bool is_right = finish(lookup, &addresses, &count, NULL) == HC_IO_OK && count == 1;
  hc_memory_release(addresses);
  hc_lookup_forget(lookup);
  return is_right;
}

/* Without a single worker a lookup is refused, with the reason; the next one may find the system in
 * a better state. */
static void check_no_thread(void) {
  static const struct {
    const char *call;
    int number;
    const char *text;
  } cases[] = {{"thread", EAGAIN,
                "can't resolve name: no further thread can be started, a limit is reached"},
               {"attributes", ENOMEM, "can't resolve name: out of memory"},
               {"sigmask", EINVAL, "can't resolve name: invalid argument"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_failure why = {HC_OK, ""};
    hc_lookup *lookup = NULL;
    fault_set_for_good(cases[i].call, cases[i].number);
    CHECK_CASE(cases[i].call,
               hc_lookup_start(HC_SLICE("name"), 80, &lookup, &why) == HC_ERR_CANT_RESOLVE &&
                   !lookup);
    CHECK_CASE(cases[i].text, why.code == HC_ERR_CANT_RESOLVE &&
                                  strcmp(why.text, cases[i].text) == 0 && fault_end() == 1);
  }
  fault_set("thread", 0, EINVAL); /* the stack was too small for it: the system's own size */
  CHECK(is_answered(start("first")) && fault_end() == 1);
  fault_set_for_good("thread", EAGAIN);
  CHECK_CASE("a worker that is there does it", is_answered(start("second")));
  (void)fault_end();
}

static void check_answers(void) {
  hc_lookup *lookup = start("double");
  hc_address *addresses = NULL;
  size_t count = 0;
  char text[HC_ADDRESS_TEXT];
  CHECK(finish(lookup, &addresses, &count, NULL) == HC_IO_OK && count == 2);
  for (size_t i = 0; i < count && count == 2; i++) {
    hc_address_text(&addresses[i], text);
    CHECK(strcmp(text, i == 0 ? "2001:db8::1" : "192.0.2.1") == 0 &&
          hc_address_port(&addresses[i]) == 80);
  }
  hc_memory_release(addresses);
  hc_lookup_forget(lookup);
  static const char *const cases[][2] = {{"system", "can't resolve system: network is down"},
                                         {"unknown", "can't resolve unknown: "},
                                         {"foreign", "can't resolve foreign: "}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_failure why = {HC_OK, ""};
    lookup = start(cases[i][0]);
    CHECK(finish(lookup, &addresses, &count, &why) == HC_IO_ERROR &&
          why.code == HC_ERR_CANT_RESOLVE);
    CHECK_CASE(why.text, strncmp(why.text, cases[i][1], strlen(cases[i][1])) == 0);
    hc_lookup_forget(lookup);
  }
}

/* Once there are as many stuck workers as there may be, the rest waits its turn, in order, and
 * holds nobody up. */
static void check_queue(void) {
  hc_lookup *stuck[ALL], *waiting[5], *queued;
  hc_address *addresses;
  size_t count;
  set_gate(false);
  for (size_t i = 0; i < ALL; i++) stuck[i] = start_own("stuck", i);
  await_inside(ALL);
  static const char *const names[] = {"a", "b", "c", "d", "e"};
  for (size_t i = 0; i < 5; i++) waiting[i] = start(names[i]);
  queued = start("x");
  CHECK(hc_lookup_poll(stuck[0], &addresses, &count, NULL) == HC_IO_WANT_READ);
  CHECK(hc_lookup_poll(queued, &addresses, &count, NULL) == HC_IO_WANT_READ &&
        hc_lookup_handle(queued) > 0);
  CHECK(highest == ALL);
  hc_lookup_forget(queued); /* never starts */
  hc_lookup_forget(waiting[1]);
  hc_lookup_forget(stuck[0]); /* goes on for nobody */
  hc_lookup_forget(stuck[1]);
  set_gate(true);
  for (size_t i = 2; i < ALL; i++) CHECK(is_answered(stuck[i]));
  for (size_t i = 0; i < 5; i++) {
    if (i != 1) CHECK(is_answered(waiting[i]));
  }
  await_inside(0);
  CHECK(order_size == ALL + 4 && highest == ALL);
  bool has_dropped = memchr(order, 'b', order_size) || memchr(order, 'x', order_size);
  CHECK(!has_dropped);
}

typedef enum interest { WAITED_FOR, FORGOTTEN } interest;

/* Whether somebody still waits for them or not: lookups that hang do not hold up one that does not.
 */
static void check_stuck(interest of_asker) {
  hc_lookup *stuck[ALL - THREADS];
  size_t sizes[] = {1, THREADS - 1, THREADS, THREADS + 1, 40, ALL - THREADS};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    set_gate(false);
    for (size_t j = 0; j < sizes[i]; j++) {
      stuck[j] = start_own("stuck", j);
      if (of_asker == WAITED_FOR) continue;
      await_inside((unsigned)j + 1);
      hc_lookup_forget(stuck[j]);
    }
    for (size_t j = 0; j < 2 * THREADS; j++) CHECK(is_answered(start("quick")));
    set_gate(true);
    for (size_t j = 0; of_asker == WAITED_FOR && j < sizes[i]; j++) CHECK(is_answered(stuck[j]));
    await_inside(0);
  }
}

/* Names that are answered at once do not take a worker each. */
static void check_burst(void) {
  hc_lookup *lookups[ALL];
  set_gate(false);
  set_gate(true);
  for (size_t i = 0; i < ALL; i++) lookups[i] = start_own("quick", i);
  for (size_t i = 0; i < ALL; i++) CHECK(is_answered(lookups[i]));
  CHECK(highest < ALL);
}

/* One worker serves lookups that come one after the other. */
static void check_one_at_a_time(void) {
  set_gate(false);
  set_gate(true);
  for (size_t i = 0; i < 20; i++) CHECK(is_answered(start("one")));
  CHECK(highest == 1);
}

/* --- askers who share a lookup */

#define TOGETHER 50

/* One lookup for all who ask for a name together, each with its own port, whoever leaves early; the
 * asker with whom it began, too. Another name is another lookup, in whatever it differs. */
static void check_shared(void) {
  hc_lookup *askers[TOGETHER], *other = NULL;
  set_gate(false);
  for (unsigned i = 0; i < TOGETHER; i++) {
    CHECK(hc_lookup_start(HC_SLICE("many"), 1000 + i, &askers[i], NULL) == HC_OK);
    if (i == 0) await_inside(1); /* the others find it under way */
  }
  other = start("many.");
  await_inside(2);
  hc_lookup_forget(askers[0]);
  hc_lookup_forget(askers[7]);
  hc_lookup_forget(askers[TOGETHER - 1]);
  int first = hc_lookup_handle(askers[1]), second = hc_lookup_handle(askers[2]);
  CHECK(first > 0 && second > 0 && first != second);
  set_gate(true);
  for (unsigned i = 1; i < TOGETHER - 1; i++) {
    hc_address *addresses = NULL;
    size_t count = 0;
    if (i == 7) continue;
    CHECK(finish(askers[i], &addresses, &count, NULL) == HC_IO_OK && count == 1);
    CHECK(addresses && hc_address_port(&addresses[0]) == 1000 + i);
    hc_memory_release(addresses);
    hc_lookup_forget(askers[i]);
  }
  CHECK(is_answered(other) && order_size == 2);
}

/* Those who wait in the queue share a place there, and keep it when the first of them leaves. */
static void check_shared_in_queue(void) {
  hc_lookup *stuck[ALL], *askers[3];
  set_gate(false);
  for (size_t i = 0; i < ALL; i++) stuck[i] = start_own("stuck", i);
  await_inside(ALL);
  for (size_t i = 0; i < 3; i++) askers[i] = start("many");
  hc_lookup_forget(askers[0]);
  set_gate(true);
  CHECK(is_answered(askers[1]) && is_answered(askers[2]) && order_size == ALL + 1);
  for (size_t i = 0; i < ALL; i++) CHECK(is_answered(stuck[i]));
  set_gate(false);
  set_gate(true);
  for (size_t i = 0; i < 2; i++) CHECK(is_answered(start("many"))); /* nothing is kept */
  CHECK(order_size == 2);
}

static void check_shared_failure(void) {
  hc_lookup *askers[TOGETHER];
  set_gate(false);
  for (size_t i = 0; i < TOGETHER; i++) askers[i] = start("unknown");
  set_gate(true);
  for (size_t i = 0; i < TOGETHER; i++) {
    hc_address *addresses;
    size_t count;
    hc_failure why = {HC_OK, ""};
    CHECK(finish(askers[i], &addresses, &count, &why) == HC_IO_ERROR);
    CHECK_CASE(why.text, why.code == HC_ERR_CANT_RESOLVE &&
                             strncmp(why.text, "can't resolve unknown: ", 23) == 0);
    hc_lookup_forget(askers[i]);
  }
  CHECK(order_size == 1);
}

/* One that nobody waits for any more is left to itself, and one that takes long as well: it may
 * hang where a new one does not. */
static void check_not_shared(void) {
  set_gate(false);
  hc_lookup *left = start("many");
  await_inside(1);
  hc_lookup_forget(left);
  hc_lookup *slow = start("many");
  await_inside(2);
  uint64_t late = hc_clock_now() + HC_RESOLVER_TOGETHER_NS;
  while (hc_clock_now() <= late) (void)sched_yield();
  hc_lookup *own = start("many"), *joined = start("many");
  await_inside(3);
  set_gate(true);
  CHECK(is_answered(slow) && is_answered(own) && is_answered(joined) && order_size == 3);
}

#ifdef HC_TEST_HOOKS
/* Memory that runs out for one of them is nobody else's loss. */
static void check_shared_memory(void) {
  hc_address *addresses;
  size_t count;
  set_gate(false);
  hc_lookup *first = start("many"), *second = start("many"), *none = NULL;
  for (long n = 0; n < 2; n++) {
    hc_failure why = {HC_OK, ""};
    hc_memory_fail_after(n, 0);
    CHECK(hc_lookup_start(n == 0 ? HC_SLICE("many") : HC_SLICE("other"), 80, &none, &why) ==
              HC_ERR_OUT_OF_MEMORY &&
          !none && why.code == HC_ERR_OUT_OF_MEMORY);
    hc_memory_fail_after(-1, 0);
  }
  set_gate(true);
  hc_failure why = {HC_OK, ""};
  CHECK(loopback_await(hc_lookup_handle(first), POLLIN));
  hc_memory_fail_after(0, 0);
  CHECK(hc_lookup_poll(first, &addresses, &count, &why) == HC_IO_ERROR && !addresses &&
        why.code == HC_ERR_OUT_OF_MEMORY);
  hc_memory_fail_after(-1, 0);
  CHECK(is_answered(first) && is_answered(second));
}
#endif

/* --- fork, while workers are stuck */

static bool child_is_served(hc_lookup *running, hc_lookup *beside, hc_lookup *waiting,
                            hc_lookup *unwanted) {
  hc_address *addresses;
  size_t count;
  hc_failure why = {HC_OK, ""};
  /* The parent's threads are not here, nor what they counted. */
  (void)pthread_mutex_init(&gate_lock, NULL);
  (void)pthread_cond_init(&gate_moved, NULL);
  inside = highest = 0;
  fault_set("thread", 0, EAGAIN);
  if (hc_lookup_poll(running, &addresses, &count, &why) != HC_IO_ERROR || fault_end() != 1)
    return false;
  if (!strstr(why.text, "can't resolve stuck0: no further thread")) return false;
  int fd = hc_lookup_handle(running); /* starts workers, which meet the closed gate */
  if (fd <= 0 || hc_lookup_poll(running, &addresses, &count, NULL) != HC_IO_WANT_READ) return false;
  hc_lookup_forget(unwanted);
  set_gate(true);
  return is_answered(running) && is_answered(beside) && is_answered(waiting) &&
         is_answered(start("new"));
}

/* `call` fails with `number` while the fork is under way; NULL none. */
static void check_fork(const char *call, int number) {
  hc_lookup *stuck[ALL], *beside, *waiting, *unwanted;
  set_gate(false);
  for (size_t i = 0; i < ALL; i++) stuck[i] = start_own("stuck", i);
  beside = start_own("stuck", 0);
  await_inside(ALL);
  waiting = start("waiting");
  unwanted = start("unwanted");
  hc_lookup_forget(stuck[1]);
  CHECK(hc_lookup_handle(stuck[0]) > 0 && hc_lookup_handle(waiting) > 0 &&
        hc_lookup_handle(unwanted) > 0 && hc_lookup_handle(beside) > 0);
  if (call) fault_set(call, 0, number);
  pid_t child = fork();
  loopback_need(child >= 0, "fork");
  bool is_parents = call && strcmp(call, "clock") == 0;
  unsigned fired = fault_end();
  if (child == 0) {
    (void)alarm(PATIENCE_MS / 1000);
    leave(fired == (call ? 1 : 0) && child_is_served(stuck[0], beside, waiting, unwanted) ? 0 : 1);
  }
  CHECK_CASE(!call ? "nothing fails" : call, fired == (is_parents ? 1 : 0));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  /* The child's answers have not woken anybody here. */
  struct pollfd entry = {.fd = hc_lookup_handle(waiting), .events = POLLIN, .revents = 0};
  CHECK(poll(&entry, 1, 0) == 0);
  set_gate(true);
  for (size_t i = 0; i < ALL; i++) {
    if (i != 1) CHECK(is_answered(stuck[i]));
  }
  CHECK(is_answered(waiting) && is_answered(unwanted) && is_answered(beside));
}

/* Nothing is left behind, whoever let go first. */
static void check_memory(long live) {
#ifdef HC_TEST_HOOKS
  await_inside(0);
  uint64_t limit = hc_clock_deadline(hc_clock_now(), 10);
  while (hc_memory_live_blocks() != live && hc_clock_now() < limit) (void)sched_yield();
  CHECK(hc_memory_live_blocks() == live);
#else
  (void)live;
#endif
}

int main(void) {
  long live = 0;
#ifdef HC_TEST_HOOKS
  live = hc_memory_live_blocks();
#endif
  check_no_thread();
  check_one_at_a_time();
  check_answers();
  check_queue();
  check_burst();
  check_stuck(WAITED_FOR);
  check_stuck(FORGOTTEN);
  check_shared();
  check_shared_in_queue();
  check_shared_failure();
  check_not_shared();
#ifdef HC_TEST_HOOKS
  check_shared_memory();
#endif
  check_fork(NULL, 0);
  check_fork("clock", EINVAL);
  check_fork("eventfd", EMFILE);
  check_fork("dup2", EBUSY);
  check_fork("fcntl", EBADF);
  check_memory(live);
  return check_report();
}
