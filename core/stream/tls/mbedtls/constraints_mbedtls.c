/* constraints_mbedtls.c - name constraints (RFC 5280 section 4.2.1.10): an authority says which
 * names those below it may be for. mbedTLS passes over what is not critical, and parses no
 * certificate of a server in which it is; so what reaches this place is not critical, or trusted.
 * The sentences are OpenSSL's.
 *
 * It walks through DER that a server has sent, in place: nothing is copied, and every step checks
 * that it stays inside of what it was given. What it does not understand counts against the
 * certificate. */
#include "mbedtls_internal.h"

#include <mbedtls/asn1.h>
#include <string.h>

#include "../../../base/chars.h"

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define EXPLICIT(number) \
  (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | (number))
#define TAG_NUMBER 0x1Fu
#define OID_CONSTRAINTS "\x55\x1d\x1e"

#define OID_MAIL "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
/* Names times subtrees that one chain may ask for; OpenSSL's number. */
#define LOOKS_MOST 1048576u
#define PARTS_IN_ANY_ORDER 16u /* attributes of a name's part; RFC 5280 knows of one, mostly */

/* The tags of GeneralName (RFC 5280 section 4.2.1.6). */
typedef enum name_kind {
  KIND_MAIL = 1,
  KIND_DNS = 2,
  KIND_DIRECTORY = 4,
  KIND_ADDRESS = 7
} name_kind;

/* What is left of a list, or of one element of it. */
typedef struct constraints_cursor {
  unsigned char *at;
  const unsigned char *end;
} constraints_cursor;

/* --- the structure */

/* The cursor moves behind the element, whose content `inside` is. False: the end, or something
 * else, at which the cursor stays. mbedTLS moves its own even over the head of an element that is
 * cut off, and what is cut off must not look like the end. */
static bool step_into(constraints_cursor *c, int tag, constraints_cursor *inside) {
  unsigned char *at = c->at;
  size_t size;
  if (at >= c->end || *at != tag || mbedtls_asn1_get_tag(&at, c->end, &size, tag) != 0)
    return false;
  *inside = (constraints_cursor){at, at + size};
  c->at = at + size;
  return true;
}

/* Any tag. mbedtls_asn1_get_len checks that what it tells is there. */
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

/* `end` may have a dot in front or not; either way the name has one label more. */
static bool ends_below(hc_slice name, hc_slice end) {
  if (name.size <= end.size) return false;
  hc_slice tail = {name.data + name.size - end.size, end.size};
  return hc_slice_equal_fold(tail, end) && (end.data[0] == '.' || tail.data[-1] == '.');
}

/* RFC 5280: a constraint without a dot in front is met by the host and by all below it. An empty
 * one is all hosts. */
static bool is_dns_within(hc_slice name, hc_slice base) {
  return base.size == 0 || hc_slice_equal_fold(name, base) || ends_below(name, base);
}

/* "host." is the host as well. */
static hc_slice without_root(hc_slice name) {
  if (name.size > 0 && name.data[name.size - 1] == '.') name.size--;
  return name;
}

/* A wildcard may stand for what is excluded. */
static bool may_be_dns_within(hc_slice name, hc_slice base) {
  if (is_dns_within(name, base)) return true;
  if (name.size < 3 || name.data[0] != '*' || name.data[1] != '.') return false;
  return is_dns_within(base, (hc_slice){name.data + 2, name.size - 2});
}

/* A mailbox, all of a host, or with a dot in front all below it. Local parts have their case. */
static bool is_mail_within(hc_slice name, hc_slice base) {
  size_t at = name.size, base_at = base.size;
  while (at > 0 && name.data[at - 1] != '@') at--;
  while (base_at > 0 && base.data[base_at - 1] != '@') base_at--;
  if (at == 0) return false;
  hc_slice host = {name.data + at, name.size - at};
  hc_slice wanted = {base.data + base_at, base.size - base_at};
  if (base_at == 0 && base.size > 0 && base.data[0] == '.') return ends_below(host, base);
  if (base_at > 0 && (at != base_at || memcmp(name.data, base.data, at) != 0)) return false;
  return hc_slice_equal_fold(host, wanted);
}

