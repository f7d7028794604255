/* tls_store.c - what all TLS connections of a process share: the library, made ready, and the
 * system's authorities.
 *
 * Both take tens of milliseconds of CPU, so a thread does them, once in a process for each pair of
 * file and directory that the environment names. One lock guards the list of stores and every entry
 * in it; what the library does for a store is done without it. A fork waits for that, since the
 * library may have locks of its own, which a child would find held for ever; and so does the end of
 * the process, at which it may take its tables down. Reading the file, which may hang, holds up
 * neither. */
#include <string.h>

#include "../../base/memory.h"
#include "../../platform/thread.h"
#include "../../platform/trust.h"
#include "tls_internal.h"

/* WAITING to LOADING to READY or FAILED; from LOADING back to WAITING only in the child of a
 * fork. */
typedef enum store_state {
  STORE_WAITING, /* for a thread: new, or its thread was left behind by a fork */
  STORE_LOADING,
  STORE_READY,
  STORE_FAILED   /* memory was out; in no list any more */
} store_state;

struct hc_tls_store {
  hc_tls_store *next;
  size_t references;           /* the list's, the thread's, and those of options */
  store_state state;
  hc_tls_store_kind kind;
  char *file, *directory;      /* what the environment says; NULL: nothing */
  hc_pem_file_stamp stamp;     /* of the file that was read */
  hc_tls_anchors *handle;      /* set once, before READY; NULL without authorities */
};

static struct {
  hc_mutex lock;
  hc_condition changed;
  hc_tls_store *first;         /* the newest first */
  unsigned forks;              /* threads that are about to fork: no work is begun */
  unsigned busy;               /* threads that are in the library */
  bool ended;                  /* the library is going */
  long loads;
} shared_tls_store = {.lock = HC_MUTEX, .changed = HC_CONDITION};

/* Held for moments, and never while the library works or a file is read. */
static void enter_tls_store(void) { hc_mutex_lock(&shared_tls_store.lock); }
static void leave_tls_store(void) { hc_mutex_unlock(&shared_tls_store.lock); }

/* --- one store's life */

/* Inside the lock; what is to be freed outside, or NULL. */
static hc_tls_store *let_go_tls_store(hc_tls_store *s) { return --s->references == 0 ? s : NULL; }

/* Outside the lock: authorities are some hundred certificates, whose end takes a millisecond. */
static void store_free(hc_tls_store *s) {
  if (!s) return;
  hc_tls_anchors_free(s->handle);
  hc_memory_release(s->file);
  hc_memory_release(s->directory);
  hc_memory_release(s);
}

/* A connection holds the store that it began with, so one that is replaced stays as long as
 * somebody verifies by it. */
void hc_tls_store_release(hc_tls_store *s) {
  if (!s) return;
  enter_tls_store();
  hc_tls_store *last = let_go_tls_store(s);
  leave_tls_store();
  store_free(last);
}

/* Inside the lock. */
static hc_tls_store *take_out_tls_store(hc_tls_store *s) {
  for (hc_tls_store **link = &shared_tls_store.first; *link; link = &(*link)->next) {
    if (*link != s) continue;
    *link = s->next;
    s->next = NULL;
    return let_go_tls_store(s);
  }
  return NULL;
}

/* Two variables that are not set are the same, and one that is set to nothing is another. */
static bool same_text(const char *a, const char *b) {
  return !a || !b ? a == b : strcmp(a, b) == 0;
}

/* True also where there is nothing to copy. */
static bool copy_variable(char **copy, const char *value) {
  *copy = !value ? NULL : hc_memory_copy_text(value, strlen(value));
  return !value || *copy;
}

/* --- loading */

/* Where the environment says nothing, the places that the library was built with. */
static const char *file_of(const hc_tls_store *s) {
  return s->file ? s->file : hc_tls_default_file();
}

static const char *directory_of(const hc_tls_store *s) {
  return s->directory ? s->directory : hc_tls_default_directory();
}

/* The system's own store, unless the environment names another. */
static bool add_system(const hc_tls_store *s, hc_tls_anchors *anchors) {
  return s->file || s->directory || hc_trust_each(hc_tls_anchors_add, anchors);
}

/* All or nothing: a store that lacks half of its authorities because memory ran out would have
 * servers refused for no reason that anybody could find. */
static hc_tls_anchors *fill_tls_store(const hc_tls_store *s, const hc_buffer *text) {
  hc_tls_anchors *anchors = hc_tls_anchors_new(text, directory_of(s));
  if (anchors && add_system(s, anchors)) return anchors;
  hc_tls_anchors_free(anchors);
  return NULL;
}

