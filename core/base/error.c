/* error.c - names and sentences of the result codes, and the failure record. See error.h.
 *
 * Whoever fails writes into the record of whoever asked: no memory is taken for that, so that it
 * works when memory is what is out. The texts are English and the same in every locale, because
 * scripts match them and people search for them. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

#include "chars.h"

/* The names are those of the engine's enum, in which a script compares; the sentence is for a
 * failure of which nobody knows more. */
typedef struct code_text {
  const char *name;
  const char *sentence;
} code_text;

/* In the order of hc_error, without gaps. */
static const code_text code_texts[] = {
    {"OK", "no error"},
    {"FAILED", "the operation failed"},
    {"ERR_UNAVAILABLE", "not available"},
    {"ERR_UNCONFIGURED", "not configured"},
    {"ERR_UNAUTHORIZED", "not authorized"},
    {"ERR_PARAMETER_RANGE_ERROR", "parameter out of range"},
    {"ERR_OUT_OF_MEMORY", "out of memory"},
    {"ERR_FILE_NOT_FOUND", "file not found"},
    {"ERR_FILE_BAD_DRIVE", "bad drive in the file's path"},
    {"ERR_FILE_BAD_PATH", "bad file path"},
    {"ERR_FILE_NO_PERMISSION", "no permission for the file"},
    {"ERR_FILE_ALREADY_IN_USE", "file already in use"},
    {"ERR_FILE_CANT_OPEN", "can't open the file"},
    {"ERR_FILE_CANT_WRITE", "can't write the file"},
    {"ERR_FILE_CANT_READ", "can't read the file"},
    {"ERR_FILE_UNRECOGNIZED", "file format not recognized"},
    {"ERR_FILE_CORRUPT", "file is corrupt"},
    {"ERR_FILE_MISSING_DEPENDENCIES", "the file's dependencies are missing"},
    {"ERR_FILE_EOF", "end of file"},
    {"ERR_CANT_OPEN", "can't open"},
    {"ERR_CANT_CREATE", "can't create"},
    {"ERR_QUERY_FAILED", "query failed"},
    {"ERR_ALREADY_IN_USE", "already in use"},
    {"ERR_LOCKED", "locked"},
    {"ERR_TIMEOUT", "timeout"},
    {"ERR_CANT_CONNECT", "can't connect"},
    {"ERR_CANT_RESOLVE", "can't resolve"},
    {"ERR_CONNECTION_ERROR", "connection error"},
    {"ERR_CANT_ACQUIRE_RESOURCE", "can't acquire a resource"},
    {"ERR_CANT_FORK", "can't fork"},
    {"ERR_INVALID_DATA", "invalid data"},
    {"ERR_INVALID_PARAMETER", "invalid parameter"},
    {"ERR_ALREADY_EXISTS", "already exists"},
    {"ERR_DOES_NOT_EXIST", "does not exist"},
    {"ERR_DATABASE_CANT_READ", "can't read the database"},
    {"ERR_DATABASE_CANT_WRITE", "can't write the database"},
    {"ERR_COMPILATION_FAILED", "compilation failed"},
    {"ERR_METHOD_NOT_FOUND", "method not found"},
    {"ERR_LINK_FAILED", "linking failed"},
    {"ERR_SCRIPT_FAILED", "script failed"},
    {"ERR_CYCLIC_LINK", "cyclic link"},
    {"ERR_INVALID_DECLARATION", "invalid declaration"},
    {"ERR_DUPLICATE_SYMBOL", "duplicate symbol"},
    {"ERR_PARSE_ERROR", "parse error"},
    {"ERR_BUSY", "busy"},
    {"ERR_SKIP", "skipped"},
    {"ERR_HELP", "help requested"},
    {"ERR_BUG", "a bug in the program"},
    {"ERR_PRINTER_ON_FIRE", "printer on fire"},
};
_Static_assert(sizeof code_texts / sizeof code_texts[0] == HC_ERROR_COUNT,
               "one text for each code");

/* An int and not the enum: these come from scripts, which may have any number. */
const char *hc_error_name(int code) {
  return code < 0 || code >= HC_ERROR_COUNT ? NULL : code_texts[code].name;
}

/* Never NULL, so it can stand in any format. */
const char *hc_error_string(int code) {
  return code < 0 || code >= HC_ERROR_COUNT ? "unknown error" : code_texts[code].sentence;
}

/* A text may quote a peer. It must not control a terminal or fake a line in a log. */
static void sanitize(char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (hc_char_is_control(text[i])) text[i] = '?';
  }
}

/* The first failure is the cause and all later ones are its consequences, so a record that is set
 * stays as it is. A text that does not fit is cut, never refused: half a sentence says more than
 * none. */
hc_error hc_failure_set(hc_failure *failure, hc_error code, const char *format, ...) {
  if (!failure || failure->code != HC_OK) return code;
  failure->code = code;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(failure->text, sizeof failure->text, format, arguments);
  va_end(arguments);
  if (length < 0) {
    failure->text[0] = '\0';
    return code;
  }
  size_t kept = (size_t)length < sizeof failure->text ? (size_t)length : sizeof failure->text - 1;
  sanitize(failure->text, kept);
  return code;
}

/* Callers that pass a code on need not know whether there is a sentence already; where there is
 * none this one takes its place. */
hc_error hc_failure_set_code(hc_failure *failure, hc_error code) {
  return hc_failure_set(failure, code, "%s", hc_error_string((int)code));
}

hc_error hc_failure_out_of_memory(hc_failure *failure) {
  return hc_failure_set_code(failure, HC_ERR_OUT_OF_MEMORY);
}

/* `what` is a text of ours and short; a sentence about memory takes none. */
hc_error hc_failure_out_of_memory_for(hc_failure *failure, const char *what) {
  return hc_failure_set(failure, HC_ERR_OUT_OF_MEMORY, "%s for %s",
                        hc_error_string(HC_ERR_OUT_OF_MEMORY), what);
}

void hc_failure_clear(hc_failure *failure) {
  failure->code = HC_OK;
  failure->text[0] = '\0';
}

/* By hand, since %g would follow the host's locale. */
void hc_failure_set_timeout(hc_failure *failure, const char *which, double seconds) {
  double capped = seconds < 1e12 ? seconds : 1e12;
  unsigned long long milliseconds = (unsigned long long)(capped * 1000.0 + 0.5);
  hc_failure_set(failure, HC_ERR_TIMEOUT, "%s timeout after %llu.%03llu s", which,
                 milliseconds / 1000, milliseconds % 1000);
}
