/* curl.c - the workloads with libcurl: easy handles where one request runs at a time, a multi
 * handle driven by epoll through its socket callbacks (the fastest way that it documents) where
 * many do. */
#include "common.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 256

static uint64_t body_bytes, field_count;
static long connects;     /* connections made by the multi handle */
static char url[512];
static int out_file = -1;
static char first_byte;   /* of the last body */

static size_t count_body(char *bytes, size_t one, size_t size, void *context) {
  (void)context;
  if (size > 0) first_byte = bytes[0];
  body_bytes += size;
  return one * size;
}

static size_t write_body(char *bytes, size_t one, size_t size, void *context) {
  (void)context;
  body_bytes += size;
  if (write(out_file, bytes, size) != (ssize_t)size) return 0;
  return one * size;
}

static void check(CURLcode code) {
  if (code != CURLE_OK) bench_die("libcurl: %s", curl_easy_strerror(code));
}

static CURL *make_easy(const bench_options *options) {
  CURL *easy = curl_easy_init();
  if (!easy) bench_die("curl_easy_init");
  snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", options->ca ? "https" : "http", options->port,
           options->path);
  check(curl_easy_setopt(easy, CURLOPT_URL, url));
  check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_body));
  check(curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BENCH_BUFFER_SIZE));
  check(curl_easy_setopt(easy, CURLOPT_USERAGENT, "libcurl"));
  check(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
  check(curl_easy_setopt(easy, CURLOPT_PROXY, ""));
  check(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
  if (options->ca) check(curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca));
  return easy;
}

static void check_answer(CURL *easy) {
  long status = 0;
  check(curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status));
  if (status != 200) bench_die("status %ld", status);
}

static void perform(CURL *easy) {
  check(curl_easy_perform(easy));
  check_answer(easy);
}

static void report(const bench_options *options, const bench_meter *meter) {
  bench_report("libcurl", options, meter,
               (bench_result){.ops = options->count, .bytes = body_bytes, .memory = -1});
}

static void run_easy(const bench_options *options, CURL *easy) {
  bench_meter meter;
  perform(easy);
  body_bytes = 0;
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) perform(easy);
  bench_meter_stop(&meter);
  report(options, &meter);
}

static void run_once(const bench_options *options, CURL *easy) {
  bench_meter meter;
  bench_meter_start(&meter);
  perform(easy);
  bench_meter_stop(&meter);
  report(options, &meter);
}

static void get(const bench_options *options) { run_easy(options, make_easy(options)); }

/* curl_multi_perform and curl_multi_poll: the non-blocking way with a wait in between. */
static void get_wait(const bench_options *options) {
  bench_meter meter;
  CURL *easy = make_easy(options);
  CURLM *multi = curl_multi_init();
  perform(easy);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    int running = 1, left;
    if (curl_multi_add_handle(multi, easy) != CURLM_OK) bench_die("curl_multi_add_handle");
    while (curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
      if (curl_multi_poll(multi, NULL, 0, 10000, NULL) != CURLM_OK) bench_die("curl_multi_poll");
    }
    CURLMsg *message = curl_multi_info_read(multi, &left);
    if (!message || message->data.result != CURLE_OK) bench_die("the transfer failed");
    check_answer(easy);
    curl_multi_remove_handle(multi, easy);
  }
  bench_meter_stop(&meter);
  report(options, &meter);
}

static void post(const bench_options *options) {
  CURL *easy = make_easy(options);
  char *body = bench_allocate(1, options->size + 1);
  struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: text/plain");
  memset(body, 'x', options->size);
  check(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields));
  check(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body));
  check(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->size));
  run_easy(options, easy);
}

static void read_fields(CURL *easy) {
  for (struct curl_header *field = NULL;;) {
    field = curl_easy_nextheader(easy, CURLH_HEADER, -1, field);
    if (!field) return;
    field_count++;
  }
}

static void head(const bench_options *options) {
  bench_meter meter;
  CURL *easy = make_easy(options);
  perform(easy);
  bench_meter_start(&meter);
  for (uint64_t i = 0; i < options->count; i++) {
    perform(easy);
    read_fields(easy);
  }
  bench_meter_stop(&meter);
  if (field_count != options->count * options->size)
    bench_die("%" PRIu64 " fields in all", field_count);
  report(options, &meter);
}

static void stream(const bench_options *options) {
  run_once(options, make_easy(options));
  if (body_bytes != options->size) bench_die("the body has the wrong size");
}

