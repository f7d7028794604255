/* h2_request.h - the head of a request as the list of fields that HTTP/2 sends (RFC 9113 section
 * 8.3.1).
 *
 * On the way of a request out this stands where head_writer.h stands for HTTP/1.1: the same checked
 * request goes in, and instead of bytes a list comes out, which the session codes. No I/O; it knows
 * nothing of frames. */
#ifndef HC_H2_REQUEST_H
#define HC_H2_REQUEST_H

#include "../base/internal.h"
#include "../base/buffer.h"
#include "../http/request_check.h"
#include "../http/transcript.h"

HC_INTERNAL_BEGIN

typedef struct hc_h2_field {
  hc_slice name, value;
} hc_h2_field;

/* Zeroed is a valid empty list. The values are views of the request's texts, and of `text`. */
typedef struct hc_h2_fields {
  hc_h2_field *fields;
  size_t count, capacity;
  hc_buffer text;  /* names in lower case, and what had to be put together */
} hc_h2_fields;

typedef enum hc_h2_scheme { HC_H2_HTTP, HC_H2_HTTPS } hc_h2_scheme;

/* Fills an empty list: the pseudo-fields (the caller's Host becomes :authority), the caller's
 * fields in their order, then what the caller did not give: content-length, user-agent, accept.
 * Fields that belong to a connection of HTTP/1.1 are left out, together with those that the
 * caller's Connection names (section 8.2.2); of TE only "trailers" is sent. `scheme` is that of the
 * connection; an absolute URL brings its own. HC_ERR_OUT_OF_MEMORY; HC_ERR_INVALID_PARAMETER: it is
 * larger than the limit. The request must live as long as the list is used; hc_h2_fields_free ends
 * it. */
hc_error hc_h2_request_list(const hc_checked_request *checked, hc_h2_scheme scheme,
                            hc_h2_fields *out, hc_failure *why);
/* A copy that needs nothing of the request any more; free ends it, and hc_memory_release. NULL: out
 * of memory. */
hc_h2_fields *hc_h2_fields_copy(const hc_h2_fields *fields);
void hc_h2_fields_free(hc_h2_fields *fields);
/* The list as the head that it would be by HTTP/1.1. */
void hc_h2_fields_note(const hc_h2_fields *fields, hc_transcript *t);

HC_INTERNAL_END

#endif
