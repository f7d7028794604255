/* tls_world.h - for the TLS tests: certificates made on the spot, and an OpenSSL server that talks
 * to the stream under test through memory, in the same thread. */
#ifndef SPEC_TLS_WORLD_H
#define SPEC_TLS_WORLD_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/platform/wait.h"
#include "../../core/stream/tls/stream_peer_tls.h"
#include "../../core/stream/tls/openssl/openssl_internal.h"
#include "check.h"

#define DAY 86400L

/* A failure of the test's own tools is no test result. */
#define NEED(condition) ((condition) ? (void)0 : need_failed(#condition, __LINE__))
static inline void need_failed(const char *what, int line) {
  fprintf(stderr, "tls_world: %s (line %d)\n", what, line);
  ERR_print_errors_fp(stderr);
  exit(2);
}

/* --- certificates */

typedef struct identity {
  X509 *certificate;
  EVP_PKEY *key;
} identity;

typedef struct identity_spec {
  const char *common_name;
  const char *alternative_names; /* "DNS:a,IP:127.0.0.1"; NULL none */
  const char *usage;             /* extendedKeyUsage; NULL none */
  int is_authority;
  long from, to;                 /* seconds from now */
  const EVP_MD *digest;          /* NULL: SHA-256 */
  unsigned rsa_bits;             /* 0: an elliptic key */
} identity_spec;

static inline void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
  NEED(extension && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

/* `issuer` NULL: signed by itself. */
static inline identity make_identity(const identity_spec *spec, const identity *issuer) {
  static long serial = 100;
  identity made = {X509_new(),
                   spec->rsa_bits > 0 ? EVP_RSA_gen(spec->rsa_bits) : EVP_EC_gen("P-256")};
  NEED(made.certificate && made.key);
  X509 *c = made.certificate, *above = !issuer ? c : issuer->certificate;
  X509_set_version(c, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(c), spec->from);
  X509_gmtime_adj(X509_getm_notAfter(c), spec->to);
  const unsigned char *name = (const unsigned char *)spec->common_name;
  NEED(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8, name, -1, -1, 0) ==
       1);
  X509_set_issuer_name(c, X509_get_subject_name(above));
  X509_set_pubkey(c, made.key);
  add_extension(c, above, NID_subject_key_identifier, "hash");
  if (issuer) add_extension(c, above, NID_authority_key_identifier, "keyid");
  if (spec->is_authority) add_extension(c, above, NID_basic_constraints, "critical,CA:TRUE");
  if (spec->alternative_names)
    add_extension(c, above, NID_subject_alt_name, spec->alternative_names);
  if (spec->usage) add_extension(c, above, NID_ext_key_usage, spec->usage);
  const EVP_MD *digest = !spec->digest ? EVP_sha256() : spec->digest;
  NEED(X509_sign(c, !issuer ? made.key : issuer->key, digest) > 0);
  return made;
}

/* An ordinary server certificate. */
static inline identity make_server(const char *names, const identity *issuer) {
  identity_spec spec = {"server", names, "serverAuth", 0, -DAY, 30 * DAY, NULL, 0};
  return make_identity(&spec, issuer);
}

static inline identity make_authority(const char *name, const identity *issuer) {
  identity_spec spec = {name, NULL, NULL, 1, -DAY, 30 * DAY, NULL, 0};
  return make_identity(&spec, issuer);
}

static inline void identity_free(identity *i) {
  X509_free(i->certificate);
  EVP_PKEY_free(i->key);
}

/* Appends PEM to a text on the heap. */
static inline char *bio_text(BIO *bio) {
  char *data;
  long size = BIO_get_mem_data(bio, &data);
  char *text = malloc((size_t)size + 1);
  NEED(text != NULL);
  memcpy(text, data, (size_t)size);
  text[size] = '\0';
  BIO_free(bio);
  return text;
}

static inline char *certificate_pem(const X509 *certificate) {
  BIO *bio = BIO_new(BIO_s_mem());
  NEED(bio && PEM_write_bio_X509(bio, certificate) == 1);
  return bio_text(bio);
}

