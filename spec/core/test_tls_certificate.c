/* test_tls_certificate.c - certificates as text: names, addresses and dates in messages, and the
 * facts for the caller. */
#include <arpa/inet.h>

#include "../../core/base/memory.h"
#include "../../core/stream/tls/openssl/openssl_internal.h"
#include "crypto_memory.h"
#include "tls_world.h"

static identity root;

/* --- the subject in a message */

static X509_NAME *make_name(const char *const entries[], size_t count) {
  X509_NAME *name = X509_NAME_new();
  NEED(name != NULL);
  for (size_t i = 0; i < count; i++) {
    const unsigned char *text = (const unsigned char *)entries[i];
    NEED(X509_NAME_add_entry_by_txt(name, i == 0 ? "CN" : "OU", MBSTRING_UTF8, text, -1, -1, 0) ==
         1);
  }
  return name;
}

static void expect_name(const char *const entries[], size_t count, const char *expected) {
  X509_NAME *name = make_name(entries, count);
  char text[HC_TLS_NAME_TEXT];
  hc_tls_name_text(name, text);
  CHECK_CASE(expected, strcmp(text, expected) == 0);
  if (strcmp(text, expected) != 0) fprintf(stderr, "  \"%s\"\n", text);
  X509_NAME_free(name);
}

static void test_names(void) {
  static char full[65], fitting[25], one_more[26];
  memset(full, 'f', 64);
  memset(fitting, 's', 24);
  memset(one_more, 's', 25);
  char expected[HC_TLS_NAME_TEXT + 8];
  expect_name((const char *[]){"a.example"}, 1, "CN=a.example");
  expect_name(NULL, 0, "without name");
  expect_name((const char *[]){"M\xC3\xBCller"}, 1, "CN=M\xC3\xBCller");
  expect_name((const char *[]){"two\nlines\x1b[31m"}, 1, "CN=two\\0Alines\\1B[31m");
  snprintf(expected, sizeof expected, "OU=%s,CN=%s", full, fitting);
  NEED(strlen(expected) == HC_TLS_NAME_TEXT - 1);
  expect_name((const char *[]){fitting, full}, 2, expected);
  snprintf(expected + HC_TLS_NAME_TEXT - 4, 4, "..."); /* a cut shows */
  expect_name((const char *[]){one_more, full}, 2, expected);
}

/* --- alternative names, as the server put them */

typedef struct raw_name {
  int type; /* GEN_DNS, GEN_IPADD, GEN_EMAIL; 0 ends the list */
  const char *bytes;
  int size;
} raw_name;

#define NAMES_MAX 12

static X509 *make_certificate(const raw_name names[NAMES_MAX]) {
  identity made = make_server(NULL, &root);
  GENERAL_NAMES *list = GENERAL_NAMES_new();
  for (const raw_name *n = names; n->type != 0; n++) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value =
        ASN1_STRING_type_new(n->type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    NEED(name && value && ASN1_STRING_set(value, n->bytes, n->size) == 1);
    GENERAL_NAME_set0_value(name, n->type, value);
    NEED(sk_GENERAL_NAME_push(list, name) > 0);
  }
  NEED(names->type == 0 ||
       X509_add1_ext_i2d(made.certificate, NID_subject_alt_name, list, 0, 0) == 1);
  GENERAL_NAMES_free(list);
  EVP_PKEY_free(made.key);
  return made.certificate;
}

