/* tls_internal.h - what the files of the TLS side share. Only they and core/crypto/ include
 * OpenSSL: x509.c, pkcs12.c (certificates, keys), tls_options.c (settings), tls_context.c
 * (SSL_CTX), tls_store.c (what all share), tls_session.c (resumption), tls_verify.c, tls_ocsp.c
 * (is it the right server?), tls_certificate.c (certificates as text), tls_keylog.c,
 * tls_failure.c (OpenSSL's errors as sentences), tls_bio.c (the way to the stream below),
 * tls_handshake.c (what one connection asks for), stream_peer_tls.c, tls_facts.c (what was agreed
 * on). */
#ifndef HC_TLS_INTERNAL_H
#define HC_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "../../base/internal.h"
#include "../../base/limits.h"
#include "../../platform/handle.h"
#include "../../platform/pem_file.h"
#include "stream_peer_tls.h"

HC_INTERNAL_BEGIN

/* --- stream_peer_tls.c */

/* The SSL behind a finished handshake, NULL before. */
const SSL *hc_tls_established(const hc_stream_peer *peer);

/* --- x509.c */

STACK_OF(X509) * hc_certificates_list(const hc_certificates *c);  /* a view; NULL when empty */
EVP_PKEY *hc_key_handle(const hc_key *k);                        /* a view; NULL when empty */
/* Of empty ones; the content is theirs then. */
void hc_certificates_take(hc_certificates *c, STACK_OF(X509) * list);
void hc_key_take(hc_key *k, EVP_PKEY *handle);

/* OpenSSL's passphrase callback: without one of our own it would ask on the terminal. `asked`, a
 * bool, becomes true. */
int hc_pem_refuse_passphrase(char *buffer, int size, int writing, void *asked);
/* Why the last PEM read gave nothing: HC_OK, there was no further block; HC_ERR_INVALID_DATA, a
 * broken one; HC_ERR_OUT_OF_MEMORY. Empties the error queue. */
hc_error hc_pem_end(void);

/* --- tls_store.c: thread-safe */

typedef enum hc_tls_store_kind {
  HC_TLS_STORE_NONE,   /* no authorities: only OpenSSL made ready, which takes its time too */
  HC_TLS_STORE_SYSTEM  /* the system's, or what SSL_CERT_FILE and SSL_CERT_DIR name now */
} hc_tls_store_kind;
typedef struct hc_tls_store hc_tls_store;

/* Never waits: a thread loads what is not there yet. One for all who ask while the environment and
 * the file stay the same. The caller's to release; NULL when memory is out. */
hc_tls_store *hc_tls_store_get(hc_tls_store_kind kind);
void hc_tls_store_release(hc_tls_store *s);
/* OK: it can be used. WANT_READ: ask again in a moment. ERROR: it never can; memory was out. */
hc_io hc_tls_store_poll(hc_tls_store *s, hc_failure *why);
/* a view, of a SYSTEM one that can be used */
X509_STORE *hc_tls_store_handle(const hc_tls_store *s);
/* what SSL_CERT_FILE said; NULL nothing, and for NULL */
const char *hc_tls_store_file(const hc_tls_store *s);
#ifdef HC_TEST_HOOKS
long hc_tls_store_loads(void);
#endif

/* --- options, sessions */

#define HC_PIN_SIZE 32u /* SHA-256 */

/* For how long the outcome of a verification stands: the same certificates, judged by the same
 * options for the same name, can fail only when the store or the date has changed. Zeroed: nothing
 * was verified. */
typedef struct hc_tls_verified {
  unsigned store;       /* the options' store_number */
  /* seconds since 1970: all certificates of the chain are valid at `from` and after, before `until`
   */
  int64_t from, until;
} hc_tls_verified;

/* How often in a row a server has made a full handshake though a session was offered. Some give
 * sessions out and never take one back: after HC_TLS_DECLINES_MAX times there is a pause. */
typedef struct hc_tls_declined {
  unsigned count;
  int64_t at; /* seconds since 1970: the last time */
} hc_tls_declined;

