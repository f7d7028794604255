/* body_source.h - where the content of a request comes from. */
#ifndef HC_BODY_SOURCE_H
#define HC_BODY_SOURCE_H

#include <stdint.h>

#include "../base/error.h"
#include "../base/slice.h"
#include "../platform/handle.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hc_pull_result {
  HC_PULL_DATA,    /* *piece holds bytes that live until the next pull or the end of the request; empty: ask again later,
                      see hc_client_resume_body */
  HC_PULL_END,     /* the content is complete */
  HC_PULL_FAILED   /* `why` says it; the request ends in CONNECTION_ERROR */
} hc_pull_result;
typedef hc_pull_result (*hc_pull)(void *context, hc_slice *piece, hc_failure *why);

typedef enum hc_body_kind { HC_BODY_NONE, HC_BODY_BYTES, HC_BODY_FILE, HC_BODY_STREAM, HC_BODY_PULL } hc_body_kind;

typedef struct hc_body_source {
  hc_body_kind kind;
  hc_slice bytes;         /* HC_BODY_BYTES: lives until the next request, connect, close or delete. Not copied.
                             HC_BODY_STREAM: what goes out before the file's own bytes; lives as long */
  hc_file file;           /* HC_BODY_FILE: a descriptor of a regular file; taken over and closed by the client, also when
                             the request is refused. HC_BODY_STREAM: the same of anything that can be read, to its end */
  uint64_t file_offset;   /* HC_BODY_STREAM: UINT64_MAX for a pipe and its like, which have no positions */
  uint64_t file_length;   /* HC_BODY_FILE */
  hc_pull pull;           /* HC_BODY_PULL: called from poll, only when the socket takes more */
  void *context;
} hc_body_source;

/* Closes the file, if there is one, and forgets the rest. */
void hc_body_source_drop(hc_body_source *body);

#ifdef __cplusplus
}
#endif

#endif