/* False when the library must not be used any more. */
static bool begin_library(void) {
  enter_tls_store();
  while (shared_tls_store.forks > 0)
    hc_condition_wait(&shared_tls_store.changed, &shared_tls_store.lock);
  bool may = !shared_tls_store.ended;
  if (may) shared_tls_store.busy++;
  leave_tls_store();
  return may;
}

/* Those who fork, and the process's end, wait for this. */
static void end_library(void) {
  enter_tls_store();
  shared_tls_store.busy--;
  hc_condition_wake_all(&shared_tls_store.changed);
  leave_tls_store();
}

/* False when memory is out. A file that is not there, or can't be read, is no failure here. */
static bool read_file(hc_tls_store *s, hc_buffer *text) {
  if (s->kind != HC_TLS_STORE_SYSTEM) return true;
  s->stamp = hc_pem_file_stamp_of(file_of(s));
  hc_error error = hc_pem_file_read(file_of(s), text, NULL);
  if (error != HC_OK) hc_buffer_free(text);
  return error != HC_ERR_OUT_OF_MEMORY;
}

/* Without verification no authorities are needed, but the library is: its first use takes most of
 * the time, and is taken off the thread that everything else runs on. */
static bool make_ready(hc_tls_store *s, const hc_buffer *text) {
  hc_tls_library_warm_up();
  if (s->kind != HC_TLS_STORE_SYSTEM) return true;
  s->handle = fill_tls_store(s, text);
  return s->handle != NULL;
}

/* One that has failed leaves the list, so that the next who asks tries again; those who wait for it
 * see it FAILED. */
static void finish_tls_store(hc_tls_store *s, store_state state) {
  enter_tls_store();
  s->state = state;
  hc_tls_store *listed = state == STORE_FAILED ? take_out_tls_store(s) : NULL,
               *last = let_go_tls_store(s);
  leave_tls_store();
  store_free(listed ? listed : last);
}

/* The entry is the caller's but for its state. True: end_library is still to be called. */
static bool load(hc_tls_store *s) {
  hc_buffer text = {0};
  bool was_read = read_file(s, &text), in_library = was_read && begin_library();
  bool done = in_library && make_ready(s, &text);
  hc_buffer_free(&text);
  finish_tls_store(s, done ? STORE_READY : STORE_FAILED);
  return in_library;
}

static void *work_tls_store(void *store) {
  if (!load(store)) return NULL;
  /* now, and not at the thread's very end, when the library may be gone */
  hc_tls_library_leave();
  end_library();
  return NULL;
}

/* --- once for each process */

/* The lock is held across the fork, as POSIX's pthread_atfork is meant to be used: the child gets
 * the list as it was between two changes. */
static void before_fork_tls_store(void) {
  enter_tls_store();
  shared_tls_store.forks++;
  while (shared_tls_store.busy > 0)
    hc_condition_wait(&shared_tls_store.changed, &shared_tls_store.lock);
}

/* Who waited to begin goes on. */
static void after_fork_in_parent_tls_store(void) {
  shared_tls_store.forks--;
  hc_condition_wake_all(&shared_tls_store.changed);
  leave_tls_store();
}

/* The child has no threads. What they were at is begun anew by whoever asks for it. */
static void after_fork_in_child_tls_store(void) {
  for (hc_tls_store *s = shared_tls_store.first; s; s = s->next) {
    if (s->state != STORE_LOADING) continue;
    s->state = STORE_WAITING;
    s->references--;
  }
  shared_tls_store.forks = 0;
  hc_condition_init(&shared_tls_store.changed);
  leave_tls_store();
}

/* Before the library takes anything down. */
static void at_end(void) {
  enter_tls_store();
  shared_tls_store.ended = true;
  while (shared_tls_store.busy > 0)
    hc_condition_wait(&shared_tls_store.changed, &shared_tls_store.lock);
  leave_tls_store();
}

/* With the first store of the process: from then on a thread of ours may be inside the library. */
static void prepare_tls_store(void) {
  hc_tls_library_begin(at_end);
  hc_thread_watch_forks(before_fork_tls_store, after_fork_in_parent_tls_store,
                        after_fork_in_child_tls_store);
}

/* --- the asker's side */

/* A distribution's update replaces the file while programs run, and a certificate that was signed
 * by a new authority has to be accepted then without a restart. One stat for each connect is what
 * that costs. */
static bool is_current(const hc_tls_store *s) {
  if (s->kind != HC_TLS_STORE_SYSTEM || s->state != STORE_READY) return true;
  hc_pem_file_stamp now = hc_pem_file_stamp_of(file_of(s));
  return memcmp(&now, &s->stamp, sizeof now) == 0;
}

