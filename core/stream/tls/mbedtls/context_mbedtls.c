/* context_mbedtls.c - what options are to mbedTLS: what is trusted, what is shown, what is offered.
 * The configuration itself is each connection's own (engine_mbedtls.c), since mbedTLS keeps there
 * what may differ between them. */
#include "mbedtls_internal.h"

#include <mbedtls/pem.h>
#include <stdio.h>
#include <string.h>

#include "../../../base/memory.h"

/* What this mbedTLS can speak, counted as the options count: 10 is TLS 1.0. Version 3 knows nothing
 * older than TLS 1.2, and a 2.28 may have been built without the oldest. */
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define LOWEST_VERSION 12
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
#define HIGHEST_VERSION 13
#else
#define HIGHEST_VERSION 12
#endif
#else
#if defined(MBEDTLS_SSL_PROTO_TLS1)
#define LOWEST_VERSION 10
#elif defined(MBEDTLS_SSL_PROTO_TLS1_1)
#define LOWEST_VERSION 11
#else
#define LOWEST_VERSION 12
#endif
#define HIGHEST_VERSION 12
#endif

/* The sentence begins with the option's name, as those of tls_options.c do. */
static hc_error refuse_mbedtls(hc_failure *why, const char *reason) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s", reason);
}

/* --- what is offered */

/* From the wire's form (RFC 7301 section 3.1) to mbedTLS's: an array of C strings with NULL behind
 * the last. The names stand in one block, each with its NUL in the room that its length and itself
 * had on the wire. Both blocks are freed together. */
bool hc_mbedtls_make_protocols(hc_slice wire, hc_tls_protocols *out) {
  size_t count = 0, at = 0;
  for (size_t i = 0; i < wire.size; i += 1u + (unsigned char)wire.data[i]) count++;
  out->names = hc_memory_allocate_zeroed(count + 1, sizeof *out->names);
  out->text = hc_memory_allocate(wire.size + 1);
  if (!out->names || !out->text) {
    hc_mbedtls_free_protocols(out);
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    size_t size = (unsigned char)wire.data[at];
    memcpy(out->text + at, wire.data + at + 1, size);
    out->text[at + size] = '\0';
    out->names[i] = out->text + at;
    at += 1 + size;
  }
  return true;
}

void hc_mbedtls_free_protocols(hc_tls_protocols *protocols) {
  hc_memory_release(protocols->names);
  hc_memory_release(protocols->text);
  *protocols = (hc_tls_protocols){NULL, NULL};
}

/* A C string can't have a NUL inside: such a name would be offered shortened, as another
 * protocol. */
static hc_error set_protocols(hc_tls_options *o, hc_failure *why) {
  hc_slice wire = {hc_buffer_head(&o->alpn), hc_buffer_size(&o->alpn)};
  if (wire.size == 0) return HC_OK;
  for (size_t i = 0; i < wire.size; i += 1u + (unsigned char)wire.data[i])
    if (memchr(wire.data + i + 1, '\0', (unsigned char)wire.data[i]))
      return refuse_mbedtls(why, "alpn: mbedTLS takes no name with a NUL byte");
  return hc_mbedtls_make_protocols(wire, &o->context->protocols) ? HC_OK
                                                                 : hc_failure_out_of_memory(why);
}

/* What is out of reach is refused where it was asked for; else the range is what there is. */
static hc_error set_mbedtls_versions(hc_tls_options *o, hc_failure *why) {
  if (o->min_version > HIGHEST_VERSION)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "min_version: this mbedTLS speaks TLS up to 1.%d", HIGHEST_VERSION - 10);
  if (o->max_version < LOWEST_VERSION)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "max_version: this mbedTLS speaks TLS from 1.%d", LOWEST_VERSION - 10);
  if (o->max_version > HIGHEST_VERSION) o->max_version = HIGHEST_VERSION;
  if (o->min_version < LOWEST_VERSION) o->min_version = LOWEST_VERSION;
  return HC_OK;
}

/* What this library can't do is refused when the options are made: a wish that is quietly dropped
 * would be found out by nobody. */
static hc_error check_abilities(const hc_tls_settings *s, hc_failure *why) {
  if (s->post_handshake_auth)
    return refuse_mbedtls(why, "post_handshake_auth: mbedTLS does not have it");
#if !defined(MBEDTLS_SSL_EXPORT_KEYS) && MBEDTLS_VERSION_NUMBER < 0x03000000
  if (s->keylog_file.size > 0)
    return refuse_mbedtls(why, "keylog_file: this mbedTLS gives no keys");
#endif
  return HC_OK;
}

/* No text, no list: mbedTLS's own choice stands. */
static hc_error set_mbedtls_ciphers(hc_tls_options *o, hc_slice text, hc_failure *why) {
  return text.size > 0 ? hc_mbedtls_read_suites(text, &o->context->suites, why) : HC_OK;
}

/* --- what is trusted */

/* Counted up in any case: number 0 would say that nothing was ever verified. */
static hc_error set_given_chain(hc_tls_options *o, hc_failure *why) {
  hc_tls_context *c = o->context;
  o->store_number++;
  if (o->verify == HC_TLS_VERIFY_NONE || !o->trusted_chain) return HC_OK;
  const hc_tls_chain *chain = hc_certificates_chain(o->trusted_chain);
  int error = hc_mbedtls_copy_certificates(&c->given, &chain->first);
  c->trusted = &c->given;
  return error == 0 ? HC_OK
                    : hc_mbedtls_fail(why, HC_ERR_INVALID_PARAMETER, "trusted chain", error);
}

/* Block by block, as certificates are: mbedtls_x509_crl_parse would take a text with one broken
 * list for fine. */
