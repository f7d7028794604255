/* certificate_mbedtls.c - certificates as text: for messages, and for hc_tls_peer_certificate.
 * Names are written as RFC 2253 says, the last part first, with UTF-8 left readable.
 *
 * What is in a certificate was chosen by whoever sent it. Control bytes are escaped, and what goes
 * into a message is cut (tls_text.c), so that a name can neither break a line of a log nor hide the
 * rest. */
#include "mbedtls_internal.h"

#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <stdio.h>
#include <string.h>

#include "../../../base/memory.h"

#define OID_TEXT 64u
#define SAN_KIND 0x1Fu /* the number of a context-specific tag */

/* --- names */

/* A name has no limit but the certificate's own. */
static bool append_text(hc_buffer *out, const char *text) {
  return hc_buffer_append(out, hc_slice_of(text), SIZE_MAX) == HC_OK;
}

/* RFC 4514 section 2.4, which has followed RFC 2253. mbedTLS's own mbedtls_x509_dn_gets begins with
 * the first part. */
static bool append_escaped(hc_buffer *out, hc_slice value) {
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.data[i];
    bool is_edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == value.size && c == ' ');
    char text[4];
    if (c < 0x20 || c == 0x7F) snprintf(text, sizeof text, "\\%02X", (unsigned)c);
    else snprintf(text, sizeof text, is_edge || strchr(",+\"\\<>;", c) ? "\\%c" : "%c", c);
    if (!append_text(out, text)) return false;
  }
  return true;
}

/* An attribute without a short name is shown by its number, "2.5.4.97". */
static bool append_attribute(hc_buffer *out, const mbedtls_x509_name *name) {
  const char *known = NULL;
  char number[OID_TEXT] = "";
  if (mbedtls_oid_get_attr_short_name(&name->oid, &known) != 0 &&
      mbedtls_oid_get_numeric_string(number, sizeof number, &name->oid) < 0)
    number[0] = '\0';
  return append_text(out, known ? known : number) && append_text(out, "=") &&
         append_escaped(out, (hc_slice){(const char *)name->val.p, name->val.len});
}

/* Parts that the certificate joins keep their order and are joined by '+'. Names have few parts,
 * and mbedTLS's lists go one way. */
static const mbedtls_x509_name *part_before(const mbedtls_x509_name *first,
                                            const mbedtls_x509_name *end) {
  const mbedtls_x509_name *last = first;
  while (last->next != end) last = last->next;
  return last;
}

/* Private in version 3. A part of a name may have several attributes, which mbedTLS links as if
 * they were parts, and marks so. */
static bool is_joined_to_next(const mbedtls_x509_name *part) { return part->next_merged != 0; }

/* From the last part to the first: `end` is where what is written already begins. Within a part of
 * several attributes their order stays. */
static bool append_name(hc_buffer *out, const mbedtls_x509_name *first) {
  if (!first->oid.p) return true; /* a name without parts */
  for (const mbedtls_x509_name *end = NULL; end != first;) {
    const mbedtls_x509_name *begin = part_before(first, end), *stop = end;
    while (begin != first && is_joined_to_next(part_before(first, begin)))
      begin = part_before(first, begin);
    if (stop && !append_text(out, ",")) return false;
    for (const mbedtls_x509_name *part = begin; part != stop; part = part->next) {
      if (part != begin && !append_text(out, "+")) return false;
      if (!append_attribute(out, part)) return false;
    }
    end = begin;
  }
  return true;
}

/* Without memory it looks like a name that has no parts: a message is not worth a failure of its
 * own. */
void hc_mbedtls_name_text(const mbedtls_x509_name *name, char text[HC_TLS_NAME_TEXT]) {
  hc_buffer whole = {0};
  bool done = append_name(&whole, name) && hc_buffer_size(&whole) > 0;
  hc_slice shown = {hc_buffer_head(&whole), hc_buffer_size(&whole)};
  hc_tls_copy_cut(text, HC_TLS_NAME_TEXT, done ? shown : HC_SLICE("without name"));
  hc_buffer_free(&whole);
}

/* --- hosts and dates */

/* 2 is dNSName and 7 iPAddress (RFC 5280 section 4.2.1.6). mbedTLS keeps alternative names as bytes
 * with their tags. */
bool hc_mbedtls_host_of(const mbedtls_x509_sequence *name, hc_slice *host, bool *is_address) {
  unsigned kind = (unsigned)name->buf.tag & SAN_KIND;
  *host = (hc_slice){(const char *)name->buf.p, name->buf.len};
  *is_address = kind == 7;
  if (!name->buf.p) return false;
  return kind == 2 ? host->size > 0 : kind == 7 && (host->size == 4 || host->size == 16);
}

/* The host as it is written; an address in the room given. False: it is no name of a host. */
static bool shown_host(const mbedtls_x509_sequence *name, char address[HC_TLS_ADDRESS_TEXT],
                       hc_slice *host) {
  bool is_address;
  if (!hc_mbedtls_host_of(name, host, &is_address)) return false;
  if (is_address && hc_tls_address_text(*host, address)) *host = hc_slice_of(address);
  return true;
}

