/* resolver.c - getaddrinfo on worker threads. See resolver.h.
 *
 * A lookup is what an asker holds; a job is the work, and one job may have several askers: those
 * who ask for the same name at about the same time. One lock guards the pool, every job and its
 * list of askers. A job is in one of two lists, waiting or running, until it is done; then its
 * answer does not change any more, and the last asker who leaves frees it. Nothing but getaddrinfo
 * itself runs without the lock.
 *
 * A name server that keeps silent holds a thread for many seconds, and nothing can call getaddrinfo
 * off. So the number of lookups at once is no fixed one: a few run at first, which is kind to the
 * server. What nobody waits for any more is not counted among them. And where the queue stands
 * still for a moment, twice as many may run: a worker that is over keeps watch for that. */
#include "resolver.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../base/chars.h"
#include "../base/limits.h"
#include "../base/memory.h"
#include "../platform/address_lookup.h"
#include "../platform/clock.h"
#include "../platform/system_error.h"
#include "../platform/thread.h"
#include "../platform/wait.h"

#define IDLE_NS ((uint64_t)HC_RESOLVER_IDLE_SECONDS * 1000000000u)
#define SHOWN_HOST_MAX 160u /* of a long name, so that the reason still fits the record */

#define LOOKUP_BUCKETS 256u /* buckets; so many different names at once are rare */

typedef enum job_state {
  JOB_WAITING, /* in pool.waiting */
  JOB_RUNNING, /* in pool.running; a worker looks it up */
  JOB_DONE     /* in no list; the answer is set */
} job_state;

typedef struct lookup_job lookup_job;
struct lookup_job {
  lookup_job *previous, *next;
  lookup_job *namesake; /* the next one in its bucket of pool.named */
  hc_lookup *askers;    /* none: nobody asks any more, and whoever finds it next frees it */
  job_state state;
  uint64_t begun_at; /* when it began to run */
  hc_address_answer answer; /* with a port of 0: askers may have different ones */
  size_t host_size;
  char host[];
};

struct hc_lookup {
  lookup_job *job;
  hc_lookup *previous, *next; /* among its job's askers */
  unsigned port;
  bool is_taken;    /* the answer was */
  hc_signal signal; /* zeroed until somebody asks for the descriptor */
};

typedef struct job_list {
  lookup_job *first, *last;
  size_t size;
} job_list;

static struct {
  hc_mutex lock;
  hc_condition work;    /* a job waits, or a fork is over */
  hc_condition quiet;   /* a fork waits, and the last running job is done */
  unsigned forks;       /* threads that are about to fork: no job is begun */
  job_list waiting, running;
  lookup_job *named[LOOKUP_BUCKETS]; /* those of both lists that have askers, by their name */
  size_t abandoned;     /* running jobs that nobody waits for any more */
  size_t places;        /* so many of the others may run */
  /* jobs that have left the queue for a worker: while this does not change the queue stands
   * still */
  uint64_t taken;
  unsigned workers, idle; /* idle: asleep, or started or woken and not yet at the lock */
} pool = {.lock = HC_MUTEX, .places = HC_RESOLVER_THREADS};

static hc_once resolver_prepared = HC_ONCE;

/* One lock for all of it: a lookup takes milliseconds and the lists are short, so nobody ever waits
 * for it long enough to notice. */
static void lock(void) { hc_mutex_lock(&pool.lock); }
static void unlock(void) { hc_mutex_unlock(&pool.lock); }

/* --- lists */

/* Lists with both links, since an asker who gives up takes his job out of the midst. */
static void append_resolver(job_list *list, lookup_job *job) {
  job->previous = list->last;
  job->next = NULL;
  if (list->last) list->last->next = job;
  else list->first = job;
  list->last = job;
  list->size++;
}

/* The links are cleared, so that a job which is in no list can't be taken out twice unnoticed. */
static void take_out_resolver(job_list *list, lookup_job *job) {
  if (job->previous) job->previous->next = job->next;
  else list->first = job->next;
  if (job->next) job->next->previous = job->previous;
  else list->last = job->previous;
  job->previous = job->next = NULL;
  list->size--;
}

