/* file_common.c - what is the same for the files of all systems: a body that is read on, and the
 * way of a file to a socket where the kernel has none. See file_common.h. */
#include "file_common.h"

#include "socket_common.h"

/* The offset is the body's own. It moves by what was read, so a read that fails half way is asked
 * again from there. */
hc_error hc_file_read_on(hc_file file, uint64_t *offset, char *into, size_t size, size_t *got,
                         hc_failure *why) {
  *got = 0;
  if (*offset == HC_FILE_NO_OFFSET) return hc_file_read_what_comes(file, into, size, got, why);
  hc_error code = hc_file_read_at(file, *offset, into, size, got, why);
  *offset += *got;
  return code;
}

/* What was read and not sent is read again by the next call: the page cache has it, and no state
 * has to be kept between two calls. */
hc_io hc_socket_send_file_piece(hc_socket s, hc_file file, uint64_t *offset, char *piece,
                                size_t size, size_t *sent, hc_failure *why) {
  size_t got;
  *sent = 0;
  if (hc_file_read_at(file, *offset, piece, size, &got, why) != HC_OK) return HC_IO_ERROR;
  if (got == 0) return HC_IO_EOF;
  hc_slice part = {piece, got};
  hc_io io = hc_socket_send(s, &part, 1, sent, why);
  *offset += *sent;
  return io;
}
