/* resolver.c - getaddrinfo on worker threads. See resolver.h.
 *
 * One lock guards the pool and every job in it. A job is in one of two lists, waiting or running, until it is done;
 * then it belongs to its asker alone. Nothing but getaddrinfo itself runs without the lock.
 *
 * A name server that keeps silent holds a thread for many seconds, and nothing can call getaddrinfo off. So the number of
 * lookups at once is no fixed one: a few run at first, which is kind to the server. What nobody waits for any more is not
 * counted among them. And where the queue stands still for a moment, twice as many may run: a worker that is over keeps
 * watch for that. */
#define HC_WANT_GNU /* glibc declares dladdr only then */
#include "../platform/system_features.h"

#include "resolver.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../base/chars.h"
#include "../base/limits.h"
#include "../base/memory.h"

#define WORKER_STACK_SIZE 262144u
#define SHOWN_HOST_MAX 160u /* of a long name, so that the reason still fits the record */

#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
#define IDLE_CLOCK CLOCK_MONOTONIC
#define CAN_SELECT_CLOCK 1
#else
#define IDLE_CLOCK CLOCK_REALTIME /* a changed clock only makes an idle worker end early or late */
#define CAN_SELECT_CLOCK 0
#endif

typedef enum job_state {
  JOB_WAITING, /* in pool.waiting */
  JOB_RUNNING, /* in pool.running; a worker is in getaddrinfo */
  JOB_DONE     /* in no list; the results are set */
} job_state;

struct hc_lookup {
  hc_lookup *previous, *next;
  job_state state;
  bool forgotten; /* nobody asks any more: whoever finds it next frees it */
  unsigned port;
  int code, system_error; /* getaddrinfo's answer, and errno for EAI_SYSTEM */
  hc_address *addresses;
  size_t count;
  hc_signal signal; /* zeroed until somebody asks for the descriptor */
  char host[];
};

typedef struct job_list {
  hc_lookup *first, *last;
  size_t size;
} job_list;

static struct {
  pthread_mutex_t lock;
  pthread_cond_t work;  /* a job waits, or a fork is over */
  pthread_cond_t quiet; /* a fork waits, and the last running job is done */
  unsigned forks;       /* threads that are about to fork: no job is begun */
  job_list waiting, running;
  size_t abandoned;     /* running jobs that nobody waits for any more */
  size_t places;        /* so many of the others may run */
  uint64_t taken;       /* jobs that have left the queue for a worker: while this does not change the queue stands still */
  unsigned workers, idle; /* idle: asleep, or started or woken and not yet at the lock */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .places = HC_RESOLVER_THREADS};

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

/* These fail only for a lock that is broken or used wrongly. */
static void lock(void) { (void)pthread_mutex_lock(&pool.lock); }
static void unlock(void) { (void)pthread_mutex_unlock(&pool.lock); }

/* ---- lists ---- */

static void append(job_list *list, hc_lookup *job) {
  job->previous = list->last;
  job->next = NULL;
  if (list->last != NULL) list->last->next = job;
  else list->first = job;
  list->last = job;
  list->size++;
}

static void take_out(job_list *list, hc_lookup *job) {
  if (job->previous != NULL) job->previous->next = job->next;
  else list->first = job->next;
  if (job->next != NULL) job->next->previous = job->previous;
  else list->last = job->previous;
  job->previous = job->next = NULL;
  list->size--;
}

static void free_job(hc_lookup *job) {
  hc_signal_close(&job->signal);
  hc_memory_release(job->addresses);
  hc_memory_release(job);
}

/* ---- the answer ---- */

/* False for what is no address of the Internet. */
static bool convert(const struct addrinfo *from, unsigned port, hc_address *to) {
  *to = (hc_address){.size = (uint32_t)from->ai_addrlen};
  if (from->ai_family == AF_INET && from->ai_addrlen == sizeof(struct sockaddr_in)) {
    struct sockaddr_in in;
    memcpy(&in, from->ai_addr, sizeof in);
    in.sin_port = htons((uint16_t)port);
    memcpy(to->raw.bytes, &in, sizeof in);
    return true;
  }
  if (from->ai_family != AF_INET6 || from->ai_addrlen != sizeof(struct sockaddr_in6)) return false;
  struct sockaddr_in6 in6;
  memcpy(&in6, from->ai_addr, sizeof in6);
  in6.sin6_port = htons((uint16_t)port);
  memcpy(to->raw.bytes, &in6, sizeof in6);
  to->is_ipv6 = 1;
  return true;
}

