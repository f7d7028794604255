/* tls_fixture.h - for the tests of TLS as a stream: a client that has shaken hands with a server in
 * memory, whose authority it trusts. */
#ifndef SPEC_TLS_FIXTURE_H
#define SPEC_TLS_FIXTURE_H

#include "tls_world.h"

static identity root, server_identity;
static hc_certificates *trusted;

/* A connected world over an ordinary server of the given highest version (0: any). */
typedef struct fixture {
  world w;
  SSL_CTX *context;
  hc_tls_options *options;
  server_spec spec;
} fixture;

static inline void open_fixture(fixture *f, int max_version) {
  memset(f, 0, sizeof *f);
  f->spec = (server_spec){.identity = &server_identity, .max_version = max_version};
  f->context = server_context(&f->spec);
  f->options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  world_open(&f->w, f->context, f->options, "a.example");
  NEED(world_shake(&f->w) == HC_IO_OK);
  server_step(&f->w);
}

static inline void close_fixture(fixture *f) {
  CHECK(ERR_peek_error() == 0);
  world_close(&f->w);
  hc_tls_options_release(f->options);
  SSL_CTX_free(f->context);
}

static inline void server_write(fixture *f, const char *data, size_t size) {
  size_t written;
  NEED(SSL_write_ex(f->w.server, data, size, &written) == 1 && written == size);
}

static inline bool is_ready(hc_stream_peer *peer) {
  hc_interest interest;
  hc_stream_peer_interest(peer, &interest);
  return interest.ready;
}

static inline char *pattern(size_t size) {
  char *bytes = malloc(size);
  NEED(bytes != NULL);
  for (size_t i = 0; i < size; i++) bytes[i] = (char)(unsigned char)(i * 7 + i / 251);
  return bytes;
}

static inline size_t server_read(fixture *f, char *into, size_t room) {
  size_t got = 0;
  SSL_read_ex(f->w.server, into, room, &got);
  ERR_clear_error();
  return got;
}

static inline void make_identities(void) {
  root = make_authority("Root", NULL);
  server_identity = make_server("DNS:a.example,IP:10.0.0.1,IP:2001:db8::1", &root);
  trusted = certificates_of(root.certificate);
}

static inline void free_identities(void) {
  hc_certificates_release(trusted);
  identity_free(&root);
  identity_free(&server_identity);
}

#endif