/* An address and its mask. */
static bool is_address_within(hc_slice address, hc_slice base) {
  if (base.size != 2 * address.size) return false;
  for (size_t i = 0; i < address.size; i++)
    if (((address.data[i] ^ base.data[i]) & base.data[address.size + i]) != 0) return false;
  return true;
}

/* Type and value (RFC 5280 section 7.1). The cursors are copies: whoever asks goes on where he
 * was. */
static bool is_same_attribute(constraints_cursor a, constraints_cursor b) {
  unsigned tag_a, tag_b;
  hc_slice type_a, type_b, value_a, value_b;
  return step_over(&a, &tag_a, &type_a) && step_over(&b, &tag_b, &type_b) &&
         type_a.size == type_b.size && memcmp(type_a.data, type_b.data, type_a.size) == 0 &&
         step_over(&a, &tag_a, &value_a) && step_over(&b, &tag_b, &value_b) &&
         hc_mbedtls_is_same_text(tag_a, value_a, tag_b, value_b);
}

/* SIZE_MAX where it is no sequence of attributes. */
static size_t count_attributes(constraints_cursor part) {
  constraints_cursor one;
  size_t count = 0;
  while (step_into(&part, SEQUENCE, &one)) count++;
  return part.at == part.end ? count : SIZE_MAX;
}

/* In any order; what this costs is bounded by PARTS_IN_ANY_ORDER. */
static bool has_attribute(constraints_cursor part, constraints_cursor wanted) {
  constraints_cursor one;
  while (step_into(&part, SEQUENCE, &one))
    if (is_same_attribute(one, wanted)) return true;
  return false;
}

/* Both are sets of one attribute or more, which DER puts in order and others may not. Large ones
 * are compared in their order alone: to look for each in the other would take time with the square
 * of a number that a server chooses. */
static bool is_same_part(constraints_cursor a, constraints_cursor b) {
  constraints_cursor of_a, of_b;
  size_t count = count_attributes(a);
  if (count == SIZE_MAX || count != count_attributes(b)) return false;
  while (step_into(&a, SEQUENCE, &of_a))
    if (count <= PARTS_IN_ANY_ORDER
            ? !has_attribute(b, of_a)
            : !step_into(&b, SEQUENCE, &of_b) || !is_same_attribute(of_a, of_b))
      return false;
  return true;
}

#define SET (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET)

/* The subtree's parts are the first ones of the name, in their order; the name may have more. */
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

/* What can't be compared is refused by an exclusion and not allowed by a permission: closed both
 * times. */
static bool is_within(subtree_kind subtree, unsigned kind, hc_slice name, hc_slice base) {
  switch (kind) {
  case KIND_MAIL: return is_mail_within(name, base);
  case KIND_DNS:
    name = without_root(name);
    return subtree == EXCLUDED ? may_be_dns_within(name, base) : is_dns_within(name, base);
  case KIND_ADDRESS: return is_address_within(name, base);
  case KIND_DIRECTORY: return is_directory_within(name, base);
  default: return subtree == EXCLUDED; /* URIs and others are not looked into */
  }
}

/* --- may there be this name? */

/* What a list of subtrees says about one name: is it well formed, does it speak of such names at
 * all, and does one of its subtrees hold this one? */
typedef struct subtrees_found {
  bool is_broken, has_kind, has_match;
} subtrees_found;

/* What has been done for a chain: its sender chooses how much there is to do. */
typedef struct constraints_work {
  size_t looks;
} constraints_work;

