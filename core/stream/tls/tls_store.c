/* tls_store.c - what all TLS connections of a process share: OpenSSL, made ready, and the system's
 * authorities.
 *
 * Both take tens of milliseconds of CPU, so a thread does them, once in a process for each pair of
 * file and directory that the environment names. One lock guards the list of stores and every entry
 * in it; what OpenSSL does for a store is done without it. A fork waits for that, since OpenSSL has
 * locks of its own, which a child would find held for ever; and so does the end of the process, at
 * which OpenSSL takes its tables down. Reading the file, which may hang, holds up neither. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/memory.h"
#include "../../platform/thread.h"
#include "../../platform/trust.h"
#include "tls_internal.h"

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
  X509_STORE *handle;          /* set once, before READY; NULL without authorities */
};

static struct {
  hc_mutex lock;
  hc_condition changed;
  hc_tls_store *first;         /* the newest first */
  unsigned forks;              /* threads that are about to fork: no work is begun */
  unsigned busy;               /* threads that are in OpenSSL */
  bool ended;                  /* OpenSSL is going */
  long loads;
} shared_tls_store = {.lock = HC_MUTEX, .changed = HC_CONDITION};

static void enter_tls_store(void) { hc_mutex_lock(&shared_tls_store.lock); }
static void leave_tls_store(void) { hc_mutex_unlock(&shared_tls_store.lock); }

/* --- one store's life */

/* Inside the lock; what is to be freed outside, or NULL. */
static hc_tls_store *let_go_tls_store(hc_tls_store *s) { return --s->references == 0 ? s : NULL; }

static void store_free(hc_tls_store *s) {
  if (!s) return;
  X509_STORE_free(s->handle);
  hc_memory_release(s->file);
  hc_memory_release(s->directory);
  hc_memory_release(s);
}

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

static bool same_text(const char *a, const char *b) {
  return !a || !b ? a == b : strcmp(a, b) == 0;
}

static bool copy_variable(char **copy, const char *value) {
  *copy = !value ? NULL : hc_memory_copy_text(value, strlen(value));
  return !value || *copy;
}

/* --- loading */

static const char *file_of(const hc_tls_store *s) {
  return s->file ? s->file : X509_get_default_cert_file();
}

static const char *directory_of(const hc_tls_store *s) {
  return s->directory ? s->directory : X509_get_default_cert_dir();
}

