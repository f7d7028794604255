/* memory_peer.h - a stream peer whose other side is a script of bytes: it gives them in pieces of
 * chosen sizes, with would-block between, and ends or breaks where the script says. What is sent to
 * it is counted and dropped. */
#ifndef FUZZ_MEMORY_PEER_H
#define FUZZ_MEMORY_PEER_H

#include "../core/stream/stream_peer.h"

typedef enum memory_end { MEMORY_EOF, MEMORY_RESET } memory_end;

typedef struct memory_peer {
  hc_stream_peer base;
  const char *bytes;
  size_t size, position;
  const unsigned char *pieces;  /* sizes of the pieces, repeated; 0 counts as 256 */
  size_t piece_count, piece;
  memory_end end;
  bool is_open;                 /* bytes come only then: before the request there is silence */
  bool blocked;                 /* the next look finds nothing, once */
  bool closed;
} memory_peer;

void memory_peer_init(memory_peer *p, const char *bytes, size_t size, const unsigned char *pieces,
                      size_t piece_count, memory_end end);

#endif