static bool is_among(const hc_address *address, const hc_address *all, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (all[i].size == address->size && memcmp(all[i].raw.bytes, address->raw.bytes, address->size) == 0) return true;
  }
  return false;
}

/* The hosts file may name an address twice, and a second attempt to it would win nothing. */
static int collect(const struct addrinfo *list, unsigned port, hc_address **out, size_t *out_count) {
  size_t size = 0, count = 0;
  for (const struct addrinfo *i = list; i != NULL; i = i->ai_next) size++;
  hc_address *addresses = hc_memory_allocate_zeroed(size, sizeof *addresses);
  if (addresses == NULL) return EAI_MEMORY;
  for (const struct addrinfo *i = list; i != NULL; i = i->ai_next) {
    if (convert(i, port, &addresses[count]) && !is_among(&addresses[count], addresses, count)) count++;
  }
  if (count == 0) {
    hc_memory_release(addresses);
    return EAI_NONAME;
  }
  *out = addresses;
  *out_count = count;
  return 0;
}

/* No AI_ADDRCONFIG: with it a machine that has nothing but its loopback interface does not find "localhost". */
static int resolve(const char *host, unsigned port, hc_address **addresses, size_t *count, int *system_error) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
  int code = getaddrinfo(host, NULL, &hints, &list);
  *system_error = code == EAI_SYSTEM ? errno : 0;
  if (code != 0) return code;
  code = collect(list, port, addresses, count);
  freeaddrinfo(list);
  return code;
}

/* ---- workers ---- */

static int ensure_workers(void);

static size_t count_wanted(void) { return pool.running.size - pool.abandoned; }

static size_t count_free_places(void) {
  size_t wanted = count_wanted();
  return pool.places > wanted ? pool.places - wanted : 0;
}

static void take_places_back(void) {
  if (count_wanted() < HC_RESOLVER_THREADS) pool.places = HC_RESOLVER_THREADS;
}

static bool has_work(void) { return pool.waiting.first != NULL && pool.forks == 0 && count_free_places() > 0; }

/* Runs one job; the lock is held before and after, not meanwhile. The job's host and port never change. */
static void run(hc_lookup *job) {
  hc_address *addresses = NULL;
  size_t count = 0;
  int system_error = 0;
  job->state = JOB_RUNNING;
  append(&pool.running, job);
  unlock();
  int code = resolve(job->host, job->port, &addresses, &count, &system_error);
  lock();
  take_out(&pool.running, job);
  job->state = JOB_DONE;
  job->code = code;
  job->system_error = system_error;
  job->addresses = addresses;
  job->count = count;
  if (job->forgotten) pool.abandoned--;
  take_places_back();
  if (job->forgotten) free_job(job);
  else hc_signal_raise(&job->signal);
  if (pool.forks > 0 && pool.running.first == NULL) (void)pthread_cond_broadcast(&pool.quiet);
}

static void add_time(struct timespec *time, long seconds, long nanoseconds) {
  time->tv_sec += seconds;
  time->tv_nsec += nanoseconds;
  if (time->tv_nsec < 1000000000) return;
  time->tv_nsec -= 1000000000;
  time->tv_sec++;
}

/* The lookups under way have not moved for a moment: they may hang, and those behind them must not hang with them. */
static void make_places(void) {
  size_t wanted = count_wanted();
  pool.places = 2 * (wanted > HC_RESOLVER_THREADS ? wanted : HC_RESOLVER_THREADS);
  (void)ensure_workers(); /* without any the queue moves on when a lookup ends */
  (void)pthread_cond_broadcast(&pool.work);
}

/* Sleeps until there may be something new to see: a job, a fork that is over, a queue that does not move. False when the
 * time has passed and nothing came. */