static hc_error parse_mbedtls_crls(hc_tls_context *c, const char *text, hc_failure *why) {
  mbedtls_pem_context block;
  int count = 0, error;
  while ((error = hc_mbedtls_next_block(&text, "-----BEGIN X509 CRL-----", "-----END X509 CRL-----",
                                        &block)) == 1) {
    error = mbedtls_x509_crl_parse_der(&c->crls, block.buf, block.buflen);
    mbedtls_pem_free(&block);
    if (error != 0) break;
    count++;
  }
  if (hc_mbedtls_is_memory(error)) return hc_failure_out_of_memory(why);
  if (error < 0)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "crl_file: CRL number %d is malformed",
                          count + 1);
  return count > 0 ? HC_OK : refuse_mbedtls(why, "crl_file: the file holds no CRL in PEM form");
}

/* The copy has the NUL that mbedTLS looks for. */
static hc_error read_mbedtls_crls(hc_tls_context *c, const char *path, hc_failure *why) {
  hc_failure inner = {HC_OK, ""};
  hc_buffer bytes = {0};
  hc_error error = hc_pem_file_read(path, &bytes, &inner);
  char *text =
      error == HC_OK ? hc_memory_copy_text(hc_buffer_head(&bytes), hc_buffer_size(&bytes)) : NULL;
  if (text) error = parse_mbedtls_crls(c, text, why);
  else if (error == HC_OK || error == HC_ERR_OUT_OF_MEMORY) error = hc_failure_out_of_memory(why);
  else error = hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "crl_file: %s", inner.text);
  hc_memory_release(text);
  hc_buffer_free(&bytes);
  return error;
}

/* Options that fail here are thrown away, so it does no harm that the mark is set behind. */
static hc_error load_mbedtls_crls(hc_tls_options *o, hc_slice path, hc_failure *why) {
  if (path.size == 0) return HC_OK;
  char *name = hc_memory_copy_text(path.data, path.size);
  hc_error error = name ? read_mbedtls_crls(o->context, name, why) : hc_failure_out_of_memory(why);
  hc_memory_release(name);
  o->checks_revocation = true;
  return error;
}

/* A view: the options hold the store that it is part of (tls_options.c). */
void hc_tls_context_trust(hc_tls_context *context, hc_tls_anchors *anchors) {
  context->trusted = &anchors->first;
}

/* --- what is shown */

/* Version 3 blinds the private numbers while it compares, and wants random bytes for that. */
static int check_pair(const mbedtls_pk_context *shown, const mbedtls_pk_context *key) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  return mbedtls_pk_check_pair(shown, key, hc_mbedtls_random, NULL);
#else
  return mbedtls_pk_check_pair(shown, key);
#endif
}

/* Copies, since a list of mbedTLS's is linked through its certificates and the caller's may be in
 * use elsewhere. */
static hc_error set_own_certificate(hc_tls_context *c, const hc_tls_settings *s, hc_failure *why) {
  if (!s->certificate) return HC_OK;
  const hc_tls_chain *chain = hc_certificates_chain(s->certificate);
  const hc_tls_key *key = hc_key_handle(s->private_key);
  if (check_pair(&chain->first.pk, &key->pk) != 0)
    return refuse_mbedtls(why, "private_key: the key does not fit the certificate");
  int error = hc_mbedtls_copy_certificates(&c->own, &chain->first);
  if (error == 0) error = hc_mbedtls_copy_key(&c->key, &key->pk);
  c->has_own = error == 0;
  return error == 0 ? HC_OK : hc_mbedtls_fail(why, HC_ERR_INVALID_PARAMETER, "certificate", error);
}

/* --- the whole */

/* Settings that are NULL are plain ones, made at the first connection. */
static hc_error fill_mbedtls_context(hc_tls_options *o, const hc_tls_settings *s, hc_failure *why) {
  hc_error error = set_mbedtls_versions(o, why);
  if (error == HC_OK && s) error = check_abilities(s, why);
  if (error == HC_OK && s) error = load_mbedtls_crls(o, s->crl_file, why);
  if (error == HC_OK) error = set_given_chain(o, why);
  if (error == HC_OK) error = set_protocols(o, why);
  if (error == HC_OK && s) error = set_mbedtls_ciphers(o, s->ciphers, why);
  if (error == HC_OK && s) error = set_own_certificate(o->context, s, why);
  if (error == HC_OK && s) error = hc_tls_keylog_open(o, s->keylog_file, why);
  if (s) o->context->legacy_renegotiation = s->legacy_renegotiation;
  return error;
}

/* All parts are made empty before the first is filled, so whatever fails can free them all. */
hc_error hc_tls_context_make(hc_tls_options *o, const hc_tls_settings *settings, hc_failure *why) {
  if (o->require_ocsp)
    return refuse_mbedtls(why, "require_ocsp_stapling: mbedTLS does not have it");
  hc_tls_context *c = o->context = hc_memory_allocate_zeroed(1, sizeof *c);
  if (!c) return hc_failure_out_of_memory(why);
  mbedtls_x509_crt_init(&c->given);
  mbedtls_x509_crl_init(&c->crls);
  mbedtls_x509_crt_init(&c->own);
  mbedtls_pk_init(&c->key);
  hc_error error = fill_mbedtls_context(o, settings, why);
  if (error == HC_OK) return HC_OK;
  hc_tls_context_free(c);
  o->context = NULL;
  return error;
}

/* Every part was initialised before the first could fail. */
void hc_tls_context_free(hc_tls_context *context) {
  if (!context) return;
  mbedtls_x509_crt_free(&context->given);
  mbedtls_x509_crl_free(&context->crls);
  mbedtls_x509_crt_free(&context->own);
  mbedtls_pk_free(&context->key);
  hc_memory_release(context->suites);
  hc_mbedtls_free_protocols(&context->protocols);
  hc_memory_release(context);
}
