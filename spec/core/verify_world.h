/* verify_world.h - for the tests of who a server is: three authorities, and a handshake that tells
 * how it ended. */
#ifndef SPEC_VERIFY_WORLD_H
#define SPEC_VERIFY_WORLD_H

#include "tls_world.h"

typedef struct authorities {
  identity root, other, middle;
} authorities;

static authorities all;

typedef struct outcome {
  hc_io io;
  hc_tls_state state;
  char text[HC_FAILURE_TEXT];
  char server_name[256];
} outcome;

static inline outcome try(server_spec *spec, const hc_tls_settings *settings, const char *host) {
  world w;
  outcome o;
  SSL_CTX *server = server_context(spec);
  hc_tls_options *options = options_of(settings);
  world_open(&w, server, options, host);
  o.io = world_shake(&w);
  o.state = hc_tls_get_state(w.client);
  memcpy(o.text, w.failure.text, sizeof o.text);
  memcpy(o.server_name, w.server_name, sizeof o.server_name);
  CHECK_CASE("the error queue is clean", ERR_peek_error() == 0);
  world_close(&w);
  hc_tls_options_release(options);
  SSL_CTX_free(server);
  return o;
}

/* `expected` NULL: it connects; else the part of the message. */
static inline void expect(const char *name, const outcome *o, const char *expected) {
  bool right =
      !expected ? o->io == HC_IO_OK && o->state == HC_TLS_CONNECTED
                : o->io == HC_IO_ERROR && o->state >= HC_TLS_ERROR && has_text(o->text, expected);
  CHECK_CASE(name, right);
  if (!right)
    fprintf(stderr, "  %s: io %d, state %d, \"%s\"\n", name, (int)o->io, (int)o->state, o->text);
}

static inline void make_authorities(void) {
  all.root = make_authority("Root", NULL);
  all.other = make_authority("Other", NULL);
  all.middle = make_authority("Middle", &all.root);
}

static inline void free_authorities(void) {
  identity_free(&all.root);
  identity_free(&all.other);
  identity_free(&all.middle);
}

#endif
