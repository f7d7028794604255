/* verify_mbedtls.c - is it the right server?
 *
 * mbedTLS goes along the chain, from the authority to the server's own certificate, and tells what
 * it finds. It is judged here, when the last one has come: with the name (RFC 9525), the pins and
 * the lists of what is revoked. The sentences are OpenSSL's, so that a script need not know which
 * library it has. */
#include "mbedtls_internal.h"

#include <string.h>

#include "../../../base/chars.h"
#include "../../../http/public_address.h"

#define PURPOSE_FLAGS \
  (MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE | \
   MBEDTLS_X509_BADCERT_NS_CERT_TYPE)
#define KEY_FLAGS (MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY)
#define CRL_FLAGS \
  (MBEDTLS_X509_BADCRL_NOT_TRUSTED | MBEDTLS_X509_BADCRL_BAD_MD | MBEDTLS_X509_BADCRL_BAD_PK | \
   MBEDTLS_X509_BADCRL_BAD_KEY)
/* The name is looked at here: mbedTLS takes the subject's too, and no addresses. */
#define IGNORED_FLAGS MBEDTLS_X509_BADCERT_CN_MISMATCH

/* --- the name */

/* RFC 9525 section 6.3, as verify_openssl.c has it. */
static bool matches_dns(hc_slice pattern, hc_slice name) {
  if (hc_slice_equal_fold(pattern, name)) return true;
  /* "*.rest" stands for one whole label before ".rest", which has two labels or more. */
  if (pattern.size < 3 || pattern.data[0] != '*' || pattern.data[1] != '.') return false;
  const char *dot = memchr(name.data, '.', name.size);
  if (!dot || dot == name.data) return false;
  hc_slice rest = {dot, name.size - (size_t)(dot - name.data)};
  hc_slice stands_for = {pattern.data + 1, pattern.size - 1};
  return memchr(pattern.data + 2, '.', pattern.size - 2) && hc_slice_equal_fold(stands_for, rest);
}

/* Names for names and addresses for addresses: an address that stands as a DNS name matches nothing
 * (RFC 9525 section 6.4). */
static bool matches_name(const hc_tls_handshake *h, const mbedtls_x509_crt *leaf) {
  hc_slice name = hc_slice_of(h->name);
  hc_ip_bytes address;
  if (h->name_is_address && !hc_ip_parse(name, &address)) return false;
  for (const mbedtls_x509_sequence *i = &leaf->subject_alt_names; i; i = i->next) {
    hc_slice host;
    bool is_address;
    if (!hc_mbedtls_host_of(i, &host, &is_address) || is_address != h->name_is_address) continue;
    if (!is_address && matches_dns(host, name)) return true;
    if (is_address && host.size == address.size &&
        memcmp(host.data, address.bytes, address.size) == 0)
      return true;
  }
  return false;
}

/* The sentence says which names the certificate does have. */
static bool check_mbedtls_name(hc_tls_engine *e, const mbedtls_x509_crt *leaf) {
  char names[HC_TLS_NAME_TEXT];
  if (matches_name(e->handshake, leaf)) return true;
  hc_mbedtls_hosts_text(leaf, names);
  hc_tls_fail_by_name(e->handshake, names, e->subject);
  return false;
}

/* --- the chain */

/* Empty ones are never the same. */
static bool same_mbedtls_bytes(const mbedtls_x509_buf *a, const mbedtls_x509_buf *b) {
  return a->len == b->len && a->len > 0 && memcmp(a->p, b->p, a->len) == 0;
}

/* Issuer and subject in the same bytes. Whether it has signed itself is mbedTLS's to find out. */
static bool is_self_issued(const mbedtls_x509_crt *c) {
  return same_mbedtls_bytes(&c->issuer_raw, &c->subject_raw);
}

/* Byte for byte, the whole certificate: a name alone anybody can have. */
static bool is_trusted_itself(const hc_tls_engine *e, const mbedtls_x509_crt *c) {
  const mbedtls_x509_crt *t = e->handshake->options->context->trusted;
  for (; t && t->raw.p; t = t->next)
    if (same_mbedtls_bytes(&t->raw, &c->raw)) return true;
  return false;
}

/* Whoever is given as trusted is, an intermediate or the server's own certificate as well: what
 * stands above does not count then. mbedTLS takes only authorities. */
static void cut_chain_at_trusted(hc_tls_engine *e) {
  for (int i = 0; i < e->chain_size; i++) {
    if (!is_trusted_itself(e, e->chain[i])) continue;
    e->findings[i] &= ~(uint32_t)MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    e->chain_size = i + 1;
    return;
  }
}

/* The first certificate, from the top, with one of these findings; NULL. */
static const mbedtls_x509_crt *find_finding(const hc_tls_engine *e, uint32_t flags) {
  for (int i = e->chain_size - 1; i >= 0; i--)
    if ((e->findings[i] & flags) != 0) return e->chain[i];
  return NULL;
}