static inline char *key_pem(const EVP_PKEY *key) {
  BIO *bio = BIO_new(BIO_s_mem());
  NEED(bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
  return bio_text(bio);
}

static inline hc_certificates *certificates_of(const X509 *certificate) {
  hc_certificates *c = hc_certificates_new();
  char *pem = certificate_pem(certificate);
  NEED(c && hc_certificates_load_text(c, hc_slice_of(pem), NULL) == HC_OK);
  free(pem);
  return c;
}

static inline hc_key *key_of(const EVP_PKEY *key) {
  hc_key *k = hc_key_new();
  char *pem = key_pem(key);
  NEED(k && hc_key_load_text(k, hc_slice_of(pem), HC_KEY_PRIVATE, NULL) == HC_OK);
  free(pem);
  return k;
}

/* "sha256/BASE64" of the public key, made here by other means than in the library. */
static inline void pin_text(X509 *certificate, char text[64]) {
  unsigned char digest[32], base64[48];
  unsigned char *der = NULL;
  EVP_PKEY *key = X509_get0_pubkey(certificate);
  int size = i2d_PUBKEY(key, &der);
  NEED(size > 0 && EVP_Digest(der, (size_t)size, digest, NULL, EVP_sha256(), NULL) == 1);
  OPENSSL_free(der);
  EVP_EncodeBlock(base64, digest, 32);
  snprintf(text, 64, "sha256/%s", (const char *)base64);
}

static inline hc_tls_options *options_of(const hc_tls_settings *settings) {
  hc_tls_options *o = NULL;
  hc_failure why = {HC_OK, ""};
  if (hc_tls_options_new(settings, &o, &why) != HC_OK) fprintf(stderr, "options: %s\n", why.text);
  NEED(o != NULL);
  return o;
}

/* --- revocation: lists, stapled OCSP responses */

static inline X509_CRL *make_crl(const identity *issuer, X509 *revoked, long from, long to) {
  X509_CRL *crl = X509_CRL_new();
  ASN1_TIME *time = ASN1_TIME_new();
  NEED(crl && time);
  X509_CRL_set_version(crl, 1);
  X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate));
  X509_gmtime_adj(time, from);
  X509_CRL_set1_lastUpdate(crl, time);
  X509_gmtime_adj(time, to);
  X509_CRL_set1_nextUpdate(crl, time);
  if (revoked) {
    X509_REVOKED *entry = X509_REVOKED_new();
    X509_gmtime_adj(time, -3600);
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked));
    X509_REVOKED_set_revocationDate(entry, time);
    NEED(X509_CRL_add0_revoked(crl, entry) == 1);
  }
  NEED(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
  ASN1_TIME_free(time);
  return crl;
}

static inline void append_crl(const char *path, const char *mode, X509_CRL *crl) {
  BIO *file = BIO_new_file(path, mode);
  NEED(file && PEM_write_bio_X509_CRL(file, crl) == 1);
  BIO_free(file);
  X509_CRL_free(crl);
}

typedef struct ocsp_case {
  const char *name;
  const identity *signer;   /* NULL: nothing is stapled */
  X509 *about;
  int status;
  long from, to;            /* to 0: without nextUpdate */
  int response_status;
  const char *expected;
} ocsp_case;

static inline int make_ocsp(const ocsp_case *c, X509 *issuer, const EVP_MD *digest,
                            unsigned char **der) {
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
  OCSP_CERTID *id = OCSP_cert_to_id(digest, c->about, issuer);
  ASN1_TIME *from = X509_gmtime_adj(NULL, c->from),
            *to = c->to == 0 ? NULL : X509_gmtime_adj(NULL, c->to);
  ASN1_TIME *revoked = c->status == V_OCSP_CERTSTATUS_REVOKED ? X509_gmtime_adj(NULL, -3600) : NULL;
  NEED(OCSP_basic_add1_status(basic, id, c->status, OCSP_REVOKED_STATUS_NOSTATUS, revoked, from,
                              to) != NULL);
  NEED(OCSP_basic_sign(basic, c->signer->certificate, c->signer->key, EVP_sha256(), NULL, 0) == 1);
  OCSP_RESPONSE *response =
      OCSP_response_create(c->response_status, c->response_status == 0 ? basic : NULL);
  int size = i2d_OCSP_RESPONSE(response, der);
  NEED(size > 0);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
  ASN1_TIME_free(revoked);
  return size;
}

/* --- the wire: a stream peer whose other end are two memory BIOs */

typedef struct wire {
  hc_stream_peer base;
  BIO *to_server, *to_client;
  bool ended;            /* nothing more comes: FIN once all is read */
  bool reset;
  size_t read_limit;     /* at most so many bytes in one recv; 0 no limit */
  size_t write_room;     /* so many bytes until sends must wait; SIZE_MAX no limit */
  bool swaps_wants;      /* names the other event, as TLS may */
  unsigned reads, closes;
} wire;

