/* bio_openssl.c - OpenSSL's reads and writes, given to the carrier.
 *
 * This is where TLS in TLS comes from: OpenSSL never sees a socket. `read` and `write` are called
 * from within SSL_read, SSL_write and SSL_do_handshake, so they must not come back to the same SSL.
 * Flags for "try again" are cleared at every call, since SSL_get_error reads what is left of
 * them. */
#include <openssl/bio.h>

#include "openssl_internal.h"

/* An end of the stream is 0 and no flag. What failed below is kept by the carrier: OpenSSL's
 * SSL_ERROR_SYSCALL says no more than that something did. */
static int bio_read(BIO *bio, char *into, int room) {
  hc_tls_carrier *c = hc_tls_bio_carrier(bio);
  size_t got;
  BIO_clear_retry_flags(bio);
  if (!into || room <= 0) return 0;
  switch (hc_tls_carrier_read(c, into, (size_t)room, &got)) {
  case HC_IO_OK: return (int)got;
  /* To OpenSSL it is always the read that has to be tried again. */
  case HC_IO_WANT_READ:
  case HC_IO_WANT_WRITE: BIO_set_retry_read(bio); return -1;
  case HC_IO_EOF: return 0;
  case HC_IO_ERROR: break;
  }
  return -1;
}

/* Nothing is gathered here. One record is one call, and so one system call on TCP, and what the
 * stream below did not take stays in OpenSSL's own buffer until the next SSL_write. */
static int bio_write(BIO *bio, const char *bytes, int size) {
  hc_tls_carrier *c = hc_tls_bio_carrier(bio);
  size_t sent;
  BIO_clear_retry_flags(bio);
  if (!bytes || size <= 0) return 0;
  hc_io io = hc_tls_carrier_write(c, (hc_slice){bytes, (size_t)size}, &sent);
  if (io == HC_IO_OK) return (int)sent;
  if (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE) BIO_set_retry_write(bio);
  return -1;
}

/* OpenSSL flushes at the end of each flight of a handshake, and would take 0 for a failure of
 * it. */
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

/* Without this OpenSSL would not call the others: a BIO is not ready until it says so. */
static int bio_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

/* One for each context and not one for the process: it goes with the last user, and nothing has to
 * be taken down at the end. */
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

/* The SSL takes the BIO over by SSL_set_bio, and frees it with itself; the carrier it does not
 * free. */
BIO *hc_tls_bio_new(const BIO_METHOD *method, hc_tls_carrier *carrier) {
  BIO *bio = BIO_new(method);
  if (bio) BIO_set_data(bio, carrier);
  return bio;
}