/* The answer is the job's own and never an asker's: each of these has a copy with his port in
 * it. */
static void free_job(lookup_job *job) {
  hc_memory_release(job->answer.addresses);
  hc_memory_release(job);
}

/* --- jobs by name */

/* FNV-1a. Who asks for so many names at once that it matters has chosen them himself. */
static lookup_job **bucket_of(hc_slice host) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < host.size; i++) hash = (hash ^ (unsigned char)host.data[i]) * 16777619u;
  return &pool.named[hash % LOOKUP_BUCKETS];
}

/* Only jobs that have askers are here: nobody may join one that has been given up. */
static void name_job(lookup_job *job) {
  lookup_job **bucket = bucket_of((hc_slice){job->host, job->host_size});
  job->namesake = *bucket;
  *bucket = job;
}

static void unname_job(lookup_job *job) {
  lookup_job **at = bucket_of((hc_slice){job->host, job->host_size});
  while (*at != job) at = &(*at)->namesake;
  *at = job->namesake;
}

/* One that has been under way for longer may hang: whoever asks now gets a try of his own. */
static bool can_be_joined(const lookup_job *job) {
  return job->state == JOB_WAITING || hc_clock_now() - job->begun_at <= HC_RESOLVER_TOGETHER_NS;
}

/* Names are compared byte by byte: "Example.com" and "example.com" are two lookups here. */
static lookup_job *find_job(hc_slice host) {
  lookup_job *job = *bucket_of(host);
  while (job &&
         !(hc_slice_equal((hc_slice){job->host, job->host_size}, host) && can_be_joined(job)))
    job = job->namesake;
  return job;
}

/* --- workers */

static int ensure_workers(void);

/* Those that somebody still waits for. */
static size_t count_wanted(void) { return pool.running.size - pool.abandoned; }

static size_t count_free_places(void) {
  size_t wanted = count_wanted();
  return pool.places > wanted ? pool.places - wanted : 0;
}

/* The larger number was for a jam. As soon as fewer run than at first it is over, and the next jam
 * is noticed anew. */
static void take_places_back(void) {
  if (count_wanted() < HC_RESOLVER_THREADS) pool.places = HC_RESOLVER_THREADS;
}

/* Nothing is begun while a thread is about to fork: the fork waits for the lookups that run, and
 * new ones would have it wait for ever. */
static bool has_work(void) {
  return pool.waiting.first && pool.forks == 0 && count_free_places() > 0;
}

/* From here on nobody can join: the answer is there, and who asks for the name later may get a
 * newer one. */
static void tell_askers(lookup_job *job) {
  unname_job(job);
  for (hc_lookup *asker = job->askers; asker; asker = asker->next) hc_signal_raise(&asker->signal);
}

/* Runs one job; the lock is held before and after, not meanwhile. The job's host never changes. */
static void run_resolver(lookup_job *job) {
  hc_address_answer answer;
  job->state = JOB_RUNNING;
  job->begun_at = hc_clock_now();
  append_resolver(&pool.running, job);
  unlock();
  hc_address_lookup(job->host, 0, &answer);
  lock();
  take_out_resolver(&pool.running, job);
  job->state = JOB_DONE;
  job->answer = answer;
  if (!job->askers) pool.abandoned--;
  take_places_back();
  if (job->askers) tell_askers(job);
  else free_job(job);
  if (pool.forks > 0 && !pool.running.first) hc_condition_wake_all(&pool.quiet);
}

/* The lookups under way have not moved for a moment: they may hang, and those behind them must not
 * hang with them. */
static void make_places(void) {
  size_t wanted = count_wanted();
  pool.places = 2 * (wanted > HC_RESOLVER_THREADS ? wanted : HC_RESOLVER_THREADS);
  (void)ensure_workers(); /* without any the queue moves on when a lookup ends */
  hc_condition_wake_all(&pool.work);
}