/* What a first connection would do for the first time: OpenSSL looks its algorithms up then. */
static void warm_up(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl = !context ? NULL : SSL_new(context);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  if (ssl && in && out) {
    SSL_set_bio(ssl, in, out); /* takes them over */
    SSL_set_connect_state(ssl);
    (void)SSL_do_handshake(ssl);
  } else {
    BIO_free(in);
    BIO_free(out);
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
}

static bool add_pem(X509_STORE *store, const hc_buffer *text) {
  bool asked = false, done = true;
  /* its limit is far under INT_MAX */
  BIO *bio = BIO_new_mem_buf(hc_buffer_head(text), (int)hc_buffer_size(text));
  if (!bio) return false;
  STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio(bio, NULL, hc_pem_refuse_passphrase, &asked);
  BIO_free(bio);
  /* a malformed file gives nothing, as ever with OpenSSL */
  if (!all) return !hc_tls_memory_was_out();
  for (int i = 0; done && i < sk_X509_INFO_num(all); i++) {
    const X509_INFO *info = sk_X509_INFO_value(all, i);
    if (info->x509) done = X509_STORE_add_cert(store, info->x509) == 1;
    if (done && info->crl) done = X509_STORE_add_crl(store, info->crl) == 1;
  }
  sk_X509_INFO_pop_free(all, X509_INFO_free);
  return done;
}

/* One that OpenSSL can't read is left out. False when memory is out. */
static bool add_trusted(void *store, hc_slice der) {
  const unsigned char *at = (const unsigned char *)der.data;
  X509 *certificate = der.size > LONG_MAX ? NULL : d2i_X509(NULL, &at, (long)der.size);
  bool done = certificate ? X509_STORE_add_cert(store, certificate) == 1 : !hc_tls_memory_was_out();
  X509_free(certificate);
  return done;
}

/* The system's own store, unless the environment names another. */
static bool add_system(const hc_tls_store *s, X509_STORE *store) {
  return s->file || s->directory || hc_trust_each(add_trusted, store);
}

/* The directory's certificates are looked up one by one, when a chain asks for them. */
static X509_STORE *fill_tls_store(const hc_tls_store *s, const hc_buffer *text) {
  X509_STORE *store = X509_STORE_new();
  X509_LOOKUP *lookup = !store ? NULL : X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
  bool done = lookup != NULL;
  /* an empty name is none */
  if (done) (void)X509_LOOKUP_add_dir(lookup, directory_of(s), X509_FILETYPE_PEM);
  if (done && hc_buffer_size(text) > 0) done = add_pem(store, text);
  if (done) done = add_system(s, store);
  if (done) return store;
  X509_STORE_free(store);
  return NULL;
}

/* False when OpenSSL must not be used any more. */
static bool begin_openssl(void) {
  enter_tls_store();
  while (shared_tls_store.forks > 0)
    hc_condition_wait(&shared_tls_store.changed, &shared_tls_store.lock);
  bool may = !shared_tls_store.ended;
  if (may) shared_tls_store.busy++;
  leave_tls_store();
  return may;
}

static void end_openssl(void) {
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

static bool make_ready(hc_tls_store *s, const hc_buffer *text) {
  warm_up();
  ERR_clear_error();
  if (s->kind != HC_TLS_STORE_SYSTEM) return true;
  s->handle = fill_tls_store(s, text);
  ERR_clear_error();
  return s->handle != NULL;
}

static void finish_tls_store(hc_tls_store *s, store_state state) {
  enter_tls_store();
  s->state = state;
  hc_tls_store *listed = state == STORE_FAILED ? take_out_tls_store(s) : NULL,
               *last = let_go_tls_store(s);
  leave_tls_store();
  store_free(listed ? listed : last);
}

/* The entry is the caller's but for its state. True: end_openssl is still to be called. */
static bool load(hc_tls_store *s) {
  hc_buffer text = {0};
  bool was_read = read_file(s, &text), in_openssl = was_read && begin_openssl();
  bool done = in_openssl && make_ready(s, &text);
  hc_buffer_free(&text);
  finish_tls_store(s, done ? STORE_READY : STORE_FAILED);
  return in_openssl;
}

static void *work_tls_store(void *store) {
  if (!load(store)) return NULL;
  /* now, lest it happens at the thread's very end, when OpenSSL may be gone */
  OPENSSL_thread_stop();
  end_openssl();
  return NULL;
}

/* --- once for each process */

static void before_fork_tls_store(void) {
  enter_tls_store();
  shared_tls_store.forks++;
  while (shared_tls_store.busy > 0)
    hc_condition_wait(&shared_tls_store.changed, &shared_tls_store.lock);
}

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

/* Before OpenSSL takes its tables down. */
static void at_end(void) {
  enter_tls_store();
  shared_tls_store.ended = true;
  while (shared_tls_store.busy > 0)
    hc_condition_wait(&shared_tls_store.changed, &shared_tls_store.lock);
  leave_tls_store();
}

/* A host may end OpenSSL itself, which calls what OPENSSL_atexit was given. The process's end must
 * be waited for earlier: what a thread that is loading adds to that list while it is being called
 * is lost. So atexit comes after OpenSSL's own, for which the cheapest of its beginnings is enough.
 * Where memory is out, only the end at the very moment of a load goes wrong.
 *
 * Where the threads have gone by then, maybe inside of OpenSSL, nothing may be taken down at all. */
static void watch_end(void) {
  if (!hc_thread_outlives_exit()) {
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    return;
  }
  (void)OPENSSL_atexit(at_end);
  if (OPENSSL_init_crypto(OPENSSL_INIT_ATFORK, NULL) == 1) (void)atexit(at_end);
}

static void prepare_tls_store(void) {
  watch_end();
  hc_thread_watch_forks(before_fork_tls_store, after_fork_in_parent_tls_store,
                        after_fork_in_child_tls_store);
}

/* --- the asker's side */

static const char *variable(const char *name) { return OPENSSL_issetugid() ? NULL : getenv(name); }

static bool is_current(const hc_tls_store *s) {
  if (s->kind != HC_TLS_STORE_SYSTEM || s->state != STORE_READY) return true;
  hc_pem_file_stamp now = hc_pem_file_stamp_of(file_of(s));
  return memcmp(&now, &s->stamp, sizeof now) == 0;
}

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
  if (load(s)) end_openssl();
  enter_tls_store();
}

hc_tls_store *hc_tls_store_get(hc_tls_store_kind kind) {
  static hc_once prepared = HC_ONCE;
  bool is_system = kind == HC_TLS_STORE_SYSTEM;
  const char *file = is_system ? variable(X509_get_default_cert_file_env()) : NULL;
  const char *directory = is_system ? variable(X509_get_default_cert_dir_env()) : NULL;
  hc_tls_store *old = NULL, *dropped = NULL;
  hc_once_do(&prepared, prepare_tls_store);
  enter_tls_store();
  hc_tls_store *s = find_tls_store(kind, file, directory);
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
  store_free(old);
  store_free(dropped);
  return s;
}

hc_io hc_tls_store_poll(hc_tls_store *s, hc_failure *why) {
  enter_tls_store();
  start_tls_store(s);
  store_state state = s->state;
  bool ended = shared_tls_store.ended;
  leave_tls_store();
  if (state == STORE_READY) return HC_IO_OK;
  if (state != STORE_FAILED) return HC_IO_WANT_READ;
  hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "%s",
                 ended ? "the process is ending" : "out of memory");
  return HC_IO_ERROR;
}

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

X509_STORE *hc_tls_store_handle(const hc_tls_store *s) { return s->handle; }

const char *hc_tls_store_file(const hc_tls_store *s) { return !s ? NULL : s->file; }

#ifdef HC_TEST_HOOKS
long hc_tls_store_loads(void) {
  enter_tls_store();
  long loads = shared_tls_store.loads;
  leave_tls_store();
  return loads;
}
#endif
