/* parse.h - what a parser says of the bytes it was given. */
#ifndef HC_PARSE_H
#define HC_PARSE_H

typedef enum hc_parse {
  HC_PARSE_DONE,  /* the element is whole; bytes behind it are not touched */
  HC_PARSE_MORE,  /* all that could be used was; more bytes are needed */
  HC_PARSE_ERROR  /* the bytes can not become a valid element, or memory is out: see the failure record */
} hc_parse;

#endif