/* Sleeps until there may be something new to see: a job, a fork that is over, a queue that does not
 * move. False when the time has passed and nothing came. */
static bool sleep_a_while(void) {
  bool is_on_watch = pool.waiting.first && pool.forks == 0;
  uint64_t taken = pool.taken;
  uint64_t until = hc_clock_now() + (is_on_watch ? (uint64_t)HC_RESOLVER_STALL_NS : IDLE_NS);
  pool.idle++;
  bool is_woken = hc_condition_wait_until(&pool.work, &pool.lock, until);
  pool.idle--;
  bool is_stalled = is_on_watch && pool.waiting.first && pool.forks == 0 && pool.taken == taken;
  if (!is_woken && is_stalled && !has_work()) make_places();
  return is_woken || pool.waiting.first;
}

/* A worker lives on for a while after its last job, since a program that has asked once mostly asks
 * again; then it ends, and an idle process has no threads of ours. */
static void *work_resolver(void *unused) {
  (void)unused;
  lock();
  pool.idle--;
  for (;;) {
    if (!has_work()) {
      if (sleep_a_while()) continue;
      break;
    }
    lookup_job *job = pool.waiting.first;
    take_out_resolver(&pool.waiting, job);
    pool.taken++;
    if (job->askers) run_resolver(job);
    else free_job(job);
  }
  pool.workers--;
  unlock();
  return NULL;
}

/* Counted as idle before it runs: otherwise the next one who asks would start a second thread for
 * the same job. */
static int start_worker(void) {
  int error = hc_thread_start(work_resolver, NULL, HC_ADDRESS_LOOKUP_STACK);
  if (error != 0) return error;
  pool.workers++;
  pool.idle++;
  return 0;
}

/* A worker for each job that has a place, and one to keep watch where there are more. An error only
 * where not a single one is there to do the job. */
static int ensure_workers(void) {
  int error = 0;
  size_t places = count_free_places(),
         needed = pool.waiting.size > places ? places + 1 : pool.waiting.size;
  while (error == 0 && pool.workers < HC_RESOLVER_THREADS_MAX && needed > pool.idle)
    error = start_worker();
  return pool.workers > 0 ? 0 : error;
}

/* --- once for each process */

/* Before the first wait, since waits here have a deadline (thread.h). */
static void make_conditions(void) {
  hc_condition_init(&pool.work);
  hc_condition_init(&pool.quiet);
}

/* getaddrinfo has locks of its own, which a child would find held for ever when a worker held one
 * at the fork. So a fork waits a moment for the lookups under way. Those that take longer wait for
 * the network, and hold no lock. */
static void before_fork_resolver(void) {
  lock();
  pool.forks++;
  uint64_t until = hc_clock_now() + (uint64_t)HC_RESOLVER_FORK_NS;
  while (pool.running.first && hc_condition_wait_until(&pool.quiet, &pool.lock, until)) continue;
}

/* Workers that waited for the fork go on. */
static void after_fork_in_parent_resolver(void) {
  pool.forks--;
  hc_condition_wake_all(&pool.work);
  unlock();
}

/* The child has no workers. What they were at goes back to the queue, in front of what waited; the
 * next call for a lookup starts new ones. Only the calls that are allowed between fork and exec are
 * made here. */
