/* transcript.h - the heads that pass, as text, for a caller who wants to see them all.
 *
 * Of most heads nobody keeps the text: of a request's when it is sent, of an answer's to CONNECT
 * when there is a tunnel, of a 1xx when it is skipped. Whoever handles one notes it here, if there
 * is a transcript and it listens. What was noted stays until it is taken. Noting never fails: a
 * record that there is no room or memory for is left out.
 * Requests stand here with their credentials; those for a proxy don't. */
#ifndef HC_TRANSCRIPT_H
#define HC_TRANSCRIPT_H

#include "../base/internal.h"
#include "response.h"

HC_INTERNAL_BEGIN

/* Counted: a client has one, and the walk to its connection may live longer. */
typedef struct hc_transcript {
  size_t references;
  bool is_listening;
  hc_buffer text;
} hc_transcript;

/* A record of the text begins with one of these, and ends with an empty line. Lines end with
 * CRLF. */
#define HC_TRANSCRIPT_REQUEST ">"
#define HC_TRANSCRIPT_RESPONSE "<"

hc_transcript *hc_transcript_new(void); /* it listens. NULL: out of memory */
hc_transcript *hc_transcript_retain(hc_transcript *t); /* NULL stays NULL */
void hc_transcript_release(hc_transcript *t); /* the last one wipes it; NULL is fine */
static inline bool hc_transcript_listens(const hc_transcript *t) { return t && t->is_listening; }

/* The whole head, its empty line included. */
void hc_transcript_note_request(hc_transcript *t, hc_slice head);
/* `version` is what stands before the status: "HTTP/2", or empty for HTTP/1.x, which the response
 * knows. */
void hc_transcript_note_response(hc_transcript *t, hc_slice version, const hc_response *r);
/* All records since the last clear. A view, until the next note or clear. */
static inline hc_slice hc_transcript_text(const hc_transcript *t) {
  return (hc_slice){hc_buffer_head(&t->text), hc_buffer_size(&t->text)};
}
void hc_transcript_clear(hc_transcript *t); /* wiped */

HC_INTERNAL_END

#endif
