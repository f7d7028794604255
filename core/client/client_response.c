/* client_response.c - what is known of an answer, from its head on. Questions only: nothing here
 * moves a byte.
 *
 * All of it is the exchange's (connection/answer.h), and stays readable when the answer is over,
 * the connection has ended or the client has failed, until the next request takes its place. A
 * field or a reason is a view into the head, which was copied once when it was whole. */
#include "client_state.h"

/* Of nothing before the first request. One for all, so that no question has to ask first whether
 * there is an answer. */
static const hc_answer *answer_of(const hc_client *c) {
  static const hc_answer none;
  return c->place.exchange ? c->place.exchange->answer : &none;
}

bool hc_client_has_response(const hc_client *c) { return answer_of(c)->has_response; }
bool hc_client_response_is_complete(const hc_client *c) { return answer_of(c)->is_complete; }
bool hc_client_has_response_begun(const hc_client *c) { return answer_of(c)->has_begun; }
uint64_t hc_client_body_received(const hc_client *c) { return answer_of(c)->received; }

hc_retry hc_client_retry(const hc_client *c) { return answer_of(c)->retry; }

/* --- status line */

int hc_client_response_code(const hc_client *c) {
  const hc_answer *answer = answer_of(c);
  return answer->has_response ? answer->response.code : 0;
}

hc_slice hc_client_response_reason(const hc_client *c) {
  const hc_answer *answer = answer_of(c);
  return answer->has_response ? hc_response_reason(&answer->response) : (hc_slice){NULL, 0};
}

/* The major one is the connection's: heads of HTTP/2 have no version in them (RFC 9113 section
 * 8.3.2). */
int hc_client_response_version(const hc_client *c) {
  const hc_answer *answer = answer_of(c);
  if (!answer->has_response) return 0;
  return 10 * c->place.exchange->protocol->major_version + answer->response.minor_version;
}

/* --- framing */

bool hc_client_response_is_chunked(const hc_client *c) {
  const hc_answer *answer = answer_of(c);
  return answer->has_response && answer->plan.framing == HC_FRAMING_CHUNKED;
}

/* What will really come, which is not always what Content-Length says: an answer to HEAD has none
 * (RFC 9112 section 6.3), and chunks take precedence over a length. -1: not known before the end.
 */
int64_t hc_client_response_body_length(const hc_client *c) {
  const hc_answer *answer = answer_of(c);
  if (!answer->has_response) return -1;
  switch (answer->plan.framing) {
  case HC_FRAMING_LENGTH: return (int64_t)answer->plan.length;
  case HC_FRAMING_NONE:
  case HC_FRAMING_HEAD: return 0;
  case HC_FRAMING_CHUNKED:
  case HC_FRAMING_UNTIL_CLOSE: break;
  }
  return -1;
}

/* And this is what it says, also to HEAD: the size that a GET would have. */
int64_t hc_client_announced_length(const hc_client *c) {
  const hc_answer *answer = answer_of(c);
  return answer->has_response ? hc_body_announced_length(&answer->response) : -1;
}

/* --- fields */

static const hc_headers no_fields;

/* Before the final head is in, the record may hold a 1xx one, or half a head: neither is shown. */
const hc_headers *hc_client_response_headers(const hc_client *c) {
  const hc_answer *answer = answer_of(c);
  return answer->has_response ? &answer->response.headers : &no_fields;
}

/* They come behind the content, so there are none before its end. */
const hc_headers *hc_client_response_trailers(const hc_client *c) {
  const hc_headers *trailers = answer_of(c)->trailers;
  return trailers ? trailers : &no_fields;
}

static const hc_headers *fields_of(const hc_client *c, hc_section section) {
  return section == HC_SECTION_TRAILERS ? hc_client_response_trailers(c)
                                        : hc_client_response_headers(c);
}

size_t hc_client_response_field_count(const hc_client *c, hc_section section) {
  return fields_of(c, section)->count;
}

bool hc_client_response_field(const hc_client *c, hc_section section, size_t index, hc_slice *name,
                              hc_slice *value) {
  const hc_headers *fields = fields_of(c, section);
  if (index >= fields->count) return false;
  if (name) *name = hc_headers_name(fields, index);
  if (value) *value = hc_headers_value(fields, index);
  return true;
}

/* index is where the search begins and then where it has ended: for the next field of that name the
 * caller goes on from the one behind it. */
bool hc_client_response_find(const hc_client *c, hc_section section, hc_slice name, size_t *index,
                             hc_slice *value) {
  const hc_headers *fields = fields_of(c, section);
  if (!hc_headers_find(fields, name, *index, index)) return false;
  *value = hc_headers_value(fields, *index);
  return true;
}
