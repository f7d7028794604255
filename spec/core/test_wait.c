/* test_wait.c - what sleeps: the blocking receive, waiting for sockets, signals and groups; and the
 * clock. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#if !defined(_WIN32)
#include <sys/time.h>
#endif

#include "loopback.h"

#define MS 1000000u

/* --- the clock */

static void check_clock(void) {
  uint64_t now = hc_clock_now();
  CHECK(now > 0 && hc_clock_now() >= now);
  CHECK(hc_clock_deadline(100, 0) == HC_NEVER && hc_clock_deadline(100, -1) == HC_NEVER);
  CHECK(hc_clock_deadline(100, 1.5) == 1500000100u);
  CHECK(hc_clock_deadline(100, 1e300) == HC_NEVER &&
        hc_clock_deadline(HC_NEVER - 5, 1) == HC_NEVER);
  double zero = 0, not_a_number = zero / zero;
  CHECK(hc_clock_deadline(100, not_a_number) == HC_NEVER && hc_clock_deadline(100, 1e-12) == 100);
}

/* --- blocking receive */

typedef struct sender {
  int fd;
  const char *const *pieces; /* NULL ends */
  enum { END_OPEN, END_CLOSED, END_RESET } ending;
  pthread_t thread;
} sender;

static void *sender_main(void *argument) {
  sender *s = argument;
  for (size_t i = 0; s->pieces[i]; i++) loopback_send(s->fd, s->pieces[i]);
  if (s->ending == END_CLOSED) loopback_need(shutdown(s->fd, SHUT_WR) == 0, "shutdown");
  if (s->ending == END_RESET) loopback_reset(s->fd);
  return NULL;
}

static void sender_start(sender *s) {
  loopback_need(pthread_create(&s->thread, NULL, sender_main, s) == 0, "pthread_create");
}

static void check_blocking(void) {
  static const char *const pieces[] = {"ab", "cdef", "g", "hij", NULL};
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_failure why = {HC_OK, ""};
  char into[32];
  size_t got, total = 0;
  sender s = {.fd = pair.theirs, .pieces = pieces, .ending = END_CLOSED};
  sender_start(&s);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 7, HC_FILL_ALL, &got, &why) == HC_IO_OK &&
        got == 7);
  total = got;
  while (hc_socket_recv_blocking(pair.ours, into + total, 16, HC_FILL_SOME, &got, &why) == HC_IO_OK)
    total += got;
  CHECK(total == 10 && memcmp(into, "abcdefghij", 10) == 0 && got == 0 && why.code == HC_OK);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 8, HC_FILL_ALL, &got, &why) == HC_IO_EOF &&
        got == 0);
  CHECK(pthread_join(s.thread, NULL) == 0);
  loopback_close(&pair);
}

static void check_blocking_end(void) {
  static const char *const pieces[] = {"abc", "de", NULL};
  loopback_pair pair = loopback_connect("127.0.0.1");
  char into[32];
  size_t got;
  sender s = {.fd = pair.theirs, .pieces = pieces, .ending = END_CLOSED};
  sender_start(&s);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 32, HC_FILL_ALL, &got, NULL) == HC_IO_OK &&
        got == 5);
  CHECK(hc_socket_recv_blocking(pair.ours, into, 32, HC_FILL_ALL, &got, NULL) == HC_IO_EOF &&
        got == 0);
  CHECK(pthread_join(s.thread, NULL) == 0);
  loopback_close(&pair);
}

/* A reset behind the last bytes must come out as an error afterwards, not be lost with them. */
static void check_blocking_reset(int first_is_there) {
  static const char *const pieces[] = {"abcde", NULL}, *const none[] = {NULL};
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_failure why = {HC_OK, ""};
  char into[32];
  size_t got;
  if (first_is_there) loopback_send(pair.theirs, "abcde");
  if (first_is_there) CHECK(loopback_await(pair.ours, POLLIN));
  sender s = {.fd = pair.theirs, .pieces = first_is_there ? none : pieces, .ending = END_RESET};
  sender_start(&s);
  hc_io io = hc_socket_recv_blocking(pair.ours, into, 32, HC_FILL_ALL, &got, &why);
  CHECK(pthread_join(s.thread, NULL) == 0);
  if (io == HC_IO_OK) {
    CHECK(got == 5);
    io = hc_socket_recv_blocking(pair.ours, into, 32, HC_FILL_ALL, &got, &why);
  }
  CHECK(io == HC_IO_ERROR && why.code == HC_ERR_CONNECTION_ERROR);
  pair.theirs = -1;
  loopback_close(&pair);
}

/* --- interrupted by signals */

#if HAS_POSIX
static atomic_int alarms; /* read by another thread too */
static void on_alarm(int number) {
  (void)number;
  alarms++;
}