static inline hc_io wire_advance(hc_stream_peer *self, hc_failure *why) {
  (void)self, (void)why;
  return HC_IO_OK;
}

static inline hc_io wire_send(hc_stream_peer *self, const hc_slice *parts, size_t count,
                              size_t *sent, hc_failure *why) {
  wire *w = (wire *)self;
  *sent = 0;
  if (w->reset) {
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "broken pipe");
    return HC_IO_ERROR;
  }
  for (size_t i = 0; i < count; i++) {
    size_t size = parts[i].size < w->write_room ? parts[i].size : w->write_room;
    if (size == 0) continue;
    NEED(BIO_write(w->to_server, parts[i].data, (int)size) == (int)size);
    if (w->write_room != SIZE_MAX) w->write_room -= size;
    *sent += size;
  }
  if (*sent > 0) return HC_IO_OK;
  return w->swaps_wants ? HC_IO_WANT_READ : HC_IO_WANT_WRITE;
}

static inline hc_io wire_peek(hc_stream_peer *self, hc_failure *why) {
  wire *w = (wire *)self;
  if (BIO_ctrl_pending(w->to_client) > 0) return HC_IO_OK;
  if (w->reset) {
    hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "connection reset by peer");
    return HC_IO_ERROR;
  }
  if (w->ended) return HC_IO_EOF;
  return w->swaps_wants ? HC_IO_WANT_WRITE : HC_IO_WANT_READ;
}

static inline hc_io wire_recv(hc_stream_peer *self, char *into, size_t room, size_t *got,
                              hc_failure *why) {
  wire *w = (wire *)self;
  *got = 0;
  w->reads++;
  hc_io io = wire_peek(self, why);
  if (io != HC_IO_OK) return io;
  if (w->read_limit > 0 && room > w->read_limit) room = w->read_limit;
  int size = BIO_read(w->to_client, into, room > 1000000 ? 1000000 : (int)room);
  NEED(size > 0);
  *got = (size_t)size;
  return HC_IO_OK;
}

static inline size_t wire_available(hc_stream_peer *self) {
  return BIO_ctrl_pending(((wire *)self)->to_client);
}

static inline void wire_interest(hc_stream_peer *self, hc_interest *out) {
  (void)self;
  *out = (hc_interest){-1, 0, false, HC_NEVER};
}

static inline void wire_close(hc_stream_peer *self) { ((wire *)self)->closes++; }

static inline void wire_destroy(hc_stream_peer *self) { (void)self; }

static inline void wire_open(wire *w) {
  static const hc_stream_peer_ops ops = {.name = "wire",
                                         .advance = wire_advance,
                                         .send = wire_send,
                                         .recv = wire_recv,
                                         .peek = wire_peek,
                                         .available = wire_available,
                                         .interest = wire_interest,
                                         .close = wire_close,
                                         .destroy = wire_destroy};
  memset(w, 0, sizeof *w);
  hc_stream_peer_init(&w->base, &ops);
  w->to_server = BIO_new(BIO_s_mem());
  w->to_client = BIO_new(BIO_s_mem());
  NEED(w->to_server && w->to_client);
  BIO_set_mem_eof_return(w->to_server, -1);
  BIO_set_mem_eof_return(w->to_client, -1);
  w->write_room = SIZE_MAX;
}

static inline void wire_free(wire *w) {
  BIO_free(w->to_server);
  BIO_free(w->to_client);
}

/* --- the server */

/* Each option of OpenSSL that a case needs; zeroed: an ordinary server. */
typedef struct server_spec {
  const identity *identity;
  X509 *intermediate;          /* sent too; NULL none */
  int max_version;             /* TLS1_2_VERSION ...; 0 any */
  bool old_versions_only;      /* TLS 1.0, at security level 0 */
  X509 *client_authority;      /* a client certificate of it is required; NULL none */
  const unsigned char *alpn;   /* on the wire; chosen whatever was offered */
  unsigned alpn_size;
  const unsigned char *ocsp;   /* the stapled response; NULL none */
  int ocsp_size;
  bool no_tickets;
} server_spec;

static inline int staple(SSL *ssl, void *argument) {
  const server_spec *spec = argument;
  if (!spec->ocsp) return SSL_TLSEXT_ERR_NOACK;
  unsigned char *copy = OPENSSL_memdup(spec->ocsp, (size_t)spec->ocsp_size);
  NEED(copy != NULL);
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, spec->ocsp_size);
  return SSL_TLSEXT_ERR_OK;
}

