/* reference.h - a slow second reading of a response, written from the RFC and sharing no code with
 * the library. */
#ifndef FUZZ_REFERENCE_H
#define FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum reference_verdict {
  REFERENCE_COMPLETE,
  REFERENCE_OPEN,     /* the beginning of something good */
  REFERENCE_REFUSED
} reference_verdict;

/* What was read. `fields` holds "Name: value" lines, each with LF behind it; `content` the decoded
 * bytes. Both have room for as many bytes as were given to read, and four for each of them: no
 * reading makes more. */
typedef struct reference_reading {
  size_t used;        /* where COMPLETE: the bytes that belong to it */
  int code, minor;
  char *fields;
  size_t fields_size, field_count;
  char *content;
  size_t content_size;
} reference_reading;

void reference_open(reference_reading *r, size_t size);
void reference_close(reference_reading *r);

/* One head, 1xx or final, of at most `limit` bytes. */
reference_verdict reference_head(const char *bytes, size_t size, size_t limit,
                                 reference_reading *r);
/* A whole chunked body with its trailer section of at most `limit` bytes, its fields in r->fields.
 * Where REFUSED or OPEN, r->content is what came before. */
reference_verdict reference_chunked(const char *bytes, size_t size, size_t limit,
                                    reference_reading *r);

typedef struct reference_framing {
  /* 'n'one, 'h'ead, 'l'ength, 'c'hunked, 'e'nd of the connection; '!' refused */
  char kind;
  unsigned long long length;
  bool keeps_alive;
} reference_framing;
reference_framing reference_decide(int method, const reference_reading *head);

/* A whole exchange: 1xx heads, the final head, the content and the end of the connection behind
 * `bytes`, in good order or not. r->content is what must have been handed out, whatever the
 * outcome. */
typedef enum reference_outcome {
  REFERENCE_KEEPS,
  REFERENCE_CLOSES,
  REFERENCE_FAILS
} reference_outcome;
reference_outcome reference_exchange(int method, const char *bytes, size_t size, size_t limit,
                                     bool clean_end, reference_reading *r);

#endif
