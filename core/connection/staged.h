/* staged.h - the next bytes of a large piece of content, copied to where the kernel reads them
 * cheaply.
 *
 * What a system call costs to read a page of a process depends on whether the kernel has read there
 * before. On bare metal that is little; under some hypervisors (those with page tables of their own
 * for the kernel) the first time costs as much as sending the page ten times. A large string is
 * such memory from its first page to its last. So it goes through one small block, which is read
 * again and again and stays in the cache of the processor: one more copy, and a fifth of the time
 * there. */
#ifndef HC_STAGED_H
#define HC_STAGED_H

#include "../base/internal.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

/* Zeroed is a valid start. */
typedef struct hc_staged {
  char *memory; /* NULL: none was needed yet, or none could be had */
  hc_slice bytes; /* those that have not been sent */
} hc_staged;

/* Copies the first bytes of `piece`, where it is large or a large one came before, unless some are
 * staged still. Without memory for it nothing is staged, and the piece goes from where it is. */
void hc_staged_fill(hc_staged *s, hc_slice piece);
/* What may be sent: what is staged, else the piece. */
static inline hc_slice hc_staged_next(const hc_staged *s, hc_slice piece) {
  return s->bytes.size ? s->bytes : piece;
}
/* So many bytes of the piece have been sent. */
void hc_staged_pass(hc_staged *s, size_t size);
void hc_staged_free(hc_staged *s);

HC_INTERNAL_END

#endif
