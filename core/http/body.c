/* body.c - how the body of a response is framed. See body.h.
 *
 * One pass over the fields gathers what they say about framing and persistence; then the rules of
 * RFC 9112 section 6.3 are applied in their order, to what was gathered. */
#include "body.h"

#include <string.h>

#include "../base/chars.h"

/* RFC 9110 section 8.6 lets a recipient take "5, 5" for 5: some servers and those between send the
 * field twice, and it gets joined. Differing numbers are an error in any case. */
bool hc_content_length_parse(hc_slice value, uint64_t *length) {
  hc_slice element;
  uint64_t first = 0;
  bool is_first = true;
  if (hc_parse_decimal(value, length)) return true; /* nearly always */
  while (hc_list_next(&value, &element)) {
    uint64_t number;
    if (!hc_parse_decimal(element, &number) || (!is_first && number != first)) return false;
    first = number;
    is_first = false;
  }
  *length = first;
  return !is_first;
}

/* An answer whose end is in doubt ends the connection: what one of two readers takes for content
 * the other takes for the next answer, and so another user's. */
static hc_error refuse_body(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_DATA, "response %s", what);
}

/* What the fields say. */
typedef struct survey {
  bool is_old, closes, keeps_alive; /* is_old: HTTP/1.0 */
  bool is_coding_bad, is_length_bad, has_length;
  size_t codings;
  uint64_t length;
} survey;

/* All Content-Length fields have to say the same number (RFC 9112 section 6.3, rule 5). */
static void note_length(survey *s, hc_slice value) {
  uint64_t length;
  if (!hc_content_length_parse(value, &length) || (s->has_length && length != s->length)) {
    s->is_length_bad = true;
    return;
  }
  s->has_length = true;
  s->length = length;
}

/* We send no TE, so a single "chunked" is all that the server may use (RFC 9112 sections 6.1 and
 * 7), and it has no parameters (section 7.1). Empty list elements do not count (RFC 9110 section
 * 5.6.1.2), but each field has to name a coding. */
static void note_coding(survey *s, hc_slice list) {
  hc_slice element;
  size_t before = s->codings;
  while (hc_list_next(&list, &element)) {
    if (element.size == 0) continue;
    if (!hc_slice_equal_fold(element, HC_SLICE("chunked"))) s->is_coding_bad = true;
    s->codings++;
  }
  if (s->codings == before || s->codings > 1) s->is_coding_bad = true;
}

/* Compares as it is usually spelled first, which is cheaper. */
static inline bool is_spelled(hc_slice name, hc_slice known) {
  return name.size == known.size &&
         (memcmp(name.data, known.data, known.size) == 0 || hc_slice_equal_fold(name, known));
}

/* RFC 9112 section 9.3: "close" decides first; then the version does, and for HTTP/1.0
 * "keep-alive". */
static void note_connection(survey *s, hc_slice list) {
  if (!s->is_old && is_spelled(list, HC_SLICE("keep-alive"))) return;
  if (hc_list_has_token(list, HC_SLICE("close"))) s->closes = true;
  if (s->is_old && hc_list_has_token(list, HC_SLICE("keep-alive"))) s->keeps_alive = true;
}

static void note_field_body(survey *s, const hc_headers *h, size_t i) {
  switch (h->fields[i].name_size) { /* tells most names apart already */
  case sizeof "Connection" - 1:
    if (is_spelled(hc_headers_name(h, i), HC_SLICE("Connection")))
      note_connection(s, hc_headers_value(h, i));
    return;
  case sizeof "Content-Length" - 1:
    if (is_spelled(hc_headers_name(h, i), HC_SLICE("Content-Length")))
      note_length(s, hc_headers_value(h, i));
    return;
  case sizeof "Transfer-Encoding" - 1:
    if (is_spelled(hc_headers_name(h, i), HC_SLICE("Transfer-Encoding")))
      note_coding(s, hc_headers_value(h, i));
    return;
  default: return;
  }
}

/* One look at each field, for all answers of a connection: this is on the way of every response. */
static void survey_fields(const hc_response *r, survey *s) {
  *s = (survey){.is_old = r->minor_version == 0};
  for (size_t i = 0; i < r->headers.count; i++) note_field_body(s, &r->headers, i);
}

/* For whom a length is good to know and not to be relied on: what an answer to HEAD would have
 * had. */
int64_t hc_body_announced_length(const hc_response *response) {
  survey s;
  survey_fields(response, &s);
  return s.has_length && !s.is_length_bad && !s.is_coding_bad && s.codings == 0 ? (int64_t)s.length
                                                                                : -1;
}

/* RFC 9112 section 6.3, rule 1: these end with their head, whatever their fields say. */
static bool has_no_body(int code) { return code < 200 || code == 204 || code == 304; }

/* RFC 9112 section 6.3, rules 3 to 5 and 8, for a response whose status allows a body. */
static hc_error decide_by_fields(const survey *s, hc_body_plan *plan, hc_failure *why) {
  if (s->is_coding_bad)
    return refuse_body(why, "Transfer-Encoding: it is not a single \"chunked\"");
  if (s->codings > 0) {
    plan->framing = HC_FRAMING_CHUNKED;
    /* Section 6.1: with both fields, or with the coding in a version that has none, the framing is
     * doubtful. */
    if (s->has_length || s->is_length_bad || s->is_old) plan->keeps_alive = false;
    return HC_OK;
  }
  if (s->is_length_bad)
    return refuse_body(why, "Content-Length: it is no plain decimal number, or differing ones");
  plan->framing = s->has_length ? HC_FRAMING_LENGTH : HC_FRAMING_UNTIL_CLOSE;
  plan->length = s->length;
  if (!s->has_length) plan->keeps_alive = false;
  return HC_OK;
}

/* The rules are asked in the order of RFC 9112 section 6.3, and the first that fits decides. Where
 * none can, the connection is of no more use: nobody knows where the next answer begins. */
hc_error hc_body_decide(const hc_response *response, hc_method method, hc_body_after after,
                        hc_body_plan *plan, hc_failure *why) {
  int code = response->code;
  survey s;
  survey_fields(response, &s);
  *plan = (hc_body_plan){.keeps_alive =
                             after == HC_AFTER_KEEP && !s.closes && (!s.is_old || s.keeps_alive)};
  /* RFC 9110 sections 7.8 and 9.3.6: the connection goes on as something else, whatever Connection
   * says. */
  if (code == 101 || (method == HC_METHOD_CONNECT && code >= 200 && code <= 299)) {
    plan->upgraded = plan->keeps_alive = true;
    return HC_OK;
  }
  /* Rules 1 and 2: the fields describe another message, and say nothing about the end of this
   * one. */
  if (has_no_body(code)) return HC_OK;
  if (method == HC_METHOD_HEAD) {
    plan->framing = HC_FRAMING_HEAD;
    return HC_OK;
  }
  return decide_by_fields(&s, plan, why);
}
