/* tls_library.h - what a TLS library has to do for us. One of the folders openssl/, mbedtls/ and
 * none/ is compiled (HC_TLS in the Makefile), and defines all that stands here; what is the same
 * with each of them stands beside this file.
 *
 * The types are the library's own: here nobody knows what is in them. A function that fails has
 * left nothing behind, neither an object nor an error in a queue of the library's. */
#ifndef HC_TLS_LIBRARY_H
#define HC_TLS_LIBRARY_H

#include "../../base/buffer.h"
#include "../../base/internal.h"
#include "../../base/io.h"
#include "../../tls.h"

HC_INTERNAL_BEGIN

typedef struct hc_tls_chain hc_tls_chain;      /* certificates, in order */
typedef struct hc_tls_key hc_tls_key;          /* a private or a public one */
typedef struct hc_tls_anchors hc_tls_anchors;  /* authorities that many options share */
typedef struct hc_tls_context hc_tls_context;  /* what options are to the library */
typedef struct hc_tls_engine hc_tls_engine;    /* one connection */
typedef struct hc_tls_ticket hc_tls_ticket;    /* a session that may be resumed; counted */

struct hc_tls_carrier;
struct hc_tls_handshake;
struct hc_tls_verified;

/* --- the library as a whole */

/* The version that is loaded, "3.0.11"; NULL in a build with another library. */
const char *hc_tls_openssl_version(void);
const char *hc_tls_mbedtls_version(void);

/* Once in a process, before a thread of ours is in the library. `at_end` waits for that thread, and
 * is to be called before the library takes anything down. */
void hc_tls_library_begin(void (*at_end)(void));
/* On a thread: what a first connection would do for the first time. */
void hc_tls_library_warm_up(void);
/* The thread has done with the library. */
void hc_tls_library_leave(void);

/* --- certificates and keys: PEM in, PEM out. The errors are those of tls.h */

hc_error hc_tls_chain_read(hc_slice pem, hc_tls_chain **out, hc_failure *why);
hc_error hc_tls_chain_write(const hc_tls_chain *chain, hc_buffer *out, hc_failure *why);
size_t hc_tls_chain_count(const hc_tls_chain *chain); /* 0 for NULL */
void hc_tls_chain_free(hc_tls_chain *chain);
/* "" is no passphrase. */
hc_error hc_tls_key_read(hc_slice pem, hc_key_half half, hc_slice passphrase, hc_tls_key **out,
                         hc_failure *why);
/* Of one that has this half. */
hc_error hc_tls_key_write(const hc_tls_key *key, hc_key_half half, hc_buffer *out, hc_failure *why);
void hc_tls_key_free(hc_tls_key *key); /* wipes it */
/* *chain is NULL where there are no other certificates. */
hc_error hc_tls_pkcs12_read(hc_slice der, hc_slice passphrase, hc_tls_chain **own, hc_tls_key **key,
                            hc_tls_chain **chain, hc_failure *why);

/* --- authorities: tls_store.c has them made, on a thread */

const char *hc_tls_default_file(void);
const char *hc_tls_default_directory(void);
/* Of the PEM text and what is in the directory ("" none). */
hc_tls_anchors *hc_tls_anchors_new(const hc_buffer *pem, const char *directory);
/* One more, in DER; `anchors` is a hc_tls_anchors, see hc_trust_each. One that the library can't
 * read is left out. False when memory is out. */
bool hc_tls_anchors_add(void *anchors, hc_slice der);
void hc_tls_anchors_free(hc_tls_anchors *anchors);

/* --- options */

/* Sets o->context: all that the settings say, but for the system's authorities. NULL settings are
 * plain ones. HC_ERR_INVALID_PARAMETER, also for what this library can't do;
 * HC_ERR_OUT_OF_MEMORY. */
hc_error hc_tls_context_make(hc_tls_options *o, const hc_tls_settings *settings, hc_failure *why);
/* They outlive what is made of the context. */
void hc_tls_context_trust(hc_tls_context *context, hc_tls_anchors *anchors);
void hc_tls_context_free(hc_tls_context *context);

/* --- sessions */

