/* test_h2_soak.c - many streams on a few connections of HTTP/2, of which some are reset by the
 * server, some cancelled by the client, some answered before their content is sent: every answer
 * that comes is right, and memory stays what it is. 3,000 streams, or SOAK_STREAMS (make soak:
 * 100,000). */
#include "../../core/base/limits.h"
#include "h2_world.h"

#if defined(HC_WITH_NGHTTP2) && defined(HC_TEST_HOOKS)

enum { CONNECTIONS = 3, CLIENTS = 8, UPLOAD = 5000 };

typedef struct soak_client {
  hc_client *client;
  unsigned id; /* of its stream; 0: none */
  size_t size; /* content that is to come */
} soak_client;

typedef struct soak_connection {
  h2_world world;
  soak_client clients[CLIENTS];
} soak_connection;

static unsigned long long chance_state = 20240229;

/* Lehmer's generator. */
static unsigned below(unsigned n) {
  chance_state = chance_state * 48271 % 2147483647;
  return (unsigned)(chance_state % n);
}

static unsigned long resets_seen;

/* Frames of the client's are read: the number of the newest stream is returned, 0: none, and
 * content gives its window back. */
static unsigned hear(memory_stream *m) {
  unsigned newest = 0, taken = 0;
  size_t at = 0;
  while (at + 9 <= m->out.size) {
    const unsigned char *f = m->out.data + at;
    unsigned size = (unsigned)h2_number(f, 3);
    if (f[3] == 1) newest = (unsigned)h2_number(f + 5, 4);
    if (f[3] == 0) taken += size;
    if (f[3] == 3) resets_seen++;
    at += 9 + size;
  }
  CHECK(at == m->out.size);
  m->out.size = 0;
  if (m->in_at == m->in_size) m->in_at = m->in_size = 0;
  char word[40];
  snprintf(word, sizeof word, "W0 %u", taken);
  if (taken > 0) memory_say(m, word);
  return newest;
}

static void ask(soak_connection *n, soak_client *c) {
  static char content[UPLOAD];
  bool has_content = below(4) == 0;
  hc_client_request_spec spec = {.method = has_content ? HC_METHOD_POST : HC_METHOD_GET,
                                 .url = HC_SLICE("/")};
  if (has_content) {
    spec.body.kind = HC_BODY_BYTES;
    spec.body.bytes = (hc_slice){content, UPLOAD};
  }
  CHECK(hc_client_request(c->client, &spec, NULL) == HC_OK && hc_client_poll(c->client) == HC_OK);
  c->id = hear(n->world.stream);
  CHECK(c->id != 0);
}

static void answer(soak_connection *n, soak_client *c, const char *end) {
  static char words[4096];
  c->size = below(3000);
  int size = snprintf(words, sizeof words, "H%u :status=200;a=b|D%u%s ", c->id, c->id, end);
  memset(words + size, 'x', c->size);
  words[(size_t)size + c->size] = '\0';
  memory_say(n->world.stream, words);
}

/* Reads what there is, at most `most`. */
static size_t take(hc_client *c, size_t most) {
  size_t size = 0;
  hc_slice view;
  for (hc_client_body_peek(c, &view); view.size > 0 && size < most; hc_client_body_peek(c, &view)) {
    hc_client_body_consume(c, view.size);
    size += view.size;
  }
  return size;
}

static void begin_anew(soak_connection *n, soak_client *c) {
  hc_client_close(c->client);
  CHECK(hc_client_join(c->client, n->world.a, NULL) == HC_OK);
}

static void reset(soak_connection *n, const soak_client *c, unsigned code) {
  char word[40];
  snprintf(word, sizeof word, "R%u %u", c->id, code);
  memory_say(n->world.stream, word);
}

static void expect_failure(soak_connection *n, soak_client *c) {
  (void)hc_client_poll(c->client);
  (void)take(c->client, SIZE_MAX);
  CHECK(hc_client_get_status(c->client) == HC_STATUS_CONNECTION_ERROR);
  begin_anew(n, c);
}

/* One of the ways in which a stream ends. */
static void end_stream(soak_connection *n, soak_client *c) {
  switch (below(10)) {
  case 0:
    answer(n, c, "");
    reset(n, c, below(14));
    expect_failure(n, c);
    break;
  case 1:
    reset(n, c, 7);
    expect_failure(n, c);
    break;
  case 2: /* the answer comes all the same */
    begin_anew(n, c);
    answer(n, c, "e");
    break;
  case 3:
    answer(n, c, "");
    CHECK(hc_client_poll(c->client) == HC_OK);
    (void)take(c->client, below(2));
    begin_anew(n, c);
    break;
  default:
    answer(n, c, "e");
    CHECK(hc_client_poll(c->client) == HC_OK);
    CHECK(hc_client_get_status(c->client) == HC_STATUS_BODY || c->size == 0);
    CHECK(take(c->client, SIZE_MAX) == c->size || c->size == 0);
    if (hc_client_get_status(c->client) != HC_STATUS_CONNECTED) (void)hc_client_poll(c->client);
    CHECK(hc_client_get_status(c->client) == HC_STATUS_CONNECTED);
  }
  c->id = 0;
}

static void play_round(soak_connection *n) {
  for (size_t i = 0; i < CLIENTS; i++) ask(n, &n->clients[i]);
  for (size_t left = CLIENTS; left > 0;) {
    soak_client *c = &n->clients[below(CLIENTS)];
    if (c->id == 0) continue;
    end_stream(n, c);
    left--;
  }
  (void)hc_client_poll(n->world.b);
  (void)hear(n->world.stream);
  (void)hc_client_poll(n->world.b);
  (void)hear(n->world.stream);
  CHECK(hc_client_free_streams(n->world.a) == HC_H2_STREAMS_MAX);
}

static void open_connection(soak_connection *n) {
  h2_world_open(&n->world);
  for (size_t i = 0; i < CLIENTS; i++) {
    n->clients[i].client = hc_client_new();
    begin_anew(n, &n->clients[i]);
  }
}

static void close_connection(soak_connection *n) {
  for (size_t i = 0; i < CLIENTS; i++) hc_client_delete(n->clients[i].client);
  h2_world_close(&n->world);
}

int main(void) {
  static soak_connection connections[CONNECTIONS];
  const char *wanted = getenv("SOAK_STREAMS");
  long rounds = (wanted ? atol(wanted) : 3000) / CLIENTS, before = hc_memory_live_blocks();
  long warm = 0;
  for (size_t i = 0; i < CONNECTIONS; i++) open_connection(&connections[i]);
  for (long i = 0; i < rounds; i++) {
    play_round(&connections[i % CONNECTIONS]);
    if (i == rounds / 4) warm = hc_memory_live_blocks();
  }
  /* a few: what a client keeps of its last answer depends on what that was */
  CHECK(hc_memory_live_blocks() <= warm + (long)CONNECTIONS * CLIENTS * 4);
  CHECK(resets_seen > (unsigned long)rounds / 2);
  for (size_t i = 0; i < CONNECTIONS; i++) close_connection(&connections[i]);
  CHECK(hc_memory_live_blocks() == before);
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
