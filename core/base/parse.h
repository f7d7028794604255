/* parse.h - what a parser says about the bytes that it was given.
 *
 * Bytes come in pieces of any size. A parser takes what it can, says how many bytes that was, and
 * is called again with the rest and what came since. */
#ifndef HC_PARSE_H
#define HC_PARSE_H

typedef enum hc_parse {
  HC_PARSE_DONE,  /* the element is complete; the bytes behind it were not touched */
  HC_PARSE_MORE,  /* everything usable was used; more bytes are needed */
  /* nothing valid can become of these bytes, or memory is out: see the failure record */
  HC_PARSE_ERROR
} hc_parse;

#endif