/* The variables are copied now: setenv may move or free what getenv gave. */
static hc_tls_store *store_new(hc_tls_store_kind kind, const char *file, const char *directory) {
  hc_tls_store *s = hc_memory_allocate_zeroed(1, sizeof *s);
  if (!s) return NULL;
  s->references = 2; /* the list's and the caller's */
  s->kind = kind;
  if (copy_variable(&s->file, file) && copy_variable(&s->directory, directory)) return s;
  store_free(s);
  return NULL;
}

/* Inside the lock: puts a new one in front. Behind the newest few, one that is ready leaves; it
 * comes back if only the list held it. */
static hc_tls_store *put_in(hc_tls_store *s) {
  size_t count = 1;
  s->next = shared_tls_store.first;
  shared_tls_store.first = s;
  for (hc_tls_store *i = s->next; i; i = i->next) {
    if (++count > HC_TLS_STORES_MAX && i->state == STORE_READY) return take_out_tls_store(i);
  }
  return NULL;
}

/* Inside the lock. */
static hc_tls_store *find_tls_store(hc_tls_store_kind kind, const char *file,
                                    const char *directory) {
  hc_tls_store *s = shared_tls_store.first;
  while (s && !(s->kind == kind && same_text(s->file, file) && same_text(s->directory, directory)))
    s = s->next;
  return s;
}

/* Inside the lock, which is left for a moment where no thread can be had: then it is done here. */
static void start_tls_store(hc_tls_store *s) {
  if (s->state != STORE_WAITING) return;
  s->state = STORE_LOADING;
  s->references++;
  shared_tls_store.loads++;
  if (hc_thread_start(work_tls_store, s, HC_STACK_USUAL) == 0) return;
  leave_tls_store();
  if (load(s)) end_library();
  enter_tls_store();
}

/* Asked for at each connect and not once: the environment may have changed since, and so may the
 * file. */
hc_tls_store *hc_tls_store_get(hc_tls_store_kind kind) {
  static hc_once prepared = HC_ONCE;
  bool is_system = kind == HC_TLS_STORE_SYSTEM;
  const char *file = is_system ? hc_trust_variable("SSL_CERT_FILE") : NULL;
  const char *directory = is_system ? hc_trust_variable("SSL_CERT_DIR") : NULL;
  hc_tls_store *old = NULL, *dropped = NULL;
  hc_once_do(&prepared, prepare_tls_store);
  enter_tls_store();
  hc_tls_store *s = find_tls_store(kind, file, directory);
  /* its file has changed: those who hold it keep it, and from here on there is a new one */
  if (s && !is_current(s)) {
    old = take_out_tls_store(s);
    s = NULL;
  }
  if (s) {
    s->references++;
  } else {
    s = store_new(kind, file, directory);
    if (s) dropped = put_in(s);
  }
  if (s) start_tls_store(s);
  leave_tls_store();
  /* without the lock, since it takes its time and nobody can find them any more */
  store_free(old);
  store_free(dropped);
  return s;
}

/* Never waits. The handshake asks again as long as the store is being loaded, so that the first
 * connect of a process holds nobody up. */
hc_io hc_tls_store_poll(hc_tls_store *s, hc_failure *why) {
  enter_tls_store();
  start_tls_store(s);
  store_state state = s->state;
  bool ended = shared_tls_store.ended;
  leave_tls_store();
  if (state == STORE_READY) return HC_IO_OK;
  if (state != STORE_FAILED) return HC_IO_WANT_READ;
  hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "%s",
                 ended ? "the process is ending" : hc_error_string(HC_ERR_OUT_OF_MEMORY));
  return HC_IO_ERROR;
}

/* Inside the lock. */
static hc_tls_store *find_loaded(void) {
  hc_tls_store *s = shared_tls_store.first;
  while (s && s->state == STORE_LOADING) s = s->next;
  return s;
}

/* What is still loading stays in the list, where a child of a fork would have to find it. */
void hc_tls_forget_authorities(void) {
  hc_tls_store *found;
  do {
    enter_tls_store();
    found = find_loaded();
    hc_tls_store *last = !found ? NULL : take_out_tls_store(found);
    leave_tls_store();
    store_free(last);
  } while (found);
}

/* Without the lock: it is set before the state says READY, and whoever asks has seen that state. */
hc_tls_anchors *hc_tls_store_handle(const hc_tls_store *s) { return s->handle; }

/* It does not change in the store's life. Sentences name it, so that who has set a wrong variable
 * sees it. */
const char *hc_tls_store_file(const hc_tls_store *s) { return !s ? NULL : s->file; }

#ifdef HC_TEST_HOOKS
long hc_tls_store_loads(void) {
  enter_tls_store();
  long loads = shared_tls_store.loads;
  leave_tls_store();
  return loads;
}
#endif