#define DNS(text) {GEN_DNS, text, sizeof text - 1}
#define IP(text) {GEN_IPADD, text, sizeof text - 1}
#define EMAIL(text) {GEN_EMAIL, text, sizeof text - 1}
#define LONG_LABEL "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static void test_alternative_names(void) {
  static const struct {
    raw_name names[NAMES_MAX];
    const char *message, *first; /* the names in a message, the first one of the facts */
    size_t count;
  // clang-format off: a case a line
  } cases[] = {
      {{{0, NULL, 0}}, "", NULL, 0},
      {{DNS("a.example"), EMAIL("a@b.example"), IP("\x7f\0\0\1"), {0, NULL, 0}}, "a.example, 127.0.0.1", "a.example", 2},
      {{DNS("bank.example\0.evil.example"), {0, NULL, 0}}, "bank.example?.evil.example", "bank.example?.evil.example", 1},
      {{DNS(""), IP("\1\2\3"), IP(""), IP("\1\2\3\4\5"), {0, NULL, 0}}, "", NULL, 0},
      {{EMAIL("a@b.example"), DNS("b.example"), {0, NULL, 0}}, "b.example", "b.example", 1},
      {{DNS("a." LONG_LABEL), DNS("b.example"), DNS("c.example"), DNS("d.example"), DNS("e.example"), {0, NULL, 0}},
       "a." LONG_LABEL ", b.example, c.example, ...", "a." LONG_LABEL, 5},
      {{DNS(LONG_LABEL "." LONG_LABEL), DNS("b.example"), {0, NULL, 0}}, "...", LONG_LABEL "." LONG_LABEL, 2},
  };
  // clang-format on
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    X509 *certificate = make_certificate(cases[i].names);
    char text[HC_TLS_NAME_TEXT];
    hc_peer_certificate facts = {0};
    hc_tls_subject_names_text(certificate, text);
    CHECK_CASE(cases[i].message, strcmp(text, cases[i].message) == 0);
    if (strcmp(text, cases[i].message) != 0) fprintf(stderr, "  \"%s\"\n", text);
    CHECK(hc_tls_certificate_describe(certificate, &facts, NULL) == HC_OK &&
          facts.name_count == cases[i].count);
    CHECK_CASE(cases[i].message,
               cases[i].count == 0 || strcmp(facts.names[0], cases[i].first) == 0);
    CHECK(ERR_peek_error() == 0);
    hc_peer_certificate_free(&facts);
    X509_free(certificate);
  }
}

/* RFC 5952 section 4: as the system itself writes them. */
static void test_addresses(void) {
  static const char *const texts[] = {"::",
                                      "::1",
                                      "1::",
                                      "2001:db8::1",
                                      "2001:db8:0:1:1:1:1:1",
                                      "2001:db8::1:0:0:1",
                                      "1:0:0:2::3",
                                      "1::2:0:0:3",
                                      "1:2:3:4:5:6:7:8",
                                      "fe80::1234:abcd",
                                      "1:2:3:4:5:6::",
                                      "0:1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:0",
                                      "127.0.0.1",
                                      "255.255.255.255"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    unsigned char bytes[16];
    char text[HC_TLS_NAME_TEXT];
    bool is_ipv6 = strchr(texts[i], ':') != NULL;
    NEED(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, texts[i], bytes) == 1);
    const raw_name names[NAMES_MAX] = {{GEN_IPADD, (const char *)bytes, is_ipv6 ? 16 : 4},
                                       {0, NULL, 0}};
    X509 *certificate = make_certificate(names);
    hc_tls_subject_names_text(certificate, text);
    CHECK_CASE(texts[i], strcmp(text, texts[i]) == 0);
    if (strcmp(text, texts[i]) != 0) fprintf(stderr, "  \"%s\"\n", text);
    X509_free(certificate);
  }
}

/* An extension that is no list of names names nothing, and breaks nothing. */
static void test_malformed_names(void) {
  identity made = make_server(NULL, &root);
  ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
  NEED(value && ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x30\x7f\x01", 3) == 1);
  X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value);
  NEED(extension && X509_add_ext(made.certificate, extension, -1) == 1);
  char text[HC_TLS_NAME_TEXT] = "before";
  hc_peer_certificate facts = {0};
  hc_tls_subject_names_text(made.certificate, text);
  CHECK(text[0] == '\0' && ERR_peek_error() == 0);
  CHECK(hc_tls_certificate_describe(made.certificate, &facts, NULL) == HC_OK &&
        facts.name_count == 0 && !facts.names);
  hc_peer_certificate_free(&facts);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(value);
  identity_free(&made);
}

/* --- dates */