static void set_timer(suseconds_t microseconds) {
  struct itimerval every = {.it_interval = {0, microseconds}, .it_value = {0, microseconds}};
  loopback_need(setitimer(ITIMER_REAL, &every, NULL) == 0, "setitimer");
}

static void *send_after_alarms(void *argument) {
  const int *fd = argument;
  sigset_t set;
  loopback_need(sigemptyset(&set) == 0 && sigaddset(&set, SIGALRM) == 0, "sigset");
  /* they go to the receiver */
  loopback_need(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0, "sigmask");
  loopback_send(*fd, "a");
  while (alarms < 5) (void)sched_yield();
  loopback_send(*fd, "b");
  return NULL;
}

static void check_interrupted(void) {
  /* No SA_RESTART: calls do return EINTR. The handler stays, for an alarm that is on its way at the
   * end. */
  struct sigaction action = {.sa_handler = on_alarm};
  loopback_need(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
  loopback_pair pair = loopback_connect("127.0.0.1");
  pthread_t thread;
  char into[2];
  size_t got, ready;
  alarms = 0;
  set_timer(2000);
  loopback_need(pthread_create(&thread, NULL, send_after_alarms, &pair.theirs) == 0,
                "pthread_create");
  CHECK(hc_socket_recv_blocking(pair.ours, into, 2, HC_FILL_ALL, &got, NULL) == HC_IO_OK &&
        got == 2);
  CHECK(pthread_join(thread, NULL) == 0 && alarms >= 5);
  hc_wait_entry entry = {pair.ours, HC_EVENT_READ, 0};
  uint64_t deadline = hc_clock_now() + 30 * MS;
  alarms = 0;
  CHECK(hc_wait(&entry, 1, deadline, &ready) == HC_OK && ready == 0 && hc_clock_now() >= deadline);
  CHECK(alarms > 0);
  set_timer(0);
  loopback_close(&pair);
}

#endif

/* --- waiting */

static void check_wait(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  size_t ready = 9;
  hc_wait_entry entries[3] = {{-1, HC_EVENT_READ, 3},
                              {pair.ours, HC_EVENT_READ, 3},
                              {pair.ours, HC_EVENT_READ | HC_EVENT_WRITE, 0}};
  CHECK(hc_wait(entries, 3, HC_NEVER, &ready) == HC_OK && ready == 1);
  CHECK(entries[0].ready == 0 && entries[1].ready == 0 && entries[2].ready == HC_EVENT_WRITE);
  CHECK(hc_wait(entries, 2, 0, &ready) == HC_OK && ready == 0);
  for (unsigned i = 0; i < 20; i++) {
    uint64_t deadline = hc_clock_now() + 100000u * i + 1;
    CHECK(hc_wait(entries, 2, deadline, &ready) == HC_OK && ready == 0 &&
          hc_clock_now() >= deadline);
  }
  loopback_reset(pair.theirs);
  pair.theirs = -1;
  hc_wait_entry broken[3] = {
      {pair.ours, HC_EVENT_WRITE, 0}, {pair.ours, HC_EVENT_READ, 0}, {pair.ours, 0, 0}};
  CHECK(loopback_await(pair.ours, POLLIN));
  CHECK(hc_wait(broken, 3, HC_NEVER, &ready) == HC_OK && ready == 2);
  CHECK(broken[0].ready == HC_EVENT_WRITE && broken[1].ready == HC_EVENT_READ &&
        broken[2].ready == 0);
  uint64_t deadline = hc_clock_now() + 5 * MS;
  CHECK(hc_wait(broken + 2, 1, deadline, &ready) == HC_OK && ready == 0 &&
        hc_clock_now() >= deadline);
  loopback_close(&pair);
}

static void check_wait_many(void) {
  enum { COUNT = 100 };
  static hc_signal signals[COUNT];
  static hc_wait_entry entries[COUNT];
  size_t ready;
  for (size_t i = 0; i < COUNT; i++) {
    loopback_need(hc_signal_open(&signals[i]) == HC_OK, "hc_signal_open");
    entries[i] = (hc_wait_entry){signals[i].read_end, HC_EVENT_READ, 0};
  }
  hc_signal_raise(&signals[0]);
  hc_signal_raise(&signals[99]);
  hc_signal_raise(&signals[99]);
  CHECK(hc_wait(entries, COUNT, HC_NEVER, &ready) == HC_OK && ready == 2);
  CHECK(entries[0].ready == HC_EVENT_READ && entries[99].ready == HC_EVENT_READ &&
        entries[50].ready == 0);
#ifdef HC_TEST_HOOKS
  hc_memory_fail_after(0, 0);
  CHECK(hc_wait(entries, COUNT, HC_NEVER, &ready) == HC_ERR_OUT_OF_MEMORY && ready == 0);
  hc_memory_fail_after(-1, 0);
#endif
  for (size_t i = 0; i < COUNT; i++) hc_signal_close(&signals[i]);
}

/* --- a connect that fails where WSAPoll does not say so */

#if !HAS_POSIX
extern bool hc_wait_hides_failures; /* wait_windows.c */

/* With a socket beside it that is always ready, or none; until a time, or without sleeping. */
static void check_silent_failure(size_t count, uint64_t deadline) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  hc_failure why = {HC_OK, ""};
  hc_socket s;
  int holder;
  size_t ready;
  hc_address nobody = loopback_address("127.0.0.1", loopback_dead_port("127.0.0.1", &holder));
  loopback_need(hc_socket_connect(&nobody, &s, &why) == HC_IO_WANT_WRITE, "a connect under way");
  hc_wait_entry entries[2] = {{s, HC_EVENT_WRITE, 0}, {pair.ours, HC_EVENT_WRITE, 0}};
  uint64_t limit = hc_clock_now() + 5000ull * MS;
  hc_wait_hides_failures = true;
  while (entries[0].ready == 0 && hc_clock_now() < limit)
    CHECK(hc_wait(entries, count, deadline, &ready) == HC_OK);
  hc_wait_hides_failures = false;
  CHECK(entries[0].ready == HC_EVENT_WRITE && entries[1].ready == (count > 1 ? HC_EVENT_WRITE : 0));
  CHECK(hc_socket_connect_result(s, &nobody, &why) == HC_IO_ERROR);
  hc_socket_close(s);
  (void)close(holder);
  loopback_close(&pair);
}
#endif

