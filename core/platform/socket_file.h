/* socket_file.h - bytes that go between sockets and files without a copy in the process.
 *
 * Bodies that are large and plain go this way: sent from a file, or received to one, without TLS
 * and without a coding in between. That is why TLS streams have no such slots
 * (stream/stream_peer.h). On a system that lacks the call the functions say so, or do the same by a
 * read and a write. */
#ifndef HC_SOCKET_FILE_H
#define HC_SOCKET_FILE_H

#include "../base/internal.h"
#include "socket.h"

HC_INTERNAL_BEGIN

/* File to socket in the kernel (sendfile or the like; a read and send where there is none). Moves
 * at most `length` bytes from *offset and advances it; never a SIGPIPE. OK, WANT_WRITE, EOF (the
 * file is shorter), ERROR: as send, or HC_ERR_FILE_CANT_READ, which leaves the connection as it
 * was. */
hc_io hc_socket_send_file(hc_socket s, hc_file file, uint64_t *offset, size_t length, size_t *sent,
                          hc_failure *why);

/* Bytes on their way from a socket to a file that no copy in the process is made of. Zeroed:
 * closed. */
typedef struct hc_pipe {
  hc_handle ends[2];
  bool is_open;
  size_t held;  /* bytes in it */
} hc_pipe;

/* HC_ERR_UNAVAILABLE where the system has nothing of the kind, HC_ERR_CANT_ACQUIRE_RESOURCE. */
hc_error hc_pipe_open(hc_pipe *pipe);
/* Takes up to `size` bytes off the socket into the empty pipe. OK with held > 0, or with 0: this
 * socket can't be emptied in this way, nothing was taken. WANT_READ, EOF, ERROR as recv. */
hc_io hc_socket_fill_pipe(hc_socket s, hc_pipe *pipe, size_t size, hc_failure *why);
/* Moves what is held to the file's position, as much as the file takes; how much that was. */
size_t hc_pipe_to_file(hc_pipe *pipe, hc_file file);
/* Takes held bytes back; 0 when that fails. */
size_t hc_pipe_take(hc_pipe *pipe, char *into, size_t room);
void hc_pipe_close(hc_pipe *pipe);

HC_INTERNAL_END

#endif