/* OpenSSL's three ways to say it. */
static const char *distrust_reason(const hc_tls_engine *e, const mbedtls_x509_crt *c) {
  if (!is_self_issued(c)) return "unable to get local issuer certificate";
  return c == e->chain[0] ? "self-signed certificate"
                          : "self-signed certificate in certificate chain";
}

/* Always false, so that a check can end with it. */
static bool fail_about(hc_tls_engine *e, const mbedtls_x509_crt *c, const char *reason) {
  char subject[HC_TLS_NAME_TEXT];
  hc_mbedtls_name_text(&c->subject, subject);
  hc_tls_fail_by_subject(e->handshake, reason, subject);
  return false;
}

/* The reason that says most goes first, and what is wrong at the top of the chain before what is
 * wrong below it. */
static bool check_trust(hc_tls_engine *e) {
  const mbedtls_x509_crt *c = find_finding(e, MBEDTLS_X509_BADCERT_NOT_TRUSTED);
  if (c) {
    char issuer[HC_TLS_NAME_TEXT];
    hc_mbedtls_name_text(&c->issuer, issuer);
    hc_tls_fail_by_authority(e->handshake, distrust_reason(e, c), issuer);
    return false;
  }
  c = find_finding(e, PURPOSE_FLAGS);
  if (c) return fail_about(e, c, "unsuitable certificate purpose");
  c = find_finding(e, KEY_FLAGS);
  if (c)
    return fail_about(
        e, c, c == e->chain[0] ? "EE certificate key too weak" : "CA certificate key too weak");
  c = find_finding(e, MBEDTLS_X509_BADCERT_BAD_MD);
  return !c || fail_about(e, c, "CA signature digest algorithm too weak");
}

/* A chain with one certificate too old and one too new is told by the older one. */
static bool check_dates(hc_tls_engine *e) {
  const mbedtls_x509_crt *late = find_finding(e, MBEDTLS_X509_BADCERT_EXPIRED);
  const mbedtls_x509_crt *early = find_finding(e, MBEDTLS_X509_BADCERT_FUTURE);
  const mbedtls_x509_crt *c = late ? late : early;
  char subject[HC_TLS_NAME_TEXT], day[HC_TLS_DATE_TEXT];
  if (!c) return true;
  hc_mbedtls_name_text(&c->subject, subject);
  hc_mbedtls_date_text(late ? &c->valid_to : &c->valid_from, day);
  hc_tls_fail_by_date(e->handshake,
                      late ? "certificate has expired" : "certificate is not yet valid", subject,
                      late ? "on" : "from", day);
  return false;
}

typedef enum crl_wish { CRL_ANY, CRL_CURRENT, CRL_CURRENT_NAMING } crl_wish;

/* Is there a list of this certificate's issuer, one that is not out of date, one that names it? */
static bool has_crl(const hc_tls_engine *e, const mbedtls_x509_crt *c, crl_wish wish) {
  const mbedtls_x509_crl *crl = &e->handshake->options->context->crls;
  for (; crl && crl->raw.p; crl = crl->next) {
    if (!same_mbedtls_bytes(&crl->issuer_raw, &c->issuer_raw)) continue;
    if (wish == CRL_ANY) return true;
    if (mbedtls_x509_time_is_past(&crl->next_update)) continue;
    if (wish == CRL_CURRENT || mbedtls_x509_crt_is_revoked(c, crl)) return true;
  }
  return false;
}

/* mbedTLS has checked the lists' signatures, and those of all lists: an old one does not count
 * beside a new one. It asks none about what is trusted itself, but one may name it. */
static const mbedtls_x509_crt *find_revoked(const hc_tls_engine *e) {
  const mbedtls_x509_crt *anchor = e->chain[e->chain_size - 1];
  for (int i = e->chain_size - 1; i >= 0; i--)
    if ((e->findings[i] & MBEDTLS_X509_BADCERT_REVOKED) != 0 &&
        has_crl(e, e->chain[i], CRL_CURRENT_NAMING))
      return e->chain[i];
  return has_crl(e, anchor, CRL_CURRENT_NAMING) ? anchor : NULL;
}

/* Of those out of date: without a new one beside it. */
static const mbedtls_x509_crt *find_outdated(hc_tls_engine *e) {
  for (int i = e->chain_size - 1; i >= 0; i--) {
    bool has_current = has_crl(e, e->chain[i], CRL_CURRENT);
    if ((e->findings[i] & MBEDTLS_X509_BADCRL_EXPIRED) == 0) continue;
    if (!has_current) return e->chain[i];
    e->findings[i] &= ~(uint32_t)MBEDTLS_X509_BADCRL_EXPIRED;
  }
  return NULL;
}

