/* tls_internal.h - what the files of the TLS side share, whatever library is below them:
 * tls_options.c (settings), tls_store.c (what all options share), tls_session.c (resumption),
 * x509.c (certificates, keys), tls_name.c (whom a connection is for), tls_keylog.c, tls_failure.c
 * and tls_text.c (sentences), tls_carrier.c (the way to the stream below), tls_facts.c (what was
 * agreed on), and the stream itself, whose own files share tls_peer.h. They call the library
 * through tls_library.h. */
#ifndef HC_TLS_INTERNAL_H
#define HC_TLS_INTERNAL_H

#include "../../base/internal.h"
#include "../../base/limits.h"
#include "../../platform/handle.h"
#include "../../platform/pem_file.h"
#include "stream_peer_tls.h"
#include "tls_library.h"

HC_INTERNAL_BEGIN

/* --- stream_peer_tls.c */

/* The connection behind a finished handshake, NULL before. */
const hc_tls_engine *hc_tls_established(const hc_stream_peer *peer);

/* --- x509.c */

const hc_tls_chain *hc_certificates_chain(const hc_certificates *c); /* a view; NULL when empty */
const hc_tls_key *hc_key_handle(const hc_key *k);                    /* a view; NULL when empty */

/* --- tls_store.c: thread-safe */

typedef enum hc_tls_store_kind {
  HC_TLS_STORE_NONE,   /* no authorities: only the library made ready, which takes its time too */
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
hc_tls_anchors *hc_tls_store_handle(const hc_tls_store *s);
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
  hc_tls_ticket *ticket;
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
  bool checks_revocation; /* by lists */
  bool require_ocsp;
  bool tolerates_missing_close_notify;
  bool logs_keys;
  hc_file keylog; /* open where logs_keys */
  hc_tls_context *context; /* NULL until it is needed */
  unsigned store_number; /* another one for each store that was set; 0: none yet */
  /* what the context was made ready with; NULL: nothing that is shared */
  hc_tls_store *store;
  hc_tls_session *sessions; /* the newest first */
  size_t session_count;
};

