/* socket_file_windows.c - between files and sockets. See socket_file.h.
 *
 * Windows' TransmitFile sleeps, or needs an overlapped send that outlives its caller, so files are
 * read and sent; and there is nothing like splice. */
#include "../socket_file.h"

#include <errno.h>

#include "../socket_common.h"

#define FILE_PIECE_SIZE 65536u

/* 64 KiB on the stack, and one read and one send a call. A larger piece would be read again in vain
 * where the socket takes only a part of it. */
hc_io hc_socket_send_file(hc_socket s, hc_file file, uint64_t *offset, size_t length, size_t *sent,
                          hc_failure *why) {
  char piece[FILE_PIECE_SIZE];
  size_t size = length < sizeof piece ? length : sizeof piece;
  *sent = 0;
  if (length == 0) return HC_IO_OK;
  if (*offset > INT64_MAX)
    return hc_socket_fail(why, HC_ERR_FILE_CANT_READ, "file offset: ", EINVAL);
  return hc_socket_send_file_piece(s, file, offset, piece, size, sent, why);
}

/* With this answer no bytes go by a pipe, and a body goes to its file through memory. */
hc_error hc_pipe_open(hc_pipe *pipe) {
  *pipe = (hc_pipe){.is_open = false};
  return HC_ERR_UNAVAILABLE;
}

/* "This socket can't be emptied in this way": OK, and nothing is held. */
hc_io hc_socket_fill_pipe(hc_socket s, hc_pipe *pipe, size_t size, hc_failure *why) {
  (void)s, (void)pipe, (void)size, (void)why;
  return HC_IO_OK;
}

size_t hc_pipe_to_file(hc_pipe *pipe, hc_file file) {
  (void)pipe, (void)file;
  return 0;
}

size_t hc_pipe_take(hc_pipe *pipe, char *into, size_t room) {
  (void)pipe, (void)into, (void)room;
  return 0;
}

void hc_pipe_close(hc_pipe *pipe) { *pipe = (hc_pipe){.is_open = false}; }