typedef struct hc_tls_session {
  struct hc_tls_session *next;
  char *name;
  unsigned port;
  SSL_SESSION *session;
  hc_tls_verified verified; /* its certificates, for this name */
  hc_tls_declined declined; /* when it came */
} hc_tls_session;

struct hc_tls_options {
  size_t references;
  hc_tls_verify verify;
  int min_version, max_version;
  hc_certificates *trusted_chain; /* for the getter; the store holds its own references */
  char *override; /* as given; "" none */
  unsigned char *pins; /* pin_count times HC_PIN_SIZE bytes */
  size_t pin_count;
  hc_buffer alpn; /* as on the wire, RFC 7301 section 3.1 */
  STACK_OF(X509_CRL) * crls; /* NULL: no revocation lists are checked */
  bool require_ocsp;
  bool tolerates_missing_close_notify;
  bool logs_keys;
  hc_file keylog; /* open where logs_keys */
  SSL_CTX *context; /* NULL until it is needed */
  BIO_METHOD *bio_method;
  unsigned store_number; /* another one for each store that was set; 0: none yet */
  /* what the context was made ready with; NULL: nothing that is shared */
  hc_tls_store *store;
  hc_tls_session *sessions; /* the newest first */
  size_t session_count;
};

/* The SSL's application data: what the checks of one connection need, and what they find. */
typedef struct hc_tls_handshake {
  hc_tls_options *options;
  /* to be verified and sent; "" none. Allocated by take_name, as is ... */
  char *name;
  /* ... the host that was asked for, where an override has taken its place; else NULL */
  char *host;
  bool name_is_address;
  hc_slice
      /* what is offered in place of the options' list, on the wire's form; static; empty:
       * nothing */
      alpn;
  unsigned port;
  bool name_mismatch; /* the failure is about the name */
  bool certificate_requested; /* the server asked for a client certificate and there is none */
  bool ocsp_passed;
  /* of this connection's certificates; before that, of those of the session that it offers */
  hc_tls_verified verified;
  hc_tls_declined declined; /* before this connection */
  bool offers_session;
  hc_failure failure;
} hc_tls_handshake;

/* Is the name on a list of the wire's form (RFC 7301 section 3.1)? */
bool hc_alpn_list_has(hc_slice list, hc_slice name);

/* --- tls_context.c */

/* The context with all that the settings say, but for the system's store. HC_ERR_INVALID_PARAMETER,
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_context_make(hc_tls_options *o, const hc_tls_settings *settings, hc_failure *why);
/* Before a connection: makes the context of plain options, and sets the system's store where it is
 * another one now. WANT_READ: what is shared is still loading; ask again in a moment. */
hc_io hc_tls_context_prepare(hc_tls_options *o, hc_failure *why);
/* So that prepare need not wait long. */
void hc_tls_context_start(const hc_tls_options *o);
void hc_tls_context_free(hc_tls_options *o);

/* --- tls_keylog.c */

/* Opens the file ("": none) and has the context's connections write to it.
 * HC_ERR_INVALID_PARAMETER, HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_keylog_open(hc_tls_options *o, hc_slice path, hc_failure *why);
void hc_tls_keylog_close(hc_tls_options *o);

/* --- tls_session.c */

/* Keeps a session that a server gave on this connection; takes it over (also on failure, when it is
 * dropped). */
typedef enum hc_tls_way { HC_TLS_FULL, HC_TLS_RESUMED } hc_tls_way; /* of a handshake */
void hc_tls_session_store(const hc_tls_handshake *h, SSL_SESSION *session, hc_tls_way way);
/* The newest one that can still be used for h's name and port, owned by the caller; NULL. What is
 * known of it goes to `h`. A ticket of TLS 1.3 leaves the cache: it is used once, lest an observer
 * links two connections (RFC 8446 appendix C.4). */
SSL_SESSION *hc_tls_session_take(hc_tls_handshake *h);
void hc_tls_session_forget(hc_tls_options *o, const char *name, unsigned port);
void hc_tls_session_forget_all(hc_tls_options *o);

/* --- tls_verify.c, tls_ocsp.c: on failure handshake->failure says why */

