/* test_h2_input.c - content of streams that has come and was not read: what it holds, and which
 * memory. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/base/limits.h"
#include "../../core/base/memory.h"
#include "../../core/http2/h2_input.h"
#include "h2_session_world.h"

#ifdef HC_WITH_NGHTTP2

static char piece[16384];

static hc_slice filled(char byte, size_t size) {
  memset(piece, byte, size);
  return (hc_slice){piece, size};
}

static bool is_held(const hc_buffer *content, size_t at, char byte, size_t size) {
  if (hc_buffer_size(content) < at + size) return false;
  for (size_t i = 0; i < size; i++)
    if (hc_buffer_head(content)[at + i] != byte) return false;
  return true;
}

static void check_order(void) {
  hc_h2_input in = {0};
  hc_buffer content = {0};
  for (int i = 0; i < 100; i++) {
    CHECK(hc_h2_input_add(&in, &content, filled((char)('a' + i % 26), 9)) == HC_OK);
    CHECK(hc_h2_input_add(&in, &content, filled((char)('A' + i % 26), 16375)) == HC_OK);
    CHECK(is_held(&content, 0, (char)('a' + i % 26), 9));
    hc_h2_input_consume(&in, &content, 9);
    CHECK(is_held(&content, 0, (char)('A' + i % 26), 16375) && in.unread == 16375);
    hc_h2_input_consume(&in, &content, 16375);
    CHECK(hc_buffer_size(&content) == 0 && in.unread == 0);
  }
  hc_h2_input_drop(&in, &content);
  hc_h2_input_rest(&in);
}

/* A hundred streams that are read one after the other need no more memory than one. */
static void check_that_buffers_go_round(void) {
  hc_h2_input in = {0};
  static hc_buffer contents[100];
  const char *first = NULL;
  for (size_t i = 0; i < 100; i++) {
    CHECK(hc_h2_input_add(&in, &contents[i], filled('x', sizeof piece)) == HC_OK);
    if (i == 0) first = hc_buffer_head(&contents[i]);
    CHECK(hc_buffer_head(&contents[i]) == first);
    hc_h2_input_consume(&in, &contents[i], sizeof piece);
  }
  CHECK(in.spare_count == 1 && in.unread == 0);
  hc_h2_input_rest(&in);
  CHECK(in.spare_count == 0 && in.spare_size == 0);
}

/* A body of a few bytes gets a few bytes. */
static void check_small_content(void) {
  hc_h2_input in = {0};
  hc_buffer content = {0};
  CHECK(hc_h2_input_add(&in, &content, filled('x', 100)) == HC_OK && content.capacity < 1024);
  hc_h2_input_consume(&in, &content, 100);
  CHECK(in.spare_count == 0);
  hc_h2_input_drop(&in, &content);
  hc_h2_input_rest(&in);
}

static bool feed_content(world *w, char byte) {
  static h2_bytes frame;
  hc_failure why = {HC_OK, ""};
  hc_slice content = filled(byte, sizeof piece);
  frame.size = 0;
  h2_put_number(&frame, content.size, 3);
  h2_put(&frame, "\0\0\0\0\0\001", 6);
  h2_put(&frame, content.data, content.size);
  return hc_h2_session_feed(w->session, (hc_slice){(const char *)frame.data, frame.size}, &why) ==
         HC_OK;
}

/* --- memory that moves whenever it can, and keeps nothing of what was in it */

typedef struct tagged {
  size_t size;
  max_align_t bytes;
} tagged;

static void *move_allocate(void *user, size_t size) {
  (void)user;
  if (size > SIZE_MAX - sizeof(tagged)) return NULL;
  tagged *block = malloc(sizeof(tagged) + size);
  if (!block) return NULL;
  block->size = size;
  return &block->bytes;
}

static tagged *tag_of(void *at) { return (tagged *)(void *)((char *)at - offsetof(tagged, bytes)); }

static void move_release(void *user, void *at) {
  (void)user;
  if (!at) return;
  memset(at, '?', tag_of(at)->size);
  free(tag_of(at));
}