static inline int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *size,
                              const unsigned char *in, unsigned in_size, void *argument) {
  const server_spec *spec = argument;
  (void)ssl, (void)in, (void)in_size;
  *out = spec->alpn;
  *size = (unsigned char)spec->alpn_size;
  return SSL_TLSEXT_ERR_OK;
}

static inline SSL_CTX *server_context(server_spec *spec) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  NEED(context != NULL);
  if (spec->old_versions_only) {
    SSL_CTX_set_security_level(context, 0);
    NEED(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) &&
         SSL_CTX_set_max_proto_version(context, TLS1_VERSION));
  }
  SSL_CTX_set_security_level(context, 0); /* the server's own scruples are not under test */
  if (spec->max_version != 0) SSL_CTX_set_max_proto_version(context, spec->max_version);
  if (spec->identity) {
    NEED(SSL_CTX_use_certificate(context, spec->identity->certificate) == 1);
    NEED(SSL_CTX_use_PrivateKey(context, spec->identity->key) == 1);
  }
  if (spec->intermediate) NEED(SSL_CTX_add1_chain_cert(context, spec->intermediate) == 1);
  if (spec->client_authority) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), spec->client_authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  if (spec->alpn) SSL_CTX_set_alpn_select_cb(context, choose_alpn, spec);
  SSL_CTX_set_tlsext_status_cb(context, staple);
  SSL_CTX_set_tlsext_status_arg(context, spec);
  SSL_CTX_set_session_id_context(context, (const unsigned char *)"t", 1);
  if (spec->no_tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  return context;
}

/* One connection: the client under test, the wire, the server. */
typedef struct world {
  wire wire;
  hc_stream_peer *client;
  SSL *server;
  hc_failure failure;
  char server_name[256]; /* SNI, as the server saw it */
} world;

/* w->client is NULL where memory was out for it. */
static inline void world_open_at(world *w, SSL_CTX *server, hc_tls_options *options,
                                 const char *host, unsigned port) {
  memset(w, 0, sizeof *w);
  wire_open(&w->wire);
  w->server = SSL_new(server);
  NEED(w->server != NULL);
  BIO_up_ref(w->wire.to_server);
  BIO_up_ref(w->wire.to_client);
  SSL_set_bio(w->server, w->wire.to_server, w->wire.to_client);
  SSL_set_accept_state(w->server);
  w->client = hc_tls_new();
  if (w->client)
    hc_tls_connect(w->client, &w->wire.base, hc_slice_of(host), port, options, &w->failure);
}

static inline void world_open(world *w, SSL_CTX *server, hc_tls_options *options,
                              const char *host) {
  world_open_at(w, server, options, host, 443);
}

static inline void server_step(world *w) {
  SSL_do_handshake(w->server);
  const char *name = SSL_get_servername(w->server, TLSEXT_NAMETYPE_host_name);
  if (name) snprintf(w->server_name, sizeof w->server_name, "%s", name);
  ERR_clear_error();
}

static inline void await_store(hc_tls_store_kind kind) {
  hc_tls_store *s = hc_tls_store_get(kind);
  NEED(s != NULL);
  hc_io io;
  while ((io = hc_tls_store_poll(s, NULL)) == HC_IO_WANT_READ) {
    size_t none;
    (void)hc_wait(NULL, 0, hc_clock_now() + 1000000, &none);
  }
  NEED(io == HC_IO_OK);
  hc_tls_store_release(s);
}

/* Until what all connections share is there, as the environment is now. Those that verify nothing
 * have a thread of their own to wait for. */
static inline void await_shared(void) {
  await_store(HC_TLS_STORE_NONE);
  await_store(HC_TLS_STORE_SYSTEM);
}

/* Both sides in turn, until the client has an outcome. Bounded: neither side can make the other
 * wait for ever. */
static inline hc_io world_shake(world *w) {
  hc_io io = HC_IO_ERROR;
  await_shared();
  for (int i = 0; i < 20000; i++) {
    if (hc_tls_get_state(w->client) == HC_TLS_DISCONNECTED) return HC_IO_ERROR;
    io = hc_stream_peer_advance(w->client, &w->failure);
    server_step(w);
    if (io != HC_IO_WANT_READ && io != HC_IO_WANT_WRITE) break;
  }
  return io;
}

static inline void world_close(world *w) {
  hc_stream_peer_release(w->client);
  SSL_free(w->server);
  wire_free(&w->wire);
}

static inline bool has_text(const char *text, const char *part) {
  return strstr(text, part) != NULL;
}

#endif
