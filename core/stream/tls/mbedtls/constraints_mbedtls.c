/* constraints_mbedtls.c - name constraints (RFC 5280 section 4.2.1.10): an authority says which
 * names those below it may be for. mbedTLS passes over what is not critical, and parses no
 * certificate of a server in which it is; so what reaches this place is not critical, or trusted.
 * The sentences are OpenSSL's. */
#include "mbedtls_internal.h"

#include <mbedtls/asn1.h>
#include <string.h>

#include "../../../base/chars.h"

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define EXPLICIT(number) \
  (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | (number))
#define TAG_NUMBER 0x1Fu
#define OID_CONSTRAINTS "\x55\x1d\x1e"

typedef enum name_kind { KIND_DNS = 2, KIND_DIRECTORY = 4, KIND_ADDRESS = 7 } name_kind;

typedef struct constraints_cursor {
  unsigned char *at;
  const unsigned char *end;
} constraints_cursor;

/* --- the structure */

static bool step_into(constraints_cursor *c, int tag, constraints_cursor *inside) {
  size_t size;
  if (c->at >= c->end || *c->at != tag || mbedtls_asn1_get_tag(&c->at, c->end, &size, tag) != 0)
    return false;
  *inside = (constraints_cursor){c->at, c->at + size};
  c->at += size;
  return true;
}

static bool step_over(constraints_cursor *c, unsigned *tag, hc_slice *value) {
  size_t size;
  if (c->at >= c->end) return false;
  *tag = *c->at++;
  if (mbedtls_asn1_get_len(&c->at, c->end, &size) != 0) return false;
  *value = (hc_slice){(const char *)c->at, size};
  c->at += size;
  return true;
}

/* The content of the extension; false: there is none. */
static bool find_constraints(const mbedtls_x509_crt *c, constraints_cursor *content) {
  constraints_cursor all = {c->v3_ext.p, c->v3_ext.p + c->v3_ext.len}, list, one, value;
  if (!c->v3_ext.p || !step_into(&all, SEQUENCE, &list)) return false;
  while (step_into(&list, SEQUENCE, &one)) {
    unsigned tag;
    hc_slice oid, rest;
    if (!step_over(&one, &tag, &oid)) return false;
    if (oid.size != 3 || memcmp(oid.data, OID_CONSTRAINTS, 3) != 0) continue;
    if (one.at < one.end && *one.at == MBEDTLS_ASN1_BOOLEAN) (void)step_over(&one, &tag, &rest);
    /* A broken one constrains everything: it has no subtrees that anything is in. */
    if (!step_into(&one, MBEDTLS_ASN1_OCTET_STRING, &value) ||
        !step_into(&value, SEQUENCE, content))
      *content = (constraints_cursor){NULL, NULL};
    return true;
  }
  return false;
}

/* --- is a name within a subtree? */

static bool ends_below(hc_slice name, hc_slice end) {
  if (name.size <= end.size) return false;
  hc_slice tail = {name.data + name.size - end.size, end.size};
  return hc_slice_equal_fold(tail, end) && (end.data[0] == '.' || tail.data[-1] == '.');
}

static bool is_dns_within(hc_slice name, hc_slice base) {
  return base.size == 0 || hc_slice_equal_fold(name, base) || ends_below(name, base);
}

/* A wildcard may stand for what is excluded. */
static bool may_be_dns_within(hc_slice name, hc_slice base) {
  if (is_dns_within(name, base)) return true;
  if (name.size < 3 || name.data[0] != '*' || name.data[1] != '.') return false;
  return is_dns_within(base, (hc_slice){name.data + 2, name.size - 2});
}

/* An address and its mask. */
static bool is_address_within(hc_slice address, hc_slice base) {
  if (base.size != 2 * address.size) return false;
  for (size_t i = 0; i < address.size; i++)
    if (((address.data[i] ^ base.data[i]) & base.data[address.size + i]) != 0) return false;
  return true;
}

static bool is_same_value(constraints_cursor a, constraints_cursor b) {
  unsigned tag_a, tag_b;
  hc_slice type_a, type_b, value_a, value_b;
  return step_over(&a, &tag_a, &type_a) && step_over(&b, &tag_b, &type_b) &&
         type_a.size == type_b.size && memcmp(type_a.data, type_b.data, type_a.size) == 0 &&
         step_over(&a, &tag_a, &value_a) && step_over(&b, &tag_b, &value_b) &&
         hc_slice_equal_fold(value_a, value_b); /* whichever kind of text each is */
}

/* Both are sets of one attribute or more. */
static bool is_same_part(constraints_cursor a, constraints_cursor b) {
  constraints_cursor of_a, of_b;
  while (step_into(&a, SEQUENCE, &of_a))
    if (!step_into(&b, SEQUENCE, &of_b) || !is_same_value(of_a, of_b)) return false;
  return a.at == a.end && b.at == b.end;
}

#define SET (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET)