static void file(const bench_options *options) {
  CURL *easy = make_easy(options);
  out_file = open(options->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out_file < 0) bench_die("%s: %s", options->file, strerror(errno));
  check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_body));
  run_once(options, easy);
  if (body_bytes != options->size) bench_die("the body has the wrong size");
}

static void upload_fields(CURL *easy) {
  struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/octet-stream");
  check(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, curl_slist_append(fields, "Expect:")));
}

static void upload_string(const bench_options *options) {
  CURL *easy = make_easy(options);
  char *body = bench_allocate(1, options->size);
  memset(body, 'x', options->size);
  upload_fields(easy);
  check(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body));
  check(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->size));
  run_once(options, easy);
}

static size_t read_upload(char *room, size_t one, size_t size, void *context) {
  ssize_t got = read(*(int *)context, room, one * size);
  return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static void upload_file(const bench_options *options) {
  CURL *easy = make_easy(options);
  int in = open(options->file, O_RDONLY | O_CLOEXEC);
  if (in < 0) bench_die("%s: %s", options->file, strerror(errno));
  upload_fields(easy);
  check(curl_easy_setopt(easy, CURLOPT_POST, 1L));
  check(curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_upload));
  check(curl_easy_setopt(easy, CURLOPT_READDATA, &in));
  check(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->size));
  check(curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BENCH_BUFFER_SIZE));
  run_once(options, easy);
}

static void new_connections(const bench_options *options) {
  CURL *easy = make_easy(options);
  check(curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L));
  run_easy(options, easy);
}

static void tls_resumed(const bench_options *options) {
  new_connections(options);
  if (first_byte != 'r') bench_die("the session was not resumed");
}

/* The multi handle's sockets stand in an epoll set; its one timer is the time limit of
 * epoll_wait. */
typedef struct loop {
  CURLM *multi;
  int poller;
  long timeout;
  int running;
} loop;

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known) {
  static char mark;
  loop *l = context;
  struct epoll_event event = {.data = {.fd = fd}};
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(l->poller, EPOLL_CTL_DEL, fd, &event);
    return 0;
  }
  if (what != CURL_POLL_OUT) event.events |= EPOLLIN;
  if (what != CURL_POLL_IN) event.events |= EPOLLOUT;
  if (epoll_ctl(l->poller, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
    bench_die("epoll_ctl");
  curl_multi_assign(l->multi, fd, &mark);
  return 0;
}

static int set_timer(CURLM *multi, long timeout, void *context) {
  (void)multi;
  ((loop *)context)->timeout = timeout;
  return 0;
}

static void make_loop(loop *l, long connections) {
  *l = (loop){.multi = curl_multi_init(), .poller = epoll_create1(EPOLL_CLOEXEC), .timeout = -1};
  if (!l->multi || l->poller < 0) bench_die("cannot make a loop");
  curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
  curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
  curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, connections + BATCH);
}

static void turn(loop *l) {
  struct epoll_event events[BATCH];
  int ready = epoll_wait(l->poller, events, BATCH,
                         l->timeout < 0 || l->timeout > 10000 ? 10000 : (int)l->timeout);
  if (ready < 0) bench_die("epoll_wait: %s", strerror(errno));
  if (ready == 0 && l->timeout < 0) bench_die("epoll_wait found nothing");
  if (ready == 0) curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &l->running);
  for (int i = 0; i < ready; i++) {
    int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(l->multi, events[i].data.fd, mask, &l->running);
  }
}

/* Takes the finished transfers out, and starts them again as long as *left allows; returns how many
 * had finished. */
static uint64_t collect(loop *l, uint64_t *left) {
  int rest;
  long made;
  uint64_t done = 0;
  for (CURLMsg *message; (message = curl_multi_info_read(l->multi, &rest)) != NULL; done++) {
    CURL *easy = message->easy_handle;
    check(message->data.result);
    check_answer(easy);
    check(curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &made));
    connects += made;
    curl_multi_remove_handle(l->multi, easy);
    if (*left == 0) continue;
    --*left;
    curl_multi_add_handle(l->multi, easy);
  }
  return done;
}

static void run_all(loop *l, CURL **handles, size_t active, uint64_t count) {
  uint64_t left = count, done = 0;
  for (size_t i = 0; i < active && left > 0; i++, left--)
    curl_multi_add_handle(l->multi, handles[i]);
  while (done < count) {
    turn(l);
    done += collect(l, &left);
  }
}

