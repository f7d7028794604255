/* test_transcript.c - the record of heads: what the specs can't reach, memory and room that run
 * out. */
#include "../../core/base/limits.h"
#include "../../core/base/memory.h"
#include "../../core/http/transcript.h"
#include "check.h"

#define HEAD "GET / HTTP/1.1\r\nA: b\r\n\r\n"
#define ANSWER "<HTTP/1.0 103 \r\nA: b\r\n\r\n"

static hc_response a_response(void) {
  hc_response r = {.code = 103};
  CHECK(hc_headers_add(&r.headers, HC_SLICE("A"), HC_SLICE("b")) == HC_OK);
  return r;
}

static void check_records(void) {
  hc_transcript *t = hc_transcript_new();
  hc_response r = a_response();
  CHECK(hc_transcript_listens(t) && !hc_transcript_listens(NULL));
  hc_transcript_note_request(t, HC_SLICE(HEAD));
  hc_transcript_note_response(t, HC_SLICE(""), &r);
  CHECK(hc_slice_equal(hc_transcript_text(t), HC_SLICE(">" HEAD ANSWER)));
  CHECK(hc_transcript_retain(t) == t);
  hc_transcript_release(t);
  hc_transcript_clear(t);
  CHECK(hc_transcript_text(t).size == 0);
  hc_transcript_note_response(t, HC_SLICE("HTTP/2"), &r);
  CHECK(hc_slice_equal(hc_transcript_text(t), HC_SLICE("<HTTP/2 103 \r\nA: b\r\n\r\n")));
  hc_transcript_release(t);
  hc_transcript_release(NULL);
  hc_response_reset(&r);
}

/* Nobody takes them: there is an end, and no record is cut in two. */
static void check_room(void) {
  hc_transcript *t = hc_transcript_new();
  hc_response r = a_response();
  for (size_t i = 0; i < HC_TRANSCRIPT_MAX / (sizeof ANSWER - 1) + 9; i++)
    hc_transcript_note_response(t, HC_SLICE(""), &r);
  hc_slice all = hc_transcript_text(t);
  size_t one = sizeof ANSWER - 1;
  CHECK(all.size <= HC_TRANSCRIPT_MAX && all.size > HC_TRANSCRIPT_MAX - one);
  CHECK(all.size % one == 0);
  hc_transcript_release(t);
  hc_response_reset(&r);
}

#ifdef HC_TEST_HOOKS
static void check_memory_failures(void) {
  hc_memory_fail_after(0, 1);
  CHECK(!hc_transcript_new());
  hc_memory_fail_after(-1, 0);
  hc_transcript *t = hc_transcript_new();
  hc_response r = a_response();
  hc_memory_fail_after(0, 1);
  hc_transcript_note_response(t, HC_SLICE(""), &r);
  hc_memory_fail_after(-1, 0);
  CHECK(hc_transcript_text(t).size == 0);
  hc_transcript_note_request(t, HC_SLICE(HEAD));
  CHECK(hc_slice_equal(hc_transcript_text(t), HC_SLICE(">" HEAD)));
  hc_transcript_release(t);
  hc_response_reset(&r);
}
#endif

int main(void) {
  check_records();
  check_room();
#ifdef HC_TEST_HOOKS
  check_memory_failures();
#endif
  return check_report();
}
