/* conn.c - a connection, plain or TLS: steps that never block, and the same with a time limit. */
#include "native.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a BIO over the socket: OpenSSL's own would raise SIGPIPE */

static int bio_result(BIO *bio, ssize_t moved, int retry_flag) {
  BIO_clear_retry_flags(bio);
  if (moved >= 0) return (int)moved;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
    BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
  return -1;
}

static int bio_write(BIO *bio, const char *data, int size) {
  const sn_conn *c = BIO_get_data(bio);
  return bio_result(bio, send(c->fd, data, (size_t)size, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int bio_read(BIO *bio, char *out, int size) {
  const sn_conn *c = BIO_get_data(bio);
  return bio_result(bio, recv(c->fd, out, (size_t)size, 0), BIO_FLAGS_READ);
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void) {
  if (!sn_stay_loaded()) return;
  bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "spec_native");
  if (!bio_method) return;
  BIO_meth_set_write(bio_method, bio_write);
  BIO_meth_set_read(bio_method, bio_read);
  BIO_meth_set_ctrl(bio_method, bio_control);
}

bool sn_conn_start_tls(sn_conn *c, sn_context *context, const char *server_name) {
  pthread_once(&bio_once, make_bio_method);
  c->context = context;
  c->ssl = SSL_new(context->ssl);
  BIO *bio = !bio_method ? NULL : BIO_new(bio_method);
  if (!c->ssl || !bio) {
    BIO_free(bio);
    sn_tls_reason(c->why, "no memory");
    return false;
  }
  BIO_set_data(bio, c);
  BIO_set_init(bio, 1);
  SSL_set_bio(c->ssl, bio, bio);
  if (!context->is_client) {
    SSL_set_accept_state(c->ssl);
    return true;
  }
  SSL_set_connect_state(c->ssl);
  char name[256]; /* OpenSSL's macro wants it writable */
  int size = snprintf(name, sizeof name, "%s", server_name ? server_name : "");
  return size == 0 || SSL_set_tlsext_host_name(c->ssl, name) == 1;
}

/* --- steps */

static sn_result tls_result(sn_conn *c, int code) {
  int system_error = errno;
  switch (SSL_get_error(c->ssl, code)) {
  case SSL_ERROR_WANT_READ: return SN_WANT_READ;
  case SSL_ERROR_WANT_WRITE: return SN_WANT_WRITE;
  case SSL_ERROR_ZERO_RETURN: return SN_EOF;
  default:
    sn_tls_reason(c->why, system_error != 0 ? strerror(system_error) : "TLS failed");
    return SN_ERROR;
  }
}

static sn_result socket_result(sn_conn *c, ssize_t moved, sn_result wanted, size_t *count) {
  if (moved >= 0) {
    *count = (size_t)moved;
    return SN_OK;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return wanted;
  snprintf(c->why, SN_WHY, "%s", strerror(errno));
  return SN_ERROR;
}

static sn_result check_open(sn_conn *c) {
  if (c->fd >= 0) return SN_OK;
  snprintf(c->why, SN_WHY, "closed");
  return SN_ERROR;
}

sn_result sn_conn_read(sn_conn *c, void *out, size_t room, size_t *got) {
  *got = 0;
  if (check_open(c) != SN_OK) return SN_ERROR;
  if (!c->ssl) {
    sn_result result = socket_result(c, recv(c->fd, out, room, 0), SN_WANT_READ, got);
    return result == SN_OK && *got == 0 ? SN_EOF : result;
  }
  ERR_clear_error();
  errno = 0;
  int code = SSL_read_ex(c->ssl, out, room, got);
  return code == 1 ? SN_OK : tls_result(c, code);
}

sn_result sn_conn_write(sn_conn *c, const void *data, size_t size, size_t *sent) {
  *sent = 0;
  if (check_open(c) != SN_OK) return SN_ERROR;
  if (!c->ssl) return socket_result(c, send(c->fd, data, size, MSG_NOSIGNAL), SN_WANT_WRITE, sent);
  ERR_clear_error();
  errno = 0;
  int code = SSL_write_ex(c->ssl, data, size, sent);
  return code == 1 ? SN_OK : tls_result(c, code);
}

sn_result sn_conn_handshake_step(sn_conn *c) {
  if (check_open(c) != SN_OK) return SN_ERROR;
  if (!c->ssl) return SN_OK;
  ERR_clear_error();
  errno = 0;
  int code = SSL_do_handshake(c->ssl);
  if (code != 1) return tls_result(c, code);
  if (!c->info.done) sn_tls_info_take(c->ssl, c->context->is_client, &c->info);
  return SN_OK;
}

/* --- the same with a limit */

sn_result sn_conn_wait(const sn_conn *c, sn_result wanted, sn_limit limit) {
  if (wanted != SN_WANT_READ && wanted != SN_WANT_WRITE) return wanted;
  return sn_wait(c->fd, wanted == SN_WANT_READ ? POLLIN : POLLOUT, limit);
}

sn_result sn_conn_fill(sn_conn *c, sn_limit limit) {
  char bytes[65536];
  for (;;) {
    size_t got;
    sn_result result = sn_conn_read(c, bytes, sizeof bytes, &got);
    sn_bytes_add(&c->in, bytes, got);
    if (result == SN_OK) return SN_OK;
    result = sn_conn_wait(c, result, limit);
    if (result != SN_OK) return result;
  }
}

sn_result sn_conn_send(sn_conn *c, const void *data, size_t size, sn_limit limit, size_t *sent) {
  *sent = 0;
  while (*sent < size) {
    size_t moved;
    sn_result result = sn_conn_write(c, (const char *)data + *sent, size - *sent, &moved);
    *sent += moved;
    if (result == SN_OK) continue;
    result = sn_conn_wait(c, result, limit);
    if (result != SN_OK) return result;
  }
  return SN_OK;
}

sn_result sn_conn_send_raw(sn_conn *c, const void *data, size_t size, sn_limit limit) {
  SSL *ssl = c->ssl;
  size_t sent;
  c->ssl = NULL;
  sn_result result = sn_conn_send(c, data, size, limit, &sent);
  c->ssl = ssl;
  return result;
}

sn_result sn_conn_handshake(sn_conn *c, sn_limit limit) {
  for (;;) {
    sn_result result = sn_conn_handshake_step(c);
    if (result == SN_OK) return SN_OK;
    result = sn_conn_wait(c, result, limit);
    if (result != SN_OK) return result;
  }
}

sn_result sn_conn_close_notify(sn_conn *c, sn_limit limit) {
  if (check_open(c) != SN_OK) return SN_ERROR;
  if (!c->ssl) return SN_OK;
  for (;;) {
    ERR_clear_error();
    errno = 0;
    int code = SSL_shutdown(c->ssl);
    if (code >= 0) return SN_OK; /* ours is out; the peer's is not waited for */
    sn_result result = sn_conn_wait(c, tls_result(c, code), limit);
    if (result != SN_OK) return result;
  }
}

void sn_conn_close(sn_conn *c) {
  SSL_free(c->ssl);
  if (c->context) sn_context_release(c->context);
  c->ssl = NULL;
  c->context = NULL;
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  sn_bytes_free(&c->in);
}

void sn_conn_reset(sn_conn *c) {
  struct linger at_once = {1, 0};
  if (c->fd >= 0) (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  sn_conn_close(c);
}
