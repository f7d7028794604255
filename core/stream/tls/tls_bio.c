/* tls_bio.c - OpenSSL's reads and writes, carried to the stream below through its function table,
 * so that TLS runs over anything, TLS included. */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>

#include "tls_internal.h"

/* Bytes that a reader of the stream below gave back come first; the sleeping read knows nothing of
 * them. */
static hc_io receive_tls_bio(hc_tls_carrier *c, char *into, size_t room, size_t *got) {
  hc_stream_peer *below = c->below;
  if (c->sleeping && below->ops->recv_blocking && hc_buffer_size(&below->unread) == 0) {
    return below->ops->recv_blocking(below, into, room, HC_FILL_SOME, c->sleep_until, got,
                                     c->failure);
  }
  return hc_stream_peer_recv(below, into, room, got, c->failure);
}

/* To OpenSSL it is always the read that shall be tried again; what for is in read_wants. */
static int wait_for_read(BIO *bio) {
  BIO_set_retry_read(bio);
  return -1;
}

static int bio_read(BIO *bio, char *into, int room) {
  hc_tls_carrier *c = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (!into || room <= 0 || c->ended) return 0;
  if (c->read_failed) return -1;
  c->read_wants = HC_IO_WANT_READ;
  if (c->dry || c->burst == 0) return wait_for_read(bio);
  size_t got = 0;
  hc_io io = receive_tls_bio(c, into, (size_t)room, &got);
  switch (io) {
  case HC_IO_OK: c->burst -= got < c->burst ? got : c->burst; return (int)got;
  case HC_IO_WANT_READ:
  case HC_IO_WANT_WRITE: c->read_wants = io; return wait_for_read(bio);
  case HC_IO_EOF: c->ended = true; return 0;
  case HC_IO_ERROR: break;
  }
  c->read_failed = true;
  return -1;
}

static int bio_write(BIO *bio, const char *bytes, int size) {
  hc_tls_carrier *c = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (!bytes || size <= 0) return 0;
  /* OpenSSL may try to send an alert after a failure: nobody would read it. */
  if (c->write_failed || c->read_failed || c->ended) return -1;
  hc_slice part = {bytes, (size_t)size};
  size_t sent = 0;
  hc_io io = hc_stream_peer_send(c->below, &part, 1, &sent, c->failure);
  switch (io) {
  case HC_IO_OK: return (int)sent;
  case HC_IO_WANT_READ:
  case HC_IO_WANT_WRITE:
    c->write_wants = io;
    BIO_set_retry_write(bio);
    return -1;
  case HC_IO_EOF:
  case HC_IO_ERROR: break;
  }
  c->write_failed = true;
  return -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  switch (command) {
  case BIO_CTRL_FLUSH:
  case BIO_CTRL_DUP:
    return 1;
    /* BIO_CTRL_EOF stays 0 on purpose: OpenSSL would take the end for a fatal error and make the
     * session useless, though a missing close_notify is no reason for that (RFC 5246 section
     * 7.2.1). `ended` tells us all the same. */
  default: return 0;
  }
}

static int bio_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD *hc_tls_bio_method_new(void) {
  /* A type without an index of its own: those are few for the whole process, and nobody searches
   * for this one. */
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream peer");
  if (!method) return NULL;
  if (BIO_meth_set_read(method, bio_read) == 1 && BIO_meth_set_write(method, bio_write) == 1 &&
      BIO_meth_set_ctrl(method, bio_control) == 1 && BIO_meth_set_create(method, bio_create) == 1) {
    return method;
  }
  BIO_meth_free(method);
  return NULL;
}

BIO *hc_tls_bio_new(const BIO_METHOD *method, hc_tls_carrier *carrier) {
  BIO *bio = BIO_new(method);
  if (bio) BIO_set_data(bio, carrier);
  return bio;
}