/* What the checks of one connection need, and what they find. */
typedef struct hc_tls_handshake {
  hc_tls_options *options;
  /* to be verified and sent; "" none. Allocated by take_name, as is ... */
  char *name;
  /* ... the host that was asked for, where an override has taken its place; else NULL */
  char *host;
  bool name_is_address;
  /* what is offered in place of the options' list, in the wire's form; static; empty: nothing */
  hc_slice alpn;
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

/* Does the outcome stand now? */
bool hc_tls_verified_stands(const hc_tls_options *o, const hc_tls_verified *verified);
/* Revocation is a matter of the moment: with it every handshake is a full one. */
bool hc_tls_options_keep_sessions(const hc_tls_options *o);
/* Before a connection: makes the context of plain options, and sets the system's authorities where
 * they are others now. WANT_READ: what is shared is still loading; ask again in a moment. */
hc_io hc_tls_options_prepare(hc_tls_options *o, hc_failure *why);

/* --- tls_name.c */

/* Sets name and name_is_address from the options' override, else from `name`.
 * HC_ERR_INVALID_PARAMETER, HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_handshake_take_name(hc_tls_handshake *h, hc_slice name, hc_failure *why);
/* What is offered by ALPN, as on the wire; empty: nothing. */
hc_slice hc_tls_handshake_alpn(const hc_tls_handshake *h);
/* Is the name on a list of the wire's form (RFC 7301 section 3.1)? */
bool hc_alpn_list_has(hc_slice list, hc_slice name);

/* --- tls_keylog.c */

/* Opens the file; "": none. HC_ERR_INVALID_PARAMETER, HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_keylog_open(hc_tls_options *o, hc_slice path, hc_failure *why);
/* Writes a line, if there is a file. */
void hc_tls_keylog_write(const hc_tls_options *o, const char *line);
void hc_tls_keylog_close(hc_tls_options *o);

/* --- tls_session.c */

/* Keeps a session that a server gave on this connection; takes it over (also on failure, when it is
 * dropped). */
typedef enum hc_tls_way { HC_TLS_FULL, HC_TLS_RESUMED } hc_tls_way; /* of a handshake */
void hc_tls_session_store(const hc_tls_handshake *h, hc_tls_ticket *ticket, hc_tls_way way);
/* The newest one that can still be used for h's name and port, to be released by the caller; NULL.
 * What is known of it goes to `h`. A ticket of TLS 1.3 leaves the cache: it is used once, or an
 * observer could link two connections by it (RFC 8446 appendix C.4). */
hc_tls_ticket *hc_tls_session_take(hc_tls_handshake *h);
void hc_tls_session_forget(hc_tls_options *o, const char *name, unsigned port);
void hc_tls_session_forget_all(hc_tls_options *o);

/* --- tls_text.c: texts that fit a message; cut with "..." where they are too long */

#define HC_TLS_NAME_TEXT 96
#define HC_TLS_DATE_TEXT 16
#define HC_TLS_ADDRESS_TEXT 48
/* Copies as much of `source` as fits; a cut shows as "...". */
void hc_tls_copy_cut(char *text, size_t room, hc_slice source);
/* "2024-01-31" */
void hc_tls_day_text(int year, int month, int day, char text[HC_TLS_DATE_TEXT]);
/* Of 4 or 16 bytes, else false. As RFC 5952 writes them. */
bool hc_tls_address_text(hc_slice bytes, char text[HC_TLS_ADDRESS_TEXT]);
/* Appends ", host" to the list of *at bytes; false when it does not fit, and no more will. A NUL
 * inside a name must not hide what stands behind it: it becomes '?'. */
bool hc_tls_append_host(char text[HC_TLS_NAME_TEXT], size_t *at, hc_slice host);
/* Allocated, NULL when memory is out. */
char *hc_tls_copy_host(hc_slice host);
/* Takes the next name out of a list of cipher suites; empty at its end. */
hc_slice hc_tls_next_suite(hc_slice *text);
char *hc_tls_fingerprint_text(const unsigned char digest[HC_PIN_SIZE]);
char *hc_tls_pin_text(const unsigned char digest[HC_PIN_SIZE]);

/* --- tls_failure.c: the sentences of a connection, in handshake->failure */

/* Of an alert of the server's, by its number (RFC 8446 section 6). */
void hc_tls_fail_by_alert(hc_tls_handshake *h, int alert);
/* The versions of both sides do not meet; `reason` is the library's. */
void hc_tls_fail_by_version(hc_tls_handshake *h, const char *reason);
void hc_tls_fail_without_record(hc_tls_handshake *h); /* it is no TLS that the server speaks */
void hc_tls_fail_by_flood(hc_tls_handshake *h); /* of records without content */
/* The certificate is for others. `names` is a list, "" none. */
void hc_tls_fail_by_name(hc_tls_handshake *h, const char *names, const char *subject);
void hc_tls_fail_by_authority(hc_tls_handshake *h, const char *reason, const char *issuer);
void hc_tls_fail_by_subject(hc_tls_handshake *h, const char *reason, const char *subject);
/* `preposition` is "on" or "from". */
void hc_tls_fail_by_date(hc_tls_handshake *h, const char *reason, const char *subject,
                         const char *preposition, const char *day);
/* Is a key of this digest (SHA-256 of the SubjectPublicKeyInfo) pinned? */
bool hc_tls_is_pinned(const hc_tls_options *o, const unsigned char digest[HC_PIN_SIZE]);
#define HC_TOO_MANY_ROUNDS "its passphrase would have to be hashed more than %u times"
#define HC_TLS_PIN_REASON "public key does not match any of the pinned keys"

/* --- tls_carrier.c: the library's reads and writes, carried to the stream below */

typedef struct hc_tls_carrier {
  hc_stream_peer *below;
  hc_failure *failure; /* where a failure of the stream below goes; set by each operation */
  /* what the stream below asked for, last: over TLS in TLS a read may want to write */
  hc_io read_wants;
  hc_io write_wants;
  /* what one operation may still read: a server can send records without content for ever */
  size_t burst;
  bool is_open; /* the handshake is over; before that it has the library's limits */
  unsigned idle; /* records and messages of the handshake since the last content ... */
  uint64_t halfway_at; /* ... and when they came to half of what may be in a row */
  unsigned messages; /* of the handshake, in this receive */
  bool is_flooded; /* too many of the first */
  bool dry; /* reads find nothing: only what the library has buffered is worked on */
  bool sleeping; /* reads may sleep in the kernel ... */
  uint64_t sleep_until; /* ... until then, see recv_blocking */
  bool ended; /* the stream below ended, with or without close_notify */
  bool read_failed, write_failed;
} hc_tls_carrier;

/* OK with *got > 0; EOF; ERROR; else try again: what for is in read_wants. */
hc_io hc_tls_carrier_read(hc_tls_carrier *c, char *into, size_t room, size_t *got);
/* The same for write_wants. */
hc_io hc_tls_carrier_write(hc_tls_carrier *c, hc_slice bytes, size_t *sent);
/* For the library's side to call when it meets one of either, whatever turns out to be in it.
 * False: there were too many without content, and the connection is to end
 * (hc_tls_fail_by_flood). */
typedef enum hc_tls_piece { HC_TLS_RECORD, HC_TLS_MESSAGE } hc_tls_piece;
bool hc_tls_carrier_count(hc_tls_carrier *c, hc_tls_piece piece);

HC_INTERNAL_END

#endif
