/* body_source.c - where the content of a request comes from. See body_source.h. */
#include "body_source.h"

#include "../platform/file_release.h"

/* A string or a function is the host's, and only forgotten. To close a large file can take long
 * where it was deleted meanwhile, so that is done by a thread (file_release.h). */
void hc_body_source_drop(hc_body_source *body) {
  if (body->kind == HC_BODY_FILE || body->kind == HC_BODY_STREAM) hc_file_release(body->file);
  *body = (hc_body_source){.kind = HC_BODY_NONE};
}