/* Until the text is full. */
void hc_mbedtls_hosts_text(const mbedtls_x509_crt *certificate, char text[HC_TLS_NAME_TEXT]) {
  size_t at = 0;
  text[0] = '\0';
  for (const mbedtls_x509_sequence *i = &certificate->subject_alt_names; i; i = i->next) {
    char address[HC_TLS_ADDRESS_TEXT];
    hc_slice host;
    if (!shown_host(i, address, &host)) continue;
    if (!hc_tls_append_host(text, &at, host)) break;
  }
}

/* In UTC, as it stands in the certificate. */
void hc_mbedtls_date_text(const mbedtls_x509_time *time, char text[HC_TLS_DATE_TEXT]) {
  hc_tls_day_text(time->year, time->mon, time->day, text);
}

/* Days since 1970 of the calendar that has always been the Gregorian one: years begin in March. */
static int64_t days_of(int64_t year, int month, int day) {
  int64_t y = month <= 2 ? year - 1 : year;
  int64_t era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
  int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

/* By hand: timegm is not in C, and mktime goes by the host's time zone. */
int64_t hc_mbedtls_seconds(const mbedtls_x509_time *t) {
  return days_of(t->year, t->mon, t->day) * 86400 + t->hour * 3600 + t->min * 60 + t->sec;
}

/* --- digests */

/* False also where mbedTLS was built without SHA-256. */
static bool sha256_of(const unsigned char *bytes, size_t size, unsigned char out[HC_PIN_SIZE]) {
  const mbedtls_md_info_t *kind = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  return kind && mbedtls_md(kind, bytes, size, out) == 0;
}

/* mbedTLS keeps the DER of SubjectPublicKeyInfo beside the parsed key. */
bool hc_mbedtls_key_digest(const mbedtls_x509_crt *certificate, unsigned char digest[HC_PIN_SIZE]) {
  return sha256_of(certificate->pk_raw.p, certificate->pk_raw.len, digest);
}

/* --- the facts of a certificate */

/* Uncut, unlike hc_mbedtls_name_text: it is no part of a sentence. NULL when memory is out. */
static char *whole_name(const mbedtls_x509_name *name) {
  hc_buffer text = {0};
  char *copy = append_name(&text, name)
                   ? hc_memory_copy_text(hc_buffer_head(&text), hc_buffer_size(&text))
                   : NULL;
  hc_buffer_free(&text);
  return copy;
}

/* A chain of one that borrows the bytes. It must not be freed as a chain. */
static char *pem_of_mbedtls(const mbedtls_x509_crt *certificate) {
  hc_tls_chain one = {.first = {0}};
  hc_buffer text = {0};
  one.first.raw = certificate->raw; /* all that is asked of it */
  char *copy = hc_tls_chain_write(&one, &text, NULL) == HC_OK
                   ? hc_memory_copy_text(hc_buffer_head(&text), hc_buffer_size(&text))
                   : NULL;
  hc_buffer_free(&text);
  return copy;
}

/* The list has one element at least, which is empty where there are no names. Names that are no
 * hosts leave places free at the end. */
static bool collect_mbedtls_hosts(hc_peer_certificate *out, const mbedtls_x509_crt *certificate) {
  size_t count = 0;
  for (const mbedtls_x509_sequence *i = &certificate->subject_alt_names; i; i = i->next) count++;
  out->names = hc_memory_allocate_zeroed(count, sizeof *out->names);
  if (!out->names) return false;
  for (const mbedtls_x509_sequence *i = &certificate->subject_alt_names; i; i = i->next) {
    char address[HC_TLS_ADDRESS_TEXT];
    hc_slice host;
    if (!shown_host(i, address, &host)) continue;
    out->names[out->name_count] = hc_tls_copy_host(host);
    if (!out->names[out->name_count++]) return false;
  }
  return true;
}

/* The first that has no memory ends it, and the caller frees what is there. */
static bool collect_mbedtls(hc_peer_certificate *out, const mbedtls_x509_crt *certificate) {
  unsigned char whole[HC_PIN_SIZE], key[HC_PIN_SIZE];
  out->not_before = hc_mbedtls_seconds(&certificate->valid_from);
  out->not_after = hc_mbedtls_seconds(&certificate->valid_to);
  return sha256_of(certificate->raw.p, certificate->raw.len, whole) &&
         hc_mbedtls_key_digest(certificate, key) &&
         (out->subject = whole_name(&certificate->subject)) != NULL &&
         (out->issuer = whole_name(&certificate->issuer)) != NULL &&
         (out->fingerprint = hc_tls_fingerprint_text(whole)) != NULL &&
         (out->public_key_pin = hc_tls_pin_text(key)) != NULL &&
         (out->pem = pem_of_mbedtls(certificate)) != NULL &&
         collect_mbedtls_hosts(out, certificate);
}

/* All texts are ours, so they outlive the connection that they were asked of. */
hc_error hc_mbedtls_describe(const mbedtls_x509_crt *certificate, hc_peer_certificate *out,
                             hc_failure *why) {
  if (collect_mbedtls(out, certificate)) return HC_OK;
  hc_peer_certificate_free(out);
  return hc_failure_out_of_memory(why);
}
