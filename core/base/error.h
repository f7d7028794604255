/* error.h - result codes, the numbers of the reference's global Error enum, and the sticky failure record. */
#ifndef HC_ERROR_H
#define HC_ERROR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hc_error {
  HC_OK = 0,
  HC_FAILED = 1,
  HC_ERR_UNAVAILABLE = 2,
  HC_ERR_UNCONFIGURED = 3,
  HC_ERR_UNAUTHORIZED = 4,
  HC_ERR_PARAMETER_RANGE = 5,
  HC_ERR_OUT_OF_MEMORY = 6,
  HC_ERR_FILE_NOT_FOUND = 7,
  HC_ERR_FILE_BAD_DRIVE = 8,
  HC_ERR_FILE_BAD_PATH = 9,
  HC_ERR_FILE_NO_PERMISSION = 10,
  HC_ERR_FILE_ALREADY_IN_USE = 11,
  HC_ERR_FILE_CANT_OPEN = 12,
  HC_ERR_FILE_CANT_WRITE = 13,
  HC_ERR_FILE_CANT_READ = 14,
  HC_ERR_FILE_UNRECOGNIZED = 15,
  HC_ERR_FILE_CORRUPT = 16,
  HC_ERR_FILE_MISSING_DEPENDENCIES = 17,
  HC_ERR_FILE_EOF = 18,
  HC_ERR_CANT_OPEN = 19,
  HC_ERR_CANT_CREATE = 20,
  HC_ERR_QUERY_FAILED = 21,
  HC_ERR_ALREADY_IN_USE = 22,
  HC_ERR_LOCKED = 23,
  HC_ERR_TIMEOUT = 24,
  HC_ERR_CANT_CONNECT = 25,
  HC_ERR_CANT_RESOLVE = 26,
  HC_ERR_CONNECTION_ERROR = 27,
  HC_ERR_CANT_ACQUIRE_RESOURCE = 28,
  HC_ERR_CANT_FORK = 29,
  HC_ERR_INVALID_DATA = 30,
  HC_ERR_INVALID_PARAMETER = 31,
  HC_ERR_ALREADY_EXISTS = 32,
  HC_ERR_DOES_NOT_EXIST = 33,
  HC_ERR_DATABASE_CANT_READ = 34,
  HC_ERR_DATABASE_CANT_WRITE = 35,
  HC_ERR_COMPILATION_FAILED = 36,
  HC_ERR_METHOD_NOT_FOUND = 37,
  HC_ERR_LINK_FAILED = 38,
  HC_ERR_SCRIPT_FAILED = 39,
  HC_ERR_CYCLIC_LINK = 40,
  HC_ERR_INVALID_DECLARATION = 41,
  HC_ERR_DUPLICATE_SYMBOL = 42,
  HC_ERR_PARSE_ERROR = 43,
  HC_ERR_BUSY = 44,
  HC_ERR_SKIP = 45,
  HC_ERR_HELP = 46,
  HC_ERR_BUG = 47,
  HC_ERR_PRINTER_ON_FIRE = 48,
  HC_ERROR_COUNT = 49
} hc_error;

/* "ERR_TIMEOUT" for HC_ERR_TIMEOUT ("OK" and "FAILED" have no prefix); NULL outside the enum. Static text. */
const char *hc_error_name(int code);
/* A short sentence for people; "unknown error" outside the enum. Static text. */
const char *hc_error_string(int code);

#define HC_FAILURE_TEXT 240

/* The first error of an object: a code and a sentence. Zeroed = no failure. Needs no allocation. */
typedef struct hc_failure {
  hc_error code;
  char text[HC_FAILURE_TEXT];
} hc_failure;

#if defined(__GNUC__)
#define HC_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define HC_PRINTF(format_index, first_argument)
#endif

/* Records code and text when nothing is recorded yet (the first error sticks; the later ones are its echo).
 * Control bytes become '?', since text may quote a peer; an overlong text is cut. `failure` may be NULL.
 * Returns `code`, so that `return hc_failure_set(...)` reads well. */
hc_error hc_failure_set(hc_failure *failure, hc_error code, const char *format, ...) HC_PRINTF(3, 4);
/* As set, HC_ERR_TIMEOUT: "`which` timeout after N s", without the locale. */
void hc_failure_set_timeout(hc_failure *failure, const char *which, double seconds);
void hc_failure_clear(hc_failure *failure);

#ifdef __cplusplus
}
#endif

#endif
