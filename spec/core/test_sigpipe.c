/* test_sigpipe.c - whatever a call answers, the host sees no SIGPIPE that the library has caused,
 * and each of its own. */
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../core/platform/file.h"
#include "../../core/platform/posix/sigpipe_posix.h"
#include "../../core/stream/tls/tls_internal.h"
#include "loopback.h"

#define LARGE ((size_t)1 << 20)

static volatile sig_atomic_t seen;

static void count(int number) {
  (void)number;
  seen++;
}

static void set_handler(void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  loopback_need(sigaction(SIGPIPE, &action, NULL) == 0, "sigaction");
}

static sigset_t only_sigpipe(void) {
  sigset_t set;
  loopback_need(sigemptyset(&set) == 0 && sigaddset(&set, SIGPIPE) == 0, "sigset");
  return set;
}

static void block(int how) {
  sigset_t set = only_sigpipe();
  loopback_need(pthread_sigmask(how, &set, NULL) == 0, "sigmask");
}

static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void take_one(void) {
  sigset_t set = only_sigpipe();
  int number;
  loopback_need(sigwait(&set, &number) == 0 && number == SIGPIPE, "sigwait");
}

static int empty_file(void) {
  char path[] = "/tmp/httpclient-test-XXXXXX";
  int file = mkstemp(path);
  loopback_need(file >= 0 && unlink(path) == 0, "mkstemp");
  return file;
}

/* --- what meets an end that nobody reads */

/* The peer has closed in good order. What leaves first brings a reset back before the call has
 * moved all: so it answers with a short count, and the signal. */
static void send_file_to_nobody(void) {
  loopback_pair pair = loopback_connect("127.0.0.1");
  int file = empty_file();
  loopback_need(ftruncate(file, 8 * (off_t)LARGE) == 0, "ftruncate");
  (void)close(pair.theirs);
  pair.theirs = -1;
  loopback_need(loopback_await(pair.ours, POLLIN), "the end");
  uint64_t offset = 0;
  size_t moved;
  hc_io io = HC_IO_OK;
  for (int tries = 0; tries < 100 && (io == HC_IO_OK || io == HC_IO_WANT_WRITE); tries++)
    io = hc_socket_send_file(pair.ours, file, &offset, 2 * LARGE, &moved, NULL);
  CHECK(io == HC_IO_ERROR);
  (void)close(file);
  loopback_close(&pair);
}

typedef struct reader {
  int fd;
  size_t size;
} reader;

static void *read_some(void *context) {
  const reader *r = context;
  char into[4096];
  for (size_t left = r->size; left > 0;) {
    ssize_t got = read(r->fd, into, sizeof into < left ? sizeof into : left);
    if (got <= 0) break;
    left -= (size_t)got;
  }
  (void)close(r->fd);
  return NULL;
}

/* The reader goes while the write is asleep: it answers with what went before. */
static void write_file_to_nobody(void) {
  int ends[2];
  pthread_t thread;
  char *bytes = calloc(1, LARGE);
  loopback_need(bytes && pipe(ends) == 0, "pipe");
  reader r = {ends[0], 100000};
  loopback_need(pthread_create(&thread, NULL, read_some, &r) == 0, "thread");
  size_t written;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_file_write(ends[1], (hc_slice){bytes, LARGE}, &written, &why) ==
            HC_ERR_FILE_CANT_WRITE &&
        written < LARGE);
  CHECK(strcmp(why.text, "can't write the file: nobody reads it any more") == 0);
  loopback_need(pthread_join(thread, NULL) == 0, "join");
  free(bytes);
  (void)close(ends[1]);
}

