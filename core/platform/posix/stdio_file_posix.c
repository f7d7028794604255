/* stdio_file_posix.c - see stdio_file.h.
 *
 * A body that is a script's file is read by the descriptor below it, and by then stdio has mostly
 * read ahead. So its buffer is looked into, which C has no call for: each library has its own
 * members or functions, and where there are none a pipe of the script's is refused as a body. */
#include "../system_features.h"

#include "../stdio_file.h"

#include <errno.h>
#include <sys/types.h>

#if defined(__linux__) && !defined(__GLIBC__)
#include <stdio_ext.h> /* musl's __freadptr */
#endif

#include "sigpipe_posix.h"

bool hc_stdio_is_reachable(void) { return true; }

hc_file hc_stdio_file(FILE *file) { return fileno(file); }

/* ftello counts what stdio has not handed out yet as not read, so this is the script's position and
 * not the descriptor's. */
bool hc_stdio_position(FILE *file, uint64_t *at) {
  off_t position = ftello(file);
  *at = position >= 0 ? (uint64_t)position : 0;
  return position >= 0;
}

/* stdio writes at its own times and more than once, and can take all and yet have met an end: the
 * signal is looked for behind each call. */
static hc_sigpipe_doubt doubt_of_stdio_file(size_t done, size_t all) {
  return done < all && errno == EPIPE ? HC_SIGPIPE_CERTAIN : HC_SIGPIPE_POSSIBLE;
}

/* Into stdio's buffer, so that what the script has written before stays before it. */
size_t hc_stdio_write_regular(FILE *file, hc_slice bytes) {
  return fwrite(bytes.data, 1, bytes.size, file);
}
bool hc_stdio_flush_regular(FILE *file) { return fflush(file) == 0; }

/* The host's SIGPIPE is kept as it was: see sigpipe_posix.h. */
size_t hc_stdio_write(FILE *file, hc_slice bytes) {
  hc_sigpipe_guard guard;
  (void)hc_sigpipe_block(&guard);
  size_t written = hc_stdio_write_regular(file, bytes);
  hc_sigpipe_restore(&guard, doubt_of_stdio_file(written, bytes.size));
  return written;
}

/* A flush writes, and so may raise SIGPIPE as a write does. */
bool hc_stdio_flush(FILE *file) {
  hc_sigpipe_guard guard;
  (void)hc_sigpipe_block(&guard);
  bool is_done = hc_stdio_flush_regular(file);
  hc_sigpipe_restore(&guard, doubt_of_stdio_file(is_done ? 1 : 0, 1));
  return is_done;
}

/* glibc and the BSDs declare these members in <stdio.h>; they are part of the ABI, since older
 * programs have macros that use them. */
bool hc_stdio_buffered(FILE *file, hc_slice *bytes) {
#if defined(__GLIBC__)
  *bytes = (hc_slice){file->_IO_read_ptr, (size_t)(file->_IO_read_end - file->_IO_read_ptr)};
  return true;
#elif defined(__linux__)
  *bytes = (hc_slice){NULL, 0};
  bytes->data = __freadptr(file, &bytes->size);
  return true;
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__DragonFly__) || defined(__NetBSD__)
  *bytes = (hc_slice){(const char *)file->_p, file->_r > 0 ? (size_t)file->_r : 0};
  return true;
#else
  (void)file;
  *bytes = (hc_slice){NULL, 0};
  return false;
#endif
}

/* Of what is there already: this does not wait. */
void hc_stdio_skip_buffered(FILE *file, size_t size) {
  char piece[512];
  while (size > 0) {
    size_t got = fread(piece, 1, size < sizeof piece ? size : sizeof piece, file);
    if (got == 0) return;
    size -= got;
  }
}