static bool is_directory_within(hc_slice name, hc_slice base) {
  constraints_cursor n = {(unsigned char *)(uintptr_t)name.data,
                          (const unsigned char *)name.data + name.size},
                     b = {(unsigned char *)(uintptr_t)base.data,
                          (const unsigned char *)base.data + base.size},
                     parts, base_parts, part, base_part;
  if (!step_into(&n, SEQUENCE, &parts) || !step_into(&b, SEQUENCE, &base_parts)) return false;
  while (step_into(&base_parts, SET, &base_part))
    if (!step_into(&parts, SET, &part) || !is_same_part(part, base_part)) return false;
  return base_parts.at == base_parts.end;
}

typedef enum subtree_kind { PERMITTED, EXCLUDED } subtree_kind;

static bool is_within(subtree_kind subtree, unsigned kind, hc_slice name, hc_slice base) {
  switch (kind) {
  case KIND_DNS:
    return subtree == EXCLUDED ? may_be_dns_within(name, base) : is_dns_within(name, base);
  case KIND_ADDRESS: return is_address_within(name, base);
  case KIND_DIRECTORY: return is_directory_within(name, base);
  default: return subtree == EXCLUDED; /* mail, URIs and others are not looked into */
  }
}

/* --- may there be this name? */

typedef struct subtrees_found {
  bool is_broken, has_kind, has_match;
} subtrees_found;

static subtrees_found look_for(constraints_cursor list, subtree_kind subtree, unsigned kind,
                               hc_slice name) {
  subtrees_found found = {false, false, false};
  constraints_cursor one;
  while (step_into(&list, SEQUENCE, &one)) {
    unsigned tag;
    hc_slice base;
    /* minimum and maximum are not used (RFC 5280) */
    if (!step_over(&one, &tag, &base) || one.at != one.end) found.is_broken = true;
    else if ((tag & TAG_NUMBER) == kind) {
      found.has_kind = true;
      found.has_match = found.has_match || is_within(subtree, kind, name, base);
    }
  }
  found.is_broken = found.is_broken || list.at != list.end;
  return found;
}

#define BROKEN_CONSTRAINTS "unsupported or invalid name constraint syntax"

static const char *objection_to_name(constraints_cursor content, unsigned kind, hc_slice name) {
  constraints_cursor permitted = {NULL, NULL}, excluded = {NULL, NULL};
  if (!content.at) return BROKEN_CONSTRAINTS;
  (void)step_into(&content, EXPLICIT(0), &permitted);
  (void)step_into(&content, EXPLICIT(1), &excluded);
  if (content.at != content.end) return BROKEN_CONSTRAINTS;
  subtrees_found may = look_for(permitted, PERMITTED, kind, name);
  subtrees_found must_not = look_for(excluded, EXCLUDED, kind, name);
  if (may.is_broken || must_not.is_broken) return BROKEN_CONSTRAINTS;
  if (may.has_kind && !may.has_match) return "permitted subtree violation";
  return must_not.has_match ? "excluded subtree violation" : NULL;
}

static const char *objection_to(constraints_cursor content, const mbedtls_x509_crt *c) {
  const char *reason = NULL;
  if (c->subject.oid.p)
    reason = objection_to_name(content, KIND_DIRECTORY,
                               (hc_slice){(const char *)c->subject_raw.p, c->subject_raw.len});
  const mbedtls_x509_sequence *i = &c->subject_alt_names;
  for (; !reason && i && i->buf.p; i = i->next)
    reason = objection_to_name(content, (unsigned)i->buf.tag & TAG_NUMBER,
                               (hc_slice){(const char *)i->buf.p, i->buf.len});
  return reason;
}

const char *hc_mbedtls_name_objection(const mbedtls_x509_crt *const *chain, int size,
                                      const mbedtls_x509_crt **about) {
  for (int i = size - 1; i > 0; i--) {
    constraints_cursor content;
    if (!find_constraints(chain[i], &content)) continue;
    for (int below = i - 1; below >= 0; below--) {
      const mbedtls_x509_crt *c = *about = chain[below];
      /* An authority that changes its key is the same one. */
      bool is_itself = below > 0 && c->issuer_raw.len == c->subject_raw.len &&
                       memcmp(c->issuer_raw.p, c->subject_raw.p, c->issuer_raw.len) == 0;
      const char *reason = is_itself ? NULL : objection_to(content, c);
      if (reason) return reason;
    }
  }
  return NULL;
}

/* --- certificates that are given, in which it may be critical */

static int accept_constraints(void *unused, const mbedtls_x509_crt *certificate,
                              const mbedtls_x509_buf *oid, int critical, const unsigned char *at,
                              const unsigned char *end) {
  (void)unused, (void)certificate, (void)at, (void)end;
  bool is_known = oid->len == 3 && memcmp(oid->p, OID_CONSTRAINTS, 3) == 0;
  return !critical || is_known
             ? 0
             : MBEDTLS_ERR_X509_INVALID_EXTENSIONS + MBEDTLS_ERR_ASN1_UNEXPECTED_TAG;
}

int hc_mbedtls_parse_certificate(mbedtls_x509_crt *list, const unsigned char *der, size_t size) {
  return mbedtls_x509_crt_parse_der_with_ext_cb(list, der, size, 1, accept_constraints, NULL);
}