static bool sleep_a_while(void) {
  struct timespec until;
  bool is_on_watch = pool.waiting.first != NULL && pool.forks == 0;
  uint64_t taken = pool.taken;
  if (clock_gettime(IDLE_CLOCK, &until) != 0) return false;
  if (is_on_watch) add_time(&until, 0, HC_RESOLVER_STALL_NS);
  else add_time(&until, HC_RESOLVER_IDLE_SECONDS, 0);
  pool.idle++;
  int error = pthread_cond_timedwait(&pool.work, &pool.lock, &until);
  pool.idle--;
  bool is_stalled = is_on_watch && pool.waiting.first != NULL && pool.forks == 0 && pool.taken == taken;
  if (error != 0 && is_stalled && !has_work()) make_places();
  return error == 0 || pool.waiting.first != NULL;
}

static void *work(void *unused) {
  (void)unused;
  lock();
  pool.idle--;
  for (;;) {
    if (!has_work()) {
      if (sleep_a_while()) continue;
      break;
    }
    hc_lookup *job = pool.waiting.first;
    take_out(&pool.waiting, job);
    pool.taken++;
    if (job->forgotten) free_job(job);
    else run(job);
  }
  pool.workers--;
  unlock();
  return NULL;
}

static size_t worker_stack_size(void) {
  size_t size = WORKER_STACK_SIZE;
#if defined(PTHREAD_STACK_MIN)
  if (size < (size_t)PTHREAD_STACK_MIN) size = (size_t)PTHREAD_STACK_MIN;
#endif
  return size;
}

/* A detached thread; a `stack_size` of 0 leaves that to the system. */
static int create_thread(size_t stack_size) {
  pthread_attr_t attributes;
  pthread_t thread;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (error == 0 && stack_size > 0) error = pthread_attr_setstacksize(&attributes, stack_size);
  if (error == 0) error = pthread_create(&thread, &attributes, work, NULL);
  (void)pthread_attr_destroy(&attributes);
  return error;
}

/* The host's signals are for the host's threads: a worker inherits a mask that blocks them all. */
static int start_worker(void) {
  sigset_t all, before;
  (void)sigfillset(&all); /* can not fail */
  int error = pthread_sigmask(SIG_SETMASK, &all, &before);
  if (error != 0) return error;
  error = create_thread(worker_stack_size());
  if (error == EINVAL) error = create_thread(0); /* too small where a program has much thread-local data */
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* fails for a bad first argument only */
  if (error != 0) return error;
  pool.workers++;
  pool.idle++;
  return 0;
}

/* A worker for each job that has a place, and one to keep watch where there are more. An error only where not a single one
 * is there to do the job. */
static int ensure_workers(void) {
  int error = 0;
  size_t places = count_free_places(), needed = pool.waiting.size > places ? places + 1 : pool.waiting.size;
  while (error == 0 && pool.workers < HC_RESOLVER_THREADS_MAX && needed > pool.idle) error = start_worker();
  return pool.workers > 0 ? 0 : error;
}

/* ---- once for each process ---- */

/* lua_close unloads the module while a worker may hang in getaddrinfo, with its way back through this code. So the
 * object that holds it is never unloaded. A program that holds it itself, and systems without these calls, need
 * nothing of this or have to live without; then whoever unloads it must have let every lookup end. */