static void write_pem_to_nobody(void) {
  char folder[] = "/tmp/httpclient-test-XXXXXX", path[64];
  pthread_t thread;
  loopback_need(mkdtemp(folder) != NULL, "mkdtemp");
  snprintf(path, sizeof path, "%s/pipe", folder);
  loopback_need(mkfifo(path, 0600) == 0, "mkfifo");
  reader r = {open(path, O_RDONLY | O_NONBLOCK), 100000};
  loopback_need(r.fd >= 0 && fcntl(r.fd, F_SETFL, 0) == 0, "open");
  /* the reader does not meet an end before the library has come */
  int holder = open(path, O_WRONLY);
  loopback_need(holder >= 0, "open");
  loopback_need(pthread_create(&thread, NULL, read_some, &r) == 0, "thread");
  char *bytes = calloc(1, LARGE);
  loopback_need(bytes != NULL, "memory");
  CHECK(hc_pem_file_write(path, (hc_slice){bytes, LARGE}, NULL) == HC_ERR_FILE_CANT_WRITE);
  loopback_need(pthread_join(thread, NULL) == 0, "join");
  free(bytes);
  (void)close(holder);
  loopback_need(unlink(path) == 0 && rmdir(folder) == 0, "unlink");
}

static void (*const meetings[])(void) = {send_file_to_nobody, write_file_to_nobody,
                                         write_pem_to_nobody};
enum { MEETINGS = sizeof meetings / sizeof meetings[0] };

static void meet_nobody(void) {
  for (size_t i = 0; i < MEETINGS; i++) meetings[i]();
}

/* --- hosts */

static void check_handler(void) {
  set_handler(count);
  seen = 0;
  for (int i = 0; i < 5; i++) meet_nobody();
  CHECK(seen == 0);
}

static void *meet_in_thread(void *unused) {
  for (int i = 0; i < 5; i++) meet_nobody();
  return unused;
}

static void check_threads(void) {
  pthread_t threads[4];
  set_handler(count);
  seen = 0;
  for (size_t i = 0; i < 4; i++)
    loopback_need(pthread_create(&threads[i], NULL, meet_in_thread, NULL) == 0, "thread");
  for (size_t i = 0; i < 4; i++) loopback_need(pthread_join(threads[i], NULL) == 0, "join");
  CHECK(seen == 0);
}

static void check_default(void) {
  pid_t child = fork();
  loopback_need(child >= 0, "fork");
  if (child == 0) {
    set_handler(SIG_DFL);
    meet_nobody();
    leave(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void check_ignored(void) {
  set_handler(SIG_IGN);
  meet_nobody();
  set_handler(count);
  seen = 0;
  block(SIG_BLOCK);
  block(SIG_UNBLOCK);
  CHECK(seen == 0);
}

static void check_blocked(void) {
  set_handler(count);
  seen = 0;
  block(SIG_BLOCK);
  meet_nobody();
  CHECK(!is_pending());
  block(SIG_UNBLOCK);
  CHECK(seen == 0);
}

static void send_to_thread(void) { loopback_need(raise(SIGPIPE) == 0, "raise"); }
static void send_to_process(void) { loopback_need(kill(getpid(), SIGPIPE) == 0, "kill"); }

/* The host's own was there before: it stays, and is the only one. */
static void check_own(void (*send_own)(void)) {
  for (size_t i = 0; i < MEETINGS; i++) {
    set_handler(count);
    block(SIG_BLOCK);
    send_own();
    CHECK(is_pending());
    meetings[i]();
    CHECK(is_pending());
    if (is_pending()) take_one();
    CHECK(!is_pending());
    block(SIG_UNBLOCK);
  }
}

/* One that somebody else sends while the library is at it. */
static void check_meanwhile(void) {
  hc_sigpipe_guard guard;
  set_handler(count);
  seen = 0;
  loopback_need(hc_sigpipe_block(&guard), "block");
  pid_t host = getpid(), child = fork();
  loopback_need(child >= 0, "fork");
  if (child == 0) leave(kill(host, SIGPIPE) == 0 ? 0 : 1);
  loopback_need(waitpid(child, NULL, 0) == child, "waitpid");
  errno = EDOM;
  hc_sigpipe_restore(&guard, HC_SIGPIPE_POSSIBLE);
  CHECK(seen == 1 && errno == EDOM);
}

int main(void) {
  check_handler();
  check_default();
  check_ignored();
  check_blocked();
  check_threads();
  check_own(send_to_thread);
  check_own(send_to_process);
  check_meanwhile();
  return check_report();
}