/* --- signals and groups */

#if HAS_POSIX
/* A zeroed one is closed, it is not standard input; and an open one never has its number. */
static void check_signal_number(void) {
  hc_signal closed = {0}, signal;
  hc_signal_close(&closed);
  CHECK(fcntl(0, F_GETFD) >= 0);
  int input = dup(0);
  loopback_need(input > 0 && close(0) == 0, "dup");
  CHECK(hc_signal_open(&signal) == HC_OK && signal.read_end > 0 && signal.write_end > 0);
  loopback_need(dup2(input, 0) == 0, "dup2");
  (void)close(input);
  CHECK((fcntl(signal.read_end, F_GETFD) & FD_CLOEXEC) != 0);
  hc_signal_close(&signal);
}
#endif

static void check_signal(void) {
  hc_signal closed = {0}, signal;
  hc_signal_close(&closed);
  hc_signal_raise(&closed);
  CHECK(hc_signal_open(&signal) == HC_OK && signal.read_end > 0 && signal.write_end > 0);
  hc_signal_raise(&signal);
  CHECK(loopback_await(signal.read_end, POLLIN));
  hc_signal_close(&signal);
  hc_signal_close(&signal);
  CHECK(signal.read_end == 0 && signal.write_end == 0);
}

static void check_group(void) {
  hc_handle group;
  hc_signal signals[2];
  size_t ready;
  CHECK(hc_group_open(&group) == HC_OK);
  if (group == HC_NO_HANDLE) return; /* a platform without */
  loopback_need(hc_signal_open(&signals[0]) == HC_OK && hc_signal_open(&signals[1]) == HC_OK,
                "hc_signal_open");
  CHECK((fcntl(group, F_GETFD) & FD_CLOEXEC) != 0);
  for (size_t i = 0; i < 2; i++)
    CHECK(hc_group_add(group, signals[i].read_end, HC_EVENT_READ) == HC_OK);
  hc_wait_entry entry = {group, HC_EVENT_READ, 0};
  CHECK(hc_wait(&entry, 1, 0, &ready) == HC_OK && ready == 0);
  hc_signal_raise(&signals[1]);
  CHECK(hc_wait(&entry, 1, HC_NEVER, &ready) == HC_OK && ready == 1);
  hc_signal_close(&signals[1]);
  CHECK(hc_wait(&entry, 1, 0, &ready) == HC_OK && ready == 0);
  CHECK(hc_group_add(group, -1, HC_EVENT_READ) != HC_OK);
  hc_signal_close(&signals[0]);
  hc_group_close(group);
  hc_group_close(-1);
}

int main(void) {
  check_clock();
  check_blocking();
  check_blocking_end();
  if (loopback_has_resets()) {
    check_blocking_reset(0);
    check_blocking_reset(1);
  }
#if HAS_POSIX
  check_interrupted();
#endif
  check_wait();
  check_wait_many();
#if !HAS_POSIX
  check_silent_failure(1, HC_NEVER);
  check_silent_failure(1, 0);
  check_silent_failure(2, HC_NEVER);
  check_silent_failure(2, 0);
#else
  check_signal_number();
#endif
  check_signal();
  check_group();
  return check_report();
}