/* Gives each handle a connection of its own, some at a time so that no listen queue runs over. */
static CURL **open_all(loop *l, const bench_options *options) {
  CURL **handles = bench_allocate(options->connections, sizeof(CURL *));
  for (size_t first = 0; first < options->connections; first += BATCH) {
    size_t rest = options->connections - first, size = rest < BATCH ? rest : BATCH;
    for (size_t i = first; i < first + size; i++) {
      handles[i] = make_easy(options);
      check(curl_easy_setopt(handles[i], CURLOPT_FRESH_CONNECT, 1L));
    }
    run_all(l, handles + first, size, size);
  }
  for (size_t i = 0; i < options->connections; i++)
    check(curl_easy_setopt(handles[i], CURLOPT_FRESH_CONNECT, 0L));
  run_all(l, handles, options->connections, options->connections);
  connects = 0;
  return handles;
}

static void many(const bench_options *options) {
  bench_meter meter;
  loop l;
  make_loop(&l, (long)options->connections);
  CURL **handles = open_all(&l, options);
  body_bytes = 0;
  bench_meter_start(&meter);
  run_all(&l, handles, options->busy, options->count);
  bench_meter_stop(&meter);
  if (connects != 0) bench_die("%ld connections were not kept", connects);
  report(options, &meter);
}

static void memory(const bench_options *options) {
  bench_meter meter;
  loop l;
  make_loop(&l, (long)options->connections);
  perform(make_easy(options));
  uint64_t before = bench_resident();
  bench_meter_start(&meter);
  open_all(&l, options);
  bench_meter_stop(&meter);
  double grown = (double)bench_resident() - (double)before;
  bench_report(
      "libcurl", options, &meter,
      (bench_result){.ops = options->connections, .memory = grown / (double)options->connections});
}

/* --- HTTP/2: all on one connection, waited for by the multi handle */

typedef struct many_h2 {
  CURLM *multi;
  uint64_t begun, done;
} many_h2;

static void collect_h2(many_h2 *m, uint64_t count) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(m->multi, &left))) {
    CURL *easy = message->easy_handle;
    check(message->data.result);
    check_answer(easy);
    m->done++;
    curl_multi_remove_handle(m->multi, easy);
    if (m->begun >= count) continue;
    curl_multi_add_handle(m->multi, easy);
    m->begun++;
  }
}

static void run_h2(many_h2 *m, uint64_t count) {
  int running;
  while (m->done < count) {
    if (curl_multi_perform(m->multi, &running) != CURLM_OK) bench_die("curl_multi_perform");
    collect_h2(m, count);
    if (m->done < count && curl_multi_poll(m->multi, NULL, 0, 1000, NULL) != CURLM_OK)
      bench_die("curl_multi_poll");
  }
}

static CURL *make_h2(const bench_options *options) {
  CURL *easy = make_easy(options);
  check(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS));
  check(curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L));
  if (options->size == 0) return easy;
  check(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->size));
  check(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bench_allocate(options->size, 1)));
  return easy;
}

static void h2(const bench_options *options) {
  bench_meter meter;
  bench_options first = *options;
  many_h2 m = {.multi = curl_multi_init(), .begun = 1};
  first.size = 0;
  first.path = "/small";
  curl_multi_add_handle(m.multi, make_h2(&first));
  run_h2(&m, 1);
  m = (many_h2){.multi = m.multi};
  for (size_t i = 0; i < options->connections && m.begun < options->count; i++, m.begun++)
    curl_multi_add_handle(m.multi, make_h2(options));
  body_bytes = 0;
  bench_meter_start(&meter);
  run_h2(&m, options->count);
  bench_meter_stop(&meter);
  report(options, &meter);
}

static void nothing(const bench_options *options) { (void)options; }

static const struct {
  const char *name;
  void (*run)(const bench_options *options);
} workloads[] = {
    {"get", get},
    {"get_wait", get_wait},
    {"post", post},
    {"head", head},
    {"stream", stream},
    {"file", file},
    {"chunked", stream},
    {"tls_stream", stream},
    {"new", new_connections},
    {"tls_new", new_connections},
    {"tls_resumed", tls_resumed},
    {"upload_string", upload_string},
    {"upload_file", upload_file},
    {"many", many},
    {"memory", memory},
    {"tls_memory", memory},
    {"h2", h2},
    {"nothing", nothing},
};

int main(int argc, char **argv) {
  bench_options options = bench_parse(argc, argv);
  check(curl_global_init(CURL_GLOBAL_DEFAULT));
  for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
    if (strcmp(workloads[i].name, options.workload) == 0) {
      workloads[i].run(&options);
      return 0;
    }
  }
  bench_die("unknown workload `%s`", options.workload);
}