/* For SSL_CTX_set_cert_verify_callback; `unused` is NULL. */
int hc_tls_verify_callback(X509_STORE_CTX *context, void *unused);
/* Does the outcome stand now? */
bool hc_tls_verified_stands(const hc_tls_options *o, const hc_tls_verified *verified);
/* A resumed handshake shows no certificates: those of the session are verified once more, unless
 * the outcome stands. */
bool hc_tls_verify_resumed(SSL *ssl, hc_tls_handshake *handshake);
/* For SSL_CTX_set_tlsext_status_cb. */
int hc_tls_ocsp_callback(SSL *ssl, void *unused);

/* --- tls_certificate.c: texts that fit a message; cut with "..." where they are too long */

#define HC_TLS_NAME_TEXT 96
#define HC_TLS_DATE_TEXT 16
void hc_tls_name_text(const X509_NAME *name, char text[HC_TLS_NAME_TEXT]); /* "CN=..." */
/* "2024-01-31" */
void hc_tls_date_text(const ASN1_TIME *time, char text[HC_TLS_DATE_TEXT]);
/* "a.example, 127.0.0.1"; "" none */
void hc_tls_subject_names_text(X509 *certificate, char text[HC_TLS_NAME_TEXT]);
/* SHA-256 of the SubjectPublicKeyInfo. False when memory is out. */
bool hc_tls_public_key_digest(X509 *certificate, unsigned char digest[HC_PIN_SIZE]);
hc_error hc_tls_certificate_describe(X509 *certificate, hc_peer_certificate *out, hc_failure *why);

/* --- tls_failure.c */

/* Empties OpenSSL's queue: did one of its errors say that memory is out? */
bool hc_tls_memory_was_out(void);
/* Records the oldest error of OpenSSL's queue as a sentence behind `what`, and empties the queue. */
hc_error hc_tls_failure_set(hc_failure *failure, hc_error code, const char *what);
/* As that, for a connection: an alert, a version, a server that speaks no TLS. */
typedef enum hc_tls_phase { HC_TLS_PHASE_HANDSHAKE, HC_TLS_PHASE_DATA } hc_tls_phase;
void hc_tls_failure_of_connection(hc_tls_handshake *handshake, hc_tls_phase phase);

/* --- tls_bio.c: OpenSSL's reads and writes, carried to the stream below */

typedef struct hc_tls_carrier {
  hc_stream_peer *below;
  hc_failure *failure; /* where a failure of the stream below goes; set by each operation */
  /* what the stream below asked for, last: over TLS in TLS a read may want to write */
  hc_io read_wants;
  hc_io write_wants;
  /* what one operation may still read: a server can send records without content for ever */
  size_t burst;
  bool dry; /* reads find nothing: only what OpenSSL has buffered is worked on */
  bool sleeping; /* reads may sleep in the kernel ... */
  uint64_t sleep_until; /* ... until then, see recv_blocking */
  bool ended; /* the stream below ended, with or without close_notify */
  bool read_failed, write_failed;
} hc_tls_carrier;

BIO_METHOD *hc_tls_bio_method_new(void);
/* A BIO over `carrier`, which outlives it. */
BIO *hc_tls_bio_new(const BIO_METHOD *method, hc_tls_carrier *carrier);

/* --- tls_handshake.c */

/* Sets name and name_is_address from the options' override, else from `name`.
 * HC_ERR_INVALID_PARAMETER, HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_handshake_take_name(hc_tls_handshake *h, hc_slice name, hc_failure *why);
/* An SSL over `carrier` that asks for and verifies what `h` says; NULL when memory is out. */
/* Offers what h->alpn says, if anything. False: no memory. */
bool hc_tls_handshake_set_alpn(const hc_tls_handshake *h, SSL *ssl);
SSL *hc_tls_handshake_begin(hc_tls_handshake *h, hc_tls_carrier *carrier);
/* After OpenSSL has finished: what it does not ask about. On failure h->failure says why. */
bool hc_tls_handshake_check(hc_tls_handshake *h, SSL *ssl);

HC_INTERNAL_END

#endif
