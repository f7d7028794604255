/* fuzz_response.c - heads of responses and their framing. Checked: the head is taken, refused or
 * still open just as a slow second reading says, however the bytes are split; so are its fields,
 * and what frames the body; the memory that it holds stays within a small multiple of the limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/http/body.h"
#include "../core/http1/head_parser.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

/* The bytes in a block of just their size, so that a look behind them is seen. */
static hc_parse parse_piece(hc_response *r, const char *from, size_t size, size_t limit,
                            size_t *used) {
  char *copy = malloc(size ? size : 1);
  hc_failure why = {HC_OK, ""};
  if (!copy) abort();
  if (size) memcpy(copy, from, size);
  hc_parse result = hc_response_parse(r, copy, size, limit, used, &why);
  free(copy);
  check((result == HC_PARSE_ERROR) == (why.code != HC_OK && why.text[0] != 0),
        "a refusal has a message, and nothing else has");
  check(*used <= size, "no more is used than there is");
  return result;
}

/* `step`: so many bytes come at a time. *total: those that were used. */
static hc_parse parse(hc_response *r, const char *bytes, size_t size, size_t step, size_t limit,
                      size_t *total) {
  hc_parse result = HC_PARSE_MORE;
  size_t come = 0;
  *total = 0;
  while (result == HC_PARSE_MORE && come < size) {
    size_t used;
    come = size - come < step ? size : come + step;
    result = parse_piece(r, bytes + *total, come - *total, limit, &used);
    *total += used;
  }
  return result;
}

static void check_fields(const hc_headers *headers, const reference_reading *wanted) {
  size_t at = 0;
  check(headers->count == wanted->field_count, "as many fields");
  for (size_t i = 0; i < headers->count; i++) {
    hc_slice line = hc_headers_line(headers, i);
    check(at + line.size < wanted->fields_size &&
              memcmp(wanted->fields + at, line.data, line.size) == 0,
          "the same fields");
    check(wanted->fields[at + line.size] == '\n', "fields of the same size");
    at += line.size + 1;
  }
  check(at == wanted->fields_size, "nothing behind them");
}

static void check_framing(const hc_response *r, int method, const reference_reading *head) {
  static const char kinds[] = {'n', 'h', 'l', 'c', 'e'};
  hc_body_plan plan;
  hc_failure why = {HC_OK, ""};
  reference_framing wanted = reference_decide(method, head);
  hc_error code = hc_body_decide(r, (hc_method)method, HC_AFTER_KEEP, &plan, &why);
  check((code != HC_OK) == (wanted.kind == '!'), "the framing is taken or refused");
  if (code != HC_OK) return;
  check(kinds[plan.framing] == wanted.kind, "the same framing");
  check(plan.framing != HC_FRAMING_LENGTH || plan.length == wanted.length, "the same length");
  check(plan.keeps_alive == wanted.keeps_alive, "the same life of the connection");
}

/* Leaves what a head before this one leaves, much like it: the byte at `other` is gone, or another
 * one. */
static void run_former(hc_response *r, const char *bytes, size_t size, size_t other, bool is_gone,
                       size_t limit) {
  char *copy = malloc(size + 1);
  size_t used;
  if (!copy) abort();
  memcpy(copy, bytes, size);
  if (is_gone) memmove(copy + other, copy + other + 1, size - other - 1);
  else copy[other] = (char)(copy[other] ^ 1);
  (void)parse(r, copy, is_gone ? size - 1 : size, SIZE_MAX, limit, &used);
  hc_response_restart(r);
  free(copy);
}

static void run(hc_response r, const char *bytes, size_t size, size_t step, size_t limit,
                int method, reference_verdict verdict, const reference_reading *wanted) {
  static const hc_parse results[] = {HC_PARSE_DONE, HC_PARSE_MORE, HC_PARSE_ERROR};
  size_t used;
  hc_parse result = parse(&r, bytes, size, step, limit, &used);
  if (size > 0) check(result == results[verdict], "the head is taken, open or refused");
  check(r.headers.text.capacity <= 4 * limit + 4096, "the fields' memory is bounded");
  check(r.headers.capacity <= limit + 16, "and so is their number");
  if (result == HC_PARSE_DONE) {
    check(used == wanted->used && r.size == used, "the head ends where it ends");
    check(r.code == wanted->code && r.minor_version == wanted->minor, "the same code and version");
    check_fields(&r.headers, wanted);
    check_framing(&r, method, wanted);
  }
  hc_response_reset(&r);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static const int methods[] = {HC_METHOD_GET, HC_METHOD_HEAD, HC_METHOD_POST, HC_METHOD_CONNECT};
  if (size < 2) return 0;
  int method = methods[data[0] & 3];
  size_t limit = data[0] & 4 ? (size_t)(data[0] >> 3) * 8 + 1 : 1024,
         step = (size_t)(data[1] & 31) + 2;
  const char *bytes = (const char *)data + 2;
  size -= 2;
  reference_reading wanted;
  reference_open(&wanted, size);
  reference_verdict verdict = reference_head(bytes, size, limit, &wanted);
  const size_t steps[] = {SIZE_MAX, step, 1};
  for (size_t i = 0; i < 3; i++) {
    hc_response r = {0};
    run(r, bytes, size, steps[i], limit, method, verdict, &wanted);
    if (size > 1) run_former(&r, bytes, size, ((size_t)data[1] * size) >> 8, data[0] & 1, limit);
    if (size > 1) run(r, bytes, size, steps[i], limit, method, verdict, &wanted);
  }
  reference_close(&wanted);
  return 0;
}
