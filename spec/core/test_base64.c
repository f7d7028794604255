/* test_base64.c - Base64 (RFC 4648 section 4): what the specs can't reach, memory that runs out. */
#include <string.h>

#include "../../core/base/base64.h"
#include "../../core/base/memory.h"
#include "check.h"

static void check_round_trips(void) {
  char all[257];
  for (int i = 0; i < 257; i++) all[i] = (char)(unsigned char)(i * 7);
  for (size_t size = 0; size <= sizeof all; size++) {
    hc_buffer text = {0}, back = {0};
    CHECK(hc_base64_encode((hc_slice){all, size}, &text) == HC_OK);
    hc_slice written = {hc_buffer_head(&text), hc_buffer_size(&text)};
    /* the bytes at the end of the text's own room */
    char room[344];
    CHECK(hc_base64_size(size) == written.size);
    memcpy(room + written.size - size, all, size);
    hc_base64_write((hc_slice){room + written.size - size, size}, room);
    CHECK(hc_slice_equal((hc_slice){room, written.size}, written));
    CHECK(hc_base64_decode(written, &back) == HC_OK);
    CHECK(hc_slice_equal((hc_slice){hc_buffer_head(&back), hc_buffer_size(&back)},
                         (hc_slice){all, size}));
    hc_buffer_free(&text);
    hc_buffer_free(&back);
  }
}

/* What is wrong at the end leaves what was there before as it was. */
static void check_refusals(void) {
  hc_buffer out = {0};
  CHECK(hc_buffer_append_text(&out, "<", SIZE_MAX) == HC_OK);
  CHECK(hc_base64_decode(HC_SLICE("Zm9vZm9"), &out) == HC_ERR_INVALID_DATA);
  CHECK(hc_base64_decode(HC_SLICE("Zm9vZm9?"), &out) == HC_ERR_INVALID_DATA);
  CHECK(hc_base64_decode(HC_SLICE("Zm9v===="), &out) == HC_ERR_INVALID_DATA);
  CHECK(hc_base64_decode(HC_SLICE("=Zm9"), &out) == HC_ERR_INVALID_DATA);
  CHECK(hc_buffer_size(&out) == 1);
  hc_buffer_free(&out);
}

#ifdef HC_TEST_HOOKS
static void check_memory_failures(void) {
  hc_buffer out = {0};
  hc_memory_fail_after(0, 1);
  CHECK(hc_base64_encode(HC_SLICE("a"), &out) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_base64_decode(HC_SLICE("Zm9v"), &out) == HC_ERR_OUT_OF_MEMORY);
  hc_memory_fail_after(-1, 0);
  CHECK(hc_buffer_size(&out) == 0);
  hc_buffer_free(&out);
}
#endif

int main(void) {
  check_round_trips();
  check_refusals();
#ifdef HC_TEST_HOOKS
  check_memory_failures();
#endif
  return check_report();
}