/* To the end of the list even behind a match, since what is broken further on counts as well. */
static subtrees_found look_for(constraints_work *work, constraints_cursor list,
                               subtree_kind subtree, unsigned kind, hc_slice name) {
  subtrees_found found = {false, false, false};
  constraints_cursor one;
  while (work->looks <= LOOKS_MOST && step_into(&list, SEQUENCE, &one)) {
    unsigned tag;
    hc_slice base;
    work->looks++;
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

/* A name has to be in one of the permitted subtrees of its kind, if there are any, and in no
 * excluded one (RFC 5280 section 6.1.3, steps b and c). */
static const char *objection_to_name(constraints_work *work, constraints_cursor content,
                                     unsigned kind, hc_slice name) {
  constraints_cursor permitted = {NULL, NULL}, excluded = {NULL, NULL};
  if (!content.at) return BROKEN_CONSTRAINTS;
  (void)step_into(&content, EXPLICIT(0), &permitted);
  (void)step_into(&content, EXPLICIT(1), &excluded);
  if (content.at != content.end) return BROKEN_CONSTRAINTS;
  subtrees_found may = look_for(work, permitted, PERMITTED, kind, name);
  subtrees_found must_not = look_for(work, excluded, EXCLUDED, kind, name);
  if (work->looks > LOOKS_MOST) return "too many names and name constraints";
  if (may.is_broken || must_not.is_broken) return BROKEN_CONSTRAINTS;
  if (may.has_kind && !may.has_match) return "permitted subtree violation";
  return must_not.has_match ? "excluded subtree violation" : NULL;
}

/* A mail address in the subject counts as if it stood in the alternative names (RFC 5280 section
 * 4.2.1.10). */
static const char *objection_to_subject(constraints_work *work, constraints_cursor content,
                                        const mbedtls_x509_crt *c) {
  hc_slice whole = {(const char *)c->subject_raw.p, c->subject_raw.len};
  if (!c->subject.oid.p) return NULL; /* it has no parts */
  const char *reason = objection_to_name(work, content, KIND_DIRECTORY, whole);
  const mbedtls_x509_name *i = &c->subject;
  for (; !reason && i && i->oid.p; i = i->next)
    if (i->oid.len == sizeof OID_MAIL - 1 && memcmp(i->oid.p, OID_MAIL, i->oid.len) == 0)
      reason = objection_to_name(work, content, KIND_MAIL,
                                 (hc_slice){(const char *)i->val.p, i->val.len});
  return reason;
}

/* Subject and alternative names: the first objection is told. */
static const char *objection_to(constraints_work *work, constraints_cursor content,
                                const mbedtls_x509_crt *c) {
  const char *reason = objection_to_subject(work, content, c);
  const mbedtls_x509_sequence *i = &c->subject_alt_names;
  for (; !reason && i && i->buf.p; i = i->next)
    reason = objection_to_name(work, content, (unsigned)i->buf.tag & TAG_NUMBER,
                               (hc_slice){(const char *)i->buf.p, i->buf.len});
  return reason;
}

/* An authority that changes its key is the same one. */
static bool is_the_issuer_itself(const mbedtls_x509_crt *c) {
  return c->issuer_raw.len == c->subject_raw.len &&
         memcmp(c->issuer_raw.p, c->subject_raw.p, c->issuer_raw.len) == 0;
}

/* Every authority is asked about everybody below it, from the top down; `work` is one for all of
 * them. */
const char *hc_mbedtls_name_objection(const mbedtls_x509_crt *const *chain, int size,
                                      const mbedtls_x509_crt **about) {
  constraints_work work = {0};
  for (int i = size - 1; i > 0; i--) {
    constraints_cursor content;
    if (!find_constraints(chain[i], &content)) continue;
    for (int below = i - 1; below >= 0; below--) {
      const mbedtls_x509_crt *c = *about = chain[below];
      const char *reason =
          below > 0 && is_the_issuer_itself(c) ? NULL : objection_to(&work, content, c);
      if (reason) return reason;
    }
  }
  return NULL;
}

/* --- certificates that are given, in which it may be critical */

/* mbedTLS asks about each extension that it does not know. Whoever gives us an authority with
 * critical constraints means them to be kept, and this file keeps them; another critical one is
 * refused, as mbedTLS would. */
static int accept_constraints(void *unused, const mbedtls_x509_crt *certificate,
                              const mbedtls_x509_buf *oid, int critical, const unsigned char *at,
                              const unsigned char *end) {
  (void)unused, (void)certificate, (void)at, (void)end;
  bool is_known = oid->len == 3 && memcmp(oid->p, OID_CONSTRAINTS, 3) == 0;
  return !critical || is_known
             ? 0
             : MBEDTLS_ERR_X509_INVALID_EXTENSIONS + MBEDTLS_ERR_ASN1_UNEXPECTED_TAG;
}

/* 1: mbedTLS copies the bytes, so the caller's may go. */
int hc_mbedtls_parse_certificate(mbedtls_x509_crt *list, const unsigned char *der, size_t size) {
  return mbedtls_x509_crt_parse_der_with_ext_cb(list, der, size, 1, accept_constraints, NULL);
}