/* A missing list of the authority that issued the server's certificate fails closed. */
static bool check_revocation(hc_tls_engine *e) {
  if (!e->handshake->options->checks_revocation) return true;
  if (!has_crl(e, e->chain[0], CRL_ANY))
    return fail_about(e, e->chain[0], "unable to get certificate CRL");
  const mbedtls_x509_crt *c = find_revoked(e);
  if (c) return fail_about(e, c, "certificate revoked");
  c = find_outdated(e);
  if (c) return fail_about(e, c, "CRL has expired");
  c = find_finding(e, MBEDTLS_X509_BADCRL_FUTURE);
  if (c) return fail_about(e, c, "CRL is not yet valid");
  c = find_finding(e, MBEDTLS_X509_BADCERT_REVOKED);
  if (c) return fail_about(e, c, "certificate revoked");
  c = find_finding(e, CRL_FLAGS);
  return !c || fail_about(e, c, "CRL signature failure");
}

/* Behind the dates, since it is the rarest of all findings. */
static bool check_constraints(hc_tls_engine *e) {
  const mbedtls_x509_crt *about;
  const char *reason = hc_mbedtls_name_objection(e->chain, e->chain_size, &about);
  return !reason || fail_about(e, about, reason);
}

/* Whatever else mbedTLS has found, now or in a version to come. */
static bool check_rest(hc_tls_engine *e) {
  uint32_t known = IGNORED_FLAGS;
  if (!e->handshake->options->checks_revocation) known |= MBEDTLS_X509_BADCERT_SKIP_VERIFY;
  const mbedtls_x509_crt *c = find_finding(e, ~known);
  return !c || fail_about(e, c, "certificate verification failed");
}

/* --- pins */

/* Where the digest can't be made it is not pinned. */
static bool is_pinned_certificate(const hc_tls_options *o, const mbedtls_x509_crt *c) {
  unsigned char digest[HC_PIN_SIZE];
  return hc_mbedtls_key_digest(c, digest) && hc_tls_is_pinned(o, digest);
}

/* The trusted one that has signed the last of the chain is one of the chain too, where mbedTLS has
 * shown it; only a verified chain speaks for the server. */
static bool check_mbedtls_pins(hc_tls_engine *e) {
  const hc_tls_options *o = e->handshake->options;
  int size = o->verify == HC_TLS_VERIFY_NONE ? 1 : e->chain_size;
  if (o->pin_count == 0) return true;
  for (int i = 0; i < size; i++)
    if (is_pinned_certificate(o, e->chain[i])) return true;
  return fail_about(e, e->chain[0], HC_TLS_PIN_REASON);
}

/* --- the whole */

/* The order is that of the messages: whether it is trusted, whom it is for, then all else. Each has
 * recorded its sentence where it says false. */
static bool judge_chain(hc_tls_engine *e) {
  hc_tls_verify verify = e->handshake->options->verify;
  if (verify == HC_TLS_VERIFY_NONE) return check_mbedtls_pins(e);
  cut_chain_at_trusted(e);
  return check_trust(e) && (verify != HC_TLS_VERIFY_FULL || check_mbedtls_name(e, e->chain[0])) &&
         check_revocation(e) && check_dates(e) && check_constraints(e) && check_rest(e) &&
         check_mbedtls_pins(e);
}

/* How long a good outcome stands. */
static void note_mbedtls_verified(hc_tls_engine *e) {
  hc_tls_verified outcome = {e->handshake->options->store_number, INT64_MIN, INT64_MAX};
  for (int i = 0; i < e->chain_size; i++) {
    int64_t from = hc_mbedtls_seconds(&e->chain[i]->valid_from);
    int64_t until = hc_mbedtls_seconds(&e->chain[i]->valid_to);
    if (from > outcome.from) outcome.from = from;
    if (until < outcome.until) outcome.until = until;
  }
  e->handshake->verified = outcome;
}

/* mbedTLS chooses the alert by the flags that are left. */
static uint32_t flags_of_mbedtls(const hc_tls_engine *e) {
  uint32_t flags = 0;
  for (int i = 0; i < e->chain_size; i++) flags |= e->findings[i];
  flags &= ~(uint32_t)IGNORED_FLAGS;
  if (e->handshake->name_mismatch) flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
  return flags ? flags : MBEDTLS_X509_BADCERT_OTHER;
}

/* mbedTLS calls this once for each certificate, the server's own last, and `flags` are what it has
 * found about that one. Nothing is judged before the last call: then the whole chain is known. A
 * chain that is longer than what is kept is refused. */
int hc_mbedtls_verify(void *engine, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
  hc_tls_engine *e = engine;
  if (depth >= HC_MBEDTLS_CHAIN_MAX) return MBEDTLS_ERR_X509_FATAL_ERROR;
  if (depth >= e->chain_size) e->chain_size = depth + 1;
  e->chain[depth] = certificate;
  e->findings[depth] = *flags;
  *flags = 0;
  if (depth > 0) return 0;
  hc_mbedtls_name_text(&certificate->subject, e->subject);
  bool is_good = judge_chain(e);
  if (is_good) note_mbedtls_verified(e);
  else *flags = flags_of_mbedtls(e);
  e->chain_size = 0; /* what it points to may go */
  if (is_good) return 0;
  /* Where nothing but pins counts, mbedTLS would go on. */
  return e->handshake->options->verify == HC_TLS_VERIFY_NONE ? MBEDTLS_ERR_X509_FATAL_ERROR : 0;
}
