/* bare.h - between the two halves of the bare driver. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "common.h"

/* A request as bytes, and how long its whole answer is. The first exchange learns that by parsing;
 * the loops only count. */
typedef struct bare_exchange {
  char *request;
  size_t request_size;
  size_t answer_size;
} bare_exchange;

typedef void (*bare_workload)(const bench_options *options);

int bare_connect(int port);
/* GET of options->path with the fields that every driver sends. */
bare_exchange bare_get(const bench_options *options);
/* The size of head and body, once the head is whole in `bytes`; 0 before. Dies unless the answer is
 * a 200 with a Content-Length. */
size_t bare_answer_size(const char *bytes, size_t size);

void bare_gunzip(const bench_options *options);
void bare_gunzip_file(const bench_options *options);
void bare_tls_stream(const bench_options *options);
void bare_tls_new(const bench_options *options);
void bare_tls_resumed(const bench_options *options);
void bare_tls_poll(const bench_options *options);
void bare_tls_memory(const bench_options *options);
void bare_h2(const bench_options *options);

#endif
