/* stdio_file_windows.c - the C library's files, of which none is touched here. See stdio_file.h.
 *
 * A process may hold several C libraries (msvcrt, UCRT), each with a FILE of its own kind, and
 * nobody can tell by its address whose one is. So hc_stdio_is_reachable says no, and a script's
 * files go by their own methods. The other functions answer as if there were nothing. */
#include "../stdio_file.h"

/* The one question whose answer counts here: whoever hears no does not call the others. */
bool hc_stdio_is_reachable(void) { return false; }

hc_file hc_stdio_file(FILE *file) {
  (void)file;
  return HC_NO_FILE;
}

bool hc_stdio_position(FILE *file, uint64_t *at) {
  (void)file;
  *at = 0;
  return false;
}

size_t hc_stdio_write(FILE *file, hc_slice bytes) {
  (void)file, (void)bytes;
  return 0;
}

bool hc_stdio_flush(FILE *file) {
  (void)file;
  return false;
}

size_t hc_stdio_write_regular(FILE *file, hc_slice bytes) { return hc_stdio_write(file, bytes); }
bool hc_stdio_flush_regular(FILE *file) { return hc_stdio_flush(file); }

bool hc_stdio_buffered(FILE *file, hc_slice *bytes) {
  (void)file;
  *bytes = (hc_slice){NULL, 0};
  return false;
}

void hc_stdio_skip_buffered(FILE *file, size_t size) { (void)file, (void)size; }
