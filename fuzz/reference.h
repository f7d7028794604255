/* reference.h - a slow second reading of a response, written from the RFC and sharing no code with the library. */
#ifndef FUZZ_REFERENCE_H
#define FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/* Do these bytes start with a complete response to `method` whose content is body[0..body_size)? `clean_end`: the
 * connection ends in good order behind them. Only asked for responses that the client took for complete. */
bool reference_is_complete(int method, const char *bytes, size_t size, bool clean_end, const char *body, size_t body_size);

#endif
