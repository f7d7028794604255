/* file_common.c - see file_common.h. */
#include "file_common.h"

hc_error hc_file_record(hc_failure *why, hc_error code, const char *what, const char *path,
                        const char *reason, unsigned long number) {
  const char *gap = what[0] && path[0] ? " " : "", *colon = what[0] || path[0] ? ": " : "";
  if (reason)
    return hc_failure_set(why, code, "%s%s%.*s%s%s", what, gap, HC_SHOWN_PATH_MAX, path, colon,
                          reason);
  return hc_failure_set(why, code, "%s%s%.*s%serror %lu", what, gap, HC_SHOWN_PATH_MAX, path, colon,
                        number);
}

hc_error hc_file_read_on(hc_file file, uint64_t *offset, char *into, size_t size, size_t *got,
                         hc_failure *why) {
  *got = 0;
  if (*offset == HC_FILE_NO_OFFSET) return hc_file_read_what_comes(file, into, size, got, why);
  hc_error code = hc_file_read_at(file, *offset, into, size, got, why);
  *offset += *got;
  return code;
}