static void pin_this_object(void) {
#if defined(RTLD_NOLOAD) && defined(RTLD_NODELETE)
  Dl_info where;
  if (dladdr((const void *)&pool, &where) == 0 || where.dli_fname == NULL) return;
  /* The handle is kept: it holds the object as well where RTLD_NODELETE is not heeded for a loaded one. */
  (void)dlopen(where.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

static void make_conditions(void) {
  pthread_condattr_t attributes;
  bool is_made = pthread_condattr_init(&attributes) == 0;
#if CAN_SELECT_CLOCK
  if (is_made) (void)pthread_condattr_setclock(&attributes, IDLE_CLOCK); /* checked when this was compiled */
#endif
  (void)pthread_cond_init(&pool.work, is_made ? &attributes : NULL);
  (void)pthread_cond_init(&pool.quiet, is_made ? &attributes : NULL);
  if (is_made) (void)pthread_condattr_destroy(&attributes);
}

/* getaddrinfo has locks of its own, which a child would find held for ever when a worker held one at the fork. So a fork
 * waits a moment for the lookups under way. Those that take longer wait for the network, and hold no lock. */
static void before_fork(void) {
  struct timespec until;
  lock();
  pool.forks++;
  if (clock_gettime(IDLE_CLOCK, &until) != 0) return;
  add_time(&until, 0, HC_RESOLVER_FORK_NS);
  int error = 0;
  while (pool.running.first != NULL && error == 0) error = pthread_cond_timedwait(&pool.quiet, &pool.lock, &until);
}

static void after_fork_in_parent(void) {
  pool.forks--;
  (void)pthread_cond_broadcast(&pool.work);
  unlock();
}

/* The child's copy of a descriptor is the parent's too: its worker would wake the child. The child gets one of its own
 * under the same number, since an event loop may hold that. */
static void renew_signal(hc_signal *signal) {
  hc_signal fresh, kept = *signal;
  if (signal->read_fd <= 0) return;
  if (hc_signal_open(&fresh) != HC_OK) {
    hc_signal_close(signal); /* made anew when it is asked for */
    return;
  }
  bool is_pair = kept.read_fd != kept.write_fd;
  bool is_moved = dup2(fresh.read_fd, kept.read_fd) >= 0 && fcntl(kept.read_fd, F_SETFD, FD_CLOEXEC) == 0;
  if (is_moved && is_pair)
    is_moved = dup2(fresh.write_fd, kept.write_fd) >= 0 && fcntl(kept.write_fd, F_SETFD, FD_CLOEXEC) == 0;
  hc_signal_close(&fresh);
  if (!is_moved) hc_signal_close(signal);
}

/* The child has no workers. What they were at goes back to the queue, in front of what waited; the next call for a
 * lookup starts new ones. Only the calls that are allowed between fork and exec are made here. */
static void after_fork_in_child(void) {
  job_list all = pool.running;
  for (hc_lookup *job = all.first; job != NULL; job = job->next) job->state = JOB_WAITING;
  if (all.first == NULL) all = pool.waiting;
  else if (pool.waiting.first != NULL) {
    all.last->next = pool.waiting.first;
    pool.waiting.first->previous = all.last;
    all.last = pool.waiting.last;
    all.size += pool.waiting.size;
  }
  pool.waiting = all;
  pool.running = (job_list){0};
  pool.workers = pool.idle = 0;
  pool.abandoned = 0;
  pool.places = HC_RESOLVER_THREADS;
  for (hc_lookup *job = all.first; job != NULL; job = job->next) renew_signal(&job->signal);
  pool.forks = 0;
  make_conditions(); /* the old ones may count waiters that do not exist here */
  unlock();
}

static void prepare(void) {
  pin_this_object();
  make_conditions();
  /* Fails when memory is out; then only a fork at the very moment that the lock is held goes wrong. */
  (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- what needs no lookup ---- */

static bool is_localhost(hc_slice host) {
  static const char name[] = "localhost";
  size_t size = host.size > 0 && host.data[host.size - 1] == '.' ? host.size - 1 : host.size, length = sizeof name - 1;
  if (size < length || (size > length && host.data[size - length - 1] != '.')) return false;
  return hc_bytes_equal_fold(host.data + size - length, name, length);
}

size_t hc_localhost_addresses(hc_slice host, unsigned port, hc_address addresses[HC_LOCALHOST_ADDRESSES]) {
  if (!is_localhost(host)) return 0;
  bool is_made = hc_address_from_literal(HC_SLICE("::1"), port, &addresses[0]) &&
                 hc_address_from_literal(HC_SLICE("127.0.0.1"), port, &addresses[1]);
  return is_made ? HC_LOCALHOST_ADDRESSES : 0;
}

/* ---- the asker's side ---- */

static hc_error refuse(hc_failure *why, hc_slice host, const char *reason) {
  int shown = host.size > SHOWN_HOST_MAX ? (int)SHOWN_HOST_MAX : (int)host.size;
  const char *text = shown == 0 ? "" : host.data;
  return hc_failure_set(why, HC_ERR_CANT_RESOLVE, "can't resolve %.*s: %s", shown, text, reason);
}

/* For an error of ensure_workers. */
static hc_error refuse_thread(hc_failure *why, hc_slice host, int error) {
  char space[HC_ERRNO_TEXT];
  const char *reason = error == EAGAIN ? "no further thread can be started, a limit is reached" : hc_errno_text(error, space);
  return refuse(why, host, reason);
}

static hc_lookup *new_job(hc_slice host, unsigned port) {
  if (host.size > SIZE_MAX - sizeof(hc_lookup) - 1) return NULL;
  hc_lookup *job = hc_memory_allocate_zeroed(1, sizeof *job + host.size + 1);
  if (job == NULL) return NULL;
  memcpy(job->host, host.data, host.size);
  job->port = port;
  return job;
}

hc_error hc_lookup_start(hc_slice host, unsigned port, hc_lookup **out, hc_failure *why) {
  *out = NULL;
  if (host.size == 0) return refuse(why, host, "the name is empty");
  if (memchr(host.data, '\0', host.size) != NULL) return refuse(why, host, "a NUL byte in the name");
  int error = pthread_once(&prepared, prepare);
  hc_lookup *job = error == 0 ? new_job(host, port) : NULL;
  if (job == NULL) return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
  lock();
  append(&pool.waiting, job);
  error = ensure_workers();
  if (error != 0) take_out(&pool.waiting, job);
  else (void)pthread_cond_signal(&pool.work); /* can not fail */
  unlock();
  if (error == 0) {
    *out = job;
    return HC_OK;
  }
  free_job(job);
  return refuse_thread(why, host, error);
}

static const char *reason_of(const hc_lookup *job, char space[HC_ERRNO_TEXT]) {
  return job->code == EAI_SYSTEM ? hc_errno_text(job->system_error, space) : gai_strerror(job->code);
}

hc_io hc_lookup_poll(hc_lookup *lookup, hc_address **addresses, size_t *count, hc_failure *why) {
  *addresses = NULL;
  *count = 0;
  lock();
  job_state state = lookup->state;
  int error = state == JOB_WAITING ? ensure_workers() : 0; /* after a fork there are none */
  unlock();
  char space[HC_ERRNO_TEXT];
  hc_slice host = hc_slice_of(lookup->host);
  if (error != 0) {
    (void)refuse_thread(why, host, error);
    return HC_IO_ERROR;
  }
  if (state != JOB_DONE) return HC_IO_WANT_READ;
  if (lookup->addresses == NULL) {
    (void)refuse(why, host, lookup->code == 0 ? "the answer was taken before" : reason_of(lookup, space));
    return HC_IO_ERROR;
  }
  *addresses = lookup->addresses;
  *count = lookup->count;
  lookup->addresses = NULL;
  return HC_IO_OK;
}

int hc_lookup_fd(hc_lookup *lookup) {
  lock();
  if (lookup->state == JOB_WAITING) (void)ensure_workers();
  bool is_new = lookup->signal.read_fd <= 0 && hc_signal_open(&lookup->signal) == HC_OK;
  if (is_new && lookup->state == JOB_DONE) hc_signal_raise(&lookup->signal);
  int fd = lookup->signal.read_fd > 0 ? lookup->signal.read_fd : -1;
  unlock();
  return fd;
}

/* Its place is free: the next one in the queue need not wait for it. */
static void abandon(hc_lookup *lookup) {
  lookup->forgotten = true;
  hc_signal_close(&lookup->signal);
  pool.abandoned++;
  take_places_back();
  if (pool.waiting.first == NULL) return;
  (void)ensure_workers(); /* without any the queue moves on when a lookup ends */
  (void)pthread_cond_signal(&pool.work);
}

void hc_lookup_forget(hc_lookup *lookup) {
  if (lookup == NULL) return;
  lock();
  if (lookup->state == JOB_WAITING) take_out(&pool.waiting, lookup);
  bool is_running = lookup->state == JOB_RUNNING;
  if (is_running) abandon(lookup);
  unlock();
  if (!is_running) free_job(lookup);
}
