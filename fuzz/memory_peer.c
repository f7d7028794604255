#include "memory_peer.h"

#include <string.h>

static memory_peer *of(hc_stream_peer *self) { return (memory_peer *)self; }

static hc_io advance(hc_stream_peer *self, hc_failure *why) {
  (void)self;
  (void)why;
  return HC_IO_OK;
}

static hc_io send(hc_stream_peer *self, const hc_slice *parts, size_t count, size_t *sent,
                  hc_failure *why) {
  (void)why;
  of(self)->is_open = true;
  *sent = 0;
  for (size_t i = 0; i < count; i++) *sent += parts[i].size;
  return HC_IO_OK;
}

static hc_io at_end(memory_peer *p, hc_failure *why) {
  if (p->end == MEMORY_EOF) return HC_IO_EOF;
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "reset");
  return HC_IO_ERROR;
}

static hc_io recv(hc_stream_peer *self, char *into, size_t room, size_t *got, hc_failure *why) {
  memory_peer *p = of(self);
  if (!p->is_open || p->blocked) {
    p->blocked = false;
    return HC_IO_WANT_READ;
  }
  if (p->position == p->size) return at_end(p, why);
  size_t piece = p->piece_count ? p->pieces[p->piece++ % p->piece_count] : p->size;
  if (piece == 0) piece = 256;
  if (piece > room) piece = room;
  if (piece > p->size - p->position) piece = p->size - p->position;
  memcpy(into, p->bytes + p->position, piece);
  p->position += piece;
  p->blocked = p->piece_count > 0;
  *got = piece;
  return HC_IO_OK;
}

static hc_io peek(hc_stream_peer *self, hc_failure *why) {
  memory_peer *p = of(self);
  if (!p->is_open) return HC_IO_WANT_READ;
  return p->position == p->size ? at_end(p, why) : HC_IO_OK;
}

static size_t available(hc_stream_peer *self) {
  (void)self;
  return 0;
}

static void interest(hc_stream_peer *self, hc_interest *out) {
  (void)self;
  *out = (hc_interest){-1, HC_EVENT_READ, true, HC_NEVER};
}

static void close_peer(hc_stream_peer *self) { of(self)->closed = true; }
static void destroy(hc_stream_peer *self) { close_peer(self); }

static const hc_stream_peer_ops ops = {.name = "Memory",
                                       .advance = advance,
                                       .send = send,
                                       .recv = recv,
                                       .peek = peek,
                                       .available = available,
                                       .interest = interest,
                                       .close = close_peer,
                                       .destroy = destroy};

void memory_peer_init(memory_peer *p, const char *bytes, size_t size, const unsigned char *pieces,
                      size_t piece_count, memory_end end) {
  memset(p, 0, sizeof *p);
  hc_stream_peer_init(&p->base, &ops);
  p->bytes = bytes;
  p->size = size;
  p->pieces = pieces;
  p->piece_count = piece_count;
  p->end = end;
}
