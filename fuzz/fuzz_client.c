/* fuzz_client.c - the whole client over a memory stream. The input chooses the method, the splits,
 * the end and the bytes. Checked: the same bytes give the same outcome however they are split; the
 * state behind it and the content that was handed out are those of a slow second reading of the
 * bytes; afterwards the client can be used again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/http/fields.h"
#include "../core/client/client.h"
#include "memory_peer.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define LIMIT 2048

typedef struct outcome {
  hc_status status;
  int code;
  bool chunked;
  int64_t length;
  size_t header_count, trailer_count;
  char *body;
  size_t body_size;
  char last[HC_FAILURE_TEXT];
} outcome;

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

static void read_body(hc_client *c, outcome *o) {
  for (size_t guard = 0; hc_client_get_status(c) == HC_STATUS_BODY; guard++) {
    hc_slice view;
    check(guard < 200000, "a body ends");
    hc_client_body_peek(c, &view);
    if (!view.size) continue;
    check(view.size <= hc_client_get_settings(c)->read_chunk_size,
          "a view keeps to read_chunk_size");
    o->body = realloc(o->body, o->body_size + view.size);
    if (!o->body) abort();
    memcpy(o->body + o->body_size, view.data, view.size);
    o->body_size += view.size;
    hc_client_body_consume(c, view.size);
  }
}

static void run(int method, memory_peer *peer, size_t chunk, outcome *o) {
  hc_client *c = hc_client_new();
  hc_failure why = {HC_OK, ""};
  if (!c) abort();
  memset(o, 0, sizeof *o);
  hc_client_get_settings(c)->max_header_size = LIMIT;
  hc_client_get_settings(c)->read_chunk_size = chunk;
  check(hc_client_set_stream(c, &peer->base) == HC_OK, "the stream is taken");
  hc_client_request_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.method = method;
  spec.url = method == HC_METHOD_CONNECT ? HC_SLICE("h:1") : HC_SLICE("/");
  check(hc_client_request(c, &spec, &why) == HC_OK, "the request is taken");
  for (size_t guard = 0; hc_client_get_status(c) == HC_STATUS_REQUESTING; guard++) {
    check(guard < 200000, "a head ends");
    (void)hc_client_poll(c);
  }
  read_body(c, o);
  o->status = hc_client_get_status(c);
  o->code = hc_client_response_code(c);
  o->chunked = hc_client_response_is_chunked(c);
  o->length = hc_client_response_body_length(c);
  o->header_count = hc_client_response_headers(c)->count;
  o->trailer_count = hc_client_response_trailers(c)->count;
  memcpy(o->last, hc_client_last_error(c)->text, sizeof o->last);
  check((o->status == HC_STATUS_CONNECTION_ERROR) == (o->last[0] != 0),
        "an error has a message, and nothing else has");
  hc_client_close(c);
  check(hc_client_get_status(c) == HC_STATUS_DISCONNECTED && !hc_client_has_response(c),
        "close forgets all");
  check(peer->closed, "the stream is closed");
  check(hc_client_set_stream(c, &peer->base) == HC_OK, "the client can be used again");
  hc_client_delete(c);
}

static void compare(const outcome *a, const outcome *b) {
  check(a->status == b->status, "the state does not depend on the splits");
  check(a->code == b->code && a->chunked == b->chunked && a->length == b->length,
        "nor does the head");
  check(a->header_count == b->header_count && a->trailer_count == b->trailer_count,
        "nor do the fields");
  check(a->body_size == b->body_size &&
            (!a->body_size || memcmp(a->body, b->body, a->body_size) == 0),
        "nor does the body");
}

static void check_by_reference(const outcome *o, int method, const char *bytes, size_t size,
                               bool clean_end) {
  static const hc_status ends[] = {HC_STATUS_CONNECTED, HC_STATUS_DISCONNECTED,
                                   HC_STATUS_CONNECTION_ERROR};
  reference_reading wanted;
  reference_open(&wanted, size);
  reference_outcome end = reference_exchange(method, bytes, size, LIMIT, clean_end, &wanted);
  check(o->status == ends[end], "it ends as it must");
  check(o->body_size == wanted.content_size, "as much content");
  check(!o->body_size || memcmp(o->body, wanted.content, o->body_size) == 0, "the same content");
  reference_close(&wanted);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static const int methods[] = {HC_METHOD_GET, HC_METHOD_HEAD, HC_METHOD_POST, HC_METHOD_CONNECT};
  if (size < 4) return 0;
  int method = methods[data[0] & 3];
  memory_end end = data[0] & 4 ? MEMORY_RESET : MEMORY_EOF;
  size_t piece_count = data[1] & 7, chunk = data[0] & 8 ? 256 : 65536;
  if (size < 2 + piece_count) return 0;
  const unsigned char *pieces = data + 2;
  const char *bytes = (const char *)data + 2 + piece_count;
  size -= 2 + piece_count;
  static const unsigned char one = 1;
  outcome whole, split, single;
  memory_peer peer;
  memory_peer_init(&peer, bytes, size, NULL, 0, end);
  run(method, &peer, chunk, &whole);
  memory_peer_init(&peer, bytes, size, pieces, piece_count, end);
  run(method, &peer, chunk, &split);
  memory_peer_init(&peer, bytes, size, &one, 1, end);
  run(method, &peer, 65536, &single);
  compare(&whole, &split);
  compare(&whole, &single);
  check_by_reference(&whole, method, bytes, size, end == MEMORY_EOF);
  free(whole.body);
  free(split.body);
  free(single.body);
  return 0;
}