static void *move_resize(void *user, void *at, size_t size) {
  void *to = move_allocate(user, size);
  if (!to || !at) return to;
  size_t held = tag_of(at)->size;
  memcpy(to, at, held < size ? held : size);
  move_release(user, at);
  return to;
}

static const hc_allocator moving = {move_allocate, move_resize, move_release, NULL};

/* Who makes a string of content may run code that moves the session: what he reads stays where it
 * is, also where a part of the content was read before. */
static void check_what_is_shown(size_t pieces, size_t used) {
  static world w;
  static h2_bytes head;
  hc_failure why = {HC_OK, ""};
  CHECK(begin(&w) && open_stream(&w, 0, HC_METHOD_GET, HC_H2_LAST) == HC_OK);
  send_all(&w);
  head.size = 0;
  h2_write(&head, "S|SA|H1 :status=200");
  CHECK(hc_h2_session_feed(w.session, (hc_slice){(const char *)head.data, head.size}, &why) ==
        HC_OK);
  for (size_t i = 0; i < pieces; i++) CHECK(feed_content(&w, 'a'));
  CHECK(hc_h2_stream_consume(&w.streams[0], used) == HC_OK);
  hc_slice view = hc_h2_stream_show(&w.streams[0]);
  CHECK(view.size == pieces * sizeof piece - used);
  for (size_t i = 0; i < 20; i++) CHECK(feed_content(&w, 'b'));
  size_t good = 0;
  while (good < view.size && view.data[good] == 'a') good++;
  CHECK(good == view.size);
  CHECK(is_held(&w.streams[0].content, 0, 'a', view.size));
  CHECK(hc_h2_stream_consume(&w.streams[0], view.size) == HC_OK);
  view = hc_h2_stream_show(&w.streams[0]);
  CHECK(view.size == 20 * sizeof piece && view.data[0] == 'b');
  CHECK(is_held(&w.streams[0].content, 0, 'b', view.size));
  finish(&w);
  (void)sent_frames;
}

#ifdef HC_TEST_HOOKS
/* However much is read at once, no more than a limit is kept for later. */
static void check_what_is_kept(void) {
  hc_h2_input in = {0};
  static hc_buffer contents[100];
  long before = hc_memory_live_blocks();
  for (size_t i = 0; i < 100; i++)
    CHECK(hc_h2_input_add(&in, &contents[i], filled('x', sizeof piece)) == HC_OK);
  CHECK(in.unread == 100 * sizeof piece);
  for (size_t i = 0; i < 100; i++) hc_h2_input_drop(&in, &contents[i]);
  CHECK(in.unread == 0 && in.spare_size <= HC_H2_SPARE_SIZE);
  CHECK(hc_memory_live_blocks() == before + (long)in.spare_count);
  hc_h2_input_rest(&in);
  CHECK(hc_memory_live_blocks() == before);
}

static void check_without_memory(void) {
  hc_h2_input in = {0};
  hc_buffer content = {0};
  hc_memory_fail_after(0, 1);
  CHECK(hc_h2_input_add(&in, &content, filled('x', 5000)) == HC_ERR_OUT_OF_MEMORY);
  CHECK(in.unread == 0 && hc_buffer_size(&content) == 0);
  hc_memory_fail_after(0, 0); /* a large buffer can't be had, a small one can */
  CHECK(hc_h2_input_add(&in, &content, filled('x', 5000)) == HC_OK && in.unread == 5000);
  hc_memory_fail_after(-1, 0);
  hc_h2_input_drop(&in, &content);
  hc_h2_input_rest(&in);
}
#endif

int main(void) {
  /* before the first allocation */
  CHECK(hc_set_allocator(&moving) == HC_OK);
  check_order();
  check_that_buffers_go_round();
  check_small_content();
  for (size_t pieces = 1; pieces < 9; pieces++)
    for (size_t used = 0; used <= 10000; used += 5000) check_what_is_shown(pieces, used);
#ifdef HC_TEST_HOOKS
  check_what_is_kept();
  check_without_memory();
#endif
  return check_report();
}

#else

int main(void) { return check_report(); }

#endif
