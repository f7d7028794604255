/* tls_keylog.c - the secrets of each connection as lines of the NSS key log format, for those who
 * look at their own traffic.
 *
 * Whoever has the file can read everything that its connections carried. It is made readable by its
 * owner alone (hc_file_open_log), named by the caller and never by the environment, and written
 * only where an options object asks for it. */
#include <string.h>

#include "../../base/memory.h"
#include "../../platform/file.h"
#include "tls_internal.h"

#define LINE_MAX_SIZE 512u /* a label, 32 bytes and at most 64 more, in hex */

/* One write each: several processes may append to the file. A full disk is no reason to end a
 * connection. */
void hc_tls_keylog_write(const hc_tls_options *o, const char *line) {
  char text[LINE_MAX_SIZE];
  size_t size = strlen(line), written;
  if (!o->logs_keys || size >= sizeof text) return;
  memcpy(text, line, size + 1);
  text[size] = '\n';
  (void)hc_file_write(o->keylog, (hc_slice){text, size + 1}, &written, NULL);
  hc_memory_wipe(text, sizeof text);
}

/* Opened once for all connections of the options, and appended to. */
static hc_error open_log(hc_tls_options *o, hc_slice path, hc_failure *why) {
  char *name = hc_memory_copy_text(path.data, path.size);
  if (!name) return hc_failure_out_of_memory(why);
  hc_failure inner = {HC_OK, ""};
  hc_error error = hc_file_open_log(name, &o->keylog, &inner);
  hc_memory_release(name);
  if (error != HC_OK)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "keylog_file: %s", inner.text);
  o->logs_keys = true;
  return HC_OK;
}

/* A file that can't be opened is a fault of the options, found when they are made. */
hc_error hc_tls_keylog_open(hc_tls_options *o, hc_slice path, hc_failure *why) {
  return path.size > 0 ? open_log(o, path, why) : HC_OK;
}

/* With the options, and so behind the last connection that could write to it. */
void hc_tls_keylog_close(hc_tls_options *o) {
  if (o->logs_keys) hc_file_close(o->keylog);
  o->logs_keys = false;
}
