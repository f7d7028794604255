/* h2_session_world.h - a session of HTTP/2 with three streams, for tests that play the server by
 * frames. */
#ifndef SPEC_H2_SESSION_WORLD_H
#define SPEC_H2_SESSION_WORLD_H

#include "../../core/base/limits.h"
#include "../../core/base/memory.h"
#include "../../core/http2/h2_session.h"
#include "h2_frames.h"
#include "wire.h"

#define HEAD_LIMIT 400

typedef struct world {
  hc_h2_session *session;
  hc_h2_stream streams[3]; /* 1, 3, 5 */
  h2_bytes sent;
} world;

static inline void send_all(world *w) {
  hc_slice parts[4];
  size_t count;
  hc_failure why = {HC_OK, ""};
  while (hc_h2_session_gather(w->session, parts, 4, &count, &why) == HC_OK && count > 0) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
      h2_put(&w->sent, parts[i].data, parts[i].size);
      size += parts[i].size;
    }
    hc_h2_session_sent(w->session, size);
  }
}

static inline void check_request(hc_request *r, hc_checked_request *c) {
  hc_failure why = {HC_OK, ""};
  r->authority = HC_SLICE("example.test");
  if (r->url.size == 0) r->url = HC_SLICE("/");
  if (hc_request_check(r, c, &why) != HC_OK) abort();
}

static inline hc_error open_stream(world *w, size_t index, hc_method method, hc_h2_more content) {
  hc_request r = {.method = (int)method};
  hc_checked_request c;
  hc_failure why = {HC_OK, ""};
  r.content = content == HC_H2_MORE ? HC_CONTENT_STREAM : HC_CONTENT_NONE;
  check_request(&r, &c);
  return hc_h2_stream_open(w->session, &w->streams[index], &c, HC_H2_HTTPS, content, &why);
}

static inline bool begin(world *w) {
  memset(w, 0, sizeof *w);
  w->session = hc_h2_session_new(HEAD_LIMIT);
  return w->session != NULL;
}

static inline hc_error feed(world *w, const char *words) {
  static h2_bytes frames;
  hc_failure why = {HC_OK, ""};
  frames.size = 0;
  h2_write(&frames, words);
  return hc_h2_session_feed(w->session, (hc_slice){(const char *)frames.data, frames.size}, &why);
}

/* The session has sent its preface, taken these first frames of the server's, and answered them. */
static inline bool begin_behind(world *w, const char *words) {
  if (!begin(w)) return false;
  send_all(w);
  if (feed(w, words) != HC_OK) return false;
  send_all(w);
  return true;
}

static inline void finish(world *w) {
  for (size_t i = 0; i < 3; i++) hc_h2_stream_close(&w->streams[i]);
  hc_h2_session_delete(w->session);
}

static char sent_frames[4096];

#endif
