/* fuzz_tls.c - a TLS connection whose server is OpenSSL in the same thread and whose wire is not to
 * be trusted: the input says which bytes from the server are changed, doubled, lost, or come out of
 * nowhere. Checked: whatever happens, what the client hands out is the beginning of what the server
 * sent, its end is only believed when all of it was handed out, and a connection that failed stays
 * failed and has a message. */
#include "../spec/core/tls_world.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define MUTATIONS_MAX 8u
#define CONTENT_SIZE 3000u

/* At this byte of the stream from the server: */
typedef struct mutation {
  unsigned at;
  enum { CHANGE, INSERT, LOSE, CUT } kind;
  unsigned char value;
} mutation;

typedef struct script {
  mutation mutations[MUTATIONS_MAX];
  size_t count;
  unsigned position; /* in the stream from the server */
  bool is_cut, is_honest; /* honest: nothing has been changed so far */
  const unsigned char *rubbish;
  size_t rubbish_size; /* what comes in place of a server's bytes */
} script;

static identity authority, server_identity;
static hc_certificates *trusted;
static SSL_CTX *contexts[2];
static hc_tls_options *options[2];
static script the_script;
static char content[CONTENT_SIZE];

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  static server_spec specs[2];
  (void)argc, (void)argv;
  authority = make_authority("fuzz", NULL);
  server_identity = make_server("DNS:a.example", &authority);
  trusted = certificates_of(authority.certificate);
  for (int i = 0; i < 2; i++) {
    specs[i] =
        (server_spec){.identity = &server_identity, .max_version = i == 0 ? 0 : TLS1_2_VERSION};
    contexts[i] = server_context(&specs[i]);
  }
  options[0] = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  options[1] = options_of(&(hc_tls_settings){.verify = HC_TLS_VERIFY_NONE});
  for (size_t i = 0; i < CONTENT_SIZE; i++) content[i] = (char)(i * 7 + i / 251);
  return 0;
}

/* The bytes up to the next mutation, or that mutation itself. */
static hc_io recv_mutated(hc_stream_peer *self, char *into, size_t room, size_t *got,
                          hc_failure *why) {
  script *s = &the_script;
  const mutation *next = NULL;
  *got = 0;
  if (s->is_cut) return HC_IO_EOF;
  for (size_t i = 0; i < s->count && !next; i++)
    if (s->mutations[i].at >= s->position) next = &s->mutations[i];
  if (next && next->at > s->position && room > next->at - s->position)
    room = next->at - s->position;
  if (!next || next->at > s->position) {
    hc_io io = wire_recv(self, into, room, got, why);
    s->position += (unsigned)*got;
    return io;
  }
  if (next->kind == INSERT || next->kind == CUT) {
    s->is_honest = false;
    s->count = 0; /* one of these is the last one */
    if (next->kind == CUT) s->is_cut = true;
    if (next->kind == CUT) return HC_IO_EOF;
    into[0] = (char)next->value;
    *got = 1;
    return HC_IO_OK;
  }
  hc_io io = wire_recv(self, into, 1, got, why);
  if (io != HC_IO_OK) return io;
  s->position++;
  if (next->kind == LOSE || next->value != 0) s->is_honest = false;
  if (next->kind == CHANGE) into[0] = (char)(into[0] ^ (char)next->value);
  else return recv_mutated(self, into, room, got, why);
  return HC_IO_OK;
}

static hc_io recv_rubbish(hc_stream_peer *self, char *into, size_t room, size_t *got,
                          hc_failure *why) {
  script *s = &the_script;
  (void)self, (void)why;
  *got = s->rubbish_size < room ? s->rubbish_size : room;
  if (*got == 0) return HC_IO_EOF;
  memcpy(into, s->rubbish, *got);
  s->rubbish += *got;
  s->rubbish_size -= *got;
  return HC_IO_OK;
}