static void test_dates(void) {
  static const struct {
    const char *time, *text;
    int64_t seconds;
  } cases[] = {{"20240131235959Z", "2024-01-31", 1706745599},
               {"19700101000000Z", "1970-01-01", 0},
               {"19691231235959Z", "1969-12-31", -1},
               {"99991231235959Z", "9999-12-31", 253402300799},
               {"when it suits", "unknown date", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ASN1_TIME *time = ASN1_STRING_type_new(V_ASN1_GENERALIZEDTIME);
    NEED(time && ASN1_STRING_set(time, cases[i].time, -1) == 1);
    char text[HC_TLS_DATE_TEXT];
    hc_tls_date_text(time, text);
    CHECK_CASE(cases[i].time, strcmp(text, cases[i].text) == 0);
    identity made = make_server(NULL, &root);
    hc_peer_certificate facts = {0};
    NEED(ASN1_STRING_copy(X509_getm_notAfter(made.certificate), time) == 1);
    CHECK(hc_tls_certificate_describe(made.certificate, &facts, NULL) == HC_OK);
    CHECK_CASE(cases[i].time, facts.not_after == cases[i].seconds);
    hc_peer_certificate_free(&facts);
    identity_free(&made);
    ASN1_STRING_free(time);
  }
  char text[HC_TLS_DATE_TEXT];
  hc_tls_date_text(NULL, text);
  CHECK(strcmp(text, "unknown date") == 0);
}

/* --- memory */

#ifdef HC_TEST_HOOKS

static bool same_facts(const hc_peer_certificate *a, const hc_peer_certificate *b) {
  return strcmp(a->subject, b->subject) == 0 && strcmp(a->issuer, b->issuer) == 0 &&
         strcmp(a->fingerprint, b->fingerprint) == 0 &&
         strcmp(a->public_key_pin, b->public_key_pin) == 0 && strcmp(a->pem, b->pem) == 0 &&
         a->not_before == b->not_before && a->not_after == b->not_after &&
         a->name_count == b->name_count && strcmp(a->names[0], b->names[0]) == 0;
}

/* All facts are right, or memory is said to be out, whichever allocation fails. */
static void test_memory_out(void) {
  identity made = make_server("DNS:a.example", &root);
  unsigned char *der = NULL;
  int size = i2d_X509(made.certificate, &der);
  const unsigned char *at = der;
  X509 *received = d2i_X509(NULL, &at, size); /* as it comes off the wire */
  hc_peer_certificate whole = {0};
  /* and verified: with its SHA-1 at hand */
  NEED(received && X509_check_purpose(received, -1, 0) == 1);
  CHECK(hc_tls_certificate_describe(received, &whole, NULL) == HC_OK);
  long before = hc_memory_live_blocks();
  for (int whose = 0; whose <= 2; whose++) {
    bool done = false, right = true;
    long refusals = 0;
    for (long n = 0; n < 2000 && right && !done; n++) {
      hc_peer_certificate facts = {0};
      hc_failure why = {HC_OK, ""};
      if (whose == 0) hc_memory_fail_after(n, 1);
      else crypto.left = n, crypto.stays = whose == 2;
      hc_error code = hc_tls_certificate_describe(received, &facts, &why);
      done = whose == 0 ? code == HC_OK : crypto.left > 0;
      hc_memory_fail_after(-1, 0);
      crypto.left = -1;
      refusals += code != HC_OK;
      right = code == HC_OK ? same_facts(&facts, &whole)
                            : code == HC_ERR_OUT_OF_MEMORY && why.code == code;
      if (!right)
        fprintf(stderr, "  %d, allocation %ld: %d, \"%s\"\n", whose, n, (int)code, why.text);
      hc_peer_certificate_free(&facts);
      right = right && hc_memory_live_blocks() == before && ERR_peek_error() == 0;
    }
    CHECK(right && done && refusals > 5);
  }
  hc_peer_certificate_free(&whole);
  X509_free(received);
  OPENSSL_free(der);
  identity_free(&made);
}

#endif

int main(void) {
  NEED(crypto_memory_take());
  root = make_authority("Root", NULL);
  test_names();
  test_alternative_names();
  test_addresses();
  test_malformed_names();
  test_dates();
#ifdef HC_TEST_HOOKS
  test_memory_out();
#endif
  identity_free(&root);
  return check_report();
}
