/* challenge.h - what stands in WWW-Authenticate and Proxy-Authenticate: a list of challenges, each
 * a scheme with parameters (RFC 9110 section 11.6.1).
 *
 * Commas part the challenges as well as their parameters, so the text is read piece by piece, and
 * whoever reads knows which scheme is meant. Views in, views out; nothing is kept. */
#ifndef HC_CHALLENGE_H
#define HC_CHALLENGE_H

#include "../base/buffer.h"
#include "../base/internal.h"
#include "../base/parse.h"

HC_INTERNAL_BEGIN

typedef enum hc_challenge_kind {
  HC_CHALLENGE_SCHEME,   /* a new challenge begins: `name` */
  HC_CHALLENGE_PARAM,    /* `name` = `value` */
  HC_CHALLENGE_TOKEN68   /* what some schemes have instead of parameters: `value` */
} hc_challenge_kind;

typedef struct hc_challenge_piece {
  hc_challenge_kind kind;
  hc_slice name, value;
  bool is_quoted; /* the value stood in quotes, and still has its backslashes */
} hc_challenge_piece;

/* Takes the next piece from *rest. DONE: there is one. MORE: the value is used up. ERROR: the rest
 * is malformed, and so may be the end of the piece before it. *piece is all zero before the first,
 * and the one before it at each next call: a token68 can only stand behind a scheme. The slices are
 * views of the value that was given first. */
hc_parse hc_challenge_next(hc_slice *rest, hc_challenge_piece *piece);
/* Appends the value of a parameter, without the backslashes of a quoted one (RFC 9110 section
 * 5.6.4). HC_ERR_OUT_OF_MEMORY. */
hc_error hc_challenge_append_value(const hc_challenge_piece *piece, hc_buffer *out);
/* Appends the text in quotes, with backslashes where they have to be. HC_ERR_OUT_OF_MEMORY. */
hc_error hc_quoted_append(hc_slice text, hc_buffer *out);

HC_INTERNAL_END

#endif