/* One recv in several pieces, that is: several calls of it, until nothing more comes. */
static hc_io read_all(world *w, char *into, size_t *size, size_t piece) {
  hc_io io = HC_IO_OK;
  for (int quiet = 0; quiet < 4 && *size < CONTENT_SIZE + 1;) {
    size_t got = 0, room = CONTENT_SIZE + 1 - *size;
    io = hc_stream_peer_recv(w->client, into + *size, room < piece ? room : piece, &got,
                             &w->failure);
    if (io == HC_IO_OK) check(got > 0 && got <= room, "OK brings bytes");
    if (io == HC_IO_EOF || io == HC_IO_ERROR) break;
    *size += got;
    quiet = io == HC_IO_OK ? 0 : quiet + 1;
  }
  return io;
}

static void exchange(world *w, size_t piece, bool says_goodbye) {
  static char received[CONTENT_SIZE + 1];
  const hc_slice hello = HC_SLICE("hello");
  size_t size = 0, sent = 0, written;
  hc_io io = hc_stream_peer_send(w->client, &hello, 1, &sent, &w->failure);
  check(io != HC_IO_EOF && (io != HC_IO_OK || sent == hello.size), "a small piece is sent at once");
  if (SSL_is_init_finished(w->server)) {
    (void)SSL_write_ex(w->server, content, CONTENT_SIZE / 2, &written);
    (void)SSL_write_ex(w->server, content + CONTENT_SIZE / 2, CONTENT_SIZE / 2, &written);
    if (says_goodbye) (void)SSL_shutdown(w->server);
  }
  ERR_clear_error();
  w->wire.ended = true;
  io = read_all(w, received, &size, piece);
  check(size <= CONTENT_SIZE && memcmp(received, content, size) == 0,
        "what is handed out is what was sent");
  check(io != HC_IO_EOF || (size == CONTENT_SIZE && says_goodbye),
        "an end is believed when it is the end");
  check(io != HC_IO_ERROR || w->failure.text[0], "an error has a message");
  check(!the_script.is_honest || size == CONTENT_SIZE, "an honest wire brings all");
}

static void run(world *w, size_t piece, bool says_goodbye) {
  hc_io io = world_shake(w);
  if (io == HC_IO_OK) {
    check(hc_tls_get_state(w->client) == HC_TLS_CONNECTED, "OK is connected");
    exchange(w, piece, says_goodbye);
  } else if (io == HC_IO_ERROR) {
    size_t got = 0;
    char byte;
    check(w->failure.text[0] != 0 && !the_script.is_honest,
          "only a broken wire breaks a handshake, and it says so");
    check(hc_tls_get_state(w->client) >= HC_TLS_ERROR, "an error is a state");
    check(hc_stream_peer_recv(w->client, &byte, 1, &got, &w->failure) == HC_IO_ERROR,
          "what failed stays failed");
    check(hc_stream_peer_advance(w->client, &w->failure) == HC_IO_ERROR, "and never gets usable");
  }
  hc_stream_peer_close(w->client);
}

static size_t read_script(script *s, const unsigned char *data, size_t size) {
  memset(s, 0, sizeof *s);
  s->is_honest = true;
  for (; s->count < MUTATIONS_MAX && size >= 4; data += 4, size -= 4) {
    mutation m = {(unsigned)data[0] | (unsigned)data[1] << 8, data[2] & 3, data[3]};
    if (s->count > 0 && m.at <= s->mutations[s->count - 1].at) break;
    s->mutations[s->count++] = m;
  }
  return s->count;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  if (size < 2) return 0;
  world w;
  bool is_rubbish = data[0] & 16;
  (void)read_script(&the_script, data + 2, is_rubbish ? 0 : size - 2);
  the_script.is_honest = !is_rubbish;
  the_script.rubbish = data + 2;
  the_script.rubbish_size = size - 2;
  world_open(&w, contexts[data[0] & 1], options[(data[0] >> 1) & 1], "a.example");
  hc_stream_peer_ops ops = *w.wire.base.ops;
  ops.recv = is_rubbish ? recv_rubbish : recv_mutated;
  w.wire.base.ops = &ops;
  w.wire.read_limit = data[0] & 4 ? (size_t)(data[1] & 63) + 1 : 0;
  run(&w, data[0] & 8 ? (size_t)data[1] + 1 : CONTENT_SIZE + 1, data[0] & 32);
  check(ERR_peek_error() == 0, "no error is left in the queue");
  world_close(&w);
  return 0;
}