hc_tls_ticket *hc_tls_ticket_retain(hc_tls_ticket *ticket); /* NULL when that can't be */
void hc_tls_ticket_release(hc_tls_ticket *ticket);
bool hc_tls_ticket_is_fresh(const hc_tls_ticket *ticket);
/* Is the server's certificate, as the session has it, not out of date? */
bool hc_tls_ticket_has_current_certificate(const hc_tls_ticket *ticket);
/* Is it one that is used once (RFC 8446 appendix C.4)? */
bool hc_tls_ticket_is_single(const hc_tls_ticket *ticket);

/* --- a connection */

typedef enum hc_tls_result {
  HC_TLS_MADE,
  HC_TLS_WANTS_READ, /* the carrier knows what of the stream below */
  HC_TLS_WANTS_WRITE,
  HC_TLS_ENDED, /* close_notify has come */
  HC_TLS_BROKEN, /* hc_tls_engine_explain knows why; the state is of no use any more */
  HC_TLS_BELOW /* the stream below ended or failed, as the carrier knows */
} hc_tls_result;

/* Over `carrier`, for what `h` says; both outlive it. NULL when memory is out. */
hc_tls_engine *hc_tls_engine_new(struct hc_tls_handshake *h, struct hc_tls_carrier *carrier);
void hc_tls_engine_free(hc_tls_engine *e);
/* Offers what h->alpn says, if anything. False: no memory. */
bool hc_tls_engine_set_alpn(hc_tls_engine *e, const struct hc_tls_handshake *h);
hc_tls_result hc_tls_engine_shake_hands(hc_tls_engine *e);
/* After that: what the library did not ask about. On failure h->failure says why. */
bool hc_tls_engine_check(hc_tls_engine *e, struct hc_tls_handshake *h);
hc_tls_result hc_tls_engine_read(hc_tls_engine *e, char *into, size_t room, size_t *got);
/* Works on what has come, without taking any. */
hc_tls_result hc_tls_engine_peek(hc_tls_engine *e);
/* One record at most. What wants to be tried again is offered again, at the same size. */
hc_tls_result hc_tls_engine_write(hc_tls_engine *e, hc_slice piece, size_t *written);
/* Behind BROKEN: a sentence about the last failure, in h->failure. */
typedef enum hc_tls_phase { HC_TLS_PHASE_HANDSHAKE, HC_TLS_PHASE_DATA } hc_tls_phase;
void hc_tls_engine_explain(hc_tls_engine *e, struct hc_tls_handshake *h, hc_tls_phase phase);
/* The same of a write, which is not the connection's failure. */
void hc_tls_engine_explain_write(hc_tls_engine *e, hc_failure *why);
/* One close_notify, as far as that needs no waiting; or none, where half a record went before. In
 * either case the session stays good. */
typedef enum hc_tls_goodbye { HC_TLS_GOODBYE_SAID, HC_TLS_GOODBYE_LEFT_OUT } hc_tls_goodbye;
void hc_tls_engine_close(hc_tls_engine *e, hc_tls_goodbye goodbye);

bool hc_tls_engine_is_established(const hc_tls_engine *e);
bool hc_tls_engine_was_resumed(const hc_tls_engine *e);
size_t hc_tls_engine_pending(const hc_tls_engine *e); /* decrypted bytes */
bool hc_tls_engine_has_buffered(const hc_tls_engine *e); /* bytes of any kind */
/* Did the last record come whole? */
bool hc_tls_engine_is_between_records(const hc_tls_engine *e);
/* Gives memory back that only moving bytes need. */
void hc_tls_engine_rest(hc_tls_engine *e);

/* Views that live as long as the connection; "" where there is none. */
hc_slice hc_tls_engine_version(const hc_tls_engine *e);
hc_slice hc_tls_engine_cipher(const hc_tls_engine *e);
hc_slice hc_tls_engine_alpn(const hc_tls_engine *e);
/* HC_ERR_UNAVAILABLE: the server showed no certificate. */
hc_error hc_tls_engine_describe(const hc_tls_engine *e, hc_peer_certificate *out, hc_failure *why);

HC_INTERNAL_END

#endif
