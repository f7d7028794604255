/* transcript.c - the heads that pass, as text. See transcript.h.
 *
 * Nothing is noted unless somebody listens, so a request without a trace pays one comparison. */
#include "transcript.h"

#include "../base/limits.h"
#include "../base/memory.h"

/* One reference, the caller's. */
hc_transcript *hc_transcript_new(void) {
  hc_transcript *t = hc_memory_allocate_zeroed(1, sizeof *t);
  if (!t) return NULL;
  t->references = 1;
  t->is_listening = true;
  return t;
}

/* The client and a walk to its connection each hold one, and either may end first. */
hc_transcript *hc_transcript_retain(hc_transcript *t) {
  if (t) t->references++;
  return t;
}

/* Heads hold cookies and credentials, so the block is wiped and given back, and not kept for the
 * next. */
void hc_transcript_clear(hc_transcript *t) {
  if (t->text.data) hc_memory_wipe(t->text.data, t->text.capacity);
  hc_buffer_free(&t->text);
}

void hc_transcript_release(hc_transcript *t) {
  if (!t || --t->references > 0) return;
  hc_transcript_clear(t);
  hc_memory_release(t);
}

/* The limit is for a script that never takes what it asked for. A record that would pass it is left
 * out whole. */
static void put_transcript(hc_transcript *t, hc_slice bytes, hc_error *code) {
  if (*code == HC_OK) *code = hc_buffer_append(&t->text, bytes, HC_TRANSCRIPT_MAX);
}

/* A record is there as a whole, or not at all. */
static void end_record(hc_transcript *t, size_t before, hc_error code) {
  if (code != HC_OK) t->text.end = t->text.start + before;
}

/* The text comes from whoever has just written the head; it is copied, as that buffer is used
 * again. */
void hc_transcript_note_request(hc_transcript *t, hc_slice head) {
  size_t before = hc_buffer_size(&t->text);
  hc_error code = HC_OK;
  put_transcript(t, HC_SLICE(HC_TRANSCRIPT_REQUEST), &code);
  put_transcript(t, head, &code);
  end_record(t, before, code);
}

/* Put together anew, since the parser keeps no status line. HTTP/2 has no reason phrase (RFC 9113
 * section 8.3.2), so nothing stands there. */
static void put_status_line(hc_transcript *t, hc_slice version, const hc_response *r,
                            hc_error *code) {
  put_transcript(t, version, code);
  if (version.size == 0)
    put_transcript(t, r->minor_version == 0 ? HC_SLICE("HTTP/1.0") : HC_SLICE("HTTP/1.1"), code);
  put_transcript(t, HC_SLICE(" "), code);
  if (*code == HC_OK)
    *code = hc_buffer_append_number(&t->text, (uint64_t)r->code, HC_TRANSCRIPT_MAX);
  put_transcript(t, HC_SLICE(" "), code);
  put_transcript(t, hc_response_reason(r), code);
  put_transcript(t, HC_SLICE("\r\n"), code);
}

/* Made from the head as it was understood: a field that came folded or oddly spaced stands here as
 * one line, "Name: value". */
void hc_transcript_note_response(hc_transcript *t, hc_slice version, const hc_response *r) {
  size_t before = hc_buffer_size(&t->text);
  hc_error code = HC_OK;
  put_transcript(t, HC_SLICE(HC_TRANSCRIPT_RESPONSE), &code);
  put_status_line(t, version, r, &code);
  for (size_t i = 0; i < r->headers.count; i++) {
    put_transcript(t, hc_headers_line(&r->headers, i), &code);
    put_transcript(t, HC_SLICE("\r\n"), &code);
  }
  put_transcript(t, HC_SLICE("\r\n"), &code);
  end_record(t, before, code);
}
