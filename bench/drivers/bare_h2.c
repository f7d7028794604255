/* bare_h2.c - HTTP/2 with nothing but libnghttp2 and OpenSSL: a blocking socket, so many streams at
 * a time, one session. What comes is counted, what goes is gathered into records. */
#include "bare.h"

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW = 1 << 20, CONNECTION_WINDOW = 100 << 20, RECORD = 65536, PIECE = 16384 };

typedef struct work {
  const bench_options *options;
  SSL *ssl;
  nghttp2_session *session;
  uint64_t begun, done, bytes;
  const char *body; /* of an upload */
  uint64_t left; /* of the one under way */
} work;

static nghttp2_nv pair(const char *name, const char *value) {
  return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                      strlen(value), NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

static ssize_t read_upload(nghttp2_session *session, int32_t id, uint8_t *into, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user) {
  work *w = user;
  (void)session;
  (void)id;
  (void)source;
  size_t size = w->left < room ? (size_t)w->left : room;
  memcpy(into, w->body + (w->options->size - w->left), size);
  w->left -= size;
  if (w->left == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)size;
}

static void begin(work *w) {
  char authority[32], length[32];
  nghttp2_data_provider upload = {.read_callback = read_upload};
  bool uploads = w->options->size > 0;
  snprintf(authority, sizeof authority, "127.0.0.1:%d", w->options->port);
  snprintf(length, sizeof length, "%llu", (unsigned long long)w->options->size);
  const nghttp2_nv fields[] = {pair(":method", uploads ? "POST" : "GET"),
                               pair(":scheme", "https"),
                               pair(":authority", authority),
                               pair(":path", w->options->path),
                               pair("user-agent", "bare"),
                               pair("accept", "*/*"),
                               pair("content-length", length)};
  w->left = w->options->size;
  if (nghttp2_submit_request(w->session, NULL, fields, uploads ? 7 : 6, uploads ? &upload : NULL,
                             NULL) < 0)
    bench_die("submit_request");
  w->begun++;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user) {
  (void)session;
  (void)flags;
  (void)id;
  (void)data;
  ((work *)user)->bytes += size;
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user) {
  work *w = user;
  (void)session;
  (void)id;
  if (code != 0) bench_die("stream: %s", nghttp2_http2_strerror(code));
  w->done++;
  return 0;
}

static void send_all(const work *w) {
  static char record[RECORD + PIECE + 16];
  size_t held = 0;
  for (;;) {
    const uint8_t *data;
    ssize_t size = nghttp2_session_mem_send(w->session, &data);
    if (size < 0) bench_die("mem_send: %s", nghttp2_strerror((int)size));
    if (held > 0 && (size == 0 || held + (size_t)size > sizeof record)) {
      if (SSL_write(w->ssl, record, (int)held) <= 0) bench_die("SSL_write");
      held = 0;
    }
    if (size == 0) return;
    memcpy(record + held, data, (size_t)size);
    held += (size_t)size;
  }
}

static void receive(const work *w) {
  static char piece[PIECE];
  int got = SSL_read(w->ssl, piece, sizeof piece);
  if (got <= 0) bench_die("SSL_read");
  if (nghttp2_session_mem_recv(w->session, (const uint8_t *)piece, (size_t)got) != got)
    bench_die("mem_recv");
}

static void run(work *w, uint64_t count) {
  w->begun = w->done = 0;
  while (w->done < count) {
    while (w->begun < count && w->begun - w->done < w->options->connections) begin(w);
    send_all(w);
    receive(w);
  }
}

static void connect_to(work *w) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW}};
  nghttp2_session_callbacks *callbacks;
  if (!context || SSL_CTX_load_verify_locations(context, w->options->ca, NULL) != 1)
    bench_die("context");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  w->ssl = SSL_new(context);
  if (!w->ssl || SSL_set_fd(w->ssl, bare_connect(w->options->port)) != 1 ||
      SSL_set_alpn_protos(w->ssl, (const unsigned char *)"\2h2", 3) != 0 ||
      SSL_connect(w->ssl) != 1)
    bench_die("handshake");
  if (nghttp2_session_callbacks_new(&callbacks) != 0) bench_die("callbacks");
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  if (nghttp2_session_client_new(&w->session, callbacks, w) != 0 ||
      nghttp2_submit_settings(w->session, 0, settings, 2) != 0 ||
      nghttp2_session_set_local_window_size(w->session, 0, 0, CONNECTION_WINDOW) != 0)
    bench_die("session");
}

/* `size` is that of an upload, 0: GET; `connections` so many streams at a time. */
void bare_h2(const bench_options *options) {
  work w = {.options = options};
  bench_meter meter;
  connect_to(&w);
  if (options->size > 0) w.body = memset(bench_allocate(options->size, 1), 'x', options->size);
  send_all(&w);
  receive(&w);
  w.bytes = 0;
  bench_meter_start(&meter);
  run(&w, options->count);
  bench_meter_stop(&meter);
  bench_report("bare", options, &meter,
               (bench_result){.ops = options->count, .bytes = w.bytes, .memory = -1});
}