static void after_fork_in_child_resolver(void) {
  job_list all = pool.running;
  for (lookup_job *job = all.first; job; job = job->next) job->state = JOB_WAITING;
  if (!all.first) all = pool.waiting;
  else if (pool.waiting.first) {
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
  for (lookup_job *job = all.first; job; job = job->next) {
    for (hc_lookup *asker = job->askers; asker; asker = asker->next)
      hc_signal_renew(&asker->signal);
  }
  pool.forks = 0;
  make_conditions(); /* the old ones may count waiters that do not exist here */
  unlock();
}

/* With the first lookup of the process. */
static void prepare_resolver(void) {
  make_conditions();
  hc_thread_watch_forks(before_fork_resolver, after_fork_in_parent_resolver,
                        after_fork_in_child_resolver);
}

/* --- what needs no lookup */

/* RFC 6761 section 6.3: such names are this machine, and no name server may be asked for them; one
 * that answered could send a script's requests elsewhere. */
static bool is_localhost(hc_slice host) {
  static const char name[] = "localhost";
  size_t size = host.size > 0 && host.data[host.size - 1] == '.' ? host.size - 1 : host.size,
         length = sizeof name - 1;
  if (size < length || (size > length && host.data[size - length - 1] != '.')) return false;
  return hc_bytes_equal_fold(host.data + size - length, name, length);
}

size_t hc_localhost_addresses(hc_slice host, unsigned port,
                              hc_address addresses[HC_LOCALHOST_ADDRESSES]) {
  if (!is_localhost(host)) return 0;
  bool is_made = hc_address_from_literal(HC_SLICE("::1"), port, &addresses[0]) &&
                 hc_address_from_literal(HC_SLICE("127.0.0.1"), port, &addresses[1]);
  return is_made ? HC_LOCALHOST_ADDRESSES : 0;
}

/* --- the asker's side */

/* With the name in it: a script that asks for many would not know which one it was. */
static hc_error refuse_resolver(hc_failure *why, hc_slice host, const char *reason) {
  int shown = host.size > SHOWN_HOST_MAX ? (int)SHOWN_HOST_MAX : (int)host.size;
  const char *text = shown == 0 ? "" : host.data;
  return hc_failure_set(why, HC_ERR_CANT_RESOLVE, "can't resolve %.*s: %s", shown, text, reason);
}

/* For an error of ensure_workers. */
static hc_error refuse_thread(hc_failure *why, hc_slice host, int error) {
  char space[HC_ERRNO_TEXT];
  const char *reason = error == EAGAIN ? "no further thread can be started, a limit is reached"
                                       : hc_errno_text(error, space);
  return refuse_resolver(why, host, reason);
}

/* In the queue. NULL: out of memory. */
static lookup_job *new_job(hc_slice host) {
  if (host.size > SIZE_MAX - sizeof(lookup_job) - 1) return NULL;
  lookup_job *job = hc_memory_allocate_zeroed(1, sizeof *job + host.size + 1);
  if (!job) return NULL;
  memcpy(job->host, host.data, host.size);
  job->host_size = host.size;
  append_resolver(&pool.waiting, job);
  name_job(job);
  return job;
}

/* The newest in front, which takes no walk; nobody sees the order. */
static void join_job(lookup_job *job, hc_lookup *asker) {
  asker->job = job;
  asker->next = job->askers;
  if (job->askers) job->askers->previous = asker;
  job->askers = asker;
}

/* Its place is free: the next one in the queue need not wait for it. */
static void abandon(void) {
  pool.abandoned++;
  take_places_back();
  if (!pool.waiting.first) return;
  (void)ensure_workers(); /* without any the queue moves on when a lookup ends */
  hc_condition_wake_one(&pool.work);
}

/* The last one out: a job that waits is taken from the queue, one that is done is freed, and one
 * that runs can be neither, because getaddrinfo can't be called off. It goes on alone, and its
 * worker frees it. */
static void leave_job(hc_lookup *asker) {
  lookup_job *job = asker->job;
  if (asker->previous) asker->previous->next = asker->next;
  else job->askers = asker->next;
  if (asker->next) asker->next->previous = asker->previous;
  if (job->askers) return;
  if (job->state != JOB_DONE) unname_job(job);
  if (job->state == JOB_WAITING) take_out_resolver(&pool.waiting, job);
  if (job->state == JOB_RUNNING) abandon();
  else free_job(job);
}

/* HC_ERR_CANT_RESOLVE: *error is one of ensure_workers. */
static hc_error ask(hc_lookup *asker, hc_slice host, int *error) {
  lookup_job *job = find_job(host);
  if (!job) job = new_job(host);
  if (!job) return HC_ERR_OUT_OF_MEMORY;
  join_job(job, asker);
  if (job->state == JOB_RUNNING) return HC_OK;
  *error = ensure_workers();
  if (*error != 0) leave_job(asker);
  else hc_condition_wake_one(&pool.work);
  return *error != 0 ? HC_ERR_CANT_RESOLVE : HC_OK;
}

/* A NUL byte would have getaddrinfo look up what stands before it, which may be another machine's
 * name than the one that was checked. */
hc_error hc_lookup_start(hc_slice host, unsigned port, hc_lookup **out, hc_failure *why) {
  *out = NULL;
  if (host.size == 0) return refuse_resolver(why, host, "the name is empty");
  if (memchr(host.data, '\0', host.size))
    return refuse_resolver(why, host, "a NUL byte in the name");
  hc_once_do(&resolver_prepared, prepare_resolver);
  hc_lookup *asker = hc_memory_allocate_zeroed(1, sizeof *asker);
  if (!asker) return hc_failure_out_of_memory(why);
  asker->port = port;
  int error = 0;
  lock();
  hc_error code = ask(asker, host, &error);
  unlock();
  if (code == HC_OK) *out = asker;
  else hc_memory_release(asker);
  if (code == HC_ERR_OUT_OF_MEMORY) return hc_failure_out_of_memory(why);
  return code == HC_OK ? HC_OK : refuse_thread(why, host, error);
}

/* The job is done: what it found stays as it is while an asker is there. */
static hc_io copy_answer(hc_lookup *lookup, hc_address **addresses, size_t *count,
                         hc_failure *why) {
  const hc_address_answer *answer = &lookup->job->answer;
  hc_address *copy = hc_memory_allocate_zeroed(answer->count, sizeof *copy);
  if (!copy) {
    (void)hc_failure_out_of_memory(why);
    return HC_IO_ERROR;
  }
  for (size_t i = 0; i < answer->count; i++)
    copy[i] = hc_address_with_port(&answer->addresses[i], lookup->port);
  lookup->is_taken = true;
  *addresses = copy;
  *count = answer->count;
  return HC_IO_OK;
}

/* The state is read under the lock. Behind it an answer that is there can be read without, since it
 * does not change while this asker holds the job. */
hc_io hc_lookup_poll(hc_lookup *lookup, hc_address **addresses, size_t *count, hc_failure *why) {
  *addresses = NULL;
  *count = 0;
  lock();
  const lookup_job *job = lookup->job;
  job_state state = job->state;
  int error = state == JOB_WAITING ? ensure_workers() : 0; /* after a fork there are none */
  unlock();
  char space[HC_ERRNO_TEXT];
  hc_slice host = {job->host, job->host_size};
  if (error != 0) {
    (void)refuse_thread(why, host, error);
    return HC_IO_ERROR;
  }
  if (state != JOB_DONE) return HC_IO_WANT_READ;
  if (!lookup->is_taken && job->answer.addresses) return copy_answer(lookup, addresses, count, why);
  (void)refuse_resolver(why, host,
                        lookup->is_taken ? "the answer was taken before"
                                         : hc_address_lookup_reason(&job->answer, space));
  return HC_IO_ERROR;
}

/* Under the lock, so that an answer which comes at this moment either finds the signal or is found
 * here. */
hc_handle hc_lookup_handle(hc_lookup *lookup) {
  lock();
  if (lookup->job->state == JOB_WAITING) (void)ensure_workers();
  bool has_none = hc_signal_handle(&lookup->signal) == HC_NO_HANDLE;
  bool is_new = has_none && hc_signal_open(&lookup->signal) == HC_OK;
  if (is_new && lookup->job->state == JOB_DONE) hc_signal_raise(&lookup->signal);
  hc_handle handle = hc_signal_handle(&lookup->signal);
  unlock();
  return handle;
}

/* Behind the lock nobody can reach this asker any more, so its signal is closed without it. */
void hc_lookup_forget(hc_lookup *lookup) {
  if (!lookup) return;
  lock();
  leave_job(lookup);
  unlock();
  hc_signal_close(&lookup->signal);
  hc_memory_release(lookup);
}
